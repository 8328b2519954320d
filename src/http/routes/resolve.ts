import { createRoute, OpenAPIHono, z } from '@hono/zod-openapi'
import { GatewayError } from '../../core/errors.ts'
import type { Archive } from '../../messages/archive.ts'
import { RESOLVE_ACTIONS, type Resolution } from '../../messages/resolution.ts'
import type { AppEnv } from '../env.ts'
import { openapiWithBody } from '../validation.ts'
import { json } from './json-response.ts'
import { isId, messageBody } from './message-body.ts'
import * as schema from './message-schema.ts'

/** What the route works with. */
export interface ResolveParts {
  readonly archive: Archive
  readonly resolution: Resolution
}

const resolveRoute = createRoute({
  method: 'post',
  path: '/v1/messages/{id}/resolve',
  summary: 'Settle a message that waits for an operator',
  description:
    'For a message that its carrier may or may not have, `error.code` being `outcome_unknown`. ' +
    '`resend` sends it again, and the recipient may get it twice; `fail` ends it. For one that a ' +
    'failure rule holds (`held_by`): `release` sends it on, `fail` ends it.',
  security: [{ apiKey: [] }],
  request: {
    params: z.object({ id: z.string() }),
    body: {
      required: true,
      content: {
        'application/json': {
          schema: z.strictObject({ action: z.enum(RESOLVE_ACTIONS) }).openapi('ResolveMessage'),
        },
      },
    },
  },
  responses: {
    200: json('The message, settled.', schema.message),
    401: json('No valid API key.', schema.problem),
    404: json('No such message.', schema.problem),
    409: json('There is nothing to settle; `detail` says why.', schema.problem),
    422: json('The body is wrong; `errors` says where.', schema.problem),
    503: json('It is being worked on: come back after `Retry-After`.', schema.problem),
  },
})

/** The route by which an operator settles a message. */
export function resolveRoutes({ archive, resolution }: ResolveParts) {
  const app = new OpenAPIHono<AppEnv>()
  openapiWithBody(app, resolveRoute, async (c) => {
    const id = c.req.valid('param').id.toLowerCase()
    const { action } = c.req.valid('json')
    const tenantId = c.get('tenant').id
    const unknown = () => new GatewayError('not_found', `there is no message with the id "${id}"`)
    if (!isId(id)) throw unknown()
    const entry = c.get('audit').subject('message', id)
    const before = await archive.find(tenantId, id)
    entry.before(before && { status: before.message.status, held_by: before.message.held_by })
    await resolution.resolve(tenantId, id, action)
    const found = await archive.find(tenantId, id)
    if (!found) throw unknown()
    entry.after({ action, status: found.message.status, held_by: found.message.held_by })
    return c.json(messageBody(found.message), 200)
  })
  return app
}
