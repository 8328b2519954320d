import type { Message } from '../messages/message.ts'
import type { MessageStatus } from '../messages/states.ts'
import type { MessageState } from '../smpp/receipt-state.ts'

const STATES: Readonly<Record<MessageStatus, MessageState>> = {
  accepted: 'ENROUTE',
  scheduled: 'SCHEDULED',
  queued: 'ENROUTE',
  sending: 'ENROUTE',
  sent: 'ENROUTE',
  delivered: 'DELIVERED',
  undelivered: 'UNDELIVERABLE',
  expired: 'EXPIRED',
  failed: 'REJECTED',
  canceled: 'DELETED',
  unconfirmed: 'UNKNOWN',
}

/** First version that knows the state SCHEDULED. */
const FIRST_VERSION_WITH_SCHEDULED = 0x50

/** What a submit_multi is called whose messages have ended differently: the first that there is. */
const WORST_FIRST: readonly MessageStatus[] = [
  'undelivered',
  'failed',
  'expired',
  'unconfirmed',
  'canceled',
  'delivered',
]

/** The state of a message as partners are told it. */
export function stateOf(status: MessageStatus, interfaceVersion: number): MessageState {
  const state = STATES[status]
  return state === 'SCHEDULED' && interfaceVersion < FIRST_VERSION_WITH_SCHEDULED
    ? 'ENROUTE'
    : state
}

/**
 * The message whose state stands for all that share an id: one that is still open, else the one that
 * ended worst, so that DELIVERED means all of them.
 *
 * @param messages - at least one
 */
export function speakerOf(messages: readonly Message[]): Message | undefined {
  const open = messages.find(({ finalAt }) => finalAt === null)
  if (open) return open
  for (const status of WORST_FIRST) {
    const found = messages.find((message) => message.status === status)
    if (found) return found
  }
  return messages[0]
}

/** When the last of the messages has ended; null while one has not. */
export function finalAtOf(messages: readonly Message[]): Date | null {
  let latest: Date | null = null
  for (const { finalAt } of messages) {
    if (finalAt === null) return null
    if (latest === null || finalAt > latest) latest = finalAt
  }
  return latest
}
