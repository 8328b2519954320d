import { describe, expect, it } from 'vitest'
import { ClientAddresses } from '../../src/http/client-address.ts'
import { PublicUrls } from '../../src/http/public-urls.ts'

interface Asked {
  readonly peer?: string
  readonly headers?: Readonly<Record<string, string>>
  readonly target?: string
}

function urlOf(publicUrl: string | undefined, { peer = '192.0.2.1', headers, target }: Asked) {
  const path = target ?? '/a/b?c=%20d&e'
  const c = {
    env: { incoming: { url: path, socket: { remoteAddress: peer } } },
    req: { url: 'http://inner:8080/a', header: (name: string) => headers?.[name] },
  }
  return new PublicUrls(publicUrl, new ClientAddresses(['10.0.0.0/8'])).of(c as never)
}

const FORWARDED = { 'x-forwarded-proto': 'https', 'x-forwarded-host': 'sms.example.com, inner' }

describe('the address that was called', () => {
  it.each([
    ['is what the request says', { headers: { host: 'a:81' } }, 'http://a:81/a/b?c=%20d&e'],
    ['is what it was sent to, without a host', {}, 'http://inner:8080/a/b?c=%20d&e'],
    [
      'is what a trusted proxy says',
      { peer: '10.0.0.1', headers: { ...FORWARDED, host: 'inner' } },
      'https://sms.example.com/a/b?c=%20d&e',
    ],
    ['is not what anybody says', { headers: { ...FORWARDED, host: 'a' } }, 'http://a/a/b?c=%20d&e'],
    [
      'has the host of the request where the proxy names none',
      { peer: '10.0.0.1', headers: { 'x-forwarded-proto': 'https', host: 'a' } },
      'https://a/a/b?c=%20d&e',
    ],
    ['has a host that can be one', { headers: { host: 'a b' } }, 'http://inner:8080/a/b?c=%20d&e'],
    [
      'is no other where a proxy asks for all of it',
      { target: 'http://x/a?b' },
      'http://inner:8080/a?b',
    ],
  ] as const)('%s', (_, asked, expected) => {
    expect(urlOf(undefined, asked)).toBe(expected)
  })

  it('is the one that is configured, whatever is said', () => {
    const headers = { ...FORWARDED, host: 'a' }
    expect(urlOf('https://b.example/gw', { peer: '10.0.0.1', headers })).toBe(
      'https://b.example/gw/a/b?c=%20d&e',
    )
  })
})
