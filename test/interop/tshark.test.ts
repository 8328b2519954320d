import { randomBytes } from 'node:crypto'
import { describe, expect, test } from 'vitest'
import { encodePdu } from '../../src/smpp/codec.ts'
import { COMMAND_IDS } from '../../src/smpp/commands.ts'
import { maskPdu } from '../../src/smpp/mask.ts'
import { type Passage, writePcap } from '../../src/smpp/pcap.ts'
import type { CommandName, PduInput, Tlv } from '../../src/smpp/pdu.ts'
import { intTlv, octetsTlv, stringTlv, TlvTag } from '../../src/smpp/tlv.ts'
import { inputOf, PDU_VECTORS } from '../smpp/vectors.ts'
import { type Dissected, dissect, hasTshark } from '../support/tshark.ts'

/**
 * What we write is read by Wireshark's dissector, which shares no code with us.
 *
 * Skipped where tshark is not installed: `apt-get install tshark`.
 */

const PORT = 2775
const LOCAL = { address: '10.1.2.3', port: 40_123 }
const REMOTE = { address: '198.51.100.7', port: PORT }

/** PDUs as if we had sent them one after the other. */
function conversation(pdus: readonly Buffer[]): Passage[] {
  let streamOffset = 0
  return pdus.map((octets, index) => {
    const passage = {
      at: 1_700_000_000_000 + index,
      isSent: true,
      octets,
      wireOctets: octets.length,
      streamOffset,
    }
    streamOffset += octets.length
    return passage
  })
}

async function dissectPdus(pdus: readonly Buffer[]): Promise<Dissected[]> {
  const passages = conversation(pdus)
  return dissect(writePcap({ local: LOCAL, remote: REMOTE, passages }), PORT)
}

/**
 * The dissector of Wireshark 4.0.17 reads one of the two octets of this parameter (SMPP v5.0, section
 * 4.8.4.13) and takes the other for the beginning of the next. PDUs are shown to it without.
 */
function withoutRepNum(pdu: PduInput): PduInput {
  const { tlvs = [] } = pdu
  return { ...pdu, tlvs: tlvs.filter(({ tag }) => tag !== TlvTag.broadcast_rep_num) }
}

/** Every PDU is a packet of its own that holds this PDU, and nothing is wrong with any. */
function expectClean(packets: readonly Dissected[], pdus: readonly Buffer[]): void {
  expect(packets.filter(({ isMalformed, complaints }) => isMalformed || complaints[0])).toEqual([])
  expect(packets.map(({ protocol, commands }) => [protocol, ...commands])).toEqual(
    pdus.map((pdu) => ['SMPP', pdu.readUInt32BE(4)]),
  )
}

const SOURCE = { source_addr_ton: 5, source_addr_npi: 0, source_addr: 'Linehaul' }
const DESTINATION = { dest_addr_ton: 1, dest_addr_npi: 1, destination_addr: '447700900123' }
const BIND = {
  system_id: 'linehaul',
  password: 'secret08',
  system_type: 'SMPP',
  interface_version: 0x34,
  addr_ton: 1,
  addr_npi: 1,
  address_range: '4477',
}
const MESSAGE = {
  service_type: 'CMT',
  ...SOURCE,
  esm_class: 0x40,
  protocol_id: 0,
  priority_flag: 1,
  schedule_delivery_time: '261224180000004+',
  validity_period: '000002000000000R',
  registered_delivery: 1,
  replace_if_present_flag: 0,
  data_coding: 0,
  sm_default_msg_id: 0,
  short_message: Buffer.concat([Buffer.from('0500030a0201', 'hex'), Buffer.from('Hello')]),
}
const BROADCAST = {
  service_type: 'CBS',
  ...SOURCE,
  message_id: 'b-1',
  priority_flag: 0,
  schedule_delivery_time: '',
  validity_period: '000002000000000R',
  replace_if_present_flag: 0,
  data_coding: 0,
  sm_default_msg_id: 0,
}

/** One of every PDU that the codec writes, every field set. */
const ONE_OF_EACH: { readonly [Name in CommandName]: Extract<PduInput, { command: Name }> } = {
  bind_receiver: { command: 'bind_receiver', ...BIND },
  bind_receiver_resp: { command: 'bind_receiver_resp', system_id: 'smsc' },
  bind_transmitter: { command: 'bind_transmitter', ...BIND },
  bind_transmitter_resp: { command: 'bind_transmitter_resp', system_id: 'smsc' },
  bind_transceiver: { command: 'bind_transceiver', ...BIND },
  bind_transceiver_resp: { command: 'bind_transceiver_resp', system_id: 'smsc' },
  outbind: { command: 'outbind', system_id: 'smsc', password: 'secret08' },
  unbind: { command: 'unbind' },
  unbind_resp: { command: 'unbind_resp' },
  enquire_link: { command: 'enquire_link' },
  enquire_link_resp: { command: 'enquire_link_resp' },
  generic_nack: { command: 'generic_nack', command_status: 3 },
  submit_sm: { command: 'submit_sm', ...MESSAGE, ...DESTINATION },
  submit_sm_resp: { command: 'submit_sm_resp', message_id: 'a1b2c3' },
  deliver_sm: { command: 'deliver_sm', ...MESSAGE, ...DESTINATION },
  deliver_sm_resp: { command: 'deliver_sm_resp', message_id: '' },
  submit_multi: {
    command: 'submit_multi',
    ...MESSAGE,
    dest_address: [DESTINATION, { dl_name: 'list-1' }, DESTINATION],
  },
  submit_multi_resp: {
    command: 'submit_multi_resp',
    message_id: 'm1',
    unsuccess_sme: [{ ...DESTINATION, error_status_code: 11 }],
  },
  data_sm: {
    command: 'data_sm',
    service_type: '',
    ...SOURCE,
    ...DESTINATION,
    esm_class: 0,
    registered_delivery: 1,
    data_coding: 8,
  },
  data_sm_resp: { command: 'data_sm_resp', message_id: 'd1' },
  query_sm: { command: 'query_sm', message_id: 'a1b2c3', ...SOURCE },
  query_sm_resp: {
    command: 'query_sm_resp',
    message_id: 'a1b2c3',
    final_date: '260101120000000+',
    message_state: 2,
    error_code: 0,
  },
  cancel_sm: { command: 'cancel_sm', message_id: 'a1b2c3', ...SOURCE, ...DESTINATION },
  cancel_sm_resp: { command: 'cancel_sm_resp' },
  replace_sm: {
    command: 'replace_sm',
    message_id: 'a1b2c3',
    ...SOURCE,
    schedule_delivery_time: '',
    validity_period: '000002000000000R',
    registered_delivery: 1,
    sm_default_msg_id: 0,
    short_message: Buffer.from('Hello'),
  },
  replace_sm_resp: { command: 'replace_sm_resp' },
  alert_notification: {
    command: 'alert_notification',
    ...SOURCE,
    esme_addr_ton: 1,
    esme_addr_npi: 1,
    esme_addr: '447700900124',
  },
  broadcast_sm: { command: 'broadcast_sm', ...BROADCAST },
  broadcast_sm_resp: { command: 'broadcast_sm_resp', message_id: 'b-1' },
  query_broadcast_sm: { command: 'query_broadcast_sm', message_id: 'b-1', ...SOURCE },
  query_broadcast_sm_resp: { command: 'query_broadcast_sm_resp', message_id: 'b-1' },
  cancel_broadcast_sm: {
    command: 'cancel_broadcast_sm',
    service_type: 'CBS',
    message_id: 'b-1',
    ...SOURCE,
  },
  cancel_broadcast_sm_resp: { command: 'cancel_broadcast_sm_resp' },
}

/** Parameters of each type, one of a vendor's among them. */
const TLVS: readonly Tlv[] = [
  intTlv('user_message_reference', 77),
  intTlv('sar_msg_ref_num', 513),
  intTlv('sar_total_segments', 2),
  intTlv('sar_segment_seqnum', 1),
  stringTlv('receipted_message_id', 'a1b2c3'),
  intTlv('message_state', 2),
  octetsTlv('network_error_code', Buffer.from([3, 0, 11])),
  octetsTlv('callback_num', Buffer.from([1, 1, 1, ...Buffer.from('447700900125')])),
  octetsTlv(0x1400, Buffer.from('1001234567890')),
]

/** What an operation has as parameters by the specification, where it must have some. */
const OWN_TLVS: Partial<Record<CommandName, readonly Tlv[]>> = {
  bind_receiver_resp: [intTlv('sc_interface_version', 0x34)],
  bind_transmitter_resp: [intTlv('sc_interface_version', 0x34)],
  bind_transceiver_resp: [intTlv('sc_interface_version', 0x34)],
  alert_notification: [intTlv('ms_availability_status', 0)],
  broadcast_sm: [
    octetsTlv('broadcast_area_identifier', Buffer.from([0, ...Buffer.from('Cornwall')])),
    octetsTlv('broadcast_content_type', Buffer.from([0, 0, 1])),
    octetsTlv('broadcast_frequency_interval', Buffer.from([9, 0, 10])),
  ],
  query_broadcast_sm_resp: [
    intTlv('message_state', 2),
    octetsTlv('broadcast_area_identifier', Buffer.from([0, ...Buffer.from('Cornwall')])),
    intTlv('broadcast_area_success', 100),
  ],
}

const COMMANDS = Object.keys(COMMAND_IDS) as CommandName[]
const VECTORS = PDU_VECTORS.map((vector) => encodePdu(withoutRepNum(inputOf(vector))))

describe.skipIf(!hasTshark)('tshark (skipped where it is not installed) reads', () => {
  test('one of every PDU, with and without TLVs', async () => {
    const pdus = COMMANDS.flatMap((command, index) => {
      const pdu = { sequence_number: index + 1, ...ONE_OF_EACH[command] }
      const own = OWN_TLVS[command] ?? []
      return [{ ...pdu }, { ...pdu, tlvs: own }, { ...pdu, tlvs: [...own, ...TLVS] }].map((each) =>
        encodePdu(each as PduInput),
      )
    })
    expect(pdus).toHaveLength(3 * COMMANDS.length)
    expectClean(await dissectPdus(pdus), pdus)
  })

  test('every response that refuses, with a body and without', async () => {
    const pdus = COMMANDS.filter((command) => command.endsWith('_resp')).flatMap((command) => [
      encodePdu({ command, command_status: 8 } as PduInput),
      encodePdu({ ...ONE_OF_EACH[command], command_status: 8 } as PduInput),
    ])
    expectClean(await dissectPdus(pdus), pdus)
  })

  test('every vector', async () => {
    expect(VECTORS.length).toBeGreaterThan(80)
    const changed = PDU_VECTORS.filter(
      (vector, index) => vector.hex !== VECTORS[index]?.toString('hex'),
    )
    expect(changed.map(({ name }) => name)).toEqual(['broadcast_sm'])
    expectClean(await dissectPdus(VECTORS), VECTORS)
  })

  test('every PDU with its private parts masked', async () => {
    const whole = [
      ...VECTORS,
      ...COMMANDS.map((command) => encodePdu({ ...ONE_OF_EACH[command], tlvs: TLVS } as PduInput)),
    ]
    const masked = whole.map((octets) => maskPdu({ octets, isPdu: true }, { showTexts: false }))
    expectClean(await dissectPdus(masked), whole)
  })

  test('the longest payload, which takes two packets', async () => {
    // 64 KiB with its header is as much as the dissector takes for one PDU.
    const payload = octetsTlv('message_payload', randomBytes(65_400))
    const pdu = encodePdu({ command: 'submit_sm', ...DESTINATION, tlvs: [payload] })
    const packets = await dissectPdus([pdu, encodePdu({ command: 'enquire_link' })])
    expect(packets.map(({ commands }) => commands)).toEqual([[], [4], [0x15]])
    expect(packets.flatMap(({ isMalformed, complaints }) => [isMalformed, complaints])).toEqual([
      ...[false, [], false, [], false, []],
    ])
  })

  test.each([
    ['IPv4', LOCAL, REMOTE],
    ['IPv6', { address: '2001:db8::1:2', port: 40_123 }, { address: '2001:db8:1::', port: 3600 }],
    ['mapped', { address: '::1', port: 1 }, { address: '::ffff:10.0.0.1', port: 3600 }],
  ])('addresses, ports, sequence and acknowledgement numbers: %s', async (_name, local, remote) => {
    const link = encodePdu({ command: 'enquire_link', sequence_number: 1 })
    const answer = encodePdu({ command: 'enquire_link_resp', sequence_number: 1 })
    const passage = (isSent: boolean, octets: Buffer, streamOffset: number) => ({
      at: 1_700_000_000_123,
      isSent,
      octets,
      wireOctets: octets.length,
      streamOffset,
    })
    const passages = [
      passage(true, link, 1000),
      passage(false, answer, 2 ** 32 - 17),
      passage(false, link, 2 ** 32 - 1),
      passage(true, answer, 1016),
    ]
    const packets = await dissect(writePcap({ local, remote, passages }), remote.port)
    const here = expect.stringMatching(new RegExp(`^.+ ${local.port}$`))
    const there = expect.stringMatching(new RegExp(`^.+ ${remote.port}$`))
    const clean = { isMalformed: false, complaints: [], protocol: 'SMPP' }
    expect(packets).toEqual([
      {
        ...clean,
        source: here,
        destination: there,
        sequence: 1001,
        acknowledged: 2 ** 32 - 16,
        commands: [0x15],
      },
      {
        ...clean,
        source: there,
        destination: here,
        sequence: 2 ** 32 - 16,
        acknowledged: 1017,
        commands: [0x80000015],
      },
      {
        ...clean,
        source: there,
        destination: here,
        sequence: 0,
        acknowledged: 1017,
        commands: [0x15],
      },
      {
        ...clean,
        source: here,
        destination: there,
        sequence: 1017,
        acknowledged: 16,
        commands: [0x80000015],
      },
    ])
    if (local.address.includes('db8')) expect(packets[0]?.source).toBe('2001:db8::1:2 40123')
  })
})
