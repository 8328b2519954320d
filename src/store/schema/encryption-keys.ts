import { pgTable, text, timestamp } from 'drizzle-orm/pg-core'

/** The encryption keys that something stored may be sealed with. */
export const encryptionKeys = pgTable('encryption_keys', {
  id: text().primaryKey(),
  /** A known text, sealed with the key: tells whether a configured key is still the same. */
  proof: text().notNull(),
  /** Since when everything stored is sealed with this key; null: not everything may be. */
  resealed_at: timestamp({ withTimezone: true }),
  created_at: timestamp({ withTimezone: true }).notNull(),
})
