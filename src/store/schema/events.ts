import { bigint, json, pgTable, primaryKey, uuid } from 'drizzle-orm/pg-core'

/**
 * The timeline: one row each time that something new about a message is written, in order of `id`.
 */
export const events = pgTable(
  'events',
  {
    message_id: uuid().notNull(),
    id: bigint({ mode: 'bigint' }).generatedAlwaysAsIdentity(),
    /** What has happened, oldest first: an array, see `messages/timeline.ts`. */
    lines: json().notNull(),
  },
  (table) => [primaryKey({ columns: [table.message_id, table.id] })],
)
