import { z } from '@hono/zod-openapi'
import { channel } from './channel-schema.ts'

const instant = z.string().openapi({ format: 'date-time' })

const check = z
  .object({
    at: instant,
    ok: z.boolean(),
    latency_ms: z.number().nullable().openapi({ description: 'To the answer, or the receipt.' }),
    error: z.string().nullable().openapi({ description: 'null: it is well.' }),
  })
  .openapi('CarrierCheck')

/** How a carrier stands, and why. */
export const health = z
  .object({
    takes: z.enum(['everything', 'probes', 'nothing']),
    reason: z.string().openapi({ description: 'Why, in one sentence.' }),
    mode: z
      .enum(['enabled', 'drained', 'disabled', 'forced'])
      .openapi({ description: "The operator's word." }),
    mode_reason: z.string().nullable(),
    mode_at: instant.nullable(),
    breaker: z.enum(['closed', 'open', 'half_open']),
    breaker_since: instant.nullable(),
    probes_at: instant.nullable().openapi({
      description: 'When an open circuit breaker lets the first messages through.',
    }),
    check: check.nullable().openapi({ description: 'The last look at its connections.' }),
    message_check: check.nullable().openapi({ description: 'The last message sent to check it.' }),
  })
  .openapi('CarrierHealth')

const figures = {
  success: z.number().openapi({ description: 'Share of delivered messages, 0 to 1.' }),
  lower: z.number().openapi({ description: 'The true share is not below, with 90 % confidence.' }),
  upper: z.number(),
  messages: z.number().openapi({ description: 'Messages behind it; older ones count less.' }),
  unanswered: z.number().nullable().openapi({ description: 'Share without a final receipt.' }),
  throttled: z.number().nullable().openapi({ description: 'Share of submits that were put off.' }),
  latency_seconds: z.number().nullable().openapi({
    description: 'Median from the submit to the final receipt.',
  }),
  latency_p99_seconds: z.number().nullable(),
}

/** How a carrier does lately. */
export const quality = z.object(figures).openapi('CarrierQuality')

/** How it does in one country, network and class. */
export const cell = z
  .object({
    country: z.string().nullable().openapi({ description: 'Null: everywhere.' }),
    network: z
      .string()
      .nullable()
      .openapi({ description: 'MCC and MNC; null: not known, or all.' }),
    traffic_class: z.string().nullable().openapi({ description: 'Null: all.' }),
    ...figures,
  })
  .openapi('CarrierQualityCell')

/** A carrier with its connections. */
export const carrier = z
  .object({
    name: z.string(),
    type: z.string(),
    channel: channel.openapi({ description: 'The only one whose messages it gets.' }),
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
    health,
    quality,
  })
  .openapi('Carrier')

/** What is left of our account. */
export const balance = z
  .object({
    carrier: z.string(),
    balance: z
      .object({
        amount: z.string().openapi({ example: '12.34' }),
        unit: z.string().openapi({ example: 'CNY', description: 'A currency, or `messages`.' }),
      })
      .nullable()
      .openapi({ description: 'Null: it does not tell, or not now.' }),
    error: z.string().nullable().openapi({ description: 'Why it does not tell now.' }),
  })
  .openapi('CarrierBalance')

export const carrierList = z.object({ carriers: z.array(carrier) })

export const qualityList = z.object({ carrier: z.string(), quality: z.array(cell) })

/** A change of a carrier's health. */
export const change = z
  .object({
    at: instant,
    kind: z.enum(['mode', 'breaker', 'connection']),
    from: z.string(),
    to: z.string(),
    cause: z.string(),
  })
  .openapi('CarrierChange')

export const changeList = z.object({ carrier: z.string(), changes: z.array(change) })

const LIMIT = 'a whole number from 1 to 1000'

export const historyQuery = z.strictObject({
  limit: z.coerce
    .number({ error: LIMIT })
    .int({ error: LIMIT })
    .min(1, { error: LIMIT })
    .max(1_000, { error: LIMIT })
    .default(100),
})

const REASON = 'a text of 1 to 200 characters that says why'

export const order = z
  .strictObject({
    reason: z
      .string({ error: REASON })
      .trim()
      .min(1, { error: REASON })
      .max(200, { error: REASON }),
  })
  .openapi('CarrierOrder')
