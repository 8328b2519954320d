import { integer, mapping, setting } from '../settings/field.ts'

/** When a carrier is left alone, and how it is tried again. */
export interface HealthConfig {
  /** What its circuit breaker opens and closes by, see `routing/breaker.ts`. */
  readonly breaker: {
    readonly consecutiveFailures: number
    readonly failureShare: number
    readonly minMessages: number
    readonly windowMs: number
    readonly coolDownMs: number
    readonly coolDownGrowth: number
    readonly maxCoolDownMs: number
    readonly probes: number
    readonly goodProbes: number
  }
  /** Changes that are kept of each carrier. */
  readonly historyLines: number
}

/** How success is estimated, see `routing/quality.ts`. */
export interface QualityConfig {
  readonly halfLifeMs: number
  readonly memoryMessages: number
  readonly priorSuccess: number
  readonly priorMessages: number
}

/** The `health` section of the file. */
export const healthSchema = setting(
  mapping({
    consecutive_failures: integer(1, 10_000, 10, {
      about:
        'Failures without a success between them that open the circuit breaker: refusals that may ' +
        'pass, submits without an answer, lost connections.',
      unit: 'failures',
    }),
    failure_percent: integer(1, 100, 50, {
      about: 'Share of failures within the window that opens it as well.',
      unit: 'percent',
    }),
    min_messages: integer(1, 1_000_000, 20, {
      about: 'Messages in the window below which that share says nothing.',
      unit: 'messages',
    }),
    window_seconds: integer(1, 3_600, 60, {
      about: 'Length of the window.',
      unit: 'seconds',
    }),
    cool_down_seconds: integer(1, 86_400, 30, {
      about: 'How long it stays open; what is queued for the carrier is routed elsewhere.',
      unit: 'seconds',
    }),
    cool_down_growth: integer(1, 10, 2, {
      about: 'Where a probe fails the next wait is so many times as long.',
    }),
    max_cool_down_seconds: integer(1, 86_400, 600, {
      about: 'Longest wait.',
      unit: 'seconds',
    }),
    probes: integer(1, 1_000, 3, {
      about: 'Messages that try the carrier at once after the wait.',
      unit: 'messages',
    }),
    good_probes: integer(1, 1_000, 3, {
      about: 'Probes that the carrier has to take before it gets everything again.',
      unit: 'messages',
    }),
    history_lines: integer(10, 100_000, 1_000, {
      about: 'Changes of health that are kept of each carrier.',
      unit: 'changes',
    }),
  }).prefault({}),
  {
    about: 'When a carrier that fails is left alone, and how it is tried again.',
    allowed: 'a mapping',
    defaultText: '{}',
  },
)

/** The `quality` section of the file. */
export const qualitySchema = setting(
  mapping({
    half_life_seconds: integer(60, 30 * 86_400, 1_800, {
      about: 'Time after which a message counts half for the quality of its carrier.',
      unit: 'seconds',
    }),
    memory_messages: integer(10, 100_000, 100, {
      about:
        'Messages that are remembered of a carrier, country, network and class, however many come: ' +
        'fewer are quicker to show a change, more are steadier.',
      unit: 'messages',
    }),
    prior_percent: integer(0, 100, 90, {
      about: 'Success that is assumed of a carrier nobody has used yet.',
      unit: 'percent',
    }),
    prior_messages: integer(0, 10_000, 20, {
      about: 'How many messages that assumption, or what is known of the whole country, is worth.',
      unit: 'messages',
    }),
  }).prefault({}),
  {
    about: 'How the success of carriers is estimated.',
    allowed: 'a mapping',
    defaultText: '{}',
  },
)

/** The `health` section of a file without mistakes. */
export function toHealth(health: ReturnType<(typeof healthSchema)['parse']>): HealthConfig {
  return {
    breaker: {
      consecutiveFailures: health.consecutive_failures,
      failureShare: health.failure_percent / 100,
      minMessages: health.min_messages,
      windowMs: health.window_seconds * 1_000,
      coolDownMs: health.cool_down_seconds * 1_000,
      coolDownGrowth: health.cool_down_growth,
      maxCoolDownMs: health.max_cool_down_seconds * 1_000,
      probes: health.probes,
      goodProbes: health.good_probes,
    },
    historyLines: health.history_lines,
  }
}

/** The `quality` section of a file without mistakes. */
export function toQuality(quality: ReturnType<(typeof qualitySchema)['parse']>): QualityConfig {
  return {
    halfLifeMs: quality.half_life_seconds * 1_000,
    memoryMessages: quality.memory_messages,
    priorSuccess: quality.prior_percent / 100,
    priorMessages: quality.prior_messages,
  }
}
