/** Where a message stands, as the API names it. */
export type MessageStatus =
  | 'accepted'
  | 'scheduled'
  | 'queued'
  | 'sending'
  | 'sent'
  | 'delivered'
  | 'undelivered'
  | 'failed'
  | 'expired'
  | 'canceled'
  | 'unconfirmed'

/** Where one submit of one segment stands. */
export type SegmentState =
  /** Journalled; the octets may or may not have left. */
  | 'sending'
  /** The carrier answered with an id. */
  | 'sent'
  /** The carrier answered with an error. */
  | 'refused'
  /** It surely did not leave. */
  | 'not_sent'
  /** No answer came; the carrier may have it. */
  | 'uncertain'
  | 'delivered'
  | 'undelivered'
  | 'expired'

/** The states a message may go to from each state; a final state leads nowhere. */
export const TRANSITIONS: Readonly<Record<MessageStatus, readonly MessageStatus[]>> = {
  accepted: ['scheduled', 'queued', 'sending', 'failed', 'expired', 'canceled'],
  // It fails where nobody can read it any more.
  scheduled: ['scheduled', 'queued', 'failed', 'expired', 'canceled'],
  // A late receipt may say that an earlier submit was delivered after all. What nobody else takes goes
  // back to waiting for the carrier that has it.
  queued: ['scheduled', 'queued', 'sending', 'sent', 'delivered', 'failed', 'expired', 'canceled'],
  sending: [
    'queued',
    'sending',
    'sent',
    'delivered',
    'undelivered',
    'failed',
    'expired',
    'canceled',
    'unconfirmed',
  ],
  // Sent again where a class wants that of a missing receipt, or a rule of what its receipts say is lost.
  sent: [
    'queued',
    'sent',
    'delivered',
    'undelivered',
    'failed',
    'expired',
    'canceled',
    'unconfirmed',
  ],
  delivered: [],
  undelivered: [],
  failed: [],
  expired: [],
  canceled: [],
  unconfirmed: [],
}

/** Every status, in the order of a message's life. */
export const MESSAGE_STATUSES = Object.keys(TRANSITIONS) as readonly MessageStatus[]

/** True for a state that is never left. */
export function isFinal(status: MessageStatus): boolean {
  return TRANSITIONS[status].length === 0
}

/** True for a message that no carrier has, and that may still be taken back or changed. */
export function isWaiting(status: MessageStatus): boolean {
  return status === 'queued' || status === 'scheduled'
}

/** True when a message may go from one state to the other. */
export function mayMove(from: MessageStatus, to: MessageStatus): boolean {
  return TRANSITIONS[from].includes(to)
}

/** The states that may lead to a state: the `WHERE` of the update that enters it. */
export function statesBefore(to: MessageStatus): readonly MessageStatus[] {
  return MESSAGE_STATUSES.filter((from) => mayMove(from, to))
}

/** True for a segment whose fate a receipt has settled. */
export function isSettled(state: SegmentState): boolean {
  return state === 'delivered' || state === 'undelivered' || state === 'expired'
}

/**
 * What receipts say of a whole message, from the segments of one attempt.
 *
 * Delivered when every segment is; lost as soon as one segment is, because the handset shows only
 * whole messages. Undefined while that is open.
 */
export function statusOfSegments(
  states: readonly SegmentState[],
): 'delivered' | 'undelivered' | 'expired' | undefined {
  if (states.length > 0 && states.every((state) => state === 'delivered')) return 'delivered'
  if (states.includes('undelivered')) return 'undelivered'
  if (states.includes('expired')) return 'expired'
  return undefined
}
