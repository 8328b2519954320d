import { sql } from 'drizzle-orm'
import { available } from '../store/available.ts'
import type { Database, Store } from '../store/open.ts'
import type { Writable } from './booking.ts'
import type { MovementKind } from './ledger-days.ts'
import { pendingMovements } from './usage-pending.ts'

/** What a tenant has, and what of it is set aside, in millionths. */
export interface StatementBalance {
  readonly balance: bigint
  readonly reserved: bigint
}

/** What lines of one kind have moved. */
export interface StatementMovement extends StatementBalance {
  readonly kind: MovementKind
  readonly lines: number
  readonly revenue: bigint
  readonly tax: bigint
  readonly funding: bigint
}

/** How an account has changed over some days: opening and movements sum up to closing. */
export interface Statement {
  readonly currency: string
  readonly opening: StatementBalance
  readonly movements: readonly StatementMovement[]
  readonly closing: StatementBalance
}

/** Which statements are asked for. */
export interface StatementQuery {
  readonly tenantId: string
  /** Start of a day, UTC. */
  readonly from: Date
  readonly before: Date
  /** Undefined: each that there is. */
  readonly currency?: string | undefined
}

interface SumRow {
  readonly currency: string
  /** Null: of all lines before the first day. */
  readonly kind: MovementKind | null
  readonly lines: string
  readonly balance: string
  readonly reserved: string
  readonly revenue: string
  readonly tax: string
  readonly funding: string
}

const NOTHING: StatementBalance = { balance: 0n, reserved: 0n }

/**
 * How the accounts of a tenant have changed, by currency. Read from the sums of days: however many lines there
 * are, a year is some thousand rows.
 *
 * Throws `storage_unavailable` while the database is away.
 *
 * @param on - a transaction that sees one moment
 */
export async function readStatements(
  store: Store,
  query: StatementQuery,
  on: Database = store.db,
): Promise<Statement[]> {
  const { tenantId, currency = null } = query
  const from = query.from.toISOString()
  const before = query.before.toISOString()
  const rows = await available(
    store.query<SumRow>(
      sql`
      select currency, case when starts_at >= ${from}::text::timestamptz then kind end as kind,
        sum(lines)::text as lines, sum(balance)::text as balance, sum(reserved)::text as reserved,
        sum(revenue)::text as revenue, sum(tax)::text as tax, sum(funding)::text as funding
      from (
        select currency, starts_at, kind, lines, balance, reserved, revenue, tax, funding
        from ledger_days where tenant_id = ${tenantId}::text::uuid
        union all
        select currency, starts_at, kind, lines, balance, reserved, revenue, tax, funding
        from (${pendingMovements()}) p where tenant_id = ${tenantId}::text::uuid
      ) d
      where starts_at < ${before}::text::timestamptz
        and currency = coalesce(${currency}::text, currency)
      group by 1, 2
      order by 1, 2`,
      on,
    ),
  )
  const statements = new Map<string, Writable<Statement>>()
  for (const row of rows) {
    const statement = statements.get(row.currency) ?? {
      currency: row.currency,
      opening: NOTHING,
      movements: [],
      closing: NOTHING,
    }
    statements.set(row.currency, statement)
    const sums = { balance: BigInt(row.balance), reserved: BigInt(row.reserved) }
    if (row.kind === null) statement.opening = sums
    else statement.movements = [...statement.movements, movementOf(row, row.kind)]
    statement.closing = {
      balance: statement.closing.balance + sums.balance,
      reserved: statement.closing.reserved + sums.reserved,
    }
  }
  return [...statements.values()]
}

function movementOf(row: SumRow, kind: MovementKind): StatementMovement {
  return {
    kind,
    lines: Number(row.lines),
    balance: BigInt(row.balance),
    reserved: BigInt(row.reserved),
    revenue: BigInt(row.revenue),
    tax: BigInt(row.tax),
    funding: BigInt(row.funding),
  }
}
