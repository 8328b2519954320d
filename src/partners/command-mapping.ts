import { decodeText } from '../encoding/data-coding.ts'
import type { Message } from '../messages/message.ts'
import type { MessageChangeWish } from '../messages/replacement.ts'
import type { DataSm, DestAddress, ReplaceSm, SubmitMulti, SubmitSm } from '../smpp/pdu.ts'
import { formatRelativeTime } from '../smpp/time.ts'
import { findTlv, TlvTag, tlvInt } from '../smpp/tlv.ts'
import { DEFAULT_ALPHABET, MAX_RAW_OCTETS, RADIO_OCTETS, requireFits, UCS2 } from './mapping.ts'
import { MAX_VALIDITY_SECONDS, readSchedule, readValidity } from './times.ts'

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
    tlvs: pdu.tlvs.filter(({ tag }) => tag !== TlvTag.qos_time_to_live),
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
