import type { Channel } from './channel.ts'
import type { BackoffShape, TrafficClass } from './policy.ts'

/** When a rule is asked. */
export type FailureScene = (typeof FAILURE_SCENES)[number]

/**
 * Scenes of failure rules.
 *
 * - `send_failure`: the carrier refused, was not there, asked for patience too often, or gave no answer
 * - `callback_failure`: the final receipt says that the message is not delivered
 */
export const FAILURE_SCENES = ['send_failure', 'callback_failure'] as const

/** The name of what a rule does. */
export type FailureActionName = (typeof FAILURE_ACTIONS)[number]

/**
 * What a rule may do.
 *
 * - `retry`: the same carrier again
 * - `switch_provider`: another carrier
 * - `fail`: the end
 * - `alert`: the operator is told; the next rule that fits acts
 * - `hold`: it waits for an operator
 * - `policy`: what happens without rules; keeps the rules after it away
 */
export const FAILURE_ACTIONS = [
  'retry',
  'switch_provider',
  'fail',
  'alert',
  'hold',
  'policy',
] as const

/** What a rule does, with its settings. */
export type FailureAction =
  | {
      readonly kind: 'retry'
      /** Submits to the same carrier after the first one; then the rule acts no longer. */
      readonly max: number
      readonly delaySeconds: number
      readonly backoff: BackoffShape
      readonly maxDelaySeconds: number
    }
  | {
      readonly kind: 'switch_provider'
      readonly delaySeconds: number
      /** Names of carriers; empty: any that takes the message. */
      readonly to: readonly string[]
    }
  /** @param code - stands for the code of the failure; null: that code */
  | { readonly kind: 'fail'; readonly code: string | null }
  | { readonly kind: 'alert' }
  | { readonly kind: 'hold' }
  | { readonly kind: 'policy' }

/** From one attempt to another, both included. */
export interface AttemptRange {
  readonly from: number
  readonly to: number
}

/** What a failure must be like; what is undefined fits all, an empty list fits none. */
export interface FailureMatch {
  readonly carriers?: readonly string[] | undefined
  readonly channels?: readonly Channel[] | undefined
  /** Normalised or raw, `0x00000045` for a `command_status`, `err` of a receipt as it came. */
  readonly codes?: readonly string[] | undefined
  /** One of them is part of the carrier's words, in any case. */
  readonly keywords?: readonly string[] | undefined
  /** Ids. */
  readonly tenants?: readonly string[] | undefined
  readonly trafficClasses?: readonly TrafficClass[] | undefined
  /** ISO 3166, upper case. */
  readonly countries?: readonly string[] | undefined
  /** Counted from 1, over all carriers. */
  readonly attempts?: readonly AttemptRange[] | undefined
}

/** What is done about failures of one kind. */
export interface FailureRule {
  readonly name: string
  /** The smaller is asked first; of equals, the one that comes first. */
  readonly priority: number
  readonly scene: FailureScene
  readonly match: FailureMatch
  readonly action: FailureAction
}

/** A failure as rules see it. */
export interface FailureFacts {
  readonly scene: FailureScene
  readonly carrier: string
  readonly channel: Channel
  /** Normalised. */
  readonly code: string
  /** The carrier's own; null: it said none. */
  readonly rawCode: string | null
  /** What the carrier said, or what we know instead. */
  readonly text: string
  readonly tenantId: string
  readonly trafficClass: TrafficClass
  readonly country: string
  /** The attempt that failed, counted from 1. */
  readonly attempt: number
}
