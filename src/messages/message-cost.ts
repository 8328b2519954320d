import type { Money } from '../core/money.ts'
import type { Attempt } from './live.ts'
import type { Message } from './message.ts'

/** What a carrier charges, and the version of its rate deck that says so. */
export interface CarrierCost extends Money {
  /** 0: the rates of the configuration. */
  readonly deckVersion: number
}

/** Fixes what the carrier charges that a message goes to from now on. */
export function setCost(message: Message, { micros, currency, deckVersion }: CarrierCost): void {
  message.costMicros = micros
  message.costCurrency = currency
  message.carrierDeckVersion = deckVersion
}

/**
 * The part of a cost that falls on one segment of a submit, counted from 1. The parts sum up to the
 * cost, also where the carrier splits by itself and gets fewer segments than it charges.
 */
export function shareOf(micros: bigint, segments: number, segment: number): bigint {
  if (segments === 1) return micros
  const share = micros / BigInt(segments)
  return segment === 1 ? micros - share * BigInt(segments - 1) : share
}

/** What its carrier charges for a submit, given all of its segments; undefined where there is none. */
export function costOfSubmit(segments: readonly Attempt[]): CarrierCost | undefined {
  const [first] = segments
  if (!first) return undefined
  return {
    micros: segments.reduce((sum, { costMicros }) => sum + costMicros, 0n),
    currency: first.costCurrency,
    deckVersion: first.carrierDeckVersion,
  }
}
