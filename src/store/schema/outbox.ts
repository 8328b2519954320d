import { index, jsonb, pgTable, text, timestamp, uuid } from 'drizzle-orm/pg-core'

/** What a partner has yet to acknowledge, in order of `id`; a row goes when it is acknowledged. */
export const outbox = pgTable(
  'outbox',
  {
    /** UUIDv7. */
    id: uuid().primaryKey(),
    /** The partner's system_id. */
    partner: text().notNull(),
    message_id: uuid().notNull(),
    /** See `OutboxPayload` in `messages/journal.ts`. */
    payload: jsonb().notNull(),
    created_at: timestamp({ withTimezone: true }).notNull(),
  },
  (table) => [index('outbox_by_partner').on(table.partner, table.id)],
)
