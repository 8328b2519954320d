import { sql } from 'drizzle-orm'
import { afterAll, beforeAll, beforeEach, describe, expect, test } from 'vitest'
import { fingerprintOf, IdempotencyKeys, type KeyedCall } from '../../src/messages/idempotency.ts'
import { decodeEntries, encodeEntries } from '../../src/messages/journal-codec.ts'
import { recover } from '../../src/messages/recovery.ts'
import type { Store } from '../../src/store/open.ts'
import { testDatabases, truncate } from '../support/database.ts'
import { Journal, TENANT } from './builders.ts'
import { FakeCarrier } from './fake-carrier.ts'
import { Harness, request, testPolicies } from './harness.ts'
import { keepingLogger } from './keeping-logger.ts'

const CALL: KeyedCall = {
  tenantId: TENANT,
  scope: 'rest',
  key: 'key',
  fingerprint: 'f',
  keepSeconds: 60,
  whileRunning: 'refuse',
}

describe('fingerprintOf', () => {
  test('is the same for any order of the keys, at any depth', () => {
    expect(fingerprintOf({ a: 1, b: [{ c: 2, d: 3 }] })).toBe(
      fingerprintOf({ b: [{ d: 3, c: 2 }], a: 1 }),
    )
  })

  test.each([
    [{ a: 1 }, { a: '1' }],
    [{ a: [1, 2] }, { a: [2, 1] }],
    [{ a: null }, {}],
    [{ a: 'b","c":"d' }, { a: 'b', c: 'd' }],
  ])('%j is not %j', (one, other) => {
    expect(fingerprintOf(one)).not.toBe(fingerprintOf(other))
  })
})

test('the journal gives back what was kept', () => {
  const entry = {
    kind: 'kept',
    tenantId: TENANT,
    scope: 'smpp:acme',
    key: 'ünïcode "key"\\',
    fingerprint: 'f'.repeat(64),
    status: 202,
    body: '{"id":"1"}',
    at: new Date(1),
    expiresAt: new Date(2),
  } as const
  const [decoded] = decodeEntries(encodeEntries([entry]))
  expect(decoded).toMatchObject({ accepts: null, messageId: null })
  expect(decoded?.resolve(() => undefined)).toEqual(entry)
})

describe.each(testDatabases())('idempotency keys, on $name', ({ open }) => {
  let store: Store
  let harness: Harness
  let keys: IdempotencyKeys

  beforeAll(async () => {
    store = await open()
  })

  afterAll(() => store.close())

  beforeEach(async () => {
    await truncate(store)
    const carrier = new FakeCarrier('alpha')
    carrier.isUp = false
    harness = await Harness.open(store, [carrier])
    const { live } = harness.journal
    keys = new IdempotencyKeys({ store, live, clock: harness.clock })
    return () => harness.close()
  })

  function accept(on: IdempotencyKeys, call = CALL) {
    return on.once(call, async (keep) => {
      const [verdict] = await harness.intake.acceptAll(TENANT, [request()], ([first]) => [
        keep({ status: 202, body: first?.message?.id ?? '' }),
      ])
      return { status: 202, body: verdict?.message?.id ?? '' }
    })
  }

  async function messageCount(): Promise<number> {
    const [row] = await store.query<{ count: number }>(
      sql`select count(*)::int4 as count from messages`,
    )
    return row?.count ?? -1
  }

  test('message and answer are in one row of the journal', async () => {
    harness.journal.tables.wake = () => {}
    await accept(keys)
    const rows = await store.query<{ entries: string }>(sql`select entries from journal`)
    expect(rows).toHaveLength(1)
    const kinds = decodeEntries(rows[0]?.entries ?? '[]').map(
      (entry) => entry.resolve(() => undefined)?.kind,
    )
    expect(kinds).toEqual(['accepted', 'kept'])
  })

  test('a crash after the commit, before the answer: the next run answers as the first would have', async () => {
    // The tables do not follow any more: the process dies with the commit in the journal only.
    harness.journal.tables.wake = () => {}
    const first = await accept(keys)
    expect(await messageCount()).toBe(0)

    const next = new Journal(store, { node: 'next' })
    await recover({
      store,
      node: 'next',
      spool: next.spool,
      live: next.live,
      tracker: next.tracker,
      tables: next.tables,
      policyFor: testPolicies(),
      onEffects: (effects) => next.onEffects(effects),
      logger: keepingLogger(),
      clock: () => new Date(),
    })
    const after = new IdempotencyKeys({ store, live: next.live, clock: () => new Date() })
    const again = await after.once(CALL, () => Promise.reject(new Error('it ran again')))
    expect(again).toEqual({ status: 202, body: first.body, isReplayed: true })
    expect(await messageCount()).toBe(1)
    await next.spool.close()
    await next.tables.close()
  })

  test('while the tables are written the answer is found all the same', async () => {
    const first = await accept(keys)
    let isOver = false
    const flushed = harness.journal.tables.flush().then(() => {
      isOver = true
    })
    while (!isOver) {
      const again = await keys.once(CALL, () => Promise.reject(new Error('it ran again')))
      expect(again).toMatchObject({ body: first.body, isReplayed: true })
      await new Promise((resolve) => setImmediate(resolve))
    }
    await flushed
  })

  test('what fails keeps nothing, and the next one runs', async () => {
    await expect(keys.once(CALL, () => Promise.reject(new Error('no')))).rejects.toThrow('no')
    expect(await accept(keys)).toMatchObject({ isReplayed: false })
  })

  test('a second one is refused or waits, as it wishes', async () => {
    let finish = () => {}
    let first: ReturnType<typeof keys.once> | undefined
    await new Promise<void>((begun) => {
      first = keys.once(
        CALL,
        () =>
          new Promise((resolve) => {
            finish = () => resolve({ status: 202, body: 'first' })
            begun()
          }),
      )
    })
    await expect(accept(keys)).rejects.toMatchObject({
      code: 'idempotency_key_in_use',
      retryable: true,
    })
    await expect(accept(keys, { ...CALL, fingerprint: 'other' })).rejects.toMatchObject({
      code: 'idempotency_key_reused',
    })
    const second = keys.once({ ...CALL, whileRunning: 'wait' }, async () => ({
      status: 202,
      body: 'second',
    }))
    await new Promise((resolve) => setImmediate(resolve))
    finish()
    expect((await first)?.body).toBe('first')
    // The first has kept nothing, so the second is on its own.
    expect(await second).toMatchObject({ body: 'second', isReplayed: false })
  })

  test('after its time a key is new, from memory and from the table', async () => {
    harness.now = new Date('2026-01-01T00:00:00Z')
    const first = await accept(keys)
    harness.now = new Date('2026-01-01T00:00:59Z')
    expect(await accept(keys)).toMatchObject({ body: first.body, isReplayed: true })
    harness.now = new Date('2026-01-01T00:01:00Z')
    const second = await accept(keys)
    expect(second.isReplayed).toBe(false)
    await harness.journal.settled()
    expect(await accept(keys)).toMatchObject({ body: second.body, isReplayed: true })
    harness.now = new Date('2026-01-01T00:02:00Z')
    const third = await accept(keys)
    expect(third.isReplayed).toBe(false)
    await harness.journal.settled()
    expect(await accept(keys)).toMatchObject({ body: third.body, isReplayed: true })
    expect(await keys.purge(new Date('2026-01-01T00:02:59Z'))).toBe(0)
    expect(await keys.purge(new Date('2026-01-01T00:03:00Z'))).toBe(1)
  })
})
