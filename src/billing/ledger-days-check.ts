import { type SQL, sql } from 'drizzle-orm'
import type { Database, Store } from '../store/open.ts'
import type { LedgerFault } from './ledger-check.ts'
import { pendingCells, pendingMovements } from './usage-pending.ts'

interface FaultRow {
  readonly tenant_id: string
  readonly currency: string
  readonly day: string
  readonly kind: string
  readonly stands: string
  readonly sums: string
}

/**
 * Proves that statements and invoices say what the ledger says: the sums of each day are those of its lines,
 * and so is what was charged. Gives the first that is not, of each.
 *
 * @param on - a transaction that sees one moment
 */
export async function checkDays(store: Store, on: Database = store.db): Promise<LedgerFault[]> {
  const [movement] = await store.query<FaultRow>(wrongMovements(), on)
  const [charge] = await store.query<FaultRow>(wrongCharges(), on)
  return [
    ...(movement ? [faultOf(movement, `the ${movement.kind} lines`)] : []),
    ...(charge ? [faultOf(charge, 'what was charged')] : []),
  ]
}

function faultOf({ tenant_id, currency, day, stands, sums }: FaultRow, what: string): LedgerFault {
  return {
    where: `${what} of tenant ${tenant_id} in ${currency} on ${day}`,
    what: `${stands || 'nothing'} stands there, and the lines sum to ${sums || 'nothing'} (micro-units)`,
  }
}

const DAY = sql`to_char(starts_at at time zone 'UTC', 'YYYY-MM-DD') as day`

function wrongMovements(): SQL {
  const columns = sql`tenant_id, currency, starts_at, kind, lines, balance, reserved, revenue, tax,
    funding`
  const sums = sql`sum(balance) as balance, sum(reserved) as reserved, sum(revenue) as revenue,
    sum(tax) as tax, sum(funding) as funding`
  return sql`
    select tenant_id, currency, kind, ${DAY},
      concat_ws(' ', d.lines, d.balance, d.reserved, d.revenue, d.tax, d.funding) as stands,
      concat_ws(' ', l.lines, l.balance, l.reserved, l.revenue, l.tax, l.funding) as sums
    from (
      select tenant_id, currency, starts_at, kind, sum(lines) as lines, ${sums}
      from (
        select ${columns} from ledger_days
        union all select ${columns} from (${pendingMovements()}) p
      ) d
      group by tenant_id, currency, starts_at, kind
    ) d full join (
      select tenant_id, currency, date_trunc('day', at, 'UTC') as starts_at, kind,
        count(*) as lines, ${sums}
      from ledger where kind <> 'cost'
      group by tenant_id, currency, date_trunc('day', at, 'UTC'), kind
    ) l using (tenant_id, currency, starts_at, kind)
    where (d.lines, d.balance, d.reserved, d.revenue, d.tax, d.funding)
      is distinct from (l.lines, l.balance, l.reserved, l.revenue, l.tax, l.funding)
    order by tenant_id, currency, starts_at, kind limit 1`
}

function wrongCharges(): SQL {
  const columns = sql`tenant_id, currency, starts_at, revenue, tax`
  return sql`
    select tenant_id, currency, ${DAY},
      concat_ws(' ', c.revenue, c.tax) as stands, concat_ws(' ', l.revenue, l.tax) as sums
    from (
      select tenant_id, currency, starts_at, sum(revenue) as revenue, sum(tax) as tax
      from (
        select ${columns} from usage_charges
        union all
        select tenant_id, currency, date_trunc('day', starts_at, 'UTC'), revenue, tax
        from (${pendingCells()}) p
      ) c
      group by tenant_id, currency, starts_at
    ) c full join (
      select tenant_id, currency, date_trunc('day', at, 'UTC') as starts_at,
        sum(revenue) as revenue, sum(tax) as tax
      from ledger group by tenant_id, currency, date_trunc('day', at, 'UTC')
    ) l using (tenant_id, currency, starts_at)
    where coalesce(c.revenue, 0) <> coalesce(l.revenue, 0)
      or coalesce(c.tax, 0) <> coalesce(l.tax, 0)
    order by tenant_id, currency, starts_at limit 1`
}
