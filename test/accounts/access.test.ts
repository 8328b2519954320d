import { sql } from 'drizzle-orm'
import { afterAll, afterEach, beforeAll, describe, expect, it } from 'vitest'
import { DEMO_TENANT, openAccess, openDemoAccess } from '../../src/accounts/access.ts'
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
      expect(access.tenantOfKey('key-1')).toEqual(one)
      expect(access.tenantOfKey('key-2')).toEqual(one)
      expect(access.tenantNamed('two')?.id).not.toBe(one?.id)
      for (const wrong of ['', 'key-3', 'KEY-1', 'key-1 ']) {
        expect(access.tenantOfKey(wrong)).toBeUndefined()
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
      expect(access.tenantOfKey(row?.key_hash ?? '')).toBeUndefined()
    })

    it('keeps the tenant and takes access from a key that is no longer named', async () => {
      const before = await openAccess(store, [{ name: 'one', apiKeys: ['old', 'kept'] }])
      const after = await openAccess(store, [{ name: 'one', apiKeys: ['kept', 'new'] }])
      expect(after.tenantOfKey('old')).toBeUndefined()
      expect(after.tenantOfKey('kept')).toEqual(before.tenantNamed('one'))
      expect(after.tenantOfKey('new')).toEqual(before.tenantNamed('one'))
    })

    it('has other tenants and keys in its place, and still names those that are gone', async () => {
      const access = await openAccess(store, [{ name: 'one', apiKeys: ['key-1'] }], ['admin-1'])
      const one = access.tenantNamed('one')
      access.takeOver(await openAccess(store, [{ name: 'two', apiKeys: ['key-2'] }], ['admin-2']))
      expect(access.tenantNames).toEqual(['two'])
      expect(access.tenantOfKey('key-1')).toBeUndefined()
      expect(access.tenantOfKey('key-2')?.name).toBe('two')
      expect([access.isOperatorKey('admin-1'), access.isOperatorKey('admin-2')]).toEqual([
        false,
        true,
      ])
      expect(access.nameOf(one?.id ?? '')).toBe('one')
    })

    it('takes access from a tenant that is no longer named', async () => {
      await openAccess(store, [{ name: 'one', apiKeys: ['key'] }])
      const access = await openAccess(store, [])
      expect(access.tenantOfKey('key')).toBeUndefined()
      expect(access.tenantNamed('one')).toBeUndefined()
    })

    it('lets a key change its tenant', async () => {
      await openAccess(store, [{ name: 'one', apiKeys: ['key'] }])
      const access = await openAccess(store, [
        { name: 'one', apiKeys: [] },
        { name: 'two', apiKeys: ['key'] },
      ])
      expect(access.tenantOfKey('key')?.name).toBe('two')
      expect(access.tenantNamed('one')?.name).toBe('one')
    })
  })

  describe('of the operator', () => {
    it('is by keys that belong to no tenant and are not stored', async () => {
      const settings = [{ name: 'one', apiKeys: ['key-1'] }]
      const access = await openAccess(store, settings, ['admin-1', 'admin-2'])
      expect(access.isOperatorKey('admin-2')).toBe(true)
      expect(access.tenantOfKey('admin-2')).toBeUndefined()
      expect(access.isOperatorKey('key-1')).toBe(false)
      expect(access.isOperatorKey('')).toBe(false)
      expect(await keyHashes()).toHaveLength(1)
      expect((await openAccess(store, settings)).isOperatorKey('admin-2')).toBe(false)
    })

    it('is by the key of the demo, where there is nobody else', async () => {
      const { newKey = '' } = await openDemoAccess(store, { replaceKey: false })
      const { access } = await openDemoAccess(store, { replaceKey: false })
      expect(access.isOperatorKey(newKey)).toBe(true)
      expect(access.isOperatorKey('another')).toBe(false)
    })
  })

  describe('for the demo', () => {
    it('makes a key once', async () => {
      const first = await openDemoAccess(store, { replaceKey: false })
      expect(first.newKey).toMatch(/^lh_[\w-]{32}$/)
      expect(first.access.tenantOfKey(first.newKey ?? '')?.name).toBe(DEMO_TENANT)
      const second = await openDemoAccess(store, { replaceKey: false })
      expect(second.newKey).toBeUndefined()
      expect(second.access.tenantOfKey(first.newKey ?? '')).toEqual(
        first.access.tenantNamed(DEMO_TENANT),
      )
      expect(JSON.stringify(await keyHashes())).not.toContain(first.newKey)
    })

    it('replaces the key when asked to', async () => {
      const { newKey: lost = '' } = await openDemoAccess(store, { replaceKey: false })
      const { access, newKey = '' } = await openDemoAccess(store, { replaceKey: true })
      expect(newKey).not.toBe(lost)
      expect(access.tenantOfKey(lost)).toBeUndefined()
      expect(access.tenantOfKey(newKey)?.name).toBe(DEMO_TENANT)
      expect(await keyHashes()).toHaveLength(1)
    })
  })
})
