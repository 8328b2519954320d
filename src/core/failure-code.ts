/** Every normalised failure code, in the order in which the documentation lists them. */
export const FAILURE_CODES = [
  'message_length_invalid',
  'content_invalid',
  'content_rejected',
  'sending_window',
  'sender_invalid',
  'destination_invalid',
  'destination_unsupported',
  'recipient_limit',
  'duplicate_refused',
  'schedule_invalid',
  'validity_invalid',
  'encoding_refused',
  'not_encodable',
  'expired',
  'canceled',
  'deleted',
  'recipient_unknown',
  'recipient_absent',
  'recipient_busy',
  'recipient_barred',
  'recipient_opted_out',
  'handset_unsupported',
  'carrier_error',
  'carrier_queue_full',
  'carrier_throttled',
  'carrier_timeout',
  'carrier_unreachable',
  'carrier_refused',
  'carrier_specific',
  'network_error',
  'undeliverable',
  'rejected',
  'skipped',
  'unknown',
  'carrier_unauthorised',
  'carrier_credit_exhausted',
  'carrier_quota_exceeded',
  'carrier_request_invalid',
  'partially_sent',
  'outcome_unknown',
  'receipt_missing',
] as const

/** A normalised failure code, part of the public contract; `messages/failure.ts` says what it stands for. */
export type FailureCode = (typeof FAILURE_CODES)[number]

/** True for one of ours; a carrier's own words are none. */
export function isFailureCode(code: string): code is FailureCode {
  return (FAILURE_CODES as readonly string[]).includes(code)
}
