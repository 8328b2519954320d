import { describe, expect, it } from 'vitest'
import { inboundPartOf } from '../../src/carriers/inbound-mapping.ts'
import type { DeliverSm } from '../../src/smpp/pdu.ts'

const MO: DeliverSm = {
  command: 'deliver_sm',
  command_status: 0,
  sequence_number: 1,
  service_type: 'CMT',
  source_addr_ton: 1,
  source_addr_npi: 1,
  source_addr: '447700900123',
  dest_addr_ton: 3,
  dest_addr_npi: 0,
  destination_addr: '60123',
  esm_class: 0,
  protocol_id: 0,
  priority_flag: 0,
  schedule_delivery_time: '',
  validity_period: '',
  registered_delivery: 0,
  replace_if_present_flag: 0,
  data_coding: 0,
  sm_default_msg_id: 0,
  short_message: Buffer.from('hi'),
  tlvs: [],
}

describe('inboundPartOf', () => {
  it('tells numbers from short codes', () => {
    expect(inboundPartOf(MO, 'alpha', 'gsm7')).toMatchObject({
      carrier: 'alpha',
      from: '+447700900123',
      to: '60123',
      serviceType: 'CMT',
      octets: Buffer.from('hi'),
    })
    const named = { ...MO, source_addr_ton: 5, source_addr: 'Bank' }
    expect(inboundPartOf(named, 'alpha', 'gsm7').from).toBe('Bank')
  })

  it('takes the text from message_payload where there is no other, and keeps the rest', () => {
    const vendor = { tag: 0x1400, value: Buffer.from('x') }
    const tlvs = [{ tag: 0x0424, value: Buffer.from('long') }, vendor]
    const part = inboundPartOf({ ...MO, short_message: Buffer.alloc(0), tlvs }, 'alpha', 'gsm7')
    expect(part).toMatchObject({ octets: Buffer.from('long'), tlvs: [vendor] })
  })

  it('keeps no more optional parameters than a message has use for', () => {
    const many = Array.from({ length: 16_000 }, () => ({ tag: 0x1400, value: Buffer.alloc(0) }))
    expect(inboundPartOf({ ...MO, tlvs: many }, 'alpha', 'gsm7').tlvs).toHaveLength(64)
    const large = [1_000, 60_000, 1_000].map((length) => ({
      tag: 0x1400,
      value: Buffer.alloc(length),
    }))
    expect(inboundPartOf({ ...MO, tlvs: large }, 'alpha', 'gsm7').tlvs).toHaveLength(1)
  })
})
