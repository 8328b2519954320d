import type { SegmentOutcome } from '../carriers/carrier.ts'
import type { FailureRule } from '../core/failure-rule.ts'
import { alertEvents, type Setback } from './failure-judge.ts'
import type { MovedEntry, SegmentAnswer, TimelineEvent } from './journal.ts'
import type { Message } from './message.ts'
import type { CarrierCost } from './message-cost.ts'
import { answerOf, responseEvent } from './outcomes.ts'
import type { GiveUpReason } from './retry.ts'
import type { MessageStatus } from './states.ts'

/** What follows the answers to a submit. */
export interface Step {
  readonly entry: MovedEntry
  /** True when the message joins the queue of `entry.carrier` again, at `entry.dueAt` if that is set. */
  readonly rejoins: boolean
}

/** A carrier for a message, with the timeline's line about the choice. */
export interface NextCarrier {
  readonly carrier: string
  readonly cost: CarrierCost
  readonly event: TimelineEvent
}

/** Where and when a message goes again. */
export interface Requeue {
  readonly next?: NextCarrier
  readonly dueAt?: Date
  readonly failures?: number
  readonly code?: string
  readonly detail?: string
}

/** The steps that may follow, each with its entry for the journal. */
export class Steps {
  readonly #message: Message
  readonly #answers: readonly SegmentAnswer[]
  readonly #response: TimelineEvent
  readonly #at: Date
  /** The rule that acts; undefined: none but the default. */
  #rule: string | undefined
  #alerted: readonly FailureRule[] = []
  #code: string | undefined

  constructor(message: Message, outcomes: readonly SegmentOutcome[], at: Date) {
    this.#message = message
    this.#answers = outcomes.map((outcome, index) => answerOf(outcome, index + 1))
    this.#response = responseEvent(message, outcomes, at)
    this.#at = at
  }

  /** The steps that a rule takes, the operator having been told by others. */
  by(rule: FailureRule, alerted: readonly FailureRule[], code: string): this {
    this.#rule = rule.action.kind === 'policy' ? undefined : rule.name
    this.#alerted = alerted
    this.#code = code
    return this
  }

  sent(deadlineAt: Date): Step {
    return { entry: this.#entry('sent', { deadlineAt }), rejoins: false }
  }

  /**
   * It is with the carrier, or may be: nothing is done before a receipt or the deadline.
   *
   * @param heldBy - the rule that leaves it to an operator
   */
  wait(to: 'sent' | 'sending', deadlineAt: Date, heldBy?: string): Step {
    const { carrier } = this.#message
    const code = 'outcome_unknown'
    const detail = `${carrier} did not answer: it may have the message`
    const entry = this.#entry(
      to,
      {
        deadlineAt,
        errorCode: code,
        errorDetail: detail,
        ...(heldBy === undefined ? {} : { heldBy }),
      },
      heldBy === undefined ? [] : [this.#event('held', to, code, { until: deadlineAt })],
    )
    return { entry, rejoins: false }
  }

  queue(step: Requeue): Step {
    const { next, dueAt, code } = step
    const events = next ? [next.event] : []
    if (dueAt && code) events.push(this.#event('retry', 'queued', code, { retry_at: dueAt }))
    return { entry: this.#requeued(step, events), rejoins: true }
  }

  /** As {@link queue}, because a rule says so; the timeline tells which. */
  again(step: Requeue & { readonly code: string; readonly mayBeDuplicate: boolean }): Step {
    const { next, dueAt, code, mayBeDuplicate } = step
    const events: TimelineEvent[] = next
      ? [{ ...next.event, detail: { ...next.event.detail, rule: this.#rule } }]
      : []
    // The choice of another carrier says it all, unless it waits.
    if (!next || dueAt || mayBeDuplicate) {
      const detail = {
        ...(dueAt ? { retry_at: dueAt } : {}),
        ...(mayBeDuplicate ? { may_be_a_duplicate: true } : {}),
      }
      events.push(this.#event('retry', 'queued', code, detail))
    }
    return { entry: this.#requeued(step, events), rejoins: true }
  }

  /** It waits for an operator until its validity ends. */
  hold(heldBy: string, { code, detail }: Setback, failures: number): Step {
    const until = this.#message.expiresAt
    const entry = this.#entry(
      'queued',
      { dueAt: until, deadlineAt: until, failures, errorCode: code, errorDetail: detail, heldBy },
      [this.#event('held', 'queued', code, { reason: detail, until })],
    )
    return { entry, rejoins: false }
  }

  /** Nothing is tried any more. */
  giveUp(why: GiveUpReason, code: string, detail: string, failures: number): Step {
    if (why !== 'expired') return this.fail(code, detail, { failures, deadLetter: why })
    const entry = this.#entry(
      'expired',
      { failures, deadlineAt: null, deadLetter: why, errorCode: code, errorDetail: detail },
      [this.#event('expired', 'expired', code, { reason: detail })],
    )
    return { entry, rejoins: false }
  }

  fail(
    code: string,
    detail: string,
    more: { readonly failures?: number; readonly deadLetter?: string } = {},
  ): Step {
    const { failures = this.#message.failures + 1, deadLetter = code } = more
    const entry = this.#entry(
      'failed',
      { failures, deadlineAt: null, deadLetter, errorCode: code, errorDetail: detail },
      [this.#event('failed', 'failed', code, { reason: detail })],
    )
    return { entry, rejoins: false }
  }

  #requeued(step: Requeue, events: readonly TimelineEvent[]): MovedEntry {
    const { next, dueAt = null, failures, code = null, detail = null } = step
    return this.#entry(
      'queued',
      {
        carrier: next?.carrier ?? this.#message.carrier,
        cost: next?.cost,
        dueAt,
        failures: failures ?? this.#message.failures,
        deadlineAt: this.#message.expiresAt,
        errorCode: code,
        errorDetail: detail,
      },
      events,
    )
  }

  #entry(
    to: MessageStatus,
    more: Partial<MovedEntry>,
    events: readonly TimelineEvent[] = [],
  ): MovedEntry {
    const message = this.#message
    return {
      kind: 'moved',
      message,
      to,
      at: this.#at,
      carrier: message.carrier,
      attempt: message.attempt,
      answers: this.#answers,
      errorCode: null,
      errorDetail: null,
      failures: message.failures,
      dueAt: null,
      deadlineAt: message.deadlineAt,
      deadLetter: null,
      ...more,
      events: [{ ...this.#response, status: to }, ...this.#alertEvents(to), ...events],
    }
  }

  #alertEvents(to: MessageStatus): TimelineEvent[] {
    if (this.#alerted.length === 0) return []
    return alertEvents(this.#message, this.#alerted, to, this.#code ?? '', this.#at)
  }

  #event(
    type: 'failed' | 'expired' | 'retry' | 'held',
    status: MessageStatus,
    code: string,
    detail: object,
  ): TimelineEvent {
    const { id, carrier, attempt } = this.#message
    const told = this.#rule === undefined ? detail : { ...detail, rule: this.#rule }
    return { messageId: id, at: this.#at, type, status, carrier, attempt, code, detail: told }
  }
}
