import type { FailureCode } from '../core/failure-code.ts'

/**
 * `command_status` of a response in our own words.
 *
 * @see SMPP v3.4, section 5.1.3; SMPP v5.0, section 4.7.6
 */
export const CODE_BY_STATUS: Readonly<Record<number, FailureCode>> = {
  1: 'message_length_invalid',
  2: 'carrier_request_invalid',
  3: 'carrier_request_invalid',
  4: 'carrier_error',
  5: 'carrier_unauthorised',
  6: 'carrier_request_invalid',
  7: 'carrier_request_invalid',
  8: 'carrier_error',
  10: 'sender_invalid',
  11: 'destination_invalid',
  13: 'carrier_unauthorised',
  14: 'carrier_unauthorised',
  15: 'carrier_unauthorised',
  20: 'carrier_queue_full',
  21: 'carrier_request_invalid',
  66: 'carrier_request_invalid',
  67: 'carrier_request_invalid',
  // "submit_sm failed" is what carriers answer to anything, so it says nothing.
  69: 'carrier_refused',
  72: 'sender_invalid',
  73: 'sender_invalid',
  80: 'destination_invalid',
  81: 'destination_invalid',
  83: 'carrier_unauthorised',
  84: 'carrier_request_invalid',
  88: 'carrier_throttled',
  97: 'schedule_invalid',
  98: 'validity_invalid',
  99: 'carrier_request_invalid',
  192: 'carrier_request_invalid',
  193: 'carrier_request_invalid',
  194: 'carrier_request_invalid',
  195: 'carrier_request_invalid',
  196: 'carrier_request_invalid',
  255: 'carrier_error',
  256: 'carrier_unauthorised',
  257: 'carrier_unauthorised',
  258: 'carrier_error',
  260: 'encoding_refused',
}

// Carriers use the vendor range for what they like, most often credit and filters.
const VENDOR_FIRST = 0x400
const VENDOR_LAST = 0x4ff

/**
 * The normalised error code of a refused submit: `carrier_specific` for the vendor range,
 * `carrier_refused` for what has no word yet.
 */
export function statusFailure(commandStatus: number): FailureCode {
  if (commandStatus >= VENDOR_FIRST && commandStatus <= VENDOR_LAST) return 'carrier_specific'
  return CODE_BY_STATUS[commandStatus] ?? 'carrier_refused'
}

/** A `command_status` as the specification writes it. */
export function rawStatus(commandStatus: number): string {
  return `0x${commandStatus.toString(16).padStart(8, '0')}`
}
