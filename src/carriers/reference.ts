import { createHash } from 'node:crypto'

/**
 * The `user_message_reference` of a segment: 16 bits that follow from the message's id alone, so
 * that they are known after a crash without having been stored.
 *
 * @param segment - counted from 1
 * @see SMPP v3.4, section 5.3.2.17
 */
export function messageReference(messageId: string, segment: number): number {
  return createHash('sha256').update(`${messageId}/${segment}`).digest().readUInt16BE(0)
}
