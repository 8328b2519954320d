import type { Carrier, SegmentOutcome } from '../carriers/carrier.ts'
import type { Clock } from '../core/clock.ts'
import { messageOf } from '../core/errors.ts'
import type { Logger } from '../core/logger.ts'
import type { Store } from '../store/open.ts'
import type { CarrierHealth } from './carrier-health.ts'
import { claimBacklog } from './claims.ts'
import { unlessAtCarrier } from './deciding-submit.ts'
import { endEntry, unchanged } from './endings.ts'
import { type FailureJudge, POLICIES_ONLY, submitsTo } from './failure-judge.ts'
import type { MovedEntry } from './journal.ts'
import { Lane, type Overflow } from './lane.ts'
import { type LateAnswer, lateEntry, refusedOutcomes } from './late.ts'
import type { LiveMessages } from './live.ts'
import type { Message } from './message.ts'
import { holdersOf } from './missing-receipts.ts'
import type { Routes } from './routes.ts'
import {
  type ChooseNext,
  type Held,
  type LateAt,
  newlyHeld,
  nextStep,
  type PolicyFor,
  receiptUntil,
  type Step,
  type StepRules,
} from './settle.ts'
import type { Spool } from './spool.ts'
import { isFinal } from './states.ts'
import { Submitter } from './submitter.ts'
import type { TableWriter } from './table-writer.ts'
import { type Backlog, findMessages, listBacklogs, type StoredMessage } from './tables.ts'

/** What a {@link Dispatcher} is built with. */
export interface DispatcherOptions {
  readonly carriers: ReadonlyMap<string, Carrier>
  readonly routes: Routes
  /** Every carrier that is bound can be used, unless given. */
  readonly health?: Pick<CarrierHealth, 'gateOf' | 'noteSubmit'> | undefined
  readonly spool: Spool
  readonly live: LiveMessages
  readonly store: Store
  readonly tables: TableWriter
  /** The name under which it claims messages. */
  readonly node: string
  readonly policyFor: PolicyFor
  readonly lateAt?: LateAt | undefined
  /** Decides what follows a failure; without it the policies do. */
  readonly judge?: FailureJudge
  readonly logger: Logger
  readonly clock: Clock
  readonly random?: () => number
  /** Messages that may wait for carriers; beyond that intake refuses. Default 2,000,000. */
  readonly maxQueued?: number
  /** Messages of one tenant and class that wait in memory for one carrier. Default 5,000. */
  readonly laneCapacity?: number
  /** Messages in memory beyond which each tenant keeps only a few there. Default 50,000. */
  readonly memoryCapacity?: number
}

/** What waits longer than this waits in the database. */
const MEMORY_WAIT_MS = 2_000

/** About 100 MB. */
const MEMORY_CAPACITY = 50_000

/** Waiting messages read from the database at once: reading more would hold up everything else. */
const REFILL_PAGE = 250

/** Rest after the database could not be read. */
const REFILL_RETRY_MS = 1_000

/** Messages of a carrier that is no longer configured, taken at once. */
const ADOPT_PAGE = 1_000

/** How long what waits for a carrier that is down stays, for what has not left it yet to go first. */
const LEAVE_PATIENCE_MS = 1_000

/** How long a message waits before a carrier is looked for again. */
const NO_CARRIER_WAIT_MS = 60_000

/** How a message comes to a lane: from intake, from the database, or from a carrier. */
type Coming = 'new' | 'claimed' | 'moved'

/**
 * Takes accepted messages to their carriers: a queue for each carrier, no faster than its binds and
 * its agreed rate allow, the intent journalled before the first octet is written.
 *
 * A carrier that is slow or down holds up only its own queue; what waits there is routed again when
 * another carrier can take it.
 */
export class Dispatcher {
  readonly #lanes = new Map<string, Lane>()
  readonly #options: DispatcherOptions
  readonly #routes: Routes
  readonly #spool: Spool
  readonly #live: LiveMessages
  readonly #logger: Logger
  readonly #clock: Clock
  readonly #maxQueued: number
  readonly #held = new Map<string, Held>()
  readonly #working = new Set<Promise<void>>()
  readonly #timers = new Set<NodeJS.Timeout>()
  readonly #submitter: Submitter
  /** Queues of carriers that have gone, and whom to tell when nothing is at the carrier any more. */
  readonly #retired = new Map<Lane, () => void>()
  #isStopped = false

  constructor(options: DispatcherOptions) {
    this.#options = options
    this.#routes = options.routes
    this.#spool = options.spool
    this.#live = options.live
    this.#logger = options.logger
    this.#clock = options.clock
    this.#maxQueued = options.maxQueued ?? 2_000_000
    this.#submitter = new Submitter({
      ...options,
      onLate: (message, answer) => this.#track(this.#takeLate(message, answer)),
      onThrottled: (message, carrier) => this.#routes.noteThrottled(message, carrier),
    })
    for (const carrier of options.carriers.values()) this.add(carrier)
  }

  /** A carrier has come: it has a queue from now on. */
  add(carrier: Carrier): void {
    const { laneCapacity: capacity, memoryCapacity = MEMORY_CAPACITY, health } = this.#options
    const isMemoryFull = () => this.#held.size >= memoryCapacity
    const gate = health?.gateOf(carrier.name)
    this.#lanes.set(carrier.name, new Lane(carrier, { capacity, isMemoryFull, gate }))
  }

  /**
   * A carrier goes: it is given nothing more, and what waits for it goes to others. Resolves when what
   * it has is answered, after `drainMs` at the latest: what it has not been sent by then is not sent
   * any more, and comes back when the carrier is closed.
   */
  async remove(carrierName: string, drainMs: number): Promise<void> {
    const lane = this.#lanes.get(carrierName)
    if (!lane) return
    this.#lanes.delete(carrierName)
    lane.isRetired = true
    const answered = new Promise<void>((resolve) => this.#retired.set(lane, resolve))
    this.#noteAnswered(lane)
    // The routes may be changing in this turn, too.
    this.#after(0, () => {
      for (const held of lane.takeAll()) this.#join(held, 'moved')
      this.#refill(lane)
    })
    await Promise.race([answered, elapsed(drainMs)])
    this.#retired.delete(lane)
    lane.abandon()
  }

  /** Messages in memory: waiting, or at a carrier without an answer yet. */
  get heldCount(): number {
    return this.#held.size
  }

  /** True when intake should refuse. */
  get isFull(): boolean {
    return this.#waitingCount() >= this.#maxQueued
  }

  /** How full the queues are, in whole percent. */
  get fillPercent(): number {
    return Math.min(100, Math.floor((this.#waitingCount() * 100) / this.#maxQueued))
  }

  #waitingCount(): number {
    let waiting = 0
    for (const lane of this.#lanes.values()) waiting += lane.waiting
    return waiting
  }

  /** Messages waiting for each carrier. */
  queueLengths(): { carrier: string; waiting: number; inFlight: number }[] {
    return [...this.#lanes.values()].map((lane) => ({
      carrier: lane.carrier.name,
      waiting: lane.waiting,
      inFlight: lane.inFlight,
    }))
  }

  /** Learns what waits in the database. Call it once, before messages are taken. */
  async loadBacklogs(): Promise<void> {
    for (const backlog of await listBacklogs(this.#options.store)) {
      const lane = this.#lanes.get(backlog.carrier)
      if (lane) lane.addOverflow(backlog.trafficClass, backlog.tenantId, backlog.count)
      else await this.#adoptBacklog(backlog)
    }
    for (const lane of this.#lanes.values()) this.#refill(lane)
  }

  /**
   * Takes a committed message; its `carrier` says whose queue it joins.
   *
   * @param tried - carriers that are not to get it now
   */
  enqueue(message: Message, tried: Iterable<string> = []): void {
    const live = this.#live.get(message.id)
    if (!live || live.isHeld) return
    this.#live.hold(live)
    const held = newlyHeld(message, message.attempt > 0 ? holdersOf(live) : undefined)
    for (const carrier of tried) held.tried.add(carrier)
    this.#held.set(message.id, held)
    this.#join(held)
  }

  /**
   * Takes a waiting message away, so that nobody sends it; false when it does not wait here. The
   * caller moves it on, then calls `live.letGo`.
   */
  withdraw(messageId: string): boolean {
    const held = this.#held.get(messageId)
    if (held?.message.status !== 'queued' || held.isSubmitting) return false
    held.isWithdrawn = true
    this.#held.delete(messageId)
    this.#lanes.get(held.message.carrier)?.remove(held)
    return true
  }

  /** Ends what has waited past its validity. */
  expireWaiting(now: Date): void {
    for (const lane of this.#lanes.values()) {
      for (const held of lane.takeExpired(now)) this.#expire(held, now)
    }
  }

  /** A bind of the carrier came or went, or its health has changed. */
  onCapacityChange(carrierName: string): void {
    if (this.#isStopped) return
    const lane = this.#lanes.get(carrierName)
    if (lane?.isOpen) {
      lane.wake()
      this.#pump(lane)
    }
    for (const stuck of this.#lanes.values()) {
      if (!stuck.isOpen && stuck.waiting > 0) this.#leave(stuck)
    }
  }

  /**
   * Takes no more work, and waits up to `drainMs` for answers to what is at a carrier. Close the
   * carriers afterwards, then await {@link drained}.
   */
  async stop(drainMs: number): Promise<void> {
    this.#isStopped = true
    for (const timer of this.#timers) clearTimeout(timer)
    this.#timers.clear()
    await Promise.race([this.drained(), elapsed(drainMs)])
    for (const lane of [...this.#lanes.values(), ...this.#retired.keys()]) lane.abandon()
    for (const resolve of this.#retired.values()) resolve()
  }

  /** Resolves when everything that was at a carrier is answered or given up, and journalled. */
  async drained(): Promise<void> {
    while (this.#working.size > 0) await Promise.all(this.#working)
  }

  #join(held: Held, coming: Coming = 'new'): void {
    if (held.isWithdrawn) return
    if (held.message.status !== 'queued') {
      this.#letGo(held)
      return
    }
    const lane = this.#lanes.get(held.message.carrier)
    if (!lane) {
      // Rather wait for one that is down than for one that is gone.
      if (!this.#reroute(held, true)) this.#waitForCarrier(held)
      return
    }
    const nowMs = this.#clock().getTime()
    const mayJoin = lane.mayJoin(nowMs)
    if (!mayJoin && this.#reroute(held)) return
    if (mayJoin) lane.noteJoined(nowMs)
    if (pushInto(lane, held, coming)) {
      this.#pump(lane)
      return
    }
    lane.noteOverflow(held.message)
    this.#letGo(held)
    this.#refill(lane)
  }

  /** Leaves a message to the database. */
  #letGo({ message }: Held): void {
    this.#held.delete(message.id)
    const live = this.#live.get(message.id)
    if (live) this.#live.letGo(live)
  }

  #expire(held: Held, now: Date): void {
    held.isWithdrawn = true
    const end = this.#unlessAtCarrier(endEntry(held.message, 'expired', now))
    this.#track(this.#spool.write(end).then(() => this.#letGo(held)))
  }

  #pump(lane: Lane): void {
    while (!this.#isStopped && !lane.isRetired) {
      const turn = lane.next(performance.now())
      if (turn.held) {
        const now = this.#clock()
        // A receipt of an earlier submit may have ended it while it waited.
        if (turn.held.message.status !== 'queued') this.#letGo(turn.held)
        else if (turn.held.message.expiresAt <= now) this.#expire(turn.held, now)
        else this.#track(this.#submit(lane, turn.held))
        continue
      }
      if (turn.waitMs > 0 && !lane.isPumpScheduled) this.#pumpLater(lane, turn.waitMs)
      break
    }
    this.#refill(lane)
  }

  /** Brings the head of what waits in the database into memory, where there is room again. */
  #refill(lane: Lane): void {
    if (lane.isRefilling || this.#isStopped) return
    const [first] = lane.refillable()
    if (!first) return
    lane.isRefilling = true
    const work = this.#claim(lane, first.overflow, Math.min(REFILL_PAGE, first.room)).then(
      () => {
        lane.isRefilling = false
        this.#refill(lane)
      },
      (error: unknown) => {
        this.#logger.error(
          { carrier: lane.carrier.name, error: messageOf(error) },
          'cannot read what waits for a carrier, will try again',
        )
        this.#after(REFILL_RETRY_MS, () => {
          lane.isRefilling = false
          this.#refill(lane)
        })
      },
    )
    this.#track(work)
  }

  async #claim(lane: Lane, overflow: Overflow, room: number): Promise<void> {
    const { tables } = this.#options
    const backlog = { ...overflow, carrier: lane.carrier.name }
    const { version } = overflow
    let taken = this.#takeClaimed(await claimBacklog(this.#options, backlog, room))
    if (taken < room) {
      // The latest may not be in the tables yet.
      await tables.flush()
      taken += this.#takeClaimed(await claimBacklog(this.#options, backlog, room - taken))
    }
    overflow.count = Math.max(1, overflow.count - taken)
    if (taken < room && overflow.version === version) lane.removeOverflow(overflow)
  }

  #takeClaimed(claimed: readonly StoredMessage[]): number {
    for (const stored of claimed) {
      const live = this.#live.adopt(stored.message, stored.attempts)
      if (live.isHeld || live.message.status !== 'queued') continue
      this.#live.hold(live)
      const held = newlyHeld(live.message, holdersOf(live))
      this.#held.set(held.message.id, held)
      this.#join(held, 'claimed')
    }
    return claimed.length
  }

  /** What waits for a carrier that is no longer configured is routed again. */
  async #adoptBacklog({ carrier, trafficClass, tenantId }: Backlog): Promise<void> {
    const { tables } = this.#options
    for (;;) {
      const backlog = { carrier, trafficClass, tenantId }
      const claimed = await claimBacklog(this.#options, backlog, ADOPT_PAGE)
      this.#takeClaimed(claimed)
      if (claimed.length < ADOPT_PAGE) return
      await tables.flush()
    }
  }

  #pumpLater(lane: Lane, waitMs: number): void {
    lane.isPumpScheduled = true
    this.#after(waitMs, () => {
      lane.isPumpScheduled = false
      this.#pump(lane)
    })
  }

  #after(waitMs: number, run: () => void): void {
    if (this.#isStopped) return
    const timer = setTimeout(() => {
      this.#timers.delete(timer)
      run()
    }, waitMs)
    this.#timers.add(timer)
  }

  #track(work: Promise<void>): void {
    const tracked: Promise<void> = work
      .catch((error: unknown) => {
        this.#logger.error({ error: messageOf(error) }, 'a message could not be moved on')
      })
      .finally(() => this.#working.delete(tracked))
    this.#working.add(tracked)
  }

  async #submit(lane: Lane, held: Held): Promise<void> {
    held.isSubmitting = true
    held.isProbe = lane.noteGiven()
    try {
      await this.#settle(held, await this.#submitter.submit(lane, held.message))
    } catch (error) {
      this.#letGo(held)
      this.#options.health?.noteSubmit(lane.carrier.name, [], held.isProbe)
      // Its places are free, and nothing else may tell the lane so.
      this.#pump(lane)
      throw error
    } finally {
      if (lane.isRetired) this.#noteAnswered(lane)
    }
  }

  #noteAnswered(lane: Lane): void {
    if (lane.inFlight === 0) this.#retired.get(lane)?.()
  }

  async #settle(held: Held, outcomes: readonly SegmentOutcome[]): Promise<void> {
    const { message } = held
    const carrier = message.carrier
    this.#routes.note(message, outcomes)
    this.#options.health?.noteSubmit(carrier, outcomes, held.isProbe)
    const { entry, rejoins } = this.#stepAfter(held, outcomes)
    const written = this.#spool.write(entry)
    // Its places are free; what comes next is journalled with this answer, not after it.
    const lane = this.#lanes.get(carrier)
    if (lane) this.#pump(lane)
    // The others that have not left are settled in this turn of the event loop, too.
    if (lane?.isLeaving && lane.inFlight === 0) this.#after(0, () => this.#leaveNow(lane))
    await written
    held.isSubmitting = false
    // A receipt may have ended it before its response.
    if (rejoins && message.status === 'queued') this.#rejoin(held)
    else this.#letGo(held)
  }

  #stepAfter(held: Held, outcomes: readonly SegmentOutcome[]): Step {
    const step = nextStep(held, outcomes, this.#rulesFor(held.message), this.#clock())
    if (!isFinal(step.entry.to)) return step
    return { entry: this.#unlessAtCarrier(step.entry), rejoins: false }
  }

  /** An end that is none while the carrier of an earlier submit has the message. */
  #unlessAtCarrier(end: MovedEntry): MovedEntry {
    const live = this.#live.get(end.message.id)
    const policy = this.#options.policyFor(end.message.trafficClass)
    return live ? unlessAtCarrier(live, end, policy) : end
  }

  /** What ends because the gateway stops, or has ended already, is no failure that a rule is for. */
  #rulesFor(message: Message): StepRules {
    const { policyFor, judge = POLICIES_ONLY, lateAt, random = Math.random } = this.#options
    return {
      policy: policyFor(message.trafficClass),
      judge: this.#isStopped || isFinal(message.status) ? POLICIES_ONLY : judge,
      chooseNext: this.#routes.choose,
      chooseOtherUp: this.#chooseOtherUp,
      submits: this.#submitsOf,
      random,
      lateAt,
    }
  }

  readonly #submitsOf = ({ id, carrier }: Message): number =>
    submitsTo(carrier, this.#live.get(id)?.attempts ?? [])

  /** A carrier has answered after the outcome counted as unknown. */
  async #takeLate(message: Message, answer: LateAnswer): Promise<void> {
    const { store, policyFor, lateAt } = this.#options
    const policy = policyFor(message.trafficClass)
    const at = this.#clock()
    for (const found of await findMessages(this.#live, store, [message.id])) {
      this.#live.adopt(found.message, found.attempts)
    }
    await this.#spool.write(
      lateEntry(message, answer, at, receiptUntil(policy, message, at, lateAt)),
    )
    const live = this.#live.get(message.id)
    const outcomes = live && refusedOutcomes(live, answer)
    if (!live || !outcomes) return
    this.#live.hold(live)
    const held = newlyHeld(live.message)
    this.#held.set(message.id, held)
    const { entry, rejoins } = this.#stepAfter(held, outcomes)
    // The answers are in the journal and in the timeline already.
    await this.#spool.write({ ...entry, answers: [], events: entry.events.slice(1) })
    if (rejoins && live.message.status === 'queued') this.#rejoin(held)
    else this.#letGo(held)
  }

  /** Queues a message again in its old place, at its instant if it has one. */
  #rejoin(held: Held): void {
    const { dueAt } = held.message
    const waitMs = dueAt ? dueAt.getTime() - this.#clock().getTime() : 0
    if (waitMs > MEMORY_WAIT_MS) this.#letGo(held)
    else if (waitMs > 0) this.#after(waitMs, () => this.#join(held, 'moved'))
    else this.#join(held, 'moved')
  }

  /**
   * Takes what waits to other carriers, after what was to leave next and has not: that is older, and
   * a tenant's messages keep their order.
   */
  #leave(lane: Lane): void {
    if (lane.isLeaving) return
    lane.isLeaving = true
    if (lane.inFlight === 0) this.#leaveNow(lane)
    else this.#after(LEAVE_PATIENCE_MS, () => this.#leaveNow(lane))
  }

  #leaveNow(lane: Lane): void {
    if (!lane.isLeaving) return
    lane.isLeaving = false
    if (!lane.isOpen) this.#rerouteAll(lane)
  }

  /** Another carrier for a message whose own is down; undefined when none is up. */
  readonly #chooseOtherUp: ChooseNext = (message, excluded, at) => {
    if (this.#lanes.get(message.carrier)?.isOpen) return undefined
    const next = this.#routes.choose(message, excluded, at)
    return next && this.#lanes.get(next.carrier)?.isOpen ? next : undefined
  }

  #rerouteAll(lane: Lane): void {
    for (const held of lane.takeAll()) {
      if (!this.#reroute(held)) lane.pushClaimed(held)
    }
    this.#refill(lane)
  }

  /** Takes a message to another carrier, one that is up if there is one; false when none would have it. */
  #reroute(held: Held, mayBeDown = false): boolean {
    const move = this.#routes.reroute(held, this.#clock(), mayBeDown)
    if (!move) return false
    this.#track(this.#spool.write(move).then(() => this.#join(held, 'moved')))
    return true
  }

  /** Nobody is configured who takes it: looks again later, until it expires. */
  #waitForCarrier(held: Held): void {
    const { message } = held
    this.#logger.error(
      { messageId: message.id, carrier: message.carrier },
      'no configured carrier takes this message any more, it waits',
    )
    const at = this.#clock()
    const entry: MovedEntry = {
      ...unchanged(message, at),
      to: 'queued',
      dueAt: new Date(at.getTime() + NO_CARRIER_WAIT_MS),
      errorCode: 'no_carrier_left',
      errorDetail: `the carrier ${message.carrier} is not configured and no other takes the message`,
    }
    this.#track(this.#spool.write(entry).then(() => this.#letGo(held)))
  }
}

function pushInto(lane: Lane, held: Held, coming: Coming): boolean {
  if (coming === 'claimed') return lane.pushClaimed(held)
  return coming === 'moved' ? lane.pushMoved(held) : lane.push(held)
}

function elapsed(waitMs: number): Promise<void> {
  return new Promise((resolve) => {
    setTimeout(resolve, waitMs).unref()
  })
}
