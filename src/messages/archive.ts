import { and, asc, desc, eq, gte, lt } from 'drizzle-orm'
import { GatewayError } from '../core/errors.ts'
import type { Store } from '../store/open.ts'
import { isRefusedByDatabase } from '../store/refusal.ts'
import { events } from '../store/schema/events.ts'
import { messages } from '../store/schema/messages.ts'
import type { MessageRow } from './rows.ts'
import type { MessageStatus } from './states.ts'

/** A row of the timeline. */
export type EventRow = typeof events.$inferSelect

/** Which messages to list. */
export interface MessageFilter {
  readonly status?: MessageStatus | undefined
  readonly to?: string | undefined
  readonly from?: string | undefined
  readonly carrier?: string | undefined
  readonly clientReference?: string | undefined
  readonly createdFrom?: Date | undefined
  readonly createdBefore?: Date | undefined
  /** Only messages older than this id: the last one of the page before. */
  readonly before?: string | undefined
  readonly limit: number
}

/**
 * Reads what is stored about messages.
 *
 * Every method throws {@link GatewayError} `storage_unavailable` while the database is away.
 */
export class Archive {
  readonly #store: Store

  constructor(store: Store) {
    this.#store = store
  }

  /** A tenant's message with its timeline, oldest line first; undefined when it has none such. */
  async find(
    tenantId: string,
    id: string,
  ): Promise<{ message: MessageRow; timeline: EventRow[] } | undefined> {
    const [message] = await available(
      this.#store.db
        .select()
        .from(messages)
        .where(and(eq(messages.id, id), eq(messages.tenant_id, tenantId))),
    )
    if (!message) return undefined
    const timeline = await available(
      this.#store.db.select().from(events).where(eq(events.message_id, id)).orderBy(asc(events.id)),
    )
    return { message, timeline }
  }

  /** A tenant's messages, newest first. */
  list(tenantId: string, filter: MessageFilter): Promise<MessageRow[]> {
    return available(
      this.#store.db
        .select()
        .from(messages)
        .where(
          and(
            eq(messages.tenant_id, tenantId),
            filter.status ? eq(messages.status, filter.status) : undefined,
            filter.to ? eq(messages.to_number, filter.to) : undefined,
            filter.from ? eq(messages.from_sender, filter.from) : undefined,
            filter.carrier ? eq(messages.carrier, filter.carrier) : undefined,
            filter.clientReference
              ? eq(messages.client_reference, filter.clientReference)
              : undefined,
            filter.createdFrom ? gte(messages.created_at, filter.createdFrom) : undefined,
            filter.createdBefore ? lt(messages.created_at, filter.createdBefore) : undefined,
            filter.before ? lt(messages.id, filter.before) : undefined,
          ),
        )
        .orderBy(desc(messages.id))
        .limit(filter.limit),
    )
  }
}

/** The rows of a query; a database that is away is told as such. */
async function available<Rows>(query: PromiseLike<Rows>): Promise<Rows> {
  try {
    return await query
  } catch (cause) {
    if (isRefusedByDatabase(cause)) throw cause
    throw new GatewayError('storage_unavailable', 'the database is away: try again later', {
      retryable: true,
      cause,
    })
  }
}
