import { z } from '@hono/zod-openapi'

/** What usage can be told apart by, as the API names it. */
export const USAGE_GROUPS = [
  'tenant',
  'carrier',
  'country',
  'network',
  'sender',
  'template',
  'traffic_class',
] as const

const groups = z.enum(USAGE_GROUPS)
const amount = z.string().openapi({ example: '12.5000' })
const count = z.number().int()

/** A day, or an instant of it. */
const dayOrInstant = z.union([z.iso.date(), z.iso.datetime({ offset: true })])

export const usageQuery = z.strictObject({
  granularity: z.enum(['hour', 'day', 'month']).default('day'),
  from: dayOrInstant.optional().openapi({
    description:
      'Start of the first period, in UTC. By default 24 hours, 31 days or 12 months before `before`.',
  }),
  before: dayOrInstant
    .optional()
    .openapi({ description: 'End of the last period; by default that of the present one.' }),
  group_by: z
    .string()
    .optional()
    .transform((text) => (text ? text.split(',') : []))
    .pipe(z.array(groups))
    .openapi({
      type: 'string',
      example: 'tenant,country',
      description:
        'Any of `tenant`, `carrier` (for keys of the operator), `country`, `network`, `sender`, `template` and ' +
        '`traffic_class`, with commas. `sender` and `template` go with `tenant` and `country` only, not with each other, ' +
        'and not by the hour.',
    }),
  tenant: z.string().optional(),
  carrier: z.string().optional(),
  country: z.string().optional().openapi({ example: 'GB' }),
  network: z.string().optional().openapi({ example: '23415' }),
  sender: z.string().optional(),
  template: z.string().optional().openapi({ example: 'login' }),
  traffic_class: z.string().optional(),
})

/** What is counted, as it is nested in a row. */
export const usageCounts = {
  messages: z.object({
    accepted: count,
    delivered: count,
    undelivered: count,
    expired: count,
    failed: count,
    canceled: count,
    unconfirmed: count,
  }),
  segments: z.object({
    accepted: count,
    submitted: count.openapi({ description: 'Taken by a carrier.' }),
    delivered: count.openapi({ description: 'By their receipts, as the two below.' }),
    undelivered: count,
    expired: count,
  }),
}

const usageRow = z
  .object({
    starts_at: z.iso.datetime(),
    tenant: z.string().optional(),
    carrier: z
      .string()
      .nullable()
      .optional()
      .openapi({ description: 'null: what belongs to no carrier, as an acceptance does.' }),
    country: z.string().optional(),
    network: z.string().nullable().optional().openapi({ description: 'null: not known.' }),
    sender: z
      .string()
      .nullable()
      .optional()
      .openapi({ description: 'null: all that came after the first 1,000 of a day.' }),
    template: z.string().nullable().optional().openapi({
      description:
        'Messages of no template have no row. null: all that came after the first 1,000 of a day.',
    }),
    traffic_class: z.string().optional(),
    currency: z.string().openapi({ example: 'EUR' }),
    ...usageCounts,
    charged: count.openapi({
      description: 'Segments, or messages where the price is for the message.',
    }),
    revenue: amount,
    tax: amount,
    cost: amount
      .optional()
      .openapi({ description: 'What carriers are owed; for keys of the operator.' }),
  })
  .openapi('UsageRow')

export const usageList = z
  .object({
    granularity: z.enum(['hour', 'day', 'month']),
    from: z.iso.datetime(),
    before: z.iso.datetime(),
    rows: z.array(usageRow).openapi({
      description:
        'One for each period, group and currency in which anything happened. The counts of a message stand where ' +
        'its price does.',
    }),
  })
  .openapi('UsageList')
