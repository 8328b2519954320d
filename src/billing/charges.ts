import {
  type ChargingTerms,
  discounted,
  partsOf,
  readTerms,
  type TieredTerms,
  termsText,
  type VolumeTier,
} from '../core/charging.ts'
import { GatewayError } from '../core/errors.ts'
import type { Money } from '../core/money.ts'
import type { Accounts } from './accounts.ts'
import { totalOf } from './booking.ts'
import type { PriceConversion } from './price-conversion.ts'
import { monthOf, type Volumes } from './volumes.ts'

/** What is agreed with a tenant about how it pays. */
export interface TenantCharging {
  /** Below all tiers. */
  readonly charging: ChargingTerms
  /** From the lowest border to the highest; absent: there are none. */
  readonly tiers?: readonly TieredTerms[]
  /** The currency of its account; undefined: that of each price. */
  readonly currency: string | undefined
}

/** What {@link Charges} go by. */
export interface ChargesOptions {
  readonly accounts: Accounts
  readonly volumes: Volumes
  /** Undefined: the tenant's messages are not billed. */
  readonly termsFor: (tenantId: string) => TenantCharging | undefined
  readonly conversion: () => PriceConversion
}

/** A message, as far as its price is concerned. */
export interface PricedMessage {
  readonly id: string
  readonly tenantId: string
  readonly createdAt: Date
  readonly segments: number
  readonly priceMicros: bigint
  readonly priceCurrency: string
  /** See {@link Charges.textOf}; null: it is not billed. */
  readonly charging: string | null
}

/** How much a tenant has sent in a month, and what follows for its prices. */
export interface VolumeStanding {
  /** For example `2026-10`. */
  readonly month: string
  readonly segments: number
  /** The tier that counts for the next message; null: none does. */
  readonly tier: VolumeTier | null
  /** The one after it; null: there is none. */
  readonly nextTier: VolumeTier | null
}

/** Prices messages in the currency of their tenant, and sees to it that they can be paid for. */
export class Charges {
  readonly #options: ChargesOptions
  /** Made once, because every message keeps one. */
  readonly #texts = new WeakMap<ChargingTerms, string>()

  constructor(options: ChargesOptions) {
    this.#options = options
  }

  /**
   * The terms of a message that is accepted at an instant, by what its tenant has sent in the month until then;
   * undefined: it is not billed.
   *
   * @param segmentsBefore - of messages that would be accepted before it and are only asked about
   */
  agreedAt(tenantId: string, at: Date, segmentsBefore = 0): ChargingTerms | undefined {
    const terms = this.#options.termsFor(tenantId)
    if (!terms?.tiers || terms.tiers.length === 0) return terms?.charging
    const volume = this.#options.volumes.segments(tenantId, at) + segmentsBefore
    return terms.tiers.findLast(({ tier }) => tier.aboveSegments <= volume) ?? terms.charging
  }

  /** Where the volume of a tenant stands in the month of an instant. */
  volumeAt(tenantId: string, at: Date): VolumeStanding {
    const tiers = this.#options.termsFor(tenantId)?.tiers ?? []
    const segments = this.#options.volumes.segments(tenantId, at)
    return {
      month: monthOf(at),
      segments,
      tier: tiers.findLast(({ tier }) => tier.aboveSegments <= segments)?.tier ?? null,
      nextTier: tiers.find(({ tier }) => tier.aboveSegments > segments)?.tier ?? null,
    }
  }

  /**
   * What a tenant pays: a price less the discount of its tier, in the currency of its account. Each part of the
   * message is rounded by itself.
   *
   * @param listed - for all parts of the message
   * @throws {GatewayError} `price_not_convertible`
   */
  toPay(
    tenantId: string,
    listed: Money,
    segments: number,
    agreed: ChargingTerms | undefined,
    at: Date,
  ): Money {
    const currency = this.#options.termsFor(tenantId)?.currency ?? listed.currency
    if (agreed?.tier === undefined && currency === listed.currency) return listed
    const parts = BigInt(partsOf(agreed, segments))
    const one = discounted(listed.micros / parts, agreed?.tier)
    const converted = this.#options
      .conversion()
      .convert(one, listed.currency, currency, at.getTime())
    if (converted !== undefined) return { micros: converted * parts, currency }
    throw new GatewayError(
      'price_not_convertible',
      `the price is in ${listed.currency} and the account in ${currency}: billing.conversion has no rate for them`,
      { pointer: '/to' },
    )
  }

  /** How a message is charged, as it keeps it; null: it is not billed. */
  textOf(terms: ChargingTerms | undefined): string | null {
    if (!terms) return null
    const known = this.#texts.get(terms) ?? termsText(terms)
    this.#texts.set(terms, known)
    return known
  }

  /**
   * Sets aside what a message costs, and counts its segments, until the tables have it or it is given back.
   *
   * @throws {GatewayError} `balance_insufficient`
   */
  hold(message: PricedMessage): void {
    if (message.charging === null) return
    const { accounts, volumes } = this.#options
    const { id, tenantId, createdAt, segments, priceCurrency } = message
    accounts.hold(id, tenantId, this.#totalOf(message), priceCurrency)
    volumes.hold(id, tenantId, createdAt, segments)
  }

  /** The message is not accepted after all. */
  giveBack({ id, charging }: PricedMessage): void {
    if (charging !== null) this.#giveBack(id)
  }

  /**
   * Sets aside what a message costs more than before, once it is replaced, and counts it as it will be.
   *
   * @param number - which of its replacements it is: what is held for the others stays
   * @throws {GatewayError} `balance_insufficient`
   */
  holdDifference(before: PricedMessage, after: PricedMessage, number: number): void {
    if (before.charging === null) return
    const { accounts, volumes } = this.#options
    const { id, tenantId, createdAt, priceCurrency: currency } = after
    const old = before.priceCurrency === currency ? this.#totalOf(before) : 0n
    const key = replacementKey(id, number)
    accounts.hold(key, tenantId, this.#totalOf(after) - old, currency)
    volumes.hold(key, tenantId, createdAt, after.segments - before.segments)
  }

  /** The message is not replaced after all. */
  giveBackDifference({ id }: PricedMessage, number: number): void {
    this.#giveBack(replacementKey(id, number))
  }

  #giveBack(key: string): void {
    this.#options.accounts.giveBack(key)
    this.#options.volumes.giveBack(key)
  }

  #totalOf({ segments, priceMicros, charging }: PricedMessage): bigint {
    const terms = readTerms(charging ?? '')
    return totalOf(priceMicros, partsOf(terms, segments), terms.taxPpm)
  }
}

/** Under which the difference is held that a replacement of a message makes. */
export function replacementKey(messageId: string, number: number): string {
  return `${messageId} replaced ${number}`
}
