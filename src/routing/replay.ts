import type { RouteDecision } from './decision.ts'
import { type LiveReading, STANDING } from './live-reading.ts'
import type { RouteRequest } from './route-request.ts'
import type { Router } from './router.ts'

/** What is assumed of carriers that a decision knew nothing of. */
export interface AssumedReading {
  readonly success: number
  readonly lower: number
  readonly upper: number
}

/**
 * Makes a decision again, with the lots, turns and figures of that time: by the same router it comes
 * out the same, by another one it shows what would have been different.
 *
 * @param assumed - of carriers that were not in question then
 */
export function replay(
  decision: RouteDecision,
  request: Omit<RouteRequest, 'draw' | 'turn'>,
  router: Router,
  assumed: AssumedReading,
): RouteDecision {
  const { draw, turn } = decision
  return router.rank({ ...request, draw, turn: () => turn }, readingOf(decision, router, assumed))
}

function readingOf(
  { candidates, refused, suspects }: RouteDecision,
  router: Router,
  assumed: AssumedReading,
): LiveReading {
  const count = router.carriers.length
  const reading = {
    standing: new Uint8Array(count).fill(STANDING.up),
    success: new Float64Array(count).fill(assumed.success),
    lower: new Float64Array(count).fill(assumed.lower),
    upper: new Float64Array(count).fill(assumed.upper),
    latencyMs: new Float64Array(count).fill(Number.NaN),
    messages: new Float64Array(count),
    suspect: new Uint8Array(count),
  }
  const numbers = new Map(router.carriers.map(({ name }, index) => [name, index]))
  for (const carrier of suspects) {
    const index = numbers.get(carrier)
    if (index !== undefined) reading.suspect[index] = 1
  }
  for (const { carrier, code } of refused) {
    const index = numbers.get(carrier)
    if (index !== undefined && code === 'closed') reading.standing[index] = STANDING.closed
  }
  for (const candidate of candidates) {
    const index = numbers.get(candidate.carrier)
    if (index === undefined) continue
    reading.standing[index] = STANDING[candidate.standing]
    reading.success[index] = candidate.success
    reading.lower[index] = candidate.lower
    reading.upper[index] = candidate.upper
    reading.latencyMs[index] = candidate.latencyMs
    reading.messages[index] = candidate.messages
  }
  return reading
}
