import type { PartnerAlphabet } from '../config/partner-access.ts'
import { GatewayError } from '../core/errors.ts'
import { decodeText } from '../encoding/data-coding.ts'
import { encodeGsm7, isGsm7 } from '../encoding/gsm7.ts'
import { recode, type ShortMessage } from '../encoding/recode.ts'
import { encodeUcs2 } from '../encoding/ucs2.ts'
import { cutAtHeader } from '../encoding/udh.ts'
import type { RawContent } from '../messages/message.ts'

const DEFAULT = 0x00
const ASCII = 0x01
const LATIN1 = 0x03
const UCS2 = 0x08
/** Octets of one short message on the air: 3GPP TS 23.040, section 9.2.3.24. */
const AIR_OCTETS = 140

/**
 * The text of octets as the partner means it; undefined for what is no text.
 *
 * @param alphabet - what the partner means by data_coding 0
 */
export function textOf(
  octets: Buffer,
  dataCoding: number,
  alphabet: PartnerAlphabet,
): string | undefined {
  if (alphabet === 'utf8') {
    if (dataCoding === DEFAULT) return octets.toString('utf8')
    return decodeText(octets, dataCoding).text
  }
  return decodeText(octets, dataCoding, { defaultAlphabet: alphabet }).text
}

/**
 * Octets that pass through, so that data_coding says what they are without knowing the partner: 0 means
 * GSM 7-bit, one septet per octet, from here on.
 *
 * @throws {GatewayError} `text_too_long` when a part in UTF-8 does not fit into one short message
 */
export function inCommonAlphabet(content: RawContent, alphabet: PartnerAlphabet): RawContent {
  const { octets, esmClass, dataCoding } = content
  if (dataCoding !== DEFAULT) return content
  switch (alphabet) {
    case 'gsm7':
      return content
    case 'latin1':
      return { ...content, dataCoding: LATIN1 }
    case 'ascii':
      return { ...content, dataCoding: ASCII }
  }
  const { udh, header, body } = cutAtHeader(esmClass, octets)
  if (alphabet === 'gsm7-packed') {
    const options = { defaultAlphabet: alphabet, udh }
    const { text = '' } = decodeText(body, DEFAULT, options)
    return { ...content, octets: Buffer.concat([header, encodeGsm7(text, udh)]) }
  }
  const text = body.toString('utf8')
  if (isGsm7(text)) return { ...content, octets: Buffer.concat([header, encodeGsm7(text)]) }
  const wide = Buffer.concat([header, encodeUcs2(text)])
  if (wide.length <= AIR_OCTETS) return { ...content, octets: wide, dataCoding: UCS2 }
  throw new GatewayError(
    'text_too_long',
    `a part of ${[...text].length} characters needs UCS-2 and ${wide.length} octets: ${AIR_OCTETS} at most`,
  )
}

/** The reverse of {@link inCommonAlphabet} for what a partner gets: data_coding 0 as it means it. */
export function inAlphabet(message: ShortMessage, alphabet: PartnerAlphabet): Buffer {
  if (alphabet !== 'utf8') return recode(message, 'gsm7', alphabet)
  const { octets, esmClass, dataCoding } = message
  if (dataCoding !== DEFAULT) return octets
  const { udh, header, body } = cutAtHeader(esmClass, octets)
  const { text = '' } = decodeText(body, DEFAULT, { udh })
  return Buffer.concat([header, Buffer.from(text)])
}
