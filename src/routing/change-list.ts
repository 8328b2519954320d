/** Another price of one destination. */
export interface PriceChange {
  readonly prefix: string | null
  readonly network: string | null
  /** When the prices begin to differ; 0: always. */
  readonly effectiveFromMs: number
  readonly from: { readonly priceMicros: bigint; readonly currency: string }
  readonly to: { readonly priceMicros: bigint; readonly currency: string }
  /** Above 0 for a raise; null: from nothing to something, or the currencies differ. */
  readonly percent: number | null
}

/** Changes of one kind: how many, and the first of them. */
export interface Changes<Change> {
  readonly count: number
  /** At most {@link MAX_LISTED_CHANGES}. */
  readonly listed: readonly Change[]
}

/** Raises, or the opposite; the biggest are listed, first the biggest. */
export interface PriceChanges extends Changes<PriceChange> {
  /** Of all that have a percentage; null: none has. */
  readonly averagePercent: number | null
}

/** Changes of each kind that are listed; all are counted. */
export const MAX_LISTED_CHANGES = 1_000

/** Counts changes and keeps the first of them. */
export class FirstChanges<Change> {
  readonly #listed: Change[] = []
  #count = 0

  note(change: Change): void {
    this.#count++
    if (this.#listed.length < MAX_LISTED_CHANGES) this.#listed.push(change)
  }

  result(): Changes<Change> {
    return { count: this.#count, listed: this.#listed }
  }
}

/** Counts changes of prices and keeps the biggest, in either direction. */
export class BiggestChanges {
  #kept: PriceChange[] = []
  #count = 0
  #percents = 0
  #sum = 0

  note(change: PriceChange): void {
    this.#count++
    this.#kept.push(change)
    if (change.percent !== null) {
      this.#percents++
      this.#sum += change.percent
    }
    // Sorting twice as many as are kept, now and then, is cheaper than finding a place for each.
    if (this.#kept.length >= 2 * MAX_LISTED_CHANGES) this.#sort()
  }

  result(): PriceChanges {
    this.#sort()
    return {
      count: this.#count,
      listed: this.#kept,
      averagePercent: this.#percents === 0 ? null : this.#sum / this.#percents,
    }
  }

  #sort(): void {
    this.#kept.sort((a, b) => sizeOf(b) - sizeOf(a))
    this.#kept.length = Math.min(this.#kept.length, MAX_LISTED_CHANGES)
  }
}

/** From nothing to something is the biggest of all. */
function sizeOf({ percent }: PriceChange): number {
  return percent === null ? Number.MAX_VALUE : Math.abs(percent)
}
