import { GatewayError } from '../core/errors.ts'
import { type Claimer, claimOne } from './claims.ts'
import type { Dispatcher } from './dispatcher.ts'
import { resendEntry, unchanged } from './endings.ts'
import type { MovedEntry } from './journal.ts'
import type { LiveMessage } from './live.ts'
import type { Message } from './message.ts'
import { findMessages } from './tables.ts'

/** What an operator may make of a message whose outcome is unknown, or that a failure rule holds. */
export type ResolveAction = (typeof RESOLVE_ACTIONS)[number]

/**
 * Ways to settle a message by hand.
 *
 * - `resend`: it goes into its carrier's queue again; the recipient may get it twice
 * - `fail`: it ends, and goes to the dead-letter list
 * - `release`: what a failure rule holds goes into its carrier's queue again
 */
export const RESOLVE_ACTIONS = ['resend', 'fail', 'release'] as const

/** What a {@link Resolution} is built with. */
export interface ResolutionOptions extends Claimer {
  readonly dispatcher: Dispatcher
}

/** Settles by hand what nobody else can: what a rule or a policy holds, submits without an answer. */
export class Resolution {
  readonly #options: ResolutionOptions

  constructor(options: ResolutionOptions) {
    this.#options = options
  }

  /**
   * Settles a message; resolves when that is durable.
   *
   * @throws {GatewayError} `not_found`; `outcome_known` when there is nothing to settle in that way, or
   *   the carrier has some segments and the rest cannot be sent alone; `busy` (retryable) while somebody
   *   works on it
   */
  async resolve(tenantId: string, id: string, action: ResolveAction): Promise<void> {
    const { live: messages, spool, dispatcher, clock } = this.#options
    const held = await this.#take(tenantId, id)
    try {
      const { message } = held
      const isWaiting = message.heldBy !== null && message.status === 'queued'
      if (isWaiting) checkHeld(message, action)
      else checkUnknown(held, action)
      const at = clock()
      await spool.write(
        action === 'fail'
          ? failedEntry(message, at)
          : isWaiting
            ? releasedEntry(message, at)
            : resendEntry(message, 'sent again by hand, its outcome being unknown', at),
      )
    } finally {
      messages.letGo(held)
      const { message } = held
      if (message.status === 'queued' && message.dueAt === null) dispatcher.enqueue(message)
    }
  }

  /** Holds the message, so that the sweeper and the dispatcher leave it alone. */
  async #take(tenantId: string, id: string): Promise<LiveMessage> {
    const { live: messages, store } = this.#options
    const [known] = await findMessages(messages, store, [id])
    let live = messages.get(id)
    if (known?.message.tenantId !== tenantId) {
      throw new GatewayError('not_found', `there is no message with the id "${id}"`)
    }
    if (!live) {
      const claimed = await claimOne(this.#options, id)
      live = claimed && messages.adopt(claimed.message, claimed.attempts)
    }
    if (!live || live.isHeld) {
      throw new GatewayError('busy', 'the message is being worked on: try again in a second', {
        retryable: true,
      })
    }
    messages.hold(live)
    return live
  }
}

function checkHeld({ heldBy }: Message, action: ResolveAction): void {
  if (action !== 'resend') return
  throw new GatewayError(
    'outcome_known',
    `the message is held by the rule "${heldBy}", and no carrier has it: release it or fail it`,
  )
}

function checkUnknown({ message, attempts }: LiveMessage, action: ResolveAction): void {
  const { status, attempt: present } = message
  if (action === 'release') {
    const reason = `the message is ${status} and no rule holds it: there is nothing to release`
    throw new GatewayError('outcome_known', reason)
  }
  const isOpen = status === 'sending' || status === 'sent'
  const segments = attempts.filter(({ attempt }) => attempt === present)
  if (!isOpen || !segments.some(({ state }) => state === 'uncertain')) {
    throw new GatewayError(
      'outcome_known',
      `the message is ${status} and its outcome is not unknown: there is nothing to settle`,
    )
  }
  if (action === 'resend' && status === 'sent') {
    throw new GatewayError(
      'outcome_known',
      `${message.carrier} has some segments of the message: sent again, they would come twice`,
    )
  }
}

function failedEntry(message: Message, at: Date): MovedEntry {
  const { id: messageId, carrier, attempt, heldBy, status } = message
  const isWaiting = heldBy !== null && status === 'queued'
  const code = (isWaiting ? message.errorCode : null) ?? 'outcome_unknown'
  const reason = isWaiting
    ? `held by the rule "${heldBy}" and given up by hand; last: ${message.errorDetail}`
    : `${carrier} did not answer; given up by hand`
  return {
    ...unchanged(message, at),
    to: 'failed',
    failures: message.failures + 1,
    dueAt: null,
    deadlineAt: null,
    errorCode: code,
    errorDetail: reason,
    deadLetter: code,
    events: [
      {
        messageId,
        at,
        type: 'failed',
        status: 'failed',
        carrier,
        attempt,
        code,
        detail: { reason, by_hand: true },
      },
    ],
  }
}

function releasedEntry(message: Message, at: Date): MovedEntry {
  const { id: messageId, carrier, attempt, heldBy: rule } = message
  return {
    ...unchanged(message, at),
    to: 'queued',
    dueAt: null,
    deadlineAt: message.expiresAt,
    heldBy: null,
    events: [
      {
        messageId,
        at,
        type: 'queued',
        status: 'queued',
        carrier,
        attempt,
        detail: { by_hand: true, rule },
      },
    ],
  }
}
