import type { SegmentOutcome } from '../carriers/carrier.ts'
import type { Setback } from './failure-judge.ts'
import type { Message } from './message.ts'

/**
 * How a submit has failed.
 *
 * - `refused`: nothing of it was taken
 * - `throttled`: its carrier has asked for a slower pace more often than the policy has patience
 * - `lost`: it surely did not leave
 * - `partial`: some segments are with the carrier, others are not and will not be
 * - `unknown`: the carrier may have it
 */
export type SendFailureKind = 'refused' | 'throttled' | 'lost' | 'partial' | 'unknown'

/** A submit that has failed. */
export interface SendFailure extends Setback {
  readonly scene: 'send_failure'
  readonly kind: SendFailureKind
  /** As the carrier's side of the gateway tells it. */
  readonly reason: string
  /** True for a refusal that may pass. */
  readonly isPassing: boolean
  /** True where no other carrier is to be asked. */
  readonly isFinal: boolean
  /** Where an unknown one waits: `sent` when the carrier is known to have a part of it. */
  readonly to: 'sent' | 'sending'
}

const TOO_OFTEN = 'it asked for a slower pace too often'

/** What the outcomes of a submit's segments come to; undefined: its carrier has taken all of them. */
export function failureOf(
  { carrier }: Message,
  outcomes: readonly SegmentOutcome[],
): SendFailure | undefined {
  let refusal: Extract<SegmentOutcome, { kind: 'refused' }> | undefined
  let unsent: Extract<SegmentOutcome, { kind: 'not_sent' | 'throttled' }> | undefined
  let unknown: Extract<SegmentOutcome, { kind: 'uncertain' }> | undefined
  let isAccepted = false
  for (const outcome of outcomes) {
    if (outcome.kind === 'accepted') isAccepted = true
    else if (outcome.kind === 'refused') refusal ??= outcome
    else if (outcome.kind === 'uncertain') unknown ??= outcome
    else unsent ??= outcome
  }
  if (!refusal && !unsent && !unknown) return undefined
  const isTaken = isAccepted || unknown !== undefined
  const to = isAccepted ? 'sent' : 'sending'
  const base = {
    scene: 'send_failure',
    isPassing: false,
    isFinal: false,
    to,
    rawCode: null,
  } as const
  if (refusal) {
    const { reason, code, rawCode } = refusal
    if (isTaken) {
      const detail = `${carrier} took some segments and refused others: ${reason}`
      const partial = { ...base, kind: 'partial', code: 'partially_sent' } as const
      return { ...partial, rawCode, detail, reason, text: detail }
    }
    const detail = `${carrier} refused: ${reason}`
    const isPassing = refusal.class === 'passing'
    const isFinal = refusal.class === 'final'
    return {
      ...base,
      kind: 'refused',
      code,
      rawCode,
      detail,
      reason,
      text: detail,
      isPassing,
      isFinal,
    }
  }
  if (unsent) {
    const reason = unsent.kind === 'throttled' ? TOO_OFTEN : unsent.reason
    if (isTaken) {
      // Some segments may be with the carrier already; then the rest can only be waited for.
      const detail = `${carrier} has only some of the segments: ${reason}`
      return { ...base, kind: 'partial', code: 'partially_sent', detail, reason, text: detail }
    }
    if (unsent.kind === 'throttled') {
      const { rawCode } = unsent
      const detail = `${carrier} refused: ${reason}`
      const code = 'carrier_throttled'
      return { ...base, kind: 'throttled', code, rawCode, detail, reason, text: detail }
    }
    const detail = `the connection to ${carrier} closed`
    const text = `${detail}: ${reason}`
    return { ...base, kind: 'lost', code: 'carrier_unreachable', detail, reason, text }
  }
  const reason = unknown?.reason ?? ''
  const detail = `${carrier} did not answer: it may have the message`
  const text = `${detail}: ${reason}`
  return { ...base, kind: 'unknown', code: 'outcome_unknown', detail, reason, text }
}
