import { type Contenders, TIER } from './contenders.ts'
import { LOT, lotOf, stickyScore, textHash } from './lots.ts'
import type { RouteRequest } from './route-request.ts'
import type { CompiledRoute } from './route-table.ts'
import { weightedScore } from './strategy.ts'

const NOBODY = -1

/**
 * Marks the one contender that comes before those with a better score, where there is a reason for
 * one: it has the other segments of the message, is tried again after failures, is the route's canary,
 * has the other messages of the sender or to the recipient, or is explored.
 *
 * @param sibling - the number of the carrier that has the other segments; -1: none has
 * @param value - what a segment is worth delivered
 */
export function prefer(
  contenders: Contenders,
  request: RouteRequest,
  route: CompiledRoute,
  sibling: number,
  value: number,
): void {
  const withSiblings = sibling === NOBODY ? NOBODY : contenders.placeOf(sibling)
  if (withSiblings !== NOBODY) contenders.prefer(withSiblings, 'siblings')
  else if (contenders.probe !== NOBODY) contenders.prefer(contenders.probe, 'probe')
  else if (route.canary === undefined || !isForCanary(contenders, request, route)) {
    preferByStrategy(contenders, request, route, value)
  }
}

/** Whether the message is of the canary's share; of other messages it is the last resort. */
function isForCanary(
  contenders: Contenders,
  { draw }: RouteRequest,
  { canary, canaryCarrier }: CompiledRoute,
): boolean {
  const place = contenders.placeOf(canaryCarrier)
  if (canary === undefined || place === NOBODY) return false
  const tier = contenders.tiers[place] as number
  if (lotOf(draw, LOT.canary) * 100 >= canary.percent) {
    contenders.tiers[place] = tier | TIER.reserved
    return false
  }
  if (tier === TIER.ordinary) contenders.prefer(place, 'canary')
  return true
}

function preferByStrategy(
  contenders: Contenders,
  { from, recipient, draw }: RouteRequest,
  route: CompiledRoute,
  value: number,
): void {
  const { sticky, explorePercent } = route.strategy
  if (sticky !== 'none') {
    preferSticky(contenders, textHash(sticky === 'sender' ? from : recipient))
  } else if (lotOf(draw, LOT.explore) * 100 < explorePercent) {
    preferOther(contenders, lotOf(draw, LOT.explored), route, value)
  }
}

/** Rendezvous hashing: when a carrier goes or comes, only its own messages move. */
function preferSticky(contenders: Contenders, key: number): void {
  const { count, carriers, tiers } = contenders
  const tier = contenders.firstTier()
  let best = NOBODY
  let bestScore = -1
  for (let place = 0; place < count; place++) {
    if (tiers[place] !== tier) continue
    const score = stickyScore(key, carriers[place] as number)
    if (score > bestScore) {
      bestScore = score
      best = place
    }
  }
  if (best !== NOBODY) contenders.prefer(best, 'sticky')
}

/**
 * One of those that could take it now and might be better than the best if only they delivered
 * everything, the more often the better they would be: of the others it does not matter how well they do.
 */
function preferOther(
  contenders: Contenders,
  lot: number,
  route: CompiledRoute,
  value: number,
): void {
  const best = bestScoreOf(contenders)
  let sum = 0
  for (let place = 0; place < contenders.count; place++) {
    sum += promiseOf(contenders, place, route, value, best)
  }
  let left = lot * sum
  for (let place = 0; place < contenders.count; place++) {
    const promise = promiseOf(contenders, place, route, value, best)
    left -= promise
    if (promise === 0 || left >= 0) continue
    contenders.tiers[place] = TIER.ordinary
    contenders.prefer(place, 'explore')
    return
  }
}

function bestScoreOf(contenders: Contenders): number {
  const { count, tiers, scores } = contenders
  const tier = contenders.firstTier()
  let best = Number.POSITIVE_INFINITY
  for (let place = 0; place < count; place++) {
    if (tiers[place] === tier) best = Math.min(best, scores[place] as number)
  }
  return best
}

/** How much better than the best it would be if it delivered everything; 0: not better. */
function promiseOf(
  { tiers, scores, costs, segments }: Contenders,
  place: number,
  { strategy }: CompiledRoute,
  value: number,
  best: number,
): number {
  const isLast = ((tiers[place] as number) & (TIER.down | TIER.suspect)) !== 0
  if (isLast || scores[place] === best) return 0
  const cost = costs[place] as number
  switch (strategy.name) {
    case 'expected_cost':
      return Math.max(0, best - cost)
    case 'weighted': {
      const worth = value * (segments[place] as number)
      return Math.max(0, best - weightedScore(strategy, cost, 1, 0, worth))
    }
    default:
      return 1
  }
}
