import { type SQL, sql } from 'drizzle-orm'
import { available } from '../store/available.ts'
import type { Store } from '../store/open.ts'
import type { Period } from './periods.ts'
import {
  KEPT_APART,
  type KeptApart,
  USAGE_AMOUNTS,
  USAGE_COUNTS,
  type UsageFigures,
} from './usage-figures.ts'
import { pendingCells } from './usage-pending.ts'

/** What usage can be told apart by, as its columns are named. */
export const USAGE_DIMENSIONS = [
  'tenant_id',
  'carrier',
  'country',
  'network',
  'sender',
  'template',
  'traffic_class',
] as const

/** {@link USAGE_DIMENSIONS} */
export type UsageDimension = (typeof USAGE_DIMENSIONS)[number]

/** Which usage is asked for. */
export interface UsageQuery {
  readonly granularity: Period
  /** Start of the first period. */
  readonly from: Date
  readonly before: Date
  readonly groupBy: readonly UsageDimension[]
  /** Only what has these values. */
  readonly only: Partial<Readonly<Record<UsageDimension, string>>>
  /** Without what only costs. */
  readonly withoutCosts: boolean
  readonly limit: number
}

/** The usage of one period; a dimension that was not asked for is null. */
export interface UsageRow extends UsageFigures, Readonly<Record<UsageDimension, string | null>> {
  readonly startsAt: Date
  readonly currency: string
}

type Asked = Pick<UsageQuery, 'groupBy' | 'only'>

const APART = Object.keys(KEPT_APART) as KeptApart[]

/** What is asked for that is kept apart, by day, tenant and country; undefined: nothing. */
export function keptApartIn(asked: Asked): KeptApart | undefined {
  return APART.find((name) => asksFor(asked, name))
}

/** The first dimension that cannot be seen together with one that is kept apart; undefined: there is none. */
export function notBeside(apart: KeptApart, asked: Asked): UsageDimension | undefined {
  const kept = dimensionsBeside(apart)
  return USAGE_DIMENSIONS.find((name) => !kept.includes(name) && asksFor(asked, name))
}

function dimensionsBeside(apart: KeptApart): readonly UsageDimension[] {
  return ['tenant_id', 'country', apart]
}

function asksFor({ groupBy, only }: Asked, name: UsageDimension): boolean {
  return groupBy.includes(name) || only[name] !== undefined
}

type RawUsageRow = Readonly<Record<string, string | null>>

/** Reads what messages have done, from sums: never from messages. */
export class UsageArchive {
  readonly #store: Store
  readonly #flush: () => Promise<void>

  /** @param flush - resolves when the tables have everything that was done by now */
  constructor(store: Store, flush: () => Promise<void>) {
    this.#store = store
    this.#flush = flush
  }

  /**
   * The sums of each period, in order of time; a row for each currency. Throws `storage_unavailable` while the
   * database is away.
   */
  async read(query: UsageQuery): Promise<UsageRow[]> {
    await this.#flush()
    const rows = await available(this.#store.query<RawUsageRow>(selectUsage(query)))
    return rows.map(usageRow)
  }
}

function selectUsage(query: UsageQuery): SQL {
  const { granularity, from, before, groupBy, only, withoutCosts, limit } = query
  const apart = keptApartIn(query)
  const table = apart ? KEPT_APART[apart] : TABLES[granularity]
  const kept = apart
    ? dimensionsBeside(apart)
    : USAGE_DIMENSIONS.filter((name) => !Object.hasOwn(KEPT_APART, name))
  const columns = sql.raw([...kept, 'currency', ...FIGURES].join(', '))
  const conditions = [
    sql`starts_at >= ${from.toISOString()}::text::timestamptz`,
    sql`starts_at < ${before.toISOString()}::text::timestamptz`,
    ...USAGE_DIMENSIONS.flatMap((name) =>
      only[name] === undefined ? [] : [isValue(name, only[name])],
    ),
    // What only costs, its reader must not see as a row of zeros either.
    ...(withoutCosts
      ? [sql.raw(`(${WITHOUT_COST.map((name) => `${name} <> 0`).join(' or ')})`)]
      : []),
  ]
  const where = sql.join(conditions, sql` and `)
  // Messages of no template have no row there; the empty name is that of all that found no room.
  const ofTemplate = sql.raw(apart === 'template' ? `and template <> ''` : '')
  const period = sql.raw(`date_trunc('${granularity}', starts_at, 'UTC') as starts_at`)
  // Rows of the table of these periods are of them already: a million calls are worth leaving out.
  const periodOfTable = apart ? period : sql`starts_at`
  const grouped = sql.raw(['starts_at', ...groupBy, 'currency'].join(', '))
  const shown = USAGE_DIMENSIONS.map((name) =>
    groupBy.includes(name) ? `${name}::text as ${name}` : `null as ${name}`,
  )
  const sums = FIGURES.map((name) => `sum(${name})::text as ${name}`)
  return sql`
    select starts_at, ${sql.raw([...shown, 'currency', ...sums].join(', '))}
    from (
      select ${periodOfTable}, ${columns} from ${sql.raw(table)} where ${where}
      union all
      select ${period}, ${columns} from (${pendingCells()}) p where ${where} ${ofTemplate}
    ) u
    group by ${grouped}
    order by ${grouped}
    limit ${limit}::int4`
}

const TABLES: Readonly<Record<Period, string>> = {
  hour: 'usage_hours',
  day: 'usage_days',
  month: 'usage_months',
}

const WITHOUT_COST: readonly string[] = [...USAGE_COUNTS, 'revenue', 'tax']

const FIGURES: readonly string[] = [...USAGE_COUNTS, ...USAGE_AMOUNTS]

function isValue(name: UsageDimension, value: string): SQL {
  const column = sql.raw(name)
  return name === 'tenant_id' ? sql`${column} = ${value}::text::uuid` : sql`${column} = ${value}`
}

function usageRow(row: RawUsageRow): UsageRow {
  const counts = USAGE_COUNTS.map((name) => [name, Number(row[name])])
  const amounts = USAGE_AMOUNTS.map((name) => [name, BigInt(row[name] ?? 0)])
  const dimensions = USAGE_DIMENSIONS.map((name) => [name, row[name] ?? null])
  return {
    ...(Object.fromEntries([...counts, ...amounts]) as UsageFigures),
    ...(Object.fromEntries(dimensions) as Record<UsageDimension, string | null>),
    startsAt: new Date(row.starts_at ?? 0),
    currency: row.currency ?? '',
  }
}
