import { decodePdu } from './codec.ts'
import { COMMAND_IDS } from './commands.ts'
import { PduError } from './errors.ts'
import { commandIdOf, type Exchange, exchangesOf, sequenceOf } from './exchanges.ts'
import type { Pdu } from './pdu.ts'
import type { RecordedPdu } from './pdu-ring.ts'
import { parseReceipt, receiptIds } from './receipt.ts'
import type { Recording } from './recorder.ts'

/** A recorded PDU that is about the message that was looked for. */
export interface TracedPdu {
  readonly recording: Recording
  readonly pdu: RecordedPdu
}

/** What tells that a PDU is about a message. */
export interface TraceMarks {
  /** Knows the tag of a submit of ours. */
  readonly isTag: (tag: unknown) => boolean
  /** Knows the id that the SMSC has given the message, as a response or a request names it. */
  readonly isId: (id: string) => boolean
  /** Knows a receipt for the message, by the ids that it names and the addresses that it has. */
  readonly isReceipt: (ids: readonly string[], addresses: readonly string[]) => boolean
}

const SUBMITS: ReadonlySet<number> = new Set([COMMAND_IDS.submit_sm, COMMAND_IDS.data_sm])

/**
 * The PDUs about one message that a recording still has, oldest first: its submits, its receipts, and
 * what was asked about it by its id; each with its response.
 */
export function tracePdus(recording: Recording, marks: TraceMarks): TracedPdu[] {
  const sequences = new Set(recording.sequencesOf(marks.isTag))
  return exchangesOf(recording.pdus())
    .filter((exchange) => isSubmit(exchange, sequences) || isAbout(exchange, marks))
    .flatMap(({ request, response }) => [request, response])
    .flatMap((pdu) => (pdu === undefined ? [] : [{ recording, pdu }]))
    .sort((one, other) => one.pdu.number - other.pdu.number)
}

function isSubmit({ request, response }: Exchange, sequences: ReadonlySet<number>): boolean {
  if (request !== undefined) {
    return request.isSent && SUBMITS.has(commandIdOf(request)) && sequences.has(sequenceOf(request))
  }
  return response !== undefined && !response.isSent && sequences.has(sequenceOf(response))
}

function isAbout({ request, response }: Exchange, marks: TraceMarks): boolean {
  const asked = decoded(request)
  switch (asked?.command) {
    case 'deliver_sm':
    case 'data_sm': {
      // Whether a receipt is marked as one was judged before; its id decides.
      const receipt = parseReceipt(asked, { heuristic: true })
      if (!receipt) break
      return marks.isReceipt(receiptIds(receipt), [asked.source_addr, asked.destination_addr])
    }
    case 'query_sm':
    case 'cancel_sm':
    case 'replace_sm':
      return marks.isId(asked.message_id)
  }
  const answer = decoded(response)
  return answer?.command === 'submit_sm_resp' && marks.isId(answer.message_id)
}

/** Undefined for a PDU that is cut or cannot be decoded. */
function decoded(pdu: RecordedPdu | undefined): Pdu | undefined {
  if (pdu === undefined || pdu.octets.length < pdu.wireOctets) return undefined
  try {
    return decodePdu(pdu.octets)
  } catch (error) {
    if (error instanceof PduError) return undefined
    throw error
  }
}
