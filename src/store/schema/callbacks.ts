import { sql } from 'drizzle-orm'
import { index, pgTable, text, timestamp, uniqueIndex, uuid } from 'drizzle-orm/pg-core'

/** What providers have sent to us over HTTP, as it came: kept before it is read. */
export const providerCallbacks = pgTable(
  'provider_callbacks',
  {
    /** UUIDv7: sorts by time of receipt. */
    id: uuid().primaryKey(),
    carrier: text().notNull(),
    /** `delivery` or `mo`. */
    kind: text().notNull(),
    received_at: timestamp({ withTimezone: true }).notNull(),
    /** Where it came from; null: it came without a socket. */
    address: text(),
    /** Method, address, headers and body, see `callbacks/stored-callback.ts`; sealed where encryption is on. */
    request: text().notNull(),
    /** SHA-256 of what it says. */
    digest: text().notNull(),
    /** What another one with the same content or nonce would have as well. */
    once_key: text().notNull(),
    /** `pending`, `done` or `failed`. */
    state: text().notNull(),
    /** Why it failed. */
    error: text(),
    taken_at: timestamp({ withTimezone: true }),
  },
  (table) => [
    // Neither a repetition nor two gateways make it count twice.
    uniqueIndex('provider_callbacks_once').on(table.carrier, table.once_key),
    index('provider_callbacks_open').on(table.state, table.id).where(sql`state <> 'done'`),
  ],
)
