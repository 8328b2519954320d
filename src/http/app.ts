import { OpenAPIHono } from '@hono/zod-openapi'
import type { Context, MiddlewareHandler } from 'hono'
import { bodyLimit } from 'hono/body-limit'
import type { Caller } from '../accounts/caller.ts'
import { GatewayError } from '../core/errors.ts'
import { newId } from '../core/id.ts'
import type { Logger } from '../core/logger.ts'
import { MAX_CSV_OCTETS } from '../rates/deck-content.ts'
import { type AuditParts, audited } from './audit.ts'
import { identify, permit } from './auth.ts'
import type { AppEnv } from './env.ts'
import { setHeader } from './header.ts'
import type { KeyGate } from './key-gate.ts'
import { permissionFor } from './permissions.ts'
import { errorHandler } from './problem.ts'
import { limitRequest } from './rate-limit.ts'
import { MemoRouter } from './router.ts'
import { type AuditReadParts, auditRoutes } from './routes/audit.ts'
import { type BillingParts, billingRoutes } from './routes/billing.ts'
import { type BindParts, bindRoutes } from './routes/binds.ts'
import { type CallbackParts, callbackRoutes } from './routes/callbacks.ts'
import { type CarrierParts, carrierRoutes } from './routes/carriers.ts'
import { type ConfigParts, configRoutes } from './routes/config.ts'
import { type DeadLetterParts, deadLetterRoutes } from './routes/dead-letters.ts'
import { type FeedbackParts, feedbackRoutes } from './routes/feedback.ts'
import { type GuardParts, guardRoutes } from './routes/guards.ts'
import { type InboundParts, inboundRoutes } from './routes/inbound.ts'
import { type KeyParts, keyRoutes } from './routes/keys.ts'
import { type LimitParts, limitRoutes } from './routes/limits.ts'
import { type MessageParts, messageRoutes } from './routes/messages.ts'
import { type NumberParts, numberRoutes } from './routes/numbers.ts'
import { type PartnerParts, partnerRoutes } from './routes/partners.ts'
import { type ProviderCallbackParts, providerCallbackRoutes } from './routes/provider-callbacks.ts'
import { type RateDeckParts, rateDeckRoutes } from './routes/rate-decks.ts'
import { type ReconciliationParts, reconciliationRoutes } from './routes/reconciliations.ts'
import { type ResolveParts, resolveRoutes } from './routes/resolve.ts'
import { type RouteTestParts, routeTestRoutes } from './routes/route-test.ts'
import { type SessionParts, sessionRoutes } from './routes/sessions.ts'
import { type StatementParts, statementRoutes } from './routes/statements.ts'
import { type SystemParts, systemRoutes } from './routes/system.ts'
import { type TenantParts, tenantRoutes } from './routes/tenants.ts'
import { type TraceParts, traceRoutes } from './routes/trace.ts'
import { type UsageParts, usageRoutes } from './routes/usage.ts'
import { type UserParts, userRoutes } from './routes/users.ts'
import { type WebhookParts, webhookRoutes } from './routes/webhooks.ts'
import { describeSecurity } from './security-schemes.ts'
import { signedInCaller } from './session-auth.ts'

/** What the HTTP side is built with. */
export interface AppParts
  extends MessageParts,
    AuditParts,
    AuditReadParts,
    BillingParts,
    ReconciliationParts,
    DeadLetterParts,
    FeedbackParts,
    GuardParts,
    InboundParts,
    KeyParts,
    LimitParts,
    NumberParts,
    PartnerParts,
    ProviderCallbackParts,
    RateDeckParts,
    ResolveParts,
    RouteTestParts,
    SessionParts,
    StatementParts,
    SystemParts,
    BindParts,
    CallbackParts,
    CarrierParts,
    ConfigParts,
    TenantParts,
    TraceParts,
    UsageParts,
    UserParts,
    WebhookParts {
  readonly keyGate: KeyGate
  readonly logger: Logger
  readonly version: string
}

/** Room for 1,000 recipients and the longest text there is. */
const MAX_BODY_OCTETS = 1024 * 1024

/** Where the route reads the body, and counts it, as it comes: it is a file of any length, or from a stranger. */
const STREAM_PATHS =
  /^\/(?:v1\/(?:rate-decks\/[^/]+\/[^/]+(?:\/preview)?|billing\/reconciliations)$|callback\/)/

/** Room for a file of two million numbers. */
const MAX_FILE_OCTETS = 64 * 1024 * 1024

/** Where the body of a POST is a file. */
const FILE_PATHS = /^\/v1\/(?:networks|ported-numbers)$/

/** Where the body of a PUT is a document. */
const DOCUMENT_PATH = '/v1/config'

const DOCUMENT_TYPE = /^(?:application\/(?:x-)?yaml|text\/(?:x-)?yaml) *(?:;|$)/i

const FILE_TYPE = /^text\/(?:csv|plain) *(?:;|$)/i

const REQUEST_ID = /^[\w.:-]{1,100}$/

const JSON_TYPE = /^application\/([\w.+-]+\+)?json *(;|$)/i

/** Gives a request its id, and the answer a header with it. */
function nameRequest(c: Context<AppEnv>): void {
  const given = c.req.header('x-request-id')
  const requestId = given && REQUEST_ID.test(given) ? given : newId()
  c.set('requestId', requestId)
  setHeader(c, 'x-request-id', requestId)
}

function isFile(c: Context): boolean {
  return c.req.method === 'POST' && FILE_PATHS.test(c.req.path)
}

function isDocument(c: Context): boolean {
  return c.req.method === 'PUT' && c.req.path === DOCUMENT_PATH
}

function refuseBody(maxOctets: number): never {
  throw new GatewayError('body_too_large', `the body is over ${maxOctets} octets`)
}

/**
 * Refuses a body over the limit.
 *
 * Where the length is told, as nearly everywhere, the header is enough: the middleware that reads
 * the body makes a web stream of it first, which takes a fifth of a request's time.
 */
const countOctets = bodyLimit({
  maxSize: MAX_BODY_OCTETS,
  onError: () => refuseBody(MAX_BODY_OCTETS),
})
const countFileOctets = bodyLimit({
  maxSize: MAX_FILE_OCTETS,
  onError: () => refuseBody(MAX_FILE_OCTETS),
})

const limitBody: MiddlewareHandler<AppEnv> = (c, next) => {
  if (STREAM_PATHS.test(c.req.path)) return next()
  const length = c.req.header('content-length')
  if (length === undefined || c.req.header('transfer-encoding') !== undefined) {
    return isFile(c) ? countFileOctets(c, next) : countOctets(c, next)
  }
  // Node's HTTP parser has checked that it is a number, and gives no more octets than that.
  if (Number(length) > MAX_BODY_OCTETS && !isFile(c)) refuseBody(MAX_BODY_OCTETS)
  if (Number(length) > MAX_FILE_OCTETS) refuseBody(MAX_FILE_OCTETS)
  return next()
}

/** The most that a body may have: decks and files are kept as a whole only for those who may send them. */
function maxBodyOctets(c: Context<AppEnv>, { isOperator, scopes }: Caller): number {
  const scope = permissionFor(c.req.method, c.req.path)?.scope
  if (!isOperator || !scope || !scopes.has(scope)) return MAX_BODY_OCTETS
  if (STREAM_PATHS.test(c.req.path)) return MAX_CSV_OCTETS
  return isFile(c) ? MAX_FILE_OCTETS : MAX_BODY_OCTETS
}

/** Refuses a body that is not said to be JSON. */
function requireJson(c: Context<AppEnv>): void {
  const type = c.req.header('content-type')
  if (type !== undefined && JSON_TYPE.test(type)) return
  if (type !== undefined && FILE_TYPE.test(type) && isFile(c)) return
  if (type !== undefined && DOCUMENT_TYPE.test(type) && isDocument(c)) return
  const hasBody =
    (c.req.header('content-length') ?? '0') !== '0' ||
    c.req.header('transfer-encoding') !== undefined
  if (hasBody || type) {
    throw new GatewayError(
      'content_type_unsupported',
      `the content type is "${type ?? ''}": send ${isDocument(c) ? 'YAML or JSON' : 'JSON'} with ` +
        `"Content-Type: application/${isDocument(c) ? 'yaml' : 'json'}"`,
    )
  }
}

function refuseUnknown(c: Context<AppEnv>): never {
  throw new GatewayError('not_found', `there is nothing at ${c.req.method} ${c.req.path}`)
}

/** The HTTP API; `app.request()` speaks to it without a port. */
export function createApp(parts: AppParts): OpenAPIHono<AppEnv> {
  const app = new OpenAPIHono<AppEnv>({ router: new MemoRouter() })

  app.onError(errorHandler(parts.logger))
  app.notFound(refuseUnknown)

  app.use((c, next) => {
    nameRequest(c)
    return limitBody(c, next)
  })
  app.use('/v1/*', (c, next) => {
    const permission = permissionFor(c.req.method, c.req.path)
    const goOn = (caller: Caller) => {
      c.set('caller', caller)
      if (permission) permit(c, caller, permission)
      if (!STREAM_PATHS.test(c.req.path)) requireJson(c)
      // A route that is missing in the table opens to nobody.
      return limitRequest(c, parts.limits, caller, permission ? next : () => refuseUnknown(c))
    }
    return audited(c, parts, permission, () => {
      if (permission?.audience === 'anyone') {
        requireJson(c)
        return next()
      }
      const caller = signedInCaller(c, parts.sessions) ?? identify(c, parts.keyGate, maxBodyOctets)
      return caller instanceof Promise ? caller.then(goOn) : goOn(caller)
    })
  })

  app.route('/', systemRoutes(parts))
  app.route('/', bindRoutes(parts))
  app.route('/', carrierRoutes(parts))
  app.route('/', configRoutes(parts))
  app.route('/', auditRoutes(parts))
  app.route('/', rateDeckRoutes(parts))
  app.route('/', guardRoutes(parts))
  app.route('/', messageRoutes(parts))
  app.route('/', billingRoutes(parts))
  app.route('/', reconciliationRoutes(parts))
  app.route('/', usageRoutes(parts))
  app.route('/', statementRoutes(parts))
  app.route('/', sessionRoutes(parts))
  app.route('/', tenantRoutes(parts))
  app.route('/', userRoutes(parts))
  app.route('/', traceRoutes(parts))
  app.route('/', deadLetterRoutes(parts))
  app.route('/', inboundRoutes(parts))
  app.route('/', resolveRoutes(parts))
  app.route('/', feedbackRoutes(parts))
  app.route('/', partnerRoutes(parts))
  app.route('/', limitRoutes(parts))
  app.route('/', keyRoutes(parts))
  app.route('/', routeTestRoutes(parts))
  app.route('/', numberRoutes(parts))
  app.route('/', webhookRoutes(parts))
  app.route('/', callbackRoutes(parts))
  // Beside `/v1`: providers have no key of ours.
  app.route('/', providerCallbackRoutes(parts))

  describeSecurity(app.openAPIRegistry)
  app.doc31('/openapi.json', {
    openapi: '3.1.0',
    info: {
      title: 'Linehaul',
      version: parts.version,
      description:
        'SMS gateway: send messages, follow them to their end. Where requests are limited, every answer to ' +
        "a tenant's key has `RateLimit` and `RateLimit-Policy`, and any may be `429 rate_limited` with `Retry-After`.",
    },
  })
  return app
}
