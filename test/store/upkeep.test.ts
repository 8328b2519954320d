import { sql } from 'drizzle-orm'
import { afterAll, beforeAll, beforeEach, expect, it } from 'vitest'
import { silentLogger } from '../../src/core/logger.ts'
import type { Store } from '../../src/store/open.ts'
import { Upkeep } from '../../src/store/upkeep.ts'
import { openTestPglite } from '../support/database.ts'

let store: Store
let writes: number
let upkeep: Upkeep

beforeAll(async () => {
  store = await openTestPglite()
  await store.query(sql`create table bloated (n int, text text)`)
})
beforeEach(() => {
  writes = 0
  upkeep = new Upkeep({ store, writes: () => writes, logger: silentLogger })
})
afterAll(() => store.close())

/** Whether a look has vacuumed: only then the database knows how many rows there are now. */
async function vacuums(): Promise<boolean> {
  await store.query(sql`insert into bloated values (1, 'x')`)
  await upkeep.look()
  const [row] = await store.query<{ known: boolean }>(sql`
    select (select reltuples from pg_class where relname = 'bloated')::int
      = (select count(*) from bloated) as known`)
  return row?.known === true
}

it('vacuums in a quiet minute', async () => {
  writes = 25
  expect(await vacuums()).toBe(false)
  expect(await vacuums()).toBe(true)
  // Nothing new since.
  expect(await vacuums()).toBe(false)
})

it('does not wait for a quiet minute for ever', async () => {
  const seen: boolean[] = []
  for (writes = 70; writes <= 210; writes += 70) seen.push(await vacuums())
  expect(seen).toEqual([false, false, true])
})

it('leaves a database alone in which hardly anything happens', async () => {
  writes = 19
  expect([await vacuums(), await vacuums()]).toEqual([false, false])
})
