/** What one unit of a currency is worth in another, from an instant on. */
export interface ConversionRate {
  readonly from: string
  readonly to: string
  /** Millionths of {@link to}. */
  readonly micros: bigint
  readonly since: Date
}

const MICROS = 1_000_000n

/** Brings prices of one currency into another, by the rates that hold at an instant. */
export class PriceConversion {
  /** By both currencies, the latest first. */
  readonly #rates = new Map<string, ConversionRate[]>()

  constructor(rates: readonly ConversionRate[] = []) {
    for (const rate of rates) {
      const key = keyOf(rate.from, rate.to)
      this.#rates.set(key, [...(this.#rates.get(key) ?? []), rate])
    }
    for (const of of this.#rates.values()) {
      of.sort((a, b) => b.since.getTime() - a.since.getTime())
    }
  }

  /**
   * An amount in the other currency, half a millionth rounded up; undefined where no rate is known. A
   * rate the other way round counts where there is none for this way.
   */
  convert(micros: bigint, from: string, to: string, atMs: number): bigint | undefined {
    if (from === to) return micros
    const there = this.#rateAt(from, to, atMs)
    if (there !== undefined) return (micros * there + MICROS / 2n) / MICROS
    const back = this.#rateAt(to, from, atMs)
    return back === undefined ? undefined : (micros * MICROS + back / 2n) / back
  }

  #rateAt(from: string, to: string, atMs: number): bigint | undefined {
    const rates = this.#rates.get(keyOf(from, to))
    return rates?.find(({ since }) => since.getTime() <= atMs)?.micros
  }
}

function keyOf(from: string, to: string): string {
  return `${from} ${to}`
}
