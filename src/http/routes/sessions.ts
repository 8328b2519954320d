import { createRoute, OpenAPIHono } from '@hono/zod-openapi'
import type { Context } from 'hono'
import type { Access } from '../../accounts/access.ts'
import type { Logins } from '../../accounts/logins.ts'
import type { Session, Sessions } from '../../accounts/sessions.ts'
import { GatewayError } from '../../core/errors.ts'
import type { ClientAddresses } from '../client-address.ts'
import type { AppEnv } from '../env.ts'
import { dropSessionCookie, setSessionCookie } from '../session-auth.ts'
import { isReached } from '../tenant-reach.ts'
import { onInvalid, openapiWithBody } from '../validation.ts'
import { json } from './json-response.ts'
import { problem } from './message-schema.ts'
import * as schema from './user-schema.ts'

/** What the routes work with. */
export interface SessionParts {
  readonly sessions: Sessions
  readonly logins: Logins
  readonly access: Access
  readonly addresses: ClientAddresses
  /** The name of a tenant by its id. */
  readonly tenantName: (id: string) => string
}

const MAX_USER_AGENT_CHARACTERS = 300

const problems = {
  401: json('No valid key, token or password.', problem),
  403: json('It opens nothing here.', problem),
  503: json(
    'The database is away, or too many try to sign in: come back after `Retry-After`.',
    problem,
  ),
}
const security = [{ apiKey: [] }]

const beginRoute = createRoute({
  method: 'post',
  path: '/v1/sessions',
  summary: 'Sign in',
  description: 'Tries with a wrong password make the next ones wait.',
  request: { body: { required: true, content: { 'application/json': { schema: schema.login } } } },
  responses: {
    201: json('Somebody is signed in.', schema.begunSession),
    400: json('The body is not JSON.', problem),
    422: json('A field is wrong; `errors` says which.', problem),
    ...problems,
  },
})

const listRoute = createRoute({
  method: 'get',
  path: '/v1/sessions',
  summary: 'Sessions: your own, or those of all users that you may read',
  security,
  responses: { 200: json('The sessions, newest first.', schema.sessionList), ...problems },
})

const endOwnRoute = createRoute({
  method: 'delete',
  path: '/v1/sessions/current',
  summary: 'Sign out',
  security,
  responses: { 204: { description: 'Nobody is signed in.' }, ...problems },
})

const endRoute = createRoute({
  method: 'delete',
  path: '/v1/sessions/{id}',
  summary: 'End a session: one of your own, or of a user that you may change',
  security,
  request: { params: schema.userId },
  responses: {
    204: { description: 'It has ended.' },
    404: json('There is no such session.', problem),
    ...problems,
  },
})

/** Routes under `/v1/sessions`. */
export function sessionRoutes({ sessions, logins, access, addresses, tenantName }: SessionParts) {
  const app = new OpenAPIHono<AppEnv>({ defaultHook: onInvalid })

  function bodyOf({ id, user, createdAt, lastUsedAt, address, userAgent }: Session) {
    return {
      id,
      user: user.email,
      tenant: user.tenantId === null ? null : tenantName(user.tenantId),
      created_at: createdAt.toISOString(),
      last_used_at: lastUsedAt.toISOString(),
      address,
      user_agent: userAgent,
    }
  }

  openapiWithBody(app, beginRoute, async (c) => {
    const { email, password, cookie } = c.req.valid('json')
    const entry = c.get('audit').user(email, null)
    const { session, token, endsAt } = await logins.begin({
      email,
      password,
      address: addresses.of(c) ?? '',
      userAgent: (c.req.header('user-agent') ?? '').slice(0, MAX_USER_AGENT_CHARACTERS),
    })
    const { tenantId } = session.user
    entry.user(session.user.email, tenantId).subject('session', session.id)
    if (tenantId !== null) entry.tenant(tenantId)
    if (cookie) setSessionCookie(c, token, endsAt)
    return c.json({ ...bodyOf(session), token, ends_at: endsAt.toISOString() }, 201)
  })

  app.openapi(listRoute, (c) => {
    const current = c.get('caller').user?.sessionId
    const shown = sessions
      .list()
      .filter((session) => isWithin(c, access, session, 'users:read'))
      .map((session) => ({ ...bodyOf(session), is_current: session.id === current }))
    return c.json({ sessions: shown }, 200)
  })

  app.openapi(endOwnRoute, async (c) => {
    const { user } = c.get('caller')
    if (!user) throw new GatewayError('forbidden', 'a key has no session')
    c.get('audit').subject('session', user.sessionId)
    await sessions.end(user.sessionId)
    dropSessionCookie(c)
    return c.body(null, 204)
  })

  app.openapi(endRoute, async (c) => {
    const { id } = c.req.valid('param')
    const session = sessions.list().find((each) => each.id === id.toLowerCase())
    if (!session || !isWithin(c, access, session, 'users:write')) {
      throw new GatewayError('not_found', `there is no session with the id "${id}"`)
    }
    const { email, tenantId } = session.user
    const entry = c.get('audit').subject('session', session.id).before({ user: email })
    if (tenantId !== null) entry.tenant(tenantId)
    await sessions.end(session.id)
    return c.body(null, 204)
  })

  return app
}

/** One's own, and with a scope those of the users that one may see. */
function isWithin(
  c: Context<AppEnv>,
  access: Access,
  { user }: Session,
  scope: 'users:read' | 'users:write',
): boolean {
  const caller = c.get('caller')
  if (caller.user?.id === user.id) return true
  return caller.scopes.has(scope) && isReached(c, access, user.tenantId)
}
