const NEEDS_QUOTES = /[",\r\n]/

/** What a cell of a CSV holds; null is an empty one. */
export type CsvValue = string | number | null

/** Rows as CSV, RFC 4180: the names of the columns first, every line ended by CR LF. */
export function csvOf(columns: readonly string[], rows: readonly (readonly CsvValue[])[]): string {
  return [columns, ...rows].map((row) => `${row.map(cellOf).join(',')}\r\n`).join('')
}

function cellOf(value: CsvValue): string {
  const text = value === null ? '' : String(value)
  return NEEDS_QUOTES.test(text) ? `"${text.replaceAll('"', '""')}"` : text
}
