import type { DeckRate, DeckRates } from './rate-deck.ts'

const DIGITS = 10
const ZERO = 48
const NONE = -1
/** Digits of an MCC, by which a whole country is meant. */
const MCC_DIGITS = 3

/**
 * A node of the trie as numbers that stand together: a child for each digit, 0 where there is none, and
 * where its entries begin and end.
 */
const NODE = { begin: DIGITS, end: DIGITS + 1, size: DIGITS + 2 } as const

/** The nodes from which prefixes and networks are spelled: nobody's children. */
const ROOT = { prefixes: 0, networks: 1 } as const
const FIRST_NODES = 1_024

/** Rates that are added between two pauses, and nodes that are put in order. */
const STEP = 128

/** Rates and prices that are kept of what was found: some 12 MB. */
const MOST_KEPT = 2 ** 20
/** Above the number of any node: so many would take 3 GB. */
const NODES = 2 ** 26

/** What every carrier asks for one destination, by the carriers' numbers. Others get the same arrays: only read. */
export interface FoundRates {
  /** The rate's place in {@link RateIndex.rates}; -1: the carrier has none. */
  readonly rates: Int32Array
  /** The price of a segment in millionths of the base currency; NaN where there is no rate. */
  readonly prices: Float64Array
}

/**
 * The rates of many carriers in one digit trie: one walk along a number finds the rate of every
 * carrier, which is the one of the longest prefix, or the one of the network where there is such.
 *
 * Numbers that end at the same node of the trie have the same rates, and most messages go to few of the
 * nodes: what was found there is kept.
 */
export class RateIndex {
  /** Every rate that holds, by the numbers that {@link find} gives. */
  readonly rates: readonly DeckRate[]
  /** What a unit of a currency is worth in the base currency; one that is missing is compared as it is. */
  readonly conversion: Readonly<Record<string, number>>
  /** True where the rates are of several currencies. */
  readonly isMixed: boolean
  /** When a rate begins to hold that is left out so far; infinity: never. */
  readonly nextChangeAtMs: number
  readonly #nodes: Int32Array
  /** By rate: the price of a segment in millionths of the base currency. */
  readonly #prices: Float64Array
  /** By rate: whose it is. */
  readonly #carriers: Uint16Array
  readonly #carrierCount: number
  /** By the nodes of the number and of the network. */
  readonly #kept = new Map<number, FoundRates>()
  readonly #mostKept: number

  /**
   * The index of the decks of all carriers, made with many pauses.
   *
   * Of two rates of one carrier for the same destination the one counts that began to hold later, and
   * of two that began at once the one that comes later in the deck.
   *
   * @param decks - by the numbers by which {@link find} knows the carriers
   * @param nowMs - rates that hold only later are left out
   * @param conversion - what a unit of a currency is worth in the base currency
   */
  static *build(
    decks: readonly DeckRates[],
    nowMs: number,
    conversion: Readonly<Record<string, number>> = {},
  ): Generator<void, RateIndex> {
    const builder = new RateIndexBuilder(nowMs, conversion)
    let added = 0
    for (const [carrier, rates] of decks.entries()) {
      for (const rate of rates) {
        builder.add(carrier, rate)
        if (++added % STEP === 0) yield
      }
    }
    return yield* builder.build(decks.length)
  }

  constructor(parts: RateIndexParts) {
    this.rates = parts.rates
    this.#prices = parts.prices
    this.conversion = parts.conversion
    this.isMixed = parts.isMixed
    this.nextChangeAtMs = parts.nextChangeAtMs
    this.#nodes = parts.nodes
    this.#carriers = parts.carriers
    this.#carrierCount = parts.carrierCount
    this.#mostKept = Math.max(1, Math.floor(MOST_KEPT / Math.max(1, parts.carrierCount)))
  }

  /**
   * What every carrier asks for a number.
   *
   * @param digits - E.164 without `+`
   * @param network - MCC and MNC; null where it is not known
   */
  find(digits: string, network: string | null): FoundRates {
    const ofNumber = this.#endOf(digits)
    const ofCountry = network === null ? NONE : this.#nodeOf(network, MCC_DIGITS)
    const ofNetwork = network === null ? NONE : this.#nodeOf(network, network.length)
    const key = (Math.max(ofCountry, ofNetwork) + 1) * NODES + ofNumber
    const known = this.#kept.get(key)
    if (known) return known
    const found = this.#read(digits)
    // The country's first, so that the network's own goes over it.
    if (ofCountry !== NONE) this.#take(ofCountry, found)
    if (ofNetwork !== NONE) this.#take(ofNetwork, found)
    if (this.#kept.size >= this.#mostKept) this.#kept.clear()
    this.#kept.set(key, found)
    return found
  }

  /** The last node on the way along a number. */
  #endOf(digits: string): number {
    let last: number = ROOT.prefixes
    for (let index = 0; ; index++) {
      const next = childOf(this.#nodes, last, digits, index)
      if (next === NONE) return last
      last = next
    }
  }

  /** The node of the first digits of a network; -1: nobody has rates for it or what it begins with. */
  #nodeOf(network: string, length: number): number {
    let node: number = ROOT.networks
    for (let index = 0; node !== NONE && index < length; index++) {
      node = childOf(this.#nodes, node, network, index)
    }
    return node
  }

  #read(digits: string): FoundRates {
    const rates = new Int32Array(this.#carrierCount).fill(NONE)
    const prices = new Float64Array(this.#carrierCount).fill(Number.NaN)
    const found = { rates, prices }
    let node: number = ROOT.prefixes
    for (let index = 0; node !== NONE; index++) {
      this.#take(node, found)
      node = childOf(this.#nodes, node, digits, index)
    }
    return found
  }

  #take(node: number, { rates, prices }: FoundRates): void {
    const end = this.#nodes[node * NODE.size + NODE.end] as number
    for (let rate = this.#nodes[node * NODE.size + NODE.begin] as number; rate < end; rate++) {
      const carrier = this.#carriers[rate] as number
      rates[carrier] = rate
      prices[carrier] = this.#prices[rate] as number
    }
  }
}

interface RateIndexParts {
  readonly rates: readonly DeckRate[]
  readonly prices: Float64Array
  readonly conversion: Readonly<Record<string, number>>
  readonly isMixed: boolean
  readonly nextChangeAtMs: number
  readonly nodes: Int32Array
  readonly carriers: Uint16Array
  readonly carrierCount: number
}

/** The node that a digit leads to; -1 where none does, or the text is at its end. */
function childOf(nodes: Int32Array, node: number, text: string, index: number): number {
  if (index >= text.length) return NONE
  const digit = text.charCodeAt(index) - ZERO
  if (digit < 0 || digit >= DIGITS) return NONE
  return (nodes[node * NODE.size + digit] as number) || NONE
}

/** A {@link RateIndex} in the making. */
class RateIndexBuilder {
  readonly #nowMs: number
  readonly #conversion: Readonly<Record<string, number>>
  readonly #currencies = new Set<string>()
  #nextChangeAtMs = Number.POSITIVE_INFINITY
  /** While rates are added, the beginning of a node is its latest entry, counted from 1. */
  #nodes = new Int32Array(FIRST_NODES * NODE.size)
  #nodeCount = 2
  // In the order of adding; `#before` is the entry of the same node before, counted from 1.
  readonly #rates: DeckRate[] = []
  readonly #prices: number[] = []
  readonly #carriers: number[] = []
  readonly #before: number[] = []

  constructor(nowMs: number, conversion: Readonly<Record<string, number>>) {
    this.#nowMs = nowMs
    this.#conversion = conversion
  }

  /** Adds a rate of the same carrier as the last one, or of the next. */
  add(carrier: number, rate: DeckRate): void {
    if (rate.effectiveFromMs > this.#nowMs) {
      this.#nextChangeAtMs = Math.min(this.#nextChangeAtMs, rate.effectiveFromMs)
      return
    }
    this.#currencies.add(rate.currency)
    const node =
      rate.network === null
        ? this.#nodeOf(ROOT.prefixes, rate.prefix ?? '')
        : this.#nodeOf(ROOT.networks, rate.network)
    const at = node * NODE.size + NODE.begin
    const latest = this.#nodes[at] as number
    if (this.#carriers[latest - 1] === carrier) {
      const known = this.#rates[latest - 1] as DeckRate
      if (rate.effectiveFromMs < known.effectiveFromMs) return
      this.#rates[latest - 1] = rate
      this.#prices[latest - 1] = this.#priceOf(rate)
      return
    }
    this.#prices.push(this.#priceOf(rate))
    this.#carriers.push(carrier)
    this.#before.push(latest)
    this.#nodes[at] = this.#rates.push(rate)
  }

  /** The index of what was added; nothing can be added afterwards. */
  *build(carrierCount: number): Generator<void, RateIndex> {
    const nodes = this.#nodes
    const rates: DeckRate[] = []
    const carriers = new Uint16Array(this.#rates.length)
    const prices = new Float64Array(this.#rates.length)
    for (let node = 0; node < this.#nodeCount; node++) {
      if (node % STEP === 0) yield
      const at = node * NODE.size + NODE.begin
      let entry = nodes[at] as number
      nodes[at] = rates.length
      for (; entry > 0; entry = this.#before[entry - 1] as number) {
        prices[rates.length] = this.#prices[entry - 1] as number
        carriers[rates.length] = this.#carriers[entry - 1] as number
        if (rates.push(this.#rates[entry - 1] as DeckRate) % STEP === 0) yield
      }
      nodes[node * NODE.size + NODE.end] = rates.length
    }
    return new RateIndex({
      rates,
      prices,
      conversion: this.#conversion,
      isMixed: this.#currencies.size > 1,
      nextChangeAtMs: this.#nextChangeAtMs,
      nodes,
      carriers,
      carrierCount,
    })
  }

  #priceOf({ priceMicros, currency }: DeckRate): number {
    return Number(priceMicros) * (this.#conversion[currency] ?? 1)
  }

  #nodeOf(root: number, text: string): number {
    let node = root
    for (let index = 0; index < text.length; index++) {
      const child = childOf(this.#nodes, node, text, index)
      node = child === NONE ? this.#addChild(node, text.charCodeAt(index) - ZERO) : child
    }
    return node
  }

  #addChild(parent: number, digit: number): number {
    const child = this.#nodeCount++
    if ((child + 1) * NODE.size > this.#nodes.length) this.#nodes = doubled(this.#nodes)
    this.#nodes[parent * NODE.size + digit] = child
    return child
  }
}

function doubled(numbers: Int32Array): Int32Array<ArrayBuffer> {
  const larger = new Int32Array(numbers.length * 2)
  larger.set(numbers)
  return larger
}
