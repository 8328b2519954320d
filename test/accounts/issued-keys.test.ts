import { createHmac } from 'node:crypto'
import { sql } from 'drizzle-orm'
import { afterAll, afterEach, beforeAll, beforeEach, describe, expect, it } from 'vitest'
import type { NewKey } from '../../src/accounts/issued-key.ts'
import { IssuedKeys } from '../../src/accounts/issued-keys.ts'
import { hashKey } from '../../src/accounts/key-hash.ts'
import { isSignedBy, shortContent } from '../../src/accounts/request-signature.ts'
import { silentLogger } from '../../src/core/logger.ts'
import { reseal } from '../../src/messages/resealing.ts'
import { createCipher } from '../../src/store/cipher.ts'
import { checkEncryptionKeys } from '../../src/store/key-check.ts'
import type { Store } from '../../src/store/open.ts'
import { testDatabases, truncate } from '../support/database.ts'

const HOUR_MS = 3_600_000
const START = new Date('2026-03-14T10:00:00Z')

const WISH: NewKey = {
  tenantId: undefined,
  name: 'server',
  signing: 'none',
  scopes: ['messages:read'],
  allowFrom: [],
  expiresAt: null,
  createdBy: 'abc',
}

const SEALING = [
  { id: 'k1', key: Buffer.alloc(32, 1) },
  { id: 'k2', key: Buffer.alloc(32, 2) },
]

describe.each(testDatabases())('issued keys on $name', ({ open }) => {
  let store: Store
  let now = START
  let keys: IssuedKeys

  const openKeys = (on: Store = store) => IssuedKeys.open(on, silentLogger, () => now)

  beforeAll(async () => {
    store = await open()
  })
  beforeEach(async () => {
    now = START
    keys = await openKeys()
  })
  afterEach(() => truncate(store))
  afterAll(() => store.close())

  it('keeps only the hash of a key, and knows it after a restart', async () => {
    const { key, secret } = await keys.create({
      ...WISH,
      allowFrom: ['203.0.113.0/24'],
      expiresAt: new Date(START.getTime() + HOUR_MS),
    })
    expect(secret).toMatch(/^lh_[\w-]{32}$/)
    expect(key.keyName).toBe(hashKey(secret).slice(0, 12))
    const rows = await store.query(sql`select * from issued_keys`)
    expect(JSON.stringify(rows)).not.toContain(secret)
    const again = await openKeys()
    expect(again.ofHash(hashKey(secret))).toEqual({ key, isPrevious: false })
    expect(again.find(key.id.toUpperCase())).toEqual(key)
    expect(again.isAllowedFrom(key, '203.0.113.9')).toBe(true)
    expect(again.isAllowedFrom(key, '203.0.114.9')).toBe(false)
    expect(again.isAllowedFrom(key, undefined)).toBe(false)
  })

  it('changes what is asked for and nothing else', async () => {
    const { key } = await keys.create({ ...WISH, allowFrom: ['10.0.0.1'] })
    expect(await keys.update(key.id, {})).toEqual(key)
    const changed = await keys.update(key.id, { name: 'other', allowFrom: [] })
    expect(changed).toEqual({ ...key, name: 'other', allowFrom: [] })
    expect(keys.isAllowedFrom(changed, undefined)).toBe(true)
    expect((await openKeys()).find(key.id)).toEqual(changed)
  })

  it('refuses an end that is over, and a change of what is revoked', async () => {
    await expect(keys.create({ ...WISH, expiresAt: START })).rejects.toMatchObject({
      code: 'expiry_invalid',
    })
    const { key } = await keys.create(WISH)
    const revoked = await keys.revoke(key.id)
    expect(revoked.revokedAt).toEqual(START)
    now = new Date(START.getTime() + HOUR_MS)
    expect(await keys.revoke(key.id)).toEqual(revoked)
    for (const change of [keys.update(key.id, { name: 'x' }), keys.rotate(key.id, 0)]) {
      await expect(change).rejects.toMatchObject({ code: 'key_revoked' })
    }
    await expect(keys.revoke('nothing')).rejects.toMatchObject({ code: 'not_found' })
    expect(keys.isEnded(revoked)).toBe(true)
  })

  it('has the key before a rotation good for the overlap, and only that', async () => {
    const first = await keys.create(WISH)
    const second = await keys.rotate(first.key.id, 2)
    const isGood = (secret: string) => {
      const found = keys.ofHash(hashKey(secret))
      return found !== undefined && (!found.isPrevious || keys.isOverlapping(found.key))
    }
    expect(second.key.id).toBe(first.key.id)
    expect(second.key.keyName).toBe(first.key.keyName)
    expect([isGood(first.secret), isGood(second.secret)]).toEqual([true, true])
    now = new Date(START.getTime() + 2 * HOUR_MS)
    expect([isGood(first.secret), isGood(second.secret)]).toEqual([false, true])
    const third = await keys.rotate(first.key.id, 1)
    expect([first, second, third].map(({ secret }) => isGood(secret))).toEqual([false, true, true])
  })

  it('seals secrets that sign, and seals them anew with the key after', async () => {
    const sealed = (active: string): Store => ({ ...store, cipher: createCipher(SEALING, active) })
    await checkEncryptionKeys(sealed('k1'))
    const first = await openKeys(sealed('k1'))
    const { key, secret } = await first.create({ ...WISH, signing: 'full' })
    const { secret: next } = await first.rotate(key.id, 1)
    const stored = async () =>
      (await store.query<{ secret: string; previous_secret: string }>(
        sql`select secret, previous_secret from issued_keys`,
      )) as { secret: string; previous_secret: string }[]
    expect(JSON.stringify(await stored())).not.toMatch(new RegExp(`${secret}|${next}`))

    const later = await openKeys(sealed('k2'))
    await checkEncryptionKeys(sealed('k2'))
    expect(await reseal(sealed('k2'), async () => false)).toEqual({ rows: 1, unreadable: 0 })
    // What was read before must not bring the old form back.
    await later.update(key.id, { name: 'renamed' })
    for (const form of Object.values((await stored())[0] ?? {})) {
      expect(form).toMatch(/^enc:v1:k2:/)
    }
    const reopened = await openKeys(sealed('k2'))
    const found = reopened.find(key.id)
    const content = shortContent(key.id, '1')
    for (const each of [secret, next]) {
      const digest = createHmac('sha256', each).update(content).digest()
      expect(found && isSignedBy(reopened.secretsOf(found), content, { digest })).toBe(true)
    }
    await later.rotate(key.id, 1)
    for (const form of Object.values((await stored())[0] ?? {})) {
      expect(form).toMatch(/^enc:v1:k2:/)
    }
  })

  it('does without a key whose secret is damaged', async () => {
    const { key } = await keys.create({ ...WISH, signing: 'full' })
    await store.query(sql`update issued_keys set secret = 'enc:v1:gone:AAAA'`)
    const again = await openKeys()
    expect(again.find(key.id)).toEqual(key)
    expect(again.secretsOf(key)).toEqual([])
  })

  it('takes so many keys of one owner that are in use', async () => {
    await store.query(sql`
      insert into issued_keys (id, name, key_name, key_hash, signing, scopes, allow_from, created_at, created_by)
      select gen_random_uuid(), 'many', 'x', n::text, 'none', '[]', '[]', now(), 'x' from generate_series(1, 500) n`)
    const full = await openKeys()
    await expect(full.create(WISH)).rejects.toMatchObject({ code: 'key_limit_reached' })
    const [one] = full.list()
    await full.revoke(one?.id ?? '')
    await expect(full.create(WISH)).resolves.toBeDefined()
  })
})
