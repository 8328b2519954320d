import { and, arrayContains, asc, desc, eq, gte, isNotNull, lt, type SQL } from 'drizzle-orm'
import type { Channel } from '../core/channel.ts'
import { available } from '../store/available.ts'
import type { Store } from '../store/open.ts'
import { attempts } from '../store/schema/attempts.ts'
import { events } from '../store/schema/events.ts'
import { messages } from '../store/schema/messages.ts'
import type { LiveMessages } from './live.ts'
import { isTo, type MessageRow, openRow } from './rows.ts'
import type { MessageStatus } from './states.ts'
import type { TableWriter } from './table-writer.ts'
import { type TimelineLine, timelineOf } from './timeline.ts'

/** Which messages to list. */
export interface MessageFilter {
  readonly status?: MessageStatus | undefined
  readonly to?: string | undefined
  readonly from?: string | undefined
  readonly carrier?: string | undefined
  readonly channel?: Channel | undefined
  readonly clientReference?: string | undefined
  readonly tag?: string | undefined
  /** True: only what a failure rule holds. */
  readonly isHeld?: boolean | undefined
  readonly createdFrom?: Date | undefined
  readonly createdBefore?: Date | undefined
  /** Only messages older than this id: the last one of the page before. */
  readonly before?: string | undefined
  readonly limit: number
}

/** A submit of a segment. */
export interface Submit {
  /** 1 for the first carrier tried. */
  readonly attempt: number
  readonly segment: number
  readonly carrier: string
  /** See `SegmentState` in `messages/states.ts`. */
  readonly state: string
  /** The id that the carrier gave it; null while it has none. */
  readonly carrierMessageId: string | null
  /** What the carrier charges if it takes it, by the rate deck of the version. */
  readonly costMicros: bigint
  readonly costCurrency: string
  readonly carrierDeckVersion: number
}

/** Stands for the id of a tenant where whoever runs the gateway asks: every tenant is meant. */
export const EVERY_TENANT = Symbol('every tenant')

/** Whose messages are wanted: those of the tenant with an id, or of all. */
export type TenantScope = string | typeof EVERY_TENANT

/**
 * Reads what is stored about messages.
 *
 * Every method throws a GatewayError `storage_unavailable` while the database is away.
 */
export class Archive {
  readonly #store: Store
  readonly #live: LiveMessages
  readonly #tables: TableWriter

  constructor(store: Store, live: LiveMessages, tables: TableWriter) {
    this.#store = store
    this.#live = live
    this.#tables = tables
  }

  /** A message of the scope with its timeline, oldest line first; undefined when it has none such. */
  async find(
    scope: TenantScope,
    id: string,
  ): Promise<{ message: MessageRow; timeline: TimelineLine[] } | undefined> {
    // The tables follow the journal; who asks sees what was committed before.
    const live = this.#live.get(id)
    if (live && (live.unsaved || live.storedStatus === undefined || this.#tables.isWriting)) {
      await available(this.#tables.flush())
    }
    const [message] = await available(
      this.#store.db
        .select()
        .from(messages)
        .where(and(eq(messages.id, id), isIn(scope))),
    )
    if (!message) return undefined
    const rows = await available(
      this.#store.db
        .select({ lines: events.lines })
        .from(events)
        .where(eq(events.message_id, id))
        .orderBy(asc(events.id)),
    )
    return { message: openRow(message, this.#store.cipher), timeline: timelineOf(rows) }
  }

  /** The submits of a message that {@link find} has found, in their order. */
  submits(id: string): Promise<Submit[]> {
    return available(
      this.#store.db
        .select({
          attempt: attempts.attempt,
          segment: attempts.segment,
          carrier: attempts.carrier,
          state: attempts.state,
          carrierMessageId: attempts.carrier_message_id,
          costMicros: attempts.cost_micros,
          costCurrency: attempts.cost_currency,
          carrierDeckVersion: attempts.carrier_deck_version,
        })
        .from(attempts)
        .where(eq(attempts.message_id, id))
        .orderBy(asc(attempts.attempt), asc(attempts.segment)),
    )
  }

  /** The messages of the scope, newest first. */
  async list(scope: TenantScope, filter: MessageFilter): Promise<MessageRow[]> {
    await available(this.#tables.flush())
    const rows = await available(
      this.#store.db
        .select()
        .from(messages)
        .where(
          and(
            isIn(scope),
            filter.status ? eq(messages.status, filter.status) : undefined,
            filter.to ? isTo(filter.to, this.#store.cipher) : undefined,
            filter.from ? eq(messages.from_sender, filter.from) : undefined,
            filter.carrier ? eq(messages.carrier, filter.carrier) : undefined,
            filter.channel ? eq(messages.channel, filter.channel) : undefined,
            filter.clientReference
              ? eq(messages.client_reference, filter.clientReference)
              : undefined,
            filter.tag ? arrayContains(messages.tags, [filter.tag]) : undefined,
            filter.isHeld ? isNotNull(messages.held_by) : undefined,
            filter.createdFrom ? gte(messages.created_at, filter.createdFrom) : undefined,
            filter.createdBefore ? lt(messages.created_at, filter.createdBefore) : undefined,
            filter.before ? lt(messages.id, filter.before) : undefined,
          ),
        )
        .orderBy(desc(messages.id))
        .limit(filter.limit),
    )
    return rows.map((row) => openRow(row, this.#store.cipher))
  }
}

function isIn(scope: TenantScope): SQL | undefined {
  return scope === EVERY_TENANT ? undefined : eq(messages.tenant_id, scope)
}
