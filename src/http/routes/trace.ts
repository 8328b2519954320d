import { createRoute, OpenAPIHono, z } from '@hono/zod-openapi'
import { GatewayError } from '../../core/errors.ts'
import { type Archive, EVERY_TENANT, type Submit } from '../../messages/archive.ts'
import type { AppEnv } from '../env.ts'
import { onInvalid } from '../validation.ts'
import * as schema from './bind-schema.ts'
import { readTexts } from './binds.ts'
import { json } from './json-response.ts'
import { isId, timelineBodies } from './message-body.ts'
import { problem, timelineEvent } from './message-schema.ts'

/** A message whose PDUs are looked for. */
export interface TracedMessage {
  readonly id: string
  /** E.164 with `+`. */
  readonly to: string
  /** The partner account that submitted it; null: it came over REST. */
  readonly partner: string | null
  readonly submits: readonly Pick<Submit, 'carrier' | 'carrierMessageId'>[]
}

/** A recorded PDU about a message, and where it went. */
export type TraceReport = z.input<typeof schema.tracedPdu>

/** What the route works with. */
export interface TraceParts {
  readonly archive: Archive
  /** The PDUs about a message that are still recorded, oldest first. */
  readonly trace: (message: TracedMessage, showTexts: boolean) => TraceReport[]
  readonly mayShowTexts: () => boolean
}

const traceRoute = createRoute({
  method: 'get',
  path: '/v1/messages/{id}/trace',
  summary: 'The timeline of a message with its PDUs',
  description:
    'The PDUs that the recorder still has: submits and their responses, receipts and theirs. It keeps ' +
    "the latest of each connection, in memory only. With a tenant's key of its own messages, with a key of the " +
    'operator (`admin_keys`) of any.',
  security: [{ apiKey: [] }],
  request: { params: z.object({ id: z.string() }), query: schema.captureQuery },
  responses: {
    200: json(
      'Timeline and PDUs.',
      z
        .object({
          id: z.uuid(),
          timeline: z.array(timelineEvent),
          pdus: z.array(schema.tracedPdu),
        })
        .openapi('MessageTrace'),
    ),
    401: json('No valid API key.', problem),
    403: json('Texts must not be shown.', problem),
    404: json('No such message.', problem),
    422: json('A field is wrong; `errors` says which.', problem),
    503: json('Overloaded or stopping: come back after `Retry-After`.', problem),
  },
})

/** The route `/v1/messages/{id}/trace`. */
export function traceRoutes({ archive, trace, mayShowTexts }: TraceParts) {
  const app = new OpenAPIHono<AppEnv>({ defaultHook: onInvalid })

  app.openapi(traceRoute, async (c) => {
    const id = c.req.valid('param').id.toLowerCase()
    const showTexts = readTexts(c.req.valid('query').texts, mayShowTexts())
    const scope = c.get('scope')
    const found = isId(id) ? await archive.find(scope, id) : undefined
    if (!found) throw new GatewayError('not_found', `there is no message with the id "${id}"`)
    const { to_number: to, partner } = found.message
    const pdus = trace({ id, to, partner, submits: await archive.submits(id) }, showTexts)
    const timeline = timelineBodies(found.timeline, scope === EVERY_TENANT)
    return c.json({ id, timeline, pdus }, 200)
  })

  return app
}
