import { sql } from 'drizzle-orm'
import { textArray } from '../store/batch.ts'
import type { Store } from '../store/open.ts'
import { inOutbox, openAll, openJson, type StoredJson } from './sealing.ts'
import type { Telling } from './telling.ts'

interface OutboxRow {
  readonly id: string
  readonly recipient: string
  readonly url: string | null
  readonly tenant_id: string
  readonly subject_id: string
  readonly event: string
  readonly payload: StoredJson<Telling['payload']>
  readonly tries: number
}

/**
 * What a recipient can be told now, oldest first: what is due, and of each subject only what nothing
 * earlier waits before.
 */
export async function readDue(
  store: Store,
  recipient: string,
  now: Date,
  limit: number,
): Promise<Telling[]> {
  // The empty strings leave the inner search only the index of the subject. Where statistics are older
  // than the rows every index seems as good, and others would be read to their end for each row.
  const rows = await store.query<OutboxRow>(sql`
    select o.id, o.recipient, o.url, o.tenant_id, o.subject_id, o.event, o.payload, o.tries
    from outbox o
    where o.recipient = ${recipient} and o.state = 'waiting'
      and (o.due_at is null or o.due_at <= ${now.toISOString()}::text::timestamptz)
      and not exists (
        select 1 from outbox e
        where e.subject_id = o.subject_id and e.recipient = o.recipient
          and e.state || '' = 'waiting' and e.id || '' < o.id)
    order by o.id
    limit ${limit}`)
  const { opened, unreadable } = openAll(rows, (row) => tellingOf(row, store))
  // What is damaged would stand before all others for ever.
  if (unreadable.length > 0) await bury(store, unreadable)
  return opened
}

/** Event and payload of a row go together, as they were written. */
function tellingOf(row: OutboxRow, { cipher }: Store): Telling {
  return {
    id: row.id,
    recipient: row.recipient,
    url: row.url,
    tenantId: row.tenant_id,
    subjectId: row.subject_id,
    event: row.event,
    payload: openJson(cipher, row.payload, inOutbox(row.tenant_id, row.id)),
    tries: row.tries,
  } as Telling
}

async function bury(store: Store, rows: readonly OutboxRow[]): Promise<void> {
  const ids = textArray(rows.map(({ id }) => id))
  await store.query(sql`
    update outbox set state = 'dead', due_at = null where id = any(${ids}::text::text[])`)
}

/** When the next of a recipient's tellings falls due; null: none waits for an instant. */
export async function nextDue(store: Store, recipient: string): Promise<Date | null> {
  const [row] = await store.query<{ due_at: Date | string | null }>(sql`
    select min(due_at) as due_at from outbox
    where recipient = ${recipient} and state = 'waiting'`)
  return row?.due_at ? new Date(row.due_at) : null
}

/** Everybody who is still to be told something. */
export async function waitingRecipients(store: Store): Promise<string[]> {
  const rows = await store.query<{ recipient: string }>(sql`
    select distinct recipient from outbox where state = 'waiting'`)
  return rows.map(({ recipient }) => recipient)
}
