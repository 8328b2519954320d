import { type CsvValue, csvOf } from '../core/csv.ts'
import { formatMicros } from '../core/money.ts'
import type { Invoice } from './invoices.ts'

/** Whose invoice it is. */
export interface InvoiceHead {
  readonly tenant: string
  /** As `2026-10`. */
  readonly month: string
}

/** An invoice with amounts as decimal numbers, as JSON shows it. */
export function invoiceBody({ tenant, month }: InvoiceHead, invoice: Invoice) {
  const { currency, lines, taxes, net, tax, payments, opening, closing } = invoice
  return {
    tenant,
    month,
    currency,
    lines: lines.map((line) => ({
      country: line.country,
      network: line.network,
      unit: line.unit,
      unit_price: formatMicros(line.unitPrice),
      tax_percent: percent(line.taxPpm),
      quantity: line.quantity,
      net: formatMicros(line.net),
      tax: formatMicros(line.tax),
    })),
    taxes: taxes.map((one) => ({
      tax_percent: percent(one.taxPpm),
      net: formatMicros(one.net),
      tax: formatMicros(one.tax),
    })),
    net: formatMicros(net),
    tax: formatMicros(tax),
    total: formatMicros(net + tax),
    payments: payments.map(({ at, kind, reference, note, amount }) => ({
      at: at.toISOString(),
      kind,
      reference,
      note,
      amount: formatMicros(amount),
    })),
    opening_balance: formatMicros(opening.balance),
    opening_reserved: formatMicros(opening.reserved),
    closing_balance: formatMicros(closing.balance),
    closing_reserved: formatMicros(closing.reserved),
  }
}

const COLUMNS = [
  'tenant',
  'month',
  'currency',
  'row',
  'country',
  'network',
  'unit',
  'quantity',
  'unit_price',
  'tax_percent',
  'net',
  'tax',
  'amount',
  'at',
  'reference',
  'note',
] as const

type Row = Partial<Record<(typeof COLUMNS)[number], CsvValue>>

/** Invoices as one CSV; `row` says what a row is: `opening`, `payment`, `line`, `tax`, `total` or `closing`. */
export function invoicesCsv(
  invoices: readonly { readonly head: InvoiceHead; readonly invoice: Invoice }[],
): string {
  const rows = invoices.flatMap(({ head, invoice }) =>
    rowsOf(invoice).map((row): Row => ({ ...head, currency: invoice.currency, ...row })),
  )
  return csvOf(
    COLUMNS,
    rows.map((row) => COLUMNS.map((column) => row[column] ?? null)),
  )
}

function rowsOf({ lines, taxes, net, tax, payments, opening, closing }: Invoice): Row[] {
  return [
    { row: 'opening', amount: formatMicros(opening.balance + opening.reserved) },
    ...payments.map(({ at, kind, reference, note, amount }) => ({
      row: 'payment',
      unit: kind,
      amount: formatMicros(amount),
      at: at.toISOString(),
      reference,
      note,
    })),
    ...lines.map((line) => ({
      row: 'line',
      country: line.country,
      network: line.network,
      unit: line.unit,
      quantity: line.quantity,
      unit_price: formatMicros(line.unitPrice),
      tax_percent: percent(line.taxPpm),
      net: formatMicros(line.net),
      tax: formatMicros(line.tax),
      amount: formatMicros(line.net + line.tax),
    })),
    ...taxes.map((one) => ({
      row: 'tax',
      tax_percent: percent(one.taxPpm),
      net: formatMicros(one.net),
      tax: formatMicros(one.tax),
      amount: formatMicros(one.net + one.tax),
    })),
    {
      row: 'total',
      net: formatMicros(net),
      tax: formatMicros(tax),
      amount: formatMicros(net + tax),
    },
    { row: 'closing', amount: formatMicros(closing.balance + closing.reserved) },
  ]
}

/** Millionths as percent: `190000` is `19`. */
function percent(ppm: number): string {
  return String(ppm / 10_000)
}
