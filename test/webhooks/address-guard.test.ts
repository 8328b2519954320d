import type { LookupAddress } from 'node:dns'
import { describe, expect, it } from 'vitest'
import { AddressGuard, isPublicAddress } from '../../src/webhooks/address-guard.ts'

const guard = new AddressGuard({ allowPrivateAddresses: false })

describe('an address', () => {
  it.each([
    '0.0.0.0',
    '0.1.2.3',
    '10.0.0.1',
    '10.255.255.255',
    '100.64.0.1',
    '100.127.255.255',
    '127.0.0.1',
    '127.255.0.9',
    '169.254.169.254',
    '172.16.0.1',
    '172.31.255.255',
    '192.0.0.8',
    '192.0.2.1',
    '192.168.255.1',
    '198.18.0.1',
    '198.19.255.255',
    '198.51.100.7',
    '203.0.113.9',
    '224.0.0.1',
    '239.255.255.255',
    '240.0.0.1',
    '255.255.255.255',
    '::',
    '::1',
    '::127.0.0.1',
    '::ffff:10.0.0.1',
    '::ffff:127.0.0.1',
    '::ffff:7f00:1',
    '0:0:0:0:0:ffff:a9fe:a9fe',
    '::ffff:0.0.0.0',
    '64:ff9b::10.0.0.1',
    '64:ff9b::7f00:1',
    '64:ff9b::',
    '64:ff9b::1',
    '64:ff9b:1::1',
    '100::1',
    '2001::1',
    '2001:0:53aa:64c:0:0:0:1',
    '2001:10::1',
    '2001:db8::1',
    '2002:7f00:1::1',
    '2002:a00:1::1',
    '3fff::1',
    '5f00::1',
    'fc00::1',
    'fd12:3456::1',
    'fe80::1',
    'fe80::1%eth0',
    'fec0::1',
    'ff02::1',
    'example.com',
    '',
  ])('%s is not public', (address) => {
    expect(isPublicAddress(address)).toBe(false)
  })

  it.each([
    '1.1.1.1',
    '9.255.255.255',
    '11.0.0.0',
    '100.63.255.255',
    '100.128.0.0',
    '172.15.255.255',
    '172.32.0.0',
    '192.167.255.255',
    '192.169.0.0',
    '223.255.255.255',
    '::ffff:8.8.8.8',
    '64:ff9b::808:808',
    '2001:4860:4860::8888',
    '2606:4700::1111',
    '2a00:1450:4001:81b::200e',
  ])('%s is public', (address) => {
    expect(isPublicAddress(address)).toBe(true)
  })
})

describe('a URL', () => {
  it.each([
    'http://127.0.0.1/',
    'http://127.1/',
    'http://0x7f.0.0.1:8080/x',
    'http://2130706433/',
    'http://0177.0.0.1/',
    'http://127.0.0.1./',
    'https://169.254.169.254/latest/meta-data/',
    'http://[::1]/',
    'http://[::ffff:127.0.0.1]/',
    'http://[::ffff:a00:1]/',
    'http://[fd00::1]:81/',
    'http://localhost/',
    'http://LOCALHOST:3000/',
    'http://localhost./',
    'http://api.localhost/',
    'http://127。0。0。1/',
  ])('%s leads inside', (url) => {
    expect(() => guard.target(url)).toThrow(
      expect.objectContaining({ code: 'webhook_address_refused', pointer: '/url' }),
    )
  })

  it.each([
    'example.com/hook',
    '/hook',
    '',
    'ftp://example.com/',
    'file:///etc/passwd',
    'gopher://example.com/',
    'http://',
    'https://user@example.com/',
    'https://user:secret@example.com/',
    `https://example.com/${'x'.repeat(2_048)}`,
  ])('%s is none we take', (url) => {
    expect(() => guard.target(url, '/callback_url')).toThrow(
      expect.objectContaining({ code: 'webhook_url_invalid', pointer: '/callback_url' }),
    )
  })

  it('is split into origin and path, without the fragment', () => {
    expect(guard.target('https://Example.com:443/a b?c=ü#d')).toEqual({
      origin: 'https://example.com',
      path: '/a%20b?c=%C3%BC',
    })
    expect(guard.target('http://8.8.8.8:8080')).toEqual({
      origin: 'http://8.8.8.8:8080',
      path: '/',
    })
  })

  it('may lead inside where the operator allows it', () => {
    const open = new AddressGuard({ allowPrivateAddresses: true })
    expect(open.target('http://127.0.0.1:8080/x').origin).toBe('http://127.0.0.1:8080')
    expect(open.target('http://localhost/').origin).toBe('http://localhost')
    expect(() => open.target('ftp://127.0.0.1/')).toThrow()
  })
})

describe('a name', () => {
  const one: LookupAddress = { address: '1.1.1.1', family: 4 }
  const inside: LookupAddress = { address: '10.0.0.1', family: 4 }

  function lookup(
    asked: AddressGuard,
    options: { all?: boolean } = {},
  ): Promise<{ error: Error | null; address: string | LookupAddress[]; family?: number }> {
    return new Promise((resolve) =>
      asked.lookup('example.com', options, (error, address, family) =>
        resolve({ error, address, ...(family === undefined ? {} : { family }) }),
      ),
    )
  }

  function guardFor(addresses: LookupAddress[], allowPrivateAddresses = false): AddressGuard {
    return new AddressGuard({ allowPrivateAddresses, resolve: async () => addresses })
  }

  it('gives its public addresses only', async () => {
    expect(await lookup(guardFor([inside, one]), { all: true })).toEqual({
      error: null,
      address: [one],
    })
    expect(await lookup(guardFor([inside, one]))).toEqual({
      error: null,
      address: '1.1.1.1',
      family: 4,
    })
  })

  it('with none is refused', async () => {
    for (const all of [true, false]) {
      const { error } = await lookup(guardFor([inside]), { all })
      expect(error).toMatchObject({ code: 'webhook_address_refused' })
    }
  })

  it('may lead inside where the operator allows it', async () => {
    const { address } = await lookup(guardFor([inside], true), { all: true })
    expect(address).toEqual([inside])
  })

  it('is asked for once at a time, and again afterwards', async () => {
    let questions = 0
    let answer = (_addresses: LookupAddress[]) => {}
    const slow = new AddressGuard({
      allowPrivateAddresses: false,
      resolve: () => {
        questions += 1
        return new Promise((resolve) => {
          answer = resolve
        })
      },
    })
    const both = Promise.all([lookup(slow), lookup(slow)])
    expect(questions).toBe(1)
    answer([one])
    expect(await both).toMatchObject([{ address: '1.1.1.1' }, { address: '1.1.1.1' }])
    // What the name means now counts, not what it meant before.
    const again = lookup(slow)
    expect(questions).toBe(2)
    answer([inside])
    expect((await again).error).toMatchObject({ code: 'webhook_address_refused' })
  })

  it('that does not resolve gives the resolver’s error', async () => {
    const failing = new AddressGuard({
      allowPrivateAddresses: false,
      resolve: async () => {
        throw Object.assign(new Error('getaddrinfo ENOTFOUND'), { code: 'ENOTFOUND' })
      },
    })
    expect((await lookup(failing)).error).toMatchObject({ code: 'ENOTFOUND' })
  })
})
