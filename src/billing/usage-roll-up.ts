import { type SQL, sql } from 'drizzle-orm'
import { messageOf } from '../core/errors.ts'
import type { Logger } from '../core/logger.ts'
import type { Store } from '../store/open.ts'
import { KEPT_APART, type KeptApart, USAGE_AMOUNTS, USAGE_COUNTS } from './usage-figures.ts'
import { CELL_COLUMNS, pendingCells, pendingMovements } from './usage-pending.ts'

/**
 * Rows of a day that senders of one tenant may have, and templates as many: one for each with each country.
 * Those that come when it is full are counted together, under the empty name.
 */
export const MAX_ROWS_APART = 1_000

const ROLL_UP_EVERY_MS = 15_000

/** Writes of the tables that are added up at once; more of them in turn. */
const PAGE = 200

/** The embedded database works in our own thread: it must not hold up all else. */
const PAGE_EMBEDDED = 20

const FIGURES = [...USAGE_COUNTS, ...USAGE_AMOUNTS]
const PERIOD = [
  'starts_at',
  'tenant_id',
  'carrier',
  'country',
  'network',
  'traffic_class',
  'currency',
]
const CHARGE = [
  'tenant_id',
  'starts_at',
  'country',
  'network',
  'currency',
  'unit',
  'unit_price',
  'tax_ppm',
]
const MOVEMENT = ['tenant_id', 'currency', 'starts_at', 'kind']
const BESIDE_TIME = CELL_COLUMNS.filter((name) => name !== 'starts_at')
const MOVED = ['lines', 'balance', 'reserved', 'revenue', 'tax', 'funding']

/** What a {@link UsageRollUp} is built with. */
export interface UsageRollUpOptions {
  readonly store: Store
  readonly logger: Logger
  readonly maxRowsApart?: number
}

/**
 * Adds what is pending up, by hours, days and months, every few seconds. Readers see what is pending besides: when
 * it happens matters to nobody.
 */
export class UsageRollUp {
  readonly #options: UsageRollUpOptions
  #timer: NodeJS.Timeout | undefined
  #running: Promise<void> = Promise.resolve()
  #isClosed = false

  constructor(options: UsageRollUpOptions) {
    this.#options = options
  }

  /** Adds up every few seconds from now on. */
  start(): void {
    if (this.#isClosed) return
    this.#timer = setTimeout(() => {
      this.#running = this.#tryToRun().then(() => this.start())
    }, ROLL_UP_EVERY_MS).unref()
  }

  /** Adds up what is there, once more. */
  async close(): Promise<void> {
    this.#isClosed = true
    clearTimeout(this.#timer)
    await this.#running
    await this.#tryToRun()
  }

  /** Adds up everything that is pending. */
  async run(): Promise<void> {
    const { store, maxRowsApart = MAX_ROWS_APART } = this.#options
    const page = store.kind === 'pglite' ? PAGE_EMBEDDED : PAGE
    for (let rows = page; rows === page; ) {
      const [row] = await store.query<{ rows: number }>(rollUp(page, maxRowsApart))
      rows = row?.rows ?? 0
    }
  }

  async #tryToRun(): Promise<void> {
    try {
      await this.run()
    } catch (error) {
      this.#options.logger.error(
        { error: messageOf(error) },
        'cannot add up the usage, will try again',
      )
    }
  }
}

/** One statement: what it adds to the sums is taken from what is pending, or nothing happens. */
function rollUp(page: number, maxRowsApart: number): SQL {
  return sql`
    with taken as (
      delete from usage_pending
      where id in (select id from usage_pending order by id limit ${page})
      returning cells, movements
    ), by_hour as materialized (${pendingCells('taken')}
    ), by_day as materialized (
      select date_trunc('day', starts_at, 'UTC') as starts_at, ${sql.raw(BESIDE_TIME.join(', '))}
      from by_hour
    ), by_month as (
      select date_trunc('month', starts_at, 'UTC') as starts_at, ${sql.raw(BESIDE_TIME.join(', '))}
      from by_hour
    ), of_template as materialized (
      select * from by_day where template <> ''
    ), ${addApart('sender', 'by_day', maxRowsApart)}
    , ${addApart('template', 'of_template', maxRowsApart)}
    , charged as (
      select * from by_day where charged <> 0 or revenue <> 0 or tax <> 0
    ), moved as (${pendingMovements('taken')}
    ), hours as (${addTo('usage_hours', PERIOD, FIGURES, 'by_hour')}
    ), days as (${addTo('usage_days', PERIOD, FIGURES, 'by_day')}
    ), months as (${addTo('usage_months', PERIOD, FIGURES, 'by_month')}
    ), charges as (${addTo('usage_charges', CHARGE, ['charged', 'revenue', 'tax'], 'charged')}
    ), movements as (${addTo('ledger_days', MOVEMENT, MOVED, 'moved')}
    )
    select count(*)::int4 as rows from taken`
}

/** Adds the figures of rows to those of a table that has one row for each key. */
function addTo(
  table: string,
  key: readonly string[],
  figures: readonly string[],
  source: string,
): SQL {
  const columns = key.join(', ')
  const summed = figures.map((name) => `sum(c.${name})`).join(', ')
  const added = figures.map((name) => `${name} = u.${name} + excluded.${name}`).join(', ')
  return sql`
    insert into ${sql.raw(`${table} as u (${columns}, ${figures.join(', ')})`)}
    select ${sql.raw(`${columns}, ${summed} from ${source} c group by ${columns}`)}
    on conflict (${sql.raw(columns)}) do update set ${sql.raw(added)}`
}

/**
 * Adds rows to the table of what is kept apart. Those that have a row already have it, then the busiest while
 * there is room; all others have one together.
 */
function addApart(name: KeptApart, source: string, maxRows: number): SQL {
  const table = sql.raw(KEPT_APART[name])
  const of = (part: string) => sql.raw(`${part}_${name}`)
  const column = sql.raw(name)
  const key = ['starts_at', 'tenant_id', name, 'country', 'currency']
  return sql`
    ${of('pairs')} as (
      select starts_at, tenant_id, ${column}, country, exists (
          select from ${table} u where u.starts_at = c.starts_at
            and u.tenant_id = c.tenant_id and u.${column} = c.${column} and u.country = c.country
        ) as is_known, sum(segments_accepted + segments_submitted) as weight
      from ${sql.raw(source)} c
      group by starts_at, tenant_id, ${column}, country
    ), ${of('present')} as (
      select u.starts_at, u.tenant_id, count(*) as rows
      from ${table} u
      join (select distinct starts_at, tenant_id from ${of('pairs')}) d using (starts_at, tenant_id)
      where u.${column} <> ''
      group by u.starts_at, u.tenant_id
    ), ${of('kept')} as (
      select starts_at, tenant_id, ${column}, country
      from (
        select p.*, row_number() over (
            partition by starts_at, tenant_id, is_known order by weight desc, ${column}, country
          ) as place
        from ${of('pairs')} p
      ) p left join ${of('present')} using (starts_at, tenant_id)
      where is_known or place + coalesce(rows, 0) <= ${maxRows}::int4
    ), ${of('by')} as (
      select c.starts_at, c.tenant_id, coalesce(k.${column}, '') as ${column}, c.country, c.currency,
        ${sql.raw(FIGURES.map((figure) => `c.${figure}`).join(', '))}
      from ${sql.raw(source)} c
      left join ${of('kept')} k using (starts_at, tenant_id, ${column}, country)
    ), ${of('added')} as (${addTo(KEPT_APART[name], key, FIGURES, `by_${name}`)}
    )`
}
