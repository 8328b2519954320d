import { pgTable, text, timestamp } from 'drizzle-orm/pg-core'

/** What guards have learned, for the next run: see `messages/guard-store.ts`. */
export const guardStates = pgTable('guard_states', {
  /** Which part of it. */
  name: text().primaryKey(),
  /** JSON. */
  state: text().notNull(),
  updated_at: timestamp({ withTimezone: true }).notNull(),
})
