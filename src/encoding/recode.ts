import { type DefaultAlphabet, decodeText, encodeText, readDataCoding } from './data-coding.ts'
import { EncodingError } from './errors.ts'
import { cutAtHeader } from './udh.ts'

/** A short message as it stands in a PDU. */
export interface ShortMessage {
  readonly esmClass: number
  readonly dataCoding: number
  /** With the user data header, where `esmClass` says that there is one. */
  readonly octets: Buffer
}

/**
 * The octets of a message for somebody with another default alphabet: what data_coding 0 means
 * changes, all else stays. A header stays in front as it is.
 *
 * A message with a character that the new alphabet lacks stays as it is too: its octets are the
 * better guess.
 */
export function recode(message: ShortMessage, from: DefaultAlphabet, to: DefaultAlphabet): Buffer {
  const { octets, dataCoding, esmClass } = message
  if (from === to || !isAffected(dataCoding, from, to)) return octets
  const { udh, header, body } = cutAtHeader(esmClass, octets)
  const { text = '' } = decodeText(body, dataCoding, { defaultAlphabet: from, udh })
  try {
    return Buffer.concat([header, encodeText(text, dataCoding, { defaultAlphabet: to, udh })])
  } catch (error) {
    if (error instanceof EncodingError) return octets
    throw error
  }
}

/** Who packs septets packs them in every group of data_coding; other alphabets are meant by 0 only. */
function isAffected(dataCoding: number, from: DefaultAlphabet, to: DefaultAlphabet): boolean {
  if (dataCoding === 0) return true
  const isPacking = from === 'gsm7-packed' || to === 'gsm7-packed'
  return isPacking && readDataCoding(dataCoding).charset === 'gsm7'
}
