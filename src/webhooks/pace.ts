/** Requests that may run at once to a recipient of whom nothing is known yet. */
export const FIRST_CONCURRENCY = 32

/** The most, to one that has shown that it takes so many. */
export const FULL_CONCURRENCY = 128

/** What was in flight together fails together: that is one reason to slow down, not many. */
const CUT_EVERY_MS = 1_000

/** The longest that a recipient is left alone altogether; single events may be put off for longer. */
const MAX_PAUSE_MS = 5 * 60_000

/** Recipients remembered at most; whoever is forgotten starts afresh. */
const MAX_REMEMBERED = 10_000

interface Recipient {
  limit: number
  underWay: number
  /** Most that were under way at once since the limit last grew. */
  peak: number
  /** Successes since the limit last grew. */
  successes: number
  cutAtMs: number
  /** Nothing is sent before; 0 for never asked. */
  pausedUntilMs: number
}

/**
 * How many requests may run at once to each recipient: half after each sign of strain, one more after
 * as many successes as the limit has (AIMD, as TCP does it). Only a limit that is used grows.
 */
export class Pace {
  readonly #recipients = new Map<string, Recipient>()

  /** From 1 to {@link FULL_CONCURRENCY}. */
  concurrencyOf(recipient: string): number {
    return this.#recipients.get(recipient)?.limit ?? FIRST_CONCURRENCY
  }

  /** The instant before which the recipient wants nothing, in milliseconds since 1970; 0: at once. */
  readyAtMs(recipient: string): number {
    return this.#recipients.get(recipient)?.pausedUntilMs ?? 0
  }

  /** A try begins. */
  noteStart(recipient: string): void {
    const known = this.#known(recipient)
    known.underWay += 1
    known.peak = Math.max(known.peak, known.underWay)
  }

  /** A try that has begun is over; what it showed is noted before. */
  noteEnd(recipient: string): void {
    const known = this.#recipients.get(recipient)
    if (known && known.underWay > 0) known.underWay -= 1
  }

  /** A try has succeeded. */
  noteSuccess(recipient: string): void {
    const known = this.#recipients.get(recipient)
    if (!known) return
    known.successes += 1
    if (known.successes < known.limit || known.peak < known.limit) return
    known.successes = 0
    known.peak = known.underWay
    known.limit = Math.min(FULL_CONCURRENCY, known.limit + 1)
  }

  /**
   * A try has ended in a sign of strain: 429, 502, 503, 504 or a timeout.
   *
   * @param until - when the recipient has asked to be left alone until then
   */
  noteStrain(recipient: string, now: Date, until?: Date): void {
    const nowMs = now.getTime()
    const known = this.#known(recipient)
    if (nowMs - known.cutAtMs >= CUT_EVERY_MS) {
      known.limit = Math.max(1, Math.floor(known.limit / 2))
      known.cutAtMs = nowMs
    }
    known.successes = 0
    if (until) {
      const untilMs = Math.min(until.getTime(), nowMs + MAX_PAUSE_MS)
      known.pausedUntilMs = Math.max(known.pausedUntilMs, untilMs)
    }
    // Whoever was slow last is forgotten last.
    this.#recipients.delete(recipient)
    this.#recipients.set(recipient, known)
  }

  #known(recipient: string): Recipient {
    const known = this.#recipients.get(recipient)
    if (known) return known
    if (this.#recipients.size >= MAX_REMEMBERED) {
      const [oldest] = this.#recipients.keys()
      if (oldest !== undefined) this.#recipients.delete(oldest)
    }
    const fresh = {
      limit: FIRST_CONCURRENCY,
      underWay: 0,
      peak: 0,
      successes: 0,
      cutAtMs: Number.NEGATIVE_INFINITY,
      pausedUntilMs: 0,
    }
    this.#recipients.set(recipient, fresh)
    return fresh
  }
}
