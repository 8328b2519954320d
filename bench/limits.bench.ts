import { environment } from '../src/config/environment.ts'
import { limitsSchema, toLimits } from '../src/config/limits.ts'
import { silentLogger } from '../src/core/logger.ts'
import type { LimitStore } from '../src/limits/limit-store.ts'
import { type LimitedMessage, Limits } from '../src/limits/limits.ts'
import { MemoryStore } from '../src/limits/memory-store.ts'
import { RedisStore } from '../src/limits/redis-store.ts'
import { RuleBook } from '../src/limits/rule-book.ts'
import { redisKeys } from '../test/support/redis.ts'
import { type BenchOptions, type BenchRow, compare, rowFrom } from './harness.ts'

export const subject = 'limits'

const BATCH = 1_000

/** Five limits on each message, high enough to take all of them. */
const FIVE = {
  tenant: { segments_per_second: 100_000, segments_burst: 1_000_000, segments_per_day: 1e9 },
  sender: { messages_per_hour: 1e9 },
  recipient: { messages_per_hour: 1e9 },
  country: { spend_per_day: { amount: '900000000', currency: 'EUR' } },
}

/** The fifth is used up from the first message on. */
const USED_UP = { ...FIVE, country: { messages_per_hour: 1 } }

function messages(): LimitedMessage[] {
  return Array.from({ length: BATCH }, (_, index) => ({
    tenantId: `018f0000-0000-7000-8000-${String(index % 100).padStart(12, '0')}`,
    partner: null,
    from: 'ACME',
    to: `+4477009${String(index).padStart(5, '0')}`,
    country: 'GB',
    segments: 1,
    trafficClass: 'transactional',
    priceMicros: 35_000n,
    priceCurrency: 'EUR',
  }))
}

function limitsOf(section: object, store: LimitStore): Limits {
  const terms = {
    rules: new RuleBook(toLimits(limitsSchema.parse(section))),
    convert: () => undefined,
  }
  return new Limits(terms, {
    store,
    fingerprint: (number) => number,
    clock: () => new Date(),
  })
}

/** Measures what the limits of one message cost; with `REDIS_URL` also in Redis, 100 at once. */
export async function run(options: BenchOptions): Promise<BenchRow[]> {
  const made = messages()
  const rows = [
    { name: '5 limits in memory, all taken', section: FIVE },
    { name: '5 limits in memory, the last used up', section: USED_UP },
    { name: 'no limits', section: {} },
  ].map(({ name, section }) => {
    const limits = limitsOf(section, new MemoryStore())
    const ours = () => {
      for (const message of made) void limits.takeMessage(message, 'key')
      return BATCH
    }
    return compare(name, 'messages/s', ours, null, options)
  })
  const { REDIS_URL: url } = environment
  if (url === undefined) return rows
  const { prefix, remove } = redisKeys(url)
  const store = await RedisStore.open({
    url,
    prefix,
    fallback: new MemoryStore(),
    logger: silentLogger,
  })
  const limits = limitsOf(FIVE, store)
  const rates: number[] = []
  for (let round = 0; round < options.rounds; round++) {
    rates.push(await inRedis(limits, made, options.secondsPerRound))
  }
  if (store.isFallenBack) throw new Error('Redis did not answer in time')
  await store.close()
  await remove()
  return [...rows, rowFrom('5 limits in Redis, all taken', 'messages/s', rates, null)]
}

async function inRedis(
  limits: Limits,
  made: readonly LimitedMessage[],
  seconds: number,
): Promise<number> {
  const begin = performance.now()
  const untilMs = begin + seconds * 1_000
  let taken = 0
  const work = async () => {
    while (performance.now() < untilMs) {
      await limits.takeMessage(made[taken % made.length] as LimitedMessage, 'key')
      taken++
    }
  }
  await Promise.all(Array.from({ length: 100 }, work))
  return (taken * 1_000) / (performance.now() - begin)
}
