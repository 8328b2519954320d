import type { SegmentOutcome } from '../carriers/carrier.ts'
import type { BackoffPolicy, ErrorClass, RetryPolicy } from '../core/policy.ts'

/** A failed attempt, and what the message has been through before. */
export interface Failure {
  readonly errorClass: ErrorClass
  /**
   * Failed attempts of this message so far, this one included. Being slowed down is no fault of the
   * message: throttled ones are counted by themselves, and given here for `throttled` only.
   */
  readonly failures: number
  /** Waits so far; they decide how long the next is. Undefined: one before each failure but this. */
  readonly waits?: number
  /** True while a carrier is left that may take the message and has not refused it in this round. */
  readonly hasOtherCarrier: boolean
  /** How long the carrier asked us to stay away (`Retry-After`), in milliseconds. */
  readonly retryAfterMs?: number
  /** When the message was accepted, or replayed. */
  readonly acceptedAt: Date
  /** When the message is worth nothing any more; null: never. */
  readonly expiresAt: Date | null
  readonly now: Date
  /** Gives numbers in [0, 1). */
  readonly random: () => number
}

/** What follows a failed attempt. */
export type NextAttempt =
  | {
      readonly at: Date
      /** The carrier that failed, one that has not been asked in this round, or the best of all. */
      readonly carrier: 'same' | 'next' | 'any'
    }
  | { readonly giveUp: GiveUpReason }

/**
 * Why nothing is tried any more.
 *
 * - `permanent`: no carrier that is left would take it
 * - `attempts`: the budget is used up
 * - `age`: it is older than the policy allows for retries
 * - `expired`: it would expire before the next attempt; its end is `expired`, not `failed`
 */
export type GiveUpReason = 'permanent' | 'attempts' | 'age' | 'expired'

/** No wait is shorter: a carrier that refuses at once must not be asked in a tight loop. */
const MIN_WAIT_MS = 100

/**
 * The class of an outcome for the retry policy; undefined for one that is no failure: taken, or
 * unknown, where another policy decides.
 */
export function errorClassOf(outcome: SegmentOutcome): ErrorClass | undefined {
  switch (outcome.kind) {
    case 'refused':
      return outcome.class === 'message' ? 'permanent' : 'passing'
    case 'throttled':
      return 'throttled'
    case 'not_sent':
      return 'connection'
    default:
      return undefined
  }
}

/**
 * Decides whether, when and where a message is tried again after a failed attempt.
 *
 * A refusal goes to the next carrier at once, where the policy prefers that and one is left, also a
 * permanent one: carriers disagree about numbers and senders. A throttled message stays with its
 * carrier. Waits grow by the policy of the error's class; with full jitter each is drawn evenly
 * below its bound, and at least 0.1 s.
 *
 * @see https://aws.amazon.com/blogs/architecture/exponential-backoff-and-jitter/
 * @see RFC 9110, section 10.2.3 (Retry-After)
 */
export function nextRetry(policy: RetryPolicy, failure: Failure): NextAttempt {
  const { errorClass, failures, now } = failure
  const isRefusal = errorClass === 'permanent' || errorClass === 'passing'
  const goesNext = isRefusal && policy.nextCarrier === 'prefer' && failure.hasOtherCarrier
  if (errorClass === 'permanent' && !goesNext) return { giveUp: 'permanent' }
  const waiting = policy[errorClass === 'permanent' ? 'passing' : errorClass]
  if (waiting.maxAttempts > 0 && failures >= waiting.maxAttempts) return { giveUp: 'attempts' }
  const waitMs = goesNext ? 0 : waitMsOf(waiting, failure)
  const at = new Date(now.getTime() + waitMs)
  if (failure.expiresAt !== null && at >= failure.expiresAt) return { giveUp: 'expired' }
  if (
    policy.maxAgeSeconds !== undefined &&
    at.getTime() - failure.acceptedAt.getTime() > policy.maxAgeSeconds * 1000
  ) {
    return { giveUp: 'age' }
  }
  if (goesNext) return { at, carrier: 'next' }
  const mayMove = policy.nextCarrier === 'prefer' && errorClass !== 'throttled'
  return { at, carrier: mayMove ? 'any' : 'same' }
}

function waitMsOf(policy: BackoffPolicy, failure: Failure): number {
  const waits = failure.waits ?? Math.max(0, failure.failures - 1)
  const firstMs = policy.firstSeconds * 1000
  const bound = waitBoundMs(policy, waits)
  const drawn = policy.jitter === 'none' ? bound : drawnBelow(bound, failure.random)
  if (failure.retryAfterMs === undefined) return drawn
  // Everybody is told the same instant: those who may be late come spread over the first wait.
  const spreadMs = policy.jitter === 'none' ? 0 : failure.random() * firstMs
  return Math.max(drawn, Math.ceil(failure.retryAfterMs + spreadMs))
}

/** The longest that a wait may be after so many others, in milliseconds. */
export function waitBoundMs(
  { backoff, firstSeconds, maxSeconds }: Omit<BackoffPolicy, 'jitter' | 'maxAttempts'>,
  waits: number,
): number {
  return Math.min(maxSeconds * 1000, firstSeconds * 1000 * growth(backoff, waits))
}

function growth(backoff: BackoffPolicy['backoff'], waits: number): number {
  switch (backoff) {
    case 'fixed':
      return 1
    case 'linear':
      return waits + 1
    case 'exponential':
      return 2 ** waits
  }
}

function drawnBelow(boundMs: number, random: () => number): number {
  const least = Math.min(MIN_WAIT_MS, boundMs)
  return Math.round(least + random() * (boundMs - least))
}
