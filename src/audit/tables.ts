import { sql } from 'drizzle-orm'
import { unnest } from '../store/batch.ts'
import type { Database, Store } from '../store/open.ts'
import { AUDIT_START, type AuditPlace, type SealedEntry } from './chain.ts'
import type { ActorKind, AuditContent, AuditOutcome } from './entry.ts'

/** A row of `audit_entries` as either driver gives it. */
export interface EntryRow {
  readonly number: number | string
  readonly at: Date | string
  readonly actor_kind: string
  readonly actor_name: string | null
  readonly actor_tenant_id: string | null
  readonly address: string | null
  readonly request_id: string | null
  readonly action: string
  readonly subject_kind: string | null
  readonly subject_id: string | null
  readonly tenant_id: string | null
  readonly outcome: string
  readonly reason: string | null
  readonly before: string | null
  readonly after: string | null
  readonly count: number
  readonly first_at: Date | string | null
  readonly last_at: Date | string | null
  readonly previous_hash: string
  readonly hash: string
}

/** The latest entry, or the last that was deleted by age where no other is left. */
export async function loadHead(store: Store): Promise<AuditPlace> {
  const [row] = await store.query<PlaceRow>(
    sql`select number, hash from audit_entries order by number desc limit 1`,
  )
  return row ? placeOf(row) : loadAnchor(store)
}

/** The last entry that was deleted by age. */
export async function loadAnchor(store: Store, on: Database = store.db): Promise<AuditPlace> {
  const [row] = await store.query<PlaceRow>(sql`select number, hash from audit_anchor`, on)
  return row ? placeOf(row) : AUDIT_START
}

/** Writes entries, all or none. */
export async function insertEntries(store: Store, entries: readonly SealedEntry[]): Promise<void> {
  const rows = unnest<SealedEntry>(
    'v',
    {
      number: ['int8', ({ number }) => number],
      at: ['timestamptz', ({ content }) => content.at],
      actor_kind: ['text', ({ content }) => content.actor.kind],
      actor_name: ['text', ({ content }) => content.actor.name],
      actor_tenant_id: ['uuid', ({ content }) => content.actor.tenantId],
      address: ['text', ({ content }) => content.address],
      request_id: ['text', ({ content }) => content.requestId],
      action: ['text', ({ content }) => content.action],
      subject_kind: ['text', ({ content }) => content.subject?.kind],
      subject_id: ['text', ({ content }) => content.subject?.id],
      tenant_id: ['uuid', ({ content }) => content.tenantId],
      outcome: ['text', ({ content }) => content.outcome],
      reason: ['text', ({ content }) => content.reason],
      before: ['text', ({ content }) => content.before],
      after: ['text', ({ content }) => content.after],
      count: ['int4', ({ content }) => content.count],
      first_at: ['timestamptz', ({ content }) => content.firstAt],
      last_at: ['timestamptz', ({ content }) => content.lastAt],
      previous_hash: ['text', ({ previousHash }) => previousHash],
      hash: ['text', ({ hash }) => hash],
    },
    entries,
  )
  await store.query(sql`
    insert into audit_entries (number, at, actor_kind, actor_name, actor_tenant_id, address, request_id, action,
      subject_kind, subject_id, tenant_id, outcome, reason, before, after, count, first_at, last_at,
      previous_hash, hash)
    select v.* from ${rows}`)
}

/** An entry as it was written. */
export function entryOf(row: EntryRow): SealedEntry {
  const { subject_kind: kind, subject_id: id } = row
  const content: AuditContent = {
    at: new Date(row.at),
    actor: {
      kind: row.actor_kind as ActorKind,
      name: row.actor_name,
      tenantId: row.actor_tenant_id,
    },
    address: row.address,
    requestId: row.request_id,
    action: row.action,
    subject: kind === null ? null : { kind, id: id ?? '' },
    tenantId: row.tenant_id,
    outcome: row.outcome as AuditOutcome,
    reason: row.reason,
    before: row.before,
    after: row.after,
    count: row.count,
    firstAt: row.first_at === null ? null : new Date(row.first_at),
    lastAt: row.last_at === null ? null : new Date(row.last_at),
  }
  return { number: Number(row.number), hash: row.hash, previousHash: row.previous_hash, content }
}

interface PlaceRow {
  readonly number: number | string
  readonly hash: string
}

function placeOf({ number, hash }: PlaceRow): AuditPlace {
  return { number: Number(number), hash }
}
