import type { CarrierReceipt, Replacement } from '../carriers/carrier.ts'
import type { FailureCode } from '../core/failure-code.ts'
import type { CarrierOutcome } from './carrier-outcome.ts'
import type { LiveMessage } from './live.ts'
import type { Message } from './message.ts'
import type { CarrierCost } from './message-cost.ts'
import type { MessageStatus, SegmentState } from './states.ts'
import type { Telling, TellingOutcome } from './telling.ts'

/** What can stand in a timeline. */
export type EventType =
  | 'accepted'
  | 'routed'
  | 'submitted'
  | 'response'
  | 'receipt'
  | 'query'
  | 'uncertain'
  | 'failed'
  | 'expired'
  | 'canceled'
  | 'unconfirmed'
  | 'scheduled'
  | 'queued'
  | 'retry'
  | 'held'
  | 'alerted'
  | 'replayed'
  | 'replaced'
  | 'returned'
  | 'fell_back'
  | 'fallback_failed'

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
  /** When the outcome is decided by policy if nothing has been heard by then. */
  readonly deadlineAt: Date
}

/** What became of one segment at the carrier. */
export interface SegmentAnswer {
  readonly segment: number
  readonly state: SegmentState
  readonly carrierMessageId: string | null
  readonly matchKey: string | null
  /** Of a refused segment, as the outcome says it. */
  readonly code: FailureCode | null
  readonly rawCode: string | null
}

/** A message moves on: the answers to its submit, a new route, a wait, or its end. */
export interface MovedEntry {
  readonly kind: 'moved'
  readonly message: Message
  readonly to: MessageStatus
  readonly at: Date
  /** The carrier from now on. */
  readonly carrier: string
  /** The attempt that the answers belong to. */
  readonly attempt: number
  /** Answers of that attempt; empty when there was none. */
  readonly answers: readonly SegmentAnswer[]
  readonly events: readonly TimelineEvent[]
  readonly errorCode: string | null
  readonly errorDetail: string | null
  /** Failed tries, this one included. */
  readonly failures: number
  /** It rests until this instant; null: it does not. */
  readonly dueAt: Date | null
  /** When the new state is ended from outside; null for an end. */
  readonly deadlineAt: Date | null
  /** Why it goes to the dead-letter list with this end; null: it does not. */
  readonly deadLetter: string | null
  /** The failure rule that holds it from now on; absent: none. */
  readonly heldBy?: string | null
  /** `err` of the receipt that this end follows from; absent: it follows from none. */
  readonly rawError?: string | null
  /** What {@link carrier} charges, where that was decided anew; absent: what it has been. */
  readonly cost?: CarrierCost | undefined
}

/**
 * Answers that came after the outcome counted as unknown.
 *
 * They settle their segments. The message becomes `sent` where this is still its present submit.
 */
export interface LateEntry {
  readonly kind: 'late'
  readonly message: Message
  readonly at: Date
  readonly attempt: number
  readonly answers: readonly SegmentAnswer[]
  /** The line for the timeline; its status is the one that the message then has. */
  readonly event: TimelineEvent
  /** When the message is looked at again if it becomes `sent`. */
  readonly deadlineAt: Date
}

/** A carrier's receipt, as it came. */
export interface ReceiptEntry extends CarrierReceipt {
  readonly kind: 'receipt'
  /** UUIDv7. */
  readonly id: string
  readonly receivedAt: Date
  /** True for the final answer to a question of ours, which counts as a receipt. */
  readonly isQuery?: boolean | undefined
  /** True where failure rules decide before it ends a message as lost; the `moved` that follows says what. */
  readonly asksRules?: boolean | undefined
}

/** A try to tell a sender has ended. */
export interface ToldEntry {
  readonly kind: 'told'
  readonly telling: Pick<Telling, 'id' | 'recipient' | 'tries'>
  readonly outcome: TellingOutcome
}

/** A dead letter is sent again, as another message. */
export interface ReplayedEntry {
  readonly kind: 'replayed'
  readonly message: Message
  readonly replayedAs: string
  readonly at: Date
}

/** A message did not arrive, and another one is sent in its place, or no channel could take one. */
export interface FellBackEntry {
  readonly kind: 'fell_back'
  readonly message: Message
  /** The other one; null: there is none, and none will be tried any more. */
  readonly fallbackAs: string | null
  readonly event: TimelineEvent
}

/** What a waiting message says, or when it is sent, is no longer what it was accepted with. */
export interface ReplacedEntry {
  readonly kind: 'replaced'
  readonly message: Message
  readonly at: Date
  readonly to: 'queued' | 'scheduled'
  readonly text: string
  readonly encoding: string
  readonly segments: number
  readonly priceMicros: bigint
  readonly priceCurrency: string
  readonly carrier: string
  readonly sendAt: Date | null
  readonly expiresAt: Date
  readonly dueAt: Date | null
  readonly events: readonly TimelineEvent[]
  /** Octets that pass through instead of those before; null: they stay. */
  readonly octets: Buffer | null
  readonly registeredDelivery: number
  readonly costMicros: bigint
  readonly costCurrency: string
  readonly carrierDeckVersion: number
  readonly tenantDeckVersion: number | null
}

/** What a call with a key was answered: who repeats the call gets the same. */
export interface KeptEntry {
  readonly kind: 'kept'
  readonly tenantId: string
  /** The front door that the key came through: `rest`, or `smpp:` and the partner's system_id. */
  readonly scope: string
  readonly key: string
  /** Tells calls apart, see `messages/idempotency.ts`. */
  readonly fingerprint: string
  /** Status of the HTTP answer; 0 where the answer is a partner's message id. */
  readonly status: number
  /** The answer as it was given. */
  readonly body: string
  readonly at: Date
  /** The key counts as new from then on. */
  readonly expiresAt: Date
}

/** One thing to be made durable. */
export type JournalEntry =
  | AcceptedEntry
  | SubmittingEntry
  | MovedEntry
  | LateEntry
  | ReceiptEntry
  | ToldEntry
  | ReplayedEntry
  | FellBackEntry
  | ReplacedEntry
  | KeptEntry

/** A message that has reached its end. */
export interface Ending {
  readonly message: Message
  /** The carrier it ended at. */
  readonly carrier: string
  readonly status: MessageStatus
  /** True when a receipt ended it. */
  readonly byReceipt: boolean
}

/** What entries have brought about beyond what they say. */
export interface Effects {
  readonly endings: readonly Ending[]
  /** What is now known of how carriers did. */
  readonly outcomes: readonly CarrierOutcome[]
  readonly tellings: readonly Telling[]
  /** Receipts whose submit is not in memory: it may be in the tables. */
  readonly unmatched: readonly ReceiptEntry[]
  /** Messages that are lost by their receipts, unless a failure rule says otherwise. */
  readonly undecided: readonly LiveMessage[]
}
