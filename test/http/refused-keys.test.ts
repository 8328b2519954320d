import { sql } from 'drizzle-orm'
import { afterAll, beforeAll, describe, expect, test } from 'vitest'
import { EVERY_SCOPE, type Scope, TENANT_SCOPES } from '../../src/accounts/scope.ts'
import { newId } from '../../src/core/id.ts'
import { type Audience, PERMISSIONS } from '../../src/http/permissions.ts'
import type { RefusalReason } from '../../src/http/refusal-log.ts'
import { type SigningKey, signedHeaders } from '../support/signing.ts'
import { openTestApp, problemIn, type TestApp } from './test-app.ts'

type Side = 'operator' | 'demo'

interface MadeKey {
  readonly id: string
  readonly key: string
  readonly secret: string
}

const HOUR_MS = 3_600_000
const ELSEWHERE = { incoming: { socket: { remoteAddress: '198.51.100.7' } } }

let api: TestApp
let now = new Date('2026-03-14T10:00:00Z')
/** Why requests were refused since it was emptied. */
const reasons: RefusalReason[] = []

beforeAll(async () => {
  api = await openTestApp({
    clock: () => now,
    onUnauthorized: ({ reason }) => reasons.push(reason),
  })
})

afterAll(() => api.close())

interface Route {
  readonly method: string
  readonly path: string
  readonly audience: Audience
  readonly side: Side
  readonly scope: Scope | null
}

const OPEN_TO_KEYS = PERMISSIONS.filter(([, , audience]) => audience !== 'anyone')

const ROUTES: readonly Route[] = OPEN_TO_KEYS.map(([method, pattern, audience, scope]) => ({
  method,
  audience,
  path: pattern.replace(':order', 'drain').replace(/:\w+/g, 'x'),
  side: audience === 'operator' ? 'operator' : 'demo',
  scope,
}))

async function makeKey(side: Side, wish: object = {}): Promise<MadeKey> {
  const response = await api.request('/v1/keys', {
    method: 'POST',
    headers: { authorization: `Bearer ${side}-key`, 'content-type': 'application/json' },
    body: JSON.stringify({ name: 'a key', scopes: [...scopesOf(side)], ...wish }),
  })
  expect(response.status).toBe(201)
  return (await response.json()) as MadeKey
}

function scopesOf(side: Side): ReadonlySet<Scope> {
  return side === 'operator' ? EVERY_SCOPE : TENANT_SCOPES
}

async function makeBoth(wish: object = {}): Promise<Record<Side, MadeKey>> {
  return { operator: await makeKey('operator', wish), demo: await makeKey('demo', wish) }
}

async function order(side: Side, path: string, body: object = {}): Promise<void> {
  const response = await api.request(path, {
    method: 'POST',
    headers: { authorization: `Bearer ${side}-key`, 'content-type': 'application/json' },
    body: JSON.stringify(body),
  })
  expect(response.status).toBe(200)
}

function call({ method, path }: Route, headers: Record<string, string>) {
  const init = { method, headers: { ...headers } as Record<string, string> }
  const body = bodyOf(method)
  if (body !== undefined) init.headers['content-type'] = 'application/json'
  return api.app.request(path, { ...init, ...(body === undefined ? {} : { body }) }, ELSEWHERE)
}

function bodyOf(method: string): string | undefined {
  return ['POST', 'PUT', 'PATCH'].includes(method) ? '{}' : undefined
}

function bearer(key: string): Record<string, string> {
  return { authorization: `Bearer ${key}` }
}

const seconds = () => Math.floor(now.getTime() / 1_000)

function signed(key: SigningKey, { method, path }: Route, over: object = {}) {
  const toSign = { method, path, timestamp: seconds(), nonce: newId(), body: bodyOf(method) ?? '' }
  return signedHeaders(key, { ...toSign, ...over })
}

/** A digest of every table, without what requests leave: nonces, when keys were used, entries of the audit log. */
async function stored(): Promise<string> {
  await api.settled()
  const tables = await api.store.query<{ name: string }>(sql`
    select table_name as name from information_schema.tables
    where table_schema = 'public' and table_name not in ('request_nonces', 'key_uses', 'audit_entries') order by 1`)
  expect(tables.length).toBeGreaterThan(25)
  const digests = tables.map(
    ({ name }) => sql`
      select md5(coalesce(string_agg(md5(t::text), '' order by t::text), '')) as digest
      from ${sql.identifier(name)} t`,
  )
  const rows = await api.store.query<{ digest: string }>(sql.join(digests, sql` union all `))
  return rows.map(({ digest }) => digest).join()
}

describe('every route refuses, and nothing changes', () => {
  /** What everybody is told, whatever was wrong. */
  let expected: object

  beforeAll(async () => {
    const { request_id: _, ...problem } = await problemIn(await api.app.request('/v1/messages'))
    expect(problem).toMatchObject({ code: 'unauthorized', status: 401 })
    expected = problem
  })

  async function expectRefused(
    reason: RefusalReason,
    headersFor: (route: Route) => Record<string, string>,
  ): Promise<void> {
    const before = await stored()
    for (const route of ROUTES) {
      reasons.length = 0
      const response = await call(route, headersFor(route))
      const { request_id: _, ...problem } = await problemIn(response)
      expect([problem, reasons], `${route.method} ${route.path}`).toEqual([expected, [reason]])
      expect(response.headers.get('www-authenticate')).toBe('Bearer realm="linehaul"')
    }
    expect(await stored()).toBe(before)
  }

  test('no key', () => expectRefused('key_missing', () => ({})))

  test('another scheme', () =>
    expectRefused('key_missing', () => ({ authorization: 'Basic ZGVtbzpkZW1v' })))

  test('a wrong key', async () => {
    const keys = await makeBoth()
    await expectRefused('key_unknown', ({ side }) => bearer(`${keys[side].key.slice(0, -1)}~`))
  })

  test('an expired key', async () => {
    const keys = await makeBoth({ expires_at: new Date(now.getTime() + HOUR_MS).toISOString() })
    now = new Date(now.getTime() + HOUR_MS)
    await expectRefused('key_expired', ({ side }) => bearer(keys[side].key))
  })

  test('a key whose overlap after a rotation is over', async () => {
    const keys = await makeBoth()
    for (const side of ['operator', 'demo'] as const) {
      await order(side, `/v1/keys/${keys[side].id}/rotate`, { overlap_hours: 1 })
    }
    now = new Date(now.getTime() + HOUR_MS)
    await expectRefused('key_expired', ({ side }) => bearer(keys[side].key))
  })

  test('a revoked key', async () => {
    const keys = await makeBoth()
    for (const side of ['operator', 'demo'] as const) {
      await order(side, `/v1/keys/${keys[side].id}/revoke`)
    }
    await expectRefused('key_revoked', ({ side }) => bearer(keys[side].key))
  })

  test('a key from a wrong address', async () => {
    const keys = await makeBoth({ allow_from: ['203.0.113.0/24', '2001:db8::/32'] })
    await expectRefused('address_not_allowed', ({ side }) => bearer(keys[side].key))
  })

  test('the secret of a key that signs', async () => {
    const keys = await makeBoth({ signing: 'full' })
    await expectRefused('signature_missing', ({ side }) => bearer(keys[side].secret))
  })

  test('a missing signature, and the short form where it is not allowed', async () => {
    const keys = await makeBoth({ signing: 'full' })
    await expectRefused('signature_missing', (route) => {
      const { 'x-signature': _, ...rest } = signed(keys[route.side], route)
      return rest
    })
    await expectRefused('signature_missing', (route) => {
      const { 'x-nonce': _, ...rest } = signed(keys[route.side], route)
      return rest
    })
  })

  test('a wrong signature: another secret, method, path, body, time, nonce', async () => {
    const keys = await makeBoth({ signing: 'full' })
    const others: readonly object[] = [
      { method: 'OPTIONS' },
      { path: '/v1/messages?limit=1' },
      { body: '{ }' },
    ]
    for (const over of others) {
      await expectRefused('signature_wrong', (route) => signed(keys[route.side], route, over))
    }
    await expectRefused('signature_wrong', (route) => ({
      ...signed(keys[route.side], route),
      'x-nonce': newId(),
    }))
    await expectRefused('signature_wrong', (route) => ({
      ...signed(keys[route.side], route),
      'x-timestamp': String(seconds() - 1),
    }))
    await expectRefused('signature_wrong', (route) =>
      signed({ id: keys[route.side].id, secret: 'another' }, route),
    )
  })

  test('the signature of a key that there is not, or that does not sign', async () => {
    const keys = await makeBoth()
    await expectRefused('key_unknown', (route) => signed({ id: newId(), secret: 's' }, route))
    await expectRefused('key_unknown', (route) =>
      signed({ id: keys[route.side].id, secret: keys[route.side].key }, route),
    )
  })

  test('a clock that is not ours', async () => {
    const keys = await makeBoth({ signing: 'full' })
    for (const off of [-301, 301]) {
      await expectRefused('timestamp_out_of_window', (route) =>
        signed(keys[route.side], route, { timestamp: seconds() + off }),
      )
    }
  })

  test('a scope that is missing; and then the same signed request, when it comes again', async () => {
    const without = new Map<string, MadeKey>()
    for (const { side, scope } of ROUTES) {
      const name = `${side} ${scope}`
      if (without.has(name)) continue
      const scopes = [...scopesOf(side)].filter((each) => each !== scope)
      without.set(name, await makeKey(side, { signing: 'full', scopes }))
    }
    const sent = new Map<Route, Record<string, string>>()
    const before = await stored()
    for (const route of ROUTES) {
      const key = without.get(`${route.side} ${route.scope}`)
      const headers = signed(key as MadeKey, route)
      sent.set(route, headers)
      if (route.scope === null) {
        await call(route, headers)
        continue
      }
      const problem = await problemIn(await call(route, headers))
      expect([problem.status, problem.code], `${route.method} ${route.path}`).toEqual([
        403,
        'forbidden',
      ])
      expect(problem.detail).toContain(`"${route.scope}"`)
    }
    expect(await stored()).toBe(before)
    await expectRefused('replayed', (route) => sent.get(route) ?? {})
  })

  test("a tenant's key where it is of every tenant, and the operator's where it is of one", async () => {
    const before = await stored()
    for (const route of ROUTES) {
      const { audience } = route
      if (audience === 'shared') continue
      const response = await call(
        route,
        bearer(audience === 'operator' ? 'demo-key' : 'operator-key'),
      )
      expect(response.status, `${route.method} ${route.path}`).toBe(403)
      expect((await problemIn(response)).code).toBe('forbidden')
    }
    expect(await stored()).toBe(before)
  })
})

/** What a route needs to get as far as looking for its `{id}`. */
const BODIES: Readonly<Record<string, object>> = {
  'PATCH /v1/messages/:id': { text: 'another' },
  'POST /v1/messages/:id/feedback': { outcome: 'converted' },
  'POST /v1/messages/:id/resolve': { action: 'fail' },
  'POST /v1/webhooks/:id/replay': { since: '2026-03-01T00:00:00Z' },
  'PATCH /v1/keys/:id': { name: 'mine' },
  'PATCH /v1/users/:id': { name: 'Eve' },
}

describe('what belongs to another tenant', () => {
  const owned = PERMISSIONS.filter(
    ([, path, audience]) => audience !== 'operator' && path.includes('/:id'),
  )

  async function ownedIds(): Promise<Record<string, string>> {
    const idOf = async (response: Response) => ((await response.json()) as { id: string }).id
    const message = { to: '+447700900123', from: 'ACME', text: 'Hello' }
    const id = await idOf(await api.post(message))
    const letter = await idOf(await api.post(message))
    await api.settled()
    await api.bury(letter)
    await api.settled()
    const inbound = newId()
    await api.store.query(sql`
      insert into inbound_messages (id, tenant_id, carrier, from_number, to_number, body, encoding, parts,
        total_parts, pdus, received_at)
      select ${inbound}, id, 'alpha', '+447700900123', '12345', 'Hi', 'gsm7', 1, 1, '[]', now()
      from tenants where name = 'demo'`)
    const webhook = await idOf(
      await api.request('/v1/webhooks', {
        method: 'POST',
        headers: { 'content-type': 'application/json' },
        body: JSON.stringify({ url: 'https://93.184.216.34/hook' }),
      }),
    )
    const key = (await makeKey('demo')).id
    const sign = { email: 'ann@example.com', password: 'a long enough one' }
    const user = await api.request('/v1/users', {
      method: 'POST',
      headers: { 'content-type': 'application/json' },
      body: JSON.stringify({ ...sign, name: 'Ann', role: 'owner' }),
    })
    const session = await api.request('/v1/sessions', {
      method: 'POST',
      headers: { 'content-type': 'application/json' },
      body: JSON.stringify(sign),
    })
    return {
      messages: id,
      'dead-letters': letter,
      'inbound-messages': inbound,
      webhooks: webhook,
      keys: key,
      users: await idOf(user),
      sessions: await idOf(session),
    }
  }

  test('is as unknown as what there is not, on every route', async () => {
    const ids = await ownedIds()
    expect(owned.length).toBeGreaterThan(15)
    for (const [resource, id] of Object.entries(ids)) {
      // There is no route that shows one.
      if (resource === 'sessions') continue
      const response = await api.request(`/v1/${resource}/${id}`)
      expect([resource, response.status]).toEqual([resource, 200])
    }
    const before = await stored()
    for (const [method, path] of owned) {
      const foreign = ids[path.split('/')[2] ?? ''] ?? ''
      const answer = async (id: string) => {
        const body = BODIES[`${method} ${path}`] ?? (bodyOf(method) && {})
        const response = await api.request(path.replace(':id', id), {
          method,
          headers: { ...bearer('other-key'), ...(body && { 'content-type': 'application/json' }) },
          ...(body ? { body: JSON.stringify(body) } : {}),
        })
        const { request_id: _, ...problem } = await problemIn(response)
        return { ...problem, detail: problem.detail.replaceAll(id, 'ID') }
      }
      const answered = await answer(foreign)
      expect(answered, `${method} ${path}`).toMatchObject({ status: 404, code: 'not_found' })
      expect(answered, `${method} ${path}`).toEqual(await answer(newId()))
    }
    expect(await stored()).toBe(before)
  })
})
