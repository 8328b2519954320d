import fc from 'fast-check'
import { describe, expect, test } from 'vitest'
import { ProxyHeaderError, ProxyHeaderReader } from '../../src/smpp/proxy-header.ts'

const SIGNATURE = '0d0a0d0a000d0a515549540a'
const REST = Buffer.from('0000001000000015', 'hex')

/** A binary header with the given version and command, family, and addresses in hexadecimal. */
function binary(versionAndCommand: string, family: string, addresses: string): Buffer {
  const length = (addresses.length / 2).toString(16).padStart(4, '0')
  return Buffer.from(SIGNATURE + versionAndCommand + family + length + addresses, 'hex')
}

const V4 = 'cb007107c0000201d90e0ac7'
const V6 = '20010db800000000000000000000000720010db8000000000000000000000001d90e0ac7'
const TLV = '04000400000000'

const HEADERS: [string, Buffer, string | undefined][] = [
  ['TCP4', Buffer.from('PROXY TCP4 203.0.113.7 192.0.2.1 55566 2775\r\n'), '203.0.113.7'],
  ['TCP6', Buffer.from('PROXY TCP6 2001:db8::7 2001:db8::1 55566 2775\r\n'), '2001:db8::7'],
  ['UNKNOWN', Buffer.from('PROXY UNKNOWN\r\n'), undefined],
  ['UNKNOWN with more', Buffer.from('PROXY UNKNOWN ffff::1 ffff::2 1 2\r\n'), undefined],
  ['binary IPv4', binary('21', '11', V4), '203.0.113.7'],
  ['binary IPv4 with TLVs', binary('21', '11', V4 + TLV), '203.0.113.7'],
  ['binary IPv6', binary('21', '21', V6), '2001:db8:0:0:0:0:0:7'],
  ['binary LOCAL', binary('20', '00', ''), undefined],
  ['binary LOCAL with addresses', binary('20', '11', V4), undefined],
  ['binary UNSPEC', binary('21', '00', '0102'), undefined],
  ['binary UNIX', binary('21', '31', '00'.repeat(216)), undefined],
]

describe('a whole header', () => {
  test.each(HEADERS)('%s', (_name, octets, sourceAddress) => {
    const header = new ProxyHeaderReader().push(Buffer.concat([octets, REST]))
    expect(header).toEqual({ sourceAddress, rest: REST })
  })

  test.each(HEADERS)('%s is the same however it is cut', (_name, octets, sourceAddress) => {
    const stream = Buffer.concat([octets, REST])
    const cuts = fc.uniqueArray(fc.integer({ min: 1, max: stream.length - 1 }))
    fc.assert(
      fc.property(cuts, (places) => {
        const reader = new ProxyHeaderReader()
        const edges = [0, ...[...places].sort((a, b) => a - b), stream.length]
        let header: ReturnType<ProxyHeaderReader['push']>
        const after: Buffer[] = []
        for (const [index, end] of edges.slice(1).entries()) {
          const chunk = stream.subarray(edges[index], end)
          if (header) after.push(chunk)
          else header = reader.push(chunk)
        }
        expect(header?.sourceAddress).toBe(sourceAddress)
        expect(Buffer.concat([header?.rest ?? Buffer.alloc(0), ...after])).toEqual(REST)
      }),
    )
  })
})

describe('no header', () => {
  test.each([
    ['an SMPP bind', Buffer.from('0000002a00000009', 'hex')],
    ['a TLS hello', Buffer.from('1603010200', 'hex')],
    ['lower case', Buffer.from('proxy TCP4')],
    ['an address of the other family', Buffer.from('PROXY TCP4 ::1 ::1 1 2\r\n')],
    ['no address', Buffer.from('PROXY TCP4 here there 1 2\r\n')],
    ['no ports', Buffer.from('PROXY TCP4 1.2.3.4 1.2.3.4\r\n')],
    ['a port too high', Buffer.from('PROXY TCP4 1.2.3.4 1.2.3.4 1 65536\r\n')],
    ['a port with a leading zero', Buffer.from('PROXY TCP4 1.2.3.4 1.2.3.4 1 02775\r\n')],
    ['a field too many', Buffer.from('PROXY TCP4 1.2.3.4 1.2.3.4 1 2 3\r\n')],
    ['UDP', Buffer.from('PROXY UDP4 1.2.3.4 1.2.3.4 1 2\r\n')],
    ['a line without end', Buffer.from(`PROXY UNKNOWN ${'x'.repeat(100)}`)],
    ['version 1 in binary', binary('11', '11', V4)],
    ['an unknown command', binary('22', '11', V4)],
    ['IPv4 addresses cut off', binary('21', '11', V4.slice(2))],
    ['IPv6 addresses cut off', binary('21', '21', V4)],
    ['a length beyond reason', Buffer.from(`${SIGNATURE}2111ffff`, 'hex')],
  ])('%s', (_name, octets) => {
    expect(() => new ProxyHeaderReader().push(octets)).toThrow(ProxyHeaderError)
  })

  test('random octets are refused or waited for, nothing else', () => {
    const start = fc.constantFrom(Buffer.alloc(0), Buffer.from('PROXY '), binary('21', '11', ''))
    fc.assert(
      fc.property(start, fc.uint8Array({ maxLength: 200 }), (head, tail) => {
        try {
          const header = new ProxyHeaderReader().push(Buffer.concat([head, Buffer.from(tail)]))
          expect(header === undefined || header.rest.length <= tail.length).toBe(true)
        } catch (error) {
          expect(error).toBeInstanceOf(ProxyHeaderError)
        }
      }),
    )
  })
})
