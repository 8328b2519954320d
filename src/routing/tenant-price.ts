import type { Money } from '../core/money.ts'
import type { DeckRate } from './rate-deck.ts'
import type { RateTable } from './rate-table.ts'

/** What a tenant pays by: the deck that holds for it now. */
export interface TenantTariff {
  readonly version: number
  readonly deck: RateTable
}

/** What is agreed with a tenant about prices. */
export interface TenantTerms {
  /** Undefined: it pays what carriers charge. */
  readonly tariff: TenantTariff | undefined
  readonly lossMaking: LossMaking
  /** Absent: none is asked for. */
  readonly minMargin?: MinMargin | undefined
}

/** What is to be left of a tenant's price after the carrier's cost: by each of both figures. */
export interface MinMargin {
  /** Of the price, in millionths. */
  readonly ppm: number
  /** Of each segment; undefined: as {@link ppm} says. */
  readonly perSegment: Money | undefined
  /** Carriers that leave less are out of the question; otherwise the timeline says so. */
  readonly isRequired: boolean
}

/** What a tenant pays, as far as carriers are judged by it. */
export interface SalePrice extends Money {
  /** What it is for: each segment, or the message however long it is. */
  readonly per: 'segment' | 'message'
}

/** Whether a carrier may have a message that costs more than the tenant pays. */
export type LossMaking = 'allow' | 'refuse'

/** What a tenant pays for a message. */
export interface TenantPrice extends Money {
  /** The deck that says so; null: none has a rate for the number, and the price is the cost. */
  readonly deckVersion: number | null
  readonly rate: DeckRate | null
}

/** What is left of a price after the cost. */
export interface Margin extends Money {
  /** Below 0: a loss. In millionths of the price's currency. */
  readonly micros: bigint
  /** Of the price; null: it is 0. */
  readonly percent: number | null
}

/** Units of the base currency that one unit of a currency is worth; the base itself is 1. */
export type Conversion = Readonly<Record<string, number>>

/** The rate by which a tenant pays for a number, and the version of the deck that has it. */
export interface TenantRate {
  readonly rate: DeckRate
  readonly deckVersion: number
}

/**
 * The rate of a tenant's deck for a number; undefined: it has none.
 *
 * @param digits - the E.164 number, with or without `+`
 * @param network - MCC and MNC of the number; null where nobody knows
 */
export function tenantRateOf(
  tariff: TenantTariff | undefined,
  digits: string,
  network: string | null,
  atMs: number,
): TenantRate | undefined {
  const rate = tariff?.deck.rateFor(digits, network, atMs)
  return tariff && rate && { rate, deckVersion: tariff.version }
}

/**
 * What a tenant pays for a message: by its rate for the number, or the cost.
 *
 * @param parts - that the rate is for: segments, or one message
 * @param cost - what the carrier charges for the whole message
 */
export function tenantPriceOf(by: TenantRate | undefined, parts: number, cost: Money): TenantPrice {
  if (!by) return { micros: cost.micros, currency: cost.currency, deckVersion: null, rate: null }
  const { rate, deckVersion } = by
  const micros = rate.priceMicros * BigInt(parts)
  return { micros, currency: rate.currency, deckVersion, rate }
}

/**
 * The margin of a price over a cost, in the price's currency; undefined where the currencies differ
 * and the conversion lacks one of them.
 */
export function marginOf(cost: Money, price: Money, conversion?: Conversion): Margin | undefined {
  const converted = convertedMicros(cost, price.currency, conversion)
  if (converted === undefined) return undefined
  const micros = price.micros - converted
  return {
    micros,
    currency: price.currency,
    percent: price.micros === 0n ? null : (Number(micros) / Number(price.micros)) * 100,
  }
}

/** Whether a price is known to be below its cost. */
export function isLoss(margin: Margin | undefined): boolean {
  return margin !== undefined && margin.micros < 0n
}

/**
 * Whether less is left of a price than is asked for; undefined where the conversion lacks a currency.
 *
 * @param segments - of the message that the price is for
 */
export function isMarginTooSmall(
  margin: Margin,
  price: Money,
  { ppm, perSegment }: MinMargin,
  segments: number,
  conversion?: Conversion,
): boolean | undefined {
  if (margin.micros * 1_000_000n < price.micros * BigInt(ppm)) return true
  if (!perSegment) return false
  const least = { ...perSegment, micros: perSegment.micros * BigInt(segments) }
  const converted = convertedMicros(least, margin.currency, conversion)
  return converted === undefined ? undefined : margin.micros < converted
}

/** An amount in another currency; undefined: the conversion lacks one of the two. */
export function convertedMicros(
  { micros, currency }: Money,
  to: string,
  conversion: Conversion | undefined,
): bigint | undefined {
  if (currency === to) return micros
  const from = worthOf(currency, conversion)
  const target = worthOf(to, conversion)
  if (from === undefined || target === undefined) return undefined
  return BigInt(Math.round((Number(micros) * from) / target))
}

function worthOf(currency: string, conversion: Conversion | undefined): number | undefined {
  if (conversion === undefined || !Object.hasOwn(conversion, currency)) return undefined
  const worth = conversion[currency]
  return worth !== undefined && Number.isFinite(worth) && worth > 0 ? worth : undefined
}
