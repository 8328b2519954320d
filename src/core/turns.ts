/**
 * Lets work that comes in bulk share the event loop with all else: one caller gets on in each turn of
 * it, in the order of the calls.
 */
export class Turns {
  readonly #waiting: (() => void)[] = []

  /** Resolves when it is the caller's turn. */
  next(): Promise<void> {
    return new Promise((resolve) => {
      this.#waiting.push(resolve)
      if (this.#waiting.length === 1) this.#serveSoon()
    })
  }

  #serveSoon(): void {
    setImmediate(() => {
      const first = this.#waiting.shift()
      if (this.#waiting.length > 0) this.#serveSoon()
      first?.()
    })
  }
}

/** How long bulk work goes on before others get their turn, in milliseconds. */
const SLICE_MS = 4

/**
 * Does long work in slices of a few milliseconds with {@link Turns} between them.
 *
 * The work is an iterator that pauses often, after a tenth of a slice at most.
 */
export class Slices {
  readonly #turns: Turns
  #begunAt = performance.now()

  constructor(turns: Turns) {
    this.#turns = turns
  }

  /** Runs the work to its end and gives its result. */
  async run<Result>(work: Iterator<void, Result>): Promise<Result> {
    for (;;) {
      const step = work.next()
      if (step.done) return step.value
      if (this.#isOver) await this.pause()
    }
  }

  /** Lets others work, once the slice is over. */
  async pause(): Promise<void> {
    if (!this.#isOver) return
    await this.#turns.next()
    this.#begunAt = performance.now()
  }

  get #isOver(): boolean {
    return performance.now() - this.#begunAt >= SLICE_MS
  }
}

/** Runs the work of {@link Slices} at once. */
export function atOnce<Result>(work: Iterator<void, Result>): Result {
  for (;;) {
    const step = work.next()
    if (step.done) return step.value
  }
}
