import { SmppError } from './errors.ts'
import { ADDRESS_MAX_OCTETS, type FieldSpec, LIST_NAME_MAX_OCTETS } from './fields.ts'
import type { DestAddress, UnsuccessSme } from './pdu.ts'

/** The error for a PDU that cannot be put on the wire as it is. */
export function unencodable(message: string): SmppError {
  return new SmppError('pdu_unencodable', message, { retryable: false })
}

/**
 * The octets that a field's value takes on the wire, after checking it.
 *
 * @param value - undefined stands for 0, '', no octets or an empty list
 * @param max - replaces the field's own maximum
 * @throws {SmppError} `pdu_unencodable`, naming the field, the value's size and the maximum
 */
export function fieldOctets(field: FieldSpec, value: unknown, max = field.max): number {
  switch (field.type) {
    case 'uint8':
      checkUint8(field.name, value)
      return 1
    case 'cstring':
      return cstringOctets(field.name, value, max)
    case 'time': {
      const octets = cstringOctets(field.name, value, max)
      if (octets !== 1 && octets !== max) {
        throw unencodable(`${field.name} has ${octets - 1} characters, not 0 or ${max - 1}`)
      }
      return octets
    }
    case 'octets':
      return 1 + octetsLength(field.name, value, max)
    case 'destinations':
      return destinationsOctets(field.name, value, max)
    case 'failures':
      return failuresOctets(field.name, value, max)
  }
}

/**
 * Writes a value that {@link fieldOctets} has checked.
 *
 * @returns the offset after the last octet written
 */
export function writeField(
  type: FieldSpec['type'],
  value: unknown,
  target: Buffer,
  offset: number,
): number {
  switch (type) {
    case 'uint8':
      return target.writeUInt8((value as number | undefined) ?? 0, offset)
    case 'cstring':
    case 'time':
      return writeCString((value as string | undefined) ?? '', target, offset)
    case 'octets': {
      const octets = value as Buffer | undefined
      const start = target.writeUInt8(octets?.length ?? 0, offset)
      if (octets !== undefined) target.set(octets, start)
      return start + (octets?.length ?? 0)
    }
    case 'destinations':
      return writeDestinations((value as readonly DestAddress[] | undefined) ?? [], target, offset)
    case 'failures':
      return writeFailures((value as readonly UnsuccessSme[] | undefined) ?? [], target, offset)
  }
}

function checkUint8(name: string, value: unknown): void {
  if (value !== undefined && !isUnsigned(value, 0xff)) {
    throw unencodable(`${name} is ${String(value)}, not an integer in 0..255`)
  }
}

function cstringOctets(name: string, value: unknown, max: number): number {
  if (value === undefined) return 1
  if (typeof value !== 'string') throw unencodable(`${name} is ${typeof value}, not a string`)
  if (value.length + 1 > max) {
    throw unencodable(`${name} has ${value.length + 1} octets with its NUL, maximum ${max}`)
  }
  for (let index = 0; index < value.length; index++) {
    const code = value.charCodeAt(index)
    if (code === 0 || code > 0xff) {
      const point = `U+${code.toString(16).toUpperCase().padStart(4, '0')}`
      throw unencodable(`${name} holds ${point} at ${index}; it takes latin1 without NUL`)
    }
  }
  return value.length + 1
}

function octetsLength(name: string, value: unknown, max: number): number {
  if (value === undefined) return 0
  if (!(value instanceof Uint8Array)) {
    throw unencodable(`${name} is ${typeof value}, not a Buffer`)
  }
  if (value.length > max) {
    throw unencodable(`${name} has ${value.length} octets, maximum ${max}`)
  }
  return value.length
}

function destinationsOctets(name: string, value: unknown, max: number): number {
  const destinations = checkedList<DestAddress>(name, value, 1, max)
  let octets = 1
  for (const destination of destinations) {
    if ('dl_name' in destination) {
      octets += 1 + cstringOctets('dl_name', destination.dl_name, LIST_NAME_MAX_OCTETS)
    } else {
      octets += 1 + addressOctets(destination)
    }
  }
  return octets
}

function failuresOctets(name: string, value: unknown, max: number): number {
  const failures = checkedList<UnsuccessSme>(name, value, 0, max)
  let octets = 1
  for (const failure of failures) {
    if (!isUnsigned(failure.error_status_code, 0xffffffff)) {
      throw unencodable(`error_status_code is ${failure.error_status_code}, not in 0..0xFFFFFFFF`)
    }
    octets += addressOctets(failure) + 4
  }
  return octets
}

function addressOctets(address: Exclude<DestAddress, { dl_name: string }>): number {
  checkUint8('dest_addr_ton', address.dest_addr_ton)
  checkUint8('dest_addr_npi', address.dest_addr_npi)
  return 2 + cstringOctets('destination_addr', address.destination_addr, ADDRESS_MAX_OCTETS)
}

function checkedList<Entry>(
  name: string,
  value: unknown,
  min: number,
  max: number,
): readonly Entry[] {
  const list = value ?? []
  if (!Array.isArray(list)) throw unencodable(`${name} is ${typeof value}, not a list`)
  if (list.length < min || list.length > max) {
    throw unencodable(`${name} has ${list.length} entries, not ${min}..${max}`)
  }
  return list
}

function writeCString(text: string, target: Buffer, offset: number): number {
  const end = offset + target.write(text, offset, 'latin1')
  return target.writeUInt8(0, end)
}

function writeAddress(
  address: Exclude<DestAddress, { dl_name: string }>,
  target: Buffer,
  start: number,
): number {
  let offset = target.writeUInt8(address.dest_addr_ton ?? 0, start)
  offset = target.writeUInt8(address.dest_addr_npi ?? 0, offset)
  return writeCString(address.destination_addr ?? '', target, offset)
}

function writeDestinations(
  destinations: readonly DestAddress[],
  target: Buffer,
  start: number,
): number {
  let offset = target.writeUInt8(destinations.length, start)
  for (const destination of destinations) {
    if ('dl_name' in destination) {
      offset = target.writeUInt8(2, offset)
      offset = writeCString(destination.dl_name ?? '', target, offset)
    } else {
      offset = target.writeUInt8(1, offset)
      offset = writeAddress(destination, target, offset)
    }
  }
  return offset
}

function writeFailures(failures: readonly UnsuccessSme[], target: Buffer, start: number): number {
  let offset = target.writeUInt8(failures.length, start)
  for (const failure of failures) {
    offset = writeAddress(failure, target, offset)
    offset = target.writeUInt32BE(failure.error_status_code, offset)
  }
  return offset
}

/** Whether a value is an integer in 0..max. */
export function isUnsigned(value: unknown, max: number): value is number {
  return typeof value === 'number' && Number.isInteger(value) && value >= 0 && value <= max
}
