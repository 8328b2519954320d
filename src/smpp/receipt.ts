import type { DataSm, DeliverSm } from './pdu.ts'
import { parseReceiptDate, type ReceiptDate } from './receipt-date.ts'
import { type MessageState, STATES, stateOfNumber, stateOfStat } from './receipt-state.ts'
import { findTlv, TlvTag, tlvInt, tlvString } from './tlv.ts'

/** What a delivery receipt says; null stands for what it does not say. */
export interface Receipt {
  /** The carrier's id, verbatim: the TLV's when there is one, else the text's. */
  readonly id: string | null
  /** The text's id when it is not the TLV's; carriers put hex in one and decimal in the other. */
  readonly textId: string | null
  readonly state: MessageState | null
  /** Whether the state is the last one; null when the carrier has to be known to tell. */
  readonly final: boolean | null
  /** An intermediate notification; never final. */
  readonly intermediate: boolean
  /** Known only by its text, because esm_class does not say that it is a receipt. */
  readonly heuristic: boolean
  /** The words of the text as they stand. */
  readonly stat: string | null
  /** Digits, hexadecimal or words: never a number. */
  readonly err: string | null
  readonly sub: string | null
  readonly dlvrd: string | null
  readonly submitDate: string | null
  readonly doneDate: string | null
  /** The dates read; null also when they are all zeros or make no sense. */
  readonly submit: ReceiptDate | null
  readonly done: ReceiptDate | null
  /** What follows `text:`, verbatim; may hold any character, NUL included. */
  readonly text: string | null
  readonly networkError: NetworkError | null
}

/** The TLV network_error_code. */
export interface NetworkError {
  /** 1 ANSI-136, 2 IS-95, 3 GSM, 4 to 8 as v5.0 has them. */
  readonly type: number
  readonly code: number
  /** Set when the three octets are ASCII digits, as some carriers send them. */
  readonly ascii?: string
}

/** How {@link parseReceipt} reads. */
export interface ReceiptOptions {
  /** Take a receipt-like text for one although esm_class is 0: a subscriber could have typed it. */
  readonly heuristic?: boolean
  /** Turns the octets after `text:` into characters; latin1 or UTF-16 when absent. */
  readonly decodeText?: (octets: Buffer, dataCoding: number) => string
  /**
   * What words of `stat` mean at this carrier, in capitals; they go over the list of
   * `receipt-state.ts` and over the TLV message_state, which is looked up as a word of digits.
   */
  readonly states?: ReadonlyMap<string, MessageState>
  /** Where the id is; `both` (the default) takes the TLV's first and keeps the text's beside it. */
  readonly idFrom?: 'tlv' | 'text' | 'both'
  /** Minutes that the SMSC's clock is ahead of UTC (0); dates with a zone of their own keep it. */
  readonly dateOffsetMinutes?: number
}

/** What an incoming message is, by its esm_class. */
export type DeliveryKind = 'message' | 'receipt' | 'intermediate' | 'sme-ack' | 'conversation-abort'

const TYPE_MASK = 0x3c
const UDHI = 0x40
const KEY = 'id|sub|dlvrd|submit[ _]?date|done[ _]?date|stat|err'
/** A key's value ends at white space, `;`, `,` or NUL; it is empty when another key follows. */
const PAIR = new RegExp(`(?<![a-z])(${KEY}): ?((?!(?:${KEY}|text):)[^\\s;,\\0]*)`, 'gi')
const TEXT_KEY = /(?<![a-z])text:/i
const LIKE_A_RECEIPT = /^\s*id: ?[^\s;,]/i
/**
 * The text as Appendix B has it and most carriers send it. Reading it at once takes a sixth of the time
 * that looking for its keys takes, and gives the same.
 */
const BY_THE_BOOK = new RegExp(
  `^${['id', 'sub', 'dlvrd', 'submit date', 'done date', 'stat', 'err']
    .map((key) => `${key}:([^\\s;,:\\0]+)`)
    .join(' ')}(?: (text:)|$)`,
  'i',
)

/**
 * Tells receipts from messages by the type bits of esm_class.
 *
 * @see SMPP v3.4, section 5.2.12
 */
export function deliveryKind(esmClass: number): DeliveryKind {
  switch (esmClass & TYPE_MASK) {
    case 0x04:
      return 'receipt'
    case 0x20:
      return 'intermediate'
    case 0x08:
    case 0x10:
      return 'sme-ack'
    case 0x18:
      return 'conversation-abort'
    default:
      // Reserved values: whatever it is, a message is not lost.
      return 'message'
  }
}

/**
 * Reads a delivery receipt, in any of the forms that carriers send.
 *
 * A PDU marked as a receipt always gives one, with nulls where nothing can be read: acknowledge
 * and keep it, and never hand it on as a message. Without the mark, the TLVs receipted_message_id
 * and message_state together make a receipt; a text alone does so only with `heuristic`.
 *
 * @returns undefined when the PDU is no receipt
 * @see SMPP v3.4, Appendix B
 */
export function parseReceipt(
  pdu: DeliverSm | DataSm,
  options: ReceiptOptions = {},
): Receipt | undefined {
  const kind = deliveryKind(pdu.esm_class)
  if (kind === 'sme-ack' || kind === 'conversation-abort') return undefined
  const tlvId = tlvString(pdu.tlvs, TlvTag.receipted_message_id) || undefined
  const tlvState = tlvInt(pdu.tlvs, TlvTag.message_state)
  const marked = kind !== 'message' || (tlvId !== undefined && tlvState !== undefined)
  if (!marked && options.heuristic !== true) return undefined

  const parsed = parseText(receiptOctets(pdu), pdu.data_coding, options.decodeText)
  const { values } = parsed
  const { stat: word, donedate: doneDate = null, submitdate: submitDate = null } = values
  if (!marked && !(parsed.startsWithId && word !== undefined && doneDate !== null)) {
    return undefined
  }
  const { idFrom = 'both', states } = options
  const textId = idFrom === 'tlv' ? undefined : values.id || undefined
  const ownId = idFrom === 'text' ? undefined : tlvId
  const stat = word || undefined
  const named = states?.get(stat?.toUpperCase() ?? '') ?? states?.get(String(tlvState))
  const state = named ?? stateOfNumber(tlvState) ?? stateOfStat(stat)
  const offset = options.dateOffsetMinutes ?? 0
  return {
    id: ownId ?? textId ?? null,
    textId: ownId !== undefined && textId !== ownId ? (textId ?? null) : null,
    state,
    final: kind === 'intermediate' ? false : state === null ? null : STATES[state].final,
    intermediate: kind === 'intermediate',
    heuristic: !marked,
    stat: stat ?? null,
    err: values.err ?? null,
    sub: values.sub ?? null,
    dlvrd: values.dlvrd ?? null,
    submitDate,
    doneDate,
    submit: parseReceiptDate(submitDate, offset),
    done: parseReceiptDate(doneDate, offset),
    text: parsed.text,
    networkError: networkErrorOf(findTlv(pdu.tlvs, TlvTag.network_error_code)),
  }
}

/** Every id that a receipt names, the likelier first; for `receiptKeys`. */
export function receiptIds(receipt: Receipt): string[] {
  return [receipt.id, receipt.textId].filter((id) => id !== null)
}

/** The first value of each key, by the key in lower case and without blanks. */
interface Values {
  id?: string | undefined
  sub?: string | undefined
  dlvrd?: string | undefined
  submitdate?: string | undefined
  donedate?: string | undefined
  stat?: string | undefined
  err?: string | undefined
}

/** What stands in front of `text:`, and where the text itself begins. */
interface Head {
  readonly values: Values
  readonly textStart: number | undefined
  readonly startsWithId: boolean
}

interface ParsedText {
  readonly values: Values
  readonly text: string | null
  readonly startsWithId: boolean
}

/** The octets that hold the text, without a user data header and NULs at the end. */
function receiptOctets(pdu: DeliverSm | DataSm): Buffer {
  let octets = pdu.command === 'deliver_sm' ? pdu.short_message : Buffer.alloc(0)
  if (octets.length === 0) {
    octets = findTlv(pdu.tlvs, TlvTag.message_payload) ?? octets
  }
  if ((pdu.esm_class & UDHI) !== 0) octets = octets.subarray(headerOctets(octets))
  return octets
}

/** The octets of the user data header; 0 when its elements do not fill it exactly. */
function headerOctets(octets: Buffer): number {
  const end = 1 + (octets[0] ?? 0)
  if (end > octets.length) return 0
  let offset = 1
  while (offset + 1 < end) {
    offset += 2 + (octets[offset + 1] ?? 0)
  }
  // Receipts with the flag and no header exist: their first octet is the "i" of "id:".
  return offset === end ? end : 0
}

function parseText(
  octets: Buffer,
  dataCoding: number,
  decodeText: ReceiptOptions['decodeText'],
): ParsedText {
  if (isUcs2(dataCoding)) {
    const parsed = parsePairs(octets, dataCoding, 2, decodeText)
    // Receipts in ASCII under data_coding 8 exist; read as UTF-16 they hold no key.
    if (Object.keys(parsed.values).length > 0) return parsed
  }
  return parsePairs(octets, dataCoding, 1, decodeText)
}

/** Keys are read octet by octet, so that ids stay what they are under every alphabet. */
function parsePairs(
  octets: Buffer,
  dataCoding: number,
  octetsPerCharacter: 1 | 2,
  decodeText: ReceiptOptions['decodeText'],
): ParsedText {
  const whole = withoutNuls((octetsPerCharacter === 2 ? utf16 : latin1)(octets))
  const { values, textStart, startsWithId } = headByTheBook(whole) ?? headOf(whole)
  if (textStart === undefined) return { values, text: null, startsWithId }
  let text = whole.slice(textStart)
  if (values.stat === undefined) {
    const late = pairsOf(text).stat
    if (late !== undefined) values.stat = late
  }
  if (decodeText !== undefined && text !== '') {
    const start = textStart * octetsPerCharacter
    text = decodeText(octets.subarray(start, start + text.length * octetsPerCharacter), dataCoding)
  }
  return { values, text, startsWithId }
}

function headByTheBook(whole: string): Head | undefined {
  const match = BY_THE_BOOK.exec(whole)
  if (match === null) return undefined
  const [all, id, sub, dlvrd, submitdate, donedate, stat, err, textKey] = match
  return {
    values: { id, sub, dlvrd, submitdate, donedate, stat, err },
    textStart: textKey === undefined ? undefined : all.length,
    startsWithId: true,
  }
}

function headOf(whole: string): Head {
  const textKey = TEXT_KEY.exec(whole)
  const head = textKey === null ? whole : whole.slice(0, textKey.index)
  return {
    values: pairsOf(head),
    textStart: textKey === null ? undefined : textKey.index + textKey[0].length,
    startsWithId: LIKE_A_RECEIPT.test(head),
  }
}

function pairsOf(text: string): Values {
  const values: Values = {}
  for (const [, key = '', value = ''] of text.matchAll(PAIR)) {
    const name = key.toLowerCase().replace(/[ _]/, '') as keyof Values
    values[name] ??= value
  }
  return values
}

function isUcs2(dataCoding: number): boolean {
  if (dataCoding < 0x10) return dataCoding === 0x08
  if (dataCoding < 0x80) return (dataCoding & 0x0c) === 0x08
  return (dataCoding & 0xf0) === 0xe0
}

/** A loop, because a pattern would take a time square to the NULs in a hostile text. */
function withoutNuls(text: string): string {
  let end = text.length
  while (end > 0 && text.charCodeAt(end - 1) === 0) end--
  return text.slice(0, end)
}

function latin1(octets: Buffer): string {
  return octets.toString('latin1')
}

/** Big-endian unless a byte order mark says otherwise; the mark stays, so that offsets do. */
function utf16(octets: Buffer): string {
  const even = Buffer.from(octets.subarray(0, octets.length & ~1))
  const littleEndian = even[0] === 0xff && even[1] === 0xfe
  return (littleEndian ? even : even.swap16()).toString('utf16le')
}

function networkErrorOf(value: Buffer | undefined): NetworkError | null {
  if (value === undefined || value.length < 3) return null
  const network = { type: value.readUInt8(0), code: value.readUInt16BE(1) }
  const ascii = value.toString('latin1', 0, 3)
  return /^\d{3}$/.test(ascii) ? { ...network, ascii } : network
}
