import { decodeCharset, encodeCharset, type OtherCharset } from './charset.ts'
import { EncodingError } from './errors.ts'
import { decodeGsm7, encodeGsm7 } from './gsm7.ts'
import { encodeGsm7Packed, stripSpareSeptet, unpackSeptets } from './gsm7-packing.ts'
import { decodeUcs2, encodeUcs2 } from './ucs2.ts'
import type { UserDataHeader } from './udh.ts'

/** What data_coding 0 ("SMSC default alphabet") means at one carrier or partner. */
export type DefaultAlphabet = 'gsm7' | 'gsm7-packed' | 'latin1' | 'ascii'

/** How octets are to be read; `binary` is no text. */
export type Charset = 'gsm7' | 'gsm7-packed' | 'ucs2' | 'binary' | OtherCharset

/** A message waiting indication. */
export interface MessageWaiting {
  readonly kind: 'voicemail' | 'fax' | 'email' | 'other'
  /** False switches the indication off. */
  readonly active: boolean
  /** True when the handset need not keep the text. */
  readonly discard: boolean
}

/** What a data_coding value says. */
export interface DataCoding {
  readonly charset: Charset
  /** 0 is shown at once (flash), 1 is for the handset, 2 for the SIM, 3 for a terminal. */
  readonly messageClass: 0 | 1 | 2 | 3 | undefined
  readonly waiting: MessageWaiting | undefined
}

/** How to read octets besides their data_coding. */
export interface TextOptions {
  /** Default `gsm7`: one septet per octet. */
  readonly defaultAlphabet?: DefaultAlphabet | undefined
  /** The user data header in front of the octets: its shift tables apply, and its fill bits. */
  readonly udh?: UserDataHeader | undefined
}

/** The body of one received part, without its user data header. */
export interface UserData {
  readonly octets: Buffer
  readonly udh: UserDataHeader | undefined
}

/** Decoded text; undefined when the octets are binary. */
export interface DecodedText {
  readonly charset: Charset
  readonly text: string | undefined
}

/** SMPP's own list; what it leaves reserved (0x0B, 0x0C, 0x0F) is read as a GSM value. */
const SMPP_CHARSETS = new Map<number, Charset>([
  [0x01, 'ascii'],
  [0x02, 'binary'],
  [0x03, 'latin1'],
  [0x04, 'binary'],
  [0x05, 'shift_jis'],
  [0x06, 'iso-8859-5'],
  [0x07, 'iso-8859-8'],
  [0x08, 'ucs2'],
  // Pictograms: no published table.
  [0x09, 'binary'],
  [0x0a, 'iso-2022-jp'],
  [0x0d, 'shift_jis'],
  [0x0e, 'euc-kr'],
])

const WAITING_KINDS = ['voicemail', 'fax', 'email', 'other'] as const

/**
 * Reads a data_coding value: SMPP's list for 0x01 to 0x0E, the GSM coding groups for the rest.
 *
 * A carrier that packs septets packs them in every GSM-7 group; one that takes its default alphabet
 * as Latin-1 or ASCII does so for 0 only. Compressed text is `binary`; reserved values are GSM-7.
 *
 * @param dataCoding - 0 to 255
 * @see SMPP v3.4, section 5.2.19; 3GPP TS 23.038, section 4
 */
export function readDataCoding(
  dataCoding: number,
  defaultAlphabet: DefaultAlphabet = 'gsm7',
): DataCoding {
  const smpp = SMPP_CHARSETS.get(dataCoding)
  if (smpp !== undefined) return { charset: smpp, messageClass: undefined, waiting: undefined }
  if (dataCoding === 0) {
    return { charset: defaultAlphabet, messageClass: undefined, waiting: undefined }
  }
  const septets = defaultAlphabet === 'gsm7-packed' ? 'gsm7-packed' : 'gsm7'
  const group = (dataCoding >> 4) & 0x0f
  const low = (dataCoding & 3) as 0 | 1 | 2 | 3
  if (group < 0x08) {
    const compressed = (dataCoding & 0x20) !== 0
    const charset = compressed ? 'binary' : charsetOf((dataCoding >> 2) & 3, septets)
    return { charset, messageClass: group & 1 ? low : undefined, waiting: undefined }
  }
  if (group === 0x0f) {
    const charset = dataCoding & 0x04 ? 'binary' : septets
    return { charset, messageClass: low, waiting: undefined }
  }
  if (group < 0x0c) return { charset: septets, messageClass: undefined, waiting: undefined }
  return {
    charset: group === 0x0e ? 'ucs2' : septets,
    messageClass: undefined,
    waiting: {
      kind: WAITING_KINDS[low],
      active: (dataCoding & 0x08) !== 0,
      discard: group === 0x0c,
    },
  }
}

/**
 * Encodes text as the data_coding says; the octets go behind the user data header, if any.
 *
 * @throws {EncodingError} `text_not_encodable`, also for a binary data_coding
 */
export function encodeText(text: string, dataCoding: number, options: TextOptions = {}): Buffer {
  const { charset } = readDataCoding(dataCoding, options.defaultAlphabet)
  switch (charset) {
    case 'binary':
      throw new EncodingError('text_not_encodable', `data_coding ${dataCoding} is not for text`)
    case 'gsm7':
      return encodeGsm7(text, options.udh)
    case 'gsm7-packed':
      return encodeGsm7Packed(
        text,
        { udhOctets: options.udh?.octets ?? 0, spare: 'cr' },
        options.udh,
      )
    case 'ucs2':
      return encodeUcs2(text)
    default:
      return encodeCharset(text, charset)
  }
}

/**
 * Decodes a short message without its user data header; never throws.
 *
 * Octets without a meaning become U+FFFD, so keep the octets themselves for relaying.
 */
export function decodeText(
  octets: Buffer,
  dataCoding: number,
  options: TextOptions = {},
): DecodedText {
  return decodeUserData([{ octets, udh: options.udh }], dataCoding, options.defaultAlphabet)
}

/**
 * Decodes adjacent parts of one message; never throws.
 *
 * The octets are joined first and decoded then, so a character that the sender split over two parts
 * comes out whole. Packed septets are unpacked part by part, each behind its own header.
 */
export function decodeUserData(
  parts: readonly UserData[],
  dataCoding: number,
  defaultAlphabet?: DefaultAlphabet,
): DecodedText {
  const { charset } = readDataCoding(dataCoding, defaultAlphabet)
  if (charset === 'binary') return { charset, text: undefined }
  if (charset === 'gsm7') return { charset, text: decodeSeptets(parts) }
  if (charset === 'gsm7-packed') return { charset, text: decodeSeptets(parts.map(unpackPart)) }
  const octets = Buffer.concat(parts.map((part) => part.octets))
  const text = charset === 'ucs2' ? decodeUcs2(octets) : decodeCharset(octets, charset)
  return { charset, text }
}

function charsetOf(alphabet: number, septets: 'gsm7' | 'gsm7-packed'): Charset {
  if (alphabet === 1) return 'binary'
  return alphabet === 2 ? 'ucs2' : septets
}

function unpackPart({ octets, udh }: UserData): UserData {
  const udhOctets = udh?.octets ?? 0
  const septets = unpackSeptets(octets, { udhOctets })
  return { octets: stripSpareSeptet(septets, octets.length, udhOctets), udh }
}

/** Joins neighbours that use the same tables and decodes each run. */
function decodeSeptets(parts: readonly UserData[]): string {
  let text = ''
  let run: Buffer[] = []
  for (const [index, { octets, udh }] of parts.entries()) {
    run.push(octets)
    const next = parts[index + 1]
    if (next === undefined || !sameShifts(next.udh, udh)) {
      text += decodeGsm7(run.length === 1 ? octets : Buffer.concat(run), udh)
      run = []
    }
  }
  return text
}

function sameShifts(a: UserDataHeader | undefined, b: UserDataHeader | undefined): boolean {
  return (
    (a?.lockingShift ?? 0) === (b?.lockingShift ?? 0) &&
    (a?.singleShift ?? 0) === (b?.singleShift ?? 0)
  )
}
