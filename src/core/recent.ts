/**
 * Remembers the latest of something by name: at most `capacity` entries, each for at most
 * `forMs` after it was set last.
 */
export class Recent<Value> {
  readonly #capacity: number
  readonly #forMs: number
  /** Oldest first. */
  readonly #entries = new Map<string, { readonly value: Value; readonly until: number }>()

  constructor(capacity: number, forMs: number) {
    this.#capacity = capacity
    this.#forMs = forMs
  }

  get size(): number {
    return this.#entries.size
  }

  /** @param now - milliseconds, on the same clock as {@link set} */
  get(name: string, now: number): Value | undefined {
    const entry = this.#entries.get(name)
    return entry && now < entry.until ? entry.value : undefined
  }

  set(name: string, value: Value, now: number): void {
    this.#entries.delete(name)
    this.#entries.set(name, { value, until: now + this.#forMs })
    for (const [oldest, { until }] of this.#entries) {
      if (this.#entries.size <= this.#capacity && now < until) return
      this.#entries.delete(oldest)
    }
  }
}
