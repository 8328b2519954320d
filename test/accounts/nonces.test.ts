import { sql } from 'drizzle-orm'
import { afterAll, afterEach, beforeAll, describe, expect, it } from 'vitest'
import { KeyUses } from '../../src/accounts/key-uses.ts'
import { Nonces } from '../../src/accounts/nonces.ts'
import { newId } from '../../src/core/id.ts'
import { silentLogger } from '../../src/core/logger.ts'
import type { Store } from '../../src/store/open.ts'
import { testDatabases, truncate } from '../support/database.ts'

const NOW = new Date('2026-03-14T10:00:00Z')
const LATER = new Date('2026-03-14T10:10:00Z')

describe.each(testDatabases())('on $name', ({ open }) => {
  let store: Store

  beforeAll(async () => {
    store = await open()
  })
  afterEach(() => truncate(store))
  afterAll(() => store.close())

  const openNonces = (on: Store = store, now = NOW) =>
    new Nonces({ store: on, logger: silentLogger, clock: () => now })

  describe('nonces', () => {
    it('are good once for each key, after a restart as well', async () => {
      const [one, two] = [newId(), newId()]
      const nonces = openNonces()
      expect(await nonces.use(one, 'a', LATER)).toBe(true)
      expect(await nonces.use(one, 'a', LATER)).toBe(false)
      expect(await nonces.use(two, 'a', LATER)).toBe(true)
      expect(await openNonces().use(one, 'a', LATER)).toBe(false)
    })

    it('that come together are good once, and written in a few statements', async () => {
      let statements = 0
      const counted: Store = {
        ...store,
        query: (statement, on) => {
          statements++
          return store.query(statement, on)
        },
      }
      const nonces = openNonces(counted)
      const key = newId()
      const names = Array.from({ length: 500 }, (_, index) => `n${index % 250}`)
      const fresh = await Promise.all(names.map((name) => nonces.use(key, name, LATER)))
      expect(fresh.filter(Boolean)).toHaveLength(250)
      expect(fresh.slice(250)).toEqual(Array(250).fill(false))
      expect(statements).toBe(2)
    })

    it('are free again when the database did not take them', async () => {
      let isAway = true
      const shaky: Store = {
        ...store,
        query: (statement, on) =>
          isAway ? Promise.reject(new Error('away')) : store.query(statement, on),
      }
      const nonces = openNonces(shaky)
      const key = newId()
      await expect(nonces.use(key, 'a', LATER)).rejects.toMatchObject({
        code: 'storage_unavailable',
      })
      isAway = false
      expect(await nonces.use(key, 'a', LATER)).toBe(true)
    })

    it('are forgotten when they are over', async () => {
      const nonces = openNonces()
      await nonces.use(newId(), 'old', NOW)
      await nonces.use(newId(), 'young', LATER)
      await nonces.purge()
      expect(await store.query(sql`select nonce from request_nonces`)).toEqual([{ nonce: 'young' }])
    })
  })

  describe('uses of keys', () => {
    it('are stored when they are saved, and there after a restart', async () => {
      const uses = await KeyUses.open(store, silentLogger)
      uses.note('k', '10.0.0.1', NOW.getTime())
      expect(await store.query(sql`select * from key_uses`)).toEqual([])
      await uses.save()
      uses.note('k', '10.0.0.2', LATER.getTime())
      uses.note('other', undefined, NOW.getTime())
      await uses.close()
      const again = await KeyUses.open(store, silentLogger)
      expect(again.of('k')).toMatchObject({ atMs: LATER.getTime(), address: '10.0.0.2' })
      expect(again.of('other')).toMatchObject({ atMs: NOW.getTime(), address: undefined })
      expect(again.of('nobody')).toBeUndefined()
    })

    it('that could not be stored are stored the next time', async () => {
      let isAway = true
      const shaky: Store = {
        ...store,
        query: (statement, on) =>
          isAway ? Promise.reject(new Error('away')) : store.query(statement, on),
      }
      const uses = await KeyUses.open(shaky, silentLogger)
      uses.note('k', undefined, NOW.getTime())
      await expect(uses.save()).rejects.toThrow('away')
      isAway = false
      await uses.save()
      expect((await KeyUses.open(store, silentLogger)).of('k')?.atMs).toBe(NOW.getTime())
    })
  })
})
