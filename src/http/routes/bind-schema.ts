import { z } from '@hono/zod-openapi'

const instant = z.iso.datetime()

const endpoint = z.object({ address: z.string(), port: z.int() })

const counts = z.record(z.string(), z.int())

const counters = z
  .object({
    octets_in: z.int(),
    octets_out: z.int(),
    pdus_in: z.int(),
    pdus_out: z.int(),
    received_by_command: counts,
    sent_by_command: counts,
    requests_sent: z.int(),
    responses_matched: z.int(),
    responses_late: z.int(),
    responses_unmatched: z.int(),
    requests_timed_out: z.int(),
    requests_failed: z.int(),
    requests_received: z.int(),
    replies_sent: z.int(),
    replies_dropped: z.int(),
    requests_unanswered: z.int(),
    pdu_errors: z.int(),
  })
  .openapi('BindCounters')

export const bind = z
  .object({
    id: z
      .string()
      .nullable()
      .openapi({ description: 'Of one connection; null where a carrier has none at present.' }),
    side: z.enum(['carrier', 'partner']),
    name: z
      .string()
      .nullable()
      .openapi({ description: 'Carrier, or account of the partner; null: nobody has bound yet.' }),
    bind: z.string().nullable().openapi({ example: 'transceiver-1' }),
    system_id: z.string().nullable().openapi({ description: 'As the bind says it.' }),
    state: z.string().openapi({ example: 'bound_trx' }),
    tls: z.boolean().nullable(),
    local: endpoint.nullable(),
    remote: endpoint.nullable(),
    opened_at: instant.nullable(),
    bound_at: instant.nullable(),
    ended_at: instant.nullable(),
    end_reason: z.string().nullable().openapi({ example: 'peer_closed' }),
    last_error: z.string().nullable(),
    pdus_kept: z.int().openapi({ description: 'PDUs that can be read.' }),
    pdus_dropped: z.int().openapi({ description: 'Recorded before, and gone.' }),
    counters: counters.nullable(),
  })
  .openapi('Bind')

export const bindList = z.object({ binds: z.array(bind) }).openapi('BindList')

const field: z.ZodType = z.unknown().openapi({
  description: 'A number, a text, a list, or octets as `hex` and `ascii`.',
})

const pdu = z
  .object({
    number: z.int().openapi({ description: 'Counts what was recorded of the connection from 1.' }),
    at: instant,
    direction: z.enum(['in', 'out']),
    command: z.string().nullable().openapi({ example: 'submit_sm' }),
    command_id: z.string().nullable().openapi({ example: '0x00000004' }),
    command_status: z.object({ code: z.int(), name: z.string() }).nullable(),
    sequence_number: z.int().nullable(),
    fields: z.record(z.string(), field),
    tlvs: z.array(
      z.object({ tag: z.string(), name: z.string().nullable(), value: field, hex: z.string() }),
    ),
    error: z.string().nullable().openapi({ description: 'Why it could not be decoded.' }),
    octets: z.int().openapi({ description: 'Its length on the wire.' }),
    hex: z.string(),
  })
  .openapi('RecordedPdu')

export const pduList = z.object({ bind, pdus: z.array(pdu) }).openapi('RecordedPdus')

export const tracedPdu = pdu
  .extend({
    side: z.enum(['carrier', 'partner']),
    name: z.string(),
    bind: z.string().nullable(),
  })
  .openapi('TracedPdu')

export const texts = z.enum(['masked', 'shown']).default('masked').openapi({
  description: '`shown` only where `recorder.show_texts` is set; passwords never are.',
})

export const captureQuery = z.strictObject({ texts })

export const pduQuery = z.strictObject({
  limit: z.coerce
    .number()
    .int()
    .min(1)
    .max(10_000)
    .default(100)
    .openapi({ description: 'The latest so many, oldest first.' }),
  texts,
})
