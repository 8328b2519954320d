import { afterAll, beforeAll, expect, test, vi } from 'vitest'
import {
  type CarrierKeys,
  openGateway,
  type TestGateway,
  temporaryFolder,
  yamlFor,
} from '../support/gateway.ts'
import { SmppPeer, type Submit } from '../support/smpp-peer.ts'

/**
 * Carriers that misbehave. One gateway serves all tests; every test has carriers and a range of
 * numbers of its own.
 */

const RINVDSTADR = 0x0b
const RINVPASWD = 0x0e
const RTHROTTLED = 0x58
const CHEAP = '0.0100'

const cleanUps: (() => Promise<unknown>)[] = []
const peers = new Map<string, SmppPeer>()
let gateway: TestGateway
/** Where a carrier will listen that is down when the gateway starts. */
let latePort: number

const CARRIERS: readonly Omit<CarrierKeys, 'port'>[] = [
  { name: 'refuser', prefix: '4477009001', price: CHEAP },
  { name: 'refuser-next', prefix: '4477009001' },
  { name: 'mute', prefix: '4477009002', price: CHEAP },
  { name: 'mute-next', prefix: '4477009002' },
  { name: 'silent', prefix: '4477009003', price: CHEAP, keys: { response_timeout_seconds: 1 } },
  { name: 'silent-next', prefix: '4477009003' },
  { name: 'picky', prefix: '4477009004', price: CHEAP },
  { name: 'picky-next', prefix: '4477009004' },
  { name: 'hasty', prefix: '4477009005' },
  { name: 'hex', prefix: '447911123001', keys: { message_id_profile: 'resp-hex' } },
  { name: 'decimal', prefix: '447911123002', keys: { message_id_profile: 'resp-dec' } },
  { name: 'padded', prefix: '447911123003', keys: { message_id_profile: 'strip-zeros' } },
  { name: 'pair', prefix: '4477009006', keys: { bind: 'pair' } },
  { name: 'throttled', prefix: '4477009007', keys: { window: 5 } },
  { name: 'grudging', prefix: '4477009010', keys: { window: 3 } },
  { name: 'dropping', prefix: '4477009008', keys: { window: 10 } },
  { name: 'half', prefix: '4477009009', keys: { window: 10 } },
]

beforeAll(async () => {
  for (const { name } of CARRIERS) {
    const peer = await SmppPeer.listen()
    cleanUps.push(() => peer.close())
    peers.set(name, peer)
  }
  peerOf('refuser').onBind = () => RINVPASWD
  peerOf('mute').onBind = () => 'silence'
  const reserved = await SmppPeer.listen()
  latePort = reserved.port
  await reserved.close()
  const folder = await temporaryFolder()
  cleanUps.push(folder.remove)
  const carriers = CARRIERS.map((keys) => ({ ...keys, port: peerOf(keys.name).port }))
  gateway = await openGateway(
    yamlFor(...carriers, { name: 'late', prefix: '4477009000', port: latePort }),
    { folder: folder.path },
  )
  cleanUps.push(gateway.close)
  for (const { name } of CARRIERS) if (name !== 'refuser' && name !== 'mute') await untilUp(name)
})

afterAll(async () => {
  for (const cleanUp of cleanUps.reverse()) await cleanUp()
})

test('a carrier that is down at the start: the message waits, then goes out', async () => {
  const id = await gateway.api.send({ to: '+447700900001', text: 'patience' })
  expect(await gateway.api.message(id)).toMatchObject({ status: 'queued', carrier: 'late' })
  expect((await report('late')).binds[0]?.last_error).toContain(`127.0.0.1:${latePort}`)
  const late = await SmppPeer.listen(latePort)
  cleanUps.unshift(() => late.close())
  expect(await gateway.api.settled(id)).toMatchObject({ status: 'delivered', attempts: 1 })
  expect(late.submits).toHaveLength(1)
})

test('a carrier that refuses the bind is named with its error; another one is used', async () => {
  await vi.waitFor(async () => {
    const { is_up, binds } = await report('refuser')
    expect(is_up).toBe(false)
    expect(binds[0]?.last_error).toContain('ESME_RINVPASWD')
  })
  const message = await sendAndSettle('+447700900101')
  expect(message).toMatchObject({ status: 'delivered', carrier: 'refuser-next' })
  const routed = message.timeline.find(({ type }) => type === 'routed')
  expect(routed).toMatchObject({ carrier: 'refuser-next' })
  expect(peerOf('refuser').submits).toEqual([])
})

test('a carrier that never answers the bind holds nobody up', async () => {
  await vi.waitFor(async () => {
    expect(await report('mute')).toMatchObject({ is_up: false, binds: [{ state: 'binding' }] })
  })
  expect(await sendAndSettle('+447700900201')).toMatchObject({
    status: 'delivered',
    carrier: 'mute-next',
  })
})

test('a submit without an answer is uncertain and is sent to nobody else', async () => {
  const peer = peerOf('silent')
  peer.onSubmit = () => 'silence'
  const id = await gateway.api.send({ to: '+447700900301', text: 'did you get this?' })
  const message = await gateway.api.until(id, ({ error }) => error !== null)
  expect(message).toMatchObject({
    status: 'sending',
    is_final: false,
    carrier: 'silent',
    attempts: 1,
    error: { code: 'outcome_unknown' },
  })
  expect(message.timeline.map(({ type }) => type)).toEqual([
    'accepted',
    'routed',
    'submitted',
    'uncertain',
  ])
  // The answer that comes too late still brings the id, and the receipt the end.
  const [submit] = peer.submits
  submit?.session.send(submit.pdu.response({ message_id: 'too-late' }))
  peer.addReceipt({ id: 'too-late', from: 'Linehaul', to: '447700900301', stat: 'DELIVRD' })
  await peer.until(() => peer.acknowledged.length === 1)
  expect(peer.acknowledged).toEqual([0])
  await gateway.api.until(id, ({ is_final }) => is_final)
  expect(await gateway.api.message(id)).toMatchObject({ status: 'delivered', attempts: 1 })
  expect(peer.submits).toHaveLength(1)
  expect(peerOf('silent-next').submits).toEqual([])
})

test('a refusal: the next candidate gets it, and the timeline says why', async () => {
  peerOf('picky').onSubmit = () => ({ status: RINVDSTADR })
  const message = await sendAndSettle('+447700900401')
  expect(message).toMatchObject({ status: 'delivered', carrier: 'picky-next', attempts: 2 })
  expect(message.timeline.map(({ type, carrier }) => `${type} ${carrier ?? ''}`.trim())).toEqual([
    'accepted',
    'routed picky',
    'submitted picky',
    'response picky',
    'routed picky-next',
    'submitted picky-next',
    'response picky-next',
    'receipt picky-next',
  ])
  const refusal = message.timeline[3]
  expect(refusal).toMatchObject({ code: 'destination_invalid', raw_code: '0x0000000b' })
  expect(JSON.stringify(refusal?.detail)).toContain('ESME_RINVDSTADR')
  expect(peerOf('picky').submits).toHaveLength(1)
})

test('refused by everyone: failed, with the last reason', async () => {
  peerOf('picky').onSubmit = () => ({ status: RINVDSTADR })
  peerOf('picky-next').onSubmit = () => ({ status: RINVDSTADR })
  expect(await sendAndSettle('+447700900402')).toMatchObject({
    status: 'failed',
    is_final: true,
    attempts: 2,
    error: { code: 'destination_invalid', detail: expect.stringContaining('ESME_RINVDSTADR') },
  })
})

test('the receipt comes before the response', async () => {
  peerOf('hasty').onSubmit = ({ number }) => ({ id: `hasty-${number}`, receiptFirst: true })
  const message = await sendAndSettle('+447700900501')
  expect(message).toMatchObject({ status: 'delivered', carrier: 'hasty' })
  expect(message.timeline.at(-1)).toMatchObject({
    type: 'receipt',
    detail: { carrier_message_id: 'hasty-1', came_before_response: true },
  })
})

test('a receipt that comes twice counts once', async () => {
  const peer = peerOf('hasty')
  peer.onSubmit = () => ({ id: 'twice' })
  const before = peer.acknowledged.length
  const message = await sendAndSettle('+447700900502')
  peer.addReceipt({ id: 'twice', from: 'Linehaul', to: '447700900502', stat: 'UNDELIV' })
  await peer.until(() => peer.acknowledged.length === before + 2)
  // What has ended is looked for in the tables, after the answer.
  const after = await gateway.api.until(
    message.id,
    ({ timeline }) => timeline.at(-1)?.detail?.after_final === true,
  )
  expect(after).toMatchObject({ status: 'delivered', error: null })
  expect(after.timeline.at(-1)).toMatchObject({ type: 'receipt' })
})

test('a receipt of a failure ends in its state, with the code of the carrier', async () => {
  peerOf('hasty').onSubmit = () => ({ id: 'lost', receipt: 'UNDELIV' })
  expect(await sendAndSettle('+447700900503')).toMatchObject({
    status: 'undelivered',
    error: { code: 'undeliverable' },
  })
})

test.each([
  { carrier: 'hex', to: '+447911123001', id: '07F9AC31', receiptId: '133803057' },
  { carrier: 'decimal', to: '+447911123002', id: '133803057', receiptId: '7F9AC31' },
  { carrier: 'padded', to: '+447911123003', id: '0000004711', receiptId: '4711' },
])('$carrier: response $id, receipt $receiptId', async ({ carrier, to, id, receiptId }) => {
  peerOf(carrier).onSubmit = () => ({ id, receiptId })
  const message = await sendAndSettle(to)
  expect(message).toMatchObject({ status: 'delivered', carrier })
  expect(message.timeline.at(-1)?.detail).toMatchObject({ carrier_message_id: receiptId })
})

test('a pair: the receipt comes on the other bind', async () => {
  const peer = peerOf('pair')
  expect(peer.binds.map(({ command }) => command).sort()).toEqual([
    'bind_receiver',
    'bind_transmitter',
  ])
  expect(await sendAndSettle('+447700900601')).toMatchObject({ status: 'delivered' })
})

test('throttled: the messages wait, keep their attempt, and all arrive once', async () => {
  const peer = peerOf('throttled')
  const accepted: string[] = []
  peer.onSubmit = ({ number, to }) => {
    if (number <= 3) return { status: RTHROTTLED }
    accepted.push(to)
    return { id: `m${number}` }
  }
  const numbers = range('4477009007', 10)
  const ids = await gateway.api.sendMany(numbers, 'slowly')
  const messages = await Promise.all(ids.map((id) => gateway.api.settled(id)))
  for (const message of messages)
    expect(message).toMatchObject({ status: 'delivered', attempts: 1 })
  expect(accepted.map((to) => `+${to}`).sort()).toEqual(numbers)
  expect(peer.submits).toHaveLength(13)
})

test('throttled in the middle of a message: that segment goes again, before other messages', async () => {
  const peer = peerOf('grudging')
  const letGo: (() => void)[] = []
  let isThrottled = false
  peer.onSubmit = ({ number, shortMessage, esmClass }) => {
    const segment = esmClass & 0x40 ? shortMessage[5] : 0
    if (segment === 2 && !isThrottled) {
      isThrottled = true
      return { status: RTHROTTLED }
    }
    // The others keep their places until the second segment is there again.
    if (segment === 2) for (const go of letGo.splice(0)) go()
    if (peer.submits.length >= 4) return { id: `g${number}` }
    return new Promise((resolve) => letGo.push(() => resolve({ id: `g${number}` })))
  }
  const long = await gateway.api.send({ to: '+447700901000', text: '0123456789'.repeat(40) })
  const others = await gateway.api.sendMany(range('4477009010', 5), 'short')
  for (const id of [long, ...others]) {
    expect(await gateway.api.settled(id)).toMatchObject({ status: 'delivered', attempts: 1 })
  }
  const order = peer.submits.map(({ shortMessage, esmClass }) =>
    esmClass & 0x40 ? shortMessage[5] : 'short',
  )
  expect(order).toEqual([1, 2, 3, 2, ...others.map(() => 'short')])
})

test('the connection breaks with a full window: every message is accounted for', async () => {
  const peer = peerOf('dropping')
  peer.onSubmit = ({ number }) => {
    if (number > 10) return { id: `m${number}` }
    return number === 10 ? 'drop' : 'silence'
  }
  const ids = await gateway.api.sendMany(range('4477009008', 40), 'through a broken line')
  const messages = await Promise.all(
    ids.map((id) => gateway.api.until(id, ({ is_final, error }) => is_final || error !== null)),
  )
  const delivered = messages.filter(({ status }) => status === 'delivered')
  const unknown = messages.filter(({ error }) => error?.code === 'outcome_unknown')
  expect([delivered.length, unknown.length]).toEqual([30, 10])
  expect(unknown.every(({ status }) => status === 'sending')).toBe(true)
  const lost = peer.submits.slice(0, 10).map(({ to }) => `+${to}`)
  expect(unknown.map(({ to }) => to).sort()).toEqual(lost.sort())
  expectNoneTwice(peer.submits)
})

test('the connection breaks between the segments: the rest follows on the next one', async () => {
  const peer = peerOf('half')
  // The window lets ten of the twelve segments go before the line breaks.
  peer.onSubmit = ({ number }) => {
    if (number > 10) return { id: `half-${number}` }
    return number === 10 ? 'drop' : 'silence'
  }
  const id = await gateway.api.send({ to: '+447700900901', text: '0123456789'.repeat(180) })
  const message = await gateway.api.until(id, ({ error, is_final }) => is_final || error !== null)
  expect(message).toMatchObject({ segments: 12, attempts: 1, error: { code: 'outcome_unknown' } })
  const segments = peer.submits.map(({ shortMessage }) => shortMessage[5] ?? 0)
  expect(segments).toEqual([1, 2, 3, 4, 5, 6, 7, 8, 9, 10, 11, 12])
})

function peerOf(name: string): SmppPeer {
  const peer = peers.get(name)
  if (!peer) throw new Error(`there is no carrier ${name}`)
  return peer
}

interface Report {
  readonly name: string
  readonly is_up: boolean
  readonly binds: readonly { readonly state: string; readonly last_error: string | null }[]
}

async function report(name: string): Promise<Report> {
  const { body } = await gateway.api.get('/readyz')
  const found = (body.carriers as Report[]).find((carrier) => carrier.name === name)
  if (!found) throw new Error(`/readyz does not name ${name}`)
  return found
}

async function untilUp(name: string): Promise<void> {
  await vi.waitFor(async () => expect(await report(name)).toMatchObject({ is_up: true }), {
    timeout: 10_000,
    interval: 20,
  })
}

async function sendAndSettle(to: string) {
  return await gateway.api.settled(await gateway.api.send({ to, text: 'hello' }))
}

/** Numbers under a prefix, as many as asked for. */
function range(prefix: string, count: number): string[] {
  return Array.from({ length: count }, (_, index) => `+${prefix}${String(index).padStart(2, '0')}`)
}

function expectNoneTwice(submits: readonly Submit[]): void {
  const numbers = submits.map(({ to }) => to)
  expect(numbers.filter((to, index) => numbers.indexOf(to) !== index)).toEqual([])
}
