import { createSecretKey, type KeyObject } from 'node:crypto'
import { eq, inArray } from 'drizzle-orm'
import type { Clock } from '../core/clock.ts'
import { GatewayError } from '../core/errors.ts'
import { newId } from '../core/id.ts'
import type { Logger } from '../core/logger.ts'
import { Networks } from '../core/networks.ts'
import { available } from '../store/available.ts'
import type { Store } from '../store/open.ts'
import { issuedKeys } from '../store/schema/issued-keys.ts'
import {
  type IssuedKey,
  type IssuedKeyRow,
  inIssuedKey,
  issuedKeyOf,
  type KeyChange,
  missingKey,
  type NewKey,
  type Signing,
} from './issued-key.ts'
import { hashKey, nameOfKey, newBearerKey, newSigningSecret } from './key-hash.ts'

/** A key with what it is known by: to be shown this once. */
export interface ShownKey {
  readonly key: IssuedKey
  readonly secret: string
}

/** A key as it was found by the hash of what was sent. */
export interface FoundKey {
  readonly key: IssuedKey
  /** It is what the last rotation has replaced: good only while {@link IssuedKeys.isOverlapping}. */
  readonly isPrevious: boolean
}

/** Keys of one owner that may be in use. */
const MAX_IN_USE = 500

/** Keys of one owner that are over, and kept so that it can be seen whose they were. */
const MAX_ENDED = 1_000

const HOUR_MS = 3_600_000

interface HeldKey {
  readonly key: IssuedKey
  readonly row: IssuedKeyRow
  readonly networks: Networks | undefined
  readonly secret: KeyObject | undefined
  readonly previousSecret: KeyObject | undefined
}

/** The keys that were made over the API, in the database and, for every request, in memory. */
export class IssuedKeys {
  readonly #store: Store
  readonly #logger: Logger
  readonly #clock: Clock
  readonly #byId = new Map<string, HeldKey>()
  readonly #byHash = new Map<string, FoundKey>()
  /** Changes are made one after the other, so that memory takes them in the database's order. */
  #last: Promise<unknown> = Promise.resolve()

  private constructor(store: Store, logger: Logger, clock: Clock) {
    this.#store = store
    this.#logger = logger
    this.#clock = clock
  }

  /** Reads every key there is. */
  static async open(store: Store, logger: Logger, clock: Clock): Promise<IssuedKeys> {
    const keys = new IssuedKeys(store, logger, clock)
    for (const row of await store.db.select().from(issuedKeys)) keys.#remember(row)
    return keys
  }

  /** The key with a hash, good or not; also the secret of one that signs. */
  ofHash(keyHash: string): FoundKey | undefined {
    return this.#byHash.get(keyHash)
  }

  /** The key with an id, good or not. */
  find(id: string): IssuedKey | undefined {
    return this.#byId.get(id.toLowerCase())?.key
  }

  /** False for a key that may not come from an address; one that is not known is none of a list. */
  isAllowedFrom({ id }: IssuedKey, address: string | undefined): boolean {
    const networks = this.#byId.get(id)?.networks
    return networks === undefined || (address !== undefined && networks.has(address))
  }

  /** The secrets that may have signed a request with a key. */
  secretsOf(key: IssuedKey): readonly KeyObject[] {
    const { secret, previousSecret } = this.#byId.get(key.id) ?? {}
    if (!secret) return []
    return previousSecret && this.isOverlapping(key) ? [secret, previousSecret] : [secret]
  }

  /** Every key, oldest first. */
  list(): IssuedKey[] {
    return [...this.#byId.values()].map(({ key }) => key).sort((a, b) => (a.id < b.id ? -1 : 1))
  }

  /** Makes a key, which is good at once. @throws {GatewayError} `expiry_invalid`, `key_limit_reached` */
  async create(wish: NewKey): Promise<ShownKey> {
    this.#checkExpiry(wish.expiresAt)
    return this.#change(async () => {
      await this.#makeRoom(wish.tenantId)
      const id = newId()
      const { secret, hash, sealed } = this.#newSecret(id, wish.signing)
      const row: IssuedKeyRow = {
        id,
        tenant_id: wish.tenantId ?? null,
        name: wish.name,
        key_name: nameOfKey(hash),
        key_hash: hash,
        signing: wish.signing,
        secret: sealed,
        scopes: [...new Set(wish.scopes)],
        allow_from: [...new Set(wish.allowFrom)],
        created_at: this.#clock(),
        created_by: wish.createdBy,
        expires_at: wish.expiresAt,
        revoked_at: null,
        previous_hash: null,
        previous_secret: null,
        previous_until: null,
      }
      await available(this.#store.db.insert(issuedKeys).values(row))
      return { key: this.#remember(row), secret }
    })
  }

  /** @throws {GatewayError} `not_found`, `key_revoked`, `expiry_invalid` */
  async update(id: string, change: KeyChange): Promise<IssuedKey> {
    const { name, scopes, allowFrom, expiresAt } = change
    if (expiresAt !== undefined) this.#checkExpiry(expiresAt)
    return this.#change(() =>
      this.#set(this.#unrevoked(id), {
        ...(name === undefined ? {} : { name }),
        ...(scopes === undefined ? {} : { scopes: [...new Set(scopes)] }),
        ...(allowFrom === undefined ? {} : { allow_from: [...new Set(allowFrom)] }),
        ...(expiresAt === undefined ? {} : { expires_at: expiresAt }),
      }),
    )
  }

  /** Ends a key for good, from the next request on; one that is revoked stays so. @throws {GatewayError} `not_found` */
  async revoke(id: string): Promise<IssuedKey> {
    return this.#change(async () => {
      const { row, key } = this.#held(id)
      return key.revokedAt ? key : this.#set(row, { revoked_at: this.#clock() })
    })
  }

  /**
   * Gives a key another secret. The one before is good for a while; one that still was from an earlier
   * rotation is good no more.
   *
   * @throws {GatewayError} `not_found`, `key_revoked`
   */
  async rotate(id: string, overlapHours: number): Promise<ShownKey> {
    return this.#change(async () => {
      const row = this.#unrevoked(id)
      const { secret, hash, sealed } = this.#newSecret(row.id, row.signing as Signing)
      const key = await this.#set(row, {
        key_hash: hash,
        secret: sealed,
        previous_hash: row.key_hash,
        previous_secret: this.#sealedAnew(row),
        previous_until: new Date(this.#clock().getTime() + overlapHours * HOUR_MS),
      })
      return { key, secret }
    })
  }

  /** True for a key that is revoked or expired. */
  isEnded({ revokedAt, expiresAt }: IssuedKey): boolean {
    return revokedAt !== null || (expiresAt !== null && this.#clock() >= expiresAt)
  }

  /** True while what the last rotation has replaced is good as well. */
  isOverlapping({ previousUntil }: IssuedKey): boolean {
    return previousUntil !== null && this.#clock() < previousUntil
  }

  #checkExpiry(expiresAt: Date | null): void {
    if (expiresAt === null || expiresAt > this.#clock()) return
    throw new GatewayError(
      'expiry_invalid',
      `"${expiresAt.toISOString()}" is over: give a time to come, null for none, or revoke the key`,
      { pointer: '/expires_at' },
    )
  }

  #newSecret(id: string, signing: Signing) {
    const secret = signing === 'none' ? newBearerKey() : newSigningSecret()
    const sealed = signing === 'none' ? null : this.#store.cipher.seal(secret, inIssuedKey(id))
    return { secret, hash: hashKey(secret), sealed }
  }

  #sealedAnew({ id, secret }: IssuedKeyRow): string | null {
    return secret && (this.#store.cipher.reseal(secret, inIssuedKey(id)) ?? secret)
  }

  #held(id: string): HeldKey {
    const held = this.#byId.get(id.toLowerCase())
    if (!held) throw missingKey(id)
    return held
  }

  #unrevoked(id: string): IssuedKeyRow {
    const { row, key } = this.#held(id)
    if (!key.revokedAt) return row
    throw new GatewayError(
      'key_revoked',
      `the key "${key.name}" is revoked, and stays so: make another`,
    )
  }

  /** Every key that was made stays in memory, so there must be an end to them. */
  async #makeRoom(tenantId: string | undefined): Promise<void> {
    const own = this.list().filter((key) => key.tenantId === tenantId)
    const ended = own.filter((key) => this.isEnded(key))
    if (own.length - ended.length >= MAX_IN_USE) {
      throw new GatewayError(
        'key_limit_reached',
        `there are ${MAX_IN_USE} keys already, and no more are allowed: revoke those that are not used`,
      )
    }
    const surplus = ended.slice(0, Math.max(0, ended.length - MAX_ENDED)).map(({ id }) => id)
    if (surplus.length === 0) return
    await available(this.#store.db.delete(issuedKeys).where(inArray(issuedKeys.id, surplus)))
    for (const id of surplus) this.#forget(id)
  }

  async #set(before: IssuedKeyRow, values: Partial<IssuedKeyRow>): Promise<IssuedKey> {
    const { id } = before
    // Only what changes: a secret may have been sealed anew since it was read.
    await available(
      this.#store.db
        .update(issuedKeys)
        .set({ id, ...values })
        .where(eq(issuedKeys.id, id)),
    )
    return this.#remember({ ...before, ...values })
  }

  #remember(row: IssuedKeyRow): IssuedKey {
    this.#forget(row.id)
    const key = issuedKeyOf(row)
    this.#byId.set(row.id, {
      key,
      row,
      networks: key.allowFrom.length > 0 ? new Networks(key.allowFrom) : undefined,
      secret: this.#opened(row.id, row.secret),
      previousSecret: this.#opened(row.id, row.previous_secret),
    })
    this.#byHash.set(row.key_hash, { key, isPrevious: false })
    if (row.previous_hash !== null) {
      this.#byHash.set(row.previous_hash, { key, isPrevious: true })
    }
    return key
  }

  #forget(id: string): void {
    const held = this.#byId.get(id)
    if (!held) return
    this.#byId.delete(id)
    this.#byHash.delete(held.row.key_hash)
    if (held.row.previous_hash !== null) this.#byHash.delete(held.row.previous_hash)
  }

  /** A damaged secret must not keep the gateway from starting: it is one key that signs nothing. */
  #opened(id: string, sealed: string | null): KeyObject | undefined {
    if (sealed === null) return undefined
    try {
      const secret = this.#store.cipher.open(sealed, inIssuedKey(id))
      return createSecretKey(Buffer.from(secret, 'utf8'))
    } catch (error) {
      if (!(error instanceof GatewayError)) throw error
      this.#logger.error({ key: id, error: error.message }, 'the secret of a key is damaged')
      return undefined
    }
  }

  #change<Result>(make: () => Promise<Result>): Promise<Result> {
    const made = this.#last.then(make, make)
    this.#last = made.catch(() => {})
    return made
  }
}
