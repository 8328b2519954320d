import type { Context } from 'hono'
import type { Access } from '../accounts/access.ts'
import type { Caller } from '../accounts/caller.ts'
import type { IssuedKey } from '../accounts/issued-key.ts'
import type { IssuedKeys } from '../accounts/issued-keys.ts'
import { hashKey } from '../accounts/key-hash.ts'
import type { KeyUses } from '../accounts/key-uses.ts'
import type { Nonces } from '../accounts/nonces.ts'
import {
  fullContent,
  isSignedBy,
  readSignature,
  shortContent,
} from '../accounts/request-signature.ts'
import type { Clock } from '../core/clock.ts'
import type { GatewayError } from '../core/errors.ts'
import type { Logger } from '../core/logger.ts'
import { MAX_SIGNATURE_WINDOW_SECONDS } from '../core/signature-window.ts'
import { bearerOf } from './bearer.ts'
import type { ClientAddresses } from './client-address.ts'
import type { AppEnv } from './env.ts'
import { requestTarget } from './public-urls.ts'
import { takeBody } from './raw-body.ts'
import { type Refusal, RefusalLog, type RefusalReason, UnauthorizedError } from './refusal-log.ts'

/** What a {@link KeyGate} works with. */
export interface KeyGateOptions {
  readonly access: Access
  readonly issuedKeys: IssuedKeys
  readonly keyUses: KeyUses
  readonly nonces: Nonces
  readonly addresses: ClientAddresses
  /** How far the timestamp of a signed request may be from our time, either way. */
  readonly signatureWindowSeconds: number
  readonly logger: Logger
  readonly clock: Clock
  /** Told of every refusal. */
  readonly onUnauthorized?: (refusal: Refusal) => void
}

/** The most octets that a caller may send in the body of a request. */
export type MaxOctets = (c: Context<AppEnv>, caller: Caller) => number

/** The window of the short form, which can be repeated within it. */
const SHORT_WINDOW_SECONDS = 60

/**
 * How long a nonce is kept, from the timestamp on: neither a larger window after a restart nor a clock that is
 * put back a little must make it good again.
 */
const NONCE_KEPT_MS = (MAX_SIGNATURE_WINDOW_SECONDS + 60) * 1_000

/** Knows who calls by an API key, or by what it has signed. */
export class KeyGate {
  readonly #options: KeyGateOptions
  readonly #log: RefusalLog
  /** Made anew when the key or its tenant is another. */
  readonly #callers = new WeakMap<IssuedKey, Caller>()

  constructor(options: KeyGateOptions) {
    this.#options = options
    this.#log = new RefusalLog(options.logger, options.clock)
  }

  /**
   * Who calls; at once where there is no signature.
   *
   * @param maxOctets - what the body of a signed request may have, if it is of this caller
   * @throws {GatewayError} `unauthorized`, of a signed request also `body_too_large`, `busy` and
   *   `storage_unavailable`
   */
  admit(c: Context<AppEnv>, maxOctets: MaxOctets): Caller | Promise<Caller> {
    const key = bearerOf(c)
    if (key) return this.#byKey(c, key)
    const appKey = c.req.header('x-app-key')
    if (appKey !== undefined) return this.#bySignature(c, appKey, maxOctets)
    throw this.#refused(c, 'key_missing')
  }

  /** Says what the log has left out. */
  close(): void {
    this.#log.tellLeft()
  }

  #byKey(c: Context<AppEnv>, text: string): Caller {
    const { access, issuedKeys, keyUses, addresses, clock } = this.#options
    const keyHash = hashKey(text)
    const configured = access.callerOfHash(keyHash)
    if (configured) {
      keyUses.note(configured.name, addresses.of(c), clock().getTime())
      return configured
    }
    const found = issuedKeys.ofHash(keyHash)
    if (!found) throw this.#refused(c, 'key_unknown')
    const { key, isPrevious } = found
    if (key.signing !== 'none') throw this.#refused(c, 'signature_missing', key)
    if (isPrevious && !issuedKeys.isOverlapping(key)) throw this.#refused(c, 'key_expired', key)
    const caller = this.#callerOf(c, key)
    keyUses.note(key.keyName, addresses.of(c), clock().getTime())
    return caller
  }

  async #bySignature(c: Context<AppEnv>, appKey: string, maxOctets: MaxOctets): Promise<Caller> {
    const { issuedKeys, keyUses, nonces, addresses, clock, signatureWindowSeconds } = this.#options
    const key = issuedKeys.find(appKey)
    if (!key || key.signing === 'none') throw this.#refused(c, 'key_unknown')
    // What costs nothing comes first: bodies of strangers are not read.
    const caller = this.#callerOf(c, key)
    const signature = readSignature({
      timestamp: c.req.header('x-timestamp'),
      nonce: c.req.header('x-nonce'),
      signature: c.req.header('x-signature'),
    })
    if (!signature) throw this.#refused(c, 'signature_missing', key)
    const { timestamp, atMs, nonce } = signature
    const isShort = nonce === undefined
    if (isShort && key.signing !== 'short') throw this.#refused(c, 'signature_missing', key)
    const windowSeconds = isShort ? SHORT_WINDOW_SECONDS : signatureWindowSeconds
    const isInTime = Math.abs(clock().getTime() - atMs) <= windowSeconds * 1_000
    if (!isInTime) throw this.#refused(c, 'timestamp_out_of_window', key)
    const content = isShort
      ? shortContent(appKey, timestamp)
      : await contentOf(c, maxOctets(c, caller), timestamp, nonce)
    if (!content || !isSignedBy(issuedKeys.secretsOf(key), content, signature)) {
      throw this.#refused(c, 'signature_wrong', key)
    }
    if (!isShort && !(await nonces.use(key.id, nonce, new Date(atMs + NONCE_KEPT_MS)))) {
      throw this.#refused(c, 'replayed', key)
    }
    keyUses.note(key.keyName, addresses.of(c), clock().getTime())
    return caller
  }

  /** Who has a key that may be used at this time, from this address, for its tenant. */
  #callerOf(c: Context<AppEnv>, key: IssuedKey): Caller {
    const { access, issuedKeys, addresses, clock } = this.#options
    const { tenantId, keyName, scopes } = key
    if (key.revokedAt) throw this.#refused(c, 'key_revoked', key)
    if (key.expiresAt && clock() >= key.expiresAt) throw this.#refused(c, 'key_expired', key)
    if (key.allowFrom.length > 0 && !issuedKeys.isAllowedFrom(key, addresses.of(c))) {
      throw this.#refused(c, 'address_not_allowed', key)
    }
    const tenant = tenantId === undefined ? undefined : access.openTenant(tenantId)
    if (tenantId !== undefined && !tenant) throw this.#refused(c, 'tenant_gone', key)
    const known = this.#callers.get(key)
    if (known && known.tenant === tenant) return known
    const caller = { name: keyName, tenant, isOperator: tenant === undefined, scopes }
    this.#callers.set(key, caller)
    return caller
  }

  #refused(c: Context<AppEnv>, reason: RefusalReason, key?: IssuedKey): GatewayError {
    const refusal: Refusal = {
      reason,
      keyName: key?.keyName,
      address: this.#options.addresses.of(c),
      method: c.req.method,
      path: c.req.path,
    }
    this.#log.note(refusal)
    this.#options.onUnauthorized?.(refusal)
    return new UnauthorizedError(refusal)
  }
}

/** What was signed with the full form, as far as it has come; undefined: the body breaks off. */
async function contentOf(
  c: Context<AppEnv>,
  maxOctets: number,
  timestamp: string,
  nonce: string,
): Promise<string | undefined> {
  const body = await takeBody(c, maxOctets)
  if (!body) return undefined
  return fullContent({ method: c.req.method, target: requestTarget(c), body }, timestamp, nonce)
}
