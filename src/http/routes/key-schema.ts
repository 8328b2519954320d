import { z } from '@hono/zod-openapi'
import { SIGNINGS } from '../../accounts/issued-key.ts'
import { EVERY_SCOPE, type Scope } from '../../accounts/scope.ts'
import { isNetwork } from '../../core/networks.ts'

/** How long what a rotation has replaced is good as well, unless told otherwise, in hours. */
const OVERLAP_HOURS = 24

const MAX_OVERLAP_HOURS = 720

const MAX_NETWORKS = 100

const NETWORK_ALLOWED =
  'an IP address or a network such as 203.0.113.0/24 or 2001:db8::/32 must stand here'

const name = z.string().trim().min(1).max(100).openapi({ example: 'billing server' })

const scope = z.enum([...EVERY_SCOPE] as [Scope, ...Scope[]])

const scopes = z.array(scope).openapi({
  example: ['messages:send', 'messages:read'],
  description: 'What it may be used for: some of what the key has that makes it.',
})

const allowFrom = z
  .array(z.string().refine(isNetwork, { error: NETWORK_ALLOWED }))
  .max(MAX_NETWORKS)
  .openapi({
    example: ['203.0.113.0/24'],
    description: 'Addresses and networks that it may come from; an empty list: any.',
  })

const expiresAt = z.iso
  .datetime({ offset: true })
  .nullable()
  .openapi({ example: '2027-01-01T00:00:00Z', description: 'null: never.' })

const signing = z.enum(SIGNINGS).openapi({
  description:
    '`none`: the key is sent as `Authorization: Bearer KEY`. `full`: every request is signed and the secret never ' +
    'sent. `short`: as `full`, or by a signature over key and time alone, for old clients; it protects neither the ' +
    'body nor from repetition within 60 seconds.',
})

const tenant = z.string().openapi({
  description:
    "Whose it is; without it of the caller's side: its tenant, or whoever runs the gateway.",
})

export const createKey = z
  .strictObject({
    name,
    tenant: tenant.optional(),
    scopes: scopes.min(1),
    expires_at: expiresAt.default(null),
    allow_from: allowFrom.default([]),
    signing: signing.default('none'),
  })
  .openapi('CreateKey')

export const updateKey = z
  .strictObject({
    name: name.optional(),
    scopes: scopes.min(1).optional(),
    expires_at: expiresAt.optional(),
    allow_from: allowFrom.optional(),
  })
  .openapi('UpdateKey')

export const rotateKey = z
  .strictObject({
    overlap_hours: z.number().min(0).max(MAX_OVERLAP_HOURS).default(OVERLAP_HOURS).openapi({
      description: 'How long the old one is good as well; 0: it ends at once.',
    }),
  })
  .openapi('RotateKey')

export const key = z
  .object({
    id: z.string().openapi({
      description: 'Of a signed request `X-App-Key`. Of a key of the configuration its `key_name`.',
    }),
    source: z.enum(['api', 'configuration']).openapi({
      description: '`configuration`: it stands in the file, and is changed there.',
    }),
    name: z.string().nullable().openapi({ description: 'null: one of the configuration.' }),
    key_name: z.string().openapi({
      example: '3f2a90c41b77',
      description:
        'What it is called in limits and logs: 12 digits of the SHA-256 of what was made first.',
    }),
    tenant: z.string().nullable().openapi({ description: 'null: of whoever runs the gateway.' }),
    is_operator: z.boolean(),
    signing,
    scopes: z.array(scope),
    allow_from: z.array(z.string()),
    created_at: z.iso.datetime().nullable(),
    created_by: z.string().nullable().openapi({ description: 'The name of the key that made it.' }),
    expires_at: z.iso.datetime().nullable(),
    revoked_at: z.iso.datetime().nullable(),
    previous_until: z.iso.datetime().nullable().openapi({
      description: 'Until when what the last rotation has replaced is good; null: it is not.',
    }),
    is_usable: z.boolean().openapi({
      description: 'False when it is revoked or expired, or its tenant is gone.',
    }),
    last_used_at: z.iso.datetime().nullable().openapi({
      description: 'Stored once a minute; null: never.',
    }),
    last_address: z.string().nullable(),
  })
  .openapi('Key')

export const shownKey = key
  .extend({
    key: z.string().optional().openapi({
      example: 'lh_3q2-7wQ1J5nZ0bq8pYt1xVtEr0sKcD9f',
      description: 'What is sent with each request; shown this once.',
    }),
    secret: z.string().optional().openapi({
      example: 'lhs_H4rT0kJ9vQ2mWc6yXz1bN8pLs5dF3gA7uE0iOqRtYwU',
      description: 'With `signing`, what signs each request; shown this once.',
    }),
  })
  .openapi('ShownKey')

export const keyList = z
  .object({
    keys: z.array(key),
    next_cursor: z.string().nullable().openapi({ description: 'null: this is the last page.' }),
  })
  .openapi('KeyList')

export const listQuery = z.strictObject({
  tenant: z.string().optional().openapi({ description: 'Only its keys.' }),
  usable: z
    .enum(['true', 'false'])
    .optional()
    .openapi({ description: 'Only those that can be used, or only the others.' }),
  limit: z.coerce.number().int().min(1).max(500).default(100),
  cursor: z
    .string()
    .max(200)
    .optional()
    .openapi({ description: '`next_cursor` of the page before.' }),
})
