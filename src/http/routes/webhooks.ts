import { createRoute, OpenAPIHono, z } from '@hono/zod-openapi'
import { GatewayError } from '../../core/errors.ts'
import { newId } from '../../core/id.ts'
import type { TellingTry } from '../../messages/telling.ts'
import { CALLBACK, type Endpoint, type Endpoints, type Signing } from '../../webhooks/endpoints.ts'
import type { WebhookSender } from '../../webhooks/sender.ts'
import type { AppEnv } from '../env.ts'
import { onInvalid, openapiWithBody } from '../validation.ts'
import { json } from './json-response.ts'
import { problem } from './message-schema.ts'
import * as schema from './webhook-schema.ts'

/** One event for one endpoint, with every try to send it. */
export interface WebhookEventRow {
  /** The `webhook-id`. */
  readonly id: string
  readonly event: string
  readonly messageId: string | null
  readonly status: 'pending' | 'delivered' | 'dead'
  /** Failed tries so far. */
  readonly tries: number
  readonly createdAt: Date
  /** Null unless it is pending. */
  readonly nextAttemptAt: Date | null
  readonly deadReason: string | null
  /** Oldest first. */
  readonly attempts: readonly TellingTry[]
}

/** Which events are asked for. */
export interface WebhookEventFilter {
  readonly status: WebhookEventRow['status'] | undefined
  readonly messageId: string | undefined
  /** Only what is older than the event with this id. */
  readonly before: string | undefined
  readonly limit: number
}

/**
 * The events of an endpoint.
 *
 * `endpointId` is the id of one that exists and belongs to the tenant, or `callback`: then all events
 * of the tenant's `callback_url`s are meant.
 */
export interface WebhookEvents {
  /** Newest first. */
  list(
    tenantId: string,
    endpointId: string,
    filter: WebhookEventFilter,
  ): Promise<readonly WebhookEventRow[]>
  /**
   * Puts events back into the queue, at once and with all tries before them: those with the ids,
   * delivered or dead, or every dead one since an instant.
   *
   * @returns how many there were; an id that is not the endpoint's is not counted
   */
  replay(
    tenantId: string,
    endpointId: string,
    which: { readonly ids: readonly string[] } | { readonly since: Date },
  ): Promise<number>
}

/** What the routes work with. */
export interface WebhookParts {
  readonly endpoints: Endpoints
  readonly webhookSender: WebhookSender
  readonly webhookEvents: WebhookEvents
}

const body = <Schema extends z.ZodType>(content: Schema) => ({
  required: true as const,
  content: { 'application/json': { schema: content } },
})

const problems = {
  401: json('No valid API key.', problem),
  404: json('No such webhook.', problem),
  422: json('A field is wrong; `errors` says which.', problem),
  503: json('Overloaded or stopping: come back after `Retry-After`.', problem),
}

const security = [{ apiKey: [] }]

const params = z.object({ id: z.string() })

const paramsOrCallback = z.object({
  id: z.string().openapi({
    description: 'The id of a webhook, or `callback` for the `callback_url`s of all messages.',
  }),
})

const createWebhookRoute = createRoute({
  method: 'post',
  path: '/v1/webhooks',
  summary: 'Add a webhook',
  security,
  request: { body: body(schema.createWebhook) },
  responses: { 201: json('The webhook, with its secret.', schema.webhookWithSecret), ...problems },
})

const listRoute = createRoute({
  method: 'get',
  path: '/v1/webhooks',
  summary: 'List webhooks, oldest first',
  security,
  responses: { 200: json('All webhooks.', schema.webhookList), 401: problems[401] },
})

const getRoute = createRoute({
  method: 'get',
  path: '/v1/webhooks/{id}',
  summary: 'A webhook',
  security,
  request: { params },
  responses: { 200: json('The webhook.', schema.webhook), ...problems },
})

const updateRoute = createRoute({
  method: 'patch',
  path: '/v1/webhooks/{id}',
  summary: 'Change a webhook, switch it off or on',
  security,
  request: { params, body: body(schema.updateWebhook) },
  responses: { 200: json('The webhook.', schema.webhook), ...problems },
})

const deleteRoute = createRoute({
  method: 'delete',
  path: '/v1/webhooks/{id}',
  summary: 'Remove a webhook; what waits for it is given up',
  security,
  request: { params },
  responses: { 204: { description: 'It is gone.' }, ...problems },
})

const secretRoute = createRoute({
  method: 'get',
  path: '/v1/webhooks/{id}/secret',
  summary: 'The secrets that events are signed with',
  security,
  request: { params: paramsOrCallback },
  responses: { 200: json('The secrets.', schema.secrets), ...problems },
})

const rotateRoute = createRoute({
  method: 'post',
  path: '/v1/webhooks/{id}/rotate',
  summary: 'Replace the secret; the old one signs along for a while',
  security,
  request: { params: paramsOrCallback, body: body(schema.rotateSecret) },
  responses: { 200: json('The new secret, and the old one.', schema.secrets), ...problems },
})

const testRoute = createRoute({
  method: 'post',
  path: '/v1/webhooks/{id}/test',
  summary: 'Send an event `webhook.test` now and tell how it went',
  security,
  request: { params },
  responses: { 200: json('What the endpoint answered.', schema.testResult), ...problems },
})

const eventsRoute = createRoute({
  method: 'get',
  path: '/v1/webhooks/{id}/events',
  summary: 'Events of a webhook with every try to send them, newest first',
  security,
  request: { params: paramsOrCallback, query: schema.eventQuery },
  responses: { 200: json('A page of events.', schema.eventList), ...problems },
})

const replayRoute = createRoute({
  method: 'post',
  path: '/v1/webhooks/{id}/replay',
  summary: 'Send events again, with the same `webhook-id`',
  security,
  request: { params: paramsOrCallback, body: body(schema.replayEvents) },
  responses: { 202: json('They wait to be sent.', schema.replayed), ...problems },
})

/** Routes under `/v1/webhooks`. */
export function webhookRoutes({ endpoints, webhookSender, webhookEvents }: WebhookParts) {
  const app = new OpenAPIHono<AppEnv>({ defaultHook: onInvalid })

  /** Fails unless the id is the tenant's, or stands for its callbacks. */
  function requireKnown(tenantId: string, id: string): void {
    if (id !== CALLBACK) endpoints.get(tenantId, id)
  }

  openapiWithBody(app, createWebhookRoute, async (c) => {
    const endpoint = await endpoints.create(c.get('tenant').id, c.req.valid('json'))
    c.get('audit').subject('webhook', endpoint.id).after(endpointBody(endpoint))
    return c.json({ ...endpointBody(endpoint), secret: endpoint.secret }, 201)
  })

  app.openapi(listRoute, (c) =>
    c.json({ webhooks: endpoints.list(c.get('tenant').id).map(endpointBody) }, 200),
  )

  app.openapi(getRoute, (c) =>
    c.json(endpointBody(endpoints.get(c.get('tenant').id, c.req.valid('param').id)), 200),
  )

  openapiWithBody(app, updateRoute, async (c) => {
    const { url, events, is_enabled: isEnabled } = c.req.valid('json')
    const change = { url, events, isEnabled }
    const { id } = c.req.valid('param')
    const tenantId = c.get('tenant').id
    const entry = c.get('audit').subject('webhook', id)
    entry.before(endpointBody(endpoints.get(tenantId, id)))
    const changed = endpointBody(await endpoints.update(tenantId, id, change))
    entry.after(changed)
    return c.json(changed, 200)
  })

  app.openapi(deleteRoute, async (c) => {
    const { id } = c.req.valid('param')
    const tenantId = c.get('tenant').id
    const entry = c.get('audit').subject('webhook', id)
    entry.before(endpointBody(endpoints.get(tenantId, id))).after(null)
    await endpoints.remove(tenantId, id)
    return c.body(null, 204)
  })

  app.openapi(secretRoute, async (c) => {
    const { id } = c.req.valid('param')
    c.get('audit').subject('webhook', id)
    const signing = await endpoints.signing(c.get('tenant').id, id)
    return c.json(secretsBody(signing, new Date()), 200)
  })

  openapiWithBody(app, rotateRoute, async (c) => {
    const { secret, overlap_hours: overlapHours } = c.req.valid('json')
    const { id } = c.req.valid('param')
    const entry = c.get('audit').subject('webhook', id)
    const rotated = await endpoints.rotate(c.get('tenant').id, id, { secret, overlapHours })
    entry.after(secretsBody(rotated, new Date()))
    return c.json(secretsBody(rotated, new Date()), 200)
  })

  app.openapi(testRoute, async (c) => {
    const { id } = c.req.valid('param')
    const entry = c.get('audit').subject('webhook', id)
    const endpoint = endpoints.get(c.get('tenant').id, id)
    const webhookId = newId()
    const tried = await webhookSender.sendTest(endpoint, webhookId)
    const isDelivered = tried.error === null
    entry.after({ webhook_id: webhookId, is_delivered: isDelivered })
    return c.json({ webhook_id: webhookId, is_delivered: isDelivered, ...tryBody(tried) }, 200)
  })

  app.openapi(eventsRoute, async (c) => {
    const tenantId = c.get('tenant').id
    const { id } = c.req.valid('param')
    requireKnown(tenantId, id)
    const { limit, cursor, status, message_id: messageId } = c.req.valid('query')
    const rows = await webhookEvents.list(tenantId, id, {
      status,
      messageId,
      before: cursor === undefined ? undefined : idFromCursor(cursor),
      // One more than asked for tells whether there is another page.
      limit: limit + 1,
    })
    const page = rows.slice(0, limit)
    const last = rows.length > limit ? page.at(-1) : undefined
    return c.json(
      { events: page.map(eventBody), next_cursor: last ? cursorFromId(last.id) : null },
      200,
    )
  })

  openapiWithBody(app, replayRoute, async (c) => {
    const tenantId = c.get('tenant').id
    const { id } = c.req.valid('param')
    requireKnown(tenantId, id)
    const { ids, since } = c.req.valid('json')
    const which = ids ? { ids } : { since: new Date(since ?? 0) }
    const entry = c.get('audit').subject('webhook', id)
    const replayed = await webhookEvents.replay(tenantId, id, which)
    entry.after({ replayed })
    return c.json({ replayed }, 202)
  })

  return app
}

function endpointBody(endpoint: Endpoint) {
  return {
    id: endpoint.id,
    url: endpoint.url,
    events: [...endpoint.events],
    is_enabled: endpoint.isEnabled,
    disabled_reason: endpoint.disabledReason,
    created_at: endpoint.createdAt.toISOString(),
  }
}

function secretsBody(signing: Signing, now: Date) {
  const { secret, previousSecret, previousSecretUntil: until } = signing
  const isOver = until === null || now >= until
  return {
    secret,
    previous_secret: isOver ? null : previousSecret,
    previous_secret_until: isOver ? null : until.toISOString(),
  }
}

function tryBody({ at, statusCode, durationMs, error }: TellingTry) {
  return { at: at.toISOString(), status_code: statusCode, duration_ms: durationMs, error }
}

function eventBody(row: WebhookEventRow) {
  return {
    id: row.id,
    type: row.event,
    message_id: row.messageId,
    status: row.status,
    tries: row.tries,
    created_at: row.createdAt.toISOString(),
    next_attempt_at: row.nextAttemptAt?.toISOString() ?? null,
    dead_reason: row.deadReason,
    attempts: row.attempts.map(tryBody),
  }
}

function cursorFromId(id: string): string {
  return Buffer.from(id, 'utf8').toString('base64url')
}

function idFromCursor(cursor: string): string {
  const id = Buffer.from(cursor, 'base64url').toString('utf8')
  if (!/^[\w.:-]{1,100}$/.test(id)) {
    throw new GatewayError('cursor_invalid', `"${cursor}" is not a next_cursor of this API`, {
      pointer: '/cursor',
    })
  }
  return id
}
