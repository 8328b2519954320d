import { customType, integer, pgTable, primaryKey, text, timestamp } from 'drizzle-orm/pg-core'

const bytea = customType<{ data: Buffer; driverData: Uint8Array }>({
  dataType: () => 'bytea',
  fromDriver: (value) => Buffer.from(value),
})

/** Imported rate decks: of each owner, the one with the highest version counts. */
export const rateDecks = pgTable(
  'rate_decks',
  {
    /** `carrier`: what it charges; `tenant`: what it pays. */
    owner_kind: text().notNull(),
    /** Name in the configuration. */
    owner: text().notNull(),
    /** Counted per owner from 1; 0 is the deck of the configuration, which has no row. */
    version: integer().notNull(),
    imported_at: timestamp({ withTimezone: true }).notNull(),
    note: text().notNull(),
    rows: integer().notNull(),
  },
  (table) => [primaryKey({ columns: [table.owner_kind, table.owner, table.version] })],
)

/**
 * The content of decks: CSV as `routing/deck-csv.ts` writes it, compressed by gzip and cut into parts.
 *
 * Parts are written before the row of their deck, one statement each: a large one in one statement would
 * hold up everything else. Those without a deck are what a crash has left.
 */
export const rateDeckParts = pgTable(
  'rate_deck_parts',
  {
    owner_kind: text().notNull(),
    owner: text().notNull(),
    version: integer().notNull(),
    part: integer().notNull(),
    content: bytea().notNull(),
  },
  (table) => [primaryKey({ columns: [table.owner_kind, table.owner, table.version, table.part] })],
)
