import type { Scope } from '../accounts/scope.ts'
import { MemoRouter } from './router.ts'

/** Whom a route is about. */
export type Audience =
  /** One tenant: it takes a key of that tenant. */
  | 'tenant'
  /** Every tenant: it takes a key of whoever runs the gateway. */
  | 'operator'
  /** What is of a tenant and those below it with its key, every tenant's with one of the operator. */
  | 'shared'
  /** Nobody need be known. */
  | 'anyone'

/** What it takes to use a route. */
export interface Permission {
  readonly audience: Audience
  /** Null: it is about the caller itself. */
  readonly scope: Scope | null
}

type Row = readonly [method: string, path: string, audience: Audience, scope: Scope | null]

/** Every route under `/v1`; what does not stand here opens to nobody. */
export const PERMISSIONS: readonly Row[] = [
  ['POST', '/v1/messages', 'tenant', 'messages:send'],
  ['GET', '/v1/messages', 'shared', 'messages:read'],
  ['GET', '/v1/messages/:id', 'shared', 'messages:read'],
  ['PATCH', '/v1/messages/:id', 'tenant', 'messages:send'],
  ['GET', '/v1/messages/:id/trace', 'shared', 'messages:read'],
  ['POST', '/v1/messages/:id/cancel', 'tenant', 'messages:send'],
  ['POST', '/v1/messages/:id/feedback', 'tenant', 'messages:send'],
  ['POST', '/v1/messages/:id/resolve', 'tenant', 'messages:send'],
  ['GET', '/v1/inbound-messages', 'tenant', 'messages:read'],
  ['GET', '/v1/inbound-messages/:id', 'tenant', 'messages:read'],
  ['GET', '/v1/dead-letters', 'tenant', 'messages:read'],
  ['GET', '/v1/dead-letters/:id', 'tenant', 'messages:read'],
  ['POST', '/v1/dead-letters/:id/replay', 'tenant', 'messages:send'],
  ['POST', '/v1/dead-letters/replay', 'tenant', 'messages:send'],

  ['GET', '/v1/webhooks', 'tenant', 'webhooks:read'],
  ['POST', '/v1/webhooks', 'tenant', 'webhooks:write'],
  ['GET', '/v1/webhooks/:id', 'tenant', 'webhooks:read'],
  ['PATCH', '/v1/webhooks/:id', 'tenant', 'webhooks:write'],
  ['DELETE', '/v1/webhooks/:id', 'tenant', 'webhooks:write'],
  ['GET', '/v1/webhooks/:id/events', 'tenant', 'webhooks:read'],
  ['GET', '/v1/webhooks/:id/secret', 'tenant', 'webhooks:read'],
  ['POST', '/v1/webhooks/:id/rotate', 'tenant', 'webhooks:write'],
  ['POST', '/v1/webhooks/:id/test', 'tenant', 'webhooks:write'],
  ['POST', '/v1/webhooks/:id/replay', 'tenant', 'webhooks:write'],

  ['GET', '/v1/limits', 'tenant', 'account:read'],
  ['GET', '/v1/partners', 'tenant', 'account:read'],

  ['POST', '/v1/tenants', 'shared', 'tenants:write'],
  ['GET', '/v1/tenants', 'shared', 'tenants:read'],
  ['GET', '/v1/tenants/:name', 'shared', 'tenants:read'],
  ['PATCH', '/v1/tenants/:name', 'shared', 'tenants:write'],

  ['POST', '/v1/sessions', 'anyone', null],
  ['GET', '/v1/sessions', 'shared', null],
  ['DELETE', '/v1/sessions/current', 'shared', null],
  ['DELETE', '/v1/sessions/:id', 'shared', null],
  ['GET', '/v1/users/me', 'shared', null],
  ['POST', '/v1/users/me/password', 'shared', null],
  ['POST', '/v1/users', 'shared', 'users:write'],
  ['GET', '/v1/users', 'shared', 'users:read'],
  ['GET', '/v1/users/:id', 'shared', 'users:read'],
  ['PATCH', '/v1/users/:id', 'shared', 'users:write'],
  ['POST', '/v1/users/:id/reset-password', 'shared', 'users:write'],

  ['GET', '/v1/billing/balance', 'shared', 'billing:read'],
  ['GET', '/v1/billing/ledger', 'shared', 'billing:read'],
  ['POST', '/v1/billing/payments', 'operator', 'billing:write'],
  ['POST', '/v1/billing/transfers', 'shared', 'billing:write'],

  ['GET', '/v1/carriers', 'operator', 'carriers:read'],
  ['GET', '/v1/carriers/:name', 'operator', 'carriers:read'],
  ['GET', '/v1/carriers/:name/quality', 'operator', 'carriers:read'],
  ['GET', '/v1/carriers/:name/history', 'operator', 'carriers:read'],
  ['POST', '/v1/carriers/:name/:order', 'operator', 'carriers:write'],
  ['GET', '/v1/binds', 'operator', 'carriers:read'],
  ['GET', '/v1/binds/:id/pdus', 'operator', 'carriers:read'],
  ['GET', '/v1/binds/:id/pcap', 'operator', 'carriers:read'],

  ['GET', '/v1/rate-decks', 'operator', 'routing:read'],
  ['GET', '/v1/rate-decks/:kind/:owner', 'operator', 'routing:read'],
  ['GET', '/v1/rate-decks/:kind/:owner/:version', 'operator', 'routing:read'],
  ['POST', '/v1/rate-decks/:kind/:owner', 'operator', 'routing:write'],
  ['POST', '/v1/rate-decks/:kind/:owner/preview', 'operator', 'routing:read'],
  ['POST', '/v1/rate-decks/:kind/:owner/rollback', 'operator', 'routing:write'],
  ['POST', '/v1/route/test', 'operator', 'routing:read'],
  ['POST', '/v1/route/rehearsal', 'operator', 'routing:read'],
  ['GET', '/v1/networks', 'operator', 'routing:read'],
  ['POST', '/v1/networks', 'operator', 'routing:write'],
  ['POST', '/v1/networks/:id/restore', 'operator', 'routing:write'],
  ['GET', '/v1/numbers/:number', 'operator', 'routing:read'],
  ['POST', '/v1/ported-numbers', 'operator', 'routing:write'],
  ['PUT', '/v1/ported-numbers/:number', 'operator', 'routing:write'],
  ['DELETE', '/v1/ported-numbers/:number', 'operator', 'routing:write'],
  ['GET', '/v1/guards', 'operator', 'routing:read'],
  ['POST', '/v1/guards/:id/reset', 'operator', 'routing:write'],

  ['GET', '/v1/config', 'operator', 'config:read'],
  ['PUT', '/v1/config', 'operator', 'config:write'],
  ['GET', '/v1/config/versions', 'operator', 'config:read'],
  ['GET', '/v1/config/versions/:number', 'operator', 'config:read'],
  ['POST', '/v1/config/versions/:number/rollback', 'operator', 'config:write'],
]

const byRoute = new MemoRouter<Permission>()
for (const [method, path, audience, scope] of PERMISSIONS) {
  byRoute.add(method, path, { audience, scope })
}

/** What it takes to use the route of a request; undefined: there is no such route. */
export function permissionFor(method: string, path: string): Permission | undefined {
  // A HEAD is answered by the route of the GET.
  const [[found]] = byRoute.match(method === 'HEAD' ? 'GET' : method, path)
  return found?.[0]
}
