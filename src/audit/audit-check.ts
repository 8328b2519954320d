import { sql } from 'drizzle-orm'
import type { Database, Store } from '../store/open.ts'
import { type AuditPlace, hashOf, type SealedEntry } from './chain.ts'
import { type EntryRow, entryOf, loadAnchor } from './tables.ts'

/** The first thing in the audit log that is not as it was written. */
export interface AuditFault {
  /** The number of the entry; null: not about one. */
  readonly entry: number | null
  readonly what: string
}

/** What a check of the audit log has seen. */
export interface AuditReport {
  /** Entries that are as they were written. */
  readonly entries: number
  /** The last entry that was deleted by age; number 0: none was. */
  readonly anchor: AuditPlace
  /** The latest entry. Whoever keeps its hash elsewhere can prove later that nothing was cut off. */
  readonly head: AuditPlace
  /** Undefined: all is as it was written. */
  readonly fault: AuditFault | undefined
}

const PAGE = 1_000

/** How far an entry that was moved is looked for. */
const MOVED_AT_MOST = 1_000

/**
 * Proves from the database alone that the audit log is what was written: no entry was changed, removed, added or
 * moved since. Only what is missing at its end, or was sealed anew up to there, takes a hash that was kept elsewhere.
 *
 * @param knownHead - the hash of an entry that was the latest once; undefined: none is known
 * @param on - a transaction that sees one moment, where the gateway runs meanwhile
 */
export async function checkAudit(
  store: Store,
  knownHead: string | undefined,
  on: Database = store.db,
): Promise<AuditReport> {
  const anchor = await loadAnchor(store, on)
  let head = anchor
  let isKnownHeadThere = knownHead === undefined || knownHead === anchor.hash
  let isAnchorTold = anchor.number === 0
  const reported = (fault: AuditFault | undefined): AuditReport => ({
    entries: head.number - anchor.number,
    anchor,
    head,
    fault,
  })
  const early = await firstBefore(store, on, anchor.number)
  if (early !== undefined) {
    return reported({ entry: early, what: 'it was added: older ones were deleted by age' })
  }
  for (;;) {
    const rows = await store.query<EntryRow>(
      sql`select * from audit_entries where number > ${head.number} order by number limit ${PAGE}`,
      on,
    )
    for (const row of rows) {
      const entry = entryOf(row)
      const fault = await faultOf(store, on, entry, head)
      if (fault) return reported(fault)
      head = entry
      if (entry.hash === knownHead) isKnownHeadThere = true
      if (tellsAnchor(entry, anchor)) isAnchorTold = true
    }
    if (rows.length === PAGE) continue
    if (!isAnchorTold) {
      const what = `those up to entry ${anchor.number} were deleted, and no entry says that it was by age`
      return reported({ entry: anchor.number, what })
    }
    if (isKnownHeadThere) return reported(undefined)
    const what =
      `no entry has the hash ${knownHead}: the end was cut off, or was sealed anew, or the hash is ` +
      'of an entry that was deleted by age'
    return reported({ entry: null, what })
  }
}

/** A row that stands before what was deleted by age. */
async function firstBefore(
  store: Store,
  on: Database,
  number: number,
): Promise<number | undefined> {
  const [row] = await store.query<{ number: number | string }>(
    sql`select number from audit_entries where number <= ${number} order by number limit 1`,
    on,
  )
  return row && Number(row.number)
}

/** Each deletion by age is an entry of its own, which stays longer than what it has deleted. */
function tellsAnchor({ content }: SealedEntry, anchor: AuditPlace): boolean {
  const { action, subject, after } = content
  if (action !== 'audit.erase' || subject?.id !== String(anchor.number)) return false
  return after === JSON.stringify({ hash: anchor.hash })
}

async function faultOf(
  store: Store,
  on: Database,
  entry: SealedEntry,
  head: AuditPlace,
): Promise<AuditFault | undefined> {
  const expected = head.number + 1
  if (entry.number !== expected) return { entry: expected, what: 'it was removed' }
  if (!isSealedAs(entry, expected)) return movedFault(store, on, entry, head)
  if (entry.previousHash === head.hash) return undefined
  return {
    entry: head.number,
    what: `it was changed and sealed anew, or another was put in its place: entry ${expected} follows another one`,
  }
}

/** What has happened where an entry stands that was not written there, or does not say what it did. */
async function movedFault(
  store: Store,
  on: Database,
  entry: SealedEntry,
  head: AuditPlace,
): Promise<AuditFault> {
  const { number } = entry
  const written = numberWhenWritten(entry)
  if (written === undefined) return { entry: number, what: 'it was changed' }
  if (entry.hash === head.hash) {
    return { entry: number, what: `it was added: it is entry ${written} once more` }
  }
  if (written < number) {
    return { entry: written, what: `it was added: what was entry ${written} stands as ${number}` }
  }
  const followers = await store.query<EntryRow>(
    sql`select * from audit_entries
      where previous_hash = ${head.hash} and number > ${number} order by number`,
    on,
  )
  const own = followers.map(entryOf).find((each) => isSealedAs(each, number))
  if (own) {
    return {
      entry: number,
      what: `the order was changed: what was entry ${number} stands as ${own.number}, and ${written} in its place`,
    }
  }
  return { entry: number, what: `it was removed: what was entry ${written} stands in its place` }
}

/** The number under which an entry was sealed, near the one that it has; undefined: it was changed. */
function numberWhenWritten(entry: SealedEntry): number | undefined {
  for (let distance = 1; distance <= MOVED_AT_MOST; distance++) {
    for (const number of [entry.number - distance, entry.number + distance]) {
      if (isSealedAs(entry, number)) return number
    }
  }
  return undefined
}

function isSealedAs({ previousHash, content, hash }: SealedEntry, number: number): boolean {
  return hashOf(number, previousHash, content) === hash
}
