import type { ClassPolicy } from '../core/policy.ts'
import type { MovedEntry, TimelineEvent } from './journal.ts'
import type { Attempt } from './live.ts'
import type { Message } from './message.ts'
import { costOfSubmit } from './message-cost.ts'
import type { SegmentState } from './states.ts'
import { receiptDeadline } from './timing.ts'

/*
 * A message that is sent again for a missing receipt has two submits, and either may deliver it. The
 * latest decides what becomes of it. Where that comes to nothing, the carrier of an earlier one still
 * has the message: then its receipt decides, or the deadline.
 */

/** A message with what is known of its submits. */
interface Submitted {
  readonly message: Message
  readonly attempts: readonly Attempt[]
}

/** The segments of one submit. */
export function segmentsOf({ attempts }: Submitted, submit: number): Attempt[] {
  return attempts.filter(({ attempt }) => attempt === submit)
}

/**
 * The number of the submit whose receipts say what becomes of a message: the latest, unless that has
 * come to nothing and an earlier one has not, or has been taken at least.
 */
export function decidingSubmit(submitted: Submitted): number {
  const { attempt: latest, status } = submitted.message
  if (latest <= 1) return latest
  const isOver = segmentsOf(submitted, latest).some(
    // What was refused while it is being sent goes elsewhere, most likely.
    ({ state }) => isLostState(state) || (status === 'sent' && isUntaken(state)),
  )
  if (!isOver) return latest
  return (
    submitAtCarrier(submitted) ?? newest(submitted, (states) => !states.some(isUntaken)) ?? latest
  )
}

/**
 * The newest submit that its carrier has taken whole and has not told the fate of: it may still be
 * delivered. Undefined: there is none.
 */
export function submitAtCarrier(submitted: Submitted): number | undefined {
  return newest(
    submitted,
    (states) =>
      states.includes('sent') && states.every((state) => state === 'sent' || state === 'delivered'),
  )
}

/**
 * The move of a message that would fail or expire now, to where the carrier is waited for that has it
 * by an earlier submit; the move that was given, where there is no such.
 */
export function unlessAtCarrier(
  submitted: Submitted,
  move: MovedEntry,
  policy: ClassPolicy,
): MovedEntry {
  if (move.to !== 'failed' && move.to !== 'expired') return move
  const number = submitAtCarrier(submitted)
  const segments = number === undefined ? [] : segmentsOf(submitted, number)
  const [first] = segments
  if (!first) return move
  const returned = returnedEvent(first, move.errorCode, move.errorDetail, move.at)
  const others = move.events.filter(({ type }) => type !== move.to)
  return {
    ...move,
    to: 'sent',
    carrier: first.carrier,
    cost: costOfSubmit(segments),
    errorDetail: `${move.errorDetail}; ${first.carrier} has it, and has not told what became of it`,
    dueAt: null,
    deadlineAt: receiptDeadline(policy, submitted.message, first.submittedAt),
    deadLetter: null,
    heldBy: null,
    events: [...others.map((event) => ({ ...event, status: 'sent' as const })), returned],
  }
}

/** The timeline's line about a message that waits for the carrier of an earlier submit again. */
export function returnedEvent(
  { messageId, carrier, attempt }: Attempt,
  code: string | null,
  reason: string | null,
  at: Date,
): TimelineEvent {
  return {
    messageId,
    at,
    type: 'returned',
    status: 'sent',
    carrier,
    attempt,
    code: code ?? undefined,
    detail: { reason },
  }
}

function newest(
  submitted: Submitted,
  fits: (states: readonly SegmentState[]) => boolean,
): number | undefined {
  for (let submit = submitted.message.attempt; submit > 0; submit--) {
    const states = segmentsOf(submitted, submit).map(({ state }) => state)
    if (states.length > 0 && fits(states)) return submit
  }
  return undefined
}

function isLostState(state: SegmentState): boolean {
  return state === 'undelivered' || state === 'expired'
}

function isUntaken(state: SegmentState): boolean {
  return state === 'refused' || state === 'not_sent'
}
