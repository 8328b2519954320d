import type { HttpBindings } from '@hono/node-server'
import type { Caller, Tenant } from '../accounts/caller.ts'
import type { Standing } from '../limits/limits.ts'
import type { TenantScope } from '../messages/archive.ts'
import type { AuditNote } from './audit.ts'

/** What middleware hands on to routes. */
export interface AppEnv {
  /** Node's request and answer; without a port there are none. */
  Bindings: Partial<HttpBindings>
  Variables: {
    /** The caller's `X-Request-Id`, or a new one; every answer carries it. */
    requestId: string
    /** Who calls; set on every route under `/v1`. */
    caller: Caller
    /** Whose messages and money a route is about that is for tenants. */
    tenant: Tenant
    /** How the limits on requests stand, where there are any. */
    requestStandings: readonly Standing[] | undefined
    /** Where tenants and operators read: whose messages the caller may see. */
    scope: TenantScope
    /** What the audit log is to say of it; set on routes that have an action in `permissions.ts`. */
    audit: AuditNote
  }
}
