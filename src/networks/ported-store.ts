import { type SQL, sql } from 'drizzle-orm'
import type { Clock } from '../core/clock.ts'
import { available } from '../store/available.ts'
import { textArray, unnest } from '../store/batch.ts'
import type { Store } from '../store/open.ts'

/** Rows read, and rows written, in one statement. */
const PAGE = 20_000

/** Ported numbers in the database. */
export class PortedStore {
  readonly #store: Store
  readonly #clock: Clock

  constructor(store: Store, clock: Clock) {
    this.#store = store
    this.#clock = clock
  }

  /** Reads all of them, a page at a time. */
  async *load(): AsyncGenerator<readonly { number: string; mccmnc: string }[], undefined> {
    let last = '0'
    for (;;) {
      const rows = await this.#store.query<{ number: string; mccmnc: string }>(sql`
        select number::text as number, mccmnc from ported_numbers
        where number > ${last}::text::int8
        order by ported_numbers.number
        limit ${PAGE}`)
      if (rows.length > 0) yield rows
      if (rows.length < PAGE) return undefined
      last = rows.at(-1)?.number ?? last
    }
  }

  /** Sets numbers, as digits without `+`, to their networks. */
  async put(numbers: readonly (readonly [string, string])[]): Promise<void> {
    if (numbers.length === 0) return
    const at = this.#clock()
    const rows = unnest<readonly [string, string]>(
      'v',
      {
        number: ['int8', ([number]) => number],
        mccmnc: ['text', ([, mccmnc]) => mccmnc],
        updated_at: ['timestamptz', () => at],
      },
      numbers,
    )
    await this.#run(sql`
      insert into ported_numbers (number, mccmnc, updated_at)
      select v.* from ${rows}
      on conflict (number) do update
        set mccmnc = excluded.mccmnc, updated_at = excluded.updated_at`)
  }

  async remove(numbers: readonly string[]): Promise<void> {
    if (numbers.length === 0) return
    await this.#run(sql`
      delete from ported_numbers where number = any(${textArray(numbers)}::text::int8[])`)
  }

  async #run(statement: SQL): Promise<void> {
    await available(this.#store.query(statement))
  }
}
