import { type CsvRow, CsvRows } from '../core/csv-rows.ts'
import { GatewayError } from '../core/errors.ts'
import type { Money } from '../core/money.ts'
import { CellFault, readCurrency, readPrice } from '../routing/deck-cells.ts'
import { LineMistakes, shown } from '../routing/line-mistakes.ts'

/** What a column of a carrier's file of submits can be. */
export const BILL_COLUMNS = ['id', 'to', 'segments', 'amount', 'currency', 'at'] as const
/** One of them. */
export type BillColumn = (typeof BILL_COLUMNS)[number]
/** Names of columns in a file that are not the usual ones. */
export type BillColumnNames = Readonly<Partial<Record<BillColumn, string>>>

/** One line of a carrier's file: what it says it has taken from us. What the file has no column for is null. */
export interface BillLine {
  /** Counted from 1. */
  readonly line: number
  /** As the carrier spells it in responses or receipts. */
  readonly id: string
  readonly to: string | null
  readonly segments: number | null
  /** For all of the line. */
  readonly amount: bigint | null
  readonly currency: string | null
  readonly at: string | null
}

// Names in use for the same thing; compared in small letters, with "_" for all that is no letter or digit.
const NAMES: Readonly<Record<BillColumn, readonly string[]>> = {
  id: ['id', 'message_id', 'messageid', 'msg_id', 'msgid', 'smsc_id', 'smsc_message_id'],
  to: ['to', 'destination', 'destination_addr', 'recipient', 'msisdn', 'dest', 'number'],
  segments: ['segments', 'parts', 'sms_count', 'message_parts', 'units'],
  amount: ['amount', 'charge', 'cost', 'price', 'total'],
  currency: ['currency', 'currency_code', 'curr', 'ccy'],
  at: ['at', 'submitted_at', 'submit_time', 'timestamp', 'date'],
}

const MOST_SEGMENTS = 255

/** Reads a carrier's file as it comes, and gives its lines in their turn. */
export class CarrierBill {
  readonly mistakes = new LineMistakes()
  /** Lines below the first, without the empty ones. */
  lines = 0
  readonly #asked: BillColumnNames
  readonly #named: ReadonlyMap<string, BillColumn>
  readonly #csv = new CsvRows((row) => this.#take(row))
  readonly #currency: string | null
  #width = 0
  #columns: ReadonlyMap<BillColumn, number> | undefined
  #read: BillLine[] = []

  /**
   * @param columns - names of the file's columns, where they are not usual ones
   * @param currency - of all amounts, where the file has no column for it
   */
  constructor(columns: BillColumnNames, currency: string | null) {
    this.#asked = columns
    this.#named = namesOf(columns)
    this.#currency = currency
  }

  /** Takes the next piece, with a pause every few rows. */
  take(text: string): Generator<void, void> {
    return this.#csv.take(text)
  }

  /** Takes the end of the file. */
  end(): void {
    this.#csv.end()
    if (!this.#columns) throw fileInvalid('the file is empty: its first row names the columns')
  }

  /** How many lines were read and not given out yet. */
  get waiting(): number {
    return this.#read.length
  }

  /** Gives out what was read. */
  takeLines(): readonly BillLine[] {
    const lines = this.#read
    this.#read = []
    return lines
  }

  #take(row: CsvRow): void {
    if (!this.#columns) {
      if (row.fault !== undefined) throw fileInvalid(`line ${row.line} ${row.fault}`)
      this.#takeHeader(row.cells)
      return
    }
    this.lines++
    const found = row.fault ?? this.#lineOf(row.line, row.cells, this.#columns)
    if (typeof found === 'string') this.mistakes.add(row.line, found)
    else this.#read.push(found)
  }

  #takeHeader(cells: readonly string[]): void {
    const columns = new Map<BillColumn, number>()
    for (const [index, name] of cells.entries()) {
      const column = this.#named.get(plainName(name))
      if (column === undefined) continue
      const before = columns.get(column)
      if (before !== undefined) {
        throw fileInvalid(
          `the columns "${cells[before]}" and "${name}" are both "${column}": say which with columns=${column}=NAME`,
        )
      }
      columns.set(column, index)
    }
    for (const column of BILL_COLUMNS) {
      const name = this.#asked[column]
      if (name !== undefined && !columns.has(column)) {
        throw fileInvalid(`there is no column "${name}" for "${column}" in the first row`)
      }
    }
    if (!columns.has('id')) {
      throw fileInvalid(
        `the first row names no column of message ids (${NAMES.id.join(', ')}): say which with columns=id=NAME`,
      )
    }
    if (columns.has('amount') && !columns.has('currency') && this.#currency === null) {
      throw fileInvalid(
        'there are amounts and no column of their currency: say which with currency=EUR',
      )
    }
    this.#columns = columns
    this.#width = cells.length
  }

  /** A text says what is wrong. */
  #lineOf(
    line: number,
    cells: readonly string[],
    columns: ReadonlyMap<BillColumn, number>,
  ): BillLine | string {
    if (cells.length !== this.#width) {
      return `has ${cells.length} columns: there are ${this.#width} in the first row`
    }
    const cell = (column: BillColumn) => {
      const index = columns.get(column)
      return index === undefined ? null : (cells[index] ?? '')
    }
    const id = cell('id') ?? ''
    if (id === '') return 'has no message id'
    const amount = read(cell('amount'), readPrice)
    if (amount instanceof CellFault) return `amount ${shown(cell('amount'))} ${amount.reason}`
    const currency = read(cell('currency'), readCurrency)
    if (currency instanceof CellFault)
      return `currency ${shown(cell('currency'))} ${currency.reason}`
    const parts = cell('segments')
    const segments = parts === null ? null : Number(parts)
    if (
      segments !== null &&
      !(Number.isInteger(segments) && segments > 0 && segments <= MOST_SEGMENTS)
    ) {
      return `segments ${shown(parts)} is no number from 1 to ${MOST_SEGMENTS}`
    }
    return {
      line,
      id,
      to: cell('to'),
      segments,
      amount,
      currency: amount === null ? null : (currency ?? this.#currency),
      at: cell('at'),
    }
  }
}

/** The amount of a line; null: the file has none. */
export function moneyOf({ amount, currency }: BillLine): Money | null {
  return amount === null || currency === null ? null : { micros: amount, currency }
}

/**
 * Reads which column is what, for example `id=message_id,amount=charge`.
 *
 * @throws {GatewayError} `file_invalid`
 */
export function readBillColumns(text: string): BillColumnNames {
  const columns: Partial<Record<BillColumn, string>> = {}
  for (const pair of text.split(',').filter((each) => each.trim() !== '')) {
    const [column = '', name = ''] = pair.split('=').map((part) => part.trim())
    if (!isColumn(column) || name === '') {
      throw fileInvalid(
        `"${pair.trim()}" names no column: write ${BILL_COLUMNS.join(', ')}, "=" and the name in the file`,
      )
    }
    columns[column] = name
  }
  return columns
}

function isColumn(text: string): text is BillColumn {
  return BILL_COLUMNS.some((column) => column === text)
}

/** A column that was named is that one only. */
function namesOf(columns: BillColumnNames): Map<string, BillColumn> {
  return new Map(
    BILL_COLUMNS.flatMap((column) => {
      const own = columns[column]
      const names = own === undefined ? NAMES[column] : [plainName(own)]
      return names.map((name) => [name, column] as const)
    }),
  )
}

function read<Value>(text: string | null, by: (text: string) => Value | CellFault) {
  return text === null ? null : by(text)
}

function plainName(name: string): string {
  return name
    .toLowerCase()
    .replace(/[^a-z0-9]+/g, '_')
    .replace(/^_|_$/g, '')
}

function fileInvalid(message: string): GatewayError {
  return new GatewayError('file_invalid', message, { pointer: '/body' })
}
