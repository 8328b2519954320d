import { createRoute, OpenAPIHono, z } from '@hono/zod-openapi'
import type { CallbackArchive, CallbackRecord } from '../../callbacks/callback-archive.ts'
import { GatewayError } from '../../core/errors.ts'
import type { AppEnv } from '../env.ts'
import { onInvalid } from '../validation.ts'
import { json } from './json-response.ts'
import { cursorFromId, idFromCursor, isId } from './message-body.ts'
import { problem } from './message-schema.ts'

/** What the routes work with. */
export interface CallbackParts {
  readonly callbackArchive: CallbackArchive
}

const instant = z.iso.datetime()
const state = z.enum(['pending', 'done', 'failed'])

const callbackQuery = z.strictObject({
  limit: z.coerce.number().int().min(1).max(500).default(50),
  cursor: z.string().optional().openapi({ description: '`next_cursor` of the page before.' }),
  carrier: z.string().optional(),
  state: state.optional(),
})

const callback = z
  .object({
    id: z.uuid(),
    carrier: z.string(),
    kind: z.enum(['delivery', 'mo']).openapi({ description: 'The address it was sent to.' }),
    state: state.openapi({ description: '`failed`: it cannot be read, `error` says why.' }),
    error: z.string().nullable(),
    address: z.string().nullable().openapi({ description: 'Where it came from.' }),
    received_at: instant,
    taken_at: instant.nullable(),
  })
  .openapi('Callback')

const problems = {
  401: json('No valid API key.', problem),
  403: json("The key is a tenant's.", problem),
  422: json('A field is wrong; `errors` says which.', problem),
  503: json('The database is away: come back after `Retry-After`.', problem),
}
const security = [{ apiKey: [] }]

const listRoute = createRoute({
  method: 'get',
  path: '/v1/callbacks',
  summary: 'List what providers over HTTP have reported, newest first',
  description: 'For keys of the operator (`admin_keys`).',
  security,
  request: { query: callbackQuery },
  responses: {
    200: json(
      'A page of callbacks.',
      z
        .object({
          callbacks: z.array(callback),
          next_cursor: z
            .string()
            .nullable()
            .openapi({ description: 'null: this is the last page.' }),
        })
        .openapi('CallbackList'),
    ),
    ...problems,
  },
})

const replayRoute = createRoute({
  method: 'post',
  path: '/v1/callbacks/{id}/replay',
  summary: 'Take a callback again that could not be read',
  description: 'For keys of the operator.',
  security,
  request: { params: z.object({ id: z.string() }) },
  responses: {
    202: json('It is taken again, soon.', callback),
    404: json('No such callback.', problem),
    409: json('It has not failed.', problem),
    ...problems,
  },
})

/** Routes under `/v1/callbacks`. */
export function callbackRoutes({ callbackArchive }: CallbackParts) {
  const app = new OpenAPIHono<AppEnv>({ defaultHook: onInvalid })

  app.openapi(listRoute, async (c) => {
    const { limit, cursor, carrier, state: wanted } = c.req.valid('query')
    // One more than asked for tells whether there is another page.
    const rows = await callbackArchive.list({
      carrier,
      state: wanted,
      before: cursor === undefined ? undefined : idFromCursor(cursor),
      limit: limit + 1,
    })
    const shown = rows.slice(0, limit)
    const last = rows.length > limit ? shown.at(-1) : undefined
    return c.json(
      { callbacks: shown.map(bodyOf), next_cursor: last ? cursorFromId(last.id) : null },
      200,
    )
  })

  app.openapi(replayRoute, async (c) => {
    const id = c.req.valid('param').id.toLowerCase()
    if (!isId(id)) throw new GatewayError('not_found', `there is no callback with the id "${id}"`)
    const entry = c.get('audit').subject('callback', id)
    const record = await callbackArchive.replay(id)
    entry.after({ carrier: record.carrier, state: record.state })
    return c.json(bodyOf(record), 202)
  })

  return app
}

function bodyOf(record: CallbackRecord): z.infer<typeof callback> {
  return {
    id: record.id,
    carrier: record.carrier,
    kind: record.kind === 'mo' ? 'mo' : 'delivery',
    state: record.state as z.infer<typeof state>,
    error: record.error,
    address: record.address,
    received_at: record.received_at.toISOString(),
    taken_at: record.taken_at?.toISOString() ?? null,
  }
}
