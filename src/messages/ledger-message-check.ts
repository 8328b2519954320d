import { sql } from 'drizzle-orm'
import type { Booked } from '../billing/booking.ts'
import type { LedgerFault } from '../billing/ledger-check.ts'
import { FIRST_ID } from '../core/id.ts'
import { formatMicros } from '../core/money.ts'
import { textArray } from '../store/batch.ts'
import type { Database, Store } from '../store/open.ts'
import { isTaken, standsBooked } from './message-bookings.ts'
import type { MessageStatus, SegmentState } from './states.ts'

/** What a check of messages against the ledger has seen. */
export interface MessageReport {
  readonly messages: number
  /** The first message whose lines are not what its state says; undefined: there is none. */
  readonly fault: LedgerFault | undefined
}

const PAGE = 1_000

/** What the lines of a message can be compared by. */
type Amounts = Omit<Booked, 'charged'>

interface MessageRow {
  readonly id: string
  readonly status: MessageStatus
  readonly segments: number
  readonly price_micros: string | bigint
  readonly price_currency: string
  readonly charging: string
}

interface AttemptRow {
  readonly message_id: string
  readonly attempt: number
  readonly carrier: string
  readonly state: SegmentState
  readonly cost_micros: string | bigint
  readonly cost_currency: string
}

interface SumRow {
  readonly message_id: string
  readonly currency: string
  readonly reserved: string
  readonly revenue: string
  readonly tax: string
}

interface OwedRow {
  readonly message_id: string
  readonly carrier: string
  readonly currency: string
  readonly owed: string
}

/**
 * Proves that every message that is still stored is charged as its state says: what is open is set aside, what is
 * settled is charged by its price, and its carriers are owed what they have taken.
 *
 * @param on - a transaction that sees one moment
 */
export async function checkMessages(store: Store, on: Database = store.db): Promise<MessageReport> {
  let messages = 0
  let after = FIRST_ID
  for (;;) {
    const rows = await store.query<MessageRow>(
      sql`select id, status, segments, price_micros, price_currency, charging from messages
        where id > ${after} and charging is not null order by id limit ${PAGE}`,
      on,
    )
    const ids = textArray(rows.map(({ id }) => id))
    const attempts = await store.query<AttemptRow>(
      sql`select message_id, attempt, carrier, state, cost_micros, cost_currency from attempts
        where message_id = any(${ids}::text::uuid[]) order by message_id, attempt, segment`,
      on,
    )
    const sums = await store.query<SumRow>(
      sql`select message_id, currency, sum(reserved)::text as reserved, sum(revenue)::text as revenue,
          sum(tax)::text as tax
        from ledger where message_id = any(${ids}::text::uuid[]) and kind <> 'cost'
        group by message_id, currency order by message_id, currency`,
      on,
    )
    const owed = await store.query<OwedRow>(
      sql`select message_id, carrier, cost_currency as currency, sum(cost_micros)::text as owed
        from ledger where message_id = any(${ids}::text::uuid[]) and carrier is not null
        group by message_id, carrier, cost_currency order by message_id, carrier, cost_currency`,
      on,
    )
    const ofMessage = grouped(attempts)
    const sumsOf = grouped(sums)
    const owedOf = grouped(owed)
    for (const row of rows) {
      const submits = ofMessage.get(row.id) ?? []
      const fault =
        tenantFault(row, submits, sumsOf.get(row.id) ?? []) ??
        carrierFault(row, submits, owedOf.get(row.id) ?? [])
      if (fault) return { messages, fault }
      messages++
    }
    const last = rows.at(-1)
    if (!last || rows.length < PAGE) return { messages, fault: undefined }
    after = last.id
  }
}

function grouped<Row extends { readonly message_id: string }>(
  rows: readonly Row[],
): Map<string, Row[]> {
  const groups = new Map<string, Row[]>()
  for (const row of rows) {
    const group = groups.get(row.message_id)
    if (group) group.push(row)
    else groups.set(row.message_id, [row])
  }
  return groups
}

function tenantFault(
  { id, status, segments, price_micros, price_currency, charging }: MessageRow,
  attempts: readonly AttemptRow[],
  sums: readonly SumRow[],
): LedgerFault | undefined {
  const message = {
    status,
    segments,
    priceMicros: BigInt(price_micros),
    priceCurrency: price_currency,
    charging,
  }
  const expected = standsBooked({ message, attempts })
  const found = sums
    .map(({ currency, reserved, revenue, tax }): Amounts => {
      return {
        currency,
        reserved: BigInt(reserved),
        revenue: BigInt(revenue),
        tax: BigInt(tax),
      }
    })
    .filter(isSomething)
  const wanted = [expected].filter((booked) => booked !== undefined).filter(isSomething)
  if (textOf(found) === textOf(wanted)) return undefined
  return {
    where: `message ${id} (${status})`,
    what: `${textOf(wanted)} should be booked, and ${textOf(found)} is`,
  }
}

function isSomething({ reserved, revenue, tax }: Amounts): boolean {
  return reserved !== 0n || revenue !== 0n || tax !== 0n
}

function textOf(all: readonly Amounts[]): string {
  const texts = all.map(({ currency, reserved, revenue, tax }) => {
    const amounts = Object.entries({ reserved, charged: revenue, tax }).filter(
      ([, amount]) => amount !== 0n,
    )
    return amounts.map(([name, amount]) => `${formatMicros(amount)} ${currency} ${name}`).join(', ')
  })
  return texts.join(', ') || 'nothing'
}

function carrierFault(
  { id, status }: MessageRow,
  attempts: readonly AttemptRow[],
  found: readonly OwedRow[],
): LedgerFault | undefined {
  const wanted = new Map<string, bigint>()
  for (const { carrier, state, cost_micros, cost_currency } of attempts) {
    if (!isTaken(state)) continue
    const key = `${carrier} ${cost_currency}`
    wanted.set(key, (wanted.get(key) ?? 0n) + BigInt(cost_micros))
  }
  const booked = new Map(found.map((row) => [`${row.carrier} ${row.currency}`, BigInt(row.owed)]))
  for (const key of new Set([...wanted.keys(), ...booked.keys()])) {
    const [should, is] = [wanted.get(key) ?? 0n, booked.get(key) ?? 0n]
    if (should === is) continue
    return {
      where: `message ${id} (${status})`,
      what: `${key}: ${formatMicros(should)} should be owed, and ${formatMicros(is)} is`,
    }
  }
  return undefined
}
