import { and, desc, eq, inArray, lt, lte, notInArray, sql } from 'drizzle-orm'
import { inConfigVersion } from '../messages/sealing.ts'
import { available } from '../store/available.ts'
import type { Store } from '../store/open.ts'
import { configVersions } from '../store/schema/config-versions.ts'

/** Where a version comes from: the file at a start, the file as it changed, the API, an earlier version. */
export type VersionSource = 'start' | 'file' | 'api' | 'rollback'

/** One version of the configuration, without what it says. */
export interface VersionRecord {
  readonly number: number
  readonly at: Date
  readonly source: VersionSource
  /** The operator's key; null for the file. */
  readonly who: string | null
  readonly comment: string
  /** With `rollback`: the version that counts again; else null. */
  readonly rolledBackTo: number | null
}

/** One version with the document as it was written. */
export interface StoredVersion extends VersionRecord {
  readonly text: string
}

/** Versions that are kept, beside the newest of the file. */
const MOST_VERSIONS = 200

const FROM_FILE: readonly VersionSource[] = ['start', 'file']

const RECORD = {
  number: configVersions.number,
  at: configVersions.at,
  source: configVersions.source,
  who: configVersions.who,
  comment: configVersions.comment,
  rolledBackTo: configVersions.rolled_back_to,
}

/** The versions of the configuration in the database; texts are sealed there. */
export class VersionStore {
  readonly #store: Store

  constructor(store: Store) {
    this.#store = store
  }

  /** The version with the highest number; undefined before the first start. */
  async newest(): Promise<StoredVersion | undefined> {
    const [row] = await available(
      this.#store.db.select().from(configVersions).orderBy(desc(configVersions.number)).limit(1),
    )
    return row && this.#opened(row)
  }

  /** The newest version that is the file's. */
  async newestOfFile(): Promise<StoredVersion | undefined> {
    const [row] = await available(
      this.#store.db
        .select()
        .from(configVersions)
        .where(inArray(configVersions.source, [...FROM_FILE]))
        .orderBy(desc(configVersions.number))
        .limit(1),
    )
    return row && this.#opened(row)
  }

  async find(number: number): Promise<StoredVersion | undefined> {
    const [row] = await available(
      this.#store.db.select().from(configVersions).where(eq(configVersions.number, number)),
    )
    return row && this.#opened(row)
  }

  /** Versions below a number, newest first. */
  async list(limit: number, below: number): Promise<VersionRecord[]> {
    const rows = await available(
      this.#store.db
        .select(RECORD)
        .from(configVersions)
        .where(lt(configVersions.number, below))
        .orderBy(desc(configVersions.number))
        .limit(limit),
    )
    return rows.map((row) => ({ ...row, source: row.source as VersionSource }))
  }

  /** Stores a version under the next number, and forgets the oldest beyond {@link MOST_VERSIONS}. */
  async add(version: Omit<StoredVersion, 'number'>): Promise<StoredVersion> {
    const number = ((await this.list(1, 2 ** 31 - 1))[0]?.number ?? 0) + 1
    const { at, source, who, comment, rolledBackTo, text } = version
    const document = this.#store.cipher.seal(text, inConfigVersion(number))
    await available(
      this.#store.db
        .insert(configVersions)
        .values({ number, at, source, who, comment, document, rolled_back_to: rolledBackTo }),
    )
    await this.#forget(number - MOST_VERSIONS)
    return { ...version, number }
  }

  /** A start compares the file with the newest version of it, which may be old. */
  async #forget(upTo: number): Promise<void> {
    const ofFile = this.#store.db
      .select({ number: sql`max(${configVersions.number})` })
      .from(configVersions)
      .where(inArray(configVersions.source, [...FROM_FILE]))
    await available(
      this.#store.db
        .delete(configVersions)
        .where(and(lte(configVersions.number, upTo), notInArray(configVersions.number, ofFile))),
    )
  }

  #opened(row: typeof configVersions.$inferSelect): StoredVersion {
    const { number, at, source, who, comment, document, rolled_back_to: rolledBackTo } = row
    const text = this.#store.cipher.open(document, inConfigVersion(number))
    return { number, at, source: source as VersionSource, who, comment, rolledBackTo, text }
  }
}
