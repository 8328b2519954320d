import { GatewayError } from '../core/errors.ts'
import type { PassThrough } from '../core/pass-through.ts'
import { decodeText, readDataCoding } from '../encoding/data-coding.ts'
import { readUserData } from '../encoding/reassembly.ts'
import type { MessageRequest } from '../messages/intake.ts'
import type { Message, RawContent, RequestedEncoding } from '../messages/message.ts'
import type { MessageChangeWish } from '../messages/replacement.ts'
import type { TellingPayload } from '../messages/telling.ts'
import type {
  DataSm,
  DestAddress,
  PduInput,
  ReplaceSm,
  SubmitMulti,
  SubmitSm,
} from '../smpp/pdu.ts'
import { formatReceipt } from '../smpp/receipt-format.ts'
import { type MessageState, STATES } from '../smpp/receipt-state.ts'
import { formatRelativeTime, parseSmppTime, resolveSmppTime } from '../smpp/time.ts'
import { findTlv, TlvTag, tlvInt } from '../smpp/tlv.ts'
import type { ReceiptDialect } from './account.ts'
import { stateOf } from './message-state.ts'

const DEFAULT_ALPHABET = 0x00
const ASCII = 0x01
const LATIN1 = 0x03
const UCS2 = 0x08
const UDH_INDICATOR = 0x40
const HIGHEST_PRIORITY = 3
/** Octets of one segment on the radio interface, 3GPP TS 23.040 section 9.2.3.24. */
const RADIO_OCTETS = 140
const TON_INTERNATIONAL = 1
const TON_ALPHANUMERIC = 5
const MAX_RAW_OCTETS = 254

/** Longer validities are cut, as SMSCs do: 30 days, the most that the HTTP API takes. */
const MAX_VALIDITY_SECONDS = 2_592_000

/**
 * The request that a partner's submit_sm makes.
 *
 * What it says beside text and addresses goes with it, see {@link PassThrough}.
 *
 * @param now - what relative times count from
 * @throws {GatewayError} `send_at_invalid`, `validity_invalid`, `priority_invalid`, `text_too_long`
 */
export function requestOf(pdu: SubmitSm, systemId: string, now: Date): MessageRequest {
  const sendAt = readSchedule(pdu.schedule_delivery_time, now)
  const { text, raw, encoding, dataCoding } = contentOf(pdu)
  return {
    source: 'smpp',
    partner: systemId,
    to: pdu.destination_addr,
    from: senderOf(pdu),
    text,
    raw,
    passThrough: passThroughOf(pdu, dataCoding),
    registeredDelivery: pdu.registered_delivery,
    encoding,
    trafficClass: 'transactional',
    maxSegments: null,
    clientReference: null,
    callbackUrl: null,
    sendAt,
    validitySeconds: readValidity(pdu.validity_period, now, sendAt ?? now),
  }
}

/**
 * The submit_sm that says the same as a data_sm: its text is in `message_payload`, and its validity in
 * `qos_time_to_live`.
 *
 * @see SMPP v3.4, section 4.7
 */
export function submitOf(pdu: DataSm): SubmitSm {
  const seconds = tlvInt(pdu.tlvs, TlvTag.qos_time_to_live)
  return {
    ...pdu,
    command: 'submit_sm',
    protocol_id: 0,
    priority_flag: 0,
    schedule_delivery_time: '',
    validity_period:
      seconds === undefined ? '' : formatRelativeTime(Math.min(seconds, MAX_VALIDITY_SECONDS)),
    replace_if_present_flag: 0,
    sm_default_msg_id: 0,
    short_message: Buffer.alloc(0),
  }
}

/** An address of a submit_multi that is no distribution list. */
export type SmeAddress = Exclude<DestAddress, { dl_name: string }>

/** The submit_sm that a submit_multi makes to one of its destinations. */
export function submitTo(pdu: SubmitMulti, address: SmeAddress): SubmitSm {
  const { dest_address: _, ...shared } = pdu
  return { ...shared, ...address, command: 'submit_sm' }
}

/**
 * What a replace_sm changes in a message. Empty times and an empty text stay as they are; the text
 * comes in the data_coding of the original, because the PDU names none.
 *
 * @throws {GatewayError} `send_at_invalid`, `validity_invalid`
 * @see SMPP v3.4, section 4.10
 */
export function changeOf(pdu: ReplaceSm, message: Message, now: Date): MessageChangeWish {
  const { schedule_delivery_time: schedule, validity_period, registered_delivery } = pdu
  const sendAt = schedule === '' ? undefined : readSchedule(schedule, now)
  const startAt = sendAt ?? (message.status === 'scheduled' ? message.dueAt : null) ?? now
  const seconds = readValidity(validity_period, now, startAt)
  return {
    ...newContent(pdu, message),
    sendAt,
    expiresAt: seconds === null ? undefined : new Date(startAt.getTime() + seconds * 1_000),
    registeredDelivery: registered_delivery,
  }
}

function newContent(pdu: ReplaceSm, message: Message): MessageChangeWish {
  const payload = findTlv(pdu.tlvs, TlvTag.message_payload)
  const octets = pdu.short_message.length > 0 || !payload ? pdu.short_message : payload
  if (octets.length === 0) return {}
  const { raw, passThrough, requestedEncoding } = message
  const textCoding = requestedEncoding === 'ucs2' ? UCS2 : DEFAULT_ALPHABET
  const dataCoding = raw?.dataCoding ?? passThrough?.dataCoding ?? textCoding
  const text = decodeText(octets, dataCoding).text ?? ''
  if (!raw) return { text }
  const isText = message.text !== ''
  requireFits(octets, isText ? RADIO_OCTETS : MAX_RAW_OCTETS)
  return { octets: Buffer.from(octets), text: isText ? text : '' }
}

/** @see SMPP v3.4, section 5.2.15 (schedule_delivery_time) */
function readSchedule(text: string, now: Date): Date | null {
  if (text === '') return null
  const time = parseSmppTime(text)
  if (time) return resolveSmppTime(time, now)
  throw new GatewayError('send_at_invalid', `schedule_delivery_time "${text}" is no time`)
}

/**
 * Seconds from the instant of sending to the end of the validity, which the PDU counts from now.
 *
 * @see SMPP v3.4, section 5.2.16 (validity_period)
 */
function readValidity(text: string, now: Date, startAt: Date): number | null {
  if (text === '') return null
  const time = parseSmppTime(text)
  if (!time) throw new GatewayError('validity_invalid', `validity_period "${text}" is no time`)
  const seconds = Math.round((resolveSmppTime(time, now).getTime() - startAt.getTime()) / 1_000)
  if (seconds > 0) return Math.min(seconds, MAX_VALIDITY_SECONDS)
  throw new GatewayError('validity_invalid', `validity_period "${text}" ends before it begins`)
}

/** What a submit_sm carries, and how it is to go on. */
interface SubmitContent {
  readonly text: string
  readonly raw: RawContent | null
  readonly encoding: RequestedEncoding
  /** For a text whose segments are to keep it; null: the one of its encoding. */
  readonly dataCoding: number | null
}

/**
 * Segments, binary octets and what fits one segment in an alphabet of its own go on as they came.
 * Any other text is decoded: each carrier gets it in its alphabet, and split in its way.
 */
function contentOf(pdu: SubmitSm): SubmitContent {
  const { esm_class: esmClass, data_coding: dataCoding } = pdu
  const { octets, udh, concat } = readUserData(esmClass, pdu.short_message, pdu.tlvs)
  if (udh) return rawContent(wholeOf(pdu), UDH_INDICATOR, dataCoding)
  const { charset } = readDataCoding(dataCoding)
  const { text } = decodeText(octets, dataCoding)
  if (text === undefined || concat) return rawContent(octets, 0, dataCoding)
  if (dataCoding === DEFAULT_ALPHABET) return { ...WHOLE, text, encoding: 'auto' }
  if (dataCoding === UCS2) return { ...WHOLE, text, encoding: 'ucs2' }
  // A text with a message class, such as flash: split like any other, it keeps its class.
  const isGsm = charset === 'gsm7' || charset === 'ucs2'
  if (isGsm && !text.includes(UNREADABLE)) return { ...WHOLE, text, encoding: charset, dataCoding }
  const isOneSegment = octets.length <= (isGsm ? MAX_RAW_OCTETS : RADIO_OCTETS)
  if (isOneSegment) return rawContent(octets, 0, dataCoding, isTranscodable(dataCoding) ? text : '')
  return { ...WHOLE, text, encoding: 'auto' }
}

/** What octets without a meaning are decoded to. */
const UNREADABLE = '\ufffd'
const WHOLE = { raw: null, dataCoding: null } as const

/** Alphabets that a carrier's own can take the place of without loss. */
function isTranscodable(dataCoding: number): boolean {
  return dataCoding === ASCII || dataCoding === LATIN1
}

/** The octets with their user data header. */
function wholeOf({ short_message: message, tlvs }: SubmitSm): Buffer {
  return message.length > 0 ? message : (findTlv(tlvs, TlvTag.message_payload) ?? message)
}

function rawContent(
  octets: Buffer,
  esmClass: number,
  dataCoding: number,
  text = '',
): SubmitContent {
  requireFits(octets, MAX_RAW_OCTETS)
  const raw = { octets: Buffer.from(octets), esmClass, dataCoding }
  return { text, raw, encoding: 'auto', dataCoding: null }
}

/** Parameters that say how the text came, or that belong to responses and receipts. */
const NOT_PASSED = new Set<number>([
  TlvTag.message_payload,
  TlvTag.sar_msg_ref_num,
  TlvTag.sar_total_segments,
  TlvTag.sar_segment_seqnum,
  TlvTag.sc_interface_version,
  TlvTag.receipted_message_id,
  TlvTag.message_state,
  TlvTag.network_error_code,
  TlvTag.delivery_failure_reason,
  TlvTag.additional_status_info_text,
  TlvTag.congestion_state,
])

/** What else it says; null where that is nothing. */
function passThroughOf(pdu: SubmitSm, dataCoding: number | null): PassThrough | null {
  if (pdu.priority_flag > HIGHEST_PRIORITY) {
    throw new GatewayError(
      'priority_invalid',
      `priority_flag is ${pdu.priority_flag}: 0 to ${HIGHEST_PRIORITY}`,
    )
  }
  const { concat } = readUserData(pdu.esm_class, pdu.short_message, pdu.tlvs)
  const passThrough: PassThrough = {
    serviceType: pdu.service_type,
    protocolId: pdu.protocol_id,
    priorityFlag: pdu.priority_flag,
    esmClass: pdu.esm_class & ~UDH_INDICATOR,
    dataCoding,
    concat: concat
      ? { reference: concat.reference, total: concat.total, sequence: concat.sequence }
      : null,
    tlvs: pdu.tlvs
      .filter(({ tag }) => !NOT_PASSED.has(tag))
      .map(({ tag, value }) => ({ tag, value: Buffer.from(value) })),
  }
  return isPlain(passThrough) ? null : passThrough
}

function isPlain(passThrough: PassThrough): boolean {
  const { serviceType, protocolId, priorityFlag, esmClass, dataCoding, concat, tlvs } = passThrough
  const isWhole = dataCoding === null && concat === null && tlvs.length === 0
  return isWhole && serviceType === '' && protocolId + priorityFlag + esmClass === 0
}

function requireFits(octets: Buffer, max: number): void {
  if (octets.length <= max) return
  throw new GatewayError(
    'text_too_long',
    `${octets.length} octets cannot pass through in one segment: ${max} at most`,
  )
}

/** The sender of a PDU as {@link MessageRequest} takes it. */
export function senderOf(pdu: {
  readonly source_addr_ton: number
  readonly source_addr: string
}): string {
  const isNumber = pdu.source_addr_ton === TON_INTERNATIONAL && /^\d+$/.test(pdu.source_addr)
  return isNumber ? `+${pdu.source_addr}` : pdu.source_addr
}

/** The version that a receipt is written for; undefined: the bind's. */
const VERSION_FOR_TLVS: Readonly<Record<ReceiptDialect['tlvs'], number | undefined>> = {
  auto: undefined,
  always: 0x34,
  never: 0x33,
}

/** The deliver_sm that carries a receipt to a partner. */
export function receiptPdu(
  payload: TellingPayload,
  interfaceVersion: number,
  dialect: ReceiptDialect,
): PduInput {
  const carrierState = knownState(payload.carrierState)
  const receipt = formatReceipt(
    {
      id: payload.partnerMessageId ?? payload.messageId,
      state: carrierState ?? stateOf(payload.status, interfaceVersion),
      intermediate: carrierState !== undefined,
      submittedAt: new Date(payload.submittedAt),
      doneAt: new Date(payload.doneAt),
      errorCode: /^\d{1,3}$/.test(payload.rawError ?? '') ? Number(payload.rawError) : 0,
    },
    VERSION_FOR_TLVS[dialect.tlvs] ?? interfaceVersion,
    dialect,
  )
  return {
    command: 'deliver_sm',
    source_addr_ton: TON_INTERNATIONAL,
    source_addr_npi: 1,
    source_addr: withoutPlus(payload.to),
    ...destination(payload.from),
    ...receipt,
  }
}

/** The state by which a carrier's word is passed on; undefined: the payload is about an event. */
function knownState(state: string | undefined): MessageState | undefined {
  if (state === undefined) return undefined
  return state in STATES ? (state as MessageState) : 'UNKNOWN'
}

/** The sender id of the message, which its receipt goes to. */
function destination(from: string) {
  const address = withoutPlus(from)
  const isName = /\D/.test(address)
  return {
    dest_addr_ton: isName ? TON_ALPHANUMERIC : from.startsWith('+') ? TON_INTERNATIONAL : 0,
    dest_addr_npi: isName ? 0 : 1,
    destination_addr: address,
  }
}

function withoutPlus(address: string): string {
  return address.startsWith('+') ? address.slice(1) : address
}
