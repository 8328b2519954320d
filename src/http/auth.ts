import type { Context } from 'hono'
import type { Access, Tenant } from '../accounts/access.ts'
import { GatewayError } from '../core/errors.ts'
import type { AppEnv } from './env.ts'

const BEARER = /^Bearer +(\S+)$/i

/**
 * The tenant whose API key a request carries.
 *
 * @throws {GatewayError} `unauthorized`
 */
export function tenantOf(c: Context<AppEnv>, access: Access): Tenant {
  const header = c.req.header('authorization')
  const key = header && BEARER.exec(header)?.[1]
  if (!key) {
    throw new GatewayError(
      'unauthorized',
      'send the API key in the header "Authorization: Bearer KEY"',
    )
  }
  const tenant = access.tenantOfKey(key)
  if (!tenant) throw new GatewayError('unauthorized', 'this API key is unknown or revoked')
  return tenant
}
