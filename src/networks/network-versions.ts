import { promisify } from 'node:util'
import { gunzip, gzip } from 'node:zlib'
import { and, desc, eq, sql } from 'drizzle-orm'
import type { Clock } from '../core/clock.ts'
import { newId } from '../core/id.ts'
import { available } from '../store/available.ts'
import type { Store } from '../store/open.ts'
import { networkVersions } from '../store/schema/networks.ts'

/** What a file is about, see `store/schema/networks.ts`. */
export type NetworkKind = 'ranges' | 'operators' | 'names' | 'ported'

/** A file that was taken in. */
export interface NetworkVersion {
  readonly id: string
  readonly kind: NetworkKind
  readonly createdAt: Date
  readonly source: string
  readonly sha256: string
  readonly rowCount: number
}

/** What a new version is made of. */
export interface NewNetworkVersion
  extends Pick<NetworkVersion, 'kind' | 'source' | 'sha256' | 'rowCount'> {
  /** The whole table in our own form; null for `ported`. */
  readonly text: string | null
}

/** Versions kept of each kind; older ones are deleted. */
const KEPT_VERSIONS = 20

const pack = promisify(gzip)
const unpack = promisify(gunzip)

const COLUMNS = {
  id: networkVersions.id,
  kind: networkVersions.kind,
  createdAt: networkVersions.created_at,
  source: networkVersions.source,
  sha256: networkVersions.sha256,
  rowCount: networkVersions.row_count,
}

/** The versions of the tables about networks in the database; the newest of each kind counts. */
export class NetworkVersions {
  readonly #store: Store
  readonly #clock: Clock

  constructor(store: Store, clock: Clock) {
    this.#store = store
    this.#clock = clock
  }

  /** Every version that is kept, newest first. */
  async list(): Promise<NetworkVersion[]> {
    const rows = await available(
      this.#store.db.select(COLUMNS).from(networkVersions).orderBy(desc(networkVersions.id)),
    )
    return rows.map((row) => ({ ...row, kind: row.kind as NetworkKind }))
  }

  /** The version that counts; undefined: there is none yet. */
  async newest(kind: NetworkKind): Promise<NetworkVersion | undefined> {
    const [row] = await this.#store.db
      .select(COLUMNS)
      .from(networkVersions)
      .where(eq(networkVersions.kind, kind))
      .orderBy(desc(networkVersions.id))
      .limit(1)
    return row && { ...row, kind }
  }

  /** True when this very file was the last one of its kind that came from a file. */
  async isKnown(kind: NetworkKind, sha256: string, source: string): Promise<boolean> {
    const [row] = await this.#store.db
      .select({ sha256: networkVersions.sha256 })
      .from(networkVersions)
      .where(and(eq(networkVersions.kind, kind), eq(networkVersions.source, source)))
      .orderBy(desc(networkVersions.id))
      .limit(1)
    return row?.sha256 === sha256
  }

  /** The text of a version; undefined where there is none. */
  async textOf(id: string): Promise<string | undefined> {
    const [row] = await available(
      this.#store.db
        .select({ content: networkVersions.content })
        .from(networkVersions)
        .where(eq(networkVersions.id, id)),
    )
    return row?.content ? (await unpack(row.content)).toString('utf8') : undefined
  }

  /** Stores a version, which counts from now on, and deletes the oldest. */
  async add({ text, ...version }: NewNetworkVersion): Promise<NetworkVersion> {
    const id = newId()
    const createdAt = this.#clock()
    const { kind, source, sha256, rowCount } = version
    const row = {
      id,
      kind,
      created_at: createdAt,
      source,
      sha256,
      row_count: rowCount,
      content: text === null ? null : await pack(text),
    }
    await available(this.#store.db.insert(networkVersions).values(row))
    await this.#prune(kind)
    return { id, createdAt, kind, source, sha256, rowCount }
  }

  async #prune(kind: NetworkKind): Promise<void> {
    await available(
      this.#store.query(sql`
        delete from network_versions
        where kind = ${kind} and id not in (
          select id from network_versions where kind = ${kind} order by id desc
          limit ${KEPT_VERSIONS})`),
    )
  }
}
