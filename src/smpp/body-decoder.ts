import { PduError, type PduHeader } from './errors.ts'
import { ADDRESS_MAX_OCTETS, type FieldSpec, LIST_NAME_MAX_OCTETS } from './fields.ts'
import type { DestAddress, UnsuccessSme } from './pdu.ts'
import { CommandStatus } from './status.ts'

/**
 * How much of a body may be wrong.
 *
 * - `strict`: requests
 * - `receipts`: deliver_sm and data_sm; carriers announce more octets than they send
 * - `response`: nothing is required, because refusing a response would leave its request open
 */
export type Leniency = 'strict' | 'receipts' | 'response'

/** Where a body is being read; `offset` moves. */
export interface BodyCursor {
  readonly frame: Buffer
  readonly header: PduHeader
  readonly leniency: Leniency
  offset: number
}

/**
 * Reads one mandatory field and moves the cursor behind it.
 *
 * This is the careful reader: it names what is wrong and forgives what may be forgiven. The
 * compiled decoders read only well-formed bodies and leave everything else to it.
 *
 * @throws {PduError} when the field is broken beyond the cursor's leniency
 */
export function readField(cursor: BodyCursor, field: FieldSpec): unknown {
  switch (field.type) {
    case 'uint8':
      return readUint8(cursor, field.name)
    case 'cstring':
      return readCString(cursor, field)
    case 'time':
      return readTime(cursor, field)
    case 'octets':
      return readOctets(cursor, field)
    case 'destinations':
      return readDestinations(cursor, field)
    case 'failures':
      return readFailures(cursor)
  }
}

function readUint8(cursor: BodyCursor, name: string): number {
  const value = cursor.frame[cursor.offset]
  if (value === undefined) {
    if (cursor.leniency === 'response') return 0
    throw broken(cursor, `the body ends before ${name}`, CommandStatus.ESME_RINVCMDLEN)
  }
  cursor.offset++
  return value
}

function readCString(cursor: BodyCursor, field: FieldSpec): string {
  const { frame, offset } = cursor
  const nul = frame.indexOf(0, offset)
  if (cursor.leniency === 'response') {
    // Some carriers leave the NUL of message_id out, and some send longer ids than allowed.
    const end = nul === -1 ? frame.length : nul
    cursor.offset = Math.min(end + 1, frame.length)
    return frame.toString('latin1', offset, end)
  }
  const end = nul === -1 ? frame.length : nul
  if (end - offset + 1 > field.max) {
    throw broken(cursor, `${field.name} is longer than ${field.max} octets`, field.status)
  }
  if (nul === -1) {
    throw broken(cursor, `the body ends inside ${field.name}`, CommandStatus.ESME_RINVCMDLEN)
  }
  cursor.offset = nul + 1
  return frame.toString('latin1', offset, nul)
}

function readTime(cursor: BodyCursor, field: FieldSpec): string {
  const text = readCString(cursor, field)
  if (cursor.leniency === 'strict' && text.length !== 0 && text.length !== field.max - 1) {
    throw broken(
      cursor,
      `${field.name} has ${text.length} characters, not 0 or ${field.max - 1}`,
      field.status,
    )
  }
  return text
}

function readOctets(cursor: BodyCursor, field: FieldSpec): Buffer {
  const length = readUint8(cursor, field.name)
  const there = cursor.frame.length - cursor.offset
  if (length > there && cursor.leniency === 'strict') {
    throw broken(
      cursor,
      `${field.name} announces ${length} octets, the body has ${there}`,
      field.status,
    )
  }
  const start = cursor.offset
  cursor.offset = Math.min(start + length, cursor.frame.length)
  return cursor.frame.subarray(start, cursor.offset)
}

const ADDRESS_FIELD: FieldSpec = {
  name: 'destination_addr',
  type: 'cstring',
  max: ADDRESS_MAX_OCTETS,
  status: CommandStatus.ESME_RINVDSTADR,
}
const LIST_NAME_FIELD: FieldSpec = {
  name: 'dl_name',
  type: 'cstring',
  max: LIST_NAME_MAX_OCTETS,
  status: CommandStatus.ESME_RINVDLNAME,
}

function readDestinations(cursor: BodyCursor, field: FieldSpec): DestAddress[] {
  const count = readUint8(cursor, 'number_of_dests')
  if (count === 0 || count > field.max) {
    throw broken(cursor, `number_of_dests is ${count}, not in 1..${field.max}`, field.status)
  }
  const destinations: DestAddress[] = []
  for (let index = 0; index < count; index++) {
    const flag = readUint8(cursor, 'dest_flag')
    if (flag === 1) {
      destinations.push({
        dest_addr_ton: readUint8(cursor, 'dest_addr_ton'),
        dest_addr_npi: readUint8(cursor, 'dest_addr_npi'),
        destination_addr: readCString(cursor, ADDRESS_FIELD),
      })
    } else if (flag === 2) {
      destinations.push({ dl_name: readCString(cursor, LIST_NAME_FIELD) })
    } else {
      throw broken(cursor, `dest_flag is ${flag}, not 1 or 2`, CommandStatus.ESME_RINVDESTFLAG)
    }
  }
  return destinations
}

/** Entries that the body cuts short are left out. */
function readFailures(cursor: BodyCursor): UnsuccessSme[] {
  const { frame } = cursor
  const count = readUint8(cursor, 'no_unsuccess')
  const failures: UnsuccessSme[] = []
  for (let index = 0; index < count && cursor.offset < frame.length; index++) {
    const dest_addr_ton = readUint8(cursor, 'dest_addr_ton')
    const dest_addr_npi = readUint8(cursor, 'dest_addr_npi')
    const destination_addr = readCString(cursor, ADDRESS_FIELD)
    if (frame.length - cursor.offset < 4) {
      cursor.offset = frame.length
      break
    }
    const error_status_code = frame.readUInt32BE(cursor.offset)
    cursor.offset += 4
    failures.push({ dest_addr_ton, dest_addr_npi, destination_addr, error_status_code })
  }
  return failures
}

function broken(cursor: BodyCursor, message: string, status: number): PduError {
  return new PduError(message, cursor.header, status)
}
