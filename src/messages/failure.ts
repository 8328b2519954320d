/**
 * Carriers' refusals in our own words: one table, so that a sender sees the same code for the same
 * failure whichever carrier reports it. Codes are part of the public contract.
 *
 * @see SMPP v3.4, section 5.1.3 (command_status)
 */
const CODE_BY_STATUS: Readonly<Record<number, string>> = {
  1: 'message_length_invalid',
  8: 'carrier_error',
  10: 'sender_invalid',
  11: 'destination_invalid',
  20: 'carrier_queue_full',
  69: 'carrier_refused',
  72: 'sender_invalid',
  73: 'sender_invalid',
  80: 'destination_invalid',
  81: 'destination_invalid',
  88: 'carrier_throttled',
  97: 'schedule_invalid',
  98: 'validity_invalid',
  256: 'carrier_unauthorised',
  257: 'carrier_unauthorised',
  260: 'encoding_refused',
}

/**
 * The normalised error code of a refused submit: `carrier_refused` for what has no word
 * yet, `not_encodable` for null: what we could not make a PDU of.
 */
export function failureCode(commandStatus: number | null): string {
  if (commandStatus === null) return 'not_encodable'
  return CODE_BY_STATUS[commandStatus] ?? 'carrier_refused'
}
