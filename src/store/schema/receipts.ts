import { sql } from 'drizzle-orm'
import { index, pgTable, smallint, text, timestamp, uuid } from 'drizzle-orm/pg-core'

/** Every receipt that a carrier sent, as it came, matched or not. */
export const receipts = pgTable(
  'receipts',
  {
    id: uuid().primaryKey(),
    carrier: text().notNull(),
    /** The id as the receipt spells it. */
    carrier_message_id: text().notNull(),
    /** Forms of the id under which an attempt may be found, most likely first. */
    match_keys: text().array().notNull(),
    /** Normalised state, see `smpp/receipt.ts`. */
    state: text().notNull(),
    /** What it makes of the segment: `delivered`, `undelivered`, `expired`; null: nothing yet. */
    settles: text(),
    /** The carrier's own error code, as text. */
    raw_error: text(),
    raw_text: text().notNull(),
    received_at: timestamp({ withTimezone: true }).notNull(),
    /** Null until an attempt is found. */
    message_id: uuid(),
    attempt: smallint(),
    segment: smallint(),
  },
  (table) => [
    index('receipts_by_message').on(table.message_id),
    index('receipts_unmatched').on(table.carrier, table.received_at).where(sql`message_id is null`),
  ],
)
