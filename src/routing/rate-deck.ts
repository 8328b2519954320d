/** What one segment to a destination costs, from an instant on. */
export interface DeckRate {
  /** Leading digits of the E.164 number without `+`, empty: everywhere; null: a rate of a network. */
  readonly prefix: string | null
  /** MCC and MNC, `23415`; null: a rate of a prefix. */
  readonly network: string | null
  /** Millionths of {@link currency}. */
  readonly priceMicros: bigint
  /** ISO 4217. */
  readonly currency: string
  /** Holds from this instant until that of the next rate of the same destination; 0: always. */
  readonly effectiveFromMs: number
}

/** Rates one after the other; a list of them, or a form that takes less room. */
export interface DeckRates extends Iterable<DeckRate> {
  readonly length: number
}

/** The prices of one carrier or of one tenant. */
export interface RateDeck {
  readonly rates: DeckRates
}

/**
 * A destination as one number: no prefix and no other network has the same, and none has 0.
 *
 * A prefix of up to 15 digits has a 1 in front of it, and so has a network, below 0.
 */
export function destinationNumber(prefix: string | null, network: string | null): number {
  return prefix === null ? -Number(`1${network}`) : Number(`1${prefix}`)
}

/** The destination that a number stands for. */
export function destinationOf(number: number): Pick<DeckRate, 'prefix' | 'network'> {
  const digits = String(Math.abs(number)).slice(1)
  return number < 0 ? { prefix: null, network: digits } : { prefix: digits, network: null }
}

/** Most digits that a prefix may have: those of a number, ITU-T E.164. */
export const MAX_PREFIX_DIGITS = 15
