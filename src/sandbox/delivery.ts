import smpp from 'smpp'
import type { PlannedReceipt } from './outcome.ts'

/** A `deliver_sm` that waits or is under way; plain data, so that it survives a restart. */
export interface Delivery {
  readonly sourceTon: number
  readonly sourceNpi: number
  readonly source: string
  readonly destinationTon: number
  readonly destinationNpi: number
  readonly destination: string
  readonly esmClass: number
  readonly dataCoding: number
  /** Octets of `short_message`, one character for each (Latin-1). */
  readonly octets: string
  readonly receipt?: {
    readonly messageId: string
    readonly state: number
    readonly err: string
  }
  /** How often it has been sent. */
  attempts: number
}

/** An address of a submitted message. */
export interface Address {
  readonly ton: number
  readonly npi: number
  readonly address: string
}

const RECEIPT_CLASS = 0x04
const INTERMEDIATE_CLASS = 0x20
const UDH_INDICATOR = 0x40
const INTERMEDIATE_BIT = 0x10
const TEXT_CHARACTERS = 20
const VERSION_3_4 = 0x34
const GSM_NETWORK = 3
const UCS2 = 8
const SEPTETS = { whole: 160, part: 153 }
const OCTETS = { whole: 140, part: 134 }

/** What a receipt is about. */
export interface ReceiptSubject {
  readonly from: Address
  readonly to: Address
  /** The id as receipts write it. */
  readonly messageId: string
  readonly registeredDelivery: number
  readonly text: string
  readonly submittedAt: Date
}

/** A receipt in the layout of SMPP v3.4, appendix B, addresses swapped. */
export function receiptDelivery(
  subject: ReceiptSubject,
  receipt: PlannedReceipt,
  doneAt: Date,
): Delivery {
  const { messageId, submittedAt } = subject
  const { stat, state, err, isIntermediate } = receipt
  const delivered = stat === 'DELIVRD' ? '001' : '000'
  const text = subject.text.slice(0, TEXT_CHARACTERS).replace(/[^ -~]/g, '?')
  const asNotification = isIntermediate && (subject.registeredDelivery & INTERMEDIATE_BIT) !== 0
  return {
    ...between(subject.to, subject.from),
    esmClass: asNotification ? INTERMEDIATE_CLASS : RECEIPT_CLASS,
    dataCoding: 0,
    octets:
      `id:${messageId} sub:001 dlvrd:${delivered} submit date:${dateText(submittedAt)} ` +
      `done date:${dateText(doneAt)} stat:${stat} err:${err} text:${text}`,
    receipt: { messageId, state, err },
    attempts: 0,
  }
}

/**
 * A message from a subscriber, in as many parts as it takes.
 *
 * @param reference - ties the parts together, 0 to 255
 */
export function moDeliveries(
  from: Address,
  to: Address,
  text: string,
  reference: number,
): Delivery[] {
  const isGsm = smpp.encodings.ASCII.match(text)
  const encoding = isGsm ? smpp.encodings.ASCII : smpp.encodings.UCS2
  const limit = isGsm ? SEPTETS : OCTETS
  const common = { ...between(from, to), dataCoding: isGsm ? 0 : UCS2, attempts: 0 }
  const whole = encoding.encode(text)
  if (whole.length <= limit.whole) {
    return [{ ...common, esmClass: 0, octets: whole.toString('latin1') }]
  }
  const parts: string[] = ['']
  // By whole characters, so that no part ends within an escape or a surrogate pair.
  for (const character of text) {
    const octets = encoding.encode(character).toString('latin1')
    const last = parts.at(-1) ?? ''
    if (last.length + octets.length > limit.part) parts.push(octets)
    else parts[parts.length - 1] = last + octets
  }
  return parts.map((octets, index) => {
    const udh = String.fromCharCode(5, 0, 3, reference & 0xff, parts.length, index + 1)
    return { ...common, esmClass: UDH_INDICATOR, octets: udh + octets }
  })
}

/** The fields of the `deliver_sm`; optional parameters only for a peer that may get them. */
export function deliverFields(delivery: Delivery, interfaceVersion: number): smpp.PduFields {
  const { receipt } = delivery
  const fields: smpp.PduFields = {
    source_addr_ton: delivery.sourceTon,
    source_addr_npi: delivery.sourceNpi,
    source_addr: delivery.source,
    dest_addr_ton: delivery.destinationTon,
    dest_addr_npi: delivery.destinationNpi,
    destination_addr: delivery.destination,
    esm_class: delivery.esmClass,
    data_coding: delivery.dataCoding,
    short_message: Buffer.from(delivery.octets, 'latin1'),
  }
  if (receipt === undefined || interfaceVersion < VERSION_3_4) return fields
  const code = Number(receipt.err)
  return {
    ...fields,
    receipted_message_id: receipt.messageId,
    message_state: receipt.state,
    network_error_code: Buffer.from([GSM_NETWORK, code >> 8, code & 0xff]),
  }
}

function between(from: Address, to: Address) {
  return {
    sourceTon: from.ton,
    sourceNpi: from.npi,
    source: from.address,
    destinationTon: to.ton,
    destinationNpi: to.npi,
    destination: to.address,
  }
}

// yyMMddHHmm in UTC.
function dateText(at: Date): string {
  return at.toISOString().replace(/\D/g, '').slice(2, 12)
}
