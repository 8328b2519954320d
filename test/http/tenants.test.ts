import { afterAll, beforeAll, describe, expect, it } from 'vitest'
import { openAccess } from '../../src/accounts/access.ts'
import type { Store } from '../../src/store/open.ts'
import { testDatabases } from '../support/database.ts'
import { openTestApp, problemIn, type TestApp } from './test-app.ts'
import { openTenants } from './test-tenants.ts'

const MESSAGE = { to: '+447700900123', from: 'ACME', text: 'Hello' }

const TENANTS = [
  { name: 'seller', apiKeys: ['seller-key'], billing: { currency: 'EUR' } },
  { name: 'below', apiKeys: ['below-key'], parent: 'seller' },
  { name: 'beside', apiKeys: ['beside-key'] },
  { name: 'stopped', apiKeys: ['stopped-key'], status: 'suspended' },
  { name: 'under-stopped', apiKeys: ['under-stopped-key'], parent: 'stopped' },
  { name: 'shut', apiKeys: ['shut-key'], status: 'closed' },
]

describe.each(testDatabases())('tenants on $name', ({ open }) => {
  let store: Store
  let app: TestApp

  beforeAll(async () => {
    store = await open()
    app = await openTestApp({ store, tenants: TENANTS })
  })
  afterAll(async () => {
    await app.close()
    await store.close()
  })

  async function call(
    key: string,
    method: string,
    path: string,
    body?: object,
    // biome-ignore lint/suspicious/noExplicitAny: tests assert the shape they expect
  ): Promise<{ status: number; body: any }> {
    const response = await app.app.request(path, {
      method,
      headers: { authorization: `Bearer ${key}`, 'content-type': 'application/json' },
      ...(body && { body: JSON.stringify(body) }),
    })
    const { status } = response
    return { status, body: status < 400 ? await response.json() : await problemIn(response) }
  }

  const operator = (method: string, path: string, body?: object) =>
    call('operator-key', method, path, body)
  const seller = (method: string, path: string, body?: object) =>
    call('seller-key', method, path, body)

  describe('that are suspended', () => {
    it.each(['stopped-key', 'under-stopped-key'])('send nothing: %s', async (key) => {
      const { status, body } = await call(key, 'POST', '/v1/messages', MESSAGE)
      expect([status, body.code]).toEqual([403, 'tenant_suspended'])
    })

    it('read, and ask what a message would cost', async () => {
      expect((await call('stopped-key', 'GET', '/v1/messages')).status).toBe(200)
      const asked = await call('stopped-key', 'POST', '/v1/messages', { ...MESSAGE, dry_run: true })
      expect(asked.status).toBe(200)
    })
  })

  it('that are closed have no keys', async () => {
    expect(await call('shut-key', 'GET', '/v1/messages')).toMatchObject({
      status: 401,
      body: { code: 'unauthorized' },
    })
  })

  describe('of an operator', () => {
    it('are made with what the file could say of them, and count at once', async () => {
      const made = await operator('POST', '/v1/tenants', {
        name: 'made',
        parent: 'beside',
        billing: { currency: 'USD', credit_limit: '12.5', tax_percent: '7.5' },
        retention: { days: 30 },
        loss_making: 'refuse',
      })
      expect(made).toMatchObject({
        status: 201,
        body: {
          name: 'made',
          source: 'api',
          parent: 'beside',
          status: 'active',
          billing: { currency: 'USD', credit_limit: '12.5000', tax_percent: '7.5000' },
          retention: { days: 30, body_days: null },
          loss_making: 'refuse',
        },
      })
      expect((await operator('GET', '/v1/tenants/made')).body).toEqual(made.body)
      const balance = await operator('GET', '/v1/billing/balance?tenant=made')
      expect([balance.status, balance.body.tenant]).toEqual([200, 'made'])
    })

    it.each<[string, object, number, string, string | undefined]>([
      ['a name that is taken', { name: 'beside' }, 409, 'tenant_exists', '/name'],
      ['no name', {}, 422, 'validation_failed', '/name'],
      ['a bad name', { name: 'a b' }, 422, 'tenant_invalid', '/name'],
      ['an unknown field', { name: 'x', keys: [] }, 422, 'validation_failed', '/keys'],
      ['a parent that is not there', { name: 'x', parent: 'y' }, 422, 'tenant_invalid', '/parent'],
      [
        'a currency that is none',
        { name: 'x', billing: { currency: 'EEE' } },
        422,
        'tenant_invalid',
        '/billing/currency',
      ],
      [
        'a limit without a currency',
        { name: 'x', billing: { credit_limit: '5' } },
        422,
        'tenant_invalid',
        '/billing/credit_limit',
      ],
      [
        'a key that there is not',
        { name: 'x', billing: { cur: 'EUR' } },
        422,
        'tenant_invalid',
        '/billing/cur',
      ],
    ])('are refused with %s', async (_, body, status, code, pointer) => {
      const refused = await operator('POST', '/v1/tenants', body)
      expect([refused.status, refused.body.code]).toEqual([status, code])
      expect(refused.body.errors?.[0]?.pointer).toBe(pointer)
      expect((await operator('GET', '/v1/tenants/x')).status).toBe(404)
    })

    it('are changed key by key, and null takes away', async () => {
      const path = '/v1/tenants/changing'
      await operator('POST', '/v1/tenants', {
        name: 'changing',
        parent: 'beside',
        billing: { currency: 'EUR', credit_limit: '5' },
      })
      const changed = await operator('PATCH', path, {
        parent: null,
        status: 'suspended',
        billing: { credit_limit: null, charge_on: 'submit' },
      })
      expect(changed).toMatchObject({
        status: 200,
        body: {
          parent: null,
          status: 'suspended',
          billing: { currency: 'EUR', credit_limit: null, charge_on: 'submit' },
        },
      })
      expect((await operator('PATCH', path, { billing: null })).body.billing.currency).toBeNull()
      const wrong = await operator('PATCH', path, { retention: { days: -1 } })
      expect([wrong.status, wrong.body.code]).toEqual([422, 'tenant_invalid'])
    })

    it('of the file are shown, and changed only there', async () => {
      const { body } = await operator('GET', '/v1/tenants/below')
      expect(body).toMatchObject({ source: 'file', parent: 'seller' })
      const refused = await operator('PATCH', '/v1/tenants/below', { status: 'closed' })
      expect([refused.status, refused.body.code]).toEqual([409, 'tenant_of_file'])
    })

    it('are listed page by page', async () => {
      const names: string[] = []
      let cursor = ''
      do {
        const { body } = await operator('GET', `/v1/tenants?limit=3${cursor}`)
        names.push(...body.tenants.map(({ name }: { name: string }) => name))
        cursor = body.next_cursor === null ? '' : `&cursor=${body.next_cursor}`
      } while (cursor !== '')
      expect(names).toEqual([...new Set(names)].sort())
      expect(names).toEqual(expect.arrayContaining(['below', 'beside', 'demo', 'seller']))
      const below = await operator('GET', '/v1/tenants?parent=stopped')
      expect(below.body.tenants).toMatchObject([
        { name: 'under-stopped', status: 'active', effective_status: 'suspended' },
      ])
    })

    it('are the same after a start, and give way to the file', async () => {
      const bare = TENANTS.map(({ name }) => ({ name, apiKeys: [] }))
      const inFile = [...bare, { name: 'changing', apiKeys: [], status: 'closed' as const }]
      const directory = await openTenants(store, await openAccess(store, bare), bare, [])
      expect(directory.names).toEqual(expect.arrayContaining(['beside', 'changing', 'made']))
      const other = await openTenants(store, await openAccess(store, inFile), inFile, [])
      expect(other.find('changing')).toMatchObject({ source: 'file', status: 'closed' })
    })
  })

  describe('of a reseller', () => {
    it('get their keys from it, and lose them to it; those of others do not', async () => {
      const wish = { name: 'for the shop', scopes: ['messages:read'] }
      const made = await seller('POST', '/v1/keys', { ...wish, tenant: 'below' })
      expect(made).toMatchObject({ status: 201, body: { tenant: 'below' } })
      expect((await call(made.body.key, 'GET', '/v1/messages')).status).toBe(200)
      const path = `/v1/keys/${made.body.id}`
      expect((await call('beside-key', 'GET', path)).status).toBe(404)
      expect((await seller('POST', `${path}/revoke`, {})).status).toBe(200)
      expect((await call(made.body.key, 'GET', '/v1/messages')).status).toBe(401)
      for (const [key, tenant] of [
        ['seller-key', 'beside'],
        ['below-key', 'seller'],
      ] as const) {
        const refused = await call(key, 'POST', '/v1/keys', { ...wish, tenant })
        expect([refused.status, refused.body.code]).toEqual([422, 'tenant_unknown'])
      }
    })

    it('are made below it, in its currency, and spend only what they are given', async () => {
      const made = await seller('POST', '/v1/tenants', { name: 'shop' })
      expect(made).toMatchObject({
        status: 201,
        body: { parent: 'seller', billing: { currency: 'EUR', credit_limit: '0.0000' } },
      })
      const deeper = await seller('POST', '/v1/tenants', { name: 'stall', parent: 'shop' })
      expect(deeper).toMatchObject({ status: 201, body: { parent: 'shop' } })
      const tooDeep = await seller('POST', '/v1/tenants', { name: 'tray', parent: 'stall' })
      expect([tooDeep.status, tooDeep.body.code]).toEqual([422, 'tenant_invalid'])
    })

    it.each(['beside', 'made', 'nobody'])('are never %s', async (name) => {
      const answers = [
        await seller('GET', `/v1/tenants/${name}`),
        await seller('PATCH', `/v1/tenants/${name}`, { status: 'closed' }),
        await seller('POST', '/v1/tenants', { name: 'y', parent: name }),
      ]
      for (const { status, body } of answers) {
        expect([status, body.detail]).toEqual([404, `there is no tenant "${name}"`])
      }
      expect((await seller('GET', `/v1/billing/balance?tenant=${name}`)).status).toBe(403)
      expect((await seller('GET', `/v1/messages?tenant=${name}`)).status).toBe(403)
    })

    it('are all that it sees, with what is theirs', async () => {
      const { body } = await seller('GET', '/v1/tenants')
      expect(body.tenants.map(({ name }: { name: string }) => name)).toEqual([
        'below',
        'shop',
        'stall',
      ])
      expect((await seller('GET', '/v1/tenants/seller')).status).toBe(200)
      expect((await call('below-key', 'GET', '/v1/tenants/seller')).status).toBe(404)
      const sent = await call('below-key', 'POST', '/v1/messages', MESSAGE)
      const read = await seller('GET', '/v1/messages?tenant=below')
      expect(read.body.messages.map(({ id }: { id: string }) => id)).toEqual([sent.body.id])
      expect((await seller('GET', '/v1/messages')).body.messages).toEqual([])
      expect((await seller('GET', '/v1/billing/ledger?tenant=below')).status).toBe(200)
    })

    it('stay suspended where an operator, or somebody above it, has done that', async () => {
      await seller('POST', '/v1/tenants', { name: 'mall' })
      await seller('POST', '/v1/tenants', { name: 'kiosk', parent: 'mall' })
      const { body: key } = await seller('POST', '/v1/keys', {
        name: 'of the mall',
        scopes: ['tenants:write'],
        tenant: 'mall',
      })
      const mall = (status: string) => call(key.key, 'PATCH', '/v1/tenants/kiosk', { status })
      const path = '/v1/tenants/kiosk'
      const refused = { status: 403, body: { code: 'forbidden' } }

      expect((await operator('PATCH', path, { status: 'suspended' })).status).toBe(200)
      expect(await seller('PATCH', path, { status: 'active' })).toMatchObject(refused)
      // To suspend it once more does not make it one's own.
      expect((await seller('PATCH', path, { status: 'suspended' })).status).toBe(200)
      expect(await seller('PATCH', path, { status: 'active' })).toMatchObject(refused)
      expect((await operator('GET', path)).body.status).toBe('suspended')
      expect((await operator('PATCH', path, { status: 'active' })).status).toBe(200)

      expect((await seller('PATCH', path, { status: 'suspended' })).status).toBe(200)
      expect(await mall('active')).toMatchObject(refused)
      // The operator takes the suspension over.
      expect((await operator('PATCH', path, { status: 'suspended' })).status).toBe(200)
      expect(await seller('PATCH', path, { status: 'active' })).toMatchObject(refused)
      expect((await operator('PATCH', path, { status: 'active' })).status).toBe(200)

      expect((await mall('suspended')).status).toBe(200)
      expect((await seller('PATCH', path, { retention: { days: 5 } })).status).toBe(200)
      expect((await seller('PATCH', path, { status: 'active' })).status).toBe(200)
      expect((await mall('suspended')).status).toBe(200)
      expect((await mall('active')).status).toBe(200)
      for (const name of ['kiosk', 'mall']) {
        expect((await seller('PATCH', `/v1/tenants/${name}`, { status: 'closed' })).status).toBe(
          200,
        )
      }
    })

    it('are not moved away from below one that an operator has suspended', async () => {
      await seller('POST', '/v1/tenants', { name: 'arcade' })
      await seller('POST', '/v1/tenants', { name: 'booth', parent: 'arcade' })
      await operator('PATCH', '/v1/tenants/arcade', { status: 'suspended' })
      const moved = await seller('PATCH', '/v1/tenants/booth', { parent: 'seller' })
      expect([moved.status, moved.body.code]).toEqual([403, 'forbidden'])
      await operator('PATCH', '/v1/tenants/arcade', { status: 'active' })
      expect((await seller('PATCH', '/v1/tenants/booth', { parent: 'seller' })).status).toBe(200)
      for (const name of ['booth', 'arcade']) {
        expect((await seller('PATCH', `/v1/tenants/${name}`, { status: 'closed' })).status).toBe(
          200,
        )
      }
    })

    it('are suspended and closed by it, and opened again by operators only', async () => {
      const path = '/v1/tenants/shop'
      expect((await seller('PATCH', path, { status: 'suspended' })).body.status).toBe('suspended')
      const stall = await seller('GET', '/v1/tenants/stall')
      expect(stall.body).toMatchObject({ status: 'active', effective_status: 'suspended' })
      expect((await seller('PATCH', path, { status: 'active' })).status).toBe(200)
      expect((await seller('PATCH', path, { status: 'closed' })).status).toBe(200)
      expect((await seller('PATCH', path, { status: 'active' })).status).toBe(403)
      expect((await operator('PATCH', path, { status: 'active' })).status).toBe(200)
    })

    it.each<[string, string, string, object]>([
      ['itself', 'PATCH', '/v1/tenants/seller', { status: 'closed' }],
      ['a credit limit', 'PATCH', '/v1/tenants/stall', { billing: { credit_limit: '5' } }],
      ['no terms at all', 'PATCH', '/v1/tenants/stall', { billing: null }],
      ['a loss', 'PATCH', '/v1/tenants/stall', { loss_making: 'allow' }],
      ['another place', 'PATCH', '/v1/tenants/stall', { parent: null }],
      ['credit at once', 'POST', '/v1/tenants', { name: 'z', billing: { credit_limit: '5' } }],
      [
        'its own charging',
        'POST',
        '/v1/tenants',
        { name: 'z', billing: { charge_per: 'message' } },
      ],
    ])('are not given %s', async (_, method, path, body) => {
      const refused = await seller(method, path, body)
      expect([refused.status, refused.body.code]).toEqual([403, 'forbidden'])
    })

    it('do not get the name of a tenant that is gone', async () => {
      await openAccess(store, [{ name: 'gone', apiKeys: [] }])
      const refused = await seller('POST', '/v1/tenants', { name: 'gone' })
      expect([refused.status, refused.body.code]).toEqual([409, 'tenant_exists'])
      expect((await operator('POST', '/v1/tenants', { name: 'gone' })).status).toBe(201)
    })
  })
})
