import type { DefaultAlphabet } from './data-coding.ts'
import { EncodingError, notEncodable } from './errors.ts'
import {
  hasLockingShift,
  hasSingleShift,
  type SeptetTable,
  scanSeptets,
  septetsAt,
  septetTable,
} from './gsm7.ts'
import { isSurrogatePair } from './ucs2.ts'

/** How the characters of a text are counted and billed. */
export type Encoding = 'gsm7' | 'ucs2' | 'latin1'

/**
 * How the parts of a long text are tied together: a user data header with an 8-bit or 16-bit
 * reference, SAR parameters, or the whole text in `message_payload` for the carrier to split.
 */
export type LongMessages = 'udh8' | 'udh16' | 'sar' | 'payload'

/** How a text is to be split. */
export interface PlanOptions {
  /**
   * `auto` (default) takes GSM-7 if every character has a septet in the default tables, else in the
   * tables of `lockingShift` and `singleShift`, else UCS-2. Anything else is forced, and so are the
   * national tables with it.
   */
  readonly encoding?: 'auto' | Encoding | undefined
  /** Default `udh8`. */
  readonly longMessages?: LongMessages | undefined
  /** National language identifier, 0 (none, default) to 13; only for GSM-7 sent as septets. */
  readonly lockingShift?: number | undefined
  /** National language identifier, 0 (none, default) to 13; only for GSM-7 sent as septets. */
  readonly singleShift?: number | undefined
  /** 1 to 255, the default; more is taken as 255. */
  readonly maxSegments?: number | undefined
  /**
   * What data_coding 0 means at the carrier; default `gsm7`. With `latin1` and `ascii` the carrier
   * turns the text into GSM-7 for the air: only characters of both can be sent so, and septets count.
   */
  readonly defaultAlphabet?: DefaultAlphabet | undefined
}

/** The settled encoding of a text and the room that its segments have. */
export interface Layout {
  readonly encoding: Encoding
  readonly dataCoding: 0 | 3 | 8
  /** The octets on the wire: `encoding`, or what the carrier wants in its place. */
  readonly charset: DefaultAlphabet | 'ucs2'
  readonly longMessages: LongMessages
  readonly lockingShift: number
  readonly singleShift: number
  /** Of the whole text: septets, UTF-16 code units or octets. */
  readonly units: number
  /** Room in the only segment, in units. */
  readonly singleUnits: number
  /** Room in each of several segments, in units. */
  readonly partUnits: number
  readonly maxSegments: number
  /** For GSM-7. */
  readonly table: SeptetTable | undefined
}

/** Octets that one short message has on the radio interface, its user data header included. */
const RADIO_OCTETS = 140
const MAX_SEGMENTS = 255
const HIGHEST_UNIT = { gsm7: undefined, 'gsm7-packed': undefined, latin1: 0xff, ascii: 0x7f }

/**
 * Chooses the encoding of a text.
 *
 * @throws {EncodingError} `text_not_encodable` when a forced encoding lacks a character;
 *   `options_invalid` for a language without that table or a `maxSegments` below 1
 * @see 3GPP TS 23.040, section 9.2.3.24
 */
export function layOut(text: string, options: PlanOptions): Layout {
  const { encoding = 'auto', longMessages = 'udh8', defaultAlphabet = 'gsm7' } = options
  const maxSegments = readMaxSegments(options.maxSegments)
  const common = { longMessages, maxSegments }
  if (encoding === 'ucs2') return layOutUcs2(text, common)
  if (encoding === 'latin1') return layOutLatin1(text, common)
  const septetsSent = defaultAlphabet === 'gsm7' || defaultAlphabet === 'gsm7-packed'
  const lockingShift = septetsSent ? readShift(options.lockingShift, hasLockingShift) : 0
  const singleShift = septetsSent ? readShift(options.singleShift, hasSingleShift) : 0
  const shifted = lockingShift + singleShift > 0
  let refusal = 0
  if (encoding === 'auto' || !shifted) {
    const table = septetTable(undefined, HIGHEST_UNIT[defaultAlphabet])
    refusal = scanSeptets(text, table)
    if (refusal >= 0) return layOutGsm7(refusal, table, defaultAlphabet, 0, 0, common)
  }
  if (shifted) {
    const table = septetTable({ lockingShift, singleShift })
    refusal = scanSeptets(text, table)
    if (refusal >= 0) {
      return layOutGsm7(refusal, table, defaultAlphabet, lockingShift, singleShift, common)
    }
  }
  if (encoding === 'auto') return layOutUcs2(text, common)
  throw notEncodable(text, -1 - refusal, septetsSent ? 'GSM-7' : `GSM-7 and ${defaultAlphabet}`)
}

/**
 * Counts the segments that a text takes, filled greedily; an escape and its septet stay together,
 * and so does a surrogate pair.
 *
 * @param cuts - if given, gets two numbers for each segment: where it ends in `text`, and its units
 * @throws {EncodingError} `text_too_long`
 */
export function fillSegments(text: string, layout: Layout, cuts?: number[]): number {
  let count = 1
  if (layout.units <= layout.singleUnits) {
    cuts?.push(text.length, layout.units)
  } else if (layout.table !== undefined && layout.units > text.length) {
    count = fillSeptets(text, layout.table, layout.partUnits, cuts)
  } else {
    count = fillUnits(text, layout.partUnits, layout.encoding === 'ucs2', cuts)
  }
  if (count <= layout.maxSegments) return count
  throw new EncodingError(
    'text_too_long',
    `the text takes ${count} segments, at most ${layout.maxSegments} are allowed`,
    { segmentsNeeded: count, maxSegments: layout.maxSegments },
  )
}

/** Octets of the header that announces national tables, its length octet included; 0 without. */
export function shiftHeaderOctets(lockingShift: number, singleShift: number): number {
  const elements = (lockingShift > 0 ? 1 : 0) + (singleShift > 0 ? 1 : 0)
  return elements === 0 ? 0 : 1 + 3 * elements
}

interface Common {
  readonly longMessages: LongMessages
  readonly maxSegments: number
}

function layOutGsm7(
  units: number,
  table: SeptetTable,
  charset: DefaultAlphabet,
  lockingShift: number,
  singleShift: number,
  { longMessages, maxSegments }: Common,
): Layout {
  const shiftOctets = shiftHeaderOctets(lockingShift, singleShift)
  const partOctets = (shiftOctets || 1) + concatOctets(longMessages)
  return {
    encoding: 'gsm7',
    dataCoding: 0,
    charset,
    longMessages,
    lockingShift,
    singleShift,
    units,
    singleUnits: Math.floor(((RADIO_OCTETS - shiftOctets) * 8) / 7),
    partUnits: Math.floor(((RADIO_OCTETS - partOctets) * 8) / 7),
    maxSegments,
    table,
  }
}

function layOutUcs2(text: string, { longMessages, maxSegments }: Common): Layout {
  return {
    encoding: 'ucs2',
    dataCoding: 8,
    charset: 'ucs2',
    longMessages,
    lockingShift: 0,
    singleShift: 0,
    units: text.length,
    singleUnits: RADIO_OCTETS >> 1,
    partUnits: (RADIO_OCTETS - 1 - concatOctets(longMessages)) >> 1,
    maxSegments,
    table: undefined,
  }
}

function layOutLatin1(text: string, { longMessages, maxSegments }: Common): Layout {
  for (let index = 0; index < text.length; index++) {
    if (text.charCodeAt(index) > 0xff) throw notEncodable(text, index, 'Latin-1')
  }
  return {
    encoding: 'latin1',
    dataCoding: 3,
    charset: 'latin1',
    longMessages,
    lockingShift: 0,
    singleShift: 0,
    units: text.length,
    singleUnits: RADIO_OCTETS,
    partUnits: RADIO_OCTETS - 1 - concatOctets(longMessages),
    maxSegments,
    table: undefined,
  }
}

/** With SAR and `message_payload` it is the carrier that adds the element: an 8-bit one, we assume. */
function concatOctets(longMessages: LongMessages): number {
  return longMessages === 'udh16' ? 6 : 5
}

function fillSeptets(text: string, table: SeptetTable, room: number, cuts?: number[]): number {
  let count = 1
  let used = 0
  for (let index = 0; index < text.length; index++) {
    const septets = septetsAt(text, index, table)
    if (used + septets > room) {
      cuts?.push(index, used)
      count++
      used = 0
    }
    used += septets
  }
  cuts?.push(text.length, used)
  return count
}

function fillUnits(text: string, room: number, pairs: boolean, cuts?: number[]): number {
  let count = 0
  for (let start = 0; start < text.length; ) {
    let end = Math.min(start + room, text.length)
    if (pairs && end < text.length && isSurrogatePair(text, end - 1)) end--
    cuts?.push(end, end - start)
    count++
    start = end
  }
  return count
}

function readMaxSegments(value = MAX_SEGMENTS): number {
  if (value >= 1) return Math.min(Math.floor(value), MAX_SEGMENTS)
  throw new EncodingError('options_invalid', `maxSegments is ${value}, at least 1 is needed`)
}

function readShift(language = 0, hasTable: (language: number) => boolean): number {
  if (language === 0 || hasTable(language)) return language
  throw new EncodingError('options_invalid', `national language ${language} has no such table`)
}
