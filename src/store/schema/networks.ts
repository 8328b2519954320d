import {
  bigint,
  customType,
  index,
  integer,
  pgTable,
  text,
  timestamp,
  uuid,
} from 'drizzle-orm/pg-core'

const bytea = customType<{ data: Buffer }>({ dataType: () => 'bytea' })

/**
 * Files about networks as they were taken in; of each kind the newest counts.
 *
 * `ranges` (whose numbers begin how), `operators` (a public list of networks), `names` (the operator's own
 * names), `ported` (only that such a file was read: its rows are in `ported_numbers`).
 */
export const networkVersions = pgTable(
  'network_versions',
  {
    /** UUIDv7: sorts by time. */
    id: uuid().primaryKey(),
    kind: text().notNull(),
    created_at: timestamp({ withTimezone: true }).notNull(),
    /** Where it came from: a file's name, `api`, or the version that was taken up again. */
    source: text().notNull(),
    /** SHA-256 of what was read, in hex: the same file is not taken in twice at a start. */
    sha256: text().notNull(),
    row_count: integer().notNull(),
    /** The whole table as our own CSV, gzipped; null for `ported`. */
    content: bytea(),
  },
  (table) => [index('network_versions_by_kind').on(table.kind, table.id)],
)

/** Numbers that are not with the network that their range was given to. */
export const portedNumbers = pgTable('ported_numbers', {
  /** E.164 without `+`: at most 15 digits. */
  number: bigint({ mode: 'number' }).primaryKey(),
  mccmnc: text().notNull(),
  updated_at: timestamp({ withTimezone: true }).notNull(),
})
