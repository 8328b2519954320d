import { Webhook } from 'standardwebhooks'
import { afterAll, beforeAll, expect, test, vi } from 'vitest'
import type { ShownEvent, ShownMessage } from '../support/api-client.ts'
import {
  type CarrierKeys,
  openGateway,
  type TestGateway,
  temporaryFolder,
  yamlFor,
} from '../support/gateway.ts'
import { type MailSink, openMailSink } from '../support/mail-sink.ts'
import { SmppPeer } from '../support/smpp-peer.ts'
import { openSink, type Sink } from '../webhooks/sink.ts'

/**
 * Failure rules on real binds, the carriers failing by a script. One gateway serves all tests; every
 * test has carriers and a range of numbers of its own.
 */

const RINVDSTADR = 0x0b
const RSUBMITFAIL = 0x45
const RTHROTTLED = 0x58
const CHEAP = '0.0100'
const IMPATIENT = { response_timeout_seconds: 1 }
const SECRET = `whsec_${Buffer.alloc(24, 9).toString('base64')}`

const CARRIERS: readonly Omit<CarrierKeys, 'port'>[] = [
  { name: 'moody', prefix: '4477009001', price: CHEAP },
  { name: 'moody-next', prefix: '4477009001' },
  { name: 'closed', prefix: '4477009002', price: CHEAP },
  { name: 'closed-near', prefix: '4477009002', price: '0.0200' },
  { name: 'closed-far', prefix: '4477009002' },
  { name: 'filter', prefix: '4477009003', price: CHEAP },
  { name: 'filter-next', prefix: '4477009003' },
  { name: 'keeper', prefix: '4477009004', price: CHEAP },
  { name: 'keeper-next', prefix: '4477009004' },
  { name: 'dry', prefix: '4477009005', price: CHEAP },
  { name: 'dry-next', prefix: '4477009005' },
  { name: 'slow', prefix: '4477009006', price: CHEAP },
  { name: 'slow-next', prefix: '4477009006' },
  { name: 'mute', prefix: '4477009007', price: CHEAP, keys: IMPATIENT },
  { name: 'mute-next', prefix: '4477009007' },
  { name: 'broken', prefix: '4477009008', price: CHEAP, keys: { window: 1 } },
  { name: 'broken-next', prefix: '4477009008' },
  { name: 'absent', prefix: '4477009011', price: CHEAP },
  { name: 'absent-next', prefix: '4477009011' },
  { name: 'loser', prefix: '4477009012', price: CHEAP },
  { name: 'loser-next', prefix: '4477009012' },
  { name: 'barred', prefix: '4477009013' },
  { name: 'shelf', prefix: '4477009014' },
]

function rule(name: string, carrier: string, action: string, more: object = {}): object {
  const { match = {}, ...others } = more as { readonly match?: object }
  return {
    name,
    scene: 'send_failure',
    match: { carriers: [carrier], ...match },
    action,
    ...others,
  }
}

const CALLBACK = { scene: 'callback_failure' }

const RULES = [
  rule('moody again', 'moody', 'retry', { max: 2, delay_seconds: 1 }),
  rule('to the far one', 'closed', 'switch_provider', { to: ['closed-far'] }),
  rule('spam ends', 'filter', 'fail', {
    match: { keywords: ['submitfail'] },
    code: 'content_rejected',
  }),
  rule('person', 'keeper', 'hold', { match: { codes: ['destination_invalid'] } }),
  rule('dry alert', 'dry', 'alert', { match: { codes: ['0x401'], attempts: '1-3' } }),
  rule('throttled away', 'slow', 'switch_provider', { match: { codes: ['carrier_throttled'] } }),
  rule('silence held', 'mute', 'hold', { match: { traffic_classes: ['transactional'] } }),
  rule('silence away', 'mute', 'switch_provider', { match: { traffic_classes: ['otp'] } }),
  rule('line away', 'broken', 'switch_provider', { match: { codes: ['carrier_unreachable'] } }),
  rule('absent again', 'absent', 'retry', {
    ...CALLBACK,
    match: { codes: ['027'] },
    delay_seconds: 1,
  }),
  rule('lost away', 'loser', 'switch_provider', { ...CALLBACK }),
  rule('other tenant', 'barred', 'hold', {
    ...CALLBACK,
    match: { tenants: ['other'] },
    priority: 1,
  }),
  rule('barred alert', 'barred', 'alert', CALLBACK),
  rule('barred', 'barred', 'fail', { ...CALLBACK, code: 'recipient_opted_out' }),
  rule('shelf', 'shelf', 'hold', CALLBACK),
]

const cleanUps: (() => Promise<unknown>)[] = []
const peers = new Map<string, SmppPeer>()
let gateway: TestGateway
let sink: Sink
let mails: MailSink

beforeAll(async () => {
  for (const { name } of CARRIERS) {
    const peer = await SmppPeer.listen()
    cleanUps.push(() => peer.close())
    peers.set(name, peer)
  }
  sink = await openSink()
  cleanUps.push(() => sink.close())
  mails = await openMailSink()
  cleanUps.push(() => mails.close())
  const folder = await temporaryFolder()
  cleanUps.push(folder.remove)
  const base = yamlFor(...CARRIERS.map((keys) => ({ ...keys, port: peerOf(keys.name).port })))
  const file = {
    ...JSON.parse(base),
    webhooks: { allow_private_addresses: true },
    policies: {
      otp: { uncertain: 'resend', uncertain_seconds: 3600 },
      transactional: { retry: { throttled: { max_attempts: 2 } } },
    },
    failure_rules: RULES,
    alerts: {
      webhook_url: `${sink.url}/alerts`,
      webhook_secret: SECRET,
      mail: {
        host: '127.0.0.1',
        port: mails.port,
        tls: 'none',
        from: 'a@b.example',
        to: ['c@d.example'],
      },
    },
  }
  gateway = await openGateway(JSON.stringify(file), { folder: folder.path })
  cleanUps.push(() => gateway.close())
  await vi.waitFor(async () => {
    const { body } = await gateway.api.get('/readyz')
    expect(body.carriers.every((carrier: { is_up: boolean }) => carrier.is_up)).toBe(true)
  }, 10_000)
})

afterAll(async () => {
  for (const cleanUp of cleanUps.splice(0).reverse()) await cleanUp()
})

function peerOf(name: string): SmppPeer {
  const peer = peers.get(name)
  if (!peer) throw new Error(`no carrier ${name}`)
  return peer
}

/** Answers its first submits with these statuses, and takes everything after them. */
function refuse(name: string, ...statuses: readonly number[]): SmppPeer {
  const peer = peerOf(name)
  const left = [...statuses]
  peer.onSubmit = ({ number }) => {
    const status = left.shift()
    return status === undefined ? { id: `${name}-${number}` } : { status }
  }
  return peer
}

function rulesOf({ timeline }: ShownMessage): (string | undefined)[] {
  return timeline
    .filter(({ detail }) => detail?.rule)
    .map(({ type, detail }) => `${type}: ${detail.rule}`)
}

function lineOf({ timeline }: ShownMessage, type: string): ShownEvent | undefined {
  return timeline.find((event) => event.type === type)
}

function resolve(id: string, action: string) {
  return gateway.api.call('POST', `/v1/messages/${id}/resolve`, { action })
}

test('refused, retry: the same carrier takes it after its waits', async () => {
  const peer = refuse('moody', RINVDSTADR, RINVDSTADR)
  const id = await gateway.api.send({ to: '+447700900101', text: 'again' })
  const message = await gateway.api.settled(id)
  expect(message).toMatchObject({ status: 'delivered', carrier: 'moody', attempts: 3 })
  expect(rulesOf(message)).toEqual(['retry: moody again', 'retry: moody again'])
  expect(peer.submits).toHaveLength(3)
  expect(peerOf('moody-next').submits).toEqual([])
})

test('refused, retry: used up, the policy decides', async () => {
  const peer = refuse('moody', RINVDSTADR, RINVDSTADR, RINVDSTADR)
  const before = peer.submits.length
  const id = await gateway.api.send({ to: '+447700900102', text: 'again' })
  const message = await gateway.api.settled(id)
  expect(message).toMatchObject({ status: 'delivered', carrier: 'moody-next', attempts: 4 })
  expect(peer.submits.length - before).toBe(3)
})

test('refused, switch_provider: the named carrier, though another one is cheaper', async () => {
  refuse('closed', RINVDSTADR)
  const id = await gateway.api.send({ to: '+447700900201', text: 'elsewhere' })
  const message = await gateway.api.settled(id)
  expect(message).toMatchObject({ status: 'delivered', carrier: 'closed-far', attempts: 2 })
  expect(rulesOf(message)).toEqual(['routed: to the far one'])
  const routed = message.timeline.findLast(({ type }) => type === 'routed')
  expect(routed?.detail.refused).toEqual([
    { carrier: 'closed', reason: 'already tried for this message' },
    {
      carrier: 'closed-near',
      reason: 'the failure rule that sends it elsewhere does not name it',
    },
  ])
  expect(peerOf('closed-near').submits).toEqual([])
})

test('refused, fail: the end by a keyword, with the code of the rule', async () => {
  refuse('filter', RSUBMITFAIL, RINVDSTADR)
  const [first, second] = await gateway.api
    .sendMany(['+447700900301'], 'spam')
    .then(async ([one]) => {
      await gateway.api.settled(one ?? '')
      return [one, await gateway.api.send({ to: '+447700900302', text: 'no spam' })]
    })
  const ended = await gateway.api.settled(first ?? '')
  expect(ended).toMatchObject({
    status: 'failed',
    attempts: 1,
    error: { code: 'content_rejected', detail: expect.stringContaining('ESME_RSUBMITFAIL') },
  })
  expect(lineOf(ended, 'failed')).toMatchObject({ detail: { rule: 'spam ends' } })
  // Another reason is another carrier's chance.
  expect(await gateway.api.settled(second ?? '')).toMatchObject({
    status: 'delivered',
    carrier: 'filter-next',
  })
})

test('refused, hold: listed until somebody releases it, or gives it up', async () => {
  const peer = refuse('keeper', RINVDSTADR, RINVDSTADR)
  const [one = '', other = ''] = await gateway.api.sendMany(
    ['+447700900401', '+447700900402'],
    'wait',
  )
  for (const id of [one, other]) {
    const held = await gateway.api.until(id, ({ held_by }) => held_by !== null)
    expect(held).toMatchObject({ status: 'queued', held_by: 'person', attempts: 1 })
    expect(rulesOf(held)).toEqual(['held: person'])
  }
  const listed = await gateway.api.list('&held=true&carrier=keeper')
  expect(listed.map(({ id }) => id).sort()).toEqual([one, other].sort())
  expect(await resolve(one, 'resend')).toMatchObject({
    status: 409,
    body: { code: 'outcome_known' },
  })
  expect(await resolve(one, 'release')).toMatchObject({ status: 200, body: { held_by: null } })
  expect(await resolve(other, 'fail')).toMatchObject({
    status: 200,
    body: { status: 'failed', held_by: null, error: { code: 'destination_invalid' } },
  })
  expect(await gateway.api.settled(one)).toMatchObject({ status: 'delivered', carrier: 'keeper' })
  expect(peer.submits).toHaveLength(3)
  expect(await gateway.api.list('&held=true&carrier=keeper')).toEqual([])
})

test('refused, alert: signed and mailed once for many, and the next rule acts', async () => {
  refuse('dry', 0x401, 0x401, 0x401)
  const ids = await gateway.api.sendMany(['+447700900501', '+447700900502', '+447700900503'], 'dry')
  for (const id of ids) {
    const message = await gateway.api.settled(id)
    expect(message).toMatchObject({ status: 'delivered', carrier: 'dry-next' })
    expect(rulesOf(message)).toEqual(['alerted: dry alert'])
  }
  const ofRule = () => sink.received.filter(({ body }) => body.includes('"rule":"dry alert"'))
  await vi.waitFor(() => expect(ofRule()).toHaveLength(1), 10_000)
  const [request] = ofRule()
  const headers = request?.headers as Record<string, string>
  expect(new Webhook(SECRET).verify(request?.body ?? '', headers)).toMatchObject({
    type: 'alert.failure_rule',
    data: {
      scene: 'send_failure',
      carrier: 'dry',
      raw_code: '0x00000401',
      attempt: 1,
      left_out: 0,
    },
  })
  await vi.waitFor(() => {
    expect(mails.received.filter(({ data }) => data.includes('rule: dry alert'))).toHaveLength(1)
  }, 10_000)
  expect(ofRule()).toHaveLength(1)
})

test('throttled beyond patience, switch_provider', async () => {
  const peer = peerOf('slow')
  peer.onSubmit = () => ({ status: RTHROTTLED })
  const id = await gateway.api.send({ to: '+447700900601', text: 'faster' })
  const message = await gateway.api.settled(id)
  expect(message).toMatchObject({ status: 'delivered', carrier: 'slow-next', attempts: 2 })
  expect(rulesOf(message)).toEqual(['routed: throttled away'])
  expect(peer.submits).toHaveLength(2)
})

test('timed out, hold: nobody else gets it, and its receipt still ends it', async () => {
  const peer = peerOf('mute')
  peer.onSubmit = () => 'silence'
  const id = await gateway.api.send({ to: '+447700900701', text: 'hello?' })
  const held = await gateway.api.until(id, ({ held_by }) => held_by !== null)
  expect(held).toMatchObject({
    status: 'sending',
    held_by: 'silence held',
    error: { code: 'outcome_unknown' },
  })
  const [submit] = peer.submits
  submit?.session.send(submit.pdu.response({ message_id: 'mute-late' }))
  peer.addReceipt({ id: 'mute-late', from: 'Linehaul', to: '447700900701', stat: 'DELIVRD' })
  const message = await gateway.api.settled(id)
  expect(message).toMatchObject({ status: 'delivered', held_by: null, attempts: 1 })
  expect(peerOf('mute-next').submits).toEqual([])
})

test('timed out, switch_provider: where the policy of the class allows a second copy', async () => {
  peerOf('mute').onSubmit = () => 'silence'
  const id = await gateway.api.send({ to: '+447700900702', text: '123456', traffic_class: 'otp' })
  const message = await gateway.api.settled(id)
  expect(message).toMatchObject({ status: 'delivered', carrier: 'mute-next', attempts: 2 })
  expect(lineOf(message, 'retry')).toMatchObject({
    detail: { rule: 'silence away', may_be_a_duplicate: true },
  })
})

test('disconnected, switch_provider: what has not left goes elsewhere, what has left does not', async () => {
  const peer = peerOf('broken')
  let breakLine = () => {}
  peer.onSubmit = () =>
    new Promise((done) => {
      breakLine = () => done('drop')
    })
  const written = await gateway.api.send({ to: '+447700900801', text: 'written' })
  await vi.waitFor(() => expect(peer.submits).toHaveLength(1), 10_000)
  const waiting = await gateway.api.send({ to: '+447700900802', text: 'in the window' })
  await gateway.api.until(waiting, ({ status }) => status === 'sending')
  breakLine()
  const message = await gateway.api.settled(waiting)
  expect(message).toMatchObject({ status: 'delivered', carrier: 'broken-next' })
  expect(rulesOf(message)).toEqual(['routed: line away'])
  expect(await gateway.api.message(written)).toMatchObject({
    status: 'sending',
    carrier: 'broken',
    error: { code: 'outcome_unknown' },
  })
  expect(peerOf('broken-next').submits).toHaveLength(1)
})

test('a failed receipt, retry: the sender is told of the end only, a late receipt changes nothing', async () => {
  const peer = peerOf('absent')
  peer.onSubmit = ({ number, to }) => {
    if (number === 1) {
      peer.addReceipt({ id: 'absent-1', from: 'Linehaul', to, stat: 'UNDELIV', error: '027' })
      return { id: 'absent-1', receipt: false }
    }
    // The first submit is told lost again while the second is under way.
    peer.addReceipt({ id: 'absent-1', from: 'Linehaul', to, stat: 'REJECTD', error: '099' })
    return { id: `absent-${number}` }
  }
  const id = await gateway.api.send({
    to: '+447700901101',
    text: 'are you there?',
    callback_url: `${sink.url}/callback`,
  })
  const message = await gateway.api.settled(id)
  expect(message).toMatchObject({
    status: 'delivered',
    carrier: 'absent',
    attempts: 2,
    error: null,
  })
  expect(rulesOf(message)).toEqual(['retry: absent again'])
  expect(lineOf(message, 'retry')).toMatchObject({ code: 'recipient_absent', status: 'queued' })
  const told = () =>
    sink.received
      .filter(({ path }) => path === '/callback')
      .map(({ body }) => JSON.parse(body).type)
  await vi.waitFor(() => expect(told()).toEqual(['message.delivered']), 10_000)
})

test('a failed receipt of one segment, switch_provider: when all are settled, as a whole', async () => {
  const peer = peerOf('loser')
  peer.onSubmit = ({ number }) => ({
    id: `loser-${number}`,
    receipt: number === 1 ? 'UNDELIV' : false,
  })
  const id = await gateway.api.send({ to: '+447700901201', text: '0123456789'.repeat(20) })
  const waiting = await gateway.api.until(id, ({ error }) => error !== null)
  expect(waiting).toMatchObject({ status: 'sent', is_final: false, segments: 2 })
  peer.addReceipt({ id: 'loser-2', from: 'Linehaul', to: '447700901201', stat: 'DELIVRD' })
  const message = await gateway.api.settled(id)
  expect(message).toMatchObject({ status: 'delivered', carrier: 'loser-next', attempts: 2 })
  expect(rulesOf(message)).toEqual(['routed: lost away', 'retry: lost away'])
  expect([peer.submits.length, peerOf('loser-next').submits.length]).toEqual([2, 2])
})

test('a failed receipt, alert and fail: the end with the code of the rule', async () => {
  peerOf('barred').onSubmit = ({ number }) => ({ id: `barred-${number}`, receipt: 'REJECTD' })
  const id = await gateway.api.send({ to: '+447700901301', text: 'barred' })
  const message = await gateway.api.settled(id)
  expect(message).toMatchObject({
    status: 'undelivered',
    error: { code: 'recipient_opted_out', detail: 'barred reported REJECTED, error 000' },
  })
  expect(rulesOf(message)).toEqual(['alerted: barred alert', 'failed: barred'])
  await vi.waitFor(() => {
    const bodies = sink.received.map(({ body }) => body)
    expect(bodies.filter((body) => body.includes('"rule":"barred alert"'))).toHaveLength(1)
  }, 10_000)
})

test('a failed receipt, hold: released, it goes out again', async () => {
  const peer = peerOf('shelf')
  peer.onSubmit = ({ number }) => ({
    id: `shelf-${number}`,
    receipt: number === 1 ? 'UNDELIV' : 'DELIVRD',
  })
  const id = await gateway.api.send({ to: '+447700901401', text: 'shelf' })
  const held = await gateway.api.until(id, ({ held_by }) => held_by !== null)
  expect(held).toMatchObject({ status: 'queued', held_by: 'shelf', is_final: false })
  expect(await resolve(id, 'release')).toMatchObject({ status: 200 })
  const message = await gateway.api.settled(id)
  expect(message).toMatchObject({ status: 'delivered', attempts: 2, held_by: null })
  expect(peer.submits).toHaveLength(2)
})

test('metrics count by rule and action', async () => {
  const { body } = await gateway.api.get('/metrics')
  expect(body).toMatch(/linehaul_failure_rules_total\{rule="moody again",action="retry"\} [1-9]/)
  expect(body).toMatch(/linehaul_failure_rules_total\{rule="dry alert",action="alert"\} 3/)
  expect(body).toMatch(/linehaul_failure_rules_total\{rule="default",action="policy"\} [1-9]/)
})
