import { decodePdu, readHeader } from './codec.ts'
import { describeCommand } from './commands.ts'
import { PduError } from './errors.ts'
import { type MaskOptions, maskPdu } from './mask.ts'
import type { Pdu, Tlv } from './pdu.ts'
import type { RecordedPdu } from './pdu-ring.ts'
import { statusInfo } from './status.ts'
import { tlvInt, tlvSpec, tlvString } from './tlv.ts'

/** A value of a field: octets as hexadecimal digits and, for people, as characters. */
export type FieldView =
  | number
  | string
  | { readonly hex: string; readonly ascii: string }
  | readonly { readonly [name: string]: FieldView }[]

/** One optional parameter. */
export interface TlvView {
  /** Such as `0x0424`. */
  readonly tag: string
  /** Null for a tag that the specification does not have. */
  readonly name: string | null
  readonly value: FieldView
  readonly hex: string
}

/** A recorded PDU as people read it, without what is nobody's business; see {@link maskPdu}. */
export interface PduView {
  readonly number: number
  readonly at: Date
  readonly direction: 'in' | 'out'
  /** Null for octets that are no PDU. */
  readonly command: string | null
  readonly command_id: string | null
  readonly command_status: { readonly code: number; readonly name: string } | null
  readonly sequence_number: number | null
  /** The mandatory fields under the specification's names. */
  readonly fields: { readonly [name: string]: FieldView }
  readonly tlvs: readonly TlvView[]
  /** Why it could not be decoded; null when it could. */
  readonly error: string | null
  /** Octets on the wire. */
  readonly octets: number
  /** All octets; when it was cut, those that were kept. */
  readonly hex: string
}

/** Decodes a recorded PDU for people. */
export function viewPdu(recorded: RecordedPdu, options: MaskOptions): PduView {
  const octets = maskPdu(recorded, options)
  const { number, at, isSent, isPdu, wireOctets } = recorded
  const about = {
    number,
    at: new Date(at),
    direction: isSent ? ('out' as const) : ('in' as const),
    octets: wireOctets,
    hex: octets.toString('hex'),
  }
  if (!isPdu) {
    const unread = { command: null, command_id: null, command_status: null, sequence_number: null }
    return { ...about, ...unread, ...NOTHING, error: `not a PDU: ${asciiOf(octets)}` }
  }
  const { command_id, command_status, sequence_number } = readHeader(octets)
  const header = {
    command: describeCommand(command_id),
    command_id: `0x${command_id.toString(16).padStart(8, '0')}`,
    command_status: { code: command_status, name: statusInfo(command_status).name },
    sequence_number,
  }
  if (octets.length < wireOctets) {
    const error = `cut: ${octets.length} of ${wireOctets} octets were kept`
    return { ...about, ...header, ...NOTHING, error }
  }
  try {
    return { ...about, ...header, ...bodyOf(decodePdu(octets)), error: null }
  } catch (error) {
    if (!(error instanceof PduError)) throw error
    return { ...about, ...header, ...NOTHING, error: error.message }
  }
}

const NOTHING = { fields: {}, tlvs: [] }

function bodyOf(pdu: Pdu): Pick<PduView, 'fields' | 'tlvs'> {
  const { command: _, command_status: __, sequence_number: ___, tlvs, ...fields } = pdu
  return {
    fields: viewFields(fields),
    tlvs: tlvs.map((tlv) => viewTlv(tlv)),
  }
}

function viewFields(fields: object): { [name: string]: FieldView } {
  return Object.fromEntries(Object.entries(fields).map(([name, value]) => [name, viewValue(value)]))
}

function viewValue(value: number | string | Buffer | readonly object[]): FieldView {
  if (Buffer.isBuffer(value)) return octetsView(value)
  return typeof value === 'object' ? value.map(viewFields) : value
}

function viewTlv(tlv: Tlv): TlvView {
  const { tag, value } = tlv
  const spec = tlvSpec(tag)
  const known = spec?.type === 'int' ? tlvInt([tlv], tag) : undefined
  const text = spec?.type === 'cstring' ? tlvString([tlv], tag) : undefined
  return {
    tag: `0x${tag.toString(16).padStart(4, '0')}`,
    name: spec?.name ?? null,
    value: known ?? text ?? octetsView(value),
    hex: value.toString('hex'),
  }
}

function octetsView(octets: Buffer): { hex: string; ascii: string } {
  return { hex: octets.toString('hex'), ascii: asciiOf(octets) }
}

/** Printable ASCII; anything else is a dot. */
function asciiOf(octets: Buffer): string {
  return octets.toString('latin1').replace(/[^\x20-\x7e]/g, '.')
}
