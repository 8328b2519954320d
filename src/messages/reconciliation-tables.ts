import { type SQL, sql } from 'drizzle-orm'
import type { Money } from '../core/money.ts'
import { unnest } from '../store/batch.ts'
import type { Store } from '../store/open.ts'
import type { BillLine } from './carrier-bill.ts'
import { inMessage } from './sealing.ts'

/** Whose submits are looked at, and of what time. */
export interface ReconciledPeriod {
  readonly carrier: string
  readonly from: Date
  readonly before: Date
}

/** A segment that we have submitted and the carrier has taken. */
export interface OurSubmit {
  readonly messageId: string
  readonly attempt: number
  readonly segment: number
  readonly carrierMessageId: string
  readonly submittedAt: Date
  /** What the carrier charges for it by its deck. */
  readonly cost: Money
  /** E.164 with `+`; null: the message is erased. */
  readonly to: string | null
  /** Of the message as it was quoted. */
  readonly quotedSegments: number | null
  /** All that were submitted with it, and what they cost together. */
  readonly submitted: number
  readonly submitMicros: bigint
}

/** What was not found in the carrier's file. */
export interface Unfound {
  readonly count: number
  readonly sums: readonly Money[]
  readonly examples: readonly OurSubmit[]
}

/** States of segments that carriers charge for, see `message-bookings.ts`. */
const TAKEN = sql`('sent', 'delivered', 'undelivered', 'expired')`

interface SubmitRow {
  readonly line: number
  readonly message_id: string
  readonly attempt: number
  readonly segment: number
  readonly carrier_message_id: string | null
  readonly submitted_at: Date | string
  readonly cost_micros: string | bigint
  readonly cost_currency: string
  readonly tenant_id: string | null
  readonly to_number: string | null
  readonly segments: number | null
  readonly submitted: number | string
  readonly submit_micros: string
}

const COLUMNS = sql`
  a.message_id, a.attempt, a.segment, a.carrier_message_id, a.submitted_at, a.cost_micros,
  a.cost_currency, m.tenant_id, m.to_number, m.segments, s.submitted, s.submit_micros`

/** What stands beside a submit: its message, and the other segments. */
const BESIDE = sql`
  left join messages m on m.id = a.message_id
  cross join lateral (
    select count(*)::int as submitted, sum(o.cost_micros)::text as submit_micros
    from attempts o where o.message_id = a.message_id and o.attempt = a.attempt
  ) s`

/**
 * Our submits of a period by the lines that name them: by the id as the response spelt it first, then in the forms of
 * the carrier's receipts; the latest of several.
 */
export async function findBilled(
  store: Store,
  { carrier, from, before }: ReconciledPeriod,
  lines: readonly BillLine[],
  keysOf: (id: string) => readonly string[],
): Promise<Map<number, OurSubmit>> {
  const keys = lines.flatMap(({ line, id }) =>
    keysOf(id).map((key, rank) => ({ line, id: id.toLowerCase(), key, rank })),
  )
  const wanted = unnest<(typeof keys)[number]>(
    'v',
    {
      line: ['int4', ({ line }) => line],
      id: ['text', ({ id }) => id],
      match_key: ['text', ({ key }) => key],
      rank: ['int2', ({ rank }) => rank],
    },
    keys,
  )
  const rows = await store.query<SubmitRow>(sql`
    select distinct on (v.line) v.line, ${COLUMNS}
    from ${wanted}
    join attempts a on a.carrier = ${carrier} and a.match_key = v.match_key
    ${BESIDE}
    where ${inPeriod(from, before)}
    order by v.line, (lower(a.carrier_message_id) = v.id) desc, v.rank, a.submitted_at desc`)
  return new Map(rows.map((row) => [Number(row.line), submitOf(store, row)]))
}

/** Notes that submits were found; gives the keys of those that were not noted before, see {@link keyOfSubmit}. */
export async function noteFound(
  store: Store,
  submits: readonly Pick<OurSubmit, 'messageId' | 'attempt' | 'segment'>[],
): Promise<Set<string>> {
  const rows = unnest<(typeof submits)[number]>(
    'v',
    {
      message_id: ['uuid', ({ messageId }) => messageId],
      attempt: ['int2', ({ attempt }) => attempt],
      segment: ['int2', ({ segment }) => segment],
    },
    submits,
  )
  const noted = await store.query<{ message_id: string; attempt: number; segment: number }>(sql`
    insert into reconciled_submits (message_id, attempt, segment)
    select v.* from ${rows} on conflict do nothing
    returning message_id, attempt, segment`)
  return new Set(
    noted.map(({ message_id, attempt, segment }) =>
      keyOfSubmit({ messageId: message_id, attempt, segment }),
    ),
  )
}

/** Forgets what was noted. */
export async function forgetFound(store: Store): Promise<void> {
  await store.query(sql`truncate reconciled_submits`)
}

/** Our submits of a period that were not found, with the first of them. */
export async function findUnfound(
  store: Store,
  { carrier, from, before }: ReconciledPeriod,
  examples: number,
): Promise<Unfound> {
  const unfound = sql`
    a.carrier = ${carrier} and ${inPeriod(from, before)} and not exists (
      select from reconciled_submits r
      where r.message_id = a.message_id and r.attempt = a.attempt and r.segment = a.segment)`
  const sums = await store.query<{ currency: string; count: string | number; micros: string }>(sql`
    select a.cost_currency as currency, count(*)::text as count, sum(a.cost_micros)::text as micros
    from attempts a where ${unfound} group by 1 order by 1`)
  const rows = await store.query<SubmitRow>(sql`
    select 0 as line, ${COLUMNS} from attempts a ${BESIDE}
    where ${unfound} order by a.submitted_at, a.message_id, a.segment limit ${examples}`)
  return {
    count: sums.reduce((sum, { count }) => sum + Number(count), 0),
    sums: sums.map(({ currency, micros }) => ({ currency, micros: BigInt(micros) })),
    examples: rows.map((row) => submitOf(store, row)),
  }
}

/** One text for what tells a submitted segment from others. */
export function keyOfSubmit({
  messageId,
  attempt,
  segment,
}: Pick<OurSubmit, 'messageId' | 'attempt' | 'segment'>): string {
  return `${messageId} ${attempt} ${segment}`
}

function inPeriod(from: Date, before: Date): SQL {
  return sql`a.state in ${TAKEN}
    and a.submitted_at >= ${from.toISOString()}::text::timestamptz
    and a.submitted_at < ${before.toISOString()}::text::timestamptz`
}

function submitOf({ cipher }: Store, row: SubmitRow): OurSubmit {
  const { message_id: messageId, tenant_id: tenantId, to_number: to } = row
  const isErased = tenantId === null || to === null
  return {
    messageId,
    attempt: row.attempt,
    segment: row.segment,
    carrierMessageId: row.carrier_message_id ?? '',
    submittedAt: new Date(row.submitted_at),
    cost: { micros: BigInt(row.cost_micros), currency: row.cost_currency },
    to: isErased ? null : cipher.open(to, inMessage('to_number', tenantId, messageId)),
    quotedSegments: row.segments,
    submitted: Number(row.submitted),
    submitMicros: BigInt(row.submit_micros),
  }
}
