import { RequestError } from './errors.ts'

/** The largest `sequence_number` of a request: SMPP v3.4, section 3.2. */
export const MAX_SEQUENCE_NUMBER = 0x7fffffff

/** A request that waits for its response; the window fills in the two numbers. */
export interface WindowEntry {
  /** Set by `open`. */
  sequence_number: number
  /** When the request times out, on the caller's clock in milliseconds; set by `open`. */
  deadline: number
  /** False for `enquire_link` and `unbind`, which must get out even when the window is full. */
  readonly takesPlace: boolean
  /** Called once when there will be no response. */
  reject: (error: RequestError) => void
}

/** How a {@link Window} is set up. */
export interface WindowOptions {
  /** Requests that may wait for a response at once; at least 1. */
  readonly capacity: number
  /** The first sequence number given out; for tests of the wrap (1). */
  readonly firstSequenceNumber?: number
}

/**
 * The requests of one session that are waiting for a response.
 *
 * It gives out sequence numbers, matches responses by that number only (they come in any order)
 * and knows when a request has waited too long. There is no timer per request: the table is small,
 * so `expire` looks through it.
 *
 * @see SMPP v3.4, sections 2.6 (sequence numbers) and 2.9 (asynchronous transactions)
 */
export class Window<Entry extends WindowEntry> {
  // A table of our own: under a million insertions and deletions the dead tables that a Map leaves
  // behind keep finished requests alive through several collections (17 % of the time measured).
  /** An entry lies at the low bits of its sequence number; a number whose slot is taken is skipped. */
  #slots: (Entry | undefined)[]
  #open = 0
  #capacity: number
  #next: number
  #taken = 0

  constructor(options: WindowOptions) {
    this.#capacity = options.capacity
    this.#next = options.firstSequenceNumber ?? 1
    this.#slots = emptySlots(slotsFor(options.capacity))
  }

  /** The most requests that may wait at once; lowering it lets the present ones finish. */
  get capacity(): number {
    return this.#capacity
  }

  set capacity(capacity: number) {
    this.#capacity = capacity
    if (slotsFor(capacity) > this.#slots.length) this.#grow(slotsFor(capacity))
  }

  /** Requests that hold a place. */
  get size(): number {
    return this.#taken
  }

  get freePlaces(): number {
    return Math.max(0, this.#capacity - this.#taken)
  }

  /**
   * Starts to wait: gives the entry its sequence number and its deadline.
   *
   * The caller looks at `freePlaces` first; opening more than the capacity is not refused.
   *
   * @param timeoutMs - how long the response may take
   */
  open(entry: Entry, now: number, timeoutMs: number): number {
    if (this.#open * 2 >= this.#slots.length) this.#grow(this.#slots.length * 2)
    const sequence = this.unusedSequenceNumber()
    entry.sequence_number = sequence
    entry.deadline = now + timeoutMs
    this.#slots[sequence & (this.#slots.length - 1)] = entry
    this.#open++
    if (entry.takesPlace) this.#taken++
    return sequence
  }

  /** A sequence number for a request that gets no response. */
  unusedSequenceNumber(): number {
    const mask = this.#slots.length - 1
    let sequence = this.#next
    while (this.#slots[sequence & mask] !== undefined) sequence = following(sequence)
    this.#next = following(sequence)
    return sequence
  }

  /** The request that waits for a response of this number; it goes on waiting. */
  find(sequenceNumber: number): Entry | undefined {
    const entry = this.#slots[sequenceNumber & (this.#slots.length - 1)]
    return entry?.sequence_number === sequenceNumber ? entry : undefined
  }

  /** Ends the wait of the request that a response names; undefined when nobody waits for it. */
  take(sequenceNumber: number): Entry | undefined {
    const entry = this.find(sequenceNumber)
    if (entry === undefined) return undefined
    this.#slots[sequenceNumber & (this.#slots.length - 1)] = undefined
    this.#open--
    if (entry.takesPlace) this.#taken--
    return entry
  }

  /**
   * Rejects the requests whose deadline has come with `response_timeout`; returns how many.
   *
   * @param onExpired - told of each before it is rejected
   */
  expire(now: number, onExpired?: (entry: Entry) => void): number {
    if (this.#open === 0) return 0
    const expired = this.#entries().filter((entry) => entry.deadline <= now)
    for (const entry of expired) {
      this.take(entry.sequence_number)
      onExpired?.(entry)
      entry.reject(new RequestError('response_timeout', 'no response in time', true))
    }
    return expired.length
  }

  /** Rejects every request, with the error made for it, and leaves the window empty. */
  failAll(errorFor: (entry: Entry) => RequestError): number {
    const entries = this.#entries()
    this.#slots = emptySlots(this.#slots.length)
    this.#open = 0
    this.#taken = 0
    for (const entry of entries) entry.reject(errorFor(entry))
    return entries.length
  }

  /** The open requests, those with the earliest deadline first. */
  #entries(): Entry[] {
    const entries = this.#slots.filter((entry) => entry !== undefined)
    return entries.sort((a, b) => a.deadline - b.deadline)
  }

  #grow(length: number): void {
    const slots = emptySlots<Entry>(length)
    for (const entry of this.#slots) {
      if (entry !== undefined) slots[entry.sequence_number & (length - 1)] = entry
    }
    this.#slots = slots
  }
}

function following(sequenceNumber: number): number {
  return sequenceNumber >= MAX_SEQUENCE_NUMBER ? 1 : sequenceNumber + 1
}

/** A power of two, and at least twice the capacity so that a free slot is never far. */
function slotsFor(capacity: number): number {
  return 2 ** Math.ceil(Math.log2(Math.max(8, capacity) * 2))
}

function emptySlots<Entry>(length: number): (Entry | undefined)[] {
  return new Array<Entry | undefined>(length).fill(undefined)
}
