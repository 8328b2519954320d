import type { Delivery } from './delivery.ts'
import { DueQueue } from './due-queue.ts'
import type { SmscSession } from './smsc-session.ts'

const ESME_RX_P_APPN = 0x65
const ESME_RX_R_APPN = 0x66
const RETRY_MS = 1000
const MAX_ATTEMPTS = 100

/**
 * Deliveries on their way to the ESME: store and forward.
 *
 * They wait until they are due, then until a session that may receive has room, and go back to waiting
 * when the session ends before they are acknowledged.
 */
export class Mailbox {
  readonly #sessions: ReadonlySet<SmscSession>
  readonly #onDropped: (delivery: Delivery, status: number) => void
  readonly #onAcknowledged: (delivery: Delivery) => void
  readonly #scheduled = new DueQueue<Delivery>((delivery) => {
    this.#ready.push(delivery)
    this.pump()
  })
  #ready: Delivery[] = []
  #firstReady = 0
  #turn = 0
  #isHeld = false

  constructor(
    sessions: ReadonlySet<SmscSession>,
    onAcknowledged: (delivery: Delivery) => void,
    onDropped: (delivery: Delivery, status: number) => void,
  ) {
    this.#sessions = sessions
    this.#onAcknowledged = onAcknowledged
    this.#onDropped = onDropped
  }

  /** Deliveries waiting, those under way not counted. */
  get size(): number {
    return this.#scheduled.size + this.#ready.length - this.#firstReady
  }

  schedule(dueMs: number, delivery: Delivery): void {
    this.#scheduled.push(dueMs, delivery)
  }

  /** Sends nothing until {@link release}. */
  hold(): void {
    this.#isHeld = true
  }

  release(): void {
    this.#isHeld = false
    this.pump()
  }

  /** Takes back what a session that has ended did not get through. */
  giveBack(session: SmscSession): void {
    this.#ready.push(...session.takeUnacknowledged())
    this.pump()
  }

  /** Sends what is ready, in turn over the sessions that have room. */
  pump(): void {
    if (this.#isHeld) return
    while (this.#firstReady < this.#ready.length) {
      const session = this.#nextSession()
      const delivery = this.#ready[this.#firstReady]
      if (session === undefined || delivery === undefined) return
      const isSent = session.deliver(delivery, Date.now(), (status) => {
        this.#acknowledged(delivery, status)
      })
      if (!isSent) return
      delivery.attempts++
      this.#firstReady++
      this.#forgetSent()
    }
  }

  /** Takes everything out, for the state file: what waits and what is under way. */
  takeAll(): { dueMs: number; delivery: Delivery }[] {
    const all = this.peekAll()
    for (const session of this.#sessions) session.takeUnacknowledged()
    this.#scheduled.clear()
    this.#ready = []
    this.#firstReady = 0
    return all
  }

  /** Everything that waits or is under way. */
  peekAll(): { dueMs: number; delivery: Delivery }[] {
    const underWay = [...this.#sessions].flatMap((session) => session.unacknowledged())
    const ready = this.#ready.slice(this.#firstReady)
    return [
      ...[...underWay, ...ready].map((delivery) => ({ dueMs: 0, delivery })),
      ...this.#scheduled.entries().map(({ dueMs, item }) => ({ dueMs, delivery: item })),
    ]
  }

  #nextSession(): SmscSession | undefined {
    const able = [...this.#sessions].filter(({ hasRoom }) => hasRoom)
    return able[this.#turn++ % Math.max(1, able.length)]
  }

  #acknowledged(delivery: Delivery, status: number): void {
    const isRefused = status === ESME_RX_P_APPN || status === ESME_RX_R_APPN
    if (status === 0) {
      this.#onAcknowledged(delivery)
    } else if (isRefused || delivery.attempts >= MAX_ATTEMPTS) {
      this.#onDropped(delivery, status)
    } else {
      this.#scheduled.push(Date.now() + RETRY_MS, delivery)
    }
    this.pump()
  }

  // Cuts the sent ones off only now and then, so that a long queue is not moved for each of them.
  #forgetSent(): void {
    if (this.#firstReady < 1024 && this.#firstReady < this.#ready.length) return
    this.#ready = this.#ready.slice(this.#firstReady)
    this.#firstReady = 0
  }
}
