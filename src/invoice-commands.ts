import { sql } from 'drizzle-orm'
import { type InvoiceHead, invoiceBody, invoicesCsv } from './billing/invoice-file.ts'
import { type Invoice, type Month, parseMonth, readInvoices } from './billing/invoices.ts'
import { startOf } from './billing/periods.ts'
import { GatewayError } from './core/errors.ts'
import { openForReading, type Store, type StoreOptions } from './store/open.ts'

/** Which invoices are wanted, and how. */
export interface InvoiceCommand {
  /** As `2026-10`; undefined: the month before this one. */
  readonly month: string | undefined
  /** Name of a tenant; undefined: all that there are. */
  readonly tenant: string | undefined
  readonly isCsv: boolean
  readonly say: (text: string) => void
}

/**
 * Writes what tenants are invoiced for a month, from the database alone.
 *
 * @throws {GatewayError} `month_invalid`, `not_found`, and as {@link openForReading}
 */
export async function writeInvoices(
  { month: asked, tenant, isCsv, say }: InvoiceCommand,
  options: StoreOptions,
): Promise<void> {
  const month = asked === undefined ? lastMonth(new Date()) : parseMonth(asked)
  const store = await openForReading(options)
  try {
    const invoices = await allInvoices(store, month, tenant)
    if (isCsv) say(invoicesCsv(invoices).trimEnd())
    else
      say(
        JSON.stringify(
          invoices.map(({ head, invoice }) => invoiceBody(head, invoice)),
          null,
          2,
        ),
      )
  } finally {
    await store.close()
  }
}

async function allInvoices(store: Store, month: Month, name: string | undefined) {
  const tenants = await store.query<{ id: string; name: string }>(
    sql`select id, name from tenants where name = coalesce(${name ?? null}::text, name) order by name`,
  )
  if (name !== undefined && tenants.length === 0) {
    throw new GatewayError('not_found', `there is no tenant "${name}"`)
  }
  const invoices: { head: InvoiceHead; invoice: Invoice }[] = []
  for (const tenant of tenants) {
    const head = { tenant: tenant.name, month: month.name }
    for (const invoice of await readInvoices(store, tenant.id, month)) {
      invoices.push({ head, invoice })
    }
  }
  return invoices
}

function lastMonth(now: Date): Month {
  return parseMonth(startOf('month', now, -1).toISOString().slice(0, '2026-10'.length))
}
