import fc from 'fast-check'
import { ID_PROFILES, idsMatch, receiptKeys, responseKey } from '../../../src/smpp/id-profile.ts'
import type { DataSm, DeliverSm } from '../../../src/smpp/pdu.ts'
import { deliveryKind, parseReceipt, receiptIds } from '../../../src/smpp/receipt.ts'
import { TlvTag } from '../../../src/smpp/tlv.ts'
import { anyOctets, mutated } from '../mutation.ts'
import { RECEIPT_SEEDS } from '../seeds.ts'
import type { FuzzTarget } from '../target.ts'

/** The longest key that is looked up in the tables. */
const MAX_KEY_LENGTH = 128

interface Delivery {
  readonly pdu: DeliverSm | DataSm
  readonly heuristic: boolean
}

const tlvs = fc.array(
  fc.record({
    tag: fc.constantFrom(
      TlvTag.receipted_message_id,
      TlvTag.message_state,
      TlvTag.network_error_code,
      TlvTag.user_message_reference,
    ),
    value: anyOctets(70),
  }),
  { maxLength: 4 },
)

const texts = fc.oneof(
  { weight: 5, arbitrary: mutated(RECEIPT_SEEDS) },
  anyOctets(120),
  fc.constantFrom(
    Buffer.from('id:'.repeat(20_000)),
    Buffer.from(`id:${' '.repeat(60_000)}stat:`),
    Buffer.from(`id:1 sub:001 ${'stat:'.repeat(10_000)}`),
    Buffer.alloc(60_000),
    Buffer.alloc(60_000, 'text:'),
  ),
)

/** Whatever a carrier writes into a receipt gives a receipt with at most what it wrote. */
export const receiptTarget: FuzzTarget<Delivery> = {
  name: 'receipt parser',
  cases: fc
    .record({
      text: texts,
      esm_class: fc.constantFrom(0, 4, 0x20, 0x44, 0x08, 0x18, 0x40, 0xff),
      data_coding: fc.constantFrom(0, 1, 3, 4, 8, 0xf5),
      inPayload: fc.boolean(),
      heuristic: fc.boolean(),
      tlvs,
    })
    .map(({ text, esm_class, data_coding, inPayload, heuristic, tlvs }) => ({
      heuristic,
      pdu: deliveryOf(text, esm_class, data_coding, inPayload, tlvs),
    })),
  check({ pdu, heuristic }) {
    const receipt = parseReceipt(pdu, { heuristic, dateOffsetMinutes: 480 })
    const kind = deliveryKind(pdu.esm_class)
    if (receipt === undefined) {
      if (kind === 'receipt' || kind === 'intermediate') throw new Error(`a ${kind} gave none`)
      return 'no receipt'
    }
    if (receipt.intermediate && receipt.final !== false) throw new Error('final and intermediate')
    for (const at of [receipt.submit?.at, receipt.done?.at]) {
      if (at !== undefined && Number.isNaN(at.getTime())) throw new Error('a date that is none')
    }
    const ids = receiptIds(receipt)
    for (const profile of ID_PROFILES) {
      for (const key of [
        ...receiptKeys(ids, profile),
        ...ids.map((id) => responseKey(id, profile)),
      ]) {
        if (key.length > MAX_KEY_LENGTH) throw new Error(`a key of ${key.length} characters`)
      }
      for (const id of ids) {
        if (!idsMatch(id, id, profile)) throw new Error(`${id} is not itself under ${profile}`)
      }
    }
    return receipt.state === null ? 'without a state' : 'with a state'
  },
}

function deliveryOf(
  text: Buffer,
  esm_class: number,
  data_coding: number,
  inPayload: boolean,
  tlvs: DeliverSm['tlvs'],
): DeliverSm | DataSm {
  const header = { command_status: 0, sequence_number: 1, service_type: '', esm_class, data_coding }
  const addresses = {
    source_addr_ton: 1,
    source_addr_npi: 1,
    source_addr: '447700900123',
    dest_addr_ton: 5,
    dest_addr_npi: 0,
    destination_addr: 'ACME',
  }
  const payload = { tag: TlvTag.message_payload, value: text }
  if (inPayload || text.length > 255) {
    const all = [...tlvs, payload]
    return { command: 'data_sm', ...header, ...addresses, registered_delivery: 0, tlvs: all }
  }
  return {
    command: 'deliver_sm',
    ...header,
    ...addresses,
    protocol_id: 0,
    priority_flag: 0,
    schedule_delivery_time: '',
    validity_period: '',
    registered_delivery: 0,
    replace_if_present_flag: 0,
    sm_default_msg_id: 0,
    short_message: text,
    tlvs,
  }
}
