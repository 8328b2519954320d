import { retryAfterMs } from '../core/retry-after.ts'
import type { TellingFate } from '../messages/telling.ts'

const SECOND_MS = 1_000
const MINUTE_MS = 60 * SECOND_MS
const HOUR_MS = 60 * MINUTE_MS

/** Waiting time after the first failed try, the second, and so on: together three days. */
const DELAYS_MS = [
  5 * SECOND_MS,
  30 * SECOND_MS,
  2 * MINUTE_MS,
  10 * MINUTE_MS,
  HOUR_MS,
  3 * HOUR_MS,
  8 * HOUR_MS,
  12 * HOUR_MS,
  24 * HOUR_MS,
  24 * HOUR_MS,
] as const

/** Tries that an event gets: one at once, and one after each waiting time. */
export const MAX_TRIES: number = DELAYS_MS.length + 1

/** Up to this part of a waiting time is added, so that what failed together does not return together. */
const JITTER = 0.1

/** The longest that an endpoint can put an event off by `Retry-After`. */
const MAX_RETRY_AFTER_MS = 24 * HOUR_MS

/** What an endpoint has answered. */
export interface WebhookAnswer {
  /** Null when there was no answer. */
  readonly status: number | null
  /** The header `Retry-After`, as it came. */
  readonly retryAfter: string | null
}

/** True for the two statuses by which an endpoint asks to be given less, and may say until when. */
export function asksForLess(status: number | null): boolean {
  return status === 429 || status === 503
}

/** True when an endpoint asks for less, or what stands before it cannot reach it in time. */
export function showsStrain(status: number | null): boolean {
  return asksForLess(status) || status === 502 || status === 504
}

/**
 * What follows a try: over, again later, or given up.
 *
 * @param tries - failed tries before this one
 * @param random - gives a number from 0 up to 1
 */
export function fateOf(
  tries: number,
  answer: WebhookAnswer,
  now: Date,
  random: () => number,
): TellingFate {
  const { status } = answer
  if (status !== null && status >= 200 && status < 300) return { kind: 'done' }
  if (status === 410) return { kind: 'dead', reason: 'the endpoint answered 410 Gone' }
  const delayMs = DELAYS_MS[tries]
  if (delayMs === undefined) {
    return { kind: 'dead', reason: `given up after ${tries + 1} tries` }
  }
  const planned = now.getTime() + Math.round(delayMs * (1 + JITTER * random()))
  const asked = asksForLess(status) ? retryAfterOf(answer.retryAfter, now) : undefined
  return { kind: 'later', at: new Date(Math.max(planned, asked?.getTime() ?? 0)) }
}

/** The instant that a `Retry-After` names, at most a day ahead; undefined when it names none. */
export function retryAfterOf(header: string | null, now: Date): Date | undefined {
  const waitMs = retryAfterMs(header, now)
  if (waitMs === undefined) return undefined
  return new Date(now.getTime() + Math.min(waitMs, MAX_RETRY_AFTER_MS))
}
