import { decodeCarefully, encodeCarefully } from './careful-codec.ts'
import { commandName } from './commands.ts'
import { compileCodecs } from './compile.ts'
import { PduError, type PduHeader } from './errors.ts'
import { SHORT_MESSAGE_MAX_OCTETS } from './fields.ts'
import type { Pdu, PduInput } from './pdu.ts'
import { CommandStatus } from './status.ts'

const HEADER_OCTETS = 16
const FAST = compileCodecs()

/** How {@link encodePdu} checks. */
export interface EncodeOptions {
  /** 254 by v3.4 (the default); 255 towards a v5.0 peer. */
  readonly maxShortMessageOctets?: 254 | 255
}

/**
 * The header of a whole PDU, without looking at its body.
 *
 * @param frame - at least 16 octets, as {@link FrameDecoder} returns them
 */
export function readHeader(frame: Buffer): PduHeader {
  return {
    command_length: frame.readUInt32BE(0),
    command_id: frame.readUInt32BE(4),
    command_status: frame.readUInt32BE(8),
    sequence_number: frame.readUInt32BE(12),
  }
}

/**
 * Puts a PDU into octets, in a buffer of its own.
 *
 * A response with a non-zero `command_status` of which no mandatory field is given and that has no
 * TLVs is sent as its header alone; giving any of them, even as an empty string, sends the whole
 * body. Nothing is truncated to fit.
 *
 * @throws {SmppError} `pdu_unencodable` when a field is too long or out of range; the message names
 *   the field, the value's size and the maximum
 * @see SMPP v3.4, section 4
 */
export function encodePdu(pdu: PduInput, options?: EncodeOptions): Buffer {
  const maxMessage = options?.maxShortMessageOctets ?? SHORT_MESSAGE_MAX_OCTETS
  return FAST.get(pdu.command)?.encode(pdu, maxMessage) ?? encodeCarefully(pdu, maxMessage)
}

/**
 * Reads one whole PDU. Octets in the result are views of the frame: copy what outlives it.
 *
 * Requests are read strictly; one to three octets left over are ignored. Responses are never
 * refused for their body: missing fields are empty, an unterminated string ends with the body, a
 * TLV that runs past the end is cut. In deliver_sm and data_sm a short_message may be shorter than
 * sm_length and the last TLV one octet shorter than its length. Maxima hold for requests only.
 *
 * @throws {PduError} with the `command_status` to answer with; an unknown `command_id` gives
 *   `ESME_RINVCMDID`
 */
export function decodePdu(frame: Buffer): Pdu {
  if (frame.length < HEADER_OCTETS) {
    throw new PduError(
      `${frame.length} octets are less than a header`,
      { command_length: frame.length, command_id: 0, command_status: 0, sequence_number: 0 },
      CommandStatus.ESME_RINVCMDLEN,
    )
  }
  const command = commandName(frame.readUInt32BE(4))
  if (command !== undefined && frame.readUInt32BE(0) === frame.length) {
    const pdu = FAST.get(command)?.decode(frame)
    if (pdu !== undefined) return pdu
  }
  return decodeCarefully(frame, readHeader(frame))
}
