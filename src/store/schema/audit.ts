import { sql } from 'drizzle-orm'
import { bigint, check, index, integer, pgTable, text, timestamp, uuid } from 'drizzle-orm/pg-core'

const instant = () => timestamp({ withTimezone: true })

/**
 * The audit log: who has done what, when and from where. A trigger lets nobody change a row, and delete only
 * those that {@link auditAnchor} stands for.
 */
export const auditEntries = pgTable(
  'audit_entries',
  {
    /** From 1, without gaps. */
    number: bigint({ mode: 'number' }).primaryKey(),
    at: instant().notNull(),
    /** See `audit/entry.ts`. */
    actor_kind: text().notNull(),
    actor_name: text(),
    actor_tenant_id: uuid(),
    address: text(),
    request_id: text(),
    action: text().notNull(),
    subject_kind: text(),
    subject_id: text(),
    /** Whom it concerns: who may read it beside operators. */
    tenant_id: uuid(),
    outcome: text().notNull(),
    reason: text(),
    /** JSON as it was sealed, secrets masked; a column of JSON would write it anew. */
    before: text(),
    after: text(),
    /** Above 1: so many of the same kind, from the first to the last. */
    count: integer().notNull(),
    first_at: instant(),
    last_at: instant(),
    /** {@link auditEntries.hash} of the entry before; empty for the first. */
    previous_hash: text().notNull(),
    /** SHA-256 of the hash before and of all that the entry says, in hex. */
    hash: text().notNull(),
  },
  (table) => [
    index('audit_by_time').on(table.at),
    index('audit_by_action').on(table.action, table.number),
    index('audit_by_actor').on(table.actor_name, table.number),
    index('audit_by_tenant').on(table.tenant_id, table.number).where(sql`tenant_id is not null`),
  ],
)

/** The last entry that was deleted by age: the chain that is kept begins with it. One row, or none. */
export const auditAnchor = pgTable(
  'audit_anchor',
  {
    id: integer().primaryKey().default(1),
    number: bigint({ mode: 'number' }).notNull(),
    hash: text().notNull(),
  },
  () => [check('audit_anchor_one', sql`id = 1`)],
)
