import { atOnce } from '../core/turns.ts'
import {
  BiggestChanges,
  type Changes,
  FirstChanges,
  type PriceChange,
  type PriceChanges,
} from './change-list.ts'
import type { PackedRates } from './packed-rates.ts'
import type { DeckRate, RateDeck } from './rate-deck.ts'
import { RateTable } from './rate-table.ts'

/** What another deck would change. */
export interface DeckDiff {
  readonly oldRates: number
  readonly newRates: number
  /** Destinations, or times of a destination, without a price so far. */
  readonly added: Changes<DeckRate>
  /** Destinations, or times of a destination, that have no price any more. */
  readonly removed: Changes<DeckRate>
  readonly raised: PriceChanges
  readonly lowered: PriceChanges
  readonly currencyChanged: Changes<PriceChange>
  readonly unchanged: number
}

const STEP = 128

/**
 * Compares two decks, each destination at every instant at which one of them changes its price.
 *
 * A deck whose prices begin later than those of the old one removes the time before.
 */
export function diffDecks(oldDeck: RateDeck, newDeck: RateDeck): DeckDiff {
  return atOnce(diffInSteps(oldDeck, newDeck))
}

/** As {@link diffDecks}, with a pause every hundred rates. */
export function* diffInSteps(oldDeck: RateDeck, newDeck: RateDeck): Generator<void, DeckDiff> {
  const before = yield* RateTable.build(oldDeck)
  const after = yield* RateTable.build(newDeck)
  const diff = new Difference(before.rates, after.rates)
  for (let row = 0; row < after.rates.length; row++) {
    if (row % STEP === 0) yield
    diff.compare(before.rowOf(after.rates.destinationAt(row), after.rates.fromAt(row)), row)
  }
  for (let row = 0; row < before.rates.length; row++) {
    if (row % STEP === 0) yield
    const next = after.rowOf(before.rates.destinationAt(row), before.rates.fromAt(row))
    diff.compareOld(row, next)
  }
  return diff.result()
}

class Difference {
  readonly #before: PackedRates
  readonly #after: PackedRates
  readonly #added = new FirstChanges<DeckRate>()
  readonly #removed = new FirstChanges<DeckRate>()
  readonly #raised = new BiggestChanges()
  readonly #lowered = new BiggestChanges()
  readonly #currencyChanged = new FirstChanges<PriceChange>()
  #unchanged = 0

  constructor(before: PackedRates, after: PackedRates) {
    this.#before = before
    this.#after = after
  }

  /** For the instant of a new rate; -1: nothing held before. */
  compare(oldRow: number, newRow: number): void {
    if (oldRow < 0) this.#added.note(this.#after.at(newRow))
    else if (this.#isSamePrice(oldRow, newRow)) this.#unchanged++
    else this.#noteChange(oldRow, newRow, this.#after.fromAt(newRow))
  }

  /** For the instant of an old rate; -1: nothing holds any more. */
  compareOld(oldRow: number, newRow: number): void {
    const fromMs = this.#before.fromAt(oldRow)
    if (newRow < 0) this.#removed.note(this.#before.at(oldRow))
    // Where a new rate begins at the same instant, that is compared already.
    else if (this.#after.fromAt(newRow) !== fromMs && !this.#isSamePrice(oldRow, newRow)) {
      this.#noteChange(oldRow, newRow, fromMs)
    }
  }

  result(): DeckDiff {
    return {
      oldRates: this.#before.length,
      newRates: this.#after.length,
      added: this.#added.result(),
      removed: this.#removed.result(),
      raised: this.#raised.result(),
      lowered: this.#lowered.result(),
      currencyChanged: this.#currencyChanged.result(),
      unchanged: this.#unchanged,
    }
  }

  #isSamePrice(oldRow: number, newRow: number): boolean {
    const [before, after] = [this.#before, this.#after]
    return (
      before.priceAt(oldRow) === after.priceAt(newRow) &&
      before.currencyAt(oldRow) === after.currencyAt(newRow)
    )
  }

  #noteChange(oldRow: number, newRow: number, effectiveFromMs: number): void {
    const before = this.#before.at(oldRow)
    const after = this.#after.at(newRow)
    const isComparable = before.currency === after.currency
    const change: PriceChange = {
      prefix: after.prefix,
      network: after.network,
      effectiveFromMs,
      from: { priceMicros: before.priceMicros, currency: before.currency },
      to: { priceMicros: after.priceMicros, currency: after.currency },
      percent: isComparable ? percentOf(before.priceMicros, after.priceMicros) : null,
    }
    if (!isComparable) this.#currencyChanged.note(change)
    else if (after.priceMicros > before.priceMicros) this.#raised.note(change)
    else this.#lowered.note(change)
  }
}

function percentOf(from: bigint, to: bigint): number | null {
  return from === 0n ? null : (Number(to - from) / Number(from)) * 100
}
