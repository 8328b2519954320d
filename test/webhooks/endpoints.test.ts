import { sql } from 'drizzle-orm'
import { afterAll, afterEach, beforeAll, beforeEach, describe, expect, it } from 'vitest'
import { openAccess } from '../../src/accounts/access.ts'
import { reseal } from '../../src/messages/resealing.ts'
import { type Cipher, type CipherKey, createCipher, NO_CIPHER } from '../../src/store/cipher.ts'
import { checkEncryptionKeys } from '../../src/store/key-check.ts'
import type { Store } from '../../src/store/open.ts'
import { AddressGuard } from '../../src/webhooks/address-guard.ts'
import { CALLBACK, Endpoints } from '../../src/webhooks/endpoints.ts'
import { testDatabases } from '../support/database.ts'

const URL_ONE = 'https://example.com/one'
const SECRET = 'whsec_MfKQ9r8GKYqrTwjUPD8ILPZIo2LaLaSw'
const NO_ID = '0190a4f0-0000-7000-8000-000000000000'

describe.each(testDatabases())('endpoints on $name', ({ open }) => {
  let store: Store
  let mine: string
  let theirs: string
  let endpoints: Endpoints
  const guard = new AddressGuard({ allowPrivateAddresses: false })
  let now = new Date('2026-03-01T12:00:00.000Z')
  const clock = () => now

  beforeAll(async () => {
    store = await open()
    const access = await openAccess(store, [
      { name: 'mine', apiKeys: [] },
      { name: 'theirs', apiKeys: [] },
    ])
    mine = access.tenantNamed('mine')?.id ?? ''
    theirs = access.tenantNamed('theirs')?.id ?? ''
  })
  beforeEach(async () => {
    now = new Date('2026-03-01T12:00:00.000Z')
    endpoints = await Endpoints.open(store, guard, clock)
  })
  afterEach(() => store.query(sql`truncate webhook_endpoints`))
  afterAll(() => store.close())

  function reopened(): Promise<Endpoints> {
    return Endpoints.open(store, guard, clock)
  }

  function told(event: 'message.sent' | 'message.failed', from = endpoints): string[] {
    return from.recipientsFor(mine, event, null).map(({ recipient }) => recipient)
  }

  describe('under encryption at rest', () => {
    const ONE: CipherKey = { id: 'k1', key: Buffer.alloc(32, 1) }
    const TWO: CipherKey = { id: 'k2', key: Buffer.alloc(32, 2) }
    const FIRST = createCipher([ONE], 'k1')
    const BOTH = createCipher([ONE, TWO], 'k2')
    const SECOND = createCipher([TWO], 'k2')
    const GIVEN_UP = createCipher([TWO], undefined)

    afterEach(() => store.query(sql`delete from encryption_keys`))

    const under = (cipher: Cipher): Store => ({ ...store, cipher })
    const opened = (cipher: Cipher) => Endpoints.open(under(cipher), guard, clock)

    /** The beginnings of all secrets that are stored, and none in the clear beside. */
    async function forms(): Promise<string[]> {
      const rows = await store.query<{ secret: string; previous_secret: string | null }>(
        sql`select secret, previous_secret from webhook_endpoints order by id`,
      )
      const stored = rows.flatMap(({ secret, previous_secret: previous }) => [secret, previous])
      return stored.map((each) => each?.slice(0, 10) ?? 'none')
    }

    it('secrets are sealed, and open after a restart', async () => {
      const sealing = await opened(FIRST)
      const made = await sealing.create(mine, { url: URL_ONE, events: [], secret: SECRET })
      expect(made.secret).toBe(SECRET)
      const callback = await sealing.callbackSigning(mine)
      expect(await forms()).toEqual(['enc:v1:k1:', 'none', 'enc:v1:k1:', 'none'])
      const rotated = await sealing.rotate(mine, made.id, { overlapHours: 24 })
      expect(rotated).toMatchObject({ previousSecret: SECRET })
      expect(await forms()).toEqual(['enc:v1:k1:', 'enc:v1:k1:', 'enc:v1:k1:', 'none'])
      const again = await opened(FIRST)
      expect(again.get(mine, made.id)).toMatchObject(rotated)
      expect(await again.callbackSigning(mine)).toEqual(callback)
    })

    it('those stored before are read, sealed by the rotation, and move on to another key', async () => {
      const made = await endpoints.create(mine, { url: URL_ONE, events: [], secret: SECRET })
      const before = await endpoints.rotate(mine, made.id, { overlapHours: 24 })
      expect(await forms()).toEqual([before.secret.slice(0, 10), SECRET.slice(0, 10)])
      for (const [cipher, form, next] of [
        [FIRST, 'enc:v1:k1:', FIRST],
        [BOTH, 'enc:v1:k2:', SECOND],
        [GIVEN_UP, before.secret.slice(0, 10), NO_CIPHER],
      ] as const) {
        await checkEncryptionKeys(under(cipher))
        expect((await opened(cipher)).get(mine, made.id)).toMatchObject(before)
        const resealed = await reseal(under(cipher), async () => false)
        expect(resealed).toEqual({ rows: 1, unreadable: 0 })
        expect((await forms())[0]).toBe(form)
        expect((await opened(next)).get(mine, made.id)).toMatchObject(before)
      }
      expect(await forms()).toEqual([before.secret.slice(0, 10), SECRET.slice(0, 10)])
    })

    it('one that is moved to another row, or damaged, opens no more until it is replaced', async () => {
      const sealing = await opened(FIRST)
      const one = await sealing.create(mine, { url: URL_ONE, events: [] })
      const other = await sealing.create(theirs, { url: URL_ONE, events: [] })
      await sealing.callbackSigning(mine)
      await store.query(sql`
        update webhook_endpoints w set secret = o.secret from webhook_endpoints o
        where w.id = ${one.id} and o.id = ${other.id}`)
      await store.query(sql`
        update webhook_endpoints set secret = 'enc:v1:k1:AAAA' where kind = 'callback'`)
      const again = await opened(FIRST)
      expect(again.get(mine, one.id).secret).toBe('')
      expect(again.get(theirs, other.id)).toEqual(other)
      for (const id of [one.id, CALLBACK]) {
        expect((await again.signing(mine, id)).secret).toBe('')
        const options = { secret: SECRET, overlapHours: 24 }
        const good = { secret: SECRET, previousSecret: null }
        expect(await again.rotate(mine, id, options)).toMatchObject(good)
        expect(await (await opened(FIRST)).signing(mine, id)).toMatchObject(good)
      }
    })
  })

  it('are as they were after a restart', async () => {
    const all = await endpoints.create(mine, { url: URL_ONE, events: [] })
    const some = await endpoints.create(mine, {
      url: 'https://example.com/two',
      events: ['message.failed', 'message.delivered', 'message.failed'],
      secret: SECRET,
    })
    expect(all).toMatchObject({ url: URL_ONE, events: [], isEnabled: true, createdAt: now })
    expect(all.secret).toMatch(/^whsec_/)
    expect(some).toMatchObject({ events: ['message.failed', 'message.delivered'], secret: SECRET })
    expect(endpoints.list(mine)).toEqual([all, some])
    expect(endpoints.list(theirs)).toEqual([])
    const again = await reopened()
    expect(again.list(mine)).toEqual([all, some])
    expect(again.get(mine, some.id)).toEqual(some)
    expect(told('message.failed', again)).toEqual([`endpoint:${all.id}`, `endpoint:${some.id}`])
  })

  it('are told of the events they want', async () => {
    expect(told('message.sent')).toEqual([])
    const all = await endpoints.create(mine, { url: URL_ONE, events: [] })
    expect(told('message.sent')).toEqual([`endpoint:${all.id}`])
    const some = await endpoints.create(mine, { url: URL_ONE, events: ['message.failed'] })
    expect(told('message.sent')).toEqual([`endpoint:${all.id}`])
    expect(told('message.failed')).toEqual([`endpoint:${all.id}`, `endpoint:${some.id}`])
    expect(endpoints.recipientsFor(theirs, 'message.failed', null)).toEqual([])
    const callback = 'https://example.com/cb?a=b:c'
    expect(endpoints.recipientsFor(theirs, 'message.failed', callback)).toEqual([
      { recipient: `callback:${theirs}:https://example.com`, url: callback },
    ])
    expect(endpoints.recipientsFor(mine, 'message.sent', callback)).toEqual([
      { recipient: `endpoint:${all.id}`, url: null },
      { recipient: `callback:${mine}:https://example.com`, url: callback },
    ])
    // A step on the way that nobody waits for.
    expect(endpoints.recipientsFor(mine, 'message.sending', callback)).toEqual([])
    await endpoints.update(mine, some.id, { events: ['message.sent'] })
    await endpoints.update(mine, all.id, { isEnabled: false })
    expect(told('message.sent')).toEqual([`endpoint:${some.id}`])
    await endpoints.remove(mine, some.id)
    expect(told('message.sent')).toEqual([])
    expect(endpoints.endpoint(some.id)).toBeUndefined()
    expect((await reopened()).list(mine)).toHaveLength(1)
  })

  it('do not show themselves to another tenant, which changes nothing of them', async () => {
    const { id } = await endpoints.create(mine, { url: URL_ONE, events: [] })
    const missing = expect.objectContaining({ code: 'not_found' })
    for (const wrong of [id, NO_ID, 'x']) {
      expect(() => endpoints.get(theirs, wrong)).toThrow(missing)
      const attempts = [
        endpoints.signing(theirs, wrong),
        endpoints.update(theirs, wrong, { url: 'https://example.com/x' }),
        endpoints.rotate(theirs, wrong, { overlapHours: 1 }),
        endpoints.remove(theirs, wrong),
      ]
      for (const { status, reason } of (await Promise.allSettled(attempts)) as {
        status: string
        reason?: unknown
      }[]) {
        expect({ status, reason }).toEqual({ status: 'rejected', reason: missing })
      }
    }
    expect((await reopened()).get(mine, id)).toEqual(endpoints.get(mine, id))
    expect(endpoints.get(mine, id).url).toBe(URL_ONE)
  })

  it('are refused where they lead inside, and are no URL, and have no secret of use', async () => {
    const wishes = [
      ['webhook_address_refused', { url: 'http://127.0.0.1/', events: [] }],
      ['webhook_url_invalid', { url: 'example.com', events: [] }],
      ['webhook_secret_invalid', { url: URL_ONE, events: [], secret: 'whsec_AAAA' }],
    ] as const
    for (const [code, wish] of wishes) {
      await expect(endpoints.create(mine, wish)).rejects.toMatchObject({ code })
    }
    const { id } = await endpoints.create(mine, { url: URL_ONE, events: [] })
    await expect(endpoints.update(mine, id, { url: 'http://10.0.0.1/' })).rejects.toMatchObject({
      code: 'webhook_address_refused',
    })
    await expect(
      endpoints.rotate(mine, id, { secret: 'short', overlapHours: 1 }),
    ).rejects.toMatchObject({ code: 'webhook_secret_invalid' })
    expect((await reopened()).list(mine)).toMatchObject([{ id, url: URL_ONE }])
  })

  it('are fifty at most for a tenant, however many are asked for at once', async () => {
    const results = await Promise.allSettled(
      Array.from({ length: 52 }, () => endpoints.create(mine, { url: URL_ONE, events: [] })),
    )
    const refused = results.filter(({ status }) => status === 'rejected')
    expect(refused).toMatchObject([
      { reason: { code: 'webhook_limit_reached' } },
      { reason: { code: 'webhook_limit_reached' } },
    ])
    expect((await reopened()).list(mine)).toHaveLength(50)
    await endpoints.create(theirs, { url: URL_ONE, events: [] })
    // One that goes makes room.
    await endpoints.remove(mine, endpoints.list(mine)[0]?.id ?? '')
    await endpoints.create(mine, { url: URL_ONE, events: [] })
  })

  it('keep the old secret for a while when they get a new one', async () => {
    const { id } = await endpoints.create(mine, { url: URL_ONE, events: [], secret: SECRET })
    const rotated = await endpoints.rotate(mine, id, { overlapHours: 24 })
    expect(rotated).toMatchObject({
      previousSecret: SECRET,
      previousSecretUntil: new Date('2026-03-02T12:00:00.000Z'),
    })
    expect(rotated.secret).not.toBe(SECRET)
    const again = await endpoints.rotate(mine, id, { secret: SECRET, overlapHours: 0 })
    expect(again).toMatchObject({
      secret: SECRET,
      previousSecret: rotated.secret,
      previousSecretUntil: now,
    })
    expect(await (await reopened()).signing(mine, id)).toMatchObject(again)
  })

  it('are disabled with a reason, and enabled again by the tenant', async () => {
    const endpoint = await endpoints.create(mine, { url: URL_ONE, events: [] })
    await endpoints.disable(endpoint, 'gone')
    expect(endpoints.get(mine, endpoint.id)).toMatchObject({
      isEnabled: false,
      disabledReason: 'gone',
    })
    expect((await reopened()).get(mine, endpoint.id).disabledReason).toBe('gone')
    expect(told('message.sent')).toEqual([])
    const enabled = await endpoints.update(mine, endpoint.id, { isEnabled: true })
    expect(enabled).toMatchObject({ isEnabled: true, disabledReason: null })
    // An answer that was under way before is about what the endpoint was then.
    await endpoints.disable(endpoint, 'gone')
    expect(endpoints.get(mine, endpoint.id).isEnabled).toBe(true)
    const off = await endpoints.update(mine, endpoint.id, { isEnabled: false })
    expect(off.disabledReason).toBe('by request')
  })

  it('sign callbacks with one secret for each tenant, made once', async () => {
    expect(endpoints.knownCallbackSigning(mine)).toBeUndefined()
    const [one, two] = await Promise.all([
      endpoints.callbackSigning(mine),
      endpoints.callbackSigning(mine),
    ])
    expect(two).toEqual(one)
    expect(endpoints.knownCallbackSigning(mine)).toEqual(one)
    expect((await endpoints.callbackSigning(theirs)).secret).not.toBe(one.secret)
    const again = await reopened()
    expect(again.knownCallbackSigning(mine)).toEqual(one)
    expect(again.list(mine)).toEqual([])
    expect(() => again.get(mine, one.id)).toThrow(expect.objectContaining({ code: 'not_found' }))
    const rotated = await again.rotate(mine, 'callback', { overlapHours: 1 })
    expect(rotated.previousSecret).toBe(one.secret)
    expect(await again.signing(mine, 'callback')).toEqual(rotated)
    const rows = await store.query<{ n: number }>(
      sql`select count(*)::int as n from webhook_endpoints where kind = 'callback'`,
    )
    expect(rows).toEqual([{ n: 2 }])
  })
})
