import postgres from 'postgres'
import type { Gateway } from './gateway.ts'

/** How often it looks whether the messages to copy have their ends in the tables. */
const LOOK_EVERY_MS = 100
const ENDED_WITHIN_MS = 60_000
/** First milliseconds of the UUIDv7s made here: April 2022, so that they sort before all others. */
const FIRST_UUID_MS = 0x01_80_00_00_00_00

/**
 * Fills the tables as if the gateway had carried `messages` more before: copies of the messages it
 * has carried, with their attempts, events and receipts, under ids of their own.
 *
 * The columns are read from the database, so that a change of the schema needs none here.
 */
export async function preload(gateway: Gateway, messages: number): Promise<void> {
  if (gateway.databaseUrl === undefined) throw new Error('preload needs PostgreSQL')
  const sql = postgres(gateway.databaseUrl, { max: 1, onnotice() {} })
  try {
    const originals = await untilEnded(sql)
    const copies = Math.ceil(messages / originals)
    const tables = await tablesOf(sql)
    for (const { name, columns } of tables) {
      // The copies must not be copied again in the next turn.
      await sql.unsafe(`create table preload_${name} as select * from ${name}`)
      const values = columns.map((column) => copyOf(column))
      for (let copy = 1; copy <= copies; copy++) {
        await sql.unsafe(
          `insert into ${name} (${columns.map(({ name: column }) => `"${column}"`).join(', ')})
          select ${values.join(', ').replaceAll(':copy', String(copy))} from preload_${name}`,
        )
      }
      await sql.unsafe(`drop table preload_${name}`)
      await sql.unsafe(`vacuum analyze ${name}`)
    }
    // Otherwise the server writes these pages out while the gateway is measured.
    await sql.unsafe('checkpoint')
    const [row] = await sql<{ rows: number }[]>`select count(*)::int as rows from messages`
    if (row === undefined || row.rows < messages) {
      throw new Error(`${row?.rows} messages are in the tables instead of ${messages}`)
    }
  } finally {
    await sql.end({ timeout: 5 })
  }
}

async function untilEnded(sql: postgres.Sql): Promise<number> {
  const deadline = performance.now() + ENDED_WITHIN_MS
  for (;;) {
    const [row] = await sql<{ ended: number; open: number }[]>`
      select count(final_at)::int as ended, count(*)::int - count(final_at)::int as open
      from messages`
    if (row !== undefined && row.ended > 0 && row.open === 0) return row.ended
    if (performance.now() > deadline) throw new Error(`${row?.open} messages have no end`)
    await new Promise((resolve) => setTimeout(resolve, LOOK_EVERY_MS))
  }
}

interface Column {
  readonly name: string
  readonly type: string
}

/**
 * The tables that have rows of messages: `messages`, and those with a `message_id`. What waits in
 * the outbox belongs to no message that has long been ended.
 */
async function tablesOf(sql: postgres.Sql): Promise<{ name: string; columns: Column[] }[]> {
  const rows = await sql<{ table_name: string; column_name: string; udt_name: string }[]>`
    select table_name, column_name, udt_name from information_schema.columns
    where table_schema = 'public' and table_name <> 'outbox' and is_identity = 'NO' and is_generated = 'NEVER'
      and (column_default is null or column_default not like 'nextval(%')
      and table_name in (
        select table_name from information_schema.columns
        where table_schema = 'public' and (table_name = 'messages' or column_name = 'message_id'))
    order by table_name, ordinal_position`
  const tables = new Map<string, Column[]>()
  for (const row of rows) {
    const columns = tables.get(row.table_name) ?? []
    columns.push({ name: row.column_name, type: row.udt_name })
    tables.set(row.table_name, columns)
  }
  return [...tables].map(([name, columns]) => ({ name, columns }))
}

/** A copied row refers to the copies of what it referred to; `:copy` is the number of the copy. */
function copyOf({ name, type }: Column): string {
  const isTextKey = type === 'text' && (name === 'id' || name === 'carrier_message_id')
  if (isTextKey) return `'copy:copy-' || "${name}"`
  if (type !== 'uuid' || name === 'tenant_id') return `"${name}"`
  const digest = `md5("${name}"::text)`
  return (
    `(lpad(to_hex(${FIRST_UUID_MS} + :copy), 12, '0') || '7' || substr(${digest}, 1, 3) ` +
    `|| '8' || substr(${digest}, 4, 15))::uuid`
  )
}
