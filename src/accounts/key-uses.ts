import { sql } from 'drizzle-orm'
import { messageOf } from '../core/errors.ts'
import type { Logger } from '../core/logger.ts'
import { unnest } from '../store/batch.ts'
import type { Store } from '../store/open.ts'
import { keyUses } from '../store/schema/issued-keys.ts'

const SAVE_EVERY_MS = 60_000

/** The last use of a key. */
export interface KeyUse {
  readonly atMs: number
  /** Undefined: it came without a socket. */
  readonly address: string | undefined
}

interface NotedUse {
  atMs: number
  address: string | undefined
  isSaved: boolean
}

/** When and from where each key was last used: noted in memory, stored once a minute and at the end. */
export class KeyUses {
  readonly #store: Store
  readonly #logger: Logger
  readonly #uses = new Map<string, NotedUse>()
  #timer: NodeJS.Timeout | undefined
  #running: Promise<void> = Promise.resolve()

  private constructor(store: Store, logger: Logger) {
    this.#store = store
    this.#logger = logger
  }

  /** Goes on where the last run has ended. */
  static async open(store: Store, logger: Logger): Promise<KeyUses> {
    const uses = new KeyUses(store, logger)
    for (const row of await store.db.select().from(keyUses)) {
      uses.#uses.set(row.key_name, {
        atMs: row.last_used_at.getTime(),
        address: row.last_address ?? undefined,
        isSaved: true,
      })
    }
    return uses
  }

  /** Stores every minute from now on. */
  start(): void {
    this.#timer = setInterval(() => {
      this.#running = this.#running
        .then(() => this.save())
        .catch((error: unknown) =>
          this.#logger.error({ error: messageOf(error) }, 'cannot store when keys were used'),
        )
    }, SAVE_EVERY_MS).unref()
  }

  /** A key has been used. Only for keys that there are: each is remembered for good. */
  note(keyName: string, address: string | undefined, atMs: number): void {
    const use = this.#uses.get(keyName)
    if (!use) {
      this.#uses.set(keyName, { atMs, address, isSaved: false })
      return
    }
    use.atMs = atMs
    use.address = address
    use.isSaved = false
  }

  /** Undefined: it was never used. */
  of(keyName: string): KeyUse | undefined {
    return this.#uses.get(keyName)
  }

  /** Stores what was noted since the last time. */
  async save(): Promise<void> {
    const unsaved = [...this.#uses].filter(([, { isSaved }]) => !isSaved)
    if (unsaved.length === 0) return
    // What is used meanwhile is stored the next time.
    for (const [, use] of unsaved) use.isSaved = true
    const rows = unnest<(typeof unsaved)[number]>(
      'v',
      {
        key_name: ['text', ([keyName]) => keyName],
        last_used_at: ['timestamptz', ([, { atMs }]) => new Date(atMs)],
        last_address: ['text', ([, { address }]) => address],
      },
      unsaved,
    )
    try {
      await this.#store.query(sql`
        insert into key_uses (key_name, last_used_at, last_address)
        select v.key_name, v.last_used_at, v.last_address from ${rows}
        on conflict (key_name) do update set
          last_used_at = excluded.last_used_at, last_address = excluded.last_address`)
    } catch (error) {
      for (const [, use] of unsaved) use.isSaved = false
      throw error
    }
  }

  /** Stores for the last time. */
  async close(): Promise<void> {
    clearInterval(this.#timer)
    await this.#running
    await this.save()
  }
}
