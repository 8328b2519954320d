import { sql } from 'drizzle-orm'
import { GatewayError, messageOf } from '../core/errors.ts'
import type { Logger } from '../core/logger.ts'
import { elapsed, nextTurn } from '../core/waits.ts'
import { textArray } from '../store/batch.ts'
import type { Store } from '../store/open.ts'
import type { JournalEntry } from './journal.ts'
import { encodeEntries } from './journal-codec.ts'
import { IN_JOURNAL } from './sealing.ts'

/** Entries in one commit, unless one call brings more: about half a megabyte. */
const MAX_BATCH = 1_000

/**
 * A commit of so many calls says that there is much to do, yet serves few of them for its price: the
 * next one gathers a moment longer.
 */
const WORTH_A_WAIT = { least: 24, most: 96 }
const GATHER_MS = 3

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
  /** The name under which this process writes; no other process uses it. */
  readonly node: string
  /** Entries that may wait; beyond that acceptances are refused. Default 20,000. */
  readonly maxPending?: number
  /** Told after every commit, in the order of the journal, before the entries' promises resolve. */
  readonly onCommit?: (batch: readonly JournalEntry[]) => void
}

interface Pending {
  readonly entries: readonly JournalEntry[]
  readonly since: number
  readonly resolve: () => void
  readonly reject: (error: unknown) => void
}

/** A batch that is committed, and not yet told. */
interface Commit {
  readonly seq: number
  readonly batch: readonly Pending[]
  readonly entries: readonly JournalEntry[]
}

/**
 * The durable journal: gathers concurrent entries and commits them together, as one row.
 *
 * While one commit runs, the next batch gathers; so one commit serves one message when the gateway
 * is idle and hundreds when it is busy. Entries commit in the order in which they came. The tables
 * follow later, see `table-writer.ts`.
 */
export class Spool {
  readonly #store: Store
  readonly #logger: Logger
  readonly #maxPending: number
  readonly #onCommit: NonNullable<SpoolOptions['onCommit']>
  readonly #node: string
  /** Number of the latest try to commit, and of the latest commit. */
  #lastSeq = 0
  #seq = 0
  /** Tries without an answer since the latest commit. */
  #doubtful: number[] = []
  #waiting: Pending[] = []
  #waitingEntries = 0
  #running: Promise<void> | undefined
  #retryDelayMs = 0
  #closedAt: number | undefined

  constructor(options: SpoolOptions) {
    this.#store = options.store
    this.#logger = options.logger
    this.#node = options.node
    this.#maxPending = options.maxPending ?? 20_000
    this.#onCommit = options.onCommit ?? (() => {})
  }

  /** Entries not yet committed. */
  get pending(): number {
    return this.#waitingEntries
  }

  /** Number of the latest commit; 0 before the first. */
  get committedSeq(): number {
    return this.#seq
  }

  /** True when {@link write} would refuse an acceptance now. */
  get isFull(): boolean {
    return this.#waitingEntries >= this.#maxPending
  }

  /**
   * Makes entries durable, all or none of them; resolves after their commit.
   *
   * Acceptances are refused when too many entries wait or the database stays away; everything else
   * describes what has already happened at a carrier and is tried until it is written.
   *
   * @throws {GatewayError} `busy` or `storage_unavailable` (both retryable) for acceptances,
   *   `closed` when the gateway shuts down
   */
  write(...entries: readonly JournalEntry[]): Promise<void> {
    if (this.#closedAt !== undefined) return Promise.reject(closedError())
    if (this.isFull && entries.some(isAcceptance)) {
      return Promise.reject(
        new GatewayError('busy', 'too many messages wait to be stored: try again in a second', {
          retryable: true,
        }),
      )
    }
    return new Promise((resolve, reject) => {
      this.#waiting.push({ entries, since: performance.now(), resolve, reject })
      this.#waitingEntries += entries.length
      this.#running ??= this.#run()
    })
  }

  /** Goes on after a commit of an earlier run. Call it before the first {@link write}. */
  continueAfter(seq: number): void {
    this.#seq = seq
    this.#lastSeq = seq
  }

  /** Commits what waits, then refuses everything. */
  async close(): Promise<void> {
    this.#closedAt ??= performance.now()
    await this.#running
  }

  async #run(): Promise<void> {
    // Lets the other callers of this turn of the event loop join the first batch.
    await nextTurn()
    let committed: Commit | undefined
    while (committed || this.#waiting.length > 0) {
      if (committed && isWorthAWait(committed)) {
        this.#tell(committed)
        committed = undefined
        await elapsed(GATHER_MS)
      }
      const commit = this.#waiting.length > 0 ? this.#commit(this.#takeBatch()) : undefined
      if (committed) {
        // The database works on the next batch while we work on what follows from this one.
        if (commit) await nextTurn()
        this.#tell(committed)
      }
      committed = await commit
      if (this.#retryDelayMs > 0) await this.#pause()
    }
    this.#running = undefined
  }

  #takeBatch(): Pending[] {
    let entries = 0
    let end = 0
    for (const pending of this.#waiting) {
      if (end > 0 && entries + pending.entries.length > MAX_BATCH) break
      entries += pending.entries.length
      end++
    }
    this.#waitingEntries -= entries
    const batch = this.#waiting.slice(0, end)
    this.#waiting = this.#waiting.slice(end)
    return batch
  }

  async #commit(batch: readonly Pending[]): Promise<Commit | undefined> {
    const entries = batch.flatMap((pending) => pending.entries)
    const text = this.#store.cipher.seal(encodeEntries(entries), IN_JOURNAL)
    const seq = ++this.#lastSeq
    try {
      await this.#store.query(sql`
        with doubtful as (
          delete from journal
          where node = ${this.#node} and seq = any(${textArray(this.#doubtful.map(String))}::text::int8[])
        )
        insert into journal (node, seq, entries)
        values (${this.#node}, ${seq}, ${text})`)
    } catch (error) {
      // It may be there all the same: the next commit takes its place.
      this.#doubtful.push(seq)
      this.#retryLater(batch, error)
      return undefined
    }
    this.#doubtful = []
    this.#retryDelayMs = 0
    return { seq, batch, entries }
  }

  /** What is committed stays so, whatever its listener makes of it. */
  #tell({ seq, batch, entries }: Commit): void {
    this.#seq = seq
    try {
      this.#onCommit(entries)
    } catch (error) {
      this.#logger.error({ error: messageOf(error) }, 'the listener of the journal failed')
    }
    for (const { resolve } of batch) resolve()
  }

  #retryLater(batch: readonly Pending[], error: unknown): void {
    this.#logger.error(
      { calls: batch.length, error: messageOf(error) },
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
    this.#waitingEntries += kept.reduce((sum, { entries }) => sum + entries.length, 0)
    this.#retryDelayMs = Math.min(RETRY_MAX_MS, Math.max(RETRY_MIN_MS, this.#retryDelayMs * 2))
  }

  #isHopeless({ entries, since }: Pending): boolean {
    if (this.#closedAt !== undefined) return performance.now() - this.#closedAt > CLOSE_PATIENCE_MS
    return entries.some(isAcceptance) && performance.now() - since > ACCEPT_PATIENCE_MS
  }

  async #pause(): Promise<void> {
    await elapsed(this.#retryDelayMs)
  }
}

function isWorthAWait({ batch }: Commit): boolean {
  return batch.length >= WORTH_A_WAIT.least && batch.length <= WORTH_A_WAIT.most
}

function isAcceptance({ kind }: JournalEntry): boolean {
  // Whoever waits for an answer can be refused, and comes again.
  return kind === 'accepted' || kind === 'kept'
}

function closedError(): GatewayError {
  return new GatewayError('closed', 'the gateway is shutting down', { retryable: true })
}
