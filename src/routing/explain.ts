import { formatMicros } from '../core/money.ts'
import type { StrategyName } from '../core/route-rule.ts'
import type { RefusalCode, RouteCandidate, RouteDecision } from './decision.ts'
import { expectedCost } from './strategy.ts'

/** A decision in words. */
export interface ExplainedDecision {
  readonly route: string | null
  readonly strategy: StrategyName
  readonly candidates: readonly {
    readonly carrier: string
    readonly segments: number
    /** What it charges for all of them, as a decimal amount. */
    readonly cost: string
    readonly currency: string
    readonly reasons: readonly string[]
  }[]
  /** All that there are. */
  readonly candidates_total: number
  readonly refused: readonly { readonly carrier: string; readonly reason: string }[]
}

/** Says of every carrier of a decision why it stands where it stands, or why it does not. */
export function explainDecision(decision: RouteDecision): ExplainedDecision {
  return {
    route: decision.route,
    strategy: decision.strategy,
    candidates: decision.candidates.map((candidate) => ({
      carrier: candidate.carrier,
      segments: candidate.segments,
      cost: formatMicros(candidate.priceMicros),
      currency: candidate.currency,
      reasons: explainCandidate(candidate, decision.strategy),
    })),
    candidates_total: decision.candidateCount,
    refused: decision.refused.map(({ carrier, code }) => ({ carrier, reason: REFUSALS[code] })),
  }
}

/**
 * Why the message goes where it goes, for its sender: without amounts, without what is known of
 * carriers, and without the others that were in question.
 */
export function reasonsForSender({
  strategy,
  candidates,
  candidateCount,
}: RouteDecision): string[] {
  const [best] = candidates
  if (!best) return []
  const reasons = [
    best.preference
      ? PREFERENCES[best.preference]
      : candidateCount === 1
        ? 'the only carrier that may have it'
        : CHOICES[strategy],
  ]
  if (best.standing === 'down') reasons.push('no carrier can take it now: it waits')
  return reasons
}

/** Why each carrier is none for a message, for its sender. */
export function refusalsForSender({ refused }: RouteDecision): ExplainedDecision['refused'] {
  return refused.map(({ carrier, code }) => ({
    carrier,
    reason: OF_MONEY.has(code) ? 'not open to this tenant' : REFUSALS[code],
  }))
}

/** What a tenant pays and what is left of it is between the operator and the carriers. */
const OF_MONEY: ReadonlySet<RefusalCode> = new Set(['loss', 'margin_too_small'])

/** Why a candidate stands where it stands, one sentence for each fact. */
export function explainCandidate(candidate: RouteCandidate, strategy: StrategyName): string[] {
  const { rate, currency, segments } = candidate
  const price = `${formatMicros(rate.priceMicros)} ${currency} per segment`
  const total =
    segments === 1
      ? price
      : `${price} x ${segments} segments = ${formatMicros(candidate.priceMicros)} ${currency}`
  const reasons = [`rate for ${ratedBy(candidate)}: ${total}`, quality(candidate)]
  const score = scoreText(candidate, strategy)
  if (score !== undefined) reasons.push(score)
  if (candidate.comparison === 'nominal') {
    reasons.push(`no conversion rate for ${currency}: its amounts are compared as they are`)
  }
  if (candidate.isBelowMinimum) {
    reasons.push('surely delivers less than the strategy asks for: placed after the others')
  }
  if (candidate.isSuspect) {
    reasons.push(
      'nobody uses the codes that it says are delivered here, though those by others are used: placed after the others',
    )
  }
  if (candidate.preference) reasons.push(PREFERENCES[candidate.preference])
  if (candidate.standing === 'down') {
    reasons.push('cannot take it now: placed after the carriers that can')
  }
  return reasons
}

function ratedBy({ rate }: RouteCandidate): string {
  if (rate.network !== null) return `network ${rate.network}`
  return rate.prefix === '' ? 'everywhere' : `prefix ${rate.prefix}`
}

function quality({ success, lower, upper, latencyMs, messages }: RouteCandidate): string {
  const share = `${percent(success)} % delivered lately`
  const bounds =
    lower === upper
      ? ''
      : ` (between ${percent(lower)} and ${percent(upper)} %, of about ${messages} messages)`
  const latency = Number.isNaN(latencyMs) ? '' : `, receipts after ${seconds(latencyMs)} s`
  return `${share}${bounds}${latency}`
}

function scoreText(candidate: RouteCandidate, strategy: StrategyName): string | undefined {
  const { cost, success, score, value, comparison, currency } = candidate
  const unit = comparison === 'converted' ? 'in the base currency' : currency
  switch (strategy) {
    case 'expected_cost':
      return `expected cost ${amount(expectedCost(cost, success))} ${unit} per delivered message`
    case 'weighted':
      return `worth ${amount(value)} delivered: weighted result ${amount(-score)} ${unit}`
    case 'sequential':
      return `number ${score + 1} of its route`
    case 'round_robin':
      return score === 0 ? 'its turn' : undefined
    case 'weighted_round_robin':
      return isChosen(score) ? 'its turn, by its weight' : `weight ${-score}`
    case 'random':
      return isChosen(score) ? 'drawn by lot' : `weight ${-score}`
    default:
      return undefined
  }
}

/** A turn or a lot stands for a score without a bound. */
function isChosen(score: number): boolean {
  return score === Number.NEGATIVE_INFINITY
}

const PREFERENCES: Readonly<Record<NonNullable<RouteCandidate['preference']>, string>> = {
  siblings: 'has the other segments of this long message',
  probe: 'tried again after failures: a few messages tell whether it is well',
  canary: 'the canary of its route: this message is one of its share',
  sticky: 'messages of this kind stay with it',
  explore: 'tried for once, so that what it does stays known',
}

const CHOICES: Readonly<Record<StrategyName, string>> = {
  lowest_cost: 'preferred by price',
  expected_cost: 'preferred by price and share delivered',
  best_quality: 'preferred by share delivered',
  weighted: 'preferred by price, share delivered and time',
  sequential: 'preferred by the order of its route',
  round_robin: 'its turn',
  weighted_round_robin: 'its turn, by its weight',
  random: 'drawn by lot',
}

const REFUSALS: Readonly<Record<RefusalCode, string>> = {
  other_channel: 'is for another channel',
  not_in_route: 'the route does not allow it',
  tried: 'already tried for this message',
  closed: 'taken out of service by the operator',
  class: 'takes no messages of this traffic class',
  capability: 'cannot carry such a message: alphabet, kind, length, receipts or replies',
  no_rate: 'has no rate for this number',
  text: 'cannot carry the text',
  loss: 'costs more than the tenant pays',
  margin_too_small: 'leaves less of the price than the minimum margin',
  canary_stopped: 'the canary of its route, stopped because it delivers too little',
  not_in_rule: 'the failure rule that sends it elsewhere does not name it',
  short_code: 'does not reach this short code',
}

function percent(share: number): string {
  return (share * 100).toFixed(1)
}

function seconds(ms: number): string {
  return (ms / 1_000).toFixed(1)
}

function amount(micros: number): string {
  const bounded = Math.max(-Number.MAX_SAFE_INTEGER, Math.min(Number.MAX_SAFE_INTEGER, micros))
  return formatMicros(BigInt(Math.round(bounded)))
}
