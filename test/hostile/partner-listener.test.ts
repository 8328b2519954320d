import { afterAll, afterEach, beforeAll, describe, expect, test } from 'vitest'
import { encodePdu } from '../../src/smpp/codec.ts'
import { COMMAND_IDS } from '../../src/smpp/commands.ts'
import type { PduInput } from '../../src/smpp/pdu.ts'
import { CommandStatus } from '../../src/smpp/status.ts'
import { rawPdu } from '../smpp/scripted-peer.ts'
import { GatewayUnderAttack, type Memory } from './gateway-under-attack.ts'
import { GoodPartner } from './good-partner.ts'
import { HostilePeer } from './hostile-peer.ts'

/**
 * The gateway's listener for partners under attack, in a process of its own, while a good partner
 * submits. After every attack the process lives, has not grown by more than a bound, and the good
 * partner has been answered throughout.
 */

/** Generous: what is wrong grows by gigabytes, and the collector takes its time. */
const MAX_GROWTH_MIB = 250
const MORE_ANSWERS = 5
const MAX_UNBOUND_PER_ADDRESS = 50

const SUBMIT: PduInput = {
  command: 'submit_sm',
  sequence_number: 2,
  source_addr_ton: 5,
  source_addr: 'ACME',
  dest_addr_ton: 1,
  dest_addr_npi: 1,
  destination_addr: '447700900999',
  short_message: Buffer.from('hello'),
}

let gateway: GatewayUnderAttack
let good: GoodPartner
let before: Memory

beforeAll(async () => {
  gateway = await GatewayUnderAttack.start()
  good = await GoodPartner.start(gateway.smppPort)
  await good.answersMore(50)
  before = await gateway.memory()
})

afterEach(async () => {
  await good.answersMore(MORE_ANSWERS)
  expect(good.refusals).toEqual([])
  const after = await gateway.memory()
  expect(after.residentMiB - before.residentMiB).toBeLessThan(MAX_GROWTH_MIB)
  expect(after.heapMiB - before.heapMiB).toBeLessThan(MAX_GROWTH_MIB)
})

afterAll(async () => {
  // Nothing that the good partner was told is accepted got lost meanwhile: every receipt comes.
  await good.stop()
  expect(good.answered).toBe(good.submitted)
  expect(good.receipts).toBe(good.answered)
  await gateway.close()
})

const stranger = () => HostilePeer.connect(gateway.smppPort)
const traitor = () => HostilePeer.bound(gateway.smppPort, 'traitor', 'pw2')

describe('who does not speak SMPP', () => {
  test.each([
    ['HTTP', Buffer.from('GET /metrics HTTP/1.1\r\nHost: gateway\r\n\r\n')],
    ['a TLS ClientHello', Buffer.from(`16030100c8010000c40303${'5a'.repeat(190)}`, 'hex')],
    ['an RDP probe', Buffer.from('0300002f2ae00000000000436f6f6b69653a206d737473', 'hex')],
    ['AMQP', Buffer.from('414d515000000901', 'hex')],
    ['SSH', Buffer.from('SSH-2.0-OpenSSH_9.6\r\n')],
    ['command_length 0', Buffer.alloc(64)],
    ['command_length 15', Buffer.from('0000000f00000009', 'hex')],
    ['command_length 2^31', Buffer.from('8000000000000009', 'hex')],
    ['command_length 2^32 - 1', Buffer.from('ffffffff00000009', 'hex')],
    ['a PDU longer than any bind', Buffer.from('0000100100000009', 'hex')],
  ])('%s gets a generic_nack and is closed', async (_name, octets) => {
    const peer = await stranger()
    peer.sendOctets(octets)
    expect(await peer.next('generic_nack')).toMatchObject({
      command_status: CommandStatus.ESME_RINVCMDLEN,
    })
    await peer.closed
  })

  test('somebody sends octets one by one, says nothing, or only asks for the link: closed', async () => {
    const slow = await stranger()
    const silent = await stranger()
    const asking = await stranger()
    const bind = encodePdu({ command: 'bind_transceiver', system_id: 'partner1', password: 'pw1' })
    let sent = 0
    const drip = setInterval(() => {
      // Never the last octet; a closed socket takes no more.
      if (sent < bind.length - 1 && slow.socket.writable)
        slow.sendOctets(bind.subarray(sent, ++sent))
      if (asking.socket.writable) asking.sendOctets(rawPdu(COMMAND_IDS.enquire_link, sent))
    }, 200)
    await Promise.all([slow.closed, silent.closed, asking.closed])
    clearInterval(drip)
    expect(slow.unread).toEqual([])
    expect(silent.unread).toEqual([])
  })
})

describe('before the bind', () => {
  test('10,000 submit_sm: three are refused, then the connection is closed', async () => {
    const peer = await stranger()
    const submit = encodePdu(SUBMIT)
    peer.sendOctets(...Array.from({ length: 10_000 }, () => submit))
    for (let refused = 0; refused < 3; refused++) {
      expect(await peer.next('submit_sm_resp')).toMatchObject({
        command_status: CommandStatus.ESME_RINVBNDSTS,
      })
    }
    await peer.closed
    expect(peer.unread).toEqual([])
  })

  test('10,000 enquire_link: a hundred are answered, then the connection is closed', async () => {
    const peer = await stranger()
    const link = rawPdu(COMMAND_IDS.enquire_link, 7)
    peer.sendOctets(...Array.from({ length: 10_000 }, () => link))
    await peer.closed
    expect(peer.unread).toHaveLength(100)
  })

  test('2,000 connections from one address: fifty are held, others may still bind', async () => {
    const peers: HostilePeer[] = []
    for (let batch = 0; batch < 10; batch++) {
      // More at once would wait for the system, which drops what it has no room for.
      const some = await Promise.all(
        Array.from({ length: 200 }, () => stranger().catch(() => undefined)),
      )
      peers.push(...some.filter((peer) => peer !== undefined))
    }
    let open = peers.length
    const fewEnough = new Promise<void>((resolve) => {
      for (const peer of peers) {
        void peer.closed.then(() => {
          if (--open <= MAX_UNBOUND_PER_ADDRESS) resolve()
        })
      }
    })
    await fewEnough
    const newcomer = await GoodPartner.start(gateway.smppPort)
    await newcomer.answersMore(3)
    for (const peer of peers) peer.reset()
    await Promise.all(peers.map((peer) => peer.closed))
    expect(newcomer.refusals).toEqual([])
    await newcomer.stop()
  })

  test('wrong names and passwords: each is refused, after a wait that grows, and closed', async () => {
    const statuses: number[] = []
    for (let round = 0; round < 2; round++) {
      const peers = await Promise.all(Array.from({ length: 30 }, stranger))
      await Promise.all(
        peers.map(async (peer, index) => {
          const system_id = index % 2 === 0 ? 'partner1' : 'nobody'
          peer.send({ command: 'bind_transceiver', sequence_number: 1, system_id, password: 'x' })
          statuses.push((await peer.next('bind_transceiver_resp')).command_status)
          await peer.closed
        }),
      )
    }
    const { ESME_RINVPASWD, ESME_RINVSYSID } = CommandStatus
    expect(statuses.filter((status) => status === ESME_RINVPASWD)).toHaveLength(30)
    expect(statuses.filter((status) => status === ESME_RINVSYSID)).toHaveLength(30)
  })

  test('half-closed connections are closed', async () => {
    const peers = await Promise.all(Array.from({ length: 20 }, stranger))
    for (const peer of peers) peer.socket.end()
    await Promise.all(peers.map((peer) => peer.closed))
  })
})

/** A submit_sm whose body is put together by hand. */
function submitBody(parts: {
  readonly sourceAddr?: string
  readonly smLength?: number
  readonly text?: Buffer
  readonly tlvs?: Buffer
}): Buffer {
  const { sourceAddr = 'ACME\0', text = Buffer.from('hello'), tlvs = Buffer.alloc(0) } = parts
  const body = Buffer.concat([
    Buffer.from(`\0\x05\0${sourceAddr}\x01\x01447700900999\0\0\0\0\0\0\0\0\0\0`, 'latin1'),
    Buffer.from([parts.smLength ?? text.length]),
    text,
    tlvs,
  ])
  return rawPdu(COMMAND_IDS.submit_sm, 2, body)
}

describe('a bound traitor', () => {
  const { ESME_RINVSRCADR, ESME_RINVCMDLEN, ESME_RINVMSGLEN, ESME_RINVTLVSTREAM } = CommandStatus

  test.each([
    ['an address without its NUL', submitBody({ sourceAddr: 'A'.repeat(300) }), ESME_RINVSRCADR],
    ['an address of 30 octets', submitBody({ sourceAddr: `${'1'.repeat(30)}\0` }), ESME_RINVSRCADR],
    ['no body', rawPdu(COMMAND_IDS.submit_sm, 2), ESME_RINVCMDLEN],
    ['half a body', submitBody({}).subarray(0, 30), ESME_RINVCMDLEN],
    ['sm_length beyond the end', submitBody({ smLength: 200 }), ESME_RINVMSGLEN],
    [
      'a TLV beyond the end',
      submitBody({ tlvs: Buffer.from('0424ffff', 'hex') }),
      ESME_RINVTLVSTREAM,
    ],
    [
      'a TLV one octet too long',
      submitBody({ tlvs: Buffer.from('020400030001', 'hex') }),
      ESME_RINVTLVSTREAM,
    ],
  ])('%s is answered with its error, and the session goes on', async (_name, octets, status) => {
    const peer = await traitor()
    const whole = Buffer.from(octets)
    whole.writeUInt32BE(whole.length, 0)
    peer.sendOctets(whole)
    expect(await peer.next('submit_sm_resp')).toMatchObject({
      sequence_number: 2,
      command_status: status,
    })
    await peer.isServed()
    peer.reset()
  })

  test('unknown commands get a generic_nack each', async () => {
    const peer = await traitor()
    for (const id of [0x0000000a, 0x00000022, 0x7fffffff]) {
      peer.sendOctets(rawPdu(id, id))
      expect(await peer.next('generic_nack')).toMatchObject({
        sequence_number: id,
        command_status: CommandStatus.ESME_RINVCMDID,
      })
    }
    await peer.isServed()
    peer.reset()
  })

  test('5,000 responses to requests never sent change nothing', async () => {
    const peer = await traitor()
    const kinds = [COMMAND_IDS.deliver_sm_resp, COMMAND_IDS.generic_nack, 0x80007777]
    peer.sendOctets(
      ...Array.from({ length: 5_000 }, (_, index) => rawPdu(kinds[index % 3] as number, index)),
    )
    await peer.isServed()
    expect(peer.unread).toEqual([])
    peer.reset()
  })

  test('fifty requests with one sequence number get an answer each', async () => {
    const peer = await traitor()
    peer.send(...Array.from({ length: 50 }, () => SUBMIT))
    const ids = new Set<string>()
    for (let answered = 0; answered < 50; answered++) {
      const { sequence_number, command_status, message_id } = await peer.next('submit_sm_resp')
      expect({ sequence_number, command_status }).toEqual({ sequence_number: 2, command_status: 0 })
      ids.add(message_id)
    }
    expect(ids.size).toBe(50)
    peer.reset()
  })

  test('fifty resets in the middle of a PDU', async () => {
    const peers = await Promise.all(Array.from({ length: 50 }, traitor))
    const submit = encodePdu(SUBMIT)
    for (const [index, peer] of peers.entries()) {
      peer.socket.write(submit.subarray(0, 1 + index), () => peer.reset())
    }
    await Promise.all(peers.map((peer) => peer.closed))
  })

  test('1,000 binds on a bound connection are refused, and it goes on', async () => {
    const peer = await traitor()
    const bind = encodePdu({
      command: 'bind_transceiver',
      sequence_number: 9,
      system_id: 'partner1',
    })
    peer.sendOctets(...Array.from({ length: 1_000 }, () => bind))
    for (let answered = 0; answered < 1_000; answered++) {
      expect(await peer.next('bind_transceiver_resp')).toMatchObject({
        command_status: CommandStatus.ESME_RALYBND,
      })
    }
    await peer.isServed()
    peer.reset()
  })

  test('giant payloads are refused one by one', async () => {
    const peer = await traitor()
    const tlvs = [{ tag: 0x0424, value: Buffer.alloc(65_535, 'x') }]
    const giant = encodePdu({ ...SUBMIT, short_message: Buffer.alloc(0), tlvs })
    for (let sent = 0; sent < 200; sent++) peer.sendOctets(giant)
    for (let answered = 0; answered < 200; answered++) {
      expect(await peer.next('submit_sm_resp')).toMatchObject({
        command_status: CommandStatus.ESME_RINVMSGLEN,
      })
    }
    await peer.isServed()
    peer.reset()
  })

  test('16,000 TLVs in a PDU, two hundred times', async () => {
    const peer = await traitor()
    const tlvs = Buffer.from('14000000'.repeat(16_000), 'hex')
    const octets = submitBody({ tlvs })
    for (let sent = 0; sent < 200; sent++) peer.sendOctets(octets)
    for (let answered = 0; answered < 200; answered++) {
      expect(await peer.next('submit_sm_resp')).toMatchObject({
        command_status: CommandStatus.ESME_RINVTLVSTREAM,
      })
    }
    peer.reset()
  })

  test('a PDU longer than the longest costs the connection', async () => {
    const peer = await traitor()
    peer.sendOctets(Buffer.from('0001117100000004', 'hex'), Buffer.alloc(10_000))
    await peer.next('generic_nack')
    await peer.closed
  })

  test('10,000 enquire_link that are not read for a while: answered in a bounded number', async () => {
    const peer = await traitor()
    peer.socket.pause()
    const link = rawPdu(COMMAND_IDS.enquire_link, 7)
    peer.sendOctets(...Array.from({ length: 10_000 }, () => link))
    await good.answersMore(50)
    peer.socket.resume()
    const probe = 8
    peer.sendOctets(rawPdu(COMMAND_IDS.enquire_link, probe))
    let answers = 0
    while ((await peer.next('enquire_link_resp')).sequence_number !== probe) answers++
    // Answers beyond what is held for one who does not read are dropped.
    expect(answers).toBeGreaterThan(4_000)
    expect(answers).toBeLessThanOrEqual(10_000)
    peer.reset()
  })

  test('a half-closed connection is closed once what it asked is answered', async () => {
    const peer = await traitor()
    peer.send(SUBMIT)
    await peer.next('submit_sm_resp')
    peer.socket.end()
    await peer.closed
  })

  test('what comes behind an unbind is not taken', async () => {
    const peer = await traitor()
    const { length } = gateway.carrier.submits
    const late = Array.from({ length: 100 }, () => ({
      ...SUBMIT,
      destination_addr: '447700900998',
    }))
    peer.send({ command: 'unbind', sequence_number: 3 }, ...late)
    await peer.next('unbind_resp')
    await peer.closed
    expect(peer.unread).toEqual([])
    await good.answersMore(10)
    const toLate = gateway.carrier.submits.slice(length).filter(({ to }) => to === '447700900998')
    expect(toLate).toEqual([])
  })
})
