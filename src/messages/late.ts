import type { SegmentOutcome } from '../carriers/carrier.ts'
import type { LateEntry } from './journal.ts'
import type { Attempt, LiveMessage } from './live.ts'
import type { Message } from './message.ts'
import { answerOf, describeOutcome } from './outcomes.ts'

/** The answer to a segment whose outcome counted as unknown. */
export interface LateAnswer {
  readonly attempt: number
  readonly segment: number
  readonly outcome: SegmentOutcome
}

/**
 * The journal's entry for a late answer.
 *
 * @param receiptUntil - when the message is looked at again if the carrier has it
 */
export function lateEntry(
  message: Message,
  { attempt, segment, outcome: given }: LateAnswer,
  at: Date,
  receiptUntil: Date,
): LateEntry {
  const outcome = settledOutcome(given)
  const refusal = outcome.kind === 'refused' ? outcome : undefined
  return {
    kind: 'late',
    message,
    at,
    attempt,
    answers: [answerOf(outcome, segment)],
    event: {
      messageId: message.id,
      at,
      type: 'response',
      status: message.status,
      attempt,
      segment,
      code: refusal?.code,
      rawCode: refusal?.rawCode ?? undefined,
      detail: { late: true, segments: [describeOutcome(outcome)] },
    },
    deadlineAt: receiptUntil,
  }
}

/**
 * What is now known of all segments, where late refusals have settled the present submit of a
 * message: it may be tried elsewhere. Undefined while the carrier may still have any of it, and
 * where nothing is left to decide.
 */
export function refusedOutcomes(
  { message, attempts, isHeld }: LiveMessage,
  { attempt, outcome }: LateAnswer,
): readonly SegmentOutcome[] | undefined {
  const isOpen = message.status === 'sending' || message.status === 'sent'
  // Whoever holds it decides; it is being sent again, most likely.
  if (!isOpen || isHeld || message.attempt !== attempt) return undefined
  const segments = attempts
    .filter((one) => one.attempt === attempt)
    .sort((a, b) => a.segment - b.segment)
  const isUnknown = segments.some(({ state }) => state === 'uncertain' || state === 'sending')
  const isRefused = segments.some(({ state }) => state === 'refused')
  if (isUnknown || !isRefused) return undefined
  return segments.map((segment) => outcomeOf(segment, settledOutcome(outcome)))
}

/** A request for patience is too late to wait for: the carrier does not have the segment. */
function settledOutcome(outcome: SegmentOutcome): SegmentOutcome {
  if (outcome.kind !== 'throttled') return outcome
  return {
    kind: 'refused',
    code: 'carrier_throttled',
    rawCode: outcome.rawCode,
    reason: 'it asked for a slower pace',
    class: 'passing',
  }
}

function outcomeOf(segment: Attempt, latest: SegmentOutcome): SegmentOutcome {
  if (segment.state === 'not_sent') return { kind: 'not_sent', reason: 'the connection closed' }
  if (segment.state === 'refused') {
    if (latest.kind === 'refused') return latest
    const reason = 'it refused another segment'
    const { code, rawCode } = segment
    return { kind: 'refused', code: code ?? 'carrier_refused', rawCode, reason, class: 'passing' }
  }
  return {
    kind: 'accepted',
    carrierMessageId: segment.carrierMessageId ?? '',
    matchKey: segment.matchKey,
  }
}
