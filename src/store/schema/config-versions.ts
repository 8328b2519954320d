import { integer, pgTable, text, timestamp } from 'drizzle-orm/pg-core'

/** The configuration as it has been: the one with the highest number counts. */
export const configVersions = pgTable('config_versions', {
  number: integer().primaryKey(),
  at: timestamp({ withTimezone: true }).notNull(),
  /** `start` and `file`: the file, as a start found it or as it changed; `api`; `rollback`. */
  source: text().notNull(),
  /** The key of the operator, by the beginning of its hash. */
  who: text(),
  comment: text().notNull(),
  /** YAML or JSON as it was written, sealed. */
  document: text().notNull(),
  /** With `rollback`: the version that counts again. */
  rolled_back_to: integer(),
})
