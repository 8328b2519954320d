import type { LimitRule } from './rule.ts'

/** What is to be taken of one limit. */
export interface Take {
  readonly rule: LimitRule
  /** Whose senders, recipients or countries are told apart; empty: subjects are, over all tenants. */
  readonly tenantId: string
  /** Whose share it is taken from. */
  readonly subject: string
  /** Requests, segments, messages, or millionths of the currency; of a window, never more than its quota. */
  readonly cost: number
}

/** A limit that is used up: of several, the one that is free last. */
export interface Refusal {
  /** Index of its {@link Take}. */
  readonly index: number
  /** When all of it can be taken, if nobody else takes before. */
  readonly freeAtMs: number
}

/** The result, where it is at hand, or its promise. */
export type NowOrLater<Value> = Value | Promise<Value>

/** Counts what is taken of limits. */
export interface LimitStore {
  /** Takes of all limits, or, where one is used up, of none; null: it is taken. Never rejects. */
  take(takes: readonly Take[], nowMs: number): NowOrLater<Refusal | null>
  /** What is taken of each at present; the costs do not matter. Never rejects. */
  used(takes: readonly Take[], nowMs: number): NowOrLater<readonly number[]>
  /** True while counting elsewhere than it should. */
  readonly isFallenBack: boolean
  close(): Promise<void>
}
