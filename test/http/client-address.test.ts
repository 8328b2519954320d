import { describe, expect, it } from 'vitest'
import { ClientAddresses } from '../../src/http/client-address.ts'
import { type Refusal, RefusalLog } from '../../src/http/refusal-log.ts'

function addressOf(
  trusted: readonly string[],
  peer: string | undefined,
  forwarded?: string,
): string | undefined {
  const c = {
    env: peer === undefined ? undefined : { incoming: { socket: { remoteAddress: peer } } },
    req: { header: (name: string) => (name === 'x-forwarded-for' ? forwarded : undefined) },
  }
  return new ClientAddresses(trusted).of(c as never)
}

describe('the address of a client', () => {
  const PROXIES = ['10.0.0.0/8', '2001:db8:1::/48']

  it.each([
    ['the peer, where there are no proxies', [], '192.0.2.1', '203.0.113.9', '192.0.2.1'],
    ['the peer, where it is no proxy', PROXIES, '192.0.2.1', '203.0.113.9', '192.0.2.1'],
    ['what a proxy says', PROXIES, '10.0.0.1', '203.0.113.9', '203.0.113.9'],
    ['what an IPv6 proxy says', PROXIES, '2001:db8:1::5', '2001:db8:9::1', '2001:db8:9::1'],
    [
      'what a proxy says on a socket of both families',
      PROXIES,
      '::ffff:10.0.0.1',
      '203.0.113.9',
      '203.0.113.9',
    ],
    [
      'the last that is no proxy',
      PROXIES,
      '10.0.0.1',
      '1.2.3.4, 203.0.113.9, 10.0.0.2',
      '203.0.113.9',
    ],
    ['with the port taken off', PROXIES, '10.0.0.1', '203.0.113.9:5000', '203.0.113.9'],
    [
      'with port and brackets taken off',
      PROXIES,
      '10.0.0.1',
      '[2001:db8:9::1]:5000',
      '2001:db8:9::1',
    ],
    ['the first, where all are proxies', PROXIES, '10.0.0.1', '10.0.0.3, 10.0.0.2', '10.0.0.3'],
    ['the proxy, without a header', PROXIES, '10.0.0.1', undefined, '10.0.0.1'],
    ['the proxy, with a malformed header', PROXIES, '10.0.0.1', 'unknown', '10.0.0.1'],
    [
      'the proxy, where the entry that counts is malformed',
      PROXIES,
      '10.0.0.1',
      '1.2.3.4, x, 10.0.0.2',
      '10.0.0.1',
    ],
    ['IPv4 in its own form', [], '::ffff:192.0.2.1', undefined, '192.0.2.1'],
    ['unknown without a socket', PROXIES, undefined, '203.0.113.9', undefined],
  ])('is %s', (_, trusted, peer, forwarded, expected) => {
    expect(addressOf(trusted, peer, forwarded)).toBe(expected)
  })
})

describe('the log of refusals', () => {
  it('has so many lines a minute, and says how many it has left out', () => {
    const lines: object[] = []
    let nowMs = 0
    const log = new RefusalLog(
      { debug() {}, info() {}, error() {}, warn: (fields) => lines.push(fields) },
      () => new Date(nowMs),
    )
    const refusal: Refusal = {
      reason: 'key_unknown',
      keyName: undefined,
      address: '192.0.2.1',
      method: 'GET',
      path: `/v1/${'x'.repeat(5_000)}`,
    }
    for (let count = 0; count < 100; count++) log.note(refusal)
    expect(lines).toHaveLength(20)
    expect(JSON.stringify(lines[0]).length).toBeLessThan(400)
    nowMs = 60_000
    log.note(refusal)
    expect(lines.slice(20)).toEqual([{ count: 80 }, expect.objectContaining({ method: 'GET' })])
    log.tellLeft()
    expect(lines).toHaveLength(22)
  })
})
