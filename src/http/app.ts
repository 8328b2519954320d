import { OpenAPIHono } from '@hono/zod-openapi'
import { bodyLimit } from 'hono/body-limit'
import { createMiddleware } from 'hono/factory'
import { uuidv7 } from 'uuidv7'
import type { Access } from '../accounts/access.ts'
import { GatewayError } from '../core/errors.ts'
import type { Logger } from '../core/logger.ts'
import { requireKey } from './auth.ts'
import type { AppEnv } from './env.ts'
import { errorHandler } from './problem.ts'
import { type DeadLetterParts, deadLetterRoutes } from './routes/dead-letters.ts'
import { type MessageParts, messageRoutes } from './routes/messages.ts'
import { type ResolveParts, resolveRoutes } from './routes/resolve.ts'
import { type SystemParts, systemRoutes } from './routes/system.ts'
import { type WebhookParts, webhookRoutes } from './routes/webhooks.ts'

/** What the HTTP side is built with. */
export interface AppParts
  extends MessageParts,
    DeadLetterParts,
    ResolveParts,
    SystemParts,
    WebhookParts {
  readonly access: Access
  readonly logger: Logger
  readonly version: string
}

/** Room for 1,000 recipients and the longest text there is. */
const MAX_BODY_OCTETS = 1024 * 1024

const REQUEST_ID = /^[\w.:-]{1,100}$/

/**
 * Refuses a body over the limit.
 *
 * Where the length is told, as nearly everywhere, the header is enough: the middleware that reads
 * the body makes a web stream of it first, which takes a fifth of a request's time.
 */
function limitBody() {
  const refuse = (): never => {
    throw new GatewayError('body_too_large', `the body is over ${MAX_BODY_OCTETS} octets`)
  }
  const countOctets = bodyLimit({ maxSize: MAX_BODY_OCTETS, onError: refuse })
  return createMiddleware<AppEnv>(async (c, next) => {
    const length = c.req.header('content-length')
    if (length === undefined || c.req.header('transfer-encoding') !== undefined) {
      return countOctets(c, next)
    }
    // Node's HTTP parser has checked that it is a number, and gives no more octets than that.
    if (Number(length) > MAX_BODY_OCTETS) refuse()
    return next()
  })
}

/** The HTTP API; `app.request()` speaks to it without a port. */
export function createApp(parts: AppParts): OpenAPIHono<AppEnv> {
  const app = new OpenAPIHono<AppEnv>()

  app.onError(errorHandler(parts.logger))
  app.notFound((c) => {
    throw new GatewayError('not_found', `there is nothing at ${c.req.method} ${c.req.path}`)
  })

  app.use(async (c, next) => {
    const given = c.req.header('x-request-id')
    const requestId = given && REQUEST_ID.test(given) ? given : uuidv7()
    c.set('requestId', requestId)
    c.header('x-request-id', requestId)
    await next()
  })
  app.use(limitBody())
  app.use('/v1/*', requireKey(parts.access))
  app.use('/v1/*', async (c, next) => {
    const type = c.req.header('content-type') ?? ''
    const hasBody =
      (c.req.header('content-length') ?? '0') !== '0' ||
      c.req.header('transfer-encoding') !== undefined
    if ((hasBody || type !== '') && !/^application\/([\w.+-]+\+)?json\b/i.test(type)) {
      throw new GatewayError(
        'content_type_unsupported',
        `the content type is "${type}": send JSON with "Content-Type: application/json"`,
      )
    }
    await next()
  })

  app.route('/', systemRoutes(parts))
  app.route('/', messageRoutes(parts))
  app.route('/', deadLetterRoutes(parts))
  app.route('/', resolveRoutes(parts))
  app.route('/', webhookRoutes(parts))

  app.openAPIRegistry.registerComponent('securitySchemes', 'apiKey', {
    type: 'http',
    scheme: 'bearer',
  })
  app.doc31('/openapi.json', {
    openapi: '3.1.0',
    info: {
      title: 'Linehaul',
      version: parts.version,
      description: 'SMS gateway: send messages, follow them to their end.',
    },
  })
  return app
}
