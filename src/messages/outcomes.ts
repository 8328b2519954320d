import type { SegmentOutcome } from '../carriers/carrier.ts'
import type { SegmentAnswer, TimelineEvent } from './journal.ts'
import type { Message } from './message.ts'

/** What the journal keeps of the outcome of one segment, counted from 1. */
export function answerOf(outcome: SegmentOutcome, segment: number): SegmentAnswer {
  const none = { segment, carrierMessageId: null, matchKey: null, code: null, rawCode: null }
  switch (outcome.kind) {
    case 'accepted':
      return {
        segment,
        state: 'sent',
        carrierMessageId: outcome.carrierMessageId,
        matchKey: outcome.matchKey,
        code: null,
        rawCode: null,
      }
    case 'refused':
      return { ...none, state: 'refused', code: outcome.code, rawCode: outcome.rawCode }
    case 'throttled':
      return { ...none, state: 'not_sent', rawCode: outcome.rawCode }
    case 'uncertain':
      return { ...none, state: 'uncertain', matchKey: outcome.matchKey ?? null }
    case 'not_sent':
      return { ...none, state: 'not_sent' }
  }
}

/** The line of a timeline about the answers to a submit. */
export function responseEvent(
  message: Message,
  outcomes: readonly SegmentOutcome[],
  at: Date,
): TimelineEvent {
  const refusal = outcomes.find((outcome) => outcome.kind === 'refused')
  const isUncertain = outcomes.some(({ kind }) => kind === 'uncertain')
  return {
    messageId: message.id,
    at,
    type: isUncertain ? 'uncertain' : 'response',
    status: message.status,
    carrier: message.carrier,
    attempt: message.attempt,
    code: refusal?.code,
    rawCode: refusal?.rawCode ?? undefined,
    detail: { segments: outcomes.map(describeOutcome) },
  }
}

/** An outcome as timelines show it. */
export function describeOutcome(outcome: SegmentOutcome): object {
  switch (outcome.kind) {
    case 'accepted':
      return { result: 'accepted', carrier_message_id: outcome.carrierMessageId }
    case 'throttled':
      return { result: 'throttled' }
    default:
      return { result: outcome.kind, reason: outcome.reason }
  }
}
