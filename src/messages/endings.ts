import { RECEIPT_MISSING } from './carrier-outcome.ts'
import type { MovedEntry } from './journal.ts'
import type { Message } from './message.ts'

/** An entry that changes nothing but when a message was last moved; to be filled in. */
export function unchanged(message: Message, at: Date): MovedEntry {
  return {
    kind: 'moved',
    message,
    to: message.status,
    at,
    carrier: message.carrier,
    attempt: message.attempt,
    answers: [],
    events: [],
    errorCode: message.errorCode,
    errorDetail: message.errorDetail,
    failures: message.failures,
    dueAt: message.dueAt,
    deadlineAt: message.deadlineAt,
    deadLetter: message.deadLetter,
    heldBy: message.heldBy,
  }
}

/** How a message may end without a carrier's word. */
export type OwnEnding = 'expired' | 'unconfirmed' | 'canceled'

interface Reason {
  readonly code: string
  readonly detail: (message: Message) => string
  readonly isDeadLetter: boolean
}

const REASONS: Readonly<Record<OwnEnding, Reason>> = {
  expired: {
    code: 'expired',
    detail: ({ errorDetail }) =>
      `no carrier has taken it in time${errorDetail === null ? '' : `; last: ${errorDetail}`}`,
    isDeadLetter: true,
  },
  unconfirmed: {
    code: RECEIPT_MISSING,
    detail: ({ carrier }) => `no final receipt from ${carrier} in time`,
    isDeadLetter: false,
  },
  canceled: { code: 'canceled', detail: () => 'canceled by the sender', isDeadLetter: false },
}

/**
 * The end of a message that no carrier has decided.
 *
 * @param why - stands for the usual reason of that end
 * @param attempt - the submit that was waited for
 */
export function endEntry(
  message: Message,
  to: OwnEnding,
  at: Date,
  why?: string,
  attempt = message.attempt,
): MovedEntry {
  const { code, detail, isDeadLetter } = REASONS[to]
  const reason = why ?? detail(message)
  return {
    ...unchanged(message, at),
    to,
    events: [
      {
        messageId: message.id,
        at,
        type: to,
        status: to,
        carrier: message.carrier,
        attempt,
        code,
        detail: { reason },
      },
    ],
    errorCode: code,
    errorDetail: reason,
    dueAt: null,
    deadlineAt: null,
    deadLetter: isDeadLetter ? code : null,
  }
}

/** The end of a message that waits and whose text or number cannot be decrypted: nobody can send it. */
export function unreadableEntry(message: Message, at: Date): MovedEntry {
  const { id: messageId, carrier, attempt } = message
  const code = 'decryption_failed'
  const reason = 'what is stored of it is damaged and cannot be decrypted'
  return {
    ...unchanged(message, at),
    to: 'failed',
    events: [
      {
        messageId,
        at,
        type: 'failed',
        status: 'failed',
        carrier,
        attempt,
        code,
        detail: { reason },
      },
    ],
    errorCode: code,
    errorDetail: reason,
    dueAt: null,
    deadlineAt: null,
    deadLetter: null,
  }
}

/** The move of a message that is sent again although its carrier may have it. */
export function resendEntry(message: Message, reason: string, at: Date): MovedEntry {
  return {
    ...unchanged(message, at),
    to: 'queued',
    failures: message.failures + 1,
    dueAt: null,
    deadlineAt: message.expiresAt,
    heldBy: null,
    errorCode: 'outcome_unknown',
    errorDetail: reason,
    events: [
      {
        messageId: message.id,
        at,
        type: 'retry',
        status: 'queued',
        carrier: message.carrier,
        attempt: message.attempt,
        code: 'outcome_unknown',
        detail: { reason, may_be_a_duplicate: true },
      },
    ],
  }
}
