import { z } from '@hono/zod-openapi'
import { TENANT_STATUSES } from '../../core/tenant-status.ts'

const status = z.enum(TENANT_STATUSES)
const amount = z.string().openapi({ example: '500.0000' })
const settings = (of: string) =>
  z
    .record(z.string(), z.unknown())
    .openapi({ description: `As \`tenants[].${of}\` of the configuration.` })

const billing = settings('billing').openapi({
  example: { currency: 'EUR', credit_limit: '500', charge_on: 'submit' },
})
const retention = settings('retention').openapi({ example: { days: 90, body_days: 7 } })
const lossMaking = z
  .string()
  .openapi({ description: 'As `tenants[].loss_making` of the configuration.', example: 'refuse' })

export const newTenant = z
  .strictObject({
    name: z.string().openapi({ example: 'shop-1' }),
    parent: z.string().optional().openapi({
      description: "The tenant that it is below; with a tenant's key that tenant itself.",
    }),
    status: status.optional(),
    billing: billing.optional(),
    retention: retention.optional(),
    loss_making: lossMaking.optional(),
  })
  .openapi('NewTenant')

export const tenantChange = z
  .strictObject({
    parent: z.string().nullable().optional(),
    status: status.optional(),
    billing: billing
      .nullable()
      .optional()
      .openapi({ description: 'Key by key; null for a key takes it away.' }),
    retention: retention.nullable().optional(),
    loss_making: lossMaking.nullable().optional(),
  })
  .openapi('TenantChange')

export const tenantNamed = z.object({ name: z.string() })

export const tenantQuery = z.strictObject({
  limit: z.coerce.number().int().min(1).max(500).default(50),
  cursor: z.string().optional().openapi({ description: '`next_cursor` of the page before.' }),
  parent: z.string().optional().openapi({ description: 'Only those directly below this one.' }),
  status: status.optional().openapi({ description: 'Only those that stand so, as themselves.' }),
})

export const tenant = z
  .object({
    id: z.uuid(),
    name: z.string(),
    source: z
      .enum(['file', 'api'])
      .openapi({ description: 'Those of the configuration file are changed there.' }),
    parent: z.string().nullable(),
    status,
    effective_status: status.openapi({
      description: 'The strictest of its own and those above it.',
    }),
    billing: z.object({
      currency: z.string().nullable(),
      credit_limit: amount.nullable(),
      charge_per: z.string(),
      charge_on: z.string(),
      charge_failed: z.boolean(),
      charge_unconfirmed: z.boolean(),
      tax_percent: z.string(),
    }),
    retention: z.object({ days: z.int().nullable(), body_days: z.int().nullable() }),
    loss_making: z.string(),
  })
  .openapi('Tenant')

export const tenantList = z
  .object({
    tenants: z.array(tenant),
    next_cursor: z.string().nullable().openapi({ description: 'null: this is the last page.' }),
  })
  .openapi('TenantList')
