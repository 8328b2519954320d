import type { Context } from 'hono'
import type { Access } from '../../accounts/access.ts'
import type { Tenant } from '../../accounts/caller.ts'
import { GatewayError } from '../../core/errors.ts'
import { EVERY_TENANT } from '../../messages/archive.ts'
import type { AppEnv } from '../env.ts'
import { reachedTenant } from '../tenant-reach.ts'

/**
 * Whose money a request is about: a tenant's key speaks for itself and those below it, one of the operator's for
 * the tenant that is named.
 *
 * @throws {GatewayError} `forbidden`, `not_found`, `tenant_missing`
 */
export function ownerOf(c: Context<AppEnv>, access: Access, name: string | undefined): Tenant {
  // That of a demo belongs to a tenant, too.
  const own = c.get('caller').tenant
  if (own && (name === undefined || name === own.name)) return own
  if (c.get('scope') !== EVERY_TENANT) {
    const below = name === undefined ? undefined : reachedTenant(c, access, name)
    if (below) return below
    throw new GatewayError('forbidden', `this key is not of the tenant "${name}" or one above it`)
  }
  if (name !== undefined) return tenantNamed(access, name)
  throw new GatewayError('tenant_missing', 'say which tenant: ?tenant=NAME', { pointer: '/tenant' })
}

/** The tenant with a name. Throws `not_found`. */
export function tenantNamed(access: Access, name: string): Tenant {
  const tenant = access.tenantNamed(name)
  if (tenant) return tenant
  throw new GatewayError('not_found', `there is no tenant "${name}"`, { pointer: '/tenant' })
}
