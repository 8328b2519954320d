import { z } from '@hono/zod-openapi'
import { MAX_TAGS, TAG, TAG_ALLOWED } from '../../core/message-tags.ts'
import { TRAFFIC_CLASSES } from '../../core/policy.ts'
import { MESSAGE_STATUSES } from '../../messages/states.ts'
import { channel, channelFields, checkChannels, hasSenderId } from './channel-schema.ts'

const network = z.string().nullable().openapi({
  example: '23415',
  description: "The recipient's network, MCC and MNC or a key; null: not known.",
})

const status = z.enum(MESSAGE_STATUSES).openapi('MessageStatus')

const price = z
  .strictObject({
    amount: z.string().openapi({ example: '0.0350', description: 'Decimal, for all segments.' }),
    currency: z.string().openapi({ example: 'EUR' }),
  })
  .openapi('Price')

export const problem = z
  .object({
    type: z.string(),
    title: z.string(),
    status: z.int(),
    detail: z.string(),
    code: z.string().openapi({ example: 'to_invalid', description: 'Stable, for programs.' }),
    request_id: z.string(),
    errors: z
      .array(
        z.object({
          detail: z.string(),
          pointer: z.string().openapi({ example: '/to', description: 'JSON Pointer, RFC 6901.' }),
        }),
      )
      .optional(),
    replayed_as: z
      .uuid()
      .optional()
      .openapi({ description: 'With `already_replayed`: the message that repeats the letter.' }),
  })
  .openapi('Problem')

const WANTED_TAGS = `give a list of up to ${MAX_TAGS} tags, each ${TAG_ALLOWED}`

const tag = z.string({ error: WANTED_TAGS }).regex(TAG, WANTED_TAGS)

/** Tags of a message that is to be sent. */
export const tags = z
  .array(tag, { error: WANTED_TAGS })
  .max(MAX_TAGS, WANTED_TAGS)
  .default([])
  .openapi({
    example: ['vip', 'campaign:summer'],
    description: `Words that routes and lists go by: up to ${MAX_TAGS}, each ${TAG_ALLOWED}.`,
  })

/** Whether the recipient of a message that is to be sent can answer it. */
export const expectsReply = z.boolean().default(false).openapi({
  description: 'Send it through carriers only that bring the replies of handsets.',
})

/** Whether keys can be looked at together, whatever is wrong with each. */
function isMapping({ value }: { readonly value: unknown }): boolean {
  return typeof value === 'object' && value !== null && !Array.isArray(value)
}

export const createMessage = z
  .strictObject({
    ...channelFields,
    text: z.string().optional().openapi({
      example: 'Hello from Linehaul',
      description: 'What it says; or `template` instead.',
    }),
    template: z.string().max(63).optional().openapi({
      example: 'login',
      description: 'A template of the configuration that the text is made from, instead of `text`.',
    }),
    variables: z
      .record(z.string().max(63), z.string().max(1_000))
      .optional()
      .openapi({
        example: { code: '4711' },
        description: 'What stands in the places of the template: every one of them, and no other.',
      }),
    client_reference: z
      .string()
      .min(1)
      .max(256)
      .optional()
      .openapi({ description: 'Your own id; can be searched for.' }),
    encoding: z
      .enum(['auto', 'gsm7', 'ucs2'])
      .default('auto')
      .openapi({ description: 'auto: GSM-7 when every character has a place in it, else UCS-2.' }),
    traffic_class: z.enum(TRAFFIC_CLASSES).default('transactional'),
    tags,
    expects_reply: expectsReply,
    send_at: z.iso.datetime({ offset: true }).optional().openapi({
      example: '2026-12-24T18:00:00+01:00',
      description: 'Not before this instant; up to 400 days ahead.',
    }),
    validity_seconds: z.int().min(1).max(2_592_000).optional().openapi({
      description: 'How long carriers are tried, from `send_at` on; then the message is `expired`.',
    }),
    callback_url: z.string().max(2_000).optional().openapi({
      description: 'Told of every state of this message, signed like any webhook.',
    }),
    max_segments: z
      .int()
      .min(1)
      .max(255)
      .optional()
      .openapi({ description: 'Refuse the message when it takes more.' }),
    dry_run: z.boolean().default(false).openapi({
      description:
        'Answer with encoding, segments and price, of each of its `channels`; send nothing.',
    }),
  })
  .refine(({ text, template }) => (text === undefined) !== (template === undefined), {
    error: 'give "text" or "template", one of them',
    path: ['text'],
    when: isMapping,
  })
  .refine(({ template, variables }) => template !== undefined || variables === undefined, {
    error: 'stands without "template"; give both or none',
    path: ['variables'],
    when: isMapping,
  })
  .refine(hasSenderId, { error: 'give the sender id', path: ['from'], when: isMapping })
  .refine(({ channels, fallback }) => channels !== undefined || fallback === undefined, {
    error: 'stands without "channels"; give both or none',
    path: ['fallback'],
  })
  .superRefine((body, context) => {
    checkChannels(body, (path, message) => {
      context.addIssue({ code: 'custom', path: [...path], message })
    })
  })
  .openapi('CreateMessage')

export const replaceMessage = z
  .strictObject({
    text: z.string().optional(),
    send_at: z.iso
      .datetime({ offset: true })
      .nullable()
      .optional()
      .openapi({ description: 'Not before this instant; null: at once.' }),
  })
  .refine(({ text, send_at: sendAt }) => text !== undefined || sendAt !== undefined, {
    error: 'give "text", "send_at" or both',
  })
  .openapi('ReplaceMessage')

export const acceptedMessage = z
  .object({
    id: z.uuid(),
    status,
    channel,
    to: z.string(),
    from: z.string(),
    segments: z.int(),
    encoding: z.string().openapi({ example: 'gsm7' }),
    price,
    client_reference: z.string().nullable(),
    created_at: z.iso.datetime(),
  })
  .openapi('AcceptedMessage')

const quoted = z.object({
  dry_run: z.literal(true),
  channel,
  to: z.string(),
  from: z.string(),
  segments: z.int(),
  encoding: z.string(),
  price,
  carrier: z.string().openapi({ description: 'The carrier that would be asked first.' }),
  network,
  sender_warning: z.string().nullable().openapi({
    description:
      'What may become of the sender in that country; null: nothing is known against it.',
  }),
})

const passedOver = z
  .object({ channel, to: z.string(), error: problem })
  .openapi('PassedOverChannel')

export const quotedMessage = quoted
  .extend({
    fallbacks: z
      .array(z.union([quoted.openapi('QuotedFallback'), passedOver]))
      .optional()
      .openapi({
        description:
          'Of a message with `channels`: what the message by each channel after the first would be and cost, ' +
          'in their order, if its turn came now; with `error` one that would be passed over.',
      }),
  })
  .openapi('QuotedMessage')

const refusedMessage = z.object({ to: z.string(), error: problem }).openapi('RefusedMessage')

export const acceptedList = z
  .object({
    messages: z.array(z.union([acceptedMessage, refusedMessage])).openapi({
      description: 'In the order of `to`: each accepted, or refused with its problem.',
    }),
  })
  .openapi('AcceptedMessages')

export const quotedList = z
  .object({ messages: z.array(z.union([quotedMessage, refusedMessage])) })
  .openapi('QuotedMessages')

export const timelineEvent = z
  .object({
    at: z.iso.datetime(),
    type: z.string().openapi({ example: 'submitted' }),
    status,
    carrier: z.string().nullable(),
    attempt: z.int().nullable(),
    segment: z.int().nullable(),
    code: z.string().nullable(),
    raw_code: z.string().nullable(),
    detail: z.record(z.string(), z.unknown()).nullable(),
  })
  .openapi('TimelineEvent')

export const message = acceptedMessage
  .extend({
    is_final: z.boolean(),
    error: z
      .object({ code: z.string(), detail: z.string().nullable() })
      .nullable()
      .openapi({ description: 'Why it stands where it stands; null when all is well.' }),
    carrier: z.string().nullable(),
    attempts: z.int(),
    dead_letter: z
      .string()
      .nullable()
      .openapi({ description: 'Why it is on the list of dead letters; null: it is not.' }),
    replayed_as: z.uuid().nullable().openapi({ description: 'The message that repeats it.' }),
    replay_of: z.uuid().nullable().openapi({ description: 'The dead letter that it repeats.' }),
    fallback_as: z.uuid().nullable().openapi({
      description: 'The message by another channel that was sent in its place.',
    }),
    fallback_of: z.uuid().nullable().openapi({
      description: 'The message by another channel in whose place it is sent.',
    }),
    held_by: z.string().nullable().openapi({
      description:
        'The failure rule that holds it until somebody resolves it; null: it is not held.',
    }),
    subject: z.string().nullable().openapi({ description: 'null: it is no e-mail, or erased.' }),
    text: z.string(),
    text_erased_at: z.iso
      .datetime()
      .nullable()
      .openapi({ description: 'Since when `text` is empty because its time was over.' }),
    traffic_class: z.enum(TRAFFIC_CLASSES),
    tags: z.array(z.string()),
    expects_reply: z.boolean(),
    callback_url: z.string().nullable(),
    send_at: z.iso.datetime().nullable(),
    expires_at: z.iso.datetime(),
    country: z.string().openapi({ example: 'GB', description: '`ZZ`: it goes to no number.' }),
    network,
    updated_at: z.iso.datetime(),
    final_at: z.iso.datetime().nullable(),
  })
  .openapi('Message')

const deckVersion = z.int().openapi({ description: 'Of the rate deck; 0: the configuration.' })

/** What a key of the operator is shown beside. */
const readMessage = message
  .extend({
    tenant: z.string().optional().openapi({
      description: "The tenant's name. This and the next three for keys of the operator only.",
    }),
    cost: price.optional().openapi({ description: 'What the carrier charges that has it.' }),
    carrier_deck_version: deckVersion.optional(),
    tenant_deck_version: deckVersion.nullable().optional().openapi({
      description: 'Null: the tenant has no rate for the number, and pays the cost.',
    }),
  })
  .openapi('ReadMessage')

const submit = z
  .object({
    attempt: z.int().openapi({ description: '1 for the first carrier tried.' }),
    segment: z.int(),
    carrier: z.string(),
    state: z.string().openapi({ example: 'delivered' }),
    carrier_message_id: z.string().nullable(),
    cost: price.openapi({ description: 'Of this segment, if the carrier takes it.' }),
    carrier_deck_version: deckVersion,
  })
  .openapi('Submit')

export const messageWithTimeline = readMessage
  .extend({
    submits: z.array(submit).optional().openapi({ description: 'For keys of the operator only.' }),
    timeline: z.array(timelineEvent),
  })
  .openapi('MessageWithTimeline')

export const messageList = z
  .object({
    messages: z.array(readMessage),
    next_cursor: z.string().nullable().openapi({ description: 'null: this is the last page.' }),
  })
  .openapi('MessageList')

export const listQuery = z.strictObject({
  limit: z.coerce.number().int().min(1).max(500).default(50),
  cursor: z.string().optional().openapi({ description: '`next_cursor` of the page before.' }),
  status: status.optional(),
  to: z.string().optional(),
  from: z.string().optional(),
  carrier: z.string().optional(),
  channel: channel.optional(),
  tenant: z.string().optional().openapi({ description: 'Name of a tenant; for the operator.' }),
  client_reference: z.string().optional(),
  tag: tag.optional().openapi({ description: 'Only messages with this tag.' }),
  held: z
    .literal('true')
    .optional()
    .openapi({ description: 'Only what a failure rule holds for an operator.' }),
  created_from: z.iso.datetime({ offset: true }).optional(),
  created_before: z.iso.datetime({ offset: true }).optional(),
})
