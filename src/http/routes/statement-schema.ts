import { z } from '@hono/zod-openapi'

const instant = z.iso.datetime({ offset: true })
const amount = z.string().openapi({ example: '12.5000' })
const currency = z.string().openapi({ example: 'EUR' })
const ofTenant = z.string().optional().openapi({
  description: 'Name of a tenant; for keys of the operator, which belong to none.',
})

export const statementQuery = z.strictObject({
  tenant: ofTenant,
  from: z.iso
    .date()
    .optional()
    .openapi({ description: 'The first day, in UTC; by default the first of the month.' }),
  before: z.iso
    .date()
    .optional()
    .openapi({ description: 'The day after the last one; by default tomorrow.' }),
  currency: currency.optional(),
})

const balances = z.object({
  balance: amount.openapi({ description: 'What is there, less what is reserved.' }),
  reserved: amount,
})

export const statementList = z
  .object({
    tenant: z.string(),
    from: z.iso.date(),
    before: z.iso.date(),
    statements: z.array(
      z.object({
        currency,
        opening: balances,
        movements: z
          .array(
            balances.extend({
              kind: z.enum([
                'reserve',
                'reprice',
                'settle',
                'release',
                'opening',
                'top_up',
                'adjustment',
                'transfer',
              ]),
              lines: z.number().int(),
              revenue: amount,
              tax: amount,
              funding: amount,
            }),
          )
          .openapi({
            description:
              'The sums of the lines of the ledger of each kind; with what was there at the opening they are the closing.',
          }),
        closing: balances,
      }),
    ),
  })
  .openapi('StatementList')

export const invoiceParams = z.object({ month: z.string().openapi({ example: '2026-10' }) })
export const invoiceQuery = z.strictObject({ tenant: ofTenant })

const percent = z.string().openapi({ example: '19' })

export const invoiceList = z
  .object({
    tenant: z.string(),
    month: z.string().openapi({ example: '2026-10' }),
    invoices: z.array(
      z
        .object({
          tenant: z.string(),
          month: z.string(),
          currency,
          lines: z.array(
            z.object({
              country: z.string(),
              network: z.string().nullable().openapi({ description: 'null: not known.' }),
              unit: z.enum(['segment', 'message']),
              unit_price: amount,
              tax_percent: percent,
              quantity: z.number().int(),
              net: amount,
              tax: amount,
            }),
          ),
          taxes: z.array(z.object({ tax_percent: percent, net: amount, tax: amount })),
          net: amount,
          tax: amount,
          total: amount,
          payments: z.array(
            z.object({
              at: instant,
              kind: z.enum(['opening', 'top_up', 'adjustment', 'transfer']),
              reference: z.string(),
              note: z.string().nullable(),
              amount,
            }),
          ),
          opening_balance: amount,
          opening_reserved: amount,
          closing_balance: amount,
          closing_reserved: amount,
        })
        .openapi('Invoice'),
    ),
  })
  .openapi('InvoiceList')
