import type { CommandName } from './pdu.ts'
import { CommandStatus } from './status.ts'

/**
 * How a mandatory field lies on the wire.
 *
 * - `uint8`: one octet
 * - `cstring`: latin1 up to and including a NUL
 * - `time`: a C-octet string that is empty or has 16 characters
 * - `octets`: one octet of length (sm_length), then that many octets
 * - `destinations`: the list of submit_multi
 * - `failures`: the list of submit_multi_resp
 */
export type FieldType = 'uint8' | 'cstring' | 'time' | 'octets' | 'destinations' | 'failures'

/** One mandatory field of a PDU. */
export interface FieldSpec {
  /** The name in the specification. */
  readonly name: string
  readonly type: FieldType
  /** Strings: octets, the NUL included. Octets: octets. Lists: entries. Numbers: the value. */
  readonly max: number
  /** The `command_status` that a request earns with a value beyond `max`. */
  readonly status: number
}

/** Octets of an address, the NUL included. */
export const ADDRESS_MAX_OCTETS = 21
/** Octets of a distribution list's name, the NUL included. */
export const LIST_NAME_MAX_OCTETS = 21
/** Octets of short_message: SMPP v3.4, section 5.2.21; v5.0 allows 255. */
export const SHORT_MESSAGE_MAX_OCTETS = 254
/** Destinations of one submit_multi. */
export const DESTINATIONS_MAX = 254

const DATA_ADDRESS_MAX_OCTETS = 65
const MESSAGE_ID_MAX_OCTETS = 65
const TIME_MAX_OCTETS = 17

const uint8 = (name: string): FieldSpec => ({
  name,
  type: 'uint8',
  max: 0xff,
  status: CommandStatus.ESME_RINVCMDLEN,
})
const cstring = (name: string, max: number, status: number): FieldSpec => ({
  name,
  type: 'cstring',
  max,
  status,
})
const time = (name: string, status: number): FieldSpec => ({
  name,
  type: 'time',
  max: TIME_MAX_OCTETS,
  status,
})

const serviceType = cstring('service_type', 6, CommandStatus.ESME_RINVSERTYP)
const systemId = cstring('system_id', 16, CommandStatus.ESME_RINVSYSID)
const password = cstring('password', 9, CommandStatus.ESME_RINVPASWD)
const messageId = cstring('message_id', MESSAGE_ID_MAX_OCTETS, CommandStatus.ESME_RINVMSGID)
const schedule = time('schedule_delivery_time', CommandStatus.ESME_RINVSCHED)
const validity = time('validity_period', CommandStatus.ESME_RINVEXPIRY)
const shortMessage: FieldSpec = {
  name: 'short_message',
  type: 'octets',
  max: SHORT_MESSAGE_MAX_OCTETS,
  status: CommandStatus.ESME_RINVMSGLEN,
}

const source = (max: number): readonly FieldSpec[] => [
  uint8('source_addr_ton'),
  uint8('source_addr_npi'),
  cstring('source_addr', max, CommandStatus.ESME_RINVSRCADR),
]
const destination = (max: number): readonly FieldSpec[] => [
  uint8('dest_addr_ton'),
  uint8('dest_addr_npi'),
  cstring('destination_addr', max, CommandStatus.ESME_RINVDSTADR),
]
const bind: readonly FieldSpec[] = [
  systemId,
  password,
  cstring('system_type', 13, CommandStatus.ESME_RINVSYSTYP),
  uint8('interface_version'),
  uint8('addr_ton'),
  uint8('addr_npi'),
  cstring('address_range', 41, CommandStatus.ESME_RBINDFAIL),
]
const messageAfterAddresses: readonly FieldSpec[] = [
  uint8('esm_class'),
  uint8('protocol_id'),
  uint8('priority_flag'),
  schedule,
  validity,
  uint8('registered_delivery'),
  uint8('replace_if_present_flag'),
  uint8('data_coding'),
  uint8('sm_default_msg_id'),
  shortMessage,
]
const message: readonly FieldSpec[] = [
  serviceType,
  ...source(ADDRESS_MAX_OCTETS),
  ...destination(ADDRESS_MAX_OCTETS),
  ...messageAfterAddresses,
]

/**
 * The mandatory fields of every PDU in wire order; the codec is made from this table.
 *
 * @see SMPP v3.4, section 4; SMPP v5.0, section 4
 */
export const BODY_FIELDS: Readonly<Record<CommandName, readonly FieldSpec[]>> = {
  bind_receiver: bind,
  bind_receiver_resp: [systemId],
  bind_transmitter: bind,
  bind_transmitter_resp: [systemId],
  bind_transceiver: bind,
  bind_transceiver_resp: [systemId],
  outbind: [systemId, password],
  unbind: [],
  unbind_resp: [],
  enquire_link: [],
  enquire_link_resp: [],
  generic_nack: [],
  submit_sm: message,
  submit_sm_resp: [messageId],
  deliver_sm: message,
  deliver_sm_resp: [messageId],
  submit_multi: [
    serviceType,
    ...source(ADDRESS_MAX_OCTETS),
    {
      name: 'dest_address',
      type: 'destinations',
      max: DESTINATIONS_MAX,
      status: CommandStatus.ESME_RINVNUMDESTS,
    },
    ...messageAfterAddresses,
  ],
  submit_multi_resp: [
    messageId,
    {
      name: 'unsuccess_sme',
      type: 'failures',
      max: 0xff,
      status: CommandStatus.ESME_RINVNUMDESTS,
    },
  ],
  data_sm: [
    serviceType,
    ...source(DATA_ADDRESS_MAX_OCTETS),
    ...destination(DATA_ADDRESS_MAX_OCTETS),
    uint8('esm_class'),
    uint8('registered_delivery'),
    uint8('data_coding'),
  ],
  data_sm_resp: [messageId],
  query_sm: [messageId, ...source(ADDRESS_MAX_OCTETS)],
  query_sm_resp: [
    messageId,
    time('final_date', CommandStatus.ESME_RINVEXPIRY),
    uint8('message_state'),
    uint8('error_code'),
  ],
  cancel_sm: [
    serviceType,
    messageId,
    ...source(ADDRESS_MAX_OCTETS),
    ...destination(ADDRESS_MAX_OCTETS),
  ],
  cancel_sm_resp: [],
  replace_sm: [
    messageId,
    ...source(ADDRESS_MAX_OCTETS),
    schedule,
    validity,
    uint8('registered_delivery'),
    uint8('sm_default_msg_id'),
    shortMessage,
  ],
  replace_sm_resp: [],
  alert_notification: [
    ...source(DATA_ADDRESS_MAX_OCTETS),
    uint8('esme_addr_ton'),
    uint8('esme_addr_npi'),
    cstring('esme_addr', DATA_ADDRESS_MAX_OCTETS, CommandStatus.ESME_RINVDSTADR),
  ],
  broadcast_sm: [
    serviceType,
    ...source(ADDRESS_MAX_OCTETS),
    messageId,
    uint8('priority_flag'),
    schedule,
    validity,
    uint8('replace_if_present_flag'),
    uint8('data_coding'),
    uint8('sm_default_msg_id'),
  ],
  broadcast_sm_resp: [messageId],
  query_broadcast_sm: [messageId, ...source(ADDRESS_MAX_OCTETS)],
  query_broadcast_sm_resp: [messageId],
  cancel_broadcast_sm: [serviceType, messageId, ...source(ADDRESS_MAX_OCTETS)],
  cancel_broadcast_sm_resp: [],
}
