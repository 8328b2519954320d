/** How long to wait between attempts to connect, in milliseconds. */
export interface BackoffSettings {
  /** Upper bound of the first wait; it doubles with each failure (1,000). */
  readonly firstMs?: number
  /** Upper bound of the first wait after a refused bind (30,000). */
  readonly firstRefusedMs?: number
  /** No wait is longer (300,000). */
  readonly maxMs?: number
  /** No wait is shorter (100, or `firstMs` when that is less). */
  readonly minMs?: number
}

/** Why the attempt failed: `refused` when the peer knows us and does not want us now. */
export type BackoffCause = 'lost' | 'refused'

const DEFAULT_FIRST_MS = 1000
const DEFAULT_FIRST_REFUSED_MS = 30_000
const DEFAULT_MAX_MS = 300_000
const DEFAULT_MIN_MS = 100

/**
 * Exponential back-off with full jitter: each wait is drawn evenly between the minimum and a bound
 * that doubles, so that many clients of one server do not come back together.
 *
 * After a refused bind the wait is at least half its bound: many carriers lock an account that
 * tries its password too often.
 */
export class Backoff {
  readonly #firstMs: number
  readonly #firstRefusedMs: number
  readonly #maxMs: number
  readonly #minMs: number
  readonly #random: () => number
  #failures = 0

  /** @param random - gives numbers in [0, 1); for tests (`Math.random`) */
  constructor(settings: BackoffSettings = {}, random: () => number = Math.random) {
    this.#firstMs = settings.firstMs ?? DEFAULT_FIRST_MS
    this.#firstRefusedMs = settings.firstRefusedMs ?? DEFAULT_FIRST_REFUSED_MS
    this.#maxMs = settings.maxMs ?? DEFAULT_MAX_MS
    this.#minMs = settings.minMs ?? Math.min(DEFAULT_MIN_MS, this.#firstMs)
    this.#random = random
  }

  /** The wait before the next attempt, in whole milliseconds; counts one more failure. */
  next(cause: BackoffCause): number {
    const first =
      cause === 'refused' ? Math.max(this.#firstRefusedMs, this.#firstMs) : this.#firstMs
    const bound = Math.min(this.#maxMs, first * 2 ** this.#failures)
    this.#failures++
    const least = Math.min(bound, cause === 'refused' ? bound / 2 : this.#minMs)
    return Math.round(least + this.#random() * (bound - least))
  }

  /** Starts again from the first wait; call it when a session has proved stable. */
  reset(): void {
    this.#failures = 0
  }
}
