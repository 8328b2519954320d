import { type SQL, sql } from 'drizzle-orm'
import { paymentKey } from '../billing/accounts.ts'
import type { Booking } from '../billing/booking.ts'
import { replacementKey } from '../billing/charges.ts'
import type { Ledger } from '../billing/ledger.ts'
import { messageOf } from '../core/errors.ts'
import { newId } from '../core/id.ts'
import type { Logger } from '../core/logger.ts'
import { elapsed, nextTurn } from '../core/waits.ts'
import type { Database, Store } from '../store/open.ts'
import { isRefusedByDatabase } from '../store/refusal.ts'
import type { LiveMessages, MessageChange, Snapshot } from './live.ts'
import { volumeOf } from './message-volumes.ts'
import { inRefused } from './sealing.ts'
import { snapshotStatement } from './table-statements.ts'

/**
 * How long changes gather before they are written. A message that ends within this time is written
 * once instead of four times.
 */
const GATHER_MS = 500

/** So many changes are written without waiting longer. */
const ENOUGH = 4_000

/** The embedded database works in our own thread: what it is given at once holds up all else. */
const ENOUGH_EMBEDDED = 500

const RETRY_MIN_MS = 100
const RETRY_MAX_MS = 5_000

/** What a {@link TableWriter} is built with. */
export interface TableWriterOptions {
  readonly store: Store
  readonly live: LiveMessages
  readonly ledger: Ledger
  readonly node: string
  readonly logger: Logger
  /** Number of the last commit of the spool that `live` knows. */
  readonly committedSeq: () => number
  readonly gatherMs?: number
}

/**
 * Brings what the journal has made durable into the tables, and cuts the journal: each time one
 * statement writes all that has changed and deletes the journal's rows that say so.
 */
export class TableWriter {
  readonly #options: TableWriterOptions
  readonly #gatherMs: number
  readonly #enough: number
  #running: Promise<void> | undefined
  #gathering: { readonly done: () => void } | undefined
  #isClosing = false
  #isClosed = false
  #generation = 0
  /** The journal has been cut up to this commit. */
  #cutSeq = 0
  /** True when the last try to write the present snapshot has failed. */
  #hasFailed = false
  /** What the database has refused of the present snapshot, by the latest try that may have written the rest. */
  #refused: readonly Snapshot[] = []

  constructor(options: TableWriterOptions) {
    this.#options = options
    this.#gatherMs = options.gatherMs ?? GATHER_MS
    this.#enough = options.store.kind === 'pglite' ? ENOUGH_EMBEDDED : ENOUGH
  }

  /** Snapshots taken so far. What was applied before is in the tables two generations later. */
  get generation(): number {
    return this.#generation
  }

  /** True while a snapshot is on its way into the tables. */
  get isWriting(): boolean {
    return this.#running !== undefined && this.#gathering === undefined
  }

  /** There is something to write; it will be, soon. */
  wake(): void {
    if (this.#isClosed) return
    if (this.#options.live.unsavedCount >= this.#enough) this.#gathering?.done()
    this.#running ??= this.#run()
  }

  /** Resolves when everything that has been applied by now is in the tables. */
  async flush(): Promise<void> {
    // What is being written was taken before this call: it may lack the latest.
    if (this.isWriting) await this.#running
    if (this.#options.live.unsavedCount === 0) return
    this.#running ??= this.#run()
    this.#gathering?.done()
    await this.#running
  }

  /** Writes what there is and stops. */
  async close(): Promise<void> {
    this.#isClosing = true
    try {
      await this.flush()
    } catch (error) {
      this.#options.logger.error(
        { error: messageOf(error) },
        'the tables do not hold everything yet: the next start goes on from the journal',
      )
    }
    this.#isClosed = true
    this.#gathering?.done()
    await this.#running?.catch(() => {})
  }

  async #run(): Promise<void> {
    await this.#gather()
    await this.#writeSnapshot()
    this.#running = undefined
    if (this.#options.live.unsavedCount > 0) this.wake()
  }

  #gather(): Promise<void> {
    const { live } = this.#options
    if (this.#isClosed || live.unsavedCount >= this.#enough) return Promise.resolve()
    return new Promise((resolve) => {
      const done = () => {
        clearTimeout(timer)
        this.#gathering = undefined
        resolve()
      }
      const timer = setTimeout(done, this.#gatherMs)
      this.#gathering = { done }
    })
  }

  async #writeSnapshot(): Promise<void> {
    const { store, live, ledger, logger, committedSeq } = this.#options
    const seq = committedSeq()
    const snapshot = live.takeSnapshot()
    this.#generation++
    this.#refused = []
    for (let waitMs = RETRY_MIN_MS; ; waitMs = Math.min(RETRY_MAX_MS, waitMs * 2)) {
      try {
        // What was written of the last try is not known.
        if (this.#hasFailed) await ledger.findEnd(store)
        await this.#writeOnce(snapshot, seq)
        this.#cutSeq = seq
        this.#hasFailed = false
        const refused = refusedOf(this.#refused)
        takeOver(snapshot, refused, ledger)
        live.release(snapshot, refused.messages)
        return
      } catch (error) {
        this.#hasFailed = true
        logger.error(
          { messages: snapshot.messages.length, error: messageOf(error) },
          'cannot bring the journal into the tables, will try again',
        )
        if (this.#isClosing) throw error
        await elapsed(waitMs)
      }
    }
  }

  async #writeOnce(snapshot: Snapshot, seq: number): Promise<void> {
    try {
      const isWritten = await this.#writeAll(snapshot, this.#cutJournal(seq))
      if (isWritten) this.#refused = []
    } catch (error) {
      if (!isRefusedByDatabase(error)) throw error
      await this.#writeOneByOne(snapshot, seq)
    }
  }

  /**
   * Deletes what is written with it from the journal; gives no row when an earlier try has done both,
   * and only the answer to its commit was lost.
   *
   * The lower bound spares the index the rows deleted before, which stay there until a vacuum.
   */
  #cutJournal(seq: number): SQL {
    const { node } = this.#options
    const generation = this.#generation
    return sql`
      guard as (
        update nodes set generation = ${generation}
        where id = ${node} and generation < ${generation}
        returning id
      ), cut as (
        delete from journal using guard
        where journal.node = ${node} and journal.seq > ${this.#cutSeq} and journal.seq <= ${seq}
      )`
  }

  /** Gives false when an earlier try has written it. */
  async #writeAll(snapshot: Snapshot, guard: SQL, on?: Database): Promise<boolean> {
    const { store, ledger, node, logger } = this.#options
    const batch = ledger.seal(bookingsOf(snapshot))
    const statement = await snapshotStatement(snapshot, {
      node,
      guard,
      batch,
      breathe: nextTurn,
      cipher: store.cipher,
    })
    const [row] = await store.query<{ guarded: boolean; moved: string[] }>(statement, on)
    if (!row?.guarded) {
      // After a failed try this is the answer that was lost; otherwise somebody has removed our row.
      if (!this.#hasFailed)
        logger.error({ node }, 'this node is not known any more: is another running?')
      return false
    }
    ledger.follow(batch)
    const moved = new Set(row.moved)
    for (const { row: message, storedStatus } of snapshot.messages) {
      if (storedStatus === undefined || moved.has(message.id)) continue
      logger.error(
        { messageId: message.id, expected: storedStatus, status: message.status },
        'a message was moved by somebody else: its row stays as it is',
      )
    }
    return true
  }

  /** What the database refuses is kept for a person; the rest is written. */
  async #writeOneByOne(snapshot: Snapshot, seq: number): Promise<void> {
    const { store, logger } = this.#options
    await store.db.transaction(async (tx) => {
      const advanced = await store.query(sql`with ${this.#cutJournal(seq)} select from guard`, tx)
      if (advanced.length === 0) return
      const refused: Snapshot[] = []
      for (const part of partsOf(snapshot)) {
        try {
          await tx.transaction((inner) => this.#writeAll(part, sql`guard as (select 1)`, inner))
        } catch (error) {
          if (!isRefusedByDatabase(error)) throw error
          logger.error({ error: messageOf(error) }, 'the database refused an entry of the journal')
          const id = newId()
          const entry = store.cipher.seal(describe(part), inRefused(id))
          await store.query(
            sql`insert into journal_refused (id, entry, reason)
              values (${id}, ${entry}, ${messageOf(error)})`,
            tx,
          )
          refused.push(part)
        }
      }
      this.#refused = refused
    })
  }
}

/** What the database has refused of a snapshot. */
interface Refused {
  readonly messages: ReadonlySet<MessageChange>
  readonly bookings: ReadonlySet<readonly Booking[]>
}

function refusedOf(parts: readonly Snapshot[]): Refused {
  return {
    messages: new Set(parts.flatMap(({ messages }) => messages)),
    bookings: new Set(parts.flatMap(({ bookings }) => bookings)),
  }
}

/** A snapshot for each message and other thing of a snapshot. */
function partsOf(snapshot: Snapshot): Snapshot[] {
  return [
    ...snapshot.messages.map((change) => ({ ...NOTHING, messages: [change] })),
    ...snapshot.tellings.map((record) => ({ ...NOTHING, tellings: [record] })),
    ...snapshot.newOrphans.map((receipt) => ({ ...NOTHING, newOrphans: [receipt] })),
    ...snapshot.answers.map((answer) => ({ ...NOTHING, answers: [answer] })),
    ...snapshot.bookings.map((together) => ({ ...NOTHING, bookings: [together] })),
    { ...NOTHING, adoptedOrphans: snapshot.adoptedOrphans },
  ]
}

/**
 * What was set aside and counted for a snapshot stands in the ledger, and in the volumes, from now on; what is
 * refused of it moves no money.
 */
function takeOver(
  { messages, bookings }: Snapshot,
  refused: Refused,
  { accounts, volumes }: Ledger,
): void {
  for (const change of messages) {
    const { row, replacements } = change
    if (row.charging === null) continue
    for (const key of [row.id, ...replacements.map((number) => replacementKey(row.id, number))]) {
      accounts.giveBack(key)
      volumes.giveBack(key)
    }
    if (refused.messages.has(change)) continue
    for (const line of change.bookings) accounts.book(line)
    const volume = volumeOf(change)
    if (volume) volumes.add(volume)
  }
  for (const together of bookings) {
    for (const line of together) {
      if (line.reference !== null) accounts.giveBack(paymentKey(line.tenantId, line.reference))
      if (!refused.bookings.has(together)) accounts.book(line)
    }
  }
}

/** All lines of the ledger that are written with a snapshot. */
function bookingsOf({ messages, bookings }: Snapshot): Booking[] {
  return [...messages.flatMap((change) => change.bookings), ...bookings.flat()]
}

function describe(part: Snapshot): string {
  const text = JSON.stringify(part, (_, value) =>
    typeof value === 'bigint' ? value.toString() : value,
  )
  return text.replaceAll('\0', '\uFFFD')
}

const NOTHING: Snapshot = {
  messages: [],
  tellings: [],
  newOrphans: [],
  adoptedOrphans: [],
  answers: [],
  bookings: [],
}
