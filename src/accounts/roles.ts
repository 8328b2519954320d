import { EVERY_SCOPE, SCOPES, type Scope, TENANT_SCOPES } from './scope.ts'

/** What a user may do. */
export const ROLES = ['owner', 'operator', 'billing', 'read_only'] as const

export type Role = (typeof ROLES)[number]

/** Who else there is, and from where they have signed in, is for owners. */
const READING = (Object.keys(SCOPES) as Scope[]).filter(
  (scope) => scope.endsWith(':read') && scope !== 'users:read',
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
