import { and, desc, eq, lt, type SQL, sql } from 'drizzle-orm'
import { GatewayError } from '../core/errors.ts'
import { available } from '../store/available.ts'
import type { Store } from '../store/open.ts'
import { providerCallbacks } from '../store/schema/callbacks.ts'
import type { CallbackTaker } from './callback-taker.ts'

/** How far a callback has come. */
export type CallbackState = 'pending' | 'done' | 'failed'

/** What is known of a stored callback, without what it says. */
export interface CallbackRecord {
  readonly id: string
  readonly carrier: string
  readonly kind: string
  readonly state: string
  readonly error: string | null
  readonly address: string | null
  readonly received_at: Date
  readonly taken_at: Date | null
}

/** Which callbacks to list. */
export interface CallbackFilter {
  readonly carrier?: string | undefined
  readonly state?: CallbackState | undefined
  /** Only callbacks older than this id: the last one of the page before. */
  readonly before?: string | undefined
  readonly limit: number
}

/** Written out: the planner finds the index of what is not done by it. */
const IN_STATE: Readonly<Record<CallbackState, SQL>> = {
  pending: sql`state = 'pending'`,
  done: sql`state = 'done'`,
  failed: sql`state = 'failed'`,
}

const SHOWN = {
  id: providerCallbacks.id,
  carrier: providerCallbacks.carrier,
  kind: providerCallbacks.kind,
  state: providerCallbacks.state,
  error: providerCallbacks.error,
  address: providerCallbacks.address,
  received_at: providerCallbacks.received_at,
  taken_at: providerCallbacks.taken_at,
}

/** Reads the callbacks of providers for operators; every method throws `storage_unavailable`. */
export class CallbackArchive {
  readonly #store: Store
  readonly #taker: CallbackTaker

  constructor(store: Store, taker: CallbackTaker) {
    this.#store = store
    this.#taker = taker
  }

  /** Newest first. */
  async list(filter: CallbackFilter): Promise<CallbackRecord[]> {
    const { carrier, state, before, limit } = filter
    const table = providerCallbacks
    return available(
      this.#store.db
        .select(SHOWN)
        .from(table)
        .where(
          and(
            carrier === undefined ? undefined : eq(table.carrier, carrier),
            state && IN_STATE[state],
            before === undefined ? undefined : lt(table.id, before),
          ),
        )
        .orderBy(desc(table.id))
        .limit(limit),
    )
  }

  /**
   * Has a failed callback taken again, soon.
   *
   * @throws {GatewayError} `not_found`, `callback_not_failed`
   */
  async replay(id: string): Promise<CallbackRecord> {
    const { db } = this.#store
    const table = providerCallbacks
    const [row] = await available(
      db
        .update(table)
        .set({ state: 'pending', error: null })
        .where(and(eq(table.id, id), IN_STATE.failed))
        .returning(SHOWN),
    )
    if (row) {
      this.#taker.lookSoon()
      return row
    }
    const [found] = await available(db.select(SHOWN).from(table).where(eq(table.id, id)))
    if (!found) throw new GatewayError('not_found', `there is no callback with the id "${id}"`)
    throw new GatewayError('callback_not_failed', `the callback ${id} is ${found.state}`)
  }
}
