import type { ReceiptTlvs } from '../config/dialect.ts'
import type { TellingPayload } from '../messages/telling.ts'
import type { PduInput } from '../smpp/pdu.ts'
import { formatReceipt, type ReceiptStyle } from '../smpp/receipt-format.ts'
import { type MessageState, STATES } from '../smpp/receipt-state.ts'
import { addressFields } from './address.ts'
import { stateOf } from './message-state.ts'

/** How a partner's receipts are written. */
export interface ReceiptDialect extends ReceiptStyle {
  /** Optional parameters for binds of version 3.4 and above, for all, for none. */
  readonly tlvs: ReceiptTlvs
}

/** The version that a receipt is written for; undefined: the bind's. */
const VERSION_FOR_TLVS: Readonly<Record<ReceiptTlvs, number | undefined>> = {
  auto: undefined,
  always: 0x34,
  never: 0x33,
}

/** The deliver_sm that carries a receipt to a partner. */
export function receiptPdu(
  payload: TellingPayload,
  interfaceVersion: number,
  dialect: ReceiptDialect,
): PduInput {
  const carrierState = knownState(payload.carrierState)
  const receipt = formatReceipt(
    {
      id: payload.partnerMessageId ?? payload.messageId,
      state: carrierState ?? stateOf(payload.status, interfaceVersion),
      intermediate: carrierState !== undefined,
      submittedAt: new Date(payload.submittedAt),
      doneAt: new Date(payload.doneAt),
      errorCode: /^\d{1,3}$/.test(payload.rawError ?? '') ? Number(payload.rawError) : 0,
    },
    VERSION_FOR_TLVS[dialect.tlvs] ?? interfaceVersion,
    dialect,
  )
  const source = addressFields(payload.to)
  // The sender id of the message is where its receipt goes.
  const destination = addressFields(payload.from)
  return {
    command: 'deliver_sm',
    source_addr_ton: source.ton,
    source_addr_npi: source.npi,
    source_addr: source.address,
    dest_addr_ton: destination.ton,
    dest_addr_npi: destination.npi,
    destination_addr: destination.address,
    ...receipt,
  }
}

/** The state by which a carrier's word is passed on; undefined: the payload is about an event. */
function knownState(state: string | undefined): MessageState | undefined {
  if (state === undefined) return undefined
  return state in STATES ? (state as MessageState) : 'UNKNOWN'
}
