import { sql } from 'drizzle-orm'
import { afterAll, afterEach, beforeAll, describe, expect, test, vi } from 'vitest'
import { checkAudit } from '../../src/audit/audit-check.ts'
import { GatewayError } from '../../src/core/errors.ts'
import type { LogCall } from '../../src/core/logger.ts'
import { PERMISSIONS } from '../../src/http/permissions.ts'
import { openTestApp, problemIn, type TestApp } from './test-app.ts'

const OPERATOR = 'operator-key'
const ADDRESS = '192.0.2.9'
const SECRET = 'whsec_MfKQ9r8GKYqrTwjUPD8ILPZIo2LaLaSwMfKQ9r8GKYo='
/** Passwords, keys and texts that no line may show. */
const HIDDEN = [SECRET, 'pa55-of-url', 'query-token', 'hunter2-password', 'the text of a message']

interface Entry {
  readonly number: number
  readonly actor: { readonly kind: string; readonly name: string | null; readonly tenant: string }
  readonly address: string | null
  readonly request_id: string | null
  readonly action: string
  readonly subject: { readonly kind: string; readonly id: string } | null
  readonly tenant: string | null
  readonly outcome: string
  readonly reason: string | null
  readonly before: unknown
  readonly after: unknown
  readonly count: number
  readonly first_at: string | null
}

let api: TestApp
const logged: unknown[] = []

beforeAll(async () => {
  const log: LogCall = (fields, message) => logged.push({ ...fields, message })
  api = await openTestApp({ logger: { debug: log, info: log, warn: log, error: log } })
})

afterEach(() => vi.restoreAllMocks())
afterAll(() => api.close())

/** A call as it comes over a network. */
async function call(method: string, path: string, body?: unknown, key = OPERATOR) {
  const isText = typeof body === 'string'
  return api.app.request(
    path,
    {
      method,
      headers: {
        authorization: `Bearer ${key}`,
        'x-request-id': 'test-request',
        ...(body === undefined ? {} : { 'content-type': isText ? 'text/csv' : 'application/json' }),
      },
      ...(body === undefined ? {} : { body: isText ? body : JSON.stringify(body) }),
    },
    { incoming: { socket: { remoteAddress: `::ffff:${ADDRESS}` } } },
  )
}

async function entries(query: string, key = OPERATOR): Promise<Entry[]> {
  const response = await call('GET', `/v1/audit?${query}`, undefined, key)
  expect(response.status, await response.clone().text()).toBe(200)
  return ((await response.json()) as { entries: Entry[] }).entries
}

async function latest(action: string): Promise<Entry | undefined> {
  return (await entries(`action=${action}&limit=1`))[0]
}

describe('a change', () => {
  test('is written before it is answered: who, from where, what, why, before and after', async () => {
    expect((await call('POST', '/v1/carriers/alpha/drain', { reason: 'works' })).status).toBe(200)
    const [own] = await entries('action=carrier')
    expect(own).toMatchObject({
      actor: { kind: 'key', name: expect.stringMatching(/^[0-9a-f]{12}$/), tenant: null },
      address: ADDRESS,
      request_id: 'test-request',
      action: 'carrier.drain',
      subject: { kind: 'carrier', id: 'alpha' },
      outcome: 'done',
      reason: 'works',
      before: { mode: 'enabled', reason: null },
      after: { mode: 'drained', reason: 'works' },
      count: 1,
      first_at: null,
    })
  })

  test('that is refused is counted with its reason', async () => {
    for (let repeat = 0; repeat < 3; repeat++) {
      expect((await call('POST', '/v1/carriers/none/force', { reason: 'x' })).status).toBe(404)
    }
    expect((await call('POST', '/v1/carriers/alpha/force', {})).status).toBe(422)
    await api.accesses.flush()
    expect(await entries('action=carrier.force')).toMatchObject([
      { outcome: 'refused', reason: 'validation_failed', count: 1 },
      { outcome: 'refused', reason: 'not_found', count: 3 },
    ])
  })

  test('that was only tried makes no entry', async () => {
    const number = await latest('network')
    const response = await call(
      'POST',
      '/v1/networks?format=csv&name=a.csv&preview=true',
      'prefix,mccmnc,name\n4477009,23415,One\n',
    )
    expect(response.status).toBe(200)
    expect(await latest('network')).toEqual(number)
  })

  test('of money says the balance before and after, and who has paid may read it', async () => {
    const payment = {
      tenant: 'other',
      kind: 'top_up',
      amount: '250.00',
      currency: 'EUR',
      reference: 'r1',
      note: 'bank transfer',
    }
    expect((await call('POST', '/v1/billing/payments', payment)).status).toBe(201)
    expect((await call('POST', '/v1/billing/payments', payment)).status).toBe(200)
    const booked = {
      subject: { kind: 'tenant', id: 'other' },
      tenant: 'other',
      reason: 'bank transfer',
      before: { balance: null },
      after: {
        balance: '250.0000',
        payment: { kind: 'top_up', amount: '250.0000', currency: 'EUR', reference: 'r1' },
      },
    }
    expect(await entries('action=payment.book')).toMatchObject([{ ...booked, address: ADDRESS }])
    // Not where the operator works.
    expect(await entries('action=payment.book', 'other-key')).toMatchObject([
      { ...booked, actor: { kind: 'key', name: null, tenant: null }, address: null },
    ])
    expect(await entries('action=payment.book', 'demo-key')).toEqual([])
  })

  test('whose entry cannot be written is told as such', async () => {
    vi.spyOn(api.audit, 'append').mockRejectedValue(
      new GatewayError('audit_unwritten', 'carrier.enable was done, and could not be written'),
    )
    const response = await call('POST', '/v1/carriers/alpha/enable', { reason: 'over' })
    expect(response.status).toBe(500)
    expect(await problemIn(response)).toMatchObject({
      code: 'audit_unwritten',
      detail: expect.stringContaining('was done'),
    })
  })
})

describe('accesses', () => {
  test('are counted by key, route and outcome', async () => {
    await api.accesses.roll()
    for (let repeat = 0; repeat < 5; repeat++) {
      await call('GET', '/v1/messages', undefined, 'demo-key')
      await call('GET', `/v1/messages/${repeat}`, undefined, 'demo-key')
    }
    await call('GET', '/v1/nothing', undefined, 'demo-key')
    await api.accesses.roll()
    const found = await entries('action=access&limit=3', 'demo-key')
    expect(found.map(({ subject, outcome, count }) => [subject?.id, outcome, count])).toEqual([
      ['* /v1 (no such route)', 'refused', 1],
      ['GET /v1/messages/:id', 'refused', 5],
      ['GET /v1/messages', 'done', 5],
    ])
    expect(found[0]).toMatchObject({
      actor: { kind: 'key', tenant: 'demo' },
      address: ADDRESS,
      tenant: 'demo',
    })
  })

  test('without a valid key, or that a key does not open, are counted with the reason', async () => {
    await api.accesses.roll()
    await call('GET', '/v1/messages', undefined, 'nobody')
    await call('GET', '/v1/messages', undefined, 'nobody-else')
    await call('GET', '/v1/carriers', undefined, 'demo-key')
    await call('GET', '/v1/billing/ledger?tenant=other', undefined, 'demo-key')
    await api.accesses.roll()
    const refused = await entries('action=access.refused&limit=3')
    expect(
      refused.map(({ actor, subject, reason, count }) => [
        actor.tenant,
        subject?.id,
        reason,
        count,
      ]),
    ).toEqual([
      [
        'demo',
        'GET /v1/billing/ledger',
        'forbidden: this key is not of the tenant "other" or one above it',
        1,
      ],
      ['demo', 'GET /v1/carriers', expect.stringMatching(/^forbidden: this key is a tenant's/), 1],
      [null, 'GET /v1/messages', 'unauthorized: key_unknown', 2],
    ])
  })
})

describe('GET /v1/audit', () => {
  test('gives pages, and takes every filter', async () => {
    const all = await entries('limit=500')
    const first = await call('GET', '/v1/audit?limit=2')
    const { entries: page, next_cursor: cursor } = (await first.json()) as {
      entries: Entry[]
      next_cursor: string
    }
    const [next] = await entries(`limit=1&cursor=${cursor}`)
    expect(next?.number).toBe((page[1]?.number ?? 0) - 1)
    expect(await entries('subject=carrier:alpha&outcome=done&action=carrier.drain')).toHaveLength(1)
    expect(await entries('before=2020-01-01T00:00:00Z')).toEqual([])
    expect(await entries('from=2099-01-01T00:00:00Z')).toEqual([])
    const { name } = all.find(({ action }) => action === 'carrier.drain')?.actor ?? {}
    const ofActor = await entries(`actor=${name}&limit=500`)
    expect(ofActor).toEqual(all.filter(({ actor }) => actor.name === name))
    const ofTenant = await entries('tenant=other&limit=500')
    expect(ofTenant).toEqual(all.filter(({ tenant }) => tenant === 'other'))
    for (const [query, status, code] of [
      ['cursor=x', 422, 'cursor_invalid'],
      ['tenant=nobody', 422, 'tenant_unknown'],
      ['outcome=maybe', 422, 'validation_failed'],
    ]) {
      const response = await call('GET', `/v1/audit?${query}`)
      expect([response.status, (await problemIn(response)).code]).toEqual([status, code])
    }
    const response = await call('GET', '/v1/audit?tenant=other', undefined, 'demo-key')
    expect(response.status).toBe(403)
  })
})

describe('no secret and no text', () => {
  /** For each changing route a call that says all that must not be seen. */
  const BODIES: Readonly<Record<string, unknown>> = {
    'POST /v1/messages': { to: '+447700900123', from: 'ACME', text: 'the text of a message' },
    'POST /v1/webhooks': {
      url: 'https://hooks.invalid/hook?t=query-token',
      secret: SECRET,
      events: [],
    },
    'PATCH /v1/webhooks/:id': { url: 'https://hooks.invalid/other?t=query-token' },
    'POST /v1/webhooks/:id/rotate': { secret: SECRET },
    'POST /v1/webhooks/:id/replay': { since: '2026-01-01T00:00:00Z' },
    'POST /v1/billing/payments': {
      tenant: 'other',
      kind: 'adjustment',
      amount: '1.00',
      currency: 'EUR',
      reference: 'r2',
    },
    'POST /v1/rate-decks/:kind/:owner': 'prefix,price,currency\n44,0.03,EUR\n',
    'POST /v1/rate-decks/:kind/:owner/preview': 'prefix,price,currency\n44,0.03,EUR\n',
    'POST /v1/rate-decks/:kind/:owner/rollback': { version: 0 },
    'POST /v1/networks': 'prefix,mccmnc,name\n4477009,23415,One\n',
    'POST /v1/ported-numbers': 'number,mccmnc\n447700900124,23415\n',
    'PUT /v1/ported-numbers/:number': { mccmnc: '23415' },
  }
  const PLACES: Readonly<Record<string, string>> = {
    ':kind': 'carrier',
    ':owner': 'alpha',
    ':name': 'alpha',
    ':number': '+447700900125',
  }

  test('appears in an entry or in a log line, whatever is called', async () => {
    const made = await call('POST', '/v1/webhooks', BODIES['POST /v1/webhooks'], 'demo-key')
    expect(made.status).toBe(201)
    const { id: webhookId } = (await made.json()) as { id: string }
    const withPassword = { url: 'https://u:pa55-of-url@hooks.invalid/?t=query-token' }
    await call('PATCH', `/v1/webhooks/${webhookId}`, withPassword, 'demo-key')
    const done: string[] = []
    const changing = PERMISSIONS.filter(([method]) => method !== 'GET')
    // What deletes comes last.
    const routes = [...changing].sort(
      ([one], [other]) => Number(one === 'DELETE') - Number(other === 'DELETE'),
    )
    for (const [method, pattern, audience, , action] of routes) {
      const path = pattern.replace(/:\w+/g, (name) =>
        name === ':id' && pattern.includes('webhooks') ? webhookId : (PLACES[name] ?? 'x'),
      )
      const key = audience === 'operator' ? OPERATOR : 'demo-key'
      const known = BODIES[`${method} ${pattern}`]
      const body = known ?? (pattern.includes('/carriers/') ? { reason: 'password hunter2' } : {})
      const right = await call(method, path, method === 'DELETE' ? undefined : body, key)
      if (right.ok && action !== 'none') done.push(action ?? '')
      // What is not understood must not be repeated either.
      const stray = { password: 'hunter2-password', secret: SECRET, text: HIDDEN[4] }
      if (method !== 'DELETE') await call(method, path, { ...stray, api_key: stray }, key)
    }
    expect(done).toEqual(
      expect.arrayContaining([
        'carrier.drain',
        'payment.book',
        'rate_deck.import',
        'rate_deck.rollback',
        'network.import',
        'ported_number.import',
        'ported_number.set',
        'ported_number.remove',
        'webhook.create',
        'webhook.change',
        'webhook.rotate',
        'webhook.replay',
        'webhook.delete',
      ]),
    )
    await call('GET', `/v1/webhooks/${webhookId}/secret`, undefined, 'demo-key')
    await api.accesses.roll()
    await api.audit.flush()
    const rows = JSON.stringify(
      await api.store.query<object>(sql`select to_jsonb(e)::text as entry from audit_entries e`),
    )
    for (const action of done) expect(rows).toContain(action)
    const lines = JSON.stringify(logged)
    for (const text of [...HIDDEN, 'demo-key', OPERATOR, '447700900125', '447700900124']) {
      expect(rows, text).not.toContain(text)
      expect(lines, text).not.toContain(text)
    }
    expect((await checkAudit(api.store, undefined)).fault).toBeUndefined()
  })
})
