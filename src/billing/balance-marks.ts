import { sql } from 'drizzle-orm'
import type { Store } from '../store/open.ts'
import type { BalanceState } from './balance-watch.ts'

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
