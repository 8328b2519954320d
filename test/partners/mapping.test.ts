import { describe, expect, test } from 'vitest'
import { requestOf } from '../../src/partners/mapping.ts'
import { SUBMIT } from './sample-submit.ts'

const NOW = new Date('2026-12-01T00:00:00Z')

describe('requestOf', () => {
  test('plain text, with everything that intake wants to know', () => {
    expect(requestOf(SUBMIT, 'partner1', NOW)).toEqual({
      source: 'smpp',
      partner: 'partner1',
      to: '447700900123',
      from: 'ACME',
      text: 'hello',
      raw: null,
      passThrough: null,
      registeredDelivery: 1,
      encoding: 'auto',
      trafficClass: 'transactional',
      tags: [],
      expectsReply: false,
      maxSegments: null,
      clientReference: null,
      callbackUrl: null,
      sendAt: null,
      validitySeconds: null,
    })
  })

  test.each([
    ['the default alphabet with its extension', 0, '1b65', '€', 'auto'],
    ['UCS-2', 8, '4f60d83dde00', '你😀', 'ucs2'],
  ])('%s is decoded', (_what, data_coding, hex, text, encoding) => {
    const short_message = Buffer.from(hex, 'hex')
    expect(requestOf({ ...SUBMIT, data_coding, short_message }, 'p', NOW)).toMatchObject({
      text,
      raw: null,
      passThrough: null,
      encoding,
    })
  })

  test.each([
    ['ASCII', 1, '5b7e5d', '[~]'],
    ['Latin-1', 3, 'e9e8', 'éè'],
  ])('%s keeps its octets, and its text is known', (_what, dataCoding, hex, text) => {
    const short_message = Buffer.from(hex, 'hex')
    expect(
      requestOf({ ...SUBMIT, data_coding: dataCoding, short_message }, 'p', NOW),
    ).toMatchObject({ text, raw: { octets: short_message, dataCoding }, encoding: 'auto' })
  })

  test('Latin-1 of more than one segment is a text like any other', () => {
    const short_message = Buffer.alloc(141, 0xe9)
    expect(requestOf({ ...SUBMIT, data_coding: 3, short_message }, 'p', NOW)).toMatchObject({
      text: 'é'.repeat(141),
      raw: null,
    })
  })

  test.each([
    ['GSM-7', 0x10, '6805', 'hé', 'gsm7'],
    ['GSM-7', 0xf0, '1b65', '€', 'gsm7'],
    ['UCS-2', 0x18, '4f60', '你', 'ucs2'],
  ])('flash in %s is a text that keeps its class', (_what, dataCoding, hex, text, encoding) => {
    const short_message = Buffer.from(hex, 'hex')
    expect(
      requestOf({ ...SUBMIT, data_coding: dataCoding, short_message }, 'p', NOW),
    ).toMatchObject({ text, raw: null, encoding, passThrough: { dataCoding } })
  })

  test.each([
    ['a segment with a header', { esm_class: 0x40, data_coding: 0 }],
    ['binary', { esm_class: 0, data_coding: 4 }],
    ['a flash message with octets that are no septets', { esm_class: 0, data_coding: 0x10 }],
    ['a class of its own', { esm_class: 0, data_coding: 0xf5 }],
  ])('%s passes through octet by octet', (_what, fields) => {
    const short_message = Buffer.from('0500032a0201c1c2', 'hex')
    expect(requestOf({ ...SUBMIT, ...fields, short_message }, 'p', NOW)).toMatchObject({
      text: '',
      raw: { octets: short_message, esmClass: fields.esm_class, dataCoding: fields.data_coding },
    })
  })

  test('what it says beside the text goes with it', () => {
    const vendor = { tag: 0x1400, value: Buffer.from('dlt') }
    const port = { tag: 0x020b, value: Buffer.from([0, 80]) }
    const payload = { tag: 0x0424, value: Buffer.from('long text') }
    const pdu = {
      ...SUBMIT,
      service_type: 'CMT',
      esm_class: 0x83,
      protocol_id: 0x40,
      priority_flag: 3,
      short_message: Buffer.alloc(0),
      tlvs: [vendor, payload, port],
    }
    expect(requestOf(pdu, 'p', NOW)).toMatchObject({
      text: 'long text',
      raw: null,
      passThrough: {
        serviceType: 'CMT',
        esmClass: 0x83,
        protocolId: 0x40,
        priorityFlag: 3,
        dataCoding: null,
        concat: null,
        tlvs: [vendor, port],
      },
    })
  })

  test('a segment knows its place, whichever way it says it', () => {
    const short_message = Buffer.from('05000312050261', 'hex')
    expect(
      requestOf({ ...SUBMIT, esm_class: 0x43, short_message }, 'p', NOW).passThrough,
    ).toMatchObject({ esmClass: 0x03, concat: { reference: 0x12, total: 5, sequence: 2 } })
  })

  test('message_payload stands in for an empty short_message', () => {
    const tlvs = [{ tag: 0x0424, value: Buffer.from('x'.repeat(300)) }]
    const request = requestOf({ ...SUBMIT, short_message: Buffer.alloc(0), tlvs }, 'p', NOW)
    expect(request.text).toBe('x'.repeat(300))
  })

  test('a segment with SAR parameters is told by its place', () => {
    const tlvs = [
      { tag: 0x020c, value: Buffer.from([0x12, 0x34]) },
      { tag: 0x020e, value: Buffer.from([3]) },
      { tag: 0x020f, value: Buffer.from([2]) },
    ]
    expect(requestOf({ ...SUBMIT, tlvs }, 'p', NOW)).toMatchObject({
      text: '',
      raw: { octets: Buffer.from('hello'), esmClass: 0, dataCoding: 0 },
      passThrough: { concat: { reference: 0x1234, total: 3, sequence: 2 }, tlvs: [] },
    })
  })

  test('a sender of type international gets its plus', () => {
    const source = { source_addr_ton: 1, source_addr: '447700900001' }
    expect(requestOf({ ...SUBMIT, ...source }, 'p', NOW).from).toBe('+447700900001')
    expect(requestOf({ ...SUBMIT, ...source, source_addr_ton: 0 }, 'p', NOW).from).toBe(
      '447700900001',
    )
  })

  test.each([
    ['absolute, in UTC', '261231235959000+', '2026-12-31T23:59:59.000Z'],
    ['absolute, an hour ahead of UTC', '261231235959004+', '2026-12-31T22:59:59.000Z'],
    ['relative', '000001020304000R', '2026-12-02T02:03:04.000Z'],
  ])('schedule_delivery_time, %s', (_what, schedule_delivery_time, sendAt) => {
    expect(requestOf({ ...SUBMIT, schedule_delivery_time }, 'p', NOW)).toMatchObject({
      sendAt: new Date(sendAt),
      validitySeconds: null,
    })
  })

  test.each([
    ['relative', '', '000000010000000R', 3_600],
    ['absolute', '', '261201003000000+', 1_800],
    ['counted from the schedule', '000000010000000R', '000000030000000R', 7_200],
    ['cut to 30 days', '', '010000000000000R', 2_592_000],
  ])('validity_period, %s', (_what, schedule_delivery_time, validity_period, seconds) => {
    const pdu = { ...SUBMIT, schedule_delivery_time, validity_period }
    expect(requestOf(pdu, 'p', NOW).validitySeconds).toBe(seconds)
  })

  test.each([
    ['send_at_invalid', { schedule_delivery_time: 'tomorrow' }],
    ['send_at_invalid', { schedule_delivery_time: '261331000000000+' }],
    ['priority_invalid', { priority_flag: 4 }],
    ['validity_invalid', { validity_period: '0' }],
    ['validity_invalid', { validity_period: '261130235959000+' }],
    ['validity_invalid', { validity_period: '000000000000000R' }],
    [
      'validity_invalid',
      { schedule_delivery_time: '000002000000000R', validity_period: '000001000000000R' },
    ],
  ])('%s: %j', (code, fields) => {
    expect(() => requestOf({ ...SUBMIT, ...fields }, 'p', NOW)).toThrow(
      expect.objectContaining({ code }),
    )
  })

  test.each([
    ['65 of them', Array.from({ length: 65 }, () => ({ tag: 0x1400, value: Buffer.alloc(0) }))],
    ['4,097 octets', [{ tag: 0x1400, value: Buffer.alloc(4_097) }]],
  ])('more optional parameters than a message may keep are refused: %s', (_what, tlvs) => {
    expect(() => requestOf({ ...SUBMIT, tlvs }, 'p', NOW)).toThrow(
      expect.objectContaining({ code: 'tlvs_too_many' }),
    )
  })

  test('what cannot be done is refused', () => {
    const tlvs = [{ tag: 0x0424, value: Buffer.alloc(255) }]
    const tooLong = { ...SUBMIT, data_coding: 4, short_message: Buffer.alloc(0), tlvs }
    expect(() => requestOf(tooLong, 'p', NOW)).toThrow(
      expect.objectContaining({ code: 'text_too_long' }),
    )
  })
})
