/** How the success of carriers is estimated. */
export interface QualityOptions {
  /** After this time a message counts half. */
  readonly halfLifeMs?: number
  /** Success assumed of a carrier nobody has used yet, 0 to 1. */
  readonly priorSuccess?: number
  /** How many messages that assumption is worth. */
  readonly priorMessages?: number
}

/** Recent outcomes of one carrier, as plain data that can be stored. */
export interface QualityState {
  readonly carrier: string
  /** Decayed number of delivered messages, as of {@link atMs}. */
  readonly delivered: number
  /** Decayed number of messages with a known end, as of {@link atMs}. */
  readonly total: number
  /** Instant of the last outcome, in milliseconds since 1970. */
  readonly atMs: number
}

/** The estimate for one carrier. */
export interface QualityEstimate {
  readonly carrier: string
  /** Between 0 and 1, both excluded as long as the prior is. */
  readonly success: number
  /** Decayed number of messages behind the estimate. */
  readonly messages: number
}

const DEFAULT_HALF_LIFE_MS = 30 * 60_000
const DEFAULT_PRIOR_SUCCESS = 0.9
const DEFAULT_PRIOR_MESSAGES = 20

interface Counters {
  delivered: number
  total: number
  atMs: number
}

/**
 * The recent share of delivered messages by carrier.
 *
 * Outcomes fade with a half-life. The estimate starts from a prior (the mean of a beta
 * distribution), so a carrier with three delivered messages is not at 100 % and one with a single
 * failure is not at 0.
 */
export class Quality {
  readonly #halfLifeMs: number
  readonly #priorDelivered: number
  readonly #priorMessages: number
  readonly #counters = new Map<string, Counters>()

  constructor(options: QualityOptions = {}) {
    this.#halfLifeMs = Math.max(1, options.halfLifeMs ?? DEFAULT_HALF_LIFE_MS)
    this.#priorMessages = Math.max(0, options.priorMessages ?? DEFAULT_PRIOR_MESSAGES)
    const success = options.priorSuccess ?? DEFAULT_PRIOR_SUCCESS
    this.#priorDelivered = Math.min(1, Math.max(0, success)) * this.#priorMessages
  }

  /** Counts the end of a message, or of `count` messages at once. */
  record(carrier: string, isDelivered: boolean, now: Date, count = 1): void {
    const nowMs = now.getTime()
    const counters = this.#counters.get(carrier) ?? { delivered: 0, total: 0, atMs: nowMs }
    const factor = this.#decay(counters.atMs, nowMs)
    counters.total = counters.total * factor + count
    counters.delivered = counters.delivered * factor + (isDelivered ? count : 0)
    // A clock that was set back must not make later outcomes fade twice.
    counters.atMs = Math.max(counters.atMs, nowMs)
    this.#counters.set(carrier, counters)
  }

  /** The estimate for a carrier; the prior alone for one that is unknown. */
  estimate(carrier: string, now: Date): QualityEstimate {
    const counters = this.#counters.get(carrier)
    const factor = counters === undefined ? 0 : this.#decay(counters.atMs, now.getTime())
    const messages = (counters?.total ?? 0) * factor
    const delivered = (counters?.delivered ?? 0) * factor
    const weight = messages + this.#priorMessages
    const success = weight === 0 ? 0 : (delivered + this.#priorDelivered) / weight
    return { carrier, success, messages }
  }

  /** What is known of every carrier, by name, to be stored or handed to another node. */
  snapshot(): QualityState[] {
    return [...this.#counters]
      .map(([carrier, counters]) => ({ carrier, ...counters }))
      .sort((a, b) => (a.carrier < b.carrier ? -1 : 1))
  }

  /** Takes over a snapshot; carriers in it replace what was known of them. */
  restore(states: readonly QualityState[]): void {
    for (const { carrier, delivered, total, atMs } of states) {
      this.#counters.set(carrier, { delivered, total, atMs })
    }
  }

  #decay(fromMs: number, toMs: number): number {
    return 0.5 ** (Math.max(0, toMs - fromMs) / this.#halfLifeMs)
  }
}
