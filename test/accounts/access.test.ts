import { sql } from 'drizzle-orm'
import { afterAll, afterEach, beforeAll, describe, expect, it } from 'vitest'
import { DEMO_TENANT, openAccess, openDemoAccess } from '../../src/accounts/access.ts'
import { hashKey } from '../../src/accounts/key-hash.ts'
import type { Store } from '../../src/store/open.ts'
import { testDatabases, truncate } from '../support/database.ts'

describe.each(testDatabases())('access on $name', ({ open }) => {
  let store: Store

  beforeAll(async () => {
    store = await open()
  })
  afterEach(() => truncate(store))
  afterAll(() => store.close())

  function keyHashes(): Promise<{ key_hash: string }[]> {
    return store.query(sql`select key_hash from api_keys`)
  }

  describe('by configuration', () => {
    it('knows tenants by key and by name', async () => {
      const access = await openAccess(store, [
        { name: 'one', apiKeys: ['key-1', 'key-2'] },
        { name: 'two', apiKeys: [] },
      ])
      const one = access.tenantNamed('one')
      expect(one?.name).toBe('one')
      expect(access.callerOfHash(hashKey('key-1'))?.tenant).toEqual(one)
      expect(access.callerOfHash(hashKey('key-2'))?.tenant).toEqual(one)
      expect(access.tenantNamed('two')?.id).not.toBe(one?.id)
      for (const wrong of ['', 'key-3', 'KEY-1', 'key-1 ']) {
        expect(access.callerOfHash(hashKey(wrong))?.tenant).toBeUndefined()
      }
      expect(access.tenantNamed('three')).toBeUndefined()
    })

    it('stores hashes only', async () => {
      await openAccess(store, [{ name: 'one', apiKeys: ['key-1'] }])
      const [row, ...others] = await keyHashes()
      expect(row?.key_hash).toMatch(/^[0-9a-f]{64}$/)
      expect(others).toEqual([])
      // The hash opens nothing.
      const access = await openAccess(store, [{ name: 'one', apiKeys: ['key-1'] }])
      expect(access.callerOfHash(hashKey(row?.key_hash ?? ''))?.tenant).toBeUndefined()
    })

    it('keeps the tenant and takes access from a key that is no longer named', async () => {
      const before = await openAccess(store, [{ name: 'one', apiKeys: ['old', 'kept'] }])
      const after = await openAccess(store, [{ name: 'one', apiKeys: ['kept', 'new'] }])
      expect(after.callerOfHash(hashKey('old'))?.tenant).toBeUndefined()
      expect(after.callerOfHash(hashKey('kept'))?.tenant).toEqual(before.tenantNamed('one'))
      expect(after.callerOfHash(hashKey('new'))?.tenant).toEqual(before.tenantNamed('one'))
    })

    it('has other tenants and keys in its place, and still names those that are gone', async () => {
      const access = await openAccess(store, [{ name: 'one', apiKeys: ['key-1'] }], ['admin-1'])
      const one = access.tenantNamed('one')
      access.takeOver(await openAccess(store, [{ name: 'two', apiKeys: ['key-2'] }], ['admin-2']))
      expect(access.tenantNames).toEqual(['two'])
      expect(access.callerOfHash(hashKey('key-1'))?.tenant).toBeUndefined()
      expect(access.callerOfHash(hashKey('key-2'))?.tenant?.name).toBe('two')
      expect(access.callerOfHash(hashKey('admin-1'))).toBeUndefined()
      expect(access.callerOfHash(hashKey('admin-2'))?.isOperator).toBe(true)
      expect(access.nameOf(one?.id ?? '')).toBe('one')
    })

    it('takes access from a tenant that is no longer named', async () => {
      await openAccess(store, [{ name: 'one', apiKeys: ['key'] }])
      const access = await openAccess(store, [])
      expect(access.callerOfHash(hashKey('key'))?.tenant).toBeUndefined()
      expect(access.tenantNamed('one')).toBeUndefined()
    })

    it('lets a key change its tenant', async () => {
      await openAccess(store, [{ name: 'one', apiKeys: ['key'] }])
      const access = await openAccess(store, [
        { name: 'one', apiKeys: [] },
        { name: 'two', apiKeys: ['key'] },
      ])
      expect(access.callerOfHash(hashKey('key'))?.tenant?.name).toBe('two')
      expect(access.tenantNamed('one')?.name).toBe('one')
    })
  })

  describe('of the operator', () => {
    it('is by keys that belong to no tenant and are not stored', async () => {
      const settings = [{ name: 'one', apiKeys: ['key-1'] }]
      const access = await openAccess(store, settings, ['admin-1', 'admin-2'])
      expect(access.callerOfHash(hashKey('admin-2'))?.isOperator).toBe(true)
      expect(access.callerOfHash(hashKey('admin-2'))?.tenant).toBeUndefined()
      expect(access.callerOfHash(hashKey('key-1'))?.isOperator).toBe(false)
      expect(access.callerOfHash(hashKey(''))).toBeUndefined()
      expect(await keyHashes()).toHaveLength(1)
      expect((await openAccess(store, settings)).callerOfHash(hashKey('admin-2'))).toBeUndefined()
    })

    it('is by the key of the demo, where there is nobody else', async () => {
      const { newKey = '' } = await openDemoAccess(store, { replaceKey: false })
      const { access } = await openDemoAccess(store, { replaceKey: false })
      expect(access.callerOfHash(hashKey(newKey))?.isOperator).toBe(true)
      expect(access.callerOfHash(hashKey('another'))).toBeUndefined()
    })
  })

  describe('for the demo', () => {
    it('makes a key once', async () => {
      const first = await openDemoAccess(store, { replaceKey: false })
      expect(first.newKey).toMatch(/^lh_[\w-]{32}$/)
      expect(first.access.callerOfHash(hashKey(first.newKey ?? ''))?.tenant?.name).toBe(DEMO_TENANT)
      const second = await openDemoAccess(store, { replaceKey: false })
      expect(second.newKey).toBeUndefined()
      expect(second.access.callerOfHash(hashKey(first.newKey ?? ''))?.tenant).toEqual(
        first.access.tenantNamed(DEMO_TENANT),
      )
      expect(JSON.stringify(await keyHashes())).not.toContain(first.newKey)
    })

    it('replaces the key when asked to', async () => {
      const { newKey: lost = '' } = await openDemoAccess(store, { replaceKey: false })
      const { access, newKey = '' } = await openDemoAccess(store, { replaceKey: true })
      expect(newKey).not.toBe(lost)
      expect(access.callerOfHash(hashKey(lost))?.tenant).toBeUndefined()
      expect(access.callerOfHash(hashKey(newKey))?.tenant?.name).toBe(DEMO_TENANT)
      expect(await keyHashes()).toHaveLength(1)
    })
  })
})
