import { describe, expect, it } from 'vitest'
import { Accounts, type CreditTerms } from '../../src/billing/accounts.ts'
import type { Booking } from '../../src/billing/booking.ts'

function line(of: Partial<Booking>): Booking {
  return {
    kind: 'reserve',
    at: new Date(0),
    tenantId: 'acme',
    currency: 'EUR',
    balance: 0n,
    reserved: 0n,
    revenue: 0n,
    tax: 0n,
    funding: 0n,
    messageId: null,
    owed: null,
    reference: null,
    note: null,
    ...of,
  }
}

function topUp(micros: bigint, currency = 'EUR'): Booking {
  return line({ kind: 'top_up', currency, balance: micros, funding: -micros })
}

function accounts(terms?: CreditTerms) {
  return new Accounts(() => terms)
}

describe('a tenant without balance and without credit limit', () => {
  it('is unlimited, and its account goes below zero', () => {
    const money = accounts()
    money.hold('m1', 'acme', 5_000_000n, 'EUR')
    money.giveBack('m1')
    money.book(line({ balance: -5_000_000n, reserved: 5_000_000n, messageId: 'm1' }))
    expect(money.standings('acme')).toMatchObject([
      { balance: -5_000_000n, reserved: 5_000_000n, held: 0n, available: null },
    ])
  })
})

describe('a tenant with a balance', () => {
  it('spends it to the last micro-unit and not beyond', () => {
    const money = accounts()
    money.book(topUp(100n))
    money.hold('m1', 'acme', 60n, 'EUR')
    money.hold('m2', 'acme', 40n, 'EUR')
    expect(() => money.hold('m3', 'acme', 1n, 'EUR')).toThrow(
      expect.objectContaining({ code: 'balance_insufficient' }),
    )
  })

  it('gets back what was held for a message that was not accepted', () => {
    const money = accounts()
    money.book(topUp(100n))
    money.hold('m1', 'acme', 100n, 'EUR')
    money.giveBack('m1')
    money.giveBack('m1')
    expect(money.standings('acme')).toMatchObject([{ available: 100n, held: 0n }])
  })

  it('has a message held or booked, never both and never neither', () => {
    const money = accounts()
    money.book(topUp(100n))
    money.hold('m1', 'acme', 70n, 'EUR')
    expect(money.standings('acme')).toMatchObject([{ available: 30n, balance: 100n, held: 70n }])
    money.giveBack('m1')
    money.book(line({ balance: -70n, reserved: 70n, messageId: 'm1' }))
    expect(money.standings('acme')).toMatchObject([{ available: 30n, balance: 30n, held: 0n }])
  })

  it('that is used up is not unlimited, even when all of it was taken away again', () => {
    const money = accounts()
    money.book(topUp(100n))
    money.book(line({ kind: 'adjustment', balance: -100n, funding: 100n }))
    expect(money.refusal('acme', 1n, 'EUR')?.code).toBe('balance_insufficient')
  })

  it('cannot pay in another currency', () => {
    const money = accounts()
    money.book(topUp(1_000_000n))
    expect(money.refusal('acme', 1n, 'USD')?.message).toContain('0.0000 USD left')
  })

  it('is the same after a start', () => {
    const money = accounts()
    money.load([
      {
        tenantId: 'acme',
        currency: 'EUR',
        balance: 10n,
        reserved: 5n,
        revenue: 0n,
        tax: 0n,
        funding: -15n,
        isFunded: true,
      },
    ])
    expect(money.refusal('acme', 10n, 'EUR')).toBeUndefined()
    expect(money.refusal('acme', 11n, 'EUR')).toBeDefined()
  })
})

describe('a tenant with a credit limit', () => {
  const terms = { creditLimitMicros: 50n, currency: 'EUR' }

  it('may go so far below zero', () => {
    const money = accounts(terms)
    expect(money.refusal('acme', 50n, 'EUR')).toBeUndefined()
    expect(money.refusal('acme', 51n, 'EUR')).toBeDefined()
    money.book(topUp(10n))
    expect(money.refusal('acme', 60n, 'EUR')).toBeUndefined()
    expect(money.refusal('acme', 61n, 'EUR')).toBeDefined()
  })

  it('has it in its currency only', () => {
    expect(accounts(terms).refusal('acme', 1n, 'USD')?.code).toBe('balance_insufficient')
  })
})
