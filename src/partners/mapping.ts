import type { PartnerAccess, PartnerAlphabet } from '../config/partner-access.ts'
import { GatewayError } from '../core/errors.ts'
import { NO_TAGS } from '../core/message-tags.ts'
import {
  MAX_PASSED_OCTETS,
  MAX_PASSED_TLVS,
  type PassThrough,
  type SegmentPlace,
} from '../core/pass-through.ts'
import { readDataCoding } from '../encoding/data-coding.ts'
import { type ReceivedUserData, readUserData } from '../encoding/reassembly.ts'
import type { RawContent, RequestedEncoding } from '../messages/message.ts'
import type { MessageRequest } from '../messages/message-request.ts'
import type { SubmitSm } from '../smpp/pdu.ts'
import { findTlv, TlvTag } from '../smpp/tlv.ts'
import { inCommonAlphabet, textOf } from './partner-alphabet.ts'
import { readSchedule, readValidity } from './times.ts'

/** data_coding of a text in the SMSC's alphabet, and of one in UCS-2. */
export const DEFAULT_ALPHABET = 0x00
export const UCS2 = 0x08
const ASCII = 0x01
const LATIN1 = 0x03
const UDH_INDICATOR = 0x40
const HIGHEST_PRIORITY = 3
/** Octets of one segment on the radio interface, 3GPP TS 23.040 section 9.2.3.24. */
export const RADIO_OCTETS = 140
const TON_INTERNATIONAL = 1
/** The most that short_message holds. */
export const MAX_RAW_OCTETS = 254

/** What an account says of its submits that they do not say themselves. */
export type SubmitDefaults = Pick<PartnerAccess, 'defaultAlphabet' | 'tags' | 'expectsReply'>

const NO_DEFAULTS: SubmitDefaults = { defaultAlphabet: 'gsm7', tags: NO_TAGS, expectsReply: false }

/**
 * The request that a partner's submit_sm makes.
 *
 * What it says beside text and addresses goes with it, see {@link PassThrough}.
 *
 * @param now - what relative times count from
 * @param account - what holds for all submits of the partner
 * @throws {GatewayError} `send_at_invalid`, `validity_invalid`, `priority_invalid`, `tlvs_too_many`,
 * `text_too_long`
 */
export function requestOf(
  pdu: SubmitSm,
  systemId: string,
  now: Date,
  { defaultAlphabet, tags, expectsReply }: SubmitDefaults = NO_DEFAULTS,
): MessageRequest {
  const sendAt = readSchedule(pdu.schedule_delivery_time, now)
  const userData = readUserData(pdu.esm_class, pdu.short_message, pdu.tlvs)
  const { text, raw, encoding, dataCoding } = contentOf(pdu, userData, defaultAlphabet)
  return {
    source: 'smpp',
    partner: systemId,
    to: pdu.destination_addr,
    from: senderOf(pdu),
    text,
    raw,
    passThrough: passThroughOf(pdu, userData.concat ?? null, dataCoding),
    registeredDelivery: pdu.registered_delivery,
    encoding,
    trafficClass: 'transactional',
    tags,
    expectsReply,
    maxSegments: null,
    clientReference: null,
    callbackUrl: null,
    sendAt,
    validitySeconds: readValidity(pdu.validity_period, now, sendAt ?? now),
  }
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
function contentOf(
  pdu: SubmitSm,
  { octets, udh, concat }: ReceivedUserData,
  alphabet: PartnerAlphabet,
): SubmitContent {
  const { data_coding: dataCoding } = pdu
  const segment = { octets, esmClass: 0, dataCoding }
  if (udh) {
    const whole = { octets: wholeOf(pdu), esmClass: UDH_INDICATOR, dataCoding }
    return rawContent(inCommonAlphabet(whole, alphabet))
  }
  const text = textOf(octets, dataCoding, alphabet)
  if (text === undefined || concat) return rawContent(inCommonAlphabet(segment, alphabet))
  if (dataCoding === DEFAULT_ALPHABET) return wholeText(text, 'auto')
  if (dataCoding === UCS2) return wholeText(text, 'ucs2')
  // A text with a message class, such as flash: split like any other, it keeps its class.
  const { charset } = readDataCoding(dataCoding)
  const isGsm = charset === 'gsm7' || charset === 'ucs2'
  if (isGsm && !text.includes(UNREADABLE)) return wholeText(text, charset, dataCoding)
  const isOneSegment = octets.length <= (isGsm ? MAX_RAW_OCTETS : RADIO_OCTETS)
  if (isOneSegment) return rawContent(segment, isTranscodable(dataCoding) ? text : '')
  return wholeText(text, 'auto')
}

/** What octets without a meaning are decoded to. */
const UNREADABLE = '\ufffd'

function wholeText(
  text: string,
  encoding: SubmitContent['encoding'],
  dataCoding: number | null = null,
): SubmitContent {
  return { text, raw: null, encoding, dataCoding }
}

/** Alphabets that a carrier's own can take the place of without loss. */
function isTranscodable(dataCoding: number): boolean {
  return dataCoding === ASCII || dataCoding === LATIN1
}

/** The octets with their user data header. */
function wholeOf({ short_message: message, tlvs }: SubmitSm): Buffer {
  return message.length > 0 ? message : (findTlv(tlvs, TlvTag.message_payload) ?? message)
}

function rawContent({ octets, ...how }: RawContent, text = ''): SubmitContent {
  if (octets.length > MAX_RAW_OCTETS) {
    throw new GatewayError(
      'text_too_long',
      `${octets.length} octets cannot pass through in one segment: ${MAX_RAW_OCTETS} at most`,
    )
  }
  const raw = { octets: Buffer.from(octets), ...how }
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
function passThroughOf(
  pdu: SubmitSm,
  concat: SegmentPlace | null,
  dataCoding: number | null,
): PassThrough | null {
  if (pdu.priority_flag > HIGHEST_PRIORITY) {
    throw new GatewayError(
      'priority_invalid',
      `priority_flag is ${pdu.priority_flag}: 0 to ${HIGHEST_PRIORITY}`,
    )
  }
  const passThrough: PassThrough = {
    serviceType: pdu.service_type,
    protocolId: pdu.protocol_id,
    priorityFlag: pdu.priority_flag,
    esmClass: pdu.esm_class & ~UDH_INDICATOR,
    dataCoding,
    concat: concat
      ? { reference: concat.reference, total: concat.total, sequence: concat.sequence }
      : null,
    tlvs: passedTlvs(pdu),
  }
  return isPlain(passThrough) ? null : passThrough
}

/** A PDU has room for 16,000 of them, and each is kept as long as the message is. */
function passedTlvs({ tlvs }: SubmitSm): PassThrough['tlvs'] {
  if (tlvs.length === 0) return tlvs
  const passed = tlvs.filter(({ tag }) => !NOT_PASSED.has(tag))
  const octets = passed.reduce((sum, { value }) => sum + value.length, 0)
  if (passed.length > MAX_PASSED_TLVS || octets > MAX_PASSED_OCTETS) {
    throw new GatewayError(
      'tlvs_too_many',
      `${passed.length} optional parameters of ${octets} octets: at most ${MAX_PASSED_TLVS} of ${MAX_PASSED_OCTETS}`,
    )
  }
  return passed.map(({ tag, value }) => ({ tag, value: Buffer.from(value) }))
}

function isPlain(passThrough: PassThrough): boolean {
  const { serviceType, protocolId, priorityFlag, esmClass, dataCoding, concat, tlvs } = passThrough
  const isWhole = dataCoding === null && concat === null && tlvs.length === 0
  return isWhole && serviceType === '' && protocolId + priorityFlag + esmClass === 0
}

/**
 * Refuses octets that are too many to pass through as they are.
 *
 * @throws {GatewayError} `text_too_long`
 */
export function requireFits(octets: Buffer, max: number): void {
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
