import type { MessageStatus } from './states.ts'

/** What the sender asked for as encoding; `auto` picks GSM-7 when every character has a place in it. */
export type RequestedEncoding = 'auto' | 'gsm7' | 'ucs2'

/** How urgent a message is, and which policies hold for it. */
export type TrafficClass = 'otp' | 'transactional' | 'marketing'

/** Traffic classes, most urgent first. */
export const TRAFFIC_CLASSES = ['otp', 'transactional', 'marketing'] as const

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
  /** E.164 with `+`. */
  readonly to: string
  readonly from: string
  readonly text: string
  /** Set instead of `text` for octets that pass through. */
  readonly raw: RawContent | null
  /** SMPP v3.4 section 5.2.17, as the partner set it. */
  readonly registeredDelivery: number
  readonly encoding: string
  readonly requestedEncoding: RequestedEncoding
  /** Segments at acceptance: what was quoted. */
  readonly segments: number
  readonly maxSegments: number | null
  readonly trafficClass: TrafficClass
  readonly clientReference: string | null
  /** ISO 3166 code of the destination. */
  readonly country: string
  /** The price quoted at acceptance. */
  readonly priceMicros: bigint
  readonly priceCurrency: string
  readonly createdAt: Date
  status: MessageStatus
  /** The carrier that has it, or whose queue it waits in. */
  carrier: string
  /** Submits so far. */
  attempt: number
}
