import { afterAll, beforeAll, describe, expect, test } from 'vitest'
import { openTestApp, problemIn, type TestApp } from './test-app.ts'

const GOOD = { to: '+447700900123', from: 'Linehaul', text: 'hello' }

/** An instant so many days from now. */
function fromNow(days: number): string {
  return new Date(Date.now() + days * 86_400_000).toISOString()
}

let api: TestApp

beforeAll(async () => {
  api = await openTestApp()
})

afterAll(() => api.close())

describe('one field is wrong', () => {
  test.each([
    ['to_invalid', { ...GOOD, to: '12' }, '/to'],
    ['to_invalid', { ...GOOD, to: 'somebody' }, '/to'],
    ['to_invalid', { ...GOOD, to: '' }, '/to'],
    ['from_invalid', { ...GOOD, from: 'a sender that is too long' }, '/from'],
    ['from_invalid', { ...GOOD, from: '' }, '/from'],
    ['text_empty', { ...GOOD, text: '' }, '/text'],
    ['text_invalid', { ...GOOD, text: 'a\0b' }, '/text'],
    ['text_too_long', { ...GOOD, text: 'x'.repeat(40_000) }, '/text'],
    ['text_too_long', { ...GOOD, text: 'x'.repeat(400), max_segments: 2 }, '/text'],
    ['text_not_encodable', { ...GOOD, text: 'ğ', encoding: 'gsm7' }, '/text'],
    ['no_route', { ...GOOD, to: '+14155552671' }, '/to'],
    ['send_at_invalid', { ...GOOD, send_at: '2020-01-01T00:00:00Z' }, '/send_at'],
    ['send_at_invalid', { ...GOOD, send_at: fromNow(401) }, '/send_at'],
    ['validation_failed', { ...GOOD, send_at: 'tomorrow' }, '/send_at'],
    ['validation_failed', { ...GOOD, validity_seconds: 0 }, '/validity_seconds'],
    ['validation_failed', { ...GOOD, validity_seconds: 2_592_001 }, '/validity_seconds'],
    ['webhook_url_invalid', { ...GOOD, callback_url: 'example.com/told' }, '/callback_url'],
    ['webhook_url_invalid', { ...GOOD, callback_url: 'ftp://example.com/' }, '/callback_url'],
    ['webhook_url_invalid', { ...GOOD, callback_url: 'https://a:b@example.com/' }, '/callback_url'],
    ['webhook_address_refused', { ...GOOD, callback_url: 'http://127.0.0.1/' }, '/callback_url'],
    ['webhook_address_refused', { ...GOOD, callback_url: 'http://[::1]:80/' }, '/callback_url'],
  ])('%s: %j', async (code, body, pointer) => {
    const before = await api.rowCount()
    for (const more of [{}, { dry_run: true }]) {
      const response = await api.post({ ...body, ...more })
      expect(response.status).toBe(422)
      const problem = await problemIn(response)
      expect(problem).toMatchObject({ code, errors: [{ pointer }] })
      expect(problem.detail).toContain(problem.errors?.[0]?.detail)
    }
    expect(await api.rowCount()).toBe(before)
  })

  test('the detail names the value or the carriers that were asked', async () => {
    const wrong = await problemIn(await api.post({ ...GOOD, to: '12' }))
    expect(wrong.detail).toContain('"12"')
    const nowhere = await problemIn(await api.post({ ...GOOD, to: '+14155552671' }))
    expect(nowhere.detail).toMatch(/US \(\+1\).*alpha: .*beta: /)
  })
})

describe('the body does not fit', () => {
  test('every fault is told at once, with a pointer to each', async () => {
    const response = await api.post({
      to: 4711,
      txt: 'hello',
      'a/b~c': 1,
      encoding: 'utf8',
      max_segments: 0,
      traffic_class: 'spam',
    })
    expect(response.status).toBe(422)
    const problem = await problemIn(response)
    expect(problem.code).toBe('validation_failed')
    const pointers = problem.errors?.map(({ pointer }) => pointer).sort()
    expect(pointers).toEqual([
      '/a~1b~0c',
      '/encoding',
      '/from',
      '/max_segments',
      '/text',
      '/to',
      '/traffic_class',
      '/txt',
    ])
    const unknown = problem.errors?.find(({ pointer }) => pointer === '/txt')
    expect(unknown?.detail).toContain('"txt"')
  })

  test.each([
    ['a list', []],
    ['a number', 1],
    ['null', null],
  ])('%s instead of an object', async (_what, body) => {
    const response = await api.post(body)
    expect(response.status).toBe(422)
    expect(await problemIn(response)).toMatchObject({ code: 'validation_failed' })
  })

  test('1,001 recipients and none', async () => {
    const many = Array.from({ length: 1_001 }, (_, index) => `+${447700900000 + index}`)
    for (const [to, limit] of [
      [many, '1000'],
      [[], '1 '],
    ] as const) {
      const response = await api.post({ ...GOOD, to })
      expect(response.status).toBe(422)
      const { errors } = await problemIn(response)
      expect(errors).toMatchObject([{ pointer: '/to', detail: expect.stringContaining(limit) }])
    }
  })

  test.each(['{', '', 'to=+447700900123'])('no JSON: %j', async (body) => {
    const response = await api.post(body)
    expect(response.status).toBe(400)
    expect(await problemIn(response)).toMatchObject({ code: 'json_invalid' })
  })

  test.each(['application/x-www-form-urlencoded', 'text/plain', 'application/jsonish'])(
    'the content type %s',
    async (type) => {
      const response = await api.post(GOOD, { 'content-type': type })
      expect(response.status).toBe(415)
      const problem = await problemIn(response)
      expect(problem.code).toBe('content_type_unsupported')
      expect(problem.detail).toContain(type)
    },
  )

  test('over one mebibyte', async () => {
    const body = JSON.stringify({ ...GOOD, text: 'x'.repeat(1024 * 1024) })
    const response = await api.post(body, { 'content-length': String(body.length) })
    expect(response.status).toBe(413)
    expect(await problemIn(response)).toMatchObject({ code: 'body_too_large' })
  })
})

describe('the key', () => {
  test.each([
    ['none', ''],
    ['a wrong one', 'Bearer demo-key-2'],
    ['another scheme', 'Basic ZGVtbzprZXk='],
    ['the scheme alone', 'Bearer '],
  ])('%s', async (_what, authorization) => {
    for (const path of ['/v1/messages', '/v1/messages/0190a4f0-0000-7000-8000-000000000000']) {
      const response = await api.request(path, { headers: { authorization } })
      expect(response.status).toBe(401)
      expect(response.headers.get('www-authenticate')).toMatch(/^Bearer/)
      expect(await problemIn(response)).toMatchObject({ code: 'unauthorized' })
    }
    const posted = await api.post(GOOD, { authorization })
    expect(posted.status).toBe(401)
  })
})

describe('the request id', () => {
  test("is the caller's where it is one, also in an error", async () => {
    const response = await api.post({ ...GOOD, to: '12' }, { 'x-request-id': 'my-call:1.a' })
    expect(response.headers.get('x-request-id')).toBe('my-call:1.a')
    expect((await problemIn(response)).request_id).toBe('my-call:1.a')
    const good = await api.post(GOOD, { 'x-request-id': 'my-call-2' })
    expect(good.headers.get('x-request-id')).toBe('my-call-2')
  })

  test.each([undefined, 'with blanks', 'x'.repeat(101), '<script>'])(
    'is ours for %j',
    async (given) => {
      const response = await api.request('/healthz', {
        headers: given === undefined ? {} : { 'x-request-id': given },
      })
      expect(response.headers.get('x-request-id')).toMatch(/^[0-9a-f-]{36}$/)
    },
  )
})

test('what does not exist is a problem too', async () => {
  for (const path of ['/v1/nothing', '/nothing', '/docs/../package.json', '/docs/index.html']) {
    const response = await api.request(path)
    expect(response.status).toBe(404)
    expect(await problemIn(response)).toMatchObject({ code: 'not_found' })
  }
})

describe('too much at once', () => {
  test.each([
    ['busy', { maxPending: 0 }],
    ['queue_full', { maxQueued: 0 }],
  ])('%s: 503 with Retry-After, and nothing is stored', async (code, options) => {
    const full = await openTestApp(options)
    try {
      const response = await full.post(GOOD)
      expect(response.status).toBe(503)
      expect(Number(response.headers.get('retry-after'))).toBeGreaterThan(0)
      expect(await problemIn(response)).toMatchObject({ code })
      expect(full.refused).toEqual([code])
      expect(await full.rowCount()).toBe(0)
      const ready = await full.request('/readyz')
      expect(ready.status).toBe(code === 'busy' ? 503 : 200)
    } finally {
      await full.close()
    }
  })

  test('closed: a stopping gateway takes nothing', async () => {
    const stopping = await openTestApp()
    stopping.intake.close()
    const response = await stopping.post(GOOD)
    expect(response.status).toBe(503)
    expect(response.headers.get('retry-after')).not.toBeNull()
    expect(await problemIn(response)).toMatchObject({ code: 'closed' })
    await stopping.close()
  })
})
