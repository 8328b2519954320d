import type { Context } from 'hono'
import type { Access, KeyHolder } from '../accounts/access.ts'
import { GatewayError } from '../core/errors.ts'
import type { AppEnv } from './env.ts'

const BEARER = /^Bearer +(\S+)$/i

/**
 * The tenant whose API key a request carries, and the name of the key.
 *
 * @throws {GatewayError} `unauthorized` without a known key, `forbidden` with one of the operator's that
 *   belongs to no tenant
 */
export function holderOf(c: Context<AppEnv>, access: Access): KeyHolder {
  const key = keyOf(c)
  const holder = access.holderOfKey(key)
  if (holder) return holder
  if (access.isOperatorKey(key)) {
    throw new GatewayError(
      'forbidden',
      "this key is the operator's and belongs to no tenant: use a key of a tenant",
    )
  }
  throw unknownKey()
}

/**
 * Lets only the keys of whoever runs the gateway pass.
 *
 * @throws {GatewayError} `unauthorized` without a known key, `forbidden` with a tenant's
 */
export function requireOperator(c: Context<AppEnv>, access: Access): void {
  const key = keyOf(c)
  if (access.isOperatorKey(key)) return
  if (!access.tenantOfKey(key)) throw unknownKey()
  throw new GatewayError(
    'forbidden',
    "this key is a tenant's: what is of every tenant needs one of the operator's (admin_keys)",
  )
}

/** Whether the key of a request is one of whoever runs the gateway; that of a demo is a tenant's, too. */
export function isOperator(c: Context<AppEnv>, access: Access): boolean {
  return access.isOperatorKey(keyOf(c))
}

/**
 * The API key that a request carries.
 *
 * @throws {GatewayError} `unauthorized` without one
 */
export function keyOf(c: Context<AppEnv>): string {
  const header = c.req.header('authorization')
  const key = header && BEARER.exec(header)?.[1]
  if (key) return key
  throw new GatewayError(
    'unauthorized',
    'send the API key in the header "Authorization: Bearer KEY"',
  )
}

function unknownKey(): GatewayError {
  return new GatewayError('unauthorized', 'this API key is unknown or revoked')
}
