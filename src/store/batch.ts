import { type SQL, sql } from 'drizzle-orm'

/** PostgreSQL types that {@link unnest} knows how to write. */
export type ColumnType =
  | 'uuid'
  | 'text'
  | 'text[]'
  | 'bool'
  | 'int2'
  | 'int4'
  | 'int8'
  | 'timestamptz'
  | 'json'
  | 'jsonb'
  | 'bytea'

/** What a column of a batch may hold; `json` and `jsonb` take any object. */
export type ColumnValue =
  | string
  | number
  | bigint
  | boolean
  | Date
  | Buffer
  | object
  | null
  | undefined

/** Columns of a batch: the name in SQL, its type, and how to read it from a row. */
export type BatchColumns<Row> = Record<string, readonly [ColumnType, (row: Row) => ColumnValue]>

/**
 * The rows as one SQL relation with one array parameter per column: `unnest($1, $2, …) AS alias(…)`.
 *
 * One statement then serves any number of rows, with a text that depends only on the columns.
 * Arrays travel as text literals, JSON as one line for each row, so that both drivers pass them on
 * unread. There are no arrays of arrays of different lengths: a `text[]` column travels as texts, each an
 * array literal.
 *
 * The first column says how many rows there are, so it may not be JSON. In the others the NULLs at
 * the end are left out: `unnest` adds them, and most columns that seldom hold anything cost nothing.
 */
export function unnest<Row>(alias: string, columns: BatchColumns<Row>, rows: readonly Row[]): SQL {
  const entries = Object.entries(columns)
  const arrays = entries.map(([, [type, read]], index) => {
    if (type === 'json' || type === 'jsonb') {
      return sql`string_to_array(${jsonLines(read, rows)}::text, E'\\n', '')::${sql.raw(type)}[]`
    }
    const elementType = type === 'text[]' ? 'text' : type
    return sql`${arrayLiteral(type, read, rows, index === 0)}::text::${sql.raw(elementType)}[]`
  })
  const names = entries.map(([name]) => name).join(', ')
  const rowsOf = sql`unnest(${sql.join(arrays, sql`, `)})`
  if (!entries.some(([, [type]]) => type === 'text[]')) {
    return sql`${rowsOf} as ${sql.raw(`${alias}(${names})`)}`
  }
  const values = entries.map(([name, [type]]) => (type === 'text[]' ? `${name}::text[]` : name))
  return sql`(select ${sql.raw(values.join(', '))} from ${rowsOf} as r(${sql.raw(names)})) as ${sql.raw(alias)}`
}

/** A PostgreSQL array literal of strings, for a `text` parameter that is cast to an array type. */
export function textArray(values: readonly string[]): string {
  return `{${values.map(quote).join(',')}}`
}

function arrayLiteral<Row>(
  type: LiteralType,
  read: (row: Row) => ColumnValue,
  rows: readonly Row[],
  isWhole: boolean,
): string {
  const write = ELEMENT[type]
  let literal = ''
  let nulls = 0
  let latest: ColumnValue
  let element = ''
  for (const row of rows) {
    const value = read(row)
    if (value === null || value === undefined) {
      nulls++
      continue
    }
    if (nulls > 0) literal += NULL.repeat(nulls)
    nulls = 0
    // In most columns many rows have the same as the row before.
    if (value !== latest) {
      element = `,${write(value)}`
      latest = value
    }
    literal += element
  }
  if (isWhole) literal += NULL.repeat(nulls)
  return `{${literal.slice(1)}}`
}

const NULL = ',NULL'

/** JSON has no raw line breaks, and is never empty: unlike an array literal it needs no escapes. */
function jsonLines<Row>(read: (row: Row) => ColumnValue, rows: readonly Row[]): string {
  const lines = rows.map((row) => {
    const value = read(row)
    return value === null || value === undefined ? '' : json(value)
  })
  return lines.join('\n')
}

type Value = NonNullable<ColumnValue>

/** Types that travel in array literals. */
type LiteralType = Exclude<ColumnType, 'json' | 'jsonb'>

/** Writes a value as an element of an array literal; only texts can hold what needs quotes. */
const ELEMENT: Readonly<Record<LiteralType, (value: Value) => string>> = {
  uuid: String,
  bool: String,
  int2: String,
  int4: String,
  int8: String,
  text: (value) => quote(String(value)),
  'text[]': (value) => quote(textArray(value as string[])),
  timestamptz: (value) => isoInstant(value as Date),
  bytea: (value) => `"\\\\x${(value as Buffer).toString('hex')}"`,
}

let latestSecond = Number.NaN
let latestText = ''

/** As `toISOString`, and faster: the instants of a batch are mostly of the same few seconds. */
export function isoInstant(at: Date): string {
  const ms = at.getTime()
  const second = Math.floor(ms / 1_000)
  if (second !== latestSecond) {
    latestText = at.toISOString().slice(0, -'123Z'.length)
    latestSecond = second
  }
  return `${latestText}${String(ms - second * 1_000).padStart(3, '0')}Z`
}

/** PostgreSQL's jsonb refuses U+0000 and halves of surrogate pairs, which JSON writes as escapes. */
function json(value: unknown): string {
  const text = JSON.stringify(value)
  // Hardly any text has an escape that needs a look.
  if (!text.includes('\\u')) return text
  return text.replace(/\\(u[0-9a-f]{4}|.)/g, (sequence) =>
    /^\\u(0000|d[89a-f])/.test(sequence) ? '\uFFFD' : sequence,
  )
}

const NEEDS_CARE = /["\\\0]/

function quote(text: string): string {
  if (!NEEDS_CARE.test(text)) return `"${text}"`
  // PostgreSQL text cannot hold U+0000; one such character must not fail a batch of other messages.
  return `"${text.replaceAll('\0', '\uFFFD').replace(/["\\]/g, '\\$&')}"`
}
