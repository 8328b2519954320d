/** How a text begins that a spreadsheet takes for a formula. */
const FORMULA = /^[=+\-@\t\r]/

/**
 * A sign and digits compute nothing but themselves: amounts below zero, and numbers of recipients with their plus,
 * masked at the end or not.
 */
const PLAIN_NUMBER = /^[+-]?\d+(?:\.\d+|\*+)?$/

const NEEDS_QUOTES = /[",\r\n]|^\s|\s$/

/** What a cell of a CSV holds; null is an empty one. */
export type CsvValue = string | number | null

/** Rows as CSV, RFC 4180: the names of the columns first, every line ended by CR LF. */
export function csvOf(columns: readonly string[], rows: readonly (readonly CsvValue[])[]): string {
  return [columns, ...rows].map((row) => `${row.map(csvCell).join(',')}\r\n`).join('')
}

/**
 * A value as a cell of CSV.
 *
 * A text that a spreadsheet would take for a formula gets an apostrophe in front: senders, references and
 * identifiers come from others, who must not have it compute anything for whoever opens the file.
 *
 * @see OWASP, CSV Injection
 */
export function csvCell(value: CsvValue): string {
  const plain = value === null ? '' : String(value)
  const text = FORMULA.test(plain) && !PLAIN_NUMBER.test(plain) ? `'${plain}` : plain
  return NEEDS_QUOTES.test(text) ? `"${text.replaceAll('"', '""')}"` : text
}
