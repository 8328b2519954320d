import { type ChargingTerms, readTerms, termsText } from '../core/charging.ts'
import { GatewayError } from '../core/errors.ts'
import type { Money } from '../core/money.ts'
import type { Accounts } from './accounts.ts'
import { totalOf } from './booking.ts'
import type { PriceConversion } from './price-conversion.ts'

/** What is agreed with a tenant about how it pays. */
export interface TenantCharging {
  readonly charging: ChargingTerms
  /** The currency of its account; undefined: that of each price. */
  readonly currency: string | undefined
}

/** What {@link Charges} go by. */
export interface ChargesOptions {
  readonly accounts: Accounts
  /** Undefined: the tenant's messages are not billed. */
  readonly termsFor: (tenantId: string) => TenantCharging | undefined
  readonly conversion: () => PriceConversion
}

/** A message, as far as its price is concerned. */
export interface PricedMessage {
  readonly id: string
  readonly tenantId: string
  readonly segments: number
  readonly priceMicros: bigint
  readonly priceCurrency: string
  /** See {@link Charges.termsText}; null: it is not billed. */
  readonly charging: string | null
}

/** Prices messages in the currency of their tenant, and sees to it that they can be paid for. */
export class Charges {
  readonly #options: ChargesOptions
  /** Made once, because every message keeps one. */
  readonly #texts = new WeakMap<ChargingTerms, string>()

  constructor(options: ChargesOptions) {
    this.#options = options
  }

  /** How many times a message of so many segments pays the price of one. */
  parts(tenantId: string, segments: number): number {
    return this.#options.termsFor(tenantId)?.charging.unit === 'message' ? 1 : segments
  }

  /**
   * A price in the currency of the tenant's account.
   *
   * @param parts - as {@link parts} says: each is converted and rounded by itself
   * @throws {GatewayError} `price_not_convertible`
   */
  inAccountCurrency(tenantId: string, price: Money, parts: number, atMs: number): Money {
    const currency = this.#options.termsFor(tenantId)?.currency
    if (currency === undefined || currency === price.currency) return price
    const count = BigInt(parts)
    const one = price.micros / count
    const converted = this.#options.conversion().convert(one, price.currency, currency, atMs)
    if (converted !== undefined) return { micros: converted * count, currency }
    throw new GatewayError(
      'price_not_convertible',
      `the price is in ${price.currency} and the account in ${currency}: billing.conversion has no rate for them`,
      { pointer: '/to' },
    )
  }

  /** How a message is charged, as it keeps it; null: it is not billed. */
  termsText(tenantId: string): string | null {
    const terms = this.#options.termsFor(tenantId)?.charging
    if (!terms) return null
    const known = this.#texts.get(terms) ?? termsText(terms)
    this.#texts.set(terms, known)
    return known
  }

  /**
   * Sets aside what a message costs, until the ledger has it or it is given back.
   *
   * @throws {GatewayError} `balance_insufficient`
   */
  hold(message: PricedMessage): void {
    if (message.charging === null) return
    const { id, tenantId, priceCurrency } = message
    this.#options.accounts.hold(id, tenantId, this.#totalOf(message), priceCurrency)
  }

  /** The message is not accepted after all. */
  giveBack({ id, charging }: PricedMessage): void {
    if (charging !== null) this.#options.accounts.giveBack(id)
  }

  /**
   * Sets aside what a message costs more than before, once it is replaced.
   *
   * @throws {GatewayError} `balance_insufficient`
   */
  holdDifference(before: PricedMessage, after: PricedMessage): void {
    if (before.charging === null) return
    const { accounts } = this.#options
    const { id, tenantId, priceCurrency: currency } = after
    const old = before.priceCurrency === currency ? this.#totalOf(before) : 0n
    accounts.hold(replacementKey(id), tenantId, this.#totalOf(after) - old, currency)
  }

  /** The message is not replaced after all. */
  giveBackDifference({ id }: PricedMessage): void {
    this.#options.accounts.giveBack(replacementKey(id))
  }

  #totalOf({ segments, priceMicros, charging }: PricedMessage): bigint {
    const { unit, taxPpm } = readTerms(charging ?? '')
    return totalOf(priceMicros, unit === 'message' ? 1 : segments, taxPpm)
  }
}

/** Under which the difference of a replaced message is held. */
export function replacementKey(messageId: string): string {
  return `${messageId} replaced`
}
