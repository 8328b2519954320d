import {
  doublePrecision,
  index,
  jsonb,
  pgTable,
  primaryKey,
  text,
  timestamp,
  uuid,
} from 'drizzle-orm/pg-core'

/** Carriers that the configuration has named. */
export const carriers = pgTable('carriers', {
  name: text().primaryKey(),
  type: text().notNull(),
  created_at: timestamp({ withTimezone: true }).notNull(),
})

/** How well carriers have done, by cell; figures are faded as of `at`, see `routing/quality.ts`. */
export const carrierQuality = pgTable(
  'carrier_quality',
  {
    carrier: text().notNull(),
    /** Empty: of all countries. */
    country: text().notNull(),
    /** MCC and MNC; empty: not known, or all. */
    network: text().notNull(),
    /** Empty: of all classes, and all networks of the country. */
    traffic_class: text().notNull(),
    delivered: doublePrecision().notNull(),
    failed: doublePrecision().notNull(),
    unanswered: doublePrecision().notNull(),
    throttled: doublePrecision().notNull(),
    attempts: doublePrecision().notNull(),
    /** Weights of the buckets of latencies, see `routing/latency-histogram.ts`. */
    latencies: jsonb().notNull(),
    at: timestamp({ withTimezone: true }).notNull(),
  },
  (table) => [
    primaryKey({ columns: [table.carrier, table.country, table.network, table.traffic_class] }),
  ],
)

/** What the operator has said about carriers, and where their circuit breakers stand. */
export const carrierHealth = pgTable('carrier_health', {
  carrier: text().primaryKey(),
  /** `enabled`, `drained`, `disabled` or `forced`. */
  mode: text().notNull(),
  reason: text(),
  mode_at: timestamp({ withTimezone: true }).notNull(),
  /** `closed`, `open` or `half_open`. */
  breaker: text().notNull(),
  breaker_at: timestamp({ withTimezone: true }).notNull(),
  cool_down_ms: doublePrecision().notNull(),
})

/** How the health of carriers has changed; the oldest are deleted. */
export const carrierHistory = pgTable(
  'carrier_history',
  {
    /** UUIDv7. */
    id: uuid().primaryKey(),
    carrier: text().notNull(),
    at: timestamp({ withTimezone: true }).notNull(),
    /** `mode`, `breaker` or `connection`. */
    kind: text().notNull(),
    from_state: text().notNull(),
    to_state: text().notNull(),
    cause: text().notNull(),
  },
  (table) => [index('carrier_history_by_carrier').on(table.carrier, table.id)],
)
