import { type SQL, sql } from 'drizzle-orm'
import { unnest } from '../store/batch.ts'
import type { Movement } from './ledger-days.ts'
import { USAGE_AMOUNTS, USAGE_COUNTS, type UsageCell } from './usage-figures.ts'

/**
 * A column of what is pending. It is stored as a list of lists, each in the order of the columns: names in each
 * of them would be most of it.
 */
interface PendingColumn<Row> {
  readonly name: string
  /** How it is read from a text that is an SQL expression itself. */
  readonly read: (text: string) => string
  readonly from: (row: Row) => string | number
}

const CELL: readonly PendingColumn<UsageCell>[] = [
  { name: 'starts_at', read: timeOf(3_600), from: ({ hour }) => hour },
  { name: 'tenant_id', read: typed('uuid'), from: ({ tenantId }) => tenantId },
  { name: 'carrier', read: typed('text'), from: ({ carrier }) => carrier },
  { name: 'country', read: typed('text'), from: ({ country }) => country },
  { name: 'network', read: typed('text'), from: ({ network }) => network },
  { name: 'traffic_class', read: typed('text'), from: ({ trafficClass }) => trafficClass },
  { name: 'sender', read: typed('text'), from: ({ sender }) => sender },
  { name: 'template', read: typed('text'), from: ({ template }) => template },
  { name: 'currency', read: typed('text'), from: ({ currency }) => currency },
  { name: 'unit', read: typed('text'), from: ({ unit }) => unit },
  { name: 'unit_price', read: typed('int8'), from: ({ unitPrice }) => exact(unitPrice) },
  { name: 'tax_ppm', read: typed('int4'), from: ({ taxPpm }) => taxPpm },
  ...USAGE_COUNTS.map((name) => ({
    name,
    read: typed('int8'),
    from: (cell: UsageCell) => cell[name],
  })),
  ...USAGE_AMOUNTS.map((name) => ({
    name,
    read: typed('int8'),
    from: (cell: UsageCell) => exact(cell[name]),
  })),
]

const MOVEMENT: readonly PendingColumn<Movement>[] = [
  { name: 'starts_at', read: timeOf(86_400), from: ({ day }) => day },
  { name: 'tenant_id', read: typed('uuid'), from: ({ tenantId }) => tenantId },
  { name: 'currency', read: typed('text'), from: ({ currency }) => currency },
  { name: 'kind', read: typed('text'), from: ({ kind }) => kind },
  { name: 'lines', read: typed('int8'), from: ({ lines }) => lines },
  { name: 'balance', read: typed('int8'), from: ({ balance }) => exact(balance) },
  { name: 'reserved', read: typed('int8'), from: ({ reserved }) => exact(reserved) },
  { name: 'revenue', read: typed('int8'), from: ({ revenue }) => exact(revenue) },
  { name: 'tax', read: typed('int8'), from: ({ tax }) => exact(tax) },
  { name: 'funding', read: typed('int8'), from: ({ funding }) => exact(funding) },
]

/** Columns of {@link pendingCells}. */
export const CELL_COLUMNS: readonly string[] = CELL.map(({ name }) => name)

interface PendingRow {
  readonly cells: readonly UsageCell[]
  readonly movements: readonly Movement[]
}

/** Writes what is to be added up later as one row, or none; the statement around it has a part `guard`. */
export function insertPending(cells: readonly UsageCell[], movements: readonly Movement[]): SQL {
  const rows = unnest<PendingRow>(
    'v',
    {
      number: ['int4', () => 1],
      cells: ['jsonb', (row) => listsOf(CELL, row.cells)],
      movements: ['jsonb', (row) => listsOf(MOVEMENT, row.movements)],
    },
    cells.length === 0 && movements.length === 0 ? [] : [{ cells, movements }],
  )
  return sql`
    insert into usage_pending (cells, movements)
    select v.cells, v.movements from ${rows} cross join guard`
}

/** The cells that are pending, as rows; `source` is `usage_pending` or has its columns. */
export function pendingCells(source = 'usage_pending'): SQL {
  return sql.raw(
    `select ${selected(CELL)} from ${source} p cross join jsonb_array_elements(p.cells) e`,
  )
}

/** The movements that are pending, as rows. */
export function pendingMovements(source = 'usage_pending'): SQL {
  return sql.raw(
    `select ${selected(MOVEMENT)} from ${source} p cross join jsonb_array_elements(p.movements) e`,
  )
}

function listsOf<Row>(columns: readonly PendingColumn<Row>[], rows: readonly Row[]) {
  return rows.map((row) => columns.map((column) => column.from(row)))
}

function selected<Row>(columns: readonly PendingColumn<Row>[]): string {
  return columns.map(({ name, read }, index) => `${read(`e->>${index}`)} as ${name}`).join(', ')
}

/** JSON has no bigint. */
function exact(micros: bigint): string | number {
  return micros === 0n ? 0 : micros.toString()
}

function typed(type: string): (text: string) => string {
  return (text) => `(${text})::${type}`
}

/** An instant that is a number of periods since 1970. */
function timeOf(seconds: number): (text: string) => string {
  return (text) => `to_timestamp((${text})::float8 * ${seconds})`
}
