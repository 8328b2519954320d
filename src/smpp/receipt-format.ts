import { isUnsigned } from './body-encoder.ts'
import { SmppError } from './errors.ts'
import type { Tlv } from './pdu.ts'
import { type MessageState, STATES } from './receipt-state.ts'
import { formatDigits } from './time.ts'
import { intTlv, octetsTlv, stringTlv } from './tlv.ts'

/** What a receipt of ours says. */
export interface ReceiptFields {
  /** The id of our submit_sm_resp, character for character; 1 to 64 ASCII characters. */
  readonly id: string
  readonly state: MessageState
  readonly submittedAt: Date
  readonly doneAt: Date
  /** 0 to 999; 0 when there was no error. */
  readonly errorCode?: number
  /** The message; its first 20 characters are shown, those beyond ASCII as `?`. */
  readonly text?: string
  /** The TLV network_error_code: network type (3 is GSM) and code. */
  readonly networkError?: { readonly type: number; readonly code: number }
  /** Marks an intermediate notification instead of a receipt. */
  readonly intermediate?: boolean
  /** The zone to write the dates in, in minutes ahead of UTC (0). */
  readonly dateOffsetMinutes?: number
}

/** How a receipt's text is written where its reader expects it so. */
export interface ReceiptStyle {
  /** Dates end with the minute, as Appendix B has it, or with the second. */
  readonly dates?: 'minutes' | 'seconds'
  /** Digits of `err`, zeros before it (3). */
  readonly errorDigits?: number
  /** Other words for `stat`, by those of Appendix B. */
  readonly words?: Readonly<Record<string, string | undefined>>
}

/** The fields of a deliver_sm that make it a receipt; the caller adds the swapped addresses. */
export interface ReceiptMessage {
  readonly esm_class: number
  readonly data_coding: 0
  readonly short_message: Buffer
  readonly tlvs: readonly Tlv[]
}

const TEXT_CHARACTERS = 20
const ID_PATTERN = /^[\x21-\x7e]{1,64}$/
const FIRST_VERSION_WITH_TLVS = 0x34

/**
 * Writes a receipt with every field of Appendix B, because many readers need them all.
 *
 * @param interfaceVersion - of the peer's bind; below 0x34 it gets no TLVs
 * @throws {SmppError} `receipt_invalid` when the id or the error code cannot be written
 * @see SMPP v3.4, Appendix B
 */
export function formatReceipt(
  fields: ReceiptFields,
  interfaceVersion: number,
  style: ReceiptStyle = {},
): ReceiptMessage {
  const { id, state } = fields
  const errorCode = fields.errorCode ?? 0
  if (!ID_PATTERN.test(id)) throw invalid(`id has ${id.length} characters, not 1..64 of ASCII`)
  if (!Number.isInteger(errorCode) || errorCode < 0 || errorCode > 999) {
    throw invalid(`error code is ${errorCode}, not an integer in 0..999`)
  }
  const counts = `sub:001 dlvrd:${state === 'DELIVERED' ? '001' : '000'}`
  const withSeconds = style.dates === 'seconds'
  const submitDate = formatDate(fields.submittedAt, withSeconds, fields.dateOffsetMinutes)
  const doneDate = formatDate(fields.doneAt, withSeconds, fields.dateOffsetMinutes)
  const { stat } = STATES[state]
  const error = String(errorCode).padStart(style.errorDigits ?? 3, '0')
  const outcome = `stat:${style.words?.[stat] ?? stat} err:${error}`
  const dates = `submit date:${submitDate} done date:${doneDate}`
  const text = `id:${id} ${counts} ${dates} ${outcome} text:${excerpt(fields.text ?? '')}`
  return {
    esm_class: fields.intermediate === true ? 0x20 : 0x04,
    data_coding: 0,
    short_message: Buffer.from(text, 'latin1'),
    tlvs: interfaceVersion < FIRST_VERSION_WITH_TLVS ? [] : receiptTlvs(fields),
  }
}

function receiptTlvs({ id, state, networkError }: ReceiptFields): Tlv[] {
  const tlvs = [
    stringTlv('receipted_message_id', id),
    intTlv('message_state', STATES[state].number),
  ]
  if (networkError !== undefined) {
    const { type, code } = networkError
    if (!isUnsigned(type, 0xff) || !isUnsigned(code, 0xffff)) {
      throw invalid(`network error is type ${type}, code ${code}, not in 0..255, 0..65535`)
    }
    const value = Buffer.from([type, code >> 8, code & 0xff])
    tlvs.push(octetsTlv('network_error_code', value))
  }
  return tlvs
}

function formatDate(at: Date, withSeconds: boolean, offsetMinutes = 0): string {
  const local = offsetMinutes === 0 ? at : new Date(at.getTime() + offsetMinutes * 60_000)
  return formatDigits(local, withSeconds)
}

/** Characters, not code units, so that an emoji is one `?`; control characters become blanks. */
function excerpt(text: string): string {
  let shown = ''
  let count = 0
  for (const character of text) {
    if (count++ === TEXT_CHARACTERS) break
    const code = character.codePointAt(0) ?? 0
    shown += code > 0x7e ? '?' : code < 0x20 ? ' ' : character
  }
  return shown
}

function invalid(message: string): SmppError {
  return new SmppError('receipt_invalid', message, { retryable: false })
}
