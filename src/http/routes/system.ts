import { readFile } from 'node:fs/promises'
import { createRequire } from 'node:module'
import { createRoute, OpenAPIHono, z } from '@hono/zod-openapi'
import { CHANNELS, type Channel } from '../../core/channel.ts'
import { GatewayError } from '../../core/errors.ts'
import type { AppEnv } from '../env.ts'

/** What the routes ask the gateway. */
export interface SystemParts {
  /** True while messages can be taken. */
  readonly isReady: () => Promise<boolean>
  readonly carriers: () => readonly CarrierReport[]
  readonly renderMetrics: () => Promise<{ text: string; contentType: string }>
}

/** How a carrier stands, for people and probes. */
export interface CarrierReport {
  readonly name: string
  readonly type: string
  readonly channel: Channel
  readonly is_up: boolean
  readonly waiting: number
  /** What it takes at present, agreed or learnt; 0: no limit is known. */
  readonly segments_per_second: number
  readonly binds: readonly {
    readonly bind: string
    readonly host: string
    readonly state: string
    readonly last_error: string | null
  }[]
}

const health = z.object({ status: z.string() })

const readiness = z.object({
  status: z.string(),
  carriers: z.array(
    z.object({
      name: z.string(),
      type: z.string(),
      channel: z.enum(CHANNELS),
      is_up: z.boolean(),
      waiting: z.int(),
      segments_per_second: z.number(),
      binds: z.array(
        z.object({
          bind: z.string(),
          host: z.string(),
          state: z.string(),
          last_error: z.string().nullable(),
        }),
      ),
    }),
  ),
})

const healthRoute = createRoute({
  method: 'get',
  path: '/healthz',
  summary: 'The process answers',
  responses: {
    200: { description: 'Alive.', content: { 'application/json': { schema: health } } },
  },
})

const readyRoute = createRoute({
  method: 'get',
  path: '/readyz',
  summary: 'Messages can be taken',
  responses: {
    200: { description: 'Ready.', content: { 'application/json': { schema: readiness } } },
    503: { description: 'Not ready.', content: { 'application/json': { schema: readiness } } },
  },
})

const nodeRequire = createRequire(import.meta.url)

/** The files of Swagger UI that the page needs; served from here, so closed networks have it too. */
const ASSETS: Readonly<Record<string, string>> = {
  'swagger-ui.css': 'text/css',
  'swagger-ui-bundle.js': 'text/javascript',
}

const DOCS_PAGE = `<!doctype html>
<html lang="en">
<head>
  <meta charset="utf-8">
  <title>Linehaul API</title>
  <link rel="stylesheet" href="/docs/swagger-ui.css">
</head>
<body>
  <div id="ui"></div>
  <script src="/docs/swagger-ui-bundle.js"></script>
  <script>SwaggerUIBundle({ url: '/openapi.json', dom_id: '#ui' })</script>
</body>
</html>
`

/** Health, readiness, metrics and the API reference page; none of them needs a key. */
export function systemRoutes(parts: SystemParts) {
  const app = new OpenAPIHono<AppEnv>()

  app.openapi(healthRoute, (c) => c.json({ status: 'ok' }, 200))

  app.openapi(readyRoute, async (c) => {
    const isReady = await parts.isReady()
    const carriers = parts.carriers().map((carrier) => ({
      ...carrier,
      binds: [...carrier.binds],
    }))
    return isReady
      ? c.json({ status: 'ready', carriers }, 200)
      : c.json({ status: 'not ready', carriers }, 503)
  })

  app.get('/metrics', async (c) => {
    const { text, contentType } = await parts.renderMetrics()
    return c.body(text, 200, { 'content-type': contentType })
  })

  app.get('/docs', (c) => c.html(DOCS_PAGE))
  app.get('/docs/:file', async (c) => {
    const file = c.req.param('file')
    const contentType = ASSETS[file]
    if (!contentType) throw new GatewayError('not_found', `there is no /docs/${file}`)
    const path = nodeRequire.resolve(`swagger-ui-dist/${file}`)
    return c.body(await readFile(path, 'utf8'), 200, { 'content-type': contentType })
  })

  return app
}
