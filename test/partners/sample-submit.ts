import type { SubmitSm } from '../../src/smpp/pdu.ts'

/** A partner's plain submit_sm. */
export const SUBMIT: SubmitSm = {
  command: 'submit_sm',
  command_status: 0,
  sequence_number: 1,
  service_type: '',
  source_addr_ton: 5,
  source_addr_npi: 0,
  source_addr: 'ACME',
  dest_addr_ton: 1,
  dest_addr_npi: 1,
  destination_addr: '447700900123',
  esm_class: 0,
  protocol_id: 0,
  priority_flag: 0,
  schedule_delivery_time: '',
  validity_period: '',
  registered_delivery: 1,
  replace_if_present_flag: 0,
  data_coding: 0,
  sm_default_msg_id: 0,
  short_message: Buffer.from('hello'),
  tlvs: [],
}
