import { cellsOf } from './csv-cells.ts'

/** One row of a file that is not empty. */
export type CsvRow =
  | { readonly line: number; readonly cells: readonly string[]; readonly fault?: never }
  /** Why it cannot be read; with `isEnd` nothing after it is read either. */
  | {
      readonly line: number
      readonly cells?: never
      readonly fault: string
      readonly isEnd: boolean
    }

const MAX_LINE_CHARACTERS = 10_000

/** Lines between two pauses. */
const STEP = 64

const EMPTY_ROW = /^[\s,;]*$/

/**
 * Reads the rows of a CSV file as it comes, in pieces of any length.
 *
 * Comma, semicolon or tab separates the cells, the one of which the first row has most. Lines are counted from 1,
 * as an editor counts.
 */
export class CsvRows {
  readonly #onRow: (row: CsvRow) => void
  #rest = ''
  #line = 0
  #isOver = false
  #separator: string | undefined

  /** @param onRow - is given every row in its turn */
  constructor(onRow: (row: CsvRow) => void) {
    this.#onRow = onRow
  }

  /** Takes the next piece, with a pause every few rows. */
  *take(text: string): Generator<void, void> {
    const piece = this.#line === 0 && this.#rest === '' ? text.replace(/^\uFEFF/, '') : text
    const all = this.#rest + piece
    let start = 0
    while (!this.#isOver) {
      const end = all.indexOf('\n', start)
      if (end < 0) break
      this.#takeLine(all.slice(start, end > start && all[end - 1] === '\r' ? end - 1 : end))
      start = end + 1
      if (this.#line % STEP === 0) yield
    }
    this.#rest = this.#isOver ? '' : all.slice(start)
    if (this.#rest.length > MAX_LINE_CHARACTERS) this.#takeLine(this.#rest)
  }

  /** Takes the end of the file: the last line may have no end of its own. */
  end(): void {
    if (this.#rest !== '' && !this.#isOver) this.#takeLine(this.#rest.replace(/\r$/, ''))
  }

  /** Nothing more is read. */
  stop(): void {
    this.#isOver = true
    this.#rest = ''
  }

  #takeLine(text: string): void {
    const line = ++this.#line
    if (text.length > MAX_LINE_CHARACTERS) {
      const fault = `the line has more than ${MAX_LINE_CHARACTERS} characters: is this a CSV file?`
      this.stop()
      this.#onRow({ line, fault, isEnd: true })
    } else if (!EMPTY_ROW.test(text)) {
      this.#separator ??= separatorOf(text)
      const cells = cellsOf(text, this.#separator)
      this.#onRow(
        typeof cells === 'string' ? { line, fault: cells, isEnd: false } : { line, cells },
      )
    }
  }
}

/** The separator that a first row uses: the one of comma, semicolon and tab that it has most of. */
function separatorOf(firstRow: string): string {
  const outsideQuotes = firstRow.replace(/"[^"]*"/g, '')
  let best = ','
  let most = 0
  for (const separator of [',', ';', '\t']) {
    const count = outsideQuotes.split(separator).length - 1
    if (count > most) [best, most] = [separator, count]
  }
  return best
}
