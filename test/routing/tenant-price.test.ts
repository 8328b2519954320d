import { describe, expect, it, test } from 'vitest'
import { atOnce } from '../../src/core/turns.ts'
import { readDeckCsv } from '../../src/routing/deck-csv.ts'
import { RateTable } from '../../src/routing/rate-table.ts'
import {
  isLoss,
  marginOf,
  type TenantTariff,
  tenantPriceOf,
  tenantRateOf,
} from '../../src/routing/tenant-price.ts'

const NOW = Date.UTC(2026, 10, 15)
const DECEMBER = Date.UTC(2026, 11, 1)

function tariff(...rows: readonly string[]): TenantTariff {
  const reading = readDeckCsv(['prefix,mccmnc,price,currency,effective_from', ...rows].join('\n'))
  expect(reading.mistakes).toEqual([])
  return { version: 7, deck: atOnce(RateTable.build(reading.deck)) }
}

const cost = { micros: 70_000n, currency: 'EUR' }

const priceOf = (
  terms: TenantTariff | undefined,
  digits: string,
  network: string | null = null,
  atMs = NOW,
) => tenantPriceOf(tenantRateOf(terms, digits, network, atMs), 2, cost)

describe('what a tenant pays', () => {
  const terms = tariff(
    '44,,0.01,EUR,',
    '447,,0.02,EUR,',
    '44770,,0.03,EUR,2026-12-01',
    '447,,0.04,GBP,2026-12-01',
    ',23415,0.05,EUR,',
    ',23420,0.06,EUR,2026-12-01',
  )

  test.each([
    ['+447700900123', null, NOW, 40_000n, 'EUR', '447'],
    ['447700900123', null, NOW, 40_000n, 'EUR', '447'],
    ['+442079460000', null, NOW, 20_000n, 'EUR', '44'],
    ['+447700900123', null, DECEMBER - 1, 40_000n, 'EUR', '447'],
    ['+447700900123', null, DECEMBER, 60_000n, 'EUR', '44770'],
    ['+447400900123', null, DECEMBER, 80_000n, 'GBP', '447'],
  ])('%s, network %s, at %d: the longest prefix that holds then', (number, net, at, ...paid) => {
    const price = priceOf(terms, number, net, at)
    expect([price.micros, price.currency, price.rate?.prefix]).toEqual(paid)
    expect(price.deckVersion).toBe(7)
  })

  it('follows the network before the prefix, from when the network has a rate', () => {
    expect(priceOf(terms, '+447700900123', '23415').micros).toBe(100_000n)
    expect(priceOf(terms, '+447700900123', '23420').micros).toBe(40_000n)
    expect(priceOf(terms, '+447700900123', '23420', DECEMBER).micros).toBe(120_000n)
    expect(priceOf(terms, '+447700900123', '23499').micros).toBe(40_000n)
  })

  it('is the cost where no deck has a rate', () => {
    const asItCosts = { ...cost, deckVersion: null, rate: null }
    expect(priceOf(undefined, '+447700900123')).toEqual(asItCosts)
    expect(priceOf(terms, '+33612345678')).toEqual(asItCosts)
    expect(priceOf(terms, '+4')).toEqual(asItCosts)
  })

  it('may be one price for everywhere', () => {
    expect(priceOf(tariff('*,,0.5,USD,'), '+33612345678')).toMatchObject({
      micros: 1_000_000n,
      currency: 'USD',
    })
  })

  it('does not take a network of the same digits for a prefix', () => {
    expect(priceOf(tariff(',33612,1,EUR,'), '+33612345678').deckVersion).toBeNull()
  })
})

describe('a margin', () => {
  const euros = (micros: bigint) => ({ micros, currency: 'EUR' })

  it('is exact in one currency', () => {
    const margin = marginOf(euros(9_007_199_254_740_993n), euros(9_007_199_254_740_994n))
    expect(margin).toMatchObject({ micros: 1n, currency: 'EUR' })
    expect(marginOf(euros(75n), euros(100n))).toMatchObject({ micros: 25n, percent: 25 })
  })

  it('is a loss below the cost, and not at it', () => {
    expect(isLoss(marginOf(euros(100n), euros(99n)))).toBe(true)
    expect(isLoss(marginOf(euros(100n), euros(100n)))).toBe(false)
    expect(marginOf(euros(1n), euros(0n))).toEqual({ ...euros(-1n), percent: null })
  })

  it('is converted where both currencies have a worth, and unknown otherwise', () => {
    const dollars = { micros: 110n, currency: 'USD' }
    expect(marginOf(dollars, euros(150n), { EUR: 1, USD: 0.9 })).toMatchObject({ micros: 51n })
    expect(marginOf(euros(90n), dollars, { EUR: 1, USD: 0.9 })).toMatchObject({
      micros: 10n,
      currency: 'USD',
    })
    for (const conversion of [undefined, { EUR: 1 }, { EUR: 1, USD: 0 }, { EUR: 1, USD: NaN }]) {
      expect(marginOf(dollars, euros(150n), conversion)).toBeUndefined()
    }
    expect(isLoss(undefined)).toBe(false)
  })
})
