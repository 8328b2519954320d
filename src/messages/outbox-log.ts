import { sql } from 'drizzle-orm'
import { textArray } from '../store/batch.ts'
import type { Store } from '../store/open.ts'
import type { TableWriter } from './table-writer.ts'
import type { Teller } from './teller.ts'
import type { TellingTry } from './telling.ts'

/** Where an event stands with its recipient. */
export type OutboxStatus = 'pending' | 'delivered' | 'dead'

/** One event of the outbox with the log of its tries. */
export interface OutboxEvent {
  readonly id: string
  readonly event: string
  /** Null: it is about the tenant's account. */
  readonly messageId: string | null
  readonly status: OutboxStatus
  /** Tries so far, since the last replay. */
  readonly tries: number
  readonly createdAt: Date
  /** Not before this instant; null: at once, or never. */
  readonly nextAttemptAt: Date | null
  /** What the last try met with, once nothing is tried any more. */
  readonly deadReason: string | null
  /** Every try there was, oldest first. */
  readonly attempts: readonly TellingTry[]
}

/** Which events to list. */
export interface OutboxFilter {
  readonly status: OutboxStatus | undefined
  readonly messageId: string | undefined
  /** Only events older than this id: the last one of the page before. */
  readonly before: string | undefined
  readonly limit: number
}

const STATES: Readonly<Record<OutboxStatus, string>> = {
  pending: 'waiting',
  delivered: 'done',
  dead: 'dead',
}

/** What has been told to a tenant's webhooks, and the way to tell it again. */
export class OutboxLog {
  readonly #store: Store
  readonly #tables: TableWriter
  readonly #teller: Teller

  constructor(store: Store, tables: TableWriter, teller: Teller) {
    this.#store = store
    this.#tables = tables
    this.#teller = teller
  }

  /**
   * Events of one endpoint, or of all callbacks of the tenant for `callback`; newest first.
   */
  async list(tenantId: string, endpointId: string, filter: OutboxFilter): Promise<OutboxEvent[]> {
    await this.#tables.flush()
    const { status, messageId = null, before = null, limit } = filter
    const rows = await this.#store.query<{
      id: string
      event: string
      subject_id: string
      state: string
      tries: number
      due_at: Date | string | null
      log: { at: string; status_code: number | null; duration_ms: number; error: string | null }[]
      created_at: Date | string
    }>(sql`
      select id, event, subject_id, state, tries, due_at, log, created_at from outbox
      where tenant_id = ${tenantId} and recipient like ${recipientPattern(tenantId, endpointId)}
        and (${status ? STATES[status] : null}::text is null or state = ${status ? STATES[status] : null}::text)
        and (${messageId}::text is null or subject_id = ${messageId}::text::uuid)
        and (${before}::text is null or id < ${before}::text)
      order by id desc
      limit ${limit}`)
    return rows.map((row) => {
      const attempts = row.log.map((entry) => ({
        at: new Date(entry.at),
        statusCode: entry.status_code,
        durationMs: entry.duration_ms,
        error: entry.error,
      }))
      const status = statusOf(row.state)
      return {
        id: row.id,
        event: row.event,
        messageId: row.event.startsWith('message.') ? row.subject_id : null,
        status,
        tries: row.tries,
        createdAt: new Date(row.created_at),
        nextAttemptAt: row.due_at === null ? null : new Date(row.due_at),
        deadReason: status === 'dead' ? (attempts.at(-1)?.error ?? null) : null,
        attempts,
      }
    })
  }

  /**
   * Puts events back into the queue, at once and with all tries before them: those with the ids, or
   * every dead one since an instant. Gives how many.
   */
  async replay(
    tenantId: string,
    endpointId: string,
    which: { readonly ids: readonly string[] } | { readonly since: Date },
  ): Promise<number> {
    await this.#tables.flush()
    const chosen =
      'ids' in which
        ? sql`state <> 'waiting' and id = any(${textArray(which.ids)}::text::text[])`
        : sql`state = 'dead' and created_at >= ${which.since.toISOString()}::text::timestamptz`
    const rows = await this.#store.query<{ recipient: string }>(sql`
      update outbox set state = 'waiting', due_at = null, tries = 0
      where tenant_id = ${tenantId} and recipient like ${recipientPattern(tenantId, endpointId)}
        and ${chosen}
      returning recipient`)
    for (const recipient of new Set(rows.map((row) => row.recipient))) {
      this.#teller.wake(recipient, true)
    }
    return rows.length
  }
}

/** The recipients of an endpoint, or of a tenant's callbacks, as a pattern of `like`. */
function recipientPattern(tenantId: string, endpointId: string): string {
  return endpointId === 'callback' ? `callback:${tenantId}:%` : `endpoint:${endpointId}`
}

function statusOf(state: string): OutboxStatus {
  if (state === 'waiting') return 'pending'
  return state === 'done' ? 'delivered' : 'dead'
}
