import { bigint, pgTable, primaryKey, text, uuid } from 'drizzle-orm/pg-core'

/**
 * How many segments every tenant has sent in every calendar month (UTC): those of its billed messages that were
 * accepted in it. Written with the rows of these messages.
 */
export const tenantVolumes = pgTable(
  'tenant_volumes',
  {
    tenant_id: uuid().notNull(),
    /** For example `2026-10`. */
    month: text().notNull(),
    segments: bigint({ mode: 'number' }).notNull(),
  },
  (table) => [primaryKey({ columns: [table.month, table.tenant_id] })],
)
