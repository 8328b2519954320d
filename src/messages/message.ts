import type { Channel } from '../core/channel.ts'
import type { Fallback } from '../core/fallback.ts'
import type { ContentTemplate, MailContent } from '../core/message-template.ts'
import type { PassThrough } from '../core/pass-through.ts'
import type { TrafficClass } from '../core/policy.ts'
import type { MessageStatus } from './states.ts'

/** What the sender asked for as encoding; `auto` picks GSM-7 when every character has a place in it. */
export type RequestedEncoding = 'auto' | 'gsm7' | 'ucs2'

/** Octets of a partner that pass through as they are, see SMPP v3.4 section 4.4. */
export interface RawContent {
  readonly octets: Buffer
  readonly esmClass: number
  readonly dataCoding: number
}

/** One accepted message as the gateway works on it; the row in `messages` holds the same. */
export interface Message {
  /** UUIDv7. */
  readonly id: string
  readonly tenantId: string
  readonly source: 'rest' | 'smpp'
  /** system_id of the partner that submitted it, or null. */
  readonly partner: string | null
  /**
   * The id that the partner knows it by; null: {@link id}. The messages of one submit_multi share it.
   */
  readonly partnerMessageId: string | null
  readonly channel: Channel
  /** E.164 with `+`, the digits of a short code, or what `core/channel.ts` says of recipients of its channel. */
  readonly to: string
  /** May be empty where it is no SMS. */
  readonly from: string
  text: string
  /** The template that the text was made from; null: it was written as it is. */
  template: ContentTemplate | null
  /** What an e-mail says beside its text; null: it is none. */
  readonly mail: MailContent | null
  /** Set for octets that pass through; `text` says the same where they are text, or nothing. */
  raw: RawContent | null
  /** What else a partner's submit said; null: nothing. */
  readonly passThrough: PassThrough | null
  /** SMPP v3.4 section 5.2.17, as the partner set it. */
  registeredDelivery: number
  encoding: string
  readonly requestedEncoding: RequestedEncoding
  /** What was quoted: at acceptance, or when the message was replaced last. */
  segments: number
  readonly maxSegments: number | null
  readonly trafficClass: TrafficClass
  /** Words of its sender that routes go by; each once. */
  readonly tags: readonly string[]
  /** It may only go to carriers that bring replies. */
  readonly expectsReply: boolean
  readonly clientReference: string | null
  /** Where the sender wants to be told of this message, besides the tenant's endpoints. */
  readonly callbackUrl: string | null
  /** ISO 3166 code of the destination; `NO_COUNTRY` where it goes to no number. */
  readonly country: string
  /** What the tenant pays for those segments, quoted at the same time: it stays, whoever gets the message. */
  priceMicros: bigint
  priceCurrency: string
  /** What {@link carrier} charges for it, by the decision that has sent it there. */
  costMicros: bigint
  costCurrency: string
  /** The rate deck of the carrier that the cost is from; 0: that of the configuration. */
  carrierDeckVersion: number
  /** The one of the tenant that the price is from; null: it had no rate, and the price is the cost. */
  tenantDeckVersion: number | null
  readonly createdAt: Date
  /** Not before this instant, as the sender asked. */
  sendAt: Date | null
  /** What no carrier has taken by then is not sent any more. */
  expiresAt: Date
  /** The dead letter that this message repeats. */
  readonly replayOf: string | null
  status: MessageStatus
  /** The carrier that has it, or whose queue it waits in. */
  carrier: string
  /** Submits so far. */
  attempt: number
  /** Failed tries so far. */
  failures: number
  errorCode: string | null
  errorDetail: string | null
  updatedAt: Date
  finalAt: Date | null
  /** When it is to be looked at again; null: it waits for no instant. */
  dueAt: Date | null
  /** When its present state is ended from outside; null once final. */
  deadlineAt: Date | null
  /** Why it is on the dead-letter list; null: it is not. */
  deadLetter: string | null
  /** The message that repeats this dead letter. */
  replayedAs: string | null
  /** The failure rule that holds it for an operator; null: it is not held. */
  heldBy: string | null
  /** The recipient's network at acceptance: MCC and MNC or its key; null: not known. */
  readonly network: string | null
  /** What is sent where it does not arrive; null: nothing, or none of it could be taken. */
  fallback: Fallback | null
  /** Without a final receipt by then that is sent as well; null: that is not waited for. */
  readonly fallbackAt: Date | null
  /** The message that was sent in its place, by another channel. */
  fallbackAs: string | null
  /** The message in whose place this one is sent. */
  readonly fallbackOf: string | null
  /** What its tenant pays for, see `core/charging.ts`; null: it is not billed. */
  readonly charging: string | null
}
