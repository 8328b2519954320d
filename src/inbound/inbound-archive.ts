import { and, desc, eq, gte, inArray, lt, or } from 'drizzle-orm'
import { inInbound, isUnreadable } from '../messages/sealing.ts'
import { available } from '../store/available.ts'
import type { Cipher } from '../store/cipher.ts'
import type { Store } from '../store/open.ts'
import { inboundMessages } from '../store/schema/inbound.ts'

/** A row of `inbound_messages`, its number and text opened. */
export type InboundRow = typeof inboundMessages.$inferSelect

/** Which messages to list. */
export interface InboundFilter {
  readonly from?: string | undefined
  readonly to?: string | undefined
  readonly receivedFrom?: Date | undefined
  readonly receivedBefore?: Date | undefined
  /** Only messages older than this id: the last one of the page before. */
  readonly before?: string | undefined
  readonly limit: number
}

/**
 * Reads the messages of handsets that a tenant has got.
 *
 * Every method throws `storage_unavailable` while the database is away.
 */
export class InboundArchive {
  readonly #store: Store

  constructor(store: Store) {
    this.#store = store
  }

  /** One message; undefined when the tenant has none such. */
  async find(tenantId: string, id: string): Promise<InboundRow | undefined> {
    const { db, cipher } = this.#store
    const [row] = await available(
      db
        .select()
        .from(inboundMessages)
        .where(and(eq(inboundMessages.id, id), eq(inboundMessages.tenant_id, tenantId))),
    )
    return row && opened(row, cipher)
  }

  /** Newest first. */
  async list(tenantId: string, filter: InboundFilter): Promise<InboundRow[]> {
    const { db, cipher } = this.#store
    const { from, to, receivedFrom, receivedBefore, before, limit } = filter
    const table = inboundMessages
    const rows = await available(
      db
        .select()
        .from(table)
        .where(
          and(
            eq(table.tenant_id, tenantId),
            from === undefined
              ? undefined
              : or(
                  eq(table.from_number, from),
                  inArray(table.from_fingerprint, cipher.fingerprints(from)),
                ),
            to === undefined ? undefined : eq(table.to_number, to),
            receivedFrom && gte(table.received_at, receivedFrom),
            receivedBefore && lt(table.received_at, receivedBefore),
            before === undefined ? undefined : lt(table.id, before),
          ),
        )
        .orderBy(desc(table.id))
        .limit(limit),
    )
    return rows.map((row) => opened(row, cipher))
  }
}

/** What cannot be opened is empty: one damaged row must not hide the others of a list. */
function opened(row: InboundRow, cipher: Cipher): InboundRow {
  const open = (column: 'from_number' | 'body') => {
    try {
      return cipher.open(row[column], inInbound(column, row.id))
    } catch (error) {
      if (isUnreadable(error)) return ''
      throw error
    }
  }
  return { ...row, from_number: open('from_number'), body: open('body') }
}
