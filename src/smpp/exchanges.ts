import type { RecordedPdu } from './pdu-ring.ts'

/** A request with the response that came for it; either may be missing. */
export interface Exchange {
  readonly request: RecordedPdu | undefined
  response: RecordedPdu | undefined
}

const FIRST_RESPONSE_ID = 0x80000000

/** The `command_id` of a recorded PDU. */
export function commandIdOf({ octets }: RecordedPdu): number {
  return octets.readUInt32BE(4)
}

/** The `sequence_number` of a recorded PDU. */
export function sequenceOf({ octets }: RecordedPdu): number {
  return octets.readUInt32BE(12)
}

/**
 * Pairs the recorded PDUs of one connection: each response with the latest request before it that went
 * the other way with its sequence number.
 */
export function exchangesOf(pdus: readonly RecordedPdu[]): Exchange[] {
  const exchanges: Exchange[] = []
  const open = new Map<string, Exchange>()
  for (const pdu of pdus) {
    if (!pdu.isPdu) continue
    const sequence = sequenceOf(pdu)
    if (commandIdOf(pdu) < FIRST_RESPONSE_ID) {
      const exchange: Exchange = { request: pdu, response: undefined }
      exchanges.push(exchange)
      open.set(`${pdu.isSent} ${sequence}`, exchange)
      continue
    }
    const key = `${!pdu.isSent} ${sequence}`
    const exchange = open.get(key)
    open.delete(key)
    if (exchange === undefined) exchanges.push({ request: undefined, response: pdu })
    else exchange.response = pdu
  }
  return exchanges
}
