import type { TrafficClass } from './policy.ts'

/** What a guard does with a message once its breaker is open. */
export type GuardAction = (typeof GUARD_ACTIONS)[number]

/**
 * Actions of guards.
 *
 * - `off`: the guard does not look
 * - `flag`: the message goes on, its timeline says so
 * - `hold_back`: it waits until the cool-down is over, as if scheduled; what expires before is not sent
 * - `refuse`: it is not taken
 */
export const GUARD_ACTIONS = ['off', 'flag', 'hold_back', 'refuse'] as const

/** Against pumping: how many messages a prefix, and a tenant's country, may get. */
export interface VelocityPolicy {
  readonly action: GuardAction
  /** Digits after the country code that make a prefix. */
  readonly prefixDigits: number
  readonly windowSeconds: number
  /** Messages to a prefix within a window; 0: no fixed limit. */
  readonly prefixLimit: number
  /** Messages of a tenant to a country within a window; 0: no fixed limit. */
  readonly countryLimit: number
  /** A burst is so many times the usual; 0: nothing is compared with the usual. */
  readonly burstFactor: number
  /** Messages within a window below which nothing is a burst. */
  readonly burstLeast: number
  /** The usual counts half after this time, and nothing is a burst before so much was seen. */
  readonly learnSeconds: number
  readonly coolDownSeconds: number
}

/** Against pumping and faked receipts: how many codes must be used. */
export interface ConversionPolicy {
  readonly action: GuardAction
  /** Share of delivered codes below which a prefix is suspect, in percent. */
  readonly leastPercent: number
  /** Delivered codes below which nothing is said, decayed. */
  readonly leastMessages: number
  /** After this time a code that nobody has reported on counts as not used. */
  readonly feedbackSeconds: number
  /** After this time a code counts half. */
  readonly halfLifeSeconds: number
  /** Whether carriers that fake their receipts come after the others for the codes concerned. */
  readonly avoidSuspects: boolean
  readonly coolDownSeconds: number
}

/** Against applications that answer each other for ever. */
export interface LoopPolicy {
  readonly action: GuardAction
  /** Exchanges with one number within the window: more is a loop. */
  readonly exchanges: number
  readonly windowSeconds: number
  /** A message so soon after one of the handset is an answer by a machine. */
  readonly replySeconds: number
  /** The same two texts so often in turn are a loop at any speed. */
  readonly equalTexts: number
  readonly coolDownSeconds: number
}

/** What no guard looks at. */
export interface GuardExceptions {
  readonly tenantIds: ReadonlySet<string>
  /** Digits. */
  readonly prefixes: readonly string[]
  readonly classes: ReadonlySet<TrafficClass>
}

/** Everything that guards go by. */
export interface GuardPolicy {
  readonly velocity: VelocityPolicy
  readonly conversion: ConversionPolicy
  readonly loops: LoopPolicy
  readonly except: GuardExceptions
}
