import fc from 'fast-check'
import { describe, expect, it } from 'vitest'
import type { DefaultAlphabet } from '../../src/encoding/data-coding.ts'
import { countSeptets } from '../../src/encoding/gsm7.ts'
import { packedOctets } from '../../src/encoding/gsm7-packing.ts'
import {
  concatKey,
  decodeReassembled,
  type Reassembled,
  Reassembler,
  readUserData,
} from '../../src/encoding/reassembly.ts'
import {
  countSegments,
  encodeSegments,
  type LongMessages,
  type PlanOptions,
  planText,
  type SegmentOctets,
} from '../../src/encoding/segment.ts'
import { wellFormed } from '../../src/encoding/ucs2.ts'

const methods: LongMessages[] = ['udh8', 'udh16', 'sar', 'payload']
const alphabets: DefaultAlphabet[] = ['gsm7', 'gsm7-packed', 'latin1', 'ascii']

/** Rich in escapes, emoji and characters of other alphabets; long enough for several segments. */
const text = fc.oneof(
  ...['ab {}[]€^|~\\', '@\r\n aé€ñ', 'a[]_$@', 'Жя😀🎉👨‍👩‍👧', 'êéa', 'şğİı €{a'].map((units) =>
    fc.string({ unit: fc.constantFrom(...units), size: 'max', maxLength: 700, minLength: 0 }),
  ),
  fc.string({ unit: 'binary', maxLength: 40 }),
)

const options: fc.Arbitrary<PlanOptions> = fc.record({
  longMessages: fc.constantFrom(...methods),
  defaultAlphabet: fc.constantFrom(...alphabets),
  lockingShift: fc.constantFrom(0, 0, 1, 3),
  singleShift: fc.constantFrom(0, 0, 1, 2),
})

/** What the other side makes of the segments, in the order given. */
function receive(segments: readonly SegmentOctets[], alphabet: DefaultAlphabet | undefined) {
  const reassembler = new Reassembler<number>()
  const left: Reassembled<number>[] = []
  for (const [source, { esmClass, shortMessage, tlvs }] of segments.entries()) {
    const { octets, udh, concat } = readUserData(esmClass, shortMessage, tlvs)
    const { total, sequence } = concat ?? { total: 1, sequence: 1 }
    const key = concat === undefined ? `alone ${source}` : concatKey('from', 'to', concat)
    left.push(...reassembler.add({ key, total, sequence, octets, udh, source }, 0))
  }
  expect(reassembler.size).toBe(0)
  return left.map((message) => decodeReassembled(message, segments[0]!.dataCoding, alphabet).text)
}

/** True when a packed part ends exactly with its octets in what could be spare bits. */
function hasAmbiguousEnd(plan: ReturnType<typeof planText>): boolean {
  if (plan.charset !== 'gsm7-packed') return false
  const udhOctets = plan.udhOctets
  const parts =
    plan.longMessages === 'payload'
      ? [{ text: plan.text, units: plan.segments.reduce((sum, { units }) => sum + units, 0) }]
      : plan.segments
  return parts.some(
    ({ text: part, units }) =>
      /[@\r]$/.test(part) && packedOctets(units, udhOctets) === packedOctets(units - 1, udhOctets),
  )
}

describe('splitting and joining', () => {
  it('gives the text back, whatever the order and the duplicates', () => {
    fc.assert(
      fc.property(
        text,
        options,
        fc.nat(0xffff),
        fc.infiniteStream(fc.nat(0xffff)),
        (sent, planOptions, reference, dice) => {
          const plan = planText(sent, planOptions)
          fc.pre(!hasAmbiguousEnd(plan) && !sent.startsWith('\ufeff'))
          const segments = encodeSegments(plan, reference)
          const shuffled = [...segments, ...segments.slice(1, 3)]
            .map((segment) => ({ segment, place: dice.next().value }))
            .sort((a, b) => a.place - b.place)
            .map(({ segment }) => segment)
          expect(receive(shuffled, planOptions.defaultAlphabet)).toEqual([wellFormed(sent)])
        },
      ),
      { numRuns: 600 },
    )
  })

  it('gives Latin-1 back', () => {
    const unit = fc.integer({ min: 0, max: 0xff }).map((code) => String.fromCharCode(code))
    fc.assert(
      fc.property(
        fc.string({ unit, maxLength: 500, size: 'max' }),
        fc.constantFrom(...methods),
        (sent, longMessages) => {
          const plan = planText(sent, { encoding: 'latin1', longMessages })
          expect(plan.dataCoding).toBe(3)
          expect(receive(encodeSegments(plan, 1).reverse(), undefined)).toEqual([sent])
        },
      ),
      { numRuns: 50 },
    )
  })

  it('counts what it plans', () => {
    fc.assert(
      fc.property(text, options, (sent, planOptions) => {
        const { segmentCount, segments } = planText(sent, planOptions)
        expect(segments).toHaveLength(segmentCount)
        expect(countSegments(sent, planOptions)).toBe(segmentCount)
      }),
      { numRuns: 300 },
    )
  })

  it('agrees on the refusal too', () => {
    const strict = fc.record({
      encoding: fc.constantFrom('auto' as const, 'gsm7' as const, 'latin1' as const),
      maxSegments: fc.integer({ min: 1, max: 4 }),
    })
    const refusal = (run: () => unknown) => {
      try {
        run()
        return undefined
      } catch (error) {
        return error
      }
    }
    fc.assert(
      fc.property(text, strict, (sent, planOptions) => {
        expect(refusal(() => countSegments(sent, planOptions))).toEqual(
          refusal(() => planText(sent, planOptions)),
        )
      }),
    )
  })

  it('keeps each segment within the radio interface, whole at its edges, and full', () => {
    fc.assert(
      fc.property(text, options, (sent, planOptions) => {
        const plan = planText(sent, planOptions)
        const { segments, longMessages, lockingShift, singleShift } = plan
        const concatOctets = longMessages === 'udh16' ? 6 : 5
        const shiftOctets = (lockingShift > 0 ? 3 : 0) + (singleShift > 0 ? 3 : 0)
        const elements = shiftOctets + (segments.length > 1 ? concatOctets : 0)
        const udhOctets = elements > 0 ? 1 + elements : 0
        const onAir = (units: number) =>
          udhOctets + (plan.encoding === 'gsm7' ? packedOctets(units, udhOctets) : units * 2)
        for (const [index, { text: part, units }] of segments.entries()) {
          expect(onAir(units)).toBeLessThanOrEqual(140)
          expect(part).not.toMatch(/^[\udc00-\udfff]/)
          if (plan.encoding === 'gsm7') {
            expect(units).toBe(countSeptets(part, { lockingShift, singleShift }))
          } else {
            expect(units).toBe(part.length)
          }
          const next = segments[index + 1]?.text
          if (next !== undefined) {
            const [character = ''] = next
            const more = countSeptets(character, { lockingShift, singleShift })
            const gsm7 = plan.encoding === 'gsm7'
            expect(onAir(units + (gsm7 ? (more ?? 0) : character.length))).toBeGreaterThan(140)
          }
        }
      }),
      { numRuns: 300 },
    )
  })

  it('never ends a GSM-7 segment with an escape', () => {
    fc.assert(
      fc.property(
        text,
        fc.constantFrom('udh8' as const, 'udh16' as const),
        (sent, longMessages) => {
          const plan = planText(sent, { longMessages })
          fc.pre(plan.charset === 'gsm7')
          for (const { shortMessage } of encodeSegments(plan, 1)) {
            expect(shortMessage.at(-1)).not.toBe(0x1b)
            expect(shortMessage.length).toBeLessThanOrEqual(254)
          }
        },
      ),
    )
  })
})

it('reads any octets without throwing', () => {
  fc.assert(
    fc.property(
      fc.nat(255),
      fc.uint8Array({ maxLength: 80 }),
      fc.array(
        fc.record({
          tag: fc.constantFrom(0x020c, 0x020e, 0x020f, 0x0424),
          value: fc.uint8Array({ maxLength: 30 }).map((bytes) => Buffer.from(bytes)),
        }),
      ),
      fc.nat(255),
      fc.constantFrom(...alphabets),
      (esmClass, bytes, tlvs, dataCoding, alphabet) => {
        const { octets, udh, concat } = readUserData(esmClass, Buffer.from(bytes), tlvs)
        const { total, sequence } = concat ?? { total: 1, sequence: 1 }
        const reassembler = new Reassembler<undefined>()
        const part = { key: 'k', total, sequence, octets, udh, source: undefined }
        const left = [...reassembler.add(part, 0), ...reassembler.drain()]
        expect(left).toHaveLength(1)
        const { text: decoded } = decodeReassembled(left[0]!, dataCoding, alphabet)
        expect(['string', 'undefined']).toContain(typeof decoded)
      },
    ),
    { numRuns: 1000 },
  )
})
