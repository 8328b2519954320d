import { afterAll, afterEach, beforeAll, expect, test, vi } from 'vitest'
import { ApiClient, type ShownMessage } from '../support/api-client.ts'
import {
  type CarrierKeys,
  openGateway,
  type TestGateway,
  temporaryFolder,
  yamlFor,
} from '../support/gateway.ts'
import { type Answer, SmppPeer, type Submit } from '../support/smpp-peer.ts'

/** Carriers that fail and come back, and what an operator does about them. */

const RSYSERR = 0x08
const CHEAP = '0.0100'

const CARRIERS: readonly Omit<CarrierKeys, 'port'>[] = [
  { name: 'failing', prefix: '4477009001', price: CHEAP },
  { name: 'failing-next', prefix: '4477009001' },
  { name: 'slow', prefix: '4477009002', price: CHEAP, keys: { window: 1 } },
  { name: 'slow-next', prefix: '4477009002' },
  { name: 'only', prefix: '4477009003' },
  { name: 'lossy', prefix: '4477009004', price: CHEAP },
  { name: 'lossy-next', prefix: '4477009004' },
  { name: 'stuck', prefix: '4477009005', price: CHEAP, keys: { window: 1 } },
  { name: 'stuck-next', prefix: '4477009005' },
]

const cleanUps: (() => Promise<unknown>)[] = []
const peers = new Map<string, SmppPeer>()
let gateway: TestGateway
let operator: ApiClient

beforeAll(async () => {
  for (const { name } of CARRIERS) {
    const peer = await SmppPeer.listen()
    cleanUps.push(() => peer.close())
    peers.set(name, peer)
  }
  const folder = await temporaryFolder()
  cleanUps.push(folder.remove)
  const carriers = CARRIERS.map((keys) => ({ ...keys, port: peerOf(keys.name).port }))
  const settings = {
    ...JSON.parse(yamlFor(...carriers)),
    admin_keys: ['operator-key-1'],
    health: {
      consecutive_failures: 3,
      cool_down_seconds: 2,
      probes: 1,
      good_probes: 2,
    },
    policies: { otp: { missing_receipt: 'resend', missing_receipt_seconds: 1 } },
  }
  gateway = await openGateway(JSON.stringify(settings), { folder: folder.path })
  cleanUps.push(gateway.close)
  operator = new ApiClient(gateway.url, 'operator-key-1')
  for (const { name } of CARRIERS) {
    await vi.waitFor(async () => expect(await health(name)).toMatchObject({ takes: 'everything' }))
  }
})

afterEach(() => {
  for (const peer of peers.values()) peer.onSubmit = ({ number }) => ({ id: `m${number}` })
})

afterAll(async () => {
  for (const cleanUp of cleanUps.reverse()) await cleanUp()
})

function peerOf(name: string): SmppPeer {
  const peer = peers.get(name)
  if (!peer) throw new Error(`no peer ${name}`)
  return peer
}

async function health(name: string) {
  const { status, body } = await operator.get(`/v1/carriers/${name}`)
  expect(status).toBe(200)
  return body.health as { takes: string; breaker: string; reason: string }
}

async function order(name: string, word: string): Promise<void> {
  const { status } = await operator.call('POST', `/v1/carriers/${name}/${word}`, { reason: 'test' })
  expect(status).toBe(200)
}

async function changes(name: string): Promise<string[]> {
  const { body } = await operator.get(`/v1/carriers/${name}/history`)
  const lines = body.changes as { kind: string; to: string }[]
  return lines
    .filter(({ kind }) => kind !== 'connection')
    .map(({ to }) => to)
    .reverse()
}

function carriersOf({ timeline }: ShownMessage): (string | null)[] {
  return timeline.filter(({ type }) => type === 'submitted').map(({ carrier }) => carrier)
}

async function sendAndSettle(to: string): Promise<(string | null)[]> {
  return carriersOf(await gateway.api.settled(await gateway.api.send({ to, text: 'hello' })))
}

/** Answers of a carrier that the test gives when it likes. */
function heldAnswers(peer: SmppPeer): () => void {
  const waiting: (() => void)[] = []
  let isReleased = false
  peer.onSubmit = ({ number }) =>
    new Promise<Answer>((resolve) => {
      const answer = () => resolve({ id: `m${number}` })
      if (isReleased) answer()
      else waiting.push(answer)
    })
  return () => {
    isReleased = true
    for (const answer of waiting.splice(0)) answer()
  }
}

test('a carrier that fails gets nothing, then a probe at a time, then everything again', async () => {
  const failing = peerOf('failing')
  failing.onSubmit = () => ({ status: RSYSERR })
  for (let n = 1; n <= 3; n++) {
    expect(await sendAndSettle(`+44770090010${n}`)).toEqual(['failing', 'failing-next'])
  }
  expect(await health('failing')).toMatchObject({
    takes: 'nothing',
    breaker: 'open',
    reason: expect.stringContaining('3 failures without a success; it refused: ESME_RSYSERR'),
  })
  expect(await sendAndSettle('+447700900104')).toEqual(['failing-next'])
  // Its first probe fails, and it is left alone for twice as long.
  await vi.waitFor(async () => expect((await health('failing')).takes).toBe('probes'), 10_000)
  expect(await sendAndSettle('+447700900105')).toEqual(['failing', 'failing-next'])
  expect(await health('failing')).toMatchObject({ breaker: 'open' })
  failing.onSubmit = ({ number }) => ({ id: `m${number}` })
  await vi.waitFor(async () => expect((await health('failing')).takes).toBe('probes'), 10_000)
  expect(await sendAndSettle('+447700900106')).toEqual(['failing'])
  expect(await sendAndSettle('+447700900107')).toEqual(['failing'])
  expect(await health('failing')).toMatchObject({ takes: 'everything', breaker: 'closed' })
  expect(await changes('failing')).toEqual(['open', 'half_open', 'open', 'half_open', 'closed'])
  const { body } = await gateway.api.get('/metrics')
  expect(body).toContain('linehaul_carrier_takes{carrier="failing"} 1')
  expect(body).toContain('linehaul_carrier_breaker{carrier="failing"} 0')
})

test('what is queued for a carrier leaves when its breaker opens, in order, none twice', async () => {
  const stuck = peerOf('stuck')
  const release = heldAnswers(stuck)
  const to = Array.from({ length: 40 }, (_, n) => `+4477009005${String(n).padStart(2, '0')}`)
  const ids = await gateway.api.sendMany(to, 'queued')
  await vi.waitFor(() => expect(stuck.submits).toHaveLength(1))
  stuck.onSubmit = () => ({ status: RSYSERR })
  release()
  const settled = await Promise.all(ids.map((id) => gateway.api.settled(id)))
  expect(settled.map(({ status }) => status)).toEqual(ids.map(() => 'delivered'))
  expect((await changes('stuck'))[0]).toBe('open')
  const next = peerOf('stuck-next').submits.map(({ pdu }) => String(pdu.destination_addr))
  expect(new Set(next).size).toBe(next.length)
  // The first was taken; those that were refused have gone on before the others.
  expect(next.length).toBe(39)
  const refused = new Set(stuck.submits.slice(1).map(({ pdu }) => String(pdu.destination_addr)))
  expect(refused.size).toBeLessThanOrEqual(6)
  const others = next.filter((number) => !refused.has(number))
  expect(others).toEqual([...others].sort())
})

test('disabled: nothing goes out, what is queued goes elsewhere; drained: it goes out, nothing new', async () => {
  const slow = peerOf('slow')
  let release = heldAnswers(slow)
  const numbers = (from: number) => Array.from({ length: 8 }, (_, n) => `+4477009002${from + n}`)
  const first = await gateway.api.sendMany(numbers(10), 'disabled')
  await vi.waitFor(() => expect(slow.submits).toHaveLength(1))
  await order('slow', 'disable')
  expect(await sendAndSettle('+447700900201')).toEqual(['slow-next'])
  // Two windows were on their way already; the others leave at once.
  await peerOf('slow-next').until(() => peerOf('slow-next').submits.length >= 7)
  release()
  for (const id of first) {
    expect(await gateway.api.settled(id)).toMatchObject({ status: 'delivered', attempts: 1 })
  }
  expect(slow.submits.length).toBeLessThanOrEqual(2)
  await order('slow', 'enable')
  const before = slow.submits.length

  release = heldAnswers(slow)
  const second = await gateway.api.sendMany(numbers(30), 'drained')
  await vi.waitFor(() => expect(slow.submits).toHaveLength(before + 1))
  await order('slow', 'drain')
  expect(await sendAndSettle('+447700900202')).toEqual(['slow-next'])
  release()
  for (const id of second) {
    expect(await gateway.api.settled(id)).toMatchObject({ status: 'delivered', carrier: 'slow' })
  }
  expect(slow.submits.length).toBe(before + 8)
  await order('slow', 'enable')
  expect(await sendAndSettle('+447700900203')).toEqual(['slow'])
  expect(await changes('slow')).toEqual(['disabled', 'enabled', 'drained', 'enabled'])
})

test('the only carrier: what waits tries it after the cool-down; forced, it gets everything', async () => {
  const only = peerOf('only')
  only.onSubmit = ({ number }) => (number <= 3 ? { status: RSYSERR } : { id: `m${number}` })
  const ids = await gateway.api.sendMany(
    ['+447700900301', '+447700900302', '+447700900303'],
    'patience',
  )
  await vi.waitFor(async () => expect((await health('only')).breaker).toBe('open'))
  for (const id of ids) {
    expect(await gateway.api.settled(id)).toMatchObject({ status: 'delivered', carrier: 'only' })
  }
  expect((await changes('only')).slice(0, 3)).toEqual(['open', 'half_open', 'closed'])

  only.onSubmit = () => ({ status: RSYSERR })
  const more = await gateway.api.sendMany(
    ['+447700900304', '+447700900305', '+447700900306'],
    'forced',
  )
  await vi.waitFor(async () => expect((await health('only')).breaker).toBe('open'))
  await order('only', 'force')
  expect(await health('only')).toMatchObject({ takes: 'everything', breaker: 'closed' })
  await only.until(() => only.submits.length >= 14)
  expect(await health('only')).toMatchObject({ takes: 'everything', breaker: 'closed' })
  only.onSubmit = ({ number }) => ({ id: `m${number}` })
  for (const id of more)
    expect(await gateway.api.settled(id)).toMatchObject({ status: 'delivered' })
  await order('only', 'enable')
})

test('a code whose receipt does not come is sent once more elsewhere; a late receipt does no harm', async () => {
  const lossy = peerOf('lossy')
  lossy.onSubmit = ({ number }) => ({ id: `lost${number}`, receipt: false })
  const to = '+447700900401'
  const patient = await gateway.api.send({ to: '+447700900402', text: 'no code' })
  const id = await gateway.api.send({ to, text: 'Code 1234', traffic_class: 'otp' })
  const settled = await gateway.api.settled(id)
  expect(settled).toMatchObject({ status: 'delivered', carrier: 'lossy-next', attempts: 2 })
  expect(carriersOf(settled)).toEqual(['lossy', 'lossy-next'])
  expect(settled.timeline.find(({ type }) => type === 'retry')).toMatchObject({
    code: 'receipt_missing',
    carrier: 'lossy',
    detail: { may_be_a_duplicate: true, reason: expect.stringContaining('no receipt from lossy') },
  })
  const submit = lossy.submits.find(({ pdu }) => pdu.destination_addr === to.slice(1))
  lossy.addReceipt({
    id: `lost${submit?.number}`,
    from: 'Linehaul',
    to: to.slice(1),
    stat: 'DELIVRD',
  })
  const after = await gateway.api.until(
    id,
    ({ timeline }) => timeline.filter(({ type }) => type === 'receipt').length === 2,
  )
  expect(after).toMatchObject({ status: 'delivered', carrier: 'lossy-next', attempts: 2 })
  const { body } = await operator.get('/v1/carriers/lossy/quality')
  const codes = body.quality.find(
    ({ traffic_class }: { traffic_class: string | null }) => traffic_class === 'otp',
  )
  // Once not answered in time, and then delivered after all.
  expect(codes).toMatchObject({ country: 'GB', messages: expect.closeTo(2, 1) })
  expect(codes.unanswered).toBeCloseTo(0.5, 1)
  // Other classes wait for their receipt.
  expect(await gateway.api.message(patient)).toMatchObject({ status: 'sent', attempts: 1 })
})

test('a code that was sent again is not sent a third time, nor twice to the same carrier', async () => {
  const lossy = peerOf('lossy')
  for (const name of ['lossy', 'lossy-next']) {
    peerOf(name).onSubmit = ({ number }) => ({ id: `${name}${number}`, receipt: false })
  }
  const to = '+447700900403'
  const id = await gateway.api.send({ to, text: 'Code 5678', traffic_class: 'otp' })
  const isTo = ({ pdu }: Submit) => pdu.destination_addr === to.slice(1)
  await gateway.api.until(id, ({ status, attempts }) => status === 'sent' && attempts === 2)
  const next = peerOf('lossy-next').submits.find(isTo)
  // Its second receipt is late as well by the time that this one's has been looked for.
  const marker = await gateway.api.send({ to: '+447700900404', text: '1', traffic_class: 'otp' })
  await gateway.api.until(marker, ({ attempts }) => attempts === 2)
  await gateway.api.until(marker, ({ status }) => status === 'sent')
  expect(await gateway.api.message(id)).toMatchObject({ status: 'sent', attempts: 2 })
  peerOf('lossy-next').addReceipt({
    id: `lossy-next${next?.number}`,
    from: 'Linehaul',
    to: to.slice(1),
    stat: 'DELIVRD',
  })
  expect(await gateway.api.settled(id)).toMatchObject({ status: 'delivered', attempts: 2 })
  expect(lossy.submits.filter(isTo)).toHaveLength(1)
})
