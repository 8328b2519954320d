import type { FailureCode } from '../core/failure-code.ts'

/** What one normalised failure code stands for. */
export interface FailureInfo {
  readonly meaning: string
  /** Who can do something about it; for `recipient` nobody on our side can. */
  readonly actor: 'sender' | 'carrier' | 'gateway' | 'recipient'
  /** `permanent`: the same message fails again; `passing`: it may work later or elsewhere. */
  readonly class: 'permanent' | 'passing'
  /** How a message ends that ends with this code, as a rule. */
  readonly status: 'failed' | 'undelivered' | 'expired' | 'canceled' | 'unconfirmed'
}

type Row = readonly [FailureInfo['actor'], FailureInfo['class'], FailureInfo['status'], string]

// One table for all carriers: a sender sees the same code for the same failure whoever reports it.
// docs/errors.md shows it; a test holds both equal.
const TABLE: Readonly<Record<FailureCode, Row>> = {
  // What the sender can put right.
  message_length_invalid: ['sender', 'permanent', 'failed', 'The text is empty or too long.'],
  content_invalid: ['sender', 'permanent', 'failed', 'A template, variable or parameter is wrong.'],
  content_rejected: [
    'sender',
    'permanent',
    'failed',
    'The content is not allowed: word, link, spam filter, no approved template.',
  ],
  sending_window: ['sender', 'passing', 'failed', 'The carrier takes marketing only in the day.'],
  sender_invalid: ['sender', 'permanent', 'failed', 'The sender id is malformed or not allowed.'],
  destination_invalid: ['sender', 'permanent', 'failed', 'The number is malformed.'],
  destination_unsupported: [
    'sender',
    'permanent',
    'failed',
    'The carrier does not serve this country, network or kind of number.',
  ],
  recipient_limit: [
    'sender',
    'passing',
    'failed',
    'Too many messages, or the same one again, to this number; the window may be a day.',
  ],
  duplicate_refused: ['sender', 'permanent', 'failed', 'The carrier has seen this request before.'],
  schedule_invalid: ['sender', 'permanent', 'failed', 'The time to send is not allowed.'],
  validity_invalid: ['sender', 'permanent', 'failed', 'The validity is not allowed.'],
  encoding_refused: ['sender', 'permanent', 'failed', 'The carrier does not take this encoding.'],
  not_encodable: ['sender', 'permanent', 'failed', 'No PDU can be made of the message.'],
  expired: ['sender', 'permanent', 'expired', 'Its validity ended before it was delivered.'],
  canceled: ['sender', 'permanent', 'canceled', 'It was canceled before it was sent.'],
  deleted: ['sender', 'permanent', 'undelivered', 'It was deleted at the carrier.'],
  // What lies with the recipient or the handset.
  recipient_unknown: ['recipient', 'permanent', 'undelivered', 'The number is not in service.'],
  recipient_absent: [
    'recipient',
    'passing',
    'undelivered',
    'The handset is off or without network.',
  ],
  recipient_busy: ['recipient', 'passing', 'undelivered', 'The handset was busy.'],
  recipient_barred: [
    'recipient',
    'permanent',
    'undelivered',
    'The subscription is barred from messages, or has none.',
  ],
  recipient_opted_out: [
    'recipient',
    'permanent',
    'undelivered',
    'The number is on a list of those who want no messages.',
  ],
  handset_unsupported: ['recipient', 'permanent', 'undelivered', 'The handset cannot take it.'],
  // What lies with the carrier.
  carrier_error: ['carrier', 'passing', 'failed', 'Error inside the carrier.'],
  carrier_queue_full: ['carrier', 'passing', 'failed', "The carrier's queue is full."],
  carrier_throttled: ['carrier', 'passing', 'failed', 'Faster than the carrier allows.'],
  carrier_timeout: [
    'carrier',
    'passing',
    'unconfirmed',
    'No answer in time; the carrier may have the message.',
  ],
  carrier_unreachable: ['carrier', 'passing', 'failed', 'No connection to the carrier.'],
  carrier_refused: ['carrier', 'permanent', 'failed', 'Refused for a reason without a code here.'],
  carrier_specific: [
    'carrier',
    'permanent',
    'undelivered',
    "The carrier's own code, shown as it came; only the carrier can say what it means.",
  ],
  network_error: ['carrier', 'passing', 'undelivered', 'Failure in the network behind.'],
  undeliverable: ['carrier', 'permanent', 'undelivered', 'Not delivered, without a reason.'],
  rejected: ['carrier', 'permanent', 'undelivered', 'Rejected after it was taken over.'],
  skipped: ['carrier', 'permanent', 'undelivered', 'Skipped by the carrier.'],
  unknown: ['carrier', 'permanent', 'undelivered', 'The carrier lost track of it.'],
  // What the operator of the gateway can put right.
  carrier_unauthorised: [
    'gateway',
    'permanent',
    'failed',
    'Our account, key, address or right is refused.',
  ],
  carrier_credit_exhausted: ['gateway', 'permanent', 'failed', 'Our account has no money left.'],
  carrier_quota_exceeded: ['gateway', 'passing', 'failed', 'A cap of our account is reached.'],
  carrier_request_invalid: ['gateway', 'permanent', 'failed', 'Our request is malformed.'],
  partially_sent: [
    'gateway',
    'permanent',
    'failed',
    'Some segments were taken and others refused: the text cannot be shown.',
  ],
  outcome_unknown: [
    'gateway',
    'permanent',
    'unconfirmed',
    'No answer came to the submit; the policy of the traffic class decides.',
  ],
  receipt_missing: [
    'gateway',
    'permanent',
    'unconfirmed',
    'Sent, and no final receipt came before the deadline.',
  ],
}

/** What a code stands for. */
export function failureInfo(code: FailureCode): FailureInfo {
  const [actor, kind, status, meaning] = TABLE[code]
  return { meaning, actor, class: kind, status }
}

/**
 * `err` of a receipt where carriers pass on the error of the network: the MAP errors of GSM.
 *
 * `err` is the carrier's own affair by the specification. These values mean the same in the lists
 * of many carriers; every other one stays `carrier_specific`.
 *
 * @see 3GPP TS 29.002, section 17.6.6 (error codes)
 */
export const CODE_BY_MAP_ERROR: Readonly<Record<number, FailureCode>> = {
  1: 'recipient_unknown',
  5: 'recipient_unknown',
  9: 'recipient_barred',
  11: 'recipient_barred',
  12: 'recipient_barred',
  13: 'recipient_barred',
  15: 'recipient_barred',
  21: 'handset_unsupported',
  27: 'recipient_absent',
  31: 'recipient_busy',
  34: 'network_error',
  35: 'network_error',
  36: 'network_error',
}

/** What a receipt without a usable `err` says: the state in our own words. */
export const CODE_BY_STATE: Readonly<Record<string, FailureCode>> = {
  EXPIRED: 'expired',
  DELETED: 'deleted',
  UNDELIVERABLE: 'undeliverable',
  REJECTED: 'rejected',
  SKIPPED: 'skipped',
  UNKNOWN: 'unknown',
}

/**
 * The normalised error code of a receipt that reports no delivery.
 *
 * @param state - normalised state of the receipt, such as `UNDELIVERABLE`
 * @param rawError - `err` as it came, null when there is none; 0 says nothing
 * @param documented - what it means where the carrier documents it
 */
export function receiptFailureCode(
  state: string,
  rawError: string | null,
  documented?: FailureCode | null,
): FailureCode {
  if (documented) return documented
  const byState = CODE_BY_STATE[state] ?? 'unknown'
  if (rawError === null || /^0*$/.test(rawError)) return byState
  const byError = /^\d{1,3}$/.test(rawError) ? CODE_BY_MAP_ERROR[Number(rawError)] : undefined
  // A message that ran out of time did so for a passing reason; another `err` is of another list.
  if (state === 'EXPIRED') {
    return byError !== undefined && failureInfo(byError).class === 'passing' ? byError : byState
  }
  if (state !== 'UNDELIVERABLE' && state !== 'REJECTED') return byState
  return byError ?? 'carrier_specific'
}
