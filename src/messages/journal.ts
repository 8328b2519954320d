import type { CarrierReceipt, Replacement } from '../carriers/carrier.ts'
import type { Message } from './message.ts'
import type { MessageStatus, SegmentState } from './states.ts'

/** What can stand in a timeline. */
export type EventType =
  | 'accepted'
  | 'routed'
  | 'submitted'
  | 'response'
  | 'receipt'
  | 'uncertain'
  | 'failed'
  | 'expired'
  | 'unconfirmed'

/** One line of a message's timeline. */
export interface TimelineEvent {
  readonly messageId: string
  readonly at: Date
  readonly type: EventType
  /** Status after the event. */
  readonly status: MessageStatus
  readonly carrier?: string | undefined
  readonly attempt?: number | undefined
  readonly segment?: number | undefined
  /** Normalised code, see `messages/failure.ts`. */
  readonly code?: string | undefined
  /** The carrier's own code, as text. */
  readonly rawCode?: string | undefined
  readonly detail?: object | undefined
}

/** A message is taken over: afterwards the sender may be told so. */
export interface AcceptedEntry {
  readonly kind: 'accepted'
  readonly message: Message
  readonly events: readonly TimelineEvent[]
}

/** Segments are about to be written to a carrier's socket. */
export interface SubmittingEntry {
  readonly kind: 'submitting'
  readonly message: Message
  readonly carrier: string
  readonly attempt: number
  readonly segmentCount: number
  readonly replacements: readonly Replacement[]
  readonly at: Date
}

/** What became of one segment at the carrier. */
export interface SegmentAnswer {
  readonly segment: number
  readonly state: SegmentState
  readonly carrierMessageId: string | null
  readonly matchKey: string | null
  readonly commandStatus: number | null
}

/** A message moves on: the answers to its submit, a new route, or its end. */
export interface MovedEntry {
  readonly kind: 'moved'
  readonly message: Message
  readonly to: MessageStatus
  readonly at: Date
  /** The carrier from now on. */
  readonly carrier: string
  readonly attempt: number
  /** Answers of the present attempt; empty when there was none. */
  readonly answers: readonly SegmentAnswer[]
  readonly events: readonly TimelineEvent[]
  readonly errorCode: string | null
  readonly errorDetail: string | null
}

/** A carrier's receipt, as it came. */
export interface ReceiptEntry extends CarrierReceipt {
  readonly kind: 'receipt'
  /** UUIDv7. */
  readonly id: string
  readonly receivedAt: Date
}

/** One thing to be made durable. */
export type JournalEntry = AcceptedEntry | SubmittingEntry | MovedEntry | ReceiptEntry

/** The receipt a partner is owed, as the outbox keeps it. */
export interface OutboxPayload {
  /** Our id, character for character as the partner got it. */
  readonly messageId: string
  readonly from: string
  readonly to: string
  readonly status: MessageStatus
  readonly errorCode: string | null
  readonly rawError: string | null
  /** RFC 3339. */
  readonly submittedAt: string
  readonly doneAt: string
}

/** One row of the outbox. */
export interface OutboxItem {
  readonly id: string
  readonly partner: string
  readonly messageId: string
  readonly payload: OutboxPayload
}

/** A message that reached a state, told to whoever listens after the commit. */
export interface Transition {
  readonly messageId: string
  readonly carrier: string
  readonly status: MessageStatus
}

/** What a committed batch changed beyond what its entries asked for. */
export interface CommitEffects {
  readonly transitions: readonly Transition[]
  readonly outbox: readonly OutboxItem[]
  /** Receipts that have found no attempt yet. */
  readonly unmatchedReceipts: number
}
