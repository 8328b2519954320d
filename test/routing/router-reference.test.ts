import fc from 'fast-check'
import { describe, expect, it } from 'vitest'
import { STICKINESSES, STRATEGIES } from '../../src/core/route-rule.ts'
import { plainRanking } from './plain-ranking.ts'
import { requestOf, routerOf, routeWith, type TestCarrier } from './subject.ts'

const share = fc.integer({ min: 0, max: 20 }).map((twentieths) => twentieths / 20)
const price = fc.tuple(fc.bigInt({ min: 1n, max: 9n }), fc.constant('EUR' as const))
const some = <T>(value: fc.Arbitrary<T>) => fc.option(value, { nil: undefined, freq: 3 })

const NAMES = Array.from({ length: 12 }, (_, index) => `c${String(index).padStart(2, '0')}`)
const EXCLUSIONS = ['tried', 'not_in_rule', 'short_code'] as const
const named = fc.subarray(NAMES, { minLength: 1 })

const carrier = fc.record({
  rates: fc
    .record(
      { '': price, '44': price, '4477': price, '86': price, 'mcc:234': price, 'mcc:23415': price },
      { requiredKeys: [] },
    )
    .map((rates) => rates as TestCarrier['rates']),
  success: share,
  lower: share,
  upper: share,
  latencyMs: fc.constantFrom(Number.NaN, 500, 20_000, 90_000),
  messages: fc.constantFrom(0, 100),
  standing: fc.constantFrom('up', 'up', 'up', 'down', 'closed', 'probe'),
  trafficClasses: some(fc.constant(['otp'] as const)),
  lacks: fc.constantFrom(0, 0, 1),
  maxSegments: some(fc.constantFrom(1, 2)),
  isSuspect: fc.constantFrom(false, false, true),
} as const)

const route = fc.record({
  carriers: some(named),
  deny: some(fc.subarray(NAMES, { maxLength: 3 })),
  canary: some(
    fc.record({
      carrier: fc.constantFrom(...NAMES),
      percent: fc.constantFrom(10, 60),
      stopBelow: share,
      afterMessages: fc.constantFrom(0, 50),
    }),
  ),
  strategy: fc.record({
    name: fc.constantFrom(...STRATEGIES),
    sticky: fc.constantFrom('none', 'none', ...STICKINESSES),
    latency: fc.constantFrom(0, 1),
    deliveredValueMicros: some(fc.constantFrom(2, 50)),
    weights: fc.dictionary(fc.constantFrom(...NAMES), fc.integer({ min: 0, max: 5 })),
    minSuccess: fc.constantFrom(0, 0.5),
    explorePercent: fc.constantFrom(0, 0, 50),
  } as const),
})

const request = fc.record({
  network: fc.constantFrom(null, '23415', '23410', '26201'),
  trafficClass: fc.constantFrom('otp', 'marketing'),
  siblingCarrier: some(fc.constantFrom(...NAMES)),
  excluded: some(
    fc
      .array(fc.tuple(fc.constantFrom(...NAMES), fc.constantFrom(...EXCLUSIONS)), { maxLength: 3 })
      .map((pairs) => new Map(pairs)),
  ),
  sellMicros: fc.constantFrom(null, 4, 8),
  sellsMessage: fc.boolean(),
  minMargin: some(
    fc.record({
      ppm: fc.constantFrom(0, 250_000, 500_000),
      micros: fc.nat(3),
      currency: fc.constantFrom('EUR', 'EUR', 'GBP'),
    }),
  ),
  refusesLosses: fc.boolean(),
  draw: fc.nat(2 ** 32 - 1),
  turn: fc.nat(1_000).map((turn) => () => turn),
  layOut: fc
    .array(fc.constantFrom(undefined, 1, 1, 1, 2, 3), { minLength: 12, maxLength: 12 })
    .map((segments) => (profile: number) => {
      const count = segments[profile]
      if (count === undefined) return undefined
      return { segments: count, encoding: `${count}`, needs: count === 3 ? 1 : 0 }
    }),
} as const)

describe('Router', () => {
  it('ranks and refuses as a plain ranking by sorting does', () => {
    fc.assert(
      fc.property(
        fc.array(carrier, { maxLength: NAMES.length }),
        route,
        request,
        (figures, { carriers, deny, canary, strategy }, more) => {
          const all = figures.map((each, index): TestCarrier => {
            const { trafficClasses, maxSegments, ...rest } = each
            const name = NAMES[index] ?? ''
            return {
              name,
              ...rest,
              ...(trafficClasses && { trafficClasses }),
              ...(maxSegments && { maxSegments }),
            }
          })
          const rule = routeWith(strategy, { carriers, deny, canary })
          const { router, reading } = routerOf(all, { routes: [rule] })
          const asked = requestOf(more)
          const expected = plainRanking(all, asked, rule)
          const decision = router.rank(asked, reading, NAMES.length)
          const found = decision.candidates.map((each) => {
            return { carrier: each.carrier, preference: each.preference }
          })
          expect(found).toEqual(expected.candidates)
          expect(decision.candidateCount).toBe(expected.candidates.length)
          expect(decision.refused).toEqual(expected.refused)
          for (const most of [1, 3]) {
            const best = router.rank(asked, reading, most).candidates.map((each) => each.carrier)
            expect(best).toEqual(expected.candidates.slice(0, most).map((each) => each.carrier))
          }
        },
      ),
      { numRuns: 1_000 },
    )
  })
})
