import { bigint, pgTable, primaryKey, text, timestamp, uuid } from 'drizzle-orm/pg-core'

/**
 * What has happened and is not in the other tables yet: one row per commit of a node's spool, with
 * all its entries. Rows go when the tables hold what they say.
 */
export const journal = pgTable(
  'journal',
  {
    /** The node whose spool wrote it. */
    node: text().notNull(),
    /** Counts up by one with each commit of the node. */
    seq: bigint({ mode: 'number' }).notNull(),
    /** See `messages/journal-codec.ts`. */
    entries: text().notNull(),
    created_at: timestamp({ withTimezone: true }).notNull().defaultNow(),
  },
  (table) => [primaryKey({ columns: [table.node, table.seq] })],
)

/** Entries that a table has refused: kept for a person, with the reason. */
export const journalRefused = pgTable('journal_refused', {
  id: uuid().primaryKey(),
  entry: text().notNull(),
  reason: text().notNull(),
  created_at: timestamp({ withTimezone: true }).notNull().defaultNow(),
})
