import { sql } from 'drizzle-orm'
import { index, pgTable, primaryKey, smallint, text, timestamp, uuid } from 'drizzle-orm/pg-core'

/** Messages of handsets (MO), whole or given up: one row for each, however many parts it came in. */
export const inboundMessages = pgTable(
  'inbound_messages',
  {
    /** UUIDv7: sorts by time of receipt. */
    id: uuid().primaryKey(),
    /** Whose number it was sent to; null: no route of the configuration says. */
    tenant_id: uuid(),
    /** The partner that gets it over SMPP. */
    partner: text(),
    carrier: text().notNull(),
    /** This, `body` and `pdus` are sealed where encryption is on, see `messages/sealing.ts`. */
    from_number: text().notNull(),
    /** What a sealed number is found by; null where the number is in the clear. */
    from_fingerprint: text(),
    to_number: text().notNull(),
    /** Empty for binary octets. */
    body: text().notNull(),
    /** The alphabet that it came in. */
    encoding: text().notNull(),
    /** The keyword of the route that it took. */
    keyword: text(),
    /** Parts that have come, of how many. */
    parts: smallint().notNull(),
    total_parts: smallint().notNull(),
    /** What came, part by part, see `inbound/part-codec.ts`. */
    pdus: text().notNull(),
    received_at: timestamp({ withTimezone: true }).notNull(),
    /** When text and octets were erased, the record staying; null: they are there. */
    body_erased_at: timestamp({ withTimezone: true }),
  },
  (table) => [
    index('inbound_messages_by_tenant').on(table.tenant_id, table.id),
    index('inbound_messages_by_age').on(table.tenant_id, table.received_at),
  ],
)

/** Parts of messages that are not whole yet, and for a while of those that are: they may come twice. */
export const inboundParts = pgTable(
  'inbound_parts',
  {
    /** One long message. */
    group_id: uuid().notNull(),
    /** 1 to `total`. */
    sequence: smallint().notNull(),
    /** What the parts of a message have in common; the same again once a reference is used again. */
    group_key: text().notNull(),
    total: smallint().notNull(),
    /** See `inbound/part-codec.ts`; sealed where encryption is on. */
    part: text().notNull(),
    received_at: timestamp({ withTimezone: true }).notNull(),
    /** When the message became whole or was given up; null: it waits for more. */
    done_at: timestamp({ withTimezone: true }),
  },
  (table) => [
    primaryKey({ columns: [table.group_id, table.sequence] }),
    index('inbound_parts_by_key').on(table.group_key),
    index('inbound_parts_waiting').on(table.received_at).where(sql`done_at is null`),
    index('inbound_parts_done').on(table.done_at).where(sql`done_at is not null`),
  ],
)
