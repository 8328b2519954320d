import { sql } from 'drizzle-orm'
import {
  bigint,
  customType,
  index,
  pgTable,
  smallint,
  text,
  timestamp,
  uuid,
} from 'drizzle-orm/pg-core'

const bytea = customType<{ data: Buffer }>({ dataType: () => 'bytea' })

/**
 * One row per accepted message: what was asked, where it stands, what it costs.
 *
 * `status` moves only along `messages/states.ts`; every update names the states it may leave.
 */
export const messages = pgTable(
  'messages',
  {
    /** UUIDv7: sorts by time of acceptance. */
    id: uuid().primaryKey(),
    tenant_id: uuid().notNull(),
    /** The front door it came through: `rest` or `smpp`. */
    source: text().notNull(),
    /** The partner account that submitted it over SMPP. */
    partner: text(),
    to_number: text().notNull(),
    from_sender: text().notNull(),
    body: text().notNull(),
    /** Set when a partner's octets pass through as they are; then `body` is empty. */
    octets: bytea(),
    esm_class: smallint().notNull().default(0),
    data_coding: smallint(),
    /** Receipt wanted by the partner, SMPP v3.4 section 5.2.17. */
    registered_delivery: smallint().notNull().default(0),
    encoding: text().notNull(),
    requested_encoding: text().notNull(),
    segments: smallint().notNull(),
    max_segments: smallint(),
    traffic_class: text().notNull(),
    client_reference: text(),
    country: text().notNull(),
    status: text().notNull(),
    /** Present carrier: the one that has it, or whose queue it waits in. */
    carrier: text(),
    /** Submits so far; the present one while it is being sent. */
    attempt: smallint().notNull().default(0),
    price_micros: bigint({ mode: 'bigint' }).notNull(),
    price_currency: text().notNull(),
    error_code: text(),
    error_detail: text(),
    created_at: timestamp({ withTimezone: true }).notNull(),
    updated_at: timestamp({ withTimezone: true }).notNull(),
    final_at: timestamp({ withTimezone: true }),
  },
  (table) => [
    index('messages_by_tenant').on(table.tenant_id, table.id),
    index('messages_by_reference')
      .on(table.tenant_id, table.client_reference)
      .where(sql`client_reference is not null`),
    // What is not final is found by the sweeper and after a restart without reading the rest.
    index('messages_unfinished').on(table.id).where(sql`final_at is null`),
  ],
)
