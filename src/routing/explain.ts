import { formatMicros } from '../core/money.ts'

/** What the texts of a candidate are made of. */
export interface CandidateFacts {
  /** Of one segment. */
  readonly rate: { readonly prefix: string; readonly priceMicros: bigint }
  /** Price of all segments, in millionths of {@link currency}. */
  readonly priceMicros: bigint
  /** ISO 4217. */
  readonly currency: string
  readonly segments: number
  /** Share of messages delivered lately, 0 to 1. */
  readonly success: number
  /**
   * Expected cost per delivered message, in micro-units of the base or of {@link currency}; lower is
   * better.
   */
  readonly score: number
  /** Whether the carrier could take a message at the moment of the decision. */
  readonly isUp: boolean
  /** Whether it has the other segments of a long message that came one by one. */
  readonly hasSiblings: boolean
  /** `converted`: the score is in the base currency; `nominal`: amounts were compared as they are. */
  readonly comparison: 'same' | 'converted' | 'nominal'
}

/**
 * Why a candidate stands where it stands, one sentence for each fact.
 *
 * Ask for the candidates that are shown: the texts cost more than the decision.
 */
export function explainCandidate(facts: CandidateFacts): string[] {
  const { rate, currency, segments } = facts
  const where = rate.prefix === '' ? 'everywhere' : `prefix ${rate.prefix}`
  const price = `${formatMicros(rate.priceMicros)} ${currency} per segment`
  const total =
    segments === 1
      ? price
      : `${price} x ${segments} segments = ${formatMicros(facts.priceMicros)} ${currency}`
  const cost = formatMicros(BigInt(Math.round(facts.score)))
  const unit = facts.comparison === 'converted' ? 'in the base currency' : currency
  const reasons = [
    `rate for ${where}: ${total}`,
    `${(facts.success * 100).toFixed(1)} % delivered lately: expected cost ${cost} ${unit} per delivered message`,
  ]
  if (facts.comparison === 'nominal') {
    reasons.push(`no conversion rate for ${currency}: its amounts are compared as they are`)
  }
  if (facts.hasSiblings) reasons.push('has the other segments of this long message')
  if (!facts.isUp) reasons.push('not connected now: placed after the carriers that are')
  return reasons
}

/** Why a carrier is no candidate. */
export const refusals = {
  noRate: (digits: string) => `no rate reaches +${digits.slice(0, 6)}…`,
  alreadyTried: () => 'already tried for this message',
  wrongClass: (trafficClass: string, allowed: readonly string[]) =>
    `takes no ${trafficClass} traffic, only ${allowed.join(', ')}`,
  noSegments: (count: number) => `cannot carry the text: it would take ${count} segments there`,
} as const
