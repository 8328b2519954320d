import type { TellingPayload } from '../messages/telling.ts'
import type { PduInput } from '../smpp/pdu.ts'
import { formatReceipt } from '../smpp/receipt-format.ts'
import { type MessageState, STATES } from '../smpp/receipt-state.ts'
import type { ReceiptDialect } from './account.ts'
import { stateOf } from './message-state.ts'

const TON_INTERNATIONAL = 1
const TON_ALPHANUMERIC = 5

/** The version that a receipt is written for; undefined: the bind's. */
const VERSION_FOR_TLVS: Readonly<Record<ReceiptDialect['tlvs'], number | undefined>> = {
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
  return {
    command: 'deliver_sm',
    source_addr_ton: TON_INTERNATIONAL,
    source_addr_npi: 1,
    source_addr: withoutPlus(payload.to),
    ...destination(payload.from),
    ...receipt,
  }
}

/** The state by which a carrier's word is passed on; undefined: the payload is about an event. */
function knownState(state: string | undefined): MessageState | undefined {
  if (state === undefined) return undefined
  return state in STATES ? (state as MessageState) : 'UNKNOWN'
}

/** The sender id of the message, which its receipt goes to. */
function destination(from: string) {
  const address = withoutPlus(from)
  const isName = /\D/.test(address)
  return {
    dest_addr_ton: isName ? TON_ALPHANUMERIC : from.startsWith('+') ? TON_INTERNATIONAL : 0,
    dest_addr_npi: isName ? 0 : 1,
    destination_addr: address,
  }
}

function withoutPlus(address: string): string {
  return address.startsWith('+') ? address.slice(1) : address
}
