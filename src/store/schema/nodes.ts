import { bigint, pgTable, text, timestamp } from 'drizzle-orm/pg-core'

/** The gateways on this database; a message's `lease_node` is one of them. */
export const nodes = pgTable('nodes', {
  id: text().primaryKey(),
  /** Snapshots of its journal that the tables hold. */
  generation: bigint({ mode: 'number' }).notNull().default(0),
  started_at: timestamp({ withTimezone: true }).notNull(),
})
