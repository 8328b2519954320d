import { createRoute, OpenAPIHono, z } from '@hono/zod-openapi'
import { GatewayError } from '../../core/errors.ts'
import type { Logger } from '../../core/logger.ts'
import type { CarrierHealth, HealthStanding } from '../../messages/carrier-health.ts'
import type { CarrierCheck, CarrierMode } from '../../messages/carrier-standing.ts'
import type { Quality, QualityEstimate } from '../../routing/quality.ts'
import type { AppEnv } from '../env.ts'
import { onInvalid, openapiWithBody } from '../validation.ts'
import * as schema from './carrier-schema.ts'
import { json } from './json-response.ts'
import { problem } from './message-schema.ts'
import type { CarrierReport } from './system.ts'

/** What a carrier says of our account; null where it does not tell, with the reason where it usually does. */
export type CarrierBalance = Omit<z.infer<typeof schema.balance>, 'carrier'>

/** What the routes work with. */
export interface CarrierParts {
  readonly carriers: () => readonly CarrierReport[]
  /** What is left of our account at a carrier, which is asked now. */
  readonly carrierBalance: (name: string) => Promise<CarrierBalance>
  readonly health: CarrierHealth
  readonly quality: Pick<Quality, 'estimate' | 'scopesOf'>
  readonly logger: Logger
}

const problems = {
  401: json('No valid API key.', problem),
  403: json("The key is a tenant's.", problem),
  404: json('No such carrier.', problem),
  422: json('A field is wrong; `errors` says which.', problem),
  503: json('The database does not answer: come back after `Retry-After`.', problem),
}

const security = [{ apiKey: [] }]
const params = z.object({ name: z.string() })

const listRoute = createRoute({
  method: 'get',
  path: '/v1/carriers',
  summary: 'Every carrier with its health and its quality',
  description: 'For keys of the operator (`admin_keys`), as everything under `/v1/carriers`.',
  security,
  responses: { 200: json('The carriers.', schema.carrierList), ...problems },
})

const getRoute = createRoute({
  method: 'get',
  path: '/v1/carriers/{name}',
  summary: 'One carrier with its health and its quality',
  security,
  request: { params },
  responses: { 200: json('The carrier.', schema.carrier), ...problems },
})

const qualityRoute = createRoute({
  method: 'get',
  path: '/v1/carriers/{name}/quality',
  summary: 'How a carrier does by country, network and traffic class',
  security,
  request: { params },
  responses: { 200: json('Its quality, the whole first.', schema.qualityList), ...problems },
})

const historyRoute = createRoute({
  method: 'get',
  path: '/v1/carriers/{name}/history',
  summary: 'How the health of a carrier has changed, newest first',
  security,
  request: { params, query: schema.historyQuery },
  responses: { 200: json('The changes.', schema.changeList), ...problems },
})

const balanceRoute = createRoute({
  method: 'get',
  path: '/v1/carriers/{name}/balance',
  summary: 'What is left of our account at a carrier',
  description: 'The carrier is asked now, where it has a call for it.',
  security,
  request: { params },
  responses: { 200: json('What it says.', schema.balance), ...problems },
})

const ORDERS: readonly { word: string; mode: CarrierMode; summary: string }[] = [
  { word: 'enable', mode: 'enabled', summary: 'Let connections and circuit breaker decide' },
  { word: 'drain', mode: 'drained', summary: 'Give it nothing new; what is queued goes out' },
  { word: 'disable', mode: 'disabled', summary: 'Send nothing; what is queued goes elsewhere' },
  { word: 'force', mode: 'forced', summary: 'Use it whatever its circuit breaker says' },
]

function orderRoute(word: string, summary: string) {
  return createRoute({
    method: 'post',
    path: `/v1/carriers/{name}/${word}`,
    summary,
    security,
    request: {
      params,
      body: { required: true, content: { 'application/json': { schema: schema.order } } },
    },
    responses: { 200: json('Done, and kept over restarts.', schema.carrier), ...problems },
  })
}

/** Routes under `/v1/carriers`. */
export function carrierRoutes({ carriers, carrierBalance, health, quality, logger }: CarrierParts) {
  const app = new OpenAPIHono<AppEnv>({ defaultHook: onInvalid })

  const show = (report: CarrierReport) => ({
    ...report,
    binds: [...report.binds],
    health: healthBody(health.standing(report.name)),
    quality: figuresOf(quality.estimate(report.name, null, Date.now())),
  })
  const find = (name: string) => {
    const report = carriers().find((each) => each.name === name)
    if (report) return report
    throw new GatewayError('not_found', `there is no carrier "${name}" in the configuration`)
  }

  app.openapi(listRoute, (c) => c.json({ carriers: carriers().map(show) }, 200))

  app.openapi(getRoute, (c) => c.json(show(find(c.req.valid('param').name)), 200))

  app.openapi(qualityRoute, (c) => {
    const { name } = find(c.req.valid('param').name)
    const nowMs = Date.now()
    const cells = quality
      .scopesOf(name, nowMs)
      .map((scope) => cellBody(quality.estimate(name, scope, nowMs)))
    return c.json({ carrier: name, quality: cells }, 200)
  })

  app.openapi(historyRoute, async (c) => {
    const { name } = find(c.req.valid('param').name)
    const changes = await health.history(name, c.req.valid('query').limit)
    return c.json(
      {
        carrier: name,
        changes: changes.map(({ at, kind, from, to, cause }) => ({
          at: at.toISOString(),
          kind,
          from,
          to,
          cause,
        })),
      },
      200,
    )
  })

  app.openapi(balanceRoute, async (c) => {
    const { name } = find(c.req.valid('param').name)
    return c.json({ carrier: name, ...(await carrierBalance(name)) }, 200)
  })

  for (const { word, mode, summary } of ORDERS) {
    openapiWithBody(app, orderRoute(word, summary), async (c) => {
      const { name } = find(c.req.valid('param').name)
      const { reason } = c.req.valid('json')
      const entry = c.get('audit').subject('carrier', name).reason(reason)
      entry.before(modeBody(health.standing(name)))
      await health.setMode(name, mode, reason)
      entry.after(modeBody(health.standing(name)))
      const requestId = c.get('requestId')
      logger.info({ carrier: name, mode, reason, requestId }, 'a carrier was set by hand')
      return c.json(show(find(name)), 200)
    })
  }

  return app
}

function healthBody(standing: HealthStanding): z.input<typeof schema.health> {
  const { takes, reason, mode, modeReason, modeAt, breaker, breakerSince, probesAt } = standing
  const { linkCheck, messageCheck } = standing
  return {
    takes,
    reason,
    mode,
    mode_reason: modeReason,
    mode_at: modeAt?.toISOString() ?? null,
    breaker,
    breaker_since: breakerSince?.toISOString() ?? null,
    probes_at: probesAt?.toISOString() ?? null,
    check: linkCheck && checkBody(linkCheck),
    message_check: messageCheck && checkBody(messageCheck),
  }
}

/** The operator's word, as the audit log has it. */
function modeBody({ mode, modeReason }: HealthStanding) {
  return { mode, reason: modeReason }
}

function checkBody({ at, error, latencyMs }: CarrierCheck) {
  return {
    at: at.toISOString(),
    ok: error === null,
    latency_ms: latencyMs === null ? null : Math.round(latencyMs * 10) / 10,
    error,
  }
}

function cellBody(estimate: QualityEstimate): z.input<typeof schema.cell> {
  const { scope } = estimate
  const isCell = scope !== null && 'trafficClass' in scope
  return {
    country: scope?.country ?? null,
    network: isCell ? scope.network : null,
    traffic_class: isCell ? scope.trafficClass : null,
    ...figuresOf(estimate),
  }
}

function figuresOf(estimate: QualityEstimate): z.input<typeof schema.quality> {
  return {
    success: rounded(estimate.success),
    lower: rounded(estimate.lower),
    upper: rounded(estimate.upper),
    messages: rounded(estimate.messages),
    unanswered: known(estimate.unanswered),
    throttled: known(estimate.throttled),
    latency_seconds: known(estimate.latencyMs / 1_000),
    latency_p99_seconds: known(estimate.latencyP99Ms / 1_000),
  }
}

function known(figure: number): number | null {
  return Number.isNaN(figure) ? null : rounded(figure)
}

function rounded(figure: number): number {
  return Math.round(figure * 1_000) / 1_000
}
