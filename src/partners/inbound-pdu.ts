import type { PartnerAlphabet } from '../config/partner-access.ts'
import type { InboundPayload, InboundPdu } from '../messages/telling.ts'
import type { PduInput } from '../smpp/pdu.ts'
import { octetsTlv } from '../smpp/tlv.ts'
import { addressFields } from './address.ts'
import { inAlphabet } from './partner-alphabet.ts'

const FIRST_VERSION_WITH_TLVS = 0x34
const MAX_SHORT_MESSAGE = 254

/**
 * The deliver_sm that carries one part of a handset's message to a partner, as it came.
 *
 * @param alphabet - what the partner means by data_coding 0
 */
export function inboundPdu(
  { from, to }: InboundPayload,
  pdu: InboundPdu,
  interfaceVersion: number,
  alphabet: PartnerAlphabet,
): PduInput {
  const { esmClass, dataCoding } = pdu
  const message = { esmClass, dataCoding, octets: Buffer.from(pdu.octets, 'base64') }
  const octets = inAlphabet(message, alphabet)
  const source = addressFields(from)
  const destination = addressFields(to)
  const tlvs = pdu.tlvs.map(([tag, base64]) => octetsTlv(tag, Buffer.from(base64, 'base64')))
  const isLong = octets.length > MAX_SHORT_MESSAGE
  if (isLong) tlvs.push(octetsTlv('message_payload', octets))
  return {
    command: 'deliver_sm',
    service_type: pdu.serviceType,
    source_addr_ton: source.ton,
    source_addr_npi: source.npi,
    source_addr: source.address,
    dest_addr_ton: destination.ton,
    dest_addr_npi: destination.npi,
    destination_addr: destination.address,
    esm_class: esmClass,
    protocol_id: pdu.protocolId,
    priority_flag: pdu.priorityFlag,
    data_coding: dataCoding,
    // A partner of v3.3 has nowhere to put what is longer: it gets the beginning.
    short_message:
      isLong && interfaceVersion >= FIRST_VERSION_WITH_TLVS
        ? Buffer.alloc(0)
        : octets.subarray(0, MAX_SHORT_MESSAGE),
    tlvs: interfaceVersion >= FIRST_VERSION_WITH_TLVS ? tlvs : [],
  }
}
