import { expect, it } from 'vitest'
import { atOnce } from '../../src/core/turns.ts'
import { readDeckCsv } from '../../src/routing/deck-csv.ts'
import { LOSS_REASON, withoutLosses } from '../../src/routing/losses.ts'
import { parseNumber } from '../../src/routing/number.ts'
import { PrefixTable } from '../../src/routing/prefix-table.ts'
import { RateTable } from '../../src/routing/rate-table.ts'
import { type Rate, rank } from '../../src/routing/router.ts'

function carrier(name: string, priceMicros: bigint, currency = 'EUR') {
  const rates = new PrefixTable<Rate>().set('44', { priceMicros, currency })
  return { name, rates, isUp: true, success: 1 }
}

const parsed = parseNumber('+447700900123')
if (!parsed.ok) throw new Error(parsed.reason)
const { number } = parsed

const tariff = {
  version: 1,
  deck: atOnce(RateTable.build(readDeckCsv('prefix,price,currency\n44,0.03,EUR').deck)),
}

it('leaves out who costs more than the tenant pays, and says so without figures', () => {
  const decision = rank(
    { number, segments: () => 2, trafficClass: 'otp' },
    {
      carriers: [
        carrier('dear', 30_001n),
        carrier('even', 30_000n),
        carrier('cheap', 10_000n),
        carrier('foreign', 90_000n, 'USD'),
        { ...carrier('elsewhere', 1n), rates: new PrefixTable<Rate>() },
      ],
    },
  )
  const left = withoutLosses(decision, tariff, number.e164, null, Date.now())
  // What cannot be compared is no known loss.
  expect(left.candidates.map((each) => each.carrier)).toEqual(['cheap', 'even', 'foreign'])
  expect(left.refused).toEqual([
    { carrier: 'dear', reason: LOSS_REASON },
    expect.objectContaining({ carrier: 'elsewhere' }),
  ])
  const converted = { EUR: 1, USD: 0.9 }
  expect(
    withoutLosses(decision, tariff, number.e164, null, Date.now(), converted).refused.map(
      (each) => each.carrier,
    ),
  ).toEqual(['dear', 'elsewhere', 'foreign'])
})

it('changes nothing where the tenant pays what it costs', () => {
  const decision = rank(
    { number, segments: () => 1, trafficClass: 'otp' },
    { carriers: [carrier('dear', 90_000n)] },
  )
  expect(withoutLosses(decision, undefined, number.e164, null, 0)).toBe(decision)
})
