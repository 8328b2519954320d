/**
 * What is kept in a table of its own, by day, tenant and country only, since it would multiply the rows of the
 * others.
 */
export const KEPT_APART = { sender: 'usage_senders', template: 'usage_templates' } as const

/** {@link KEPT_APART} */
export type KeptApart = keyof typeof KEPT_APART

/** What is counted of messages; the names are those of the columns of `usage_hours` and `usage_days`. */
export const USAGE_COUNTS = [
  'messages_accepted',
  'segments_accepted',
  /** Taken by a carrier. */
  'segments_submitted',
  /** What receipts say of them. */
  'segments_delivered',
  'segments_undelivered',
  'segments_expired',
  /** Messages by their end. */
  'messages_delivered',
  'messages_undelivered',
  'messages_expired',
  'messages_failed',
  'messages_canceled',
  'messages_unconfirmed',
  /** Segments that were charged, or messages where the price is for the message. */
  'charged',
] as const

/** Amounts beside them, in millionths of the currency. */
export const USAGE_AMOUNTS = ['revenue', 'tax', 'cost'] as const

/** {@link USAGE_COUNTS}, as they are summed. */
export type UsageCounts = Record<(typeof USAGE_COUNTS)[number], number>

/** {@link USAGE_COUNTS} and {@link USAGE_AMOUNTS}, as they are summed. */
export type UsageFigures = UsageCounts & Record<(typeof USAGE_AMOUNTS)[number], bigint>

/** What messages are told apart by; an empty text stands for what there is none of. */
export interface UsageKind {
  readonly tenantId: string
  readonly sender: string
  readonly template: string
  readonly country: string
  readonly network: string
  readonly trafficClass: string
  /** What the price is for. */
  readonly unit: string
  readonly unitPrice: bigint
  /** Tax, in millionths of the price. */
  readonly taxPpm: number
}

/** What messages of one kind have done in one hour at one carrier. */
export interface UsageCell extends UsageKind, UsageFigures {
  /** Hours since 1970, UTC. */
  readonly hour: number
  /** Empty for an acceptance: that is no carrier's. */
  readonly carrier: string
  readonly currency: string
}

const HOUR_MS = 3_600_000

/** The hour of an instant, see {@link UsageCell.hour}. */
export function hourOf(at: Date): number {
  return Math.floor(at.getTime() / HOUR_MS)
}

/** A cell in which nothing is counted yet. */
export function emptyCell(
  kind: UsageKind,
  hour: number,
  carrier: string,
  currency: string,
): UsageCell {
  const { tenantId, sender, template, country, network, trafficClass, unit, unitPrice, taxPpm } =
    kind
  return {
    hour,
    tenantId,
    carrier,
    country,
    network,
    trafficClass,
    sender,
    template,
    currency,
    unit,
    unitPrice,
    taxPpm,
    messages_accepted: 0,
    segments_accepted: 0,
    segments_submitted: 0,
    segments_delivered: 0,
    segments_undelivered: 0,
    segments_expired: 0,
    messages_delivered: 0,
    messages_undelivered: 0,
    messages_expired: 0,
    messages_failed: 0,
    messages_canceled: 0,
    messages_unconfirmed: 0,
    charged: 0,
    revenue: 0n,
    tax: 0n,
    cost: 0n,
  }
}
