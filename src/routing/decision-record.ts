import type { StrategyName } from '../core/route-rule.ts'
import type { Preference, RefusalCode, RouteCandidate, RouteDecision } from './decision.ts'

/**
 * A decision as the timeline keeps it: all that it was made of, so that it can be explained and made
 * again.
 *
 * One text, because it is written twice for every message, to the journal and to the tables: there a
 * text goes through as it is, while of a list every figure would be written again. Its parts are the
 * decision's own figures, the candidates, the refusals and, where there are any, the suspects; names have
 * none of the characters that stand between them.
 */
export interface DecisionRecord {
  readonly decision: string
}

/** Between the parts, between the items of a part, and between the fields of an item. */
const MARK = { part: '|', item: ';', field: ',' } as const
const NETWORK_MARK = 'mcc:'

/** What is kept of a decision. */
export function recordOf(decision: RouteDecision): DecisionRecord {
  const { route, strategy, draw, turn, candidateCount, candidates, refused, suspects } = decision
  let text = `${route ?? ''},${strategy},${draw},${turn},${candidateCount}|`
  for (const candidate of candidates) text += candidateText(candidate)
  text += MARK.part
  for (const { carrier, code } of refused) text += `${carrier},${code};`
  if (suspects.length > 0) text += MARK.part
  for (const carrier of suspects) text += `${carrier};`
  return { decision: text }
}

/** True for what {@link recordOf} has made. */
export function isDecisionRecord(detail: object | null | undefined): detail is DecisionRecord {
  return detail != null && 'decision' in detail && typeof detail.decision === 'string'
}

/** The decision that was kept. */
export function decisionOf(record: DecisionRecord): RouteDecision {
  const [own = '', candidates = '', refused = '', named = ''] = record.decision.split(MARK.part)
  const suspects = itemsOf(named).map(([carrier = '']) => carrier)
  const [route, strategy, draw, turn, candidateCount] = own.split(MARK.field)
  return {
    route: route || null,
    strategy: strategy as StrategyName,
    draw: Number(draw),
    turn: Number(turn),
    candidateCount: Number(candidateCount),
    candidates: itemsOf(candidates).map((fields) => candidateOf(fields, suspects)),
    refused: itemsOf(refused).map(([carrier = '', code]) => {
      return { carrier, code: code as RefusalCode }
    }),
    suspects,
    encoding: null,
    stoppedCanary: null,
  }
}

/** What else a detail says, such as the rule that asked for the decision. */
export function besideDecision({ decision, ...beside }: DecisionRecord): Record<string, unknown> {
  return beside
}

/** Every item ends with its mark. */
function itemsOf(part: string): string[][] {
  return part
    .split(MARK.item)
    .slice(0, -1)
    .map((item) => item.split(MARK.field))
}

/** In the order in which {@link candidateOf} reads them. */
function candidateText(candidate: RouteCandidate): string {
  const { rate, segments, cost, value, success, lower, upper, latencyMs, messages } = candidate
  const ratedBy = rate.network === null ? (rate.prefix ?? '') : NETWORK_MARK + rate.network
  return (
    `${candidate.carrier},${ratedBy},${rate.priceMicros},${rate.currency},${segments},${cost},` +
    `${value},${success},${lower},${upper},${latencyMs},${messages},${candidate.score},` +
    `${candidate.standing},${candidate.comparison},${candidate.preference ?? ''},` +
    `${candidate.isBelowMinimum ? 1 : 0};`
  )
}

function candidateOf(fields: readonly string[], suspects: readonly string[]): RouteCandidate {
  const [carrier = '', ratedBy = '', price = '', currency = '', ...rest] = fields
  const [segments, cost, value, success, lower, upper, latencyMs, messages, score, ...marks] = rest
  const [standing, comparison, preference, isBelowMinimum] = marks
  const isNetwork = ratedBy.startsWith(NETWORK_MARK)
  const priceMicros = BigInt(price)
  return {
    carrier,
    rate: {
      prefix: isNetwork ? null : ratedBy,
      network: isNetwork ? ratedBy.slice(NETWORK_MARK.length) : null,
      priceMicros,
      currency,
      effectiveFromMs: 0,
    },
    segments: Number(segments),
    priceMicros: priceMicros * BigInt(segments ?? 0),
    currency,
    cost: Number(cost),
    comparison: comparison as RouteCandidate['comparison'],
    value: Number(value),
    success: Number(success),
    lower: Number(lower),
    upper: Number(upper),
    latencyMs: Number(latencyMs),
    messages: Number(messages),
    score: Number(score),
    standing: standing as RouteCandidate['standing'],
    preference: (preference || null) as Preference | null,
    isBelowMinimum: isBelowMinimum === '1',
    isSuspect: suspects.includes(carrier),
  }
}
