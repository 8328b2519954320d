import { sql } from 'drizzle-orm'
import { afterAll, beforeAll, describe, expect, test } from 'vitest'
import type { ShownMessage } from '../support/api-client.ts'
import { openTestApp, problemIn, type TestApp } from './test-app.ts'

const GOOD = { to: '+447700900123', from: 'Linehaul', text: 'hello' }

let api: TestApp

beforeAll(async () => {
  api = await openTestApp({
    templates: [
      { id: 'login', text: 'Your code is {{code}}', tenantIds: undefined },
      { id: 'others', text: 'Hello', tenantIds: new Set() },
    ],
  })
})

afterAll(() => api.close())

describe('POST /v1/messages', () => {
  test('one recipient: 202 with what it is and costs, and it is stored', async () => {
    const response = await api.post({ ...GOOD, text: 'x'.repeat(161), client_reference: 'order 1' })
    expect(response.status).toBe(202)
    const body = (await response.json()) as ShownMessage
    expect(body).toEqual({
      id: expect.stringMatching(
        /^[0-9a-f]{8}-[0-9a-f]{4}-7[0-9a-f]{3}-[89ab][0-9a-f]{3}-[0-9a-f]{12}$/,
      ),
      status: 'accepted',
      channel: 'sms',
      to: '+447700900123',
      from: 'Linehaul',
      segments: 2,
      encoding: 'gsm7',
      price: { amount: '0.0700', currency: 'EUR' },
      client_reference: 'order 1',
      created_at: expect.stringMatching(/^\d{4}-\d\d-\d\dT\d\d:\d\d:\d\d\.\d{3}Z$/),
    })
    expect(await get(body.id)).toMatchObject({
      id: body.id,
      status: 'queued',
      is_final: false,
      error: null,
      carrier: 'alpha',
      attempts: 0,
      price: body.price,
      client_reference: 'order 1',
      timeline: [{ type: 'accepted' }, { type: 'routed', carrier: 'alpha' }],
    })
  })

  test('a template instead of a text', async () => {
    const { text: _, ...toWhom } = GOOD
    const made = { ...toWhom, template: 'login', variables: { code: '4711' } }
    const response = await api.post(made)
    expect(response.status).toBe(202)
    const { id } = (await response.json()) as ShownMessage
    expect(await get(id)).toMatchObject({ text: 'Your code is 4711' })
    await api.settled()
    const rows = await api.store.query<{ template: string }>(
      sql`select template from messages where id = ${id}`,
    )
    expect(JSON.parse(String(rows[0]?.template))).toEqual({
      id: 'login',
      variables: { code: '4711' },
    })

    const refused = async (more: object) => await problemIn(await api.post({ ...toWhom, ...more }))
    expect(await refused({ template: 'login' })).toMatchObject({
      code: 'template_variable_missing',
    })
    for (const template of ['nobody', 'others']) {
      expect(await refused({ template })).toMatchObject({
        code: 'template_unknown',
        errors: [{ pointer: '/template' }],
      })
    }
    expect(await refused({ template: 'login', text: 'both' })).toMatchObject({
      errors: [{ pointer: '/text', detail: 'give "text" or "template", one of them' }],
    })
    expect(await refused({})).toMatchObject({ errors: [{ pointer: '/text' }] })
    expect(await refused({ text: 'x', variables: {} })).toMatchObject({
      errors: [{ pointer: '/variables' }],
    })
  })

  test('numbers and senders may be written as people write them', async () => {
    const response = await api.post({ ...GOOD, to: '+44 7700 900-124', from: '+44 (7700) 900555' })
    expect(await response.json()).toMatchObject({ to: '+447700900124', from: '+447700900555' })
  })

  test('a list: each accepted or refused on its own, in order', async () => {
    const to = ['+447700900125', '12', '+14155552671', '+8613812345678']
    const response = await api.post({ ...GOOD, to })
    expect(response.status).toBe(202)
    const { messages } = (await response.json()) as { messages: ShownMessage[] }
    const requestId = response.headers.get('x-request-id')
    expect(messages).toMatchObject([
      { status: 'accepted', to: '+447700900125', price: { amount: '0.0350' } },
      {
        to: '12',
        error: {
          code: 'to_invalid',
          status: 422,
          request_id: requestId,
          errors: [{ pointer: '/to/1' }],
        },
      },
      { to: '+14155552671', error: { code: 'no_route' } },
      { status: 'accepted', to: '+8613812345678', price: { amount: '0.0210' } },
    ])
    expect(messages[1]).not.toHaveProperty('id')
    for (const message of messages) if (message.id) await get(message.id)
  })

  test('1,000 recipients: 1,000 answers, 1,000 different ids, all stored', async () => {
    const to = Array.from({ length: 1_000 }, (_, index) => `+${447700900000 + index}`)
    const before = await api.rowCount()
    const response = await api.post({ ...GOOD, to })
    expect(response.status).toBe(202)
    const { messages } = (await response.json()) as { messages: ShownMessage[] }
    expect(messages.map((message) => message.to)).toEqual(to)
    expect(new Set(messages.map(({ id }) => id)).size).toBe(1_000)
    // One row for the message, one for its timeline so far.
    expect(await api.rowCount()).toBe(before + 2_000)
  })

  test('tags are kept, each once, and shown; a list of recipients shares them', async () => {
    const to = ['+447700900131', '+447700900132']
    const tags = ['vip', 'campaign:summer', 'vip']
    const response = await api.post({ ...GOOD, to, tags, expects_reply: true })
    const { messages } = (await response.json()) as { messages: ShownMessage[] }
    for (const { id } of messages) {
      expect(await get(id)).toMatchObject({ tags: ['vip', 'campaign:summer'], expects_reply: true })
    }
    const plain = (await (await api.post(GOOD)).json()) as ShownMessage
    expect(await get(plain.id)).toMatchObject({ tags: [], expects_reply: false })
    const listed = await api.request('/v1/messages?tag=campaign:summer')
    const found = ((await listed.json()) as { messages: ShownMessage[] }).messages
    expect(found.map(({ id }) => id)).toEqual(messages.map(({ id }) => id).reverse())
  })

  test.each([
    ['vip', '/tags'],
    [['a b'], '/tags/0'],
    [['ok', ''], '/tags/1'],
    [['x'.repeat(65)], '/tags/0'],
    [[1], '/tags/0'],
    [Array.from({ length: 11 }, (_, n) => `t${n}`), '/tags'],
  ])('tags %j: 422 and what would be right', async (tags, pointer) => {
    const response = await api.post({ ...GOOD, tags })
    expect(response.status).toBe(422)
    expect(await problemIn(response)).toMatchObject({
      code: 'validation_failed',
      errors: [{ pointer, detail: expect.stringContaining('up to 10 tags, each 1 to 64 letters') }],
    })
  })

  test('dry_run quotes and changes nothing, for one and for a list', async () => {
    const before = await api.rowCount()
    const one = await api.post({ ...GOOD, text: 'ğış', dry_run: true })
    expect(one.status).toBe(200)
    expect(await one.json()).toEqual({
      dry_run: true,
      channel: 'sms',
      network: null,
      sender_warning: null,
      to: '+447700900123',
      from: 'Linehaul',
      segments: 1,
      encoding: 'ucs2',
      price: { amount: '0.0350', currency: 'EUR' },
      carrier: 'alpha',
    })
    const list = await api.post({ ...GOOD, to: ['+8613812345678', 'x'], dry_run: true })
    expect(list.status).toBe(200)
    expect(await list.json()).toMatchObject({
      messages: [
        { dry_run: true, to: '+8613812345678', price: { amount: '0.0210', currency: 'EUR' } },
        { to: 'x', error: { code: 'to_invalid' } },
      ],
    })
    expect(await api.rowCount()).toBe(before)
  })

  test('encoding forces the encoding', async () => {
    const response = await api.post({ ...GOOD, encoding: 'ucs2', dry_run: true })
    expect(await response.json()).toMatchObject({ encoding: 'ucs2' })
  })
})

describe('GET /v1/messages/{id}', () => {
  test('says when its text was erased', async () => {
    const { id } = (await (await api.post(GOOD)).json()) as ShownMessage
    expect(await get(id)).toMatchObject({ text: 'hello', text_erased_at: null })
    await api.settled()
    await api.store.query(sql`
      update messages set body = '', body_erased_at = '2026-01-02T03:04:05.678Z' where id = ${id}`)
    const text_erased_at = '2026-01-02T03:04:05.678Z'
    expect(await get(id)).toMatchObject({ text: '', text_erased_at })
  })

  test("another tenant's message is not there, nor what is no id", async () => {
    const { id } = (await (await api.post(GOOD)).json()) as ShownMessage
    const other = await api.request(`/v1/messages/${id}`, {
      headers: { authorization: 'Bearer other-key' },
    })
    expect(other.status).toBe(404)
    expect(await problemIn(other)).toMatchObject({ code: 'not_found' })
    for (const wrong of ['4711', '0190a4f0-0000-7000-8000-000000000000', "1'%20or%20'1'='1"]) {
      const response = await api.request(`/v1/messages/${wrong}`)
      expect(response.status).toBe(404)
      expect(await problemIn(response)).toMatchObject({ code: 'not_found' })
    }
  })
})

describe('GET /v1/messages', () => {
  let own: TestApp
  /** In the order in which they were accepted. */
  const ids: string[] = []

  beforeAll(async () => {
    own = await openTestApp()
    for (let index = 0; index < 120; index++) {
      const response = await own.post({
        to: `+${447700900000 + (index % 10)}`,
        from: index % 2 === 0 ? 'Even' : 'Odd',
        text: `message ${index}`,
        client_reference: `group ${index % 3}`,
      })
      ids.push(((await response.json()) as ShownMessage).id)
    }
    await own.settled()
    const set = (status: string, carrier: string, from: number, to: number) =>
      own.store.query(sql`
        update messages set status = ${status}, carrier = ${carrier}
        where id = any(${`{${ids.slice(from, to).join(',')}}`}::uuid[])`)
    await set('delivered', 'beta', 0, 30)
    await set('failed', 'alpha', 30, 40)
    // One minute apart, so that times can be asked for.
    await own.store.query(sql`
      update messages m set created_at = timestamptz '2026-01-01 00:00Z' + v.n * interval '1 minute'
      from unnest(${`{${ids.join(',')}}`}::uuid[]) with ordinality as v(id, n) where m.id = v.id`)
  })

  afterAll(() => own.close())

  async function page(
    query: string,
  ): Promise<{ messages: ShownMessage[]; next_cursor: string | null }> {
    const response = await own.request(`/v1/messages${query}`)
    expect(response.status).toBe(200)
    return (await response.json()) as { messages: ShownMessage[]; next_cursor: string | null }
  }

  test.each([7, 40, 50, 119, 120, 500])(
    'pages of %i: newest first, none missing, none twice',
    async (limit) => {
      const seen: string[] = []
      let query = `?limit=${limit}`
      for (;;) {
        const { messages, next_cursor } = await page(query)
        seen.push(...messages.map(({ id }) => id))
        if (next_cursor === null) break
        expect(messages).toHaveLength(limit)
        query = `?limit=${limit}&cursor=${next_cursor}`
      }
      expect(seen).toEqual([...ids].reverse())
    },
  )

  test('a message that arrives meanwhile does not shift the pages', async () => {
    const first = await page('?limit=60')
    const response = await own.post({ to: '+447700900999', from: 'Late', text: 'meanwhile' })
    const { id } = (await response.json()) as ShownMessage
    const second = await page(`?limit=60&cursor=${first.next_cursor}`)
    expect([...first.messages, ...second.messages].map((message) => message.id)).toEqual(
      [...ids].reverse(),
    )
    await own.store.query(sql`delete from messages where id = ${id}`)
  })

  const of = (keep: (index: number) => boolean) => () => ids.filter((_, index) => keep(index))

  test.each([
    ['status=delivered', of((index) => index < 30)],
    ['status=failed', of((index) => index >= 30 && index < 40)],
    ['status=sent', of(() => false)],
    ['carrier=beta', of((index) => index < 30)],
    ['from=Odd', of((index) => index % 2 === 1)],
    ['to=%2B447700900003', of((index) => index % 10 === 3)],
    ['to=%2B44%207700%20900003', of((index) => index % 10 === 3)],
    ['client_reference=group%202', of((index) => index % 3 === 2)],
    ['created_from=2026-01-01T01:00:00Z', of((index) => index >= 59)],
    ['created_before=2026-01-01T01:00:00Z', of((index) => index < 59)],
    [
      'created_from=2026-01-01T02:00:00%2B01:00&created_before=2026-01-01T01:10:00Z',
      of((index) => index >= 59 && index < 69),
    ],
    [
      'status=delivered&from=Even&to=%2B447700900004',
      of((index) => index < 30 && index % 10 === 4),
    ],
  ])('?%s', async (query, wanted) => {
    const { messages } = await page(`?limit=500&${query}`)
    expect(messages.map(({ id }) => id)).toEqual(wanted().reverse())
  })

  test('a filter holds over pages', async () => {
    const first = await page('?status=delivered&limit=20')
    const second = await page(`?status=delivered&limit=20&cursor=${first.next_cursor}`)
    expect([first.messages.length, second.messages.length, second.next_cursor]).toEqual([
      20,
      10,
      null,
    ])
  })

  test("shows nothing of another tenant's", async () => {
    const response = await own.request('/v1/messages', {
      headers: { authorization: 'Bearer other-key' },
    })
    expect(await response.json()).toEqual({ messages: [], next_cursor: null })
  })

  test.each([
    ['cursor=nonsense', 'cursor_invalid', '/cursor'],
    ['limit=0', 'validation_failed', '/limit'],
    ['limit=501', 'validation_failed', '/limit'],
    ['limit=many', 'validation_failed', '/limit'],
    ['status=lost', 'validation_failed', '/status'],
    ['tag=a%20b', 'validation_failed', '/tag'],
    ['created_from=yesterday', 'validation_failed', '/created_from'],
    ['colour=red', 'validation_failed', '/colour'],
  ])('?%s: %s', async (query, code, pointer) => {
    const response = await own.request(`/v1/messages?${query}`)
    expect(response.status).toBe(422)
    expect(await problemIn(response)).toMatchObject({ code, errors: [{ pointer }] })
  })
})

async function get(id: string): Promise<ShownMessage> {
  const response = await api.request(`/v1/messages/${id}`)
  expect(response.status).toBe(200)
  return (await response.json()) as ShownMessage
}
