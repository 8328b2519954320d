import { and, desc, eq, getTableColumns, gte, lt, ne, or, sql } from 'drizzle-orm'
import { alias } from 'drizzle-orm/pg-core'
import { available } from '../store/available.ts'
import type { Store } from '../store/open.ts'
import { ledger } from '../store/schema/ledger.ts'

/** A line of the ledger as the table has it, and what stands beside it. */
export type LedgerRow = typeof ledger.$inferSelect & {
  /** Of a line of a transfer: the tenant of the other. */
  readonly otherTenantId: string | null
}

const other = alias(ledger, 'other')

/** The two lines of a transfer follow each other: of the one that gives, of the one that gets. */
const IS_OTHER_LINE = and(
  eq(ledger.kind, 'transfer'),
  eq(other.kind, 'transfer'),
  eq(other.batch, ledger.batch),
  eq(other.line, sql`${ledger.line} + case when ${ledger.balance} < 0 then 1 else -1 end`),
  eq(other.reference, ledger.reference),
)

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

/** Reads the ledger. */
export class LedgerArchive {
  readonly #store: Store
  readonly #flush: () => Promise<void>

  /** @param flush - resolves when the ledger has everything that was done by now */
  constructor(store: Store, flush: () => Promise<void>) {
    this.#store = store
    this.#flush = flush
  }

  /** Lines of one tenant, newest first. Throws `storage_unavailable` while the database is away. */
  async list(tenantId: string, filter: LineFilter): Promise<LedgerRow[]> {
    const { messageId, kind, withCosts, from, before, beforeLine, limit } = filter
    await this.#flush()
    return available(
      this.#store.db
        .select({ ...getTableColumns(ledger), otherTenantId: other.tenant_id })
        .from(ledger)
        .leftJoin(other, IS_OTHER_LINE)
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
