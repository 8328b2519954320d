import { afterAll, beforeAll, beforeEach, describe, expect, test } from 'vitest'
import { newId } from '../../src/core/id.ts'
import { openTestApp, problemIn, type ShownProblem, type TestApp } from './test-app.ts'

interface ShownKey {
  readonly id: string
  readonly source: string
  readonly name: string | null
  readonly key_name: string
  readonly tenant: string | null
  readonly is_operator: boolean
  readonly signing: string
  readonly scopes: string[]
  readonly allow_from: string[]
  readonly created_by: string | null
  readonly expires_at: string | null
  readonly revoked_at: string | null
  readonly previous_until: string | null
  readonly is_usable: boolean
  readonly last_used_at: string | null
  readonly last_address: string | null
  readonly key: string
  readonly secret: string
}

const HOUR_MS = 3_600_000
const START = new Date('2026-03-14T10:00:00Z')

let api: TestApp
let now = START

beforeAll(async () => {
  api = await openTestApp({ clock: () => now })
})
beforeEach(() => {
  now = START
})
afterAll(() => api.close())

async function call(
  key: string,
  method: string,
  path: string,
  body?: object,
  address?: string,
): Promise<Response> {
  const env = address === undefined ? {} : { incoming: { socket: { remoteAddress: address } } }
  const init = {
    method,
    headers: { authorization: `Bearer ${key}`, 'content-type': 'application/json' },
    ...(body ? { body: JSON.stringify(body) } : {}),
  }
  return api.app.request(path, init, env)
}

async function shown(response: Response, status = 200): Promise<ShownKey> {
  expect(response.status).toBe(status)
  return (await response.json()) as ShownKey
}

async function refused(response: Response): Promise<ShownProblem> {
  return problemIn(response)
}

async function make(by: string, wish: object = {}): Promise<ShownKey> {
  const body = { name: 'a key', scopes: ['messages:read'], ...wish }
  return shown(await call(by, 'POST', '/v1/keys', body), 201)
}

describe('a new key', () => {
  test('is shown once, works at once, and opens what its scopes say', async () => {
    const made = await make('demo-key', { expires_at: '2026-03-15T00:00:00+01:00' })
    const { key, ...rest } = made
    expect(key).toMatch(/^lh_[\w-]{32}$/)
    expect(rest).toMatchObject({
      source: 'api',
      name: 'a key',
      tenant: 'demo',
      is_operator: false,
      signing: 'none',
      scopes: ['messages:read'],
      allow_from: [],
      expires_at: '2026-03-14T23:00:00.000Z',
      revoked_at: null,
      is_usable: true,
      last_used_at: null,
    })
    const limits = await call('demo-key', 'GET', '/v1/limits')
    const { key: own } = (await limits.json()) as { key: string }
    expect(rest).toHaveProperty('created_by', own)
    expect((await call(key, 'GET', '/v1/messages')).status).toBe(200)
    const problem = await refused(await call(key, 'POST', '/v1/messages', {}))
    expect(problem).toMatchObject({
      status: 403,
      code: 'forbidden',
      detail: 'this key has not the scope "messages:send"',
    })
    const { last_used_at: _, ...stored } = await shown(
      await call('demo-key', 'GET', `/v1/keys/${made.id}`),
    )
    const { last_used_at: __, ...before } = rest
    expect(stored).toEqual(before)
  })

  test('of an operator is for any tenant, or for the operator itself', async () => {
    const tenants = await make('operator-key', { tenant: 'other', scopes: ['messages:read'] })
    expect(tenants).toMatchObject({ tenant: 'other', is_operator: false })
    expect((await call(tenants.key, 'GET', '/v1/inbound-messages')).status).toBe(200)
    expect((await call(tenants.key, 'GET', '/v1/carriers')).status).toBe(403)
    const own = await make('operator-key', { scopes: ['carriers:read'] })
    expect(own).toMatchObject({ tenant: null, is_operator: true })
    expect((await call(own.key, 'GET', '/v1/carriers')).status).toBe(200)
    expect((await call(own.key, 'GET', '/v1/networks')).status).toBe(403)
  })

  test.each([
    ['a scope that the maker has not', { scopes: ['messages:send'] }, 403, 'forbidden'],
    ['a scope of every tenant', { scopes: ['carriers:read'] }, 403, 'forbidden'],
    ['no scope', { scopes: [] }, 422, 'validation_failed'],
    ['an unknown scope', { scopes: ['everything'] }, 422, 'validation_failed'],
    ['no network', { allow_from: ['203.0.113.0/33'] }, 422, 'validation_failed'],
    ['an end that is over', { expires_at: START.toISOString() }, 422, 'expiry_invalid'],
    ['another tenant', { tenant: 'other' }, 422, 'tenant_unknown'],
    ['a tenant that there is not', { tenant: 'nobody' }, 422, 'tenant_unknown'],
    ['no name', { name: ' ' }, 422, 'validation_failed'],
    ['an unknown field', { admin: true }, 422, 'validation_failed'],
  ])('is refused with %s', async (_, wish, status, code) => {
    const maker = await make('demo-key', { scopes: ['keys:write', 'messages:read'] })
    const body = { name: 'a key', scopes: ['messages:read'], ...wish }
    const problem = await refused(await call(maker.key, 'POST', '/v1/keys', body))
    expect([problem.status, problem.code]).toEqual([status, code])
  })

  test("of an operator is no tenant's with scopes of every tenant", async () => {
    const wish = { name: 'x', tenant: 'demo', scopes: ['config:read'] }
    const problem = await refused(await call('operator-key', 'POST', '/v1/keys', wish))
    expect(problem).toMatchObject({ status: 422, code: 'scope_invalid' })
  })
})

describe('keys are listed', () => {
  test("a tenant's own, those of the configuration first; an operator's all", async () => {
    const own = await make('demo-key')
    await make('other-key')
    const list = async (key: string, query = '') => {
      const response = await call(key, 'GET', `/v1/keys?limit=500${query}`)
      expect(response.status).toBe(200)
      return ((await response.json()) as { keys: ShownKey[] }).keys
    }
    const mine = await list('demo-key')
    expect(new Set(mine.map(({ tenant }) => tenant))).toEqual(new Set(['demo']))
    expect(mine[0]).toMatchObject({ source: 'configuration', name: null, is_operator: false })
    expect(mine.at(-1)?.id).toBe(own.id)
    expect(mine.some((key) => 'key' in key || 'secret' in key)).toBe(false)
    const all = await list('operator-key')
    expect(new Set(all.map(({ tenant }) => tenant))).toEqual(
      new Set(['demo', 'other', 'own', null]),
    )
    expect((await list('operator-key', '&tenant=other')).map(({ tenant }) => tenant)).not.toContain(
      'demo',
    )
    // The key of this tenant is the operator's as well: what a tenant's key does not see.
    const ofOwn = await make('operator-key', { tenant: 'own', scopes: ['keys:read'] })
    expect((await list(ofOwn.key)).map(({ id }) => id)).toEqual([ofOwn.id])
  })

  test('in pages, and by whether they can be used', async () => {
    const ended = await make('demo-key')
    await call('demo-key', 'POST', `/v1/keys/${ended.id}/revoke`)
    const ids: string[] = []
    let cursor = ''
    for (;;) {
      const response = await call('demo-key', 'GET', `/v1/keys?limit=2&usable=true${cursor}`)
      const page = (await response.json()) as { keys: ShownKey[]; next_cursor: string | null }
      ids.push(...page.keys.map(({ id }) => id))
      if (page.next_cursor === null) break
      cursor = `&cursor=${page.next_cursor}`
    }
    expect(new Set(ids).size).toBe(ids.length)
    expect(ids).not.toContain(ended.id)
    const problem = await refused(await call('demo-key', 'GET', '/v1/keys?cursor=xyz'))
    expect(problem).toMatchObject({ status: 422, code: 'cursor_invalid' })
  })

  test('with when and from where they were last used, those of the configuration as well', async () => {
    const { id, key } = await make('demo-key')
    await call(key, 'GET', '/v1/messages', undefined, '::ffff:10.1.2.3')
    expect(await shown(await call('demo-key', 'GET', `/v1/keys/${id}`))).toMatchObject({
      last_used_at: START.toISOString(),
      last_address: '10.1.2.3',
    })
    now = new Date(START.getTime() + HOUR_MS)
    const response = await call('other-key', 'GET', '/v1/keys', undefined, '2001:db8::5')
    const [configured] = ((await response.json()) as { keys: ShownKey[] }).keys
    expect(configured).toMatchObject({
      last_used_at: now.toISOString(),
      last_address: '2001:db8::5',
    })
  })
})

describe('a key is changed', () => {
  test('in name, scopes, end and addresses, from the next request on', async () => {
    const { id, key } = await make('demo-key')
    const change = {
      name: 'renamed',
      scopes: ['messages:read', 'account:read'],
      expires_at: '2026-03-14T11:00:00Z',
      allow_from: ['10.0.0.0/8'],
    }
    expect(await shown(await call('demo-key', 'PATCH', `/v1/keys/${id}`, change))).toMatchObject({
      ...change,
      expires_at: '2026-03-14T11:00:00.000Z',
    })
    expect((await call(key, 'GET', '/v1/limits', undefined, '10.9.9.9')).status).toBe(200)
    expect((await call(key, 'GET', '/v1/limits', undefined, '11.9.9.9')).status).toBe(401)
    now = new Date(START.getTime() + HOUR_MS)
    expect((await call(key, 'GET', '/v1/limits', undefined, '10.9.9.9')).status).toBe(401)
    const end = { expires_at: null, allow_from: [] }
    await shown(await call('demo-key', 'PATCH', `/v1/keys/${id}`, end))
    expect((await call(key, 'GET', '/v1/limits')).status).toBe(200)
  })

  test('by none with fewer scopes, which can only revoke it', async () => {
    const weak = await make('demo-key', { scopes: ['keys:read', 'keys:write'] })
    const { id } = await make('demo-key', { scopes: ['messages:send'] })
    for (const [method, path, body] of [
      ['PATCH', '', { name: 'mine' }],
      ['PATCH', '', { scopes: ['keys:read'] }],
      ['POST', '/rotate', {}],
    ] as const) {
      const problem = await refused(await call(weak.key, method, `/v1/keys/${id}${path}`, body))
      expect(problem).toMatchObject({ status: 403, code: 'forbidden' })
      expect(problem.detail).toContain('"messages:send"')
    }
    const raised = await call(weak.key, 'PATCH', `/v1/keys/${weak.id}`, {
      scopes: ['messages:send'],
    })
    expect((await refused(raised)).code).toBe('forbidden')
    const revoked = await shown(await call(weak.key, 'POST', `/v1/keys/${id}/revoke`))
    expect(revoked).toMatchObject({ is_usable: false, revoked_at: START.toISOString() })
  })

  test('by rotation: both are good for the overlap', async () => {
    const first = await make('demo-key', { scopes: ['account:read'] })
    const path = `/v1/keys/${first.id}/rotate`
    const second = await shown(await call('demo-key', 'POST', path, { overlap_hours: 2 }))
    expect(second).toMatchObject({
      id: first.id,
      key_name: first.key_name,
      previous_until: '2026-03-14T12:00:00.000Z',
    })
    const statuses = async () => [
      (await call(first.key, 'GET', '/v1/limits')).status,
      (await call(second.key, 'GET', '/v1/limits')).status,
    ]
    expect(await statuses()).toEqual([200, 200])
    now = new Date(START.getTime() + 2 * HOUR_MS)
    expect(await statuses()).toEqual([401, 200])
    const seen = await shown(await call('demo-key', 'GET', `/v1/keys/${first.id}`))
    expect(seen.previous_until).toBeNull()
  })

  test('no more once it is revoked', async () => {
    const { id, key } = await make('demo-key')
    await shown(await call('demo-key', 'POST', `/v1/keys/${id}/revoke`))
    expect((await call(key, 'GET', '/v1/messages')).status).toBe(401)
    for (const [method, path] of [
      ['PATCH', `/v1/keys/${id}`],
      ['POST', `/v1/keys/${id}/rotate`],
    ] as const) {
      const problem = await refused(await call('demo-key', method, path, {}))
      expect(problem).toMatchObject({ status: 409, code: 'key_revoked' })
    }
  })

  test('not here where it stands in the configuration', async () => {
    const response = await call('demo-key', 'GET', '/v1/keys')
    const [configured] = ((await response.json()) as { keys: ShownKey[] }).keys
    const path = `/v1/keys/${configured?.id}`
    expect(await shown(await call('demo-key', 'GET', path))).toMatchObject({
      source: 'configuration',
    })
    for (const [method, action] of [
      ['PATCH', ''],
      ['POST', '/rotate'],
      ['POST', '/revoke'],
    ] as const) {
      const problem = await refused(await call('demo-key', method, path + action, {}))
      expect(problem).toMatchObject({ status: 409, code: 'key_in_configuration' })
      expect(problem.detail).toContain('of the tenant "demo"')
      const foreign = await refused(await call('other-key', method, path + action, {}))
      const unknown = await refused(
        await call('other-key', method, `/v1/keys/${newId()}${action}`, {}),
      )
      expect([foreign.status, foreign.code]).toEqual([unknown.status, unknown.code])
    }
  })
})
