import { afterAll, beforeAll, expect, test } from 'vitest'
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
