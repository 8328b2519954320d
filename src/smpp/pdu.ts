/**
 * The PDUs of SMPP v3.3, v3.4 and v5.0 as types, in the specification's field names and wire order.
 *
 * @see SMPP v3.4, section 4; SMPP v5.0, section 4
 */

/** One optional parameter; `value` holds the raw octets, whatever the tag's type. */
export interface Tlv {
  readonly tag: number
  readonly value: Buffer
}

/** What every PDU has. */
interface PduBase {
  /** 0 in requests; the result in responses. */
  command_status: number
  /** 1 to 0x7FFFFFFF for requests of ours; responses echo the request's value. */
  sequence_number: number
  /** Optional parameters in wire order, unknown and repeated ones included. */
  tlvs: readonly Tlv[]
}

interface SourceAddress {
  source_addr_ton: number
  source_addr_npi: number
  source_addr: string
}

interface DestinationAddress {
  dest_addr_ton: number
  dest_addr_npi: number
  destination_addr: string
}

interface BindFields {
  system_id: string
  password: string
  system_type: string
  interface_version: number
  addr_ton: number
  addr_npi: number
  address_range: string
}

interface MessageFields {
  esm_class: number
  protocol_id: number
  priority_flag: number
  schedule_delivery_time: string
  validity_period: string
  registered_delivery: number
  replace_if_present_flag: number
  data_coding: number
  sm_default_msg_id: number
  /** Raw octets, at most 254 (255 in v5.0), the UDH included. */
  short_message: Buffer
}

export interface BindReceiver extends PduBase, BindFields {
  command: 'bind_receiver'
}
export interface BindTransmitter extends PduBase, BindFields {
  command: 'bind_transmitter'
}
export interface BindTransceiver extends PduBase, BindFields {
  command: 'bind_transceiver'
}
/** A bind response; a refusal may have come without a body, then `system_id` is empty. */
export interface BindReceiverResp extends PduBase {
  command: 'bind_receiver_resp'
  system_id: string
}
export interface BindTransmitterResp extends PduBase {
  command: 'bind_transmitter_resp'
  system_id: string
}
export interface BindTransceiverResp extends PduBase {
  command: 'bind_transceiver_resp'
  system_id: string
}
export interface Outbind extends PduBase {
  command: 'outbind'
  system_id: string
  password: string
}
export interface Unbind extends PduBase {
  command: 'unbind'
}
export interface UnbindResp extends PduBase {
  command: 'unbind_resp'
}
export interface EnquireLink extends PduBase {
  command: 'enquire_link'
}
export interface EnquireLinkResp extends PduBase {
  command: 'enquire_link_resp'
}
export interface GenericNack extends PduBase {
  command: 'generic_nack'
}
export interface SubmitSm extends PduBase, SourceAddress, DestinationAddress, MessageFields {
  command: 'submit_sm'
  service_type: string
}
export interface DeliverSm extends PduBase, SourceAddress, DestinationAddress, MessageFields {
  command: 'deliver_sm'
  service_type: string
}
export interface SubmitSmResp extends PduBase {
  command: 'submit_sm_resp'
  message_id: string
}
export interface DeliverSmResp extends PduBase {
  command: 'deliver_sm_resp'
  message_id: string
}
export interface DataSmResp extends PduBase {
  command: 'data_sm_resp'
  message_id: string
}
/** One destination of a submit_multi: an SME address, or the name of a distribution list. */
export type DestAddress = DestinationAddress | { dl_name: string }
export interface SubmitMulti extends PduBase, SourceAddress, MessageFields {
  command: 'submit_multi'
  service_type: string
  dest_address: readonly DestAddress[]
}
/** A destination of a submit_multi that was refused, and why. */
export interface UnsuccessSme extends DestinationAddress {
  error_status_code: number
}
export interface SubmitMultiResp extends PduBase {
  command: 'submit_multi_resp'
  message_id: string
  unsuccess_sme: readonly UnsuccessSme[]
}
export interface DataSm extends PduBase, SourceAddress, DestinationAddress {
  command: 'data_sm'
  service_type: string
  esm_class: number
  registered_delivery: number
  data_coding: number
}
export interface QuerySm extends PduBase, SourceAddress {
  command: 'query_sm'
  message_id: string
}
export interface QuerySmResp extends PduBase {
  command: 'query_sm_resp'
  message_id: string
  final_date: string
  message_state: number
  error_code: number
}
export interface CancelSm extends PduBase, SourceAddress, DestinationAddress {
  command: 'cancel_sm'
  service_type: string
  message_id: string
}
export interface CancelSmResp extends PduBase {
  command: 'cancel_sm_resp'
}
export interface ReplaceSm extends PduBase, SourceAddress {
  command: 'replace_sm'
  message_id: string
  schedule_delivery_time: string
  validity_period: string
  registered_delivery: number
  sm_default_msg_id: number
  short_message: Buffer
}
export interface ReplaceSmResp extends PduBase {
  command: 'replace_sm_resp'
}
export interface AlertNotification extends PduBase, SourceAddress {
  command: 'alert_notification'
  esme_addr_ton: number
  esme_addr_npi: number
  esme_addr: string
}
export interface BroadcastSm extends PduBase, SourceAddress {
  command: 'broadcast_sm'
  service_type: string
  message_id: string
  priority_flag: number
  schedule_delivery_time: string
  validity_period: string
  replace_if_present_flag: number
  data_coding: number
  sm_default_msg_id: number
}
export interface BroadcastSmResp extends PduBase {
  command: 'broadcast_sm_resp'
  message_id: string
}
export interface QueryBroadcastSm extends PduBase, SourceAddress {
  command: 'query_broadcast_sm'
  message_id: string
}
export interface QueryBroadcastSmResp extends PduBase {
  command: 'query_broadcast_sm_resp'
  message_id: string
}
export interface CancelBroadcastSm extends PduBase, SourceAddress {
  command: 'cancel_broadcast_sm'
  service_type: string
  message_id: string
}
export interface CancelBroadcastSmResp extends PduBase {
  command: 'cancel_broadcast_sm_resp'
}

/** A request that binds a session. */
export type BindPdu = BindReceiver | BindTransmitter | BindTransceiver

/** Any PDU, told apart by `command`. */
export type Pdu =
  | BindPdu
  | BindReceiverResp
  | BindTransmitterResp
  | BindTransceiverResp
  | Outbind
  | Unbind
  | UnbindResp
  | EnquireLink
  | EnquireLinkResp
  | GenericNack
  | SubmitSm
  | SubmitSmResp
  | DeliverSm
  | DeliverSmResp
  | SubmitMulti
  | SubmitMultiResp
  | DataSm
  | DataSmResp
  | QuerySm
  | QuerySmResp
  | CancelSm
  | CancelSmResp
  | ReplaceSm
  | ReplaceSmResp
  | AlertNotification
  | BroadcastSm
  | BroadcastSmResp
  | QueryBroadcastSm
  | QueryBroadcastSmResp
  | CancelBroadcastSm
  | CancelBroadcastSmResp

/** The name of a PDU, as the specification spells it. */
export type CommandName = Pdu['command']

/** The PDU type with a given name. */
export type PduOf<Name extends CommandName> = Extract<Pdu, { command: Name }>

/**
 * A PDU to be encoded: `command` and the fields that matter; absent numbers are 0, absent strings
 * and octets empty, absent lists empty.
 */
export type PduInput = {
  [Name in CommandName]: { command: Name } & Partial<Omit<PduOf<Name>, 'command'>>
}[CommandName]
