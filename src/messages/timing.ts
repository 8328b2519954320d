import { GatewayError } from '../core/errors.ts'
import type { ClassPolicy } from '../core/policy.ts'
import type { TimelineEvent } from './journal.ts'
import type { Message } from './message.ts'
import { quietUntil } from './quiet-hours.ts'

/** When a message may be sent. */
export interface Timing {
  /** Not before this instant, as the sender asked; null: at once. */
  readonly sendAt: Date | null
  /** What the message waits for before it joins a queue; null: nothing. */
  readonly dueAt: Date | null
  readonly expiresAt: Date
}

/** Why a message is scheduled. */
export type WaitCause = 'send_at' | 'quiet_hours' | 'guard'

/** How far ahead a message can be scheduled. */
const MAX_AHEAD_DAYS = 400
const DAY_MS = 86_400_000

/** Clocks differ, and requests take their time. */
const MAX_PAST_MS = 5 * 60_000

/** How long carriers commonly try, those that are told no validity included. */
const RECEIPT_WAIT_MS = 3 * DAY_MS

/** A carrier finds that a validity is over when it tries again, and then its receipt comes. */
const EXPIRY_RECEIPT_MS = 3_600_000

/**
 * When a message that its carrier has, or may have, is `unconfirmed`. Unless the policy says
 * otherwise that is after the carrier, which tries until the message's validity ends, could tell so.
 */
export function receiptDeadline(
  policy: ClassPolicy,
  { expiresAt }: Pick<Message, 'expiresAt'>,
  submittedAt: Date,
): Date {
  const submittedMs = submittedAt.getTime()
  const { receiptDeadlineSeconds } = policy
  if (receiptDeadlineSeconds !== undefined) {
    return new Date(submittedMs + receiptDeadlineSeconds * 1_000)
  }
  return new Date(Math.max(submittedMs + RECEIPT_WAIT_MS, expiresAt.getTime() + EXPIRY_RECEIPT_MS))
}

/**
 * The times of a message: as its sender asked, and outside the quiet hours of its country where the
 * policy of its class keeps them.
 *
 * @throws {GatewayError} `send_at_invalid`
 */
export function timingOf(
  country: string,
  policy: ClassPolicy,
  wish: { readonly sendAt: Date | null; readonly validitySeconds: number | null },
  now: Date,
): Timing {
  const sendAt = readSendAt(wish.sendAt, now)
  const startAt = sendAt ?? now
  const allowedAt =
    policy.quietHours === 'country' ? (quietUntil(country, startAt) ?? startAt) : startAt
  const validitySeconds = wish.validitySeconds ?? policy.validitySeconds
  return {
    sendAt,
    dueAt: allowedAt > now ? allowedAt : null,
    expiresAt: new Date(allowedAt.getTime() + validitySeconds * 1_000),
  }
}

/**
 * The instant to send at; null for one that has passed, as long as it is a matter of minutes.
 *
 * @throws {GatewayError} `send_at_invalid`
 */
export function readSendAt(sendAt: Date | null, now: Date): Date | null {
  if (sendAt === null) return null
  const aheadMs = sendAt.getTime() - now.getTime()
  if (aheadMs > MAX_AHEAD_DAYS * DAY_MS) {
    throw new GatewayError(
      'send_at_invalid',
      `${sendAt.toISOString()} is more than ${MAX_AHEAD_DAYS} days ahead`,
      { pointer: '/send_at' },
    )
  }
  if (aheadMs < -MAX_PAST_MS) {
    throw new GatewayError(
      'send_at_invalid',
      `${sendAt.toISOString()} has passed: it is ${now.toISOString()}`,
      { pointer: '/send_at' },
    )
  }
  return aheadMs > 0 ? sendAt : null
}

/** The timeline's line about a wait, with its cause: the sender's wish, or quiet hours. */
export function scheduledEvent(
  messageId: string,
  { sendAt }: Pick<Timing, 'sendAt'>,
  dueAt: Date,
  at: Date,
  cause: WaitCause = sendAt?.getTime() === dueAt.getTime() ? 'send_at' : 'quiet_hours',
): TimelineEvent {
  return { messageId, at, type: 'scheduled', status: 'scheduled', detail: { until: dueAt, cause } }
}
