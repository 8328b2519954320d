/** Whether a hook that has failed may be asked, with the time as an argument. */
export class HookBreaker {
  readonly #maxFailures: number
  readonly #pauseMs: number
  #failures = 0
  /** 0: it is not paused. */
  #pausedUntilMs = 0
  #isProbing = false

  /**
   * @param maxFailures - in a row, after which it is left alone
   * @param pauseMs - for so long; then one request tries it
   */
  constructor(maxFailures: number, pauseMs: number) {
    this.#maxFailures = maxFailures
    this.#pauseMs = pauseMs
  }

  get isPaused(): boolean {
    return this.#pausedUntilMs > 0
  }

  /** True when a request may leave; after a pause that is one, until its outcome is known. */
  admit(nowMs: number): boolean {
    if (!this.mayAdmit(nowMs)) return false
    if (this.isPaused) this.#isProbing = true
    return true
  }

  /** As {@link admit}, and nothing is taken. */
  mayAdmit(nowMs: number): boolean {
    return !this.isPaused || (nowMs >= this.#pausedUntilMs && !this.#isProbing)
  }

  noteSuccess(): void {
    this.#failures = 0
    this.#pausedUntilMs = 0
    this.#isProbing = false
  }

  /** True when this failure begins a pause. */
  noteFailure(nowMs: number): boolean {
    this.#failures++
    this.#isProbing = false
    if (this.#failures < this.#maxFailures) return false
    const isFirst = !this.isPaused
    this.#pausedUntilMs = nowMs + this.#pauseMs
    return isFirst
  }
}
