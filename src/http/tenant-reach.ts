import type { Context } from 'hono'
import type { Access } from '../accounts/access.ts'
import type { Tenant } from '../accounts/caller.ts'
import { EVERY_TENANT } from '../messages/archive.ts'
import type { AppEnv } from './env.ts'

/**
 * The tenant with a name, if the caller may see it: a tenant itself and those below it, whoever runs the gateway
 * all. Undefined is the same for one that there is not and for one that is none of the caller's business.
 */
export function reachedTenant(
  c: Context<AppEnv>,
  access: Access,
  name: string,
): Tenant | undefined {
  const tenant = access.tenantNamed(name)
  return tenant && isReached(c, access, tenant.id) ? tenant : undefined
}

/**
 * True for what is of a tenant that the caller may see.
 *
 * @param tenantId - null: it is of whoever runs the gateway
 */
export function isReached(c: Context<AppEnv>, access: Access, tenantId: string | null): boolean {
  const scope = c.get('scope')
  if (scope === EVERY_TENANT) return true
  return tenantId !== null && (tenantId === scope || access.tree.isBelow(tenantId, scope))
}
