import { boolean, index, pgTable, text, timestamp, uuid } from 'drizzle-orm/pg-core'
import { tenants } from './tenants.ts'

/** People who use the console. */
export const users = pgTable('users', {
  /** UUIDv7. */
  id: uuid().primaryKey(),
  /** In small letters. */
  email: text().notNull().unique(),
  name: text().notNull(),
  /** See `accounts/roles.ts`. */
  role: text().notNull(),
  /** Null: of whoever runs the gateway. */
  tenant_id: uuid().references(() => tenants.id),
  is_enabled: boolean().notNull(),
  /** See `core/password.ts`. */
  password_hash: text().notNull(),
  /** Somebody else has chosen the password. */
  has_first_password: boolean().notNull(),
  created_at: timestamp({ withTimezone: true }).notNull(),
})

/** Who is signed in; only the SHA-256 of a token is stored, in hex. */
export const sessions = pgTable(
  'sessions',
  {
    /** UUIDv7. */
    id: uuid().primaryKey(),
    user_id: uuid()
      .notNull()
      .references(() => users.id),
    token_hash: text().notNull().unique(),
    created_at: timestamp({ withTimezone: true }).notNull(),
    /** Up to a minute behind. */
    last_used_at: timestamp({ withTimezone: true }).notNull(),
    /** Where it was begun. */
    address: text().notNull(),
    user_agent: text().notNull(),
  },
  (table) => [index('sessions_by_user').on(table.user_id)],
)
