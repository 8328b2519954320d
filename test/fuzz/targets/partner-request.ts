import { GatewayError } from '../../../src/core/errors.ts'
import { duplicateKeyOf } from '../../../src/partners/duplicate-key.ts'
import { requestOf } from '../../../src/partners/mapping.ts'
import { commandStatusOf } from '../../../src/partners/status.ts'
import { decodePdu } from '../../../src/smpp/codec.ts'
import { PduError } from '../../../src/smpp/errors.ts'
import { mutatedPdus } from '../mutation.ts'
import { PDU_SEEDS } from '../seeds.ts'
import type { FuzzTarget } from '../target.ts'

const NOW = new Date('2026-01-01T00:00:00Z')
/** An index takes no longer key. */
const MAX_KEY_LENGTH = 300
const SUBMIT_SM = 4
/** ASCII and Latin-1. */
const HAS_BOTH = new Set([1, 3])

/** What a partner submits becomes a request of ours, or a refusal with a status of its own. */
export const partnerRequestTarget: FuzzTarget<Buffer> = {
  name: 'partner request',
  cases: mutatedPdus(PDU_SEEDS.filter((octets) => octets.readUInt32BE(4) === SUBMIT_SM)),
  check(frame) {
    let pdu: ReturnType<typeof decodePdu>
    try {
      pdu = decodePdu(frame)
    } catch (error) {
      if (error instanceof PduError) return 'undecodable'
      throw error
    }
    if (pdu.command !== 'submit_sm') return 'another command'
    for (const by of ['user_message_reference', 'content', '0x1400']) {
      const key = duplicateKeyOf(pdu, by)
      if (key !== undefined && key.length > MAX_KEY_LENGTH) throw new Error(`${key.length} long`)
    }
    try {
      const { text, raw } = requestOf(pdu, 'partner', NOW)
      // Octets have a text where it says the same.
      if (raw && text !== '' && !HAS_BOTH.has(pdu.data_coding)) throw new Error('octets and a text')
      return raw === null ? 'text' : 'octets'
    } catch (error) {
      if (!(error instanceof GatewayError)) throw error
      if (commandStatusOf(error) === 8) throw new Error(`${error.code} has no status of its own`)
      return error.code
    }
  },
}
