import {
  bigint,
  json,
  pgTable,
  primaryKey,
  smallint,
  text,
  timestamp,
  uuid,
} from 'drizzle-orm/pg-core'

/** The timeline: one row per thing that happened to a message, in order of `id`. */
export const events = pgTable(
  'events',
  {
    message_id: uuid().notNull(),
    id: bigint({ mode: 'bigint' }).generatedAlwaysAsIdentity(),
    at: timestamp({ withTimezone: true }).notNull(),
    /** See `EventType` in `messages/journal.ts`. */
    type: text().notNull(),
    /** Status after the event. */
    status: text().notNull(),
    carrier: text(),
    attempt: smallint(),
    segment: smallint(),
    /** Normalised code, and the carrier's own. */
    code: text(),
    raw_code: text(),
    detail: json(),
  },
  (table) => [primaryKey({ columns: [table.message_id, table.id] })],
)
