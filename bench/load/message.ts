/** The messages of the peers benchmark: each has a number, and every process can read it back. */

/** Numbers that nobody has: reserved in the United Kingdom for drama. */
const FIRST_NUMBER = 447_700_900_000
/** How many of them there are; messages take them in turn. */
const NUMBERS = 1_000
const CALL_DIGITS = 7
/** What counts keeps its own times, so looking seldom costs nothing but this much at the end. */
const LOOK_EVERY_MS = 20
const TEXT = 'Your order has left our warehouse and arrives tomorrow between nine and noon.'

/** The sender of every message. */
export const SENDER = 'Linehaul'

/** The recipient of a message, digits of E.164 without `+`. */
export function numberOf(message: number): string {
  return String(FIRST_NUMBER + (message % NUMBERS))
}

/** The client's reference of a call: `#` and seven digits. */
export function referenceOf(call: number): string {
  return `#${String(call).padStart(CALL_DIGITS, '0')}`
}

/** Names a tenant of a benchmark with many, its key, and the account of its partner. */
export function tenantName(tenant: number): string {
  return `t${tenant}`
}

/** The text of all messages of a call; one segment, and it begins with the reference. */
export function textOf(call: number): string {
  return `${referenceOf(call)} ${TEXT}`
}

/**
 * The number of a message.
 *
 * @param call - the number in the reference
 * @param recipients - messages in one call; a divisor of 1,000
 * @param to - the recipient; only its last three digits are read
 */
export function messageOf(call: number, recipients: number, to: string): number {
  if (recipients === 1) return call
  return call * recipients + (Number(to.slice(-3)) % recipients)
}

/** Counts how often each message of a round was seen, and when the first and the last came. */
export class Tally {
  /** One count per message; 255 stands for more. */
  readonly #counts: Uint8Array
  readonly #atMs: Float64Array | undefined
  distinct = 0
  repeated = 0
  /** Things seen that belong to no message of the round. */
  unknown = 0
  firstAtMs = 0
  lastAtMs = 0

  /** @param keepTimes - keep when each message came first, see {@link times} */
  constructor(messages: number, keepTimes = false) {
    this.#counts = new Uint8Array(messages)
    this.#atMs = keepTimes ? new Float64Array(messages) : undefined
  }

  /** Counts a message at a time in milliseconds since 1970. */
  see(message: number, nowMs: number): void {
    const count = this.#counts[message]
    if (count === undefined) {
      this.unknown++
      return
    }
    if (count === 0) this.distinct++
    else this.repeated++
    if (count < 255) this.#counts[message] = count + 1
    if (this.#atMs !== undefined && count === 0) this.#atMs[message] = nowMs
    if (this.firstAtMs === 0) this.firstAtMs = nowMs
    this.lastAtMs = nowMs
  }

  /** Milliseconds since 1970 by message, 0 for one that did not come; empty when not kept. */
  get times(): number[] {
    return this.#atMs === undefined ? [] : Array.from(this.#atMs)
  }

  get report(): TallyReport {
    const { distinct, repeated, unknown, firstAtMs, lastAtMs } = this
    return { distinct, repeated, unknown, firstAtMs, lastAtMs }
  }
}

/** What a {@link Tally} has counted; times are milliseconds since 1970. */
export interface TallyReport {
  readonly distinct: number
  readonly repeated: number
  readonly unknown: number
  readonly firstAtMs: number
  readonly lastAtMs: number
}

/**
 * Waits until `isDone`, or until `progress` has not changed for `quietMs`.
 *
 * A round that goes wrong then ends with the counts it has, which say what is missing.
 */
export async function untilDoneOrQuiet(
  isDone: () => boolean,
  progress: () => number,
  quietMs: number,
): Promise<void> {
  let last = progress()
  let quietSince = performance.now()
  while (!isDone()) {
    await new Promise((resolve) => setTimeout(resolve, LOOK_EVERY_MS))
    const now = progress()
    if (now !== last) {
      last = now
      quietSince = performance.now()
    } else if (performance.now() - quietSince > quietMs) return
  }
}

/** Asked of each process of the benchmark once, so that its processor time can be told. */
export interface HelloCommand {
  readonly type: 'hello'
}

/** Answers {@link HelloCommand}. */
export interface HelloReport {
  readonly type: 'hello'
  readonly pid: number
}

/** The answer to {@link HelloCommand}. */
export function hello(): HelloReport {
  return { type: 'hello', pid: process.pid }
}
