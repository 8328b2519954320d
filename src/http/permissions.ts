import type { Scope } from '../accounts/scope.ts'
import type { AuditAction } from '../audit/actions.ts'
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

/** What it takes to use a route, and what using it is. */
export interface Permission {
  readonly method: string
  readonly path: string
  readonly audience: Audience
  /** Null: it is about the caller itself. */
  readonly scope: Scope | null
  /** What an entry of the audit log says of each use; undefined: none but that of the access. */
  readonly audit: AuditAction | undefined
}

/** Business of a tenant, or a question: the audit log has it as an access only. */
type NoChange = 'none'

type Row =
  | readonly [
      method: 'GET',
      path: string,
      audience: Audience,
      scope: Scope | null,
      audit?: AuditAction,
    ]
  | readonly [
      method: 'POST' | 'PUT' | 'PATCH' | 'DELETE',
      path: string,
      audience: Audience,
      scope: Scope | null,
      audit: AuditAction | NoChange,
    ]

/**
 * Every route under `/v1`; what does not stand here opens to nobody. What is beside it (health, metrics, callbacks of
 * providers) knows no keys.
 */
export const PERMISSIONS: readonly Row[] = [
  ['POST', '/v1/messages', 'tenant', 'messages:send', 'none'],
  ['GET', '/v1/messages', 'shared', 'messages:read'],
  ['GET', '/v1/messages/:id', 'shared', 'messages:read'],
  ['PATCH', '/v1/messages/:id', 'tenant', 'messages:send', 'none'],
  ['GET', '/v1/messages/:id/trace', 'shared', 'messages:read'],
  ['POST', '/v1/messages/:id/cancel', 'tenant', 'messages:send', 'none'],
  ['POST', '/v1/messages/:id/feedback', 'tenant', 'messages:send', 'none'],
  ['POST', '/v1/messages/:id/resolve', 'tenant', 'messages:send', 'message.resolve'],
  ['GET', '/v1/inbound-messages', 'tenant', 'messages:read'],
  ['GET', '/v1/inbound-messages/:id', 'tenant', 'messages:read'],
  ['GET', '/v1/dead-letters', 'tenant', 'messages:read'],
  ['GET', '/v1/dead-letters/:id', 'tenant', 'messages:read'],
  ['POST', '/v1/dead-letters/:id/replay', 'tenant', 'messages:send', 'dead_letter.replay'],
  ['POST', '/v1/dead-letters/replay', 'tenant', 'messages:send', 'dead_letter.replay'],

  ['GET', '/v1/webhooks', 'tenant', 'webhooks:read'],
  ['POST', '/v1/webhooks', 'tenant', 'webhooks:write', 'webhook.create'],
  ['GET', '/v1/webhooks/:id', 'tenant', 'webhooks:read'],
  ['PATCH', '/v1/webhooks/:id', 'tenant', 'webhooks:write', 'webhook.change'],
  ['DELETE', '/v1/webhooks/:id', 'tenant', 'webhooks:write', 'webhook.delete'],
  ['GET', '/v1/webhooks/:id/events', 'tenant', 'webhooks:read'],
  ['GET', '/v1/webhooks/:id/secret', 'tenant', 'webhooks:write', 'webhook.reveal'],
  ['POST', '/v1/webhooks/:id/rotate', 'tenant', 'webhooks:write', 'webhook.rotate'],
  ['POST', '/v1/webhooks/:id/test', 'tenant', 'webhooks:write', 'webhook.test'],
  ['POST', '/v1/webhooks/:id/replay', 'tenant', 'webhooks:write', 'webhook.replay'],

  ['GET', '/v1/limits', 'tenant', 'account:read'],
  ['GET', '/v1/partners', 'tenant', 'account:read'],

  ['GET', '/v1/keys', 'shared', 'keys:read'],
  ['POST', '/v1/keys', 'shared', 'keys:write', 'key.create'],
  ['GET', '/v1/keys/:id', 'shared', 'keys:read'],
  ['PATCH', '/v1/keys/:id', 'shared', 'keys:write', 'key.change'],
  ['POST', '/v1/keys/:id/rotate', 'shared', 'keys:write', 'key.rotate'],
  ['POST', '/v1/keys/:id/revoke', 'shared', 'keys:write', 'key.revoke'],

  ['POST', '/v1/tenants', 'shared', 'tenants:write', 'tenant.create'],
  ['GET', '/v1/tenants', 'shared', 'tenants:read'],
  ['GET', '/v1/tenants/:name', 'shared', 'tenants:read'],
  ['PATCH', '/v1/tenants/:name', 'shared', 'tenants:write', 'tenant.change'],

  ['POST', '/v1/sessions', 'anyone', null, 'session.begin'],
  ['GET', '/v1/sessions', 'shared', null],
  ['DELETE', '/v1/sessions/current', 'shared', null, 'session.end'],
  ['DELETE', '/v1/sessions/:id', 'shared', null, 'session.end'],
  ['GET', '/v1/users/me', 'shared', null],
  ['POST', '/v1/users/me/password', 'shared', null, 'user.password'],
  ['POST', '/v1/users', 'shared', 'users:write', 'user.create'],
  ['GET', '/v1/users', 'shared', 'users:read'],
  ['GET', '/v1/users/:id', 'shared', 'users:read'],
  ['PATCH', '/v1/users/:id', 'shared', 'users:write', 'user.change'],
  ['POST', '/v1/users/:id/reset-password', 'shared', 'users:write', 'user.password'],

  ['GET', '/v1/billing/balance', 'shared', 'billing:read'],
  ['GET', '/v1/billing/ledger', 'shared', 'billing:read'],
  ['GET', '/v1/billing/usage', 'shared', 'billing:read'],
  ['GET', '/v1/billing/statement', 'shared', 'billing:read'],
  ['GET', '/v1/billing/invoices/:month', 'shared', 'billing:read'],
  ['POST', '/v1/billing/payments', 'operator', 'billing:write', 'payment.book'],
  ['POST', '/v1/billing/transfers', 'shared', 'billing:write', 'transfer.book'],
  ['POST', '/v1/billing/reconciliations', 'operator', 'billing:read', 'none'],

  ['GET', '/v1/carriers', 'operator', 'carriers:read'],
  ['GET', '/v1/carriers/:name', 'operator', 'carriers:read'],
  ['GET', '/v1/carriers/:name/quality', 'operator', 'carriers:read'],
  ['GET', '/v1/carriers/:name/history', 'operator', 'carriers:read'],
  ['GET', '/v1/carriers/:name/balance', 'operator', 'carriers:read'],
  ['POST', '/v1/carriers/:name/enable', 'operator', 'carriers:write', 'carrier.enable'],
  ['POST', '/v1/carriers/:name/drain', 'operator', 'carriers:write', 'carrier.drain'],
  ['POST', '/v1/carriers/:name/disable', 'operator', 'carriers:write', 'carrier.disable'],
  ['POST', '/v1/carriers/:name/force', 'operator', 'carriers:write', 'carrier.force'],
  ['GET', '/v1/binds', 'operator', 'carriers:read'],
  ['GET', '/v1/binds/:id/pdus', 'operator', 'carriers:read'],
  ['GET', '/v1/binds/:id/pcap', 'operator', 'carriers:read'],

  ['GET', '/v1/callbacks', 'operator', 'carriers:read'],
  ['POST', '/v1/callbacks/:id/replay', 'operator', 'carriers:write', 'callback.replay'],

  ['GET', '/v1/rate-decks', 'operator', 'routing:read'],
  ['GET', '/v1/rate-decks/:kind/:owner', 'operator', 'routing:read'],
  ['GET', '/v1/rate-decks/:kind/:owner/:version', 'operator', 'routing:read'],
  ['POST', '/v1/rate-decks/:kind/:owner', 'operator', 'routing:write', 'rate_deck.import'],
  ['POST', '/v1/rate-decks/:kind/:owner/preview', 'operator', 'routing:read', 'none'],
  [
    'POST',
    '/v1/rate-decks/:kind/:owner/rollback',
    'operator',
    'routing:write',
    'rate_deck.rollback',
  ],
  ['POST', '/v1/route/test', 'operator', 'routing:read', 'none'],
  ['POST', '/v1/route/rehearsal', 'operator', 'routing:read', 'none'],
  ['GET', '/v1/networks', 'operator', 'routing:read'],
  ['POST', '/v1/networks', 'operator', 'routing:write', 'network.import'],
  ['POST', '/v1/networks/:id/restore', 'operator', 'routing:write', 'network.restore'],
  ['GET', '/v1/numbers/:number', 'operator', 'routing:read'],
  ['POST', '/v1/ported-numbers', 'operator', 'routing:write', 'ported_number.import'],
  ['PUT', '/v1/ported-numbers/:number', 'operator', 'routing:write', 'ported_number.set'],
  ['DELETE', '/v1/ported-numbers/:number', 'operator', 'routing:write', 'ported_number.remove'],
  ['GET', '/v1/guards', 'operator', 'routing:read'],
  ['POST', '/v1/guards/:id/reset', 'operator', 'routing:write', 'guard.reset'],

  ['GET', '/v1/config', 'operator', 'config:read'],
  ['PUT', '/v1/config', 'operator', 'config:write', 'config.change'],
  ['GET', '/v1/config/versions', 'operator', 'config:read'],
  ['GET', '/v1/config/versions/:number', 'operator', 'config:read'],
  ['POST', '/v1/config/versions/:number/rollback', 'operator', 'config:write', 'config.rollback'],

  ['GET', '/v1/audit', 'shared', 'audit:read'],
]

const byRoute = new MemoRouter<Permission>()
for (const [method, path, audience, scope, audit] of PERMISSIONS) {
  byRoute.add(method, path, {
    method,
    path,
    audience,
    scope,
    audit: audit === 'none' ? undefined : audit,
  })
}

/** What it takes to use the route of a request; undefined: there is no such route. */
export function permissionFor(method: string, path: string): Permission | undefined {
  // A HEAD is answered by the route of the GET.
  const [[found]] = byRoute.match(method === 'HEAD' ? 'GET' : method, path)
  return found?.[0]
}
