import { type BodyCursor, type Leniency, readField } from './body-decoder.ts'
import { fieldOctets, isUnsigned, unencodable, writeField } from './body-encoder.ts'
import { COMMAND_IDS, commandName, describeCommand, isResponse } from './commands.ts'
import { PduError, type PduHeader } from './errors.ts'
import { BODY_FIELDS } from './fields.ts'
import type { CommandName, Pdu, PduInput } from './pdu.ts'
import { CommandStatus } from './status.ts'
import { readTlvs, tlvsOctets, writeTlvs } from './tlv.ts'

const HEADER_OCTETS = 16

/**
 * Encodes from the tables, field by field, and names what is wrong; see `encodePdu`.
 *
 * @param maxMessage - octets of short_message allowed
 * @throws {SmppError} `pdu_unencodable`
 */
export function encodeCarefully(pdu: PduInput, maxMessage: number): Buffer {
  const values = pdu as unknown as Readonly<Record<string, unknown>>
  if (!Object.hasOwn(COMMAND_IDS, pdu.command)) {
    throw unencodable(`there is no command ${String(pdu.command)}`)
  }
  const id = COMMAND_IDS[pdu.command]
  const status = checkedUint32('command_status', pdu.command_status)
  const sequence = checkedUint32('sequence_number', pdu.sequence_number)
  const tlvs = pdu.tlvs ?? []
  let fields = BODY_FIELDS[pdu.command]
  if (
    status !== 0 &&
    isResponse(id) &&
    tlvs.length === 0 &&
    fields.every((field) => values[field.name] === undefined)
  ) {
    fields = []
  }
  let octets = HEADER_OCTETS + tlvsOctets(tlvs)
  for (const field of fields) {
    const max = field.type === 'octets' ? maxMessage : field.max
    octets += fieldOctets(field, values[field.name], max)
  }
  const target = Buffer.allocUnsafe(octets)
  target.writeUInt32BE(octets, 0)
  target.writeUInt32BE(id, 4)
  target.writeUInt32BE(status, 8)
  target.writeUInt32BE(sequence, 12)
  let offset = HEADER_OCTETS
  for (const field of fields) {
    offset = writeField(field.type, values[field.name], target, offset)
  }
  writeTlvs(tlvs, target, offset)
  return target
}

/**
 * Decodes from the tables, field by field; forgives what may be forgiven and names the rest. See
 * `decodePdu`.
 *
 * @throws {PduError}
 */
export function decodeCarefully(frame: Buffer, header: PduHeader): Pdu {
  if (header.command_length !== frame.length) {
    throw new PduError(
      `command_length is ${header.command_length}, the PDU has ${frame.length} octets`,
      header,
      CommandStatus.ESME_RINVCMDLEN,
    )
  }
  const command = commandName(header.command_id)
  if (command === undefined) {
    throw new PduError(
      `${describeCommand(header.command_id)} is not supported`,
      header,
      CommandStatus.ESME_RINVCMDID,
    )
  }
  const leniency = leniencyOf(command)
  const cursor: BodyCursor = { frame, header, leniency, offset: HEADER_OCTETS }
  const pdu: Record<string, unknown> = {
    command,
    command_status: header.command_status,
    sequence_number: header.sequence_number,
    tlvs: [],
  }
  for (const field of BODY_FIELDS[command]) {
    pdu[field.name] = readField(cursor, field)
  }
  const missing = leniency === 'response' ? 0xffff : leniency === 'receipts' ? 1 : 0
  const tlvs = readTlvs(frame, cursor.offset, missing)
  if (tlvs === undefined) {
    throw new PduError('a TLV runs past the end', header, CommandStatus.ESME_RINVTLVSTREAM)
  }
  pdu.tlvs = tlvs
  return pdu as unknown as Pdu
}

function leniencyOf(command: CommandName): Leniency {
  if (isResponse(command)) return 'response'
  return command === 'deliver_sm' || command === 'data_sm' ? 'receipts' : 'strict'
}

function checkedUint32(name: string, value: number | undefined): number {
  if (value === undefined) return 0
  if (!isUnsigned(value, 0xffffffff)) {
    throw unencodable(`${name} is ${value}, not an integer in 0..0xFFFFFFFF`)
  }
  return value
}
