import { sql } from 'drizzle-orm'
import { uuidv7 } from 'uuidv7'
import type { CarrierReceipt } from '../carriers/carrier.ts'
import { unnest } from '../store/batch.ts'
import type { Pipeline } from '../store/pipeline.ts'
import type { MovedEntry, ReceiptEntry } from './journal.ts'
import type { SegmentState } from './states.ts'

/** How long a receipt waits for a response that carries its id. */
const ORPHAN_HOURS = 24

/** A receipt to be matched: new in this batch, or one that came before its response. */
export interface Candidate extends ReceiptEntry {
  readonly isNew: boolean
}

/** The submit that a receipt belongs to. */
export interface Match {
  readonly receipt_id: string
  readonly message_id: string
  readonly attempt: number
  readonly segment: number
  readonly state: SegmentState
}

/** Longest id that is kept; a carrier's response may hold any octets it likes. */
const MAX_ID = 255

/** The journal entry for a receipt that has just come. */
export function receiptEntry(receipt: CarrierReceipt, receivedAt: Date): ReceiptEntry {
  return {
    kind: 'receipt',
    id: uuidv7(),
    ...receipt,
    carrierMessageId: receipt.carrierMessageId.slice(0, MAX_ID),
    receivedAt,
  }
}

/** Waiting receipts whose id one of the new responses carries. */
export async function findOrphans(
  pipeline: Pipeline,
  moved: readonly MovedEntry[],
): Promise<Candidate[]> {
  const keys = moved.flatMap(({ carrier, answers }) =>
    answers.flatMap(({ matchKey }) => (matchKey === null ? [] : [{ carrier, matchKey }])),
  )
  if (keys.length === 0) return []
  const responses = unnest<(typeof keys)[number]>(
    'v',
    { carrier: ['text', (key) => key.carrier], match_key: ['text', (key) => key.matchKey] },
    keys,
  )
  const rows = await pipeline.read<{
    id: string
    carrier: string
    carrier_message_id: string
    match_keys: string[]
    state: string
    settles: ReceiptEntry['settles']
    raw_error: string | null
    raw_text: string
    received_at: Date | string
  }>(
    sql`
      select distinct r.id, r.carrier, r.carrier_message_id, r.match_keys, r.state, r.settles,
        r.raw_error, r.raw_text, r.received_at
      from receipts r join ${responses} on r.carrier = v.carrier and v.match_key = any(r.match_keys)
      where r.message_id is null
        and r.received_at > now() - ${sql.raw(`interval '${ORPHAN_HOURS} hours'`)}
      order by r.received_at`,
  )
  return rows.map((row) => ({
    kind: 'receipt',
    id: row.id,
    carrier: row.carrier,
    carrierMessageId: row.carrier_message_id,
    matchKeys: row.match_keys,
    state: row.state,
    settles: row.settles,
    rawError: row.raw_error,
    rawText: row.raw_text,
    receivedAt: new Date(row.received_at),
    isNew: false,
  }))
}

/** The attempt each receipt belongs to: the first of its keys that fits, the newest submit of it. */
export async function matchReceipts(
  pipeline: Pipeline,
  candidates: readonly Candidate[],
): Promise<Map<string, Match>> {
  const keys = candidates.flatMap((receipt) =>
    receipt.matchKeys.map((key, rank) => ({ receipt, key, rank })),
  )
  if (keys.length === 0) return new Map()
  const wanted = unnest<(typeof keys)[number]>(
    'v',
    {
      receipt_id: ['uuid', ({ receipt }) => receipt.id],
      carrier: ['text', ({ receipt }) => receipt.carrier],
      match_key: ['text', ({ key }) => key],
      rank: ['int2', ({ rank }) => rank],
    },
    keys,
  )
  const rows = await pipeline.read<Match>(
    sql`
      select distinct on (v.receipt_id) v.receipt_id, a.message_id, a.attempt, a.segment, a.state
      from ${wanted}
      join attempts a on a.carrier = v.carrier and a.match_key = v.match_key
      order by v.receipt_id, v.rank, a.submitted_at desc`,
  )
  return new Map(rows.map((row) => [row.receipt_id, row]))
}

/** Writes new receipts, and the match of waiting ones that have found theirs. */
export function storeReceipts(
  pipeline: Pipeline,
  candidates: readonly Candidate[],
  matches: ReadonlyMap<string, Match>,
): void {
  const columns = {
    id: ['uuid', (receipt: Candidate) => receipt.id],
    message_id: ['uuid', ({ id }: Candidate) => matches.get(id)?.message_id],
    attempt: ['int2', ({ id }: Candidate) => matches.get(id)?.attempt],
    segment: ['int2', ({ id }: Candidate) => matches.get(id)?.segment],
  } as const
  const fresh = candidates.filter((receipt) => receipt.isNew)
  if (fresh.length > 0) {
    const rows = unnest<Candidate>(
      'v',
      {
        ...columns,
        carrier: ['text', (receipt) => receipt.carrier],
        carrier_message_id: ['text', (receipt) => receipt.carrierMessageId],
        match_keys: ['text[]', (receipt) => receipt.matchKeys],
        state: ['text', (receipt) => receipt.state],
        settles: ['text', (receipt) => receipt.settles],
        raw_error: ['text', (receipt) => receipt.rawError],
        raw_text: ['text', (receipt) => receipt.rawText],
        received_at: ['timestamptz', (receipt) => receipt.receivedAt],
      },
      fresh,
    )
    pipeline.write(
      sql`
        insert into receipts (id, message_id, attempt, segment, carrier, carrier_message_id,
          match_keys, state, settles, raw_error, raw_text, received_at)
        select v.id, v.message_id, v.attempt, v.segment, v.carrier, v.carrier_message_id,
          v.match_keys::text[], v.state, v.settles, v.raw_error, v.raw_text, v.received_at
        from ${rows}
        on conflict do nothing`,
    )
  }
  const found = candidates.filter((receipt) => !receipt.isNew && matches.has(receipt.id))
  if (found.length > 0) {
    pipeline.write(
      sql`
        update receipts r set message_id = v.message_id, attempt = v.attempt, segment = v.segment
        from ${unnest<Candidate>('v', columns, found)}
        where r.id = v.id`,
    )
  }
}
