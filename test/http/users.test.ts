import { sql } from 'drizzle-orm'
import { afterAll, afterEach, beforeAll, beforeEach, describe, expect, it } from 'vitest'
import { Sessions } from '../../src/accounts/sessions.ts'
import { silentLogger } from '../../src/core/logger.ts'
import type { Store } from '../../src/store/open.ts'
import { testDatabases } from '../support/database.ts'
import { openTestApp, type TestApp } from './test-app.ts'

const PASSWORD = 'correct horse battery'
const HOUR_MS = 3_600_000

const TENANTS = [
  { name: 'seller', apiKeys: ['seller-key'] },
  { name: 'shop', apiKeys: ['shop-key'], parent: 'seller' },
]

interface Answer {
  readonly status: number
  readonly headers: Headers
  // biome-ignore lint/suspicious/noExplicitAny: tests assert the shape they expect
  readonly body: any
}

describe.each(testDatabases())('users on $name', ({ open }) => {
  let store: Store
  let app: TestApp
  let nowMs: number

  beforeAll(async () => {
    store = await open()
  })
  beforeEach(async () => {
    nowMs = Date.parse('2026-03-01T08:00:00Z')
    app = await openTestApp({ store, tenants: TENANTS, clock: () => new Date(nowMs) })
  })
  afterEach(() => app.close())
  afterAll(() => store.close())

  async function call(
    token: string | null,
    method: string,
    path: string,
    body?: object,
    headers: Record<string, string> = {},
  ): Promise<Answer> {
    const response = await app.app.request(path, {
      method,
      headers: {
        ...(token !== null && { authorization: `Bearer ${token}` }),
        ...(body && { 'content-type': 'application/json' }),
        ...headers,
      },
      ...(body && { body: JSON.stringify(body) }),
    })
    const text = await response.text()
    const { status, headers: answered } = response
    return { status, headers: answered, body: text === '' ? null : JSON.parse(text) }
  }

  const operator = (method: string, path: string, body?: object) =>
    call('operator-key', method, path, body)
  const login = (email: string, password = PASSWORD, more: object = {}) =>
    call(null, 'POST', '/v1/sessions', { email, password, ...more })

  async function added(email: string, more: object = {}): Promise<string> {
    const wish = { email, name: email, role: 'owner', password: PASSWORD, ...more }
    const { status, body } = await operator('POST', '/v1/users', wish)
    expect(status).toBe(201)
    return body.id
  }

  async function signedIn(email: string): Promise<string> {
    const { status, body } = await login(email)
    expect(status).toBe(201)
    return body.token
  }

  it('sign in, are known by what they get, and sign out', async () => {
    await added('Ann@Example.com')
    const begun = await login('ann@example.COM')
    expect(begun).toMatchObject({
      status: 201,
      body: { user: 'ann@example.com', tenant: null, ends_at: '2026-03-08T08:00:00.000Z' },
    })
    const { token, id } = begun.body
    expect(token).toMatch(/^lht_[\w-]{43}$/)
    expect(begun.headers.get('set-cookie')).toBeNull()
    expect((await call(token, 'GET', '/v1/users/me')).body).toMatchObject({
      email: 'ann@example.com',
      role: 'owner',
      status: 'active',
      scopes: expect.arrayContaining(['config:write', 'users:write']),
    })
    const { body } = await call(token, 'GET', '/v1/sessions')
    expect(body.sessions).toMatchObject([{ id, is_current: true }])
    expect((await call(token, 'DELETE', '/v1/sessions/current')).status).toBe(204)
    expect((await call(token, 'GET', '/v1/users/me')).status).toBe(401)
    const stored = await store.query(sql`select password_hash from users`)
    expect(JSON.stringify(stored)).toContain('scrypt$')
  })

  it('are not told whether it is the address or the password that is wrong', async () => {
    const id = await added('ann@example.com')
    await added('bea@example.com')
    await operator('PATCH', `/v1/users/${id}`, { status: 'disabled' })
    const answers = [
      await login('nobody@example.com'),
      await login('bea@example.com', 'another password'),
      await login('ann@example.com'),
    ]
    for (const { status, body } of answers) {
      expect([status, body.code, body.detail]).toEqual([
        401,
        'login_refused',
        'there is no such user, or the password is wrong',
      ])
    }
  })

  it('get a password that is shown once where none is given', async () => {
    const wish = { email: 'ann@example.com', name: 'Ann', role: 'read_only' }
    const { body } = await operator('POST', '/v1/users', wish)
    expect(body).toMatchObject({ has_first_password: true, password: expect.any(String) })
    expect((await login('ann@example.com', body.password)).status).toBe(201)
    const shown = await operator('GET', `/v1/users/${body.id}`)
    expect(shown.body).not.toHaveProperty('password')
  })

  it('are refused with what cannot be', async () => {
    const refused: [object, string][] = [
      [{ password: 'short' }, 'password_invalid'],
      [{ password: 'Password1234' }, 'password_invalid'],
      [{ password: 'xxxxxxxxxxxxx' }, 'password_invalid'],
      [{ password: 'ANN@example.com' }, 'password_invalid'],
      [{ email: 'ann' }, 'email_invalid'],
      [{ role: 'king' }, 'validation_failed'],
      [{ tenant: 'nobody' }, 'not_found'],
    ]
    for (const [more, code] of refused) {
      const wish = { email: 'ann@example.com', name: 'Ann', role: 'owner', ...more }
      const { body } = await operator('POST', '/v1/users', wish)
      expect(body.code, JSON.stringify(more)).toBe(code)
    }
  })

  it('have one address each', async () => {
    await added('ann@example.com')
    const wish = { email: 'ANN@example.com', name: 'Ann', role: 'owner', tenant: 'demo' }
    const { status, body } = await operator('POST', '/v1/users', wish)
    expect([status, body.code]).toEqual([409, 'user_exists'])
  })

  it('lose their sessions with another role, another password, and when they are disabled', async () => {
    await added('owner@example.com')
    const id = await added('ann@example.com')
    const changes: [string, string, object][] = [
      ['PATCH', `/v1/users/${id}`, { role: 'billing' }],
      ['POST', `/v1/users/${id}/reset-password`, { password: PASSWORD }],
      ['PATCH', `/v1/users/${id}`, { status: 'disabled' }],
    ]
    for (const [method, path, body] of changes) {
      const token = await signedIn('ann@example.com')
      expect((await call(token, 'GET', '/v1/users/me')).status).toBe(200)
      expect((await operator(method, path, body)).status).toBe(200)
      expect((await call(token, 'GET', '/v1/users/me')).status).toBe(401)
    }
  })

  it('choose another password with the old one, and keep this session only', async () => {
    await added('ann@example.com')
    const [here, there] = [await signedIn('ann@example.com'), await signedIn('ann@example.com')]
    const change = (old_password: string, password: string) =>
      call(here, 'POST', '/v1/users/me/password', { old_password, password })
    expect((await change('wrong password', 'another long one')).status).toBe(401)
    expect((await change(PASSWORD, 'short')).body.code).toBe('password_invalid')
    expect((await change(PASSWORD, 'another long one')).status).toBe(204)
    expect((await call(there, 'GET', '/v1/users/me')).status).toBe(401)
    const { body } = await call(here, 'GET', '/v1/users/me')
    expect(body.has_first_password).toBe(false)
    expect((await login('ann@example.com')).status).toBe(401)
    expect((await login('ann@example.com', 'another long one')).status).toBe(201)
  })

  it('always have an owner, staff and each tenant', async () => {
    const [ann, bea] = [await added('ann@example.com'), await added('bea@example.com')]
    const tia = await added('tia@example.com', { tenant: 'demo' })
    const demote = { role: 'billing' }
    expect((await operator('PATCH', `/v1/users/${tia}`, demote)).body.code).toBe('last_owner')
    const both = await Promise.all(
      [ann, bea].map((id) => operator('PATCH', `/v1/users/${id}`, { status: 'disabled' })),
    )
    expect(both.map(({ status }) => status).sort()).toEqual([200, 409])
    expect((await operator('PATCH', `/v1/users/${tia}`, { name: 'Tia' })).status).toBe(200)
  })

  it('end after a time without a request, and after the longest time', async () => {
    await added('ann@example.com')
    const token = await signedIn('ann@example.com')
    const isIn = async () => (await call(token, 'GET', '/v1/users/me')).status === 200
    for (let halfDay = 1; halfDay < 14; halfDay++) {
      nowMs += 12 * HOUR_MS - 1
      expect(await isIn()).toBe(true)
    }
    nowMs += 12 * HOUR_MS
    expect(await isIn()).toBe(false)

    const other = await signedIn('ann@example.com')
    nowMs += 12 * HOUR_MS
    expect((await call(other, 'GET', '/v1/users/me')).status).toBe(401)
  })

  it('are still signed in after a start, since they were seen last', async () => {
    await added('ann@example.com')
    const token = await signedIn('ann@example.com')
    nowMs += 11 * HOUR_MS
    await call(token, 'GET', '/v1/users/me')
    await app.sessions.close()
    const again = (idleSeconds: number) =>
      Sessions.open({
        store,
        access: app.access,
        terms: { idleSeconds, maxSeconds: 604_800 },
        clock: () => new Date(nowMs),
        logger: silentLogger,
      })
    nowMs += 11 * HOUR_MS
    const sessions = await again(43_200)
    expect(sessions.callerOf(token)?.name).toBe('ann@example.com')
    await sessions.close()
    nowMs += 2 * HOUR_MS
    expect((await again(3_600)).callerOf(token)).toBeUndefined()
    expect(await store.query(sql`select id from sessions`)).toEqual([])
  })

  describe('of a tenant', () => {
    it('see and change users of it and of those below, nobody else', async () => {
      const staff = await added('staff@example.com')
      const other = await added('other@example.com', { tenant: 'other' })
      const shop = await added('shop@example.com', { tenant: 'shop' })
      await added('seller@example.com', { tenant: 'seller' })
      const token = await signedIn('seller@example.com')
      for (const id of [staff, other]) {
        expect((await call(token, 'GET', `/v1/users/${id}`)).status).toBe(404)
        expect((await call(token, 'PATCH', `/v1/users/${id}`, { name: 'x' })).status).toBe(404)
        expect((await call(token, 'POST', `/v1/users/${id}/reset-password`, {})).status).toBe(404)
      }
      expect((await call(token, 'PATCH', `/v1/users/${shop}`, { name: 'x' })).status).toBe(200)
      const wish = { email: 'new@example.com', name: 'New', role: 'owner' }
      expect((await call(token, 'POST', '/v1/users', { ...wish, tenant: null })).status).toBe(403)
      expect((await call(token, 'POST', '/v1/users', { ...wish, tenant: 'demo' })).status).toBe(404)
      expect((await call(token, 'POST', '/v1/users', wish)).body.tenant).toBe('seller')
      const { body } = await call(token, 'GET', '/v1/users')
      expect(body.users.map(({ email }: { email: string }) => email)).toEqual([
        'new@example.com',
        'seller@example.com',
      ])
      expect((await operator('GET', '/v1/users')).body.users).toHaveLength(5)
    })

    it('are out while it is closed, and in while it is suspended', async () => {
      await operator('POST', '/v1/tenants', { name: 'stall' })
      await added('stall@example.com', { tenant: 'stall' })
      const token = await signedIn('stall@example.com')
      await operator('PATCH', '/v1/tenants/stall', { status: 'suspended' })
      expect((await call(token, 'GET', '/v1/users/me')).status).toBe(200)
      await operator('PATCH', '/v1/tenants/stall', { status: 'closed' })
      expect((await call(token, 'GET', '/v1/users/me')).status).toBe(401)
      expect((await login('stall@example.com')).body.code).toBe('login_refused')
    })

    it('end sessions of their users, and nobody another one', async () => {
      await added('seller@example.com', { tenant: 'seller' })
      await added('reader@example.com', { tenant: 'seller', role: 'read_only' })
      await added('staff@example.com')
      const [owner, reader] = [
        await signedIn('seller@example.com'),
        await signedIn('reader@example.com'),
      ]
      await signedIn('staff@example.com')
      const { body } = await call(owner, 'GET', '/v1/sessions')
      expect(body.sessions).toHaveLength(2)
      const [ofReader, ofOwner] = body.sessions
      expect((await call(reader, 'GET', '/v1/sessions')).body.sessions).toHaveLength(1)
      expect((await call(reader, 'DELETE', `/v1/sessions/${ofOwner.id}`)).status).toBe(404)
      expect((await call(owner, 'DELETE', `/v1/sessions/${ofReader.id}`)).status).toBe(204)
      expect((await call(reader, 'GET', '/v1/users/me')).status).toBe(401)
    })
  })

  describe('with a cookie', () => {
    const HOST = 'console.example'

    async function cookieAt(origin: string): Promise<string> {
      await added('ann@example.com')
      const body = { email: 'ann@example.com', password: PASSWORD, cookie: true }
      const answer = await call(null, 'POST', `${origin}/v1/sessions`, body)
      return answer.headers.get('set-cookie') ?? ''
    }

    it('have one that no script and no other site can use', async () => {
      expect(await cookieAt(`http://${HOST}`)).toMatch(
        /^linehaul_session=lht_[\w-]{43}; Path=\/; Expires=[^;]+; HttpOnly; Secure; SameSite=Strict$/,
      )
    })

    it('have one without Secure on this machine', async () => {
      expect(await cookieAt('http://127.0.0.1:8080')).not.toContain('Secure')
    })

    it('change things by requests of their own pages only', async () => {
      const cookie = (await cookieAt(`http://${HOST}`)).split(';')[0] ?? ''
      const path = '/v1/users/me'
      const self = await call(null, 'GET', path, undefined, { cookie })
      expect(self.body.email).toBe('ann@example.com')
      const requests: [Record<string, string>, number][] = [
        [{ 'sec-fetch-site': 'same-origin' }, 200],
        [{ 'sec-fetch-site': 'cross-site' }, 403],
        [{ 'sec-fetch-site': 'same-site' }, 403],
        [{ 'sec-fetch-site': 'cross-site', origin: `https://${HOST}` }, 403],
        // Older browsers send no Sec-Fetch-Site.
        [{ origin: `https://${HOST}` }, 200],
        [{ origin: 'https://evil.example' }, 403],
        [{ origin: 'null' }, 403],
        [{}, 403],
      ]
      for (const [headers, status] of requests) {
        const sent = { cookie, host: HOST, ...headers }
        const changed = await call(null, 'PATCH', `/v1/users/${self.body.id}`, { name: 'A' }, sent)
        expect(changed.status, JSON.stringify(headers)).toBe(status)
        if (status === 403) expect(changed.body.code).toBe('cross_site')
      }
    })

    it('lose it when they sign out', async () => {
      const cookie = (await cookieAt(`http://${HOST}`)).split(';')[0] ?? ''
      const sent = { cookie, 'sec-fetch-site': 'same-origin' }
      const out = await call(null, 'DELETE', '/v1/sessions/current', undefined, sent)
      expect(out.headers.get('set-cookie')).toMatch(/^linehaul_session=; Max-Age=0; Path=\//)
      expect((await call(null, 'GET', '/v1/users/me', undefined, sent)).status).toBe(401)
    })
  })

  it('are no keys: what is about oneself is refused to these', async () => {
    expect((await operator('GET', '/v1/users/me')).status).toBe(403)
    expect((await operator('DELETE', '/v1/sessions/current')).status).toBe(403)
    expect((await call('lht_unknown', 'GET', '/v1/users')).status).toBe(401)
  })
})
