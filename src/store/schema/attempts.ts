import { sql } from 'drizzle-orm'
import {
  bigint,
  boolean,
  index,
  integer,
  pgTable,
  primaryKey,
  smallint,
  text,
  timestamp,
  uuid,
} from 'drizzle-orm/pg-core'

/**
 * One row per submit of one segment to one carrier, journalled before the socket write and never
 * overwritten by a later attempt.
 */
export const attempts = pgTable(
  'attempts',
  {
    message_id: uuid().notNull(),
    /** 1 for the first carrier tried. */
    attempt: smallint().notNull(),
    /** 1 for the first segment. */
    segment: smallint().notNull(),
    carrier: text().notNull(),
    /** See `SegmentState` in `messages/states.ts`. */
    state: text().notNull(),
    /** The carrier's id, character for character as it came in the response. */
    carrier_message_id: text(),
    /** The id in the form in which receipts are matched, see `smpp/id-profile.ts`. */
    match_key: text(),
    /** In the gateway's terms, of a refused segment. */
    code: text(),
    /** The carrier's own; a `command_status` as `0x0000000b`. */
    raw_code: text(),
    submitted_at: timestamp({ withTimezone: true }).notNull(),
    answered_at: timestamp({ withTimezone: true }),
    receipt_at: timestamp({ withTimezone: true }),
    /** Numbers of its parts that no receipt has said are delivered, as `2 3`; null: nothing was told of parts. */
    open_parts: text(),
    /**
     * What the carrier charges for the segment if it takes it, by the deck with this version; the
     * segments of a submit sum up to the cost of the message there.
     */
    cost_micros: bigint({ mode: 'bigint' }).notNull(),
    cost_currency: text().notNull(),
    carrier_deck_version: integer().notNull(),
    /**
     * For the index below: were it on `state`, which nearly every update changes, each of them would
     * have to write all indexes anew.
     */
    is_uncertain: boolean().notNull().generatedAlwaysAs(sql`state = 'uncertain'`),
  },
  (table) => [
    primaryKey({ columns: [table.message_id, table.attempt, table.segment] }),
    index('attempts_by_match_key').on(table.carrier, table.match_key),
    // For the submits of a period, which lie together. It has a few values for each 128 pages and next to no cost for who
    // writes; several intervals of them, because new rows take the room of those that age has deleted.
    index('attempts_by_time').using('brin', table.submitted_at.op('timestamptz_minmax_multi_ops')),
    // Few ever: for receipts whose id is not known.
    index('attempts_uncertain').on(table.carrier, table.submitted_at).where(sql`is_uncertain`),
  ],
)
