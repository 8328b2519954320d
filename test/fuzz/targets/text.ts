import { isDeepStrictEqual } from 'node:util'
import fc from 'fast-check'
import {
  type DefaultAlphabet,
  decodeText,
  encodeText,
  readDataCoding,
} from '../../../src/encoding/data-coding.ts'
import { EncodingError } from '../../../src/encoding/errors.ts'
import { readUserData } from '../../../src/encoding/reassembly.ts'
import { buildUdh, parseUdh } from '../../../src/encoding/udh.ts'
import { anyOctets, mutated } from '../mutation.ts'
import { PDU_SEEDS, RECEIPT_SEEDS, UDH_SEEDS } from '../seeds.ts'
import type { FuzzTarget } from '../target.ts'

const ALPHABETS: readonly DefaultAlphabet[] = ['gsm7', 'gsm7-packed', 'latin1', 'ascii']
const UDH_INDICATOR = 0x40

/** Octets with a user data header in front, or what looks like one. */
export const udhTarget: FuzzTarget<Buffer> = {
  name: 'user data header',
  cases: fc.oneof(mutated(UDH_SEEDS), anyOctets(300)),
  check(octets) {
    const udh = parseUdh(octets)
    const taken = readUserData(UDH_INDICATOR, octets, [])
    if (udh === undefined) {
      if (taken.octets.length !== octets.length) throw new Error('octets are lost without a header')
      return 'no header'
    }
    if (udh.octets + taken.octets.length !== octets.length) throw new Error('octets are lost')
    const inside = udh.elements.reduce((sum, { data }) => sum + 2 + data.length, 1)
    if (inside !== udh.octets) throw new Error(`elements of ${inside} octets in ${udh.octets}`)
    const { concat } = udh
    if (concat && !(concat.sequence >= 1 && concat.sequence <= concat.total)) {
      throw new Error(`part ${concat.sequence} of ${concat.total}`)
    }
    if (udh.elements.length === 0 || udh.octets > 140) return 'not to be built'
    const built = buildUdh(udh.elements)
    if (!built.equals(octets.subarray(0, udh.octets))) throw new Error('is built differently')
    if (!isDeepStrictEqual(parseUdh(built)?.concat, concat)) throw new Error('reads differently')
    return concat ? 'a part' : 'a header'
  },
}

interface Coded {
  readonly octets: Buffer
  readonly dataCoding: number
  readonly alphabet: DefaultAlphabet
  readonly header: Buffer
}

/** Octets under any data_coding: always some text or none, never more than they can hold. */
export const dataCodingTarget: FuzzTarget<Coded> = {
  name: 'data_coding',
  cases: fc.record({
    octets: fc.oneof(mutated([...PDU_SEEDS, ...RECEIPT_SEEDS]), anyOctets(200)),
    dataCoding: fc.integer({ min: 0, max: 255 }),
    alphabet: fc.constantFrom(...ALPHABETS),
    header: mutated(UDH_SEEDS),
  }),
  check({ octets, dataCoding, alphabet, header }) {
    const udh = parseUdh(header)
    const { charset, text } = decodeText(octets, dataCoding, { defaultAlphabet: alphabet, udh })
    if (charset !== readDataCoding(dataCoding, alphabet).charset) throw new Error('another charset')
    if (text === undefined) return 'binary'
    // Packed septets are the densest: eight characters in seven octets, of two code units at most.
    if (text.length > 2 * Math.ceil((octets.length * 8) / 7)) {
      throw new Error(`${text.length} code units of ${octets.length} octets`)
    }
    return charset
  },
}

interface Written {
  readonly text: string
  readonly dataCoding: number
  readonly alphabet: DefaultAlphabet
}

/** A text that can be written under a data_coding is read back as it was. */
export const textTarget: FuzzTarget<Written> = {
  name: 'text round trip',
  cases: fc.record({
    text: fc.oneof(
      fc.string({ maxLength: 80, unit: 'grapheme-ascii' }),
      fc.string({ maxLength: 80, unit: 'binary' }),
      fc.string({
        maxLength: 80,
        unit: fc.constantFrom(...'@£$¥èéΔΦ{}[]~\\|€\n\r ÄÖÑÜabcШДЖ日本語ｶﾅ한국עברית'),
      }),
    ),
    dataCoding: fc.constantFrom(0, 1, 3, 5, 6, 7, 8, 0x0a, 0x0d, 0x0e, 0x10, 0xf0, 0x18, 0xf4),
    alphabet: fc.constantFrom(...ALPHABETS),
  }),
  check({ text, dataCoding, alphabet }) {
    const options = { defaultAlphabet: alphabet }
    let octets: Buffer
    try {
      octets = encodeText(text, dataCoding, options)
    } catch (error) {
      if (error instanceof EncodingError && error.code === 'text_not_encodable') return 'refused'
      throw error
    }
    const back = decodeText(octets, dataCoding, options)
    if (back.charset === 'gsm7-packed' && /[@\r]$/.test(text) && back.text === text.slice(0, -1)) {
      // Nothing tells it from spare bits: see `stripSpareSeptet`.
      return 'a last septet taken as spare'
    }
    if (back.text !== text) throw new Error(`read back as ${JSON.stringify(back.text)}`)
    return back.charset
  },
}
