import type { SQL } from 'drizzle-orm'
import type { Database, Store } from './open.ts'

/**
 * The statements of one transaction, each sent without waiting for the answers to those before it;
 * the database works on them in the order in which they came.
 *
 * A transaction then takes as many round trips as it has answers to wait for, not as many as it has
 * statements. Await {@link done} before the transaction ends: a commit after a statement that failed
 * is a silent rollback.
 */
export class Pipeline {
  readonly #store: Store
  readonly #tx: Database
  /** Rejects with what failed first: what comes after it only says that the transaction is aborted. */
  #all: Promise<unknown> = Promise.resolve()

  constructor(store: Store, tx: Database) {
    this.#store = store
    this.#tx = tx
  }

  /** Sends a statement that has no rows to give; {@link done} tells whether it succeeded. */
  write(statement: SQL): void {
    void this.#send(statement)
  }

  /** Sends a statement and gives its rows, once everything sent before has succeeded as well. */
  async read<Row extends object>(statement: SQL): Promise<Row[]> {
    const rows = this.#send<Row>(statement)
    await this.#all
    return rows
  }

  /** Resolves when everything has succeeded; rejects with the first failure. */
  async done(): Promise<void> {
    await this.#all
  }

  #send<Row extends object>(statement: SQL): Promise<Row[]> {
    const rows = this.#store.query<Row>(statement, this.#tx)
    this.#all = this.#all.then(() => rows)
    // Whoever awaits them learns of a failure; until then it is no unhandled rejection.
    rows.catch(() => {})
    this.#all.catch(() => {})
    return rows
  }
}
