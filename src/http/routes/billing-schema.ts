import { z } from '@hono/zod-openapi'
import { CURRENCIES } from '../../core/currencies.ts'

const instant = z.iso.datetime({ offset: true })
const amount = z.string().openapi({ example: '12.5000' })
const ofTenant = z.string().optional().openapi({
  description: 'Name of a tenant; for keys of the operator, which belong to none.',
})

export const balanceQuery = z.strictObject({ tenant: ofTenant })

const tier = z
  .object({
    above_segments: z.int().openapi({ example: 100_000 }),
    discount_percent: z.string().openapi({ example: '5' }),
  })
  .openapi('VolumeTier')

const volume = z
  .object({
    month: z.string().openapi({ example: '2026-10', description: 'A calendar month in UTC.' }),
    segments: z.int().openapi({ description: 'Of the messages accepted in it so far.' }),
    tier: tier.nullable().openapi({
      description: 'The tier that the next message is priced by; null: none.',
    }),
    next_tier: tier.nullable().openapi({ description: 'The one after it; null: there is none.' }),
  })
  .openapi('Volume')

export const accountList = z
  .object({
    tenant: z.string(),
    volume,
    accounts: z.array(
      z.object({
        currency: z.string().openapi({ example: 'EUR' }),
        balance: amount.openapi({ description: 'What is there, less what is reserved.' }),
        reserved: amount.openapi({ description: 'Set aside for messages that are on their way.' }),
        spent: amount.openapi({ description: 'Charged so far, taxes with it.' }),
        credit_limit: amount.nullable().openapi({ description: 'How far below zero it may go.' }),
        available: amount
          .nullable()
          .openapi({ description: 'What may still be spent; null: there is no limit.' }),
      }),
    ),
  })
  .openapi('AccountList')

const KINDS = [
  'reserve',
  'reprice',
  'settle',
  'release',
  'opening',
  'top_up',
  'adjustment',
  'transfer',
] as const

export const lineQuery = z.strictObject({
  tenant: ofTenant,
  limit: z.coerce.number().int().min(1).max(500).default(50),
  cursor: z.string().optional().openapi({ description: '`next_cursor` of the page before.' }),
  message_id: z.uuid().optional(),
  kind: z.enum([...KINDS, 'cost']).optional(),
  from: instant.optional(),
  before: instant.optional(),
})

const line = z
  .object({
    id: z.string().openapi({ example: '1842.17', description: 'Batch and line.' }),
    at: instant,
    kind: z.enum([...KINDS, 'cost']),
    currency: z.string(),
    entries: z
      .array(
        z.object({
          account: z.enum(['balance', 'reserved', 'revenue', 'tax', 'funding']),
          amount,
        }),
      )
      .openapi({ description: 'What moves between the accounts; together always zero.' }),
    message_id: z.uuid().nullable(),
    other_tenant: z.string().nullable().openapi({
      description: 'Of a transfer: the tenant that gets it, or that it comes from.',
    }),
    reference: z.string().nullable(),
    note: z.string().nullable(),
    cost: z
      .object({ carrier: z.string(), amount, currency: z.string() })
      .nullable()
      .optional()
      .openapi({ description: 'What a carrier is owed; for keys of the operator.' }),
  })
  .openapi('LedgerLine')

export const lineList = z
  .object({
    lines: z.array(line),
    next_cursor: z.string().nullable().openapi({ description: 'null: this is the last page.' }),
  })
  .openapi('LedgerLineList')

const CURRENCY = 'a currency of ISO 4217, for example EUR'

const currencyCode = z
  .string()
  .refine((code) => CURRENCIES.has(code), { error: CURRENCY })
  .openapi({ example: 'EUR' })

/** What is sealed with a line of the ledger has to come back from the database as it is. */
const ONE_LINE = /^[^\p{Cc}\p{Cs}]*$/u
const ONE_LINE_ALLOWED = 'a line of text without control characters'

const reference = z.string().min(1).max(200).regex(ONE_LINE, ONE_LINE_ALLOWED).openapi({
  description: 'Tells payments apart: one is booked once, however often it is sent.',
})

const note = z.string().max(500).regex(ONE_LINE, ONE_LINE_ALLOWED).optional()

export const newPayment = z
  .strictObject({
    tenant: z.string(),
    kind: z.enum(['top_up', 'adjustment']),
    amount: z
      .string()
      .regex(/^-?\d{1,12}(\.\d{1,6})?$/, 'a decimal number with at most 6 decimals')
      .openapi({ example: '250.00', description: 'Below zero only for an adjustment.' }),
    currency: currencyCode,
    reference,
    note,
  })
  .openapi('NewPayment')

export const newTransfer = z
  .strictObject({
    from: z.string().openapi({ description: 'Name of the tenant that gives.' }),
    to: z.string().openapi({ description: 'Name of the tenant that gets it.' }),
    amount: z
      .string()
      .regex(/^\d{1,12}(\.\d{1,6})?$/, 'a decimal number with at most 6 decimals')
      .openapi({ example: '25.00' }),
    currency: currencyCode,
    reference,
    note,
  })
  .openapi('NewTransfer')

const booked = {
  booked_at: instant,
  is_new: z.boolean().openapi({ description: 'false: it was booked before.' }),
}

export const payment = z
  .object({
    tenant: z.string(),
    kind: z.enum(['top_up', 'adjustment']),
    amount,
    currency: z.string(),
    reference: z.string(),
    note: z.string().nullable(),
    ...booked,
  })
  .openapi('Payment')

export const transfer = z
  .object({
    from: z.string(),
    to: z.string(),
    amount,
    currency: z.string(),
    reference: z.string(),
    note: z.string().nullable(),
    ...booked,
  })
  .openapi('Transfer')
