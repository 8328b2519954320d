/**
 * Time cut into slots, of which the latest are a window. What was taken in a slot counts until the whole
 * slot is out of the window: so there is never more in any window than its limit, and what leaves it
 * leaves at most one slot late.
 */
export interface Window {
  /** Length as it is told; a month's is that of 30 days. */
  readonly seconds: number
  /** Number of the slot of an instant. */
  slotOf(nowMs: number): number
  /** The latest slot that is out of the window by then, with all before it. */
  outAt(nowMs: number): number
  /** When a slot is out of the window. */
  freeAt(slot: number): number
}

/** Slots of a sliding window: what leaves late costs 1/240 of a limit that is always used up. */
const SLOTS = 240

const DAY_SECONDS = 86_400

/** The last `seconds`, in slots of 1/240 of them. */
export function slidingWindow(seconds: number): Window {
  const windowMs = seconds * 1_000
  const slotMs = windowMs / SLOTS
  return {
    seconds,
    slotOf: (nowMs) => Math.floor(nowMs / slotMs),
    outAt: (nowMs) => Math.floor((nowMs - windowMs) / slotMs) - 1,
    freeAt: (slot) => (slot + 1) * slotMs + windowMs,
  }
}

/** The calendar month, UTC: one slot, which is out when the next begins. */
export function calendarMonth(): Window {
  let month = Number.NaN
  let beginMs = Number.NaN
  let endMs = Number.NaN
  const slotOf = (nowMs: number) => {
    // A month is asked for with each message, and seldom another one.
    if (nowMs >= beginMs && nowMs < endMs) return month
    const now = new Date(nowMs)
    month = (now.getUTCFullYear() - 1970) * 12 + now.getUTCMonth()
    beginMs = Date.UTC(1970, month)
    endMs = Date.UTC(1970, month + 1)
    return month
  }
  return {
    seconds: 30 * DAY_SECONDS,
    slotOf,
    outAt: (nowMs) => slotOf(nowMs) - 1,
    freeAt: (slot) => Date.UTC(1970, slot + 1),
  }
}

/** The last 60 minutes, in slots of 15 seconds. */
export const HOUR: Window = slidingWindow(3_600)

/** The last 24 hours, in slots of 6 minutes. */
export const DAY: Window = slidingWindow(DAY_SECONDS)

/** The calendar month, UTC. */
export const MONTH: Window = calendarMonth()
