import { sql } from 'drizzle-orm'
import { messageOf } from '../core/errors.ts'
import type { Logger } from '../core/logger.ts'
import type { Store } from '../store/open.ts'
import type { BalanceChange, BalanceState } from './balance-watch.ts'

/** What was told of an account before the start. */
export interface StoredMark {
  readonly tenantId: string
  readonly currency: string
  readonly state: BalanceState
}

/** What was told of accounts that run low, and still holds. */
export function loadMarks(store: Store): Promise<StoredMark[]> {
  return store.query<StoredMark & Record<string, unknown>>(
    sql`select tenant_id as "tenantId", currency, state from balance_alerts`,
  )
}

/** Keeps what was told of accounts that run low: a start does not tell it again. */
export class BalanceMarkStore {
  readonly #store: Store
  readonly #logger: Logger
  #latest: Promise<void> = Promise.resolve()

  constructor(store: Store, logger: Logger) {
    this.#store = store
    this.#logger = logger
  }

  /** Keeps a change; they are written in their order. */
  keep(change: BalanceChange): void {
    this.#latest = this.#latest.then(() =>
      this.#write(change).catch((error: unknown) => {
        const { tenantId, state } = change
        this.#logger.error(
          { tenantId, state, error: messageOf(error) },
          'cannot keep what was told of a balance: the next start may tell it again',
        )
      }),
    )
  }

  /** Resolves when everything is written. */
  async close(): Promise<void> {
    await this.#latest
  }

  async #write({ tenantId, currency, state, isIn }: BalanceChange): Promise<void> {
    await this.#store.query(
      isIn
        ? sql`insert into balance_alerts (tenant_id, currency, state, told_at)
            values (${tenantId}, ${currency}, ${state}, now()) on conflict do nothing`
        : sql`delete from balance_alerts
            where tenant_id = ${tenantId} and currency = ${currency} and state = ${state}`,
    )
  }
}
