import { sql } from 'drizzle-orm'
import type { Clock } from '../core/clock.ts'
import type { Logger } from '../core/logger.ts'
import type { Store } from '../store/open.ts'
import { unchanged } from './endings.ts'
import type { Effects, MovedEntry, ReceiptEntry } from './journal.ts'
import { type DecodedEntry, decodeEntries } from './journal-codec.ts'
import type { Attempt, LiveMessages } from './live.ts'
import type { Message } from './message.ts'
import { IN_JOURNAL } from './sealing.ts'
import { afterUnwritten, type PolicyFor, unknownUntil } from './settle.ts'
import type { Spool } from './spool.ts'
import type { TableWriter } from './table-writer.ts'
import { findInterrupted, findSubmits, loadMessages, loadOrphans, releaseLeases } from './tables.ts'
import type { Tracker } from './tracker.ts'
import { readMarks, removeMarks } from './written-marks.ts'

/** Rows of the journal read at once. */
const JOURNAL_PAGE = 100

/** How long a receipt without a submit is looked at again at a start, and how many are. */
const ORPHAN_MS = 24 * 3_600_000
const MAX_ORPHANS = 10_000

/** What {@link recover} works with. */
export interface RecoveryParts {
  readonly store: Store
  readonly node: string
  readonly spool: Spool
  readonly live: LiveMessages
  readonly tracker: Tracker
  readonly tables: TableWriter
  readonly policyFor: PolicyFor
  /** Where earlier runs may have left their {@link WrittenMarks}. */
  readonly marksFolder?: string
  /** Told what the journal of the last run brings about. */
  readonly onEffects: (effects: Effects) => void
  readonly logger: Logger
  readonly clock: Clock
}

/** How many messages a start has found unfinished. */
export interface Recovered {
  /** Waiting: for a carrier, or for an instant; what was never written is among them. */
  readonly queued: number
  /** Written to a carrier without an answer when the last run ended: it may be there. */
  readonly uncertain: number
}

/**
 * Picks up what the last run left. Call it once, before new messages are taken.
 *
 * The journal is applied again, so that the tables hold all that was committed. What was only queued
 * stays queued, and so does what was journalled as being sent and never written. What was written may be
 * with the carrier: its class's policy decides.
 */
export async function recover(parts: RecoveryParts): Promise<Recovered> {
  const { store, node, live, tables, clock, logger } = parts
  const now = clock()
  const earlier = await registerNode(store, node, now)
  await releaseLeases(store)
  // Before the journal: the response that one of them waits for may be there.
  const orphans = await loadOrphans(store, new Date(now.getTime() - ORPHAN_MS), MAX_ORPHANS)
  for (const orphan of orphans) live.addOrphan(orphan, true)
  const replayed = await replayJournal(parts)
  await tables.flush()
  const uncertain = await settleInterrupted(parts, earlier)
  // The last run may have ended between writing one down and finding its submit.
  const unmatched = [...orphans, ...replayed].filter(({ id }) => live.isOrphan(id))
  parts.onEffects({ endings: [], outcomes: [], tellings: [], unmatched, undecided: [] })
  await tables.flush()
  if (parts.marksFolder !== undefined) {
    for (const earlierNode of earlier) removeMarks(parts.marksFolder, earlierNode)
  }
  const queued = await countWaiting(store)
  if (queued + uncertain > 0) {
    logger.info({ queued, uncertain }, 'took over the unfinished messages of the last run')
  }
  return { queued, uncertain }
}

/**
 * The rows of all earlier runs become this node's, in the order in which they were committed.
 *
 * @returns the nodes that were registered before
 */
async function registerNode(store: Store, node: string, now: Date): Promise<string[]> {
  return store.db.transaction(async (tx) => {
    const earlier = await store.query<{ id: string }>(sql`delete from nodes returning id`, tx)
    await store.query(
      sql`insert into nodes (id, started_at) values (${node}, ${now.toISOString()}::text::timestamptz)`,
      tx,
    )
    await store.query(
      sql`
        update journal j set node = ${node}, seq = v.place
        from (
          select node, seq, row_number() over (order by first_at, node, seq) as place
          from (
            select node, seq, min(created_at) over (partition by node) as first_at from journal
          ) numbered
        ) v
        where j.node = v.node and j.seq = v.seq`,
      tx,
    )
    return earlier.map(({ id }) => id)
  })
}

/**
 * Applies the journal again.
 *
 * @returns receipts whose submit is not known: nobody may look for it before the journal is at its end, where
 *   the response may be that brings the id
 */
async function replayJournal(parts: RecoveryParts): Promise<ReceiptEntry[]> {
  const { store, node, live, spool, tracker, logger } = parts
  const unmatched: ReceiptEntry[] = []
  let last = 0
  for (;;) {
    const rows = await store.query<{ seq: number | string; entries: string }>(sql`
      select seq, entries from journal where node = ${node} and seq > ${last}
      order by seq limit ${JOURNAL_PAGE}`)
    for (const row of rows) {
      last = Number(row.seq)
      const decoded = decodeEntries(store.cipher.open(row.entries, IN_JOURNAL))
      const known = new Set(decoded.flatMap(({ accepts }) => (accepts === null ? [] : [accepts])))
      const needed = decoded.flatMap(({ messageId }) => (messageId === null ? [] : [messageId]))
      for (const { messageId } of await submitsOf(decoded, store, live)) needed.push(messageId)
      const missing = [...new Set(needed)].filter((id) => !known.has(id) && !live.get(id))
      for (const stored of await loadMessages(store, missing)) {
        live.adopt(stored.message, stored.attempts)
      }
      for (const entry of decoded) {
        const resolved = entry.resolve((id) => live.get(id)?.message)
        // Who is still to be told is in the outbox afterwards; the next entry may say that it was done.
        if (resolved) {
          const effects = tracker.apply([resolved])
          unmatched.push(...effects.unmatched)
          parts.onEffects({ ...effects, tellings: [], unmatched: [] })
        } else {
          logger.error({ messageId: entry.messageId }, 'the journal names an unknown message')
        }
      }
    }
    if (rows.length < JOURNAL_PAGE) break
  }
  spool.continueAfter(last)
  return unmatched
}

/** The submits in the tables that receipts belong to: these find them in their turn, as they did then. */
async function submitsOf(decoded: readonly DecodedEntry[], store: Store, live: LiveMessages) {
  const receipts = decoded.flatMap((entry) => {
    const resolved = entry.messageId === null ? entry.resolve(() => undefined) : undefined
    return resolved?.kind === 'receipt' && !live.findSubmit(resolved) ? [resolved] : []
  })
  return (await findSubmits(store, receipts)).values()
}

/** What was being sent when the last run ended; returns how much of it may have been. */
async function settleInterrupted(
  parts: RecoveryParts,
  earlier: readonly string[],
): Promise<number> {
  const { store, live, spool, policyFor, marksFolder, clock } = parts
  const [lastNode, ...others] = earlier
  const isOne = lastNode !== undefined && others.length === 0
  const written = marksFolder !== undefined && isOne ? readMarks(marksFolder, lastNode) : undefined
  const at = clock()
  let uncertain = 0
  const entries = (await findInterrupted(store)).map((stored) => {
    const { message, attempts } = live.adopt(stored.message, stored.attempts)
    const open = attempts.filter(
      ({ attempt, state }) => attempt === message.attempt && state === 'sending',
    )
    if (written && !written.has(message.id, message.attempt)) {
      return afterUnwritten(message, open.length, at)
    }
    uncertain++
    return uncertainEntry(message, open, policyFor, at)
  })
  await Promise.all(entries.map((entry) => spool.write(entry)))
  return uncertain
}

function uncertainEntry(
  message: Message,
  open: readonly Attempt[],
  policyFor: PolicyFor,
  at: Date,
): MovedEntry {
  const detail = `${message.carrier} had not answered when the gateway stopped: it may have the message`
  return {
    ...unchanged(message, at),
    answers: open.map(({ segment }) => ({
      segment,
      state: 'uncertain',
      carrierMessageId: null,
      matchKey: null,
      code: null,
      rawCode: null,
    })),
    events: [
      {
        messageId: message.id,
        at,
        type: 'uncertain',
        status: 'sending',
        carrier: message.carrier,
        attempt: message.attempt,
        detail: { reason: detail },
      },
    ],
    errorCode: 'outcome_unknown',
    errorDetail: detail,
    deadlineAt: unknownUntil(policyFor(message.trafficClass), message, at),
  }
}

async function countWaiting(store: Store): Promise<number> {
  const [row] = await store.query<{ count: number }>(sql`
    select count(*)::int4 as count from messages
    where final_at is null and deadline_at is not null and status in ('queued', 'scheduled')`)
  return row?.count ?? 0
}
