import { type SQL, sql } from 'drizzle-orm'
import type { FailureCode } from '../core/failure-code.ts'
import type { TrafficClass } from '../core/policy.ts'
import { isShortCode } from '../routing/destination.ts'
import { textArray, unnest } from '../store/batch.ts'
import type { Store } from '../store/open.ts'
import type { ReceiptEntry } from './journal.ts'
import type { Attempt, KnownMessage, LiveMessages } from './live.ts'
import type { Message } from './message.ts'
import { isTaken } from './message-bookings.ts'
import { messageFromRaw, type RawMessageRow, remainsFromRaw } from './rows.ts'
import { inReceipt, isUnreadable, openAll, openJson, type StoredJson } from './sealing.ts'
import type { SegmentState } from './states.ts'
import { recipientDigits } from './unknown-receipt.ts'

/** A message as the tables have it, with its submits. */
export interface StoredMessage {
  readonly message: Message
  readonly attempts: readonly Attempt[]
}

/** Messages as they were read, in no order. */
export interface ReadMessages {
  readonly opened: StoredMessage[]
  /** What is left of those that cannot be decrypted: see {@link remainsFromRaw}. */
  readonly unreadable: StoredMessage[]
}

/** Reads messages with their submits; ids that have no row, or one that cannot be decrypted, are left out. */
export async function loadMessages(store: Store, ids: readonly string[]): Promise<StoredMessage[]> {
  if (ids.length === 0) return []
  const wanted = textArray(ids)
  const [rows, attempts] = await Promise.all([
    store.query<RawMessageRow>(
      sql`select * from messages where id = any(${wanted}::text::uuid[]) order by id`,
    ),
    loadAttempts(store, ids),
  ])
  return withAttempts(store, rows, attempts).opened
}

/** Messages with their submits, from memory where they are there; ids that are nowhere are left out. */
export function findMessages(
  live: LiveMessages,
  store: Store,
  ids: readonly string[],
): Promise<KnownMessage[]> {
  return live.find(ids, (missing) => loadMessages(store, missing))
}

/** Which part of a carrier's backlog is wanted. */
export interface Backlog {
  readonly carrier: string
  readonly trafficClass: TrafficClass
  readonly tenantId: string
}

/**
 * Claims messages for a node: nobody else gets them meanwhile.
 *
 * Rows that somebody else is claiming at the same moment are passed over, not waited for.
 *
 * @param chosen - from `where` to `limit`: which rows
 */
export async function claim(store: Store, node: string, chosen: SQL): Promise<ReadMessages> {
  const rows = await store.query<RawMessageRow>(sql`
    update messages set lease_node = ${node}
    where id in (select id from messages ${chosen} for update skip locked)
    returning *`)
  const submitted = rows.filter(({ attempt }) => attempt > 0).map(({ id }) => id)
  return withAttempts(store, rows, await loadAttempts(store, submitted))
}

/** Every backlog that has a message in it, with how many. */
export function listBacklogs(store: Store): Promise<(Backlog & { readonly count: number })[]> {
  return store.query<Backlog & { count: number }>(sql`
    select carrier, traffic_class as "trafficClass", tenant_id as "tenantId", count(*)::int4 as count
    from messages
    where status = 'queued' and lease_node is null and due_at is null
    group by 1, 2, 3`)
}

/** Takes back what other nodes held: none of them runs any more. */
export async function releaseLeases(store: Store): Promise<void> {
  await store.query(sql`
    update messages set lease_node = null where lease_node is not null and final_at is null`)
}

/** Messages of which a segment was being sent when the last run ended. */
export async function findInterrupted(store: Store): Promise<StoredMessage[]> {
  const rows = await store.query<{ id: string }>(sql`
    select distinct m.id from messages m
    join attempts a on a.message_id = m.id and a.attempt = m.attempt
    where m.status = 'sending' and a.state = 'sending'`)
  return loadMessages(
    store,
    rows.map(({ id }) => id),
  )
}

/** The submit of each receipt that has one in the tables, by the receipt's id. */
export async function findSubmits(
  store: Store,
  receipts: readonly ReceiptEntry[],
): Promise<Map<string, { messageId: string; attempt: number; segment: number }>> {
  const keys = receipts.flatMap((receipt) =>
    receipt.matchKeys.map((key, rank) => ({ receipt, key, rank })),
  )
  if (keys.length === 0) return new Map()
  const wanted = unnest<(typeof keys)[number]>(
    'v',
    {
      receipt_id: ['uuid', ({ receipt }) => receipt.id],
      carrier: ['text', ({ receipt }) => receipt.carrier],
      match_key: ['text', ({ key }) => key],
      rank: ['int2', ({ rank }) => rank],
    },
    keys,
  )
  const rows = await store.query<{
    receipt_id: string
    message_id: string
    attempt: number
    segment: number
  }>(sql`
    select distinct on (v.receipt_id) v.receipt_id, a.message_id, a.attempt, a.segment
    from ${wanted}
    join attempts a on a.carrier = v.carrier and a.match_key = v.match_key
    order by v.receipt_id, v.rank, a.submitted_at desc`)
  return new Map(
    rows.map(({ receipt_id, message_id, attempt, segment }) => [
      receipt_id,
      { messageId: message_id, attempt, segment },
    ]),
  )
}

/** How long a submit whose outcome is unknown may still get a receipt. */
const UNCERTAIN_MS = 7 * 24 * 3_600_000

/**
 * Messages with a submit whose outcome is unknown, at the carriers and to the recipients of receipts:
 * one of them may be meant.
 */
export async function findUncertain(
  store: Store,
  receipts: readonly ReceiptEntry[],
): Promise<string[]> {
  const carriers = [...new Set(receipts.map(({ carrier }) => carrier))]
  const digits = receipts.map(({ about }) => recipientDigits(about?.recipient ?? ''))
  // Short codes are kept as they are.
  const recipients = [...digits.map((each) => `+${each}`), ...digits.filter(isShortCode)]
  const forms = recipients.flatMap((recipient) => store.cipher.fingerprints(recipient))
  const wanted = textArray([...new Set(forms)])
  const first = Math.min(...receipts.map(({ receivedAt }) => receivedAt.getTime()))
  const since = new Date(first - UNCERTAIN_MS).toISOString()
  const rows = await store.query<{ id: string }>(sql`
    select m.id from messages m
    where m.id in (
        select message_id from attempts
        where is_uncertain and carrier = any(${textArray(carriers)}::text::text[])
          and submitted_at > ${since}::text::timestamptz)
      and (m.to_number = any(${wanted}::text::text[]) or m.to_fingerprint = any(${wanted}::text::text[]))`)
  return rows.map(({ id }) => id)
}

/** Receipts that have not found their submit and are not older than an instant, oldest first. */
export async function loadOrphans(
  store: Store,
  since: Date,
  limit: number,
): Promise<ReceiptEntry[]> {
  const rows = await store.query<{
    id: string
    carrier: string
    carrier_message_id: string
    match_keys: string[]
    state: string
    settles: ReceiptEntry['settles']
    raw_error: string | null
    failure: FailureCode | null
    raw_text: string
    received_at: Date | string
    about: StoredJson<StoredAbout> | null
    part: number | null
    parts: number | null
  }>(sql`
    select * from receipts
    where received_at > ${since.toISOString()}::text::timestamptz
    order by received_at desc
    limit ${limit}`)
  return rows.reverse().map((row) => ({
    kind: 'receipt',
    id: row.id,
    carrier: row.carrier,
    carrierMessageId: row.carrier_message_id,
    matchKeys: row.match_keys,
    state: row.state,
    settles: row.settles,
    rawError: row.raw_error,
    failure: row.failure,
    receivedAt: new Date(row.received_at),
    ...openedReceipt(store, row),
    ...(row.part === null || row.parts === null
      ? {}
      : { part: { number: row.part, of: row.parts } }),
  }))
}

interface StoredAbout {
  readonly recipient: string
  readonly sender: string
  readonly submitted_at: string | null
  readonly reference: number | null
}

/** The id alone finds the submit of most: what is sealed and damaged is left out. */
function openedReceipt(
  { cipher }: Store,
  row: { id: string; raw_text: string; about: StoredJson<StoredAbout> | null },
): Pick<ReceiptEntry, 'rawText' | 'about'> {
  try {
    const rawText = cipher.open(row.raw_text, inReceipt('raw_text', row.id))
    if (!row.about) return { rawText, about: null }
    const about = openJson(cipher, row.about, inReceipt('about', row.id))
    const { recipient, sender, submitted_at, reference } = about
    const submittedAt = submitted_at === null ? null : new Date(submitted_at)
    return { rawText, about: { recipient, sender, submittedAt, reference } }
  } catch (error) {
    if (isUnreadable(error)) return { rawText: '', about: null }
    throw error
  }
}

interface AttemptRow {
  readonly message_id: string
  readonly attempt: number
  readonly segment: number
  readonly carrier: string
  readonly state: SegmentState
  readonly carrier_message_id: string | null
  readonly match_key: string | null
  readonly code: FailureCode | null
  readonly raw_code: string | null
  readonly submitted_at: Date | string
  readonly answered_at: Date | string | null
  readonly receipt_at: Date | string | null
  readonly open_parts: string | null
  readonly cost_micros: bigint | string | number
  readonly cost_currency: string
  readonly carrier_deck_version: number
}

function loadAttempts(store: Store, ids: readonly string[]): Promise<AttemptRow[]> {
  if (ids.length === 0) return Promise.resolve([])
  return store.query<AttemptRow>(sql`
    select * from attempts where message_id = any(${textArray(ids)}::text::uuid[])
    order by message_id, attempt, segment`)
}

function withAttempts(
  store: Store,
  rows: readonly RawMessageRow[],
  attempts: readonly AttemptRow[],
): ReadMessages {
  const byMessage = new Map<string, Attempt[]>()
  for (const row of attempts) {
    const known = byMessage.get(row.message_id)
    if (known) known.push(attemptFromRow(row))
    else byMessage.set(row.message_id, [attemptFromRow(row)])
  }
  const stored = ({ id }: RawMessageRow, message: Message) => ({
    message,
    attempts: byMessage.get(id) ?? [],
  })
  const { opened, unreadable } = openAll(rows, (row) =>
    stored(row, messageFromRaw(row, store.cipher)),
  )
  return {
    opened,
    unreadable: unreadable.map((row) => stored(row, remainsFromRaw(row, store.cipher))),
  }
}

function attemptFromRow(row: AttemptRow): Attempt {
  return {
    messageId: row.message_id,
    attempt: row.attempt,
    segment: row.segment,
    carrier: row.carrier,
    submittedAt: new Date(row.submitted_at),
    state: row.state,
    carrierMessageId: row.carrier_message_id,
    matchKey: row.match_key,
    code: row.code,
    rawCode: row.raw_code,
    answeredAt: row.answered_at === null ? null : new Date(row.answered_at),
    receiptAt: row.receipt_at === null ? null : new Date(row.receipt_at),
    openParts: numbersIn(row.open_parts),
    costMicros: BigInt(row.cost_micros),
    costCurrency: row.cost_currency,
    carrierDeckVersion: row.carrier_deck_version,
    storedState: row.state,
    isOwed: isTaken(row.state as SegmentState),
  }
}

function numbersIn(text: string | null): number[] | null {
  return text === null ? null : text.split(' ').flatMap((each) => (each === '' ? [] : Number(each)))
}
