import type { Clock } from '../core/clock.ts'
import { messageOf } from '../core/errors.ts'
import type { Logger } from '../core/logger.ts'
import type { Store } from '../store/open.ts'
import { nextDue, readDue, waitingRecipients } from './outbox.ts'
import type { Spool } from './spool.ts'
import type { TableWriter } from './table-writer.ts'
import type { Telling, TellingOutcome } from './telling.ts'

/** Brings tellings to one kind of recipient. */
export interface Transport {
  /** How many may be under way to a recipient at once; 0 while it cannot be reached. */
  concurrencyOf(recipient: string): number
  /** Tells once. Never rejects. */
  deliver(telling: Telling): Promise<TellingOutcome>
}

/** What a {@link Teller} is built with. */
export interface TellerOptions {
  readonly store: Store
  readonly spool: Spool
  readonly tables: TableWriter
  readonly transportFor: (recipient: string) => Transport
  readonly logger: Logger
  readonly clock: Clock
  /** Tellings of one recipient that wait in memory. Default 5,000. */
  readonly capacity?: number
}

const CAPACITY = 5_000

/** Tellings read from the database at once. */
const PAGE = 1_000

/** Rest after the database could not be read. */
const READ_RETRY_MS = 1_000

/** Rest before a row is read again that is behind what was done. */
const UNSURE_MS = 100

/** Longest sleep before the database is asked again for what is due. */
const MAX_SLEEP_MS = 60_000

/**
 * Tells senders what has become of their messages: a queue for each recipient, so that one that is
 * slow or away harms no other; of one subject (a message, an account) the events go in order, one at a time.
 *
 * Memory holds the head of each queue, the outbox in the database all of it.
 */
export class Teller {
  readonly #options: TellerOptions
  readonly #queues = new Map<string, RecipientQueue>()

  constructor(options: TellerOptions) {
    this.#options = options
  }

  /** Tellings in memory, waiting or under way. */
  get pending(): number {
    let count = 0
    for (const queue of this.#queues.values()) count += queue.pending
    return count
  }

  /** Takes tellings whose entries are committed. */
  offer(tellings: readonly Telling[]): void {
    for (const telling of tellings) this.#queueOf(telling.recipient).offer(telling)
  }

  /** A recipient can be told something again, or more at once; or the outbox has changed. */
  wake(recipient: string, isOutboxChanged = false): void {
    this.#queueOf(recipient).wake(isOutboxChanged)
  }

  /** True while something waits for a recipient: in memory, or in the outbox and due. */
  isOwed(recipient: string): boolean {
    return this.#queues.get(recipient)?.isOwed ?? false
  }

  /** Takes up what earlier runs have left. */
  async start(): Promise<void> {
    for (const recipient of await waitingRecipients(this.#options.store)) this.wake(recipient, true)
  }

  /** Begins nothing more; waits for what is under way. */
  async close(): Promise<void> {
    await Promise.all([...this.#queues.values()].map((queue) => queue.close()))
  }

  #queueOf(recipient: string): RecipientQueue {
    const known = this.#queues.get(recipient)
    if (known) return known
    const queue = new RecipientQueue(recipient, this.#options)
    this.#queues.set(recipient, queue)
    return queue
  }
}

/** The queue of one recipient. */
class RecipientQueue {
  readonly #recipient: string
  readonly #options: TellerOptions
  readonly #transport: Transport
  readonly #capacity: number
  #waiting: Telling[] = []
  #head = 0
  /** Ids in memory, so that what the database gives again is known. */
  readonly #known = new Set<string>()
  /** Subjects of which a telling is under way, with what waits behind it. */
  readonly #underWay = new Map<string, Telling[]>()
  /** Subjects of which a telling waits in the database for its next try. */
  readonly #deferred = new Set<string>()
  /** Tellings whose last try the outbox may not know yet, with the writer's generation then. */
  readonly #justTold = new Map<string, number>()
  /** True while tellings wait in the database that could go now. */
  #hasOverflow = false
  #overflowVersion = 0
  #reading: Promise<void> | undefined
  #timer: NodeJS.Timeout | undefined
  #timerAt = 0
  readonly #working = new Set<Promise<void>>()
  #isClosed = false

  constructor(recipient: string, options: TellerOptions) {
    this.#recipient = recipient
    this.#options = options
    this.#transport = options.transportFor(recipient)
    this.#capacity = options.capacity ?? CAPACITY
  }

  get pending(): number {
    return this.#known.size
  }

  get isOwed(): boolean {
    return this.#known.size > 0 || this.#hasOverflow
  }

  offer(telling: Telling): void {
    if (this.#known.has(telling.id)) return
    const mustWait = this.#hasOverflow || this.#deferred.has(telling.subjectId)
    if (mustWait || this.#known.size >= this.#capacity) {
      if (!this.#deferred.has(telling.subjectId)) this.#noteOverflow()
      this.#pump()
      return
    }
    this.#push(telling)
    this.#pump()
  }

  wake(isOutboxChanged: boolean): void {
    if (isOutboxChanged) this.#noteOverflow()
    this.#pump()
  }

  async close(): Promise<void> {
    this.#isClosed = true
    clearTimeout(this.#timer)
    await this.#reading
    await Promise.all(this.#working)
  }

  #noteOverflow(): void {
    this.#hasOverflow = true
    this.#overflowVersion++
  }

  #push(telling: Telling): void {
    this.#known.add(telling.id)
    this.#waiting.push(telling)
  }

  #pump(): void {
    const limit = this.#transport.concurrencyOf(this.#recipient)
    while (!this.#isClosed && this.#underWay.size < limit && this.#head < this.#waiting.length) {
      const telling = this.#waiting[this.#head++]
      if (!telling) break
      if (this.#deferred.has(telling.subjectId)) {
        // It came before what it stands behind had to wait: it waits in the database as well.
        this.#known.delete(telling.id)
        continue
      }
      const behind = this.#underWay.get(telling.subjectId)
      if (behind) behind.push(telling)
      else this.#start(telling, [])
    }
    if (this.#head > 1_000 || this.#head === this.#waiting.length) {
      this.#waiting = this.#waiting.slice(this.#head)
      this.#head = 0
    }
    if (this.#hasOverflow && limit > 0 && this.#known.size < this.#capacity / 2) this.#read()
  }

  #start(telling: Telling, behind: Telling[]): void {
    this.#underWay.set(telling.subjectId, behind)
    const work: Promise<void> = this.#deliver(telling).finally(() => this.#working.delete(work))
    this.#working.add(work)
  }

  async #deliver(telling: Telling): Promise<void> {
    const { spool, tables, logger } = this.#options
    const outcome = await this.#transport.deliver(telling)
    this.#justTold.set(telling.id, Number.POSITIVE_INFINITY)
    // Not waited for: were it lost, the recipient would be told once more.
    spool.write({ kind: 'told', telling, outcome }).then(
      () => this.#justTold.set(telling.id, tables.generation),
      (error: unknown) => {
        logger.warn({ error: messageOf(error) }, 'cannot note that a sender was told')
      },
    )
    this.#known.delete(telling.id)
    const behind = this.#underWay.get(telling.subjectId) ?? []
    this.#underWay.delete(telling.subjectId)
    if (outcome.fate.kind === 'later') {
      this.#deferred.add(telling.subjectId)
      for (const { id } of behind) this.#known.delete(id)
      this.#readAt(outcome.fate.at)
    } else {
      const [next, ...rest] = behind
      if (next && !this.#isClosed) this.#start(next, rest)
      // What came after it while it waited for this try is in the database.
      if (telling.tries > 0) this.#noteOverflow()
    }
    this.#forgetOldTries()
    this.#pump()
  }

  /** A try is in the outbox for certain once two more snapshots have been written. */
  #forgetOldTries(): void {
    // What is being read may be older than what has been written since.
    if (this.#reading) return
    const { generation } = this.#options.tables
    for (const [id, since] of this.#justTold) {
      if (since + 2 > generation) break
      this.#justTold.delete(id)
    }
  }

  /** Reads the database again when something falls due. */
  #readAt(at: Date): void {
    if (this.#isClosed || (this.#timer && this.#timerAt <= at.getTime())) return
    clearTimeout(this.#timer)
    this.#timerAt = at.getTime()
    const waitMs = this.#timerAt - this.#options.clock().getTime()
    this.#timer = setTimeout(
      () => {
        this.#timer = undefined
        this.#read()
      },
      Math.min(MAX_SLEEP_MS, Math.max(0, waitMs)),
    ).unref()
  }

  #read(): void {
    if (this.#isClosed) return
    this.#reading ??= this.#readPage()
      .catch((error: unknown) => {
        this.#options.logger.error(
          { recipient: this.#recipient, error: messageOf(error) },
          'cannot read the outbox, will try again',
        )
        this.#readAt(new Date(this.#options.clock().getTime() + READ_RETRY_MS))
      })
      .finally(() => {
        this.#reading = undefined
        this.#pump()
      })
  }

  async #readPage(): Promise<void> {
    const { store, tables, clock } = this.#options
    const version = this.#overflowVersion
    const journalled = [...this.#justTold].filter(([, since]) => Number.isFinite(since))
    await tables.flush()
    for (const [id] of journalled) this.#justTold.delete(id)
    const limit = PAGE + this.#known.size + this.#justTold.size
    const rows = await readDue(store, this.#recipient, clock(), limit)
    let isUnsure = false
    for (const telling of rows) {
      if (this.#known.has(telling.id)) continue
      // Its row does not know yet how its latest try ended.
      if (this.#justTold.has(telling.id)) {
        isUnsure = true
        continue
      }
      this.#deferred.delete(telling.subjectId)
      this.#push(telling)
    }
    if (rows.length < limit && version === this.#overflowVersion) this.#hasOverflow = false
    const due = await nextDue(store, this.#recipient)
    if (due) this.#readAt(due)
    if (isUnsure) this.#readAt(new Date(clock().getTime() + UNSURE_MS))
  }
}
