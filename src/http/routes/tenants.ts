import { createRoute, OpenAPIHono, type z } from '@hono/zod-openapi'
import type { Context } from 'hono'
import type { Access } from '../../accounts/access.ts'
import { callerText, type Tenant } from '../../accounts/caller.ts'
import { GatewayError } from '../../core/errors.ts'
import type { Logger } from '../../core/logger.ts'
import { EVERY_TENANT } from '../../messages/archive.ts'
import type { AppEnv } from '../env.ts'
import { reachedTenant } from '../tenant-reach.ts'
import { onInvalid, openapiWithBody } from '../validation.ts'
import { json } from './json-response.ts'
import { problem } from './message-schema.ts'
import * as schema from './tenant-schema.ts'

/** A tenant as the API shows it. */
export type TenantBody = z.infer<typeof schema.tenant>

/** A tenant as somebody wants it. */
export type NewTenant = z.infer<typeof schema.newTenant>

/** What is to be otherwise about a tenant. */
export type TenantChange = z.infer<typeof schema.tenantChange>

/** Every tenant, of the file and of the API. */
export interface TenantDirectory {
  /** In alphabetical order. */
  readonly names: readonly string[]
  find(name: string): TenantBody | undefined
  /**
   * Makes a tenant.
   *
   * @param isNewName - the name must never have been a tenant's, not even of one that is gone
   * @param by - the reseller that makes it; undefined: an operator
   * @throws {GatewayError} `tenant_exists`, `tenant_invalid`, `config_file_missing`, `storage_unavailable`
   */
  make(wish: NewTenant, isNewName: boolean, by: Tenant | undefined): Promise<void>
  /**
   * Changes a tenant. What a reseller has suspended, it and those above it let go on; what an operator has, only operators.
   *
   * @param by - the reseller that changes it; undefined: an operator
   * @throws {GatewayError} `tenant_of_file`, `tenant_invalid`, `forbidden`, `config_file_missing`, `storage_unavailable`
   */
  change(name: string, change: TenantChange, by: Tenant | undefined): Promise<void>
}

/** What the routes work with. */
export interface TenantParts {
  readonly tenants: TenantDirectory
  readonly access: Access
  readonly logger: Logger
}

const problems = {
  401: json('No valid API key.', problem),
  403: json('The key does not open this.', problem),
  422: json('A field is wrong; `errors` says which.', problem),
  503: json('The database is away: come back after `Retry-After`.', problem),
}
const security = [{ apiKey: [] }]
const unknownTenant = json('There is no such tenant, or it is not below yours.', problem)

const makeRoute = createRoute({
  method: 'post',
  path: '/v1/tenants',
  summary: 'Make a tenant',
  description:
    "With a tenant's key one below it, which spends what is transferred to it. With a key of the operator any.",
  security,
  request: {
    body: { required: true, content: { 'application/json': { schema: schema.newTenant } } },
  },
  responses: {
    201: json('It is made, and counts from the next call.', schema.tenant),
    400: json('The body is not JSON.', problem),
    404: unknownTenant,
    409: json('There is such a tenant, or no configuration file.', problem),
    ...problems,
  },
})

const listRoute = createRoute({
  method: 'get',
  path: '/v1/tenants',
  summary: "List tenants by name: those below the key's, or all with a key of the operator",
  security,
  request: { query: schema.tenantQuery },
  responses: { 200: json('A page of tenants.', schema.tenantList), ...problems },
})

const getRoute = createRoute({
  method: 'get',
  path: '/v1/tenants/{name}',
  summary: 'A tenant and what is agreed with it',
  security,
  request: { params: schema.tenantNamed },
  responses: { 200: json('The tenant.', schema.tenant), 404: unknownTenant, ...problems },
})

const changeRoute = createRoute({
  method: 'patch',
  path: '/v1/tenants/{name}',
  summary: 'Suspend, close or change a tenant that was made over the API',
  security,
  request: {
    params: schema.tenantNamed,
    body: { required: true, content: { 'application/json': { schema: schema.tenantChange } } },
  },
  responses: {
    200: json('It is changed, from the next call on.', schema.tenant),
    400: json('The body is not JSON.', problem),
    404: unknownTenant,
    409: json('It stands in the configuration file, or there is none.', problem),
    ...problems,
  },
})

/** Routes under `/v1/tenants`. */
export function tenantRoutes({ tenants, access, logger }: TenantParts) {
  const app = new OpenAPIHono<AppEnv>({ defaultHook: onInvalid })

  function bodyOf(name: string): TenantBody {
    const found = tenants.find(name)
    if (found) return found
    throw unknown(name)
  }

  function reached(c: Context<AppEnv>, name: string, pointer?: string): Tenant {
    const tenant = reachedTenant(c, access, name)
    if (tenant) return tenant
    throw unknown(name, pointer)
  }

  openapiWithBody(app, makeRoute, async (c) => {
    const wish = c.req.valid('json')
    const seller = sellerOf(c)
    if (seller) {
      const parent = reached(c, wish.parent ?? seller.name, '/parent')
      refuseTerms(wish, ['currency'])
      await tenants.make(prepaid(wish, parent, tenants.find(parent.name)), true, seller)
    } else {
      await tenants.make(wish, false, undefined)
    }
    logger.info({ tenant: wish.name, by: callerText(c.get('caller')) }, 'a tenant is made')
    const made = bodyOf(wish.name)
    c.get('audit').subject('tenant', made.name).tenant(made.id).after(made)
    return c.json(made, 201)
  })

  app.openapi(listRoute, (c) => {
    const { limit, cursor, parent, status } = c.req.valid('query')
    const seller = sellerOf(c)
    const after = cursor === undefined ? '' : Buffer.from(cursor, 'base64url').toString()
    const found: TenantBody[] = []
    for (const name of tenants.names) {
      if (name <= after) continue
      const tenant = tenants.find(name)
      if (!tenant || (seller && !access.tree.isBelow(tenant.id, seller.id))) continue
      if (parent !== undefined && tenant.parent !== parent) continue
      if (status !== undefined && tenant.status !== status) continue
      found.push(tenant)
      // One more than asked for tells whether there is another page.
      if (found.length > limit) break
    }
    const page = found.slice(0, limit)
    const last = found.length > limit ? page.at(-1) : undefined
    const next = last ? Buffer.from(last.name).toString('base64url') : null
    return c.json({ tenants: page, next_cursor: next }, 200)
  })

  app.openapi(getRoute, (c) => c.json(bodyOf(reached(c, c.req.valid('param').name).name), 200))

  openapiWithBody(app, changeRoute, async (c) => {
    const { id, name } = reached(c, c.req.valid('param').name)
    const change = c.req.valid('json')
    const seller = sellerOf(c)
    if (seller) {
      if (seller.id === id) throw forbidden('a tenant cannot change itself')
      refuseTerms(change, [])
      if (change.parent === null) throw forbidden('a tenant stays below yours')
      if (change.parent !== undefined) {
        reached(c, change.parent, '/parent')
        // Elsewhere it would be free of what those above it are under.
        if (bodyOf(name).effective_status !== 'active') {
          throw forbidden(
            'a tenant that is suspended or closed, or below one that is, stays where it is',
          )
        }
      }
      if (change.status !== undefined && bodyOf(name).status === 'closed') {
        throw forbidden('only an operator opens again what is closed')
      }
    }
    const entry = c.get('audit').subject('tenant', name).tenant(id).before(bodyOf(name))
    await tenants.change(name, change, seller)
    logger.info({ tenant: name, by: callerText(c.get('caller')) }, 'a tenant is changed')
    const changed = bodyOf(name)
    entry.after(changed)
    return c.json(changed, 200)
  })

  return app
}

/** The tenant that a caller speaks for; undefined: whoever runs the gateway. */
function sellerOf(c: Context<AppEnv>): Tenant | undefined {
  return c.get('scope') === EVERY_TENANT ? undefined : c.get('tenant')
}

/**
 * Refuses a reseller what would cost the operator money.
 *
 * @param allowed - keys of `billing` that it may set
 * @throws {GatewayError} `forbidden`
 */
function refuseTerms(
  { billing, loss_making: lossMaking }: TenantChange,
  allowed: readonly string[],
): void {
  const isAllowed =
    billing !== null &&
    lossMaking === undefined &&
    Object.keys(billing ?? {}).every((key) => allowed.includes(key))
  if (isAllowed) return
  throw forbidden(
    'only operators set how a tenant pays; a reseller chooses the currency of one that it makes',
  )
}

/** A tenant that spends only what its reseller transfers to it, in the reseller's currency unless it says another. */
function prepaid(wish: NewTenant, parent: Tenant, above: TenantBody | undefined): NewTenant {
  const inherited = above?.billing.currency ?? undefined
  return {
    ...wish,
    parent: parent.name,
    billing: {
      ...(inherited !== undefined && { currency: inherited }),
      ...wish.billing,
      credit_limit: '0',
    },
  }
}

function forbidden(why: string): GatewayError {
  return new GatewayError('forbidden', why)
}

function unknown(name: string, pointer?: string): GatewayError {
  return new GatewayError(
    'not_found',
    `there is no tenant ${JSON.stringify(name)}`,
    pointer === undefined ? {} : { pointer },
  )
}
