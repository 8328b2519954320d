import type { Carrier } from '../carriers/carrier.ts'
import { Pacer } from './pacer.ts'
import type { Held } from './settle.ts'

/** The next message of a lane, or how long until there may be one; 0: not before something happens. */
export type Turn =
  | { readonly held: Held; readonly waitMs: 0 }
  | { readonly held: undefined; readonly waitMs: number }

const NOTHING: Turn = { held: undefined, waitMs: 0 }

/** The queue of one carrier, first come first served, with what limits its pace. */
export class Lane {
  readonly carrier: Carrier
  readonly pacer: Pacer
  /** Segments journalled for the carrier and not answered yet. */
  inFlight = 0
  isPumpScheduled = false
  #queue: Held[] = []
  #head = 0
  readonly #wakers = new Set<() => void>()

  constructor(carrier: Carrier) {
    this.carrier = carrier
    this.pacer = new Pacer(carrier.segmentsPerSecond)
  }

  /** Messages that wait for their turn. */
  get waiting(): number {
    return this.#queue.length - this.#head
  }

  /** Adds a message at the end. */
  push(held: Held): void {
    this.#queue.push(held)
  }

  /**
   * Takes the next message if the carrier can have it now.
   *
   * Twice the window may be journalled: while one window is at the carrier, the next is made
   * durable, so the commit does not slow the bind down. What is journalled and not yet written is
   * handed back untouched when the gateway stops.
   */
  next(now: number): Turn {
    const first = this.#queue[this.#head]
    if (!first || !this.carrier.isUp || this.inFlight >= 2 * this.carrier.capacity) return NOTHING
    const waitMs = this.pacer.take(first.message.segments, now)
    if (waitMs > 0) return { held: undefined, waitMs }
    this.#head++
    // Cutting the array now and then keeps both the queue and the cost of a turn small.
    if (this.#head > 1_000 && this.#head * 2 > this.#queue.length) {
      this.#queue = this.#queue.slice(this.#head)
      this.#head = 0
    }
    return { held: first, waitMs: 0 }
  }

  /** Takes everything that waits, in order. */
  takeAll(): Held[] {
    const all = this.#queue.slice(this.#head)
    this.#queue = []
    this.#head = 0
    return all
  }

  /** Takes out what was accepted before an instant. */
  takeOlder(than: Date): Held[] {
    const all = this.takeAll()
    this.#queue = all.filter(({ message }) => message.createdAt >= than)
    return all.filter(({ message }) => message.createdAt < than)
  }

  /** Resolves when the carrier's pause is over, or at once after {@link wake}. */
  async pauseOver(): Promise<void> {
    const leftMs = this.pacer.pauseLeft(Date.now())
    if (leftMs > 0) await this.rest(leftMs)
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

  /** Ends every wait: the carrier came up, or the gateway stops. */
  wake(): void {
    for (const wake of this.#wakers) wake()
  }
}
