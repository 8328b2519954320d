import { type SQL, sql } from 'drizzle-orm'
import { textArray, unnest } from '../store/batch.ts'
import type { Database, Store } from '../store/open.ts'
import { Pipeline } from '../store/pipeline.ts'
import type {
  AcceptedEntry,
  CommitEffects,
  JournalEntry,
  MovedEntry,
  OutboxItem,
  ReceiptEntry,
  SubmittingEntry,
  TimelineEvent,
} from './journal.ts'
import { owedReceipt, writeOutbox } from './outbox.ts'
import { isFinal, type MessageStatus, statesBefore } from './states.ts'
import { settleReceipts } from './tracker.ts'

/**
 * Writes a batch of journal entries: one statement per table and kind of change, whatever the
 * number of entries.
 *
 * Runs inside the caller's transaction and awaits nothing but the database. Writing a batch again
 * whose commit was lost on the way changes no row twice.
 */
export async function writeJournal(
  store: Store,
  tx: Database,
  entries: readonly JournalEntry[],
): Promise<CommitEffects> {
  const accepted = ofKind<AcceptedEntry>(entries, 'accepted')
  const submitting = ofKind<SubmittingEntry>(entries, 'submitting')
  const moved = ofKind<MovedEntry>(entries, 'moved')
  const receipts = ofKind<ReceiptEntry>(entries, 'receipt')
  const pipeline = new Pipeline(store, tx)

  const events: TimelineEvent[] = []
  if (accepted.length > 0) {
    pipeline.write(insertMessages(accepted))
    for (const entry of accepted) events.push(...entry.events)
  }
  if (submitting.length > 0) {
    pipeline.write(insertAttempts(submitting))
    pipeline.write(markSending(submitting))
    events.push(...submitting.map(submittedEvent))
  }
  if (moved.length > 0) {
    const answered = moved.flatMap((entry) => entry.answers.map((answer) => ({ ...answer, entry })))
    if (answered.length > 0) pipeline.write(updateAttempts(answered))
  }
  // The moves are sent first: receipts look for what they write.
  const [ended, settlement] = await Promise.all([
    moveAll(pipeline, moved),
    settleReceipts(pipeline, receipts, moved),
  ])
  // An end that comes second, such as a deadline just after the receipt, is no end.
  const effective = moved.filter(({ to, message }) => !isFinal(to) || ended.has(message.id))
  for (const entry of effective) events.push(...entry.events)
  const owed = effective.flatMap(owedForEnd)
  writeOutbox(pipeline, owed)
  events.push(...settlement.events)
  if (events.length > 0) pipeline.write(insertEvents(events))
  await pipeline.done()
  return { ...settlement, outbox: [...owed, ...settlement.outbox] }
}

/** Moves messages on; gives the ids of those that this brings to their end. */
async function moveAll(
  pipeline: Pipeline,
  moved: readonly MovedEntry[],
): Promise<ReadonlySet<string>> {
  const ended = await Promise.all(
    groupByTarget(moved).map(async ({ to, entries }) => {
      const rows = await pipeline.read<{ id: string }>(moveMessages(to, entries))
      return isFinal(to) ? rows.map(({ id }) => id) : []
    }),
  )
  return new Set(ended.flat())
}

/** The receipt owed for a message that ends without one from a carrier. */
function owedForEnd({ message, to, at, errorCode }: MovedEntry): OutboxItem[] {
  if (!isFinal(to)) return []
  return owedReceipt(message, {
    messageId: message.id,
    from: message.from,
    to: message.to,
    status: to,
    errorCode,
    rawError: null,
    submittedAt: message.createdAt.toISOString(),
    doneAt: at.toISOString(),
  })
}

function ofKind<Entry extends JournalEntry>(
  entries: readonly JournalEntry[],
  kind: Entry['kind'],
): Entry[] {
  return entries.filter((entry): entry is Entry => entry.kind === kind)
}

function insertMessages(entries: readonly AcceptedEntry[]): SQL {
  const rows = unnest<AcceptedEntry>(
    'v',
    {
      id: ['uuid', ({ message }) => message.id],
      tenant_id: ['uuid', ({ message }) => message.tenantId],
      source: ['text', ({ message }) => message.source],
      partner: ['text', ({ message }) => message.partner],
      to_number: ['text', ({ message }) => message.to],
      from_sender: ['text', ({ message }) => message.from],
      body: ['text', ({ message }) => message.text],
      octets: ['bytea', ({ message }) => message.raw?.octets],
      esm_class: ['int2', ({ message }) => message.raw?.esmClass ?? 0],
      data_coding: ['int2', ({ message }) => message.raw?.dataCoding],
      registered_delivery: ['int2', ({ message }) => message.registeredDelivery],
      encoding: ['text', ({ message }) => message.encoding],
      requested_encoding: ['text', ({ message }) => message.requestedEncoding],
      segments: ['int2', ({ message }) => message.segments],
      max_segments: ['int2', ({ message }) => message.maxSegments],
      traffic_class: ['text', ({ message }) => message.trafficClass],
      client_reference: ['text', ({ message }) => message.clientReference],
      country: ['text', ({ message }) => message.country],
      status: ['text', ({ message }) => message.status],
      carrier: ['text', ({ message }) => message.carrier],
      price_micros: ['int8', ({ message }) => message.priceMicros],
      price_currency: ['text', ({ message }) => message.priceCurrency],
      created_at: ['timestamptz', ({ message }) => message.createdAt],
    },
    entries,
  )
  return sql`
    insert into messages (id, tenant_id, source, partner, to_number, from_sender, body, octets,
      esm_class, data_coding, registered_delivery, encoding, requested_encoding, segments,
      max_segments, traffic_class, client_reference, country, status, carrier, price_micros,
      price_currency, created_at, updated_at)
    select v.*, v.created_at from ${rows}
    on conflict do nothing`
}

interface SegmentRow {
  readonly entry: SubmittingEntry
  readonly segment: number
}

function insertAttempts(entries: readonly SubmittingEntry[]): SQL {
  const segments: SegmentRow[] = entries.flatMap((entry) =>
    Array.from({ length: entry.segmentCount }, (_, index) => ({ entry, segment: index + 1 })),
  )
  const rows = unnest<SegmentRow>(
    'v',
    {
      message_id: ['uuid', ({ entry }) => entry.message.id],
      attempt: ['int2', ({ entry }) => entry.attempt],
      segment: ['int2', ({ segment }) => segment],
      carrier: ['text', ({ entry }) => entry.carrier],
      submitted_at: ['timestamptz', ({ entry }) => entry.at],
    },
    segments,
  )
  return sql`
    insert into attempts (message_id, attempt, segment, carrier, state, submitted_at)
    select v.message_id, v.attempt, v.segment, v.carrier, 'sending', v.submitted_at from ${rows}
    on conflict do nothing`
}

function markSending(entries: readonly SubmittingEntry[]): SQL {
  const rows = unnest<SubmittingEntry>(
    'v',
    {
      id: ['uuid', ({ message }) => message.id],
      carrier: ['text', ({ carrier }) => carrier],
      attempt: ['int2', ({ attempt }) => attempt],
      at: ['timestamptz', ({ at }) => at],
    },
    entries,
  )
  return sql`
    update messages m
    set status = 'sending', carrier = v.carrier, attempt = v.attempt, updated_at = v.at
    from ${rows}
    where m.id = v.id and m.status = any(${fromStates('sending')}::text[])`
}

function submittedEvent(entry: SubmittingEntry): TimelineEvent {
  return {
    messageId: entry.message.id,
    at: entry.at,
    type: 'submitted',
    status: 'sending',
    carrier: entry.carrier,
    attempt: entry.attempt,
    detail: {
      pdus: entry.segmentCount,
      ...(entry.replacements.length > 0 ? { replaced: entry.replacements } : {}),
    },
  }
}

type AnsweredSegment = MovedEntry['answers'][number] & { readonly entry: MovedEntry }

function updateAttempts(answers: readonly AnsweredSegment[]): SQL {
  const rows = unnest<AnsweredSegment>(
    'v',
    {
      message_id: ['uuid', ({ entry }) => entry.message.id],
      attempt: ['int2', ({ entry }) => entry.attempt],
      segment: ['int2', ({ segment }) => segment],
      state: ['text', ({ state }) => state],
      carrier_message_id: ['text', ({ carrierMessageId }) => carrierMessageId],
      match_key: ['text', ({ matchKey }) => matchKey],
      command_status: ['int8', ({ commandStatus }) => commandStatus],
      at: ['timestamptz', ({ entry }) => entry.at],
    },
    answers,
  )
  return sql`
    update attempts a
    set state = v.state, carrier_message_id = v.carrier_message_id, match_key = v.match_key,
      command_status = v.command_status, answered_at = v.at
    from ${rows}
    where a.message_id = v.message_id and a.attempt = v.attempt and a.segment = v.segment
      and a.state = 'sending'`
}

function groupByTarget(
  entries: readonly MovedEntry[],
): { to: MessageStatus; entries: MovedEntry[] }[] {
  const groups = new Map<MessageStatus, MovedEntry[]>()
  for (const entry of entries) {
    const group = groups.get(entry.to)
    if (group) group.push(entry)
    else groups.set(entry.to, [entry])
  }
  return [...groups].map(([to, group]) => ({ to, entries: group }))
}

function moveMessages(to: MessageStatus, entries: readonly MovedEntry[]): SQL {
  const rows = unnest<MovedEntry>(
    'v',
    {
      id: ['uuid', ({ message }) => message.id],
      carrier: ['text', ({ carrier }) => carrier],
      error_code: ['text', ({ errorCode }) => errorCode],
      error_detail: ['text', ({ errorDetail }) => errorDetail],
      at: ['timestamptz', ({ at }) => at],
    },
    entries,
  )
  const finalAt = isFinal(to) ? sql`v.at` : sql`null`
  return sql`
    update messages m
    set status = ${to}, carrier = v.carrier, error_code = v.error_code,
      error_detail = v.error_detail, updated_at = v.at, final_at = ${finalAt}
    from ${rows}
    where m.id = v.id and m.status = any(${fromStates(to)}::text[])
    ${isFinal(to) ? sql`returning m.id` : sql``}`
}

/** The states that an update into a state may leave, as an array literal. */
function fromStates(to: MessageStatus): string {
  return textArray(statesBefore(to))
}

function insertEvents(events: readonly TimelineEvent[]): SQL {
  const rows = unnest<TimelineEvent>(
    'v',
    {
      message_id: ['uuid', ({ messageId }) => messageId],
      at: ['timestamptz', ({ at }) => at],
      type: ['text', ({ type }) => type],
      status: ['text', ({ status }) => status],
      carrier: ['text', ({ carrier }) => carrier],
      attempt: ['int2', ({ attempt }) => attempt],
      segment: ['int2', ({ segment }) => segment],
      code: ['text', ({ code }) => code],
      raw_code: ['text', ({ rawCode }) => rawCode],
      detail: ['jsonb', ({ detail }) => detail],
    },
    events,
  )
  return sql`
    insert into events (message_id, at, type, status, carrier, attempt, segment, code, raw_code,
      detail)
    select v.* from ${rows}`
}
