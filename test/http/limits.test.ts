import { afterAll, beforeAll, expect, test } from 'vitest'
import { USUAL_TERMS } from '../../src/core/charging.ts'
import { openTestApp, problemIn, type TestApp } from './test-app.ts'

let app: TestApp

beforeAll(async () => {
  app = await openTestApp({
    limits: {
      tenant: { requests_per_second: 1, requests_burst: 1_000 },
      key: { segments_per_day: 2 },
    },
  })
})
afterAll(() => app.close())

const other = { authorization: 'Bearer other-key', 'content-type': 'application/json' }
const body = { to: '+447700900001', from: 'ACME', text: 'hello' }

test('what a limit refuses is not kept for its Idempotency-Key, and is counted', async () => {
  const post = (headers: object) => app.post(body, { ...other, ...headers })
  expect([(await post({})).status, (await post({})).status]).toEqual([202, 202])
  const refused = await post({ 'idempotency-key': 'once' })
  const problem = await problemIn(refused)
  expect(problem).toMatchObject({
    code: 'quota_exceeded',
    limit: { scope: 'key', kind: 'segments_per_day', quota: 2, currency: null },
  })
  // There is no field that would make it better.
  expect(problem.errors).toBeUndefined()
  expect(Number(refused.headers.get('retry-after'))).toBeGreaterThan(86_000)
  expect(refused.headers.get('ratelimit-policy')).toBe(
    '"tenant-requests-per-second";q=1000;w=1000, "key-segments-per-day";q=2;w=86400',
  )
  expect(refused.headers.get('ratelimit')).toMatch(
    /^"tenant-requests-per-second";r=99\d;t=\d, "key-segments-per-day";r=0;t=\d+$/,
  )
  const again = await post({ 'idempotency-key': 'once' })
  expect(again.status).toBe(429)
  expect(again.headers.get('idempotent-replayed')).toBeNull()
  expect(app.refused).toEqual(['quota_exceeded', 'quota_exceeded'])
})

test('every answer behind a key says how its requests stand, also one about a wrong request', async () => {
  const unknown = await app.request('/v1/nothing')
  expect([unknown.status, unknown.headers.get('ratelimit')]).toEqual([
    404,
    expect.stringMatching(/^"tenant-requests-per-second";r=999;t=1$/),
  ])
  const wrong = await app.post('{')
  expect([wrong.status, wrong.headers.get('ratelimit')]).toEqual([
    400,
    expect.stringMatching(/^"tenant-requests-per-second";r=99\d;t=\d$/),
  ])
  const stranger = await app.request('/v1/limits', { headers: { authorization: 'Bearer x' } })
  expect([stranger.status, stranger.headers.get('ratelimit')]).toEqual([401, null])
})

test('limits are shown by key; a wrong question is refused', async () => {
  const shown = await app.request('/v1/limits')
  const { key, limits } = (await shown.json()) as { key: string; limits: object[] }
  expect(key).toMatch(/^[0-9a-f]{12}$/)
  expect(limits).toMatchObject([
    { scope: 'tenant', kind: 'requests_per_second', quota: 1, burst: 1_000 },
    { scope: 'key', kind: 'segments_per_day', quota: 2, used: 0, remaining: 2 },
  ])
  expect((await app.request('/v1/limits?country=GBR')).status).toBe(422)
  const foreign = await app.request('/v1/limits?partner=partner1')
  expect((await problemIn(foreign)).code).toBe('not_found')
})

test('operators are not limited, whatever they ask for; tenants are, also where both read', async () => {
  const limited = await openTestApp({
    limits: { tenant: { requests_per_second: 1, requests_burst: 2 } },
  })
  const asked = async (path: string, key: string) => {
    const { status, headers } = await limited.request(path, {
      headers: { authorization: `Bearer ${key}` },
    })
    return [status, headers.get('ratelimit-policy')]
  }
  const policy = '"tenant-requests-per-second";q=2;w=2'
  for (const path of ['/v1/messages', '/v1/guards', '/v1/messages', '/v1/carriers']) {
    expect(await asked(path, 'operator-key')).toEqual([200, null])
  }
  expect(await asked('/v1/guards', 'demo-key')).toEqual([403, null])
  const three = await Promise.all([1, 2, 3].map(() => asked('/v1/messages', 'demo-key')))
  expect(three.sort()).toEqual([
    [200, policy],
    [200, policy],
    [429, policy],
  ])
  await limited.close()
})

test('what a limit refuses costs nothing; what the balance does not pay for takes nothing of limits', async () => {
  const paid = await openTestApp({
    limits: { recipient: { messages_per_hour: 1 } },
    billing: { charging: USUAL_TERMS, currency: undefined, creditLimitMicros: undefined },
  })
  const pay = (reference: string) =>
    paid.request('/v1/billing/payments', {
      method: 'POST',
      headers: { authorization: 'Bearer operator-key', 'content-type': 'application/json' },
      body: JSON.stringify({
        tenant: 'demo',
        kind: 'top_up',
        amount: '0.1',
        currency: 'EUR',
        reference,
      }),
    })
  const available = async () => {
    const answer = await paid.request('/v1/billing/balance')
    const { accounts } = (await answer.json()) as { accounts: { available: string }[] }
    return accounts[0]?.available
  }
  const send = async (to: string | string[]) => (await paid.post({ ...body, to })).status
  expect((await pay('first')).status).toBe(201)

  expect([await send('+447700900001'), await available()]).toEqual([202, '0.0650'])
  expect([await send('+447700900001'), await available()]).toEqual([429, '0.0650'])
  // The first of the list is refused, and what was held for it pays for the second.
  expect(await send(['+447700900001', '+447700900002'])).toBe(202)
  expect(await available()).toBe('0.0300')
  expect([await send('+447700900003'), await available()]).toEqual([402, '0.0300'])
  expect((await pay('second')).status).toBe(201)
  expect([await send('+447700900003'), await send('+447700900003')]).toEqual([202, 429])
  await paid.close()
})
