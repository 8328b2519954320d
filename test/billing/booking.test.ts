import fc from 'fast-check'
import { describe, expect, it } from 'vitest'
import { bookedFor, bookingsBetween, totalOf } from '../../src/billing/booking.ts'
import { readTerms, termsText, USUAL_TERMS } from '../../src/core/charging.ts'

const ABOUT = { at: new Date(0), tenantId: 'acme', messageId: 'm1' }
const TAXED = { ...USUAL_TERMS, taxPpm: 190_000 }

function charge(charged: number, isOpen: boolean, priceMicros = 90_000n, parts = 3) {
  return { priceMicros, priceCurrency: 'EUR', parts, charged, isOpen }
}

describe('what stands booked for a message', () => {
  it('is its whole price, set aside, while all of it is open', () => {
    expect(bookedFor(charge(0, true), USUAL_TERMS)).toEqual({
      currency: 'EUR',
      reserved: 90_000n,
      revenue: 0n,
      tax: 0n,
      charged: 0,
    })
  })

  it('has the tax of each part, rounded once for each', () => {
    expect(bookedFor(charge(1, true, 100_001n, 3), TAXED)).toEqual({
      currency: 'EUR',
      reserved: 66_668n + 2n * 6_333n,
      revenue: 33_333n,
      tax: 6_333n,
      charged: 1,
    })
    expect(totalOf(100_001n, 3, 190_000)).toBe(100_001n + 3n * 6_333n)
  })

  it('is what was charged and nothing else at the end', () => {
    expect(bookedFor(charge(2, false), TAXED)).toEqual({
      currency: 'EUR',
      reserved: 0n,
      revenue: 60_000n,
      tax: 11_400n,
      charged: 2,
    })
  })
})

describe('a line of the ledger', () => {
  it('sets the price aside', () => {
    const after = bookedFor(charge(0, true), USUAL_TERMS)
    expect(bookingsBetween(undefined, after, ABOUT)).toMatchObject([
      { kind: 'reserve', balance: -90_000n, reserved: 90_000n, revenue: 0n },
    ])
  })

  it('charges what is settled, and gives the rest back at the end', () => {
    const before = bookedFor(charge(0, true), USUAL_TERMS)
    const after = bookedFor(charge(2, false), USUAL_TERMS)
    expect(bookingsBetween(before, after, ABOUT)).toMatchObject([
      { kind: 'settle', balance: 30_000n, reserved: -90_000n, revenue: 60_000n },
    ])
  })

  it('gives all back when nothing is charged', () => {
    const before = bookedFor(charge(0, true), TAXED)
    const after = bookedFor(charge(0, false), TAXED)
    expect(bookingsBetween(before, after, ABOUT)).toMatchObject([
      { kind: 'release', balance: 107_100n, reserved: -107_100n, revenue: 0n, tax: 0n },
    ])
  })

  it('is not written when nothing moves', () => {
    const stands = bookedFor(charge(1, true), USUAL_TERMS)
    expect(bookingsBetween(stands, stands, ABOUT)).toEqual([])
    expect(bookingsBetween(undefined, bookedFor(charge(0, false), USUAL_TERMS), ABOUT)).toEqual([])
  })

  it('is one in each currency when a message is priced in another', () => {
    const before = bookedFor(charge(0, true), USUAL_TERMS)
    const after = bookedFor({ ...charge(0, true, 50_000n), priceCurrency: 'USD' }, USUAL_TERMS)
    expect(bookingsBetween(before, after, ABOUT)).toMatchObject([
      { kind: 'release', currency: 'EUR', balance: 90_000n, reserved: -90_000n },
      { kind: 'reserve', currency: 'USD', balance: -50_000n, reserved: 50_000n },
    ])
  })

  it('sums to zero, and all lines of a message to what it was charged', () => {
    const step = fc.record({
      charged: fc.integer({ min: 0, max: 7 }),
      isOpen: fc.boolean(),
      priceMicros: fc.bigInt({ min: 0n, max: 10_000_000n }),
    })
    fc.assert(
      fc.property(fc.array(step, { minLength: 1 }), fc.nat(1_000_000), (steps, taxPpm) => {
        const terms = { ...USUAL_TERMS, taxPpm }
        const states = steps.map((one) =>
          bookedFor({ ...one, priceCurrency: 'EUR', parts: 7 }, terms),
        )
        const lines = states.flatMap((state, index) =>
          bookingsBetween(states[index - 1], state, ABOUT),
        )
        const last = states.at(-1)
        const sum = (of: 'balance' | 'reserved' | 'revenue' | 'tax') =>
          lines.reduce((total, line) => total + line[of], 0n)
        for (const { balance, reserved, revenue, tax, funding } of lines) {
          expect(balance + reserved + revenue + tax + funding).toBe(0n)
        }
        expect(sum('reserved')).toBe(last?.reserved)
        expect(sum('revenue')).toBe(last?.revenue)
        expect(sum('balance')).toBe(-sum('reserved') - sum('revenue') - sum('tax'))
      }),
    )
  })
})

describe('the terms of a message', () => {
  it.each([
    [USUAL_TERMS, 'segment end unconfirmed'],
    [
      { unit: 'message', on: 'submit', chargesFailed: true, chargesUnconfirmed: false, taxPpm: 0 },
      'message submit failed',
    ],
    [TAXED, 'segment end unconfirmed tax=190000'],
  ] as const)('are kept as a text: %o', (terms, text) => {
    expect(termsText(terms)).toBe(text)
    expect(readTerms(text)).toEqual(terms)
    expect(readTerms(text)).toBe(readTerms(text))
  })
})
