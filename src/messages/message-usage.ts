import {
  emptyCell,
  hourOf,
  type UsageCell,
  type UsageCounts,
  type UsageKind,
} from '../billing/usage-figures.ts'
import { readTerms } from '../core/charging.ts'
import type { Attempt, MessageChange } from './live.ts'
import type { Message } from './message.ts'
import { isTaken } from './message-bookings.ts'
import { isFinal, type MessageStatus, type SegmentState } from './states.ts'

/**
 * What messages have done since their rows were written last, added up.
 *
 * All of it is the difference between a row and what it becomes, as the lines of the ledger are: written in
 * one statement with the rows, nothing is counted twice, whatever is tried again or replayed.
 */
export function usageOf(changes: readonly MessageChange[]): UsageCell[] {
  const groups = new Map<string, UsageGroup>()
  for (const change of changes) {
    const template = change.row.template?.id ?? ''
    const group = groupOf(change.row, template, groups)
    countChange(change, group)
    const { left, storedStatus } = change
    if (left === undefined || storedStatus === undefined) continue
    moveAcceptance(change, groupOf(change.row, left.template, groups), group, left.currency)
  }
  const cells: UsageCell[] = []
  for (const group of groups.values()) cells.push(...group.cells)
  return cells
}

function groupOf(row: Message, template: string, groups: Map<string, UsageGroup>): UsageGroup {
  const key = keyOf(row, template)
  const known = groups.get(key)
  if (known) return known
  const group = new UsageGroup(kindOf(row, template))
  groups.set(key, group)
  return group
}

/** Messages of one kind. */
class UsageGroup {
  readonly cells: UsageCell[] = []
  readonly #kind: UsageKind

  constructor(kind: UsageKind) {
    this.#kind = kind
  }

  /** Mostly there are two: for what was accepted, and for what a carrier does. */
  cell(at: Date, carrier: string, currency: string): UsageCell {
    const hour = hourOf(at)
    for (const cell of this.cells) {
      if (cell.hour === hour && cell.carrier === carrier && cell.currency === currency) return cell
    }
    const cell = emptyCell(this.#kind, hour, carrier, currency)
    this.cells.push(cell)
    return cell
  }
}

function countChange(change: MessageChange, group: UsageGroup): void {
  const { row, storedStatus, addedSegments, bookings, charged } = change
  const { carrier, priceCurrency: currency } = row
  if (storedStatus === undefined || addedSegments !== 0) {
    const isNew = storedStatus === undefined
    const cell = group.cell(isNew ? row.createdAt : row.updatedAt, '', currency)
    if (isNew) cell.messages_accepted++
    cell.segments_accepted += addedSegments
  }
  for (const attempt of change.newAttempts) countSubmit(attempt, currency, group)
  for (const attempt of change.changedAttempts) countSubmit(attempt, currency, group)
  const end = ENDED[row.status]
  if (end && (storedStatus === undefined || !isFinal(storedStatus))) {
    group.cell(row.finalAt ?? row.updatedAt, carrier, currency)[end]++
  }
  if (charged !== 0) group.cell(change.at, carrier, currency).charged += charged
  for (const { at, currency: booked, revenue, tax, owed } of bookings) {
    if (revenue !== 0n || tax !== 0n) {
      const cell = group.cell(at, carrier, booked)
      cell.revenue += revenue
      cell.tax += tax
    }
    if (owed) group.cell(at, owed.carrier, owed.currency).cost += owed.micros
  }
}

/**
 * Moves the acceptance of a message, as it stands in the row, from the template that it has left: no sum may
 * depend on whether the row was written before that. No carrier has had it yet.
 */
function moveAcceptance(
  { row, addedSegments }: MessageChange,
  from: UsageGroup,
  to: UsageGroup,
  currency: string,
): void {
  const segments = row.segments - addedSegments
  const left = from.cell(row.createdAt, '', currency)
  left.messages_accepted--
  left.segments_accepted -= segments
  const joined = to.cell(row.createdAt, '', currency)
  joined.messages_accepted++
  joined.segments_accepted += segments
}

function countSubmit(attempt: Attempt, currency: string, group: UsageGroup): void {
  const { storedState, state, carrier, submittedAt, answeredAt, receiptAt } = attempt
  if (storedState === state) return
  if (isTaken(state) && !(storedState !== undefined && isTaken(storedState))) {
    // A receipt may be all that a carrier ever says.
    group.cell(answeredAt ?? receiptAt ?? submittedAt, carrier, currency).segments_submitted++
  }
  const settled = SETTLED[state]
  if (settled && !(storedState !== undefined && SETTLED[storedState])) {
    group.cell(receiptAt ?? submittedAt, carrier, currency)[settled]++
  }
}

const ENDED: Partial<Record<MessageStatus, keyof UsageCounts>> = {
  delivered: 'messages_delivered',
  undelivered: 'messages_undelivered',
  expired: 'messages_expired',
  failed: 'messages_failed',
  canceled: 'messages_canceled',
  unconfirmed: 'messages_unconfirmed',
}

const SETTLED: Partial<Record<SegmentState, keyof UsageCounts>> = {
  delivered: 'segments_delivered',
  undelivered: 'segments_undelivered',
  expired: 'segments_expired',
}

type Counted = Pick<
  Message,
  | 'tenantId'
  | 'from'
  | 'country'
  | 'network'
  | 'trafficClass'
  | 'segments'
  | 'priceMicros'
  | 'charging'
>

/** One text for what {@link kindOf} tells apart. */
function keyOf(message: Counted, template: string): string {
  const { tenantId, from, country, network, trafficClass, charging } = message
  return `${tenantId}\n${country}\n${network}\n${trafficClass}\n${charging}\n${unitPriceOf(message)}\n${template}\n${from}`
}

function kindOf(message: Counted, template: string): UsageKind {
  const { tenantId, from, country, network, trafficClass, charging } = message
  const terms = charging === null ? undefined : readTerms(charging)
  return {
    tenantId,
    sender: from,
    template,
    country,
    network: network ?? '',
    trafficClass,
    unit: terms?.unit ?? '',
    unitPrice: unitPriceOf(message),
    taxPpm: terms?.taxPpm ?? 0,
  }
}

/** What one part of a message costs; 0: it is not billed. */
function unitPriceOf({ charging, segments, priceMicros }: Counted): bigint {
  if (charging === null) return 0n
  if (segments === 1 || readTerms(charging).unit === 'message') return priceMicros
  return priceMicros / BigInt(segments)
}
