import { SmppError } from './errors.ts'
import { findNul, readLatin1, writeLatin1 } from './latin1.ts'
import type { Tlv } from './pdu.ts'

/** How the value of an optional parameter is read. */
export type TlvType = 'int' | 'cstring' | 'octets'

/** One optional parameter of the specification. */
export interface TlvSpec {
  readonly tag: number
  readonly name: string
  readonly type: TlvType
  /** Octets of the value; a C-octet string counts its NUL. The widest of v3.4 and v5.0. */
  readonly minOctets: number
  readonly maxOctets: number
}

const HEADER_OCTETS = 4
const MAX_VALUE_OCTETS = 0xffff

const ROWS = {
  dest_addr_subunit: [0x0005, 'int', 1, 1],
  dest_network_type: [0x0006, 'int', 1, 1],
  dest_bearer_type: [0x0007, 'int', 1, 1],
  dest_telematics_id: [0x0008, 'int', 2, 2],
  source_addr_subunit: [0x000d, 'int', 1, 1],
  source_network_type: [0x000e, 'int', 1, 1],
  source_bearer_type: [0x000f, 'int', 1, 1],
  source_telematics_id: [0x0010, 'int', 1, 1],
  qos_time_to_live: [0x0017, 'int', 4, 4],
  payload_type: [0x0019, 'int', 1, 1],
  additional_status_info_text: [0x001d, 'cstring', 1, 256],
  receipted_message_id: [0x001e, 'cstring', 1, 65],
  ms_msg_wait_facilities: [0x0030, 'int', 1, 1],
  privacy_indicator: [0x0201, 'int', 1, 1],
  source_subaddress: [0x0202, 'octets', 2, 23],
  dest_subaddress: [0x0203, 'octets', 2, 23],
  user_message_reference: [0x0204, 'int', 2, 2],
  user_response_code: [0x0205, 'int', 1, 1],
  source_port: [0x020a, 'int', 2, 2],
  destination_port: [0x020b, 'int', 2, 2],
  sar_msg_ref_num: [0x020c, 'int', 2, 2],
  language_indicator: [0x020d, 'int', 1, 1],
  sar_total_segments: [0x020e, 'int', 1, 1],
  sar_segment_seqnum: [0x020f, 'int', 1, 1],
  sc_interface_version: [0x0210, 'int', 1, 1],
  callback_num_pres_ind: [0x0302, 'int', 1, 1],
  callback_num_atag: [0x0303, 'octets', 1, 65],
  number_of_messages: [0x0304, 'int', 1, 1],
  callback_num: [0x0381, 'octets', 4, 19],
  dpf_result: [0x0420, 'int', 1, 1],
  set_dpf: [0x0421, 'int', 1, 1],
  ms_availability_status: [0x0422, 'int', 1, 1],
  network_error_code: [0x0423, 'octets', 3, 3],
  message_payload: [0x0424, 'octets', 0, 65535],
  delivery_failure_reason: [0x0425, 'int', 1, 1],
  more_messages_to_send: [0x0426, 'int', 1, 1],
  message_state: [0x0427, 'int', 1, 1],
  congestion_state: [0x0428, 'int', 1, 1],
  ussd_service_op: [0x0501, 'int', 1, 1],
  broadcast_channel_indicator: [0x0600, 'int', 1, 1],
  broadcast_content_type: [0x0601, 'octets', 3, 3],
  broadcast_content_type_info: [0x0602, 'octets', 1, 255],
  broadcast_message_class: [0x0603, 'int', 1, 1],
  broadcast_rep_num: [0x0604, 'int', 2, 2],
  broadcast_frequency_interval: [0x0605, 'octets', 3, 3],
  broadcast_area_identifier: [0x0606, 'octets', 1, 100],
  broadcast_error_status: [0x0607, 'int', 4, 4],
  broadcast_area_success: [0x0608, 'int', 1, 1],
  broadcast_end_time: [0x0609, 'cstring', 17, 17],
  broadcast_service_group: [0x060a, 'octets', 1, 255],
  billing_identification: [0x060b, 'octets', 1, 1024],
  source_network_id: [0x060d, 'cstring', 7, 65],
  dest_network_id: [0x060e, 'cstring', 7, 65],
  source_node_id: [0x060f, 'octets', 6, 6],
  dest_node_id: [0x0610, 'octets', 6, 6],
  dest_addr_np_resolution: [0x0611, 'int', 1, 1],
  dest_addr_np_information: [0x0612, 'octets', 10, 10],
  dest_addr_np_country: [0x0613, 'octets', 1, 5],
  display_time: [0x1201, 'int', 1, 1],
  sms_signal: [0x1203, 'int', 2, 2],
  ms_validity: [0x1204, 'octets', 1, 4],
  alert_on_message_delivery: [0x130c, 'octets', 0, 1],
  its_reply_type: [0x1380, 'int', 1, 1],
  its_session_info: [0x1383, 'octets', 2, 2],
} as const satisfies Readonly<Record<string, readonly [number, TlvType, number, number]>>

/** The name of an optional parameter that the specification defines. */
export type TlvName = keyof typeof ROWS

const NAMES = Object.keys(ROWS) as TlvName[]

/**
 * The tag of each optional parameter.
 *
 * @see SMPP v3.4, section 5.3.2; SMPP v5.0, section 4.8.4
 */
export const TlvTag = Object.fromEntries(NAMES.map((name) => [name, ROWS[name][0]])) as {
  readonly [Name in TlvName]: (typeof ROWS)[Name][0]
}

const SPECS_BY_TAG: ReadonlyMap<number, TlvSpec> = new Map(
  NAMES.map((name) => {
    const [tag, type, minOctets, maxOctets] = ROWS[name]
    return [tag, { tag, name, type, minOctets, maxOctets }]
  }),
)

/** What the specification says about a tag; undefined for vendor tags and unknown ones. */
export function tlvSpec(tag: number): TlvSpec | undefined {
  return SPECS_BY_TAG.get(tag)
}

/** The value of the first parameter with this tag. */
export function findTlv(tlvs: readonly Tlv[], tag: number): Buffer | undefined {
  for (const tlv of tlvs) {
    if (tlv.tag === tag) return tlv.value
  }
  return undefined
}

/** Every value of a parameter that may be repeated, in wire order. */
export function findTlvs(tlvs: readonly Tlv[], tag: number): Buffer[] {
  return tlvs.filter((tlv) => tlv.tag === tag).map((tlv) => tlv.value)
}

/**
 * The first parameter with this tag as an unsigned integer.
 *
 * Reads as many octets as came, because peers send integers in other widths than the
 * specification's; undefined when there is no such parameter, or it has 0 or more than 4 octets.
 */
export function tlvInt(tlvs: readonly Tlv[], tag: number): number | undefined {
  const value = findTlv(tlvs, tag)
  if (value === undefined || value.length === 0 || value.length > 4) return undefined
  return value.readUIntBE(0, value.length)
}

/**
 * The first parameter with this tag as latin1 text up to the first NUL.
 *
 * Many peers leave the NUL out. Undefined when there is no such parameter.
 */
export function tlvString(tlvs: readonly Tlv[], tag: number): string | undefined {
  const value = findTlv(tlvs, tag)
  if (value === undefined) return undefined
  const end = findNul(value, 0, value.length)
  return readLatin1(value, 0, end === -1 ? value.length : end)
}

/**
 * An integer parameter in the width that the specification gives it.
 *
 * @throws {SmppError} `pdu_unencodable` when the value does not fit, or the parameter is no integer
 */
export function intTlv(name: TlvName, value: number): Tlv {
  const [tag, type, , octets] = ROWS[name]
  if (type !== 'int') throw unencodable(`TLV ${name} is no integer`)
  const max = 2 ** (8 * octets) - 1
  if (!Number.isInteger(value) || value < 0 || value > max) {
    throw unencodable(`TLV ${name} is ${value}, not an integer in 0..${max}`)
  }
  const buffer = Buffer.allocUnsafe(octets)
  buffer.writeUIntBE(value, 0, octets)
  return { tag, value: buffer }
}

/**
 * A C-octet string parameter, its NUL added.
 *
 * @throws {SmppError} `pdu_unencodable` when the text is too long or short, is not latin1, holds a
 *   NUL, or the parameter is no C-octet string
 */
export function stringTlv(name: TlvName, text: string): Tlv {
  const [tag, type, min, max] = ROWS[name]
  if (type !== 'cstring') throw unencodable(`TLV ${name} is no C-octet string`)
  if (text.length + 1 < min || text.length + 1 > max) {
    throw unencodable(`TLV ${name} has ${text.length + 1} octets with its NUL, not ${min}..${max}`)
  }
  const value = Buffer.allocUnsafe(text.length + 1)
  const end = writeLatin1(text, value, 0)
  if (end < 0) throw unencodable(`TLV ${name} holds a NUL or a character that is not latin1`)
  value[end] = 0
  return { tag, value }
}

/**
 * A parameter of raw octets; the buffer is not copied.
 *
 * @param tag - a name, or the tag of a vendor's parameter
 * @throws {SmppError} `pdu_unencodable` when the specification allows no value of this length, or
 *   a vendor's tag is not in 0..0xFFFF
 */
export function octetsTlv(tag: TlvName | number, value: Buffer): Tlv {
  const number = typeof tag === 'number' ? tag : TlvTag[tag]
  if (!Number.isInteger(number) || number < 0 || number > 0xffff) {
    throw unencodable(`TLV tag ${number} is not in 0..65535`)
  }
  const spec = SPECS_BY_TAG.get(number)
  const min = spec?.minOctets ?? 0
  const max = spec?.maxOctets ?? MAX_VALUE_OCTETS
  if (value.length < min || value.length > max) {
    throw unencodable(`TLV ${spec?.name ?? number} has ${value.length} octets, not ${min}..${max}`)
  }
  return { tag: number, value }
}

/** Octets that a list of parameters takes on the wire. */
export function tlvsOctets(tlvs: readonly Tlv[]): number {
  let octets = 0
  for (let index = 0; index < tlvs.length; index++) {
    octets += HEADER_OCTETS + (tlvs[index] as Tlv).value.length
  }
  return octets
}

/**
 * Writes a list of parameters; the caller has made room by {@link tlvsOctets}.
 *
 * @returns the offset after the last octet written
 * @throws {SmppError} `pdu_unencodable` when a tag or a length does not fit its two octets
 */
export function writeTlvs(tlvs: readonly Tlv[], target: Buffer, start: number): number {
  let offset = start
  for (let index = 0; index < tlvs.length; index++) {
    const { tag, value } = tlvs[index] as Tlv
    const length = value.length
    if ((tag & 0xffff) !== tag) throw unencodable(`TLV tag ${tag} is not in 0..65535`)
    if (length > MAX_VALUE_OCTETS) {
      throw unencodable(`TLV ${tag} has ${length} octets, maximum ${MAX_VALUE_OCTETS}`)
    }
    target[offset] = tag >> 8
    target[offset + 1] = tag
    target[offset + 2] = length >> 8
    target[offset + 3] = length
    target.set(value, offset + HEADER_OCTETS)
    offset += HEADER_OCTETS + length
  }
  return offset
}

/** What {@link readTlvs} gives for a PDU without optional parameters. */
export const NO_TLVS: readonly Tlv[] = Object.freeze([])

/**
 * Reads the optional parameters that fill the rest of a PDU; the values are views of the frame.
 *
 * One to three octets left over at the end are ignored.
 *
 * @param missingOctets - how many octets the last value may lack; it is cut to what is there
 * @returns undefined when a value runs further past the end
 */
export function readTlvs(
  frame: Buffer,
  start: number,
  missingOctets: number,
): readonly Tlv[] | undefined {
  const end = frame.length
  if (end - start < HEADER_OCTETS) return NO_TLVS
  const tlvs: Tlv[] = []
  let offset = start
  while (end - offset >= HEADER_OCTETS) {
    const tag = ((frame[offset] as number) << 8) | (frame[offset + 1] as number)
    const length = ((frame[offset + 2] as number) << 8) | (frame[offset + 3] as number)
    offset += HEADER_OCTETS
    if (length - (end - offset) > missingOctets) return undefined
    const valueEnd = Math.min(offset + length, end)
    tlvs.push({ tag, value: frame.subarray(offset, valueEnd) })
    offset = valueEnd
  }
  return tlvs
}

function unencodable(message: string): SmppError {
  return new SmppError('pdu_unencodable', message, { retryable: false })
}
