import { describe, expect, test } from 'vitest'
import { isNetwork, Networks } from '../../src/core/networks.ts'

describe('Networks', () => {
  test.each([
    ['203.0.113.7', '203.0.113.7', true],
    ['203.0.113.7', '203.0.113.8', false],
    ['203.0.113.0/24', '203.0.113.255', true],
    ['203.0.113.0/24', '203.0.114.0', false],
    ['203.0.113.99/24', '203.0.113.1', true],
    ['0.0.0.0/0', '198.51.100.1', true],
    ['0.0.0.0/0', '2001:db8::1', false],
    ['203.0.113.0/24', '::ffff:203.0.113.9', true],
    ['203.0.113.0/24', '::ffff:cb00:7109', true],
    ['::ffff:203.0.113.0/120', '203.0.113.9', true],
    ['::ffff:203.0.113.7', '203.0.113.7', true],
    ['2001:db8::/32', '2001:db8:ffff::1', true],
    ['2001:db8::/32', '2001:db9::1', false],
    ['2001:db8::1', '2001:0DB8:0::1', true],
    ['::/0', '2001:db8::1', true],
    ['::/0', '203.0.113.7', false],
    ['::/0', '::ffff:203.0.113.7', false],
    ['::1', '127.0.0.1', false],
  ])('%s with %s: %s', (network, address, isInside) => {
    expect(new Networks([network]).has(address)).toBe(isInside)
  })

  test('an empty list has nobody, and what is no address is nowhere', () => {
    expect(new Networks([]).has('127.0.0.1')).toBe(false)
    expect(new Networks(['0.0.0.0/0', '::/0']).has('somewhere')).toBe(false)
  })

  test('what is no network is refused by name', () => {
    expect(() => new Networks(['10.0.0.0/33'])).toThrow('"10.0.0.0/33" is no address or network')
  })
})

test.each([
  '10.0.0.0/33',
  '10.0.0',
  '10.0.0.0/',
  '10.0.0.0/8/8',
  '2001:db8::/129',
  'fe80::1%eth0',
  '::ffff:10.0.0.0/90',
  'example.org',
  '',
  ' 10.0.0.1',
])('"%s" is no network', (text) => {
  expect(isNetwork(text)).toBe(false)
})
