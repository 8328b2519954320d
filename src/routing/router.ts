import type { Strategy } from '../core/route-rule.ts'
import { Consideration, type RouterCarrier } from './consideration.ts'
import { Contenders } from './contenders.ts'
import type { RouteCandidate, RouteDecision } from './decision.ts'
import { type LiveReading, STANDING } from './live-reading.ts'
import { prefer } from './preferring.ts'
import type { RateIndex } from './rate-index.ts'
import type { RouteRequest } from './route-request.ts'
import type { CompiledRoute, RouteTable } from './route-table.ts'
import { score } from './scoring.ts'

/** What a {@link Router} is made of. */
export interface RouterSetup {
  /** In the order of their names. */
  readonly carriers: readonly RouterCarrier[]
  // Both know the carriers by the same numbers.
  readonly rates: RateIndex
  readonly routes: RouteTable
}

/** Candidates and refusals that a decision gives; there are seldom more worth knowing. */
const MAX_LISTED = 5
/** What a delivered message is worth where nobody has said so: so many times what the cheapest asks. */
const DEFAULT_VALUE = 3
const NOBODY = -1
const NO_NAMES: readonly string[] = []

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
  readonly #numbers: ReadonlyMap<string, number>
  readonly #consideration: Consideration
  readonly #contenders: Contenders

  constructor({ carriers, rates, routes }: RouterSetup) {
    this.carriers = carriers
    this.routes = routes
    this.#rates = rates
    this.#numbers = new Map(carriers.map(({ name }, index) => [name, index]))
    this.#consideration = new Consideration(carriers, rates)
    this.#contenders = new Contenders(carriers.length)
  }

  /**
   * @param reading - by the carriers' numbers, which are their places in {@link carriers}
   * @param most - candidates and refusals that are wanted
   */
  rank(request: RouteRequest, reading: LiveReading, most: number = MAX_LISTED): RouteDecision {
    const contenders = this.#contenders
    const route = this.routes.find(request)
    const { strategy } = route
    const turn = request.turn(route.name)
    const stopped = isCanaryStopped(route, reading) ? route.canaryCarrier : NOBODY
    this.#consideration.fill(contenders, request, route, reading, stopped)
    const value = this.#valueOf(request, strategy)
    score(contenders, route, reading, value, turn, request.draw)
    prefer(contenders, request, route, this.#siblingOf(request), value)
    const candidates: RouteCandidate[] = []
    const picked = contenders.pick(most)
    for (let index = 0; index < picked; index++) {
      const place = contenders.best[index] as number
      candidates.push(this.#candidate(place, strategy, reading, value))
    }
    return {
      route: route.name,
      strategy: strategy.name,
      draw: request.draw,
      turn,
      candidates,
      candidateCount: contenders.count,
      encoding: this.#encodingAtBest(request, picked),
      refused: this.#consideration.refused(picked === 0 || most > MAX_LISTED, most),
      suspects: this.#suspects(reading),
      stoppedCanary: stopped === NOBODY ? null : (route.canary?.carrier ?? null),
    }
  }

  /** What a segment is worth delivered. */
  #valueOf({ sellMicros, sellCurrency }: RouteRequest, { deliveredValueMicros }: Strategy): number {
    if (deliveredValueMicros !== undefined) return deliveredValueMicros
    if (sellMicros !== null) return sellMicros * (this.#rates.conversion[sellCurrency] ?? 1)
    const { count, lowestPrice } = this.#contenders
    return count === 0 ? 0 : DEFAULT_VALUE * lowestPrice
  }

  #siblingOf({ siblingCarrier }: RouteRequest): number {
    if (siblingCarrier === undefined) return NOBODY
    return this.#numbers.get(siblingCarrier) ?? NOBODY
  }

  #candidate(
    place: number,
    strategy: Strategy,
    reading: LiveReading,
    value: number,
  ): RouteCandidate {
    const contenders = this.#contenders
    const carrier = contenders.carriers[place] as number
    const segments = contenders.segments[place] as number
    const rate = this.#consideration.rateOf(carrier)
    const standing = reading.standing[carrier]
    const upper = reading.upper[carrier] as number
    return {
      carrier: (this.carriers[carrier] as RouterCarrier).name,
      rate,
      segments,
      priceMicros: segments === 1 ? rate.priceMicros : rate.priceMicros * BigInt(segments),
      currency: rate.currency,
      cost: contenders.costs[place] as number,
      comparison: this.#comparisonOf(rate.currency),
      value: value * segments,
      success: reading.success[carrier] as number,
      lower: reading.lower[carrier] as number,
      upper,
      latencyMs: reading.latencyMs[carrier] as number,
      messages: Math.round(reading.messages[carrier] as number),
      score: contenders.scores[place] as number,
      standing: standing === STANDING.down ? 'down' : standing === STANDING.probe ? 'probe' : 'up',
      preference: place === contenders.preferred ? contenders.preference : null,
      isBelowMinimum: upper < strategy.minSuccess,
      isSuspect: reading.suspect[carrier] === 1,
    }
  }

  #encodingAtBest(request: RouteRequest, picked: number): string | null {
    if (picked === 0) return null
    const { best, carriers } = this.#contenders
    const { profile } = this.carriers[carriers[best[0] as number] as number] as RouterCarrier
    return request.layOut(profile)?.encoding ?? null
  }

  /** Named even where others are listed: without them the decision could not be made again. */
  #suspects({ suspect }: LiveReading): readonly string[] {
    if (!suspect.includes(1)) return NO_NAMES
    return this.carriers.filter((_, carrier) => suspect[carrier] === 1).map(({ name }) => name)
  }

  #comparisonOf(currency: string): RouteCandidate['comparison'] {
    if (!this.#rates.isMixed) return 'same'
    return this.#rates.conversion[currency] === undefined ? 'nominal' : 'converted'
  }
}

function isCanaryStopped({ canary, canaryCarrier }: CompiledRoute, reading: LiveReading): boolean {
  if (canary === undefined || canaryCarrier < 0) return false
  if (reading.standing[canaryCarrier] === STANDING.closed) return false
  if ((reading.messages[canaryCarrier] as number) < canary.afterMessages) return false
  return (reading.upper[canaryCarrier] as number) < canary.stopBelow
}
