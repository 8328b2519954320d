import { type DeckRate, type DeckRates, destinationOf } from './rate-deck.ts'

const CHUNK = 1_024
const SHIFT = 10

interface Chunk {
  readonly destinations: Float64Array
  readonly prices: BigInt64Array
  readonly currencies: Uint16Array
  readonly from: Float64Array
}

/**
 * Rates in typed arrays: a million of them in 26 MB, and nothing for the collection of garbage to walk
 * through. A rate becomes an object when it is asked for.
 */
export class PackedRates implements DeckRates {
  readonly #chunks: Chunk[] = []
  readonly #currencies: string[] = []
  readonly #currencyPlaces = new Map<string, number>()
  #length = 0

  get length(): number {
    return this.#length
  }

  /**
   * Adds a rate; its row is the {@link length} before.
   *
   * @param destination - as `destinationNumber` gives it
   */
  add(destination: number, priceMicros: bigint, currency: string, fromMs: number): void {
    const place = this.#length & (CHUNK - 1)
    if (place === 0) this.#chunks.push(newChunk())
    const chunk = this.#chunks[this.#length >> SHIFT] as Chunk
    chunk.destinations[place] = destination
    chunk.prices[place] = priceMicros
    chunk.currencies[place] = this.#placeOf(currency)
    chunk.from[place] = fromMs
    this.#length++
  }

  /** The rate of a row, from 0. */
  at(row: number): DeckRate {
    const { prefix, network } = destinationOf(this.destinationAt(row))
    return {
      prefix,
      network,
      priceMicros: this.priceAt(row),
      currency: this.currencyAt(row),
      effectiveFromMs: this.fromAt(row),
    }
  }

  /** As `destinationNumber` gives it. */
  destinationAt(row: number): number {
    return (this.#chunks[row >> SHIFT] as Chunk).destinations[row & (CHUNK - 1)] as number
  }

  /** In micro-units. */
  priceAt(row: number): bigint {
    return (this.#chunks[row >> SHIFT] as Chunk).prices[row & (CHUNK - 1)] as bigint
  }

  currencyAt(row: number): string {
    const chunk = this.#chunks[row >> SHIFT] as Chunk
    return this.#currencies[chunk.currencies[row & (CHUNK - 1)] as number] as string
  }

  /** In milliseconds; 0: always. */
  fromAt(row: number): number {
    return (this.#chunks[row >> SHIFT] as Chunk).from[row & (CHUNK - 1)] as number
  }

  *[Symbol.iterator](): Generator<DeckRate, void> {
    for (let row = 0; row < this.#length; row++) yield this.at(row)
  }

  #placeOf(currency: string): number {
    let place = this.#currencyPlaces.get(currency)
    if (place === undefined) {
      place = this.#currencies.push(currency) - 1
      this.#currencyPlaces.set(currency, place)
    }
    return place
  }
}

function newChunk(): Chunk {
  return {
    destinations: new Float64Array(CHUNK),
    prices: new BigInt64Array(CHUNK),
    currencies: new Uint16Array(CHUNK),
    from: new Float64Array(CHUNK),
  }
}
