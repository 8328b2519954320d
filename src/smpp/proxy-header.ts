import { isIPv4, isIPv6 } from 'node:net'
import { SmppError } from './errors.ts'

/** The octets in front of a connection are no PROXY header: close it. */
export class ProxyHeaderError extends SmppError {
  constructor(message: string) {
    super('proxy_header_invalid', message, { retryable: true })
  }
}

/** What a PROXY header says. */
export interface ProxyHeader {
  /** Who connected to the proxy; undefined: the proxy itself speaks, or it cannot tell. */
  readonly sourceAddress: string | undefined
  /** What came behind the header. */
  readonly rest: Buffer
}

const V2_SIGNATURE = Buffer.from('0d0a0d0a000d0a515549540a', 'hex')
const V2_FIXED_OCTETS = 16
/** Room for TLVs such as a TLS certificate's name; the specification's own example uses 536. */
const V2_MAX_OCTETS = 4096
const V1_START = Buffer.from('PROXY ')
/** CR LF included. */
const V1_MAX_OCTETS = 107
const PORT = /^(0|[1-9]\d{0,4})$/

/**
 * Reads the header that a proxy puts in front of a connection, version 1 (text) or 2 (binary). The
 * octets may arrive cut at any place.
 *
 * @see The PROXY protocol, versions 1 & 2 (HAProxy), sections 2.1 and 2.2
 */
export class ProxyHeaderReader {
  #octets: Buffer = Buffer.alloc(0)

  /**
   * Adds octets; gives the header once it is whole, and is of no use after that.
   *
   * @throws {ProxyHeaderError} as soon as it can be no header
   */
  push(chunk: Buffer): ProxyHeader | undefined {
    this.#octets = this.#octets.length === 0 ? chunk : Buffer.concat([this.#octets, chunk])
    if (startsAlike(this.#octets, V2_SIGNATURE)) return readBinary(this.#octets)
    if (startsAlike(this.#octets, V1_START)) return readText(this.#octets)
    throw new ProxyHeaderError('the connection does not begin with a PROXY header')
  }
}

/** True when the octets are the beginning of the pattern, or begin with it. */
function startsAlike(octets: Buffer, pattern: Buffer): boolean {
  const length = Math.min(octets.length, pattern.length)
  return octets.subarray(0, length).equals(pattern.subarray(0, length))
}

function readText(octets: Buffer): ProxyHeader | undefined {
  const head = octets.subarray(0, V1_MAX_OCTETS)
  const end = head.indexOf('\r\n')
  if (end < 0) {
    if (octets.length < V1_MAX_OCTETS) return undefined
    throw new ProxyHeaderError(`no line end within ${V1_MAX_OCTETS} octets of a PROXY header`)
  }
  const line = head.toString('latin1', V1_START.length, end)
  const rest = octets.subarray(end + 2)
  const [family, source = '', destination = '', ...ports] = line.split(' ')
  if (family === 'UNKNOWN') return { sourceAddress: undefined, rest }
  const isAddress = family === 'TCP4' ? isIPv4 : family === 'TCP6' ? isIPv6 : undefined
  const isWhole =
    isAddress?.(source) && isAddress(destination) && ports.length === 2 && ports.every(isPort)
  if (!isWhole) throw new ProxyHeaderError(`"${line}" is no PROXY line`)
  return { sourceAddress: source, rest }
}

function isPort(text: string): boolean {
  return PORT.test(text) && Number(text) <= 65_535
}

function readBinary(octets: Buffer): ProxyHeader | undefined {
  if (octets.length < V2_FIXED_OCTETS) return undefined
  const versionAndCommand = octets.readUInt8(12)
  if (versionAndCommand !== 0x20 && versionAndCommand !== 0x21) {
    const shown = versionAndCommand.toString(16).padStart(2, '0')
    throw new ProxyHeaderError(`0x${shown} is no version and command of a PROXY header`)
  }
  const end = V2_FIXED_OCTETS + octets.readUInt16BE(14)
  if (end > V2_MAX_OCTETS) {
    throw new ProxyHeaderError(`a PROXY header of ${end} octets: ${V2_MAX_OCTETS} at most`)
  }
  if (octets.length < end) return undefined
  const rest = octets.subarray(end)
  // LOCAL: a health check of the proxy's own, whatever else it says.
  if (versionAndCommand === 0x20) return { sourceAddress: undefined, rest }
  const addresses = octets.subarray(V2_FIXED_OCTETS, end)
  return { sourceAddress: sourceOf(octets.readUInt8(13), addresses), rest }
}

/** The source of a TCP connection over IPv4 or IPv6; other families name nobody we could judge. */
function sourceOf(family: number, addresses: Buffer): string | undefined {
  if (family === 0x11) {
    if (addresses.length < 12) throw tooShort(addresses, 12)
    return [...addresses.subarray(0, 4)].join('.')
  }
  if (family === 0x21) {
    if (addresses.length < 36) throw tooShort(addresses, 36)
    const groups = [0, 2, 4, 6, 8, 10, 12, 14].map((at) => addresses.readUInt16BE(at).toString(16))
    return groups.join(':')
  }
  return undefined
}

function tooShort(addresses: Buffer, needed: number): ProxyHeaderError {
  return new ProxyHeaderError(
    `the addresses of a PROXY header take ${needed} octets, not ${addresses.length}`,
  )
}
