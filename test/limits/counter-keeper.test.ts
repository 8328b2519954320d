import { sql } from 'drizzle-orm'
import { afterEach, describe, expect, test } from 'vitest'
import { silentLogger } from '../../src/core/logger.ts'
import { CounterKeeper } from '../../src/limits/counter-keeper.ts'
import { MemoryStore } from '../../src/limits/memory-store.ts'
import { type LimitRule, rulesOf } from '../../src/limits/rule.ts'
import type { Store } from '../../src/store/open.ts'
import { testDatabases } from '../support/database.ts'
import { policyOf } from './policies.ts'

const START = Date.UTC(2026, 0, 30, 20, 30)
const HOUR_MS = 3_600_000
const DAY_MS = 24 * HOUR_MS

const rules = rulesOf(
  'tenant',
  policyOf({
    tenant: {
      segments_per_second: 1,
      messages_per_hour: 2,
      segments_per_day: 3,
      segments_per_month: 4,
      spend_per_day: { amount: '999999999', currency: 'EUR' },
    },
  }).usual.tenant,
)
/** The cost differs by kind, so that they cannot be taken for each other. */
const COSTS = [1, 1, 2, 3, 123_456_789_012_345]

const takes = (subject = 'demo') =>
  rules.map((rule: LimitRule, index) => ({
    rule,
    tenantId: 't1',
    subject,
    cost: COSTS[index] ?? 0,
  }))

let store: Store | undefined

afterEach(async () => {
  await store?.close()
  store = undefined
})

describe.each(testDatabases())('on $name', ({ open }) => {
  let now = START
  const begun = async (database: Store) => {
    const memory = new MemoryStore()
    const clock = () => new Date(now)
    const keeper = new CounterKeeper({ store: database, memory, logger: silentLogger, clock })
    await keeper.load()
    return { memory, keeper }
  }

  test('the next run goes on with hours, days and months; what counts no more is deleted', async () => {
    now = START
    store = await open()
    const first = await begun(store)
    expect(first.memory.take(takes(), now)).toBeNull()
    expect(first.memory.take(takes('"quoted", {odd} \\name'), now)).toBeNull()
    await first.keeper.save()
    await first.keeper.close()

    now += 60_000
    const second = await begun(store)
    // A rate is forgotten.
    expect(second.memory.used(takes(), now)).toEqual([0, ...COSTS.slice(1)])
    expect(second.memory.used(takes('"quoted", {odd} \\name'), now)).toEqual([0, ...COSTS.slice(1)])
    expect(second.memory.take(takes().slice(0, 2), now)).toBeNull()
    expect(second.memory.take(takes().slice(1, 2), now)).toMatchObject({ index: 0 })
    await second.keeper.close()

    now = START + 2 * HOUR_MS
    const third = await begun(store)
    // The hour is over, then the day, then the month.
    expect(third.memory.used(takes(), now)).toEqual([0, 0, 2, 3, COSTS[4]])
    now = START + 26 * HOUR_MS
    expect(third.memory.used(takes(), now)).toEqual([0, 0, 0, 3, 0])
    now = START + 2 * DAY_MS
    expect(third.memory.used(takes(), now)).toEqual([0, 0, 0, 0, 0])
    await third.keeper.save()
    const rows = await store.query(sql`select * from limit_counters`)
    expect(rows).toEqual([])
    await third.keeper.close()
  })

  test('what could not be stored is stored the next time', async () => {
    now = START
    store = await open()
    const { memory, keeper } = await begun(store)
    memory.take(takes(), now)
    await store.query(sql`alter table limit_counters rename to gone`)
    await expect(keeper.save()).rejects.toThrow()
    memory.take(takes().slice(1, 2), now)
    await store.query(sql`alter table gone rename to limit_counters`)
    await keeper.save()
    await keeper.close()
    const next = await begun(store)
    expect(next.memory.used(takes(), now)).toEqual([0, 2, 2, 3, COSTS[4]])
  })
})
