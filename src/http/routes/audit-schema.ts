import { z } from '@hono/zod-openapi'
import { ACTOR_KINDS, AUDIT_OUTCOMES } from '../../audit/entry.ts'

const instant = z.iso.datetime({ offset: true })

export const auditQuery = z.strictObject({
  actor: z.string().optional().openapi({ description: 'Name of a key or of whoever else it was.' }),
  action: z.string().optional().openapi({
    description: '`carrier.drain`, or `carrier` for all that begins with it.',
  }),
  subject: z.string().optional().openapi({
    description: 'Id of what it was done to, or kind and id: `carrier:alpha`.',
  }),
  outcome: z.enum(AUDIT_OUTCOMES).optional(),
  tenant: z.string().optional().openapi({
    description: 'What concerns this tenant; for keys of the operator.',
  }),
  from: instant.optional(),
  before: instant.optional(),
  limit: z.coerce.number().int().min(1).max(500).default(50),
  cursor: z.string().optional().openapi({ description: '`next_cursor` of the page before.' }),
})

const state = z.unknown().openapi({
  type: ['object', 'array', 'string', 'number', 'boolean', 'null'],
  description: 'Secrets are masked.',
})

const entry = z
  .object({
    number: z.int().openapi({ description: 'From 1, without gaps.' }),
    at: instant,
    actor: z.object({
      kind: z.enum(ACTOR_KINDS),
      name: z.string().nullable(),
      tenant: z.string().nullable(),
    }),
    address: z.string().nullable(),
    request_id: z.string().nullable(),
    action: z.string().openapi({ example: 'carrier.drain' }),
    subject: z.object({ kind: z.string(), id: z.string() }).nullable(),
    tenant: z.string().nullable().openapi({ description: 'The tenant that it concerns.' }),
    outcome: z.enum(AUDIT_OUTCOMES),
    reason: z.string().nullable(),
    before: state,
    after: state,
    count: z.int(),
    first_at: instant.nullable().openapi({ description: 'Of those that are counted.' }),
    last_at: instant.nullable(),
    hash: z.string().openapi({ description: 'SHA-256 of the hash before and of the entry.' }),
  })
  .openapi('AuditEntry')

export const auditList = z
  .object({
    entries: z.array(entry),
    next_cursor: z.string().nullable().openapi({ description: 'null: this is the last page.' }),
  })
  .openapi('AuditEntryList')
