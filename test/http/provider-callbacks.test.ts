import { sql } from 'drizzle-orm'
import { afterAll, beforeAll, beforeEach, describe, expect, test, vi } from 'vitest'
import { listenHttp } from '../../src/http/server.ts'
import { twilio, twilioSignature } from '../../src/providers/twilio.ts'
import { delivery, FakeTarget, SIGNED, UNSIGNED } from '../callbacks/fake-target.ts'
import { keepingLogger } from '../messages/keeping-logger.ts'
import { openTestApp, problemIn, type TestApp } from './test-app.ts'

const PUBLIC_URL = 'https://sms.example.com/gw'
const TOKEN = 'example_auth_token'
const NOW = new Date('2026-05-06T07:08:09Z')
const PROXY = '10.0.0.1'
const JSON_TYPE = { 'content-type': 'application/json' }
const MIB = 1024 * 1024

const twilioCallbacks = twilio.open(
  twilio.settings.parse({ account_sid: `AC${'a'.repeat(32)}`, auth_token: TOKEN }),
).callbacks

const targets = {
  plain: new FakeTarget(UNSIGNED, { secret: 's3cret' }),
  listed: new FakeTarget(UNSIGNED, {
    secret: 's3cret',
    addresses: ['192.0.2.0/24', '2001:db8::/32'],
  }),
  open: new FakeTarget(UNSIGNED),
  signed: new FakeTarget(SIGNED),
  both: new FakeTarget(SIGNED, { secret: 's3cret' }),
  twilio: new FakeTarget(twilioCallbacks),
  smpp: new FakeTarget(undefined, { secret: 's3cret' }),
}
const byName = new Map<string, FakeTarget>(Object.entries(targets))

let api: TestApp
const logger = keepingLogger()

beforeAll(async () => {
  api = await openTestApp({
    callbackTargetOf: (name) => byName.get(name),
    publicUrl: PUBLIC_URL,
    trustedProxies: [PROXY],
    clock: () => NOW,
    logger,
  })
})

afterAll(() => api.close())

let seen = 0
beforeEach(() => {
  seen = api.callbackOutcomes.length
})

/** What was counted since the test has begun, without what is counted some time after the answer. */
const counted = () =>
  api.callbackOutcomes.slice(seen).filter((outcome) => !outcome.endsWith(' taken'))

function call(path: string, init: RequestInit = {}, address: string | null = '192.0.2.7') {
  const env = address === null ? {} : { incoming: { socket: { remoteAddress: address } } }
  return api.app.request(`/callback/provider/${path}`, init, env)
}

function post(path: string, body: string, headers: Record<string, string> = JSON_TYPE) {
  return call(path, { method: 'POST', body, headers })
}

const saying = (...ids: string[]) => delivery(...ids).body.toString()

/** What is answered where nothing is taken. */
async function expectNothingHere(response: Response, path: string): Promise<void> {
  const { request_id: _, ...problem } = await problemIn(response)
  const unknown = await api.app.request(`/nowhere/${path}`, { method: 'POST' })
  const { request_id: __, ...expected } = await problemIn(unknown)
  expect({
    ...problem,
    detail: problem.detail.replace('/callback/provider/', '/nowhere/'),
  }).toEqual(expected)
  expect(problem.status).toBe(404)
}

describe('a provider that signs nothing', () => {
  test('is heard with the secret in its path', async () => {
    const response = await post('plain/s3cret/delivery', saying('a', 'b'))
    expect(response.status).toBe(200)
    expect(response.headers.get('content-type')).toBe('application/json')
    expect(await response.text()).toBe('{"code":0}')
    await targets.plain.has(2)
    expect(targets.plain.taken).toEqual(['a', 'b'])
    expect((await post('plain/s3cret/mo', saying('a'))).status).toBe(200)
    await targets.plain.has(3)
    const got = await call('plain/s3cret/delivery?id=c&id=d')
    expect([got.status, await got.text()]).toEqual([200, '{"code":0}'])
    await targets.plain.has(5)
    expect(targets.plain.taken).toEqual(['a', 'b', 'mo a', 'c', 'd'])
    const rows = await api.store.query(
      sql`select request from provider_callbacks where request like '%s3cret%'`,
    )
    expect(rows).toEqual([])
    await vi.waitFor(() => expect(api.callbackOutcomes).toContain('plain mo taken'))
  })

  test('may repeat itself', async () => {
    const send = () => post('plain/s3cret/delivery', saying('again'))
    expect((await send()).status).toBe(200)
    await targets.plain.has(6)
    const second = await send()
    expect([second.status, await second.text()]).toEqual([200, '{"code":0}'])
    expect(counted()).toContain('plain delivery repeated')
    // Another kind, another method, another query: another callback.
    await post('plain/s3cret/delivery?x=1', saying('again'))
    await targets.plain.has(7)
    expect(targets.plain.taken.slice(5)).toEqual(['again', 'again'])
  })

  test('whose address is no other', async () => {
    for (const address of ['192.0.2.9', '::ffff:192.0.2.9', '2001:db8::7']) {
      const init = { method: 'POST', body: saying(address), headers: JSON_TYPE }
      expect((await call('listed/s3cret/delivery', init, address)).status).toBe(200)
    }
    const headers = { ...JSON_TYPE, 'x-forwarded-for': '198.51.100.1, 192.0.2.9' }
    const init = { method: 'POST', body: saying('by a proxy'), headers }
    expect((await call('listed/s3cret/delivery', init, PROXY)).status).toBe(200)
    const [row] = await api.store.query<{ address: string }>(
      sql`select address from provider_callbacks where carrier = 'listed' order by id desc limit 1`,
    )
    expect(row?.address).toBe('192.0.2.9')
    await targets.listed.has(4)
  })
})

test('whatever is refused is answered as if nothing was there', async () => {
  const lines = logger.lines.length
  const init = (headers = JSON_TYPE) => ({ method: 'POST', body: saying('x'), headers })
  const spoofed = { ...JSON_TYPE, 'x-forwarded-for': '192.0.2.9' }
  const cases: [string, RequestInit, string | null, string, string][] = [
    ['nobody/s3cret/delivery', init(), '192.0.2.7', ' delivery unknown', 'carrier_unknown'],
    ['nobody/mo', init(), '192.0.2.7', ' mo unknown', 'carrier_unknown'],
    ['smpp/s3cret/delivery', init(), '192.0.2.7', ' delivery unknown', 'no_callbacks'],
    ['plain/delivery', init(), '192.0.2.7', 'plain delivery forged', 'secret_wrong'],
    ['plain/s3creT/delivery', init(), '192.0.2.7', 'plain delivery forged', 'secret_wrong'],
    ['plain/s3cret2/mo', init(), '192.0.2.7', 'plain mo forged', 'secret_wrong'],
    ['open/delivery', init(), '192.0.2.7', 'open delivery forged', 'no_secret_configured'],
    ['open/s3cret/delivery', init(), '192.0.2.7', 'open delivery forged', 'no_secret_configured'],
    ['listed/wrong/delivery', init(), '192.0.2.7', 'listed delivery forged', 'secret_wrong'],
    ['listed/s3cret/mo', init(), '198.51.100.7', 'listed mo forged', 'address_not_allowed'],
    ['listed/s3cret/mo', init(spoofed), '198.51.100.7', 'listed mo forged', 'address_not_allowed'],
    ['listed/s3cret/mo', init(), null, 'listed mo forged', 'address_not_allowed'],
    ['signed/delivery', init(), '192.0.2.7', 'signed delivery forged', 'x-sign is of another'],
    [
      'signed/delivery',
      init({ ...JSON_TYPE, 'x-sign': 'broken' } as never),
      '192.0.2.7',
      'signed delivery forged',
      'it cannot be checked: no signature at all',
    ],
    ['both/s3cret/mo', init(), '192.0.2.7', 'both mo forged', 'x-sign is of another'],
    [
      'both/mo',
      init({ ...JSON_TYPE, 'x-sign': 'good' } as never),
      '192.0.2.7',
      'both mo forged',
      'secret_wrong',
    ],
  ]
  for (const [path, request, address, outcome, reason] of cases) {
    await expectNothingHere(await call(path, request, address), path)
    expect(counted().at(-1), path).toBe(outcome)
    const [level, message, fields] = logger.lines.at(-1) ?? []
    expect([level, message]).toEqual(['warn', 'a callback of a provider was refused'])
    expect(fields, path).toMatchObject({ reason: expect.stringContaining(reason) })
  }
  expect(counted()).toHaveLength(cases.length)
  expect(JSON.stringify(logger.lines.slice(lines))).not.toMatch(/s3cre/i)
  for (const path of ['plain/s3cret/delivery', 'plain/s3cret/other', 'plain', 'a/b/c/mo']) {
    const method = path.endsWith('delivery') ? 'HEAD' : 'POST'
    expect((await call(path, { method })).status).toBe(404)
    expect((await call(path, { method: 'PUT' })).status).toBe(404)
  }
  expect(counted()).toHaveLength(cases.length)
})

test('the log of refusals is bounded', async () => {
  const refusals = () => logger.lines.filter(([, line]) => line.includes('was refused')).length
  for (let count = 0; count < 30; count++) await post(`nobody${count}/mo`, '[]')
  // The clock of these tests stands still: it is the same minute for all of them.
  expect(refusals()).toBe(20)
  expect(new Set(counted())).toEqual(new Set([' mo unknown']))
})

describe('a provider that signs', () => {
  const signed = (headers: Record<string, string>, ...ids: string[]) =>
    post('signed/delivery', saying(...ids), { ...JSON_TYPE, 'x-sign': 'good', ...headers })
  const at = (seconds: number) => new Date(NOW.getTime() + seconds * 1_000).toISOString()

  test('is heard within its window only', async () => {
    for (const seconds of [-300, 0, 300]) {
      expect((await signed({ 'x-at': at(seconds) }, `at ${seconds}`)).status).toBe(200)
    }
    await targets.signed.has(3)
    for (const [x, id] of [
      [at(-301), 'old'],
      [at(301), 'ahead'],
      ['nonsense', 'never'],
    ] as const) {
      await expectNothingHere(await signed({ 'x-at': x }, id), 'signed/delivery')
      expect(counted().at(-1)).toBe('signed delivery late')
    }
    expect(targets.signed.taken).toHaveLength(3)
  })

  test('uses a nonce once, or for the same', async () => {
    expect((await signed({ 'x-nonce': 'n1' }, 'one')).status).toBe(200)
    await targets.signed.has(4)
    expect((await signed({ 'x-nonce': 'n1' }, 'one')).status).toBe(200)
    expect(counted().at(-1)).toBe('signed delivery repeated')
    await expectNothingHere(await signed({ 'x-nonce': 'n1' }, 'two'), 'signed/delivery')
    expect(counted().at(-1)).toBe('signed delivery replayed')
    // Others have nonces of their own.
    const path = 'both/s3cret/delivery'
    const headers = { ...JSON_TYPE, 'x-sign': 'good', 'x-nonce': 'n1' }
    expect((await post(path, saying('two'), headers)).status).toBe(200)
    await targets.both.has(1)
    expect(targets.signed.taken.slice(3)).toEqual(['one'])
  })

  test('as Twilio does, over the address that it has called', async () => {
    const form = (sid: string) => new URLSearchParams({ MessageSid: sid, MessageStatus: 'sent' })
    const send = (sid: string, path: string, signedUrl: string, signedForm = form(sid)) =>
      post(path, form(sid).toString(), {
        'content-type': 'application/x-www-form-urlencoded',
        'x-twilio-signature': twilioSignature(TOKEN, signedUrl, signedForm),
      })
    const url = `${PUBLIC_URL}/callback/provider/twilio/delivery`
    const taken = await send('SM1', 'twilio/delivery', url)
    expect([taken.status, taken.headers.get('content-type')]).toEqual([204, null])
    await targets.twilio.has(1)
    const mo = await send('SM2', 'twilio/mo?a=%20b', url.replace('delivery', 'mo?a=%20b'))
    expect([mo.status, await mo.text()]).toEqual([200, '<Response/>'])
    await targets.twilio.has(2)
    expect(targets.twilio.taken).toEqual(['SM1', 'mo SM2'])
    const forged = [
      send('SM3', 'twilio/delivery', url, form('SM4')),
      send('SM3', 'twilio/mo', url),
      send('SM3', 'twilio/delivery', 'http://localhost/callback/provider/twilio/delivery'),
    ]
    for (const response of await Promise.all(forged)) expect(response.status).toBe(404)
    expect(counted().slice(-3).sort()).toEqual([
      'twilio delivery forged',
      'twilio delivery forged',
      'twilio mo forged',
    ])
  })
})

describe('a body that is too large', () => {
  const large = 'x'.repeat(MIB + 1)
  const stream = () =>
    new ReadableStream({
      start(controller) {
        controller.enqueue(Buffer.from(large))
      },
      cancel() {},
    })
  const chunked = (path: string) =>
    call(path, { method: 'POST', body: stream(), duplex: 'half' } as RequestInit)

  test('is not read to its end', async () => {
    const init = { 'content-length': String(MIB + 1) }
    const told = await post('plain/s3cret/delivery', large, init)
    expect([told.status, (await problemIn(told)).code]).toEqual([413, 'body_too_large'])
    expect(counted()).toEqual(['plain delivery oversized'])
    // The stream has no end: only whoever stops reading gets as far as an answer.
    expect((await chunked('plain/s3cret/mo')).status).toBe(413)
    expect(counted().at(-1)).toBe('plain mo oversized')
  })

  test('tells nobody which carriers there are', async () => {
    for (const carrier of ['nobody', 'signed', 'plain']) {
      const told = await post(`${carrier}/mo`, large, { 'content-length': String(MIB + 1) })
      expect(told.status).toBe(413)
    }
    expect(counted()).toEqual([' mo oversized', 'signed mo oversized', 'plain mo oversized'])
    await expectNothingHere(await chunked('signed/mo'), 'signed/mo')
    expect(counted().at(-1)).toBe('signed mo oversized')
    await expectNothingHere(await chunked('nobody/mo'), 'nobody/mo')
  })

  test('that is as large as may be is taken', async () => {
    const body = saying('large').padEnd(MIB)
    expect((await post('plain/s3cret/delivery', body)).status).toBe(200)
    await targets.plain.has(8)
  })
})

test('all of it over a socket', async () => {
  const server = await listenHttp(api.app, { host: '127.0.0.1', port: 0 })
  try {
    const to = (path: string) => `http://127.0.0.1:${server.port}/callback/provider/${path}`
    const before = targets.plain.taken.length
    const send = (path: string, body: string | ReadableStream) =>
      fetch(to(path), { method: 'POST', body, headers: JSON_TYPE, duplex: 'half' } as RequestInit)
    const taken = await send('plain/s3cret/delivery?id=1', saying('by socket'))
    expect([taken.status, await taken.text()]).toEqual([200, '{"code":0}'])
    expect((await fetch(to('plain/s3cret/mo?id=by-get'))).status).toBe(200)
    const pieces = [saying('in '), ' '.repeat(1_000)].map((text) => Buffer.from(text))
    expect((await send('plain/s3cret/mo', ReadableStream.from(pieces))).status).toBe(200)
    await targets.plain.has(before + 3)
    expect(targets.plain.taken.slice(before)).toEqual(['by socket', 'mo by-get', 'mo in '])
    const large = await send('plain/s3cret/mo', 'x'.repeat(MIB + 1))
    expect([large.status, (await problemIn(large)).code]).toEqual([413, 'body_too_large'])
    expect((await send('plain/wrong/mo', '[]')).status).toBe(404)
    expect((await send('signed/mo', ReadableStream.from(pieces))).status).toBe(404)
    expect(counted()).toEqual(['plain mo oversized', 'plain mo forged', 'signed mo forged'])
  } finally {
    await server.close()
  }
})

describe('what cannot be read', () => {
  const operator = { headers: { authorization: 'Bearer admin-key' } }
  interface Page {
    readonly callbacks: readonly Record<string, unknown>[]
    readonly next_cursor: string | null
  }
  const list = async (query: string) => {
    const response = await api.request(`/v1/callbacks?${query}`, operator)
    expect(response.status).toBe(200)
    return (await response.json()) as Page
  }
  const replay = (id: unknown) =>
    api.request(`/v1/callbacks/${id}/replay`, { method: 'POST', ...operator })

  test('is answered as what can be, kept, shown and taken again', async () => {
    const before = targets.plain.taken.length
    const bad = '<xml/>'
    const response = await post('plain/s3cret/delivery', bad)
    expect([response.status, await response.text()]).toEqual([200, '{"code":0}'])
    await vi.waitFor(() => expect(counted()).toEqual(['plain delivery unreadable']))
    const page = await list('carrier=plain&state=failed')
    expect(page.next_cursor).toBeNull()
    const [failed] = page.callbacks
    expect(page.callbacks).toEqual([
      {
        id: failed?.id,
        carrier: 'plain',
        kind: 'delivery',
        state: 'failed',
        error: 'its body is no JSON',
        address: '192.0.2.7',
        received_at: NOW.toISOString(),
        taken_at: null,
      },
    ])
    expect(logger.lines).toContainEqual([
      'warn',
      'a callback of a provider cannot be read',
      { id: failed?.id, carrier: 'plain', kind: 'delivery', error: 'its body is no JSON' },
    ])

    await api.store.query(sql`
      update provider_callbacks set request = replace(request,
        ${Buffer.from(bad).toString('base64')}, ${Buffer.from(saying('late')).toString('base64')})
      where id = ${String(failed?.id)}`)
    const replayed = await replay(failed?.id)
    expect(replayed.status).toBe(202)
    expect(await replayed.json()).toMatchObject({ id: failed?.id, state: 'pending', error: null })
    await targets.plain.has(before + 1)
    expect(targets.plain.taken.at(-1)).toBe('late')
    const again = await replay(failed?.id)
    expect([again.status, (await problemIn(again)).code]).toEqual([409, 'callback_not_failed'])
    expect((await replay('x')).status).toBe(404)
    expect((await replay('01890000-0000-7000-8000-000000000001')).status).toBe(404)
    const [entry] = await api.store.query(sql`
      select action from audit_entries where action = 'callback.replay'`)
    expect(entry).toBeDefined()
  })

  test('and what can be has pages', async () => {
    const first = await list('limit=2&state=done')
    expect(first.callbacks).toHaveLength(2)
    const second = await list(`limit=500&state=done&cursor=${first.next_cursor}`)
    const ids = [...first.callbacks, ...second.callbacks].map(({ id }) => String(id))
    expect(ids).toEqual([...new Set(ids)].sort().reverse())
    expect(second.next_cursor).toBeNull()
    const wrong = await api.request('/v1/callbacks?state=lost', operator)
    expect(wrong.status).toBe(422)
  })
})

test('a provider is told to come back while the database is away', async () => {
  const { query } = api.store
  Object.assign(api.store, { query: () => Promise.reject(new Error('away')) })
  try {
    const response = await post('plain/s3cret/delivery', saying('later'))
    expect(response.headers.get('retry-after')).toBe('1')
    expect([response.status, (await problemIn(response)).code]).toEqual([
      503,
      'storage_unavailable',
    ])
    expect(counted()).toEqual(['plain delivery busy'])
  } finally {
    Object.assign(api.store, { query })
  }
})
