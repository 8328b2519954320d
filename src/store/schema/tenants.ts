import { jsonb, pgTable, text, timestamp, uuid } from 'drizzle-orm/pg-core'

/** Who owns keys, messages and money. */
export const tenants = pgTable('tenants', {
  id: uuid().primaryKey(),
  name: text().notNull().unique(),
  /** Of a tenant that was made over the API: what would stand in the file, without keys. */
  settings: jsonb(),
  /** Of such a tenant: the reseller that has set its status; null: an operator has, or nobody. */
  status_by: uuid(),
  created_at: timestamp({ withTimezone: true }).notNull(),
})

/** API keys; only the SHA-256 of a key is stored, in hex. */
export const apiKeys = pgTable('api_keys', {
  id: uuid().primaryKey(),
  tenant_id: uuid()
    .notNull()
    .references(() => tenants.id),
  key_hash: text().notNull().unique(),
  created_at: timestamp({ withTimezone: true }).notNull(),
})
