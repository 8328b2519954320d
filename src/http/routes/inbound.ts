import { createRoute, OpenAPIHono, z } from '@hono/zod-openapi'
import { GatewayError } from '../../core/errors.ts'
import type { InboundArchive, InboundRow } from '../../inbound/inbound-archive.ts'
import type { AppEnv } from '../env.ts'
import { onInvalid } from '../validation.ts'
import { inboundList, inboundMessage, inboundQuery } from './inbound-schema.ts'
import { json } from './json-response.ts'
import { cursorFromId, idFromCursor, instant, isId } from './message-body.ts'
import { problem } from './message-schema.ts'

/** What the routes work with. */
export interface InboundParts {
  readonly inbound: InboundArchive
}

const security = [{ apiKey: [] }]

const listRoute = createRoute({
  method: 'get',
  path: '/v1/inbound-messages',
  summary: 'List the messages of handsets that were sent to your numbers, newest first',
  security,
  request: { query: inboundQuery },
  responses: {
    200: json('A page of messages.', inboundList),
    401: json('No valid API key.', problem),
    422: json('A field is wrong; `errors` says which.', problem),
    503: json('The database is away: come back after `Retry-After`.', problem),
  },
})

const getRoute = createRoute({
  method: 'get',
  path: '/v1/inbound-messages/{id}',
  summary: 'A message of a handset',
  security,
  request: { params: z.object({ id: z.string() }) },
  responses: {
    200: json('The message.', inboundMessage),
    401: json('No valid API key.', problem),
    404: json('No such message.', problem),
    422: json('A field is wrong; `errors` says which.', problem),
    503: json('The database is away: come back after `Retry-After`.', problem),
  },
})

/** Routes under `/v1/inbound-messages`. */
export function inboundRoutes({ inbound }: InboundParts) {
  const app = new OpenAPIHono<AppEnv>({ defaultHook: onInvalid })

  app.openapi(listRoute, async (c) => {
    const { limit, cursor, from, to, ...range } = c.req.valid('query')
    // One more than asked for tells whether there is another page.
    const rows = await inbound.list(c.get('tenant').id, {
      from,
      to,
      receivedFrom: instant(range.received_from),
      receivedBefore: instant(range.received_before),
      before: cursor === undefined ? undefined : idFromCursor(cursor),
      limit: limit + 1,
    })
    const shown = rows.slice(0, limit)
    const last = rows.length > limit ? shown.at(-1) : undefined
    return c.json(
      { inbound_messages: shown.map(bodyOf), next_cursor: last ? cursorFromId(last.id) : null },
      200,
    )
  })

  app.openapi(getRoute, async (c) => {
    const id = c.req.valid('param').id.toLowerCase()
    const row = isId(id) ? await inbound.find(c.get('tenant').id, id) : undefined
    if (!row) {
      throw new GatewayError('not_found', `there is no inbound message with the id "${id}"`)
    }
    return c.json(bodyOf(row), 200)
  })

  return app
}

function bodyOf(row: InboundRow): z.infer<typeof inboundMessage> {
  return {
    id: row.id,
    from: row.from_number,
    to: row.to_number,
    text: row.body,
    text_erased_at: row.body_erased_at?.toISOString() ?? null,
    encoding: row.encoding,
    keyword: row.keyword,
    parts: row.parts,
    total_parts: row.total_parts,
    carrier: row.carrier,
    partner: row.partner,
    received_at: row.received_at.toISOString(),
  }
}
