import { type SQL, sql } from 'drizzle-orm'

/** PostgreSQL types that {@link unnest} knows how to write. */
export type ColumnType =
  | 'uuid'
  | 'text'
  | 'text[]'
  | 'int2'
  | 'int8'
  | 'timestamptz'
  | 'json'
  | 'jsonb'
  | 'bytea'

/** What a column of a batch may hold; `json` and `jsonb` take any object. */
export type ColumnValue = string | number | bigint | Date | Buffer | object | null | undefined

/** Columns of a batch: the name in SQL, its type, and how to read it from a row. */
export type BatchColumns<Row> = Record<string, readonly [ColumnType, (row: Row) => ColumnValue]>

/**
 * The rows as one SQL relation with one array parameter per column: `unnest($1, $2, …) AS alias(…)`.
 *
 * One statement then serves any number of rows, with a text that depends only on the columns.
 * Arrays travel as text literals, so that both drivers pass them on unread. A `text[]` column arrives
 * as its literal: cast it with `alias.column::text[]`.
 */
export function unnest<Row>(alias: string, columns: BatchColumns<Row>, rows: readonly Row[]): SQL {
  const entries = Object.entries(columns)
  const arrays = entries.map(([, [type, read]]) => {
    const elementType = type === 'text[]' ? 'text' : type
    return sql`${arrayLiteral(type, read, rows)}::text::${sql.raw(elementType)}[]`
  })
  const names = entries.map(([name]) => name).join(', ')
  return sql`unnest(${sql.join(arrays, sql`, `)}) as ${sql.raw(`${alias}(${names})`)}`
}

/** A PostgreSQL array literal of strings, for a `text` parameter that is cast to an array type. */
export function textArray(values: readonly string[]): string {
  return `{${values.map(quote).join(',')}}`
}

function arrayLiteral<Row>(
  type: ColumnType,
  read: (row: Row) => ColumnValue,
  rows: readonly Row[],
): string {
  const write = ELEMENT[type]
  let literal = ''
  for (const row of rows) {
    const value = read(row)
    literal += value === null || value === undefined ? ',NULL' : `,${write(value)}`
  }
  return `{${literal.slice(1)}}`
}

type Value = NonNullable<ColumnValue>

/** Writes a value as an element of an array literal; only texts can hold what needs quotes. */
const ELEMENT: Readonly<Record<ColumnType, (value: Value) => string>> = {
  uuid: String,
  int2: String,
  int8: String,
  text: (value) => quote(String(value)),
  'text[]': (value) => quote(textArray(value as string[])),
  timestamptz: (value) => instant(value as Date),
  bytea: (value) => `"\\\\x${(value as Buffer).toString('hex')}"`,
  // JSON twice: its escapes of a text without control characters are those of an array literal.
  json: (value) => JSON.stringify(json(value)),
  jsonb: (value) => JSON.stringify(json(value)),
}

let latestMs = Number.NaN
let latestText = ''

/** An instant in ISO 8601; the instants of a batch are mostly the same few. */
function instant(at: Date): string {
  const ms = at.getTime()
  if (ms !== latestMs) {
    latestText = at.toISOString()
    latestMs = ms
  }
  return latestText
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
