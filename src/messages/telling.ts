import type { Channel } from '../core/channel.ts'
import type { MessageStatus } from './states.ts'

/**
 * What somebody can be told: the status that a message has reached, that one has come in, or that the account of a
 * tenant runs low.
 */
export type TellingEvent = `message.${MessageStatus}` | 'message.received' | 'balance.low'

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
  /** Absent: `sms`. */
  readonly channel?: Channel
  readonly clientReference: string | null
  readonly segments: number
  readonly carrier: string | null
  /** RFC 3339. */
  readonly submittedAt: string
  readonly doneAt: string
}

/** What the owner of a number is told about a message of a handset. */
export interface InboundPayload {
  readonly messageId: string
  readonly from: string
  readonly to: string
  /** Empty for binary octets; U+FFFD stands for what is missing. */
  readonly text: string
  readonly encoding: string
  readonly carrier: string
  /** The keyword of the route that it took. */
  readonly keyword: string | null
  /** Parts that have come, of how many. */
  readonly parts: number
  readonly totalParts: number
  /** RFC 3339. */
  readonly receivedAt: string
  /** What came, in the order of the text; empty for webhooks. */
  readonly pdus: readonly InboundPdu[]
}

/** One deliver_sm or data_sm beside its addresses, in the terms of SMPP v3.4 section 4.6. */
export interface InboundPdu {
  readonly serviceType: string
  readonly protocolId: number
  readonly priorityFlag: number
  readonly esmClass: number
  readonly dataCoding: number
  /** With the user data header, in base64; data_coding 0 is septets, one in each octet. */
  readonly octets: string
  readonly tlvs: readonly (readonly [tag: number, base64: string])[]
}

/** What a tenant is told about its account; amounts as decimal numbers in its currency. */
export interface BalancePayload {
  /** The tenant's name. */
  readonly tenant: string
  readonly currency: string
  /** What its account has. */
  readonly balance: string
  /** What may still be spent: with the credit limit, without what is set aside. */
  readonly available: string
  /** `low_balance`: what `available` has fallen below. */
  readonly threshold: string
  /** RFC 3339. */
  readonly fellAt: string
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

/** One event of one subject, for one recipient. */
export type Telling = StatusTelling | InboundTelling | BalanceTelling

interface AnyTelling extends TellingRecipient {
  /** Stable: the same event for the same recipient has the same id after any restart. */
  readonly id: string
  readonly tenantId: string
  /** What the event is about: a message, or the tenant where it is about its account. Events of one keep their order. */
  readonly subjectId: string
  /** Failed tries so far. */
  readonly tries: number
}

/** A sender is told of a message of its own. */
export interface StatusTelling extends AnyTelling {
  readonly event: `message.${MessageStatus}`
  readonly payload: TellingPayload
}

/** The owner of a number is told of a message that has come in. */
export interface InboundTelling extends AnyTelling {
  readonly event: 'message.received'
  readonly payload: InboundPayload
}

/** A tenant is told of its account. */
export interface BalanceTelling extends AnyTelling {
  readonly event: 'balance.low'
  readonly payload: BalancePayload
}

/**
 * The id of a telling: the same event for the same recipient has the same, and the events of a
 * message sort in their order.
 *
 * @param sourceId - the message, or what stands for the event where it is about none: sorts by time
 * @param order - 0 to 9
 */
export function tellingId(sourceId: string, order: number, recipient: string): string {
  return `${sourceId}_${order}_${suffixOf(recipient)}`
}

/** There is one partner and one callback at most. */
function suffixOf(recipient: string): string {
  return recipient.startsWith('endpoint:')
    ? recipient.slice('endpoint:'.length)
    : (recipient[0] ?? '')
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
