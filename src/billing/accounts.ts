import { GatewayError } from '../core/errors.ts'
import { formatMicros } from '../core/money.ts'
import { type AccountSums, addLine, emptySums } from './account-sums.ts'
import type { StoredMark } from './balance-marks.ts'
import { type BalanceChange, type BalanceMarks, BalanceWatch } from './balance-watch.ts'
import type { Booking, Writable } from './booking.ts'

/** What is agreed with a tenant about its account. */
export interface CreditTerms {
  /** How far below zero it may go, in millionths; undefined: see {@link Accounts}. */
  readonly creditLimitMicros: bigint | undefined
  /** The currency of that limit, and of its account. */
  readonly currency: string | undefined
  /** When less than that may be spent, somebody is told; in millionths. Undefined: never. */
  readonly lowBalanceMicros?: bigint | undefined
}

/** How a tenant's account stands. */
export interface AccountStanding extends AccountSums {
  /** What was accepted and is not booked yet. */
  readonly held: bigint
  readonly creditLimitMicros: bigint | null
  /** What may still be spent; null: there is no limit. */
  readonly available: bigint | null
}

interface Account extends Writable<AccountSums> {
  /** Of messages that are accepted and whose lines are not written yet. */
  held: bigint
  readonly told: BalanceMarks
}

interface Hold {
  readonly account: Account
  readonly micros: bigint
}

/**
 * What every tenant has and may spend, as of now: what the ledger says, less what was accepted since.
 *
 * A tenant with a credit limit may go so far below zero; one that was ever given money may spend that;
 * one with neither is unlimited. One process works on a database at a time, so what is judged here in one
 * turn of the event loop holds: nobody spends the same money twice.
 */
export class Accounts {
  readonly #termsFor: (tenantId: string) => CreditTerms | undefined
  /** By tenant, then by currency. */
  readonly #accounts = new Map<string, Map<string, Account>>()
  /** By message. */
  readonly #holds = new Map<string, Hold>()
  readonly #watch: BalanceWatch

  /** @param onBalance - told of accounts that run low */
  constructor(
    termsFor: (tenantId: string) => CreditTerms | undefined = () => undefined,
    onBalance: (change: BalanceChange) => void = () => {},
  ) {
    this.#termsFor = termsFor
    this.#watch = new BalanceWatch(onBalance)
  }

  /** Takes over what the tables say; call it before anything is held. */
  load(sums: readonly AccountSums[], marks: readonly StoredMark[] = []): void {
    for (const { tenantId, currency, state } of marks) {
      this.#account(tenantId, currency).told[state] = true
    }
    for (const sum of sums) {
      const account = this.#account(sum.tenantId, sum.currency)
      account.balance = sum.balance
      account.reserved = sum.reserved
      account.revenue = sum.revenue
      account.tax = sum.tax
      account.funding = sum.funding
      account.isFunded = sum.isFunded
    }
  }

  /**
   * Whether a tenant could pay an amount now; undefined where it could.
   *
   * The tenant's account may be in another currency than the amount: then it cannot.
   */
  refusal(tenantId: string, micros: bigint, currency: string): GatewayError | undefined {
    const account = this.#account(tenantId, currency)
    const available = this.#available(account)
    if (available === null || micros <= available) return undefined
    return new GatewayError(
      'balance_insufficient',
      `the message costs ${formatMicros(micros)} ${currency}, and the account has ` +
        `${formatMicros(available < 0n ? 0n : available)} ${currency} left: top it up`,
    )
  }

  /**
   * Sets an amount aside until it is given back; one that is below zero makes room.
   *
   * @param key - whom it is for; what is set aside for it already stays
   * @throws {GatewayError} `balance_insufficient`
   */
  hold(key: string, tenantId: string, micros: bigint, currency: string): void {
    const account = this.#account(tenantId, currency)
    const refusal = micros > 0n ? this.refusal(tenantId, micros, currency) : undefined
    if (refusal) {
      this.#watch.refused(account, this.#available(account) ?? 0n, this.#lowOf(account))
      throw refusal
    }
    const before = this.#holds.get(key)
    const kept = before?.account === account ? before.micros : 0n
    if (before && before.account !== account) this.giveBack(key)
    account.held += micros
    this.#holds.set(key, { account, micros: kept + micros })
    this.#look(account, true)
  }

  /**
   * Sets aside what a tenant gives away, until the line with this reference is booked.
   *
   * @throws {GatewayError} `balance_insufficient`; `account_unlimited`
   */
  setAside(tenantId: string, micros: bigint, currency: string, reference: string): void {
    const account = this.#account(tenantId, currency)
    const available = this.#available(account)
    if (available === null) {
      throw new GatewayError(
        'account_unlimited',
        'the account that gives has neither money nor a credit limit: nothing says how much it may give',
        { pointer: '/from' },
      )
    }
    if (micros > available) {
      throw new GatewayError(
        'balance_insufficient',
        `the account that gives has ${formatMicros(available < 0n ? 0n : available)} ${currency} left`,
        { pointer: '/amount' },
      )
    }
    this.hold(paymentKey(tenantId, reference), tenantId, micros, currency)
  }

  /** What was set aside is not needed, or stands in the ledger from now on. */
  giveBack(key: string): void {
    const hold = this.#holds.get(key)
    if (!hold) return
    hold.account.held -= hold.micros
    this.#holds.delete(key)
  }

  /** Takes a line of the ledger over. */
  book(booking: Booking): void {
    const account = this.#account(booking.tenantId, booking.currency)
    addLine(account, booking)
    this.#look(account, booking.messageId !== null)
  }

  /** Looks which accounts are low, once everything is loaded. */
  lookAtAll(): void {
    for (const ofTenant of this.#accounts.values()) {
      for (const account of ofTenant.values()) this.#look(account, true)
    }
  }

  /** Looks at the accounts of a tenant for which other terms hold. */
  lookAt(tenantId: string): void {
    for (const account of this.#accounts.get(tenantId)?.values() ?? []) this.#look(account, false)
  }

  /** How the accounts of a tenant stand, one for each currency. */
  standings(tenantId: string): AccountStanding[] {
    const { currency, creditLimitMicros } = this.#termsFor(tenantId) ?? {}
    if (currency !== undefined) this.#account(tenantId, currency)
    return [...(this.#accounts.get(tenantId)?.values() ?? [])].map((account) => ({
      tenantId: account.tenantId,
      currency: account.currency,
      balance: account.balance,
      reserved: account.reserved,
      revenue: account.revenue,
      tax: account.tax,
      funding: account.funding,
      isFunded: account.isFunded,
      held: account.held,
      creditLimitMicros: account.currency === currency ? (creditLimitMicros ?? null) : null,
      available: this.#available(account),
    }))
  }

  #look(account: Account, isByMessages: boolean): void {
    const low = this.#lowOf(account)
    if (low === undefined && !account.told.low && !account.told.exhausted) return
    const available = this.#available(account)
    if (available !== null) this.#watch.look(account, available, low, isByMessages)
  }

  /** When the account of a tenant is low; undefined: never, as those in other currencies. */
  #lowOf({ tenantId, currency, isFunded }: Account): bigint | undefined {
    const terms = this.#termsFor(tenantId)
    const isOwn = terms?.currency === undefined ? isFunded : terms.currency === currency
    return isOwn ? terms?.lowBalanceMicros : undefined
  }

  /** What may be spent; null: there is no limit. */
  #available({ tenantId, currency, balance, held }: Account): bigint | null {
    const terms = this.#termsFor(tenantId)
    if (terms?.creditLimitMicros === undefined && !this.#isFunded(tenantId)) return null
    const credit = terms?.currency === currency ? terms.creditLimitMicros : undefined
    return balance + (credit ?? 0n) - held
  }

  /** A tenant that has money in one currency has none in the others. */
  #isFunded(tenantId: string): boolean {
    for (const { isFunded } of this.#accounts.get(tenantId)?.values() ?? []) {
      if (isFunded) return true
    }
    return false
  }

  #account(tenantId: string, currency: string): Account {
    let ofTenant = this.#accounts.get(tenantId)
    if (!ofTenant) {
      ofTenant = new Map()
      this.#accounts.set(tenantId, ofTenant)
    }
    let account = ofTenant.get(currency)
    if (!account) {
      account = Object.assign(emptySums(tenantId, currency), {
        held: 0n,
        told: { low: false, exhausted: false },
      })
      ofTenant.set(currency, account)
    }
    return account
  }
}

/** Under which an amount is held that a tenant gives away. */
export function paymentKey(tenantId: string, reference: string): string {
  return `${tenantId} ${reference}`
}
