import type { SegmentOutcome } from '../carriers/carrier.ts'
import type { ClassPolicy, TrafficClass } from '../core/policy.ts'
import { failureCode } from './failure.ts'
import type { MovedEntry, SegmentAnswer, TimelineEvent } from './journal.ts'
import type { Message } from './message.ts'
import { type GiveUpReason, nextRetry } from './retry.ts'
import type { MessageStatus } from './states.ts'
import { receiptDeadline } from './timing.ts'

/** A message the dispatcher works on. */
export interface Held {
  readonly message: Message
  /** Carriers that refused it since it last waited, and its {@link holders}. */
  readonly tried: Set<string>
  /** Carriers that have it already, and have not told what became of it. */
  readonly holders: readonly string[]
  /** How often every carrier has been asked. */
  rounds: number
  /** How often a connection closed under it. */
  lostConnections: number
  /** Set when it is taken away from the dispatcher: whoever did so moves it on. */
  isWithdrawn: boolean
  /** True from its turn until the answer is journalled. */
  isSubmitting: boolean
  /** True while it is a probe of its carrier's health. */
  isProbe: boolean
}

const NOBODY: readonly string[] = []

/** A message that has just come to the dispatcher. */
export function newlyHeld(message: Message, holders = NOBODY): Held {
  return {
    message,
    tried: new Set(holders),
    holders,
    rounds: 0,
    lostConnections: 0,
    isWithdrawn: false,
    isSubmitting: false,
    isProbe: false,
  }
}

/** The policy of a traffic class. */
export type PolicyFor = (trafficClass: TrafficClass) => ClassPolicy

/** What follows the answers to a submit. */
export interface Step {
  readonly entry: MovedEntry
  /** True when the message joins the queue of `entry.carrier` again, at `entry.dueAt` if that is set. */
  readonly rejoins: boolean
}

/** A carrier for a message, with the timeline's line about the choice. */
export interface NextCarrier {
  readonly carrier: string
  readonly event: TimelineEvent
}

/** Gives the next carrier for a message; undefined when there is none. */
export type ChooseNext = (
  message: Message,
  excluded: ReadonlySet<string>,
  at: Date,
) => NextCarrier | undefined

/** What {@link nextStep} decides by. */
export interface StepRules {
  readonly policy: ClassPolicy
  readonly chooseNext: ChooseNext
  /** Gives another carrier that is up while the message's own is down. */
  readonly chooseOtherUp: ChooseNext
  /** Gives numbers in [0, 1), for the jitter of waits. */
  readonly random: () => number
  readonly lateAt?: LateAt | undefined
}

/** When the receipt of a message is late that a carrier takes now; undefined: at its deadline. */
export type LateAt = (message: Message, submittedAt: Date) => Date | undefined

/**
 * Decides what follows the answers to one submit: sent, the next carrier, a wait, or the end.
 * Changes `held.tried`.
 *
 * A message of which some segments were taken goes nowhere else: the recipient would get those
 * twice. An unanswered one is sent again only where the policy of its class says so.
 */
export function nextStep(
  held: Held,
  outcomes: readonly SegmentOutcome[],
  rules: StepRules,
  at: Date,
): Step {
  const { message } = held
  const steps = new Steps(message, outcomes, at)
  const refusal = outcomes.find((outcome) => outcome.kind === 'refused')
  const unsent = outcomes.find((outcome) => outcome.kind === 'not_sent')
  const kinds = new Set(outcomes.map(({ kind }) => kind))
  const isTaken = kinds.has('accepted') || kinds.has('uncertain')

  if (isTaken && refusal) {
    const reason = `${message.carrier} took some segments and refused others: ${refusal.reason}`
    return steps.fail('partially_sent', reason)
  }
  if (refusal) return afterRefusal(held, refusal, rules, steps, at)
  if (unsent) {
    if (!isTaken && message.expiresAt <= at) {
      const detail = `${message.carrier} has not taken it in time: ${unsent.reason}`
      return steps.giveUp('expired', 'expired', detail, message.failures)
    }
    if (!isTaken) return afterLostConnection(held, rules, steps, at)
    // Some segments may be with the carrier already; then the rest can only be waited for.
    const reason = `${message.carrier} has only some of the segments: ${unsent.reason}`
    return steps.fail('partially_sent', reason)
  }
  if (kinds.has('uncertain')) {
    const to = kinds.has('accepted') ? 'sent' : 'sending'
    return steps.wait(to, unknownUntil(rules.policy, message, at))
  }
  return steps.sent(receiptUntil(rules.policy, message, at, rules.lateAt))
}

/** Its intent was journalled, and nothing of it written: it goes into the queue again. */
export function afterUnwritten(message: Message, segmentCount: number, at: Date): MovedEntry {
  const reason = 'the gateway stopped before it was written'
  const outcomes = Array.from(
    { length: segmentCount },
    () => ({ kind: 'not_sent', reason }) as const,
  )
  return new Steps(message, outcomes, at).queue({}).entry
}

type Refusal = Extract<SegmentOutcome, { kind: 'refused' }>

/** The next carrier at once; where all have refused, a wait or the end. */
function afterRefusal(
  held: Held,
  refusal: Refusal,
  { policy, chooseNext, random }: StepRules,
  steps: Steps,
  at: Date,
): Step {
  const { message } = held
  const code = failureCode(refusal.commandStatus)
  const detail = `${message.carrier} refused: ${refusal.reason}`
  const failures = message.failures + 1
  held.tried.add(message.carrier)
  const other = chooseNext(message, held.tried, at)
  const next = nextRetry(policy.retry, {
    errorClass: refusal.class === 'passing' ? 'passing' : 'permanent',
    failures,
    waits: held.rounds,
    hasOtherCarrier: other !== undefined,
    acceptedAt: message.createdAt,
    expiresAt: message.expiresAt,
    now: at,
    random,
  })
  if ('giveUp' in next) return steps.giveUp(next.giveUp, code, detail, failures)
  if (next.carrier === 'next' && other) return steps.queue({ next: other, failures, code, detail })
  // Everybody has refused for the moment: after the wait all are asked again, best first.
  held.tried.clear()
  for (const holder of held.holders) held.tried.add(holder)
  held.rounds++
  const best = next.carrier === 'any' ? chooseNext(message, held.tried, at) : undefined
  return steps.queue({ ...(best ? { next: best } : {}), dueAt: next.at, failures, code, detail })
}

/**
 * It surely did not leave: it goes to a carrier that is up or waits for a connection, and nothing is
 * counted against it.
 */
function afterLostConnection(
  held: Held,
  { policy, chooseOtherUp, random }: StepRules,
  steps: Steps,
  at: Date,
): Step {
  const { message } = held
  held.lostConnections++
  const other = chooseOtherUp(message, held.tried, at)
  if (other) return steps.queue({ next: other })
  const next = nextRetry(policy.retry, {
    errorClass: 'connection',
    failures: held.lostConnections,
    hasOtherCarrier: false,
    acceptedAt: message.createdAt,
    expiresAt: message.expiresAt,
    now: at,
    random,
  })
  const detail = `the connection to ${message.carrier} closed`
  if (!('giveUp' in next)) return steps.queue({ dueAt: next.at })
  return steps.giveUp(next.giveUp, 'carrier_unreachable', detail, message.failures)
}

/** When the policy of its class decides about a submit without an answer. */
export function unknownUntil(policy: ClassPolicy, message: Message, at: Date): Date {
  const decidesSoon = policy.uncertain === 'resend' || policy.uncertain === 'query'
  if (!decidesSoon) return receiptDeadline(policy, message, at)
  return new Date(at.getTime() + policy.uncertainSeconds * 1_000)
}

/** When a message that its carrier has taken is looked at again if no receipt has ended it. */
export function receiptUntil(
  policy: ClassPolicy,
  message: Message,
  at: Date,
  lateAt?: LateAt,
): Date {
  const deadline = receiptDeadline(policy, message, at)
  const late = lateAt?.(message, at)
  const first = late && late < deadline ? late : deadline
  if (policy.uncertain !== 'query') return first
  return new Date(Math.min(at.getTime() + policy.uncertainSeconds * 1_000, first.getTime()))
}

/** The steps that may follow, each with its entry for the journal. */
class Steps {
  readonly #message: Message
  readonly #answers: readonly SegmentAnswer[]
  readonly #response: TimelineEvent
  readonly #at: Date

  constructor(message: Message, outcomes: readonly SegmentOutcome[], at: Date) {
    this.#message = message
    this.#answers = outcomes.map((outcome, index) => answerOf(outcome, index + 1))
    this.#response = responseEvent(message, outcomes, at)
    this.#at = at
  }

  sent(deadlineAt: Date): Step {
    return { entry: this.#entry('sent', { deadlineAt }), rejoins: false }
  }

  /** It is with the carrier, or may be: nothing is done before a receipt or the deadline. */
  wait(to: 'sent' | 'sending', deadlineAt: Date): Step {
    const { carrier } = this.#message
    const entry = this.#entry(to, {
      deadlineAt,
      errorCode: 'outcome_unknown',
      errorDetail: `${carrier} did not answer: it may have the message`,
    })
    return { entry, rejoins: false }
  }

  queue(step: {
    readonly next?: NextCarrier
    readonly dueAt?: Date
    readonly failures?: number
    readonly code?: string
    readonly detail?: string
  }): Step {
    const { next, dueAt = null, failures, code = null, detail = null } = step
    const carrier = next?.carrier ?? this.#message.carrier
    const events = next ? [next.event] : []
    if (dueAt && code) events.push(this.#event('retry', 'queued', code, { retry_at: dueAt }))
    const entry = this.#entry(
      'queued',
      {
        carrier,
        dueAt,
        failures: failures ?? this.#message.failures,
        deadlineAt: this.#message.expiresAt,
        errorCode: code,
        errorDetail: detail,
      },
      events,
    )
    return { entry, rejoins: true }
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
      events: [{ ...this.#response, status: to }, ...events],
    }
  }

  #event(
    type: 'failed' | 'expired' | 'retry',
    status: MessageStatus,
    code: string,
    detail: object,
  ): TimelineEvent {
    const { id, carrier, attempt } = this.#message
    return { messageId: id, at: this.#at, type, status, carrier, attempt, code, detail }
  }
}

/** What the journal keeps of the outcome of one segment, counted from 1. */
export function answerOf(outcome: SegmentOutcome, segment: number): SegmentAnswer {
  const none = { segment, carrierMessageId: null, matchKey: null, commandStatus: null }
  switch (outcome.kind) {
    case 'accepted':
      return {
        segment,
        state: 'sent',
        carrierMessageId: outcome.carrierMessageId,
        matchKey: outcome.matchKey,
        commandStatus: 0,
      }
    case 'refused':
      return { ...none, state: 'refused', commandStatus: outcome.commandStatus }
    case 'throttled':
      return { ...none, state: 'not_sent', commandStatus: outcome.commandStatus }
    case 'uncertain':
      return { ...none, state: 'uncertain' }
    case 'not_sent':
      return { ...none, state: 'not_sent' }
  }
}

function responseEvent(
  message: Message,
  outcomes: readonly SegmentOutcome[],
  at: Date,
): TimelineEvent {
  const refusal = outcomes.find((outcome) => outcome.kind === 'refused')
  const isUncertain = outcomes.some(({ kind }) => kind === 'uncertain')
  return {
    messageId: message.id,
    at,
    type: isUncertain ? 'uncertain' : 'response',
    status: message.status,
    carrier: message.carrier,
    attempt: message.attempt,
    code: refusal && failureCode(refusal.commandStatus),
    rawCode: rawCodeOf(refusal?.commandStatus),
    detail: { segments: outcomes.map(describeOutcome) },
  }
}

/** A `command_status` as the specification writes it. */
export function rawCodeOf(commandStatus: number | null | undefined): string | undefined {
  if (commandStatus === null || commandStatus === undefined) return undefined
  return `0x${commandStatus.toString(16).padStart(8, '0')}`
}

/** An outcome as timelines show it. */
export function describeOutcome(outcome: SegmentOutcome): object {
  switch (outcome.kind) {
    case 'accepted':
      return { result: 'accepted', carrier_message_id: outcome.carrierMessageId }
    case 'throttled':
      return { result: 'throttled' }
    default:
      return { result: outcome.kind, reason: outcome.reason }
  }
}
