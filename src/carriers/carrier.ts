import type { Channel } from '../core/channel.ts'
import type { FailureCode } from '../core/failure-code.ts'
import type { ContentTemplate, MailContent } from '../core/message-template.ts'
import type { PassThrough } from '../core/pass-through.ts'

/** What a message says, and how its sender wants it encoded. */
export interface Content {
  readonly text: string
  /** Octets of one segment to pass through; `text` says the same where they are text, or nothing. */
  readonly raw: {
    readonly octets: Buffer
    readonly esmClass: number
    readonly dataCoding: number
  } | null
  /** The template that the text was made from; absent or null: it was written as it is. */
  readonly template?: ContentTemplate | null | undefined
  /** What an e-mail says beside its text; absent or null: it is none. */
  readonly mail?: MailContent | null | undefined
  /** What else a partner's submit said; null: nothing. */
  readonly passThrough: PassThrough | null
  readonly requestedEncoding: 'auto' | 'gsm7' | 'ucs2'
  /** Most segments the sender will pay for; null: no limit of its own. */
  readonly maxSegments: number | null
}

/** What a content takes at a carrier. */
export interface ContentLayout {
  /** `gsm7`, `ucs2`, `latin1` or `binary`; `utf8` where the message is no SMS. */
  readonly encoding: string
  /** Segments that are billed. */
  readonly segments: number
}

/** What a carrier is asked to send. */
export interface OutboundMessage extends Content {
  readonly id: string
  /** Whose money it costs: messages of several tenants do not share a call. */
  readonly tenantId: string
  /** system_id of the partner that submitted it, or null. */
  readonly partner: string | null
  /** As the sender wrote it; may be empty where the message is no SMS. */
  readonly from: string
  /** E.164 with `+`, or what `core/channel.ts` says of recipients of the carrier's channel. */
  readonly to: string
  /** What a partner asked to be told, SMPP v3.4 section 5.2.17. */
  readonly registeredDelivery: number
  /** Sender id in the terms of the PDU, SMPP v3.4 sections 5.2.5 to 5.2.8; of no meaning where it is no SMS. */
  readonly sender: { readonly value: string; readonly ton: number; readonly npi: number }
  /** When it is worth nothing any more: the carrier is told to give up then. */
  readonly expiresAt: Date
  readonly submit: SubmitIdentity
}

/** What tells a submit that is made again from one of its own, for carriers that can tell their peer. */
export interface SubmitIdentity {
  /** That of an earlier submit where this one repeats it because its outcome is unknown; else nobody else's. */
  readonly key: string
  readonly isRepetition: boolean
  /** Its class has it sent again where its outcome stays unknown. */
  readonly mayBeRepeated: boolean
}

/** A character that was replaced before sending, and how often. */
export interface Replacement {
  readonly from: string
  readonly to: string
  readonly count: number
}

/** What became of one segment. */
export type SegmentOutcome =
  | {
      readonly kind: 'accepted'
      /** The carrier's id, as it came. */
      readonly carrierMessageId: string
      /** The id in the form in which receipts are matched; null when there is no id. */
      readonly matchKey: string | null
    }
  | {
      readonly kind: 'refused'
      /** In the gateway's terms; `not_encodable` where we could not make a request of it. */
      readonly code: FailureCode
      /** The carrier's own code, a `command_status` as `0x0000000b`; null where it gave none. */
      readonly rawCode: string | null
      /** The code in words, for the timeline. */
      readonly reason: string
      /**
       * `message`: no use trying here again; `passing`: it may work later or elsewhere; `final`: nobody else is to be
       * asked either.
       */
      readonly class: 'message' | 'passing' | 'final'
    }
  /** The carrier asks for a slower pace; the segment did not count, and may be sent again. */
  | { readonly kind: 'throttled'; readonly rawCode: string | null }
  /** Written, and no answer came. */
  | {
      readonly kind: 'uncertain'
      readonly reason: string
      /** What receipts would be matched by, where we have chosen it; absent: only the lost answer had it. */
      readonly matchKey?: string
      /** The connection broke, under others as well. */
      readonly isLost?: true
    }
  /** Never written. */
  | { readonly kind: 'not_sent'; readonly reason: string }

/** One message made ready for one carrier; its segments share a reference and, if it lives, a bind. */
export interface Submission {
  /** PDUs to send; fewer than the billed segments where the carrier splits by itself. */
  readonly segmentCount: number
  /** What was replaced to save segments, where the carrier is set so. */
  readonly replacements: readonly Replacement[]
  /**
   * Submits one segment, counted from 1. Never rejects.
   *
   * @param now - what is left of the message's validity is counted from it; the same for segments
   *   that are sent together
   */
  send(segment: number, now: Date, options?: SendOptions): Promise<SegmentOutcome>
}

/** The attempt that a segment belongs to. */
export interface SubmitMark {
  readonly messageId: string
  readonly attempt: number
}

/** What goes with a segment beside its octets. */
export interface SendOptions {
  /** All segments are sent in this turn: they leave together as far as the window and the pace allow. */
  readonly isWhole?: boolean
  /** The carrier has put it off: it goes before what waits, as soon as the pace allows. */
  readonly again?: boolean
  /** What {@link CarrierEvents.onWrite} is told of it. */
  readonly mark?: SubmitMark
  /**
   * What became of it when the carrier answers after all, the promise having resolved to
   * `uncertain`.
   */
  readonly onLate?: ((outcome: SegmentOutcome) => void) | undefined
}

/** One segment that a carrier has taken, and is asked about or asked to give back. */
export interface SubmittedSegment {
  /** E.164 with `+`. */
  readonly to: string
  readonly sender: OutboundMessage['sender']
  /** The carrier's id, as it came. */
  readonly carrierMessageId: string
  readonly submittedAt: Date
}

/** What a carrier says to a cancellation. */
export type CancelOutcome =
  | { readonly isCanceled: true }
  | { readonly isCanceled: false; readonly reason: string }

/** What a carrier says when it is asked about a segment. */
export type QueryOutcome =
  | ({ readonly kind: 'state' } & Pick<
      CarrierReceipt,
      'state' | 'settles' | 'rawError' | 'failure'
    >)
  /** It does not tell, and will not: it knows no such request, or no such message. */
  | { readonly kind: 'refused'; readonly reason: string }
  /** Nothing was learnt this time. */
  | { readonly kind: 'no_answer'; readonly reason: string }

/** What came of asking a carrier whether it is there. */
export type CheckOutcome =
  /** The slowest of its connections took so long to answer. */
  | { readonly kind: 'answered'; readonly latencyMs: number }
  | { readonly kind: 'no_answer'; readonly reason: string }
  /** There was nobody to ask. */
  | { readonly kind: 'not_asked'; readonly reason: string }

/** What is left of our account at a carrier. */
export type BalanceOutcome =
  | {
      readonly kind: 'told'
      /** A decimal number, as it came. */
      readonly amount: string
      /** A currency, or what is counted: `CNY`, `messages`. */
      readonly unit: string
    }
  /** Nothing was learnt this time. */
  | { readonly kind: 'no_answer'; readonly reason: string }
  /** It has no such request. */
  | { readonly kind: 'not_told' }

/** What tells whose a receipt is where its id does not. */
export interface ReceiptAbout {
  /** The handset, as the carrier writes it; may be empty. */
  readonly recipient: string
  /** The sender id it was told of; may be empty. */
  readonly sender: string
  /** When the carrier took the message, by the carrier's clock read as UTC. */
  readonly submittedAt: Date | null
  /** The reference that the submit had, where the carrier is set to get one. */
  readonly reference: number | null
}

/** A receipt as the carrier sent it, its id already in the forms that can be looked up. */
export interface CarrierReceipt {
  readonly carrier: string
  readonly carrierMessageId: string
  /** Forms of the id to look for, most likely first. */
  readonly matchKeys: readonly string[]
  /** Normalised state such as `DELIVERED`. */
  readonly state: string
  /** What it makes of the segment; null while nothing is settled. */
  readonly settles: 'delivered' | 'undelivered' | 'expired' | null
  readonly rawError: string | null
  /** What {@link rawError} means, where the carrier documents it; absent: it is judged by its form. */
  readonly failure?: FailureCode | null | undefined
  readonly rawText: string
  readonly about?: ReceiptAbout | null | undefined
  /** Absent: it is of all that was submitted with the id. */
  readonly part?: ReceiptPart | undefined
}

/** Which part of a submit a receipt is of, where the carrier splits it and reports each part under the one id. */
export interface ReceiptPart {
  /** From 1. */
  readonly number: number
  /** How many there are. */
  readonly of: number
}

/** A deliver_sm or data_sm that is no receipt: a message of a handset, or one part of it. */
export interface InboundPart {
  readonly carrier: string
  /** Who sent it: a number of type international with `+`, anything else as it came. */
  readonly from: string
  /** The number or short code that it was sent to, in the same form. */
  readonly to: string
  readonly serviceType: string
  readonly protocolId: number
  readonly priorityFlag: number
  /** All of the field: type, header, reply path. */
  readonly esmClass: number
  readonly dataCoding: number
  /** With the user data header; data_coding 0 is septets, one in each octet. */
  readonly octets: Buffer
  /** As they came, but for those that held the octets, and for more than a message has use for. */
  readonly tlvs: readonly { readonly tag: number; readonly value: Buffer }[]
}

/** A carrier says that a handset is there again, SMPP v3.4 section 4.12. */
export interface CarrierAlert {
  readonly carrier: string
  /** Its number, as the carrier writes it; of type international with `+`. */
  readonly handset: string
  /** `ms_availability_status`: 0 available, 1 denied, 2 unavailable; null: not told. */
  readonly availability: number | null
}

/** How one connection to a carrier stands. */
export interface BindStatus {
  readonly bind: string
  /** Where it is bound to, or tried, as `host:port`. */
  readonly host: string
  readonly state: string
  readonly lastError: string | null
}

/** Whoever we submit to. */
export interface Carrier {
  readonly name: string
  readonly type: string
  /** The only one whose messages it gets; it never changes. */
  readonly channel: Channel
  /** True while at least one connection takes messages. */
  readonly isUp: boolean
  /** Whether it is asked for final receipts. */
  readonly givesReceipts: boolean
  /** Segments that may be unanswered at once over all connections; 0 while down. */
  readonly capacity: number
  /** Segments per second that it takes at present, agreed or learnt; 0: no limit is known. */
  readonly segmentsPerSecond: number
  readonly binds: readonly BindStatus[]
  /** Connections that have broken since the start; those that we have ended are none. */
  readonly lostConnections: number
  /** Carriers with the same key lay every content out the same way. */
  readonly layoutKey: string
  /**
   * How the content will be split and encoded for this carrier.
   *
   * @throws {EncodingError} when it cannot be
   */
  layOut(content: Content): ContentLayout
  /** Makes a message ready to be sent; its content has passed {@link layOut}. */
  prepare(message: OutboundMessage): Submission
  /** Asks for a segment back; absent where the carrier knows no such request. Never rejects. */
  cancel?(segment: SubmittedSegment): Promise<CancelOutcome>
  /** Asks what became of a segment; absent where the carrier has no such request. Never rejects. */
  query?(segment: SubmittedSegment): Promise<QueryOutcome>
  /** Asks what is left of our account; absent where no carrier of the kind tells. Never rejects. */
  balance?(): Promise<BalanceOutcome>
  /** Asks every connection whether the carrier is there; absent where it has none. Never rejects. */
  check?(timeoutMs: number): Promise<CheckOutcome>
  /**
   * Milliseconds until a message is worth journalling: no more should be journalled and not written than
   * the carrier takes within a moment. 0: now.
   *
   * @param journalling - segments on their way into the journal
   */
  waitFor(segments: number, journalling: number, now: number): number
  start(): void
  /** Waits up to `drainMs` for answers, unbinds, closes. */
  close(drainMs: number): Promise<void>
}

/** A carrier that goes by an entry of the configuration. */
export interface ConfiguredCarrier<Config> extends Carrier {
  /** Its settings at present. */
  readonly config: Config
  /** Goes by other settings of the carrier with the same name and kind. */
  follow(config: Config): void
  /** Closes; what is not sent goes back to whoever has given it. */
  handBack(drainMs: number): Promise<void>
}

/** What a carrier reports upwards. */
export interface CarrierEvents {
  /** Resolves when the receipt is durable; only then is the carrier told so. */
  onReceipt(receipt: CarrierReceipt): Promise<void>
  /** Resolves when the message, or its part, is durable; only then is the carrier told so. */
  onInbound(part: InboundPart): Promise<void>
  /** A handset is there again; nobody waits for an answer. */
  onAlert?(alert: CarrierAlert): void
  /** Segments are about to be written: from now on the carrier may have them. */
  onWrite?(marks: readonly SubmitMark[]): void
  /** A connection came or went: there may be more, or less, capacity. */
  onCapacityChange(carrier: string): void
}
