import type { Quality } from '../routing/quality.ts'
import { qualityCellOf, RECEIPT_MISSING } from './carrier-outcome.ts'
import type { MovedEntry } from './journal.ts'
import type { Attempt, LiveMessage } from './live.ts'
import type { Message } from './message.ts'
import type { Routes } from './routes.ts'
import { newlyHeld, type PolicyFor } from './settle.ts'

/** What {@link MissingReceipts} work with. */
export interface MissingReceiptsOptions {
  readonly quality: Pick<Quality, 'latencyQuantile'>
  readonly routes: Pick<Routes, 'reroute' | 'givesReceipts'>
  readonly policyFor: PolicyFor
}

/**
 * Sends a message whose final receipt is late once more, through another carrier, where the policy of
 * its class wants that: a code is worth nothing tomorrow, and does no harm twice.
 *
 * Late is what has not come when nearly all receipts of that carrier have, as it has learnt from them.
 */
export class MissingReceipts {
  readonly #options: MissingReceiptsOptions

  constructor(options: MissingReceiptsOptions) {
    this.#options = options
  }

  /**
   * When the receipt of a message is late that its carrier has taken; undefined: it is waited for to the
   * deadline.
   */
  readonly lateAt = (message: Message, submittedAt: Date): Date | undefined => {
    const { quality, routes, policyFor } = this.#options
    const policy = policyFor(message.trafficClass)
    if (policy.missingReceipt !== 'resend' || !routes.givesReceipts(message.carrier)) {
      return undefined
    }
    const submittedMs = submittedAt.getTime()
    const learntMs = quality.latencyQuantile(
      message.carrier,
      qualityCellOf(message),
      policy.missingReceiptQuantile,
      submittedMs,
    )
    const leastMs = policy.missingReceiptSeconds * 1_000
    const waitMs = Number.isNaN(learntMs)
      ? leastMs
      : Math.max(leastMs, learntMs * policy.missingReceiptFactor)
    const lateMs = submittedMs + waitMs
    return lateMs < message.expiresAt.getTime() ? new Date(lateMs) : undefined
  }

  /**
   * The move of a message to another carrier; undefined where its receipt is not late, it has been sent
   * again before, or nobody else can take it now.
   */
  resend(live: LiveMessage, at: Date): MovedEntry | undefined {
    const { message, attempts } = live
    if (message.status !== 'sent' || message.expiresAt <= at) return undefined
    const present = attempts.filter(({ attempt }) => attempt === message.attempt)
    const [first] = present
    if (!first || !present.every(({ state }) => state === 'sent')) return undefined
    if (attempts.some((each) => each.attempt < message.attempt && hasIt(each))) return undefined
    const lateAt = this.lateAt(message, first.submittedAt)
    if (!lateAt || lateAt > at) return undefined
    const held = newlyHeld(message, [message.carrier])
    const move = this.#options.routes.reroute(held, at)
    if (!move) return undefined
    const waited = Math.round((at.getTime() - first.submittedAt.getTime()) / 1_000)
    const reason = `no receipt from ${message.carrier} within ${waited} s: sent again through ${move.carrier}`
    return {
      ...move,
      errorCode: RECEIPT_MISSING,
      errorDetail: reason,
      deadlineAt: message.expiresAt,
      events: [
        {
          messageId: message.id,
          at,
          type: 'retry',
          status: 'queued',
          carrier: message.carrier,
          attempt: message.attempt,
          code: RECEIPT_MISSING,
          detail: { reason, may_be_a_duplicate: true },
        },
        ...move.events,
      ],
    }
  }
}

/** The carriers that have a message that is sent again, and are not to get it twice. */
export function holdersOf({ attempts }: LiveMessage): string[] {
  return attempts.filter(({ state }) => state === 'sent').map(({ carrier }) => carrier)
}

/** Whether a carrier has the segment, or may have it. */
function hasIt({ state }: Attempt): boolean {
  return state !== 'refused' && state !== 'not_sent'
}
