import { sql } from 'drizzle-orm'
import { checkLedger } from '../../src/billing/ledger-check.ts'
import { checkDays } from '../../src/billing/ledger-days-check.ts'
import { CELL_COLUMNS, pendingCells } from '../../src/billing/usage-pending.ts'
import { checkMessages } from '../../src/messages/ledger-message-check.ts'
import type { Store } from '../../src/store/open.ts'

/** Where usage, ledger and messages do not agree, each in words; nothing may have been erased. */
export async function usageDifferences(store: Store): Promise<string[]> {
  const { fault } = await checkMessages(store)
  const faults = [
    ...(await checkLedger(store)).faults,
    ...(await checkDays(store)),
    ...(fault ? [fault] : []),
  ]
  const differences = faults.map(({ where, what }) => `${where}: ${what}`)
  const expected = await expectedSums(store)
  for (const table of ['usage_hours', 'usage_days', 'usage_months', 'usage_senders']) {
    const found = await sumsOf(store, table)
    for (const [name, sum] of Object.entries(expected)) {
      if (found[name] !== sum) differences.push(`${table}.${name}: ${found[name]}, not ${sum}`)
    }
  }
  return differences
}

type Sums = Record<string, string>

async function expectedSums(store: Store): Promise<Sums> {
  const [row] = await store.query<Sums>(sql`
    select m.*, a.*, l.* from (
      select count(*)::text as messages_accepted, coalesce(sum(segments), 0)::text as segments_accepted,
        count(*) filter (where status = 'delivered')::text as messages_delivered,
        count(*) filter (where status = 'undelivered')::text as messages_undelivered,
        count(*) filter (where status = 'expired')::text as messages_expired,
        count(*) filter (where status = 'failed')::text as messages_failed,
        count(*) filter (where status = 'canceled')::text as messages_canceled,
        count(*) filter (where status = 'unconfirmed')::text as messages_unconfirmed
      from messages
    ) m cross join (
      select count(*) filter (where state in ('sent', 'delivered', 'undelivered', 'expired'))::text
          as segments_submitted,
        count(*) filter (where state = 'delivered')::text as segments_delivered,
        count(*) filter (where state = 'undelivered')::text as segments_undelivered,
        count(*) filter (where state = 'expired')::text as segments_expired
      from attempts
    ) a cross join (
      select coalesce(sum(revenue), 0)::text as revenue, coalesce(sum(tax), 0)::text as tax,
        coalesce(sum(cost_micros), 0)::text as cost
      from ledger
    ) l`)
  return row ?? {}
}

/** Of all rows, and of what is pending besides. */
async function sumsOf(store: Store, table: string): Promise<Sums> {
  const figures = CELL_COLUMNS.slice(CELL_COLUMNS.indexOf('messages_accepted'))
  const columns = sql.raw(figures.join(', '))
  const sums = sql.raw(
    figures.map((name) => `coalesce(sum(${name}), 0)::text as ${name}`).join(', '),
  )
  const [row] = await store.query<Sums>(sql`
    select ${sums} from (
      select ${columns} from ${sql.raw(table)}
      union all select ${columns} from (${pendingCells()}) p
    ) u`)
  return row ?? {}
}
