import { COMMAND_IDS, commandName, isResponse } from './commands.ts'
import { BODY_FIELDS, type FieldSpec } from './fields.ts'
import { findNul } from './latin1.ts'
import type { RecordedPdu } from './pdu-ring.ts'
import { deliveryKind } from './receipt.ts'
import { TlvTag, tlvSpec } from './tlv.ts'

/** How much {@link maskPdu} hides. */
export interface MaskOptions {
  /** Leave texts and numbers readable; passwords never are. */
  readonly showTexts: boolean
}

const STAR = 0x2a
const HEADER_OCTETS = 16
const TLV_HEADER_OCTETS = 4
const UDH_INDICATOR = 0x40
const UCS2 = 0x08
/** Digits of a number that stay readable: the country code and a few more. */
const VISIBLE_DIGITS = 5
const NUMBER_FIELDS: ReadonlySet<string> = new Set(['source_addr', 'destination_addr', 'esme_addr'])
const TEXT_TLVS: ReadonlySet<number> = new Set([
  TlvTag.message_payload,
  TlvTag.broadcast_content_type_info,
])
/** Parameters with somebody's number or name, and the octets in front of it. */
const PERSONAL_TLVS: ReadonlyMap<number, number> = new Map([
  [TlvTag.callback_num, 3],
  [TlvTag.callback_num_atag, 1],
  [TlvTag.source_subaddress, 1],
  [TlvTag.dest_subaddress, 1],
  [TlvTag.dest_addr_np_information, 0],
])
/** Tags that the specification leaves to vendors: ids, networks, prices. */
const FIRST_VENDOR_TAG = 0x1400
const LAST_VENDOR_TAG = 0x3fff
/** Concatenation, ports and language tables: none of them says anything of the text. */
const HARMLESS_ELEMENTS: ReadonlySet<number> = new Set([0x00, 0x04, 0x05, 0x08, 0x24, 0x25])
const RECEIPT_PAIR =
  /(?<![a-z])(?:id|sub|dlvrd|submit[ _]?date|done[ _]?date|stat|err): ?[^\s;,\0]{0,65}/gi
const RECEIPT_TEXT = /(?<![a-z])text:/i
const HTTP_SECRET = /^(?:authorization|cookie):[^\r\n]*/gim
/** Destination of a submit_multi that is a number; any other is the name of a list. */
const SME_ADDRESS = 1

/** Where the masking of one PDU stands. */
interface Cursor {
  readonly octets: Buffer
  readonly showTexts: boolean
  /** Responses may end early, and say nothing private. */
  readonly isResponse: boolean
  offset: number
  esmClass: number
  dataCoding: number
}

/**
 * A copy of what was recorded without what is nobody's business: the same length, the same structure.
 *
 * Every octet of a password is a `*`, whatever the options say. So is every octet of a text (in UCS-2
 * every other is 0) but for its user data header and, in a receipt, the words that tell what became of
 * the message; of numbers the first five digits stay. What cannot be read as the specification has it is
 * hidden as a whole, because nobody knows what it holds.
 */
export function maskPdu(
  { octets, isPdu }: Pick<RecordedPdu, 'octets' | 'isPdu'>,
  { showTexts }: MaskOptions,
): Buffer {
  const masked = Buffer.from(octets)
  if (isPdu || startsAsPdu(masked)) maskBody(masked, showTexts)
  else maskOther(masked)
  return masked
}

function maskBody(octets: Buffer, showTexts: boolean): void {
  const id = octets.readUInt32BE(4)
  const command = commandName(id)
  const cursor: Cursor = {
    octets,
    showTexts,
    isResponse: isResponse(id),
    offset: HEADER_OCTETS,
    esmClass: 0,
    dataCoding: 0,
  }
  const fields = command === undefined ? [] : BODY_FIELDS[command]
  const isRead = command !== undefined && fields.every((field) => maskField(cursor, field))
  if (isRead) maskTlvs(cursor)
  else if (!showTexts || fields.some(({ name }) => name === 'password')) {
    octets.fill(STAR, Math.min(cursor.offset, octets.length))
  }
}

/** True for a header that a command of SMPP could have. */
function startsAsPdu(octets: Buffer): boolean {
  return octets.length >= HEADER_OCTETS && commandName(octets.readUInt32BE(4)) !== undefined
}

/** Octets of another protocol, most likely; or a bind that does not begin where it should. */
function maskOther(octets: Buffer): void {
  const text = octets.toString('latin1')
  for (const { 0: secret, index } of text.matchAll(HTTP_SECRET)) {
    octets.fill(STAR, index + secret.indexOf(':') + 1, index + secret.length)
  }
  const { bind_receiver, bind_transmitter, bind_transceiver, outbind } = COMMAND_IDS
  for (const id of [bind_receiver, bind_transmitter, bind_transceiver, outbind]) {
    const found = octets.indexOf(Buffer.from([0, 0, 0, id]))
    if (found >= 0) octets.fill(STAR, found + 4)
  }
}

/** Masks one field and moves behind it; false when it is not there as a whole. */
function maskField(cursor: Cursor, field: FieldSpec): boolean {
  switch (field.type) {
    case 'uint8': {
      const value = cursor.octets[cursor.offset]
      if (field.name === 'esm_class') cursor.esmClass = value ?? 0
      if (field.name === 'data_coding') cursor.dataCoding = value ?? 0
      return skipOctets(cursor, 1)
    }
    case 'cstring':
    case 'time':
      return maskString(cursor, field.name)
    case 'octets': {
      // Some carriers send less than they announce.
      const { octets, offset, showTexts } = cursor
      if (offset >= octets.length) return false
      const start = offset + 1
      const end = Math.min(start + (octets[offset] as number), octets.length)
      if (!showTexts) maskText(cursor, start, end)
      cursor.offset = end
      return true
    }
    case 'destinations':
      return maskEach(cursor, () => {
        const kind = cursor.octets[cursor.offset]
        if (!skipOctets(cursor, 1)) return false
        return kind === SME_ADDRESS ? maskAddress(cursor) : maskString(cursor, 'dl_name')
      })
    case 'failures':
      return maskEach(cursor, () => maskAddress(cursor) && skipOctets(cursor, 4))
  }
}

/** A count, and so many entries. */
function maskEach(cursor: Cursor, maskEntry: () => boolean): boolean {
  const count = cursor.octets[cursor.offset] ?? 0
  if (!skipOctets(cursor, 1)) return false
  for (let entry = 0; entry < count; entry++) {
    if (!maskEntry()) return false
  }
  return true
}

function maskAddress(cursor: Cursor): boolean {
  return skipOctets(cursor, 2) && maskString(cursor, 'destination_addr')
}

function skipOctets(cursor: Cursor, count: number): boolean {
  if (cursor.offset + count > cursor.octets.length) return false
  cursor.offset += count
  return true
}

function maskString(cursor: Cursor, name: string): boolean {
  const { octets, offset, showTexts } = cursor
  const nul = findNul(octets, offset, octets.length)
  if (nul < 0 && !cursor.isResponse) return false
  const end = nul < 0 ? octets.length : nul
  if (name === 'password') octets.fill(STAR, offset, end)
  else if (NUMBER_FIELDS.has(name) && !showTexts) maskDigits(octets, offset, end)
  cursor.offset = nul < 0 ? end : end + 1
  return true
}

/**
 * Masks what the optional parameters say. What is none of the specification's or a vendor's may be a
 * text that is longer than its PDU says.
 */
function maskTlvs(cursor: Cursor): void {
  const { octets, showTexts } = cursor
  if (showTexts) return
  while (octets.length - cursor.offset >= TLV_HEADER_OCTETS) {
    const tag = octets.readUInt16BE(cursor.offset)
    const length = octets.readUInt16BE(cursor.offset + 2)
    const start = cursor.offset + TLV_HEADER_OCTETS
    // Some carriers announce one octet too many; by more it is no parameter.
    if (start + length > octets.length + 1) break
    const end = Math.min(start + length, octets.length)
    const before = PERSONAL_TLVS.get(tag) ?? 0
    if (TEXT_TLVS.has(tag)) maskText(cursor, start, end)
    else if (PERSONAL_TLVS.has(tag) || !isKnownTlv(tag, length)) {
      octets.fill(STAR, Math.min(start + before, end), end)
    }
    cursor.offset = end
  }
  octets.fill(STAR, cursor.offset)
}

function isKnownTlv(tag: number, length: number): boolean {
  if (tag >= FIRST_VENDOR_TAG && tag <= LAST_VENDOR_TAG) return true
  const spec = tlvSpec(tag)
  return spec !== undefined && length <= spec.maxOctets
}

/** Masks the digits of a number after the first five; a name has no such run of digits. */
function maskDigits(octets: Buffer, start: number, end: number): void {
  let digits = 0
  for (let offset = start; offset < end; offset++) {
    const value = octets[offset] as number
    const isDigit = value >= 0x30 && value <= 0x39
    digits = isDigit ? digits + 1 : 0
    if (digits > VISIBLE_DIGITS) octets[offset] = STAR
  }
}

/** Masks a text, header and words of a receipt left as they are. */
function maskText(cursor: Cursor, start: number, end: number): void {
  const { octets, esmClass, dataCoding } = cursor
  const begin = start + (esmClass & UDH_INDICATOR ? maskHeader(octets, start, end) : 0)
  const text = octets.toString('latin1', begin, end)
  const isUcs2 = (dataCoding & 0x0c) === UCS2
  for (let offset = begin; offset < end; offset++) {
    octets[offset] = isUcs2 && (offset - begin) % 2 === 0 ? 0 : STAR
  }
  const kind = deliveryKind(esmClass)
  if (kind !== 'receipt' && kind !== 'intermediate') return
  const label = RECEIPT_TEXT.exec(text)
  if (label) octets.write(label[0], begin + label.index, 'latin1')
  for (const { 0: pair, index } of text.slice(0, label?.index).matchAll(RECEIPT_PAIR)) {
    octets.write(pair, begin + index, 'latin1')
  }
}

/**
 * Masks the elements of a user data header that may carry content.
 *
 * @returns the octets of the header; 0 when there is none that is whole
 */
function maskHeader(octets: Buffer, start: number, end: number): number {
  const after = start + 1 + (octets[start] ?? 0)
  if (after > end) return 0
  const content: { from: number; to: number }[] = []
  for (let offset = start + 1; offset < after; ) {
    const from = offset + 2
    const to = from + (octets[offset + 1] ?? 0)
    if (from > after || to > after) return 0
    if (!HARMLESS_ELEMENTS.has(octets[offset] as number)) content.push({ from, to })
    offset = to
  }
  for (const { from, to } of content) octets.fill(STAR, from, to)
  return after - start
}
