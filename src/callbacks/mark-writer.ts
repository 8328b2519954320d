import { messageOf } from '../core/errors.ts'
import type { Logger } from '../core/logger.ts'
import type { Store } from '../store/open.ts'
import { type Mark, markCallbacks } from './tables.ts'

/** How long marks are gathered, and how many at most: meanwhile a crash has those callbacks taken again. */
const GATHER_MS = 200
const MOST_GATHERED = 1_000

/** What a {@link MarkWriter} works with. */
export interface MarkWriterOptions {
  readonly store: Store
  /** Told of marks that are written. */
  readonly onWritten: (marks: readonly Mark[]) => void
  readonly logger: Logger
}

/** Writes down what has become of callbacks: many in one statement, and what could not be written again. */
export class MarkWriter {
  readonly #options: MarkWriterOptions
  #marks: Mark[] = []
  #timer: NodeJS.Timeout | undefined
  #writing: Promise<void> = Promise.resolve()

  constructor(options: MarkWriterOptions) {
    this.#options = options
  }

  /** Takes a mark, which is written a little later. */
  add(mark: Mark): void {
    this.#marks.push(mark)
    if (this.#marks.length % MOST_GATHERED === 0) void this.flush()
    else this.#timer ??= setTimeout(() => void this.flush(), GATHER_MS).unref()
  }

  /** Writes what is gathered; never rejects: what cannot be written is kept for the next time. */
  flush(): Promise<void> {
    clearTimeout(this.#timer)
    this.#timer = undefined
    this.#writing = this.#writing.then(() => this.#write())
    return this.#writing
  }

  async #write(): Promise<void> {
    const { store, onWritten, logger } = this.#options
    const marks = this.#marks
    if (marks.length === 0) return
    this.#marks = []
    try {
      await markCallbacks(store, marks)
    } catch (error) {
      logger.error({ error: messageOf(error) }, 'cannot write down which callbacks were taken')
      this.#marks = [...marks, ...this.#marks]
      return
    }
    onWritten(marks)
  }
}
