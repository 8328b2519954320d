import { expect, test } from 'vitest'
import { writePcap } from '../../src/smpp/pcap.ts'

/** Octet for octet; what a dissector makes of it is tested in test/interop/tshark.test.ts. */

const LINK = Buffer.from('00000010000000150000000000000001', 'hex')
const LOCAL = { address: '10.0.0.1', port: 40_000 }
const REMOTE = { address: '10.0.0.2', port: 2775 }

function passage(isSent: boolean, octets: Buffer, streamOffset: number, at = 1_700_000_000_123) {
  return { at, isSent, octets, wireOctets: octets.length, streamOffset }
}

/** The one's complement sum of a header with its checksum is 0xffff: RFC 1071. */
function sumOf(octets: Buffer): number {
  let sum = 0
  for (let offset = 0; offset < octets.length; offset += 2) sum += octets.readUInt16BE(offset)
  while (sum > 0xffff) sum = (sum & 0xffff) + (sum >> 16)
  return sum
}

/** The IP packets of a capture. */
function packetsOf(pcap: Buffer): Buffer[] {
  const packets: Buffer[] = []
  for (let offset = 24; offset < pcap.length; ) {
    const length = pcap.readUInt32LE(offset + 8)
    packets.push(pcap.subarray(offset + 16, offset + 16 + length))
    offset += 16 + length
  }
  return packets
}

test('a file header, then a packet with its time', () => {
  const pcap = writePcap({ local: LOCAL, remote: REMOTE, passages: [passage(true, LINK, 0)] })
  expect(pcap.subarray(0, 24).toString('hex')).toBe(
    'd4c3b2a1020004000000000000000000' + '0000040065000000',
  )
  expect(pcap.readUInt32LE(24)).toBe(1_700_000_000)
  expect(pcap.readUInt32LE(28)).toBe(123_000)
  expect([pcap.readUInt32LE(32), pcap.readUInt32LE(36)]).toEqual([56, 56])
  expect(pcap).toHaveLength(24 + 16 + 56)
})

test('IPv4 and TCP around the octets, with right checksums', () => {
  const passages = [passage(true, LINK, 5), passage(false, LINK, 7), passage(true, LINK, 21)]
  const packets = packetsOf(writePcap({ local: LOCAL, remote: REMOTE, passages }))
  const shown = packets.map((packet) => ({
    source: `${packet.subarray(12, 16).join('.')}:${packet.readUInt16BE(20)}`,
    sequence: packet.readUInt32BE(24),
    acknowledged: packet.readUInt32BE(28),
    payload: packet.subarray(40),
  }))
  expect(shown).toEqual([
    { source: '10.0.0.1:40000', sequence: 6, acknowledged: 8, payload: LINK },
    { source: '10.0.0.2:2775', sequence: 8, acknowledged: 22, payload: LINK },
    { source: '10.0.0.1:40000', sequence: 22, acknowledged: 24, payload: LINK },
  ])
  for (const packet of packets) {
    expect(sumOf(packet.subarray(0, 20))).toBe(0xffff)
    const tcp = packet.subarray(20)
    const pseudo = Buffer.concat([packet.subarray(12, 20), Buffer.from([0, 6, 0, tcp.length])])
    expect(sumOf(Buffer.concat([pseudo, tcp]))).toBe(0xffff)
  }
})

test('IPv6 addresses in any spelling', () => {
  const local = { address: 'fe80::1%eth0', port: 1 }
  const remote = { address: '2001:db8:0:1:2:3:4:5', port: 2 }
  const [packet] = packetsOf(writePcap({ local, remote, passages: [passage(true, LINK, 0)] }))
  expect(packet?.subarray(8, 24).toString('hex')).toBe('fe800000000000000000000000000001')
  expect(packet?.subarray(24, 40).toString('hex')).toBe('20010db8000000010002000300040005')
  expect(packet?.subarray(0, 8).toString('hex')).toBe('6000000000240640')
})

test('a stream that is no socket gets addresses for documentation', () => {
  const none = { address: '', port: 0 }
  const passages = [passage(true, LINK, 0)]
  const [packet] = packetsOf(writePcap({ local: none, remote: none, passages }))
  expect(packet?.subarray(12, 20).join('.')).toBe('192.0.2.1.192.0.2.2')
})

test('what was cut leaves a gap in the sequence numbers', () => {
  const cut = { ...passage(true, LINK, 0), wireOctets: 100 }
  const passages = [cut, passage(true, LINK, 100)]
  const packets = packetsOf(writePcap({ local: LOCAL, remote: REMOTE, passages }))
  expect(packets.map((packet) => packet.readUInt32BE(24))).toEqual([1, 101])
})
