import type { SegmentOutcome } from '../carriers/carrier.ts'
import { failureCode } from './failure.ts'
import type { MovedEntry, SegmentAnswer, TimelineEvent } from './journal.ts'
import type { Message } from './message.ts'
import type { MessageStatus } from './states.ts'

/** A message the dispatcher works on. */
export interface Held {
  readonly message: Message
  /** Carriers that refused it in this round. */
  readonly tried: Set<string>
  /** How often every carrier has been asked. */
  rounds: number
}

/** What follows the answers to a submit. */
export interface Step {
  readonly entry: MovedEntry
  /** Milliseconds until the message joins the queue of `entry.carrier`; undefined: never again. */
  readonly rejoinAfterMs: number | undefined
}

/** Rest after a connection closed under a message, so that a bind that flaps causes no storm. */
const NOT_SENT_WAIT_MS = 500

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

/** Rounds over all carriers before a passing refusal counts as final. */
const MAX_ROUNDS = 3

/** Rest before the second round; doubles with each. */
const ROUND_WAIT_MS = 2_000

/**
 * Decides what follows the answers to one submit: sent, back to the queue, the next carrier, or the
 * end. Changes `held.tried` and `held.rounds`.
 *
 * A message of which some segments were taken goes nowhere else: the recipient would get those
 * twice. An unanswered one is not sent again: the carrier may have it.
 */
export function nextStep(
  held: Held,
  outcomes: readonly SegmentOutcome[],
  chooseNext: ChooseNext,
  at: Date,
): Step {
  const { message } = held
  const answers = outcomes.map(answerOf)
  const events = [responseEvent(message, outcomes, at)]
  const base = { kind: 'moved', message, at, carrier: message.carrier, answers } as const
  const refusal = outcomes.find((outcome) => outcome.kind === 'refused')
  const isTaken = outcomes.some(({ kind }) => kind === 'accepted' || kind === 'uncertain')

  const finish = (
    to: MessageStatus,
    rejoinAfterMs: number | undefined,
    error: { code: string; detail: string } | undefined,
    carrier: string = message.carrier,
  ): Step => ({
    entry: {
      ...base,
      to,
      carrier,
      attempt: message.attempt,
      events: events.map((event, index) => (index === 0 ? { ...event, status: to } : event)),
      errorCode: error?.code ?? null,
      errorDetail: error?.detail ?? null,
    },
    rejoinAfterMs,
  })

  if (refusal && isTaken) {
    const detail = `${message.carrier} took some segments and refused others: ${refusal.reason}`
    events.push(failedEvent(message, at, 'partially_sent', detail))
    return finish('failed', undefined, { code: 'partially_sent', detail })
  }
  if (refusal) {
    held.tried.add(message.carrier)
    const error = {
      code: failureCode(refusal.commandStatus),
      detail: `${message.carrier} refused: ${refusal.reason}`,
    }
    const next = chooseNext(message, held.tried, at)
    if (next) {
      events.push(next.event)
      return finish('queued', 0, error, next.carrier)
    }
    held.rounds++
    const again = refusal.class === 'passing' && held.rounds < MAX_ROUNDS
    const first = again ? chooseNext(message, new Set(), at) : undefined
    if (first) {
      held.tried.clear()
      events.push(first.event)
      const waitMs = ROUND_WAIT_MS * 2 ** (held.rounds - 1)
      return finish('queued', waitMs, error, first.carrier)
    }
    events.push(failedEvent(message, at, error.code, error.detail))
    return finish('failed', undefined, error)
  }
  const kinds = new Set(outcomes.map(({ kind }) => kind))
  if (kinds.has('not_sent')) {
    // Some segments may be with the carrier already; then the rest can only be waited for.
    if (!isTaken) return finish('queued', NOT_SENT_WAIT_MS, undefined)
    const detail = `${message.carrier} has only some of the segments: the connection closed`
    events.push(failedEvent(message, at, 'partially_sent', detail))
    return finish('failed', undefined, { code: 'partially_sent', detail })
  }
  if (kinds.has('uncertain')) {
    return finish(kinds.has('accepted') ? 'sent' : 'sending', undefined, {
      code: 'outcome_unknown',
      detail: `${message.carrier} did not answer: it may have the message, so it is not sent again`,
    })
  }
  return finish('sent', undefined, undefined)
}

function answerOf(outcome: SegmentOutcome, index: number): SegmentAnswer {
  const segment = index + 1
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
    detail: { segments: outcomes.map(describe) },
  }
}

/** A `command_status` as the specification writes it. */
function rawCodeOf(commandStatus: number | null | undefined): string | undefined {
  if (commandStatus === null || commandStatus === undefined) return undefined
  return `0x${commandStatus.toString(16).padStart(8, '0')}`
}

function describe(outcome: SegmentOutcome): object {
  switch (outcome.kind) {
    case 'accepted':
      return { result: 'accepted', carrier_message_id: outcome.carrierMessageId }
    case 'throttled':
      return { result: 'throttled' }
    default:
      return { result: outcome.kind, reason: outcome.reason }
  }
}

function failedEvent(message: Message, at: Date, code: string, reason: string): TimelineEvent {
  return {
    messageId: message.id,
    at,
    type: 'failed',
    status: 'failed',
    carrier: message.carrier,
    attempt: message.attempt,
    code,
    detail: { reason },
  }
}
