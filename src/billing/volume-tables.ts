import { type SQL, sql } from 'drizzle-orm'
import { unnest } from '../store/batch.ts'
import type { Store } from '../store/open.ts'
import { monthOf, type Volume } from './volumes.ts'

const LONGEST_MONTH_MS = 31 * 86_400_000

/** What tenants have sent in the month of an instant and in the one before, as far as the tables say. */
export async function loadVolumes(store: Store, at: Date): Promise<Volume[]> {
  const from = monthOf(new Date(at.getTime() - LONGEST_MONTH_MS))
  const rows = await store.query<{
    tenant_id: string
    month: string
    segments: string | number | bigint
  }>(sql`select tenant_id, month, segments from tenant_volumes where month >= ${from}`)
  return rows.map(({ tenant_id: tenantId, month, segments }) => ({
    tenantId,
    month,
    segments: Number(segments),
  }))
}

/** The part of a statement that adds to the volumes, each named once; the statement has a part `guard`. */
export function addToVolumes(volumes: readonly Volume[]): SQL {
  const rows = unnest<Volume>(
    'v',
    {
      tenant_id: ['uuid', ({ tenantId }) => tenantId],
      month: ['text', ({ month }) => month],
      segments: ['int8', ({ segments }) => segments],
    },
    volumes,
  )
  return sql`
    insert into tenant_volumes as t (tenant_id, month, segments)
    select v.* from ${rows} cross join guard
    on conflict (month, tenant_id) do update set segments = t.segments + excluded.segments`
}
