import { expect, inject, test, vi } from 'vitest'
import { MemoryStore } from '../../src/limits/memory-store.ts'
import { RedisStore } from '../../src/limits/redis-store.ts'
import { rulesOf } from '../../src/limits/rule.ts'
import { DatabaseProxy } from '../crash/database-proxy.ts'
import { keepingLogger } from '../messages/keeping-logger.ts'
import { redisKeys } from '../support/redis.ts'
import { policyOf } from './policies.ts'

const redisUrl = inject('redisUrl')

const START = Date.UTC(2026, 0, 15)
const [hourly] = rulesOf('tenant', policyOf({ tenant: { messages_per_hour: 3 } }).usual.tenant)
if (!hourly) throw new Error('there is no limit')
const takes = [{ rule: hourly, tenantId: '', subject: 'demo', cost: 1 }]

test('without Redis the memory counts, and the log says so once', async () => {
  const logger = keepingLogger()
  // Nobody listens on port 1.
  const store = await RedisStore.open({
    url: 'redis://:secret-password@127.0.0.1:1',
    prefix: 'none',
    fallback: new MemoryStore(),
    logger,
  })
  for (let index = 0; index < 3; index++) expect(await store.take(takes, START)).toBeNull()
  expect(await store.take(takes, START)).toMatchObject({ index: 0 })
  expect(await store.used(takes, START)).toEqual([3])
  expect(store.isFallenBack).toBe(true)
  expect(logger.lines).toHaveLength(1)
  expect(logger.lines[0]?.slice(0, 2)).toEqual([
    'error',
    expect.stringContaining('Redis does not answer'),
  ])
  expect(JSON.stringify(logger.lines)).not.toContain('secret-password')
  await store.close()
})

test.runIf(redisUrl !== null)(
  'while Redis is gone or says nothing the memory counts; afterwards Redis does, with what it knew',
  async () => {
    const address = new URL(redisUrl ?? '')
    const proxy = new DatabaseProxy(Number(address.port || 6379))
    address.hostname = '127.0.0.1'
    address.port = String(await proxy.listen())
    const { prefix, remove } = redisKeys(redisUrl ?? '')
    const logger = keepingLogger()
    const fallback = new MemoryStore()
    const store = await RedisStore.open({ url: address.toString(), prefix, fallback, logger })
    const untilBack = async () => {
      await vi.waitFor(
        async () => {
          await store.used(takes, START)
          expect(store.isFallenBack).toBe(false)
        },
        { timeout: 10_000, interval: 50 },
      )
    }
    await untilBack()
    expect(await store.take(takes, START)).toBeNull()
    expect(fallback.used(takes, START)).toEqual([0])

    proxy.cut()
    expect(await store.take(takes, START)).toBeNull()
    expect(fallback.used(takes, START)).toEqual([1])
    await untilBack()
    expect(await store.used(takes, START)).toEqual([1])

    proxy.delay(30_000)
    // The call that hangs ends in time, and those behind it do not hang.
    const begin = performance.now()
    expect(await store.take(takes, START)).toBeNull()
    expect(performance.now() - begin).toBeLessThan(5_000)
    expect(fallback.used(takes, START)).toEqual([2])
    expect(await store.take(takes, START)).toBeNull()
    expect(fallback.used(takes, START)).toEqual([3])
    proxy.delay(0)
    proxy.cut()
    await untilBack()
    const levels = logger.lines.map(([level]) => level)
    expect(levels.filter((level) => level === 'error')).toHaveLength(2)
    expect(levels.at(-1)).toBe('info')
    await store.close()
    await proxy.close()
    await remove()
  },
  60_000,
)

test.runIf(redisUrl !== null)(
  'a Redis that has forgotten its scripts gets them again',
  async () => {
    const { createClient } = await import('@redis/client')
    const { prefix, remove } = redisKeys(redisUrl ?? '')
    const store = await RedisStore.open({
      url: redisUrl ?? '',
      prefix,
      fallback: new MemoryStore(),
      logger: keepingLogger(),
    })
    expect(await store.take(takes, START)).toBeNull()
    const client = createClient({ url: redisUrl ?? '' })
    await client.connect()
    await client.sendCommand(['SCRIPT', 'FLUSH'])
    expect(await store.take(takes, START)).toBeNull()
    expect(await store.used(takes, START)).toEqual([2])
    // Keys go by themselves when nothing of them counts any more.
    for await (const keys of client.scanIterator({ MATCH: `${prefix}:*` })) {
      for (const key of keys) {
        const lifeMs = await client.pTTL(key)
        expect(lifeMs).toBeGreaterThan(3_600_000)
        expect(lifeMs).toBeLessThan(3_800_000)
      }
    }
    client.destroy()
    await store.close()
    await remove()
  },
)
