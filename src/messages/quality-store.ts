import { isNotNull, sql } from 'drizzle-orm'
import type { QualityState } from '../routing/quality.ts'
import { unnest } from '../store/batch.ts'
import type { Store } from '../store/open.ts'
import { carriers } from '../store/schema/carriers.ts'

/** What earlier runs have learned about the carriers. */
export async function loadQuality(store: Store): Promise<QualityState[]> {
  const rows = await store.db.select().from(carriers).where(isNotNull(carriers.quality_at))
  return rows.map((row) => ({
    carrier: row.name,
    delivered: row.quality_delivered,
    total: row.quality_total,
    atMs: row.quality_at?.getTime() ?? 0,
  }))
}

/** Makes the configured carriers known to the database. */
export async function registerCarriers(
  store: Store,
  known: readonly { readonly name: string; readonly type: string }[],
  at: Date,
): Promise<void> {
  if (known.length === 0) return
  await store.db
    .insert(carriers)
    .values(known.map(({ name, type }) => ({ name, type, created_at: at })))
    .onConflictDoUpdate({ target: carriers.name, set: { type: sql`excluded.type` } })
}

/** Keeps what has been learned for the next run. */
export async function saveQuality(store: Store, states: readonly QualityState[]): Promise<void> {
  if (states.length === 0) return
  const rows = unnest<QualityState>(
    'v',
    {
      name: ['text', ({ carrier }) => carrier],
      delivered: ['text', ({ delivered }) => String(delivered)],
      total: ['text', ({ total }) => String(total)],
      at: ['timestamptz', ({ atMs }) => new Date(atMs)],
    },
    states,
  )
  await store.query(sql`
    update carriers c
    set quality_delivered = v.delivered::float8, quality_total = v.total::float8, quality_at = v.at
    from ${rows}
    where c.name = v.name`)
}
