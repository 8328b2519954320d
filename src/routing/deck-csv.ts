import { type CsvRow, CsvRows } from '../core/csv-rows.ts'
import { formatMicros } from '../core/money.ts'
import { atOnce } from '../core/turns.ts'
import {
  CellFault,
  EVERYWHERE,
  readCurrency,
  readEffectiveFrom,
  readMcc,
  readMnc,
  readNetwork,
  readPrefix,
  readPrice,
} from './deck-cells.ts'
import { type DeckColumns, readHeader } from './deck-columns.ts'
import { destinationNumber, destinationOf, type RateDeck } from './rate-deck.ts'
import { RateTable } from './rate-table.ts'

/** One thing to put right in a deck. */
export interface DeckMistake {
  /** From 1, as an editor counts. */
  readonly line: number
  /** Name of the column as the deck has it; null: the whole row. */
  readonly column: string | null
  /** The cell as it stands there, shortened; null: none. */
  readonly value: string | null
  /** What is wrong and what would be right. */
  readonly message: string
}

/** What was read of a deck. */
export interface DeckReading {
  /** The rows without a mistake. */
  readonly deck: RateTable
  /** Rows below the first, without the empty ones. */
  readonly rows: number
  /** At most {@link MAX_LISTED_MISTAKES}. */
  readonly mistakes: readonly DeckMistake[]
  readonly mistakeCount: number
  /** Columns that say nothing to us. */
  readonly ignoredColumns: readonly string[]
}

/** Mistakes of one deck that are listed; all are counted. */
export const MAX_LISTED_MISTAKES = 1_000

/** Rates in one deck. */
export const MAX_ROWS = 1_000_000

/** Rates of one destination, at different times. */
const MAX_DATES = 100

const LINES = 4_096
const LINES_SHIFT = 12

const MAX_SHOWN_CHARACTERS = 40

/** Different prices and dates whose reading is remembered. */
const MAX_MEMORY = 20_000

/**
 * Reads a rate deck in CSV as it comes, in pieces of any length.
 *
 * The first row names the columns (`deck-columns.ts`); comma, semicolon or tab separates them. Every
 * mistake is told with its line; a mistake in one row does not hide those of others.
 */
export class DeckCsvParser {
  readonly #csv = new CsvRows((row) => this.#takeCells(row))
  #line = 0
  #rows = 0
  #columns: DeckColumns | undefined
  #names: readonly string[] = []
  #ignored: readonly string[] = []
  readonly #table = new RateTable()
  /** The line of each row of the table. */
  readonly #lines: Int32Array[] = []
  readonly #mistakes: DeckMistake[] = []
  #mistakeCount = 0
  readonly #prices = new Map<string, bigint | CellFault>()
  readonly #instants = new Map<string, number | CellFault>()

  /** Takes the next piece, with a pause every few rows. */
  take(text: string): Generator<void, void> {
    return this.#csv.take(text)
  }

  /** Takes the end of the file and gives all that was read. */
  *end(): Generator<void, DeckReading> {
    this.#csv.end()
    yield
    if (this.#rows === 0 && this.#mistakeCount === 0) {
      this.#line = 1
      this.#complain(
        null,
        null,
        'the deck is empty: write a row of column names and one rate at least',
      )
    }
    return {
      deck: this.#table,
      rows: this.#rows,
      mistakes: this.#mistakes,
      mistakeCount: this.#mistakeCount,
      ignoredColumns: this.#ignored,
    }
  }

  #takeCells(row: CsvRow): void {
    this.#line = row.line
    if (row.fault !== undefined && (row.isEnd || !this.#columns)) this.#giveUp(row.fault)
    else if (this.#columns) this.#takeRow(row, this.#columns)
    else this.#takeHeader(row.cells ?? [])
  }

  #takeHeader(cells: readonly string[]): void {
    const header = readHeader(cells)
    if (typeof header === 'string') {
      this.#giveUp(header)
      return
    }
    this.#columns = header.columns
    this.#names = header.names
    this.#ignored = header.ignored
  }

  #takeRow({ cells, fault }: CsvRow, columns: DeckColumns): void {
    if (this.#rows === MAX_ROWS) {
      this.#giveUp(`a deck may have ${MAX_ROWS} rates at most: the rest was not read`)
      return
    }
    this.#rows++
    if (fault !== undefined) {
      this.#complain(null, null, fault)
      return
    }
    if (cells.length !== this.#names.length) {
      const wanted = this.#names.length
      this.#complain(
        null,
        null,
        `has ${cells.length} columns: write ${wanted}, as the first row has`,
      )
      return
    }
    const before = this.#mistakeCount
    const prefix = this.#prefixOf(cells, columns)
    const network = this.#networkOf(cells, columns)
    const price = this.#remembered(cells, columns.price, this.#prices, readPrice)
    const currency = this.#read(cells, columns.currency, readCurrency)
    const from =
      columns.effectiveFrom < 0
        ? 0
        : this.#remembered(cells, columns.effectiveFrom, this.#instants, readEffectiveFrom)
    if (this.#mistakeCount > before) return
    if (prefix === null && network === null) {
      this.#complain(
        null,
        null,
        `has no destination: write a prefix, a network, or * as the prefix`,
      )
    } else if (prefix !== null && network !== null) {
      this.#complain(null, null, 'has a prefix and a network: write one of them, in a row each')
    } else if (price !== null && currency !== null && from !== null) {
      this.#add(destinationNumber(prefix, network), price, currency, from)
    }
  }

  #add(destination: number, priceMicros: bigint, currency: string, fromMs: number): void {
    const { rates } = this.#table
    const known = this.#table.rowOf(destination, fromMs)
    if (known >= 0 && rates.fromAt(known) === fromMs) {
      const { prefix, network } = destinationOf(destination)
      const what = network === null ? 'prefix' : 'network'
      const line = this.#lines[known >> LINES_SHIFT]?.[known & (LINES - 1)]
      const message = `${what} with the same effective_from stands in line ${line}: leave one of them`
      this.#complain(what, network ?? (prefix || EVERYWHERE), message)
      return
    }
    if (fromMs !== 0 && this.#table.countOf(destination) > MAX_DATES) {
      this.#complain(null, null, `is one of more than ${MAX_DATES} dates of one destination`)
      return
    }
    const row = rates.length
    if (row % LINES === 0) this.#lines.push(new Int32Array(LINES))
    ;(this.#lines[row >> LINES_SHIFT] as Int32Array)[row & (LINES - 1)] = this.#line
    this.#table.add(destination, priceMicros, currency, fromMs)
  }

  #prefixOf(cells: readonly string[], { prefix }: DeckColumns): string | null {
    return prefix < 0 || cells[prefix] === '' ? null : this.#read(cells, prefix, readPrefix)
  }

  #networkOf(cells: readonly string[], { mccmnc, mcc, mnc }: DeckColumns): string | null {
    if (mccmnc >= 0) return cells[mccmnc] === '' ? null : this.#read(cells, mccmnc, readNetwork)
    if (mcc < 0 || (cells[mcc] === '' && cells[mnc] === '')) return null
    const country = this.#read(cells, mcc, readMcc)
    const network = this.#read(cells, mnc, readMnc)
    return country === null || network === null ? null : country + network
  }

  /** What a cell says; null where that is a mistake, which is told. */
  #read<Value>(
    cells: readonly string[],
    index: number,
    read: (text: string) => Value | CellFault,
  ): Value | null {
    const text = cells[index] ?? ''
    return this.#judged(index, text, read(text))
  }

  #remembered<Value>(
    cells: readonly string[],
    index: number,
    memory: Map<string, Value | CellFault>,
    read: (text: string) => Value | CellFault,
  ): Value | null {
    const text = cells[index] ?? ''
    let value = memory.get(text)
    if (value === undefined) {
      value = read(text)
      if (memory.size < MAX_MEMORY) memory.set(text, value)
    }
    return this.#judged(index, text, value)
  }

  #judged<Value>(index: number, text: string, value: Value | CellFault): Value | null {
    if (!(value instanceof CellFault)) return value
    this.#complain(this.#names[index] ?? null, text, value.reason)
    return null
  }

  #complain(column: string | null, value: string | null, message: string): void {
    this.#mistakeCount++
    if (this.#mistakes.length >= MAX_LISTED_MISTAKES) return
    this.#mistakes.push({ line: this.#line, column, value: value && shortened(value), message })
  }

  /** Nothing more is read after this. */
  #giveUp(message: string): void {
    this.#complain(null, null, message)
    this.#csv.stop()
  }
}

/** Reads a whole deck at once. */
export function readDeckCsv(text: string): DeckReading {
  const parser = new DeckCsvParser()
  atOnce(parser.take(text))
  return atOnce(parser.end())
}

/** Writes a deck as CSV, in pieces of some hundred rows. */
export function* deckCsv({ rates }: RateDeck): Generator<string, void> {
  let piece = 'prefix,mccmnc,price,currency,effective_from\n'
  let row = 0
  for (const { prefix, network, priceMicros, currency, effectiveFromMs } of rates) {
    const from = effectiveFromMs === 0 ? '' : dateText(effectiveFromMs)
    piece += `${prefix === '' ? EVERYWHERE : (prefix ?? '')},${network ?? ''},${formatMicros(priceMicros)},${currency},${from}\n`
    if (++row % 250 === 0) {
      yield piece
      piece = ''
    }
  }
  if (piece !== '') yield piece
}

/** An instant as a deck has it: a date where it begins a day. */
export function dateText(ms: number): string {
  return new Date(ms)
    .toISOString()
    .replace(/\.\d{3}Z$/, 'Z')
    .replace('T00:00:00Z', '')
}

function shortened(text: string): string {
  return text.length > MAX_SHOWN_CHARACTERS ? `${text.slice(0, MAX_SHOWN_CHARACTERS)}…` : text
}
