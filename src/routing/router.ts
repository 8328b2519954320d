import { type CandidateFacts, refusals } from './explain.ts'
import type { PhoneNumber } from './number.ts'
import type { PrefixTable } from './prefix-table.ts'

/** What a message is for; carriers may be limited to some classes. */
export type TrafficClass = 'otp' | 'transactional' | 'marketing'

/** Price of one segment to a prefix. */
export interface Rate {
  readonly priceMicros: bigint
  /** ISO 4217. */
  readonly currency: string
}

/** The message to be routed. */
export interface RouteRequest {
  readonly number: PhoneNumber
  /** Segments the text takes at a carrier, which depends on its alphabet; 0: it cannot be sent. */
  readonly segments: (carrier: string) => number
  readonly trafficClass: TrafficClass
  /** The carrier that has the other segments of a long message that came one by one. */
  readonly siblingCarrier?: string | undefined
  /** Carriers that have been tried. */
  readonly excluded?: ReadonlySet<string>
}

/** A carrier as it is at the moment of the decision. */
export interface CarrierSnapshot {
  readonly name: string
  readonly rates: PrefixTable<Rate>
  /** True when it can take a message now. */
  readonly isUp: boolean
  /** Share of messages delivered lately, 0 to 1. */
  readonly success: number
  /** Classes it takes; undefined: all. */
  readonly trafficClasses?: readonly TrafficClass[]
}

/** Everything a decision depends on, so that it can be replayed. */
export interface RoutingSnapshot {
  readonly carriers: readonly CarrierSnapshot[]
  /** Units of the base currency that one unit of a currency is worth; the base itself is 1. */
  readonly ratesToBase?: Readonly<Record<string, number>>
}

/** A carrier that may take the message, with all that `explainCandidate` needs to say why. */
export interface RouteCandidate extends CandidateFacts {
  readonly carrier: string
  readonly rate: Rate & { readonly prefix: string }
}

/** A carrier that may not take the message, and why. */
export interface RouteRefusal {
  readonly carrier: string
  readonly reason: string
}

/** Every carrier of the snapshot stands in exactly one of the lists. */
export interface RouteDecision {
  /** Best first. */
  readonly candidates: readonly RouteCandidate[]
  /** By name. */
  readonly refused: readonly RouteRefusal[]
}

// A carrier that delivers less than one in a hundred is compared as if it delivered one.
const MIN_SUCCESS = 0.01

/**
 * Ranks the carriers that may take a message.
 *
 * Carriers that are up come before those that are down, then the one that has the other segments,
 * then the lower expected cost per delivered message (price x segments / success), then the name. The decision depends on nothing but the
 * arguments and not on the order of the snapshot. An empty list of candidates is a result.
 */
export function rank(request: RouteRequest, snapshot: RoutingSnapshot): RouteDecision {
  const digits = request.number.e164.slice(1)
  const refused: RouteRefusal[] = []
  const hits: Hit[] = []
  for (const carrier of snapshot.carriers) {
    const hit = consider(carrier, request, digits)
    if (typeof hit === 'string') refused.push({ carrier: carrier.name, reason: hit })
    else hits.push(hit)
  }
  const isMixed = hits.some(({ rate }) => rate.currency !== hits[0]?.rate.currency)
  const candidates = hits.map((hit) => toCandidate(hit, request, isMixed, snapshot.ratesToBase))
  candidates.sort(
    (a, b) =>
      Number(b.isUp) - Number(a.isUp) ||
      Number(b.hasSiblings) - Number(a.hasSiblings) ||
      a.score - b.score ||
      byName(a, b),
  )
  refused.sort(byName)
  return { candidates, refused }
}

interface Hit {
  readonly carrier: CarrierSnapshot
  readonly rate: Rate & { readonly prefix: string }
  readonly segments: number
}

function consider(carrier: CarrierSnapshot, request: RouteRequest, digits: string): Hit | string {
  if (request.excluded?.has(carrier.name)) return refusals.alreadyTried()
  const { trafficClasses } = carrier
  if (trafficClasses !== undefined && !trafficClasses.includes(request.trafficClass)) {
    return refusals.wrongClass(request.trafficClass, trafficClasses)
  }
  const match = carrier.rates.longestMatch(digits)
  if (match === undefined) return refusals.noRate(digits)
  const segments = request.segments(carrier.name)
  if (!Number.isInteger(segments) || segments < 1) return refusals.noSegments(segments)
  const { priceMicros, currency } = match.value
  return { carrier, rate: { prefix: match.prefix, priceMicros, currency }, segments }
}

function toCandidate(
  { carrier, rate, segments }: Hit,
  { siblingCarrier }: RouteRequest,
  isMixed: boolean,
  ratesToBase: Readonly<Record<string, number>> | undefined,
): RouteCandidate {
  const priceMicros = rate.priceMicros * BigInt(segments)
  const { factor, comparison } = conversion(rate.currency, isMixed, ratesToBase)
  const success = boundedSuccess(carrier.success)
  const cost = (Number(priceMicros) * factor) / Math.max(MIN_SUCCESS, success)
  // Kept finite, so that scores can always be compared.
  const score = Math.min(cost, Number.MAX_SAFE_INTEGER)
  return {
    carrier: carrier.name,
    rate,
    segments,
    priceMicros,
    currency: rate.currency,
    success,
    score,
    isUp: carrier.isUp,
    hasSiblings: carrier.name === siblingCarrier,
    comparison,
  }
}

function conversion(
  currency: string,
  isMixed: boolean,
  ratesToBase: Readonly<Record<string, number>> | undefined,
): { factor: number; comparison: CandidateFacts['comparison'] } {
  if (!isMixed) return { factor: 1, comparison: 'same' }
  const factor =
    ratesToBase !== undefined && Object.hasOwn(ratesToBase, currency)
      ? ratesToBase[currency]
      : undefined
  if (factor === undefined || !Number.isFinite(factor) || factor <= 0) {
    return { factor: 1, comparison: 'nominal' }
  }
  return { factor, comparison: 'converted' }
}

function boundedSuccess(success: number): number {
  return Number.isFinite(success) ? Math.min(1, Math.max(0, success)) : 0
}

function byName(a: { readonly carrier: string }, b: { readonly carrier: string }): number {
  if (a.carrier === b.carrier) return 0
  return a.carrier < b.carrier ? -1 : 1
}
