import { type SQL, sql } from 'drizzle-orm'
import { unnest } from '../store/batch.ts'
import { type AccountSums, addLine, emptySums } from './account-sums.ts'
import type { Booking, Writable } from './booking.ts'
import type { LedgerBatch } from './ledger-chain.ts'

/**
 * The parts of a statement that write a batch of the ledger, with what it adds to the accounts: one row
 * for each tenant and carrier, however many lines there are. The statement has a part `guard`.
 */
export function ledgerParts(batch: LedgerBatch): readonly (readonly [string, () => SQL])[] {
  return [
    ['ledger_lines', () => insertLines(batch)],
    ['ledger_seal', () => insertSeal(batch)],
    ['tenant_sums', () => addToAccounts(batch.bookings)],
    ['carrier_sums', () => addToCarriers(batch.bookings)],
  ]
}

interface Line {
  readonly number: number
  readonly booking: Booking
}

function insertLines({ number, bookings }: LedgerBatch): SQL {
  const rows = unnest<Line>(
    'v',
    {
      batch: ['int8', () => number],
      line: ['int4', (line) => line.number],
      kind: ['text', ({ booking }) => booking.kind],
      at: ['timestamptz', ({ booking }) => booking.at],
      tenant_id: ['uuid', ({ booking }) => booking.tenantId],
      currency: ['text', ({ booking }) => booking.currency],
      balance: ['int8', ({ booking }) => booking.balance],
      reserved: ['int8', ({ booking }) => booking.reserved],
      revenue: ['int8', ({ booking }) => booking.revenue],
      tax: ['int8', ({ booking }) => booking.tax],
      funding: ['int8', ({ booking }) => booking.funding],
      message_id: ['uuid', ({ booking }) => booking.messageId],
      carrier: ['text', ({ booking }) => booking.owed?.carrier],
      cost_currency: ['text', ({ booking }) => booking.owed?.currency],
      cost_micros: ['int8', ({ booking }) => booking.owed?.micros],
      reference: ['text', ({ booking }) => booking.reference],
      note: ['text', ({ booking }) => booking.note],
    },
    bookings.map((booking, index) => ({ number: index + 1, booking })),
  )
  return sql`
    insert into ledger (batch, line, kind, at, tenant_id, currency, balance, reserved, revenue, tax,
      funding, message_id, carrier, cost_currency, cost_micros, reference, note)
    select v.* from ${rows} cross join guard`
}

function insertSeal(batch: LedgerBatch): SQL {
  const rows = unnest<LedgerBatch>(
    'v',
    {
      number: ['int8', ({ number }) => number],
      lines: ['int4', ({ bookings }) => bookings.length],
      checks: ['bytea', ({ checks }) => checks],
      hash: ['text', ({ hash }) => hash],
    },
    batch.bookings.length === 0 ? [] : [batch],
  )
  return sql`
    insert into ledger_batches (number, lines, checks, hash)
    select v.* from ${rows} cross join guard`
}

function addToAccounts(bookings: readonly Booking[]): SQL {
  const rows = unnest<AccountSums>(
    'v',
    {
      tenant_id: ['uuid', ({ tenantId }) => tenantId],
      currency: ['text', ({ currency }) => currency],
      balance: ['int8', ({ balance }) => balance],
      reserved: ['int8', ({ reserved }) => reserved],
      revenue: ['int8', ({ revenue }) => revenue],
      tax: ['int8', ({ tax }) => tax],
      funding: ['int8', ({ funding }) => funding],
      is_funded: ['text', ({ isFunded }) => String(isFunded)],
    },
    accountChanges(bookings),
  )
  return sql`
    insert into ledger_accounts as a (tenant_id, currency, balance, reserved, revenue, tax, funding,
      is_funded)
    select v.tenant_id, v.currency, v.balance, v.reserved, v.revenue, v.tax, v.funding,
      v.is_funded::bool
    from ${rows} cross join guard
    on conflict (tenant_id, currency) do update
    set balance = a.balance + excluded.balance, reserved = a.reserved + excluded.reserved,
      revenue = a.revenue + excluded.revenue, tax = a.tax + excluded.tax,
      funding = a.funding + excluded.funding, is_funded = a.is_funded or excluded.is_funded`
}

/** Lines of one account mostly follow each other, so the last one is asked first. */
function accountChanges(bookings: readonly Booking[]): AccountSums[] {
  const changes = new Map<string, Writable<AccountSums>>()
  let latest: Writable<AccountSums> | undefined
  for (const booking of bookings) {
    const { tenantId, currency } = booking
    if (latest?.tenantId !== tenantId || latest.currency !== currency) {
      const key = `${tenantId} ${currency}`
      latest = changes.get(key) ?? emptySums(tenantId, currency)
      changes.set(key, latest)
    }
    addLine(latest, booking)
  }
  return [...changes.values()]
}

function addToCarriers(bookings: readonly Booking[]): SQL {
  const rows = unnest<{ carrier: string; currency: string; micros: bigint }>(
    'v',
    {
      carrier: ['text', ({ carrier }) => carrier],
      currency: ['text', ({ currency }) => currency],
      owed: ['int8', ({ micros }) => micros],
    },
    carrierChanges(bookings),
  )
  return sql`
    insert into ledger_carriers as c (carrier, currency, owed)
    select v.* from ${rows} cross join guard
    on conflict (carrier, currency) do update set owed = c.owed + excluded.owed`
}

function carrierChanges(bookings: readonly Booking[]) {
  const changes = new Map<string, { carrier: string; currency: string; micros: bigint }>()
  for (const { owed } of bookings) {
    if (!owed) continue
    const key = `${owed.carrier} ${owed.currency}`
    const change = changes.get(key)
    if (change) change.micros += owed.micros
    else changes.set(key, { carrier: owed.carrier, currency: owed.currency, micros: owed.micros })
  }
  return [...changes.values()]
}
