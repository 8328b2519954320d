import { afterAll, beforeAll, describe, expect, test } from 'vitest'
import { openTestApp, problemIn, type TestApp } from './test-app.ts'

const OPERATOR = { authorization: 'Bearer operator-key' }

let api: TestApp

beforeAll(async () => {
  api = await openTestApp()
})

afterAll(() => api.close())

async function get(path: string) {
  const response = await api.request(path, { headers: OPERATOR })
  // biome-ignore lint/suspicious/noExplicitAny: tests assert the shape they expect
  return { status: response.status, body: (await response.json()) as any }
}

function order(name: string, word: string, body: unknown, headers: Record<string, string> = {}) {
  return api.request(`/v1/carriers/${name}/${word}`, {
    method: 'POST',
    headers: { ...OPERATOR, 'content-type': 'application/json', ...headers },
    body: JSON.stringify(body),
  })
}

describe('GET /v1/carriers', () => {
  test("the operator's: each with its health and its quality", async () => {
    const { status, body } = await get('/v1/carriers')
    expect(status).toBe(200)
    expect(body.carriers).toMatchObject([
      {
        name: 'alpha',
        channel: 'sms',
        is_up: false,
        health: {
          takes: 'nothing',
          reason: 'not connected',
          mode: 'enabled',
          mode_at: null,
          breaker: 'closed',
          probes_at: null,
        },
        quality: { success: 0.9, messages: 0, unanswered: null, latency_seconds: null },
      },
      { name: 'beta' },
    ])
    expect(await get('/v1/carriers/beta')).toMatchObject({ status: 200, body: { name: 'beta' } })
  })

  test('not for tenants, nor without a key', async () => {
    const tenant = await api.request('/v1/carriers')
    expect(tenant.status).toBe(403)
    expect(await problemIn(tenant)).toMatchObject({ code: 'forbidden' })
    const nobody = await api.request('/v1/carriers', { headers: { authorization: '' } })
    expect(nobody.status).toBe(401)
    const demo = { authorization: 'Bearer demo-key' }
    expect((await order('alpha', 'drain', { reason: 'x' }, demo)).status).toBe(403)
  })

  test('quality by country, network and class, the whole first', async () => {
    const cell = { country: 'GB', network: '23410', trafficClass: 'otp' } as const
    for (let n = 0; n < 60; n++) {
      api.quality.record({
        carrier: 'alpha',
        cell,
        outcome: n % 2 ? 'delivered' : 'unanswered',
        nowMs: Date.now(),
        latencyMs: 4_000,
      })
    }
    const { body } = await get('/v1/carriers/alpha/quality')
    expect(body).toMatchObject({
      carrier: 'alpha',
      quality: [
        { country: null, network: null, traffic_class: null },
        { country: 'GB', network: null, traffic_class: null },
        { country: 'GB', network: '23410', traffic_class: 'otp', throttled: 0 },
      ],
    })
    const { success, lower, upper, messages, unanswered, latency_seconds } = body.quality[2]
    expect(success).toBeCloseTo(0.55, 1)
    expect(lower).toBeLessThan(success)
    expect(upper).toBeGreaterThan(success)
    expect(messages).toBeCloseTo(60, 0)
    expect(unanswered).toBeCloseTo(0.5, 1)
    expect(latency_seconds / 4).toBeCloseTo(1, 0)
  })
})

describe('POST /v1/carriers/{name}/…', () => {
  test('each order is done, kept, and in the history with its reason', async () => {
    for (const [word, mode] of [
      ['drain', 'drained'],
      ['disable', 'disabled'],
      ['force', 'forced'],
      ['enable', 'enabled'],
    ] as const) {
      const response = await order('beta', word, { reason: `for ${word}` })
      expect(response.status).toBe(200)
      expect(await response.json()).toMatchObject({
        name: 'beta',
        health: { mode, mode_reason: `for ${word}`, mode_at: expect.any(String) },
      })
    }
    const { body } = await get('/v1/carriers/beta/history?limit=2')
    expect(body).toMatchObject({
      carrier: 'beta',
      changes: [
        { kind: 'mode', from: 'forced', to: 'enabled', cause: 'for enable' },
        { kind: 'mode', from: 'disabled', to: 'forced', cause: 'for force' },
      ],
    })
  })

  test('what is drained or disabled gets nothing new, and the sender is told who takes nothing', async () => {
    await order('alpha', 'drain', { reason: 'maintenance' })
    const message = { to: '+447700900123', from: 'Linehaul', text: 'x' }
    const { id } = (await (await api.post(message)).json()) as { id: string }
    const response = await api.request(`/v1/messages/${id}`, { headers: OPERATOR })
    const shown = (await response.json()) as {
      carrier: string
      timeline: { type: string; detail: object }[]
    }
    expect(shown.carrier).toBe('beta')
    expect(shown.timeline.find(({ type }) => type === 'routed')?.detail).toMatchObject({
      refused: [{ carrier: 'alpha', reason: 'taken out of service by the operator' }],
    })
    await order('beta', 'disable', { reason: 'all of it' })
    const refused = await api.post(message)
    expect(refused.status).toBe(422)
    for (const name of ['alpha', 'beta']) await order(name, 'enable', { reason: 'done' })
    expect((await api.post(message)).status).toBe(202)
  })

  test.each([
    ['beta', 'drain', {}, 422, 'validation_failed'],
    ['beta', 'drain', { reason: ' ' }, 422, 'validation_failed'],
    ['beta', 'drain', { reason: 'x'.repeat(201) }, 422, 'validation_failed'],
    ['beta', 'drain', { reason: 'x', until: 'tomorrow' }, 422, 'validation_failed'],
    ['gamma', 'drain', { reason: 'x' }, 404, 'not_found'],
    ['beta', 'explode', { reason: 'x' }, 404, 'not_found'],
  ])('%s/%s with %j: %i', async (name, word, body, status, code) => {
    const response = await order(name, word, body)
    expect(response.status).toBe(status)
    expect(await problemIn(response)).toMatchObject({ code })
  })

  test('of a carrier that is not there: 404; a limit that is none: 422', async () => {
    for (const path of ['', '/quality', '/history']) {
      expect((await get(`/v1/carriers/gamma${path}`)).status).toBe(404)
    }
    expect((await get('/v1/carriers/beta/history?limit=0')).status).toBe(422)
  })
})
