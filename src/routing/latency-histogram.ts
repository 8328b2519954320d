/**
 * Latencies are counted in buckets whose bounds grow by the square root of two: a quantile is known to
 * within a fifth of itself, from 50 ms to ten days, in 49 numbers.
 */
export const LATENCY_BUCKETS = 49

const FIRST_BOUND_MS = 50
const BUCKETS_PER_DOUBLING = 2

/** The bucket of a latency; one below zero, of clocks that differ, counts as none. */
export function latencyBucket(latencyMs: number): number {
  if (!(latencyMs > FIRST_BOUND_MS)) return 0
  const bucket = Math.floor(BUCKETS_PER_DOUBLING * Math.log2(latencyMs / FIRST_BOUND_MS)) + 1
  return Math.min(bucket, LATENCY_BUCKETS - 1)
}

/**
 * The latency below which a share of the counted ones lie, in milliseconds.
 *
 * @param weights - one for each bucket
 * @param share - between 0 and 1
 * @returns NaN where nothing is counted
 */
export function latencyAt(weights: Float64Array, share: number): number {
  let total = 0
  for (let bucket = 0; bucket < weights.length; bucket++) total += weights[bucket] ?? 0
  if (!(total > 0)) return Number.NaN
  const wanted = total * Math.min(1, Math.max(0, share))
  let below = 0
  for (let bucket = 0; bucket < weights.length; bucket++) {
    const weight = weights[bucket] ?? 0
    if (weight > 0 && below + weight >= wanted) return within(bucket, (wanted - below) / weight)
    below += weight
  }
  return UPPER_BOUNDS[weights.length - 1] as number
}

/** A place within a bucket; the latencies in it are taken as spread evenly on a log scale. */
function within(bucket: number, part: number): number {
  if (bucket === 0) return FIRST_BOUND_MS * part
  return (UPPER_BOUNDS[bucket - 1] as number) * 2 ** (part / BUCKETS_PER_DOUBLING)
}

/** In milliseconds, by bucket. */
const UPPER_BOUNDS = Float64Array.from({ length: LATENCY_BUCKETS }, (_, bucket) => {
  return FIRST_BOUND_MS * 2 ** (bucket / BUCKETS_PER_DOUBLING)
})
