import type { Strategy } from '../core/route-rule.ts'
import type { Contenders } from './contenders.ts'
import type { LiveReading } from './live-reading.ts'
import { LOT, lotOf } from './lots.ts'
import type { CompiledRoute } from './route-table.ts'
import { expectedCost, weightedScore } from './strategy.ts'

const GOLDEN_RATIO = 0.6180339887498949

/**
 * Gives every contender its score by the route's strategy.
 *
 * @param value - what a segment is worth delivered
 * @param turn - how many messages the route has had
 * @param draw - the message's random bits
 */
export function score(
  contenders: Contenders,
  route: CompiledRoute,
  reading: LiveReading,
  value: number,
  turn: number,
  draw: number,
): void {
  const { strategy } = route
  switch (strategy.name) {
    case 'lowest_cost':
      scoreCosts(contenders)
      break
    case 'expected_cost':
      scoreExpectedCosts(contenders, reading)
      break
    case 'best_quality':
      scoreQuality(contenders, reading)
      break
    case 'weighted':
      scoreMargins(contenders, strategy, reading, value)
      break
    case 'sequential':
      scorePlaces(contenders, route)
      break
    case 'round_robin':
      scorePlaces(contenders, route)
      takeTurns(contenders, turn)
      break
    case 'weighted_round_robin':
      scoreWeights(contenders, route)
      putFirst(contenders, route, (turn + 1) * GOLDEN_RATIO)
      break
    case 'random':
      scoreWeights(contenders, route)
      putFirst(contenders, route, lotOf(draw, LOT.random))
      break
  }
}

function scoreCosts({ count, costs, scores }: Contenders): void {
  for (let place = 0; place < count; place++) scores[place] = costs[place] as number
}

function scoreExpectedCosts(contenders: Contenders, { success }: LiveReading): void {
  const { count, carriers, costs, scores } = contenders
  for (let place = 0; place < count; place++) {
    const share = success[carriers[place] as number] as number
    scores[place] = expectedCost(costs[place] as number, share)
  }
}

function scoreQuality({ count, carriers, scores }: Contenders, { lower }: LiveReading): void {
  for (let place = 0; place < count; place++) {
    scores[place] = -(lower[carriers[place] as number] as number)
  }
}

function scoreMargins(
  { count, carriers, costs, segments, scores }: Contenders,
  strategy: Strategy,
  { success, latencyMs }: LiveReading,
  value: number,
): void {
  for (let place = 0; place < count; place++) {
    const carrier = carriers[place] as number
    scores[place] = weightedScore(
      strategy,
      costs[place] as number,
      success[carrier] as number,
      latencyMs[carrier] as number,
      value * (segments[place] as number),
    )
  }
}

function scorePlaces({ count, carriers, scores }: Contenders, { places }: CompiledRoute): void {
  for (let place = 0; place < count; place++) {
    scores[place] = places[carriers[place] as number] as number
  }
}

function scoreWeights({ count, carriers, scores }: Contenders, { weights }: CompiledRoute): void {
  for (let place = 0; place < count; place++) {
    scores[place] = -(weights[carriers[place] as number] as number)
  }
}

/** Everybody of the first tier is first once in as many turns. */
function takeTurns(contenders: Contenders, turn: number): void {
  const { count, tiers, scores } = contenders
  const tier = contenders.firstTier()
  let members = 0
  for (let place = 0; place < count; place++) if (tiers[place] === tier) members++
  const first = members === 0 ? 0 : turn % members
  let member = 0
  for (let place = 0; place < count; place++) {
    if (tiers[place] !== tier) continue
    scores[place] = (member - first + members) % members
    member++
  }
}

/**
 * Puts one of the first tier before the others, by weight.
 *
 * @param point - its fraction says which; multiples of the golden ratio come upon everybody evenly spread
 */
function putFirst(contenders: Contenders, { weights }: CompiledRoute, point: number): void {
  const { count, carriers, tiers, scores } = contenders
  const tier = contenders.firstTier()
  let sum = 0
  for (let place = 0; place < count; place++) {
    if (tiers[place] === tier) sum += weights[carriers[place] as number] as number
  }
  let left = (point - Math.floor(point)) * sum
  for (let place = 0; place < count; place++) {
    if (tiers[place] !== tier) continue
    left -= weights[carriers[place] as number] as number
    if (left < 0) {
      scores[place] = Number.NEGATIVE_INFINITY
      return
    }
  }
}
