import fc from 'fast-check'
import { describe, expect, it } from 'vitest'
import { decodeUcs2, encodeUcs2, isSurrogatePair, wellFormed } from '../../src/encoding/ucs2.ts'

const octets = (hex: string) => Buffer.from(hex, 'hex')

describe('encodeUcs2', () => {
  it.each([
    { name: 'nothing', text: '', hex: '' },
    { name: 'Cyrillic', text: 'Жa', hex: '04160061' },
    { name: 'a surrogate pair', text: '😀', hex: 'd83dde00' },
    { name: 'a lone high surrogate', text: 'a\ud83d', hex: '0061fffd' },
    { name: 'a lone low surrogate', text: '\ude00a', hex: 'fffd0061' },
    { name: 'surrogates in the wrong order', text: '\ude00\ud83d', hex: 'fffdfffd' },
  ])('encodes $name', ({ text, hex }) => {
    expect(encodeUcs2(text).toString('hex')).toBe(hex)
  })
})

describe('decodeUcs2', () => {
  it.each([
    { name: 'big-endian', hex: '04160061', text: 'Жa' },
    { name: 'a byte order mark', hex: 'feff0416', text: 'Ж' },
    { name: 'a little-endian byte order mark', hex: 'fffe16043dd800de', text: 'Ж😀' },
    { name: 'nothing but a byte order mark', hex: 'feff', text: '' },
    { name: 'an odd last octet', hex: '041600', text: 'Ж' },
    { name: 'one octet', hex: '04', text: '' },
    { name: 'half a pair at the end', hex: '0061d83d', text: 'a\ufffd' },
    { name: 'half a pair at the start', hex: 'de000061', text: '\ufffda' },
  ])('decodes $name', ({ hex, text }) => {
    expect(decodeUcs2(octets(hex))).toBe(text)
  })

  it('leaves the octets as they were', () => {
    const bytes = octets('04160061')
    decodeUcs2(bytes)
    expect(bytes).toEqual(octets('04160061'))
  })

  it('gives every text back, lone surrogates replaced', () => {
    fc.assert(
      fc.property(fc.string({ unit: 'binary' }), fc.boolean(), (text, cut) => {
        // Cutting one code unit off may leave half a pair.
        const part = cut ? text.slice(1) : text
        fc.pre(!part.startsWith('\ufeff') && !part.startsWith('\ufffe'))
        expect(decodeUcs2(encodeUcs2(part))).toBe(wellFormed(part))
      }),
    )
  })

  it('gives well-formed text for any octets', () => {
    fc.assert(
      fc.property(fc.uint8Array(), (bytes) => {
        const text = decodeUcs2(bytes)
        expect(text).not.toMatch(/\p{Surrogate}/u)
        expect(text.length).toBeLessThanOrEqual(bytes.length / 2)
      }),
    )
  })
})

it('recognises surrogate pairs', () => {
  expect(isSurrogatePair('a😀', 1)).toBe(true)
  expect(isSurrogatePair('a😀', 2)).toBe(false)
  expect(isSurrogatePair('a\ud83d', 1)).toBe(false)
})
