import type { SmppCarrierConfig } from '../config/smpp-carriers.ts'
import { PLAIN } from '../core/pass-through.ts'
import { receiptKeys, responseKey } from '../smpp/id-profile.ts'
import type { DataSm, DeliverSm, Pdu, PduInput, SubmitSmResp, Tlv } from '../smpp/pdu.ts'
import { type Receipt, receiptIds } from '../smpp/receipt.ts'
import { STATES, stateOfNumber } from '../smpp/receipt-state.ts'
import { CommandStatus, statusInfo } from '../smpp/status.ts'
import { formatAbsoluteTime, formatRelativeTime } from '../smpp/time.ts'
import { findTlv, intTlv, TlvTag, tlvInt, tlvSpec } from '../smpp/tlv.ts'
import type {
  CarrierReceipt,
  OutboundMessage,
  QueryOutcome,
  SegmentOutcome,
  SubmittedSegment,
} from './carrier.ts'
import { messageReference } from './reference.ts'
import type { SegmentFields } from './segments.ts'
import { rawStatus, statusFailure } from './smpp-failure.ts'

/** Longest id that is kept as it came; some carriers answer with anything. */
const MAX_ID_CHARACTERS = 255

/** Intermediate notifications and acknowledgements of the handset, SMPP v3.4 section 5.2.17. */
const MORE_THAN_FINAL_RECEIPTS = 0x1c

/** Of a short code, SMPP v3.4 section 5.2.5. */
const TON_NETWORK_SPECIFIC = 3
const NPI_UNKNOWN = 0

/** Longest receipt text that is kept. */
const MAX_RAW_OCTETS = 1_000

/** A relative time says no more in days; months differ in length. */
const MAX_VALIDITY_SECONDS = 31 * 86_400

/**
 * The submit_sm for one segment.
 *
 * @param number - of the segment, counted from 1
 * @param now - what is left of the message's validity is counted from it
 */
export function submitSm(
  config: SmppCarrierConfig,
  message: OutboundMessage,
  segment: SegmentFields,
  number: number,
  now: Date,
): PduInput {
  const { serviceType, protocolId, priorityFlag } = message.passThrough ?? PLAIN
  return {
    command: 'submit_sm',
    service_type: serviceType,
    ...addressesOf(config, message),
    esm_class: segment.esmClass,
    protocol_id: protocolId,
    priority_flag: priorityFlag,
    validity_period: validityPeriod(config, message.expiresAt, now),
    registered_delivery:
      config.registeredDelivery | (message.registeredDelivery & MORE_THAN_FINAL_RECEIPTS),
    data_coding: segment.dataCoding,
    short_message: segment.shortMessage,
    tlvs: tlvsOf(config, message, segment, number),
  }
}

/** The segment's own, ours, and those of the partner that the carrier is to have. */
function tlvsOf(
  config: SmppCarrierConfig,
  { id, passThrough }: OutboundMessage,
  segment: SegmentFields,
  number: number,
): readonly Tlv[] {
  const own = config.userMessageReference
    ? [...segment.tlvs, intTlv('user_message_reference', messageReference(id, number))]
    : segment.tlvs
  const passed = (passThrough ?? PLAIN).tlvs.filter(
    ({ tag }) => config.passTlvs === 'all' || (config.passTlvs === 'vendor' && isVendorTag(tag)),
  )
  if (passed.length === 0) return own
  const taken = new Set(own.map(({ tag }) => tag))
  return [...own, ...passed.filter(({ tag }) => !taken.has(tag))]
}

/** @see SMPP v3.4, section 5.3.1: reserved for vendors; many tags in use lie outside all ranges */
function isVendorTag(tag: number): boolean {
  return tlvSpec(tag) === undefined
}

/**
 * What is left of a message's validity, as the carrier wants it told: at least a second, and no more
 * than the carrier takes. Whole seconds, begun ones counted: many SMSCs read nothing finer.
 *
 * @see SMPP v3.4, sections 5.2.16 (validity_period) and 7.1.1 (time format)
 */
function validityPeriod(
  { validity, validitySeconds = MAX_VALIDITY_SECONDS }: SmppCarrierConfig,
  expiresAt: Date,
  now: Date,
): string {
  if (validity === 'none') return ''
  const leftMs = Math.max(expiresAt.getTime() - now.getTime(), 1_000)
  const toldMs = Math.min(leftMs, validitySeconds * 1_000)
  if (validity === 'relative') return formatRelativeTime(Math.ceil(toldMs / 1_000))
  const endMs = Math.ceil((now.getTime() + toldMs) / 1_000) * 1_000
  return formatAbsoluteTime(new Date(endMs))
}

/** The cancel_sm for one segment: the addresses must be those of its submit, SMPP v3.4 section 4.9. */
export function cancelSm(config: SmppCarrierConfig, segment: SubmittedSegment): PduInput {
  return {
    command: 'cancel_sm',
    message_id: segment.carrierMessageId,
    ...addressesOf(config, segment),
  }
}

/** The query_sm for one segment: id and sender must be those of its submit, SMPP v3.4 section 4.8. */
export function querySm(config: SmppCarrierConfig, segment: SubmittedSegment): PduInput {
  const { source_addr_ton, source_addr_npi, source_addr } = addressesOf(config, segment)
  return {
    command: 'query_sm',
    message_id: segment.carrierMessageId,
    source_addr_ton,
    source_addr_npi,
    source_addr,
  }
}

/** What the response to a query_sm says; a generic_nack is a refusal. */
export function queryOutcomeOf(response: Pdu): QueryOutcome {
  const { command_status: status } = response
  if (status !== CommandStatus.ESME_ROK || response.command !== 'query_sm_resp') {
    const { name, meaning, retry } = statusInfo(status)
    const isLater = retry === 'throttle' || retry === 'queue-full'
    return { kind: isLater ? 'no_answer' : 'refused', reason: `${name} (${meaning})` }
  }
  const state = stateOfNumber(response.message_state)
  const { error_code: error } = response
  return {
    kind: 'state',
    state: state ?? 'UNKNOWN',
    settles: settledState({ state, final: state && STATES[state].final }),
    rawError: error === 0 ? null : String(error),
  }
}

function addressesOf(
  config: SmppCarrierConfig,
  { sender, to }: Pick<OutboundMessage, 'sender' | 'to'>,
) {
  // A short code has no `+`: it is the network's own number.
  const isInternational = to.startsWith('+')
  return {
    source_addr_ton: config.sourceTon ?? sender.ton,
    source_addr_npi: config.sourceNpi ?? sender.npi,
    source_addr: sender.value,
    dest_addr_ton: isInternational ? (config.destinationTon ?? 1) : TON_NETWORK_SPECIFIC,
    dest_addr_npi: isInternational ? (config.destinationNpi ?? 1) : NPI_UNKNOWN,
    destination_addr: config.destinationPlus || !isInternational ? to : to.slice(1),
  }
}

/** What a response says of a segment. */
export function outcomeOf(config: SmppCarrierConfig, response: SubmitSmResp): SegmentOutcome {
  const { command_status: commandStatus, message_id: id } = response
  if (commandStatus === CommandStatus.ESME_ROK) {
    return {
      kind: 'accepted',
      carrierMessageId: id.slice(0, MAX_ID_CHARACTERS),
      matchKey: id === '' ? null : responseKey(id, config.messageIdProfile),
    }
  }
  const { name, meaning, retry } = statusInfo(commandStatus)
  if (retry === 'throttle' || retry === 'queue-full') {
    return { kind: 'throttled', rawCode: rawStatus(commandStatus) }
  }
  return {
    kind: 'refused',
    code: statusFailure(commandStatus),
    rawCode: rawStatus(commandStatus),
    reason: `${name} (${meaning})`,
    class: retry === 'permanent' ? 'message' : 'passing',
  }
}

/** A parsed receipt in the gateway's terms. */
export function receiptOf(
  config: SmppCarrierConfig,
  receipt: Receipt,
  pdu: DeliverSm | DataSm,
): CarrierReceipt {
  return {
    carrier: config.name,
    carrierMessageId: receipt.id ?? '',
    matchKeys: receiptKeys(receiptIds(receipt), config.messageIdProfile),
    state: receipt.state ?? 'UNKNOWN',
    settles: settledState(receipt),
    rawError: receipt.err ?? receipt.networkError?.code.toString() ?? null,
    rawText: rawTextOf(pdu),
    about: {
      recipient: pdu.source_addr,
      sender: pdu.destination_addr,
      submittedAt: receipt.submit?.at ?? null,
      // Carriers may put numbers of their own there; only what we have sent means something.
      reference: config.userMessageReference
        ? (tlvInt(pdu.tlvs, TlvTag.user_message_reference) ?? null)
        : null,
    },
  }
}

/** The receipt's text as it came, for whoever has to find out what a carrier means. */
function rawTextOf(pdu: DeliverSm | DataSm): string {
  const own = pdu.command === 'deliver_sm' ? pdu.short_message : undefined
  const octets = own?.length ? own : findTlv(pdu.tlvs, TlvTag.message_payload)
  return octets?.toString('latin1', 0, MAX_RAW_OCTETS) ?? ''
}

function settledState({
  final,
  state,
}: Pick<Receipt, 'final' | 'state'>): CarrierReceipt['settles'] {
  if (final !== true) return null
  if (state === 'DELIVERED') return 'delivered'
  return state === 'EXPIRED' ? 'expired' : 'undelivered'
}
