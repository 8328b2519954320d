import { sql } from 'drizzle-orm'
import { afterAll, afterEach, beforeAll, beforeEach, describe, expect, it } from 'vitest'
import { CallbackTaker, type CallbackTakerOptions } from '../../src/callbacks/callback-taker.ts'
import { InHand } from '../../src/callbacks/in-hand.ts'
import { inCallback } from '../../src/callbacks/stored-callback.ts'
import { newId } from '../../src/core/id.ts'
import { ClientAddresses } from '../../src/http/client-address.ts'
import { reseal } from '../../src/messages/resealing.ts'
import { Retention } from '../../src/messages/retention.ts'
import {
  type OpenCallbacks,
  type OpenCallbacksOptions,
  openCallbacks,
} from '../../src/open-callbacks.ts'
import type { CallbackAnswer, CallbackRequest } from '../../src/providers/provider.ts'
import { createCipher } from '../../src/store/cipher.ts'
import { checkEncryptionKeys } from '../../src/store/key-check.ts'
import type { Store } from '../../src/store/open.ts'
import { keepingLogger } from '../messages/keeping-logger.ts'
import { testDatabases, truncate } from '../support/database.ts'
import { delivery, FakeTarget, UNSIGNED } from './fake-target.ts'

const DAY_MS = 24 * 3_600_000
const ONE = { id: 'k1', key: Buffer.alloc(32, 1) }
const TWO = { id: 'k2', key: Buffer.alloc(32, 2) }

describe.each(testDatabases())('callbacks on $name', ({ name: database, open }) => {
  let store: Store
  let target: FakeTarget
  let outcomes: string[] = []
  let onCount: (() => void) | undefined
  const opened: { close(): Promise<void> }[] = []

  beforeAll(async () => {
    store = await open()
  })
  beforeEach(() => {
    target = new FakeTarget(UNSIGNED, { secret: 's3cret' })
    outcomes = []
  })
  afterEach(async () => {
    target.gate = () => Promise.resolve()
    for (const each of opened.splice(0)) await each.close()
    await truncate(store)
  })
  afterAll(() => store.close())

  function gateway(more: Partial<OpenCallbacksOptions> = {}): OpenCallbacks {
    const callbacks = openCallbacks({
      targetOf: (name) => (name === 'main' ? target : undefined),
      config: { publicUrl: undefined },
      addresses: new ClientAddresses([]),
      store,
      logger: keepingLogger(),
      clock: () => new Date(),
      onOutcome: (_carrier, _kind, outcome) => {
        outcomes.push(outcome)
        onCount?.()
      },
      ...more,
    })
    opened.push(callbacks)
    return callbacks
  }

  function send(
    { callbackDesk: desk }: OpenCallbacks,
    request: CallbackRequest,
  ): Promise<CallbackAnswer | undefined> {
    const { kind } = request
    const origin = { carrier: 'main', secret: 's3cret', kind, address: '192.0.2.1' }
    const admitted = desk.admit(origin)
    if (!admitted) throw new Error('it is not admitted')
    return desk.receive(admitted, request)
  }

  function counted(count: number): Promise<void> {
    return new Promise((resolve) => {
      onCount = () => {
        if (outcomes.length >= count) resolve()
      }
      onCount()
    })
  }

  function takerOn(over: Store, inHand: InHand, more: Partial<CallbackTakerOptions> = {}) {
    const logger = keepingLogger()
    const taker = new CallbackTaker({
      store: over,
      inHand,
      targetOf: () => target,
      onOutcome: (_carrier, _kind, outcome) => {
        outcomes.push(outcome)
        onCount?.()
      },
      logger,
      clock: () => new Date(),
      ...more,
    })
    opened.push(taker)
    return { taker, logger }
  }

  /** Callbacks that a gateway has stored and not taken when it died. */
  async function leftBehind(...ids: readonly string[]): Promise<void> {
    const stuck = new FakeTarget(UNSIGNED, { secret: 's3cret' })
    stuck.gate = () => new Promise(() => {})
    const crashed = gateway({ targetOf: () => stuck })
    opened.pop()
    for (const id of ids) await send(crashed, delivery(id))
    expect(await states()).toEqual([{ state: 'pending', count: ids.length }])
  }

  const states = () =>
    store.query<{ state: string; count: number }>(sql`
      select state, count(*)::int4 as count from provider_callbacks group by state order by state`)

  /** The store, and how many statements were made through it: outside of transactions each is a commit. */
  function counting(): { store: Store; statements: () => number } {
    let statements = 0
    return {
      statements: () => statements,
      store: {
        ...store,
        query: (...about) => {
          statements++
          return store.query(...about)
        },
      },
    }
  }

  it('judges what has not come by a path by its address alone', async () => {
    const guarded = new FakeTarget(UNSIGNED, { secret: 's3cret', addresses: ['192.0.2.0/24'] })
    const { callbackDesk: desk } = gateway({ targetOf: () => guarded })
    const from = (address: string) => {
      return { carrier: 'main', secret: undefined, kind: 'delivery', address } as const
    }
    expect(desk.admit(from('192.0.2.1'))).toBeUndefined()
    expect(desk.admitByAddress(from('198.51.100.1'))).toBeUndefined()
    desk.forged(from('192.0.2.1'), 'no_return_path')
    expect(outcomes).toEqual(['forged', 'forged', 'forged'])
    const admitted = desk.admitByAddress(from('192.0.2.1'))
    if (!admitted) throw new Error('it is not admitted')
    expect(await desk.receive(admitted, delivery('r1'))).toMatchObject({ status: 200 })
    await guarded.has(1)
    expect(guarded.taken).toEqual(['r1'])
  })

  it('takes a burst once each, with few commits', async () => {
    const burst = database === 'PostgreSQL' ? 5_000 : 1_000
    const counts = counting()
    const callbacks = gateway({ store: counts.store })
    const ids = Array.from({ length: burst }, (_, index) => `r${index}`)
    const answers = await Promise.all(ids.map((id) => send(callbacks, delivery(id))))
    expect(new Set(answers.map((answer) => answer?.status))).toEqual(new Set([200]))
    await counted(burst)
    expect(target.taken).toEqual(ids)
    expect(await states()).toEqual([{ state: 'done', count: burst }])
    expect(counts.statements()).toBeLessThan(burst / 50)

    const again = await Promise.all(ids.map((id) => send(callbacks, delivery(id))))
    expect(new Set(again.map((answer) => answer?.status))).toEqual(new Set([200]))
    expect(target.taken).toHaveLength(burst)
    expect(outcomes.filter((outcome) => outcome === 'repeated')).toHaveLength(burst)
    expect(counts.statements()).toBeLessThan(burst / 25)
  })

  it('takes what two gateways get at the same time once', async () => {
    const [first, second] = [gateway(), gateway()]
    const ids = Array.from({ length: 300 }, (_, index) => `r${index}`)
    await Promise.all(
      ids.flatMap((id) => [
        send(first, delivery(id)),
        send(second, delivery(id)),
        send(first, delivery(id)),
      ]),
    )
    await counted(900)
    expect([...target.taken].sort()).toEqual([...ids].sort())
    expect(outcomes.filter((outcome) => outcome === 'repeated')).toHaveLength(600)
  })

  it('takes after a crash what was stored and not taken', async () => {
    await leftBehind('a', 'b', 'c', 'd')
    gateway().start()
    await counted(4)
    expect(target.taken).toEqual(['a', 'b', 'c', 'd'])
    expect(await states()).toEqual([{ state: 'done', count: 4 }])
    expect((await send(gateway(), delivery('a')))?.status).toBe(200)
    expect(target.taken).toHaveLength(4)
  })

  it('takes a backlog that does not fit into memory piece by piece', async () => {
    const ids = Array.from({ length: 35 }, (_, index) => `r${String(index).padStart(2, '0')}`)
    await leftBehind(...ids)
    gateway({ bounds: { callbacks: 10, octets: 1_000_000 } }).start()
    await target.has(35)
    expect(target.taken).toEqual(ids)
  })

  it('is busy while too much waits, counted and in octets, and not for ever', async () => {
    for (const bounds of [
      { callbacks: 3, octets: 1_000_000 },
      { callbacks: 100, octets: 200 },
    ]) {
      let open = () => {}
      const gate = new Promise<void>((resolve) => {
        open = resolve
      })
      target.gate = () => gate
      outcomes = []
      const callbacks = gateway({ bounds })
      const name = String(bounds.callbacks)
      for (const id of ['a', 'b', 'c']) await send(callbacks, delivery(name + id))
      await expect(send(callbacks, delivery(`${name}d`))).rejects.toMatchObject({ code: 'busy' })
      expect(outcomes).toEqual(['busy'])
      open()
      await counted(4)
      expect((await send(callbacks, delivery(`${name}d`)))?.status).toBe(200)
      await counted(5)
    }
  })

  it('hands over again what could not be taken, and is busy while that is too much', async () => {
    const inHand = new InHand({ callbacks: 3, octets: 1_000_000 })
    const { taker, logger } = takerOn(store, inHand)
    await leftBehind('a', 'b')
    let failed = () => {}
    const hasFailed = new Promise<void>((resolve) => {
      failed = resolve
    })
    let tries = 0
    target.gate = async () => {
      if (++tries === 2) failed()
      throw new Error('the journal is away')
    }
    await taker.look()
    await hasFailed
    // One more look is done after the batch that has failed.
    await taker.close()
    expect(await states()).toEqual([{ state: 'pending', count: 2 }])
    expect([inHand.has('a'), inHand.left, inHand.isBehind]).toEqual([false, 2, false])
    expect(logger.lines.map(([, line]) => line)).toContain(
      'a callback of a provider is not taken yet',
    )
    target.gate = () => Promise.resolve()
    gateway().start()
    await counted(2)
    expect(target.taken).toEqual(['a', 'b'])
  })

  it('closes although a carrier does not take what it is handed', async () => {
    await leftBehind('a')
    let reached = () => {}
    const isReached = new Promise<void>((resolve) => {
      reached = resolve
    })
    target.gate = () => {
      reached()
      return new Promise(() => {})
    }
    const inHand = new InHand({ callbacks: 3, octets: 1_000_000 })
    const { taker } = takerOn(store, inHand, { closePatienceMs: 1 })
    await taker.look()
    await isReached
    await taker.close()
    expect(await states()).toEqual([{ state: 'pending', count: 1 }])
  })

  it('does not take again what the database could not be told', async () => {
    let isAway = true
    const shaky: Store = {
      ...store,
      query: (statement, on) => {
        const isMark = JSON.stringify(statement).includes('update provider_callbacks')
        return isMark && isAway ? Promise.reject(new Error('away')) : store.query(statement, on)
      },
    }
    const inHand = new InHand({ callbacks: 10, octets: 1_000_000 })
    const { taker, logger } = takerOn(shaky, inHand)
    await leftBehind('a')
    await taker.look()
    await target.has(1)
    await taker.look()
    await taker.look()
    expect(outcomes).toEqual([])
    isAway = false
    await taker.look()
    await counted(1)
    expect(target.taken).toEqual(['a'])
    expect(await states()).toEqual([{ state: 'done', count: 1 }])
    expect(logger.lines).toContainEqual([
      'error',
      'cannot write down which callbacks were taken',
      { error: 'away' },
    ])
  })

  it('answers that it is busy while the database is away, and takes the repetition', async () => {
    let isAway = true
    const callbacks = gateway({
      store: {
        ...store,
        query: (statement, on) =>
          isAway ? Promise.reject(new Error('away')) : store.query(statement, on),
      },
    })
    await expect(send(callbacks, delivery('a'))).rejects.toMatchObject({
      code: 'storage_unavailable',
    })
    expect(outcomes).toEqual(['busy'])
    isAway = false
    expect((await send(callbacks, delivery('a')))?.status).toBe(200)
    await counted(2)
    expect(target.taken).toEqual(['a'])
  })

  it('stores what it says sealed, seals it anew, and keeps the secret of the path to itself', async () => {
    const request: CallbackRequest = {
      ...delivery('4711'),
      headers: { 'content-type': 'application/json', 'x-sign': 'good', cookie: 'c', host: 'h' },
      url: 'https://sms.example.com/callback/provider/main/s3cret/delivery?mobile=447700900123',
    }
    const stored = async () => {
      const [row] = await store.query<{ id: string; request: string }>(
        sql`select id, request from provider_callbacks`,
      )
      return row ?? { id: '', request: '' }
    }
    await send(gateway(), request)
    await counted(1)
    const plain = await stored()
    const shown = JSON.parse(plain.request) as Record<string, unknown>
    expect(shown).toEqual({
      method: 'POST',
      url: 'https://sms.example.com/callback/provider/main/delivery?mobile=447700900123',
      headers: { 'content-type': 'application/json', 'x-sign': 'good' },
      body: request.body.toString('base64'),
    })
    for (const keys of [[ONE], [ONE, TWO]]) {
      const cipher = createCipher(keys, keys.at(-1)?.id)
      const sealing = { ...store, cipher }
      await checkEncryptionKeys(sealing)
      expect(await reseal(sealing, async () => false)).toEqual({ rows: 1, unreadable: 0 })
      const { id, request: text } = await stored()
      expect(text).toMatch(new RegExp(`^enc:v1:${keys.at(-1)?.id}:`))
      expect(JSON.parse(cipher.open(text, inCallback(id)))).toEqual(shown)
    }
    // As the stored one is, so is the next.
    const sealing = { ...store, cipher: createCipher([TWO], 'k2') }
    await truncate(store)
    await send(gateway({ store: sealing }), request)
    expect((await stored()).request).toMatch(/^enc:v1:k2:/)
    await counted(2)
    await store.query(sql`update provider_callbacks set state = 'pending'`)
    gateway({ store: { ...store, cipher: createCipher([ONE], 'k1') } }).start()
    await counted(3)
    expect(outcomes.at(-1)).toBe('unreadable')
    expect(await states()).toEqual([{ state: 'failed', count: 1 }])
  })

  it('deletes what is old enough, whatever has become of it, but nothing that waits', async () => {
    const callbacks = gateway()
    for (const id of ['a', 'b', 'c']) await send(callbacks, delivery(id))
    await counted(3)
    const now = new Date()
    await store.query(sql`
      update provider_callbacks set state = 'pending'
      where id = (select id from provider_callbacks order by id limit 1)`)
    const erased: [string, number][] = []
    const retention = (at: Date, days: number | undefined) =>
      new Retention({
        store,
        keptFor: () => ({ days: undefined, bodyDays: undefined }),
        purgeCallbacks: (when) => callbacks.purge(when, days),
        onErased: (what, count) => erased.push([what, count]),
        logger: keepingLogger(),
        clock: () => at,
        pauseMs: 0,
      }).run()
    await retention(now, 7)
    await retention(new Date(now.getTime() + 8 * DAY_MS), undefined)
    expect(erased).toEqual([])
    await retention(new Date(now.getTime() + 8 * DAY_MS), 7)
    expect(erased).toEqual([['callbacks', 2]])
    expect(await states()).toEqual([{ state: 'pending', count: 1 }])
  })

  it('lists what was stored, newest first, and takes a failed one again', async () => {
    const callbacks = gateway()
    const { callbackArchive: archive } = callbacks
    await send(callbacks, delivery('a'))
    await send(callbacks, delivery(''))
    await counted(2)
    const [failed, done] = await archive.list({ limit: 10 })
    expect(failed).toMatchObject({
      carrier: 'main',
      kind: 'delivery',
      state: 'failed',
      error: 'a receipt has no "id"',
      address: '192.0.2.1',
      taken_at: null,
    })
    expect(done).toMatchObject({ state: 'done', error: null, taken_at: expect.any(Date) })
    const idsOf = async (filter: object) =>
      (await archive.list({ limit: 10, ...filter })).map(({ id }) => id)
    expect(await idsOf({ state: 'failed' })).toEqual([failed?.id])
    expect(await idsOf({ state: 'done', carrier: 'main' })).toEqual([done?.id])
    expect(await idsOf({ carrier: 'other' })).toEqual([])
    expect(await idsOf({ before: failed?.id })).toEqual([done?.id])
    expect(await idsOf({ limit: 1 })).toEqual([failed?.id])

    await expect(archive.replay(done?.id ?? '')).rejects.toMatchObject({
      code: 'callback_not_failed',
    })
    await expect(archive.replay(newId())).rejects.toMatchObject({ code: 'not_found' })
    expect(await archive.replay(failed?.id ?? '')).toMatchObject({ state: 'pending', error: null })
    await counted(3)
    expect(outcomes).toEqual(['taken', 'unreadable', 'unreadable'])
    expect(await idsOf({ state: 'failed' })).toEqual([failed?.id])
  })

  it('keeps a callback of a carrier that is gone as failed', async () => {
    let isThere = true
    const callbacks = gateway({ targetOf: () => (isThere ? target : undefined) })
    const answered = send(callbacks, delivery('a'))
    isThere = false
    expect((await answered)?.status).toBe(200)
    await counted(1)
    const [row] = await callbacks.callbackArchive.list({ limit: 1 })
    expect(row?.error).toBe('there is no such carrier with callbacks any more')
    isThere = true
    await callbacks.callbackArchive.replay(row?.id ?? '')
    await counted(2)
    expect(target.taken).toEqual(['a'])
  })
})
