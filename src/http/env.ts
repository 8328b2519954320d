import type { HttpBindings } from '@hono/node-server'
import type { Tenant } from '../accounts/access.ts'
import type { Standing } from '../limits/limits.ts'
import type { TenantScope } from '../messages/archive.ts'

/** What middleware hands on to routes. */
export interface AppEnv {
  /** Node's request and answer; without a port there are none. */
  Bindings: Partial<HttpBindings>
  Variables: {
    /** The caller's `X-Request-Id`, or a new one; every answer carries it. */
    requestId: string
    /** Set on every route behind an API key of a tenant. */
    tenant: Tenant
    /** Name of that key. */
    keyName: string
    /** How the limits on requests stand, where there are any. */
    requestStandings: readonly Standing[] | undefined
    /** Set instead where tenants and operators read: whose messages the key may see. */
    scope: TenantScope
  }
}
