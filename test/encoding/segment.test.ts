import { describe, expect, it } from 'vitest'
import { decodeText } from '../../src/encoding/data-coding.ts'
import { EncodingError } from '../../src/encoding/errors.ts'
import { packedOctets } from '../../src/encoding/gsm7-packing.ts'
import {
  countSegments,
  type Encoding,
  encodeSegments,
  type PlanOptions,
  planText,
} from '../../src/encoding/segment.ts'
import { parseUdh } from '../../src/encoding/udh.ts'
import { readVectors } from './vectors.ts'

type Units = number[] | { first: number; last: number }

interface SegmentationCase {
  name: string
  text: string | null
  textRepeat?: [string, number]
  options?: { encoding?: Encoding; refBits?: number; lockingShift?: number; singleShift?: number }
  expect: {
    error?: string
    wouldNeedParts?: number
    encoding?: Encoding
    dataCoding?: number
    parts?: number
    septets?: Units
    codeUnits?: Units
    octets?: Units
    udhOctets?: number
    shortMessageOctets?: number[]
    tpUdOctetsPacked?: number[]
    partTexts?: string[]
  }
}

const { cases } = readVectors<{ cases: SegmentationCase[] }>('segmentation')

function textOf({ text, textRepeat }: SegmentationCase): string {
  return text ?? textRepeat![0].repeat(textRepeat![1])
}

function optionsOf({ options = {} }: SegmentationCase): PlanOptions {
  const { refBits, ...rest } = options
  return { ...rest, longMessages: refBits === 16 ? 'udh16' : 'udh8' }
}

describe('the segmentation vectors', () => {
  it.each(cases.filter((vector) => vector.expect.error === undefined))('$name', (vector) => {
    const wanted = vector.expect
    const text = textOf(vector)
    const plan = planText(text, optionsOf(vector))
    const encoded = encodeSegments(plan, 0x2a)
    expect(plan.encoding).toBe(wanted.encoding)
    expect(plan.dataCoding).toBe(wanted.dataCoding)
    expect(plan.segmentCount).toBe(wanted.parts)
    expect(plan.segments).toHaveLength(wanted.parts!)
    expect(encoded).toHaveLength(wanted.parts!)
    expect(countSegments(text, optionsOf(vector))).toBe(wanted.parts)
    expect(plan.udhOctets).toBe(wanted.udhOctets)
    const units = plan.segments.map((segment) => segment.units)
    const wantedUnits = wanted.septets ?? wanted.codeUnits ?? wanted.octets
    if (Array.isArray(wantedUnits)) expect(units).toEqual(wantedUnits)
    else expect({ first: units[0], last: units.at(-1) }).toEqual(wantedUnits)
    expect(plan.segments.map((segment) => segment.text).join('')).toBe(text)
    if (wanted.partTexts) {
      expect(plan.segments.map((segment) => segment.text)).toEqual(wanted.partTexts)
    }
    if (wanted.shortMessageOctets) {
      expect(encoded.map(({ shortMessage }) => shortMessage.length)).toEqual(
        wanted.shortMessageOctets,
      )
    }
    if (wanted.tpUdOctetsPacked) {
      const onAir = encoded.map(({ shortMessage }, index) =>
        plan.encoding === 'gsm7'
          ? plan.udhOctets + packedOctets(units[index]!, plan.udhOctets)
          : shortMessage.length,
      )
      expect(onAir).toEqual(wanted.tpUdOctetsPacked)
    }
    for (const [index, { shortMessage, esmClass, dataCoding }] of encoded.entries()) {
      expect(esmClass).toBe(plan.udhOctets > 0 ? 0x40 : 0)
      const udh = esmClass ? parseUdh(shortMessage) : undefined
      expect(udh?.octets ?? 0).toBe(plan.udhOctets)
      const body = shortMessage.subarray(plan.udhOctets)
      expect(decodeText(body, dataCoding, { udh }).text).toBe(plan.segments[index]!.text)
    }
  })

  it.each(cases.filter((vector) => vector.expect.error === 'too-long'))('$name', (vector) => {
    const segmentsNeeded = vector.expect.wouldNeedParts!
    for (const run of [planText, countSegments]) {
      const attempt = () => run(textOf(vector), optionsOf(vector))
      expect(attempt).toThrow(EncodingError)
      expect(attempt).toThrow(
        expect.objectContaining({ code: 'text_too_long', segmentsNeeded, maxSegments: 255 }),
      )
      expect(attempt).toThrow(`the text takes ${segmentsNeeded} segments, at most 255 are allowed`)
    }
  })

  it('are all of a known kind', () => {
    expect(new Set(cases.map(({ expect: { error } }) => error))).toEqual(
      new Set([undefined, 'too-long']),
    )
  })
})

describe('encodeSegments', () => {
  const long = 'a'.repeat(161)

  it('ties parts with an 8-bit reference', () => {
    const [first, second] = encodeSegments(planText(long), 0x12ab)
    expect(first?.shortMessage.subarray(0, 7).toString('hex')).toBe('050003ab020161')
    expect(second?.shortMessage.toString('hex')).toBe(`050003ab0202${'61'.repeat(8)}`)
    expect(first).toMatchObject({ esmClass: 0x40, dataCoding: 0, tlvs: [] })
  })

  it('ties parts with a 16-bit reference', () => {
    const segments = encodeSegments(planText(long, { longMessages: 'udh16' }), 0x12ab)
    expect(segments[1]?.shortMessage.toString('hex')).toBe(`06080412ab0202${'61'.repeat(9)}`)
  })

  it('ties parts with SAR parameters and without a header', () => {
    const plan = planText(long, { longMessages: 'sar' })
    const segments = encodeSegments(plan, 0x12ab)
    expect(plan.udhOctets).toBe(0)
    expect(segments.map(({ shortMessage }) => shortMessage.length)).toEqual([153, 8])
    expect(segments[1]).toMatchObject({ esmClass: 0 })
    expect(segments[1]?.tlvs).toEqual([
      { tag: 0x020c, value: Buffer.from('12ab', 'hex') },
      { tag: 0x020e, value: Buffer.from([2]) },
      { tag: 0x020f, value: Buffer.from([2]) },
    ])
  })

  it('puts a long text into one message_payload and still bills its segments', () => {
    const plan = planText(long, { longMessages: 'payload' })
    expect(plan.segmentCount).toBe(2)
    expect(encodeSegments(plan, 1)).toEqual([
      {
        esmClass: 0,
        dataCoding: 0,
        shortMessage: Buffer.alloc(0),
        tlvs: [{ tag: 0x0424, value: Buffer.from(long) }],
      },
    ])
  })

  it('announces national tables in the payload and in SAR parts', () => {
    const text = 'ş'.repeat(200)
    const shifted = { encoding: 'gsm7', lockingShift: 1 } as const
    const [payload] = encodeSegments(planText(text, { ...shifted, longMessages: 'payload' }), 1)
    expect(payload?.esmClass).toBe(0x40)
    expect(payload?.tlvs[0]?.value.toString('hex')).toBe(`03250101${'1d'.repeat(200)}`)
    const sar = planText(text, { ...shifted, longMessages: 'sar' })
    expect(sar.udhOctets).toBe(4)
    expect(sar.segments.map(({ units }) => units)).toEqual([149, 51])
    const [part] = encodeSegments(sar, 1)
    expect(part).toMatchObject({ esmClass: 0x40 })
    expect(part?.shortMessage.subarray(0, 4).toString('hex')).toBe('03250101')
  })

  it.each(['udh8', 'udh16', 'sar', 'payload'] as const)(
    'sends one segment as a plain short_message with %s',
    (longMessages) => {
      expect(encodeSegments(planText('hi €', { longMessages }), 7)).toEqual([
        {
          esmClass: 0,
          dataCoding: 0,
          shortMessage: Buffer.from('6869201b65', 'hex'),
          tlvs: [],
        },
      ])
    },
  )

  it('packs septets behind the header where the carrier wants that', () => {
    const plan = planText('x'.repeat(161), { defaultAlphabet: 'gsm7-packed' })
    const segments = encodeSegments(plan, 0x2a)
    expect(segments.map(({ shortMessage }) => shortMessage.length)).toEqual([140, 14])
    const [single] = encodeSegments(planText('hello', { defaultAlphabet: 'gsm7-packed' }), 1)
    expect(single?.shortMessage.toString('hex')).toBe('e8329bfd06')
  })

  it('fills seven spare bits with a carriage return, not with "@"', () => {
    const [single] = encodeSegments(planText('1234567', { defaultAlphabet: 'gsm7-packed' }), 1)
    expect(single?.shortMessage.toString('hex')).toBe('31d98c56b3dd1a')
  })
})

describe('the default alphabet of a carrier', () => {
  it('sends Latin-1 as data_coding 0 and counts septets', () => {
    const plan = planText(`${'é'.repeat(158)}[`, { defaultAlphabet: 'latin1' })
    expect(plan).toMatchObject({ encoding: 'gsm7', dataCoding: 0, charset: 'latin1' })
    expect(plan.segments.map(({ units }) => units)).toEqual([160])
    const [segment] = encodeSegments(plan, 1)
    expect(segment?.shortMessage.toString('latin1')).toBe(plan.text)
  })

  it.each([
    { text: '10€', defaultAlphabet: 'latin1', why: 'GSM-7 but not Latin-1' },
    { text: 'garçon', defaultAlphabet: 'latin1', why: 'Latin-1 but not GSM-7' },
    { text: 'né', defaultAlphabet: 'ascii', why: 'GSM-7 but not ASCII' },
    { text: '`', defaultAlphabet: 'ascii', why: 'ASCII but not GSM-7' },
  ] as const)('sends $text as UCS-2: $why', ({ text, defaultAlphabet }) => {
    expect(planText(text, { defaultAlphabet })).toMatchObject({ encoding: 'ucs2', dataCoding: 8 })
    expect(() => planText(text, { defaultAlphabet, encoding: 'gsm7' })).toThrow(
      `cannot be written in GSM-7 and ${defaultAlphabet}`,
    )
  })

  it('sends ASCII as it is', () => {
    const plan = planText('[a@b_$]', { defaultAlphabet: 'ascii', singleShift: 1 })
    expect(plan).toMatchObject({ charset: 'ascii', udhOctets: 0, singleShift: 0 })
    expect(encodeSegments(plan, 1)[0]?.shortMessage.toString('latin1')).toBe('[a@b_$]')
  })
})

describe('options', () => {
  it('uses national tables in auto mode only where the default ones do not do', () => {
    const turkish = { lockingShift: 1, singleShift: 1 }
    expect(planText('hello', turkish)).toMatchObject({ udhOctets: 0, lockingShift: 0 })
    expect(planText('değil', turkish)).toMatchObject({ udhOctets: 7, singleShift: 1 })
    expect(planText('Жук', turkish)).toMatchObject({ encoding: 'ucs2', udhOctets: 0 })
  })

  it('refuses a forced encoding that lacks a character', () => {
    expect(() => planText('señor Ж', { encoding: 'gsm7' })).toThrow(
      expect.objectContaining({ code: 'text_not_encodable', character: 'Ж', index: 6 }),
    )
    expect(() => planText('10€', { encoding: 'latin1' })).toThrow(
      expect.objectContaining({ code: 'text_not_encodable', character: '€', index: 2 }),
    )
  })

  it('refuses more segments than allowed, and says how many are needed', () => {
    expect(() => planText('a'.repeat(460), { maxSegments: 3 })).toThrow(
      expect.objectContaining({ code: 'text_too_long', segmentsNeeded: 4, maxSegments: 3 }),
    )
    expect(countSegments('a'.repeat(459), { maxSegments: 3 })).toBe(3)
    expect(countSegments('a'.repeat(39_015), { maxSegments: 1000 })).toBe(255)
  })

  it.each([
    { maxSegments: 0 },
    { maxSegments: Number.NaN },
    { lockingShift: 2 },
    { singleShift: 14 },
    { lockingShift: -1 },
  ])('refuses %o', (options) => {
    expect(() => planText('ş', options)).toThrow(
      expect.objectContaining({ code: 'options_invalid' }),
    )
  })

  it('makes a plan that survives JSON', () => {
    const plan = planText('değil'.repeat(60), { singleShift: 1 })
    expect(encodeSegments(JSON.parse(JSON.stringify(plan)), 5)).toEqual(encodeSegments(plan, 5))
  })
})
