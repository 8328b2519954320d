import { GatewayError } from '../core/errors.ts'
import { decodeText } from '../encoding/data-coding.ts'
import { readUserData } from '../encoding/reassembly.ts'
import { buildUdh, concatElement } from '../encoding/udh.ts'
import type { MessageRequest } from '../messages/intake.ts'
import type { RawContent } from '../messages/message.ts'
import type { TellingPayload } from '../messages/telling.ts'
import type { PduInput, SubmitSm } from '../smpp/pdu.ts'
import { formatReceipt } from '../smpp/receipt-format.ts'
import type { MessageState } from '../smpp/receipt-state.ts'
import { parseSmppTime, resolveSmppTime } from '../smpp/time.ts'
import { findTlv, TlvTag } from '../smpp/tlv.ts'

/** data_coding values whose octets are nothing but text; anything else passes through as it is. */
const PLAIN_TEXT = new Set([0x00, 0x01, 0x03, 0x08])
const UCS2 = 0x08
const UDH_INDICATOR = 0x40
const TON_INTERNATIONAL = 1
const TON_ALPHANUMERIC = 5
const MAX_RAW_OCTETS = 254

/** Longer validities are cut, as SMSCs do: 30 days, the most that the HTTP API takes. */
const MAX_VALIDITY_SECONDS = 2_592_000

/**
 * The request that a partner's submit_sm makes.
 *
 * Plain text is decoded, so that the carrier gets it in its own alphabet. Segments with a user data
 * header, binary and flash messages pass through octet by octet; SAR segments get the header that
 * says the same.
 *
 * @param now - what relative times count from
 * @throws {GatewayError} `send_at_invalid`, `validity_invalid`, `text_too_long`
 */
export function requestOf(pdu: SubmitSm, systemId: string, now: Date): MessageRequest {
  const sendAt = readSchedule(pdu.schedule_delivery_time, now)
  const { text, raw } = contentOf(pdu)
  return {
    source: 'smpp',
    partner: systemId,
    to: pdu.destination_addr,
    from: senderOf(pdu),
    text,
    raw,
    registeredDelivery: pdu.registered_delivery,
    encoding: pdu.data_coding === UCS2 ? 'ucs2' : 'auto',
    trafficClass: 'transactional',
    maxSegments: null,
    clientReference: null,
    callbackUrl: null,
    sendAt,
    validitySeconds: readValidity(pdu.validity_period, now, sendAt ?? now),
  }
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

function contentOf(pdu: SubmitSm): { text: string; raw: RawContent | null } {
  const dataCoding = pdu.data_coding
  const payload = findTlv(pdu.tlvs, TlvTag.message_payload)
  const octets = pdu.short_message.length > 0 || !payload ? pdu.short_message : payload
  const { concat } = readUserData(pdu.esm_class, pdu.short_message, pdu.tlvs)
  if (concat?.method === 'sar') {
    const header = buildUdh([concatElement({ ...concat, method: 'udh16' })])
    return rawContent(Buffer.concat([header, octets]), UDH_INDICATOR, dataCoding)
  }
  if (pdu.esm_class & UDH_INDICATOR || !PLAIN_TEXT.has(dataCoding)) {
    return rawContent(Buffer.from(octets), pdu.esm_class, dataCoding)
  }
  const { text } = decodeText(octets, dataCoding)
  return text === undefined
    ? rawContent(Buffer.from(octets), pdu.esm_class, dataCoding)
    : { text, raw: null }
}

function rawContent(
  octets: Buffer,
  esmClass: number,
  dataCoding: number,
): { text: string; raw: RawContent } {
  if (octets.length > MAX_RAW_OCTETS) {
    throw new GatewayError(
      'text_too_long',
      `${octets.length} octets cannot pass through in one segment: ${MAX_RAW_OCTETS} at most`,
    )
  }
  return { text: '', raw: { octets, esmClass, dataCoding } }
}

function senderOf(pdu: SubmitSm): string {
  const isNumber = pdu.source_addr_ton === TON_INTERNATIONAL && /^\d+$/.test(pdu.source_addr)
  return isNumber ? `+${pdu.source_addr}` : pdu.source_addr
}

const STATE_BY_STATUS: Readonly<Record<string, MessageState>> = {
  delivered: 'DELIVERED',
  undelivered: 'UNDELIVERABLE',
  expired: 'EXPIRED',
  failed: 'REJECTED',
  canceled: 'DELETED',
  unconfirmed: 'UNKNOWN',
}

/** The deliver_sm that carries a receipt to a partner. */
export function receiptPdu(payload: TellingPayload, interfaceVersion: number): PduInput {
  const receipt = formatReceipt(
    {
      id: payload.messageId,
      state: STATE_BY_STATUS[payload.status] ?? 'UNKNOWN',
      submittedAt: new Date(payload.submittedAt),
      doneAt: new Date(payload.doneAt),
      errorCode: /^\d{1,3}$/.test(payload.rawError ?? '') ? Number(payload.rawError) : 0,
    },
    interfaceVersion,
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
