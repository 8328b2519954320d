import { NumberIndex } from '../core/number-index.ts'
import { PackedRates } from './packed-rates.ts'
import { type DeckRate, destinationNumber, MAX_PREFIX_DIGITS, type RateDeck } from './rate-deck.ts'

const PLUS = 43
const ZERO = 48

/** Rates that are added between two pauses. */
const STEP = 128

const NONE = -1
const CHUNK = 4_096
const SHIFT = 12

/** 10 to the power of each length. */
const POWERS = Float64Array.from({ length: MAX_PREFIX_DIGITS + 1 }, (_, index) => 10 ** index)

/** The destinations of all prefixes of the number that is looked up at present. */
const prefixes = new Float64Array(MAX_PREFIX_DIGITS + 1)

/** A deck whose rates are found by number, network and time. */
export class RateTable implements RateDeck {
  readonly rates = new PackedRates()
  /** The row with the latest rate of each destination. */
  readonly #latest = new NumberIndex()
  /** The row with the rate before that one, by row. */
  readonly #earlier: Int32Array[] = []
  /** True for each length that prefixes have: no other has to be tried. */
  readonly #hasLength: boolean[] = Array.from({ length: MAX_PREFIX_DIGITS + 1 }, () => false)
  #hasNetworks = false

  /** The table of a deck, made with a pause every hundred rates; a table is one already. */
  static *build(deck: RateDeck): Generator<void, RateTable> {
    if (deck instanceof RateTable) return deck
    const table = new RateTable()
    for (const rate of deck.rates) {
      table.add(
        destinationNumber(rate.prefix, rate.network),
        rate.priceMicros,
        rate.currency,
        rate.effectiveFromMs,
      )
      if (table.rates.length % STEP === 0) yield
    }
    return table
  }

  /** Adds a rate; of two for the same destination and instant the later one counts. */
  add(destination: number, priceMicros: bigint, currency: string, fromMs: number): void {
    const row = this.rates.length
    this.rates.add(destination, priceMicros, currency, fromMs)
    if (destination < 0) this.#hasNetworks = true
    else this.#hasLength[String(destination).length - 1] = true
    if (row % CHUNK === 0) this.#earlier.push(new Int32Array(CHUNK))
    let later = NONE
    let next = this.#latest.get(destination)
    while (next !== NONE && this.rates.fromAt(next) > fromMs) {
      later = next
      next = this.#before(next)
    }
    this.#setBefore(row, next)
    if (later === NONE) this.#latest.set(destination, row)
    else this.#setBefore(later, row)
  }

  /**
   * The rate for a number: that of its network, else that of the longest prefix that has one at this
   * instant.
   *
   * @param digits - the E.164 number, with or without `+`
   * @param network - MCC and MNC; null where nobody knows
   */
  rateFor(digits: string, network: string | null, atMs: number): DeckRate | undefined {
    const row = this.rowFor(digits, network, atMs)
    return row === NONE ? undefined : this.rates.at(row)
  }

  /** As {@link rateFor}, without making an object: the row in {@link rates}, or -1. */
  rowFor(digits: string, network: string | null, atMs: number): number {
    if (network !== null && this.#hasNetworks) {
      const row = this.rowOf(destinationNumber(null, network), atMs)
      if (row !== NONE) return row
    }
    const start = digits.charCodeAt(0) === PLUS ? 1 : 0
    const most = Math.min(digits.length - start, MAX_PREFIX_DIGITS)
    let value = 0
    prefixes[0] = 1
    for (let length = 1; length <= most; length++) {
      value = value * 10 + digits.charCodeAt(start + length - 1) - ZERO
      prefixes[length] = value + (POWERS[length] as number)
    }
    for (let length = most; length >= 0; length--) {
      if (!this.#hasLength[length]) continue
      const row = this.rowOf(prefixes[length] as number, atMs)
      if (row !== NONE) return row
    }
    return NONE
  }

  /** The row that holds at an instant for exactly one destination, or -1. */
  rowOf(destination: number, atMs: number): number {
    let row = this.#latest.get(destination)
    while (row !== NONE && this.rates.fromAt(row) > atMs) row = this.#before(row)
    return row
  }

  /** How many rates a destination has. */
  countOf(destination: number): number {
    let count = 0
    for (let row = this.#latest.get(destination); row !== NONE; row = this.#before(row)) count++
    return count
  }

  #before(row: number): number {
    return (this.#earlier[row >> SHIFT] as Int32Array)[row & (CHUNK - 1)] as number
  }

  #setBefore(row: number, before: number): void {
    ;(this.#earlier[row >> SHIFT] as Int32Array)[row & (CHUNK - 1)] = before
  }
}

/** True for leading digits of a number, without `+`; none stand for everywhere. */
export function isPrefix(text: string): boolean {
  return text.length <= MAX_PREFIX_DIGITS && /^(?:[1-9]\d*)?$/.test(text)
}
