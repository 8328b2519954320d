import { eq } from 'drizzle-orm'
import type { Clock } from '../core/clock.ts'
import { GatewayError } from '../core/errors.ts'
import type { TrafficClass } from '../core/policy.ts'
import type { Guards } from '../routing/guards.ts'
import { parseNumber } from '../routing/number.ts'
import { available } from '../store/available.ts'
import type { Store } from '../store/open.ts'
import { messageFeedback } from '../store/schema/feedback.ts'
import type { Archive } from './archive.ts'

/** What became of a message's purpose: a code was typed in, a link followed; or it was not. */
export type FeedbackOutcome = (typeof FEEDBACK_OUTCOMES)[number]

/** Outcomes that applications report. */
export const FEEDBACK_OUTCOMES = ['converted', 'failed'] as const

/** Feedback as it is stored. */
export interface GivenFeedback {
  readonly messageId: string
  readonly outcome: FeedbackOutcome
  readonly at: Date
}

/** What a {@link Feedback} works with. */
export interface FeedbackOptions {
  readonly store: Store
  readonly archive: Pick<Archive, 'find'>
  readonly guards: Guards | undefined
  readonly clock: Clock
}

/** Takes what applications say of the use of their messages: once for each message. */
export class Feedback {
  readonly #options: FeedbackOptions

  constructor(options: FeedbackOptions) {
    this.#options = options
  }

  /**
   * Stores the feedback on a tenant's message; the same again changes nothing and gives the first.
   *
   * @throws {GatewayError} `not_found`, `feedback_given` when another outcome was reported before,
   *   `storage_unavailable`
   */
  async give(tenantId: string, id: string, outcome: FeedbackOutcome): Promise<GivenFeedback> {
    const { store, archive, guards, clock } = this.#options
    const found = await archive.find(tenantId, id)
    if (!found) throw new GatewayError('not_found', `there is no message with the id "${id}"`)
    const at = clock()
    const [stored] = await available(
      store.db
        .insert(messageFeedback)
        .values({ message_id: id, outcome, created_at: at })
        .onConflictDoNothing()
        .returning(),
    )
    if (!stored) return this.#givenBefore(id, outcome)
    const { message } = found
    const number = message.channel === 'sms' ? parseNumber(message.to_number) : undefined
    if (outcome === 'converted' && guards && number?.ok && message.carrier !== null) {
      const { created_at: createdAt } = message
      const trafficClass = message.traffic_class as TrafficClass
      guards.noteConverted(
        { tenantId, trafficClass, createdAt },
        message.carrier,
        number.number,
        at,
      )
    }
    return { messageId: id, outcome, at }
  }

  async #givenBefore(id: string, outcome: FeedbackOutcome): Promise<GivenFeedback> {
    const [first] = await available(
      this.#options.store.db
        .select()
        .from(messageFeedback)
        .where(eq(messageFeedback.message_id, id)),
    )
    if (first?.outcome === outcome) return { messageId: id, outcome, at: first.created_at }
    throw new GatewayError(
      'feedback_given',
      `the feedback on this message is "${first?.outcome ?? 'gone'}" and cannot be changed`,
    )
  }
}
