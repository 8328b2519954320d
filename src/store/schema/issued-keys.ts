import { index, jsonb, pgTable, primaryKey, text, timestamp, uuid } from 'drizzle-orm/pg-core'
import { tenants } from './tenants.ts'

/** API keys that were made over the API; those of the configuration are in `api_keys`. */
export const issuedKeys = pgTable('issued_keys', {
  id: uuid().primaryKey(),
  /** Null: it is of whoever runs the gateway. */
  tenant_id: uuid().references(() => tenants.id),
  name: text().notNull(),
  /** What it is called in limits and logs; stays over rotations. */
  key_name: text().notNull(),
  /** SHA-256 in hex, of the key or of the secret that signs. */
  key_hash: text().notNull().unique(),
  /** `none`, `short` or `full`. */
  signing: text().notNull(),
  /** Sealed, see `accounts/issued-key.ts`; null without signing. */
  secret: text(),
  scopes: jsonb().$type<string[]>().notNull(),
  /** Addresses and networks; empty: any. */
  allow_from: jsonb().$type<string[]>().notNull(),
  created_at: timestamp({ withTimezone: true }).notNull(),
  created_by: text().notNull(),
  expires_at: timestamp({ withTimezone: true }),
  revoked_at: timestamp({ withTimezone: true }),
  /** What the last rotation has replaced, good until `previous_until`. */
  previous_hash: text(),
  previous_secret: text(),
  previous_until: timestamp({ withTimezone: true }),
})

/** When each key was last used, those of the configuration as well: see `accounts/key-uses.ts`. */
export const keyUses = pgTable('key_uses', {
  key_name: text().primaryKey(),
  last_used_at: timestamp({ withTimezone: true }).notNull(),
  last_address: text(),
})

/** The nonces of signed requests, so that none is worked on twice: see `accounts/nonces.ts`. */
export const requestNonces = pgTable(
  'request_nonces',
  {
    key_id: uuid().notNull(),
    nonce: text().notNull(),
    /** The timestamp beside it is refused from then on in any case. */
    expires_at: timestamp({ withTimezone: true }).notNull(),
  },
  (table) => [
    primaryKey({ columns: [table.key_id, table.nonce] }),
    index('request_nonces_expiry').on(table.expires_at),
  ],
)
