import { isIPv4, isIPv6 } from 'node:net'
import type { Endpoint } from './recorder.ts'

/** Octets that crossed a connection in one direction, at one time. */
export interface Passage {
  /** Milliseconds since 1970. */
  readonly at: number
  /** True: from `local` to `remote`. */
  readonly isSent: boolean
  /** May be shorter than what was on the wire; the gap shows as octets that were not captured. */
  readonly octets: Buffer
  readonly wireOctets: number
  /** Octets that went the same way before. */
  readonly streamOffset: number
}

/** One connection, and what crossed it in the order of time. */
export interface Conversation {
  readonly local: Endpoint
  readonly remote: Endpoint
  readonly passages: readonly Passage[]
}

const MAGIC = 0xa1b2c3d4
const SNAPLEN = 262_144
/** Packets begin with the IP header. */
const LINKTYPE_RAW = 101
/** The total length of IPv4 has 16 bits; every PDU but the longest is one packet. */
const MAX_SEGMENT_OCTETS = 65_000
const TCP = 6
const HOPS = 64
const TCP_HEADER_OCTETS = 20
const PSH_ACK = 0x18
const WINDOW = 0xffff
/** From the blocks for documentation, RFC 5737: for streams that are no sockets. */
const UNKNOWN_LOCAL: Endpoint = { address: '192.0.2.1', port: 2775 }
const UNKNOWN_REMOTE: Endpoint = { address: '192.0.2.2', port: 2775 }

/**
 * A capture file of a connection, as if it had been taken off the wire; Wireshark opens it.
 *
 * The TCP and IP headers are made up around the octets: real addresses and ports, sequence and
 * acknowledgement numbers that count from 1 at the start of the connection, right checksums. A
 * connection over TLS shows what was inside.
 *
 * @see https://www.ietf.org/archive/id/draft-ietf-opsawg-pcap-04.html
 */
export function writePcap({ local, remote, passages }: Conversation): Buffer {
  const isUnknown = !isIp(local.address) || !isIp(remote.address)
  const here = isUnknown ? UNKNOWN_LOCAL : local
  const there = isUnknown ? UNKNOWN_REMOTE : remote
  const parts = [fileHeader()]
  // What each side has sent before the first passage of the other.
  let sent = passages.find(({ isSent }) => isSent)?.streamOffset ?? 0
  let received = passages.find(({ isSent }) => !isSent)?.streamOffset ?? 0
  for (const { at, isSent, octets, wireOctets, streamOffset } of passages) {
    const [from, to] = isSent ? [here, there] : [there, here]
    for (let start = 0; start < octets.length; start += MAX_SEGMENT_OCTETS) {
      const payload = octets.subarray(start, start + MAX_SEGMENT_OCTETS)
      const sequence = 1 + streamOffset + start
      const packet = packetOf(from, to, sequence, 1 + (isSent ? received : sent), payload)
      parts.push(packetHeader(at, packet.length), packet)
    }
    if (isSent) sent = streamOffset + wireOctets
    else received = streamOffset + wireOctets
  }
  return Buffer.concat(parts)
}

function fileHeader(): Buffer {
  const header = Buffer.alloc(24)
  header.writeUInt32LE(MAGIC, 0)
  header.writeUInt16LE(2, 4)
  header.writeUInt16LE(4, 6)
  header.writeUInt32LE(SNAPLEN, 16)
  header.writeUInt32LE(LINKTYPE_RAW, 20)
  return header
}

function packetHeader(at: number, octets: number): Buffer {
  const header = Buffer.alloc(16)
  const seconds = Math.floor(at / 1000)
  header.writeUInt32LE(seconds, 0)
  header.writeUInt32LE(Math.floor((at - seconds * 1000) * 1000), 4)
  header.writeUInt32LE(octets, 8)
  header.writeUInt32LE(octets, 12)
  return header
}

/** An IP packet with one TCP segment. */
function packetOf(
  from: Endpoint,
  to: Endpoint,
  sequence: number,
  acknowledged: number,
  payload: Buffer,
): Buffer {
  const length = TCP_HEADER_OCTETS + payload.length
  const addresses = Buffer.concat([addressOctets(from.address), addressOctets(to.address)])
  const tcp = Buffer.alloc(TCP_HEADER_OCTETS)
  tcp.writeUInt16BE(from.port, 0)
  tcp.writeUInt16BE(to.port, 2)
  tcp.writeUInt32BE(sequence % 2 ** 32, 4)
  tcp.writeUInt32BE(acknowledged % 2 ** 32, 8)
  tcp[12] = (TCP_HEADER_OCTETS / 4) << 4
  tcp[13] = PSH_ACK
  tcp.writeUInt16BE(WINDOW, 14)
  // The sum is the same for the pseudo headers of both versions: RFC 9293, section 3.1.
  tcp.writeUInt16BE(
    checksum([addresses, Buffer.from([0, TCP]), lengthOf(length), tcp, payload]),
    16,
  )
  return Buffer.concat([ipHeader(addresses, length), tcp, payload])
}

/** @see RFC 791, section 3.1; RFC 8200, section 3 */
function ipHeader(addresses: Buffer, length: number): Buffer {
  if (addresses.length === 8) {
    const header = Buffer.alloc(12)
    header[0] = 0x45
    header.writeUInt16BE(20 + length, 2)
    header[6] = 0x40
    header[8] = HOPS
    header[9] = TCP
    header.writeUInt16BE(checksum([header, addresses]), 10)
    return Buffer.concat([header, addresses])
  }
  const header = Buffer.alloc(8)
  header[0] = 0x60
  header.writeUInt16BE(length, 4)
  header[6] = TCP
  header[7] = HOPS
  return Buffer.concat([header, addresses])
}

function lengthOf(octets: number): Buffer {
  const length = Buffer.alloc(4)
  length.writeUInt32BE(octets)
  return length
}

/** The one's complement of the one's complement sum of all 16-bit words, RFC 1071. */
function checksum(parts: readonly Buffer[]): number {
  let sum = 0
  for (const part of parts) {
    // Every part but the last has an even length.
    for (let offset = 0; offset + 1 < part.length; offset += 2) sum += part.readUInt16BE(offset)
    if (part.length % 2 === 1) sum += (part[part.length - 1] as number) << 8
  }
  while (sum > 0xffff) sum = (sum & 0xffff) + Math.floor(sum / 0x10000)
  return ~sum & 0xffff
}

function isIp(address: string): boolean {
  return isIPv4(address) || isIPv6(address)
}

/** The octets of an address: 4, or 16. */
function addressOctets(address: string): Buffer {
  if (isIPv4(address)) return Buffer.from(address.split('.').map(Number))
  const [plain = ''] = address.split('%')
  const [head = '', tail] = plain.split('::')
  const first = wordsOf(head)
  const last = wordsOf(tail ?? '')
  const zeros = new Array<number>(8 - first.length - last.length).fill(0)
  const octets = Buffer.alloc(16)
  for (const [index, word] of [...first, ...zeros, ...last].entries()) {
    octets.writeUInt16BE(word, index * 2)
  }
  return octets
}

function wordsOf(text: string): number[] {
  if (text === '') return []
  return text.split(':').flatMap((word) => {
    if (!word.includes('.')) return [Number.parseInt(word, 16)]
    const [a = 0, b = 0, c = 0, d = 0] = word.split('.').map(Number)
    return [(a << 8) | b, (c << 8) | d]
  })
}
