import { sql } from 'drizzle-orm'
import {
  bigint,
  boolean,
  check,
  customType,
  index,
  integer,
  pgTable,
  primaryKey,
  text,
  timestamp,
  uniqueIndex,
  uuid,
} from 'drizzle-orm/pg-core'

const bytea = customType<{ data: Buffer }>({ dataType: () => 'bytea' })
const micros = () => bigint({ mode: 'bigint' }).notNull()

/**
 * Every movement of money, never changed and never deleted: see `billing/booking.ts`.
 *
 * A line moves amounts between the accounts of one tenant in one currency, in millionths of it, and
 * says what a carrier is owed besides.
 */
export const ledger = pgTable(
  'ledger',
  {
    /** See {@link ledgerBatches}. */
    batch: bigint({ mode: 'number' }).notNull(),
    line: integer().notNull(),
    kind: text().notNull(),
    at: timestamp({ withTimezone: true }).notNull(),
    tenant_id: uuid().notNull(),
    currency: text().notNull(),
    balance: micros(),
    reserved: micros(),
    revenue: micros(),
    tax: micros(),
    funding: micros(),
    message_id: uuid(),
    carrier: text(),
    cost_currency: text(),
    cost_micros: bigint({ mode: 'bigint' }),
    /** Money that comes or goes is booked once for each. */
    reference: text(),
    note: text(),
  },
  (table) => [
    primaryKey({ columns: [table.batch, table.line] }),
    index('ledger_by_tenant').on(table.tenant_id, table.batch, table.line),
    index('ledger_by_message').on(table.message_id).where(sql`message_id is not null`),
    uniqueIndex('ledger_by_reference')
      .on(table.tenant_id, table.reference)
      .where(sql`reference is not null`),
    check('ledger_balanced', sql`balance + reserved + revenue + tax + funding = 0`),
  ],
)

/**
 * The lines that were written together, sealed: a line that was changed, added or taken away later is
 * found by {@link ledgerBatches.checks}, a batch by the chain of hashes.
 */
export const ledgerBatches = pgTable('ledger_batches', {
  /** From 1, without gaps. */
  number: bigint({ mode: 'number' }).primaryKey(),
  lines: integer().notNull(),
  /** CRC-32 of each line, four octets each. */
  checks: bytea().notNull(),
  /** SHA-256 of the hash before and all lines, in hex. */
  hash: text().notNull(),
})

/** What the lines of the ledger add up to for each tenant and currency. */
export const ledgerAccounts = pgTable(
  'ledger_accounts',
  {
    tenant_id: uuid().notNull(),
    currency: text().notNull(),
    balance: micros(),
    reserved: micros(),
    revenue: micros(),
    tax: micros(),
    funding: micros(),
    /** Money came or went otherwise than by messages. */
    is_funded: boolean().notNull(),
  },
  (table) => [primaryKey({ columns: [table.tenant_id, table.currency] })],
)

/** What the lines of the ledger add up to for each carrier and currency. */
export const ledgerCarriers = pgTable(
  'ledger_carriers',
  {
    carrier: text().notNull(),
    currency: text().notNull(),
    owed: micros(),
  },
  (table) => [primaryKey({ columns: [table.carrier, table.currency] })],
)
