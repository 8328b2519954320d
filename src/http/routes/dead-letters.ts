import { createRoute, OpenAPIHono, z } from '@hono/zod-openapi'
import { GatewayError } from '../../core/errors.ts'
import type { Archive } from '../../messages/archive.ts'
import type { DeadLetterFilter, DeadLetters } from '../../messages/dead-letters.ts'
import type { AppEnv } from '../env.ts'
import { problemOf } from '../problem.ts'
import { onInvalid, openapiWithBody } from '../validation.ts'
import * as schema from './dead-letter-schema.ts'
import { json } from './json-response.ts'
import {
  acceptedBody,
  cursorFromId,
  idFromCursor,
  instant,
  isId,
  messageBody,
  normalNumber,
  timelineBodies,
} from './message-body.ts'
import { messageWithTimeline, problem } from './message-schema.ts'

/** What the routes work with. */
export interface DeadLetterParts {
  readonly archive: Archive
  readonly deadLetters: DeadLetters
}

const problems = {
  401: json('No valid API key.', problem),
  422: json('A field is wrong; `errors` says which.', problem),
  503: json('Overloaded or stopping: come back after `Retry-After`.', problem),
}

const security = [{ apiKey: [] }]
const params = z.object({ id: z.string() })

const listRoute = createRoute({
  method: 'get',
  path: '/v1/dead-letters',
  summary: 'List messages that no carrier has taken, newest first',
  security,
  request: { query: schema.deadLetterQuery },
  responses: { 200: json('A page of dead letters.', schema.deadLetterList), ...problems },
})

const getRoute = createRoute({
  method: 'get',
  path: '/v1/dead-letters/{id}',
  summary: 'A dead letter with its timeline',
  security,
  request: { params },
  responses: {
    200: json('The dead letter.', messageWithTimeline),
    404: json('No such dead letter.', problem),
    ...problems,
  },
})

const replayRoute = createRoute({
  method: 'post',
  path: '/v1/dead-letters/{id}/replay',
  summary: 'Send a dead letter again, as a new message at the present price',
  security,
  request: { params },
  responses: {
    202: json('Taken over: stored, on its way, and off the list.', schema.replayed),
    404: json('No such dead letter.', problem),
    409: json('It was sent again before; `replayed_as` is that message.', problem),
    ...problems,
  },
})

const replayManyRoute = createRoute({
  method: 'post',
  path: '/v1/dead-letters/replay',
  summary: 'Send many dead letters again',
  security,
  request: {
    body: { required: true, content: { 'application/json': { schema: schema.replayMany } } },
  },
  responses: {
    200: json('What became of each.', schema.replayedMany),
    400: json('The body is not JSON.', problem),
    ...problems,
  },
})

/** Routes under `/v1/dead-letters`. */
export function deadLetterRoutes({ archive, deadLetters }: DeadLetterParts) {
  const app = new OpenAPIHono<AppEnv>({ defaultHook: onInvalid })

  app.openapi(listRoute, async (c) => {
    const { limit, cursor, ...wanted } = c.req.valid('query')
    const before = cursor === undefined ? undefined : idFromCursor(cursor)
    // One more than asked for tells whether there is another page.
    const page = { before, limit: limit + 1 }
    const rows = await deadLetters.list(c.get('tenant').id, filterOf(wanted), page)
    const shown = rows.slice(0, limit)
    const last = rows.length > limit ? shown.at(-1) : undefined
    return c.json(
      { dead_letters: shown.map(messageBody), next_cursor: last ? cursorFromId(last.id) : null },
      200,
    )
  })

  app.openapi(getRoute, async (c) => {
    const id = c.req.valid('param').id.toLowerCase()
    const found = isId(id) ? await archive.find(c.get('tenant').id, id) : undefined
    if (!found || found.message.dead_letter === null) {
      const next = found?.message.replayed_as
      throw new GatewayError(
        'not_found',
        next ? `${id} was sent again as ${next}` : `there is no dead letter with the id "${id}"`,
      )
    }
    return c.json(
      {
        ...messageBody(found.message),
        timeline: timelineBodies(found.timeline, c.get('caller').isOperator),
      },
      200,
    )
  })

  app.openapi(replayRoute, async (c) => {
    const id = c.req.valid('param').id.toLowerCase()
    if (!isId(id)) {
      throw new GatewayError('not_found', `there is no dead letter with the id "${id}"`)
    }
    const entry = c.get('audit').subject('message', id)
    const message = await deadLetters.replay(c.get('tenant').id, id)
    entry.after({ replayed_as: message.id })
    return c.json({ ...acceptedBody(message), replay_of: id }, 202)
  })

  openapiWithBody(app, replayManyRoute, async (c) => {
    const { ids, filter, limit } = c.req.valid('json')
    const tenantId = c.get('tenant').id
    const wanted =
      ids?.map((id) => id.toLowerCase()) ??
      (await deadLetters.list(tenantId, filterOf(filter ?? {}), { limit })).map(({ id }) => id)
    const replays = await deadLetters.replayAll(tenantId, [...new Set(wanted)])
    const results = replays.map(({ id, message, error }) =>
      error ? { id, error: problemOf(error, c.get('requestId')) } : { id, replayed_as: message.id },
    )
    const failed = replays.filter(({ error }) => error).length
    const entry = c.get('audit').subject('dead_letters', ids ? 'by id' : 'by choice')
    entry.after({
      replayed: replays.length - failed,
      failed,
      ids: replays.filter(({ error }) => !error).map(({ id }) => id),
    })
    if (failed === replays.length) entry.nothingChanged()
    return c.json({ replayed: replays.length - failed, failed, results }, 200)
  })

  return app
}

function filterOf(wanted: {
  readonly reason?: string | undefined
  readonly error?: string | undefined
  readonly to?: string | undefined
  readonly carrier?: string | undefined
  readonly since?: string | undefined
}): DeadLetterFilter {
  return {
    reason: wanted.reason,
    error: wanted.error,
    to: wanted.to === undefined ? undefined : normalNumber(wanted.to),
    carrier: wanted.carrier,
    since: instant(wanted.since),
  }
}
