import { pgTable, text, timestamp, uuid } from 'drizzle-orm/pg-core'

/** What applications say of the use of their messages: once for each. */
export const messageFeedback = pgTable('message_feedback', {
  message_id: uuid().primaryKey(),
  /** `converted` or `failed`. */
  outcome: text().notNull(),
  created_at: timestamp({ withTimezone: true }).notNull(),
})
