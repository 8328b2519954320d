import { describe, expect, it } from 'vitest'
import { MAX_LISTED_CHANGES } from '../../src/routing/change-list.ts'
import { diffDecks } from '../../src/routing/deck-diff.ts'
import type { DeckRate } from '../../src/routing/rate-deck.ts'

const DECEMBER = Date.UTC(2026, 11, 1)

function rate(prefix: string, price: number, more: Partial<DeckRate> = {}): DeckRate {
  return {
    prefix,
    network: null,
    priceMicros: BigInt(price),
    currency: 'EUR',
    effectiveFromMs: 0,
    ...more,
  }
}

const network = (code: string, price: number) => rate('', price, { prefix: null, network: code })

function diff(before: readonly DeckRate[], after: readonly DeckRate[]) {
  return diffDecks({ rates: before }, { rates: after })
}

function counts(before: readonly DeckRate[], after: readonly DeckRate[]) {
  const { added, removed, raised, lowered, currencyChanged, unchanged } = diff(before, after)
  const lists = [added, removed, raised, lowered, currencyChanged]
  return [...lists.map(({ count }) => count), unchanged]
}

describe('the difference of two decks', () => {
  it('says what comes, goes, and costs more or less, by how much', () => {
    const before = [rate('44', 100), rate('45', 100), rate('46', 100), rate('47', 100), rate('', 5)]
    const after = [rate('44', 150), rate('45', 80), rate('46', 100), rate('48', 9), rate('', 15)]
    const result = diff(before, after)
    expect(result).toMatchObject({ oldRates: 5, newRates: 5, unchanged: 1 })
    expect(result.added).toEqual({ count: 1, listed: [rate('48', 9)] })
    expect(result.removed).toEqual({ count: 1, listed: [rate('47', 100)] })
    expect(result.raised.averagePercent).toBe(125)
    expect(result.raised.listed).toEqual([
      {
        prefix: '',
        network: null,
        effectiveFromMs: 0,
        from: { priceMicros: 5n, currency: 'EUR' },
        to: { priceMicros: 15n, currency: 'EUR' },
        percent: 200,
      },
      expect.objectContaining({ prefix: '44', percent: 50 }),
    ])
    expect(result.lowered).toMatchObject({ count: 1, averagePercent: -20 })
  })

  it('tells a network from a prefix of the same digits', () => {
    expect(counts([network('23415', 1)], [rate('23415', 1)])).toEqual([1, 1, 0, 0, 0, 0])
    expect(counts([network('23415', 1)], [network('23415', 2)])).toEqual([0, 0, 1, 0, 0, 0])
  })

  it('compares nothing between currencies', () => {
    const result = diff([rate('44', 100)], [rate('44', 90, { currency: 'USD' })])
    expect(result.currencyChanged.listed).toMatchObject([{ percent: null }])
    expect([result.raised.count, result.lowered.count]).toEqual([0, 0])
  })

  it('has no percentage where it cost nothing before', () => {
    const { raised } = diff([rate('44', 0), rate('45', 10)], [rate('44', 1), rate('45', 20)])
    expect(raised.averagePercent).toBe(100)
    expect(raised.listed.map(({ percent }) => percent)).toEqual([null, 100])
  })

  it('compares what holds at each instant at which one of them changes', () => {
    const later = (price: number) => rate('44', price, { effectiveFromMs: DECEMBER })
    const now = rate('44', 100)
    // A raise that begins later, and the price until then that stays.
    expect(counts([now], [now, later(120)])).toEqual([0, 0, 1, 0, 0, 1])
    expect(diff([now], [later(120), now]).raised.listed).toMatchObject([
      { effectiveFromMs: DECEMBER, from: { priceMicros: 100n }, to: { priceMicros: 120n } },
    ])
    // Without the price until then there is none.
    expect(counts([now], [later(120)])).toEqual([0, 1, 1, 0, 0, 0])
    // A raise that does not come.
    expect(counts([now, later(120)], [now])).toEqual([0, 0, 0, 1, 0, 1])
    expect(counts([now, later(120)], [now, later(120)])).toEqual([0, 0, 0, 0, 0, 2])
  })

  it('lists the biggest changes of many, and the first of what comes', () => {
    const many = Array.from({ length: 5_000 }, (_, index) => String(10_000 + index))
    const result = diff(
      many.map((prefix) => rate(prefix, 1_000_000)),
      many.map((prefix, index) => rate(prefix, 1_000_000 + ((index * 7) % 5_000) + 1)),
    )
    expect(result.raised.count).toBe(5_000)
    expect(result.raised.listed).toHaveLength(MAX_LISTED_CHANGES)
    expect(result.raised.listed.map(({ to }) => Number(to.priceMicros) - 1_000_000)).toEqual(
      Array.from({ length: MAX_LISTED_CHANGES }, (_, index) => 5_000 - index),
    )
    const { added } = diff(
      [],
      many.map((prefix) => rate(prefix, 1)),
    )
    expect([added.count, added.listed.length, added.listed[0]?.prefix]).toEqual([
      5_000,
      MAX_LISTED_CHANGES,
      '10000',
    ])
  })
})
