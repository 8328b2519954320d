import type { Context } from 'hono'
import type { Caller } from '../accounts/caller.ts'
import { GatewayError } from '../core/errors.ts'
import { EVERY_TENANT } from '../messages/archive.ts'
import type { AppEnv } from './env.ts'
import type { KeyGate, MaxOctets } from './key-gate.ts'
import type { Permission } from './permissions.ts'

/**
 * Who calls; at once where nothing has to be waited for.
 *
 * @throws {GatewayError} as {@link KeyGate.admit}
 */
export function identify(
  c: Context<AppEnv>,
  keyGate: KeyGate,
  maxOctets: MaxOctets,
): Caller | Promise<Caller> {
  return keyGate.admit(c, maxOctets)
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

/** @throws {GatewayError} `forbidden`, naming the scope that is missing */
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
