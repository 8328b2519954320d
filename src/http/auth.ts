import { createMiddleware } from 'hono/factory'
import type { Access } from '../accounts/access.ts'
import { GatewayError } from '../core/errors.ts'
import type { AppEnv } from './env.ts'

const BEARER = /^Bearer +(\S+)$/i

/** Lets a request pass that carries the API key of a tenant. */
export function requireKey(access: Access) {
  return createMiddleware<AppEnv>(async (c, next) => {
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
    c.set('tenant', tenant)
    await next()
  })
}
