import { type SQL, sql } from 'drizzle-orm'
import { available } from '../store/available.ts'
import type { Store } from '../store/open.ts'

/** Whose prices a deck has: what a carrier charges, or what a tenant pays. */
export type DeckOwnerKind = 'carrier' | 'tenant'

/** One imported deck, without its rates. */
export interface DeckRecord {
  readonly kind: DeckOwnerKind
  readonly owner: string
  readonly version: number
  readonly importedAt: Date
  readonly note: string
  readonly rows: number
}

/** Names the rows of one deck. */
export type DeckName = Pick<DeckRecord, 'kind' | 'owner' | 'version'>

interface RecordRow {
  readonly owner_kind: DeckOwnerKind
  readonly owner: string
  readonly version: number
  readonly imported_at: Date | string
  readonly note: string
  readonly rows: number
}

/** The deck of each owner that counts. */
export async function latestDecks(store: Store): Promise<DeckRecord[]> {
  const rows = await store.query<RecordRow>(sql`
    select distinct on (owner_kind, owner) * from rate_decks
    order by owner_kind, owner, version desc`)
  return rows.map(recordOf)
}

/** Every deck of one owner, the latest first. */
export async function decksOf(
  store: Store,
  kind: DeckOwnerKind,
  owner: string,
): Promise<DeckRecord[]> {
  const rows = await store.query<RecordRow>(sql`
    select * from rate_decks where owner_kind = ${kind} and owner = ${owner}
    order by version desc`)
  return rows.map(recordOf)
}

/** The stored content of a deck, part by part. */
export async function* partsOf(store: Store, deck: DeckName): AsyncGenerator<Buffer, void> {
  for (let part = 0; ; part++) {
    const [row] = await available(
      store.query<{ content: string }>(sql`
        select encode(content, 'base64') as content from rate_deck_parts
        where ${ofDeck(deck)} and part = ${part}`),
    )
    if (!row) return
    yield Buffer.from(row.content, 'base64')
  }
}

/** Writes a deck; it counts from the moment that its last statement is done. */
export async function insertDeck(
  store: Store,
  record: DeckRecord,
  parts: readonly Buffer[],
): Promise<void> {
  const { kind, owner, version, importedAt, note, rows } = record
  // What an import that has failed has left.
  await store.query(sql`delete from rate_deck_parts where ${ofDeck(record)}`)
  for (const [part, content] of parts.entries()) {
    await store.query(sql`
      insert into rate_deck_parts (owner_kind, owner, version, part, content)
      values (${kind}, ${owner}, ${version}, ${part},
        decode(${content.toString('base64')}, 'base64'))`)
  }
  await store.query(sql`
    insert into rate_decks (owner_kind, owner, version, imported_at, note, rows)
    values (${kind}, ${owner}, ${version}, ${importedAt.toISOString()}::timestamptz, ${note},
      ${rows})`)
}

/** Removes what imports have left that were cut short. */
export async function deleteUnfinished(store: Store): Promise<void> {
  await store.query(sql`
    delete from rate_deck_parts p where not exists (
      select from rate_decks d
      where d.owner_kind = p.owner_kind and d.owner = p.owner and d.version = p.version)`)
}

function ofDeck({ kind, owner, version }: DeckName): SQL {
  return sql`owner_kind = ${kind} and owner = ${owner} and version = ${version}`
}

function recordOf(row: RecordRow): DeckRecord {
  const { owner_kind: kind, owner, version, imported_at: at, note, rows } = row
  return { kind, owner, version, importedAt: new Date(at), note, rows }
}
