import iconv from 'iconv-lite'
import { notEncodable } from './errors.ts'

/** The character sets besides GSM-7 and UCS-2 that a data_coding can mean. */
export type OtherCharset =
  | 'ascii'
  | 'latin1'
  | 'iso-8859-5'
  | 'iso-8859-8'
  | 'shift_jis'
  | 'iso-2022-jp'
  | 'euc-kr'

/** ISO-2022-JP designations; everything starts and ends in ASCII. */
const TO_ASCII = [0x1b, 0x28, 0x42]
const TO_JIS_X_0208 = [0x1b, 0x24, 0x42]

const iso2022jp = new TextDecoder('iso-2022-jp')

/**
 * Encodes text in one of the other character sets.
 *
 * @throws {EncodingError} `text_not_encodable`
 */
export function encodeCharset(text: string, charset: OtherCharset): Buffer {
  if (charset === 'ascii' || charset === 'latin1') {
    const highest = charset === 'ascii' ? 0x7f : 0xff
    for (let index = 0; index < text.length; index++) {
      if (text.charCodeAt(index) > highest) throw notEncodable(text, index, charset)
    }
    return Buffer.from(text, 'latin1')
  }
  const octets = convert(text, charset)
  if (octets !== undefined) return octets
  let index = 0
  for (const character of text) {
    if (convert(character, charset) === undefined) break
    index += character.length
  }
  throw notEncodable(text, index, charset)
}

/** Decodes one of the other character sets; never throws, octets without a meaning become U+FFFD. */
export function decodeCharset(octets: Buffer, charset: OtherCharset): string {
  if (charset === 'latin1') return octets.toString('latin1')
  if (charset === 'ascii') return octets.toString('latin1').replace(/[\x80-\xff]/g, '\ufffd')
  if (charset === 'iso-2022-jp') return iso2022jp.decode(octets)
  return iconv.decode(octets, charset)
}

/** The octets, or undefined when they would not read as the same text again. */
function convert(text: string, charset: OtherCharset): Buffer | undefined {
  // iconv-lite writes "?" for what it cannot encode, which only reading back shows.
  const octets = charset === 'iso-2022-jp' ? encodeIso2022Jp(text) : iconv.encode(text, charset)
  return decodeCharset(octets, charset) === text ? octets : undefined
}

/**
 * iconv-lite has no ISO-2022-JP, but it has EUC-JP, which carries the same JIS X 0208 codes with bit
 * 7 set and without designations.
 */
function encodeIso2022Jp(text: string): Buffer {
  const octets: number[] = []
  let doubleByte = false
  for (const octet of iconv.encode(text, 'euc-jp')) {
    if (octet >= 0xa1 !== doubleByte) {
      doubleByte = !doubleByte
      octets.push(...(doubleByte ? TO_JIS_X_0208 : TO_ASCII))
    }
    octets.push(octet & 0x7f)
  }
  if (doubleByte) octets.push(...TO_ASCII)
  return Buffer.from(octets)
}
