import type { Carrier, OutboundMessage, SegmentOutcome, Submission } from '../carriers/carrier.ts'
import type { Clock } from '../core/clock.ts'
import { messageOf } from '../core/errors.ts'
import type { Logger } from '../core/logger.ts'
import { parseSender } from '../routing/sender.ts'
import { Lane } from './lane.ts'
import type { Message } from './message.ts'
import type { Routes } from './routes.ts'
import { type Held, nextStep } from './settle.ts'
import type { Spool } from './spool.ts'

/** What a {@link Dispatcher} is built with. */
export interface DispatcherOptions {
  readonly carriers: ReadonlyMap<string, Carrier>
  readonly routes: Routes
  readonly spool: Spool
  readonly logger: Logger
  readonly clock: Clock
  /** Messages that may wait in memory; beyond that intake refuses. Default 100,000. */
  readonly maxQueued?: number
}

/**
 * Takes accepted messages to their carriers: a queue for each carrier, no faster than its binds and
 * its agreed rate allow, the intent journalled before the first octet is written.
 *
 * A carrier that is slow or down holds up only its own queue; what waits there is routed again when
 * another carrier can take it.
 */
export class Dispatcher {
  readonly #lanes = new Map<string, Lane>()
  readonly #routes: Routes
  readonly #spool: Spool
  readonly #logger: Logger
  readonly #clock: Clock
  readonly #maxQueued: number
  readonly #held = new Map<string, Held>()
  readonly #working = new Set<Promise<void>>()
  readonly #timers = new Set<NodeJS.Timeout>()
  #isStopped = false
  /** Set when the time to wait for answers is over. */
  #isAbandoned = false

  constructor(options: DispatcherOptions) {
    this.#routes = options.routes
    this.#spool = options.spool
    this.#logger = options.logger
    this.#clock = options.clock
    this.#maxQueued = options.maxQueued ?? 100_000
    for (const carrier of options.carriers.values()) {
      this.#lanes.set(carrier.name, new Lane(carrier))
    }
  }

  /** Messages in memory: waiting, or at a carrier without an answer yet. */
  get heldCount(): number {
    return this.#held.size
  }

  /** True when intake should refuse. */
  get isFull(): boolean {
    return this.#held.size >= this.#maxQueued
  }

  /** Messages waiting for each carrier. */
  queueLengths(): { carrier: string; waiting: number; inFlight: number }[] {
    return [...this.#lanes.values()].map((lane) => ({
      carrier: lane.carrier.name,
      waiting: lane.waiting,
      inFlight: lane.inFlight,
    }))
  }

  /** True while this dispatcher works on a message. */
  holds(messageId: string): boolean {
    return this.#held.has(messageId)
  }

  /** Works no longer on messages that wait since before an instant. */
  dropWaiting(since: Date): void {
    for (const lane of this.#lanes.values()) {
      for (const { message } of lane.takeOlder(since)) this.#held.delete(message.id)
    }
  }

  /** Takes a committed message; its `carrier` says whose queue it joins. */
  enqueue(message: Message): void {
    const held: Held = { message, tried: new Set(), rounds: 0 }
    this.#held.set(message.id, held)
    this.#join(held)
  }

  /** A bind of the carrier came or went. */
  onCapacityChange(carrierName: string): void {
    if (this.#isStopped) return
    const lane = this.#lanes.get(carrierName)
    if (lane?.carrier.isUp) {
      lane.wake()
      this.#pump(lane)
    }
    for (const stuck of this.#lanes.values()) {
      if (!stuck.carrier.isUp && stuck.waiting > 0) this.#rerouteAll(stuck)
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
    this.#isAbandoned = true
    for (const lane of this.#lanes.values()) lane.wake()
  }

  /** Resolves when everything that was at a carrier is answered or given up, and journalled. */
  async drained(): Promise<void> {
    while (this.#working.size > 0) await Promise.all(this.#working)
  }

  #join(held: Held): void {
    const lane = this.#lanes.get(held.message.carrier)
    if (!lane) {
      this.#logger.error({ carrier: held.message.carrier }, 'no such carrier, message waits')
      return
    }
    if (!lane.carrier.isUp && this.#reroute(held)) return
    lane.push(held)
    this.#pump(lane)
  }

  #pump(lane: Lane): void {
    while (!this.#isStopped) {
      const turn = lane.next(Date.now())
      if (turn.held) this.#track(this.#submit(lane, turn.held))
      else {
        if (turn.waitMs > 0 && !lane.isPumpScheduled) this.#pumpLater(lane, turn.waitMs)
        return
      }
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
    try {
      await this.#settle(held, await this.#outcomes(lane, held.message))
    } catch (error) {
      this.#held.delete(held.message.id)
      // Its places are free, and nothing else may tell the lane so.
      this.#pump(lane)
      throw error
    }
  }

  /** Journals the intent, sends the segments, and gives what became of each. */
  async #outcomes(lane: Lane, message: Message): Promise<SegmentOutcome[]> {
    let submission: Submission
    try {
      submission = lane.carrier.prepare(outbound(message))
    } catch (error) {
      // The carrier's settings have changed since the message was accepted: try the others.
      return [unpreparable(error)]
    }
    const { segmentCount, replacements } = submission
    lane.inFlight += segmentCount
    try {
      const attempt = message.attempt + 1
      await this.#spool.write({
        kind: 'submitting',
        message,
        carrier: lane.carrier.name,
        attempt,
        segmentCount,
        replacements,
        at: this.#clock(),
      })
      message.attempt = attempt
      message.status = 'sending'
      return await this.#sendAll(lane, submission)
    } finally {
      lane.inFlight -= segmentCount
    }
  }

  /**
   * Sends all segments. Where the carrier has taken some, those that a closed connection or a passing
   * refusal has kept from it follow: half a message is of no use to anybody.
   */
  async #sendAll(lane: Lane, submission: Submission): Promise<SegmentOutcome[]> {
    const outcomes = await this.#sendEach(lane, submission, numbersTo(submission.segmentCount))
    for (let tries = 0; tries < MAX_RESUMPTIONS; tries++) {
      const missing = missingSegments(outcomes)
      if (missing.length === 0) break
      if (outcomes.some(({ kind }) => kind === 'refused')) {
        await lane.rest(RESEND_WAIT_MS * 2 ** tries)
      }
      if (this.#isAbandoned || !(await lane.isUpWithin(RESUME_PATIENCE_MS))) break
      const resumed = await this.#sendEach(lane, submission, missing)
      missing.forEach((segment, index) => {
        const outcome = resumed[index]
        if (outcome) outcomes[segment - 1] = outcome
      })
    }
    return outcomes
  }

  #sendEach(
    lane: Lane,
    submission: Submission,
    segments: readonly number[],
  ): Promise<SegmentOutcome[]> {
    return Promise.all(segments.map((segment) => this.#send(lane, submission, segment)))
  }

  /** Sends one segment, as often as the carrier asks for patience. */
  async #send(lane: Lane, submission: Submission, segment: number): Promise<SegmentOutcome> {
    for (;;) {
      const outcome = await submission.send(segment)
      if (outcome.kind !== 'throttled') return outcome
      lane.pacer.pause(outcome.pauseMs, Date.now())
      // A bind that comes up wakes the lane before the pause is over.
      while (!this.#isAbandoned && lane.pacer.pauseLeft(Date.now()) > 0) await lane.pauseOver()
      if (this.#isAbandoned) return { kind: 'not_sent', reason: 'the gateway is shutting down' }
    }
  }

  async #settle(held: Held, outcomes: readonly SegmentOutcome[]): Promise<void> {
    const { message } = held
    const carrier = message.carrier
    this.#routes.note(carrier, outcomes)
    const { entry, rejoinAfterMs } = nextStep(held, outcomes, this.#routes.choose, this.#clock())
    await this.#spool.write(entry)
    message.status = entry.to
    message.carrier = entry.carrier
    if (rejoinAfterMs === undefined) this.#held.delete(message.id)
    else if (rejoinAfterMs > 0) this.#after(rejoinAfterMs, () => this.#join(held))
    else this.#join(held)
    const lane = this.#lanes.get(carrier)
    if (lane) this.#pump(lane)
  }

  #rerouteAll(lane: Lane): void {
    for (const held of lane.takeAll()) {
      if (!this.#reroute(held)) lane.push(held)
    }
  }

  /** Takes a message to a carrier that is up; false when there is none that would have it. */
  #reroute(held: Held): boolean {
    const move = this.#routes.reroute(held, this.#clock())
    if (!move) return false
    this.#track(
      this.#spool.write(move).then(() => {
        held.message.carrier = move.carrier
        this.#join(held)
      }),
    )
    return true
  }
}

/** How often the rest of a message is sent again, and how long a connection is waited for. */
const MAX_RESUMPTIONS = 5
const RESUME_PATIENCE_MS = 30_000

/** Rest before a refused segment of a half-sent message goes again; doubles with each time. */
const RESEND_WAIT_MS = 250

function outbound(message: Message): OutboundMessage {
  const parsed = parseSender(message.from)
  const sender = parsed.ok ? parsed.sender : { value: message.from, ton: 0, npi: 0 }
  return { ...message, sender }
}

function unpreparable(error: unknown): SegmentOutcome {
  return {
    kind: 'refused',
    commandStatus: null,
    reason: `it cannot be encoded for this carrier: ${messageOf(error)}`,
    class: 'message',
  }
}

/** The segments that may still complete a message of which the carrier has taken others. */
function missingSegments(outcomes: readonly SegmentOutcome[]): number[] {
  const isTaken = outcomes.some(({ kind }) => kind === 'accepted' || kind === 'uncertain')
  const isLost = outcomes.some((outcome) => outcome.kind === 'refused' && !isPassing(outcome))
  if (!isTaken || isLost) return []
  return numbersTo(outcomes.length).filter((segment) => {
    const outcome = outcomes[segment - 1]
    return outcome !== undefined && (outcome.kind === 'not_sent' || isPassing(outcome))
  })
}

function isPassing(outcome: SegmentOutcome): boolean {
  return outcome.kind === 'refused' && outcome.class === 'passing'
}

/** The numbers from 1 to `last`. */
function numbersTo(last: number): number[] {
  return Array.from({ length: last }, (_, index) => index + 1)
}

function elapsed(waitMs: number): Promise<void> {
  return new Promise((resolve) => {
    setTimeout(resolve, waitMs).unref()
  })
}
