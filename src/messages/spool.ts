import { GatewayError, messageOf } from '../core/errors.ts'
import type { Logger } from '../core/logger.ts'
import type { Store } from '../store/open.ts'
import { isRefusedByDatabase } from '../store/refusal.ts'
import type { CommitEffects, JournalEntry } from './journal.ts'
import { writeJournal } from './journal-writer.ts'

/** Entries in one transaction at most: about 10 ms of work for PostgreSQL. */
const MAX_BATCH = 1_000

/** First and longest wait before a batch is tried again while the database is away. */
const RETRY_MIN_MS = 50
const RETRY_MAX_MS = 2_000

/** How long an acceptance waits for a database that is away before the sender is refused. */
const ACCEPT_PATIENCE_MS = 5_000

/** How long a closing spool waits for a database that is away before it gives up what it holds. */
const CLOSE_PATIENCE_MS = 10_000

/** What a {@link Spool} is built with. */
export interface SpoolOptions {
  readonly store: Store
  readonly logger: Logger
  /** Entries that may wait; beyond that acceptances are refused. Default 20,000. */
  readonly maxPending?: number
  /** Told after every commit, before the entries' promises resolve. */
  readonly onCommit?: (effects: CommitEffects, batch: readonly JournalEntry[]) => void
}

interface Pending {
  readonly entry: JournalEntry
  readonly since: number
  readonly resolve: () => void
  readonly reject: (error: unknown) => void
}

/**
 * The durable journal: gathers concurrent entries and commits them together.
 *
 * While one transaction runs, the next batch gathers; so one commit serves one message when the
 * gateway is idle and hundreds when it is busy. Entries commit in the order in which they came.
 */
export class Spool {
  readonly #store: Store
  readonly #logger: Logger
  readonly #maxPending: number
  readonly #onCommit: NonNullable<SpoolOptions['onCommit']>
  #waiting: Pending[] = []
  #running: Promise<void> | undefined
  #retryDelayMs = 0
  #closedAt: number | undefined

  constructor(options: SpoolOptions) {
    this.#store = options.store
    this.#logger = options.logger
    this.#maxPending = options.maxPending ?? 20_000
    this.#onCommit = options.onCommit ?? (() => {})
  }

  /** Entries not yet committed. */
  get pending(): number {
    return this.#waiting.length
  }

  /** True when {@link write} would refuse an acceptance now. */
  get isFull(): boolean {
    return this.#waiting.length >= this.#maxPending
  }

  /**
   * Makes an entry durable; resolves after its commit.
   *
   * Acceptances are refused when too many entries wait or the database stays away; everything else
   * describes what has already happened at a carrier and is tried until it is written.
   *
   * @throws {GatewayError} `busy` or `storage_unavailable` (both retryable) for acceptances,
   *   `closed` when the gateway shuts down
   */
  write(entry: JournalEntry): Promise<void> {
    if (this.#closedAt !== undefined) return Promise.reject(closedError())
    if (entry.kind === 'accepted' && this.isFull) {
      return Promise.reject(
        new GatewayError('busy', 'too many messages wait to be stored: try again in a second', {
          retryable: true,
        }),
      )
    }
    return new Promise((resolve, reject) => {
      this.#waiting.push({ entry, since: Date.now(), resolve, reject })
      this.#running ??= this.#run()
    })
  }

  /** Commits what waits, then refuses everything. */
  async close(): Promise<void> {
    this.#closedAt ??= Date.now()
    await this.#running
  }

  async #run(): Promise<void> {
    // Lets the other callers of this turn of the event loop join the first batch.
    await new Promise((resolve) => setImmediate(resolve))
    while (this.#waiting.length > 0) {
      const batch = this.#waiting.slice(0, MAX_BATCH)
      this.#waiting = this.#waiting.slice(MAX_BATCH)
      await this.#commit(batch)
      if (this.#retryDelayMs > 0) await this.#pause()
    }
    this.#running = undefined
  }

  async #commit(batch: readonly Pending[]): Promise<void> {
    const entries = batch.map(({ entry }) => entry)
    let effects: CommitEffects
    try {
      effects = await this.#store.db.transaction((tx) => writeJournal(this.#store, tx, entries))
    } catch (error) {
      if (isRefusedByDatabase(error)) await this.#isolate(batch, error)
      else this.#retryLater(batch, error)
      return
    }
    this.#retryDelayMs = 0
    this.#tell(effects, entries)
    for (const { resolve } of batch) resolve()
  }

  /** What is committed stays so, whatever its listener makes of it. */
  #tell(effects: CommitEffects, entries: readonly JournalEntry[]): void {
    try {
      this.#onCommit(effects, entries)
    } catch (error) {
      this.#logger.error({ error: messageOf(error) }, 'the listener of the journal failed')
    }
  }

  /** One entry that the database refuses must not take the others of its batch with it. */
  async #isolate(batch: readonly Pending[], error: unknown): Promise<void> {
    const [only] = batch
    if (batch.length === 1 && only) {
      this.#logger.error(
        { kind: only.entry.kind, error: messageOf(error) },
        'the database refused a journal entry',
      )
      only.reject(
        new GatewayError('storage_refused', `the database refused the entry: ${messageOf(error)}`, {
          cause: error,
        }),
      )
      return
    }
    const middle = Math.ceil(batch.length / 2)
    await this.#commit(batch.slice(0, middle))
    await this.#commit(batch.slice(middle))
  }

  #retryLater(batch: readonly Pending[], error: unknown): void {
    this.#logger.error(
      { entries: batch.length, error: messageOf(error) },
      'cannot commit the journal, will try again',
    )
    const kept: Pending[] = []
    for (const pending of batch) {
      if (this.#isHopeless(pending)) {
        pending.reject(
          new GatewayError('storage_unavailable', 'the database is away: try again later', {
            retryable: true,
            cause: error,
          }),
        )
      } else {
        kept.push(pending)
      }
    }
    this.#waiting = [...kept, ...this.#waiting]
    this.#retryDelayMs = Math.min(RETRY_MAX_MS, Math.max(RETRY_MIN_MS, this.#retryDelayMs * 2))
  }

  #isHopeless({ entry, since }: Pending): boolean {
    if (this.#closedAt !== undefined) return Date.now() - this.#closedAt > CLOSE_PATIENCE_MS
    return entry.kind === 'accepted' && Date.now() - since > ACCEPT_PATIENCE_MS
  }

  async #pause(): Promise<void> {
    await new Promise((resolve) => setTimeout(resolve, this.#retryDelayMs))
  }
}

function closedError(): GatewayError {
  return new GatewayError('closed', 'the gateway is shutting down', { retryable: true })
}
