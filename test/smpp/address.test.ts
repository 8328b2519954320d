import { expect, test } from 'vitest'
import { addressGroup, plainAddress } from '../../src/smpp/address.ts'

test.each([
  ['203.0.113.7', '203.0.113.7'],
  ['::ffff:203.0.113.7', '203.0.113.7'],
  ['::FFFF:cb00:7107', '203.0.113.7'],
  ['0:0:0:0:0:ffff:0:0', '0.0.0.0'],
  ['2001:0db8:0:0:0:0:0:1', '2001:db8::1'],
  ['fe80::1%eth0', 'fe80::1'],
  ['::1', '::1'],
  ['', ''],
])('%s is %s', (written, plain) => {
  expect(plainAddress(written)).toBe(plain)
})

test.each([
  ['203.0.113.7', '203.0.113.7'],
  ['2001:db8:1:2:3:4:5:6', '2001:db8:1:2::/64'],
  ['2001:db8::1', '2001:db8:0:0::/64'],
  ['::1', '0:0:0:0::/64'],
  ['2001:db8:1:2::', '2001:db8:1:2::/64'],
  ['::', '0:0:0:0::/64'],
])('%s counts as %s', (address, group) => {
  expect(addressGroup(address)).toBe(group)
})

test('all addresses of one /64 count as one, those of the next do not', () => {
  const [first, second, other] = ['2001:db8:0:1::1', '2001:db8:0:1:ffff::', '2001:db8:0:2::1']
  expect(addressGroup(first ?? '')).toBe(addressGroup(second ?? ''))
  expect(addressGroup(first ?? '')).not.toBe(addressGroup(other ?? ''))
})
