import { sql } from 'drizzle-orm'
import { afterAll, afterEach, beforeAll, describe, expect, it } from 'vitest'
import { silentLogger } from '../../src/core/logger.ts'
import { QualityStore, registerCarriers } from '../../src/messages/quality-store.ts'
import { Quality, type QualityCell } from '../../src/routing/quality.ts'
import type { Store } from '../../src/store/open.ts'
import { testDatabases, truncate } from '../support/database.ts'

const START = new Date('2026-01-01T00:00:00Z')
const MINUTE = 60_000
const CODES: QualityCell = { country: 'GB', network: null, trafficClass: 'otp' }
const NETWORK: QualityCell = { country: 'FR', network: '20801', trafficClass: 'marketing' }

describe.each(testDatabases())('the quality of carriers on $name', ({ open }) => {
  let store: Store
  let now = START

  beforeAll(async () => {
    store = await open()
  })
  afterEach(async () => {
    now = START
    await truncate(store)
  })
  afterAll(() => store.close())

  function run(...names: readonly string[]) {
    const quality = new Quality()
    for (const name of names) quality.carrierIndex(name)
    const kept = new QualityStore({ store, quality, logger: silentLogger, clock: () => now })
    return { quality, kept }
  }

  function teach(quality: Quality, carrier: string, count: number): void {
    const nowMs = now.getTime()
    for (let n = 0; n < count; n++) {
      quality.record({ carrier, cell: CODES, outcome: 'delivered', latencyMs: 4_000, nowMs })
      quality.record({ carrier, cell: NETWORK, outcome: n % 2 ? 'failed' : 'unanswered', nowMs })
      quality.record({ carrier, cell: NETWORK, outcome: 'throttled', nowMs })
    }
  }

  function rows() {
    return store.query<{ carrier: string; country: string; network: string; delivered: number }>(
      sql`select * from carrier_quality order by carrier, country, network, traffic_class`,
    )
  }

  it('is there again after a restart', async () => {
    const first = run('a')
    await first.kept.load()
    teach(first.quality, 'a', 60)
    await first.kept.close()
    expect((await rows()).map(({ country, network }) => [country, network])).toEqual([
      ['', ''],
      ['FR', ''],
      ['FR', '20801'],
      ['GB', ''],
      ['GB', ''],
    ])
    now = new Date(START.getTime() + 10 * MINUTE)
    const second = run('a')
    await second.kept.load()
    for (const scope of [null, { country: 'FR' }, CODES, NETWORK]) {
      const before = first.quality.estimate('a', scope, now.getTime())
      const after = second.quality.estimate('a', scope, now.getTime())
      expect(after.success).toBeCloseTo(before.success, 6)
      expect(after.messages).toBeCloseTo(before.messages, 6)
      expect(after.lower).toBeCloseTo(before.lower, 6)
    }
    const nowMs = now.getTime()
    const { unanswered, throttled } = second.quality.estimate('a', NETWORK, nowMs)
    expect([unanswered, throttled]).toEqual([expect.closeTo(0.5, 1), expect.closeTo(0.5, 1)])
    const learnt = second.quality.estimate('a', CODES, nowMs).latencyMs
    expect(learnt / first.quality.estimate('a', CODES, nowMs).latencyMs).toBeCloseTo(1, 2)
  })

  it('of a carrier that was renamed does no harm, and is there when its name comes back', async () => {
    const first = run('old')
    teach(first.quality, 'old', 60)
    await first.kept.close()
    const second = run('new')
    await second.kept.load()
    expect(second.quality.carrierCount).toBe(1)
    expect(second.quality.estimate('new', null, now.getTime()).messages).toBe(0)
    teach(second.quality, 'new', 20)
    await second.kept.close()
    const third = run('old', 'new')
    await third.kept.load()
    expect(third.quality.estimate('old', CODES, now.getTime()).messages).toBeCloseTo(60)
    expect(third.quality.estimate('new', CODES, now.getTime()).messages).toBeCloseTo(20)
  })

  it('is written where it has changed, and forgotten after a month', async () => {
    const { quality, kept } = run('a', 'b')
    teach(quality, 'a', 10)
    now = new Date(START.getTime() + MINUTE / 2)
    await kept.save()
    await store.query(sql`delete from carrier_quality`)
    now = new Date(START.getTime() + MINUTE)
    teach(quality, 'b', 10)
    await kept.save()
    expect(new Set((await rows()).map(({ carrier }) => carrier))).toEqual(new Set(['b']))
    now = new Date(START.getTime() + 31 * 24 * 60 * MINUTE)
    await run('a', 'b').kept.load()
    expect(await rows()).toEqual([])
  })

  it('registers carriers again and again', async () => {
    await registerCarriers(store, [{ name: 'a', type: 'smpp' }], START)
    await registerCarriers(store, [{ name: 'a', type: 'http' }], START)
    const found = await store.query<{ name: string; type: string }>(sql`select * from carriers`)
    expect(found).toMatchObject([{ name: 'a', type: 'http' }])
  })
})
