import type { RouteDecision, RouteRefusal } from './router.ts'
import {
  type Conversion,
  isLoss,
  marginOf,
  type TenantTariff,
  tenantPriceOf,
} from './tenant-price.ts'

/** Why a carrier is refused that would make a loss; tenants read it, so it has no figures. */
export const LOSS_REASON = 'costs more than this tenant pays'

/** The decision without the carriers that are known to cost more than the tenant pays. */
export function withoutLosses(
  decision: RouteDecision,
  tariff: TenantTariff | undefined,
  digits: string,
  network: string | null,
  atMs: number,
  conversion?: Conversion,
): RouteDecision {
  const losing = new Set(
    decision.candidates.filter(({ segments, priceMicros, currency }) => {
      const cost = { micros: priceMicros, currency }
      const price = tenantPriceOf(tariff, digits, network, segments, atMs, cost)
      return isLoss(marginOf(cost, price, conversion))
    }),
  )
  if (losing.size === 0) return decision
  const refused: RouteRefusal[] = [...losing].map(({ carrier }) => ({
    carrier,
    reason: LOSS_REASON,
  }))
  return {
    candidates: decision.candidates.filter((candidate) => !losing.has(candidate)),
    refused: [...decision.refused, ...refused].sort((a, b) => (a.carrier < b.carrier ? -1 : 1)),
  }
}
