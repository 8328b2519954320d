import type { DeckRate } from './rate-deck.ts'

const DIGITS = 10
const ZERO = 48
const FIRST_NODES = 1_024
const FIRST_ENTRIES = 1_024
const NO_RATE = -1
/** Digits of an MCC, by which a whole country is meant. */
const MCC_DIGITS = 3

/**
 * The rates of many carriers in one digit trie: one walk along a number finds the rate of every
 * carrier, which is the one of the longest prefix, or the one of the network where there is such.
 *
 * A look-up writes into an array of the caller and allocates nothing.
 */
export class RateIndex {
  /** Every rate, by the numbers that {@link find} gives. */
  readonly rates: readonly DeckRate[]
  /** When a rate begins to hold that is left out so far; infinity: never. */
  readonly nextChangeAtMs: number
  readonly #children: Int32Array
  /** Where the entries of each node begin; they end where those of the next begin. */
  readonly #starts: Int32Array
  readonly #carriers: Int32Array
  readonly #rateIds: Int32Array
  /** Carrier and rate in turns. */
  readonly #byNetwork: ReadonlyMap<string, readonly number[]>

  constructor(parts: RateIndexParts) {
    this.rates = parts.rates
    this.nextChangeAtMs = parts.nextChangeAtMs
    this.#children = parts.children
    this.#starts = parts.starts
    this.#carriers = parts.carriers
    this.#rateIds = parts.rateIds
    this.#byNetwork = parts.byNetwork
  }

  /**
   * The rate of every carrier for a number.
   *
   * @param digits - E.164 without `+`
   * @param network - MCC and MNC; null where it is not known
   * @param into - gets, by carrier, the rate's place in {@link rates}; -1: none
   */
  find(digits: string, network: string | null, into: Int32Array): void {
    into.fill(NO_RATE)
    const children = this.#children
    let node = 0
    this.#take(0, into)
    for (let index = 0; index < digits.length; index++) {
      const digit = digits.charCodeAt(index) - ZERO
      if (digit < 0 || digit >= DIGITS) break
      node = children[node * DIGITS + digit] as number
      if (node === 0) break
      this.#take(node, into)
    }
    if (network === null || this.#byNetwork.size === 0) return
    // The country's first, so that the network's own goes over it.
    this.#takeNetwork(network.slice(0, MCC_DIGITS), into)
    if (network.length > MCC_DIGITS) this.#takeNetwork(network, into)
  }

  #take(node: number, into: Int32Array): void {
    const end = this.#starts[node + 1] as number
    for (let entry = this.#starts[node] as number; entry < end; entry++) {
      into[this.#carriers[entry] as number] = this.#rateIds[entry] as number
    }
  }

  #takeNetwork(network: string, into: Int32Array): void {
    const pairs = this.#byNetwork.get(network)
    if (pairs === undefined) return
    for (let index = 0; index < pairs.length; index += 2) {
      into[pairs[index] as number] = pairs[index + 1] as number
    }
  }
}

interface RateIndexParts {
  readonly rates: readonly DeckRate[]
  readonly nextChangeAtMs: number
  readonly children: Int32Array
  readonly starts: Int32Array
  readonly carriers: Int32Array
  readonly rateIds: Int32Array
  readonly byNetwork: ReadonlyMap<string, readonly number[]>
}

/**
 * Makes a {@link RateIndex}, rate by rate, so that whoever has many can let others run in between.
 *
 * Of two rates of one carrier for the same destination the one counts that began to hold later.
 */
export class RateIndexBuilder {
  readonly #nowMs: number
  readonly #rates: DeckRate[] = []
  readonly #byNetwork = new Map<string, number[]>()
  #nextChangeAtMs = Number.POSITIVE_INFINITY
  // Ten children per node, 0 where there is none; node 0 is the root and nobody's child.
  #children = new Int32Array(FIRST_NODES * DIGITS)
  #nodeCount = 1
  /** Node, carrier and rate of each entry, in the order of adding. */
  #entries = new Int32Array(FIRST_ENTRIES * 3)
  #entryCount = 0
  /** True while no rate has a date: then no destination has two of one carrier. */
  #isDateless = true

  /** @param nowMs - rates that hold only later are left out */
  constructor(nowMs: number) {
    this.#nowMs = nowMs
  }

  /** @param carrier - the number by which {@link RateIndex.find} knows it */
  add(carrier: number, rate: DeckRate): void {
    if (rate.effectiveFromMs > this.#nowMs) {
      this.#nextChangeAtMs = Math.min(this.#nextChangeAtMs, rate.effectiveFromMs)
      return
    }
    if (rate.effectiveFromMs !== 0) this.#isDateless = false
    const id = this.#rates.push(rate) - 1
    if (rate.network !== null) {
      const pairs = this.#byNetwork.get(rate.network)
      if (pairs === undefined) this.#byNetwork.set(rate.network, [carrier, id])
      else pairs.push(carrier, id)
      return
    }
    const at = this.#entryCount * 3
    if (at + 3 > this.#entries.length) this.#entries = doubled(this.#entries)
    this.#entries[at] = this.#nodeOf(rate.prefix ?? '')
    this.#entries[at + 1] = carrier
    this.#entries[at + 2] = id
    this.#entryCount++
  }

  build(): RateIndex {
    const count = this.#entryCount
    if (!this.#isDateless) this.#putInOrder()
    const starts = new Int32Array(this.#nodeCount + 1)
    for (let entry = 0; entry < count; entry++) {
      const node = this.#entries[entry * 3] as number
      starts[node + 1] = (starts[node + 1] as number) + 1
    }
    for (let node = 0; node < this.#nodeCount; node++) {
      starts[node + 1] = (starts[node + 1] as number) + (starts[node] as number)
    }
    const carriers = new Int32Array(count)
    const rateIds = new Int32Array(count)
    const next = starts.slice()
    for (let entry = 0; entry < count; entry++) {
      const node = this.#entries[entry * 3] as number
      const place = next[node] as number
      next[node] = place + 1
      carriers[place] = this.#entries[entry * 3 + 1] as number
      rateIds[place] = this.#entries[entry * 3 + 2] as number
    }
    return new RateIndex({
      rates: this.#rates,
      nextChangeAtMs: this.#nextChangeAtMs,
      children: this.#children,
      starts,
      carriers,
      rateIds,
      byNetwork: this.#byNetwork,
    })
  }

  /** A look-up takes the last of a carrier: the one that began to hold last. */
  #putInOrder(): void {
    const sinceOf = (id: number) => (this.#rates[id] as DeckRate).effectiveFromMs
    const entries = this.#entries.subarray(0, this.#entryCount * 3)
    const order = Array.from({ length: this.#entryCount }, (_, entry) => entry).sort(
      (a, b) => sinceOf(entries[a * 3 + 2] as number) - sinceOf(entries[b * 3 + 2] as number),
    )
    this.#entries = Int32Array.from(
      order.flatMap((at) => [...entries.subarray(at * 3, at * 3 + 3)]),
    )
    for (const [network, pairs] of this.#byNetwork) {
      const sorted = Array.from({ length: pairs.length / 2 }, (_, at) =>
        pairs.slice(at * 2, at * 2 + 2),
      )
      sorted.sort(([, a = 0], [, b = 0]) => sinceOf(a) - sinceOf(b))
      this.#byNetwork.set(network, sorted.flat())
    }
  }

  #nodeOf(prefix: string): number {
    let node = 0
    for (let index = 0; index < prefix.length; index++) {
      const cell = node * DIGITS + prefix.charCodeAt(index) - ZERO
      let child = this.#children[cell] as number
      if (child === 0) {
        child = this.#nodeCount++
        if ((child + 1) * DIGITS > this.#children.length) this.#children = doubled(this.#children)
        this.#children[cell] = child
      }
      node = child
    }
    return node
  }
}

function doubled(numbers: Int32Array): Int32Array<ArrayBuffer> {
  const larger = new Int32Array(numbers.length * 2)
  larger.set(numbers)
  return larger
}
