import { describe, expect, test } from 'vitest'
import type { PartnerAlphabet } from '../../src/config/partner-access.ts'
import { encodeText } from '../../src/encoding/data-coding.ts'
import { parseUdh } from '../../src/encoding/udh.ts'
import { requestOf } from '../../src/partners/mapping.ts'
import { SUBMIT } from './sample-submit.ts'

const NOW = new Date('2026-12-01T00:00:00Z')
const UDH = Buffer.from([5, 0, 3, 0x2a, 2, 1])

function read(alphabet: PartnerAlphabet, octets: Buffer, fields: object = {}) {
  return requestOf({ ...SUBMIT, short_message: octets, ...fields }, 'p', NOW, {
    defaultAlphabet: alphabet,
    tags: [],
    expectsReply: false,
  })
}

describe('data_coding 0', () => {
  test.each<[PartnerAlphabet, string, string]>([
    ['gsm7', '1b65', '€'],
    ['latin1', 'e9e8', 'éè'],
    ['ascii', '5b7e5d', '[~]'],
    ['utf8', 'e282ac20c3a9', '€ é'],
    ['gsm7-packed', 'c8329bfd06', 'Hello'],
  ])('is %s', (alphabet, hex, text) => {
    expect(read(alphabet, Buffer.from(hex, 'hex'))).toMatchObject({ text, raw: null })
  })

  test.each<PartnerAlphabet>(['latin1', 'ascii', 'utf8'])(
    'is %s, and other values say what they always say',
    (alphabet) => {
      const ucs2 = read(alphabet, Buffer.from('20ac', 'hex'), { data_coding: 8 })
      const latin1 = read(alphabet, Buffer.from('e9', 'hex'), { data_coding: 3 })
      expect([ucs2.text, latin1.text]).toEqual(['€', 'é'])
    },
  )
})

describe('a part with a user data header', () => {
  const part = (alphabet: PartnerAlphabet, body: Buffer) =>
    read(alphabet, Buffer.concat([UDH, body]), { esm_class: 0x40 }).raw

  test.each<[PartnerAlphabet, number]>([
    ['gsm7', 0],
    ['latin1', 3],
    ['ascii', 1],
  ])('in %s keeps its octets, and data_coding %s says what they are', (alphabet, dataCoding) => {
    const octets = Buffer.concat([UDH, Buffer.from('hello')])
    expect(part(alphabet, Buffer.from('hello'))).toEqual({ octets, esmClass: 0x40, dataCoding })
  })

  test('packed septets are unpacked behind the header', () => {
    const udh = parseUdh(UDH)
    const body = encodeText('hello {€}', 0, { defaultAlphabet: 'gsm7-packed', udh })
    const octets = Buffer.concat([UDH, encodeText('hello {€}', 0)])
    expect(part('gsm7-packed', body)).toEqual({ octets, esmClass: 0x40, dataCoding: 0 })
  })

  test('UTF-8 becomes GSM 7-bit where that has its characters, else UCS-2', () => {
    const septets = Buffer.concat([UDH, encodeText('à la carte €', 0)])
    expect(part('utf8', Buffer.from('à la carte €'))).toMatchObject({
      octets: septets,
      dataCoding: 0,
    })
    const wide = Buffer.concat([UDH, encodeText('您好', 8)])
    expect(part('utf8', Buffer.from('您好'))).toMatchObject({ octets: wide, dataCoding: 8 })
  })

  test('UTF-8 that does not fit into one message is refused', () => {
    expect(() => part('utf8', Buffer.from(`您${'x'.repeat(67)}`))).toThrow(
      'a part of 68 characters needs UCS-2 and 142 octets: 140 at most',
    )
  })
})
