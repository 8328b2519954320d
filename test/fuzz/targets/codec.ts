import { isDeepStrictEqual } from 'node:util'
import fc from 'fast-check'
import { decodeCarefully, encodeCarefully } from '../../../src/smpp/careful-codec.ts'
import { decodePdu, encodePdu, readHeader } from '../../../src/smpp/codec.ts'
import { isResponse } from '../../../src/smpp/commands.ts'
import { PduError, SmppError } from '../../../src/smpp/errors.ts'
import { BODY_FIELDS, type FieldSpec } from '../../../src/smpp/fields.ts'
import type { CommandName, Pdu, PduInput } from '../../../src/smpp/pdu.ts'
import { anyPdu } from '../../smpp/arbitraries.ts'
import { withAllocationLimit } from '../allocation.ts'
import { anyOctets, mutatedPdus, withRightLength } from '../mutation.ts'
import { PDU_SEEDS } from '../seeds.ts'
import type { FuzzTarget } from '../target.ts'

/** The longest PDU that a test decodes from one of v5.0's messages. */
const V5 = { maxShortMessageOctets: 255 } as const

/** One frame of any content: it decodes or is refused, and what was decoded encodes to the same. */
export const decodeTarget: FuzzTarget<Buffer> = {
  name: 'PDU decoder',
  cases: fc.oneof(
    { weight: 8, arbitrary: mutatedPdus(PDU_SEEDS) },
    { weight: 1, arbitrary: anyOctets(200).map(withRightLength) },
    { weight: 1, arbitrary: anyOctets(40) },
  ),
  check(frame) {
    const pdu = decodedOrRefused(frame)
    if (pdu === undefined) return 'refused'
    checkBounds(pdu, frame)
    const again = encodedOrRefused(pdu as PduInput)
    // Only what carriers may get wrong is decoded although it cannot be written like that.
    if (again === undefined) {
      if (isStrict(pdu.command)) throw new Error('a strict request cannot be encoded again')
      return 'decoded leniently'
    }
    const twice = decodePdu(again)
    if (!isDeepStrictEqual(plain(twice), plain(pdu))) throw new Error('encodes to another PDU')
    return again.equals(frame) ? 'the same octets again' : 'decoded'
  },
}

/** Any PDU that fits is written, and read back field by field. */
export const roundTripTarget: FuzzTarget<Pdu> = {
  name: 'PDU round trip',
  cases: anyPdu,
  check(pdu) {
    const octets = encodePdu(pdu as PduInput)
    if (!isDeepStrictEqual(plain(decodePdu(octets)), plain(pdu))) {
      throw new Error('reads back as another PDU')
    }
    return isResponse(pdu.command) ? 'response' : 'request'
  },
}

/** Fields of any value: refused with the documented error, or written so that they can be read. */
export const encodeTarget: FuzzTarget<PduInput> = {
  name: 'PDU encoder',
  cases: fc.constantFrom(...(Object.keys(BODY_FIELDS) as CommandName[])).chain((command) => {
    const fields = BODY_FIELDS[command].map((field) => [field.name, wildValue(field)] as const)
    const header = {
      command_status: wildUint32,
      sequence_number: wildUint32,
      tlvs: fc.oneof(fc.constant(undefined), fc.array(wildTlv, { maxLength: 3 })),
    }
    return fc
      .record({ ...header, ...Object.fromEntries(fields) })
      .map((values) => ({ command, ...values }) as unknown as PduInput)
  }),
  check(input) {
    const octets = encodedOrRefused(input)
    if (octets === undefined) return 'refused'
    if (octets.readUInt32BE(0) !== octets.length) throw new Error('a wrong command_length')
    const pdu = decodePdu(octets)
    const again = encodePdu(pdu as PduInput, V5)
    // A refusal goes without its body when no field is given, but never with another one.
    if (!again.equals(octets) && pdu.command_status === 0) throw new Error('encodes differently')
    return 'written'
  },
}

function decodedOrRefused(frame: Buffer): Pdu | undefined {
  const [fast, careful] = [decodePdu, decodeByTables].map((decode) => {
    try {
      // Views of the frame need no memory of their own.
      return withAllocationLimit(frame.length, () => decode(frame))
    } catch (error) {
      if (!(error instanceof PduError)) throw error
      if (!(error.commandStatus > 0)) throw new Error(`refused with ${error.commandStatus}`)
      if (frame.length >= 16 && !isDeepStrictEqual(error.header, readHeader(frame))) {
        throw new Error('refused with the header of another PDU')
      }
      return undefined
    }
  })
  if (!isDeepStrictEqual(plain(fast), plain(careful))) throw new Error('the two decoders differ')
  return fast
}

function decodeByTables(frame: Buffer): Pdu {
  // Shorter ones are refused before the tables are looked at.
  return frame.length < 16 ? decodePdu(frame) : decodeCarefully(frame, readHeader(frame))
}

function encodedOrRefused(input: PduInput): Buffer | undefined {
  const [fast, careful] = [
    () => encodePdu(input, V5),
    () => encodeCarefully(input, V5.maxShortMessageOctets),
  ].map((encode) => {
    try {
      return encode()
    } catch (error) {
      if (error instanceof SmppError && error.code === 'pdu_unencodable') return undefined
      throw error
    }
  })
  if (fast === undefined || careful === undefined) {
    if (fast !== careful) throw new Error('only one of the two encoders refuses')
    return undefined
  }
  if (!fast.equals(careful)) throw new Error('the two encoders differ')
  return fast
}

/** Nothing in a PDU is larger than the octets it was read from. */
function checkBounds(pdu: Pdu, frame: Buffer): void {
  const { command: _name, ...fields } = pdu
  const tlvOctets = pdu.tlvs.reduce((sum, { value }) => sum + 4 + value.length, 0)
  if (tlvOctets > frame.length) throw new Error(`TLVs of ${tlvOctets} octets`)
  for (const [name, value] of Object.entries(fields)) {
    if (typeof value !== 'string' && !Array.isArray(value) && !Buffer.isBuffer(value)) continue
    if (value.length > frame.length) throw new Error(`${name} is longer than the PDU`)
  }
}

function isStrict(command: CommandName): boolean {
  return !isResponse(command) && command !== 'deliver_sm' && command !== 'data_sm'
}

/** A PDU without the identity of its buffers and prototypes. */
function plain(value: unknown): unknown {
  if (Buffer.isBuffer(value)) return value.toString('hex')
  if (Array.isArray(value)) return value.map(plain)
  if (typeof value !== 'object' || value === null) return value
  return Object.fromEntries(
    Object.entries(value)
      .filter(([name]) => name !== 'sm_length')
      .map(([name, field]) => [name, plain(field)]),
  )
}

const wildUint32 = fc.oneof(
  { weight: 20, arbitrary: fc.constantFrom(undefined, 0, 1, 8, 0x58, 0x7fffffff, 0xffffffff) },
  fc.constantFrom(-1, 0.5, 2 ** 32, Number.NaN),
)

const wildNumber = fc.oneof(
  { weight: 40, arbitrary: fc.integer({ min: 0, max: 255 }) },
  fc.constantFrom(undefined, -1, 256, 0.5, Number.NaN, Number.POSITIVE_INFINITY, 2 ** 32),
)

function wildString(max: number): fc.Arbitrary<string | undefined> {
  return fc.oneof(
    { weight: 40, arbitrary: latin1(0, max - 1) },
    latin1(max - 1, max + 1),
    fc.string({ maxLength: max, unit: 'binary' }),
    fc.constantFrom(undefined, 'a\0b', 'Привет', '\ud800', 'x'.repeat(70_000)),
  )
}

function latin1(minLength: number, maxLength: number): fc.Arbitrary<string> {
  return fc
    .array(fc.integer({ min: 1, max: 0xff }), { minLength, maxLength })
    .map((codes) => String.fromCharCode(...codes))
}

const wildAddress = fc.record({
  dest_addr_ton: wildNumber,
  dest_addr_npi: wildNumber,
  destination_addr: wildString(21),
})

const wildTlv = fc.record({
  tag: fc.oneof(
    { weight: 40, arbitrary: fc.integer({ min: 0, max: 0xffff }) },
    fc.constantFrom(-1, 0x1_0000, 1.5),
  ),
  value: fc.oneof(
    fc.uint8Array({ maxLength: 30 }).map((octets) => Buffer.from(octets)),
    fc.constantFrom(65_535, 65_536).map((length) => Buffer.alloc(length, 7)),
  ),
})

function wildValue({ type, max }: FieldSpec): fc.Arbitrary<unknown> {
  switch (type) {
    case 'uint8':
      return wildNumber
    case 'cstring':
      return wildString(max)
    case 'time':
      return fc.oneof(
        { weight: 30, arbitrary: fc.oneof(fc.constant(''), latin1(max - 1, max - 1)) },
        wildString(max),
      )
    case 'octets':
      return fc.oneof(
        { weight: 40, arbitrary: fc.uint8Array({ maxLength: 254 }).map((all) => Buffer.from(all)) },
        fc.uint8Array({ maxLength: 256 }).map((octets) => Buffer.from(octets)),
        fc.constantFrom(undefined, Buffer.alloc(255), Buffer.alloc(256), 'text'),
      )
    case 'destinations':
      return fc.oneof(
        fc.array(fc.oneof(wildAddress, fc.record({ dl_name: wildString(21) })), { maxLength: 4 }),
        fc
          .constantFrom(254, 255)
          .map((length) => Array.from({ length }, () => ({ dl_name: 'list' }))),
      )
    case 'failures':
      return fc.array(
        fc
          .tuple(wildAddress, fc.constantFrom(0, 11, 0xffffffff, -1, 2 ** 32))
          .map(([address, error_status_code]) => ({ ...address, error_status_code })),
        { maxLength: 4 },
      )
  }
}
