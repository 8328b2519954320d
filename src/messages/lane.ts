import type { Carrier } from '../carriers/carrier.ts'
import { TRAFFIC_CLASSES, type TrafficClass } from '../core/policy.ts'
import { FairQueue } from './fair-queue.ts'
import type { Message } from './message.ts'
import type { Held } from './settle.ts'

/** The next message of a lane, or how long until there may be one; 0: not before something happens. */
export type Turn =
  | { readonly held: Held; readonly waitMs: 0 }
  | { readonly held: undefined; readonly waitMs: number }

const NOTHING: Turn = { held: undefined, waitMs: 0 }

/** Messages of one tenant and class that wait in memory; those behind them wait in the database. */
const CAPACITY = 5_000

/** The same while memory is full: nobody's queue has to stand still because of others'. */
const RESERVED = 250

/** Says what the health of a carrier allows. */
export interface LaneGate {
  /** Whether a message may be given out now. */
  readonly isOpen: boolean
  /** Whether a message may join the queue, others being there for it. */
  mayJoin(nowMs: number): boolean
  /** A message has joined the queue. */
  expect(nowMs: number): void
  /** A message is given out; true when what becomes of it decides about others. */
  take(): boolean
}

/** How a {@link Lane} is built. */
export interface LaneOptions {
  /** Messages of one tenant and class that wait in memory. Default 5,000. */
  readonly capacity?: number | undefined
  /** True while all lanes together hold as much as they may. */
  readonly isMemoryFull?: () => boolean
  /** Always open, unless given. */
  readonly gate?: LaneGate | undefined
}

/** Part of a lane that waits in the database. */
export interface Overflow {
  readonly trafficClass: TrafficClass
  readonly tenantId: string
  /** About how many. */
  count: number
  /** Goes up with every message that joins it. */
  version: number
}

/**
 * The queue of one carrier, with what limits its pace: fair between tenants, urgent classes first.
 *
 * Memory holds the head of the queue of each tenant and class. Where one is full, what comes after
 * waits in the database, so that a backlog of any length costs no memory; nor do many of them, since
 * their heads get short when all lanes together hold much.
 */
export class Lane {
  readonly carrier: Carrier
  /** Segments on their way into the journal. */
  journalling = 0
  /** Segments journalled for the carrier and not answered yet. */
  inFlight = 0
  isPumpScheduled = false
  isRefilling = false
  /** True while what waits is about to leave, because the carrier is down. */
  isLeaving = false
  /** True once the carrier is no longer configured: nothing is given to it. */
  isRetired = false
  readonly #queue: FairQueue<Held>
  readonly #overflows = new Map<string, Overflow>()
  readonly #capacity: number
  readonly #isMemoryFull: () => boolean
  readonly #gate: LaneGate | undefined
  readonly #wakers = new Set<() => void>()
  #isAbandoned = false

  constructor(carrier: Carrier, options: LaneOptions = {}) {
    const { capacity = CAPACITY, isMemoryFull = () => false } = options
    this.carrier = carrier
    this.#capacity = capacity
    this.#isMemoryFull = isMemoryFull
    this.#gate = options.gate
    this.#queue = new FairQueue<Held>({
      tenantOf: ({ message }) => message.tenantId,
      priorityOf: ({ message }) => TRAFFIC_CLASSES.indexOf(message.trafficClass),
      costOf: ({ message }) => message.segments,
      capacityPerTenant: capacity,
    })
  }

  /** Whether the carrier can be given a message now: it is bound, and its health allows it. */
  get isOpen(): boolean {
    return this.carrier.isUp && (this.#gate?.isOpen ?? true)
  }

  /** Whether a message should join, if another carrier would have it. */
  mayJoin(nowMs: number): boolean {
    return this.carrier.isUp && (this.#gate?.mayJoin(nowMs) ?? true)
  }

  /** A message has joined that {@link mayJoin}. */
  noteJoined(nowMs: number): void {
    this.#gate?.expect(nowMs)
  }

  /** A message from {@link next} is being submitted; true when it is a probe of the carrier's health. */
  noteGiven(): boolean {
    return this.#gate?.take() ?? false
  }

  /** Messages that wait for their turn, in memory and in the database. */
  get waiting(): number {
    let count = this.#queue.size
    for (const overflow of this.#overflows.values()) count += overflow.count
    return count
  }

  /** Adds a message at the end; false when it has to wait in the database. */
  push(held: Held): boolean {
    const { trafficClass, tenantId } = held.message
    const overflow = this.#overflows.get(overflowKey(held.message))
    return !overflow && this.#sizeOf(trafficClass, tenantId) < this.#limit && this.#queue.push(held)
  }

  /** Adds a message that has just come from the database; false when there is no room after all. */
  pushClaimed(held: Held): boolean {
    return this.#queue.push(held)
  }

  /**
   * Adds a message that has waited elsewhere: before those of its tenant and class that were accepted
   * later. False when it belongs behind them all and there is no room.
   */
  pushMoved(held: Held): boolean {
    const { trafficClass, tenantId } = held.message
    const hasRoom =
      !this.#overflows.has(overflowKey(held.message)) &&
      this.#sizeOf(trafficClass, tenantId) < this.#limit
    return this.#queue.insert(held, wasAcceptedBefore, hasRoom)
  }

  /** A message that {@link push} has not taken waits in the database now. */
  noteOverflow(message: Message): void {
    const { tenantId, trafficClass } = message
    this.addOverflow(trafficClass, tenantId, 1)
  }

  /** So many messages wait in the database. */
  addOverflow(trafficClass: TrafficClass, tenantId: string, count: number): void {
    const key = overflowKey({ trafficClass, tenantId })
    const known = this.#overflows.get(key)
    if (known) {
      known.count += count
      known.version++
    } else {
      this.#overflows.set(key, { trafficClass, tenantId, count, version: 1 })
    }
  }

  /** Nothing of it waits in the database any more. */
  removeOverflow(overflow: Overflow): void {
    this.#overflows.delete(overflowKey(overflow))
  }

  /** What waits in the database and has room in memory, with how much; most urgent first. */
  refillable(): { readonly overflow: Overflow; readonly room: number }[] {
    const limit = this.#limit
    return [...this.#overflows.values()]
      .map((overflow) => {
        const { trafficClass, tenantId } = overflow
        return { overflow, room: limit - this.#sizeOf(trafficClass, tenantId) }
      })
      .filter(({ room }) => room >= limit / 2)
      .sort((a, b) => priorityOf(a.overflow) - priorityOf(b.overflow))
  }

  /** What one tenant's queue of one class may grow to now. */
  get #limit(): number {
    return this.#isMemoryFull() ? Math.min(RESERVED, this.#capacity) : this.#capacity
  }

  #sizeOf(trafficClass: TrafficClass, tenantId: string): number {
    return this.#queue.sizeOf(TRAFFIC_CLASSES.indexOf(trafficClass), tenantId)
  }

  /**
   * Takes the next message if the carrier can have it now.
   *
   * Twice the window may be journalled: while one window is at the carrier, the next is made
   * durable, so the commit does not slow the bind down. What is journalled and not yet written is
   * handed back untouched when the gateway stops.
   */
  next(now: number): Turn {
    if (!this.isOpen || this.inFlight >= 2 * this.carrier.capacity) return NOTHING
    let first = this.#queue.peek()
    while (first?.isWithdrawn) {
      this.#queue.shift()
      first = this.#queue.peek()
    }
    if (!first) return NOTHING
    const waitMs = this.carrier.waitFor(first.message.segments, this.journalling, now)
    if (waitMs > 0) return { held: undefined, waitMs }
    this.#queue.shift()
    return { held: first, waitMs: 0 }
  }

  /** Takes everything that waits in memory, in order. */
  takeAll(): Held[] {
    return this.#queue.takeAll().filter(({ isWithdrawn }) => !isWithdrawn)
  }

  /** Takes one message out; it need not be there. */
  remove(held: Held): void {
    this.#queue.takeWhere((other) => other === held)
  }

  /** Takes out what is not to be sent after an instant that has passed. */
  takeExpired(now: Date): Held[] {
    return this.#queue.takeWhere(
      ({ isWithdrawn, message }) => !isWithdrawn && message.expiresAt <= now,
    )
  }

  /** Waits, at the most until {@link wake}. */
  rest(ms: number): Promise<void> {
    return new Promise((resolve) => {
      const wake = () => {
        clearTimeout(timer)
        this.#wakers.delete(wake)
        resolve()
      }
      const timer = setTimeout(wake, ms)
      this.#wakers.add(wake)
    })
  }

  /** Waits until the carrier is up; false when it is not so in time or {@link wake} came first. */
  async isUpWithin(patienceMs: number): Promise<boolean> {
    if (!this.carrier.isUp) await this.rest(patienceMs)
    return this.carrier.isUp
  }

  /** True when what is at the carrier is not sent again, and no connection is waited for. */
  get isAbandoned(): boolean {
    return this.#isAbandoned
  }

  /** The carrier is gone for good, or the gateway stops. */
  abandon(): void {
    this.#isAbandoned = true
    this.wake()
  }

  /** Ends every wait: the carrier came up, or will not. */
  wake(): void {
    for (const wake of this.#wakers) wake()
  }
}

/** Ids grow with the time of acceptance. */
function wasAcceptedBefore(a: Held, b: Held): boolean {
  return a.message.id < b.message.id
}

function priorityOf({ trafficClass }: { readonly trafficClass: TrafficClass }): number {
  return TRAFFIC_CLASSES.indexOf(trafficClass)
}

function overflowKey(of: {
  readonly trafficClass: TrafficClass
  readonly tenantId: string
}): string {
  return `${of.trafficClass}/${of.tenantId}`
}
