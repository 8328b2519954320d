import { createHash } from 'node:crypto'
import { afterAll, beforeAll, beforeEach, describe, expect, test } from 'vitest'
import { openAccess } from '../../src/accounts/access.ts'
import { newId } from '../../src/core/id.ts'
import { silentLogger } from '../../src/core/logger.ts'
import type { AppEnv } from '../../src/http/env.ts'
import type { Refusal } from '../../src/http/refusal-log.ts'
import { openKeys } from '../../src/open-keys.ts'
import { shortSignedHeaders, signedHeaders } from '../support/signing.ts'
import { openTestApp, problemIn, type TestApp } from './test-app.ts'

interface MadeKey {
  readonly id: string
  readonly key: string
  readonly secret: string
}

const START = new Date('2026-03-14T10:00:00Z')
const SECONDS = START.getTime() / 1_000

let api: TestApp
let now = START
const refusals: Refusal[] = []

beforeAll(async () => {
  api = await openTestApp({
    clock: () => now,
    trustedProxies: ['10.0.0.0/8'],
    onUnauthorized: (refusal) => refusals.push(refusal),
  })
})
beforeEach(() => {
  now = START
  refusals.length = 0
})
afterAll(() => api.close())

async function make(wish: object = {}, by = 'demo-key'): Promise<MadeKey> {
  const response = await api.request('/v1/keys', {
    method: 'POST',
    headers: { authorization: `Bearer ${by}`, 'content-type': 'application/json' },
    body: JSON.stringify({ name: 'k', scopes: ['messages:send', 'messages:read'], ...wish }),
  })
  expect(response.status).toBe(201)
  return (await response.json()) as MadeKey
}

const LIST = { method: 'GET', path: '/v1/messages?limit=3&status=delivered' }

function list(headers: Record<string, string>, env?: object): Promise<Response> {
  return Promise.resolve(api.app.request(LIST.path, { headers }, env as AppEnv['Bindings']))
}

describe('a signed request', () => {
  test('needs no other key, and carries its body as it was sent', async () => {
    const key = await make({ signing: 'full' })
    // Spaces and an escape that parsing would lose.
    const body = '{ "to":"+447700900123",  "from":"ACME", "text":"caf\\u00e9" }'
    const path = '/v1/messages'
    const toSign = { method: 'POST', path, body, timestamp: SECONDS, nonce: newId() }
    const response = await api.app.request(path, {
      method: 'POST',
      headers: { ...signedHeaders(key, toSign), 'content-type': 'application/json' },
      body,
    })
    expect(response.status).toBe(202)
  })

  test('may have its signature in base64, and its time in milliseconds', async () => {
    const key = await make({ signing: 'full' })
    const ms = START.getTime() - 299_999
    const headers = signedHeaders(key, { ...LIST, timestamp: ms, nonce: 'n' })
    const hex = headers['x-signature'] ?? ''
    const signature = Buffer.from(hex, 'hex').toString('base64')
    expect((await list({ ...headers, 'x-signature': signature })).status).toBe(200)
    const upper = { ...LIST, timestamp: ms, nonce: 'n2' }
    const others = signedHeaders({ ...key, id: key.id.toUpperCase() }, upper)
    const shouted = { ...others, 'x-signature': others['x-signature']?.toUpperCase() ?? '' }
    expect((await list(shouted)).status).toBe(200)
  })

  test.each([
    ['a nonce with a space', { 'x-nonce': 'a b' }],
    ['a nonce that is too long', { 'x-nonce': 'n'.repeat(129) }],
    ['a time in words', { 'x-timestamp': START.toISOString() }],
    ['a signature that is too short', { 'x-signature': 'abcd' }],
  ])('is refused with %s', async (_, over) => {
    const key = await make({ signing: 'full' })
    const headers = signedHeaders(key, { ...LIST, timestamp: SECONDS, nonce: newId() })
    expect((await list({ ...headers, ...over })).status).toBe(401)
    expect(refusals.map(({ reason }) => reason)).toEqual(['signature_missing'])
  })

  test('is signed with either secret while a rotation overlaps', async () => {
    const key = await make({ signing: 'full' })
    const rotated = await api.request(`/v1/keys/${key.id}/rotate`, {
      method: 'POST',
      headers: { 'content-type': 'application/json' },
      body: JSON.stringify({ overlap_hours: 1 }),
    })
    const { secret } = (await rotated.json()) as MadeKey
    const status = async (with_: string) => {
      const timestamp = now.getTime() / 1_000
      const toSign = { ...LIST, timestamp, nonce: newId() }
      return (await list(signedHeaders({ id: key.id, secret: with_ }, toSign))).status
    }
    expect([await status(key.secret), await status(secret)]).toEqual([200, 200])
    now = new Date(START.getTime() + 3_600_000)
    expect([await status(key.secret), await status(secret)]).toEqual([401, 200])
  })

  test('that comes twice at once is worked on once', async () => {
    const key = await make({ signing: 'full' })
    const headers = signedHeaders(key, { ...LIST, timestamp: SECONDS, nonce: 'twice' })
    const statuses = await Promise.all(Array.from({ length: 5 }, () => list(headers)))
    expect(statuses.map(({ status }) => status).sort()).toEqual([200, 401, 401, 401, 401])
  })

  test('may be a rate deck that comes in pieces, up to the cap of decks', async () => {
    const key = await make({ signing: 'full', scopes: ['routing:write'] }, 'operator-key')
    const rows = Array.from({ length: 60_000 }, (_, index) => `44${100_000 + index},0.0350,EUR`)
    const body = `prefix,price,currency\n${rows.join('\n')}\n`
    expect(body.length).toBeGreaterThan(1_100_000)
    const path = '/v1/rate-decks/tenant/demo'
    const toSign = { method: 'POST', path, body, timestamp: SECONDS, nonce: newId() }
    const pieces = (async function* () {
      for (let at = 0; at < body.length; at += 100_000) yield body.slice(at, at + 100_000)
    })()
    const init = {
      method: 'POST',
      headers: { ...signedHeaders(key, toSign), 'content-type': 'text/csv' },
      body: ReadableStream.from(pieces).pipeThrough(new TextEncoderStream()),
      duplex: 'half',
    }
    const response = await api.app.request(path, init as RequestInit)
    expect([response.status, await response.json()]).toMatchObject([201, { rows: 60_000 }])
  })

  test('that is larger than its route takes is refused as any other', async () => {
    const key = await make({ signing: 'full' })
    const path = '/v1/messages'
    const body = ' '.repeat(1024 * 1024 + 1)
    const toSign = { method: 'POST', path, body, timestamp: SECONDS, nonce: newId() }
    const response = await api.app.request(path, {
      method: 'POST',
      headers: { ...signedHeaders(key, toSign), 'content-type': 'application/json' },
      body,
    })
    expect((await problemIn(response)).code).toBe('body_too_large')
  })
})

describe('a body', () => {
  const deck = '/v1/rate-decks/tenant/demo'

  async function sent(key: MadeKey, body: ReadableStream<Uint8Array>): Promise<Response> {
    const headers = signedHeaders(key, {
      method: 'POST',
      path: deck,
      timestamp: SECONDS,
      nonce: newId(),
    })
    const init = { method: 'POST', headers: { ...headers, 'content-type': 'text/csv' }, body }
    return api.app.request(deck, { ...init, duplex: 'half' } as RequestInit)
  }

  test('that breaks off is not what was signed', async () => {
    const key = await make({ signing: 'full', scopes: ['routing:write'] }, 'operator-key')
    const broken = new ReadableStream<Uint8Array>({
      pull: (controller) => controller.error(new Error('reset')),
    })
    expect((await sent(key, broken)).status).toBe(401)
    expect(refusals.map(({ reason }) => reason)).toEqual(['signature_wrong'])
  })

  test('of a deck is read no further than that of others by who may not send decks', async () => {
    const key = await make({ signing: 'full', scopes: ['routing:read'] }, 'operator-key')
    let pieces = 0
    const endless = new ReadableStream<Uint8Array>({
      pull: (controller) => {
        pieces++
        controller.enqueue(new Uint8Array(65_536))
      },
    })
    expect((await problemIn(await sent(key, endless))).code).toBe('body_too_large')
    expect(pieces).toBeLessThan(20)
  })
})

describe('the short form', () => {
  test('is good for 60 seconds, again and again, for keys that allow it', async () => {
    const key = await make({ signing: 'short' })
    const headers = shortSignedHeaders(key, SECONDS)
    expect((await list(headers)).status).toBe(200)
    expect((await list(headers)).status).toBe(200)
    now = new Date(START.getTime() + 60_000)
    expect((await list(headers)).status).toBe(200)
    now = new Date(START.getTime() + 60_001)
    expect((await list(headers)).status).toBe(401)
    expect((await list(shortSignedHeaders(key, SECONDS + 121))).status).toBe(401)
    expect(refusals.map(({ reason }) => reason)).toEqual([
      'timestamp_out_of_window',
      'timestamp_out_of_window',
    ])
  })

  test('leaves the full form, with its window and its nonce', async () => {
    const key = await make({ signing: 'short' })
    now = new Date(START.getTime() + 300_000)
    const headers = signedHeaders(key, { ...LIST, timestamp: SECONDS, nonce: 'full' })
    expect([(await list(headers)).status, (await list(headers)).status]).toEqual([200, 401])
  })
})

describe('who asks', () => {
  test('comes from where a trusted proxy says', async () => {
    const { key } = await make({ allow_from: ['203.0.113.7'] })
    const from = (peer: string, forwarded?: string) =>
      list(
        { authorization: `Bearer ${key}`, ...(forwarded && { 'x-forwarded-for': forwarded }) },
        { incoming: { socket: { remoteAddress: peer } } },
      )
    expect((await from('203.0.113.7')).status).toBe(200)
    expect((await from('10.0.0.1', '203.0.113.7')).status).toBe(200)
    expect((await from('10.0.0.1', '203.0.113.7, 198.51.100.1')).status).toBe(401)
    expect((await from('198.51.100.1', '203.0.113.7')).status).toBe(401)
    expect(refusals).toEqual([
      expect.objectContaining({ address: '198.51.100.1', method: 'GET', path: '/v1/messages' }),
      expect.objectContaining({ address: '198.51.100.1', reason: 'address_not_allowed' }),
    ])
    expect(refusals[0]?.keyName).toBe(hashName(key))
  })
})

describe('keys of a tenant', () => {
  test('work as long as the configuration has the tenant', async () => {
    const { store } = api
    const one = { name: 'one', apiKeys: ['key-1'] }
    const access = await openAccess(store, [one], ['admin'])
    const options = { trustedProxies: [], signatureWindowSeconds: 300 }
    const reasons: string[] = []
    const keys = await openKeys({
      config: options,
      access,
      store,
      logger: silentLogger,
      clock: () => now,
      onUnauthorized: ({ reason }) => reasons.push(reason),
    })
    const tenantId = access.tenantNamed('one')?.id
    const { secret } = await keys.issuedKeys.create({
      tenantId,
      name: 'k',
      signing: 'none',
      scopes: ['messages:read'],
      allowFrom: [],
      expiresAt: null,
      createdBy: 'test',
    })
    const request = {
      header: (name: string) => (name === 'authorization' ? `Bearer ${secret}` : undefined),
      method: 'GET',
      path: '/v1/messages',
    }
    const admitted = () => keys.keyGate.admit({ req: request } as never, () => 0)
    expect(admitted()).toMatchObject({ tenant: { name: 'one' }, isOperator: false })
    expect(admitted()).toBe(admitted())
    access.takeOver(await openAccess(store, [{ name: 'two', apiKeys: [] }], ['admin']))
    expect(admitted).toThrow('no key that is good here')
    access.takeOver(await openAccess(store, [one], ['admin']))
    expect(admitted()).toMatchObject({ tenant: { name: 'one' } })
    expect(reasons).toEqual(['tenant_gone'])
    await keys.close()
  })
})

function hashName(key: string): string {
  return createHash('sha256').update(key).digest('hex').slice(0, 12)
}
