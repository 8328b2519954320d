import { OpenAPIHono } from '@hono/zod-openapi'
import { sql } from 'drizzle-orm'
import { Webhook } from 'standardwebhooks'
import { afterAll, afterEach, beforeAll, beforeEach, describe, expect, test } from 'vitest'
import { openAccess } from '../../src/accounts/access.ts'
import type { Tenant } from '../../src/accounts/caller.ts'
import { silentLogger } from '../../src/core/logger.ts'
import { AuditNote } from '../../src/http/audit.ts'
import type { AppEnv } from '../../src/http/env.ts'
import { errorHandler } from '../../src/http/problem.ts'
import {
  type WebhookEventFilter,
  type WebhookEventRow,
  webhookRoutes,
} from '../../src/http/routes/webhooks.ts'
import type { Store } from '../../src/store/open.ts'
import { AddressGuard } from '../../src/webhooks/address-guard.ts'
import { Endpoints } from '../../src/webhooks/endpoints.ts'
import { LocalPoster } from '../../src/webhooks/poster.ts'
import { WebhookSender } from '../../src/webhooks/sender.ts'
import { openTestPglite } from '../support/database.ts'
import { openSink, type Sink } from '../webhooks/sink.ts'
import { problemIn } from './test-app.ts'

const URL_ONE = 'https://example.com/hook'
const SECRET = 'whsec_MfKQ9r8GKYqrTwjUPD8ILPZIo2LaLaSw'
const NO_ID = '0190a4f0-0000-7000-8000-000000000000'

interface ShownWebhook {
  readonly id: string
  readonly secret: string
}

let store: Store
let mine: Tenant
let other: Tenant
let app: OpenAPIHono<AppEnv>
let endpoints: Endpoints
let sender: WebhookSender
let sink: Sink
/** What the store of events was asked, and what it answers. */
let asked: unknown[]
let rows: WebhookEventRow[]

beforeAll(async () => {
  store = await openTestPglite()
  sink = await openSink()
  const access = await openAccess(store, [
    { name: 'mine', apiKeys: [] },
    { name: 'other', apiKeys: [] },
  ])
  mine = access.tenantNamed('mine') as Tenant
  other = access.tenantNamed('other') as Tenant
})
afterAll(async () => {
  await sink.close()
  await store.close()
})

async function build(allowPrivateAddresses: boolean): Promise<void> {
  const guard = new AddressGuard({ allowPrivateAddresses })
  endpoints = await Endpoints.open(store, guard, () => new Date())
  sender = new WebhookSender({
    endpoints,
    guard,
    logger: silentLogger,
    poster: new LocalPoster({ guard, version: '0' }),
    onReady() {},
  })
  app = new OpenAPIHono<AppEnv>()
  app.onError(errorHandler(silentLogger))
  app.use(async (c, next) => {
    c.set('requestId', 'request-1')
    c.set('audit', new AuditNote())
    c.header('x-request-id', 'request-1')
    c.set('tenant', c.req.header('x-tenant') === 'other' ? other : mine)
    await next()
  })
  app.route(
    '/',
    webhookRoutes({
      endpoints,
      webhookSender: sender,
      webhookEvents: {
        list: async (tenantId: string, endpointId: string, filter: WebhookEventFilter) => {
          asked.push({ tenantId, endpointId, filter })
          return rows.slice(0, filter.limit)
        },
        replay: async (tenantId, endpointId, which) => {
          asked.push({ tenantId, endpointId, which })
          return 7
        },
      },
    }),
  )
}

beforeEach(async () => {
  asked = []
  rows = []
  await build(false)
})
afterEach(async () => {
  await sender.close()
  await store.query(sql`truncate webhook_endpoints`)
})

async function call(method: string, path: string, body?: unknown, tenant = 'mine') {
  return app.request(`/v1/webhooks${path}`, {
    method,
    headers: {
      'x-tenant': tenant,
      ...(body === undefined ? {} : { 'content-type': 'application/json' }),
    },
    ...(body === undefined ? {} : { body: JSON.stringify(body) }),
  })
}

async function create(wish: object = { url: URL_ONE }): Promise<ShownWebhook> {
  const response = await call('POST', '', wish)
  expect(response.status).toBe(201)
  return (await response.json()) as ShownWebhook
}

describe('webhooks', () => {
  test('are made, shown, changed and removed', async () => {
    const made = await create({ url: URL_ONE, events: ['message.delivered'] })
    expect(made).toEqual({
      id: expect.stringMatching(/^[0-9a-f-]{36}$/),
      url: URL_ONE,
      events: ['message.delivered'],
      is_enabled: true,
      disabled_reason: null,
      created_at: expect.stringMatching(/Z$/),
      secret: expect.stringMatching(/^whsec_/),
    })
    const { secret, ...shown } = made
    expect(await (await call('GET', '')).json()).toEqual({ webhooks: [shown] })
    expect(await (await call('GET', `/${made.id}`)).json()).toEqual(shown)
    expect(await (await call('GET', `/${made.id}/secret`)).json()).toEqual({
      secret,
      previous_secret: null,
      previous_secret_until: null,
    })
    const changed = await call('PATCH', `/${made.id}`, { events: [], is_enabled: false })
    expect(changed.status).toBe(200)
    const body = await changed.json()
    expect(body).toEqual({
      ...shown,
      events: [],
      is_enabled: false,
      disabled_reason: 'by request',
    })
    expect(await (await call('GET', `/${made.id}`)).json()).toEqual(body)
    const stored = await store.query(sql`select url, is_enabled from webhook_endpoints`)
    expect(stored).toEqual([{ url: URL_ONE, is_enabled: false }])
    const removed = await call('DELETE', `/${made.id}`)
    expect({ status: removed.status, body: await removed.text() }).toEqual({
      status: 204,
      body: '',
    })
    expect((await call('GET', `/${made.id}`)).status).toBe(404)
    expect(await store.query(sql`select 1 from webhook_endpoints`)).toEqual([])
  })

  test.each([
    ['webhook_address_refused', '/url', { url: 'http://169.254.169.254/' }],
    ['webhook_url_invalid', '/url', { url: 'example.com' }],
    ['webhook_secret_invalid', '/secret', { url: URL_ONE, secret: 'whsec_AAAA' }],
    ['validation_failed', '/url', {}],
    ['validation_failed', '/events/0', { url: URL_ONE, events: ['message.read'] }],
    ['validation_failed', '/events', { url: URL_ONE, events: 'message.sent' }],
    ['validation_failed', '/uri', { url: URL_ONE, uri: 1 }],
  ])('%s at %s', async (code, pointer, wish) => {
    const response = await call('POST', '', wish)
    expect(response.status).toBe(422)
    expect(await problemIn(response)).toMatchObject({ code, errors: [{ pointer }] })
    expect(endpoints.list(mine.id)).toEqual([])
  })

  test('more than fifty are too many', async () => {
    for (let index = 0; index < 50; index += 1) {
      await endpoints.create(mine.id, { url: URL_ONE, events: [] })
    }
    const response = await call('POST', '', { url: URL_ONE })
    expect(response.status).toBe(409)
    expect(await problemIn(response)).toMatchObject({ code: 'webhook_limit_reached' })
  })

  test('of another tenant are not there, nor is what is no id', async () => {
    const { id } = await create()
    const tries: [string, string, unknown?][] = [
      ['GET', ''],
      ['PATCH', '', { url: 'https://example.com/x' }],
      ['DELETE', ''],
      ['GET', '/secret'],
      ['POST', '/rotate', {}],
      ['POST', '/test'],
      ['GET', '/events'],
      ['POST', '/replay', { ids: ['a'] }],
    ]
    for (const [method, path, body] of tries) {
      for (const [wrong, tenant] of [
        [id, 'other'],
        [NO_ID, 'mine'],
        ['x', 'mine'],
      ] as const) {
        const response = await call(method, `/${wrong}${path}`, body, tenant)
        expect({ method, path, status: response.status }).toEqual({ method, path, status: 404 })
        expect(await problemIn(response)).toMatchObject({ code: 'not_found' })
      }
    }
    expect(asked).toEqual([])
    expect(endpoints.get(mine.id, id).url).toBe(URL_ONE)
    expect(await (await call('GET', '', undefined, 'other')).json()).toEqual({ webhooks: [] })
  })
})

describe('secrets', () => {
  test('are replaced, and the old one stays for a day or as long as asked', async () => {
    const made = await create()
    const response = await call('POST', `/${made.id}/rotate`, {})
    expect(response.status).toBe(200)
    const rotated = (await response.json()) as {
      secret: string
      previous_secret_until: string
    }
    expect(rotated).toMatchObject({ previous_secret: made.secret })
    expect(rotated.secret).not.toBe(made.secret)
    const hours = (Date.parse(rotated.previous_secret_until) - Date.now()) / 3_600_000
    expect(hours).toBeGreaterThan(23.9)
    expect(hours).toBeLessThanOrEqual(24)
    expect(await (await call('GET', `/${made.id}/secret`)).json()).toEqual(rotated)
    const atOnce = await call('POST', `/${made.id}/rotate`, { secret: SECRET, overlap_hours: 0 })
    expect(await atOnce.json()).toEqual({
      secret: SECRET,
      previous_secret: null,
      previous_secret_until: null,
    })
    for (const wrong of [{ overlap_hours: -1 }, { overlap_hours: 169 }, { secret: 'x' }]) {
      expect((await call('POST', `/${made.id}/rotate`, wrong)).status).toBe(422)
    }
  })

  test('of callbacks are had before the first callback', async () => {
    const first = (await (await call('GET', '/callback/secret')).json()) as ShownWebhook
    expect(first.secret).toMatch(/^whsec_/)
    expect(await (await call('GET', '/callback/secret')).json()).toEqual(first)
    const others = await call('GET', '/callback/secret', undefined, 'other')
    expect(await others.json()).not.toEqual(first)
    const rotated = await call('POST', '/callback/rotate', {})
    expect(await rotated.json()).toMatchObject({ previous_secret: first.secret })
    // It is no webhook otherwise.
    expect(await (await call('GET', '')).json()).toEqual({ webhooks: [] })
    expect((await call('DELETE', '/callback')).status).toBe(404)
    expect((await call('POST', '/callback/test')).status).toBe(404)
  })
})

test('a test event arrives signed, and the answer is shown', async () => {
  await build(true)
  const { id, secret } = await create({ url: `${sink.url}/hook` })
  const response = await call('POST', `/${id}/test`)
  expect(response.status).toBe(200)
  const shown = (await response.json()) as { webhook_id: string }
  expect(shown).toEqual({
    webhook_id: expect.any(String),
    is_delivered: true,
    at: expect.stringMatching(/Z$/),
    status_code: 204,
    duration_ms: expect.any(Number),
    error: null,
  })
  const request = sink.received.at(-1)
  expect(request?.headers['webhook-id']).toBe(shown.webhook_id)
  new Webhook(secret).verify(request?.body ?? '', request?.headers as Record<string, string>)
  sink.answer = (answer) => answer.writeHead(500).end()
  expect(await (await call('POST', `/${id}/test`)).json()).toMatchObject({
    is_delivered: false,
    status_code: 500,
    error: 'answered 500',
  })
})

describe('events', () => {
  function row(id: string): WebhookEventRow {
    return {
      id,
      event: 'message.failed',
      messageId: NO_ID,
      status: 'dead',
      tries: 1,
      createdAt: new Date('2026-03-01T12:00:00Z'),
      nextAttemptAt: null,
      deadReason: 'given up after 11 tries',
      attempts: [
        { at: new Date('2026-03-01T12:00:01Z'), statusCode: null, durationMs: 12, error: 'no' },
      ],
    }
  }

  test('are listed page by page, with their tries', async () => {
    const { id } = await create()
    rows = [row('c'), row('b')]
    const first = await call('GET', `/${id}/events?limit=1&status=dead&message_id=${NO_ID}`)
    expect(first.status).toBe(200)
    const page = (await first.json()) as { next_cursor: string }
    expect(page).toEqual({
      events: [
        {
          id: 'c',
          type: 'message.failed',
          message_id: NO_ID,
          status: 'dead',
          tries: 1,
          created_at: '2026-03-01T12:00:00.000Z',
          next_attempt_at: null,
          dead_reason: 'given up after 11 tries',
          attempts: [
            {
              at: '2026-03-01T12:00:01.000Z',
              status_code: null,
              duration_ms: 12,
              error: 'no',
            },
          ],
        },
      ],
      next_cursor: expect.any(String),
    })
    rows = [row('b')]
    const last = await call('GET', `/callback/events?limit=1&cursor=${page.next_cursor}`)
    expect(await last.json()).toMatchObject({ events: [{ id: 'b' }], next_cursor: null })
    expect(asked).toEqual([
      {
        tenantId: mine.id,
        endpointId: id,
        filter: { status: 'dead', messageId: NO_ID, before: undefined, limit: 2 },
      },
      {
        tenantId: mine.id,
        endpointId: 'callback',
        filter: { status: undefined, messageId: undefined, before: 'c', limit: 2 },
      },
    ])
    for (const wrong of ['limit=0', 'limit=501', 'status=lost', 'cursor=!', 'state=dead']) {
      expect((await call('GET', `/${id}/events?${wrong}`)).status).toBe(422)
    }
  })

  test('are sent again by id or from an instant on', async () => {
    const { id } = await create()
    const byId = await call('POST', `/${id}/replay`, { ids: ['a', 'b'] })
    expect({ status: byId.status, body: await byId.json() }).toEqual({
      status: 202,
      body: { replayed: 7 },
    })
    await call('POST', '/callback/replay', { since: '2026-03-01T13:00:00+01:00' })
    expect(asked).toEqual([
      { tenantId: mine.id, endpointId: id, which: { ids: ['a', 'b'] } },
      {
        tenantId: mine.id,
        endpointId: 'callback',
        which: { since: new Date('2026-03-01T12:00:00Z') },
      },
    ])
    for (const wrong of [
      {},
      { ids: [] },
      { ids: ['a'], since: '2026-03-01T12:00:00Z' },
      { since: 'yesterday' },
      { ids: Array.from({ length: 1_001 }, String) },
    ]) {
      const response = await call('POST', `/${id}/replay`, wrong)
      expect(response.status).toBe(422)
      expect(await problemIn(response)).toMatchObject({ code: 'validation_failed' })
    }
    expect(asked).toHaveLength(2)
  })
})

test('the routes are described', () => {
  const { paths } = app.getOpenAPI31Document({
    openapi: '3.1.0',
    info: { title: 'test', version: '0' },
  })
  expect(Object.keys(paths ?? {}).sort()).toEqual([
    '/v1/webhooks',
    '/v1/webhooks/{id}',
    '/v1/webhooks/{id}/events',
    '/v1/webhooks/{id}/replay',
    '/v1/webhooks/{id}/rotate',
    '/v1/webhooks/{id}/secret',
    '/v1/webhooks/{id}/test',
  ])
})
