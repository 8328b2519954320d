import { createRoute, OpenAPIHono } from '@hono/zod-openapi'
import type { Context } from 'hono'
import type { Access } from '../../accounts/access.ts'
import type { AuditArchive } from '../../audit/audit-archive.ts'
import type { SealedEntry } from '../../audit/chain.ts'
import { GatewayError } from '../../core/errors.ts'
import { EVERY_TENANT, type TenantScope } from '../../messages/archive.ts'
import type { AppEnv } from '../env.ts'
import { onInvalid } from '../validation.ts'
import { auditList, auditQuery } from './audit-schema.ts'
import { json } from './json-response.ts'
import { instant } from './message-body.ts'
import { problem } from './message-schema.ts'

/** What the route works with. */
export interface AuditReadParts {
  readonly auditArchive: AuditArchive
  readonly access: Access
  /** The name of a tenant by its id. */
  readonly tenantName: (id: string) => string
}

const listRoute = createRoute({
  method: 'get',
  path: '/v1/audit',
  summary: 'The audit log: who has done what, newest first',
  description:
    "With a tenant's key what its keys have done, and what was done to it. With a key of the operator (`admin_keys`) " +
    'everything.',
  security: [{ apiKey: [] }],
  request: { query: auditQuery },
  responses: {
    200: json('A page of entries.', auditList),
    401: json('No valid API key.', problem),
    403: json("The key is a tenant's, and `tenant` names another one.", problem),
    422: json('A field is wrong; `errors` says which.', problem),
    503: json('The database is away: come back after `Retry-After`.', problem),
  },
})

/** The route `/v1/audit`. */
export function auditRoutes({ auditArchive, access, tenantName }: AuditReadParts) {
  const app = new OpenAPIHono<AppEnv>({ defaultHook: onInvalid })

  app.openapi(listRoute, async (c) => {
    const query = c.req.valid('query')
    const scope = c.get('scope')
    // One more than asked for tells whether there is another page.
    const entries = await auditArchive.list({
      tenantId: tenantIdOf(c, access, query.tenant),
      actor: query.actor,
      action: query.action,
      subject: query.subject,
      outcome: query.outcome,
      from: instant(query.from),
      before: instant(query.before),
      beforeNumber: query.cursor === undefined ? undefined : numberOf(query.cursor),
      limit: query.limit + 1,
    })
    const shown = entries.slice(0, query.limit)
    const last = entries.length > query.limit ? shown.at(-1) : undefined
    return c.json(
      {
        entries: shown.map((entry) => entryBody(entry, scope, tenantName)),
        next_cursor: last ? cursorOf(last.number) : null,
      },
      200,
    )
  })

  return app
}

/** Whose entries are asked for; undefined: everybody's. */
function tenantIdOf(
  c: Context<AppEnv>,
  access: Access,
  name: string | undefined,
): string | undefined {
  const scope = c.get('scope')
  const tenant = name === undefined ? undefined : access.tenantNamed(name)
  if (scope !== EVERY_TENANT) {
    if (name === undefined || tenant?.id === scope) return scope
    throw new GatewayError('forbidden', `this key is not of the tenant "${name}"`)
  }
  if (name === undefined || tenant) return tenant?.id
  throw new GatewayError('tenant_unknown', `there is no tenant "${name}"`, { pointer: '/tenant' })
}

/** A tenant is not told from where the operator works, nor the names of the operator's keys. */
function entryBody(
  { number, hash, content }: SealedEntry,
  scope: TenantScope,
  tenantName: (id: string) => string,
) {
  const { at, actor, address, requestId, action, subject, tenantId, outcome, reason } = content
  const isShown = scope === EVERY_TENANT || actor.tenantId === scope
  return {
    number,
    at: at.toISOString(),
    actor: {
      kind: actor.kind,
      name: isShown ? actor.name : null,
      tenant: actor.tenantId === null ? null : tenantName(actor.tenantId),
    },
    address: isShown ? address : null,
    request_id: isShown ? requestId : null,
    action,
    subject,
    tenant: tenantId === null ? null : tenantName(tenantId),
    outcome,
    reason,
    before: stateOf(content.before),
    after: stateOf(content.after),
    count: content.count,
    first_at: content.firstAt?.toISOString() ?? null,
    last_at: content.lastAt?.toISOString() ?? null,
    hash,
  }
}

function stateOf(text: string | null): unknown {
  return text === null ? null : JSON.parse(text)
}

function cursorOf(number: number): string {
  return Buffer.from(String(number)).toString('base64url')
}

function numberOf(cursor: string): number {
  const number = /^\d{1,15}$/.exec(Buffer.from(cursor, 'base64url').toString())?.[0]
  if (number !== undefined) return Number(number)
  throw new GatewayError('cursor_invalid', `"${cursor}" is not a next_cursor of this API`, {
    pointer: '/cursor',
  })
}
