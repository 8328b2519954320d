import { z } from '@hono/zod-openapi'

const source = z.enum(['start', 'file', 'api', 'rollback']).openapi({
  description:
    'Where it comes from: the file as a start found it, the file as it changed, this API, an earlier version.',
})

const version = z
  .object({
    number: z.int().openapi({ example: 12 }),
    at: z.iso.datetime(),
    source,
    who: z.string().nullable().openapi({
      example: 'key 9f86d081',
      description: "The operator's key, by the beginning of its SHA-256; null for the file.",
    }),
    comment: z.string(),
    rolled_back_to: z.int().nullable().openapi({ description: 'The version that counts again.' }),
  })
  .openapi('ConfigVersion')

const document = z.record(z.string(), z.unknown()).openapi({
  description:
    'As it is written, without comments; names of environment variables stay. Secrets are masked: `<secret:…>` may ' +
    'be sent back in their place.',
})

const sections = z.array(z.string()).openapi({ example: ['routing', 'failure_rules'] })

export const present = z
  .object({
    version,
    waits_for_start: sections.openapi({
      description: 'Sections that the gateway goes by only when it is started again.',
    }),
    document,
  })
  .openapi('Config')

export const versionList = z.object({ versions: z.array(version) }).openapi('ConfigVersionList')

export const shownVersion = z.object({ version, document }).openapi('ConfigVersionDocument')

const value = z.union([z.string(), z.number(), z.boolean()]).nullable()

export const change = z
  .object({
    version: version.openapi({ description: 'That which holds now.' }),
    is_dry_run: z.boolean(),
    change_count: z.int(),
    changes: z
      .array(z.object({ path: z.string(), before: value, after: value }))
      .openapi({ description: 'The first 1,000, secrets masked; null: it is not there.' }),
    applied: sections.openapi({ description: 'Sections that hold at once.' }),
    waits_for_start: sections.openapi({ description: 'Sections that count from the next start.' }),
  })
  .openapi('ConfigChange')

const comment = z.string().max(500).openapi({ description: 'Kept with the version.' })

export const listQuery = z.object({
  limit: z.coerce.number().int().min(1).max(200).default(50),
  below: z.coerce
    .number()
    .int()
    .min(1)
    .max(2_147_483_647)
    .optional()
    .openapi({ description: 'Versions before it.' }),
})

export const changeQuery = z.object({
  dry_run: z.enum(['true', 'false']).default('false').openapi({
    description: 'Only say what would change, and what is wrong.',
  }),
  comment: comment.optional(),
})

export const rollBack = z.strictObject({ comment: comment.optional() }).openapi('ConfigRollback')

const NUMBER = 'write the number of a version'

export const numbered = z.object({
  number: z.coerce
    .number({ error: NUMBER })
    .int({ error: NUMBER })
    .min(1, { error: NUMBER })
    .max(2_147_483_647, { error: NUMBER }),
})

export const ifMatch = z.object({
  'if-match': z.string().optional().openapi({
    example: '"12"',
    description: 'The version that the change was made from; `*`: whichever. A PUT needs it.',
  }),
})

export const mistakes = z
  .array(
    z.object({
      path: z.string().openapi({ example: 'carriers[0].port' }),
      line: z.int().nullable(),
      message: z.string(),
    }),
  )
  .openapi('ConfigMistakes')
