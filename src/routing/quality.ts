import type { TrafficClass } from '../core/policy.ts'
import { latencyAt } from './latency-histogram.ts'
import type { CarrierCounts, CellMemory, QualityOutcome } from './quality-cell.ts'
import { CellIndex, type IndexedCell } from './quality-index.ts'
import { wilsonLower, wilsonUpper } from './wilson.ts'

/** How the success of carriers is estimated. */
export interface QualityOptions {
  /** After this time a message counts half. Default 30 minutes. */
  readonly halfLifeMs?: number
  /**
   * Messages that a cell remembers, however many come: of a carrier that fails, two thirds of what was
   * before are forgotten after so many messages. Default 100.
   */
  readonly memoryMessages?: number
  /** Latencies that a cell remembers: rare ones need more. Default 2,000. */
  readonly memoryLatencies?: number
  /** Success assumed of a carrier nobody has used yet, 0 to 1. Default 0.9. */
  readonly priorSuccess?: number
  /** How many messages a coarser estimate is worth in a finer cell. Default 20. */
  readonly priorMessages?: number
  /** Cells kept, each for all carriers; the one unused longest goes first. Default 2,000. */
  readonly maxCells?: number
}

/** What a message has in common with others that a carrier should do as well with. */
export interface QualityCell {
  /** ISO 3166-1 alpha-2. */
  readonly country: string
  /** MCC and MNC; null: not known. */
  readonly network: string | null
  readonly trafficClass: TrafficClass
}

/** A cell, a whole country, or (null) all that a carrier gets. */
export type QualityScope = QualityCell | { readonly country: string } | null

/** Outcomes to be counted. */
export interface QualityRecord {
  readonly carrier: string
  readonly cell: QualityCell
  /** `unanswered`: no final receipt by the deadline; `throttled` says nothing of the message's fate. */
  readonly outcome: QualityOutcome
  /** From the submit to the final receipt. */
  readonly latencyMs?: number | undefined
  readonly nowMs: number
  /** Default 1. */
  readonly count?: number
}

/** How carriers do in one cell, by carrier index; owned by the caller. */
export interface QualityReading {
  /** Share of delivered messages, between 0 and 1, to four digits like the others. */
  readonly success: Float64Array
  /** Bounds that hold the true share with a confidence of 90 %. */
  readonly lower: Float64Array
  readonly upper: Float64Array
  /** Median from the submit to the receipt; NaN: not known. */
  readonly latencyMs: Float64Array
  /** Faded number of messages of this very cell. */
  readonly messages: Float64Array
}

/** How one carrier does. */
export interface QualityEstimate {
  readonly carrier: string
  readonly scope: QualityScope
  readonly success: number
  readonly lower: number
  readonly upper: number
  /** Faded number of messages behind it, those of coarser cells left out. */
  readonly messages: number
  /** Share of messages without a final receipt in time; NaN without messages. */
  readonly unanswered: number
  /** Share of submits that were put off; NaN without submits. */
  readonly throttled: number
  /** Median and 99th percentile from the submit to the receipt; NaN: not known. */
  readonly latencyMs: number
  readonly latencyP99Ms: number
}

/** What is known of one carrier in one cell, as plain data that can be stored. */
export interface QualityState extends CarrierCounts {
  readonly carrier: string
  readonly scope: QualityScope
}

const DEFAULT_HALF_LIFE_MS = 30 * 60_000
const DEFAULT_MEMORY = { messages: 100, latencies: 2_000 }
const DEFAULT_PRIOR_SUCCESS = 0.9
const DEFAULT_PRIOR_MESSAGES = 20
const DEFAULT_MAX_CELLS = 2_000

/** Half-lives after which weights are brought down again; a number holds a thousand. */
const RESCALE_AFTER = 400

/** What is shown may be old by this part of a half-life: less than anybody can see. */
const REFRESHES_PER_HALF_LIFE = 2_000

/** A carrier of which a cell has heard nothing for so long is new to it. */
const FORGOTTEN_HALF_LIVES = 48

/** With a message, at the most this part of the memory makes room: see {@link Quality.record}. */
const MAX_FORGOTTEN = 3

/** For cells without a country above them. */
const NO_VERSIONS = new Float64Array(0)

/** Receipts from which a cell's own median is believed. */
const MEDIAN_RECEIPTS = 10

/** Receipts without which nothing is said about rare latencies. */
const QUANTILE_RECEIPTS = 50

/**
 * How well carriers do lately: by carrier, by country, and by country, network and traffic class.
 *
 * Outcomes fade with time and with the messages that follow them. A finer cell takes the coarser's
 * estimate as its prior, worth so many messages, and the coarsest a success of 0.9: a carrier with three
 * delivered messages is not at 100 %. The bounds are Wilson's score interval of the estimate with the
 * prior counted in: unlike those of the normal distribution they stay between 0 and 1 and keep a width
 * where nothing has failed yet, and unlike a beta distribution's they need one root and no iteration.
 */
export class Quality {
  #halfLifeMs: number
  #memory: CellMemory
  #priorSuccess: number
  #priorMessages: number
  readonly #cells: CellIndex
  readonly #indexes = new Map<string, number>()
  /** How many there is room for. */
  #carriers = 16
  /** When a message weighs 1. */
  #epochMs: number | undefined
  #latestMs = Number.NEGATIVE_INFINITY
  #weighedMs = Number.NaN
  #weight = 1

  constructor(options: QualityOptions = {}) {
    const { halfLifeMs, memory, priorSuccess, priorMessages } = termsOf(options)
    this.#halfLifeMs = halfLifeMs
    this.#memory = memory
    this.#priorSuccess = priorSuccess
    this.#priorMessages = priorMessages
    this.#cells = new CellIndex(options.maxCells ?? DEFAULT_MAX_CELLS, this.#carriers)
  }

  /** Estimates by other terms from now on, from the same outcomes; the number of cells stays. */
  follow(options: QualityOptions): void {
    const { halfLifeMs, memory, priorSuccess, priorMessages } = termsOf(options)
    // Weights are of the half-life they were counted by: all are brought to those of this instant.
    if (this.#epochMs !== undefined) this.#rescale(this.#latestMs)
    this.#halfLifeMs = halfLifeMs
    this.#memory = memory
    this.#priorSuccess = priorSuccess
    this.#priorMessages = priorMessages
    for (const cell of this.#cells.all()) cell.shownAtMs = Number.NEGATIVE_INFINITY
  }

  /** Carriers that have an index. */
  get carrierCount(): number {
    return this.#indexes.size
  }

  /** The place of a carrier in every reading; one that is new gets the next. */
  carrierIndex(name: string): number {
    const known = this.#indexes.get(name)
    if (known !== undefined) return known
    const index = this.#indexes.size
    this.#indexes.set(name, index)
    if (index >= this.#carriers) {
      this.#carriers = 2 * index
      this.#cells.grow(this.#carriers)
    }
    return index
  }

  /**
   * Counts outcomes.
   *
   * Time alone would make a carrier that gets a message now and then unknown before each of them, and
   * its fall would never be seen. So one message makes no more forgotten than three of a full memory:
   * what has faded before it comes back, as long as it is not {@link FORGOTTEN_HALF_LIVES} old.
   */
  record({ carrier, cell, outcome, latencyMs, nowMs, count = 1 }: QualityRecord): void {
    const index = this.carrierIndex(carrier)
    const now = this.#weightOf(this.#advance(nowMs))
    let indexed: IndexedCell | undefined = this.#cells.take(cell)
    for (; indexed; indexed = indexed.parent) {
      this.#bringBack(indexed, index)
      indexed.counters.add(index, outcome, count, latencyMs, now, this.#memory)
      indexed.counters.latestMs[index] = this.#latestMs
      indexed.latestMs = this.#latestMs
    }
  }

  /**
   * Says how every carrier does in a cell. What nobody has sent to yet is as the country is, or as the
   * carrier is as a whole. What comes in the cell or its country shows at once, and what comes elsewhere
   * within a two thousandth of the half-life.
   *
   * @param into - of as many carriers as {@link carrierIndex} has named, or fewer
   */
  read(cell: QualityCell, nowMs: number, into: QualityReading): void {
    const atMs = this.#advance(nowMs)
    const indexed = this.#cells.nearest(cell)
    const { shown, seen, counters, parent } = indexed
    const { versions } = counters
    // A change of the carrier as a whole moves a cell's prior by next to nothing.
    const country = parent?.parent ? parent.counters.versions : NO_VERSIONS
    const { success, lower, upper, latencyMs, messages } = into
    const isOld = atMs - indexed.shownAtMs >= this.#halfLifeMs / REFRESHES_PER_HALF_LIFE
    if (isOld) indexed.shownAtMs = atMs
    const count = Math.min(success.length, this.#indexes.size)
    for (let index = 0; index < count; index++) {
      const version = (versions[index] as number) + (country[index] ?? 0)
      if (isOld || seen[index] !== version) {
        this.#show(indexed, index)
        seen[index] = version
      }
      success[index] = shown.success[index] as number
      lower[index] = shown.lower[index] as number
      upper[index] = shown.upper[index] as number
      latencyMs[index] = shown.latencyMs[index] as number
      messages[index] = shown.messages[index] as number
    }
  }

  /** How one carrier does in a cell, a country or as a whole, with what the router does not need. */
  estimate(carrier: string, scope: QualityScope, nowMs: number): QualityEstimate {
    const now = this.#weightOf(this.#advance(nowMs))
    const index = this.#indexes.get(carrier)
    const exact = this.#cells.find(scope)
    const near = this.#cells.nearest(scope)
    const success = this.#successOf(near, index, now)
    const counters = index === undefined ? undefined : exact?.counters
    const weight = counters?.messages(index ?? 0) ?? 0
    const messages = weight / now
    const sample = messages + this.#priorMessages
    return {
      carrier,
      scope,
      success,
      lower: wilsonLower(success, sample),
      upper: wilsonUpper(success, sample),
      messages,
      unanswered: share(counters?.unanswered[index ?? 0], weight),
      throttled: share(counters?.throttled[index ?? 0], counters?.attempts[index ?? 0] ?? 0),
      latencyMs: this.#latencyOf(near, index, 0.5, MEDIAN_RECEIPTS * now),
      latencyP99Ms: this.#latencyOf(near, index, 0.99, QUANTILE_RECEIPTS * now),
    }
  }

  /** Every cell in which something is known of a carrier, the coarse ones first. */
  scopesOf(carrier: string, nowMs: number): QualityScope[] {
    const index = this.#indexes.get(carrier)
    if (index === undefined) return []
    this.#advance(nowMs)
    this.#dropForgotten()
    return this.#cells
      .all()
      .filter(({ counters }) => !this.#isForgotten(counters.latestMs[index] ?? 0))
      .map(({ scope }) => scope)
  }

  /**
   * How long a share of the final receipts of a carrier take, in milliseconds: of the finest cell of
   * which enough have come.
   *
   * @param share - between 0 and 1
   * @returns NaN where too few have
   */
  latencyQuantile(carrier: string, cell: QualityScope, share: number, nowMs: number): number {
    const now = this.#weightOf(this.#advance(nowMs))
    const index = this.#indexes.get(carrier)
    return this.#latencyOf(this.#cells.nearest(cell), index, share, QUANTILE_RECEIPTS * now)
  }

  /**
   * What is known, to be stored.
   *
   * @param sinceMs - without what has not changed since
   */
  snapshot(sinceMs = 0): QualityState[] {
    if (this.#epochMs === undefined) return []
    this.#dropForgotten()
    return this.#cells.all().flatMap(({ scope, counters }) =>
      [...this.#indexes].flatMap(([carrier, index]) => {
        const atMs = counters.latestMs[index] ?? 0
        if (this.#isForgotten(atMs) || atMs < sinceMs) return []
        return [{ carrier, scope, ...counters.get(index, this.#weightOf(atMs)) }]
      }),
    )
  }

  /** Takes over what was stored, of carriers that have an index; of others it is left alone. */
  restore(states: readonly QualityState[], nowMs: number): void {
    const latestMs = this.#advance(nowMs)
    for (const state of states) {
      const index = this.#indexes.get(state.carrier)
      if (index === undefined) continue
      const atMs = Math.min(state.atMs, latestMs)
      if (this.#isForgotten(atMs)) continue
      const cell = this.#cells.take(state.scope)
      cell.counters.set(index, { ...state, atMs }, this.#weightOf(atMs))
      cell.latestMs = Math.max(cell.latestMs, atMs)
    }
  }

  #bringBack({ counters }: IndexedCell, index: number): void {
    const lastMs = counters.latestMs[index] ?? 0
    const halfLives = (this.#latestMs - lastMs) / this.#halfLifeMs
    const keep = Math.max(0, 1 - MAX_FORGOTTEN / this.#memory.messages)
    if (halfLives < -Math.log2(keep) || this.#isForgotten(lastMs)) return
    counters.scaleOne(index, keep * 2 ** halfLives)
  }

  /** Works out what is shown of one carrier in one cell. */
  #show(cell: IndexedCell, index: number): void {
    const now = this.#weightOf(this.#latestMs)
    const { shown, counters } = cell
    const success = this.#successOf(cell, index, now)
    // A coarser cell stands in for one to which nothing has gone yet.
    const messages = cell.isFinest ? counters.messages(index) / now : 0
    const sample = messages + this.#priorMessages
    shown.success[index] = rounded(success)
    shown.lower[index] = rounded(wilsonLower(success, sample))
    shown.upper[index] = rounded(wilsonUpper(success, sample))
    shown.latencyMs[index] = Math.round(this.#medianOf(cell, index, MEDIAN_RECEIPTS * now))
    shown.messages[index] = messages
  }

  #successOf(cell: IndexedCell, index: number | undefined, now: number): number {
    const prior = cell.parent ? this.#successOf(cell.parent, index, now) : this.#priorSuccess
    if (index === undefined) return prior
    const weight = cell.counters.messages(index) + this.#priorMessages * now
    if (!(weight > 0)) return prior
    const delivered = cell.counters.delivered[index] ?? 0
    return (delivered + this.#priorMessages * now * prior) / weight
  }

  #medianOf(cell: IndexedCell, index: number, least: number): number {
    for (let at: IndexedCell | undefined = cell; at; at = at.parent) {
      if (at.counters.latencySum(index) >= least) return at.counters.medianMs(index)
    }
    return Number.NaN
  }

  #latencyOf(cell: IndexedCell, index: number | undefined, part: number, least: number): number {
    if (index === undefined) return Number.NaN
    for (let at: IndexedCell | undefined = cell; at; at = at.parent) {
      const latencies = at.counters.latencies[index]
      if (latencies && at.counters.latencySum(index) >= least) return latencyAt(latencies, part)
    }
    return Number.NaN
  }

  #dropForgotten(): void {
    this.#cells.dropBefore(this.#latestMs - FORGOTTEN_HALF_LIVES * this.#halfLifeMs)
  }

  #isForgotten(atMs: number): boolean {
    return atMs === 0 || this.#latestMs - atMs > FORGOTTEN_HALF_LIVES * this.#halfLifeMs
  }

  /** A clock that was set back must not make later outcomes fade twice. */
  #advance(nowMs: number): number {
    if (nowMs > this.#latestMs) this.#latestMs = nowMs
    return this.#latestMs
  }

  /** The weight of a message at an instant. */
  #weightOf(atMs: number): number {
    if (atMs === this.#weighedMs) return this.#weight
    this.#epochMs ??= atMs
    let exponent = (atMs - this.#epochMs) / this.#halfLifeMs
    if (exponent > RESCALE_AFTER) {
      this.#rescale(atMs)
      exponent = 0
    }
    this.#weighedMs = atMs
    this.#weight = 2 ** exponent
    return this.#weight
  }

  /** Lets a message of that instant weigh 1. */
  #rescale(atMs: number): void {
    const exponent = (atMs - (this.#epochMs ?? atMs)) / this.#halfLifeMs
    for (const { counters } of this.#cells.all()) counters.scale(2 ** -exponent)
    this.#epochMs = atMs
    this.#weighedMs = Number.NaN
  }
}

function termsOf(options: QualityOptions) {
  return {
    halfLifeMs: Math.max(1, options.halfLifeMs ?? DEFAULT_HALF_LIFE_MS),
    memory: {
      messages: Math.max(1, options.memoryMessages ?? DEFAULT_MEMORY.messages),
      latencies: Math.max(1, options.memoryLatencies ?? DEFAULT_MEMORY.latencies),
    },
    priorSuccess: Math.min(1, Math.max(0, options.priorSuccess ?? DEFAULT_PRIOR_SUCCESS)),
    priorMessages: Math.max(0, options.priorMessages ?? DEFAULT_PRIOR_MESSAGES),
  }
}

/** A reading of so many carriers, to be filled. */
export function makeReading(carriers: number): QualityReading {
  return {
    success: new Float64Array(carriers),
    lower: new Float64Array(carriers),
    upper: new Float64Array(carriers),
    latencyMs: new Float64Array(carriers),
    messages: new Float64Array(carriers),
  }
}

function share(part: number | undefined, whole: number): number {
  return whole > 0 ? (part ?? 0) / whole : Number.NaN
}

/** To four digits: what is decided by it can be written down, and decided again. */
function rounded(share: number): number {
  return Math.round(share * 10_000) / 10_000
}
