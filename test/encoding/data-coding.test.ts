import fc from 'fast-check'
import { describe, expect, it } from 'vitest'
import { decodeCharset, encodeCharset } from '../../src/encoding/charset.ts'
import {
  type DefaultAlphabet,
  decodeText,
  decodeUserData,
  encodeText,
  readDataCoding,
} from '../../src/encoding/data-coding.ts'
import { parseUdh } from '../../src/encoding/udh.ts'

const octets = (hex: string) => Buffer.from(hex, 'hex')
const alphabets: DefaultAlphabet[] = ['gsm7', 'gsm7-packed', 'latin1', 'ascii']

describe('readDataCoding', () => {
  it.each([
    [0x00, 'gsm7', undefined],
    [0x01, 'ascii', undefined],
    [0x02, 'binary', undefined],
    [0x03, 'latin1', undefined],
    [0x04, 'binary', undefined],
    [0x05, 'shift_jis', undefined],
    [0x06, 'iso-8859-5', undefined],
    [0x07, 'iso-8859-8', undefined],
    [0x08, 'ucs2', undefined],
    [0x09, 'binary', undefined],
    [0x0a, 'iso-2022-jp', undefined],
    [0x0d, 'shift_jis', undefined],
    [0x0e, 'euc-kr', undefined],
    [0x0f, 'gsm7', undefined],
    [0x10, 'gsm7', 0],
    [0x11, 'gsm7', 1],
    [0x14, 'binary', 0],
    [0x18, 'ucs2', 0],
    [0x1b, 'ucs2', 3],
    [0x1c, 'gsm7', 0],
    [0x20, 'binary', undefined],
    [0x38, 'binary', 0],
    [0x40, 'gsm7', undefined],
    [0x48, 'ucs2', undefined],
    [0x51, 'gsm7', 1],
    [0x68, 'binary', undefined],
    [0x80, 'gsm7', undefined],
    [0xb8, 'gsm7', undefined],
    [0xf0, 'gsm7', 0],
    [0xf3, 'gsm7', 3],
    [0xf5, 'binary', 1],
    [0xf6, 'binary', 2],
  ] as const)('reads %i as %s, class %s', (dataCoding, charset, messageClass) => {
    expect(readDataCoding(dataCoding)).toEqual({ charset, messageClass, waiting: undefined })
  })

  it.each([
    [0xc8, 'gsm7', { kind: 'voicemail', active: true, discard: true }],
    [0xd1, 'gsm7', { kind: 'fax', active: false, discard: false }],
    [0xea, 'ucs2', { kind: 'email', active: true, discard: false }],
    [0xdb, 'gsm7', { kind: 'other', active: true, discard: false }],
  ] as const)('reads %i as a message waiting indication', (dataCoding, charset, waiting) => {
    expect(readDataCoding(dataCoding)).toEqual({ charset, messageClass: undefined, waiting })
  })

  it('reads 0 as the carrier does, and packs every GSM-7 group where it packs', () => {
    expect(alphabets.map((alphabet) => readDataCoding(0, alphabet).charset)).toEqual(alphabets)
    expect(readDataCoding(0xf0, 'gsm7-packed').charset).toBe('gsm7-packed')
    expect(readDataCoding(0xf0, 'latin1').charset).toBe('gsm7')
    expect(readDataCoding(0x08, 'gsm7-packed').charset).toBe('ucs2')
  })
})

describe('text and octets', () => {
  it.each([
    { dataCoding: 0x00, text: '@£$ [€]', hex: '00010220' + '1b3c1b651b3e' },
    { dataCoding: 0x01, text: '[a@]', hex: '5b61405d' },
    { dataCoding: 0x03, text: 'garçon', hex: '676172e76f6e' },
    { dataCoding: 0x05, text: 'カナ漢', hex: '834a83698abf' },
    { dataCoding: 0x06, text: 'Жук', hex: 'b6e3da' },
    { dataCoding: 0x07, text: 'שלום', hex: 'f9ece5ed' },
    { dataCoding: 0x08, text: 'Ж😀', hex: '0416d83dde00' },
    { dataCoding: 0x0a, text: 'a漢字b', hex: '61' + '1b2442' + '34413b7a' + '1b2842' + '62' },
    { dataCoding: 0x0a, text: '漢', hex: '1b2442' + '3441' + '1b2842' },
    { dataCoding: 0x0e, text: '한글', hex: 'c7d1b1db' },
    { dataCoding: 0x18, text: 'Ж', hex: '0416' },
    { dataCoding: 0xf0, text: 'a_b', hex: '611162' },
  ])('data_coding $dataCoding: $text', ({ dataCoding, text, hex }) => {
    expect(encodeText(text, dataCoding).toString('hex')).toBe(hex)
    expect(decodeText(octets(hex), dataCoding).text).toBe(text)
  })

  it.each([
    { defaultAlphabet: 'gsm7', hex: '00' },
    { defaultAlphabet: 'gsm7-packed', hex: '00' },
    { defaultAlphabet: 'latin1', hex: '40' },
    { defaultAlphabet: 'ascii', hex: '40' },
  ] as const)('reads "@" with $defaultAlphabet', ({ defaultAlphabet, hex }) => {
    expect(encodeText('@', 0, { defaultAlphabet }).toString('hex')).toBe(hex)
    expect(decodeText(octets(hex), 0, { defaultAlphabet }).text).toBe('@')
  })

  it.each([
    { dataCoding: 0x00, text: 'aЖ', index: 1 },
    { dataCoding: 0x01, text: 'aé', index: 1 },
    { dataCoding: 0x03, text: '12€', index: 2 },
    { dataCoding: 0x05, text: '漢한', index: 1 },
    { dataCoding: 0x06, text: 'Ж😀', index: 1 },
    { dataCoding: 0x0a, text: '漢ｶ', index: 1 },
    { dataCoding: 0x0e, text: '한😀', index: 1 },
  ])('refuses $text for data_coding $dataCoding', ({ dataCoding, text, index }) => {
    expect(() => encodeText(text, dataCoding)).toThrow(
      expect.objectContaining({
        code: 'text_not_encodable',
        index,
        character: String.fromCodePoint(text.codePointAt(index)!),
      }),
    )
  })

  it('has no text for binary data', () => {
    expect(decodeText(octets('0041'), 0x04)).toEqual({ charset: 'binary', text: undefined })
    expect(() => encodeText('a', 0xf5)).toThrow('data_coding 245 is not for text')
  })

  it('replaces what has no meaning', () => {
    expect(decodeText(octets('41e9'), 0x00).text).toBe('A\ufffd')
    expect(decodeText(octets('41e9'), 0x01).text).toBe('A\ufffd')
    expect(decodeText(octets('d83d0041'), 0x08).text).toBe('\ufffdA')
  })

  it('obeys the shift tables of the header', () => {
    const udh = parseUdh(octets('06240101250101'))
    expect(decodeText(octets('600c071d2004'), 0, { udh }).text).toBe('çğış €')
    expect(encodeText('çğış €', 0, { udh }).toString('hex')).toBe('600c071d2004')
    const packed = { udh, defaultAlphabet: 'gsm7-packed' } as const
    expect(decodeText(octets('60c6a1032200'), 0, packed).text).toBe('çğış €')
  })

  it('skips the fill bits behind the header', () => {
    const udh = parseUdh(octets('0500032a0201'))
    const options = { udh, defaultAlphabet: 'gsm7-packed' } as const
    expect(decodeText(octets('d06536fb0d'), 0, options).text).toBe('hello')
    expect(encodeText('hello', 0, options).toString('hex')).toBe('d06536fb0d')
  })

  it('never throws while decoding', () => {
    const element = fc.uint8Array({ maxLength: 60 })
    fc.assert(
      fc.property(
        element,
        element,
        fc.nat(255),
        fc.constantFrom(...alphabets),
        (header, bytes, dataCoding, defaultAlphabet) => {
          const udh = parseUdh(Buffer.from(header))
          const { charset, text } = decodeText(Buffer.from(bytes), dataCoding, {
            defaultAlphabet,
            udh,
          })
          expect(typeof text).toBe(charset === 'binary' ? 'undefined' : 'string')
        },
      ),
      { numRuns: 2000 },
    )
  })
})

describe('decodeUserData', () => {
  const part = (hex: string, udh?: string) => ({
    octets: octets(hex),
    udh: udh === undefined ? undefined : parseUdh(octets(udh)),
  })

  it('joins a surrogate pair that was split over two parts', () => {
    expect(decodeUserData([part('0041d83d'), part('de000042')], 8).text).toBe('A😀B')
  })

  it('joins a code unit that was split over two parts', () => {
    expect(decodeUserData([part('004104'), part('160042')], 8).text).toBe('AЖB')
  })

  it('joins an escape that was split from its septet', () => {
    const parts = [part('411b', '0500032a0201'), part('6542', '0500032a0202')]
    expect(decodeUserData(parts, 0).text).toBe('A€B')
  })

  it('unpacks each part behind its own header', () => {
    const parts = [part('d06536fb0d', '0500032a0201'), part('e8329bfd06')]
    expect(decodeUserData(parts, 0, 'gsm7-packed').text).toBe('hellohello')
  })

  it('uses the tables of each part', () => {
    const parts = [part('07'), part('07', '03250101'), part('07', '03250101'), part('07')]
    expect(decodeUserData(parts, 0).text).toBe('ìııì')
  })

  it('is empty without parts', () => {
    expect(decodeUserData([], 0).text).toBe('')
    expect(decodeUserData([], 8).text).toBe('')
  })
})

describe('other character sets', () => {
  const charsets = [
    'ascii',
    'latin1',
    'iso-8859-5',
    'iso-8859-8',
    'shift_jis',
    'iso-2022-jp',
    'euc-kr',
  ] as const

  it.each(charsets)('%s gives back every text that it takes', (charset) => {
    const unit = fc.constantFrom(...'aZ09 ~\\é§ЖшשתカナｶﾅxX漢字！한글😀\u0000')
    fc.assert(
      fc.property(fc.string({ unit, maxLength: 8 }), (text) => {
        let encoded: Buffer
        try {
          encoded = encodeCharset(text, charset)
        } catch (error) {
          const { code, index } = error as { code: string; index: number }
          expect(code).toBe('text_not_encodable')
          expect(encodeCharset(text.slice(0, index), charset)).toBeInstanceOf(Buffer)
          return
        }
        expect(decodeCharset(encoded, charset)).toBe(text)
      }),
      { numRuns: 300 },
    )
  })
})
