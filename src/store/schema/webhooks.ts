import { sql } from 'drizzle-orm'
import { boolean, index, pgTable, text, timestamp, uniqueIndex, uuid } from 'drizzle-orm/pg-core'
import { tenants } from './tenants.ts'

/** Where tenants are told of their messages, and the secrets that what they are told is signed with. */
export const webhookEndpoints = pgTable(
  'webhook_endpoints',
  {
    /** UUIDv7. */
    id: uuid().primaryKey(),
    tenant_id: uuid()
      .notNull()
      .references(() => tenants.id),
    /** `endpoint`, or `callback`: the one row of a tenant that signs for every `callback_url`. */
    kind: text().notNull(),
    /** Null for `callback`. */
    url: text(),
    /** Which events it is told; empty: all. */
    events: text().array().notNull(),
    /** `whsec_` and base64; this and `previous_secret` are sealed where encryption is on, see `messages/sealing.ts`. */
    secret: text().notNull(),
    /** Signs as well until `previous_secret_until`. */
    previous_secret: text(),
    previous_secret_until: timestamp({ withTimezone: true }),
    is_enabled: boolean().notNull(),
    disabled_reason: text(),
    created_at: timestamp({ withTimezone: true }).notNull(),
  },
  (table) => [
    index('webhook_endpoints_by_tenant').on(table.tenant_id),
    uniqueIndex('webhook_callback_of_tenant')
      .on(table.tenant_id)
      .where(sql`${table.kind} = 'callback'`),
  ],
)
