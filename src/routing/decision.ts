import type { StrategyName } from '../core/route-rule.ts'
import type { DeckRate } from './rate-deck.ts'

/** Why a carrier stands before those with a better score. */
export type Preference = 'siblings' | 'probe' | 'canary' | 'sticky' | 'explore'

/** A carrier that may take the message, with all that says why it stands where it stands. */
export interface RouteCandidate {
  readonly carrier: string
  /** Of one segment. */
  readonly rate: DeckRate
  readonly segments: number
  /** What the carrier charges for all segments, in millionths of {@link currency}. */
  readonly priceMicros: bigint
  /** ISO 4217. */
  readonly currency: string
  /** The same in millionths of the base currency. */
  readonly cost: number
  /** `converted`: {@link cost} is in the base currency; `nominal`: amounts are compared as they are. */
  readonly comparison: 'same' | 'converted' | 'nominal'
  /** What the message is worth delivered, in the same unit. */
  readonly value: number
  /** Share delivered lately, 0 to 1, and its bounds. */
  readonly success: number
  readonly lower: number
  readonly upper: number
  /** Median time to the receipt; NaN: not known. */
  readonly latencyMs: number
  /** Messages that these figures are of; recent ones count more. */
  readonly messages: number
  /** By the strategy; lower is better. */
  readonly score: number
  /** `down`: it cannot take it now, and is placed after those that can. */
  readonly standing: 'up' | 'probe' | 'down'
  readonly preference: Preference | null
  /** It surely delivers less than the strategy asks for. */
  readonly isBelowMinimum: boolean
  /** It fakes receipts, it seems. */
  readonly isSuspect: boolean
}

/** Why a carrier is no candidate. */
export type RefusalCode =
  /** Brings messages by another way. */
  | 'other_channel'
  | 'not_in_route'
  | 'tried'
  | 'closed'
  | 'class'
  | 'capability'
  | 'no_rate'
  | 'text'
  | 'loss'
  /** Leaves less of the tenant's price than the operator asks for. */
  | 'margin_too_small'
  | 'canary_stopped'
  | 'not_in_rule'
  | 'short_code'

/** Why a carrier is out of the question before anything is looked at. */
export type Exclusion = Extract<RefusalCode, 'tried' | 'not_in_rule' | 'short_code'>

/** A carrier that may not take the message, and why. */
export interface RouteRefusal {
  readonly carrier: string
  readonly code: RefusalCode
}

/** Who may take a message, best first, and what that was decided by. */
export interface RouteDecision {
  /** Null: no route is for it. */
  readonly route: string | null
  readonly strategy: StrategyName
  /** What lots were drawn by, and the count of the route's turns. */
  readonly draw: number
  readonly turn: number
  /** The best ones. */
  readonly candidates: readonly RouteCandidate[]
  /** All of them. */
  readonly candidateCount: number
  /** Those that were refused, in the order of names; without those that nobody would expect. */
  readonly refused: readonly RouteRefusal[]
  /** All carriers that seem to fake receipts of such messages, candidates or not. */
  readonly suspects: readonly string[]
  /** How the text is encoded at the best candidate; null: there is none, or nobody has kept it. */
  readonly encoding: string | null
  /** Set where the route's canary has just failed. */
  readonly stoppedCanary: string | null
}
