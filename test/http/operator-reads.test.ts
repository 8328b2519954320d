import { sql } from 'drizzle-orm'
import { afterAll, beforeAll, describe, expect, test } from 'vitest'
import { openTestApp, problemIn, type TestApp } from './test-app.ts'

const OPERATOR = { authorization: 'Bearer operator-key' }
const OTHER = { authorization: 'Bearer other-key' }
/** Why alpha is to have it, both carriers being down. */
const REASONS = ['preferred by price and share delivered', 'no carrier can take it now: it waits']
const TO = { to: '+447700900123', from: 'ACME', text: 'Hello' }

interface Shown {
  readonly id: string
  readonly tenant?: string
  readonly timeline: readonly { readonly type: string; readonly detail: unknown }[]
}

let api: TestApp
/** A message of each tenant. */
let mine: string
let theirs: string

beforeAll(async () => {
  api = await openTestApp()
  mine = await sent({})
  theirs = await sent(OTHER)
})

afterAll(() => api.close())

async function sent(headers: Record<string, string>): Promise<string> {
  const response = await api.post(TO, headers)
  const { id } = (await response.json()) as Shown
  await api.settled()
  return id
}

async function read(path: string, headers: Record<string, string> = OPERATOR) {
  const response = await api.request(path, { headers })
  return { response, status: response.status, body: await response.clone().json() }
}

async function listed(query: string, headers: Record<string, string> = OPERATOR) {
  const { body } = await read(`/v1/messages${query}`, headers)
  return (body as { messages: Shown[] }).messages.map(({ id, tenant }) => [id, tenant])
}

describe("an operator's key", () => {
  test('reads a message of any tenant: whose it is, its costs, and every carrier in question', async () => {
    for (const [id, tenant] of [
      [mine, 'demo'],
      [theirs, 'other'],
    ]) {
      const { status, body } = await read(`/v1/messages/${id}`)
      expect(status).toBe(200)
      expect(body).toMatchObject({
        id,
        tenant,
        price: { amount: '0.0350', currency: 'EUR' },
        cost: { amount: '0.0350', currency: 'EUR' },
        carrier_deck_version: 0,
        tenant_deck_version: null,
        submits: [],
      })
      const { detail } = (body as Shown).timeline[1] ?? {}
      expect(detail).toMatchObject({
        candidates: [
          { carrier: 'alpha', cost: '0.0350', reasons: expect.any(Array) },
          { carrier: 'beta', cost: '0.0500' },
        ],
      })
    }
  })

  test('sees what each submit costs', async () => {
    await api.store.query(sql`
      insert into attempts (message_id, attempt, segment, carrier, state, carrier_message_id,
        submitted_at, cost_micros, cost_currency, carrier_deck_version)
      values (${mine}, 2, 1, 'beta', 'sent', 'b1', now(), 50000, 'EUR', 3),
        (${mine}, 1, 1, 'alpha', 'refused', null, now(), 35000, 'EUR', 0)`)
    expect((await read(`/v1/messages/${mine}`)).body).toMatchObject({
      submits: [
        {
          attempt: 1,
          segment: 1,
          carrier: 'alpha',
          state: 'refused',
          carrier_message_id: null,
          cost: { amount: '0.0350', currency: 'EUR' },
          carrier_deck_version: 0,
        },
        {
          attempt: 2,
          carrier: 'beta',
          state: 'sent',
          carrier_message_id: 'b1',
          cost: { amount: '0.0500', currency: 'EUR' },
          carrier_deck_version: 3,
        },
      ],
    })
    expect((await read(`/v1/messages/${mine}`, {})).body).not.toHaveProperty('submits')
  })

  test('lists the messages of all, or of one, page by page', async () => {
    expect(await listed('')).toEqual([
      [theirs, 'other'],
      [mine, 'demo'],
    ])
    expect(await listed('?tenant=demo')).toEqual([[mine, 'demo']])
    expect(await listed('?tenant=own')).toEqual([])
    const { body } = await read('/v1/messages?limit=1')
    const { next_cursor: cursor } = body as { next_cursor: string }
    expect(await listed(`?limit=1&cursor=${cursor}`)).toEqual([[mine, 'demo']])
  })

  test('is told of a tenant that there is not', async () => {
    const { response } = await read('/v1/messages?tenant=nobody')
    expect(await problemIn(response)).toMatchObject({
      status: 422,
      code: 'tenant_unknown',
      errors: [{ pointer: '/tenant' }],
    })
  })

  test('reads the trace of any', async () => {
    const { status, body } = await read(`/v1/messages/${theirs}/trace`)
    expect(status).toBe(200)
    expect(body).toMatchObject({ id: theirs, pdus: [] })
    expect(JSON.stringify(body)).toContain('0.0350')
  })

  test('sends nothing, and changes nothing', async () => {
    expect((await api.post(TO, OPERATOR)).status).toBe(403)
    for (const path of ['cancel', 'resolve', 'feedback']) {
      const headers = { ...OPERATOR, 'content-type': 'application/json' }
      const init = { method: 'POST', headers, body: '{}' }
      expect((await api.request(`/v1/messages/${mine}/${path}`, init)).status).toBe(403)
    }
  })
})

describe("a tenant's key", () => {
  test('does not find what is of another', async () => {
    for (const path of [`/v1/messages/${theirs}`, `/v1/messages/${theirs}/trace`]) {
      const { response } = await read(path, {})
      expect(await problemIn(response)).toMatchObject({ status: 404, code: 'not_found' })
    }
    expect((await read(`/v1/messages/${theirs}`, OTHER)).status).toBe(200)
  })

  test('lists its own, whatever it asks for', async () => {
    expect(await listed('', {})).toEqual([[mine, undefined]])
    expect(await listed('?tenant=demo', {})).toEqual([[mine, undefined]])
    for (const tenant of ['other', 'nobody']) {
      const { response } = await read(`/v1/messages?tenant=${tenant}`, {})
      expect(await problemIn(response)).toMatchObject({ status: 403, code: 'forbidden' })
    }
  })

  test('sees its price, its carrier and a reason, and nothing of costs', async () => {
    const { body } = await read(`/v1/messages/${theirs}`, OTHER)
    expect(body).toMatchObject({ carrier: 'alpha', price: { amount: '0.0350' } })
    for (const field of ['tenant', 'cost', 'carrier_deck_version', 'tenant_deck_version']) {
      expect(body).not.toHaveProperty(field)
    }
    expect((body as Shown).timeline[1]).toMatchObject({
      type: 'routed',
      carrier: 'alpha',
      detail: { route: null, reasons: REASONS },
    })
    expect(JSON.stringify((body as Shown).timeline)).not.toMatch(/beta|0\.0\d/)
  })

  test('sees nothing in a decision that an older version has kept in words', async () => {
    const id = await sent({})
    await api.store.query(sql`
      update events set lines =
        json_build_array(json_build_object('at', now(), 'type', 'routed', 'status', 'queued',
          'detail', json_build_object('reasons', '0.0350 EUR per segment')))
      where message_id = ${id}`)
    const tenants = (await read(`/v1/messages/${id}`, {})).body as Shown
    expect(tenants.timeline.map(({ detail }) => detail)).toEqual([null])
    const operators = (await read(`/v1/messages/${id}`)).body as Shown
    expect(JSON.stringify(operators.timeline)).toContain('0.0350')
  })
})

test('without a key nothing is read', async () => {
  for (const path of ['/v1/messages', `/v1/messages/${mine}`]) {
    const { status } = await read(path, { authorization: 'Bearer wrong' })
    expect(status).toBe(401)
  }
})

test('the description of the API says who reads what', async () => {
  const { body } = await read('/openapi.json')
  const text = JSON.stringify((body as { paths: object }).paths)
  expect(text).toContain('With a key of the operator (`admin_keys`) those of every tenant')
  expect(text).toContain('Name of a tenant; for the operator.')
})
