import { EncodingError } from './errors.ts'

/** One information element of a user data header, whatever its identifier. */
export interface InformationElement {
  readonly id: number
  readonly data: Buffer
}

/** Which part of which long message a segment is. */
export interface Concatenation {
  /** How the sender said it: 8-bit or 16-bit reference in the header, or SAR parameters. */
  readonly method: 'udh8' | 'udh16' | 'sar'
  readonly reference: number
  /** 1 to 255. */
  readonly total: number
  /** 1 to `total`. */
  readonly sequence: number
}

/** Application port addressing. */
export interface Ports {
  readonly width: 8 | 16
  readonly destination: number
  readonly source: number
}

/** A user data header that was read; the elements are views of the octets it was read from. */
export interface UserDataHeader {
  /** Its length in octets, the length octet included. */
  readonly octets: number
  /** Every element, unknown and repeated ones included, in wire order. */
  readonly elements: readonly InformationElement[]
  readonly concat: Concatenation | undefined
  readonly ports: Ports | undefined
  /** Language identifier of the locking shift table as received; 0 when there is none. */
  readonly lockingShift: number
  /** Language identifier of the single shift table as received; 0 when there is none. */
  readonly singleShift: number
}

/** In `esm_class`: SMPP v3.4, section 5.2.12. */
const UDH_INDICATOR = 0x40
const CONCAT_8 = 0x00
const PORTS_8 = 0x04
const PORTS_16 = 0x05
const CONCAT_16 = 0x08
const SINGLE_SHIFT = 0x24
const LOCKING_SHIFT = 0x25

/**
 * Reads the user data header at the start of a message whose `esm_class` has the UDH indicator.
 *
 * Elements may come in any order; of repeated ones the last valid one counts. A concatenation with
 * total 0, sequence 0 or sequence above total is ignored.
 *
 * @returns undefined when the header runs past the message or an element past the header: then the
 *   message has no header, and all of it is data
 * @see 3GPP TS 23.040, section 9.2.3.24
 */
export function parseUdh(message: Buffer): UserDataHeader | undefined {
  const octets = 1 + (message[0] ?? 0)
  if (message.length < octets) return undefined
  const elements: InformationElement[] = []
  let concat: Concatenation | undefined
  let ports: Ports | undefined
  let lockingShift = 0
  let singleShift = 0
  for (let offset = 1; offset < octets; ) {
    const start = offset + 2
    const end = start + (message[offset + 1] ?? 0)
    if (start > octets || end > octets) return undefined
    const element = { id: message[offset] ?? 0, data: message.subarray(start, end) }
    elements.push(element)
    concat = readConcat(element) ?? concat
    ports = readPorts(element) ?? ports
    if (element.id === SINGLE_SHIFT) singleShift = element.data[0] ?? singleShift
    if (element.id === LOCKING_SHIFT) lockingShift = element.data[0] ?? lockingShift
    offset = end
  }
  return { octets, elements, concat, ports, lockingShift, singleShift }
}

/**
 * Builds a user data header, its length octet included; empty when there are no elements.
 *
 * @throws {EncodingError} `udh_invalid` when the elements take more than 139 octets (none would be
 *   left for text) or an identifier is no octet
 */
export function buildUdh(elements: readonly InformationElement[]): Buffer {
  if (elements.length === 0) return Buffer.alloc(0)
  const length = elements.reduce((sum, { data }) => sum + 2 + data.length, 0)
  if (length > 139) {
    throw new EncodingError('udh_invalid', `user data header of ${length} octets, at most 139`)
  }
  const header = Buffer.alloc(1 + length)
  let offset = header.writeUInt8(length, 0)
  for (const { id, data } of elements) {
    if (!Number.isInteger(id) || id < 0 || id > 0xff) {
      throw new EncodingError('udh_invalid', `information element identifier ${id} is no octet`)
    }
    offset = header.writeUInt8(id, offset)
    offset = header.writeUInt8(data.length, offset)
    offset += data.copy(header, offset)
  }
  return header
}

/**
 * The element that says which part of a long message this is; the reference is cut to its width.
 *
 * @param concat - `method` must be `udh8` or `udh16`: SAR goes into parameters
 * @throws {EncodingError} `part_invalid` unless 1 <= sequence <= total <= 255
 */
export function concatElement(
  concat: Concatenation & { readonly method: 'udh8' | 'udh16' },
): InformationElement {
  const { method, reference, total, sequence } = concat
  checkPart(total, sequence)
  return method === 'udh8'
    ? { id: CONCAT_8, data: Buffer.from([reference, total, sequence]) }
    : { id: CONCAT_16, data: Buffer.from([reference >> 8, reference, total, sequence]) }
}

/** The elements that announce national tables, none for the language 0 (default). */
export function shiftElements(lockingShift: number, singleShift: number): InformationElement[] {
  const elements: InformationElement[] = []
  if (singleShift > 0) elements.push({ id: SINGLE_SHIFT, data: Buffer.from([singleShift]) })
  if (lockingShift > 0) elements.push({ id: LOCKING_SHIFT, data: Buffer.from([lockingShift]) })
  return elements
}

/** The element that addresses application ports; the numbers are cut to their width. */
export function portsElement({ width, destination, source }: Ports): InformationElement {
  if (width === 8) return { id: PORTS_8, data: Buffer.from([destination, source]) }
  const data = Buffer.from([destination >> 8, destination, source >> 8, source])
  return { id: PORTS_16, data }
}

/**
 * Refuses part numbers that no long message can have.
 *
 * @throws {EncodingError} `part_invalid` unless 1 <= sequence <= total <= 255
 */
export function checkPart(total: number, sequence: number): void {
  const whole = Number.isInteger(total) && Number.isInteger(sequence)
  if (whole && sequence >= 1 && sequence <= total && total <= 255) return
  throw new EncodingError('part_invalid', `part ${sequence} of ${total}: 1 <= part <= total <= 255`)
}

function readConcat({ id, data }: InformationElement): Concatenation | undefined {
  const long = id === CONCAT_16
  if (id !== CONCAT_8 && !long) return undefined
  if (data.length !== (long ? 4 : 3)) return undefined
  const reference = long ? data.readUInt16BE(0) : data.readUInt8(0)
  const total = data.readUInt8(data.length - 2)
  const sequence = data.readUInt8(data.length - 1)
  if (sequence === 0 || sequence > total) return undefined
  return { method: long ? 'udh16' : 'udh8', reference, total, sequence }
}

function readPorts({ id, data }: InformationElement): Ports | undefined {
  if (id === PORTS_8 && data.length === 2) {
    return { width: 8, destination: data.readUInt8(0), source: data.readUInt8(1) }
  }
  if (id === PORTS_16 && data.length === 4) {
    return { width: 16, destination: data.readUInt16BE(0), source: data.readUInt16BE(2) }
  }
  return undefined
}

/** A message cut behind its user data header; the parts are views of it. */
export interface CutMessage {
  /** Undefined: it has none, and all of it is `body`. */
  readonly udh: UserDataHeader | undefined
  readonly header: Buffer
  readonly body: Buffer
}

/** Cuts a message behind its header, where `esmClass` says that there is one and it makes sense. */
export function cutAtHeader(esmClass: number, message: Buffer): CutMessage {
  const udh = esmClass & UDH_INDICATOR ? parseUdh(message) : undefined
  const octets = udh?.octets ?? 0
  return { udh, header: message.subarray(0, octets), body: message.subarray(octets) }
}
