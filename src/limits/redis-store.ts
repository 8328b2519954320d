import { createHash } from 'node:crypto'
import { messageOf } from '../core/errors.ts'
import type { Logger } from '../core/logger.ts'
import type { LimitStore, NowOrLater, Refusal, Take } from './limit-store.ts'
import { RATE_EPOCH_MS } from './meter.ts'
import { TAKE_SCRIPT } from './redis-script.ts'

type Client = Awaited<ReturnType<typeof createClientFor>>

/** How a {@link RedisStore} is opened. */
export interface RedisStoreOptions {
  /** `redis://` or `rediss://`; may hold a password, which is told nobody. */
  readonly url: string
  /** Stands before every key: gateways with the same share their limits. */
  readonly prefix: string
  /** Counts while Redis does not answer. */
  readonly fallback: LimitStore
  /** A message waits no longer than this for Redis. */
  readonly deadlineMs?: number
  readonly logger: Logger
}

const TAKE_SHA = createHash('sha1').update(TAKE_SCRIPT).digest('hex')

/** Clocks of several machines differ a little. */
const SPARE_LIFE_MS = 60_000

const USUAL_DEADLINE_MS = 500

/** After a failure nothing is asked for so long; commands that run are given up. */
const REST_MS = 1_000

const CONNECT_MS = 2_000

/** The longest wait before it is connected to again. */
const MAX_RECONNECT_MS = 2_000

/**
 * Counts in Redis, by one script for all limits of a message; calls of one turn of the event loop travel together.
 *
 * The machines' clocks must agree, because instants are ours. While Redis does not answer the fallback counts, which
 * knows nothing of what was taken before: better a limit that is held by each gateway alone than no messages.
 */
export class RedisStore implements LimitStore {
  readonly #client: Client
  readonly #options: RedisStoreOptions
  #isAway = false
  #restsUntil = 0

  private constructor(client: Client, options: RedisStoreOptions) {
    this.#client = client
    this.#options = options
    client.on('error', (error: unknown) => this.#noteFailure(error))
    client.on('ready', () => this.#noteAnswer())
  }

  /** Connects, or goes on trying to while the fallback counts. */
  static async open(options: RedisStoreOptions): Promise<RedisStore> {
    const client = await createClientFor(options.url)
    const store = new RedisStore(client, options)
    // It resolves once connected, which may be never; failures come as events.
    const connecting = client.connect().catch((error: unknown) => store.#noteFailure(error))
    await inTime(connecting, 2 * CONNECT_MS).catch((error: unknown) => store.#noteFailure(error))
    return store
  }

  get isFallenBack(): boolean {
    return this.#isAway
  }

  take(takes: readonly Take[], nowMs: number): NowOrLater<Refusal | null> {
    const { fallback, prefix } = this.#options
    if (!this.#mayAsk) return fallback.take(takes, nowMs)
    const keys: string[] = []
    const values = [String(nowMs - RATE_EPOCH_MS)]
    for (const take of takes) {
      keys.push(keyOf(prefix, take))
      pushArguments(values, take, nowMs)
    }
    return this.#answered(this.#run([String(keys.length), ...keys, ...values])).then(
      (reply) => refusalOf(reply as readonly string[] | null, takes, nowMs),
      (error: unknown) => {
        this.#noteFailure(error)
        return fallback.take(takes, nowMs)
      },
    )
  }

  used(takes: readonly Take[], nowMs: number): NowOrLater<readonly number[]> {
    const { fallback, prefix } = this.#options
    if (!this.#mayAsk) return fallback.used(takes, nowMs)
    const reading = takes.map(async (take) => {
      const { quota, window } = take.rule
      const key = keyOf(prefix, take)
      if (window) return sumOf(await this.#client.hGetAll(key), window.outAt(nowMs))
      const paidBackAt = Number((await this.#client.get(key)) ?? 0)
      return Math.max(0, ((paidBackAt - (nowMs - RATE_EPOCH_MS)) * quota) / 1_000)
    })
    return this.#answered(Promise.all(reading)).catch((error: unknown) => {
      this.#noteFailure(error)
      return fallback.used(takes, nowMs)
    })
  }

  async close(): Promise<void> {
    if (this.#client.isOpen) this.#client.destroy()
    await this.#options.fallback.close()
  }

  get #mayAsk(): boolean {
    return this.#client.isReady && performance.now() >= this.#restsUntil
  }

  async #run(parameters: readonly string[]): Promise<unknown> {
    try {
      return await this.#client.sendCommand(['EVALSHA', TAKE_SHA, ...parameters])
    } catch (error) {
      // It has forgotten its scripts, or is another one.
      if (!messageOf(error).startsWith('NOSCRIPT')) throw error
      return await this.#client.sendCommand(['EVAL', TAKE_SCRIPT, ...parameters])
    }
  }

  async #answered<Reply>(command: Promise<Reply>): Promise<Reply> {
    const reply = await inTime(command, this.#options.deadlineMs ?? USUAL_DEADLINE_MS)
    if (this.#isAway) this.#noteAnswer()
    return reply
  }

  #noteFailure(error: unknown): void {
    this.#restsUntil = performance.now() + REST_MS
    if (this.#isAway) return
    this.#isAway = true
    this.#options.logger.error(
      { error: messageOf(error) },
      'Redis does not answer: limits are counted in memory, from nothing, until it does',
    )
  }

  #noteAnswer(): void {
    this.#restsUntil = 0
    if (!this.#isAway) return
    this.#isAway = false
    this.#options.logger.info({}, 'Redis answers again and counts the limits')
  }
}

/** The package is loaded only where Redis is used. */
async function createClientFor(url: string) {
  const { createClient } = await import('@redis/client')
  return createClient({
    url,
    disableOfflineQueue: true,
    socket: {
      connectTimeout: CONNECT_MS,
      reconnectStrategy: (retries) => Math.min(50 * 2 ** Math.min(retries, 10), MAX_RECONNECT_MS),
    },
  })
}

/** Rejects when it takes too long; what comes later is dropped. */
function inTime<Reply>(command: Promise<Reply>, withinMs: number): Promise<Reply> {
  return new Promise((resolve, reject) => {
    const giveUp = () => reject(new Error(`no answer within ${withinMs} ms`))
    // Where this process was held up itself, the answer is there and not read yet.
    const timer = setTimeout(() => setImmediate(giveUp), withinMs)
    command.then(resolve, reject).finally(() => clearTimeout(timer))
  })
}

/** The braces keep all keys on one node of a cluster: a script may not reach over several. */
function keyOf(prefix: string, { rule, tenantId, subject }: Take): string {
  return `${prefix}:{limits}:${rule.name}:${tenantId}:${subject}`
}

function pushArguments(values: string[], { rule, cost }: Take, nowMs: number): void {
  const { window, quota, burst } = rule
  if (window) {
    const slot = window.slotOf(nowMs)
    const lifeMs = Math.ceil(window.freeAt(slot) - nowMs) + SPARE_LIFE_MS
    const texts = ['w', quota, cost, slot, window.outAt(nowMs), lifeMs].map(String)
    values.push(...texts)
    return
  }
  const short = ((Math.min(cost, burst) - burst) * 1_000) / quota
  const costMs = (cost * 1_000) / quota
  const lifeMs = Math.ceil(((burst + cost) * 2_000) / quota) + SPARE_LIFE_MS
  values.push('r', String(short), String(costMs), '', '', String(lifeMs))
}

function refusalOf(
  reply: readonly string[] | null,
  takes: readonly Take[],
  nowMs: number,
): Refusal | null {
  if (reply === null) return null
  let refusal: Refusal = { index: 0, freeAtMs: nowMs }
  for (const [index, wait] of reply.entries()) {
    const window = takes[index]?.rule.window
    if (wait === '') continue
    const freeAtMs = window ? window.freeAt(Number(wait)) : Number(wait) + RATE_EPOCH_MS
    if (freeAtMs > refusal.freeAtMs) refusal = { index, freeAtMs }
  }
  return refusal
}

function sumOf(hash: Readonly<Record<string, string>>, out: number): number {
  let sum = 0
  for (const [slot, count] of Object.entries(hash)) {
    if (/^\d+$/.test(slot) && Number(slot) > out) sum += Number(count)
  }
  return sum
}
