import type { SQL } from 'drizzle-orm'
import type { Database, Store } from '../../src/store/open.ts'

/** How a database lets its user down. */
export type Trouble =
  /** It does nothing and says so. */
  | 'away'
  /** It does what it is asked, and its answer is lost. */
  | 'answer_lost'
  /** It works, this time. */
  | 'nothing'

/** A store whose commits can fail, or be held, at any moment. */
export class Unsteady {
  readonly store: Store
  /** What is to befall the next commits, one each. */
  readonly ahead: Trouble[] = []
  /** What befalls every commit after those. */
  always: Trouble | undefined
  commits = 0
  gate: Promise<void> = Promise.resolve()

  constructor(store: Store) {
    const transaction = <T>(run: (tx: Database) => Promise<T>): Promise<T> =>
      this.#commit(() => store.db.transaction(run))
    const db = new Proxy(store.db, {
      get: (target, key) => (key === 'transaction' ? transaction : Reflect.get(target, key)),
    })
    this.store = {
      ...store,
      db,
      query: <Row extends object>(statement: SQL, on?: Database) =>
        on && on !== db
          ? store.query<Row>(statement, on)
          : this.#commit(() => store.query<Row>(statement)),
    }
  }

  async #commit<T>(run: () => Promise<T>): Promise<T> {
    this.commits++
    await this.gate
    const trouble = this.ahead.shift() ?? this.always
    if (trouble === 'away') throw away()
    const result = await run()
    if (trouble === 'answer_lost') throw away()
    return result
  }
}

function away(): Error {
  return new Error('query failed', {
    cause: Object.assign(new Error('connect ECONNREFUSED'), { code: 'ECONNREFUSED' }),
  })
}
