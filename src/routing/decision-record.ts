import { formatMicros, parseMicros } from '../core/money.ts'
import type { StrategyName } from '../core/route-rule.ts'
import type { Preference, RefusalCode, RouteCandidate, RouteDecision } from './decision.ts'

/** Says that a detail of a timeline is a decision, and in which form. */
const FORM = 1

/**
 * A decision as the timeline keeps it: all that it was made of, so that it can be explained and made
 * again. Prices are texts, a candidate is an array of its figures.
 */
export interface DecisionRecord {
  readonly form: typeof FORM
  readonly route: string | null
  readonly strategy: StrategyName
  readonly draw: number
  readonly turn: number
  readonly count: number
  readonly candidates: readonly CandidateFields[]
  readonly refused: readonly (readonly [carrier: string, code: RefusalCode])[]
  /** Left out where there are none. */
  readonly suspects?: readonly string[]
}

type CandidateFields = readonly [
  carrier: string,
  /** Prefix, or `mcc:` and the network. */
  ratedBy: string,
  /** Of one segment. */
  price: string,
  currency: string,
  segments: number,
  cost: number,
  value: number,
  success: number,
  lower: number,
  upper: number,
  latencyMs: number | null,
  messages: number,
  score: number,
  standing: RouteCandidate['standing'],
  comparison: RouteCandidate['comparison'],
  preference: Preference | null,
  isBelowMinimum: 0 | 1,
]

const NETWORK_MARK = 'mcc:'

/** What is kept of a decision. */
export function recordOf(decision: RouteDecision): DecisionRecord {
  const record: DecisionRecord = {
    form: FORM,
    route: decision.route,
    strategy: decision.strategy,
    draw: decision.draw,
    turn: decision.turn,
    count: decision.candidateCount,
    candidates: decision.candidates.map(fieldsOf),
    refused: decision.refused.map(({ carrier, code }) => [carrier, code] as const),
  }
  return decision.suspects.length === 0 ? record : { ...record, suspects: decision.suspects }
}

/** True for what {@link recordOf} has made. */
export function isDecisionRecord(detail: object | null | undefined): detail is DecisionRecord {
  return detail != null && 'form' in detail && detail.form === FORM
}

/** The decision that was kept. */
export function decisionOf(record: DecisionRecord): RouteDecision {
  const suspects = record.suspects ?? []
  return {
    route: record.route,
    strategy: record.strategy,
    draw: record.draw,
    turn: record.turn,
    candidateCount: record.count,
    candidates: record.candidates.map((fields) => candidateOf(fields, suspects)),
    refused: record.refused.map(([carrier, code]) => ({ carrier, code })),
    suspects,
    encoding: null,
    stoppedCanary: null,
  }
}

/** What else a detail says, such as the rule that asked for the decision. */
export function besideDecision(detail: DecisionRecord): Record<string, unknown> {
  return Object.fromEntries(Object.entries(detail).filter(([key]) => !OWN_FIELDS.has(key)))
}

const OWN_FIELDS = new Set([
  'form',
  'route',
  'strategy',
  'draw',
  'turn',
  'count',
  'candidates',
  'refused',
  'suspects',
])

function fieldsOf(candidate: RouteCandidate): CandidateFields {
  const { rate } = candidate
  return [
    candidate.carrier,
    rate.network === null ? (rate.prefix ?? '') : NETWORK_MARK + rate.network,
    formatMicros(rate.priceMicros),
    rate.currency,
    candidate.segments,
    candidate.cost,
    candidate.value,
    candidate.success,
    candidate.lower,
    candidate.upper,
    Number.isNaN(candidate.latencyMs) ? null : candidate.latencyMs,
    candidate.messages,
    scoreField(candidate.score),
    candidate.standing,
    candidate.comparison,
    candidate.preference,
    candidate.isBelowMinimum ? 1 : 0,
  ]
}

/** JSON has no infinity; it stands for a turn or a lot. */
function scoreField(score: number): number {
  return Number.isFinite(score) ? score : -Number.MAX_VALUE
}

function candidateOf(fields: CandidateFields, suspects: readonly string[]): RouteCandidate {
  const [carrier, ratedBy, price, currency, segments, cost, value, ...rest] = fields
  const [success, lower, upper, latencyMs, messages, score, ...marks] = rest
  const [standing, comparison, preference, isBelowMinimum] = marks
  const isNetwork = ratedBy.startsWith(NETWORK_MARK)
  const priceMicros = parseMicros(price)
  return {
    carrier,
    rate: {
      prefix: isNetwork ? null : ratedBy,
      network: isNetwork ? ratedBy.slice(NETWORK_MARK.length) : null,
      priceMicros,
      currency,
      effectiveFromMs: 0,
    },
    segments,
    priceMicros: priceMicros * BigInt(segments),
    currency,
    cost,
    comparison,
    value,
    success,
    lower,
    upper,
    latencyMs: latencyMs ?? Number.NaN,
    messages,
    score,
    standing,
    preference,
    isBelowMinimum: isBelowMinimum === 1,
    isSuspect: suspects.includes(carrier),
  }
}
