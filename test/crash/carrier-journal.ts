import { closeSync, existsSync, openSync, readFileSync, writeSync } from 'node:fs'
import type { ReceiptState } from './token.ts'

/** A submit_sm, written down before it is answered. */
export interface SubmitLine {
  readonly kind: 'submit'
  /** Which life of the carrier's process it came to, counted from 1. */
  readonly run: number
  /** Milliseconds since 1970. */
  readonly atMs: number
  /** The id in the answer; null: it is answered with "throttled" and not taken. */
  readonly id: string | null
  readonly from: string
  readonly to: string
  /** Undefined when the text has none: it is not from this laboratory. */
  readonly token: string | undefined
  /** Place in a long text, 1 of 1 for a short one. */
  readonly part: number
  readonly parts: number
  /** Reference number of the user data header; null in a short one. */
  readonly reference: number | null
  readonly wantsReceipt: boolean
  readonly stat: ReceiptState
}

/** A receipt that is about to be sent. */
export interface ReceiptLine {
  readonly kind: 'receipt'
  readonly run: number
  readonly atMs: number
  readonly id: string
  readonly stat: string
}

/** A receipt that the gateway has answered. */
export interface AnsweredLine {
  readonly kind: 'answered'
  readonly run: number
  readonly atMs: number
  readonly id: string
  readonly stat: string
  /** command_status; 0: the gateway has taken it over. */
  readonly status: number
}

/** What a simulated carrier remembers, beyond its own death. */
export type CarrierLine = SubmitLine | ReceiptLine | AnsweredLine

/** A file to which lines are appended, each at once and whole. */
export class CarrierJournal {
  readonly #file: number

  constructor(path: string) {
    this.#file = openSync(path, 'a')
  }

  /** Writes one line; when it returns the line outlives the process. */
  append(line: CarrierLine): void {
    writeSync(this.#file, `${JSON.stringify(line)}\n`)
  }

  close(): void {
    closeSync(this.#file)
  }
}

/** All lines of a journal; none when there is no file. A torn last line is left out. */
export function readCarrierJournal(path: string): CarrierLine[] {
  if (!existsSync(path)) return []
  const lines = readFileSync(path, 'utf8').split('\n')
  lines.pop()
  return lines.flatMap((line) => {
    try {
      return [JSON.parse(line) as CarrierLine]
    } catch {
      return []
    }
  })
}
