import type { Context } from 'hono'
import type { Access } from '../accounts/access.ts'
import type { Caller } from '../accounts/caller.ts'
import { GatewayError } from '../core/errors.ts'
import { EVERY_TENANT } from '../messages/archive.ts'
import type { AppEnv } from './env.ts'
import type { Permission } from './permissions.ts'

const BEARER = /^Bearer +(\S+)$/i

/**
 * Who calls.
 *
 * @throws {GatewayError} `unauthorized` without a known key
 */
export function identify(c: Context<AppEnv>, access: Access): Caller {
  const header = c.req.header('authorization')
  const key = header && BEARER.exec(header)?.[1]
  if (!key) {
    throw new GatewayError(
      'unauthorized',
      'send the API key in the header "Authorization: Bearer KEY"',
    )
  }
  const caller = access.callerOfKey(key)
  if (!caller) throw new GatewayError('unauthorized', 'this API key is unknown or revoked')
  c.set('caller', caller)
  return caller
}

/**
 * Lets a caller use a route if it may, and tells the route whose messages and money it is about.
 *
 * @throws {GatewayError} `forbidden`
 */
export function permit(c: Context<AppEnv>, caller: Caller, permission: Permission): void {
  checkPermission(caller, permission)
  const isOfAll = caller.isOperator && permission.audience !== 'tenant'
  if (isOfAll) c.set('scope', EVERY_TENANT)
  else if (caller.tenant) {
    c.set('tenant', caller.tenant)
    c.set('scope', caller.tenant.id)
  }
}

/** @throws {GatewayError} `forbidden` */
function checkPermission(caller: Caller, { audience, scope }: Permission): void {
  if (audience === 'operator' && !caller.isOperator) {
    throw new GatewayError(
      'forbidden',
      "this key is a tenant's: what is of every tenant needs one of the operator's (admin_keys)",
    )
  }
  if (audience === 'tenant' && !caller.tenant) {
    throw new GatewayError(
      'forbidden',
      "this key is the operator's and belongs to no tenant: use a key of a tenant",
    )
  }
  if (scope !== null && !caller.scopes.has(scope)) {
    const what = caller.user ? 'your role' : 'this key'
    throw new GatewayError('forbidden', `${what} has not the scope "${scope}"`)
  }
}
