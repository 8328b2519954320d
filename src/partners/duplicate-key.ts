import { createHash } from 'node:crypto'
import { readUserData } from '../encoding/reassembly.ts'
import type { SubmitSm } from '../smpp/pdu.ts'
import { findTlv, TlvTag } from '../smpp/tlv.ts'

/**
 * What a submit_sm has in common with one that a partner sends again; undefined when it has nothing
 * to tell that by, and so is no repetition.
 *
 * The parts of a long message may carry the same reference, so part and destination belong to it.
 *
 * @param by - `user_message_reference`; `content`: sender, number and octets; or the tag of a TLV of
 *   the partner's own, such as `0x1400`
 */
export function duplicateKeyOf(pdu: SubmitSm, by: string): string | undefined {
  if (by === 'content') return `content:${contentHash(pdu)}`
  const tag = by === 'user_message_reference' ? TlvTag.user_message_reference : Number(by)
  const value = findTlv(pdu.tlvs, tag)
  if (!value || value.length === 0) return undefined
  const { concat } = readUserData(pdu.esm_class, pdu.short_message, pdu.tlvs)
  // The longest TLV there is would not fit an index.
  const short = value.length <= 64 ? value.toString('hex') : hashOf(value)
  return `${tag.toString(16)}:${short}:${pdu.destination_addr}:${concat?.sequence ?? 1}`
}

/** As {@link duplicateKeyOf}, for what one submit_multi sends to all of its destinations. */
export function groupKeyOf(pdus: readonly SubmitSm[], by: string): string | undefined {
  const keys = pdus.map((pdu) => duplicateKeyOf(pdu, by))
  if (keys.length === 0 || keys.includes(undefined)) return undefined
  return `multi:${hashOf(Buffer.from(keys.join('\n')))}`
}

function contentHash(pdu: SubmitSm): string {
  const { concat } = readUserData(pdu.esm_class, pdu.short_message, pdu.tlvs)
  const payload = findTlv(pdu.tlvs, TlvTag.message_payload)
  const octets = pdu.short_message.length > 0 || !payload ? pdu.short_message : payload
  const part = concat ? [concat.reference, concat.total, concat.sequence] : []
  const frame = [pdu.source_addr, pdu.destination_addr, pdu.esm_class, pdu.data_coding, ...part]
  return hashOf(Buffer.concat([Buffer.from(`${frame.join('\n')}\n\n`), octets]))
}

function hashOf(octets: Buffer): string {
  return createHash('sha256').update(octets).digest('hex')
}
