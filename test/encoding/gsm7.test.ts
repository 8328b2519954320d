import fc from 'fast-check'
import { describe, expect, it } from 'vitest'
import { EncodingError } from '../../src/encoding/errors.ts'
import {
  countSeptets,
  decodeGsm7,
  encodeGsm7,
  hasLockingShift,
  hasSingleShift,
  isGsm7,
} from '../../src/encoding/gsm7.ts'
import {
  decodeGsm7Packed,
  encodeGsm7Packed,
  fillBits,
  packedOctets,
  packSeptets,
  stripSpareSeptet,
  unpackSeptets,
} from '../../src/encoding/gsm7-packing.ts'
import { parseUdh } from '../../src/encoding/udh.ts'
import { readVectors } from './vectors.ts'

interface Shifted {
  udhHex: string
  text: string
  unpackedHex: string
  septetCount: number
  decodedText: string
}

interface Vectors {
  basic: { septet: string; char: string }[]
  extension: { septets: string; char: string }[]
  encode: {
    name: string
    text: string
    septetCount: number
    unpackedHex: string
    packedHex: string
    packedOctets: number
    packedCrPaddedHex?: string
  }[]
  notEncodable: { text: string; why: string }[]
  decodeOnly: { name: string; unpackedHex: string; text: string }[]
  unpack: {
    name: string
    packedHex: string
    septetCount: number
    text: string
    octetsOnlyText?: string
  }[]
  withUdh: {
    name: string
    udhHex: string
    udhOctets: number
    fillBits: number
    lockingShift: number
    singleShift: number
    text: string
    septetCount: number
    unpackedHex: string
    packedAfterUdhHex: string
    tpUdl: number
  }[]
  national: { language: number; name: string; singleShift?: Shifted; lockingShift?: Shifted }[]
}

const vectors = readVectors<Vectors>('gsm7')
const octets = (hex: string) => Buffer.from(hex, 'hex')

describe('the default alphabet', () => {
  it.each([
    ...vectors.basic.map(({ septet, char }) => ({ char, hex: septet })),
    ...vectors.extension.map(({ septets, char }) => ({ char, hex: septets })),
  ])('has $char at $hex', ({ char, hex }) => {
    expect(encodeGsm7(char).toString('hex')).toBe(hex.toLowerCase())
    expect(decodeGsm7(octets(hex))).toBe(char)
    expect(countSeptets(char)).toBe(hex.length / 2)
    expect(isGsm7(char)).toBe(true)
  })

  it.each(vectors.encode)('encodes $name', (vector) => {
    expect(countSeptets(vector.text)).toBe(vector.septetCount)
    expect(encodeGsm7(vector.text).toString('hex')).toBe(vector.unpackedHex)
    expect(decodeGsm7(octets(vector.unpackedHex))).toBe(vector.text)
  })

  it.each(vectors.notEncodable)('refuses $text ($why)', ({ text }) => {
    expect(isGsm7(text)).toBe(false)
    expect(countSeptets(text)).toBeUndefined()
    expect(() => encodeGsm7(text)).toThrow(EncodingError)
  })

  it('names the first offending character and its index', () => {
    const attempt = () => encodeGsm7('10€ für 😀 ok ç')
    expect(attempt).toThrow('U+1F600 "😀" at index 8 cannot be written in GSM-7')
    expect(attempt).toThrow(
      expect.objectContaining({
        name: 'EncodingError',
        code: 'text_not_encodable',
        retryable: false,
        character: '😀',
        index: 8,
      }),
    )
  })

  it.each(vectors.decodeOnly)('decodes $name', ({ unpackedHex, text }) => {
    expect(decodeGsm7(octets(unpackedHex))).toBe(text)
  })

  it('replaces octets with bit 7 set, also behind an escape', () => {
    expect(decodeGsm7(octets('41e9421b8043'))).toBe('A\ufffdB\ufffdC')
  })
})

describe('packing', () => {
  it.each(vectors.encode)('packs $name', (vector) => {
    const { text, septetCount } = vector
    expect(encodeGsm7Packed(text).toString('hex')).toBe(vector.packedHex)
    expect(packedOctets(septetCount)).toBe(vector.packedOctets)
    expect(encodeGsm7Packed(text, { spare: 'cr' }).toString('hex')).toBe(
      vector.packedCrPaddedHex ?? vector.packedHex,
    )
    expect(decodeGsm7Packed(octets(vector.packedHex), { septetCount })).toBe(text)
  })

  it.each(vectors.encode)('reads $name without a septet count', (vector) => {
    // Eight septets of which the last is "@" or CR look like seven and spare bits.
    const lost = vector.septetCount % 8 === 0 && /[@\r]$/.test(vector.text)
    const text = lost ? vector.text.slice(0, -1) : vector.text
    expect(decodeGsm7Packed(octets(vector.packedHex))).toBe(text)
    if (vector.packedCrPaddedHex !== undefined) {
      expect(decodeGsm7Packed(octets(vector.packedCrPaddedHex))).toBe(text)
    }
  })

  it.each(vectors.unpack)('unpacks $name', (vector) => {
    const packed = octets(vector.packedHex)
    const { septetCount, text } = vector
    expect(decodeGsm7(unpackSeptets(packed, { septetCount }))).toBe(text)
    expect(decodeGsm7(unpackSeptets(packed))).toBe(vector.octetsOnlyText ?? text)
    expect(decodeGsm7(stripSpareSeptet(unpackSeptets(packed), packed.length))).toBe(text)
  })

  it.each(vectors.withUdh)('packs behind a header: $name', (vector) => {
    const { udhOctets, septetCount, text } = vector
    const udh = parseUdh(octets(vector.udhHex))
    expect(udh?.octets).toBe(udhOctets)
    expect(udh?.lockingShift).toBe(vector.lockingShift)
    expect(udh?.singleShift).toBe(vector.singleShift)
    expect(fillBits(udhOctets)).toBe(vector.fillBits)
    expect(countSeptets(text, udh)).toBe(septetCount)
    expect(encodeGsm7(text, udh).toString('hex')).toBe(vector.unpackedHex)
    expect(decodeGsm7(octets(vector.unpackedHex), udh)).toBe(text)
    const packed = encodeGsm7Packed(text, { udhOctets }, udh)
    expect(packed.toString('hex')).toBe(vector.packedAfterUdhHex)
    expect(decodeGsm7Packed(packed, { udhOctets, septetCount }, udh)).toBe(text)
    expect(Math.ceil((udhOctets * 8) / 7) + septetCount).toBe(vector.tpUdl)
  })

  it('gives the septets back behind a header of any length', () => {
    fc.assert(
      fc.property(
        fc.uint8Array({ max: 0x7f, maxLength: 200 }),
        fc.nat(140),
        fc.constantFrom('zero' as const, 'cr' as const),
        (septets, udhOctets, spare) => {
          const packed = packSeptets(septets, { udhOctets, spare })
          expect(packed).toHaveLength(packedOctets(septets.length, udhOctets))
          const septetCount = septets.length
          expect(unpackSeptets(packed, { udhOctets, septetCount })).toEqual(Buffer.from(septets))
          const counted = stripSpareSeptet(
            unpackSeptets(packed, { udhOctets }),
            packed.length,
            udhOctets,
          )
          const ambiguous = septets.length - counted.length === 1
          expect(counted).toEqual(Buffer.from(septets.subarray(0, counted.length)))
          expect(counted.length === septets.length || ambiguous).toBe(true)
          if (ambiguous) expect([0x00, 0x0d]).toContain(septets.at(-1))
        },
      ),
    )
  })
})

describe('national tables', () => {
  const cases = vectors.national.flatMap(({ language, name, singleShift, lockingShift }) => [
    ...(singleShift ? [{ ...singleShift, name: `${name} single shift`, language }] : []),
    ...(lockingShift ? [{ ...lockingShift, name: `${name} locking shift`, language }] : []),
  ])

  it.each(cases)('$name', (vector) => {
    const udh = parseUdh(octets(vector.udhHex))
    expect(Math.max(udh?.lockingShift ?? 0, udh?.singleShift ?? 0)).toBe(vector.language)
    expect(countSeptets(vector.text, udh)).toBe(vector.septetCount)
    expect(encodeGsm7(vector.text, udh).toString('hex')).toBe(vector.unpackedHex)
    expect(decodeGsm7(octets(vector.unpackedHex), udh)).toBe(vector.decodedText)
  })

  it('reads an unknown language as the default tables', () => {
    const udh = parseUdh(octets('0625010e2401ff'))
    expect(decodeGsm7(octets('001b65'), udh)).toBe('@€')
    expect(decodeGsm7(octets('00'), { lockingShift: 2 })).toBe('@')
  })

  it('knows which languages have tables', () => {
    const ids = [-1, 0, 1, 2, 13, 14, 1.5]
    expect(ids.filter(hasLockingShift)).toEqual([1, 13])
    expect(ids.filter(hasSingleShift)).toEqual([1, 2, 13])
  })
})

it('decodes any octets without throwing', () => {
  fc.assert(
    fc.property(
      fc.uint8Array(),
      fc.nat(20),
      fc.nat(20),
      fc.nat(255),
      (bytes, lockingShift, singleShift, udhOctets) => {
        const shifts = { lockingShift, singleShift }
        expect(decodeGsm7(bytes, shifts).length).toBeLessThanOrEqual(bytes.length)
        expect(typeof decodeGsm7Packed(bytes, { udhOctets }, shifts)).toBe('string')
      },
    ),
  )
})
