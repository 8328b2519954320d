import { gt, lte, sql } from 'drizzle-orm'
import type { Clock } from '../core/clock.ts'
import { messageOf } from '../core/errors.ts'
import type { Logger } from '../core/logger.ts'
import { unnest } from '../store/batch.ts'
import type { Store } from '../store/open.ts'
import { limitCounters } from '../store/schema/limits.ts'
import type { MemoryStore, StoredCount } from './memory-store.ts'
import type { SlotCount } from './meter.ts'

/** What a crash can lose. */
const SAVE_EVERY_MS = 5_000

/** How often what counts no more is deleted. */
const CLEAN_EVERY_MS = 600_000

/** What a {@link CounterKeeper} works with. */
export interface CounterKeeperOptions {
  readonly store: Store
  readonly memory: MemoryStore
  readonly logger: Logger
  readonly clock: Clock
}

/**
 * Keeps what was counted by the hour, day and month over restarts: it is stored every 5 seconds and at the
 * end. After a crash the last seconds are missing, and so much more may be taken once.
 */
export class CounterKeeper {
  readonly #options: CounterKeeperOptions
  /** What is not stored yet, by limit, tenant and subject; it grows while the database is away. */
  readonly #pending = new Map<string, StoredCount>()
  #timer: NodeJS.Timeout | undefined
  #running: Promise<void> = Promise.resolve()
  #cleanedMs = 0

  constructor(options: CounterKeeperOptions) {
    this.#options = options
  }

  /** Has the memory go on where the last run has ended. */
  async load(): Promise<void> {
    const { store, memory, clock } = this.#options
    const now = clock()
    const rows = await store.db.select().from(limitCounters).where(gt(limitCounters.ends_at, now))
    const stored = rows.map(({ name, tenant_id, subject, counts, ends_at }) => ({
      limit: name,
      tenantId: tenant_id,
      subject,
      counts: JSON.parse(counts) as SlotCount[],
      endsAtMs: ends_at.getTime(),
    }))
    memory.restore(stored, now.getTime())
  }

  /** Stores every 5 seconds from now on. */
  start(): void {
    this.#timer = setInterval(() => {
      this.#running = this.#running
        .then(() => this.save())
        .catch((error: unknown) =>
          this.#options.logger.error({ error: messageOf(error) }, 'cannot store what limits count'),
        )
    }, SAVE_EVERY_MS).unref()
  }

  /** Stores what has changed since the last time. */
  async save(): Promise<void> {
    const { store, memory, clock } = this.#options
    for (const each of memory.unsaved()) {
      this.#pending.set(`${each.limit}:${each.tenantId}:${each.subject}`, each)
    }
    const counts = [...this.#pending.values()]
    if (counts.length > 0) {
      await saveCounts(store, counts)
      this.#pending.clear()
    }
    const now = clock()
    if (now.getTime() - this.#cleanedMs < CLEAN_EVERY_MS) return
    this.#cleanedMs = now.getTime()
    await store.db.delete(limitCounters).where(lte(limitCounters.ends_at, now))
  }

  /** Stores for the last time. */
  async close(): Promise<void> {
    clearInterval(this.#timer)
    await this.#running
    await this.save()
  }
}

async function saveCounts(store: Store, counts: readonly StoredCount[]): Promise<void> {
  const rows = unnest<StoredCount>(
    'v',
    {
      name: ['text', ({ limit }) => limit],
      tenant_id: ['text', ({ tenantId }) => tenantId],
      subject: ['text', ({ subject }) => subject],
      counts: ['text', (each) => JSON.stringify(each.counts)],
      ends_at: ['timestamptz', ({ endsAtMs }) => new Date(endsAtMs)],
    },
    counts,
  )
  await store.query(sql`
    insert into limit_counters (name, tenant_id, subject, counts, ends_at)
    select v.name, v.tenant_id, v.subject, v.counts, v.ends_at from ${rows}
    on conflict (name, tenant_id, subject) do update set
      counts = excluded.counts, ends_at = excluded.ends_at`)
}
