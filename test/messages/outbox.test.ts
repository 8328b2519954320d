import { type SQL, sql } from 'drizzle-orm'
import { describe, expect, test } from 'vitest'
import { readDue } from '../../src/messages/outbox.ts'
import type { Store } from '../../src/store/open.ts'
import { testDatabases } from '../support/database.ts'

const RECIPIENT = 'partner:acme'
const NOW = new Date('2026-01-01T00:00:00Z')
const TENANT = '01890000-0000-7000-8000-000000000001'

/** Rows of one recipient, oldest first: so many messages, and then all of them again. */
async function fill(store: Store, messages: number): Promise<void> {
  await store.query(sql`
    insert into outbox (id, recipient, tenant_id, subject_id, event, payload, state, created_at, log)
    select lpad(n::text, 10, '0'), ${RECIPIENT}::text, ${TENANT}::text::uuid,
      ('01890000-0000-7000-8000-' || lpad((n % ${messages}::text::int)::text, 12, '0'))::uuid,
      'message.sent', '{}'::jsonb, 'waiting', now(), '[]'::jsonb
    from generate_series(1, ${2 * messages}::text::int) n`)
}

describe.each(testDatabases())('what a recipient can be told now, on $name', ({ open }) => {
  test('is the oldest of each message', async () => {
    const store = await open()
    await fill(store, 300)
    const due = await readDue(store, RECIPIENT, NOW, 1_000)
    expect(due.map(({ id }) => Number(id))).toEqual(Array.from({ length: 300 }, (_, n) => n + 1))
    await store.close()
  })

  test('is found without reading the rows of the recipient once for each', async () => {
    const store = await open()
    await fill(store, 300)
    let statement: SQL | undefined
    const listening = {
      ...store,
      query: async (query: SQL) => {
        statement = query
        return []
      },
    }
    await readDue(listening as Store, RECIPIENT, NOW, 1_000)
    const plan = await store.query<Record<string, string>>(sql`explain analyze ${statement}`)
    const lines = plan.flatMap((row) => Object.values(row))
    expect(lines.join('\n')).toContain('outbox_by_subject')
    const removed = lines.flatMap((line) => /Rows Removed by.*: (\d+)/.exec(line)?.[1] ?? [])
    expect(Math.max(0, ...removed.map(Number))).toBeLessThan(1_000)
    await store.close()
  })
})
