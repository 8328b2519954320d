import { createRoute, OpenAPIHono, z } from '@hono/zod-openapi'
import type { AppEnv } from '../env.ts'
import { json } from './json-response.ts'
import { problem } from './message-schema.ts'

/** What the routes ask the gateway. */
export interface PartnerParts {
  /** The accounts of a tenant, in the order of the configuration. */
  readonly partners: (tenantId: string) => readonly PartnerStanding[]
}

/** How a partner's account stands. */
export type PartnerStanding = z.infer<typeof standing>

const standing = z.object({
  system_id: z.string(),
  max_binds: z.int().nullable().openapi({ description: 'Null: there is no limit.' }),
  sessions: z.array(
    z.object({
      bind_type: z.enum(['transmitter', 'receiver', 'transceiver']),
      address: z.string().openapi({ description: 'Behind a proxy, the one that it names.' }),
      tls: z.boolean(),
      since: z.iso.datetime(),
      unanswered_by_partner: z
        .int()
        .openapi({ description: 'Receipts and messages that the partner has not answered yet.' }),
      unanswered_by_us: z
        .int()
        .openapi({ description: 'Requests of the partner that are worked on.' }),
    }),
  ),
})

const listRoute = createRoute({
  method: 'get',
  path: '/v1/partners',
  summary: 'Partner accounts and who is bound by them',
  security: [{ apiKey: [] }],
  responses: {
    200: json('All partner accounts of the tenant.', z.object({ data: z.array(standing) })),
    401: json('No valid API key.', problem),
  },
})

/** Who is bound to the SMPP server. */
export function partnerRoutes({ partners }: PartnerParts) {
  const app = new OpenAPIHono<AppEnv>()
  app.openapi(listRoute, (c) => c.json({ data: [...partners(c.get('tenant').id)] }, 200))
  return app
}
