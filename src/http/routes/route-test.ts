import { createRoute, OpenAPIHono } from '@hono/zod-openapi'
import type { Access } from '../../accounts/access.ts'
import type { Clock } from '../../core/clock.ts'
import { GatewayError } from '../../core/errors.ts'
import { distinctTags } from '../../core/message-tags.ts'
import { formatMicros } from '../../core/money.ts'
import type { Intake } from '../../messages/intake.ts'
import type { RehearsalRange, RehearsalReport, RehearsalSums } from '../../messages/rehearsal.ts'
import { explainDecision } from '../../routing/explain.ts'
import type { AppEnv } from '../env.ts'
import { onInvalid, openapiWithBody } from '../validation.ts'
import { json } from './json-response.ts'
import { problem } from './message-schema.ts'
import * as schema from './route-test-schema.ts'

/** What the routes work with. */
export interface RouteTestParts {
  readonly intake: Intake
  readonly access: Access
  /** Makes past decisions again by another `routing` section. */
  readonly rehearseRouting: (section: unknown, range: RehearsalRange) => Promise<RehearsalReport>
  readonly clock: Clock
}

const HOUR_MS = 3_600_000

const rehearsalRoute = createRoute({
  method: 'post',
  path: '/v1/route/rehearsal',
  summary: 'What another routing would have changed in a past hour',
  description:
    'For keys of the operator. Past decisions are made again with the lots, turns and figures of their time; ' +
    'nothing is sent or changed.',
  security: [{ apiKey: [] }],
  request: {
    body: { required: true, content: { 'application/json': { schema: schema.routeRehearsal } } },
  },
  responses: {
    200: json('The differences.', schema.routeRehearsalResult),
    401: json('No valid API key.', problem),
    403: json("The key is a tenant's.", problem),
    422: json('A field is wrong; `errors` says which.', problem),
    503: json('The database does not answer.', problem),
  },
})

const testRoute = createRoute({
  method: 'post',
  path: '/v1/route/test',
  summary: 'Who would get a message, in what order, and why',
  description:
    'For keys of the operator (`admin_keys`). Nothing is sent and nobody loses a turn: as long as nothing else ' +
    'changes, the next such message goes to the first candidate, except where lots decide.',
  security: [{ apiKey: [] }],
  request: {
    body: { required: true, content: { 'application/json': { schema: schema.routeTest } } },
  },
  responses: {
    200: json('The decision.', schema.routeTestResult),
    401: json('No valid API key.', problem),
    403: json("The key is a tenant's.", problem),
    422: json('A field is wrong; `errors` says which.', problem),
  },
})

/** Routes under `/v1/route`. */
export function routeTestRoutes({ intake, access, rehearseRouting, clock }: RouteTestParts) {
  const app = new OpenAPIHono<AppEnv>({ defaultHook: onInvalid })

  openapiWithBody(app, testRoute, (c) => {
    const body = c.req.valid('json')
    const tenant = access.tenantNamed(body.tenant)
    if (!tenant) {
      throw new GatewayError(
        'tenant_unknown',
        `there is no tenant ${JSON.stringify(body.tenant)}`,
        {
          pointer: '/tenant',
        },
      )
    }
    const request = {
      source: 'rest',
      partner: null,
      channel: body.channel,
      to: body.to,
      from: body.from,
      text: body.text,
      raw: null,
      passThrough: null,
      registeredDelivery: 0,
      encoding: body.encoding,
      trafficClass: body.traffic_class,
      tags: distinctTags(body.tags),
      expectsReply: body.expects_reply,
      maxSegments: null,
      clientReference: null,
      callbackUrl: null,
      sendAt: null,
      validitySeconds: null,
    } as const
    const { channel, to, number, from, decision } = intake.quotes.rehearse(
      tenant.id,
      request,
      body.draw,
    )
    const { route, strategy, candidates, refused } = explainDecision(decision)
    return c.json(
      {
        channel,
        to: channel === 'sms' ? number.e164 : to,
        from,
        country: number.country,
        region: number.region,
        number_type: number.type,
        route,
        strategy,
        draw: decision.draw,
        turn: decision.turn,
        candidates: candidates.map((each) => ({ ...each, reasons: [...each.reasons] })),
        refused: [...refused],
      },
      200,
    )
  })

  openapiWithBody(app, rehearsalRoute, async (c) => {
    const { routing, since, until, limit } = c.req.valid('json')
    const end = until === undefined ? clock() : new Date(until)
    const start = since === undefined ? new Date(end.getTime() - HOUR_MS) : new Date(since)
    const report = await rehearseRouting(routing, { since: start, until: end, limit })
    return c.json(
      {
        since: start.toISOString(),
        until: end.toISOString(),
        messages: report.messages,
        decisions: report.decisions,
        same: report.same,
        moved: [...report.moved],
        unroutable: report.unroutable,
        skipped: report.skipped,
        before: sumsBody(report.before),
        after: sumsBody(report.after),
      },
      200,
    )
  })

  return app
}

function sumsBody({ cost, margin, delivered }: RehearsalSums) {
  const amount = (micros: number) => formatMicros(BigInt(Math.round(micros)))
  return {
    cost: amount(cost),
    margin: amount(margin),
    expected_deliveries: Math.round(delivered * 10) / 10,
  }
}
