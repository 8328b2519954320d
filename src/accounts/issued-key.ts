import { GatewayError } from '../core/errors.ts'
import type { SealContext } from '../store/cipher.ts'
import type { issuedKeys } from '../store/schema/issued-keys.ts'
import { SCOPES, type Scope } from './scope.ts'

/** Whether requests are signed: not at all, in the full form, or in the full or the short one. */
export const SIGNINGS = ['none', 'full', 'short'] as const

/** One of {@link SIGNINGS}. */
export type Signing = (typeof SIGNINGS)[number]

/** A key that was made over the API. A record is never changed, only replaced by another. */
export interface IssuedKey {
  readonly id: string
  /** Undefined: it is of whoever runs the gateway. */
  readonly tenantId: string | undefined
  readonly name: string
  /** What it is called in limits and logs; stays over rotations. */
  readonly keyName: string
  readonly signing: Signing
  readonly scopes: ReadonlySet<Scope>
  /** Addresses and networks; empty: any. */
  readonly allowFrom: readonly string[]
  readonly createdAt: Date
  /** Name of the key that made it. */
  readonly createdBy: string
  readonly expiresAt: Date | null
  readonly revokedAt: Date | null
  /** Until when what the last rotation has replaced is good as well. */
  readonly previousUntil: Date | null
}

/** What a key is made of. */
export interface NewKey {
  readonly tenantId: string | undefined
  readonly name: string
  readonly signing: Signing
  readonly scopes: readonly Scope[]
  readonly allowFrom: readonly string[]
  readonly expiresAt: Date | null
  readonly createdBy: string
}

/** What can be changed of a key. */
export interface KeyChange {
  readonly name?: string | undefined
  readonly scopes?: readonly Scope[] | undefined
  readonly allowFrom?: readonly string[] | undefined
  readonly expiresAt?: Date | null | undefined
}

/** A key as it is stored. */
export type IssuedKeyRow = typeof issuedKeys.$inferSelect

/** Where the secret of a key is stored, and the one before: it moves there by a rotation. */
export function inIssuedKey(rowId: string): SealContext {
  return { tenantId: '', column: 'issued_keys.secret', rowId }
}

/** What is thrown for a key that there is not, or that is another's. */
export function missingKey(id: string): GatewayError {
  return new GatewayError('not_found', `there is no key with the id "${id}"`)
}

/** The key of a row. */
export function issuedKeyOf(row: IssuedKeyRow): IssuedKey {
  return {
    id: row.id,
    tenantId: row.tenant_id ?? undefined,
    name: row.name,
    keyName: row.key_name,
    signing: row.signing as Signing,
    // A scope that this version does not know opens nothing.
    scopes: new Set(row.scopes.filter(isScope)),
    allowFrom: row.allow_from,
    createdAt: row.created_at,
    createdBy: row.created_by,
    expiresAt: row.expires_at,
    revokedAt: row.revoked_at,
    previousUntil: row.previous_until,
  }
}

function isScope(name: string): name is Scope {
  return Object.hasOwn(SCOPES, name)
}
