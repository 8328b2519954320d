/**
 * A map that forgets what was not asked for during a whole lifetime, without ever looking through all of
 * it: entries live in a young or an old generation, whoever is asked for moves to the young one, and from
 * time to time the old one is dropped.
 *
 * A full one drops early: at most `capacity` entries are kept.
 */
export class Generations<Value> {
  readonly #half: number
  readonly #lifeMs: number
  #young = new Map<string, Value>()
  #old = new Map<string, Value>()
  #begunAt = Number.NEGATIVE_INFINITY

  constructor(capacity: number, lifeMs: number) {
    this.#half = Math.ceil(capacity / 2)
    this.#lifeMs = lifeMs
  }

  /** @param nowMs - on the same clock as {@link set} */
  get(name: string, nowMs: number): Value | undefined {
    const value = this.#young.get(name)
    if (value !== undefined || this.#old.size === 0) return value
    const older = this.#old.get(name)
    if (older !== undefined) {
      this.#old.delete(name)
      this.set(name, older, nowMs)
    }
    return older
  }

  set(name: string, value: Value, nowMs: number): void {
    if (nowMs - this.#begunAt >= this.#lifeMs || this.#young.size >= this.#half) {
      this.#old = this.#young
      this.#young = new Map()
      this.#begunAt = nowMs
    }
    this.#young.set(name, value)
  }

  get size(): number {
    return this.#young.size + this.#old.size
  }
}
