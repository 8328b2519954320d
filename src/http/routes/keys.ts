import { createRoute, OpenAPIHono, z } from '@hono/zod-openapi'
import type { Context } from 'hono'
import type { Access } from '../../accounts/access.ts'
import type { Caller } from '../../accounts/caller.ts'
import { type IssuedKey, missingKey } from '../../accounts/issued-key.ts'
import type { IssuedKeys } from '../../accounts/issued-keys.ts'
import { checkChange, checkGrant } from '../../accounts/key-grants.ts'
import type { KeyUses } from '../../accounts/key-uses.ts'
import { GatewayError } from '../../core/errors.ts'
import type { AuditNote } from '../audit.ts'
import type { AppEnv } from '../env.ts'
import { isReached, reachedTenant } from '../tenant-reach.ts'
import { onInvalid, openapiWithBody } from '../validation.ts'
import { json } from './json-response.ts'
import * as schema from './key-schema.ts'
import { problem } from './message-schema.ts'

/** What the routes work with. */
export interface KeyParts {
  readonly access: Access
  readonly issuedKeys: IssuedKeys
  readonly keyUses: KeyUses
}

const body = <Schema extends z.ZodType>(content: Schema) => ({
  required: true as const,
  content: { 'application/json': { schema: content } },
})

const readProblems = {
  401: json('No valid API key.', problem),
  403: json('The key has not the scope for it.', problem),
  404: json('No such key.', problem),
  422: json('A field is wrong; `errors` says which.', problem),
  503: json('Overloaded or stopping: come back after `Retry-After`.', problem),
}

const problems = {
  ...readProblems,
  400: json('The body is not JSON.', problem),
  409: json('The key stands in the configuration, is revoked, or there are too many.', problem),
}

const security = [{ apiKey: [] }]
const params = z.object({ id: z.string() })

const createKeyRoute = createRoute({
  method: 'post',
  path: '/v1/keys',
  summary: 'Make an API key',
  description:
    'Good from the next request on. A key of the operator makes keys for every tenant and for the operator, a ' +
    "tenant's for its tenant; none gives a scope that it has not itself.",
  security,
  request: { body: body(schema.createKey) },
  responses: { 201: json('The key, shown this once.', schema.shownKey), ...problems },
})

const listRoute = createRoute({
  method: 'get',
  path: '/v1/keys',
  summary: 'List API keys, those of the configuration first, then the oldest first',
  security,
  request: { query: schema.listQuery },
  responses: { 200: json('A page of keys.', schema.keyList), ...readProblems },
})

const getRoute = createRoute({
  method: 'get',
  path: '/v1/keys/{id}',
  summary: 'An API key',
  security,
  request: { params },
  responses: { 200: json('The key.', schema.key), ...readProblems },
})

const updateRoute = createRoute({
  method: 'patch',
  path: '/v1/keys/{id}',
  summary: 'Change the name, scopes, end or addresses of an API key',
  security,
  request: { params, body: body(schema.updateKey) },
  responses: { 200: json('The key.', schema.key), ...problems },
})

const rotateRoute = createRoute({
  method: 'post',
  path: '/v1/keys/{id}/rotate',
  summary: 'Replace an API key by a new one with the same id; the old one is good for a while',
  security,
  request: { params, body: body(schema.rotateKey) },
  responses: { 200: json('The new key, shown this once.', schema.shownKey), ...problems },
})

const revokeRoute = createRoute({
  method: 'post',
  path: '/v1/keys/{id}/revoke',
  summary: 'End an API key for good, from the next request on',
  security,
  request: { params },
  responses: { 200: json('It is revoked.', schema.key), ...problems },
})

/** Routes under `/v1/keys`. */
export function keyRoutes({ access, issuedKeys, keyUses }: KeyParts) {
  const app = new OpenAPIHono<AppEnv>({ defaultHook: onInvalid })

  /** One that the caller may know of; a key of the configuration cannot be changed here. */
  function changeable(c: Context<AppEnv>, id: string): IssuedKey {
    const key = issuedKeys.find(id)
    if (key && isReached(c, access, key.tenantId ?? null)) return key
    const configured = configuredFor(c).find(({ name }) => name === id)
    if (!configured) throw missingKey(id)
    const place = configured.tenant ? `of the tenant "${configured.tenant.name}"` : 'in admin_keys'
    throw new GatewayError(
      'key_in_configuration',
      `the key ${id} stands in the configuration: change it there, ${place}`,
    )
  }

  function configuredFor(c: Context<AppEnv>): Caller[] {
    return access.callers.filter(
      ({ tenant, isOperator }) =>
        c.get('caller').isOperator || (!isOperator && isReached(c, access, tenant?.id ?? null)),
    )
  }

  function issuedBody(key: IssuedKey): z.input<typeof schema.key> {
    const { tenantId, previousUntil } = key
    const tenant = tenantId === undefined ? null : (access.nameOf(tenantId) ?? tenantId)
    const hasTenant = tenant === null || access.tenantNamed(tenant) !== undefined
    return {
      id: key.id,
      source: 'api',
      name: key.name,
      key_name: key.keyName,
      tenant,
      is_operator: tenantId === undefined,
      signing: key.signing,
      scopes: [...key.scopes],
      allow_from: [...key.allowFrom],
      created_at: key.createdAt.toISOString(),
      created_by: key.createdBy,
      expires_at: key.expiresAt?.toISOString() ?? null,
      revoked_at: key.revokedAt?.toISOString() ?? null,
      previous_until: issuedKeys.isOverlapping(key) ? (previousUntil?.toISOString() ?? null) : null,
      is_usable: hasTenant && !issuedKeys.isEnded(key),
      ...useBody(key.keyName),
    }
  }

  function configuredBody({ name, tenant, isOperator, scopes }: Caller) {
    return {
      id: name,
      source: 'configuration' as const,
      name: null,
      key_name: name,
      tenant: tenant?.name ?? null,
      is_operator: isOperator,
      signing: 'none' as const,
      scopes: [...scopes],
      allow_from: [],
      created_at: null,
      created_by: null,
      expires_at: null,
      revoked_at: null,
      previous_until: null,
      is_usable: true,
      ...useBody(name),
    }
  }

  function useBody(keyName: string) {
    const use = keyUses.of(keyName)
    return {
      last_used_at: use ? new Date(use.atMs).toISOString() : null,
      last_address: use?.address ?? null,
    }
  }

  function shownBody(key: IssuedKey, secret: string) {
    return { ...issuedBody(key), ...(key.signing === 'none' ? { key: secret } : { secret }) }
  }

  openapiWithBody(app, createKeyRoute, async (c) => {
    const caller = c.get('caller')
    const wish = c.req.valid('json')
    const tenantId = ownerOf(c, access, wish.tenant)
    checkGrant(caller, wish.scopes, tenantId)
    const { key, secret } = await issuedKeys.create({
      tenantId,
      name: wish.name,
      signing: wish.signing,
      scopes: wish.scopes,
      allowFrom: wish.allow_from,
      expiresAt: instantOrNull(wish.expires_at),
      createdBy: caller.name,
    })
    noteOwner(c, key).after(issuedBody(key))
    return c.json(shownBody(key, secret), 201)
  })

  app.openapi(listRoute, (c) => {
    const { tenant, usable, limit, cursor = '' } = c.req.valid('query')
    const issued = issuedKeys
      .list()
      .filter(({ tenantId }) => isReached(c, access, tenantId ?? null))
    const keys = [
      ...configuredFor(c).map(configuredBody).sort(byId),
      ...issued.map(issuedBody),
    ].filter(
      (key) =>
        (tenant === undefined || key.tenant === tenant) &&
        (usable === undefined || String(key.is_usable) === usable),
    )
    const after = cursor === '' ? 0 : keys.findIndex(({ id }) => cursorFromId(id) === cursor) + 1
    if (cursor !== '' && after === 0) throw strayCursor(cursor)
    const page = keys.slice(after, after + limit)
    const last = after + limit < keys.length ? page.at(-1) : undefined
    return c.json({ keys: page, next_cursor: last ? cursorFromId(last.id) : null }, 200)
  })

  app.openapi(getRoute, (c) => {
    const { id } = c.req.valid('param')
    const key = issuedKeys.find(id)
    if (key && isReached(c, access, key.tenantId ?? null)) return c.json(issuedBody(key), 200)
    const configured = configuredFor(c).find(({ name }) => name === id)
    if (!configured) throw missingKey(id)
    return c.json(configuredBody(configured), 200)
  })

  openapiWithBody(app, updateRoute, async (c) => {
    const caller = c.get('caller')
    const key = changeable(c, c.req.valid('param').id)
    const { name, scopes, allow_from: allowFrom, expires_at: expiresAt } = c.req.valid('json')
    checkChange(caller, key)
    if (scopes) checkGrant(caller, scopes, key.tenantId)
    const change = {
      name,
      scopes,
      allowFrom,
      ...(expiresAt === undefined ? {} : { expiresAt: instantOrNull(expiresAt) }),
    }
    const entry = noteOwner(c, key).before(issuedBody(key))
    const after = issuedBody(await issuedKeys.update(key.id, change))
    entry.after(after)
    return c.json(after, 200)
  })

  openapiWithBody(app, rotateRoute, async (c) => {
    const wanted = changeable(c, c.req.valid('param').id)
    checkChange(c.get('caller'), wanted)
    const { overlap_hours: overlapHours } = c.req.valid('json')
    const entry = noteOwner(c, wanted).before(issuedBody(wanted))
    const { key, secret } = await issuedKeys.rotate(wanted.id, overlapHours)
    entry.after(issuedBody(key))
    return c.json(shownBody(key, secret), 200)
  })

  app.openapi(revokeRoute, async (c) => {
    const key = changeable(c, c.req.valid('param').id)
    const entry = noteOwner(c, key).before(issuedBody(key))
    const after = issuedBody(await issuedKeys.revoke(key.id))
    entry.after(after)
    return c.json(after, 200)
  })

  return app
}

/**
 * Whose a new key will be; undefined: of whoever runs the gateway.
 *
 * @throws {GatewayError} `tenant_unknown`, the same for a tenant that there is not as for another's
 */
function ownerOf(c: Context<AppEnv>, access: Access, name: string | undefined): string | undefined {
  const { isOperator, tenant: own } = c.get('caller')
  if (name === undefined) return isOperator ? undefined : own?.id
  const tenant = reachedTenant(c, access, name)
  if (tenant) return tenant.id
  throw new GatewayError('tenant_unknown', `there is no tenant "${name}"`, { pointer: '/tenant' })
}

/** Says in the audit log which key it is, and whose. */
function noteOwner(c: Context<AppEnv>, { id, tenantId }: IssuedKey): AuditNote {
  const note = c.get('audit').subject('key', id)
  return tenantId === undefined ? note : note.tenant(tenantId)
}

function byId(a: { readonly id: string }, b: { readonly id: string }): number {
  return a.id < b.id ? -1 : 1
}

function instantOrNull(text: string | null): Date | null {
  return text === null ? null : new Date(text)
}

function cursorFromId(id: string): string {
  return Buffer.from(id, 'utf8').toString('base64url')
}

function strayCursor(cursor: string): GatewayError {
  return new GatewayError('cursor_invalid', `"${cursor}" is not a next_cursor of this API`, {
    pointer: '/cursor',
  })
}
