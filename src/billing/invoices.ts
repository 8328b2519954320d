import { sql } from 'drizzle-orm'
import { GatewayError } from '../core/errors.ts'
import { available } from '../store/available.ts'
import type { Database, Store } from '../store/open.ts'
import { readStatements, type Statement, type StatementBalance } from './statements.ts'
import { pendingCells } from './usage-pending.ts'

/** What was charged for one network at one price. */
export interface InvoiceLine {
  /** ISO 3166 code. */
  readonly country: string
  /** MCC and MNC or the key of a network; null: it was not known. */
  readonly network: string | null
  /** What the price is for. */
  readonly unit: 'segment' | 'message'
  readonly unitPrice: bigint
  readonly taxPpm: number
  /** Segments, or messages where the price is for them. */
  readonly quantity: number
  readonly net: bigint
  readonly tax: bigint
}

/** The tax of one rate. */
export interface InvoiceTax {
  readonly taxPpm: number
  readonly net: bigint
  readonly tax: bigint
}

/** Money that has come or gone within the month. */
export interface InvoicePayment {
  readonly at: Date
  readonly kind: 'opening' | 'top_up' | 'adjustment' | 'transfer'
  readonly reference: string
  readonly note: string | null
  readonly amount: bigint
}

/** What a tenant is invoiced for one month in one currency, amounts in millionths of it. */
export interface Invoice {
  readonly currency: string
  readonly lines: readonly InvoiceLine[]
  readonly taxes: readonly InvoiceTax[]
  readonly net: bigint
  readonly tax: bigint
  readonly payments: readonly InvoicePayment[]
  readonly opening: StatementBalance
  readonly closing: StatementBalance
}

/** A month of the calendar, UTC. */
export interface Month {
  /** As `2026-10`. */
  readonly name: string
  readonly from: Date
  readonly before: Date
}

const MONTH = /^(\d{4})-(0[1-9]|1[0-2])$/

/** Reads a month such as `2026-10`. Throws `month_invalid`. */
export function parseMonth(name: string): Month {
  const [, year, month] = (MONTH.exec(name) ?? []).map(Number)
  if (year === undefined || month === undefined) {
    throw new GatewayError('month_invalid', `"${name}" is not a month: write it as 2026-10`, {
      pointer: '/month',
    })
  }
  return {
    name,
    from: new Date(Date.UTC(year, month - 1)),
    before: new Date(Date.UTC(year, month)),
  }
}

/**
 * What a tenant is invoiced for a month: one invoice for each currency in which anything was there or has moved.
 *
 * The net amounts and taxes are those of the ledger's lines of the month. Throws `storage_unavailable` while
 * the database is away.
 */
export async function readInvoices(
  store: Store,
  tenantId: string,
  month: Month,
): Promise<Invoice[]> {
  const { statements, lines, payments } = await available(
    store.db.transaction(
      async (tx) => ({
        statements: await readStatements(store, { tenantId, ...month }, tx),
        lines: await readLines(store, tx, tenantId, month),
        payments: await readPayments(store, tx, tenantId, month),
      }),
      { isolationLevel: 'repeatable read', accessMode: 'read only' },
    ),
  )
  return statements.map((statement) =>
    invoiceOf(
      statement,
      lines.filter(({ currency }) => currency === statement.currency).map(({ line }) => line),
      payments
        .filter(({ currency }) => currency === statement.currency)
        .map(({ payment }) => payment),
    ),
  )
}

function invoiceOf(
  { currency, opening, closing }: Statement,
  lines: readonly InvoiceLine[],
  payments: readonly InvoicePayment[],
): Invoice {
  const taxes = new Map<number, InvoiceTax>()
  for (const { taxPpm, net, tax } of lines) {
    const sum = taxes.get(taxPpm)
    taxes.set(taxPpm, { taxPpm, net: (sum?.net ?? 0n) + net, tax: (sum?.tax ?? 0n) + tax })
  }
  return {
    currency,
    lines,
    taxes: [...taxes.values()].sort((a, b) => a.taxPpm - b.taxPpm),
    net: lines.reduce((sum, { net }) => sum + net, 0n),
    tax: lines.reduce((sum, { tax }) => sum + tax, 0n),
    payments,
    opening,
    closing,
  }
}

interface LineRow {
  readonly currency: string
  readonly country: string
  readonly network: string
  readonly unit: InvoiceLine['unit']
  readonly unit_price: string | bigint
  readonly tax_ppm: number
  readonly charged: string
  readonly revenue: string
  readonly tax: string
}

async function readLines(store: Store, on: Database, tenantId: string, { from, before }: Month) {
  const columns = sql`tenant_id, starts_at, currency, country, network, unit, unit_price, tax_ppm,
    charged, revenue, tax`
  const rows = await store.query<LineRow>(
    sql`
      select currency, country, network, unit, unit_price, tax_ppm, sum(charged)::text as charged,
        sum(revenue)::text as revenue, sum(tax)::text as tax
      from (
        select ${columns} from usage_charges
        union all
        select ${columns} from (${pendingCells()}) p
        where charged <> 0 or revenue <> 0 or tax <> 0
      ) c
      where tenant_id = ${tenantId}::text::uuid
        and starts_at >= ${from.toISOString()}::text::timestamptz
        and starts_at < ${before.toISOString()}::text::timestamptz
      group by currency, country, network, unit, unit_price, tax_ppm
      order by currency, country, network, unit, unit_price, tax_ppm`,
    on,
  )
  return rows.map((row) => {
    const line: InvoiceLine = {
      country: row.country,
      network: row.network === '' ? null : row.network,
      unit: row.unit,
      unitPrice: BigInt(row.unit_price),
      taxPpm: row.tax_ppm,
      quantity: Number(row.charged),
      net: BigInt(row.revenue),
      tax: BigInt(row.tax),
    }
    return { currency: row.currency, line }
  })
}

interface PaymentRow {
  readonly at: Date | string
  readonly kind: InvoicePayment['kind']
  readonly currency: string
  readonly balance: string | bigint
  readonly reference: string
  readonly note: string | null
}

/** Along the references: only payments have one, and only they are read. */
async function readPayments(store: Store, on: Database, tenantId: string, { from, before }: Month) {
  const rows = await store.query<PaymentRow>(
    sql`
      select at, kind, currency, balance, reference, note from ledger
      where tenant_id = ${tenantId}::text::uuid and reference is not null
        and at >= ${from.toISOString()}::text::timestamptz
        and at < ${before.toISOString()}::text::timestamptz
      order by batch, line`,
    on,
  )
  return rows.map(({ at, kind, currency, balance, reference, note }) => {
    const payment = { at: new Date(at), kind, reference, note, amount: BigInt(balance) }
    return { currency, payment }
  })
}
