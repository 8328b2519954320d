import { NumberMap } from '../routing/number-map.ts'

/** The number is known to have no network that the hook could tell. */
export const NO_PLACE = -1

/** Room for the place of a network in a value; the rest is the second until which it holds. */
const PLACES = 2 ** 20

/**
 * What a look-up has told about numbers, for a time, in at most `capacity` entries.
 *
 * Two tables of half the capacity: new answers go into the young one; when that is full the old one,
 * with all that is older, is thrown away as a whole.
 */
export class LookupCache {
  readonly #half: number
  #young = new NumberMap()
  #old = new NumberMap()

  constructor(capacity: number) {
    this.#half = Math.max(1, Math.floor(capacity / 2))
  }

  get size(): number {
    return this.#young.size + this.#old.size
  }

  /** The place of the number's network, {@link NO_PLACE}, or undefined: it has to be asked for. */
  get(e164: string, nowMs: number): number | undefined {
    const value = this.#young.get(e164) ?? this.#old.get(e164)
    if (value === undefined) return undefined
    return Math.floor(value / PLACES) * 1_000 > nowMs ? (value % PLACES) - 1 : undefined
  }

  /** @param place - below 1,048,575, or {@link NO_PLACE} */
  set(e164: string, place: number, untilMs: number): void {
    if (this.#young.size >= this.#half && this.#young.get(e164) === undefined) {
      this.#old = this.#young
      this.#young = new NumberMap()
    }
    this.#young.set(e164, Math.ceil(untilMs / 1_000) * PLACES + place + 1)
  }

  /** Forgets a number. */
  delete(e164: string): void {
    this.#young.delete(e164)
    this.#old.delete(e164)
  }
}
