import { GatewayError } from '../core/errors.ts'
import type { Caller } from './caller.ts'
import type { IssuedKey } from './issued-key.ts'
import { type Scope, TENANT_SCOPES } from './scope.ts'

/**
 * Makes sure that nobody gives away what it does not have, and that what is of every tenant stays with
 * whoever runs the gateway.
 *
 * @param tenantId - whose the key is or will be
 * @throws {GatewayError} `forbidden`, `scope_invalid`
 */
export function checkGrant(
  caller: Caller,
  scopes: Iterable<Scope>,
  tenantId: string | undefined,
): void {
  for (const scope of scopes) {
    if (!caller.scopes.has(scope)) {
      throw new GatewayError(
        'forbidden',
        `this key has not the scope "${scope}", and cannot give it`,
        { pointer: '/scopes' },
      )
    }
    if (tenantId !== undefined && !TENANT_SCOPES.has(scope)) {
      throw new GatewayError(
        'scope_invalid',
        `"${scope}" is of every tenant: a key of a tenant can have ${[...TENANT_SCOPES].join(', ')}`,
        { pointer: '/scopes' },
      )
    }
  }
}

/**
 * Makes sure that a caller may change a key or get its next secret: one with more scopes than its own would
 * give these to it.
 *
 * @param key - one that is shown to the caller
 * @throws {GatewayError} `forbidden`
 */
export function checkChange(caller: Caller, key: IssuedKey): void {
  for (const scope of key.scopes) {
    if (caller.scopes.has(scope)) continue
    throw new GatewayError(
      'forbidden',
      `the key "${key.name}" has the scope "${scope}", which this key has not: it can only revoke it`,
    )
  }
}
