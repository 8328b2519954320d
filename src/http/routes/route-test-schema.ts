import { z } from '@hono/zod-openapi'
import { TRAFFIC_CLASSES } from '../../core/policy.ts'
import { channel } from './channel-schema.ts'
import { expectsReply, tags } from './message-schema.ts'

const UINT32_MAX = 2 ** 32 - 1

/** A message that is only asked about. */
export const routeTest = z
  .strictObject({
    tenant: z.string().openapi({ description: 'Name of the tenant whose message it would be.' }),
    channel: channel.default('sms'),
    to: z.string().max(500).openapi({ example: '+447700900123' }),
    from: z.string().default('').openapi({ example: 'Linehaul' }),
    text: z.string().default('Test').openapi({ description: 'Decides encoding and segments.' }),
    traffic_class: z.enum(TRAFFIC_CLASSES).default('transactional'),
    tags,
    expects_reply: expectsReply,
    encoding: z.enum(['auto', 'gsm7', 'ucs2']).default('auto'),
    draw: z.int().min(0).max(UINT32_MAX).optional().openapi({
      description:
        'What lots are drawn by: the same number gives the same answer. Without it, any.',
    }),
  })
  .openapi('RouteTest')

/** Who would get it, and why. */
export const routeTestResult = z
  .strictObject({
    channel,
    to: z.string(),
    from: z.string(),
    country: z.string(),
    region: z.string(),
    number_type: z.string(),
    route: z.string().nullable().openapi({ description: 'null: no route is for it.' }),
    strategy: z.string(),
    draw: z.int(),
    turn: z.int().openapi({ description: 'Messages that the route has had.' }),
    candidates: z
      .array(
        z.strictObject({
          carrier: z.string(),
          segments: z.int(),
          cost: z.string().openapi({ description: 'Of all segments, decimal.' }),
          currency: z.string(),
          reasons: z.array(z.string()),
        }),
      )
      .openapi({ description: 'Best first: the message would go to the first.' }),
    refused: z.array(z.strictObject({ carrier: z.string(), reason: z.string() })),
  })
  .openapi('RouteTestResult')

/** Past decisions, and the routing by which they are to be made again. */
export const routeRehearsal = z
  .strictObject({
    routing: z.record(z.string(), z.unknown()).openapi({
      description: 'The section `routing` of the configuration file, as it would be.',
    }),
    since: z.iso.datetime({ offset: true }).optional().openapi({
      description: 'Messages accepted from then on. Default: an hour before `until`.',
    }),
    until: z.iso.datetime({ offset: true }).optional().openapi({
      description: 'Messages accepted before then. Default: now.',
    }),
    limit: z.int().min(1).max(1_000_000).default(100_000).openapi({
      description: 'Messages at most, the earliest first.',
    }),
  })
  .openapi('RouteRehearsal')

const sums = z.strictObject({
  cost: z.string().openapi({ description: 'In the base currency, or as amounts stand.' }),
  margin: z.string(),
  expected_deliveries: z.number(),
})

/** What would have been different. */
export const routeRehearsalResult = z
  .strictObject({
    since: z.string(),
    until: z.string(),
    messages: z.int(),
    decisions: z.int(),
    same: z.int(),
    moved: z.array(z.strictObject({ from: z.string(), to: z.string(), count: z.int() })),
    unroutable: z.int(),
    skipped: z.int().openapi({ description: 'Of an older version, or their text is erased.' }),
    before: sums,
    after: sums,
  })
  .openapi('RouteRehearsalResult')
