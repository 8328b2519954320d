import { GatewayError } from '../core/errors.ts'
import type { Caller } from './caller.ts'
import { EVERY_SCOPE, SCOPES, type Scope, TENANT_SCOPES } from './scope.ts'

/** What a user may do. */
export const ROLES = ['owner', 'operator', 'billing', 'read_only'] as const

export type Role = (typeof ROLES)[number]

/** Who else there is, and who has done what from where, is for owners. */
const OF_OWNERS: ReadonlySet<Scope> = new Set<Scope>(['users:read', 'audit:read'])

const READING = (Object.keys(SCOPES) as Scope[]).filter(
  (scope) => scope.endsWith(':read') && !OF_OWNERS.has(scope),
)

/** Of users of a tenant only what there is of one tenant counts. */
const SCOPES_OF_ROLE: Readonly<Record<Role, ReadonlySet<Scope>>> = {
  owner: EVERY_SCOPE,
  operator: new Set<Scope>([
    ...READING,
    'messages:send',
    'webhooks:write',
    'carriers:write',
    'routing:write',
    'tenants:write',
  ]),
  billing: new Set<Scope>([
    'messages:read',
    'account:read',
    'billing:read',
    'billing:write',
    'tenants:read',
    'tenants:write',
    'routing:read',
  ]),
  read_only: new Set(READING),
}

/**
 * What a role opens.
 *
 * @param isStaff - of whoever runs the gateway; otherwise of a tenant
 */
export function scopesOfRole(role: Role, isStaff: boolean): ReadonlySet<Scope> {
  const scopes = SCOPES_OF_ROLE[role]
  return isStaff ? scopes : new Set([...scopes].filter((scope) => TENANT_SCOPES.has(scope)))
}

/**
 * Makes sure that nobody gives a user, or takes over by its password, more than it has itself.
 *
 * @param tenantId - whose the user is; null: of whoever runs the gateway
 * @throws {GatewayError} `forbidden`
 */
export function checkRole(caller: Caller, role: Role, tenantId: string | null): void {
  for (const scope of scopesOfRole(role, tenantId === null)) {
    if (caller.scopes.has(scope)) continue
    throw new GatewayError(
      'forbidden',
      `a user of the role "${role}" has the scope "${scope}", which the caller has not`,
      { pointer: '/role' },
    )
  }
}
