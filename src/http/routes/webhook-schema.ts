import { z } from '@hono/zod-openapi'
import { OVERLAP_HOURS, WEBHOOK_EVENTS } from '../../webhooks/endpoints.ts'

/** The longest time that two secrets can be valid, in hours. */
const MAX_OVERLAP_HOURS = 168

/** Events that one replay can name. */
const MAX_REPLAY_IDS = 1_000

const url = z.string().openapi({
  example: 'https://example.com/hooks/sms',
  description: 'http or https, at a public address, without credentials.',
})

const events = z.array(z.enum(WEBHOOK_EVENTS)).openapi({
  example: ['message.delivered', 'message.undelivered', 'message.failed'],
  description: 'Which events are sent; an empty list: all.',
})

const secret = z.string().max(200).openapi({
  example: 'whsec_MfKQ9r8GKYqrTwjUPD8ILPZIo2LaLaSw',
  description: '`whsec_` and 24 to 64 octets in base64.',
})

export const createWebhook = z
  .strictObject({
    url,
    events: events.default([]),
    secret: secret.optional().openapi({ description: 'Your own; left out, one is made.' }),
  })
  .openapi('CreateWebhook')

export const updateWebhook = z
  .strictObject({
    url: url.optional(),
    events: events.optional(),
    is_enabled: z.boolean().optional(),
  })
  .openapi('UpdateWebhook')

export const webhook = z
  .object({
    id: z.uuid(),
    url: z.string(),
    events: z.array(z.enum(WEBHOOK_EVENTS)),
    is_enabled: z.boolean(),
    disabled_reason: z.string().nullable(),
    created_at: z.iso.datetime(),
  })
  .openapi('Webhook')

export const webhookWithSecret = webhook.extend({ secret }).openapi('WebhookWithSecret')

export const webhookList = z.object({ webhooks: z.array(webhook) }).openapi('WebhookList')

export const secrets = z
  .object({
    secret,
    previous_secret: secret.nullable().openapi({ description: 'Null when it signs no more.' }),
    previous_secret_until: z.iso.datetime().nullable(),
  })
  .openapi('WebhookSecrets')

export const rotateSecret = z
  .strictObject({
    secret: secret.optional().openapi({ description: 'Your own; left out, one is made.' }),
    overlap_hours: z
      .number()
      .min(0)
      .max(MAX_OVERLAP_HOURS)
      .default(OVERLAP_HOURS)
      .openapi({ description: 'How long the old secret signs as well; 0: it stops at once.' }),
  })
  .openapi('RotateWebhookSecret')

const attempt = z.object({
  at: z.iso.datetime(),
  status_code: z.int().nullable().openapi({ description: 'Null: there was no answer.' }),
  duration_ms: z.int(),
  error: z.string().nullable(),
})

export const testResult = attempt
  .extend({
    webhook_id: z.string().openapi({ description: 'The `webhook-id` that was sent.' }),
    is_delivered: z.boolean(),
  })
  .openapi('WebhookTest')

const eventStatus = z.enum(['pending', 'delivered', 'dead'])

const webhookEvent = z
  .object({
    id: z.string().openapi({ description: 'The `webhook-id`.' }),
    type: z.string().openapi({ example: 'message.delivered' }),
    message_id: z
      .string()
      .nullable()
      .openapi({ description: 'Null where the event is about no message.' }),
    status: eventStatus,
    tries: z.int(),
    created_at: z.iso.datetime(),
    next_attempt_at: z.iso.datetime().nullable(),
    dead_reason: z.string().nullable(),
    attempts: z.array(attempt).openapi({ description: 'Oldest first.' }),
  })
  .openapi('WebhookEvent')

export const eventList = z
  .object({
    events: z.array(webhookEvent),
    next_cursor: z.string().nullable().openapi({ description: 'null: this is the last page.' }),
  })
  .openapi('WebhookEventList')

export const eventQuery = z.strictObject({
  limit: z.coerce.number().int().min(1).max(500).default(50),
  cursor: z
    .string()
    .max(200)
    .optional()
    .openapi({ description: '`next_cursor` of the page before.' }),
  status: eventStatus.optional(),
  message_id: z.uuid().optional(),
})

export const replayEvents = z
  .strictObject({
    ids: z.array(z.string().max(100)).min(1).max(MAX_REPLAY_IDS).optional(),
    since: z.iso
      .datetime({ offset: true })
      .optional()
      .openapi({ description: 'Every given-up event from this instant on.' }),
  })
  .refine(({ ids, since }) => (ids === undefined) !== (since === undefined), {
    error: 'give either "ids" or "since"',
  })
  .openapi('ReplayWebhookEvents')

export const replayed = z
  .object({ replayed: z.int().openapi({ description: 'Events that will be sent again.' }) })
  .openapi('ReplayedWebhookEvents')
