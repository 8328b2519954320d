import type { Strategy } from '../core/route-rule.ts'

// A carrier that delivers less than one in a hundred is compared as if it delivered one.
const MIN_SUCCESS = 0.01

/** A message that takes so long is worth nothing to `weighted`, with a latency weight of 1. */
export const WORTHLESS_AFTER_MS = 60_000

/** The price by the share that is delivered. */
export function expectedCost(cost: number, success: number): number {
  return cost / Math.max(MIN_SUCCESS, success)
}

/**
 * What is left of a message's worth, negated: lower is better.
 *
 * With the weights 1, 1 and 0 and the tenant's price as its worth this is the expected margin.
 *
 * @param latencyMs - median time to the receipt; NaN: not known
 */
export function weightedScore(
  { price, quality, latency }: Strategy,
  cost: number,
  success: number,
  latencyMs: number,
  value: number,
): number {
  const late = Number.isNaN(latencyMs) ? 0 : Math.min(1, latencyMs / WORTHLESS_AFTER_MS)
  return price * cost - (quality - latency * late) * success * value
}
