import { sql } from 'drizzle-orm'
import type { Database, Store } from '../store/open.ts'
import type { Booking, BookingKind } from './booking.ts'
import { CHAIN_START, type ChainHead, type LedgerBatch, sealBatch } from './ledger-chain.ts'

/** Something in the ledger that is not as it was written. */
export interface LedgerFault {
  /** Where: `batch 12`, `batch 12, line 3`, `account … EUR`. */
  readonly where: string
  readonly what: string
}

/** What a check has seen. */
export interface LedgerReport {
  readonly batches: number
  readonly lines: number
  /** The first of each kind; empty: all is as it was written. */
  readonly faults: readonly LedgerFault[]
}

/** Lines that are read at once, at least those of one batch. */
const PAGE_BATCHES = 20

interface SealRow {
  readonly number: number | string
  readonly lines: number
  readonly checks: Uint8Array
  readonly hash: string
}

interface LineRow {
  readonly batch: number | string
  readonly line: number
  readonly kind: string
  readonly at: Date | string
  readonly tenant_id: string
  readonly currency: string
  readonly balance: string | bigint
  readonly reserved: string | bigint
  readonly revenue: string | bigint
  readonly tax: string | bigint
  readonly funding: string | bigint
  readonly message_id: string | null
  readonly carrier: string | null
  readonly cost_currency: string | null
  readonly cost_micros: string | bigint | null
  readonly reference: string | null
  readonly note: string | null
}

/**
 * Proves that the ledger is what was written: no line was changed, added or taken away since, and the
 * accounts are the sums of their lines, and what one tenant was given another gave.
 *
 * @param on - a transaction that sees one moment, where the gateway runs meanwhile
 */
export async function checkLedger(store: Store, on: Database = store.db): Promise<LedgerReport> {
  const chain = await checkChain(store, on)
  const faults = [
    chain.fault,
    await strayLine(store, on),
    await unevenTransfer(store, on),
    ...(await wrongSums(store, on)),
  ]
  return {
    batches: chain.batches,
    lines: chain.lines,
    faults: faults.filter((fault) => fault !== undefined),
  }
}

async function checkChain(store: Store, on: Database) {
  let head: ChainHead = CHAIN_START
  let lines = 0
  for (;;) {
    const seals = await store.query<SealRow>(
      sql`select number, lines, checks, hash from ledger_batches
        where number > ${head.number} order by number limit ${PAGE_BATCHES}`,
      on,
    )
    const last = Number(seals.at(-1)?.number ?? head.number)
    const rows = await linesOf(store, on, head.number, last)
    for (const seal of seals) {
      const number = Number(seal.number)
      const present = rows.get(number) ?? []
      const batch = sealBatch(head, present.map(bookingOf))
      const fault = faultOf(batch, seal, present)
      if (fault) return { batches: head.number, lines, fault }
      head = batch
      lines += present.length
    }
    if (seals.length < PAGE_BATCHES) return { batches: head.number, lines, fault: undefined }
  }
}

async function linesOf(
  store: Store,
  on: Database,
  after: number,
  last: number,
): Promise<Map<number, LineRow[]>> {
  const rows = await store.query<LineRow>(
    sql`select * from ledger where batch > ${after} and batch <= ${last} order by batch, line`,
    on,
  )
  const byBatch = new Map<number, LineRow[]>()
  for (const row of rows) {
    const batch = Number(row.batch)
    const ofBatch = byBatch.get(batch)
    if (ofBatch) ofBatch.push(row)
    else byBatch.set(batch, [row])
  }
  return byBatch
}

/** The first line that is not what it was, or what else is wrong with a batch. */
function faultOf(
  batch: LedgerBatch,
  seal: SealRow,
  present: readonly LineRow[],
): LedgerFault | undefined {
  const { number } = batch
  const where = `batch ${number}`
  if (Number(seal.number) !== number) return { where, what: 'it is not there' }
  const checks = Buffer.from(seal.checks)
  for (let index = 0; index < Math.max(seal.lines, present.length); index++) {
    const row = present[index]
    if (row?.line !== index + 1) {
      return { where: `${where}, line ${index + 1}`, what: 'it is not there' }
    }
    if (index >= seal.lines) return { where: `${where}, line ${row.line}`, what: 'it was added' }
    if (batch.checks.readUInt32BE(index * 4) !== checks.readUInt32BE(index * 4)) {
      const about = row.message_id === null ? row.kind : `${row.kind} of message ${row.message_id}`
      return { where: `${where}, line ${row.line}`, what: `it was changed: ${about}` }
    }
  }
  return batch.hash === seal.hash ? undefined : { where, what: 'it was changed' }
}

async function strayLine(store: Store, on: Database): Promise<LedgerFault | undefined> {
  const [row] = await store.query<{ batch: number | string; line: number }>(
    sql`select batch, line from ledger l
      where not exists (select from ledger_batches b where b.number = l.batch)
      order by batch, line limit 1`,
    on,
  )
  return row && { where: `batch ${row.batch}, line ${row.line}`, what: 'it belongs to no batch' }
}

/** A transfer whose lines do not sum to zero over the tenants: each has both in one batch. */
async function unevenTransfer(store: Store, on: Database): Promise<LedgerFault | undefined> {
  const [row] = await store.query<{
    batch: number | string
    reference: string | null
    currency: string
    sums: string
  }>(
    sql`select batch, reference, currency, sum(balance)::text as sums
      from ledger where kind = 'transfer' group by batch, reference, currency
      having sum(balance) <> 0 order by batch, reference limit 1`,
    on,
  )
  if (!row) return undefined
  return {
    where: `batch ${row.batch}, transfer "${row.reference}" in ${row.currency}`,
    what: `its lines sum to ${row.sums} over the tenants, not to zero (micro-units)`,
  }
}

interface SumRow {
  readonly whose: string
  readonly currency: string
  readonly stands: string
  readonly sums: string
}

/** Accounts that are not the sums of their lines: the first of the tenants', the first of the carriers'. */
async function wrongSums(store: Store, on: Database): Promise<LedgerFault[]> {
  const tenants = await store.query<SumRow>(
    sql`
      select coalesce(a.tenant_id, s.tenant_id)::text as whose, currency,
        concat_ws(' ', a.balance, a.reserved, a.revenue, a.tax, a.funding) as stands,
        concat_ws(' ', s.balance, s.reserved, s.revenue, s.tax, s.funding) as sums
      from ledger_accounts a full join (
        select tenant_id, currency, sum(balance) as balance, sum(reserved) as reserved,
          sum(revenue) as revenue, sum(tax) as tax, sum(funding) as funding
        from ledger group by tenant_id, currency
      ) s using (tenant_id, currency)
      where (a.balance, a.reserved, a.revenue, a.tax, a.funding)
        is distinct from (s.balance, s.reserved, s.revenue, s.tax, s.funding)
      order by 1, 2 limit 1`,
    on,
  )
  const carriers = await store.query<SumRow>(
    sql`
      select coalesce(c.carrier, s.carrier) as whose, currency, c.owed::text as stands,
        s.owed::text as sums
      from ledger_carriers c full join (
        select carrier, cost_currency as currency, sum(cost_micros) as owed
        from ledger where carrier is not null group by carrier, cost_currency
      ) s using (carrier, currency)
      where c.owed is distinct from s.owed
      order by 1, 2 limit 1`,
    on,
  )
  return [
    ...tenants.map((row) => sumFault('the accounts of tenant', row)),
    ...carriers.map((row) => sumFault('what is owed to carrier', row)),
  ]
}

function sumFault(what: string, { whose, currency, stands, sums }: SumRow): LedgerFault {
  return {
    where: `${what} ${whose} in ${currency}`,
    what: `${stands || 'nothing'} stands there, and the lines sum to ${sums || 'nothing'} (micro-units)`,
  }
}

function bookingOf(row: LineRow): Booking {
  return {
    kind: row.kind as BookingKind,
    at: new Date(row.at),
    tenantId: row.tenant_id,
    currency: row.currency,
    balance: BigInt(row.balance),
    reserved: BigInt(row.reserved),
    revenue: BigInt(row.revenue),
    tax: BigInt(row.tax),
    funding: BigInt(row.funding),
    messageId: row.message_id,
    owed:
      row.carrier === null
        ? null
        : {
            carrier: row.carrier,
            currency: row.cost_currency ?? '',
            micros: BigInt(row.cost_micros ?? 0),
          },
    reference: row.reference,
    note: row.note,
  }
}
