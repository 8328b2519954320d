import { index, jsonb, pgTable, smallint, text, timestamp, uuid } from 'drizzle-orm/pg-core'

/**
 * Receipts that no submit is known for: they came before their response, or belong to nothing of
 * ours. A receipt that has found its message is a line of that message's timeline.
 */
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
    /** What that means where the carrier documents it, in the gateway's terms. */
    failure: text(),
    raw_text: text().notNull(),
    received_at: timestamp({ withTimezone: true }).notNull(),
    /** Recipient, sender and time of the submit, by which it is found where the id is not known. */
    about: jsonb(),
    /** Which part of a submit it is of, and how many there are; null: it is of the whole. */
    part: smallint(),
    parts: smallint(),
  },
  (table) => [index('receipts_by_carrier').on(table.carrier, table.received_at)],
)
