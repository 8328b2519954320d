import { createRoute, OpenAPIHono, type z } from '@hono/zod-openapi'
import type { Context } from 'hono'
import type { Access } from '../../accounts/access.ts'
import { callerText, type SignedInUser } from '../../accounts/caller.ts'
import type { Logins } from '../../accounts/logins.ts'
import { newPassword } from '../../accounts/password-rules.ts'
import { checkRole } from '../../accounts/roles.ts'
import type { Sessions } from '../../accounts/sessions.ts'
import type { User, UserChange, Users } from '../../accounts/users.ts'
import { GatewayError } from '../../core/errors.ts'
import type { Logger } from '../../core/logger.ts'
import { EVERY_TENANT } from '../../messages/archive.ts'
import type { AuditNote } from '../audit.ts'
import type { ClientAddresses } from '../client-address.ts'
import type { AppEnv } from '../env.ts'
import { isReached, reachedTenant } from '../tenant-reach.ts'
import { onInvalid, openapiWithBody } from '../validation.ts'
import { json } from './json-response.ts'
import { isId } from './message-body.ts'
import { problem } from './message-schema.ts'
import * as schema from './user-schema.ts'

/** What the routes work with. */
export interface UserParts {
  readonly users: Users
  readonly sessions: Sessions
  readonly logins: Logins
  readonly access: Access
  readonly logger: Logger
  readonly addresses: ClientAddresses
  /** The name of a tenant by its id. */
  readonly tenantName: (id: string) => string
}

const problems = {
  401: json('No valid key or token.', problem),
  403: json('The key or the role does not open this.', problem),
  404: json('There is no such user or tenant.', problem),
  422: json('A field is wrong; `errors` says which.', problem),
  503: json('The database is away: come back after `Retry-After`.', problem),
}
const changeProblems = {
  ...problems,
  400: json('The body is not JSON.', problem),
  409: json('There is such a user, or it is the last owner.', problem),
}
const security = [{ apiKey: [] }]
const body = <Schema extends z.ZodType>(of: Schema) => ({
  required: true as const,
  content: { 'application/json': { schema: of } },
})

const selfRoute = createRoute({
  method: 'get',
  path: '/v1/users/me',
  summary: 'Who is signed in, and what it opens',
  security,
  responses: { 200: json('The user.', schema.self), ...problems },
})

const passwordRoute = createRoute({
  method: 'post',
  path: '/v1/users/me/password',
  summary: 'Choose another password; your other sessions end',
  security,
  request: { body: body(schema.passwordChange) },
  responses: { 204: { description: 'It counts.' }, ...changeProblems },
})

const addRoute = createRoute({
  method: 'post',
  path: '/v1/users',
  summary: 'Add a user of the console',
  description: "With a tenant's key of that tenant or one below it.",
  security,
  request: { body: body(schema.newUser) },
  responses: { 201: json('The user.', schema.addedUser), ...changeProblems },
})

const listRoute = createRoute({
  method: 'get',
  path: '/v1/users',
  summary: 'Users of the console, by their e-mail addresses',
  security,
  request: { query: schema.userQuery },
  responses: { 200: json('The users.', schema.userList), ...problems },
})

const getRoute = createRoute({
  method: 'get',
  path: '/v1/users/{id}',
  summary: 'A user of the console',
  security,
  request: { params: schema.userId },
  responses: { 200: json('The user.', schema.user), ...problems },
})

const changeRoute = createRoute({
  method: 'patch',
  path: '/v1/users/{id}',
  summary: 'Change the name, the role or the status of a user',
  description: 'With another role, or disabled, all sessions of the user end.',
  security,
  request: { params: schema.userId, body: body(schema.userChange) },
  responses: { 200: json('The user.', schema.user), ...changeProblems },
})

const resetRoute = createRoute({
  method: 'post',
  path: '/v1/users/{id}/reset-password',
  summary: 'Give a user another password; all sessions of the user end',
  security,
  request: { params: schema.userId, body: body(schema.passwordReset) },
  responses: { 200: json('The password.', schema.resetPassword), ...changeProblems },
})

/** Routes under `/v1/users`. */
export function userRoutes(parts: UserParts) {
  const { users, sessions, logins, access, addresses, logger, tenantName } = parts
  const app = new OpenAPIHono<AppEnv>({ defaultHook: onInvalid })

  function bodyOf(user: User): z.infer<typeof schema.user> {
    return {
      id: user.id,
      email: user.email,
      name: user.name,
      role: user.role,
      tenant: user.tenantId === null ? null : tenantName(user.tenantId),
      status: user.isEnabled ? 'active' : 'disabled',
      has_first_password: user.hasFirstPassword,
      created_at: user.createdAt.toISOString(),
    }
  }

  /** A user that the caller may see. */
  async function reached(c: Context<AppEnv>, id: string): Promise<User> {
    const user = isId(id.toLowerCase()) ? await users.find(id.toLowerCase()) : undefined
    if (user && isReached(c, access, user.tenantId)) return user
    throw new GatewayError('not_found', `there is no user with the id "${id}"`)
  }

  /** The tenant that is meant by a name; null: whoever runs the gateway. */
  function tenantIdOf(c: Context<AppEnv>, name: string | null | undefined): string | null {
    const scope = c.get('scope')
    if (name === undefined || name === null) {
      if (scope === EVERY_TENANT) return null
      if (name === undefined) return scope
      throw new GatewayError('forbidden', 'only whoever runs the gateway has users of no tenant')
    }
    const tenant = reachedTenant(c, access, name)
    if (tenant) return tenant.id
    throw new GatewayError('not_found', `there is no tenant "${name}"`, { pointer: '/tenant' })
  }

  app.openapi(selfRoute, async (c) => {
    const user = await reached(c, signedIn(c).id)
    return c.json({ ...bodyOf(user), scopes: [...c.get('caller').scopes] }, 200)
  })

  openapiWithBody(app, passwordRoute, async (c) => {
    const { old_password: oldPassword, password } = c.req.valid('json')
    const user = signedIn(c)
    c.get('audit').subject('user', user.id)
    await logins.changePassword(user, { oldPassword, password }, addresses.of(c) ?? '')
    return c.body(null, 204)
  })

  openapiWithBody(app, addRoute, async (c) => {
    const { tenant, ...wish } = c.req.valid('json')
    const tenantId = tenantIdOf(c, tenant)
    checkRole(c.get('caller'), wish.role, tenantId)
    const { user, password = null } = await users.add({ ...wish, tenantId })
    noteUser(c, user).after(bodyOf(user))
    const { email, role } = user
    logger.info({ email, role, by: callerText(c.get('caller')) }, 'a user is added')
    return c.json({ ...bodyOf(user), password }, 201)
  })

  app.openapi(listRoute, async (c) => {
    const { tenant } = c.req.valid('query')
    const isAll = tenant === undefined && c.get('scope') === EVERY_TENANT
    const found = await users.list(isAll ? undefined : tenantIdOf(c, tenant))
    return c.json({ users: found.map(bodyOf) }, 200)
  })

  app.openapi(getRoute, async (c) => {
    return c.json(bodyOf(await reached(c, c.req.valid('param').id)), 200)
  })

  openapiWithBody(app, changeRoute, async (c) => {
    const before = await reached(c, c.req.valid('param').id)
    const { status, name, role } = c.req.valid('json')
    checkRole(c.get('caller'), before.role, before.tenantId)
    checkRole(c.get('caller'), role ?? before.role, before.tenantId)
    const change: UserChange = {
      ...(name !== undefined && { name }),
      ...(role !== undefined && { role }),
      ...(status !== undefined && { isEnabled: status === 'active' }),
    }
    const entry = noteUser(c, before).before(bodyOf(before))
    const user = await users.change(before.id, change)
    entry.after(bodyOf(user))
    if (user.role !== before.role || !user.isEnabled) await sessions.endOf(user.id)
    const { email, isEnabled } = user
    const by = callerText(c.get('caller'))
    logger.info({ email, role: user.role, isEnabled, by }, 'a user is changed')
    return c.json(bodyOf(user), 200)
  })

  openapiWithBody(app, resetRoute, async (c) => {
    const user = await reached(c, c.req.valid('param').id)
    const { id, email } = user
    checkRole(c.get('caller'), user.role, user.tenantId)
    noteUser(c, user)
    const { password: given } = c.req.valid('json')
    const password = given ?? newPassword()
    await users.setPassword(id, password, false)
    await sessions.endOf(id)
    logger.info({ email, by: callerText(c.get('caller')) }, 'a password is reset')
    return c.json({ password: given === undefined ? password : null }, 200)
  })

  return app
}

/** Says in the audit log which user it is, and whose. */
function noteUser(c: Context<AppEnv>, { id, tenantId }: User): AuditNote {
  const note = c.get('audit').subject('user', id)
  return tenantId === null ? note : note.tenant(tenantId)
}

function signedIn(c: Context<AppEnv>): SignedInUser {
  const { user } = c.get('caller')
  if (user) return user
  throw new GatewayError('forbidden', 'a key is no user: sign in')
}
