import { sql } from 'drizzle-orm'
import { messageOf } from '../core/errors.ts'
import type { Logger } from '../core/logger.ts'
import type { Store } from './open.ts'

const LOOK_EVERY_MS = 60_000

/** Writes of the tables after which a quiet minute is used, and after which it is not waited for. */
const WRITES_FOR_QUIET = 20
const WRITES_AT_MOST = 200

/** How {@link Upkeep} is built. */
export interface UpkeepOptions {
  readonly store: Store
  /** How often the tables have been written; it only grows. */
  readonly writes: () => number
  readonly logger: Logger
}

/**
 * Does for the embedded database what autovacuum does on a server: PGlite has no process for it. Without
 * it every claim of waiting messages reads through the remains of all that ever waited.
 *
 * It takes about a second for 40,000 messages, in which nothing else runs, so it prefers quiet minutes.
 */
export class Upkeep {
  readonly #options: UpkeepOptions
  #timer: NodeJS.Timeout | undefined
  #working: Promise<void> = Promise.resolve()
  #writesThen = 0
  #writesSeen = 0

  constructor(options: UpkeepOptions) {
    this.#options = options
  }

  start(): void {
    this.#timer = setInterval(() => {
      this.#working = this.look().catch((error: unknown) =>
        this.#options.logger.error({ error: messageOf(error) }, 'cannot vacuum the database'),
      )
    }, LOOK_EVERY_MS).unref()
  }

  /** Vacuums if it is time; called once a minute. */
  async look(): Promise<void> {
    const writes = this.#options.writes()
    const isQuiet = writes === this.#writesSeen
    this.#writesSeen = writes
    const due = writes - this.#writesThen
    if (due < WRITES_FOR_QUIET || (!isQuiet && due < WRITES_AT_MOST)) return
    await this.#options.store.query(sql`vacuum (analyze)`)
    this.#writesThen = writes
  }

  async close(): Promise<void> {
    clearInterval(this.#timer)
    await this.#working
  }
}
