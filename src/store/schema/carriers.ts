import { doublePrecision, pgTable, text, timestamp } from 'drizzle-orm/pg-core'

/** Carriers that the configuration has named, with what was learned about their quality. */
export const carriers = pgTable('carriers', {
  name: text().primaryKey(),
  type: text().notNull(),
  /** Decayed number of messages delivered, and of all with a known end, as of `quality_at`. */
  quality_delivered: doublePrecision().notNull().default(0),
  quality_total: doublePrecision().notNull().default(0),
  quality_at: timestamp({ withTimezone: true }),
  created_at: timestamp({ withTimezone: true }).notNull(),
})
