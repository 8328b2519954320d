import { type ChargingTerms, readTerms, type VolumeTier } from '../core/charging.ts'
import { formatMicros, type Money } from '../core/money.ts'
import {
  type Conversion,
  isLoss,
  isMarginTooSmall,
  type Margin,
  type MinMargin,
  marginOf,
  type TenantPrice,
} from '../routing/tenant-price.ts'
import type { Message } from './message.ts'
import type { CarrierCost } from './message-cost.ts'

/** What a tenant pays, the version of its rate deck that says so, and the terms. */
export interface AgreedPrice extends Pick<TenantPrice, 'micros' | 'currency' | 'deckVersion'> {
  /** Of the message that it is for. */
  readonly segments: number
  /** Undefined: it is not billed. */
  readonly agreed: ChargingTerms | undefined
}

/** The price of a message, as acceptance or its last replacement fixed it. */
export function priceOf(message: Message): AgreedPrice {
  const { priceMicros: micros, priceCurrency: currency, segments } = message
  const deckVersion = message.tenantDeckVersion
  const agreed = message.charging === null ? undefined : readTerms(message.charging)
  return { micros, currency, deckVersion, segments, agreed }
}

/**
 * What stands beside a choice about its money; undefined where the price is the cost, and the choice
 * says it all.
 *
 * @param conversion - of the moment; the margin is null, with the reason, where it does not do
 * @param least - what is to be left of the price; undefined: none is asked for
 */
export function moneyDetail(
  cost: CarrierCost,
  price: AgreedPrice,
  conversion: Conversion,
  least: MinMargin | undefined,
): object | undefined {
  const isSame = price.micros === cost.micros && price.currency === cost.currency
  if (price.deckVersion === null && isSame) return undefined
  const margin = marginOf(cost, price, conversion)
  const missing = `no conversion from ${cost.currency} to ${price.currency} in routing.conversion`
  return {
    cost: shown(cost),
    price: shown(price),
    margin: margin
      ? { ...shown(margin), percent: margin.percent && Math.round(margin.percent * 100) / 100 }
      : null,
    ...(margin ? {} : { margin_unknown: missing }),
    loss_making: margin ? isLoss(margin) : null,
    ...(least ? { margin_too_small: isTooSmall(margin, price, conversion, least) } : {}),
    carrier_deck_version: cost.deckVersion,
    tenant_deck_version: price.deckVersion,
    ...(price.agreed?.tier ? { tier: tierBody(price.agreed.tier) } : {}),
  }
}

/** A price that is the cost is not judged; null: the conversion does not tell. */
function isTooSmall(
  margin: Margin | undefined,
  price: AgreedPrice,
  conversion: Conversion,
  least: MinMargin,
): boolean | null {
  if (price.deckVersion === null) return false
  if (!margin) return null
  return isMarginTooSmall(margin, price, least, price.segments, conversion) ?? null
}

/** A tier as the API shows it. */
export function tierBody({ aboveSegments, discountPpm }: VolumeTier) {
  // Millionths are percents with four decimals.
  return { above_segments: aboveSegments, discount_percent: String(discountPpm / 10_000) }
}

function shown({ micros, currency }: Money) {
  return { amount: formatMicros(micros), currency }
}
