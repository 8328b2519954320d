import { createHash } from 'node:crypto'
import { sql } from 'drizzle-orm'
import { afterAll, beforeAll, describe, expect, test } from 'vitest'
import { openTestApp, problemIn, type TestApp } from './test-app.ts'

const GOOD = { to: '+447700900123', from: 'Linehaul', text: 'hello' }

let api: TestApp

beforeAll(async () => {
  api = await openTestApp()
})

afterAll(() => api.close())

function post(body: unknown, key: string, more: Record<string, string> = {}): Promise<Response> {
  return api.post(body, { 'idempotency-key': key, ...more })
}

async function countOf(reference: string): Promise<number> {
  const response = await api.request(`/v1/messages?client_reference=${reference}`)
  return ((await response.json()) as { messages: unknown[] }).messages.length
}

describe('Idempotency-Key', () => {
  test('the same call again: the same answer, octet by octet, and no second message', async () => {
    const body = { ...GOOD, client_reference: 'once' }
    const first = await post(body, '"8e03978e-40d5-43e8-bc93-6894a57f9324"')
    expect(first.status).toBe(202)
    expect(first.headers.get('idempotent-replayed')).toBeNull()
    const text = await first.text()
    for (let time = 0; time < 3; time++) {
      const again = await post(body, '"8e03978e-40d5-43e8-bc93-6894a57f9324"')
      expect(again.status).toBe(202)
      expect(again.headers.get('idempotent-replayed')).toBe('true')
      expect(again.headers.get('content-type')).toContain('application/json')
      expect(await again.text()).toBe(text)
    }
    expect(await countOf('once')).toBe(1)
  })

  test('the order of the fields and white space do not matter', async () => {
    const first = await post('{"to":"+447700900123","from":"A","text":"x"}', 'order')
    const again = await post('{ "text": "x",\n "from": "A", "to": "+447700900123" }', 'order')
    expect(again.headers.get('idempotent-replayed')).toBe('true')
    expect(await again.text()).toBe(await first.text())
  })

  test('with and without quotes it is the same key, and escapes are read', async () => {
    const first = await post(GOOD, 'plain-key')
    const again = await post(GOOD, '"plain-key"')
    expect(await again.text()).toBe(await first.text())
    const escaped = await post(GOOD, '"a \\"quoted\\" \\\\ one"')
    expect(escaped.status).toBe(202)
    const [row] = await keyRows('a "quoted" \\ one')
    expect(row).toBeDefined()
  })

  test('other tags are another call', async () => {
    const first = await post({ ...GOOD, tags: ['one'] }, 'tagged')
    expect(first.status).toBe(202)
    const other = await post({ ...GOOD, tags: ['two'] }, 'tagged')
    expect(await problemIn(other)).toMatchObject({ code: 'idempotency_key_reused' })
    const again = await post({ ...GOOD, tags: ['one'] }, 'tagged')
    expect(await again.text()).toBe(await first.text())
  })

  test('another body with the key: 422, and the first answer stays', async () => {
    const first = await post({ ...GOOD, text: 'one' }, 'reused')
    const other = await post({ ...GOOD, text: 'two' }, 'reused')
    expect(other.status).toBe(422)
    expect(await problemIn(other)).toMatchObject({ code: 'idempotency_key_reused' })
    const again = await post({ ...GOOD, text: 'one' }, 'reused')
    expect(await again.text()).toBe(await first.text())
  })

  test("another tenant's key is another key", async () => {
    const own = await post(GOOD, 'shared')
    const theirs = await post(GOOD, 'shared', { authorization: 'Bearer other-key' })
    expect(theirs.status).toBe(202)
    expect(theirs.headers.get('idempotent-replayed')).toBeNull()
    expect(await theirs.text()).not.toBe(await own.text())
  })

  test('many at once: one runs, the others are told to come back or get its answer', async () => {
    const body = { ...GOOD, client_reference: 'crowd' }
    const all = await Promise.all(Array.from({ length: 20 }, () => post(body, 'crowd')))
    const accepted = all.filter(({ status }) => status === 202)
    const turnedAway = all.filter(({ status }) => status === 409)
    expect(accepted.length + turnedAway.length).toBe(20)
    expect(turnedAway.length).toBeGreaterThan(0)
    for (const response of turnedAway) {
      expect(response.headers.get('retry-after')).toBe('1')
      expect(await problemIn(response)).toMatchObject({ code: 'idempotency_key_in_use' })
    }
    expect(new Set(await Promise.all(accepted.map((response) => response.text()))).size).toBe(1)
    expect(await countOf('crowd')).toBe(1)
  })

  test('a refusal for what the message is stays one', async () => {
    const wrong = { ...GOOD, to: '12' }
    const first = await post(wrong, 'refused')
    const again = await post(wrong, 'refused')
    expect([first.status, again.status]).toEqual([422, 422])
    expect(again.headers.get('content-type')).toBe('application/problem+json')
    expect(again.headers.get('idempotent-replayed')).toBe('true')
    expect(await again.json()).toEqual(await first.json())
  })

  test('a list is one call: every message once', async () => {
    const body = { ...GOOD, to: ['+447700900001', '12', '+447700900002'], client_reference: 'list' }
    const first = await post(body, 'list')
    const again = await post(body, 'list')
    expect([first.status, again.status]).toEqual([202, 202])
    const text = await first.text()
    expect(await again.text()).toBe(text)
    expect(JSON.parse(text).messages).toMatchObject([
      { status: 'accepted' },
      { error: { code: 'to_invalid', errors: [{ pointer: '/to/1' }] } },
      { status: 'accepted' },
    ])
    expect(await countOf('list')).toBe(2)
  })

  test('dry_run keeps nothing', async () => {
    expect((await post({ ...GOOD, dry_run: true }, 'dry')).status).toBe(200)
    expect(await keyRows('dry')).toEqual([])
    expect((await post(GOOD, 'dry')).status).toBe(202)
  })

  test.each(['""', '"open', 'two words', '"a"b"', 'x'.repeat(256), `"${'x'.repeat(256)}"`])(
    'the malformed key %s: 400',
    async (key) => {
      const response = await post(GOOD, key)
      expect(response.status).toBe(400)
      expect(await problemIn(response)).toMatchObject({ code: 'idempotency_key_invalid' })
    },
  )

  test('255 characters are taken', async () => {
    expect((await post(GOOD, 'x'.repeat(255))).status).toBe(202)
  })

  test('the answer comes from the table too, until it is over; then the key is new', async () => {
    const body = { ...GOOD, client_reference: 'old' }
    const first = await post(body, 'old')
    const text = await first.text()
    expect(await countOf('old')).toBe(1)
    const [row] = await keyRows('old')
    expect(row).toMatchObject({
      scope: 'rest',
      status: 202,
      body: text,
      fingerprint: expect.stringMatching(/^[0-9a-f]{64}$/),
    })
    const keptMs = Date.parse(row?.expires_at ?? '') - Date.parse(row?.created_at ?? '')
    expect(keptMs).toBe(24 * 3_600_000)
    expect(await (await post(body, 'old')).text()).toBe(text)
    await api.store.query(
      sql`update idempotency_keys set expires_at = now() - interval '1 s' where key = 'old'`,
    )
    const anew = await post(body, 'old')
    expect(anew.headers.get('idempotent-replayed')).toBeNull()
    expect(await anew.text()).not.toBe(text)
    expect(await countOf('old')).toBe(2)
    const [now] = await keyRows('old')
    expect(now?.body).not.toBe(text)
  })

  test('purge deletes what is over, and only that', async () => {
    await post(GOOD, 'goes')
    await post(GOOD, 'stays')
    await countOf('x')
    await api.store.query(
      sql`update idempotency_keys set expires_at = now() - interval '1 s' where key = 'goes'`,
    )
    expect(await api.keys.purge(new Date())).toBe(1)
    expect(await keyRows('goes')).toEqual([])
    expect(await keyRows('stays')).toHaveLength(1)
  })
})

describe('a call that is refused for the moment', () => {
  test('keeps nothing: the client repeats it with the same key', async () => {
    const full = await openTestApp({ maxPending: 0 })
    const response = await full.post(GOOD, { 'idempotency-key': 'later' })
    expect(response.status).toBe(503)
    expect(response.headers.get('retry-after')).toBe('1')
    const rows = await full.store.query(sql`select * from idempotency_keys`)
    expect(rows).toEqual([])
    const again = await full.post(GOOD, { 'idempotency-key': 'later' })
    expect([again.status, again.headers.get('idempotent-replayed')]).toEqual([503, null])
    await full.close()
  })
})

test('the fingerprint is the SHA-256 of the path and the body with sorted keys', async () => {
  await post({ to: '+447700900123', from: 'A', text: 'x' }, 'fingerprint')
  await countOf('x')
  const [row] = await keyRows('fingerprint')
  const canonical = '["/v1/messages",{"from":"A","text":"x","to":"+447700900123"}]'
  expect(row?.fingerprint).toBe(createHash('sha256').update(canonical).digest('hex'))
})

test('OpenAPI tells of the header', async () => {
  const document = (await (await api.request('/openapi.json')).json()) as {
    paths: Record<string, { post: { parameters: { name: string; in: string }[] } }>
  }
  expect(document.paths['/v1/messages']?.post.parameters).toMatchObject([
    { name: 'Idempotency-Key', in: 'header' },
  ])
})

interface KeyRow {
  readonly scope: string
  readonly fingerprint: string
  readonly status: number
  readonly body: string
  readonly created_at: string
  readonly expires_at: string
}

async function keyRows(key: string): Promise<KeyRow[]> {
  // A list waits for the tables to hold everything.
  await api.request('/v1/messages?limit=1')
  return api.store.query<KeyRow>(sql`select * from idempotency_keys where key = ${key}`)
}
