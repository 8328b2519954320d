import type { Message } from './message.ts'
import { isFinal, type MessageStatus } from './states.ts'

/**
 * True when the partner that submitted a message is owed a receipt for a state.
 *
 * @see SMPP v3.4, section 5.2.17 (registered_delivery)
 */
export function owesReceipt(message: Message, status: MessageStatus): boolean {
  if (message.partner === null || !isFinal(status)) return false
  const wish = message.registeredDelivery & 0x03
  if (wish === 0) return false
  if (wish === 2) return status !== 'delivered'
  if (wish === 3) return status === 'delivered'
  return true
}

const INTERMEDIATE = 0x10

/**
 * True when the partner that submitted a message wants to hear what its carrier says on the way.
 *
 * @see SMPP v3.4, section 5.2.17 (registered_delivery, bit 4)
 */
export function wantsIntermediate({ partner, registeredDelivery }: Message): boolean {
  return partner !== null && (registeredDelivery & INTERMEDIATE) !== 0
}
