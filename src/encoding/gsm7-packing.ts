import { decodeGsm7, encodeGsm7, type Gsm7Shifts } from './gsm7.ts'

const CARRIAGE_RETURN = 0x0d

/** How septets are packed. */
export interface PackOptions {
  /** Octets of user data header in front, its length octet included; 0 when there is none. */
  readonly udhOctets?: number
  /**
   * What to put where seven spare bits remain, which a receiver that counts octets shows as one more
   * character: zero bits (read as `@`) or a carriage return (shown as nothing). Default `zero`.
   */
  readonly spare?: 'zero' | 'cr'
}

/** What is known about packed octets besides themselves. */
export interface UnpackOptions {
  /** Octets of user data header in front, its length octet included; 0 when there is none. */
  readonly udhOctets?: number
  /** How many septets there are, where the protocol says so; else as many as the octets hold. */
  readonly septetCount?: number | undefined
}

/**
 * The zero bits between a user data header of so many octets and the first septet, 0 to 6.
 *
 * @see 3GPP TS 23.040, section 9.2.3.24
 */
export function fillBits(udhOctets: number): number {
  return (7 - ((udhOctets * 8) % 7)) % 7
}

/** How many octets so many septets take behind a user data header, fill bits included. */
export function packedOctets(septets: number, udhOctets = 0): number {
  return septets === 0 ? 0 : Math.ceil((fillBits(udhOctets) + septets * 7) / 8)
}

/**
 * Packs septets (one per octet, bit 7 ignored), the first one into the lowest bits.
 *
 * @returns the octets that follow the user data header, fill bits included
 * @see 3GPP TS 23.038, section 6.1.2.1
 */
export function packSeptets(septets: Uint8Array, options: PackOptions = {}): Buffer {
  const udhOctets = options.udhOctets ?? 0
  const octets = Buffer.alloc(packedOctets(septets.length, udhOctets))
  let bits = fillBits(udhOctets)
  let pending = 0
  let end = 0
  for (const septet of septets) {
    pending |= (septet & 0x7f) << bits
    bits += 7
    if (bits >= 8) {
      octets[end++] = pending & 0xff
      pending >>= 8
      bits -= 8
    }
  }
  if (end < octets.length) {
    if (bits === 1 && options.spare === 'cr') pending |= CARRIAGE_RETURN << 1
    octets[end] = pending
  }
  return octets
}

/**
 * Unpacks the octets that follow the user data header into one septet per octet; never throws.
 *
 * Without `septetCount` seven spare bits come out as one more septet; {@link stripSpareSeptet} takes
 * it away.
 */
export function unpackSeptets(octets: Uint8Array, options: UnpackOptions = {}): Buffer {
  const fill = fillBits(options.udhOctets ?? 0)
  const held = Math.max(0, Math.floor((octets.length * 8 - fill) / 7))
  const count = Math.min(held, options.septetCount ?? held)
  const septets = Buffer.allocUnsafe(count)
  let bit = fill
  for (let index = 0; index < count; index++) {
    const octet = bit >> 3
    const pair = (octets[octet] as number) | ((octets[octet + 1] ?? 0) << 8)
    septets[index] = (pair >> (bit & 7)) & 0x7f
    bit += 7
  }
  return septets
}

/**
 * Drops the last septet where it may be nothing but the spare bits of the last octet.
 *
 * That is one `@` or carriage return which ends exactly with the octets. A text that truly ends
 * there with `@` loses it: without a septet count the two cannot be told apart, and the spare bits
 * are by far the more frequent.
 *
 * @param septets - what {@link unpackSeptets} made of `packedLength` octets, without `septetCount`
 */
export function stripSpareSeptet(septets: Buffer, packedLength: number, udhOctets = 0): Buffer {
  const last = septets.at(-1)
  const endsWithOctets = (packedLength * 8 - fillBits(udhOctets)) % 7 === 0
  if (!endsWithOctets || (last !== 0 && last !== CARRIAGE_RETURN)) return septets
  return septets.subarray(0, -1)
}

/**
 * Encodes text as packed septets.
 *
 * @throws {EncodingError} `text_not_encodable`
 */
export function encodeGsm7Packed(
  text: string,
  options: PackOptions = {},
  shifts?: Gsm7Shifts,
): Buffer {
  return packSeptets(encodeGsm7(text, shifts), options)
}

/**
 * Decodes packed septets; never throws. Without `septetCount` a spare septet at the end is dropped,
 * see {@link stripSpareSeptet}.
 */
export function decodeGsm7Packed(
  octets: Uint8Array,
  options: UnpackOptions = {},
  shifts?: Gsm7Shifts,
): string {
  const septets = unpackSeptets(octets, options)
  if (options.septetCount !== undefined) return decodeGsm7(septets, shifts)
  return decodeGsm7(stripSpareSeptet(septets, octets.length, options.udhOctets), shifts)
}
