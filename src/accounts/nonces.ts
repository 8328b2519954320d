import { lte, sql } from 'drizzle-orm'
import type { Clock } from '../core/clock.ts'
import { GatewayError, messageOf } from '../core/errors.ts'
import type { Logger } from '../core/logger.ts'
import { available } from '../store/available.ts'
import { unnest } from '../store/batch.ts'
import type { Store } from '../store/open.ts'
import { requestNonces } from '../store/schema/issued-keys.ts'

const PURGE_EVERY_MS = 60_000

/** Requests that may wait for the database. */
const MAX_WAITING = 20_000

/** Rows of one statement. */
const MAX_BATCH = 1_000

/** What {@link Nonces} work with. */
export interface NoncesOptions {
  readonly store: Store
  readonly logger: Logger
  readonly clock: Clock
}

interface WaitingNonce {
  readonly keyId: string
  readonly nonce: string
  readonly expiresAt: Date
  readonly resolve: (isFresh: boolean) => void
  readonly reject: (error: unknown) => void
}

/**
 * The nonces that keys have used, in the database: a request that comes again is known after a crash as well.
 *
 * What comes while a statement runs is gathered into the next one.
 */
export class Nonces {
  readonly #options: NoncesOptions
  #waiting: WaitingNonce[] = []
  /** Waiting or in the statement that runs: the second of two that are equal is not asked about. */
  readonly #pending = new Set<string>()
  #isWriting = false
  #timer: NodeJS.Timeout | undefined
  #purging: Promise<void> = Promise.resolve()

  constructor(options: NoncesOptions) {
    this.#options = options
  }

  /** Deletes what is over, every minute from now on. */
  start(): void {
    this.#timer = setInterval(() => {
      this.#purging = this.#purging
        .then(() => this.purge())
        .catch((error: unknown) =>
          this.#options.logger.error({ error: messageOf(error) }, 'cannot delete old nonces'),
        )
    }, PURGE_EVERY_MS).unref()
  }

  /**
   * Uses a nonce up; false: it was used before. Resolves after the commit.
   *
   * @param nonce - without U+0000, which the database does not store
   * @param expiresAt - from then on it may be used again
   * @throws {GatewayError} `busy` or `storage_unavailable` (retryable)
   */
  use(keyId: string, nonce: string, expiresAt: Date): Promise<boolean> {
    const name = nameOf(keyId, nonce)
    if (this.#pending.has(name)) return Promise.resolve(false)
    if (this.#waiting.length >= MAX_WAITING) {
      const busy = 'too many signed requests wait for the database: try again in a second'
      return Promise.reject(new GatewayError('busy', busy, { retryable: true }))
    }
    this.#pending.add(name)
    return new Promise((resolve, reject) => {
      this.#waiting.push({ keyId, nonce, expiresAt, resolve, reject })
      if (!this.#isWriting) void this.#write()
    })
  }

  /** Deletes what may be used again. */
  async purge(): Promise<void> {
    const { store, clock } = this.#options
    await store.db.delete(requestNonces).where(lte(requestNonces.expires_at, clock()))
  }

  async close(): Promise<void> {
    clearInterval(this.#timer)
    await this.#purging
  }

  /** Never rejects: those who wait are told. */
  async #write(): Promise<void> {
    this.#isWriting = true
    while (this.#waiting.length > 0) {
      const batch = this.#waiting.splice(0, MAX_BATCH)
      try {
        const fresh = await this.#insert(batch)
        for (const { keyId, nonce, resolve } of batch) resolve(fresh.has(nameOf(keyId, nonce)))
      } catch (error) {
        for (const { reject } of batch) reject(error)
      }
      for (const { keyId, nonce } of batch) this.#pending.delete(nameOf(keyId, nonce))
    }
    this.#isWriting = false
  }

  /** The names of those that were not there. */
  async #insert(batch: readonly WaitingNonce[]): Promise<ReadonlySet<string>> {
    const rows = unnest<WaitingNonce>(
      'v',
      {
        key_id: ['uuid', ({ keyId }) => keyId],
        nonce: ['text', ({ nonce }) => nonce],
        expires_at: ['timestamptz', ({ expiresAt }) => expiresAt],
      },
      batch,
    )
    const inserted = await available(
      this.#options.store.query<{ key_id: string; nonce: string }>(sql`
        insert into request_nonces (key_id, nonce, expires_at)
        select v.key_id, v.nonce, v.expires_at from ${rows}
        on conflict do nothing
        returning key_id, nonce`),
    )
    return new Set(inserted.map(({ key_id, nonce }) => nameOf(key_id, nonce)))
  }
}

function nameOf(keyId: string, nonce: string): string {
  return `${keyId} ${nonce}`
}
