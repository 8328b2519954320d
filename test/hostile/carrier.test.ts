import { afterAll, afterEach, beforeAll, expect, test, vi } from 'vitest'
import { encodePdu } from '../../src/smpp/codec.ts'
import { COMMAND_IDS } from '../../src/smpp/commands.ts'
import { CommandStatus } from '../../src/smpp/status.ts'
import { rawPdu } from '../smpp/scripted-peer.ts'
import {
  type CarrierKeys,
  openGateway,
  type TestGateway,
  temporaryFolder,
  yamlFor,
} from '../support/gateway.ts'
import { acceptBind, acceptSubmit, HostileSmsc, receiptFor } from './hostile-smsc.ts'

/**
 * Carriers that attack the gateway which has bound to them. Each has a range of numbers of its own;
 * after every attack another carrier still delivers, and the hostile one does so once it is good.
 */

const MAX_GROWTH_OCTETS = 250 * 2 ** 20

const NAMES = [
  'babel',
  'breaker',
  'strayer',
  'mistaker',
  'doubler',
  'naysayer',
  'cutter',
  'rusher',
  'leaver',
  'windbag',
  'mangler',
  'flooder',
  'giant',
] as const

type Name = (typeof NAMES)[number]

const cleanUps: (() => Promise<unknown>)[] = []
const smscs = new Map<string, HostileSmsc>()
let gateway: TestGateway
let residentBefore: number
let goodMessages = 0

beforeAll(async () => {
  for (const name of ['good', ...NAMES]) {
    const smsc = await HostileSmsc.listen()
    cleanUps.push(() => smsc.close())
    smscs.set(name, smsc)
  }
  smscOf('babel').onConnect = ({ socket }) => socket.write('HTTP/1.1 400 Bad Request\r\n\r\n')
  const folder = await temporaryFolder()
  cleanUps.push(folder.remove)
  const carriers: CarrierKeys[] = ['good', ...NAMES].map((name, index) => ({
    name,
    port: smscOf(name).port,
    prefix: prefixOf(index),
    keys: { sessions: 1, window: 10, response_timeout_seconds: 1, enquire_link_seconds: 3_600 },
  }))
  const file = JSON.parse(yamlFor(...carriers))
  // What is hostile here would be left alone by its circuit breaker before the test is over.
  const health = { consecutive_failures: 10_000, min_messages: 10_000 }
  const yaml = JSON.stringify({ ...file, health })
  gateway = await openGateway(yaml, { folder: folder.path })
  cleanUps.push(gateway.close)
  for (const name of NAMES) if (name !== 'babel') await untilUp(name)
  await goodCarrierDelivers()
  residentBefore = process.memoryUsage().rss
})

afterEach(async () => {
  await goodCarrierDelivers()
  expect(process.memoryUsage().rss - residentBefore).toBeLessThan(MAX_GROWTH_OCTETS)
})

afterAll(async () => {
  for (const cleanUp of cleanUps.reverse()) await cleanUp()
})

test('it speaks HTTP instead of answering the bind: never up, until it does', async () => {
  const smsc = smscOf('babel')
  await smsc.until(() => smsc.all('bind_transceiver').length >= 2)
  expect(await report('babel')).toMatchObject({ is_up: false })
  const id = await send('babel')
  smsc.reform()
  expect(await gateway.api.settled(id)).toMatchObject({ status: 'delivered', attempts: 1 })
})

test.each([0, 15, 0x7fff_ffff, 0x8000_0000, 0xffff_ffff])(
  'command_length %i breaks the connection and no more',
  async (length) => {
    const smsc = smscOf('breaker')
    const octets = Buffer.alloc(64)
    octets.writeUInt32BE(length, 0)
    const binds = smsc.all('bind_transceiver').length
    smsc.onSubmit = (_pdu, { socket }) => socket.write(octets)
    const id = await send('breaker')
    expect(await unknownOutcome(id)).toMatchObject({ status: 'sending', attempts: 1 })
    const { length: submits } = smsc.all('submit_sm')
    smsc.onSubmit = acceptSubmit
    await smsc.until(() => smsc.all('bind_transceiver').length > binds)
    await delivers('breaker')
    expect(smsc.all('submit_sm')).toHaveLength(submits + 1)
  },
)

test('answers with wrong sequence numbers answer nothing', async () => {
  const smsc = smscOf('strayer')
  smsc.onSubmit = ({ sequence_number }, { send: answer }) => {
    for (const wrong of [0, sequence_number + 1, sequence_number + 128, 0x7fff_ffff, 0xffff_ffff]) {
      answer({ command: 'submit_sm_resp', sequence_number: wrong, message_id: 'stray' })
    }
  }
  expect(await unknownOutcome(await send('strayer'))).toMatchObject({ status: 'sending' })
  smsc.onSubmit = acceptSubmit
  await delivers('strayer')
})

test('answers of the wrong command are no acceptance', async () => {
  const smsc = smscOf('mistaker')
  smsc.onSubmit = ({ sequence_number }, { send: answer }) => {
    answer(
      { command: 'deliver_sm_resp', sequence_number, message_id: 'wrong' },
      { command: 'enquire_link_resp', sequence_number },
      { command: 'bind_transceiver_resp', sequence_number, system_id: 'wrong' },
      { command: 'unbind_resp', sequence_number },
    )
  }
  expect(await unknownOutcome(await send('mistaker'))).toMatchObject({ status: 'sending' })
  smsc.onSubmit = acceptSubmit
  await delivers('mistaker')
})

test('the first of two answers counts', async () => {
  const smsc = smscOf('doubler')
  smsc.onSubmit = (pdu, { send: answer }) => {
    const { sequence_number } = pdu
    answer(
      { command: 'submit_sm_resp', sequence_number, message_id: 'first' },
      { command: 'submit_sm_resp', sequence_number, message_id: 'second' },
      { command: 'submit_sm_resp', sequence_number, command_status: 0x45 },
      receiptFor(pdu, 'second', { sequence_number: 1 }),
      receiptFor(pdu, 'first', { sequence_number: 2 }),
      receiptFor(pdu, 'first', { sequence_number: 2 }),
    )
  }
  const message = await gateway.api.settled(await send('doubler'))
  expect(message).toMatchObject({ status: 'delivered', attempts: 1 })
  expect(message.timeline.filter(({ type }) => type === 'response')).toHaveLength(1)
  await smsc.until(() => smsc.all('deliver_sm_resp').length === 3)
  expect(smsc.all('deliver_sm_resp').map((pdu) => pdu.command_status)).toEqual([0, 0, 0])
})

test('a generic_nack with status 0 is a refusal', async () => {
  smscOf('naysayer').onSubmit = ({ sequence_number }, { send: answer }) =>
    answer({ command: 'generic_nack', sequence_number, command_status: 0 })
  const id = await send('naysayer')
  const { timeline } = await gateway.api.until(id, (message) =>
    message.timeline.some(({ type }) => type === 'response'),
  )
  expect(timeline.find(({ type }) => type === 'response')).toMatchObject({ raw_code: '0x000000ff' })
})

test('a connection cut in the middle of an answer leaves the outcome unknown', async () => {
  const smsc = smscOf('cutter')
  smsc.onSubmit = ({ sequence_number }, { socket }) => {
    const answer = encodePdu({ command: 'submit_sm_resp', sequence_number, message_id: 'cut' })
    socket.write(answer.subarray(0, 18), () => socket.resetAndDestroy())
  }
  expect(await unknownOutcome(await send('cutter'))).toMatchObject({ status: 'sending' })
  expect(smsc.all('submit_sm')).toHaveLength(1)
  smsc.onSubmit = acceptSubmit
  await delivers('cutter')
})

test('a half-closed connection leaves the outcome unknown, and is made anew', async () => {
  const smsc = smscOf('cutter')
  smsc.onSubmit = (_pdu, { socket }) => socket.end()
  expect(await unknownOutcome(await send('cutter'))).toMatchObject({ status: 'sending' })
  smsc.onSubmit = acceptSubmit
  await delivers('cutter')
})

test('a submit that is never answered leaves the outcome unknown and no place taken', async () => {
  const smsc = smscOf('strayer')
  const { length } = smsc.all('submit_sm')
  smsc.onSubmit = () => {}
  // More than the window has places.
  const ids = await Promise.all(Array.from({ length: 15 }, () => send('strayer')))
  for (const id of ids) await unknownOutcome(id)
  expect(smsc.all('submit_sm')).toHaveLength(length + 15)
  smsc.onSubmit = acceptSubmit
  await delivers('strayer')
})

test('requests before the answer to the bind are refused, and the bind still counts', async () => {
  const smsc = smscOf('rusher')
  smsc.onBind = (pdu, victim) => {
    for (let sequence_number = 1; sequence_number <= 50; sequence_number++) {
      victim.send({ command: 'deliver_sm', sequence_number, short_message: Buffer.from('hi') })
    }
    acceptBind(pdu, victim)
  }
  const binds = smsc.all('bind_transceiver').length
  smsc.drop()
  await smsc.until(() => smsc.all('bind_transceiver').length > binds)
  await smsc.until(() => smsc.all('deliver_sm_resp').length === 50)
  // Responses overtake requests: those read together with the answer to the bind are looked at.
  const { ESME_RINVBNDSTS, ESME_ROK } = CommandStatus
  for (const { command_status: status } of smsc.all('deliver_sm_resp')) {
    expect([ESME_RINVBNDSTS, ESME_ROK]).toContain(status)
  }
  await delivers('rusher')
})

test('an unbind after every bind is answered, and followed by a wait', async () => {
  const smsc = smscOf('leaver')
  smsc.onBind = (pdu, victim) => {
    acceptBind(pdu, victim)
    victim.send(
      { command: 'unbind', sequence_number: 1 },
      { command: 'enquire_link', sequence_number: 2 },
    )
  }
  const binds = smsc.all('bind_transceiver').length
  smsc.drop()
  await smsc.until(() => smsc.all('unbind_resp').length >= 2)
  // One attempt a second, as configured, whatever the other side does.
  expect(smsc.all('bind_transceiver').length - binds).toBeLessThanOrEqual(4)
  smsc.reform()
  await delivers('leaver')
})

test('an id of 60,000 octets without an end is an id like any other', async () => {
  const smsc = smscOf('windbag')
  const body = Buffer.alloc(60_000, 'f')
  smsc.onSubmit = (pdu, { socket, send: answer }) => {
    socket.write(rawPdu(COMMAND_IDS.submit_sm_resp, pdu.sequence_number, body))
    const value = Buffer.concat([body, Buffer.alloc(1)])
    const state = { tag: 0x0427, value: Buffer.from([2]) }
    answer(receiptFor(pdu, '', { tlvs: [{ tag: 0x001e, value }, state] }))
  }
  expect(await gateway.api.settled(await send('windbag'))).toMatchObject({ status: 'delivered' })
})

test('1,000 undecodable receipts are refused one by one; the one among them counts', async () => {
  const smsc = smscOf('mangler')
  const half = rawPdu(COMMAND_IDS.deliver_sm, 7, Buffer.alloc(12))
  smsc.onSubmit = (pdu, victim) => {
    victim.socket.write(Buffer.concat(Array.from({ length: 500 }, () => half)))
    acceptSubmit(pdu, victim)
    victim.socket.write(Buffer.concat(Array.from({ length: 500 }, () => half)))
  }
  await delivers('mangler')
  await smsc.until(() => smsc.all('deliver_sm_resp').length === 1_001)
  const refused = smsc.all('deliver_sm_resp').filter((pdu) => pdu.command_status !== 0)
  expect(refused).toHaveLength(1_000)
})

test('a flood of requests that it never reads the answers of', async () => {
  const smsc = smscOf('flooder')
  const flood = Buffer.concat(
    Array.from({ length: 10_000 }, () => rawPdu(COMMAND_IDS.enquire_link, 9)),
  )
  smsc.onSubmit = (_pdu, { socket }) => {
    socket.pause()
    for (let sent = 0; sent < 50; sent++) socket.write(flood)
  }
  expect(await unknownOutcome(await send('flooder'))).toMatchObject({ status: 'sending' })
  smsc.reform()
  await delivers('flooder')
})

test('receipts of 64 KiB, of nothing but NULs, keys or dates, end nothing and stop nothing', async () => {
  const smsc = smscOf('giant')
  const payloads = [
    Buffer.alloc(65_000),
    Buffer.from('id:'.repeat(21_000)),
    Buffer.from(`id:none stat:DELIVRD text:${'\0\ud83d\uffff'.repeat(9_000)}`),
    Buffer.from(`id:${'9'.repeat(64_000)} stat:DELIVRD`),
    Buffer.from('submit date:00000000000000 done date:99999999999999 stat:stat: id: err:'),
  ]
  smsc.onSubmit = (pdu, victim) => {
    for (const [index, value] of payloads.entries()) {
      for (const data_coding of [0, 8]) {
        const tlvs = [{ tag: 0x0424, value }]
        const more = {
          short_message: Buffer.alloc(0),
          tlvs,
          data_coding,
          sequence_number: index + 1,
        }
        victim.send(receiptFor(pdu, '', more))
      }
    }
    acceptSubmit(pdu, victim)
  }
  await delivers('giant')
  await smsc.until(() => smsc.all('deliver_sm_resp').length === 11)
  expect(smsc.all('deliver_sm_resp').every((pdu) => pdu.command_status === 0)).toBe(true)
})

function smscOf(name: string): HostileSmsc {
  const smsc = smscs.get(name)
  if (smsc === undefined) throw new Error(`there is no carrier ${name}`)
  return smsc
}

function prefixOf(index: number): string {
  return `4477009${String(index).padStart(2, '0')}`
}

let sent = 0

function send(name: Name | 'good'): Promise<string> {
  const index = name === 'good' ? 0 : NAMES.indexOf(name) + 1
  sent++
  const to = `+${prefixOf(index)}${String(sent % 1_000).padStart(3, '0')}`
  return gateway.api.send({ to, text: 'hello' })
}

async function delivers(name: Name | 'good'): Promise<void> {
  expect(await gateway.api.settled(await send(name))).toMatchObject({
    status: 'delivered',
    carrier: name,
  })
}

async function goodCarrierDelivers(): Promise<void> {
  await delivers('good')
  goodMessages++
  expect(smscOf('good').all('submit_sm')).toHaveLength(goodMessages)
}

function unknownOutcome(id: string) {
  return gateway.api.until(id, ({ error }) => error?.code === 'outcome_unknown')
}

interface Report {
  readonly name: string
  readonly is_up: boolean
}

async function report(name: string): Promise<Report | undefined> {
  const { body } = await gateway.api.get('/readyz')
  return (body.carriers as Report[]).find((carrier) => carrier.name === name)
}

async function untilUp(name: string): Promise<void> {
  await vi.waitFor(async () => expect(await report(name)).toMatchObject({ is_up: true }), {
    timeout: 10_000,
    interval: 20,
  })
}
