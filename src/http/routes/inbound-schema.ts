import { z } from '@hono/zod-openapi'

const instant = z.iso.datetime({ offset: true })

export const inboundQuery = z.strictObject({
  limit: z.coerce.number().int().min(1).max(500).default(50),
  cursor: z.string().optional().openapi({ description: '`next_cursor` of the page before.' }),
  from: z.string().optional().openapi({ description: 'As the message shows it.' }),
  to: z.string().optional().openapi({ description: 'As the message shows it.' }),
  received_from: instant.optional(),
  received_before: instant.optional(),
})

export const inboundMessage = z
  .object({
    id: z.uuid(),
    from: z.string().openapi({ example: '+447700900123' }),
    to: z.string().openapi({
      example: '60123',
      description: 'The number or short code that it was sent to.',
    }),
    text: z.string().openapi({
      description: 'Empty for binary octets; U+FFFD stands for parts that have not come.',
    }),
    text_erased_at: instant.nullable(),
    encoding: z.string().openapi({ example: 'gsm7' }),
    keyword: z.string().nullable().openapi({ description: 'The keyword that brought it to you.' }),
    parts: z.int().openapi({ description: 'Parts that have come.' }),
    total_parts: z.int(),
    carrier: z.string(),
    partner: z.string().nullable().openapi({ description: 'The SMPP account that gets it.' }),
    received_at: instant,
  })
  .openapi('InboundMessage')

export const inboundList = z
  .object({
    inbound_messages: z.array(inboundMessage),
    next_cursor: z.string().nullable().openapi({ description: 'null: this is the last page.' }),
  })
  .openapi('InboundMessageList')
