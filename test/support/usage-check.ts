import { type SQL, sql } from 'drizzle-orm'
import { checkLedger } from '../../src/billing/ledger-check.ts'
import { checkDays } from '../../src/billing/ledger-days-check.ts'
import { CELL_COLUMNS, pendingCells } from '../../src/billing/usage-pending.ts'
import { checkMessages } from '../../src/messages/ledger-message-check.ts'
import { checkVolumes } from '../../src/messages/volume-check.ts'
import type { Store } from '../../src/store/open.ts'

/** Where usage, ledger and messages do not agree, each in words; nothing may have been erased or sealed. */
export async function usageDifferences(store: Store): Promise<string[]> {
  const { fault } = await checkMessages(store)
  const faults = [
    ...(await checkLedger(store)).faults,
    ...(await checkDays(store)),
    ...(await checkVolumes(store)),
    ...(fault ? [fault] : []),
  ]
  const differences = faults.map(({ where, what }) => `${where}: ${what}`)
  const expected = await expectedSums(store, sql`true`)
  for (const table of ['usage_hours', 'usage_days', 'usage_months', 'usage_senders']) {
    const found = await sumsOf(store, table, sql`true`)
    differences.push(...differencesOf(table, found, expected))
  }
  return [...differences, ...(await templateDifferences(store))]
}

/** Of each template, as far as none has found the table full. */
async function templateDifferences(store: Store): Promise<string[]> {
  const templates = await store.query<{ template: string }>(sql`
    select template from usage_templates
    union select template from (${pendingCells()}) p where template <> ''
    union select template::json->>'id' from messages where template is not null`)
  const differences: string[] = []
  for (const { template } of templates) {
    const found = await sumsOf(store, 'usage_templates', sql`template = ${template}::text`)
    const made = sql`(m.template::json->>'id') = ${template}::text`
    differences.push(
      ...differencesOf(`usage_templates of ${template}`, found, await expectedSums(store, made)),
    )
  }
  return differences
}

function differencesOf(where: string, found: Sums, expected: Sums): string[] {
  return Object.entries(expected).flatMap(([name, sum]) =>
    found[name] === sum ? [] : [`${where}.${name}: ${found[name]}, not ${sum}`],
  )
}

type Sums = Record<string, string>

/** @param which - of which messages, `m` */
async function expectedSums(store: Store, which: SQL): Promise<Sums> {
  const [row] = await store.query<Sums>(sql`
    select m.*, a.*, l.* from (
      select count(*)::text as messages_accepted, coalesce(sum(segments), 0)::text as segments_accepted,
        count(*) filter (where status = 'delivered')::text as messages_delivered,
        count(*) filter (where status = 'undelivered')::text as messages_undelivered,
        count(*) filter (where status = 'expired')::text as messages_expired,
        count(*) filter (where status = 'failed')::text as messages_failed,
        count(*) filter (where status = 'canceled')::text as messages_canceled,
        count(*) filter (where status = 'unconfirmed')::text as messages_unconfirmed
      from messages m where ${which}
    ) m cross join (
      select count(*) filter (where t.state in ('sent', 'delivered', 'undelivered', 'expired'))::text
          as segments_submitted,
        count(*) filter (where t.state = 'delivered')::text as segments_delivered,
        count(*) filter (where t.state = 'undelivered')::text as segments_undelivered,
        count(*) filter (where t.state = 'expired')::text as segments_expired
      from attempts t join messages m on m.id = t.message_id where ${which}
    ) a cross join (
      select coalesce(sum(g.revenue), 0)::text as revenue, coalesce(sum(g.tax), 0)::text as tax,
        coalesce(sum(g.cost_micros), 0)::text as cost
      from ledger g left join messages m on m.id = g.message_id where ${which}
    ) l`)
  return row ?? {}
}

/** Of all rows, and of what is pending besides. */
async function sumsOf(store: Store, table: string, which: SQL): Promise<Sums> {
  const figures = CELL_COLUMNS.slice(CELL_COLUMNS.indexOf('messages_accepted'))
  const columns = sql.raw(figures.join(', '))
  const sums = sql.raw(
    figures.map((name) => `coalesce(sum(${name}), 0)::text as ${name}`).join(', '),
  )
  const [row] = await store.query<Sums>(sql`
    select ${sums} from (
      select ${columns} from ${sql.raw(table)} where ${which}
      union all select ${columns} from (${pendingCells()}) p where ${which}
    ) u`)
  return row ?? {}
}
