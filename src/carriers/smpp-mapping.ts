import type { CarrierConfig } from '../config/schema.ts'
import { encodeSegments, planText, type SegmentOctets, type TextPlan } from '../encoding/segment.ts'
import { replaceTypography } from '../encoding/typography.ts'
import { receiptKeys, responseKey } from '../smpp/id-profile.ts'
import type { DataSm, DeliverSm, PduInput, SubmitSmResp } from '../smpp/pdu.ts'
import { type Receipt, receiptIds } from '../smpp/receipt.ts'
import { CommandStatus, statusInfo } from '../smpp/status.ts'
import { formatRelativeTime } from '../smpp/time.ts'
import { findTlv, TlvTag } from '../smpp/tlv.ts'
import type {
  CarrierReceipt,
  Content,
  OutboundMessage,
  Replacement,
  SegmentOutcome,
} from './carrier.ts'

/** Pauses that a carrier's request for patience is worth; a full queue takes longer to empty. */
const THROTTLED_PAUSE_MS = 500
const QUEUE_FULL_PAUSE_MS = 5_000

/** Longest id that is kept as it came; some carriers answer with anything. */
const MAX_ID_CHARACTERS = 255

/** Longest receipt text that is kept. */
const MAX_RAW_OCTETS = 1_000

/** A text laid out for one carrier. */
export interface PlannedText {
  readonly plan: TextPlan
  readonly replacements: readonly Replacement[]
}

/**
 * Lays a text out as the carrier takes it: its alphabet, its way with long texts.
 *
 * @throws {EncodingError} when the text is too long or has characters the encoding lacks
 */
export function planFor(config: CarrierConfig, content: Content): PlannedText {
  const { text, replacements } = config.transliterate
    ? replaceTypography(content.text)
    : { text: content.text, replacements: [] }
  const plan = planText(text, {
    encoding: content.requestedEncoding,
    longMessages: config.longMessages,
    defaultAlphabet: config.defaultAlphabet,
    maxSegments: content.maxSegments ?? undefined,
  })
  return { plan, replacements }
}

/** The octets of a content, one element for each PDU. */
export function octetsOf(
  content: Content,
  planned: PlannedText | undefined,
  reference: number,
): readonly SegmentOctets[] {
  if (planned) return encodeSegments(planned.plan, reference)
  const raw = content.raw
  if (!raw) return []
  return [
    {
      // Only the UDH indicator belongs to the content; mode and type are the carrier's business.
      esmClass: raw.esmClass & 0x40 ? 0x40 : 0,
      dataCoding: raw.dataCoding,
      shortMessage: raw.octets,
      tlvs: [],
    },
  ]
}

/** The submit_sm for one segment. */
export function submitSm(
  config: CarrierConfig,
  message: OutboundMessage,
  segment: SegmentOctets,
): PduInput {
  const { sender } = message
  return {
    command: 'submit_sm',
    source_addr_ton: config.sourceTon ?? sender.ton,
    source_addr_npi: config.sourceNpi ?? sender.npi,
    source_addr: sender.value,
    dest_addr_ton: config.destinationTon ?? 1,
    dest_addr_npi: config.destinationNpi ?? 1,
    destination_addr: config.destinationPlus ? message.to : message.to.slice(1),
    esm_class: segment.esmClass,
    validity_period:
      config.validitySeconds === undefined ? '' : formatRelativeTime(config.validitySeconds),
    registered_delivery: config.registeredDelivery,
    data_coding: segment.dataCoding,
    short_message: segment.shortMessage,
    tlvs: segment.tlvs,
  }
}

/** What a response says of a segment. */
export function outcomeOf(config: CarrierConfig, response: SubmitSmResp): SegmentOutcome {
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
    const pauseMs = retry === 'throttle' ? THROTTLED_PAUSE_MS : QUEUE_FULL_PAUSE_MS
    return { kind: 'throttled', commandStatus, pauseMs }
  }
  return {
    kind: 'refused',
    commandStatus,
    reason: `${name} (${meaning})`,
    class: retry === 'permanent' ? 'message' : 'passing',
  }
}

/** A parsed receipt in the gateway's terms. */
export function receiptOf(
  config: CarrierConfig,
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
  }
}

/** The receipt's text as it came, for whoever has to find out what a carrier means. */
function rawTextOf(pdu: DeliverSm | DataSm): string {
  const own = pdu.command === 'deliver_sm' ? pdu.short_message : undefined
  const octets = own?.length ? own : findTlv(pdu.tlvs, TlvTag.message_payload)
  return octets?.toString('latin1', 0, MAX_RAW_OCTETS) ?? ''
}

function settledState({ final, state }: Receipt): CarrierReceipt['settles'] {
  if (final !== true) return null
  if (state === 'DELIVERED') return 'delivered'
  return state === 'EXPIRED' ? 'expired' : 'undelivered'
}
