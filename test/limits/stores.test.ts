import { afterEach, describe, expect, inject, test, vi } from 'vitest'
import type { Allowance, LimitKind, LimitScope } from '../../src/core/limits.ts'
import type { LimitStore, Refusal, Take } from '../../src/limits/limit-store.ts'
import { MemoryStore } from '../../src/limits/memory-store.ts'
import { RedisStore } from '../../src/limits/redis-store.ts'
import { type LimitRule, rulesOf } from '../../src/limits/rule.ts'
import { keepingLogger } from '../messages/keeping-logger.ts'
import { redisKeys } from '../support/redis.ts'
import { policyOf } from './policies.ts'

/** One suite over both stores, with a clock that tests move. */

const redisUrl = inject('redisUrl')
const cleanUps: (() => Promise<unknown>)[] = []

afterEach(async () => {
  for (const cleanUp of cleanUps.splice(0).reverse()) await cleanUp()
})

const stores: readonly { name: string; open: () => Promise<LimitStore> }[] = [
  { name: 'memory', open: () => Promise.resolve(new MemoryStore()) },
  ...(redisUrl === null ? [] : [{ name: 'Redis', open: () => openRedis(redisUrl) }]),
]

async function openRedis(url: string): Promise<LimitStore> {
  const { prefix, remove } = redisKeys(url)
  cleanUps.push(remove)
  const logger = keepingLogger()
  let isReady = false
  const store = await RedisStore.open({
    url,
    prefix,
    // Nothing may be counted elsewhere unseen.
    fallback: new Proxy({} as LimitStore, {
      get: () => () => {
        if (!isReady) return []
        throw new Error(`Redis was not asked: ${JSON.stringify(logger.lines)}`)
      },
    }),
    // A machine that is busy with other tests is no Redis that is gone.
    deadlineMs: 30_000,
    logger,
  })
  await vi.waitFor(
    async () => {
      await store.used([], START)
      expect(store.isFallenBack).toBe(false)
    },
    { timeout: 30_000 },
  )
  isReady = true
  return { ...bound(store), close: async () => store.close().catch(() => {}) }
}

function bound(store: LimitStore): Omit<LimitStore, 'close'> {
  return {
    take: (takes, nowMs) => store.take(takes, nowMs),
    used: (takes, nowMs) => store.used(takes, nowMs),
    isFallenBack: false,
  }
}

const START = Date.UTC(2026, 2, 14, 9, 26, 53, 589)
const HOUR_MS = 3_600_000
const DAY_MS = 24 * HOUR_MS

function rule(kind: LimitKind, keys: object, scope: LimitScope = 'tenant'): LimitRule {
  const allowance = policyOf({ [scope]: keys }).usual[scope] as Allowance
  const found = rulesOf(scope, allowance).find((each) => each.kind === kind)
  if (!found) throw new Error(`no limit of ${kind}`)
  return found
}

/** Takes at every instant, in its order; gives what was said. */
async function takeAll(
  store: LimitStore,
  takes: readonly Take[],
  instants: readonly number[],
): Promise<(Refusal | null)[]> {
  const said: (Refusal | null)[] = []
  // Redis gets many at once, as in a burst; it keeps their order.
  for (let start = 0; start < instants.length; start += 500) {
    const some = instants.slice(start, start + 500)
    said.push(...(await Promise.all(some.map((now) => store.take(takes, now)))))
  }
  return said
}

function evenly(fromMs: number, forMs: number, count: number): number[] {
  return Array.from({ length: count }, (_, index) => fromMs + (index * forMs) / count)
}

/** The most that was taken within any window. */
function mostWithin(windowMs: number, taken: readonly number[]): number {
  let most = 0
  let from = 0
  for (const [index, at] of taken.entries()) {
    while ((taken[from] ?? 0) <= at - windowMs) from++
    most = Math.max(most, index - from + 1)
  }
  return most
}

describe.each(stores)('in $name', ({ open }) => {
  async function opened(): Promise<LimitStore> {
    const store = await open()
    cleanUps.push(() => store.close())
    return store
  }

  test.each([
    { perSecond: 50, burst: 50, seconds: 60 },
    { perSecond: 7, burst: 30, seconds: 300 },
    { perSecond: 20, burst: 3, seconds: 100 },
    { perSecond: 1_000, burst: 0, seconds: 3 },
  ])(
    '10 times $perSecond a second with a burst of $burst: within 1 % of it is taken',
    async ({ perSecond, burst, seconds }) => {
      const store = await opened()
      const pace = rule('requests_per_second', {
        requests_per_second: perSecond,
        requests_burst: burst,
      })
      const takes = [{ rule: pace, tenantId: '', subject: 'demo', cost: 1 }]
      const instants = evenly(START, seconds * 1_000, 10 * perSecond * seconds)
      const said = await takeAll(store, takes, instants)
      const taken = said.filter((refusal) => refusal === null).length
      const allowed = perSecond * seconds + (burst || perSecond)
      expect(taken / allowed).toBeGreaterThan(0.99)
      expect(taken / allowed).toBeLessThan(1.01)
    },
    120_000,
  )

  test.each([
    { kind: 'messages_per_hour', quota: 200, windowMs: HOUR_MS },
    { kind: 'segments_per_day', quota: 300, windowMs: DAY_MS },
  ] as const)(
    '10 times the $kind over 12 windows: within 1 % is taken, and never more in any window',
    async ({ kind, quota, windowMs }) => {
      const store = await opened()
      const takes = [
        { rule: rule(kind, { [kind]: quota }), tenantId: '', subject: 'demo', cost: 1 },
      ]
      const instants = evenly(START, 12 * windowMs, 12 * 10 * quota)
      const said = await takeAll(store, takes, instants)
      const taken = instants.filter((_, index) => said[index] === null)
      expect(taken.length / (12 * quota)).toBeGreaterThan(0.99)
      expect(taken.length / (12 * quota)).toBeLessThan(1.01)
      expect(mostWithin(windowMs, taken)).toBe(quota)
    },
    120_000,
  )

  test('a window is kept whenever its messages come: bursts before and after its edge', async () => {
    const store = await opened()
    const limit = rule('messages_per_hour', { messages_per_hour: 100 })
    const takes = [{ rule: limit, tenantId: '', subject: 'demo', cost: 1 }]
    const instants: number[] = []
    for (let burst = 0; burst < 40; burst++) {
      // At odd places, so that they fall anywhere in a slot and a window.
      instants.push(...evenly(START + burst * 0.37 * HOUR_MS, 20_000, 50))
    }
    const said = await takeAll(store, takes, instants)
    const taken = instants.filter((_, index) => said[index] === null)
    expect(mostWithin(HOUR_MS, taken)).toBe(100)
    expect(taken.length).toBeGreaterThan(0.9 * 100 * 0.37 * 40)
  }, 60_000)

  test('a month is one of the calendar', async () => {
    const store = await opened()
    const limit = rule('segments_per_month', { segments_per_month: 1_000 })
    const takes = (cost: number) => [{ rule: limit, tenantId: '', subject: 'demo', cost }]
    expect(await store.take(takes(998), START)).toBeNull()
    const april = Date.UTC(2026, 3, 1)
    expect(await store.take(takes(3), april - 1)).toEqual({ index: 0, freeAtMs: april })
    expect(await store.take(takes(2), april - 1)).toBeNull()
    expect(await store.used(takes(0), april - 1)).toEqual([1_000])
    expect(await store.take(takes(1_000), april)).toBeNull()
    expect(await store.take(takes(1), april + 20 * DAY_MS)).toEqual({
      index: 0,
      freeAtMs: Date.UTC(2026, 4, 1),
    })
  })

  test.each([
    { kind: 'requests_per_second', keys: { requests_per_second: 3, requests_burst: 9 }, cost: 1 },
    { kind: 'segments_per_second', keys: { segments_per_second: 7, segments_burst: 10 }, cost: 4 },
    { kind: 'messages_per_hour', keys: { messages_per_hour: 20 }, cost: 1 },
    { kind: 'segments_per_day', keys: { segments_per_day: 40 }, cost: 7 },
    { kind: 'segments_per_month', keys: { segments_per_month: 40 }, cost: 7 },
    {
      kind: 'spend_per_day',
      keys: { spend_per_day: { amount: '900000000.5', currency: 'EUR' } },
      cost: 123_456_789_012_345,
    },
  ] as const)(
    'who returns when $kind tells him to is taken, and not a moment before',
    async ({ kind, keys, cost }) => {
      const store = await opened()
      const takes = [{ rule: rule(kind, keys), tenantId: '', subject: 'demo', cost }]
      let now = START
      let returns = 0
      for (let step = 0; returns < 25; step++) {
        const refusal = await store.take(takes, now)
        if (refusal === null) {
          now += step % 3
          continue
        }
        const { freeAtMs } = refusal
        expect(freeAtMs).toBeGreaterThan(now)
        expect(await store.take(takes, freeAtMs - 1)).toMatchObject({ index: 0 })
        expect(await store.take(takes, freeAtMs), `of ${freeAtMs - now} ms`).toBeNull()
        now = freeAtMs
        returns++
      }
    },
    60_000,
  )

  test('what one limit refuses takes nothing of the others; of several the last to be free is told', async () => {
    const store = await opened()
    const ofHour = rule('messages_per_hour', { messages_per_hour: 2 }, 'recipient')
    const ofDay = rule('segments_per_day', { segments_per_day: 10 })
    const pace = rule('segments_per_second', { segments_per_second: 1, segments_burst: 5 })
    const takes = (to: string, segments: number) => [
      { rule: pace, tenantId: '', subject: 'demo', cost: segments },
      { rule: ofDay, tenantId: '', subject: 'demo', cost: segments },
      { rule: ofHour, tenantId: 'demo', subject: to, cost: 1 },
    ]
    const about = [
      ...takes('anna', 0),
      { rule: ofHour, tenantId: 'demo', subject: 'bert', cost: 0 },
    ]
    expect(await store.take(takes('anna', 1), START)).toBeNull()
    expect(await store.take(takes('anna', 1), START)).toBeNull()
    const hourLater = START + HOUR_MS
    const refusal = await store.take(takes('anna', 1), START)
    expect(refusal?.index).toBe(2)
    expect(refusal?.freeAtMs).toBeGreaterThan(hourLater)
    expect(refusal?.freeAtMs).toBeLessThanOrEqual(hourLater + 15_000)
    expect(await store.used(about, START)).toEqual([2, 2, 2, 0])
    expect(await store.take(takes('bert', 3), START)).toBeNull()
    expect(await store.take(takes('bert', 1), START)).toMatchObject({ index: 0 })
    expect(await store.used(about, START)).toEqual([5, 5, 2, 1])
    // The pace, the recipient's hour and the tenant's day are all used up; the day is free last.
    expect(await store.take(takes('carl', 5), START + 5_000)).toBeNull()
    expect(await store.take(takes('anna', 1), START + 5_000)).toMatchObject({ index: 1 })
    expect(await store.used(about, START + 5_000)).toEqual([5, 10, 2, 1])
  })

  test('a text longer than the burst goes through when the burst is whole, on credit', async () => {
    const store = await opened()
    const pace = rule('segments_per_second', { segments_per_second: 1 })
    const take = (cost: number, now: number) =>
      store.take([{ rule: pace, tenantId: '', subject: 'demo', cost }], START + now)
    expect(await take(3, 0)).toBeNull()
    expect(await take(1, 2_000)).toMatchObject({ freeAtMs: START + 3_000 })
    expect(await take(1, 3_000)).toBeNull()
  })

  test('subjects, scopes and quotas are told apart; a clock that goes back gives nobody more', async () => {
    const store = await opened()
    const hour = rule('messages_per_hour', { messages_per_hour: 2 })
    const wider = rule('messages_per_hour', { messages_per_hour: 3 })
    const ofKey = rule('messages_per_hour', { messages_per_hour: 2 }, 'key')
    const take = (limit: LimitRule, subject: string, now = START) =>
      store.take([{ rule: limit, tenantId: '', subject, cost: 1 }], now)
    expect([await take(hour, 'a'), await take(hour, 'a', START - HOUR_MS / 2)]).toEqual([
      null,
      null,
    ])
    expect(await take(hour, 'a', START - HOUR_MS / 2)).toMatchObject({ index: 0 })
    expect([await take(hour, 'b'), await take(ofKey, 'a')]).toEqual([null, null])
    // The quota has grown meanwhile.
    expect([await take(wider, 'a'), await take(wider, 'a')]).toMatchObject([null, { index: 0 }])
  })
})
