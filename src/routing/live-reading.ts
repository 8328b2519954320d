/** {@link LiveReading.standing}. */
export const STANDING = { closed: 0, up: 1, probe: 2, down: 3 } as const

/**
 * How the carriers are at the moment of the decision, by their numbers. Shares have four digits and
 * times are whole milliseconds, so that a decision can be written down and made again.
 */
export interface LiveReading {
  readonly standing: Uint8Array
  readonly success: Float64Array
  readonly lower: Float64Array
  readonly upper: Float64Array
  readonly latencyMs: Float64Array
  readonly messages: Float64Array
  /** 1: it seems to fake receipts of such messages. */
  readonly suspect: Uint8Array
}
