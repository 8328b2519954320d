import { afterAll, beforeAll, describe, expect, it } from 'vitest'
import type { CreditTerms } from '../../src/billing/accounts.ts'
import type { BalanceChange } from '../../src/billing/balance-watch.ts'
import type { Booking } from '../../src/billing/booking.ts'
import { Ledger } from '../../src/billing/ledger.ts'
import { systemClock } from '../../src/core/clock.ts'
import { silentLogger } from '../../src/core/logger.ts'
import { BalanceNotices } from '../../src/messages/balance-notices.ts'
import type { Store } from '../../src/store/open.ts'
import { openTestPglite } from '../support/database.ts'

const ACME = '01890000-0000-7000-8000-000000000001'

function line(of: Partial<Booking>): Booking {
  return {
    kind: 'reserve',
    at: new Date(0),
    tenantId: ACME,
    currency: 'EUR',
    balance: 0n,
    reserved: 0n,
    revenue: 0n,
    tax: 0n,
    funding: 0n,
    messageId: 'm',
    owed: null,
    reference: null,
    note: null,
    ...of,
  }
}

const SUMS = {
  tenantId: ACME,
  currency: 'EUR',
  balance: 0n,
  reserved: 0n,
  revenue: 0n,
  tax: 0n,
  funding: 0n,
  isFunded: true,
}

const money = (micros: bigint, currency = 'EUR') =>
  line({ kind: 'top_up', currency, balance: micros, funding: -micros, messageId: null })

/** Accounts of a tenant that is low below 1,000, and what was told of them. */
function watched(more: Partial<CreditTerms> = {}) {
  const changes: BalanceChange[] = []
  let terms: CreditTerms = {
    creditLimitMicros: undefined,
    currency: undefined,
    lowBalanceMicros: 1_000n,
    ...more,
  }
  const ledger = new Ledger(
    () => terms,
    (change) => changes.push(change),
  )
  const { accounts } = ledger
  return {
    ledger,
    accounts,
    changes,
    told: () => changes.map(({ state, isIn }) => `${isIn ? '' : 'not '}${state}`),
    agree(next: Partial<CreditTerms>) {
      terms = { ...terms, ...next }
      accounts.lookAt(ACME)
    },
  }
}

describe('an account that runs low', () => {
  it('is told of once, when less is available than agreed', () => {
    const { accounts, changes } = watched()
    accounts.book(money(1_500n))
    accounts.hold('m1', ACME, 500n, 'EUR')
    expect(changes).toEqual([])
    accounts.hold('m2', ACME, 1n, 'EUR')
    accounts.hold('m3', ACME, 100n, 'EUR')
    expect(changes).toEqual([
      {
        tenantId: ACME,
        currency: 'EUR',
        state: 'low',
        isIn: true,
        balance: 1_500n,
        available: 999n,
        lowMicros: 1_000n,
      },
    ])
  })

  it('is not told of again while messages come and go around the limit', () => {
    const { accounts, told } = watched()
    accounts.book(money(1_040n))
    for (let round = 0; round < 3; round++) {
      accounts.hold('m1', ACME, 41n, 'EUR')
      accounts.giveBack('m1')
      accounts.book(line({ kind: 'release' }))
    }
    expect(told()).toEqual(['low'])
  })

  it('is told of again after it was clearly above, or has got money', () => {
    const { accounts, told } = watched()
    accounts.book(money(1_050n))
    accounts.hold('m1', ACME, 100n, 'EUR')
    accounts.giveBack('m1')
    accounts.book(line({ kind: 'release' }))
    accounts.hold('m2', ACME, 51n, 'EUR')
    accounts.book(money(1n))
    accounts.hold('m3', ACME, 1n, 'EUR')
    expect(told()).toEqual(['low', 'not low', 'low', 'not low', 'low'])
  })

  it('counts what the credit limit allows, in the currency of the account alone', () => {
    const { accounts, told } = watched({ creditLimitMicros: 2_000n, currency: 'EUR' })
    accounts.hold('m1', ACME, 1_000n, 'EUR')
    accounts.book(line({ currency: 'USD' }))
    expect(told()).toEqual([])
    accounts.hold('m2', ACME, 1n, 'EUR')
    expect(told()).toEqual(['low'])
  })

  it('is none without a limit of any kind', () => {
    const { accounts, told } = watched()
    accounts.hold('m1', ACME, 5_000n, 'EUR')
    accounts.book(line({ balance: -5_000n, reserved: 5_000n }))
    expect(told()).toEqual([])
  })

  it('follows other terms at once', () => {
    const { accounts, told, agree } = watched({ lowBalanceMicros: undefined })
    accounts.book(money(500n))
    agree({ lowBalanceMicros: 600n })
    agree({ lowBalanceMicros: 400n })
    agree({ lowBalanceMicros: 450n })
    expect(told()).toEqual(['low', 'not low'])
  })
})

describe('an account that does not pay for a message', () => {
  it('is told of once, until it gets money', () => {
    const { accounts, told } = watched({ lowBalanceMicros: undefined })
    accounts.book(money(10n))
    const refused = () => expect(() => accounts.hold('m', ACME, 11n, 'EUR')).toThrow('costs')
    refused()
    refused()
    accounts.hold('m1', ACME, 10n, 'EUR')
    accounts.giveBack('m1')
    accounts.book(line({ kind: 'release' }))
    refused()
    expect(told()).toEqual(['exhausted'])
    accounts.book(money(0n))
    refused()
    expect(told()).toEqual(['exhausted', 'not exhausted', 'exhausted'])
  })
})

describe('what was told of an account', () => {
  let store: Store

  beforeAll(async () => {
    store = await openTestPglite()
  })
  afterAll(() => store.close())

  it('is not told again after a start, until it was above', async () => {
    const first = watched()
    const marks = new BalanceNotices({
      store,
      recipientsFor: () => [],
      tenantName: (id) => id,
      onTold() {},
      logger: silentLogger,
      clock: systemClock,
    })
    first.accounts.book(money(500n))
    for (const change of first.changes) marks.keep(change)
    await marks.close()
    const second = watched()
    await second.ledger.load(store, new Date())
    second.accounts.book(money(500n))
    second.accounts.hold('m1', ACME, 1n, 'EUR')
    expect(second.told()).toEqual([])
    second.accounts.book(money(501n))
    second.accounts.hold('m2', ACME, 1n, 'EUR')
    expect(second.told()).toEqual(['not low', 'low'])
    const third = watched()
    await third.ledger.load(store, new Date())
    third.accounts.book(money(999n))
    third.accounts.lookAtAll()
    expect(() => third.accounts.hold('m2', ACME, 1_000n, 'EUR')).toThrow()
    expect(third.told()).toEqual(['exhausted'])
    for (const change of third.changes) marks.keep(change)
    await marks.close()
    const fourth = watched()
    await fourth.ledger.load(store, new Date())
    fourth.accounts.load([{ ...SUMS, balance: 999n }])
    fourth.accounts.lookAtAll()
    expect(() => fourth.accounts.hold('m2', ACME, 1_000n, 'EUR')).toThrow()
    expect(fourth.told()).toEqual([])
    fourth.agree({ currency: 'EUR', creditLimitMicros: 500n })
    expect(fourth.told()).toEqual(['not low', 'not exhausted'])
  })
})
