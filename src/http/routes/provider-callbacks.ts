import { createRoute, OpenAPIHono, z } from '@hono/zod-openapi'
import type { Context } from 'hono'
import type { ContentfulStatusCode, StatusCode } from 'hono/utils/http-status'
import {
  type CallbackDesk,
  type CallbackOrigin,
  MAX_CALLBACK_OCTETS,
} from '../../callbacks/callback-desk.ts'
import { GatewayError } from '../../core/errors.ts'
import type { ClientAddresses } from '../client-address.ts'
import type { AppEnv } from '../env.ts'
import type { PublicUrls } from '../public-urls.ts'
import { readBody } from '../raw-body.ts'
import { json } from './json-response.ts'
import { problem } from './message-schema.ts'

/** What the routes work with. */
export interface ProviderCallbackParts {
  readonly callbackDesk: CallbackDesk
  readonly addresses: ClientAddresses
  readonly publicUrls: PublicUrls
}

const PATHS = ['/callback/provider/{name}/{kind}', '/callback/provider/{name}/{secret}/{kind}']
// In a group: without one a path that only ends like this would do.
const KIND = ':kind{(?:delivery|mo)}'
const ROUTING_PATHS = PATHS.map((path) =>
  path.replace('{kind}', KIND).replace(/\{(name|secret)\}/g, ':$1'),
)

const name = z.string().openapi({ description: 'The carrier.' })
const kind = z.enum(['delivery', 'mo']).openapi({ description: 'Receipts, or inbound messages.' })
const secret = z.string().openapi({ description: 'Its `callback_secret`.' })

/** For the document only: what provider sends which form is for its adapter to know. */
const documented = PATHS.flatMap((path) =>
  (['get', 'post'] as const).map((method) =>
    createRoute({
      method,
      path,
      summary: 'What a provider over HTTP reports: receipts and inbound messages',
      description:
        'Called by providers, without an API key: a signature of the provider, or the secret in the path, says ' +
        'who it is (docs/callbacks.md).',
      request: { params: z.object(path === PATHS[0] ? { name, kind } : { name, secret, kind }) },
      responses: {
        200: {
          description: 'Stored. Body and status are what the provider wants for an answer.',
        },
        404: json('Nothing is taken here from whoever asks.', problem),
        413: json('The body is over 1 MiB.', problem),
        503: json('It cannot be stored now: come back after `Retry-After`.', problem),
      },
    }),
  ),
)

/** Routes under `/callback/provider`: open to whoever the provider's signature or the secret says it is. */
export function providerCallbackRoutes(parts: ProviderCallbackParts) {
  const app = new OpenAPIHono<AppEnv>()
  for (const route of documented) app.openAPIRegistry.registerPath(route)
  app.on(['GET', 'POST'], ROUTING_PATHS, (c) => answer(c, parts))
  return app
}

async function answer(
  c: Context<AppEnv>,
  { callbackDesk: desk, addresses, publicUrls }: ProviderCallbackParts,
): Promise<Response> {
  const { method } = c.req
  // A HEAD comes here as well.
  if (method !== 'GET' && method !== 'POST') throw nothingHere(c)
  const origin: CallbackOrigin = {
    carrier: c.req.param('name') ?? '',
    secret: c.req.param('secret'),
    kind: c.req.param('kind') === 'mo' ? 'mo' : 'delivery',
    address: addresses.of(c),
  }
  if (Number(c.req.header('content-length') ?? 0) > MAX_CALLBACK_OCTETS) {
    // Whoever asks: what there is cannot be told by it.
    desk.oversized(origin)
    throw tooLarge()
  }
  const admitted = desk.admit(origin)
  if (!admitted) throw nothingHere(c)
  const body = await readBody(c, MAX_CALLBACK_OCTETS).catch((error: unknown) => {
    if (!(error instanceof GatewayError)) throw error
    desk.oversized(origin)
    throw admitted.isVouchedFor ? error : nothingHere(c)
  })
  if (!body) throw new GatewayError('closed', 'the body breaks off')
  const { kind } = origin
  const url = publicUrls.of(c)
  const headers = c.req.header()
  const answered = await desk.receive(admitted, { method, kind, url, headers, body })
  if (!answered) throw nothingHere(c)
  const { status, contentType, body: text } = answered
  const type: Record<string, string> = contentType === null ? {} : { 'content-type': contentType }
  return text === ''
    ? c.body(null, status as StatusCode, type)
    : c.body(text, status as ContentfulStatusCode, type)
}

/** One answer for all that is refused, as for any path where nothing is: names and secrets cannot be guessed by it. */
function nothingHere(c: Context<AppEnv>): GatewayError {
  return new GatewayError('not_found', `there is nothing at ${c.req.method} ${c.req.path}`)
}

function tooLarge(): GatewayError {
  return new GatewayError('body_too_large', `the body is over ${MAX_CALLBACK_OCTETS} octets`)
}
