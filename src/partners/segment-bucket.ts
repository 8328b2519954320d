/**
 * A token bucket for the segments that a partner submits. Plain state; `now` is in milliseconds, and a
 * clock that goes back costs nobody tokens.
 */
export class SegmentBucket {
  readonly #segmentsPerMs: number
  readonly #size: number
  #tokens: number
  #filledAt = 0

  /** @param size - segments that may come at once */
  constructor(segmentsPerSecond: number, size: number) {
    this.#segmentsPerMs = segmentsPerSecond / 1_000
    this.#size = size
    this.#tokens = size
  }

  /**
   * Takes the tokens of a whole message; false, and none is taken, when there are too few.
   *
   * A message longer than the bucket needs a full one and takes the rest on credit, or it could never
   * be sent; the debt delays those behind it.
   */
  take(segments: number, now: number): boolean {
    const gained = Math.max(0, now - this.#filledAt) * this.#segmentsPerMs
    this.#tokens = Math.min(this.#size, this.#tokens + gained)
    this.#filledAt = now
    if (this.#tokens < Math.min(segments, this.#size)) return false
    this.#tokens -= segments
    return true
  }
}
