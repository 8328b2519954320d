import { sql } from 'drizzle-orm'
import type { Store } from '../store/open.ts'

/** Days that the usage of hours and of days is kept; 0: for ever. */
export interface UsageKeptFor {
  readonly hourlyDays: number
  readonly dailyDays: number
}

/** Rows in one batch: some tens of milliseconds of the database's time. */
const PAGE = 5_000

const DAY_MS = 24 * 3_600_000

/** Deletes usage that is older than it is kept. What invoices and statements are made of stays. */
export class UsageRetention {
  readonly #store: Store
  #keptFor: UsageKeptFor

  constructor(store: Store, keptFor: UsageKeptFor) {
    this.#store = store
    this.#keptFor = keptFor
  }

  /** Keeps it for another time from now on. */
  follow(keptFor: UsageKeptFor): void {
    this.#keptFor = keptFor
  }

  /** Deletes a batch; gives how many rows, 0 when none are left. */
  async purge(now: Date): Promise<number> {
    const { hourlyDays, dailyDays } = this.#keptFor
    const tables = [
      ['usage_hours', hourlyDays],
      ['usage_days', dailyDays],
      ['usage_senders', dailyDays],
      ['usage_templates', dailyDays],
    ] as const
    for (const [table, days] of tables) {
      if (days === 0) continue
      const before = new Date(now.getTime() - days * DAY_MS)
      const rows = await this.#deleteBatch(table, before)
      if (rows > 0) return rows
    }
    return 0
  }

  async #deleteBatch(table: string, before: Date): Promise<number> {
    const [row] = await this.#store.query<{ rows: number }>(sql`
      with gone as (
        delete from ${sql.raw(table)}
        where ctid = any(array(
          select ctid from ${sql.raw(table)}
          where starts_at < ${before.toISOString()}::text::timestamptz
          limit ${PAGE}))
        returning 1
      )
      select count(*)::int4 as rows from gone`)
    return row?.rows ?? 0
  }
}
