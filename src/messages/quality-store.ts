import { gte, lt, sql } from 'drizzle-orm'
import type { Clock } from '../core/clock.ts'
import { messageOf } from '../core/errors.ts'
import type { Logger } from '../core/logger.ts'
import type { TrafficClass } from '../core/policy.ts'
import type { Quality, QualityScope, QualityState } from '../routing/quality.ts'
import { unnest } from '../store/batch.ts'
import type { Store } from '../store/open.ts'
import { carrierQuality, carriers } from '../store/schema/carriers.ts'

const SAVE_EVERY_MS = 60_000

/** What is older counts nothing under any half-life that may be set, or is of a carrier that is gone. */
const KEEP_MS = 30 * 24 * 3_600_000

/** Clocks of one process may go back a little. */
const SLACK_MS = 2_000

/** What a {@link QualityStore} is built with. */
export interface QualityStoreOptions {
  readonly store: Store
  readonly quality: Quality
  readonly logger: Logger
  readonly clock: Clock
}

/** Keeps what is learnt of the carriers over restarts: every minute, and when the gateway stops. */
export class QualityStore {
  readonly #options: QualityStoreOptions
  #timer: NodeJS.Timeout | undefined
  #running: Promise<void> = Promise.resolve()
  #savedMs = 0

  constructor(options: QualityStoreOptions) {
    this.#options = options
  }

  /** Takes over what earlier runs have learnt of the carriers that have an index. */
  async load(): Promise<void> {
    const { store, quality, clock } = this.#options
    const nowMs = clock().getTime()
    quality.restore(await loadQuality(store, new Date(nowMs - KEEP_MS)), nowMs)
    this.#savedMs = nowMs
  }

  /**
   * Reads what earlier runs have learnt of carriers that come now; what it gives takes that over, once
   * they have an index.
   */
  async prepare(carriers: ReadonlySet<string>): Promise<() => void> {
    const { store, quality, clock } = this.#options
    if (carriers.size === 0) return () => {}
    const since = new Date(clock().getTime() - KEEP_MS)
    const states = (await loadQuality(store, since)).filter(({ carrier }) => carriers.has(carrier))
    return () => quality.restore(states, clock().getTime())
  }

  /** Saves every minute from now on. */
  start(): void {
    this.#timer = setInterval(() => {
      this.#running = this.save().catch((error: unknown) => {
        const reason = messageOf(error)
        this.#options.logger.error({ error: reason }, 'cannot save the quality of the carriers')
      })
    }, SAVE_EVERY_MS).unref()
  }

  /** Writes what has changed since the last time. */
  async save(): Promise<void> {
    const { store, quality, clock } = this.#options
    const nowMs = clock().getTime()
    await saveQuality(store, quality.snapshot(this.#savedMs - SLACK_MS))
    this.#savedMs = nowMs
  }

  /** Saves for the last time. */
  async close(): Promise<void> {
    clearInterval(this.#timer)
    await this.#running
    await this.save()
  }
}

/** Makes the configured carriers known to the database. */
export async function registerCarriers(
  store: Store,
  known: readonly { readonly name: string; readonly type: string }[],
  at: Date,
): Promise<void> {
  if (known.length === 0) return
  await store.db
    .insert(carriers)
    .values(known.map(({ name, type }) => ({ name, type, created_at: at })))
    .onConflictDoUpdate({ target: carriers.name, set: { type: sql`excluded.type` } })
}

/** What was learnt since an instant; what is older is deleted. */
async function loadQuality(store: Store, since: Date): Promise<QualityState[]> {
  await store.db.delete(carrierQuality).where(lt(carrierQuality.at, since))
  const rows = await store.db.select().from(carrierQuality).where(gte(carrierQuality.at, since))
  return rows.map(({ carrier, at, latencies, ...row }) => ({
    carrier,
    scope: scopeOf(row),
    delivered: row.delivered,
    failed: row.failed,
    unanswered: row.unanswered,
    throttled: row.throttled,
    attempts: row.attempts,
    latencies: latencies as number[],
    atMs: at.getTime(),
  }))
}

async function saveQuality(store: Store, states: readonly QualityState[]): Promise<void> {
  if (states.length === 0) return
  const rows = unnest<QualityState>(
    'v',
    {
      carrier: ['text', ({ carrier }) => carrier],
      country: ['text', ({ scope }) => scope?.country ?? ''],
      network: ['text', ({ scope }) => (isCell(scope) ? (scope.network ?? '') : '')],
      traffic_class: ['text', ({ scope }) => (isCell(scope) ? scope.trafficClass : '')],
      delivered: ['text', ({ delivered }) => String(delivered)],
      failed: ['text', ({ failed }) => String(failed)],
      unanswered: ['text', ({ unanswered }) => String(unanswered)],
      throttled: ['text', ({ throttled }) => String(throttled)],
      attempts: ['text', ({ attempts }) => String(attempts)],
      latencies: ['jsonb', ({ latencies }) => latencies.map(rounded)],
      at: ['timestamptz', ({ atMs }) => new Date(atMs)],
    },
    states,
  )
  await store.query(sql`
    insert into carrier_quality (carrier, country, network, traffic_class,
      delivered, failed, unanswered, throttled, attempts, latencies, at)
    select v.carrier, v.country, v.network, v.traffic_class, v.delivered::float8, v.failed::float8,
      v.unanswered::float8, v.throttled::float8, v.attempts::float8, v.latencies, v.at
    from ${rows}
    on conflict (carrier, country, network, traffic_class) do update set
      delivered = excluded.delivered, failed = excluded.failed, unanswered = excluded.unanswered,
      throttled = excluded.throttled, attempts = excluded.attempts, latencies = excluded.latencies,
      at = excluded.at`)
}

interface ScopeColumns {
  readonly country: string
  readonly network: string
  readonly traffic_class: string
}

function scopeOf({ country, network, traffic_class }: ScopeColumns): QualityScope {
  if (country === '') return null
  if (traffic_class === '') return { country }
  return { country, network: network || null, trafficClass: traffic_class as TrafficClass }
}

function isCell(scope: QualityScope): scope is Extract<QualityScope, { network: string | null }> {
  return scope !== null && 'trafficClass' in scope
}

/** A thousandth of a message is nothing, and most buckets are empty. */
function rounded(weight: number): number {
  return Math.round(weight * 1_000) / 1_000
}
