import { RETRYABLE_CLASSES, TRAFFIC_CLASSES } from '../core/policy.ts'
import { type Mistake, pathText } from './mistake.ts'
import { DEFAULT_POLICIES } from './policies.ts'
import { mappingAt } from './written-items.ts'

/** First waits of retries that are above the longest ones. */
export function waitBounds(root: Record<string, unknown>): Mistake[] {
  return TRAFFIC_CLASSES.flatMap((trafficClass) =>
    RETRYABLE_CLASSES.flatMap((errorClass) => {
      const path = ['policies', trafficClass, 'retry', errorClass]
      const { firstSeconds, maxSeconds } = DEFAULT_POLICIES[trafficClass].retry[errorClass]
      const wait = mappingAt(root, path)
      const { first_seconds: first = firstSeconds, max_seconds: max = maxSeconds } = wait
      if (typeof first !== 'number' || typeof max !== 'number' || first <= max) return []
      const message = `first_seconds ${first} is above max_seconds ${max}; it must not be larger`
      return [{ path: pathText(path), message }]
    }),
  )
}

/** The same of the rest of a circuit breaker. */
export function coolDownBounds(root: Record<string, unknown>): Mistake[] {
  const { cool_down_seconds: first = 30, max_cool_down_seconds: max = 600 } = mappingAt(root, [
    'health',
  ])
  if (typeof first !== 'number' || typeof max !== 'number' || first <= max) return []
  const message = `cool_down_seconds ${first} is above max_cool_down_seconds ${max}; it must not be larger`
  return [{ path: 'health.cool_down_seconds', message }]
}
