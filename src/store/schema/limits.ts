import { index, pgTable, primaryKey, text, timestamp } from 'drizzle-orm/pg-core'

/** What was taken of limits by the hour, day and month, for the next run: see `limits/counter-keeper.ts`. */
export const limitCounters = pgTable(
  'limit_counters',
  {
    /** Scope and kind of the limit. */
    name: text().notNull(),
    /** Whose; empty: it counts over all tenants. */
    tenant_id: text().notNull(),
    /** Of whom; numbers of recipients as `messages.to_fingerprint` has them. */
    subject: text().notNull(),
    /** JSON: slots and what was taken in each. */
    counts: text().notNull(),
    /** When nothing of it counts any more. */
    ends_at: timestamp({ withTimezone: true }).notNull(),
  },
  (table) => [
    primaryKey({ columns: [table.name, table.tenant_id, table.subject] }),
    index('limit_counters_by_end').on(table.ends_at),
  ],
)
