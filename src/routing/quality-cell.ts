import { LATENCY_BUCKETS, latencyAt, latencyBucket } from './latency-histogram.ts'

/** What can become of a message at a carrier, as far as its quality goes. */
export type QualityOutcome = 'delivered' | 'failed' | 'unanswered' | 'throttled'

/** How much a cell remembers, in messages. */
export interface CellMemory {
  readonly messages: number
  readonly latencies: number
}

/** What a {@link QualityCounters} holds of one carrier, faded as of the instant of the latest. */
export interface CarrierCounts {
  readonly delivered: number
  readonly failed: number
  readonly unanswered: number
  readonly throttled: number
  /** Submits that were throttled or not. */
  readonly attempts: number
  /** One weight for each bucket of {@link latencyBucket}. */
  readonly latencies: readonly number[]
  /** When the latest came, in milliseconds since 1970. */
  readonly atMs: number
}

const UNKNOWN = -1
const NO_LATENCIES = new Float64Array(0)

/** A figure of each carrier, by its index. */
export type ByCarrier = Float64Array<ArrayBuffer>

/**
 * The outcomes of one cell, such as the codes to one country, of every carrier.
 *
 * Weights are those of forward decay: an outcome weighs more the later it comes, so that nothing has to
 * be touched to fade. What is here is divided by the weight of the present to be read.
 *
 * @see Cormode et al., Forward Decay, ICDE 2009
 */
export class QualityCounters {
  delivered: ByCarrier
  failed: ByCarrier
  unanswered: ByCarrier
  throttled: ByCarrier
  attempts: ByCarrier
  /** When the latest outcome of each carrier came; 0: none has. */
  latestMs: ByCarrier
  readonly latencies: (ByCarrier | undefined)[] = []
  /** Goes up with all that is learnt of a carrier here. */
  versions: ByCarrier
  #latencySum: ByCarrier
  /** The medians of latencies, worked out when they are asked for; {@link UNKNOWN}: not since the latest came. */
  #mediansMs: ByCarrier

  constructor(carriers: number) {
    this.delivered = new Float64Array(carriers)
    this.failed = new Float64Array(carriers)
    this.unanswered = new Float64Array(carriers)
    this.throttled = new Float64Array(carriers)
    this.attempts = new Float64Array(carriers)
    this.latestMs = new Float64Array(carriers)
    this.versions = new Float64Array(carriers)
    this.#latencySum = new Float64Array(carriers)
    this.#mediansMs = new Float64Array(carriers).fill(UNKNOWN)
  }

  /** Weight of the messages with a known end, or none in time. */
  messages(index: number): number {
    return (this.delivered[index] ?? 0) + (this.failed[index] ?? 0) + (this.unanswered[index] ?? 0)
  }

  /** Weight of the latencies. */
  latencySum(index: number): number {
    return this.#latencySum[index] ?? 0
  }

  /** The median of the latencies; NaN without any. */
  medianMs(index: number): number {
    if (this.#mediansMs[index] === UNKNOWN) {
      this.#mediansMs[index] = latencyAt(this.latencies[index] ?? NO_LATENCIES, 0.5)
    }
    return this.#mediansMs[index] ?? Number.NaN
  }

  /** Makes room for so many carriers. */
  grow(carriers: number): void {
    if (carriers <= this.delivered.length) return
    this.delivered = grown(this.delivered, carriers)
    this.failed = grown(this.failed, carriers)
    this.unanswered = grown(this.unanswered, carriers)
    this.throttled = grown(this.throttled, carriers)
    this.attempts = grown(this.attempts, carriers)
    this.latestMs = grown(this.latestMs, carriers)
    this.versions = grown(this.versions, carriers)
    this.#latencySum = grown(this.#latencySum, carriers)
    const before = this.#mediansMs.length
    this.#mediansMs = grown(this.#mediansMs, carriers).fill(UNKNOWN, before)
  }

  /**
   * Counts messages of one carrier.
   *
   * @param now - the weight of one message at this instant
   */
  add(
    index: number,
    outcome: QualityOutcome,
    count: number,
    latencyMs: number | undefined,
    now: number,
    memory: CellMemory,
  ): void {
    const weight = count * now
    this.versions[index] = (this.versions[index] ?? 0) + 1
    this.attempts[index] = (this.attempts[index] ?? 0) + weight
    const counter = this[outcome]
    counter[index] = (counter[index] ?? 0) + weight
    if (latencyMs !== undefined) this.#addLatency(index, latencyMs, weight, now * memory.latencies)
    this.#forget(index, now * memory.messages)
  }

  /** Takes over what was stored; what is here of the carrier is lost. */
  set(index: number, counts: CarrierCounts, now: number): void {
    this.delivered[index] = counts.delivered * now
    this.failed[index] = counts.failed * now
    this.unanswered[index] = counts.unanswered * now
    this.throttled[index] = counts.throttled * now
    this.attempts[index] = counts.attempts * now
    this.latestMs[index] = counts.atMs
    this.versions[index] = (this.versions[index] ?? 0) + 1
    const latencies = Float64Array.from({ length: LATENCY_BUCKETS }, (_, bucket) => {
      return (counts.latencies[bucket] ?? 0) * now
    })
    this.latencies[index] = latencies
    this.#latencySum[index] = latencies.reduce((sum, weight) => sum + weight, 0)
    this.#mediansMs[index] = UNKNOWN
  }

  /** What is known of one carrier, divided by the weight of its latest outcome. */
  get(index: number, now: number): CarrierCounts {
    return {
      delivered: (this.delivered[index] ?? 0) / now,
      failed: (this.failed[index] ?? 0) / now,
      unanswered: (this.unanswered[index] ?? 0) / now,
      throttled: (this.throttled[index] ?? 0) / now,
      attempts: (this.attempts[index] ?? 0) / now,
      latencies: Array.from(this.latencies[index] ?? [], (weight) => weight / now),
      atMs: this.latestMs[index] ?? 0,
    }
  }

  /** Weighs everything anew, before weights get too large for a number. */
  scale(factor: number): void {
    const all = [this.delivered, this.failed, this.unanswered, this.throttled, this.attempts]
    for (const weights of [...all, this.#latencySum, ...this.latencies]) {
      if (weights) scaleAll(weights, factor)
    }
  }

  /** Weighs what is known of one carrier anew. */
  scaleOne(index: number, factor: number): void {
    const { delivered, failed, unanswered, throttled, attempts } = this
    for (const weights of [delivered, failed, unanswered, throttled, attempts, this.#latencySum]) {
      weights[index] = (weights[index] ?? 0) * factor
    }
    const latencies = this.latencies[index]
    if (latencies) scaleAll(latencies, factor)
  }

  /** No more than so much is remembered: what came before weighs less with every message. */
  #forget(index: number, most: number): void {
    const messages = this.messages(index)
    if (messages > most) {
      const factor = most / messages
      this.delivered[index] = (this.delivered[index] ?? 0) * factor
      this.failed[index] = (this.failed[index] ?? 0) * factor
      this.unanswered[index] = (this.unanswered[index] ?? 0) * factor
    }
    // Apart from them: many throttled submits must not make the ends of messages forgotten.
    const attempts = this.attempts[index] ?? 0
    if (attempts > most) {
      this.throttled[index] = ((this.throttled[index] ?? 0) * most) / attempts
      this.attempts[index] = most
    }
  }

  #addLatency(index: number, latencyMs: number, weight: number, most: number): void {
    const buckets = this.latencies[index] ?? new Float64Array(LATENCY_BUCKETS)
    this.latencies[index] = buckets
    const bucket = latencyBucket(latencyMs)
    buckets[bucket] = (buckets[bucket] ?? 0) + weight
    const sum = (this.#latencySum[index] ?? 0) + weight
    if (sum > most) scaleAll(buckets, most / sum)
    this.#latencySum[index] = Math.min(sum, most)
    this.#mediansMs[index] = UNKNOWN
  }
}

/** The same figures with room for more carriers. */
export function grown(figures: ByCarrier, carriers: number): ByCarrier {
  const larger = new Float64Array(carriers)
  larger.set(figures)
  return larger
}

function scaleAll(weights: ByCarrier, factor: number): void {
  for (let index = 0; index < weights.length; index++) {
    weights[index] = (weights[index] ?? 0) * factor
  }
}
