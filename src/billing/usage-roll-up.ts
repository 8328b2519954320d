import { type SQL, sql } from 'drizzle-orm'
import { messageOf } from '../core/errors.ts'
import type { Logger } from '../core/logger.ts'
import type { Store } from '../store/open.ts'
import { USAGE_AMOUNTS, USAGE_COUNTS } from './usage-figures.ts'
import { CELL_COLUMNS, pendingCells, pendingMovements } from './usage-pending.ts'

/**
 * Rows of a day that senders of one tenant may have: one for each sender and country. Those that come when
 * it is full are counted together, under the empty sender.
 */
export const MAX_SENDERS = 1_000

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
const SENDER = ['starts_at', 'tenant_id', 'sender', 'country', 'currency']
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
  readonly maxSenders?: number
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
    const { store, maxSenders = MAX_SENDERS } = this.#options
    const page = store.kind === 'pglite' ? PAGE_EMBEDDED : PAGE
    for (let rows = page; rows === page; ) {
      const [row] = await store.query<{ rows: number }>(rollUp(page, maxSenders))
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
function rollUp(page: number, maxSenders: number): SQL {
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
    ), ${keptSenders(maxSenders)}, by_sender as (
      select c.starts_at, c.tenant_id, coalesce(k.sender, '') as sender, c.country, c.currency,
        ${sql.raw(FIGURES.map((name) => `c.${name}`).join(', '))}
      from by_day c left join kept k using (starts_at, tenant_id, sender, country)
    ), charged as (
      select * from by_day where charged <> 0 or revenue <> 0 or tax <> 0
    ), moved as (${pendingMovements('taken')}
    ), hours as (${addTo('usage_hours', PERIOD, FIGURES, 'by_hour')}
    ), days as (${addTo('usage_days', PERIOD, FIGURES, 'by_day')}
    ), months as (${addTo('usage_months', PERIOD, FIGURES, 'by_month')}
    ), senders as (${addTo('usage_senders', SENDER, FIGURES, 'by_sender')}
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

/** The senders that have a row of their own: those that have one already, then the busiest while there is room. */
function keptSenders(maxSenders: number): SQL {
  return sql`
    pairs as (
      select starts_at, tenant_id, sender, country, exists (
          select from usage_senders u where u.starts_at = c.starts_at
            and u.tenant_id = c.tenant_id and u.sender = c.sender and u.country = c.country
        ) as is_known, sum(segments_accepted + segments_submitted) as weight
      from by_day c
      group by starts_at, tenant_id, sender, country
    ), present as (
      select u.starts_at, u.tenant_id, count(*) as senders
      from usage_senders u
      join (select distinct starts_at, tenant_id from pairs) d using (starts_at, tenant_id)
      where u.sender <> ''
      group by u.starts_at, u.tenant_id
    ), kept as (
      select starts_at, tenant_id, sender, country
      from (
        select p.*, row_number() over (
            partition by starts_at, tenant_id, is_known order by weight desc, sender, country
          ) as place
        from pairs p
      ) p left join present using (starts_at, tenant_id)
      where is_known or place + coalesce(senders, 0) <= ${maxSenders}::int4
    )`
}
