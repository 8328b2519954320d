import { describe, expect, it } from 'vitest'
import { PriceConversion } from '../../src/billing/price-conversion.ts'

const AT = Date.parse('2026-06-01T00:00:00Z')
const conversion = new PriceConversion([
  { from: 'USD', to: 'EUR', micros: 900_000n, since: new Date('2026-01-01T00:00:00Z') },
  { from: 'USD', to: 'EUR', micros: 800_000n, since: new Date('2026-07-01T00:00:00Z') },
  { from: 'USD', to: 'EUR', micros: 950_000n, since: new Date('2025-01-01T00:00:00Z') },
])

describe('a price in another currency', () => {
  it('is converted by the rate that began last', () => {
    expect(conversion.convert(100_000n, 'USD', 'EUR', AT)).toBe(90_000n)
    expect(conversion.convert(100_000n, 'USD', 'EUR', AT + 40 * 86_400_000)).toBe(80_000n)
    expect(conversion.convert(100_000n, 'USD', 'EUR', AT - 200 * 86_400_000)).toBe(95_000n)
  })

  it('is rounded to the next millionth, half of one upwards', () => {
    expect(conversion.convert(5n, 'USD', 'EUR', AT)).toBe(5n)
    expect(conversion.convert(4n, 'USD', 'EUR', AT)).toBe(4n)
    expect(conversion.convert(3n, 'USD', 'EUR', AT)).toBe(3n)
    expect(conversion.convert(7n, 'USD', 'EUR', AT)).toBe(6n)
  })

  it('is converted by a rate the other way round where there is none', () => {
    expect(conversion.convert(90_000n, 'EUR', 'USD', AT)).toBe(100_000n)
    expect(conversion.convert(1n, 'EUR', 'USD', AT)).toBe(1n)
  })

  it('is not known without a rate, or before the first', () => {
    expect(conversion.convert(1n, 'USD', 'GBP', AT)).toBeUndefined()
    expect(conversion.convert(1n, 'USD', 'EUR', Date.parse('2024-01-01'))).toBeUndefined()
    expect(conversion.convert(1n, 'GBP', 'GBP', AT)).toBe(1n)
  })
})
