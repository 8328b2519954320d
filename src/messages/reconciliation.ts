import { GatewayError } from '../core/errors.ts'
import type { Money } from '../core/money.ts'
import { Slices, Turns } from '../core/turns.ts'
import type { LineMistakes } from '../routing/line-mistakes.ts'
import type { Store } from '../store/open.ts'
import { type BillColumnNames, type BillLine, CarrierBill, moneyOf } from './carrier-bill.ts'
import {
  findBilled,
  findUnfound,
  forgetFound,
  keyOfSubmit,
  noteFound,
  type OurSubmit,
  type ReconciledPeriod,
} from './reconciliation-tables.ts'
import type { TableWriter } from './table-writer.ts'

/** How a carrier's file and our submits may differ. */
export const DIFFERENCE_KINDS = [
  'theirs_not_ours',
  'ours_not_theirs',
  'double',
  'price_differs',
  'currency_differs',
  'segments_differ',
  'destination_differs',
] as const
/** One of them. */
export type DifferenceKind = (typeof DIFFERENCE_KINDS)[number]

/** One difference: what the carrier says, and what we do. */
export interface DifferenceExample {
  readonly line: BillLine | null
  readonly submit: OurSubmit | null
  /** What the submit costs by our rates, with all of its segments where the line is for all of them. */
  readonly ours: Money | null
  readonly ourSegments: number | null
}

/** All differences of one kind. */
export interface Differences {
  readonly kind: DifferenceKind
  readonly count: number
  readonly theirs: readonly Money[]
  readonly ours: readonly Money[]
  /** The first ones. */
  readonly examples: readonly DifferenceExample[]
}

/** What a comparison has found. */
export interface ReconciliationReport extends ReconciledPeriod {
  /** Of the file, without the first and the empty ones. */
  readonly lines: number
  readonly mistakes: LineMistakes
  /** Lines that name a submit of ours, each submit once; whatever else differs. */
  readonly matched: {
    readonly lines: number
    readonly theirs: readonly Money[]
    readonly ours: readonly Money[]
  }
  readonly differences: readonly Differences[]
  readonly isEqual: boolean
}

/** What is to be compared. */
export interface ReconciliationWish extends ReconciledPeriod {
  readonly columns: BillColumnNames
  /** Of all amounts, where the file has no column for it. */
  readonly currency: string | null
  /** Of each kind of difference. */
  readonly examples: number
}

/** What {@link Reconciliations} work with. */
export interface ReconciliationsOptions {
  readonly store: Store
  readonly tables: Pick<TableWriter, 'flush'>
  /** Gives the keys under which the submit of an id may be stored; undefined: there is no such carrier. */
  readonly keysFor: (carrier: string) => ((id: string) => readonly string[]) | undefined
}

/** Lines that are looked up at once. */
const BATCH = 1_000
/** Octets that are read between two pauses. */
const PIECE = 16_384

/** Compares what carriers say they have taken with what was submitted to them. */
export class Reconciliations {
  readonly #options: ReconciliationsOptions
  readonly #turns = new Turns()
  #last: Promise<unknown> = Promise.resolve()

  constructor(options: ReconciliationsOptions) {
    this.#options = options
  }

  /**
   * Compares a file as it comes; only some thousand lines of it are in memory. A second one waits for the first.
   *
   * @throws {GatewayError} `not_found` for an unknown carrier; `file_invalid` where the file cannot be read
   */
  compare(
    wish: ReconciliationWish,
    file: AsyncIterable<Uint8Array>,
  ): Promise<ReconciliationReport> {
    const keysOf = this.#options.keysFor(wish.carrier)
    if (!keysOf) {
      throw new GatewayError('not_found', `there is no carrier "${wish.carrier}"`, {
        pointer: '/carrier',
      })
    }
    const report = this.#last.then(() => this.#compare(wish, file, keysOf))
    this.#last = report.catch(() => {})
    return report
  }

  async #compare(
    wish: ReconciliationWish,
    file: AsyncIterable<Uint8Array>,
    keysOf: (id: string) => readonly string[],
  ): Promise<ReconciliationReport> {
    const { store, tables } = this.#options
    await tables.flush()
    // A run that was cut off may have left some.
    await forgetFound(store)
    try {
      const comparison = new Comparison(wish, store, keysOf)
      const bill = new CarrierBill(wish.columns, wish.currency)
      const slices = new Slices(this.#turns)
      const decoder = new TextDecoder()
      for await (const chunk of file) {
        for (let start = 0; start < chunk.length; start += PIECE) {
          const piece = chunk.subarray(start, start + PIECE)
          await slices.run(bill.take(decoder.decode(piece, { stream: true })))
          await slices.pause()
          if (bill.waiting >= BATCH) await comparison.take(bill.takeLines())
        }
      }
      await slices.run(bill.take(decoder.decode()))
      bill.end()
      await comparison.take(bill.takeLines())
      return await comparison.end(bill)
    } finally {
      await forgetFound(store)
    }
  }
}

/** Amounts by currency. */
class Sums {
  readonly #micros = new Map<string, bigint>()

  add(money: Money | null): void {
    if (!money) return
    this.#micros.set(money.currency, (this.#micros.get(money.currency) ?? 0n) + money.micros)
  }

  get list(): Money[] {
    return [...this.#micros]
      .map(([currency, micros]) => ({ currency, micros }))
      .sort((a, b) => (a.currency < b.currency ? -1 : 1))
  }
}

class Tally {
  count = 0
  readonly theirs = new Sums()
  readonly ours = new Sums()
  readonly examples: DifferenceExample[] = []

  add(example: DifferenceExample, most: number): void {
    this.count++
    this.theirs.add(example.line && moneyOf(example.line))
    this.ours.add(example.ours)
    if (this.examples.length < most) this.examples.push(example)
  }
}

/** One comparison, batch by batch. */
class Comparison {
  readonly #wish: ReconciliationWish
  readonly #store: Store
  readonly #keysOf: (id: string) => readonly string[]
  readonly #tallies = new Map(DIFFERENCE_KINDS.map((kind) => [kind, new Tally()]))
  readonly #matched = new Tally()

  constructor(wish: ReconciliationWish, store: Store, keysOf: (id: string) => readonly string[]) {
    this.#wish = wish
    this.#store = store
    this.#keysOf = keysOf
  }

  /** Looks lines up, {@link BATCH} at a time. */
  async take(lines: readonly BillLine[]): Promise<void> {
    for (let first = 0; first < lines.length; first += BATCH) {
      await this.#takeBatch(lines.slice(first, first + BATCH))
    }
  }

  async #takeBatch(lines: readonly BillLine[]): Promise<void> {
    const found = await findBilled(this.#store, this.#wish, lines, this.#keysOf)
    const matches = lines.map((line) => matchOf(line, found.get(line.line)))
    const fresh = await noteFound(
      this.#store,
      matches.flatMap((match) => (match ? segmentsOf(match) : [])),
    )
    for (const [index, line] of lines.entries()) {
      const match = matches[index]
      if (!match) {
        this.#note('theirs_not_ours', { line, submit: null, ours: null, ourSegments: null })
        continue
      }
      const { submit, ours, ourSegments } = match
      const example = { line, submit, ours, ourSegments }
      if (!fresh.has(keyOfSubmit(submit))) {
        this.#note('double', example)
        continue
      }
      // The first line that names a submit takes it.
      for (const each of segmentsOf(match)) fresh.delete(keyOfSubmit(each))
      this.#matched.add(example, 0)
      for (const kind of differencesOf(match)) this.#note(kind, example)
    }
  }

  /** Looks for what the file does not have. */
  async end({ lines, mistakes }: CarrierBill): Promise<ReconciliationReport> {
    const { carrier, from, before, examples: most } = this.#wish
    const unfound = await findUnfound(this.#store, this.#wish, most)
    const differences = [...this.#tallies].map(([kind, tally]): Differences => {
      const { count, theirs, ours, examples } = tally
      return { kind, count, theirs: theirs.list, ours: ours.list, examples }
    })
    const all = differences.map((each): Differences => {
      if (each.kind !== 'ours_not_theirs') return each
      const examples = unfound.examples.map((submit) => {
        return { line: null, submit, ours: submit.cost, ourSegments: 1 }
      })
      return { ...each, count: unfound.count, ours: unfound.sums, examples }
    })
    return {
      carrier,
      from,
      before,
      lines,
      mistakes,
      matched: {
        lines: this.#matched.count,
        theirs: this.#matched.theirs.list,
        ours: this.#matched.ours.list,
      },
      differences: all,
      isEqual: mistakes.count === 0 && all.every(({ count }) => count === 0),
    }
  }

  #note(kind: DifferenceKind, example: DifferenceExample): void {
    this.#tallies.get(kind)?.add(example, this.#wish.examples)
  }
}

/** A line with the submit that it names. */
interface Match {
  readonly line: BillLine
  readonly submit: OurSubmit
  /** The line is for all segments of the submit, though it names one. */
  readonly isForAll: boolean
  readonly ours: Money
  readonly ourSegments: number
}

/**
 * A carrier may have a line for each segment, or one for all with the id of one of them. Where it splits by itself, we
 * have submitted one piece, and it charges for the segments.
 */
function matchOf(line: BillLine, submit: OurSubmit | undefined): Match | undefined {
  if (!submit) return undefined
  const { cost, submitted, submitMicros, quotedSegments } = submit
  const isForAll = submitted > 1 && line.segments === submitted
  return {
    line,
    submit,
    isForAll,
    ours: isForAll ? { ...cost, micros: submitMicros } : cost,
    ourSegments: isForAll ? submitted : submitted === 1 ? (quotedSegments ?? 1) : 1,
  }
}

function segmentsOf({ submit, isForAll }: Match) {
  const { messageId, attempt, segment, submitted } = submit
  if (!isForAll) return [{ messageId, attempt, segment }]
  return Array.from({ length: submitted }, (_, index) => {
    return { messageId, attempt, segment: index + 1 }
  })
}

function differencesOf({ line, submit, ours, ourSegments }: Match): DifferenceKind[] {
  const kinds: DifferenceKind[] = []
  const theirs = moneyOf(line)
  if (theirs && theirs.currency !== ours.currency) kinds.push('currency_differs')
  else if (theirs && theirs.micros !== ours.micros) kinds.push('price_differs')
  if (line.segments !== null && line.segments !== ourSegments) kinds.push('segments_differ')
  if (line.to !== null && submit.to !== null && digitsOf(line.to) !== digitsOf(submit.to)) {
    kinds.push('destination_differs')
  }
  return kinds
}

/** A number in international form, however it is written. */
function digitsOf(number: string): string {
  return number.replace(/\D/g, '').replace(/^00/, '')
}
