import { TRAFFIC_CLASSES, type TrafficClass } from '../core/policy.ts'
import type { RouteRule, Strategy } from '../core/route-rule.ts'
import type {
  Exclusion,
  Preference,
  RefusalCode,
  RouteCandidate,
  RouteDecision,
  RouteRefusal,
} from './decision.ts'
import { lotOf, stickyScore, textHash } from './lots.ts'
import type { DeckRate } from './rate-deck.ts'
import type { RateIndex } from './rate-index.ts'
import type { RouteSubject } from './route-match.ts'
import { type CompiledRoute, type NamedCarrier, RouteTable } from './route-table.ts'
import { expectedCost, weightedScore } from './strategy.ts'

/** What a message may ask of a carrier, as bits. */
export const CAPABILITIES = { unicode: 1, binary: 2, flash: 4, receipts: 8, inbound: 16 } as const

/** A carrier as the router knows it. */
export interface RouterCarrier extends NamedCarrier {
  /** Carriers with the same number lay texts out the same way. */
  readonly profile: number
  /** Classes it takes; undefined: all. */
  readonly trafficClasses: readonly TrafficClass[] | undefined
  /** Bits of {@link CAPABILITIES} that it has not. */
  readonly lacks: number
  /** The longest message that it takes; undefined: any. */
  readonly maxSegments: number | undefined
}

/** What a text takes with a profile. */
export interface ProfileLayout {
  readonly segments: number
  readonly encoding: string
  /** Bits of {@link CAPABILITIES}. */
  readonly needs: number
}

/** The message to be routed. */
export interface RouteRequest extends RouteSubject {
  /** What it takes with a profile, the same however often it is asked; undefined: it cannot be sent there. */
  readonly layOut: (profile: number) => ProfileLayout | undefined
  /** The carrier that has the other segments of a long message that came one by one. */
  readonly siblingCarrier: string | undefined
  /** Carriers that are out of the question, such as those that have been tried. */
  readonly excluded: ReadonlyMap<string, Exclusion> | undefined
  /** What the tenant pays for a segment, in millionths of {@link sellCurrency}; null: what it costs. */
  readonly sellMicros: number | null
  readonly sellCurrency: string
  /** Carriers that cost more than that are refused. */
  readonly refusesLosses: boolean
  /** 32 random bits. */
  readonly draw: number
  /** How many messages the route has had. */
  readonly turn: (route: string | null) => number
}

/** {@link LiveReading.standing}. */
export const STANDING = { closed: 0, up: 1, probe: 2, down: 3 } as const

/**
 * How the carriers are at the moment of the decision, by their numbers. Shares have four digits and
 * times are whole milliseconds, so that a decision can be written down and made again.
 */
export interface LiveReading {
  readonly standing: Uint8Array
  readonly success: Float64Array
  readonly lower: Float64Array
  readonly upper: Float64Array
  readonly latencyMs: Float64Array
  readonly messages: Float64Array
  /** 1: it seems to fake receipts of such messages. */
  readonly suspect: Uint8Array
}

/** What a {@link Router} is made of. */
export interface RouterSetup {
  /** In the order of their names. */
  readonly carriers: readonly RouterCarrier[]
  /** Its carriers have the same numbers. */
  readonly rates: RateIndex
  readonly routes: readonly RouteRule[]
  /** What a unit of a currency is worth in the base currency, itself included; empty: nothing is converted. */
  readonly conversion: Readonly<Record<string, number>>
}

/** Candidates and refusals that a decision gives; there are seldom more worth knowing. */
const MAX_LISTED = 5
/** What a delivered message is worth where nobody has said so: so many times what the cheapest asks. */
const DEFAULT_VALUE = 3
const GOLDEN_RATIO = 0.6180339887498949

/** As they are noted of a carrier, 0 standing for none; written out, because a look-up in a made object is slow. */
const CODE = {
  not_in_route: 1,
  tried: 2,
  closed: 3,
  class: 4,
  capability: 5,
  no_rate: 6,
  text: 7,
  loss: 8,
  canary_stopped: 9,
  not_in_rule: 10,
  short_code: 11,
} as const satisfies Record<RefusalCode, number>
const REFUSALS = Object.keys(CODE) as RefusalCode[]
/** Refusals for what held at the moment of the decision. */
const OF_THE_MOMENT: ReadonlySet<RefusalCode> = new Set(['closed', 'tried', 'not_in_rule'])

// Tiers: it surely delivers too little, it is a canary for other messages, it seems to fake its receipts, it
// cannot take any now.
const POOR = 1
const RESERVED = 2
const SUSPECT = 4
const DOWN = 8

const NOBODY: readonly string[] = []
const NOT_PREFERRED = 0
const PREFERRED = { siblings: 1, probe: 2, canary: 3, sticky: 4, explore: 5 } as const
const PREFERENCES = Object.keys(PREFERRED) as Preference[]

/** Lots of one message: each has its own number, so that they do not depend on each other. */
const LOT = { canary: 1, explore: 2, explored: 3, random: 4 } as const

/**
 * Ranks the carriers that may take a message.
 *
 * What can take it now stands before what cannot; then comes the carrier that has the other segments,
 * then what the strategy prefers, then its score, then the name. The decision depends on the request and the
 * reading only. An empty list of candidates is a result.
 *
 * Made once for a configuration and its rates, and asked for every message: figures go through arrays
 * of its own, and objects are made for the best carriers alone.
 */
export class Router {
  readonly carriers: readonly RouterCarrier[]
  readonly routes: RouteTable
  readonly #rates: RateIndex
  /** By rate: the price of a segment in millionths of the base currency. */
  readonly #prices: Float64Array
  readonly #isMixed: boolean
  readonly #conversion: RouterSetup['conversion']
  // Of the carriers, by their numbers.
  readonly #profiles: Int32Array
  readonly #classes: Uint8Array
  readonly #lacks: Uint8Array
  readonly #maxSegments: Float64Array
  // What is known of each while one message is ranked.
  readonly #rateIds: Int32Array
  readonly #refusals: Uint8Array
  readonly #segments: Int32Array
  readonly #costs: Float64Array
  readonly #scores: Float64Array
  readonly #tiers: Uint8Array
  readonly #preferences: Uint8Array
  readonly #ranks: Uint8Array
  /** Those that may take it; the first {@link #count} count. */
  readonly #open: Int32Array
  #count = 0
  readonly #best: Int32Array

  constructor({ carriers, rates, routes, conversion }: RouterSetup) {
    const count = carriers.length
    this.carriers = carriers
    this.routes = new RouteTable(routes, carriers)
    this.#rates = rates
    this.#conversion = conversion
    this.#prices = Float64Array.from(rates.rates, (rate) => {
      return Number(rate.priceMicros) * (conversion[rate.currency] ?? 1)
    })
    this.#isMixed = new Set(rates.rates.map(({ currency }) => currency)).size > 1
    this.#profiles = Int32Array.from(carriers, ({ profile }) => profile)
    this.#classes = Uint8Array.from(carriers, ({ trafficClasses }) => classBits(trafficClasses))
    this.#lacks = Uint8Array.from(carriers, ({ lacks }) => lacks)
    this.#maxSegments = Float64Array.from(carriers, ({ maxSegments }) => {
      return maxSegments ?? Number.POSITIVE_INFINITY
    })
    this.#rateIds = new Int32Array(count)
    this.#refusals = new Uint8Array(count)
    this.#segments = new Int32Array(count)
    this.#costs = new Float64Array(count)
    this.#scores = new Float64Array(count)
    this.#tiers = new Uint8Array(count)
    this.#preferences = new Uint8Array(count)
    this.#ranks = new Uint8Array(count)
    this.#open = new Int32Array(count)
    this.#best = new Int32Array(count)
  }

  /**
   * @param reading - by the carriers' numbers, which are their places in {@link carriers}
   * @param most - candidates and refusals that are wanted
   */
  rank(request: RouteRequest, reading: LiveReading, most: number = MAX_LISTED): RouteDecision {
    const route = this.routes.find(request)
    const turn = request.turn(route.name)
    const stoppedCanary = this.#consider(request, route, reading)
    const value = this.#score(request, route, reading, turn)
    const candidates = this.#candidates(route.strategy, reading, value, most)
    return {
      route: route.name,
      strategy: route.strategy.name,
      draw: request.draw,
      turn,
      candidates,
      candidateCount: this.#count,
      encoding: this.#encodingAtBest(request, candidates.length),
      refused: this.#refused(candidates.length === 0 || most > MAX_LISTED, most),
      suspects: this.#suspects(reading),
      stoppedCanary,
    }
  }

  /** Finds those that may take it; gives the canary that has failed. */
  #consider(request: RouteRequest, route: CompiledRoute, reading: LiveReading): string | null {
    this.#rates.find(request.digits, request.network, this.#rateIds)
    const stopped = isCanaryStopped(route, reading) ? route.canaryCarrier : -1
    const classBit = 1 << TRAFFIC_CLASSES.indexOf(request.trafficClass)
    // Most carriers share a few profiles, and the last is asked for again and again.
    let profile = -1
    let layout: ProfileLayout | undefined
    let count = 0
    for (let carrier = 0; carrier < this.carriers.length; carrier++) {
      const rateId = this.#rateIds[carrier] as number
      let code = 0
      if ((route.places[carrier] as number) < 0) code = CODE.not_in_route
      else if (rateId < 0) code = CODE.no_rate
      else if (reading.standing[carrier] === STANDING.closed) code = CODE.closed
      else if (request.excluded?.has(this.#nameOf(carrier))) {
        code = CODE[request.excluded.get(this.#nameOf(carrier)) as Exclusion]
      } else if (carrier === stopped) code = CODE.canary_stopped
      else if (((this.#classes[carrier] as number) & classBit) === 0) code = CODE.class
      else {
        if (this.#profiles[carrier] !== profile) {
          profile = this.#profiles[carrier] as number
          layout = request.layOut(profile)
        }
        code = this.#take(carrier, rateId, layout, request)
      }
      this.#refusals[carrier] = code
      if (code === 0) this.#open[count++] = carrier
    }
    this.#count = count
    return stopped < 0 ? null : (route.canary?.carrier ?? null)
  }

  #nameOf(carrier: number): string {
    return (this.carriers[carrier] as RouterCarrier).name
  }

  /** Notes what the message takes there; a refusal where it cannot be carried, or not at that price. */
  #take(
    carrier: number,
    rateId: number,
    layout: ProfileLayout | undefined,
    request: RouteRequest,
  ): number {
    if (layout === undefined) return CODE.text
    const { segments, needs } = layout
    if (((this.#lacks[carrier] as number) & needs) !== 0) return CODE.capability
    if (segments > (this.#maxSegments[carrier] as number)) return CODE.capability
    const price = this.#prices[rateId] as number
    if (request.refusesLosses && this.#isLoss(rateId, request)) return CODE.loss
    this.#segments[carrier] = segments
    this.#costs[carrier] = price * segments
    return 0
  }

  #isLoss(rateId: number, { sellMicros, sellCurrency }: RouteRequest): boolean {
    if (sellMicros === null) return false
    const { priceMicros, currency } = this.#rates.rates[rateId] as DeckRate
    if (currency === sellCurrency) return Number(priceMicros) > sellMicros
    const [bought, sold] = [this.#conversion[currency], this.#conversion[sellCurrency]]
    // Amounts that cannot be compared are no loss that is known.
    if (bought === undefined || sold === undefined) return false
    return Number(priceMicros) * bought > sellMicros * sold
  }

  /** Gives every open carrier its tier and its score; returns what a segment is worth delivered. */
  #score(request: RouteRequest, route: CompiledRoute, reading: LiveReading, turn: number): number {
    const { strategy } = route
    const value = this.#valueOf(request, strategy)
    for (let index = 0; index < this.#count; index++) {
      const carrier = this.#open[index] as number
      this.#preferences[carrier] = NOT_PREFERRED
      this.#tiers[carrier] = this.#tierOf(carrier, route, reading)
      this.#scores[carrier] = this.#scoreOf(carrier, route, reading, value)
    }
    if (strategy.name === 'round_robin') this.#takeTurns(turn)
    else if (strategy.name === 'weighted_round_robin') this.#pick(route, (turn + 1) * GOLDEN_RATIO)
    else if (strategy.name === 'random') this.#pick(route, lotOf(request.draw, LOT.random))
    this.#prefer(request, route, reading, value)
    return value
  }

  /** Lower tiers come first. */
  #tierOf(carrier: number, route: CompiledRoute, reading: LiveReading): number {
    const isBelow = (reading.upper[carrier] as number) < route.strategy.minSuccess
    const isDown = reading.standing[carrier] === STANDING.down
    const isSuspect = reading.suspect[carrier] === 1
    return (isDown ? DOWN : 0) + (isSuspect ? SUSPECT : 0) + (isBelow ? POOR : 0)
  }

  #scoreOf(carrier: number, route: CompiledRoute, reading: LiveReading, value: number): number {
    const { strategy } = route
    const cost = this.#costs[carrier] as number
    const success = reading.success[carrier] as number
    switch (strategy.name) {
      case 'lowest_cost':
        return cost
      case 'expected_cost':
        return expectedCost(cost, success)
      case 'best_quality':
        return -(reading.lower[carrier] as number)
      case 'weighted': {
        const latencyMs = reading.latencyMs[carrier] as number
        const worth = value * (this.#segments[carrier] as number)
        return weightedScore(strategy, cost, success, latencyMs, worth)
      }
      case 'sequential':
      case 'round_robin':
        return route.places[carrier] as number
      case 'weighted_round_robin':
      case 'random':
        return -(route.weights[carrier] as number)
    }
  }

  #valueOf({ sellMicros, sellCurrency }: RouteRequest, { deliveredValueMicros }: Strategy): number {
    if (deliveredValueMicros !== undefined) return deliveredValueMicros
    if (sellMicros !== null) return sellMicros * (this.#conversion[sellCurrency] ?? 1)
    let cheapest = Number.POSITIVE_INFINITY
    for (let index = 0; index < this.#count; index++) {
      const carrier = this.#open[index] as number
      const price = (this.#costs[carrier] as number) / (this.#segments[carrier] as number)
      if (price < cheapest) cheapest = price
    }
    return this.#count === 0 ? 0 : DEFAULT_VALUE * cheapest
  }

  /** The lowest tier that anybody is in. */
  #firstTier(): number {
    let first = 0xff
    for (let index = 0; index < this.#count; index++) {
      first = Math.min(first, this.#tiers[this.#open[index] as number] as number)
    }
    return first
  }

  /** Everybody of the first tier is first once in as many turns. */
  #takeTurns(turn: number): void {
    const tier = this.#firstTier()
    let members = 0
    for (let index = 0; index < this.#count; index++) {
      if (this.#tiers[this.#open[index] as number] === tier) members++
    }
    const first = members === 0 ? 0 : turn % members
    let place = 0
    for (let index = 0; index < this.#count; index++) {
      const carrier = this.#open[index] as number
      if (this.#tiers[carrier] !== tier) continue
      this.#scores[carrier] = (place - first + members) % members
      place++
    }
  }

  /**
   * Puts one of the first tier before the others, by weight.
   *
   * @param point - its fraction says which; multiples of the golden ratio come upon everybody evenly spread
   */
  #pick(route: CompiledRoute, point: number): void {
    const tier = this.#firstTier()
    let sum = 0
    for (let index = 0; index < this.#count; index++) {
      const carrier = this.#open[index] as number
      if (this.#tiers[carrier] === tier) sum += route.weights[carrier] as number
    }
    let left = (point - Math.floor(point)) * sum
    for (let index = 0; index < this.#count; index++) {
      const carrier = this.#open[index] as number
      if (this.#tiers[carrier] !== tier) continue
      left -= route.weights[carrier] as number
      if (left < 0) {
        this.#scores[carrier] = Number.NEGATIVE_INFINITY
        return
      }
    }
  }

  /** Marks the one carrier that comes before those with a better score. */
  #prefer(request: RouteRequest, route: CompiledRoute, reading: LiveReading, value: number): void {
    const { strategy, canary, canaryCarrier } = route
    if (this.#preferSibling(request)) return
    for (let index = 0; index < this.#count; index++) {
      const carrier = this.#open[index] as number
      const isSuspect = (this.#tiers[carrier] as number) >= SUSPECT
      if (reading.standing[carrier] === STANDING.probe && !isSuspect) {
        this.#preferences[carrier] = PREFERRED.probe
        return
      }
    }
    if (canary !== undefined && this.#refusals[canaryCarrier] === 0) {
      if (lotOf(request.draw, LOT.canary) * 100 < canary.percent) {
        if (this.#tiers[canaryCarrier] === 0) this.#preferences[canaryCarrier] = PREFERRED.canary
        return
      }
      this.#tiers[canaryCarrier] = (this.#tiers[canaryCarrier] as number) | RESERVED
    }
    if (strategy.sticky !== 'none') {
      this.#preferSticky(textHash(strategy.sticky === 'sender' ? request.from : request.digits))
    } else if (lotOf(request.draw, LOT.explore) * 100 < strategy.explorePercent) {
      this.#preferOther(lotOf(request.draw, LOT.explored), route, value)
    }
  }

  #preferSibling({ siblingCarrier }: RouteRequest): boolean {
    if (siblingCarrier === undefined) return false
    for (let index = 0; index < this.#count; index++) {
      const carrier = this.#open[index] as number
      if (this.carriers[carrier]?.name !== siblingCarrier) continue
      this.#preferences[carrier] = PREFERRED.siblings
      return true
    }
    return false
  }

  /** Rendezvous hashing: when a carrier goes or comes, only its own messages move. */
  #preferSticky(key: number): void {
    const tier = this.#firstTier()
    let best = -1
    let bestScore = -1
    for (let index = 0; index < this.#count; index++) {
      const carrier = this.#open[index] as number
      if (this.#tiers[carrier] !== tier) continue
      const score = stickyScore(key, carrier)
      if (score > bestScore) {
        bestScore = score
        best = carrier
      }
    }
    if (best >= 0) this.#preferences[best] = PREFERRED.sticky
  }

  /**
   * One of those that could take it now and might be better than the best if only they delivered
   * everything, the more often the better they would be: of the others it does not matter how well they do.
   */
  #preferOther(lot: number, route: CompiledRoute, value: number): void {
    const best = this.#bestScore()
    let sum = 0
    for (let index = 0; index < this.#count; index++) {
      sum += this.#promiseOf(this.#open[index] as number, route, value, best)
    }
    let left = lot * sum
    for (let index = 0; index < this.#count; index++) {
      const carrier = this.#open[index] as number
      const promise = this.#promiseOf(carrier, route, value, best)
      left -= promise
      if (promise === 0 || left >= 0) continue
      this.#tiers[carrier] = 0
      this.#preferences[carrier] = PREFERRED.explore
      return
    }
  }

  #bestScore(): number {
    const tier = this.#firstTier()
    let best = Number.POSITIVE_INFINITY
    for (let index = 0; index < this.#count; index++) {
      const carrier = this.#open[index] as number
      if (this.#tiers[carrier] === tier) best = Math.min(best, this.#scores[carrier] as number)
    }
    return best
  }

  /** How much better than the best it would be if it delivered everything; 0: not better. */
  #promiseOf(carrier: number, route: CompiledRoute, value: number, best: number): number {
    if ((this.#tiers[carrier] as number) >= SUSPECT || this.#scores[carrier] === best) return 0
    const { strategy } = route
    const cost = this.#costs[carrier] as number
    switch (strategy.name) {
      case 'expected_cost':
        return Math.max(0, best - cost)
      case 'weighted': {
        const worth = value * (this.#segments[carrier] as number)
        return Math.max(0, best - weightedScore(strategy, cost, 1, 0, worth))
      }
      default:
        return 1
    }
  }

  /** The best of the open ones, in order. */
  #candidates(
    strategy: Strategy,
    reading: LiveReading,
    value: number,
    most: number,
  ): RouteCandidate[] {
    let kept = 0
    for (let index = 0; index < this.#count; index++) {
      const carrier = this.#open[index] as number
      this.#ranks[carrier] = this.#rankOf(carrier)
      let place = kept
      while (place > 0 && this.#isBefore(carrier, this.#best[place - 1] as number)) place--
      if (place >= most) continue
      this.#best.copyWithin(place + 1, place, Math.min(kept, most - 1))
      this.#best[place] = carrier
      if (kept < most) kept++
    }
    const candidates: RouteCandidate[] = []
    for (let place = 0; place < kept; place++) {
      candidates.push(this.#candidate(this.#best[place] as number, strategy, reading, value))
    }
    return candidates
  }

  #encodingAtBest(request: RouteRequest, kept: number): string | null {
    if (kept === 0) return null
    return request.layOut(this.#profiles[this.#best[0] as number] as number)?.encoding ?? null
  }

  /** What goes over any score: whether it can take it, then a preference, then the tier. */
  #rankOf(carrier: number): number {
    const tier = this.#tiers[carrier] as number
    const isPreferred = this.#preferences[carrier] !== NOT_PREFERRED
    return (tier & DOWN) * 4 + (isPreferred ? 0 : DOWN * 2) + tier
  }

  #isBefore(a: number, b: number): boolean {
    const rankA = this.#ranks[a] as number
    const rankB = this.#ranks[b] as number
    if (rankA !== rankB) return rankA < rankB
    const scoreA = this.#scores[a] as number
    const scoreB = this.#scores[b] as number
    return scoreA === scoreB ? a < b : scoreA < scoreB
  }

  #candidate(
    carrier: number,
    strategy: Strategy,
    reading: LiveReading,
    value: number,
  ): RouteCandidate {
    const rate = this.#rates.rates[this.#rateIds[carrier] as number] as DeckRate
    const segments = this.#segments[carrier] as number
    const standing = reading.standing[carrier]
    const upper = reading.upper[carrier] as number
    return {
      carrier: this.#nameOf(carrier),
      rate,
      segments,
      priceMicros: segments === 1 ? rate.priceMicros : rate.priceMicros * BigInt(segments),
      currency: rate.currency,
      cost: this.#costs[carrier] as number,
      comparison: this.#comparisonOf(rate.currency),
      value: value * segments,
      success: reading.success[carrier] as number,
      lower: reading.lower[carrier] as number,
      upper,
      latencyMs: reading.latencyMs[carrier] as number,
      messages: Math.round(reading.messages[carrier] as number),
      score: this.#scores[carrier] as number,
      standing: standing === STANDING.down ? 'down' : standing === STANDING.probe ? 'probe' : 'up',
      preference: PREFERENCES[(this.#preferences[carrier] as number) - 1] ?? null,
      isBelowMinimum: upper < strategy.minSuccess,
      isSuspect: reading.suspect[carrier] === 1,
    }
  }

  #comparisonOf(currency: string): RouteCandidate['comparison'] {
    if (!this.#isMixed) return 'same'
    return this.#conversion[currency] === undefined ? 'nominal' : 'converted'
  }

  /** Named even where others are listed: without them the decision could not be made again. */
  #suspects({ suspect }: LiveReading): readonly string[] {
    if (!suspect.includes(1)) return NOBODY
    return this.carriers.filter((_, carrier) => suspect[carrier] === 1).map(({ name }) => name)
  }

  /**
   * Carriers that are left out; where somebody may take it, without those that never would. What the
   * configuration does not say is all named: without it the decision could not be made again.
   */
  #refused(isAll: boolean, most: number): RouteRefusal[] {
    const refused: RouteRefusal[] = []
    for (let carrier = 0; carrier < this.carriers.length; carrier++) {
      const refusal = this.#refusals[carrier] as number
      if (refusal === 0) continue
      const code = REFUSALS[refusal - 1] as RefusalCode
      if (!isAll) {
        if (code === 'not_in_route' || code === 'no_rate') continue
        if (refused.length >= most && !OF_THE_MOMENT.has(code)) continue
      }
      refused.push({ carrier: this.#nameOf(carrier), code })
    }
    return refused
  }
}

function classBits(classes: readonly TrafficClass[] = TRAFFIC_CLASSES): number {
  return classes.reduce((bits, each) => bits | (1 << TRAFFIC_CLASSES.indexOf(each)), 0)
}

function isCanaryStopped({ canary, canaryCarrier }: CompiledRoute, reading: LiveReading): boolean {
  if (canary === undefined || canaryCarrier < 0) return false
  if (reading.standing[canaryCarrier] === STANDING.closed) return false
  if ((reading.messages[canaryCarrier] as number) < canary.afterMessages) return false
  return (reading.upper[canaryCarrier] as number) < canary.stopBelow
}
