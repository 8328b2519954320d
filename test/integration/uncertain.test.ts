import { afterAll, beforeAll, expect, test, vi } from 'vitest'
import type { ShownEvent, ShownMessage } from '../support/api-client.ts'
import {
  type CarrierKeys,
  openGateway,
  type TestGateway,
  temporaryFolder,
  yamlFor,
} from '../support/gateway.ts'
import { type Answer, SmppPeer, type Submit } from '../support/smpp-peer.ts'

/**
 * Submits without a response in time. The carriers are written on the npm package `smpp`; every test
 * has a carrier and a range of numbers of its own.
 */

const RINVDSTADR = 0x0b
const CHEAP = '0.0100'
const IMPATIENT = { response_timeout_seconds: 1 }

const CARRIERS: readonly Omit<CarrierKeys, 'port'>[] = [
  { name: 'tardy', prefix: '4477009001', keys: IMPATIENT },
  { name: 'sour', prefix: '4477009002', price: CHEAP, keys: IMPATIENT },
  { name: 'sour-next', prefix: '4477009002' },
  { name: 'lossy', prefix: '4477009003', keys: IMPATIENT },
  { name: 'echo', prefix: '4477009004', keys: { ...IMPATIENT, user_message_reference: true } },
  { name: 'asked', prefix: '4477009005' },
  { name: 'held', prefix: '4477009006', keys: IMPATIENT },
]

const POLICIES = {
  marketing: { uncertain: 'query', uncertain_seconds: 1, quiet_hours: 'off' },
  otp: { uncertain: 'hold' },
}

const cleanUps: (() => Promise<unknown>)[] = []
const peers = new Map<string, SmppPeer>()
let gateway: TestGateway

beforeAll(async () => {
  for (const { name } of CARRIERS) {
    const peer = await SmppPeer.listen()
    cleanUps.push(() => peer.close())
    peers.set(name, peer)
  }
  const folder = await temporaryFolder()
  cleanUps.push(folder.remove)
  const carriers = CARRIERS.map((keys) => ({ ...keys, port: peerOf(keys.name).port }))
  const yaml = JSON.stringify({ ...JSON.parse(yamlFor(...carriers)), policies: POLICIES })
  gateway = await openGateway(yaml, { folder: folder.path })
  cleanUps.push(() => gateway.close())
  await vi.waitFor(async () => {
    const { body } = await gateway.api.get('/readyz')
    expect(body).toBeDefined()
    for (const peer of peers.values()) expect(peer.binds.length).toBeGreaterThan(0)
  })
})

afterAll(async () => {
  for (const cleanUp of cleanUps.splice(0).reverse()) await cleanUp()
})

function peerOf(name: string): SmppPeer {
  const peer = peers.get(name)
  if (!peer) throw new Error(`no carrier ${name}`)
  return peer
}

const isUnknown = ({ error }: ShownMessage) => error?.code === 'outcome_unknown'

function eventOf({ timeline }: ShownMessage, type: string): ShownEvent | undefined {
  return timeline.find((event) => event.type === type)
}

/** Holds every answer back until the test gives it. */
function holdAnswers(peer: SmppPeer): ((answer: Answer) => void)[] {
  const held: ((answer: Answer) => void)[] = []
  peer.onSubmit = () => new Promise((resolve) => held.push(resolve))
  return held
}

/** A moment as receipts write it, by a clock so many hours ahead of UTC. */
function receiptDate(at: Date, hoursAhead: number): string {
  const local = new Date(at.getTime() + hoursAhead * 3_600_000)
  return local.toISOString().replace(/\D/g, '').slice(2, 12)
}

function submitsTo(peer: SmppPeer, to: string): Submit[] {
  return peer.submits.filter((submit) => `+${submit.to}` === to)
}

test('a response after the timeout brings the id, and the receipt finds it', async () => {
  const peer = peerOf('tardy')
  const answers = holdAnswers(peer)
  const id = await gateway.api.send({ to: '+447700900101', text: 'Late' })
  expect(await gateway.api.until(id, isUnknown)).toMatchObject({ status: 'sending' })
  answers[0]?.({ id: 'late-1', receipt: false })
  const sent = await gateway.api.until(id, ({ status }) => status === 'sent')
  expect(sent.error).toBeNull()
  expect(eventOf(sent, 'response')).toMatchObject({
    status: 'sent',
    detail: { late: true, segments: [{ result: 'accepted', carrier_message_id: 'late-1' }] },
  })
  peer.addReceipt({ id: 'late-1', from: 'Linehaul', to: '447700900101', stat: 'DELIVRD' })
  expect(await gateway.api.settled(id)).toMatchObject({ status: 'delivered', attempts: 1 })
  expect(peer.submits).toHaveLength(1)
})

test('a refusal after the timeout lets the message go to the next carrier', async () => {
  const answers = holdAnswers(peerOf('sour'))
  const id = await gateway.api.send({ to: '+447700900201', text: 'Late' })
  await gateway.api.until(id, isUnknown)
  expect(peerOf('sour-next').submits).toHaveLength(0)
  answers[0]?.({ status: RINVDSTADR })
  expect(await gateway.api.settled(id)).toMatchObject({
    status: 'delivered',
    carrier: 'sour-next',
    attempts: 2,
  })
  expect(peerOf('sour').submits).toHaveLength(1)
})

test('a late refusal of one segment waits for the others; then the message moves on', async () => {
  const answers = holdAnswers(peerOf('sour'))
  const id = await gateway.api.send({ to: '+447700900202', text: 'long '.repeat(50) })
  await gateway.api.until(id, isUnknown)
  await vi.waitFor(() => expect(answers).toHaveLength(2))
  answers[0]?.({ status: RINVDSTADR })
  const half = await gateway.api.until(id, (message) => eventOf(message, 'response') !== undefined)
  expect(half).toMatchObject({ status: 'sending', attempts: 1 })
  answers[1]?.({ status: RINVDSTADR })
  expect(await gateway.api.settled(id)).toMatchObject({ status: 'delivered', attempts: 2 })
})

test('a receipt with an id that nobody knows settles the one message it fits', async () => {
  const peer = peerOf('lossy')
  peer.onSubmit = () => 'silence'
  const id = await gateway.api.send({ to: '+447700900301', text: 'Your parcel is here' })
  const other = await gateway.api.send({ to: '+447700900302', text: 'Your parcel is here' })
  await Promise.all([gateway.api.until(id, isUnknown), gateway.api.until(other, isUnknown)])
  const receipt = { from: 'LINEHAUL', to: '00447700900301', submitDate: receiptDate(new Date(), 8) }
  // A time that no zone explains, and another sender: somebody else's messages.
  const past = receiptDate(new Date(Date.now() - 40 * 60_000), 8)
  peer.addReceipt({ ...receipt, id: 'x1', stat: 'UNDELIV', submitDate: past })
  peer.addReceipt({ ...receipt, id: 'x2', stat: 'UNDELIV', from: 'Somebody' })
  peer.addReceipt({ ...receipt, id: 'x3', stat: 'DELIVRD', text: 'Your parcel is' })
  const message = await gateway.api.settled(id)
  expect(message).toMatchObject({ status: 'delivered', error: null })
  expect(eventOf(message, 'receipt')).toMatchObject({
    detail: { carrier_message_id: 'x3', matched_by: 'address' },
  })
  expect(await gateway.api.message(other)).toMatchObject({ status: 'sending' })
  expect(submitsTo(peer, '+447700900301')).toHaveLength(1)
})

test('a receipt that could be of two different messages is of neither, until its text tells', async () => {
  const peer = peerOf('lossy')
  peer.onSubmit = () => 'silence'
  const to = '+447700900303'
  const first = await gateway.api.send({ to, text: 'First of all' })
  const second = await gateway.api.send({ to, text: 'Second thoughts' })
  await Promise.all([gateway.api.until(first, isUnknown), gateway.api.until(second, isUnknown)])
  const before = peer.acknowledged.length
  const receipt = { from: 'Linehaul', to: to.slice(1), submitDate: receiptDate(new Date(), 0) }
  peer.addReceipt({ ...receipt, id: 'y1', stat: 'UNDELIV' })
  await peer.until(() => peer.acknowledged.length > before)
  peer.addReceipt({ ...receipt, id: 'y2', stat: 'DELIVRD', text: 'Second th' })
  expect(await gateway.api.settled(second)).toMatchObject({ status: 'delivered' })
  expect(await gateway.api.message(first)).toMatchObject({ status: 'sending' })
  // A second receipt with the id that is known now goes the usual way.
  peer.addReceipt({ ...receipt, id: 'y2', stat: 'DELIVRD', text: 'Second th' })
  await gateway.api.until(
    second,
    ({ timeline }) => timeline.filter(({ type }) => type === 'receipt').length === 2,
  )
})

test('a receipt that comes before the outcome counts as unknown is found then', async () => {
  const peer = peerOf('lossy')
  peer.onSubmit = () => 'silence'
  const to = '+447700900304'
  const id = await gateway.api.send({ to, text: 'Early bird' })
  await peer.until(() => submitsTo(peer, to).length === 1)
  const submitDate = receiptDate(new Date(), 0)
  peer.addReceipt({ id: 'z1', from: 'Linehaul', to: to.slice(1), stat: 'DELIVRD', submitDate })
  const message = await gateway.api.settled(id)
  expect(message).toMatchObject({ status: 'delivered' })
  expect(eventOf(message, 'uncertain')).toBeDefined()
})

test('a receipt for each segment of a long message: the message is delivered with the last', async () => {
  const peer = peerOf('lossy')
  peer.onSubmit = () => 'silence'
  const to = '+447700900305'
  const id = await gateway.api.send({ to, text: 'long '.repeat(50) })
  await gateway.api.until(id, isUnknown)
  const receipt = { from: 'Linehaul', to: to.slice(1), submitDate: receiptDate(new Date(), 0) }
  peer.addReceipt({ ...receipt, id: 's1', stat: 'DELIVRD' })
  const half = await gateway.api.until(id, (message) => eventOf(message, 'receipt') !== undefined)
  expect(half.is_final).toBe(false)
  peer.addReceipt({ ...receipt, id: 's2', stat: 'DELIVRD' })
  expect(await gateway.api.settled(id)).toMatchObject({ status: 'delivered', attempts: 1 })
})

test('a reference that the carrier repeats tells equal messages apart', async () => {
  const peer = peerOf('echo')
  peer.onSubmit = () => 'silence'
  const to = '+447700900401'
  const ids = [
    await gateway.api.send({ to, text: 'One' }),
    await gateway.api.send({ to, text: 'Two' }),
  ]
  await Promise.all(ids.map((id) => gateway.api.until(id, isUnknown)))
  const [one, two] = ['One', 'Two'].map((text) =>
    peer.submits.find((submit) => submit.shortMessage.toString('latin1') === text),
  )
  const references = [one, two].map((submit) => submit?.pdu.user_message_reference as number)
  expect(new Set(references).size).toBe(2)
  // The carrier has replaced the sender, and its clock is wrong.
  const receipt = { from: '12345', to: to.slice(1) }
  peer.addReceipt({ ...receipt, id: 'r2', stat: 'UNDELIV', reference: references[1] })
  peer.addReceipt({ ...receipt, id: 'r1', stat: 'DELIVRD', reference: references[0] })
  expect(await gateway.api.settled(ids[0] ?? '')).toMatchObject({ status: 'delivered' })
  const second = await gateway.api.settled(ids[1] ?? '')
  expect(second).toMatchObject({ status: 'undelivered' })
  expect(eventOf(second, 'receipt')).toMatchObject({ detail: { matched_by: 'reference' } })
})

test('under "query" a carrier is asked where no receipt comes, until its state is final', async () => {
  const peer = peerOf('asked')
  peer.onSubmit = () => ({ id: 'q-1', receipt: false })
  const asked: unknown[] = []
  peer.onQuery = (pdu) => {
    asked.push([pdu.message_id, pdu.source_addr])
    // ENROUTE, then DELIVERED.
    const message_state = asked.length === 1 ? 1 : 2
    return { message_id: pdu.message_id, final_date: '', message_state, error_code: 0 }
  }
  const message = { to: '+447700900501', text: 'Any news?', traffic_class: 'marketing' }
  const id = await gateway.api.send(message)
  const settled = await gateway.api.settled(id)
  expect(settled).toMatchObject({ status: 'delivered' })
  expect(settled.timeline.filter(({ type }) => type === 'query')).toMatchObject([
    { status: 'sent', detail: { segments: [{ state: 'enroute' }] } },
    { status: 'delivered', code: 'delivered', detail: { carrier_message_id: 'q-1' } },
  ])
  expect(asked).toEqual([
    ['q-1', 'Linehaul'],
    ['q-1', 'Linehaul'],
  ])
})

test('a carrier that knows no query_sm is waited for; the receipt still counts', async () => {
  const peer = peerOf('asked')
  peer.onSubmit = () => ({ id: 'q-2', receipt: false })
  peer.onQuery = () => ({ command_status: 0x03 })
  const message = { to: '+447700900502', text: 'Any news?', traffic_class: 'marketing' }
  const id = await gateway.api.send(message)
  const asked = await gateway.api.until(id, (shown) => eventOf(shown, 'query') !== undefined)
  expect(eventOf(asked, 'query')).toMatchObject({
    status: 'sent',
    detail: { segments: [{ result: 'refused' }] },
  })
  peer.addReceipt({ id: 'q-2', from: 'Linehaul', to: '447700900502', stat: 'UNDELIV' })
  expect(await gateway.api.settled(id)).toMatchObject({ status: 'undelivered' })
})

test('under "hold" the message stays, is listed, and an operator settles it', async () => {
  const { api } = gateway
  const peer = peerOf('held')
  peer.onSubmit = () => 'silence'
  const send = (to: string) => api.send({ to, text: 'Code 123456', traffic_class: 'otp' })
  const [again, given] = [await send('+447700900601'), await send('+447700900602')]
  await Promise.all([api.until(again, isUnknown), api.until(given, isUnknown)])
  const listed = await api.list('&status=sending&carrier=held')
  expect(listed.map(({ id, error }) => [id, error?.code]).sort()).toEqual(
    [again, given].map((id) => [id, 'outcome_unknown']).sort(),
  )
  const resolve = (id: string, action: unknown) =>
    api.call('POST', `/v1/messages/${id}/resolve`, { action })

  expect(await resolve(given, 'fail')).toMatchObject({
    status: 200,
    body: { status: 'failed', is_final: true, error: { code: 'outcome_unknown' } },
  })
  peer.onSubmit = ({ number }) => ({ id: `h${number}` })
  expect(await resolve(again, 'resend')).toMatchObject({ status: 200 })
  const settled = await api.settled(again)
  expect(settled).toMatchObject({ status: 'delivered', attempts: 2 })
  expect(eventOf(settled, 'retry')).toMatchObject({ detail: { may_be_a_duplicate: true } })

  expect(await resolve(given, 'resend')).toMatchObject({
    status: 409,
    body: { code: 'outcome_known' },
  })
  expect(await resolve(again, 'deliver')).toMatchObject({ status: 422 })
  expect(await resolve('01890000-0000-7000-8000-00000000dead', 'fail')).toMatchObject({
    status: 404,
    body: { code: 'not_found' },
  })
})
