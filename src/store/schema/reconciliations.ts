import { pgTable, primaryKey, smallint, uuid } from 'drizzle-orm/pg-core'

/** The submits that the present reconciliation has found in the carrier's file; empty when there is none. */
export const reconciledSubmits = pgTable(
  'reconciled_submits',
  {
    message_id: uuid().notNull(),
    attempt: smallint().notNull(),
    segment: smallint().notNull(),
  },
  (table) => [primaryKey({ columns: [table.message_id, table.attempt, table.segment] })],
)
