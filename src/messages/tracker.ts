import { sql } from 'drizzle-orm'
import { textArray, unnest } from '../store/batch.ts'
import type { Pipeline } from '../store/pipeline.ts'
import type {
  CommitEffects,
  MovedEntry,
  OutboxItem,
  ReceiptEntry,
  TimelineEvent,
} from './journal.ts'
import { owedReceipt, writeOutbox } from './outbox.ts'
import {
  type Candidate,
  findOrphans,
  type Match,
  matchReceipts,
  storeReceipts,
} from './receipts.ts'
import {
  isSettled,
  type MessageStatus,
  mayMove,
  type SegmentState,
  statesBefore,
  statusOfSegments,
} from './states.ts'

/** What came of the receipts of a batch; the events are still to be written. */
export interface Settlement extends CommitEffects {
  readonly events: readonly TimelineEvent[]
}

interface TrackedRow {
  readonly message_id: string
  readonly attempt: number
  readonly segment: number
  readonly state: SegmentState
  readonly status: MessageStatus
  readonly current_attempt: number
  readonly carrier: string
  readonly partner: string | null
  readonly registered_delivery: number
  readonly to_number: string
  readonly from_sender: string
  readonly created_at: Date | string
}

/** One attempt of a message that receipts touch. */
interface Tracked {
  readonly row: TrackedRow
  readonly segments: Map<number, SegmentState>
  /** Segments that this batch settles, with the receipt that does. */
  readonly settled: Map<number, Candidate>
}

/** A message that the receipts of the batch bring to its end. */
interface End {
  readonly message: Tracked
  readonly receipt: Candidate
  readonly status: 'delivered' | 'undelivered' | 'expired'
}

/**
 * Stores receipts and applies them, together with those that came before their response.
 *
 * A receipt is found by carrier and id, never by the connection it came on, so it may arrive before
 * its response, on another bind, after a restart, twice, or never. State moves only forward.
 *
 * @param moved - the moves of the same batch, already written: their answers may be what waiting
 *   receipts look for
 */
export async function settleReceipts(
  pipeline: Pipeline,
  receipts: readonly ReceiptEntry[],
  moved: readonly MovedEntry[],
): Promise<Settlement> {
  const fresh = receipts.map((receipt): Candidate => ({ ...receipt, isNew: true }))
  const [orphans, matches] = await Promise.all([
    findOrphans(pipeline, moved),
    matchReceipts(pipeline, fresh),
  ])
  const candidates = [...orphans, ...fresh]
  if (candidates.length === 0) {
    return { events: [], transitions: [], outbox: [], unmatchedReceipts: 0 }
  }
  for (const [id, match] of await matchReceipts(pipeline, orphans)) matches.set(id, match)
  storeReceipts(pipeline, candidates, matches)
  const tracked = await loadTracked(pipeline, [...matches.values()])

  const events: TimelineEvent[] = []
  const ends = new Map<string, End>()
  for (const candidate of candidates) {
    const match = matches.get(candidate.id)
    const message = match && tracked.get(keyOf(match))
    if (!match || !message) continue
    const event = applyReceipt(message, match, candidate)
    if (!ends.has(match.message_id)) {
      const end = endOf(message, candidate)
      if (end) ends.set(match.message_id, end)
    }
    events.push({ ...event, status: ends.get(match.message_id)?.status ?? event.status })
  }
  writeSegments(pipeline, [...tracked.values()])
  writeEnds(pipeline, [...ends.values()])
  const outbox = [...ends.values()].flatMap(owedFor)
  writeOutbox(pipeline, outbox)
  return {
    events,
    transitions: [...ends.values()].map(({ message, status }) => ({
      messageId: message.row.message_id,
      carrier: message.row.carrier,
      status,
    })),
    outbox,
    unmatchedReceipts: candidates.length - matches.size,
  }
}

/** The attempts that receipts touch, with all their segments, locked until the commit. */
async function loadTracked(
  pipeline: Pipeline,
  matches: readonly Match[],
): Promise<Map<string, Tracked>> {
  const tracked = new Map<string, Tracked>()
  const wanted = [...new Map(matches.map((match) => [keyOf(match), match])).values()]
  if (wanted.length === 0) return tracked
  const keys = unnest<Match>(
    'v',
    { message_id: ['uuid', (key) => key.message_id], attempt: ['int2', (key) => key.attempt] },
    wanted,
  )
  const rows = await pipeline.read<TrackedRow>(
    sql`
      select a.message_id, a.attempt, a.segment, a.state, m.status, m.attempt as current_attempt,
        a.carrier, m.partner, m.registered_delivery, m.to_number, m.from_sender, m.created_at
      from ${keys}
      join messages m on m.id = v.message_id
      join attempts a on a.message_id = v.message_id and a.attempt = v.attempt
      for update of m`,
  )
  for (const row of rows) {
    const key = keyOf(row)
    const message = tracked.get(key) ?? { row, segments: new Map(), settled: new Map() }
    message.segments.set(row.segment, row.state)
    tracked.set(key, message)
  }
  return tracked
}

/** Moves the receipt's segment forward, never back, and gives the line for the timeline. */
function applyReceipt(message: Tracked, match: Match, receipt: Candidate): TimelineEvent {
  const isDuplicate = isSettled(message.segments.get(match.segment) ?? match.state)
  if (receipt.settles !== null && !isDuplicate) {
    message.segments.set(match.segment, receipt.settles)
    message.settled.set(match.segment, receipt)
  }
  return {
    messageId: match.message_id,
    at: receipt.receivedAt,
    type: 'receipt',
    status: message.row.status,
    carrier: receipt.carrier,
    attempt: match.attempt,
    segment: match.segment,
    code: receipt.state.toLowerCase(),
    rawCode: receipt.rawError ?? undefined,
    detail: {
      carrier_message_id: receipt.carrierMessageId,
      ...(isDuplicate ? { after_final: true } : {}),
      ...(receipt.isNew ? {} : { came_before_response: true }),
    },
  }
}

/** The end that the segments now give the message, if it may still go there. */
function endOf(message: Tracked, receipt: Candidate): End | undefined {
  const status = statusOfSegments([...message.segments.values()])
  if (status === undefined || !mayMove(message.row.status, status)) return undefined
  // An earlier attempt can still turn out delivered; its failure is no news once another one runs.
  const isPresent = message.row.attempt === message.row.current_attempt
  return isPresent || status === 'delivered' ? { message, receipt, status } : undefined
}

function writeSegments(pipeline: Pipeline, tracked: readonly Tracked[]): void {
  const settled = tracked.flatMap(({ row, settled }) =>
    [...settled].map(([segment, receipt]) => ({ row, segment, receipt })),
  )
  if (settled.length === 0) return
  const rows = unnest<(typeof settled)[number]>(
    'v',
    {
      message_id: ['uuid', ({ row }) => row.message_id],
      attempt: ['int2', ({ row }) => row.attempt],
      segment: ['int2', ({ segment }) => segment],
      state: ['text', ({ receipt }) => receipt.settles],
      at: ['timestamptz', ({ receipt }) => receipt.receivedAt],
    },
    settled,
  )
  pipeline.write(
    sql`
      update attempts a set state = v.state, receipt_at = v.at
      from ${rows}
      where a.message_id = v.message_id and a.attempt = v.attempt and a.segment = v.segment`,
  )
}

function writeEnds(pipeline: Pipeline, ends: readonly End[]): void {
  for (const status of ['delivered', 'undelivered', 'expired'] as const) {
    const group = ends.filter((end) => end.status === status)
    if (group.length === 0) continue
    const rows = unnest<End>(
      'v',
      {
        id: ['uuid', ({ message }) => message.row.message_id],
        at: ['timestamptz', ({ receipt }) => receipt.receivedAt],
        error_code: ['text', errorCodeOf],
        error_detail: ['text', errorDetailOf],
      },
      group,
    )
    pipeline.write(
      sql`
        update messages m
        set status = ${status}, updated_at = v.at, final_at = v.at, error_code = v.error_code,
          error_detail = v.error_detail
        from ${rows}
        where m.id = v.id and m.status = any(${textArray(statesBefore(status))}::text[])`,
    )
  }
}

function errorCodeOf({ status, receipt }: End): string | null {
  return status === 'delivered' ? null : receipt.state.toLowerCase()
}

function errorDetailOf({ status, receipt }: End): string | null {
  if (status === 'delivered') return null
  const raw = receipt.rawError ? `, error ${receipt.rawError}` : ''
  return `${receipt.carrier} reported ${receipt.state}${raw}`
}

function owedFor(end: End): OutboxItem[] {
  const { row } = end.message
  return owedReceipt(
    { partner: row.partner, registeredDelivery: row.registered_delivery },
    {
      messageId: row.message_id,
      from: row.from_sender,
      to: row.to_number,
      status: end.status,
      errorCode: errorCodeOf(end),
      rawError: end.receipt.rawError,
      submittedAt: new Date(row.created_at).toISOString(),
      doneAt: end.receipt.receivedAt.toISOString(),
    },
  )
}

function keyOf(key: { readonly message_id: string; readonly attempt: number }): string {
  return `${key.message_id}/${key.attempt}`
}
