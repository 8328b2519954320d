import { createHash } from 'node:crypto'

/**
 * Numbers that only look random: the same seed gives the same row of them.
 *
 * Parts that run beside each other take a {@link Random.fork} each, so that the plan does not depend
 * on who asks first.
 */
export class Random {
  readonly #seed: string
  #state: number

  constructor(seed: string) {
    this.#seed = seed
    this.#state = createHash('sha256').update(seed).digest().readUInt32LE(0)
  }

  /** From 0 up to, but not including, 1 (the generator mulberry32). */
  next(): number {
    this.#state = (this.#state + 0x6d2b79f5) | 0
    let mixed = Math.imul(this.#state ^ (this.#state >>> 15), this.#state | 1)
    mixed ^= mixed + Math.imul(mixed ^ (mixed >>> 7), mixed | 61)
    return ((mixed ^ (mixed >>> 14)) >>> 0) / 2 ** 32
  }

  /** From `min` up to, but not including, `max`. */
  between(min: number, max: number): number {
    return min + this.next() * (max - min)
  }

  /** True in a share of all calls, 0 to 1. */
  chance(share: number): boolean {
    return this.next() < share
  }

  /** One of a list that is not empty. */
  pick<Item>(items: readonly Item[]): Item {
    return items[Math.floor(this.next() * items.length)] as Item
  }

  /** A row of its own, the same for the same name. */
  fork(name: string): Random {
    return new Random(`${this.#seed}/${name}`)
  }
}
