import { index, pgTable, primaryKey, smallint, text, timestamp, uuid } from 'drizzle-orm/pg-core'

/** Answers to calls with a key, so that a call that is repeated is answered the same again. */
export const idempotencyKeys = pgTable(
  'idempotency_keys',
  {
    tenant_id: uuid().notNull(),
    /** The front door that the key came through: `rest`, or `smpp:` and the partner's system_id. */
    scope: text().notNull(),
    key: text().notNull(),
    /** Tells calls apart, see `messages/idempotency.ts`. */
    fingerprint: text().notNull(),
    /** Status of the HTTP answer; 0 where the answer is a partner's message id. */
    status: smallint().notNull(),
    /** The answer as it was given. */
    body: text().notNull(),
    created_at: timestamp({ withTimezone: true }).notNull(),
    /** The key counts as new from then on. */
    expires_at: timestamp({ withTimezone: true }).notNull(),
  },
  (table) => [
    primaryKey({ columns: [table.tenant_id, table.scope, table.key] }),
    index('idempotency_keys_expiry').on(table.expires_at),
  ],
)
