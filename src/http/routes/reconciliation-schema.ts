import { z } from '@hono/zod-openapi'
import { CURRENCIES } from '../../core/currencies.ts'
import { DIFFERENCE_KINDS } from '../../messages/reconciliation.ts'

const instant = z.iso.datetime({ offset: true })
const CURRENCY = 'a currency of ISO 4217, for example EUR'
const MOST_EXAMPLES = 1_000

export const reconciliationQuery = z.strictObject({
  carrier: z.string().openapi({ description: 'Name of the carrier whose file it is.' }),
  month: z
    .string()
    .regex(/^\d{4}-(0[1-9]|1[0-2])$/, 'a month such as 2026-10')
    .optional()
    .openapi({ description: 'A calendar month in UTC, instead of `from` and `before`.' }),
  from: instant.optional(),
  before: instant.optional(),
  columns: z.string().max(1_000).default('').openapi({
    description: 'Names of columns that are not usual ones.',
    example: 'id=message_id,to=destination,segments=parts,amount=charge',
  }),
  currency: z
    .string()
    .refine((code) => CURRENCIES.has(code), { error: CURRENCY })
    .optional()
    .openapi({ description: 'Of all amounts, where the file has no column for it.' }),
  examples: z.coerce.number().int().min(0).max(MOST_EXAMPLES).default(20).openapi({
    description: 'Of each kind of difference.',
  }),
})

const money = z.object({ amount: z.string(), currency: z.string() })

const example = z.object({
  line: z.int().nullable().openapi({ description: 'Of the file, from 1.' }),
  carrier_message_id: z.string(),
  message_id: z.uuid().nullable(),
  segment: z.int().nullable(),
  submitted_at: instant.nullable(),
  theirs: z
    .object({
      to: z.string().nullable(),
      segments: z.int().nullable(),
      cost: money.nullable(),
      at: z.string().nullable(),
    })
    .nullable(),
  ours: z.object({ to: z.string().nullable(), segments: z.int(), cost: money }).nullable(),
})

export const reconciliationReport = z
  .object({
    carrier: z.string(),
    from: instant,
    before: instant,
    is_equal: z.boolean(),
    lines: z.int(),
    mistake_count: z.int(),
    mistakes: z.array(z.object({ line: z.int(), detail: z.string() })),
    matched: z.object({ lines: z.int(), theirs: z.array(money), ours: z.array(money) }),
    differences: z.array(
      z.object({
        kind: z.enum(DIFFERENCE_KINDS),
        count: z.int(),
        theirs: z.array(money),
        ours: z.array(money),
        examples: z.array(example),
      }),
    ),
  })
  .openapi('Reconciliation')
