import { sql } from 'drizzle-orm'
import type { LedgerFault } from '../billing/ledger-check.ts'
import { pendingCells } from '../billing/usage-pending.ts'
import type { Database, Store } from '../store/open.ts'

interface VolumeRow {
  readonly tenant_id: string
  readonly month: string
  /** What stands in the volumes. */
  readonly stands: string
  /** Segments of the billed messages of the month that are stored. */
  readonly stored: string
  /** All messages of the month are stored, as far as the usage knows. */
  readonly is_whole: boolean
}

interface ExcessRow {
  readonly tenant_id: string
  readonly stands: string
  readonly accepted: string
}

/**
 * Proves the volumes by which tiers go, as far as what is kept can: the volume of a month is the segments of its billed
 * messages while all its messages are there, and never less than those of the messages that still are; and the
 * volumes of a tenant are together no more than it has ever had accepted. Gives the first that is not, of each.
 *
 * @param on - a transaction that sees one moment
 */
export async function checkVolumes(store: Store, on: Database = store.db): Promise<LedgerFault[]> {
  const [volume] = await store.query<VolumeRow>(WRONG_VOLUMES, on)
  const [excess] = await store.query<ExcessRow>(EXCESSIVE_VOLUMES, on)
  return [
    ...(volume ? [volumeFault(volume)] : []),
    ...(excess
      ? [
          {
            where: `the volumes of tenant ${excess.tenant_id}`,
            what: `${excess.stands} segments stand there together, and ${excess.accepted} were ever accepted`,
          },
        ]
      : []),
  ]
}

function volumeFault({ tenant_id, month, stands, stored, is_whole }: VolumeRow): LedgerFault {
  const have = is_whole ? 'its messages have' : 'those of its messages that are still stored have'
  return {
    where: `the volume of tenant ${tenant_id} in ${month}`,
    what: `${stands} segments stand there, and ${have} ${stored}`,
  }
}

/** Usage of months is never deleted; a message counts there in the month of its acceptance, as in the volumes. */
const ACCEPTED = sql`
  select tenant_id, to_char(starts_at at time zone 'UTC', 'YYYY-MM') as month,
    sum(messages_accepted) as messages, sum(segments_accepted) as segments
  from (
    select tenant_id, starts_at, messages_accepted, segments_accepted from usage_months
    union all
    select tenant_id, starts_at, messages_accepted, segments_accepted from (${pendingCells()}) p
  ) u
  group by 1, 2`

const WRONG_VOLUMES = sql`
  select tenant_id, month, coalesce(v.segments, 0)::text as stands,
    coalesce(m.segments, 0)::text as stored,
    coalesce(m.messages, 0) = coalesce(a.messages, 0) as is_whole
  from tenant_volumes v full join (
    select tenant_id, to_char(created_at at time zone 'UTC', 'YYYY-MM') as month,
      count(*) as messages, coalesce(sum(segments) filter (where charging is not null), 0) as segments
    from messages group by 1, 2
  ) m using (tenant_id, month) left join (${ACCEPTED}) a using (tenant_id, month)
  where coalesce(v.segments, 0) < coalesce(m.segments, 0)
    or (coalesce(v.segments, 0) <> coalesce(m.segments, 0)
      and coalesce(m.messages, 0) = coalesce(a.messages, 0))
  order by tenant_id, month limit 1`

/** A replaced message counts the difference in the month of its replacement here: only the sums can be compared. */
const EXCESSIVE_VOLUMES = sql`
  select tenant_id, v.segments::text as stands, coalesce(a.segments, 0)::text as accepted
  from (
    select tenant_id, sum(segments) as segments from tenant_volumes group by tenant_id
  ) v left join (
    select tenant_id, sum(segments) as segments from (${ACCEPTED}) u group by tenant_id
  ) a using (tenant_id)
  where v.segments > coalesce(a.segments, 0)
  order by tenant_id limit 1`
