import { sql } from 'drizzle-orm'
import { index, jsonb, pgTable, smallint, text, timestamp, uuid } from 'drizzle-orm/pg-core'

/**
 * What senders are told: one row per event and recipient, with the log of its tries.
 *
 * A row waits until the recipient has acknowledged it. What a partner has acknowledged goes; what an
 * endpoint has, stays with its log until the message goes, or by age where it is about none.
 */
export const outbox = pgTable(
  'outbox',
  {
    /** See `Telling` in `messages/telling.ts`; sorts by time. */
    id: text().primaryKey(),
    recipient: text().notNull(),
    /** Where a callback goes. */
    url: text(),
    tenant_id: uuid().notNull(),
    /** The message that the event is about, or the tenant where it is about its account. */
    subject_id: uuid().notNull(),
    event: text().notNull(),
    payload: jsonb().notNull(),
    /** `waiting`, `done` or `dead`. */
    state: text().notNull(),
    /** Not before this instant; null: at once. */
    due_at: timestamp({ withTimezone: true }),
    tries: smallint().notNull().default(0),
    /** One object per try: `at`, `status_code`, `duration_ms`, `error`. */
    log: jsonb().notNull(),
    created_at: timestamp({ withTimezone: true }).notNull(),
  },
  (table) => [
    index('outbox_waiting').on(table.recipient, table.id).where(sql`state = 'waiting'`),
    index('outbox_by_subject').on(table.subject_id),
  ],
)
