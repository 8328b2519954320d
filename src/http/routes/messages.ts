import { createRoute, OpenAPIHono, z } from '@hono/zod-openapi'
import { GatewayError } from '../../core/errors.ts'
import { formatMicros } from '../../core/money.ts'
import type { Archive, EventRow } from '../../messages/archive.ts'
import type { Intake, MessageRequest, Quote } from '../../messages/intake.ts'
import type { Message } from '../../messages/message.ts'
import type { MessageRow } from '../../messages/rows.ts'
import { isFinal, type MessageStatus } from '../../messages/states.ts'
import { parseNumber } from '../../routing/number.ts'
import type { AppEnv } from '../env.ts'
import { problemOf } from '../problem.ts'
import { onInvalid } from '../validation.ts'
import * as schema from './message-schema.ts'

/** What the routes work with. */
export interface MessageParts {
  readonly intake: Intake
  readonly archive: Archive
  /** Told of every refusal, for the metrics. */
  readonly onRefused: (code: string) => void
}

const json = <Schema extends z.ZodType>(description: string, content: Schema) => ({
  description,
  content: { 'application/json': { schema: content } },
})

const problems = {
  401: json('No valid API key.', schema.problem),
  422: json('A field is wrong; `errors` says which.', schema.problem),
  503: json('Overloaded or stopping: come back after `Retry-After`.', schema.problem),
}

type ProblemBody = ReturnType<typeof problemOf>

const security = [{ apiKey: [] }]

const createMessageRoute = createRoute({
  method: 'post',
  path: '/v1/messages',
  summary: 'Send a message to one or many recipients',
  security,
  request: {
    body: {
      required: true,
      content: { 'application/json': { schema: schema.createMessage } },
    },
  },
  responses: {
    202: json(
      'Taken over: stored, and on its way. A list of recipients answers with a list.',
      z.union([schema.acceptedMessage, schema.acceptedList]),
    ),
    200: json('Answer to `dry_run`.', z.union([schema.quotedMessage, schema.quotedList])),
    400: json('The body is not JSON.', schema.problem),
    413: json('The body is over 1 MiB.', schema.problem),
    415: json('The content type is not JSON.', schema.problem),
    ...problems,
  },
})

const listMessagesRoute = createRoute({
  method: 'get',
  path: '/v1/messages',
  summary: 'List messages, newest first',
  security,
  request: { query: schema.listQuery },
  responses: { 200: json('A page of messages.', schema.messageList), ...problems },
})

const getMessageRoute = createRoute({
  method: 'get',
  path: '/v1/messages/{id}',
  summary: 'A message with its timeline',
  security,
  request: { params: z.object({ id: z.string() }) },
  responses: {
    200: json('The message.', schema.messageWithTimeline),
    404: json('No such message.', schema.problem),
    ...problems,
  },
})

/** Routes under `/v1/messages`. */
export function messageRoutes({ intake, archive, onRefused }: MessageParts) {
  const app = new OpenAPIHono<AppEnv>({ defaultHook: onInvalid })

  /** The one message of a call; its refusal is the call's. */
  async function only<Result>(
    [request]: readonly MessageRequest[],
    handle: (request: MessageRequest) => Promise<Result>,
  ): Promise<Result> {
    if (!request) throw new GatewayError('to_invalid', 'there is no recipient', { pointer: '/to' })
    try {
      return await handle(request)
    } catch (error) {
      if (error instanceof GatewayError) onRefused(error.code)
      throw error
    }
  }

  /** The messages of a call, each answered on its own. */
  function each<Result>(
    requests: readonly MessageRequest[],
    requestId: string,
    handle: (request: MessageRequest) => Promise<Result>,
  ): Promise<(Result | { to: string; error: ProblemBody })[]> {
    return Promise.all(
      requests.map(async (request, index) => {
        try {
          return await handle(request)
        } catch (error) {
          if (!(error instanceof GatewayError)) throw error
          onRefused(error.code)
          const pointer = error.pointer === '/to' ? `/to/${index}` : error.pointer
          return { to: request.to, error: problemOf(error, requestId, pointer) }
        }
      }),
    )
  }

  app.openapi(createMessageRoute, async (c) => {
    const body = c.req.valid('json')
    const tenantId = c.get('tenant').id
    const { to } = body
    const requests = (Array.isArray(to) ? to : [to]).map((one) => requestFor(one, body))
    const requestId = c.get('requestId')
    if (body.dry_run) {
      const quote = async (request: MessageRequest) => quotedBody(intake.quote(request))
      return Array.isArray(to)
        ? c.json({ messages: await each(requests, requestId, quote) }, 200)
        : c.json(await only(requests, quote), 200)
    }
    const accept = async (request: MessageRequest) =>
      acceptedBody(await intake.accept(tenantId, request))
    return Array.isArray(to)
      ? c.json({ messages: await each(requests, requestId, accept) }, 202)
      : c.json(await only(requests, accept), 202)
  })

  app.openapi(listMessagesRoute, async (c) => {
    const query = c.req.valid('query')
    const rows = await archive.list(c.get('tenant').id, {
      status: query.status,
      to: query.to === undefined ? undefined : normalNumber(query.to),
      from: query.from,
      carrier: query.carrier,
      clientReference: query.client_reference,
      createdFrom: instant(query.created_from),
      createdBefore: instant(query.created_before),
      before: query.cursor === undefined ? undefined : idFromCursor(query.cursor),
      // One more than asked for tells whether there is another page.
      limit: query.limit + 1,
    })
    const page = rows.slice(0, query.limit)
    const last = rows.length > query.limit ? page.at(-1) : undefined
    return c.json(
      { messages: page.map(messageBody), next_cursor: last ? cursorFromId(last.id) : null },
      200,
    )
  })

  app.openapi(getMessageRoute, async (c) => {
    const { id } = c.req.valid('param')
    const found = UUID.test(id) ? await archive.find(c.get('tenant').id, id) : undefined
    if (!found) throw new GatewayError('not_found', `there is no message with the id "${id}"`)
    return c.json(
      { ...messageBody(found.message), timeline: found.timeline.map(timelineBody) },
      200,
    )
  })

  return app
}

const UUID = /^[0-9a-f]{8}(-[0-9a-f]{4}){3}-[0-9a-f]{12}$/i

function requestFor(to: string, body: z.infer<typeof schema.createMessage>): MessageRequest {
  return {
    source: 'rest',
    partner: null,
    to,
    from: body.from,
    text: body.text,
    raw: null,
    registeredDelivery: 0,
    encoding: body.encoding,
    trafficClass: body.traffic_class,
    maxSegments: body.max_segments ?? null,
    clientReference: body.client_reference ?? null,
  }
}

function priceBody(micros: bigint, currency: string) {
  return { amount: formatMicros(micros), currency }
}

function acceptedBody(message: Message) {
  return {
    id: message.id,
    status: 'accepted' as const,
    to: message.to,
    from: message.from,
    segments: message.segments,
    encoding: message.encoding,
    price: priceBody(message.priceMicros, message.priceCurrency),
    client_reference: message.clientReference,
    created_at: message.createdAt.toISOString(),
  }
}

function quotedBody(quote: Quote) {
  return {
    dry_run: true as const,
    to: quote.number.e164,
    from: quote.from,
    segments: quote.segments,
    encoding: quote.encoding,
    price: priceBody(quote.best.priceMicros, quote.best.currency),
    carrier: quote.best.carrier,
  }
}

function messageBody(row: MessageRow) {
  const status = row.status as MessageStatus
  return {
    id: row.id,
    status,
    is_final: isFinal(status),
    error: row.error_code === null ? null : { code: row.error_code, detail: row.error_detail },
    to: row.to_number,
    from: row.from_sender,
    text: row.body,
    encoding: row.encoding,
    segments: row.segments,
    price: priceBody(row.price_micros, row.price_currency),
    traffic_class: row.traffic_class as Message['trafficClass'],
    client_reference: row.client_reference,
    country: row.country,
    carrier: row.carrier,
    attempts: row.attempt,
    created_at: row.created_at.toISOString(),
    updated_at: row.updated_at.toISOString(),
    final_at: row.final_at?.toISOString() ?? null,
  }
}

function timelineBody(event: EventRow) {
  return {
    at: event.at.toISOString(),
    type: event.type,
    status: event.status as MessageStatus,
    carrier: event.carrier,
    attempt: event.attempt,
    segment: event.segment,
    code: event.code,
    raw_code: event.raw_code,
    detail: event.detail as Record<string, unknown> | null,
  }
}

/** Numbers are stored in E.164; a filter may spell them as a person would. */
function normalNumber(text: string): string {
  const parsed = parseNumber(text)
  return parsed.ok ? parsed.number.e164 : text
}

function instant(text: string | undefined): Date | undefined {
  return text === undefined ? undefined : new Date(text)
}

function cursorFromId(id: string): string {
  return Buffer.from(id.replaceAll('-', ''), 'hex').toString('base64url')
}

function idFromCursor(cursor: string): string {
  const hex = Buffer.from(cursor, 'base64url').toString('hex')
  if (hex.length !== 32) {
    throw new GatewayError('cursor_invalid', `"${cursor}" is not a next_cursor of this API`, {
      pointer: '/cursor',
    })
  }
  return hex.replace(/^(.{8})(.{4})(.{4})(.{4})(.{12})$/, '$1-$2-$3-$4-$5')
}
