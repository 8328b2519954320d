import { notEncodable } from './errors.ts'
import { GSM7_LANGUAGES } from './gsm7-tables.ts'

/**
 * Which national tables a text uses, by language identifier 0 to 13; 0 or absent is the default.
 *
 * An identifier without a table means the default table, as in a received message (3GPP TS 23.038,
 * section 6.2.1.2).
 */
export interface Gsm7Shifts {
  readonly lockingShift?: number | undefined
  readonly singleShift?: number | undefined
}

/** The escape to the single shift table: never a character by itself. */
const ESCAPE = 0x1b
/** In `codes` of a {@link SeptetTable}: the character follows an escape; the low bits are its septet. */
const EXTENSION = 0x80
/** Every character of every table lies below this code unit. */
const TABLE_UNITS = 0x2300
const REPLACEMENT = 0xfffd
const SPACE = 0x20

/** How to write the characters of one pair of tables; shared, so do not write to it. */
export interface SeptetTable {
  /**
   * By UTF-16 code unit: 0x00 to 0x7F of the main table, 0x80 plus the septet for an extension
   * character (two septets), 0x1B for a character that neither table has.
   */
  readonly codes: Uint8Array
  /** True when {@link NOT_PLAIN} holds: for the default and the Latin-script locking tables. */
  readonly keepsAscii: boolean
}

/**
 * What is not the same in ASCII and in the default alphabet. Nearly all characters of a usual text
 * are the same, and finding the first other one takes half the time of looking each of them up
 * (`bench/segment.bench.ts`).
 */
const NOT_PLAIN = /[^\n\r !"#%-?A-Za-z]/
const PLAIN = Array.from({ length: 0x80 }, (_, unit) => unit).filter(
  (unit) => !NOT_PLAIN.test(String.fromCharCode(unit)),
)
/** Below so many plain characters a native copy costs more than it saves. */
const MIN_COPY = 24

const septetTables = new Map<number, SeptetTable>()
const lockingDecoders = new Map<number, Uint16Array>()
const singleDecoders = new Map<number, Uint16Array>()

/** True when the language has a locking shift table of its own. */
export function hasLockingShift(language: number): boolean {
  return language > 0 && GSM7_LANGUAGES[language]?.locking !== undefined
}

/** True when the language has a single shift table of its own. */
export function hasSingleShift(language: number): boolean {
  return language > 0 && GSM7_LANGUAGES[language] !== undefined
}

/**
 * The table to hand to {@link scanSeptets} and {@link writeSeptets}; built once and shared.
 *
 * @param highestUnit - leaves out the characters above this code unit, for a carrier that takes the
 *   default alphabet as Latin-1 (0xFF) or ASCII (0x7F)
 */
export function septetTable(shifts: Gsm7Shifts = {}, highestUnit = TABLE_UNITS): SeptetTable {
  const locking = lockingId(shifts.lockingShift)
  const single = singleId(shifts.singleShift)
  const key = (locking * 16 + single) * 0x10000 + highestUnit
  let table = septetTables.get(key)
  if (table === undefined) {
    table = buildSeptetTable(locking, single, highestUnit)
    septetTables.set(key, table)
  }
  return table
}

/** How many septets the text takes, or -1 - index of the first character without a septet. */
export function scanSeptets(text: string, table: SeptetTable): number {
  const { codes } = table
  const { length } = text
  let septets = length
  for (let index = plainLength(text, table); index < length; index++) {
    const unit = text.charCodeAt(index)
    const code = unit < TABLE_UNITS ? (codes[unit] as number) : ESCAPE
    if (code >= EXTENSION) septets++
    else if (code === ESCAPE) return -1 - index
  }
  return septets
}

/** The septets of the character that stands at `index`: 2 for an extension character, else 1. */
export function septetsAt(text: string, index: number, table: SeptetTable): 1 | 2 {
  return (table.codes[text.charCodeAt(index)] ?? 0) >= EXTENSION ? 2 : 1
}

/**
 * Writes a text that {@link scanSeptets} accepted, one septet per octet.
 *
 * @returns the offset behind the last octet written
 */
export function writeSeptets(
  text: string,
  table: SeptetTable,
  target: Buffer,
  offset: number,
): number {
  const { codes } = table
  const { length } = text
  const plain = plainLength(text, table)
  const copied = plain < MIN_COPY ? 0 : plain
  if (copied > 0) target.write(copied === length ? text : text.slice(0, copied), offset, 'latin1')
  let end = offset + copied
  for (let index = copied; index < length; index++) {
    const code = codes[text.charCodeAt(index)] as number
    if (code >= EXTENSION) {
      target[end++] = ESCAPE
      target[end++] = code & 0x7f
    } else {
      target[end++] = code
    }
  }
  return end
}

/** True when every character has a septet; the empty text is GSM-7. */
export function isGsm7(text: string, shifts?: Gsm7Shifts): boolean {
  return scanSeptets(text, septetTable(shifts)) >= 0
}

/** How many septets the text takes; undefined when a character has none. */
export function countSeptets(text: string, shifts?: Gsm7Shifts): number | undefined {
  const septets = scanSeptets(text, septetTable(shifts))
  return septets < 0 ? undefined : septets
}

/**
 * Encodes text the way nearly every SMPP connection carries it: one septet per octet.
 *
 * @throws {EncodingError} `text_not_encodable`
 * @see 3GPP TS 23.038, section 6.2.1
 */
export function encodeGsm7(text: string, shifts?: Gsm7Shifts): Buffer {
  const table = septetTable(shifts)
  const septets = scanSeptets(text, table)
  if (septets < 0) throw notEncodable(text, -1 - septets, 'GSM-7')
  const octets = Buffer.allocUnsafe(septets)
  writeSeptets(text, table, octets, 0)
  return octets
}

/**
 * Decodes one septet per octet; never throws.
 *
 * Octets with bit 7 set and unassigned septets become U+FFFD. An escape before a septet that the
 * single shift table lacks shows the main table's character; a second escape or the end of the text
 * after an escape shows a space.
 *
 * @see 3GPP TS 23.038, section 6.2.1
 */
export function decodeGsm7(octets: Uint8Array, shifts: Gsm7Shifts = {}): string {
  const lockingLanguage = lockingId(shifts.lockingShift)
  const { length } = octets
  if (lockingLanguage === 0) {
    const ascii = Buffer.from(octets.buffer, octets.byteOffset, length).toString('latin1')
    if (!NOT_PLAIN.test(ascii)) return ascii
  }
  const locking = lockingDecoder(lockingLanguage)
  const single = singleDecoder(singleId(shifts.singleShift))
  const units = Buffer.allocUnsafe(length * 2)
  let end = 0
  for (let index = 0; index < length; index++) {
    let octet = octets[index] as number
    let unit = 0
    if (octet === ESCAPE) {
      index++
      octet = index < length ? (octets[index] as number) : ESCAPE
      unit = octet === ESCAPE ? SPACE : (single[octet] ?? 0)
    }
    if (unit === 0) unit = locking[octet] ?? REPLACEMENT
    units[end++] = unit & 0xff
    units[end++] = unit >> 8
  }
  return units.toString('utf16le', 0, end)
}

/** How many characters at the start are written as in ASCII. */
function plainLength(text: string, { keepsAscii }: SeptetTable): number {
  if (!keepsAscii) return 0
  const index = text.search(NOT_PLAIN)
  return index < 0 ? text.length : index
}

function lockingId(language: number | undefined): number {
  return language !== undefined && hasLockingShift(language) ? language : 0
}

function singleId(language: number | undefined): number {
  return language !== undefined && hasSingleShift(language) ? language : 0
}

function buildSeptetTable(locking: number, single: number, highestUnit: number): SeptetTable {
  const codes = new Uint8Array(TABLE_UNITS).fill(ESCAPE)
  // From the last septet to the first and the single shift table before the main one: where a
  // character has several places, the main table wins over two septets, and the lowest septet wins.
  for (const [decoder, flag] of [
    [singleDecoder(single), EXTENSION],
    [lockingDecoder(locking), 0],
  ] as const) {
    for (let septet = 0x7f; septet >= 0; septet--) {
      const unit = decoder[septet] as number
      const assigned = unit !== 0 && unit !== REPLACEMENT && septet !== ESCAPE
      if (assigned && unit <= highestUnit) codes[unit] = septet | flag
    }
  }
  return { codes, keepsAscii: PLAIN.every((unit) => codes[unit] === unit) }
}

function lockingDecoder(language: number): Uint16Array {
  let decoder = lockingDecoders.get(language)
  if (decoder === undefined) {
    const characters = GSM7_LANGUAGES[language]?.locking ?? ''
    decoder = new Uint16Array(0x80)
    for (let septet = 0; septet < 0x80; septet++) {
      decoder[septet] = characters.charCodeAt(septet) || REPLACEMENT
    }
    lockingDecoders.set(language, decoder)
  }
  return decoder
}

/** Code units by septet after the escape; 0 where the table has none. */
function singleDecoder(language: number): Uint16Array {
  let decoder = singleDecoders.get(language)
  if (decoder === undefined) {
    decoder = new Uint16Array(0x80)
    const { singleSeptets = '', singleCharacters = '' } = GSM7_LANGUAGES[language] ?? {}
    const septets = Buffer.from(singleSeptets, 'hex')
    for (const [index, septet] of septets.entries()) {
      decoder[septet] = singleCharacters.charCodeAt(index)
    }
    singleDecoders.set(language, decoder)
  }
  return decoder
}
