import { and, desc, eq, gte, lt, ne, or } from 'drizzle-orm'
import { available } from '../store/available.ts'
import type { Store } from '../store/open.ts'
import { ledger } from '../store/schema/ledger.ts'

/** A line of the ledger as the table has it. */
export type LedgerRow = typeof ledger.$inferSelect

/** Where a line stands; later lines come after it. */
export interface LinePlace {
  readonly batch: number
  readonly line: number
}

/** Which lines to list. */
export interface LineFilter {
  readonly messageId?: string | undefined
  readonly kind?: string | undefined
  /** With those that only say what a carrier is owed. */
  readonly withCosts: boolean
  readonly from?: Date | undefined
  readonly before?: Date | undefined
  /** Only lines before this one: the last of the page before. */
  readonly beforeLine?: LinePlace | undefined
  readonly limit: number
}

/** The ledger as tenants and operators read it. */
export class LedgerArchive {
  readonly #store: Store

  constructor(store: Store) {
    this.#store = store
  }

  /** Lines of one tenant, newest first. Throws `storage_unavailable` while the database is away. */
  list(tenantId: string, filter: LineFilter): Promise<LedgerRow[]> {
    const { messageId, kind, withCosts, from, before, beforeLine, limit } = filter
    return available(
      this.#store.db
        .select()
        .from(ledger)
        .where(
          and(
            eq(ledger.tenant_id, tenantId),
            messageId === undefined ? undefined : eq(ledger.message_id, messageId),
            kind === undefined ? undefined : eq(ledger.kind, kind),
            withCosts ? undefined : ne(ledger.kind, 'cost'),
            from && gte(ledger.at, from),
            before && lt(ledger.at, before),
            beforeLine &&
              or(
                lt(ledger.batch, beforeLine.batch),
                and(eq(ledger.batch, beforeLine.batch), lt(ledger.line, beforeLine.line)),
              ),
          ),
        )
        .orderBy(desc(ledger.batch), desc(ledger.line))
        .limit(limit),
    )
  }
}
