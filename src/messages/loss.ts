import { decidingSubmit, segmentsOf } from './deciding-submit.ts'
import { unchanged } from './endings.ts'
import type { MovedEntry, ReceiptEntry } from './journal.ts'
import type { LiveMessage } from './live.ts'
import { isSettled, statusOfSegments } from './states.ts'

/** How a message may end that its receipts say is lost. */
export type Loss = 'undelivered' | 'expired'

const ERROR = /, error (\S+)$/

/**
 * The end that the receipts of the submit that decides give a message; undefined: they do not say it
 * is lost.
 */
export function lossOf(live: LiveMessage): Loss | undefined {
  const states = segmentsOf(live, decidingSubmit(live)).map(({ state }) => state)
  const status = statusOfSegments(states)
  return status === 'delivered' ? undefined : status
}

/**
 * True for a message that its carrier has taken and that is lost by the receipts of all of its segments:
 * none is under way any more, and nobody has decided yet what follows.
 */
export function isLost(live: LiveMessage): boolean {
  const { status } = live.message
  if (status !== 'sent' && status !== 'sending') return false
  return (
    lossOf(live) !== undefined &&
    segmentsOf(live, decidingSubmit(live)).every(({ state }) => isSettled(state))
  )
}

/** A receipt repeats the beginning of the message, which is no part of the record. */
export function withoutText(rawText: string): string {
  const start = rawText.search(/\btext:/i)
  return start < 0 ? rawText : rawText.slice(0, start).trimEnd()
}

/** What a receipt says, as the message's error shows it. */
export function lossReason({ carrier, state, rawError }: ReceiptEntry): string {
  return `${carrier} reported ${state}${rawError ? `, error ${rawError}` : ''}`
}

/** `err` of the receipt that a {@link lossReason} was made of. */
export function rawErrorOf(reason: string | null): string | null {
  return ERROR.exec(reason ?? '')?.[1] ?? null
}

/** The end of a message that is lost by its receipts. */
export function lossEntry(live: LiveMessage, to: Loss, at: Date): MovedEntry {
  const { message, failedReceipt } = live
  return {
    ...unchanged(message, at),
    to,
    dueAt: null,
    deadlineAt: null,
    deadLetter: null,
    rawError: failedReceipt ? failedReceipt.rawError : rawErrorOf(message.errorDetail),
  }
}
