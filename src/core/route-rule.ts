import type { Channel } from './channel.ts'
import type { TrafficClass } from './policy.ts'

/** Part of the world a number belongs to; `global` is for satellite and other shared codes. */
export type Region = (typeof REGIONS)[number]

/** Parts of the world. */
export const REGIONS = [
  'europe',
  'north_america',
  'latin_america',
  'asia',
  'middle_east',
  'africa',
  'oceania',
  'global',
] as const

/** Part of the week, in one time zone. */
export interface TimeWindow {
  /** IANA name. */
  readonly timeZone: string
  /** Days on which it begins: 1 is Monday, 7 Sunday; empty: all. */
  readonly days: readonly number[]
  /** Minutes since midnight; a window that ends before it begins goes over midnight. */
  readonly fromMinute: number
  readonly toMinute: number
}

/** Which messages a route is for. What is empty or undefined fits all; all that is given must fit. */
export interface RouteMatch {
  readonly tenants?: readonly string[] | undefined
  readonly channels?: readonly Channel[] | undefined
  /** Sender ids; `*` at the end stands for anything. */
  readonly senders?: readonly string[] | undefined
  readonly prefixes?: readonly string[] | undefined
  /** ISO 3166-1 alpha-2. */
  readonly countries?: readonly string[] | undefined
  readonly regions?: readonly Region[] | undefined
  /** MCC and MNC, or an MCC alone. */
  readonly networks?: readonly string[] | undefined
  readonly trafficClasses?: readonly TrafficClass[] | undefined
  /** Tags of which the message must have one. */
  readonly tags?: readonly string[] | undefined
  readonly content?: RegExp | undefined
  readonly hours?: TimeWindow | undefined
}

/** A share of a route's messages that tries a new carrier. */
export interface Canary {
  readonly carrier: string
  /** 0 to 100. */
  readonly percent: number
  /** It is stopped when its success is below this share for certain (0 to 1). */
  readonly stopBelow: number
  /** Messages before it is judged. */
  readonly afterMessages: number
}

/** One route: which messages it is for, who may take them, and who of those first. */
export interface RouteRule {
  readonly name: string
  readonly match: RouteMatch
  /** Carriers that may take them, the preferred first for `sequential`; undefined: all. */
  readonly carriers?: readonly string[] | undefined
  /** Carriers that must have one of these tags. */
  readonly carrierTags?: readonly string[] | undefined
  readonly deny?: readonly string[] | undefined
  readonly strategy: Strategy
  readonly canary?: Canary | undefined
}

/** How the carriers of a route are put in order. */
export type StrategyName = (typeof STRATEGIES)[number]

/**
 * Names of strategies.
 *
 * - `lowest_cost`: the price of the message
 * - `expected_cost`: that price by the share that is delivered
 * - `best_quality`: the share that is delivered at least, as far as that is known for certain
 * - `weighted`: what the message is worth delivered, less what it costs and how long it takes, each with a weight
 * - `sequential`: as the route lists them
 * - `round_robin`: each in turn
 * - `weighted_round_robin`: each in turn, by its weight, evenly spread
 * - `random`: by lot, by its weight
 */
export const STRATEGIES = [
  'lowest_cost',
  'expected_cost',
  'best_quality',
  'weighted',
  'sequential',
  'round_robin',
  'weighted_round_robin',
  'random',
] as const

/** Whose messages stay with one carrier as long as it can take them. */
export type Stickiness = (typeof STICKINESSES)[number]

/** Kinds of stickiness: none, one carrier for all messages of a sender id, or to a recipient. */
export const STICKINESSES = ['none', 'sender', 'recipient'] as const

/** A strategy with its figures. */
export interface Strategy {
  readonly name: StrategyName
  readonly sticky: Stickiness
  /** What counts how much for `weighted`. */
  readonly price: number
  readonly quality: number
  readonly latency: number
  /** What a delivered segment is worth, in the base currency; undefined: what the tenant pays. */
  readonly deliveredValueMicros: number | undefined
  /** Shares of `weighted_round_robin` and `random` by carrier; others have 1. */
  readonly weights: Readonly<Record<string, number>>
  /** Carriers that surely deliver less than this share (0 to 1) come after all others. */
  readonly minSuccess: number
  /** Percent of messages that try another than the best carrier, so that what it does stays known. */
  readonly explorePercent: number
}

/** The strategy of messages that no route is for. */
export const DEFAULT_STRATEGY: Strategy = {
  name: 'expected_cost',
  sticky: 'none',
  price: 1,
  quality: 1,
  latency: 0,
  deliveredValueMicros: undefined,
  weights: {},
  minSuccess: 0,
  explorePercent: 0,
}
