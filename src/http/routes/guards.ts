import { createRoute, OpenAPIHono, z } from '@hono/zod-openapi'
import type { Clock } from '../../core/clock.ts'
import { GatewayError } from '../../core/errors.ts'
import { GUARD_ACTIONS } from '../../core/guards.ts'
import type { Logger } from '../../core/logger.ts'
import type { CarrierConversion } from '../../routing/conversion.ts'
import type { OpenBreaker } from '../../routing/guard-breakers.ts'
import type { Guards } from '../../routing/guards.ts'
import type { AppEnv } from '../env.ts'
import { onInvalid } from '../validation.ts'
import { json } from './json-response.ts'
import { problem } from './message-schema.ts'

/** What the routes work with. */
export interface GuardParts {
  readonly guards: Guards
  /** The name of a tenant by its id. */
  readonly tenantName: (id: string) => string
  readonly clock: Clock
  readonly logger: Logger
}

/** Digits of a number that stay readable. */
const VISIBLE_DIGITS = 5

const instant = z.iso.datetime()

const guard = z
  .object({
    id: z.string(),
    guard: z.enum(['velocity', 'conversion', 'loop']),
    action: z.enum(GUARD_ACTIONS),
    tenant: z.string().nullable().openapi({ description: 'Whose messages; null: everybody’s.' }),
    prefix: z.string().nullable().openapi({ example: '4477009' }),
    country: z.string().nullable().openapi({ example: 'GB' }),
    sender: z.string().nullable(),
    recipient: z.string().nullable().openapi({ example: '44770*******' }),
    reason: z.string(),
    opened_at: instant,
    until: instant,
    messages: z.int().openapi({ description: 'Messages that it has concerned.' }),
  })
  .openapi('Guard')

const carrierCodes = z
  .object({
    carrier: z.string(),
    delivered: z.number().openapi({ description: 'Delivered codes, the older ones less.' }),
    used: z.number().openapi({ description: 'Those whose use was reported.' }),
    used_share: z.number().nullable(),
    suspect: z
      .array(z.object({ tenant: z.string(), prefix: z.string() }))
      .openapi({ description: 'Where nobody uses its codes, though those by others are used.' }),
  })
  .openapi('CarrierCodes')

const problems = {
  401: json('No valid API key.', problem),
  403: json("The key is a tenant's.", problem),
}
const security = [{ apiKey: [] }]

const listRoute = createRoute({
  method: 'get',
  path: '/v1/guards',
  summary: 'Open breakers of guards, and how many codes of each carrier are used',
  description: 'For keys of the operator (`admin_keys`).',
  security,
  responses: {
    200: json(
      'What is open, oldest first.',
      z.object({ guards: z.array(guard), carriers: z.array(carrierCodes) }).openapi('GuardList'),
    ),
    ...problems,
  },
})

const resetRoute = createRoute({
  method: 'post',
  path: '/v1/guards/{id}/reset',
  summary: 'Close a breaker',
  description: 'What has opened it counts as usual from now on. For keys of the operator.',
  security,
  request: { params: z.object({ id: z.string() }) },
  responses: {
    200: json('The breaker as it was.', guard),
    404: json('No such breaker is open.', problem),
    ...problems,
  },
})

/** Routes under `/v1/guards`. */
export function guardRoutes({ guards, tenantName, clock, logger }: GuardParts) {
  const app = new OpenAPIHono<AppEnv>({ defaultHook: onInvalid })

  app.openapi(listRoute, (c) => {
    const now = clock()
    const open = guards.open(now).map((breaker) => guardBody(breaker, tenantName))
    const carriers = guards.carriers(now).map((each) => carrierBody(each, tenantName))
    return c.json({ guards: open, carriers }, 200)
  })

  app.openapi(resetRoute, (c) => {
    const { id } = c.req.valid('param')
    const breaker = guards.reset(id, clock())
    if (!breaker) {
      throw new GatewayError('not_found', `no breaker with the id "${id}" is open`)
    }
    const { reason } = breaker
    c.get('audit').subject('guard', id).before(withoutNumbers(breaker)).after(null)
    logger.info({ guard: breaker.guard, id, reason }, 'an operator has closed a breaker')
    return c.json(guardBody(breaker, tenantName), 200)
  })

  return app
}

/** A breaker as the audit log has it: senders may be numbers, too. */
function withoutNumbers(breaker: OpenBreaker) {
  const { guard, action, reason, openedAtMs, untilMs, messages } = breaker
  const [openedAt, until] = [new Date(openedAtMs), new Date(untilMs)]
  return { guard, action, reason, opened_at: openedAt, until, messages }
}

function guardBody(
  breaker: OpenBreaker,
  tenantName: (id: string) => string,
): z.input<typeof guard> {
  const { tenantId, prefix, country, pair } = breaker.scope
  return {
    id: breaker.id,
    guard: breaker.guard,
    action: breaker.action,
    tenant: tenantId === null ? null : tenantName(tenantId),
    prefix,
    country,
    sender: pair?.[0] ?? null,
    recipient: pair ? masked(pair[1]) : null,
    reason: breaker.reason,
    opened_at: new Date(breaker.openedAtMs).toISOString(),
    until: new Date(breaker.untilMs).toISOString(),
    messages: breaker.messages,
  }
}

function carrierBody(
  { carrier, delivered, converted, suspect }: CarrierConversion,
  tenantName: (id: string) => string,
): z.input<typeof carrierCodes> {
  return {
    carrier,
    delivered: rounded(delivered),
    used: rounded(converted),
    used_share: delivered > 0 ? rounded(Math.min(1, converted / delivered)) : null,
    suspect: suspect.map(({ tenantId, prefix }) => ({ tenant: tenantName(tenantId), prefix })),
  }
}

function rounded(value: number): number {
  return Math.round(value * 1_000) / 1_000
}

function masked(digits: string): string {
  return digits.slice(0, VISIBLE_DIGITS).padEnd(digits.length, '*')
}
