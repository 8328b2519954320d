import { setTimeout as sleep } from 'node:timers/promises'
import { BoundedLog } from '../core/bounded-log.ts'
import type { Clock } from '../core/clock.ts'
import { messageOf } from '../core/errors.ts'
import { FIRST_ID } from '../core/id.ts'
import type { Logger } from '../core/logger.ts'
import type { CallbackRequest, ProviderReports } from '../providers/provider.ts'
import type { Store } from '../store/open.ts'
import type { CallbackTarget, TargetOf } from './callback-target.ts'
import type { InHand } from './in-hand.ts'
import { MarkWriter } from './mark-writer.ts'
import { openRequest, type StoredCallback } from './stored-callback.ts'
import { type CallbackRow, type Mark, pendingAfter, readPending } from './tables.ts'

/** Callbacks that are handed over together. */
const BATCH = 200

/** Rows that one look reads at a time. */
const PAGE = 1_000

/** How often callbacks are looked for that are stored and not taken. */
const LOOK_EVERY_MS = 5_000

const MAX_ERROR_CHARACTERS = 500

/** How long a closing taker waits for what is being handed over: while the database is away, that has no end. */
const CLOSE_PATIENCE_MS = 10_000

/** What became of a callback that was handed over. */
export type TakingOutcome = 'taken' | 'unreadable'

/** What a {@link CallbackTaker} works with. */
export interface CallbackTakerOptions {
  readonly store: Store
  readonly inHand: InHand
  readonly targetOf: TargetOf
  /** Told of each callback that was handed over, after that is written down. */
  readonly onOutcome: (carrier: string, kind: string, outcome: TakingOutcome) => void
  readonly logger: Logger
  readonly clock: Clock
  /** Default 10,000. */
  readonly closePatienceMs?: number
}

interface Queued {
  readonly id: string
  readonly carrier: string
  readonly kind: string
  open(): CallbackRequest
}

/**
 * Reads stored callbacks and hands what they say to their carriers, in the order in which they came.
 *
 * What could not be handed over stays pending, and is found again by a look at the database, which also finds
 * what another run has left.
 */
export class CallbackTaker {
  readonly #options: CallbackTakerOptions
  readonly #unreadable: BoundedLog
  readonly #untaken: BoundedLog
  readonly #queue: Queued[] = []
  readonly #marks: MarkWriter
  /** What was handed over and is not marked yet, by id: nobody takes it again meanwhile. */
  readonly #handed = new Map<string, Queued>()
  /** Since a callback could not be taken, until the timer looks again. */
  #isFailing = false
  #running: Promise<void> | undefined
  #looking: Promise<void> = Promise.resolve()
  #timer: NodeJS.Timeout | undefined
  #isClosed = false

  constructor(options: CallbackTakerOptions) {
    const { store, logger } = options
    this.#options = options
    this.#marks = new MarkWriter({ store, logger, onWritten: (marks) => this.#onMarked(marks) })
    this.#unreadable = new BoundedLog(options.logger, options.clock, {
      one: 'a callback of a provider cannot be read',
      more: 'more callbacks of providers cannot be read',
    })
    this.#untaken = new BoundedLog(options.logger, options.clock, {
      one: 'a callback of a provider is not taken yet',
      more: 'more callbacks of providers are not taken yet',
    })
  }

  /** Takes what another run has left, and looks for what stays behind from now on. */
  start(): void {
    this.#timer = setInterval(() => {
      this.#isFailing = false
      this.lookSoon()
    }, LOOK_EVERY_MS).unref()
    this.lookSoon()
  }

  /** Takes callbacks that are stored and in hand; returns at once. */
  offer(callbacks: readonly StoredCallback[]): void {
    for (const { id, carrier, request } of callbacks) {
      this.#queue.push({ id, carrier, kind: request.kind, open: () => request })
    }
    this.#wake()
  }

  /** Looks for callbacks that are stored and in nobody's hands; resolves when they are in the queue. */
  look(): Promise<void> {
    const looked = this.#looking.then(() => this.#look())
    this.#looking = looked.catch(() => {})
    return looked
  }

  /** As {@link look}, and logs what goes wrong. */
  lookSoon(): void {
    this.look().catch((error: unknown) => {
      const { logger } = this.#options
      logger.error({ error: messageOf(error) }, 'cannot look for callbacks that were not taken')
    })
  }

  /** Finishes what is being handed over, for some seconds; the rest stays for the next start. */
  async close(): Promise<void> {
    this.#isClosed = true
    clearInterval(this.#timer)
    await this.#looking
    const finished = new AbortController()
    const { closePatienceMs = CLOSE_PATIENCE_MS } = this.#options
    const patience = sleep(closePatienceMs, undefined, { signal: finished.signal }).catch(() => {})
    await Promise.race([this.#finish(), patience])
    finished.abort()
    this.#unreadable.tellLeft()
    this.#untaken.tellLeft()
  }

  async #finish(): Promise<void> {
    await this.#running
    await this.#marks.flush()
  }

  #wake(): void {
    if (this.#queue.length > 0 && !this.#isClosed) this.#running ??= this.#run()
  }

  /** Never rejects. */
  async #run(): Promise<void> {
    while (this.#queue.length > 0 && !this.#isClosed) {
      await this.#handOver(this.#queue.splice(0, BATCH))
    }
    this.#running = undefined
  }

  /** Never rejects. */
  async #handOver(batch: readonly Queued[]): Promise<void> {
    const taking: Promise<void>[] = []
    for (const queued of batch) {
      try {
        const { target, reports } = await this.#read(queued)
        taking.push(this.#take(queued, target, reports))
      } catch (error) {
        this.#mark(queued, messageOf(error).slice(0, MAX_ERROR_CHARACTERS))
      }
    }
    await Promise.all(taking)
  }

  async #read(queued: Queued): Promise<{ target: CallbackTarget; reports: ProviderReports }> {
    const target = this.#options.targetOf(queued.carrier)
    if (!target?.callbacks) throw new Error('there is no such carrier with callbacks any more')
    return { target, reports: await target.callbacks.read(queued.open()) }
  }

  /** Never rejects: what is not taken now waits for the look of the timer. */
  async #take(queued: Queued, target: CallbackTarget, reports: ProviderReports): Promise<void> {
    const { id, carrier } = queued
    try {
      // Some requests only check whether we are there.
      if (reports.receipts.length + reports.inbound.length > 0) await target.take(reports)
    } catch (error) {
      const { inHand } = this.#options
      this.#untaken.warn({ id, carrier, error: messageOf(error) })
      inHand.release(id)
      inHand.left++
      this.#isFailing = true
      return
    }
    this.#mark(queued, null)
  }

  #mark(queued: Queued, error: string | null): void {
    this.#handed.set(queued.id, queued)
    this.#marks.add({ id: queued.id, error, at: this.#options.clock() })
  }

  #onMarked(marks: readonly Mark[]): void {
    const { inHand, onOutcome } = this.#options
    for (const { id, error } of marks) {
      const queued = this.#handed.get(id)
      this.#handed.delete(id)
      inHand.release(id)
      if (!queued) continue
      const { carrier, kind } = queued
      if (error !== null) this.#unreadable.warn({ id, carrier, kind, error })
      onOutcome(carrier, kind, error === null ? 'taken' : 'unreadable')
    }
    // There is room again for what waits in the database.
    const isIdle = this.#queue.length === 0 && !this.#isFailing && !this.#isClosed
    if (isIdle && inHand.left > 0) this.lookSoon()
  }

  async #look(): Promise<void> {
    if (this.#isClosed) return
    const { store, inHand } = this.#options
    await this.#marks.flush()
    let left = 0
    let after = FIRST_ID
    for (;;) {
      const rows = await pendingAfter(store, after, PAGE)
      const wanted: string[] = []
      for (const { id, octets } of rows) {
        if (inHand.has(id)) continue
        if (inHand.isFull) {
          left++
          continue
        }
        inHand.hold(id, octets)
        wanted.push(id)
      }
      if (wanted.length > 0) await this.#enqueue(wanted)
      const last = rows.at(-1)
      if (!last || rows.length < PAGE || this.#isClosed) break
      after = last.id
    }
    inHand.left = left
  }

  /** Whatever was taken since it was found is not read again. */
  async #enqueue(ids: readonly string[]): Promise<void> {
    const { store, inHand } = this.#options
    let rows: readonly CallbackRow[]
    try {
      rows = await readPending(store, ids)
    } catch (error) {
      for (const id of ids) inHand.release(id)
      throw error
    }
    const found = new Set(rows.map(({ id }) => id))
    for (const id of ids) if (!found.has(id)) inHand.release(id)
    for (const row of rows) {
      const { id, carrier, kind } = row
      this.#queue.push({ id, carrier, kind, open: () => openRequest(store.cipher, row) })
    }
    this.#wake()
  }
}
