/** Requests that run at once to a recipient that has given no reason for fewer. */
export const FULL_CONCURRENCY = 32

/** What was in flight together fails together: that is one reason to slow down, not many. */
const CUT_EVERY_MS = 1_000

/** The longest that a recipient is left alone altogether; single events may be put off for longer. */
const MAX_PAUSE_MS = 5 * 60_000

/** Recipients remembered at most; whoever is forgotten starts again at full speed. */
const MAX_REMEMBERED = 10_000

interface Slowed {
  limit: number
  /** Successes since the limit last grew. */
  successes: number
  cutAtMs: number
  /** Nothing is sent before; 0 for never asked. */
  pausedUntilMs: number
}

/**
 * How many requests may run at once to each recipient: half after each sign of strain, one more after
 * as many successes as the limit has (AIMD, as TCP does it).
 */
export class Pace {
  /** Only who is slower than usual has an entry. */
  readonly #slowed = new Map<string, Slowed>()

  /** From 1 to {@link FULL_CONCURRENCY}. */
  concurrencyOf(recipient: string): number {
    return this.#slowed.get(recipient)?.limit ?? FULL_CONCURRENCY
  }

  /** The instant before which the recipient wants nothing, in milliseconds since 1970; 0: at once. */
  readyAtMs(recipient: string): number {
    return this.#slowed.get(recipient)?.pausedUntilMs ?? 0
  }

  /** A try has succeeded. */
  noteSuccess(recipient: string): void {
    const slowed = this.#slowed.get(recipient)
    if (!slowed) return
    slowed.successes += 1
    if (slowed.successes < slowed.limit) return
    slowed.successes = 0
    slowed.limit += 1
    if (slowed.limit >= FULL_CONCURRENCY) this.#slowed.delete(recipient)
  }

  /**
   * A try has ended in a sign of strain: 429, 502, 503, 504 or a timeout.
   *
   * @param until - when the recipient has asked to be left alone until then
   */
  noteStrain(recipient: string, now: Date, until?: Date): void {
    const nowMs = now.getTime()
    const slowed = this.#slowed.get(recipient) ?? {
      limit: FULL_CONCURRENCY,
      successes: 0,
      cutAtMs: Number.NEGATIVE_INFINITY,
      pausedUntilMs: 0,
    }
    if (nowMs - slowed.cutAtMs >= CUT_EVERY_MS) {
      slowed.limit = Math.max(1, Math.floor(slowed.limit / 2))
      slowed.cutAtMs = nowMs
    }
    slowed.successes = 0
    if (until) {
      const untilMs = Math.min(until.getTime(), nowMs + MAX_PAUSE_MS)
      slowed.pausedUntilMs = Math.max(slowed.pausedUntilMs, untilMs)
    }
    this.#slowed.delete(recipient)
    this.#slowed.set(recipient, slowed)
    if (this.#slowed.size > MAX_REMEMBERED) {
      const [oldest] = this.#slowed.keys()
      if (oldest !== undefined) this.#slowed.delete(oldest)
    }
  }
}
