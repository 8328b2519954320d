const NEEDS_QUOTES = /[",\r\n]|^\s|\s$/

/** What a cell of a CSV holds; null is an empty one. */
export type CsvValue = string | number | null

/** Rows as CSV, RFC 4180: the names of the columns first, every line ended by CR LF. */
export function csvOf(columns: readonly string[], rows: readonly (readonly CsvValue[])[]): string {
  return [columns, ...rows].map((row) => `${row.map(csvCell).join(',')}\r\n`).join('')
}

/** A value as a cell of CSV. */
export function csvCell(value: CsvValue): string {
  const text = value === null ? '' : String(value)
  return NEEDS_QUOTES.test(text) ? `"${text.replaceAll('"', '""')}"` : text
}
