import type { SegmentOutcome } from '../carriers/carrier.ts'
import type { FailureAction, FailureRule } from '../core/failure-rule.ts'
import type { ClassPolicy, TrafficClass } from '../core/policy.ts'
import type { FailureJudge } from './failure-judge.ts'
import type { MovedEntry } from './journal.ts'
import type { Message } from './message.ts'
import { nextRetry, waitBoundMs } from './retry.ts'
import { failureOf, type SendFailure } from './send-failure.ts'
import { type NextCarrier, type Step, Steps } from './steps.ts'
import { receiptDeadline } from './timing.ts'

export type { NextCarrier, Step } from './steps.ts'

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

/** Gives the next carrier for a message, of all or among some; undefined when there is none. */
export type ChooseNext = (
  message: Message,
  tried: ReadonlySet<string>,
  at: Date,
  among?: readonly string[],
) => NextCarrier | undefined

/** What {@link nextStep} decides by. */
export interface StepRules {
  readonly policy: ClassPolicy
  readonly judge: FailureJudge
  readonly chooseNext: ChooseNext
  /** Gives another carrier that is up while the message's own is down. */
  readonly chooseOtherUp: ChooseNext
  /** How often the message's present carrier has been given it. */
  readonly submits: (message: Message) => number
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
 * What has failed, the failure rules decide about; the last of them leaves it to the policy of the class.
 * A message of which some segments were taken goes nowhere else, whatever they say: the recipient
 * would get those twice. An unanswered one is sent again only where the policy of its class says so.
 */
export function nextStep(
  held: Held,
  outcomes: readonly SegmentOutcome[],
  rules: StepRules,
  at: Date,
): Step {
  const { message } = held
  const steps = new Steps(message, outcomes, at)
  const failure = failureOf(message, outcomes)
  if (!failure) return steps.sent(receiptUntil(rules.policy, message, at, rules.lateAt))
  const isUnsent = failure.kind === 'lost' || failure.kind === 'throttled'
  if (isUnsent && message.expiresAt <= at) {
    const detail = `${message.carrier} has not taken it in time: ${failure.reason}`
    return steps.giveUp('expired', 'expired', detail, message.failures)
  }
  return rules.judge.judge(message, failure, (rule, alerted) => {
    const act = rule.action.kind === 'policy' ? byPolicy : byRule
    return act({ held, failure, rules, steps: steps.by(rule, alerted, failure.code), at }, rule)
  })
}

/** A failure that is being decided about. */
interface Case {
  readonly held: Held
  readonly failure: SendFailure
  readonly rules: StepRules
  readonly steps: Steps
  readonly at: Date
}

/** What happens where no rule says anything else. */
function byPolicy(it: Case): Step {
  const { held, failure, rules, steps, at } = it
  const { message } = held
  switch (failure.kind) {
    case 'refused':
      return afterRefusal(it)
    case 'lost':
      return afterLostConnection(it)
    case 'throttled':
      return steps.giveUp('attempts', failure.code, failure.detail, message.failures + 1)
    case 'partial':
      return steps.fail(failure.code, failure.detail)
    case 'unknown':
      return steps.wait(failure.to, unknownUntil(rules.policy, message, at))
  }
}

/** What a rule makes of a failure; undefined where that would break a promise or come to nothing. */
function byRule(it: Case, { action, name }: FailureRule): Step | undefined {
  const { failure, rules, steps, held, at } = it
  const { message } = held
  switch (action.kind) {
    case 'fail':
      return steps.fail(action.code ?? failure.code, failure.detail)
    case 'hold':
      if (failure.kind === 'partial') return undefined
      if (failure.kind !== 'unknown') return steps.hold(name, failure, failuresAfter(it))
      return steps.wait(failure.to, receiptDeadline(rules.policy, message, at), name)
    case 'retry': {
      const retries = Math.max(0, rules.submits(message) - 1)
      // What cannot be made a PDU of for this carrier never can, and counts as no submit.
      const isHopeless = failure.code === 'not_encodable' || retries >= action.max
      if (isHopeless || !mayGoAgain(it)) return undefined
      return again(it, ruleWaitMs(action, retries))
    }
    case 'switch_provider': {
      if (!mayGoAgain(it)) return undefined
      const tried = new Set(held.tried).add(message.carrier)
      const next = rules.chooseNext(message, tried, at, action.to)
      const step = next && again(it, action.delaySeconds * 1_000, next)
      if (step) held.tried.add(message.carrier)
      return step
    }
    default:
      return undefined
  }
}

/** The wait before a retry of a rule, the message having been retried so often. */
export function ruleWaitMs(
  { backoff, delaySeconds, maxDelaySeconds }: Extract<FailureAction, { kind: 'retry' }>,
  retries: number,
): number {
  return waitBoundMs({ backoff, firstSeconds: delaySeconds, maxSeconds: maxDelaySeconds }, retries)
}

/** True where the recipient cannot get it twice by another submit, or the policy allows that. */
function mayGoAgain({ failure, rules }: Case): boolean {
  if (failure.kind === 'partial') return false
  if (failure.kind !== 'unknown') return true
  return failure.to === 'sending' && rules.policy.uncertain === 'resend'
}

/** Another submit; undefined where its validity would be over by then. */
function again(it: Case, waitMs: number, next?: NextCarrier): Step | undefined {
  const { failure, steps, held, at } = it
  const dueAt = new Date(at.getTime() + waitMs)
  if (dueAt >= held.message.expiresAt) return undefined
  return steps.again({
    ...(next ? { next } : {}),
    ...(waitMs > 0 ? { dueAt } : {}),
    failures: failuresAfter(it),
    code: failure.code,
    detail: failure.detail,
    mayBeDuplicate: failure.kind === 'unknown',
  })
}

/** A closed connection is no fault of the message. */
function failuresAfter({ held, failure }: Case): number {
  return held.message.failures + (failure.kind === 'lost' ? 0 : 1)
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

/** The next carrier at once; where all have refused, a wait or the end. */
function afterRefusal({ held, failure, rules, steps, at }: Case): Step {
  const { policy, chooseNext, random } = rules
  const { message } = held
  const { code, detail } = failure
  const failures = message.failures + 1
  held.tried.add(message.carrier)
  const other = failure.isFinal ? undefined : chooseNext(message, held.tried, at)
  const next = nextRetry(policy.retry, {
    errorClass: failure.isPassing ? 'passing' : 'permanent',
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
function afterLostConnection({ held, failure, rules, steps, at }: Case): Step {
  const { policy, chooseOtherUp, random } = rules
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
  if (!('giveUp' in next)) return steps.queue({ dueAt: next.at })
  return steps.giveUp(next.giveUp, failure.code, failure.detail, message.failures)
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
