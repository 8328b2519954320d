import { sql } from 'drizzle-orm'
import { uuidv7 } from 'uuidv7'
import type {
  AcceptedEntry,
  CommitEffects,
  JournalEntry,
  MovedEntry,
  ReceiptEntry,
  SegmentAnswer,
  SubmittingEntry,
} from '../../src/messages/journal.ts'
import { writeJournal } from '../../src/messages/journal-writer.ts'
import type { Message } from '../../src/messages/message.ts'
import type { Store } from '../../src/store/open.ts'
import type { attempts } from '../../src/store/schema/attempts.ts'
import type { events } from '../../src/store/schema/events.ts'
import type { messages } from '../../src/store/schema/messages.ts'
import type { outbox } from '../../src/store/schema/outbox.ts'
import type { receipts } from '../../src/store/schema/receipts.ts'

export const TENANT = '01890000-0000-7000-8000-000000000001'

/** A message of one segment that waits for carrier `alpha`. */
export function testMessage(more: Partial<Message> = {}): Message {
  return {
    id: uuidv7(),
    tenantId: TENANT,
    source: 'rest',
    partner: null,
    to: '+447700900123',
    from: 'ACME',
    text: 'Hello',
    raw: null,
    registeredDelivery: 0,
    encoding: 'gsm7',
    requestedEncoding: 'auto',
    segments: 1,
    maxSegments: null,
    trafficClass: 'transactional',
    clientReference: null,
    country: 'GB',
    priceMicros: 35_000n,
    priceCurrency: 'EUR',
    createdAt: new Date(),
    status: 'queued',
    carrier: 'alpha',
    attempt: 0,
    ...more,
  }
}

/** A message of a partner that wants every final receipt. */
export function partnerMessage(more: Partial<Message> = {}): Message {
  return testMessage({ source: 'smpp', partner: 'acme', registeredDelivery: 1, ...more })
}

export function accepted(message: Message): AcceptedEntry {
  const { id: messageId, createdAt: at } = message
  return {
    kind: 'accepted',
    message,
    events: [{ messageId, at, type: 'accepted', status: 'accepted' }],
  }
}

export function submitting(
  message: Message,
  more: Partial<Omit<SubmittingEntry, 'kind' | 'message'>> = {},
): SubmittingEntry {
  return {
    kind: 'submitting',
    message,
    carrier: message.carrier,
    attempt: 1,
    segmentCount: message.segments,
    replacements: [],
    at: new Date(),
    ...more,
  }
}

/** The carrier's `yes` to segments, with the ids it gave them. */
export function ids(...carrierMessageIds: readonly string[]): SegmentAnswer[] {
  return carrierMessageIds.map((id, index) => ({
    segment: index + 1,
    state: 'sent',
    carrierMessageId: id,
    matchKey: id.toLowerCase(),
    commandStatus: 0,
  }))
}

export function moved(
  message: Message,
  to: MovedEntry['to'],
  more: Partial<Omit<MovedEntry, 'kind' | 'message' | 'to'>> = {},
): MovedEntry {
  const at = more.at ?? new Date()
  const attempt = more.attempt ?? 1
  return {
    kind: 'moved',
    message,
    to,
    at,
    carrier: message.carrier,
    attempt,
    answers: [],
    events: [{ messageId: message.id, at, type: 'response', status: to, attempt }],
    errorCode: null,
    errorDetail: null,
    ...more,
  }
}

const SETTLES: Readonly<Record<string, ReceiptEntry['settles']>> = {
  DELIVERED: 'delivered',
  UNDELIVERABLE: 'undelivered',
  REJECTED: 'undelivered',
  EXPIRED: 'expired',
}

/** A receipt of carrier `alpha`. */
export function receipt(
  carrierMessageId: string,
  state: string,
  more: Partial<Omit<ReceiptEntry, 'kind'>> = {},
): ReceiptEntry {
  return {
    kind: 'receipt',
    id: uuidv7(),
    carrier: 'alpha',
    carrierMessageId,
    matchKeys: [carrierMessageId.toLowerCase()],
    state,
    settles: SETTLES[state] ?? null,
    rawError: null,
    rawText: state,
    receivedAt: new Date(),
    ...more,
  }
}

/** Writes entries in one transaction, as the spool does. */
export function write(store: Store, ...entries: readonly JournalEntry[]): Promise<CommitEffects> {
  return store.db.transaction((tx) => writeJournal(store, tx, entries))
}

/** Accepts a message and writes its first submit with the carrier's answer. */
export async function sent(
  store: Store,
  message: Message,
  ...carrierMessageIds: readonly string[]
): Promise<void> {
  await write(store, accepted(message))
  await write(store, submitting(message))
  await write(store, moved(message, 'sent', { answers: ids(...carrierMessageIds) }))
}

type MessageRow = typeof messages.$inferSelect
type AttemptRow = typeof attempts.$inferSelect
type EventRow = typeof events.$inferSelect
type OutboxRow = typeof outbox.$inferSelect
type ReceiptRow = typeof receipts.$inferSelect

/** The row of a message, as the database gives it. */
export async function messageRow(store: Store, { id }: { id: string }): Promise<MessageRow> {
  const [row] = await store.query<MessageRow>(sql`select * from messages where id = ${id}`)
  if (!row) throw new Error(`no message ${id}`)
  return row
}

export function attemptRows(store: Store, { id }: { id: string }): Promise<AttemptRow[]> {
  return store.query(sql`select * from attempts where message_id = ${id} order by attempt, segment`)
}

export function eventRows(store: Store, { id }: { id: string }): Promise<EventRow[]> {
  return store.query(sql`select * from events where message_id = ${id} order by id`)
}

export function receiptRows(store: Store): Promise<ReceiptRow[]> {
  return store.query(sql`select * from receipts order by id`)
}

export function outboxRows(store: Store): Promise<OutboxRow[]> {
  return store.query(sql`select * from outbox order by id`)
}
