/**
 * Says when the next segments of a carrier may leave: a token bucket for its agreed rate, and the
 * pauses it asks for.
 *
 * Plain state; `now` is in milliseconds of any steady clock.
 */
export class Pacer {
  readonly #segmentsPerMs: number
  readonly #burst: number
  #tokens: number
  #refilledAt = 0
  #pausedUntil = 0

  /** @param segmentsPerSecond - 0 means no limit */
  constructor(segmentsPerSecond: number) {
    this.#segmentsPerMs = segmentsPerSecond / 1_000
    // A tenth of a second's worth: smooth for the carrier, coarse enough for timers.
    this.#burst = Math.max(1, segmentsPerSecond / 10)
    this.#tokens = this.#burst
  }

  /**
   * Takes the tokens of a whole message, or says how many milliseconds to wait.
   *
   * A message longer than the bucket goes on credit, so that its segments leave together; the
   * debt delays those behind it.
   */
  take(segments: number, now: number): number {
    if (now < this.#pausedUntil) return this.#pausedUntil - now
    if (this.#segmentsPerMs === 0) return 0
    const gained = Math.max(0, now - this.#refilledAt) * this.#segmentsPerMs
    this.#tokens = Math.min(this.#burst, this.#tokens + gained)
    this.#refilledAt = now
    const needed = Math.min(segments, this.#burst)
    if (this.#tokens < needed) return Math.ceil((needed - this.#tokens) / this.#segmentsPerMs)
    this.#tokens -= segments
    return 0
  }

  /** Lets nothing leave for a while; a longer pause that already holds is kept. */
  pause(pauseMs: number, now: number): void {
    this.#pausedUntil = Math.max(this.#pausedUntil, now + pauseMs)
  }

  /** Milliseconds until a pause is over; 0 when there is none. */
  pauseLeft(now: number): number {
    return Math.max(0, this.#pausedUntil - now)
  }
}
