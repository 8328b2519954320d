import { createRoute, OpenAPIHono, z } from '@hono/zod-openapi'
import { GatewayError } from '../../core/errors.ts'
import type { Logger } from '../../core/logger.ts'
import type { AppEnv } from '../env.ts'
import { onInvalid } from '../validation.ts'
import * as schema from './bind-schema.ts'
import { json } from './json-response.ts'
import { problem } from './message-schema.ts'

/** A connection as the API shows it. */
export type BindReport = z.input<typeof schema.bind>

/** A recorded PDU as the API shows it. */
export type PduReport = z.input<typeof schema.pduList>['pdus'][number]

/** Reads what is known of connections. */
export interface BindReader {
  /** Every connection: open ones, ended ones, and those that carriers should have. */
  list(): readonly BindReport[]
  find(id: string): BindReport | undefined
  /** The latest recorded PDUs, oldest first; undefined for an unknown connection. */
  pdus(id: string, limit: number, showTexts: boolean): PduReport[] | undefined
  /** A capture file; undefined for an unknown connection. */
  capture(id: string, showTexts: boolean): Buffer | undefined
}

/** What the routes work with. */
export interface BindParts {
  readonly binds: BindReader
  /** Whether texts and numbers may be shown at all. */
  readonly mayShowTexts: () => boolean
  readonly logger: Logger
}

const PCAP_TYPE = 'application/vnd.tcpdump.pcap'

const problems = {
  401: json('No valid API key.', problem),
  403: json("The key is a tenant's, or texts must not be shown.", problem),
  422: json('A field is wrong; `errors` says which.', problem),
}

const security = [{ apiKey: [] }]
const params = z.object({ id: z.string() })

const listRoute = createRoute({
  method: 'get',
  path: '/v1/binds',
  summary: 'Every connection of carriers and partners, with its counters',
  description: 'For keys of the operator (`admin_keys`), as everything under `/v1/binds`.',
  security,
  responses: { 200: json('The connections.', schema.bindList), ...problems },
})

const pdusRoute = createRoute({
  method: 'get',
  path: '/v1/binds/{id}/pdus',
  summary: 'The latest PDUs of a connection, decoded',
  security,
  request: { params, query: schema.pduQuery },
  responses: {
    200: json('The PDUs.', schema.pduList),
    404: json('No such connection.', problem),
    ...problems,
  },
})

const captureRoute = createRoute({
  method: 'get',
  path: '/v1/binds/{id}/pcap',
  summary: 'The latest PDUs of a connection as a file for Wireshark',
  security,
  request: { params, query: schema.captureQuery },
  responses: {
    200: {
      description: 'A capture; decode its port as SMPP.',
      content: { [PCAP_TYPE]: { schema: z.string().openapi({ format: 'binary' }) } },
    },
    404: json('No such connection.', problem),
    ...problems,
  },
})

/** Routes under `/v1/binds`. */
export function bindRoutes({ binds, mayShowTexts, logger }: BindParts) {
  const app = new OpenAPIHono<AppEnv>({ defaultHook: onInvalid })

  app.openapi(listRoute, (c) => c.json({ binds: [...binds.list()] }, 200))

  app.openapi(pdusRoute, (c) => {
    const { id } = c.req.valid('param')
    const { limit, texts } = c.req.valid('query')
    const showTexts = readTexts(texts, mayShowTexts())
    const bind = binds.find(id)
    const pdus = binds.pdus(id, limit, showTexts)
    if (!bind || !pdus) throw unknownBind(id)
    if (showTexts) logger.info({ bind: id, requestId: c.get('requestId') }, 'texts were shown')
    return c.json({ bind, pdus }, 200)
  })

  app.openapi(captureRoute, (c) => {
    const { id } = c.req.valid('param')
    const showTexts = readTexts(c.req.valid('query').texts, mayShowTexts())
    const capture = binds.capture(id, showTexts)
    if (!capture) throw unknownBind(id)
    if (showTexts) logger.info({ bind: id, requestId: c.get('requestId') }, 'texts were shown')
    return c.body(new Uint8Array(capture), 200, {
      'content-type': PCAP_TYPE,
      'content-disposition': `attachment; filename="${id}.pcap"`,
    })
  })

  return app
}

/**
 * Whether the caller wants texts.
 *
 * @throws {GatewayError} `forbidden` when they must not be shown
 */
export function readTexts(texts: 'masked' | 'shown', mayShowTexts: boolean): boolean {
  if (texts === 'shown' && !mayShowTexts) {
    throw new GatewayError(
      'forbidden',
      'texts=shown needs "recorder.show_texts: true" in the configuration',
      { pointer: '/texts' },
    )
  }
  return texts === 'shown'
}

function unknownBind(id: string): GatewayError {
  return new GatewayError(
    'not_found',
    `there is no connection with the id "${id}", or it ended too long ago`,
  )
}
