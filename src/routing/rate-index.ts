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

/**
 * The rates of many carriers in one digit trie: one walk along a number finds the rate of every
 * carrier, which is the one of the longest prefix, or the one of the network where there is such.
 *
 * A look-up writes into an array of the caller and allocates nothing. What is found for one number
 * stands together: rates and prices of a node have numbers that follow each other.
 */
export class RateIndex {
  /** Every rate that holds, by the numbers that {@link find} gives. */
  readonly rates: readonly DeckRate[]
  /** By the same: the price of a segment in millionths of the base currency. */
  readonly prices: Float64Array
  /** What a unit of a currency is worth in the base currency; one that is missing is compared as it is. */
  readonly conversion: Readonly<Record<string, number>>
  /** True where the rates are of several currencies. */
  readonly isMixed: boolean
  /** When a rate begins to hold that is left out so far; infinity: never. */
  readonly nextChangeAtMs: number
  readonly #nodes: Int32Array
  /** By rate: whose it is. */
  readonly #carriers: Uint16Array

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
    return yield* builder.build()
  }

  constructor(parts: RateIndexParts) {
    this.rates = parts.rates
    this.prices = parts.prices
    this.conversion = parts.conversion
    this.isMixed = parts.isMixed
    this.nextChangeAtMs = parts.nextChangeAtMs
    this.#nodes = parts.nodes
    this.#carriers = parts.carriers
  }

  /**
   * The rate of every carrier for a number.
   *
   * @param digits - E.164 without `+`
   * @param network - MCC and MNC; null where it is not known
   * @param into - gets, by carrier, the rate's place in {@link rates}; -1: none
   */
  find(digits: string, network: string | null, into: Int32Array): void {
    into.fill(NONE)
    let node: number = ROOT.prefixes
    for (let index = 0; node !== NONE; index++) {
      this.#take(node, into)
      node = childOf(this.#nodes, node, digits, index)
    }
    if (network === null) return
    node = ROOT.networks
    for (let index = 0; node !== NONE; index++) {
      // The country's first, so that the network's own goes over it.
      if (index === MCC_DIGITS || index === network.length) this.#take(node, into)
      node = childOf(this.#nodes, node, network, index)
    }
  }

  #take(node: number, into: Int32Array): void {
    const end = this.#nodes[node * NODE.size + NODE.end] as number
    for (let rate = this.#nodes[node * NODE.size + NODE.begin] as number; rate < end; rate++) {
      into[this.#carriers[rate] as number] = rate
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
  *build(): Generator<void, RateIndex> {
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
