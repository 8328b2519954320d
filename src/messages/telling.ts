import type { MessageStatus } from './states.ts'

/** What a sender can be told of a message: `message.` and the status it has reached. */
export type TellingEvent = `message.${MessageStatus}`

/** What the sender is told about the message. */
export interface TellingPayload {
  /** Our id. */
  readonly messageId: string
  /** The id that the partner who submitted it knows; null: ours. */
  readonly partnerMessageId: string | null
  readonly from: string
  readonly to: string
  readonly status: MessageStatus
  /** What the carrier has said of a message that is not over, as a receipt's state; absent: an event. */
  readonly carrierState?: string
  readonly errorCode: string | null
  readonly errorDetail: string | null
  /** The carrier's own error code. */
  readonly rawError: string | null
  readonly clientReference: string | null
  readonly segments: number
  readonly carrier: string | null
  /** RFC 3339. */
  readonly submittedAt: string
  readonly doneAt: string
}

/** Who is to be told of an event. */
export interface TellingRecipient {
  /**
   * Whose queue it waits in: `partner:<system_id>`, `endpoint:<id>`, or
   * `callback:<tenant id>:<origin>`.
   */
  readonly recipient: string
  /** Where a callback goes; null: the recipient's own address. */
  readonly url: string | null
}

/** One event of one message, for one recipient. */
export interface Telling extends TellingRecipient {
  /** Stable: the same event for the same recipient has the same id after any restart. */
  readonly id: string
  readonly tenantId: string
  readonly messageId: string
  readonly event: TellingEvent
  readonly payload: TellingPayload
  /** Failed tries so far. */
  readonly tries: number
}

/** One try to tell, for the log of tries. */
export interface TellingTry {
  readonly at: Date
  /** Status of the HTTP answer; null when there was none. */
  readonly statusCode: number | null
  readonly durationMs: number
  readonly error: string | null
}

/** What follows a try. */
export type TellingFate =
  | { readonly kind: 'done' }
  | { readonly kind: 'later'; readonly at: Date }
  /** Given up: the schedule is over, or the recipient is gone. */
  | { readonly kind: 'dead'; readonly reason: string }

/** How one try ended. */
export interface TellingOutcome {
  readonly try: TellingTry
  readonly fate: TellingFate
}
