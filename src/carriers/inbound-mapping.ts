import { MAX_PASSED_OCTETS, MAX_PASSED_TLVS } from '../core/pass-through.ts'
import type { DefaultAlphabet } from '../encoding/data-coding.ts'
import { recode } from '../encoding/recode.ts'
import type { AlertNotification, DataSm, DeliverSm, Tlv } from '../smpp/pdu.ts'
import { findTlv, TlvTag, tlvInt } from '../smpp/tlv.ts'
import type { CarrierAlert, InboundPart } from './carrier.ts'

const TON_INTERNATIONAL = 1

/**
 * A carrier's deliver_sm or data_sm in the gateway's terms.
 *
 * @param alphabet - what data_coding 0 means at the carrier
 */
export function inboundPartOf(
  pdu: DeliverSm | DataSm,
  carrier: string,
  alphabet: DefaultAlphabet,
): InboundPart {
  const own = pdu.command === 'deliver_sm' ? pdu.short_message : NOTHING
  const octets = own.length > 0 ? own : (findTlv(pdu.tlvs, TlvTag.message_payload) ?? own)
  const { esm_class: esmClass, data_coding: dataCoding } = pdu
  return {
    carrier,
    from: addressOf(pdu.source_addr, pdu.source_addr_ton),
    to: addressOf(pdu.destination_addr, pdu.dest_addr_ton),
    serviceType: pdu.service_type,
    protocolId: pdu.command === 'deliver_sm' ? pdu.protocol_id : 0,
    priorityFlag: pdu.command === 'deliver_sm' ? pdu.priority_flag : 0,
    esmClass,
    dataCoding,
    // A copy: what is kept must not keep the network buffer that it came in.
    octets: Buffer.from(recode({ esmClass, dataCoding, octets }, alphabet, 'gsm7')),
    tlvs: keptTlvs(pdu.tlvs),
  }
}

/** A carrier's alert_notification in the gateway's terms. */
export function alertOf(pdu: AlertNotification, carrier: string): CarrierAlert {
  return {
    carrier,
    handset: addressOf(pdu.source_addr, pdu.source_addr_ton),
    availability: tlvInt(pdu.tlvs, TlvTag.ms_availability_status) ?? null,
  }
}

/** As many as any message has use for: a PDU has room for 16,000, and the carrier wants an answer. */
function keptTlvs(tlvs: readonly Tlv[]): InboundPart['tlvs'] {
  let octets = 0
  return tlvs
    .filter(({ tag }) => tag !== TlvTag.message_payload)
    .slice(0, MAX_PASSED_TLVS)
    .filter(({ value }) => {
      octets += value.length
      return octets <= MAX_PASSED_OCTETS
    })
    .map(({ tag, value }) => ({ tag, value: Buffer.from(value) }))
}

const NOTHING = Buffer.alloc(0)

function addressOf(address: string, ton: number): string {
  return ton === TON_INTERNATIONAL && /^\d+$/.test(address) ? `+${address}` : address
}
