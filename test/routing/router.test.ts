import fc from 'fast-check'
import { describe, expect, it } from 'vitest'
import { explainCandidate } from '../../src/routing/explain.ts'
import { type PhoneNumber, parseNumber } from '../../src/routing/number.ts'
import { PrefixTable } from '../../src/routing/prefix-table.ts'
import {
  type CarrierSnapshot,
  type Rate,
  type RouteCandidate,
  type RouteRequest,
  rank,
} from '../../src/routing/router.ts'

function numberOf(text: string): PhoneNumber {
  const result = parseNumber(text)
  if (!result.ok) throw new Error(result.reason)
  return result.number
}

type Rates = Record<string, readonly [price: bigint, currency: string]>

function carrier(name: string, rates: Rates, more: Partial<CarrierSnapshot> = {}): CarrierSnapshot {
  const table = new PrefixTable<Rate>()
  for (const [prefix, [priceMicros, currency]] of Object.entries(rates)) {
    table.set(prefix, { priceMicros, currency })
  }
  return { name, rates: table, isUp: true, success: 1, ...more }
}

function request(more: Partial<RouteRequest> = {}): RouteRequest {
  return {
    number: numberOf('+447700900123'),
    segments: () => 1,
    trafficClass: 'transactional',
    ...more,
  }
}

const reasonsOf = (candidate: RouteCandidate | undefined) =>
  candidate === undefined ? [] : explainCandidate(candidate)

const names = (list: readonly { carrier: string }[]) => list.map((each) => each.carrier)

describe('rank', () => {
  it('prefers the lower cost per delivered message over the lower price', () => {
    const { candidates } = rank(request(), {
      carriers: [
        carrier('cheap', { '44': [30_000n, 'EUR'] }, { success: 0.5 }),
        carrier('good', { '44': [40_000n, 'EUR'] }, { success: 0.98 }),
      ],
    })
    expect(candidates).toEqual([
      {
        carrier: 'good',
        rate: { prefix: '44', priceMicros: 40_000n, currency: 'EUR' },
        segments: 1,
        priceMicros: 40_000n,
        currency: 'EUR',
        success: 0.98,
        score: 40_000 / 0.98,
        isUp: true,
        hasSiblings: false,
        comparison: 'same',
      },
      expect.objectContaining({ carrier: 'cheap', score: 60_000 }),
    ])
    expect(reasonsOf(candidates[0])).toEqual([
      'rate for prefix 44: 0.0400 EUR per segment',
      '98.0 % delivered lately: expected cost 0.040816 EUR per delivered message',
    ])
  })

  it('counts segments carrier by carrier', () => {
    const { candidates } = rank(request({ segments: (name) => (name === 'latin1' ? 2 : 3) }), {
      carriers: [
        carrier('gsm', { '': [35_000n, 'EUR'] }),
        carrier('latin1', { '': [50_000n, 'EUR'] }),
      ],
    })
    expect(candidates.map((each) => [each.carrier, each.segments, each.priceMicros])).toEqual([
      ['latin1', 2, 100_000n],
      ['gsm', 3, 105_000n],
    ])
    expect(reasonsOf(candidates[1])[0]).toBe(
      'rate for everywhere: 0.0350 EUR per segment x 3 segments = 0.1050 EUR',
    )
  })

  it('takes the longest prefix of each carrier', () => {
    const { candidates } = rank(request(), {
      carriers: [carrier('a', { '': [1n, 'EUR'], '44': [2n, 'EUR'], '4477': [3n, 'EUR'] })],
    })
    expect(candidates[0]?.rate).toEqual({ prefix: '4477', priceMicros: 3n, currency: 'EUR' })
  })

  it('places carriers that are down after those that are up', () => {
    const { candidates } = rank(request(), {
      carriers: [
        carrier('a', { '': [1n, 'EUR'] }, { isUp: false }),
        carrier('b', { '': [9n, 'EUR'] }),
      ],
    })
    expect(names(candidates)).toEqual(['b', 'a'])
    expect(reasonsOf(candidates[1]).at(-1)).toMatch(/not connected now/)
  })

  it('breaks ties by name', () => {
    const carriers = ['c', 'a', 'b'].map((name) => carrier(name, { '': [5n, 'EUR'] }))
    expect(names(rank(request(), { carriers }).candidates)).toEqual(['a', 'b', 'c'])
  })

  it('refuses with a reason, and an empty list is a result', () => {
    const decision = rank(
      request({ excluded: new Set(['tried']), segments: (name) => (name === 'none' ? 0 : 1) }),
      {
        carriers: [
          carrier('tried', { '': [1n, 'EUR'] }),
          carrier('asia', { '86': [1n, 'EUR'] }),
          carrier('otp', { '': [1n, 'EUR'] }, { trafficClasses: ['otp'] }),
          carrier('none', { '': [1n, 'EUR'] }),
          carrier('empty', {}),
        ],
      },
    )
    expect(decision).toEqual({
      candidates: [],
      refused: [
        { carrier: 'asia', reason: 'no rate reaches +447700…' },
        { carrier: 'empty', reason: 'no rate reaches +447700…' },
        { carrier: 'none', reason: 'cannot carry the text: it would take 0 segments there' },
        { carrier: 'otp', reason: 'takes no transactional traffic, only otp' },
        { carrier: 'tried', reason: 'already tried for this message' },
      ],
    })
    expect(rank(request(), { carriers: [] })).toEqual({ candidates: [], refused: [] })
  })

  it('compares currencies by the conversion table', () => {
    const carriers = [
      carrier('euro', { '': [30_000n, 'EUR'] }),
      carrier('yuan', { '': [80_000n, 'CNY'] }),
    ]
    const { candidates } = rank(request(), { carriers, ratesToBase: { EUR: 1, CNY: 0.125 } })
    expect(candidates.map(({ carrier: name, score }) => [name, score])).toEqual([
      ['yuan', 10_000],
      ['euro', 30_000],
    ])
    expect(candidates[0]?.currency).toBe('CNY')
    expect(reasonsOf(candidates[0])[1]).toContain('expected cost 0.0100 in the base currency')
  })

  it('compares amounts as they are without a conversion, and says so', () => {
    const carriers = [
      carrier('euro', { '': [30_000n, 'EUR'] }),
      carrier('yuan', { '': [80_000n, 'CNY'] }),
    ]
    for (const ratesToBase of [undefined, {}, { EUR: 1, CNY: 0 }, { EUR: 1, CNY: Number.NaN }]) {
      const { candidates } = rank(request(), { carriers, ...(ratesToBase && { ratesToBase }) })
      expect(names(candidates)).toEqual(['euro', 'yuan'])
      expect(reasonsOf(candidates[1])).toContain(
        'no conversion rate for CNY: its amounts are compared as they are',
      )
    }
    const alone = rank(request(), { carriers: carriers.slice(0, 1) })
    expect(reasonsOf(alone.candidates[0])).toHaveLength(2)
  })

  it.each([0, -1, Number.NaN, Number.POSITIVE_INFINITY])('survives a success of %d', (success) => {
    const { candidates } = rank(request(), {
      carriers: [
        carrier('odd', { '': [10n ** 18n, 'EUR'] }, { success }),
        carrier('free', { '': [0n, 'EUR'] }, { success }),
      ],
    })
    expect(names(candidates)).toEqual(['free', 'odd'])
    for (const { score } of candidates) expect(Number.isFinite(score)).toBe(true)
  })
})

describe('rank, for any snapshot', () => {
  const rates = fc.dictionary(
    fc.stringMatching(/^(4|44|447|86|)$/),
    fc.tuple(fc.bigInt({ min: 0n, max: 100_000n }), fc.constantFrom('EUR', 'USD', 'XXX')),
  )
  const anyCarrier = fc.record({
    name: fc.stringMatching(/^[a-h]{1,2}$/),
    rates,
    isUp: fc.boolean(),
    success: fc.double(),
  })
  const anySnapshot = fc
    .uniqueArray(anyCarrier, { selector: ({ name }) => name, maxLength: 12 })
    .map((list) => list.map(({ name, rates: table, ...more }) => carrier(name, table, more)))
  const anyRequest = fc
    .record({
      tried: fc.array(fc.stringMatching(/^[a-h]$/)),
      count: fc.integer({ min: -1, max: 9 }),
    })
    .map(({ tried, count }) => request({ excluded: new Set(tried), segments: () => count }))
  const ratesToBase = { EUR: 1, USD: 0.9 }

  it('names every carrier once, with a reason, and ranks them by the rule', () => {
    fc.assert(
      fc.property(anyRequest, anySnapshot, (message, carriers) => {
        const { candidates, refused } = rank(message, { carriers, ratesToBase })
        const all = [...names(candidates), ...names(refused)]
        expect(all.sort()).toEqual(carriers.map(({ name }) => name).sort())
        for (const one of candidates) expect(reasonsOf(one).length).toBeGreaterThan(0)
        for (const { reason } of refused) expect(reason).not.toBe('')
        const isUp = new Map(carriers.map((each) => [each.name, each.isUp]))
        for (const [index, next] of candidates.slice(1).entries()) {
          const before = candidates[index]!
          if (isUp.get(before.carrier) === isUp.get(next.carrier)) {
            expect(before.score).toBeLessThanOrEqual(next.score)
          } else {
            expect(isUp.get(before.carrier)).toBe(true)
          }
        }
      }),
    )
  })

  it('does not depend on the order of the snapshot', () => {
    const withShuffle = anySnapshot.chain((list) =>
      fc.tuple(fc.constant(list), fc.shuffledSubarray(list, { minLength: list.length })),
    )
    fc.assert(
      fc.property(anyRequest, withShuffle, (message, [carriers, shuffled]) => {
        const decision = rank(message, { carriers, ratesToBase })
        expect(rank(message, { carriers: shuffled, ratesToBase })).toEqual(decision)
        expect(rank(message, { carriers, ratesToBase })).toEqual(decision)
      }),
    )
  })
})
