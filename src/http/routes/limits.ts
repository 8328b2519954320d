import { createRoute, OpenAPIHono, z } from '@hono/zod-openapi'
import { GatewayError } from '../../core/errors.ts'
import { LIMIT_KINDS, LIMIT_SCOPES } from '../../core/limits.ts'
import type { Limits, Standing } from '../../limits/limits.ts'
import type { AppEnv } from '../env.ts'
import { shownAmount } from '../rate-limit.ts'
import { onInvalid } from '../validation.ts'
import { json } from './json-response.ts'
import { normalNumber } from './message-body.ts'
import { problem } from './message-schema.ts'
import type { PartnerParts } from './partners.ts'

/** What the routes ask the gateway. */
export interface LimitParts extends PartnerParts {
  readonly limits: Limits
}

const amount = z.union([z.number(), z.string()])

const limit = z
  .object({
    scope: z.enum(LIMIT_SCOPES),
    kind: z.enum(LIMIT_KINDS),
    quota: amount.openapi({
      description: 'Per second, or within the window; a decimal amount for spend.',
      example: 1000,
    }),
    currency: z.string().nullable().openapi({ example: null }),
    burst: z.number().nullable().openapi({
      description: 'Of a limit per second: what may come at once after a pause.',
    }),
    used: amount.nullable().openapi({
      description:
        'Null: the sender, recipient or country was not named, or it counts over all tenants.',
    }),
    remaining: amount.nullable(),
  })
  .openapi('Limit')

const listRoute = createRoute({
  method: 'get',
  path: '/v1/limits',
  summary: 'Limits of the key and the tenant, and what is left of them',
  description:
    'With `from`, `to` and `country` also what is left for that sender, recipient and country; with ' +
    '`partner` for that account.',
  security: [{ apiKey: [] }],
  request: {
    query: z.object({
      from: z.string().min(1).optional(),
      to: z.string().min(1).optional(),
      country: z.string().length(2).optional(),
      partner: z.string().min(1).optional(),
    }),
  },
  responses: {
    200: json(
      'All limits that are set.',
      z.object({
        key: z.string().openapi({ description: 'Name of the key, for `limits.keys`.' }),
        limits: z.array(limit),
      }),
    ),
    401: json('No valid API key.', problem),
    404: json('The tenant has no such partner.', problem),
    422: json('A field is wrong; `errors` says which.', problem),
  },
})

/** What is left of the limits. */
export function limitRoutes({ limits, partners }: LimitParts) {
  const app = new OpenAPIHono<AppEnv>({ defaultHook: onInvalid })
  app.openapi(listRoute, async (c) => {
    const { from = null, to, country = null, partner = null } = c.req.valid('query')
    const tenantId = c.get('tenant').id
    const key = c.get('caller').name
    const isOwn = partners(tenantId).some(({ system_id }) => system_id === partner)
    if (partner !== null && !isOwn) {
      throw new GatewayError('not_found', `there is no partner "${partner}"`)
    }
    const about = { from, to: to === undefined ? null : normalNumber(to), country }
    const standings = await limits.standings({ tenantId, key, partner }, about)
    return c.json({ key, limits: standings.map(limitShown) }, 200)
  })
  return app
}

function limitShown({ rule, used }: Standing): z.infer<typeof limit> {
  const { scope, kind, quota, currency, burst, window } = rule
  const remaining = used === null ? null : Math.max(0, burst - used)
  // What flows back all the time is told in whole requests or segments.
  const whole = (value: number) => shownAmount(rule, window ? value : Math.floor(value))
  return {
    scope,
    kind,
    quota: shownAmount(rule, quota),
    currency,
    burst: window ? null : burst,
    used: used === null ? null : whole(burst - (remaining ?? 0)),
    remaining: remaining === null ? null : whole(remaining),
  }
}
