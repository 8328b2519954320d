import { bigint, pgTable, text } from 'drizzle-orm/pg-core'

/** How many of its short message ids each partner account has used up, those kept in hand included. */
export const partnerIds = pgTable('partner_ids', {
  system_id: text().primaryKey(),
  reserved: bigint({ mode: 'bigint' }).notNull(),
})
