import { createRoute, OpenAPIHono, z } from '@hono/zod-openapi'
import type { Context } from 'hono'
import type { ContentfulStatusCode } from 'hono/utils/http-status'
import type { Access } from '../../accounts/access.ts'
import { GatewayError } from '../../core/errors.ts'
import { type Archive, EVERY_TENANT, type TenantScope } from '../../messages/archive.ts'
import type { Cancellation } from '../../messages/cancellation.ts'
import {
  type Answer,
  fingerprintOf,
  type IdempotencyKeys,
  type KeyedCall,
  readIdempotencyKey,
} from '../../messages/idempotency.ts'
import type { Intake, Verdict } from '../../messages/intake.ts'
import { fallbackRequests, type MessageRequest } from '../../messages/message-request.ts'
import type { Replacement } from '../../messages/replacement.ts'
import type { Templates } from '../../messages/templates.ts'
import type { AppEnv } from '../env.ts'
import { problemOf } from '../problem.ts'
import { reachedTenant } from '../tenant-reach.ts'
import { onInvalid, openapiWithBody } from '../validation.ts'
import { askedMessages } from './asked-messages.ts'
import { json } from './json-response.ts'
import {
  acceptedBody,
  cursorFromId,
  idFromCursor,
  instant,
  isId,
  messageBody,
  normalRecipient,
  operatorBody,
  quotedBody,
  submitBody,
  timelineBodies,
} from './message-body.ts'
import * as schema from './message-schema.ts'

/** What the routes work with. */
export interface MessageParts {
  readonly intake: Intake
  readonly templates: Templates
  readonly archive: Archive
  readonly keys: IdempotencyKeys
  readonly cancellation: Cancellation
  readonly replacement: Replacement
  readonly access: Access
  /** The name of a tenant by its id. */
  readonly tenantName: (id: string) => string
  /** Told of every refusal, for the metrics. */
  readonly onRefused: (code: string) => void
}

const problems = {
  401: json('No valid API key.', schema.problem),
  422: json('A field is wrong; `errors` says which.', schema.problem),
  503: json('Overloaded or stopping: come back after `Retry-After`.', schema.problem),
}

const security = [{ apiKey: [] }]

/** Seconds for which the answer to a call with an `Idempotency-Key` is kept. */
const KEEP_SECONDS = 86_400

const createMessageRoute = createRoute({
  method: 'post',
  path: '/v1/messages',
  summary: 'Send a message to one or many recipients',
  security,
  parameters: [
    {
      name: 'Idempotency-Key',
      in: 'header',
      schema: { type: 'string' },
      example: '"8e03978e-40d5-43e8-bc93-6894a57f9324"',
      description:
        'One key for one request, 1 to 255 characters, best in double quotes. A repetition within ' +
        '24 hours gets the stored answer with `Idempotent-Replayed: true` and sends nothing again. ' +
        'What was refused for the moment (429, 503) is not stored. Without effect for `dry_run`.',
    },
  ],
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
    400: json('The body is not JSON, or the Idempotency-Key is malformed.', schema.problem),
    409: json('The first call with this Idempotency-Key still runs.', schema.problem),
    413: json('The body is over 1 MiB.', schema.problem),
    415: json('The content type is not JSON.', schema.problem),
    429: json(
      'A limit is used up, or a guard suspects pumping or a loop; `detail` says until when.',
      schema.problem,
    ),
    ...problems,
  },
})

const listMessagesRoute = createRoute({
  method: 'get',
  path: '/v1/messages',
  summary: 'List messages, newest first',
  description:
    "With a tenant's key its own. With a key of the operator (`admin_keys`) those of every tenant, each with " +
    'its `tenant` and what it costs.',
  security,
  request: { query: schema.listQuery },
  responses: {
    200: json('A page of messages.', schema.messageList),
    403: json("The key is a tenant's, and `tenant` names another one.", schema.problem),
    ...problems,
  },
})

const getMessageRoute = createRoute({
  method: 'get',
  path: '/v1/messages/{id}',
  summary: 'A message with its timeline',
  description:
    "With a tenant's key one of its own: the events `routed` say where it went and the reason in words. With a " +
    'key of the operator (`admin_keys`) one of any tenant: with all carriers in question, costs and margins, and ' +
    'what each submit costs.',
  security,
  request: { params: z.object({ id: z.string() }) },
  responses: {
    200: json('The message.', schema.messageWithTimeline),
    404: json('No such message.', schema.problem),
    ...problems,
  },
})

const cancelMessageRoute = createRoute({
  method: 'post',
  path: '/v1/messages/{id}/cancel',
  summary: 'Take a message back',
  description:
    'What waits is canceled at once. What a carrier has is asked back from it, where the carrier ' +
    'knows such a request. Canceling twice answers the same.',
  security,
  request: { params: z.object({ id: z.string() }) },
  responses: {
    200: json('It is canceled.', schema.message),
    404: json('No such message.', schema.problem),
    409: json('It has ended otherwise, or a carrier has it: `detail` says which.', schema.problem),
    ...problems,
  },
})

const replaceMessageRoute = createRoute({
  method: 'patch',
  path: '/v1/messages/{id}',
  summary: 'Change the text or the time of a message that waits',
  description:
    'While it is `scheduled` or `queued` and no carrier has been asked to send it. It is routed and ' +
    'priced anew; its validity keeps its length.',
  security,
  request: {
    params: z.object({ id: z.string() }),
    body: {
      required: true,
      content: { 'application/json': { schema: schema.replaceMessage } },
    },
  },
  responses: {
    200: json('It is changed.', schema.message),
    400: json('The body is not JSON.', schema.problem),
    404: json('No such message.', schema.problem),
    409: json('It is too late: `detail` says why.', schema.problem),
    ...problems,
  },
})

/** Routes under `/v1/messages`. */
export function messageRoutes({
  intake,
  templates,
  archive,
  keys,
  cancellation,
  replacement,
  access,
  tenantName,
  onRefused,
}: MessageParts) {
  const app = new OpenAPIHono<AppEnv>({ defaultHook: onInvalid })

  /** Counts a refusal of the whole call. */
  async function counted<Result>(handle: () => Promise<Result>): Promise<Result> {
    try {
      return await handle()
    } catch (error) {
      if (error instanceof GatewayError) onRefused(error.code)
      throw error
    }
  }

  /** The body of one recipient among many who is refused. */
  function refusedBody(to: string, index: number, error: GatewayError, requestId: string) {
    onRefused(error.code)
    const pointer = error.pointer === '/to' ? `/to/${index}` : error.pointer
    return { to, error: problemOf(error, requestId, pointer) }
  }

  function listBody(verdicts: readonly Verdict[], requestId: string) {
    return {
      messages: verdicts.map(({ request, message, error }, index) =>
        error ? refusedBody(request.to, index, error, requestId) : acceptedBody(message),
      ),
    }
  }

  /**
   * Quotes messages, each priced by what would be accepted before it.
   *
   * @param accepted - segments of others that come before all of them
   */
  function quotes<Refused>(
    tenantId: string,
    requests: readonly MessageRequest[],
    refused: (request: MessageRequest, index: number, error: GatewayError) => Refused,
    accepted = 0,
  ) {
    let segmentsBefore = accepted
    return requests.map((request, index) => {
      try {
        const quoted = intake.quotes.quote(tenantId, request, { segmentsBefore })
        segmentsBefore += quoted.segments
        return quotedBody(quoted)
      } catch (error) {
        if (!(error instanceof GatewayError)) throw error
        return refused(request, index, error)
      }
    })
  }

  /** Quotes one message, and what each of its other channels would cost. */
  function quotedChain(tenantId: string, request: MessageRequest, requestId: string) {
    const first = intake.quotes.quote(tenantId, request)
    const others = fallbackRequests(request)
    if (others.length === 0) return quotedBody(first)
    // One that cannot be sent is passed over when its turn comes: no reason to refuse the call.
    const passedOver = (
      { channel = 'sms', to }: MessageRequest,
      _: number,
      error: GatewayError,
    ) => {
      const pointer = error.pointer === '/to' ? `/to/${channel}` : error.pointer
      return { channel, to, error: problemOf(error, requestId, pointer) }
    }
    return {
      ...quotedBody(first),
      fallbacks: quotes(tenantId, others, passedOver, first.segments),
    }
  }

  /** Takes the messages of a call over in one commit with the answer to it. */
  async function acceptOnce(
    call: KeyedCall,
    requests: readonly MessageRequest[],
    isList: boolean,
    requestId: string,
  ): Promise<Answer & { readonly isReplayed: boolean }> {
    return keys.once(call, async (keep) => {
      let answer: Answer = { status: 202, body: '' }
      await intake.acceptAll(call.tenantId, requests, (verdicts) => {
        const [first] = verdicts
        const isNothing = verdicts.every(({ error }) => error)
        const mayWorkLater = isNothing && verdicts.some(({ error }) => error?.retryable)
        if (isList) {
          answer = { status: 202, body: JSON.stringify(listBody(verdicts, requestId)) }
        } else if (first?.message) {
          answer = { status: 202, body: JSON.stringify(acceptedBody(first.message)) }
        } else if (first?.error) {
          if (mayWorkLater) throw first.error
          onRefused(first.error.code)
          const problem = problemOf(first.error, requestId)
          answer = { status: problem.status, body: JSON.stringify(problem) }
        }
        return mayWorkLater ? [] : [keep(answer)]
      })
      return answer
    })
  }

  openapiWithBody(app, createMessageRoute, async (c) => {
    const body = c.req.valid('json')
    const tenantId = c.get('tenant').id
    const { to } = body
    const requestId = c.get('requestId')
    const asker = { tenantId, keyName: c.get('caller').name, templates }
    const requests = await counted(async () => askedMessages(body, asker))
    const [single] = requests
    if (body.dry_run) {
      await intake.quotes.resolveNetworks([...requests, ...fallbackRequests(single)])
      if (!Array.isArray(to)) {
        return c.json(await counted(async () => quotedChain(tenantId, single, requestId)), 200)
      }
      const messages = quotes(tenantId, requests, (request, index, error) =>
        refusedBody(request.to, index, error, requestId),
      )
      return c.json({ messages }, 200)
    }
    const header = c.req.header('idempotency-key')
    if (header !== undefined) {
      const call: KeyedCall = {
        tenantId,
        scope: 'rest',
        key: readIdempotencyKey(header),
        fingerprint: fingerprintOf([c.req.path, await c.req.json()]),
        keepSeconds: KEEP_SECONDS,
        whileRunning: 'refuse',
      }
      const answer = await counted(() => acceptOnce(call, requests, Array.isArray(to), requestId))
      // The stored text is the body: it is not parsed only to be written again.
      return keptAnswer(c, answer) as never
    }
    return Array.isArray(to)
      ? c.json(listBody(await counted(() => intake.acceptAll(tenantId, requests)), requestId), 202)
      : c.json(acceptedBody(await counted(() => intake.accept(tenantId, single))), 202)
  })

  /** Of the messages that a key may read, those of the tenant that is asked for. */
  function narrowed(c: Context<AppEnv>, name: string | undefined): TenantScope {
    const scope = c.get('scope')
    if (name === undefined) return scope
    const tenant = reachedTenant(c, access, name)
    if (tenant) return tenant.id
    const pointer = '/tenant'
    if (scope !== EVERY_TENANT) {
      throw new GatewayError(
        'forbidden',
        `this key is a tenant's and opens messages of its own and of tenants below, not those of ${JSON.stringify(name)}`,
        { pointer },
      )
    }
    throw new GatewayError('tenant_unknown', `there is no tenant ${JSON.stringify(name)}`, {
      pointer,
    })
  }

  app.openapi(listMessagesRoute, async (c) => {
    const query = c.req.valid('query')
    const scope = c.get('scope')
    const rows = await archive.list(narrowed(c, query.tenant), {
      status: query.status,
      to: query.to === undefined ? undefined : normalRecipient(query.to, query.channel),
      from: query.from,
      carrier: query.carrier,
      channel: query.channel,
      clientReference: query.client_reference,
      tag: query.tag,
      isHeld: query.held === 'true',
      createdFrom: instant(query.created_from),
      createdBefore: instant(query.created_before),
      before: query.cursor === undefined ? undefined : idFromCursor(query.cursor),
      // One more than asked for tells whether there is another page.
      limit: query.limit + 1,
    })
    const page = rows.slice(0, query.limit)
    const last = rows.length > query.limit ? page.at(-1) : undefined
    const messages =
      scope === EVERY_TENANT
        ? page.map((row) => operatorBody(row, tenantName))
        : page.map(messageBody)
    return c.json({ messages, next_cursor: last ? cursorFromId(last.id) : null }, 200)
  })

  app.openapi(cancelMessageRoute, async (c) => {
    const id = c.req.valid('param').id.toLowerCase()
    const tenantId = c.get('tenant').id
    if (!isId(id)) throw unknownMessage(id)
    await cancellation.cancel(tenantId, id)
    const found = await archive.find(tenantId, id)
    if (!found) throw unknownMessage(id)
    return c.json(messageBody(found.message), 200)
  })

  openapiWithBody(app, replaceMessageRoute, async (c) => {
    const id = c.req.valid('param').id.toLowerCase()
    const { text, send_at: sendAt } = c.req.valid('json')
    const tenantId = c.get('tenant').id
    if (!isId(id)) throw unknownMessage(id)
    const wish = { text, sendAt: sendAt === null ? null : instant(sendAt) }
    await counted(() => replacement.replace(tenantId, id, wish))
    const found = await archive.find(tenantId, id)
    if (!found) throw unknownMessage(id)
    return c.json(messageBody(found.message), 200)
  })

  app.openapi(getMessageRoute, async (c) => {
    const id = c.req.valid('param').id.toLowerCase()
    const scope = c.get('scope')
    const found = isId(id) ? await archive.find(scope, id) : undefined
    if (!found) throw unknownMessage(id)
    const { message } = found
    if (scope !== EVERY_TENANT) {
      return c.json(
        { ...messageBody(message), timeline: timelineBodies(found.timeline, false) },
        200,
      )
    }
    const submits = (await archive.submits(id)).map(submitBody)
    const timeline = timelineBodies(found.timeline, true)
    return c.json({ ...operatorBody(message, tenantName), submits, timeline }, 200)
  })

  return app
}

function unknownMessage(id: string): GatewayError {
  return new GatewayError('not_found', `there is no message with the id "${id}"`)
}

function keptAnswer(
  c: Context<AppEnv>,
  { status, body, isReplayed }: Answer & { readonly isReplayed: boolean },
): Response {
  if (isReplayed) c.header('idempotent-replayed', 'true')
  return c.body(body, status as ContentfulStatusCode, {
    'content-type': status < 400 ? 'application/json' : 'application/problem+json',
  })
}
