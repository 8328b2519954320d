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
