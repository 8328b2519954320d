import type smpp from 'smpp'
import type { Address } from './delivery.ts'

/** A `submit_sm` as the simulated carrier received it. */
export interface ReceivedSubmit {
  readonly from: Address
  readonly to: Address
  /** Text of this segment, decoded by the `smpp` package; octets it cannot decode as hexadecimal. */
  readonly text: string
  readonly dataCoding: number
  readonly esmClass: number
  readonly registeredDelivery: number
  /** When the carrier is to give up; undefined: the submit does not say. */
  readonly validUntil: Date | undefined
  readonly sequence: number
  /** Place in a long message, from the user data header or the SAR parameters. */
  readonly part:
    | { readonly reference: number; readonly total: number; readonly number: number }
    | undefined
  readonly receivedAt: Date
  /** The id that was answered; undefined when it was refused. */
  messageId: string | undefined
  /** `command_status` of the response; undefined when there was none. */
  status: number | undefined
  /** The truth, whatever receipts say; undefined when it was not taken. */
  isDelivered: boolean | undefined
}

/** A message put together from its segments. */
export interface ReceivedMessage {
  readonly from: string
  readonly to: string
  readonly text: string
  readonly segments: readonly ReceivedSubmit[]
}

const CONCAT_8 = 0x00
const CONCAT_16 = 0x08

/** Reads the fields of a `submit_sm` that the `smpp` package has decoded. */
export function readSubmit(pdu: smpp.PDU, receivedAt: Date): ReceivedSubmit {
  const value = pdu.message_payload ?? pdu.short_message
  return {
    from: address(pdu.source_addr_ton, pdu.source_addr_npi, pdu.source_addr),
    to: address(pdu.dest_addr_ton, pdu.dest_addr_npi, pdu.destination_addr),
    text: textOf(value?.message),
    dataCoding: Number(pdu.data_coding ?? 0),
    esmClass: Number(pdu.esm_class ?? 0),
    registeredDelivery: Number(pdu.registered_delivery ?? 0),
    validUntil: instantOf(pdu.validity_period),
    sequence: pdu.sequence_number,
    part: partOf(pdu, value?.udh),
    receivedAt,
    messageId: undefined,
    status: undefined,
    isDelivered: undefined,
  }
}

/** Puts accepted segments together; messages with a missing segment are left out. */
export function assemble(submits: readonly ReceivedSubmit[]): ReceivedMessage[] {
  const messages: ReceivedMessage[] = []
  const open = new Map<string, Map<number, ReceivedSubmit>>()
  for (const submit of submits) {
    if (submit.messageId === undefined) continue
    if (submit.part === undefined) {
      messages.push(message([submit]))
      continue
    }
    const { reference, total, number } = submit.part
    const key = JSON.stringify([submit.from.address, submit.to.address, reference, total])
    const parts = open.get(key) ?? new Map<number, ReceivedSubmit>()
    parts.set(number, submit)
    open.set(key, parts)
    if (parts.size === total) {
      open.delete(key)
      messages.push(message([...parts].sort(([a], [b]) => a - b).map(([, part]) => part)))
    }
  }
  return messages
}

function message(segments: readonly ReceivedSubmit[]): ReceivedMessage {
  const [first] = segments
  return {
    from: first?.from.address ?? '',
    to: first?.to.address ?? '',
    text: segments.map(({ text }) => text).join(''),
    segments,
  }
}

function address(ton: unknown, npi: unknown, text: unknown): Address {
  return { ton: Number(ton ?? 0), npi: Number(npi ?? 0), address: String(text ?? '') }
}

// The package makes instants of absolute and relative times alike, invalid ones of anything else.
function instantOf(time: unknown): Date | undefined {
  return time instanceof Date && !Number.isNaN(time.getTime()) ? time : undefined
}

function textOf(value: unknown): string {
  return Buffer.isBuffer(value) ? value.toString('hex') : String(value ?? '')
}

function partOf(pdu: smpp.PDU, udh: unknown): ReceivedSubmit['part'] {
  if (pdu.sar_msg_ref_num !== undefined) {
    return {
      reference: Number(pdu.sar_msg_ref_num),
      total: Number(pdu.sar_total_segments),
      number: Number(pdu.sar_segment_seqnum),
    }
  }
  if (!Array.isArray(udh)) return undefined
  for (const element of udh) {
    if (!Buffer.isBuffer(element)) continue
    const [id, length, a = 0, b = 0, c = 0, d = 0] = element
    if (id === CONCAT_8 && length === 3) return { reference: a, total: b, number: c }
    if (id === CONCAT_16 && length === 4) return { reference: a * 256 + b, total: c, number: d }
  }
  return undefined
}
