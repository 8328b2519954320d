import type { SegmentOutcome } from '../carriers/carrier.ts'
import { failureCode } from './failure.ts'
import type { SegmentAnswer, TimelineEvent } from './journal.ts'
import type { Message } from './message.ts'

/** What the journal keeps of the outcome of one segment, counted from 1. */
export function answerOf(outcome: SegmentOutcome, segment: number): SegmentAnswer {
  const none = { segment, carrierMessageId: null, matchKey: null, commandStatus: null }
  switch (outcome.kind) {
    case 'accepted':
      return {
        segment,
        state: 'sent',
        carrierMessageId: outcome.carrierMessageId,
        matchKey: outcome.matchKey,
        commandStatus: 0,
      }
    case 'refused':
      return { ...none, state: 'refused', commandStatus: outcome.commandStatus }
    case 'throttled':
      return { ...none, state: 'not_sent', commandStatus: outcome.commandStatus }
    case 'uncertain':
      return { ...none, state: 'uncertain' }
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
    code: refusal && failureCode(refusal.commandStatus),
    rawCode: rawCodeOf(refusal?.commandStatus),
    detail: { segments: outcomes.map(describeOutcome) },
  }
}

/** A `command_status` as the specification writes it. */
export function rawCodeOf(commandStatus: number | null | undefined): string | undefined {
  if (commandStatus === null || commandStatus === undefined) return undefined
  return `0x${commandStatus.toString(16).padStart(8, '0')}`
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
