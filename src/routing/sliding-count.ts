/** A {@link SlidingCount} as plain data that can be stored: as of the window that began at `startMs`. */
export interface CountState {
  readonly startMs: number
  readonly usual: number
}

/**
 * Messages within a sliding window, and how many are usual there.
 *
 * The window slides over two fixed ones: of the one before counts the share that it still covers. What is usual is
 * the mean of past windows, the older ones less; it begins at none, so that a first flood is not taken for usual.
 */
export class SlidingCount {
  startMs: number
  #previous = 0
  #current = 0
  #usual: number

  constructor(startMs: number, usual = 0) {
    this.startMs = startMs
    this.#usual = usual
  }

  /** Decayed mean of messages per window, the present one left out. */
  get usual(): number {
    return this.#usual
  }

  /**
   * Counts one message; true when a new window begins with it.
   *
   * @param keep - weight that what is usual keeps over one window; 1: nothing is learned now
   */
  add(nowMs: number, windowMs: number, keep: number): boolean {
    const isNew = nowMs - this.startMs >= windowMs
    if (isNew) this.#turn(nowMs, windowMs, keep)
    this.#current++
    return isNew
  }

  /** Messages of the window that ends now. */
  peek(nowMs: number, windowMs: number): number {
    const covered = 1 - (nowMs - this.startMs) / windowMs
    return this.#current + (covered > 0 ? this.#previous * Math.min(1, covered) : 0)
  }

  /** Takes what is counted now for usual, and counts anew. */
  accept(nowMs: number, windowMs: number): void {
    this.#usual = Math.max(this.#usual, this.peek(nowMs, windowMs))
    this.#previous = 0
    this.#current = 0
  }

  state(): CountState {
    return { startMs: this.startMs, usual: this.#usual }
  }

  #turn(nowMs: number, windowMs: number, keep: number): void {
    const windows = Math.floor((nowMs - this.startMs) / windowMs)
    this.#usual = (this.#usual * keep + this.#current * (1 - keep)) * keep ** (windows - 1)
    this.#previous = windows === 1 ? this.#current : 0
    this.#current = 0
    this.startMs += windows * windowMs
  }
}
