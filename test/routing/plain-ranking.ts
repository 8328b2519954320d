import type { RouteRule } from '../../src/core/route-rule.ts'
import { LOT, lotOf, stickyScore, textHash } from '../../src/routing/lots.ts'
import type { RouteRequest } from '../../src/routing/route-request.ts'
import { expectedCost, weightedScore } from '../../src/routing/strategy.ts'
import type { TestCarrier } from './subject.ts'

/** What the router must come to, as docs/routing.md says it: with lists and sorting, and without haste. */
export interface PlainRanking {
  /** In order. */
  readonly candidates: readonly { readonly carrier: string; readonly preference: string | null }[]
  readonly refused: readonly { readonly carrier: string; readonly code: string }[]
}

interface Contender {
  readonly name: string
  readonly index: number
  readonly carrier: TestCarrier
  readonly segments: number
  readonly cost: number
  score: number
  isReserved: boolean
  preference: string | null
}

/** @param carriers - in the order of their names, each with all its figures */
export function plainRanking(
  carriers: readonly TestCarrier[],
  request: RouteRequest,
  { strategy, canary, ...route }: RouteRule,
): PlainRanking {
  const contenders: Contender[] = []
  const refused: { carrier: string; code: string }[] = []
  for (const [index, carrier] of carriers.entries()) {
    const code = refusalOf(index)
    if (code !== undefined) refused.push({ carrier: carrier.name, code })
    else contenders.push(contenderOf(carrier, index))
  }
  const isDown = ({ carrier }: Contender) => carrier.standing === 'down'
  const isSuspect = ({ carrier }: Contender) => carrier.isSuspect === true
  const isPoor = ({ carrier }: Contender) => (carrier.upper ?? 1) < strategy.minSuccess
  const tier = (each: Contender) =>
    (isDown(each) ? 1_000 : 0) +
    (isSuspect(each) ? 100 : 0) +
    (each.isReserved ? 10 : 0) +
    (isPoor(each) ? 1 : 0)
  const firstOnes = () => {
    const lowest = Math.min(...contenders.map(tier))
    return contenders.filter((each) => tier(each) === lowest)
  }
  const value =
    strategy.deliveredValueMicros ??
    request.sellMicros ??
    3 * Math.min(...contenders.map(({ cost, segments }) => cost / segments))
  for (const each of contenders) each.score = scoreOf(each)
  if (strategy.name === 'round_robin') takeTurns()
  if (strategy.name === 'weighted_round_robin') {
    putFirst((request.turn(route.name) + 1) * 0.6180339887498949)
  }
  if (strategy.name === 'random') putFirst(lotOf(request.draw, LOT.random))
  prefer()
  contenders.sort(
    (a, b) =>
      Number(isDown(a)) - Number(isDown(b)) ||
      Number(a.preference === null) - Number(b.preference === null) ||
      tier(a) - tier(b) ||
      // Two that are put first cannot be: infinities are not subtracted.
      (a.score < b.score ? -1 : a.score > b.score ? 1 : 0) ||
      a.index - b.index,
  )
  return {
    candidates: contenders.map(({ name, preference }) => ({ carrier: name, preference })),
    refused,
  }

  function refusalOf(index: number): string | undefined {
    const { name, standing, messages = 100, upper = 1, ...carrier } = carriers[index] as TestCarrier
    const isCanary = canary?.carrier === name
    const isListed = !route.carriers || route.carriers.includes(name)
    if (!isCanary && (!isListed || route.deny?.includes(name))) return 'not_in_route'
    if (priceOf(carriers[index] as TestCarrier) === undefined) return 'no_rate'
    if (standing === 'closed') return 'closed'
    const exclusion = request.excluded?.get(name)
    if (exclusion !== undefined) return exclusion
    if (isCanary && messages >= canary.afterMessages && upper < canary.stopBelow) {
      return 'canary_stopped'
    }
    if (carrier.trafficClasses && !carrier.trafficClasses.includes(request.trafficClass)) {
      return 'class'
    }
    const layout = request.layOut(index)
    if (!layout) return 'text'
    if ((layout.needs & (carrier.lacks ?? 0)) !== 0) return 'capability'
    if (layout.segments > (carrier.maxSegments ?? Number.POSITIVE_INFINITY)) return 'capability'
    const { sellMicros, sellsMessage, refusesLosses, minMargin } = request
    if (sellMicros === null) return undefined
    const cost = (priceOf(carriers[index] as TestCarrier) as number) * layout.segments
    const paid = sellsMessage ? sellMicros : sellMicros * layout.segments
    if (refusesLosses && cost > paid) return 'loss'
    if (minMargin === undefined) return undefined
    const isKnown = minMargin.currency === request.sellCurrency
    const least = Math.max(
      (paid * minMargin.ppm) / 1_000_000,
      isKnown ? minMargin.micros * layout.segments : 0,
    )
    return paid - cost < least ? 'margin_too_small' : undefined
  }

  function priceOf({ rates }: TestCarrier): number | undefined {
    const destinations = request.network
      ? [`mcc:${request.network}`, `mcc:${request.network.slice(0, 3)}`]
      : []
    for (let length = request.digits.length; length >= 0; length--) {
      destinations.push(request.digits.slice(0, length))
    }
    const rate = destinations.map((each) => rates[each]).find((each) => each !== undefined)
    return rate && Number(rate[0])
  }

  function contenderOf(carrier: TestCarrier, index: number): Contender {
    const segments = request.layOut(index)?.segments ?? 0
    const cost = (priceOf(carrier) as number) * segments
    const state = { score: 0, isReserved: false, preference: null }
    return { name: carrier.name, index, carrier, segments, cost, ...state }
  }

  function scoreOf({ name, index, carrier, segments, cost }: Contender): number {
    const { success = 1, lower = success, latencyMs = Number.NaN } = carrier
    switch (strategy.name) {
      case 'lowest_cost':
        return cost
      case 'expected_cost':
        return expectedCost(cost, success)
      case 'best_quality':
        return -lower
      case 'weighted':
        return weightedScore(strategy, cost, success, latencyMs, value * segments)
      case 'sequential':
      case 'round_robin':
        return route.carriers ? Math.max(0, route.carriers.indexOf(name)) : index
      default:
        return -(strategy.weights[name] ?? 1)
    }
  }

  function takeTurns(): void {
    const members = firstOnes()
    const first = request.turn(route.name) % members.length
    for (const [place, each] of members.entries()) {
      each.score = (place - first + members.length) % members.length
    }
  }

  function putFirst(point: number): void {
    const members = firstOnes()
    const weight = ({ name }: Contender) => strategy.weights[name] ?? 1
    let left = (point % 1) * members.reduce((sum, each) => sum + weight(each), 0)
    const chosen = members.find((each) => {
      left -= weight(each)
      return left < 0
    })
    if (chosen) chosen.score = Number.NEGATIVE_INFINITY
  }

  function prefer(): void {
    const sibling = contenders.find(({ name }) => name === request.siblingCarrier)
    const probe = contenders.find((each) => each.carrier.standing === 'probe' && !isSuspect(each))
    const newcomer = contenders.find(({ name }) => name === canary?.carrier)
    if (sibling) sibling.preference = 'siblings'
    else if (probe) probe.preference = 'probe'
    else if (newcomer && lotOf(request.draw, LOT.canary) * 100 < (canary?.percent ?? 0)) {
      if (tier(newcomer) === 0) newcomer.preference = 'canary'
    } else {
      if (newcomer) newcomer.isReserved = true
      if (strategy.sticky !== 'none') preferSticky()
      else if (lotOf(request.draw, LOT.explore) * 100 < strategy.explorePercent) explore()
    }
  }

  function preferSticky(): void {
    const key = textHash(strategy.sticky === 'sender' ? request.from : request.digits)
    const [best] = firstOnes().sort(
      (a, b) => stickyScore(key, b.index) - stickyScore(key, a.index) || a.index - b.index,
    )
    if (best) best.preference = 'sticky'
  }

  function explore(): void {
    const best = Math.min(...firstOnes().map(({ score }) => score))
    const promise = (each: Contender) => {
      if (isDown(each) || isSuspect(each) || each.score === best) return 0
      if (strategy.name === 'expected_cost') return Math.max(0, best - each.cost)
      if (strategy.name !== 'weighted') return 1
      const perfect = weightedScore(strategy, each.cost, 1, 0, value * each.segments)
      return Math.max(0, best - perfect)
    }
    let left =
      lotOf(request.draw, LOT.explored) * contenders.reduce((sum, each) => sum + promise(each), 0)
    const chosen = contenders.find((each) => {
      left -= promise(each)
      return promise(each) > 0 && left < 0
    })
    if (!chosen) return
    chosen.preference = 'explore'
    chosen.isReserved = false
  }
}
