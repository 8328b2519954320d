import { randomInt } from 'node:crypto'
import { EncodingError } from './errors.ts'

/** The width and the bound of a {@link ReferenceCounter}. */
export interface ReferenceCounterOptions {
  /** Width of the reference; default 8. */
  readonly bits?: 8 | 16
  /** How many pairs are remembered; the one not used for longest is forgotten. Default 100,000. */
  readonly maxPairs?: number
  /** Gives the first reference of a pair; random by default, so a restart does not repeat itself. */
  readonly start?: () => number
}

/**
 * Hands out concatenation references, counted for each pair of source and destination.
 *
 * A handset tells long messages apart by sender and reference only. Counting per pair makes the next
 * 255 (65,535) long messages to the same handset differ, whatever is sent to others.
 *
 * @see 3GPP TS 23.040, section 9.2.3.24.1
 */
export class ReferenceCounter {
  readonly #limit: number
  readonly #maxPairs: number
  readonly #start: () => number
  /** The pair used longest ago comes first. */
  readonly #last = new Map<string, number>()

  /** @throws {EncodingError} `options_invalid` when `maxPairs` is below 1 */
  constructor(options: ReferenceCounterOptions = {}) {
    const limit = options.bits === 16 ? 0x10000 : 0x100
    this.#limit = limit
    this.#maxPairs = options.maxPairs ?? 100_000
    this.#start = options.start ?? (() => randomInt(limit))
    if (!(this.#maxPairs >= 1)) {
      throw new EncodingError('options_invalid', `maxPairs is ${this.#maxPairs}, at least 1`)
    }
  }

  /** How many pairs are remembered. */
  get size(): number {
    return this.#last.size
  }

  /** The reference for the next long message from `source` to `destination`. */
  next(source: string, destination: string): number {
    const pair = `${source}\0${destination}`
    const last = this.#last.get(pair)
    const reference = (last === undefined ? this.#start() : last + 1) % this.#limit
    this.#last.delete(pair)
    this.#last.set(pair, reference)
    if (this.#last.size > this.#maxPairs) {
      const [oldest] = this.#last.keys()
      if (oldest !== undefined) this.#last.delete(oldest)
    }
    return reference
  }
}
