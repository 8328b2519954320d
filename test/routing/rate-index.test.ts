import fc from 'fast-check'
import { describe, expect, it } from 'vitest'
import { atOnce } from '../../src/core/turns.ts'
import type { DeckRate } from '../../src/routing/rate-deck.ts'
import { RateIndex } from '../../src/routing/rate-index.ts'
import { rateOf } from './subject.ts'

const NOW_MS = 1_000

const rate = fc
  .record({
    by: fc.oneof(
      fc.stringMatching(/^[12]{0,4}$/),
      fc.constantFrom('mcc:234', 'mcc:23415', 'mcc:23410', 'mcc:262'),
    ),
    price: fc.bigInt({ min: 1n, max: 1_000n }),
    currency: fc.constantFrom('EUR', 'CNY', 'XXX'),
    effectiveFromMs: fc.constantFrom(0, 0, 100, 200, NOW_MS, NOW_MS + 1, NOW_MS + 2),
  })
  .map(({ by, price, currency, effectiveFromMs }): DeckRate => {
    return { ...rateOf(by, price, currency), effectiveFromMs }
  })

// Some end at the same place, or one on the way to another.
const destination = fc.record({
  digits: fc.stringMatching(/^[12]{0,6}$/),
  network: fc.constantFrom(null, '234', '2341', '23415', '234150', '23499', '26201', 'GB-sky'),
})

/** The rate that holds: of the network, or of the longest prefix; of the latest date, the last one. */
function plainFind(deck: readonly DeckRate[], digits: string, network: string | null) {
  const inForce = deck
    .filter(({ effectiveFromMs }) => effectiveFromMs <= NOW_MS)
    .sort((a, b) => a.effectiveFromMs - b.effectiveFromMs)
  const ofNetwork = (name: string | undefined) =>
    inForce.findLast((each) => each.network !== null && each.network === name)
  const ofPrefix = inForce
    .filter(({ prefix }) => prefix !== null && digits.startsWith(prefix))
    .sort((a, b) => (a.prefix?.length ?? 0) - (b.prefix?.length ?? 0))
  return ofNetwork(network ?? undefined) ?? ofNetwork(network?.slice(0, 3)) ?? ofPrefix.at(-1)
}

describe('RateIndex', () => {
  it('finds the same as a look through all rates, with their prices in the base currency', () => {
    const conversion = { EUR: 1, CNY: 0.125 }
    fc.assert(
      fc.property(
        fc.array(fc.array(rate, { maxLength: 20 }), { maxLength: 4 }),
        fc.array(destination, { minLength: 1, maxLength: 6 }),
        (decks, destinations) => {
          const index = atOnce(RateIndex.build(decks, NOW_MS, conversion))
          for (const { digits, network } of destinations) {
            const { rates, prices } = index.find(digits, network)
            for (const [carrier, deck] of decks.entries()) {
              const expected = plainFind(deck, digits, network)
              expect(index.rates[rates[carrier] as number]).toBe(expected)
              const worth = expected?.currency === 'CNY' ? 0.125 : 1
              const price = expected ? Number(expected.priceMicros) * worth : Number.NaN
              expect(prices[carrier]).toBe(price)
            }
          }
          const later = decks.flat().filter(({ effectiveFromMs }) => effectiveFromMs > NOW_MS)
          expect(index.nextChangeAtMs).toBe(
            Math.min(...later.map(({ effectiveFromMs }) => effectiveFromMs)),
          )
        },
      ),
    )
  })

  it('is made with a pause after little work, however many rates have dates', () => {
    let work = 0
    // Every reading of a date or a price counts.
    const watched = (each: DeckRate): DeckRate =>
      Object.defineProperties(
        { ...each },
        {
          effectiveFromMs: {
            get() {
              work++
              return each.effectiveFromMs
            },
          },
          priceMicros: {
            get() {
              work++
              return each.priceMicros
            },
          },
        },
      )
    // Two rates for each of a thousand prefixes, the later one first in one half.
    const deck = Array.from({ length: 2_000 }, (_, n) => {
      const date = (n * 7) % NOW_MS
      return watched({ ...rateOf(String(1_000 + (n % 1_000)), 1n), effectiveFromMs: date })
    })
    const steps = RateIndex.build([deck, deck], NOW_MS)
    let count = 0
    let most = 0
    for (let step = steps.next(); !step.done; step = steps.next()) {
      most = Math.max(most, work)
      work = 0
      count++
    }
    // A rate is read five times at most, with the one that it takes the place of; none twice.
    expect(most).toBeLessThanOrEqual(5 * 128)
    expect(count).toBeGreaterThan((2 * deck.length) / 128)
  })
})
