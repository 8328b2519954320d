import { sql } from 'drizzle-orm'
import { firstIdAt } from '../core/id.ts'
import { available } from '../store/available.ts'
import { textArray, unnest } from '../store/batch.ts'
import type { Store } from '../store/open.ts'
import { type StoredCallback, sealRequest } from './stored-callback.ts'

/** What the database made of a callback; `gone`: the one that it repeats was deleted meanwhile. */
export type Written = 'stored' | 'repeated' | 'replayed' | 'gone'

/**
 * Stores callbacks that have not been stored before, in one statement.
 *
 * @returns what became of each, by its id
 * @throws {GatewayError} `storage_unavailable`
 */
export async function insertCallbacks(
  store: Store,
  callbacks: readonly StoredCallback[],
): Promise<ReadonlyMap<string, Written>> {
  // Always in one order: two gateways must not wait for each other.
  const sorted = [...callbacks].sort((a, b) => (a.onceKey < b.onceKey ? -1 : 1))
  const rows = unnest<StoredCallback>(
    'v',
    {
      id: ['uuid', ({ id }) => id],
      carrier: ['text', ({ carrier }) => carrier],
      kind: ['text', ({ request }) => request.kind],
      received_at: ['timestamptz', ({ receivedAt }) => receivedAt],
      address: ['text', ({ address }) => address],
      request: ['text', (callback) => sealRequest(store.cipher, callback)],
      digest: ['text', ({ digest }) => digest],
      once_key: ['text', ({ onceKey }) => onceKey],
    },
    sorted,
  )
  const inserted = await available(
    store.query<{ id: string }>(sql`
      insert into provider_callbacks
        (id, carrier, kind, received_at, address, request, digest, once_key, state)
      select v.id, v.carrier, v.kind, v.received_at, v.address, v.request, v.digest, v.once_key, 'pending'
      from ${rows}
      on conflict (carrier, once_key) do nothing
      returning id`),
  )
  const written = new Map<string, Written>(inserted.map(({ id }) => [id, 'stored']))
  const others = sorted.filter(({ id }) => !written.has(id))
  if (others.length > 0) await compareWithStored(store, others, written)
  return written
}

/** A second statement: what the first one has inserted is not seen by itself. */
async function compareWithStored(
  store: Store,
  callbacks: readonly StoredCallback[],
  written: Map<string, Written>,
): Promise<void> {
  const rows = unnest<StoredCallback>(
    'v',
    {
      id: ['uuid', ({ id }) => id],
      carrier: ['text', ({ carrier }) => carrier],
      digest: ['text', ({ digest }) => digest],
      once_key: ['text', ({ onceKey }) => onceKey],
    },
    callbacks,
  )
  const found = await available(
    store.query<{ id: string; is_same: boolean }>(sql`
      select v.id, c.digest = v.digest as is_same
      from ${rows}
      join provider_callbacks c on c.carrier = v.carrier and c.once_key = v.once_key`),
  )
  const isSame = new Map(found.map(({ id, is_same }) => [id, is_same]))
  for (const { id } of callbacks) {
    const same = isSame.get(id)
    written.set(id, same === undefined ? 'gone' : same ? 'repeated' : 'replayed')
  }
}

/** A callback that has not been taken. */
export interface PendingRow {
  readonly id: string
  /** Of its stored form. */
  readonly octets: number
}

/** Callbacks after an id that are still to be taken, oldest first. */
export function pendingAfter(store: Store, id: string, limit: number): Promise<PendingRow[]> {
  return store.query<PendingRow>(sql`
    select id, octet_length(request) as octets from provider_callbacks
    where state = 'pending' and id > ${id}::text::uuid order by id limit ${limit}`)
}

/** A stored callback, its request as it is stored. */
export interface CallbackRow {
  readonly id: string
  readonly carrier: string
  readonly kind: string
  readonly request: string
}

/** Those of the ids that are still to be taken, oldest first. */
export function readPending(store: Store, ids: readonly string[]): Promise<CallbackRow[]> {
  return store.query<CallbackRow>(sql`
    select id, carrier, kind, request from provider_callbacks
    where id = any(${textArray(ids)}::text::uuid[]) and state = 'pending' order by id`)
}

/** What has become of a callback. */
export interface Mark {
  readonly id: string
  /** Null: it was taken. */
  readonly error: string | null
  readonly at: Date
}

/** Writes down what has become of callbacks. */
export async function markCallbacks(store: Store, marks: readonly Mark[]): Promise<void> {
  const rows = unnest<Mark>(
    'v',
    {
      id: ['uuid', ({ id }) => id],
      state: ['text', ({ error }) => (error === null ? 'done' : 'failed')],
      error: ['text', ({ error }) => error],
      taken_at: ['timestamptz', ({ error, at }) => (error === null ? at : null)],
    },
    marks,
  )
  await store.query(sql`
    update provider_callbacks c set state = v.state, error = v.error, taken_at = v.taken_at
    from ${rows} where c.id = v.id`)
}

/** Rows of one batch that is deleted. */
const PAGE = 1_000

/** Deletes a batch of callbacks that came before an instant, and gives how many; none that is still to be taken. */
export async function deleteCallbacks(store: Store, before: Date): Promise<number> {
  const rows = await store.query(sql`
    delete from provider_callbacks
    where id = any(array(
      select id from provider_callbacks
      where id < ${firstIdAt(before)}::text::uuid and state <> 'pending'
      order by id limit ${PAGE}))
    returning id`)
  return rows.length
}
