import type { QualityCell } from '../routing/quality.ts'
import type { Message } from './message.ts'

/** What receipts, or their absence, say about the carrier of one submit. */
export interface CarrierOutcome {
  readonly message: Message
  readonly carrier: string
  readonly outcome: 'delivered' | 'failed' | 'unanswered'
  /** From the submit to the final receipt; undefined where none came, or the carrier was asked. */
  readonly latencyMs: number | undefined
}

/** The error code of a message whose final receipt has not come in time. */
export const RECEIPT_MISSING = 'receipt_missing'

/** What a message has in common with others that a carrier should do as well with. */
export function qualityCellOf(message: Message): QualityCell {
  const { country, network, trafficClass } = message
  return { country, network, trafficClass }
}
