import {
  bigint,
  bigserial,
  index,
  integer,
  jsonb,
  pgTable,
  primaryKey,
  text,
  timestamp,
  uuid,
} from 'drizzle-orm/pg-core'

const count = () => bigint({ mode: 'number' }).notNull()
const micros = () => bigint({ mode: 'bigint' }).notNull()
const instant = () => timestamp({ withTimezone: true }).notNull()

/** What is counted: see `billing/usage-figures.ts`. */
const figures = () => ({
  messages_accepted: count(),
  segments_accepted: count(),
  segments_submitted: count(),
  segments_delivered: count(),
  segments_undelivered: count(),
  segments_expired: count(),
  messages_delivered: count(),
  messages_undelivered: count(),
  messages_expired: count(),
  messages_failed: count(),
  messages_canceled: count(),
  messages_unconfirmed: count(),
  charged: count(),
  revenue: micros(),
  tax: micros(),
  cost: micros(),
})

/** Whose messages, and which; an empty text stands for what there is none of. */
const dimensions = () => ({
  /** Start of the hour, day or month, UTC. */
  starts_at: instant(),
  tenant_id: uuid().notNull(),
  carrier: text().notNull(),
  country: text().notNull(),
  network: text().notNull(),
  traffic_class: text().notNull(),
  /** Of the amounts; the counts of a message stand where its price does. */
  currency: text().notNull(),
})

/**
 * What was written to the tables and is not added up yet: one row for each write of `messages` and `ledger`,
 * made in the same statement.
 */
export const usagePending = pgTable('usage_pending', {
  id: bigserial({ mode: 'number' }).primaryKey(),
  /** See `UsageCell` in `billing/usage-figures.ts`. */
  cells: jsonb().notNull(),
  /** See `Movement` in `billing/ledger-days.ts`. */
  movements: jsonb().notNull(),
})

/** What messages have done in each hour. */
export const usageHours = pgTable('usage_hours', { ...dimensions(), ...figures() }, (table) => [
  primaryKey({
    name: 'usage_hours_key',
    columns: [
      table.starts_at,
      table.tenant_id,
      table.carrier,
      table.country,
      table.network,
      table.traffic_class,
      table.currency,
    ],
  }),
  index('usage_hours_by_tenant').on(table.tenant_id, table.starts_at),
])

/** What messages have done on each day. */
export const usageDays = pgTable('usage_days', { ...dimensions(), ...figures() }, (table) => [
  primaryKey({
    name: 'usage_days_key',
    columns: [
      table.starts_at,
      table.tenant_id,
      table.carrier,
      table.country,
      table.network,
      table.traffic_class,
      table.currency,
    ],
  }),
  index('usage_days_by_tenant').on(table.tenant_id, table.starts_at),
])

/** What messages have done in each month: never deleted. */
export const usageMonths = pgTable('usage_months', { ...dimensions(), ...figures() }, (table) => [
  primaryKey({
    name: 'usage_months_key',
    columns: [
      table.starts_at,
      table.tenant_id,
      table.carrier,
      table.country,
      table.network,
      table.traffic_class,
      table.currency,
    ],
  }),
  index('usage_months_by_tenant').on(table.tenant_id, table.starts_at),
])

/** What messages of each sender have done on each day. */
export const usageSenders = pgTable(
  'usage_senders',
  {
    starts_at: instant(),
    tenant_id: uuid().notNull(),
    /** Empty: all that came after the first senders of the day, see `MAX_ROWS_APART` in `billing/usage-roll-up.ts`. */
    sender: text().notNull(),
    country: text().notNull(),
    currency: text().notNull(),
    ...figures(),
  },
  (table) => [
    primaryKey({
      name: 'usage_senders_key',
      columns: [table.starts_at, table.tenant_id, table.sender, table.country, table.currency],
    }),
    index('usage_senders_by_tenant').on(table.tenant_id, table.starts_at),
  ],
)

/** What messages of each template have done on each day; those of none have no row. */
export const usageTemplates = pgTable(
  'usage_templates',
  {
    starts_at: instant(),
    tenant_id: uuid().notNull(),
    /** Empty: as in `usage_senders`. */
    template: text().notNull(),
    country: text().notNull(),
    currency: text().notNull(),
    ...figures(),
  },
  (table) => [
    primaryKey({
      name: 'usage_templates_key',
      columns: [table.starts_at, table.tenant_id, table.template, table.country, table.currency],
    }),
    index('usage_templates_by_tenant').on(table.tenant_id, table.starts_at),
  ],
)

/** What tenants were charged on each day, as invoices list it: never deleted, as the ledger. */
export const usageCharges = pgTable(
  'usage_charges',
  {
    tenant_id: uuid().notNull(),
    starts_at: instant(),
    country: text().notNull(),
    network: text().notNull(),
    currency: text().notNull(),
    /** What the price is for: `segment` or `message`. */
    unit: text().notNull(),
    unit_price: micros(),
    /** Tax, in millionths of the price. */
    tax_ppm: integer().notNull(),
    charged: count(),
    revenue: micros(),
    tax: micros(),
  },
  (table) => [
    primaryKey({
      name: 'usage_charges_key',
      columns: [
        table.tenant_id,
        table.starts_at,
        table.country,
        table.network,
        table.currency,
        table.unit,
        table.unit_price,
        table.tax_ppm,
      ],
    }),
  ],
)

/** What the lines of the ledger of each day and kind add up to: never deleted, as the ledger. */
export const ledgerDays = pgTable(
  'ledger_days',
  {
    tenant_id: uuid().notNull(),
    currency: text().notNull(),
    /** Start of the day, UTC. */
    starts_at: instant(),
    kind: text().notNull(),
    lines: count(),
    balance: micros(),
    reserved: micros(),
    revenue: micros(),
    tax: micros(),
    funding: micros(),
  },
  (table) => [
    primaryKey({
      name: 'ledger_days_key',
      columns: [table.tenant_id, table.currency, table.starts_at, table.kind],
    }),
  ],
)

/** What was told of an account that runs low, so that it is told once. */
export const balanceAlerts = pgTable(
  'balance_alerts',
  {
    tenant_id: uuid().notNull(),
    currency: text().notNull(),
    /** `low` or `exhausted`. */
    state: text().notNull(),
    told_at: instant(),
  },
  (table) => [
    primaryKey({
      name: 'balance_alerts_key',
      columns: [table.tenant_id, table.currency, table.state],
    }),
  ],
)
