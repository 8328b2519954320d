import { describe, expect, it } from 'vitest'
import { Accounts } from '../../src/billing/accounts.ts'
import { Charges, type TenantCharging } from '../../src/billing/charges.ts'
import { PriceConversion } from '../../src/billing/price-conversion.ts'
import { Volumes } from '../../src/billing/volumes.ts'
import { termsText, USUAL_TERMS } from '../../src/core/charging.ts'

const TENANT = 'acme'
const AT = new Date('2026-10-15T12:00:00Z')
const FIVE = { aboveSegments: 10, discountPpm: 50_000 }
const TEN = { aboveSegments: 20, discountPpm: 100_000 }
const TIERS = [FIVE, TEN].map((tier) => ({ ...USUAL_TERMS, tier }))

function chargesBy(more: Partial<TenantCharging> = {}) {
  const volumes = new Volumes()
  const charges = new Charges({
    accounts: new Accounts(),
    volumes,
    termsFor: () => ({ charging: USUAL_TERMS, tiers: TIERS, currency: undefined, ...more }),
    conversion: () =>
      new PriceConversion([{ from: 'USD', to: 'EUR', micros: 900_000n, since: new Date(0) }]),
  })
  return { charges, volumes }
}

describe('the tier of a message', () => {
  it.each([
    [0, undefined],
    [9, undefined],
    // The eleventh segment is the first above ten.
    [10, FIVE],
    [19, FIVE],
    [20, TEN],
    [1_000, TEN],
  ])('after %i segments is %o', (segments, tier) => {
    const { charges, volumes } = chargesBy()
    volumes.hold('before', TENANT, AT, segments)
    expect(charges.agreedAt(TENANT, AT)?.tier).toEqual(tier)
    expect(charges.volumeAt(TENANT, AT)).toEqual({
      month: '2026-10',
      segments,
      tier: tier ?? null,
      nextTier: segments < 10 ? FIVE : segments < 20 ? TEN : null,
    })
  })

  it('is that of the month of its acceptance', () => {
    const { charges, volumes } = chargesBy()
    volumes.hold('before', TENANT, AT, 15)
    expect(charges.agreedAt(TENANT, new Date('2026-11-01T00:00:00Z'))?.tier).toBeUndefined()
    expect(charges.agreedAt(TENANT, AT, 5)?.tier).toEqual(TEN)
  })

  it('is kept with the message', () => {
    const { charges } = chargesBy()
    expect(charges.textOf(TIERS[0])).toBe('segment end unconfirmed above=10 discount=50000')
    expect(charges.textOf(undefined)).toBeNull()
  })
})

describe('what is to be paid', () => {
  const listed = { micros: 105_003n, currency: 'USD' }

  it.each([
    ['the price itself', undefined, undefined, 105_003n],
    ['less the discount, each segment rounded', undefined, TIERS[0], 99_753n],
    // 35,001 less 5 percent is 33,250.95; 33,251 at 0.9 is 29,925.9.
    ['then in the currency of the account', 'EUR', TIERS[0], 89_778n],
    ['all of it at once for a message', 'EUR', { ...TIERS[0], unit: 'message' as const }, 89_778n],
  ])('is %s', (_, currency, agreed, micros) => {
    const { charges } = chargesBy({ currency })
    const terms = agreed && { ...USUAL_TERMS, ...agreed }
    expect(charges.toPay(TENANT, listed, 3, terms, AT).micros).toBe(micros)
  })

  it('may be nothing', () => {
    const { charges } = chargesBy()
    const free = { ...USUAL_TERMS, tier: { aboveSegments: 0, discountPpm: 1_000_000 } }
    expect(charges.toPay(TENANT, listed, 3, free, AT).micros).toBe(0n)
    expect(termsText(free)).toContain('discount=1000000')
  })
})
