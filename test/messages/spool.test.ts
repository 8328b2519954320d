import { sql } from 'drizzle-orm'
import { afterAll, afterEach, beforeAll, beforeEach, describe, expect, it, vi } from 'vitest'
import type { CommitEffects, JournalEntry } from '../../src/messages/journal.ts'
import { Spool, type SpoolOptions } from '../../src/messages/spool.ts'
import type { Database, Store } from '../../src/store/open.ts'
import { isRefusedByDatabase } from '../../src/store/refusal.ts'
import { testDatabases, truncate } from '../support/database.ts'
import { accepted, ids, messageRow, moved, receipt, submitting, testMessage } from './builders.ts'
import { keepingLogger } from './harness.ts'

/** A store whose transactions can fail, or be held, before they begin. */
class Unsteady {
  readonly store: Store
  transactions = 0
  failure: Error | undefined
  gate: Promise<void> = Promise.resolve()

  constructor(store: Store) {
    const transaction = async <T>(run: (tx: Database) => Promise<T>): Promise<T> => {
      this.transactions++
      await this.gate
      if (this.failure) throw this.failure
      return store.db.transaction(run)
    }
    const db = new Proxy(store.db, {
      get: (target, key) => (key === 'transaction' ? transaction : Reflect.get(target, key)),
    })
    this.store = { ...store, db }
  }
}

function away(): Error {
  return new Error('query failed', {
    cause: Object.assign(new Error('connect ECONNREFUSED'), { code: 'ECONNREFUSED' }),
  })
}

describe.each(testDatabases())('Spool on $name', ({ open }) => {
  let store: Store
  let unsteady: Unsteady
  const logger = keepingLogger()

  beforeAll(async () => {
    store = await open()
  })
  beforeEach(() => {
    unsteady = new Unsteady(store)
    logger.lines.length = 0
  })
  afterEach(async () => {
    vi.useRealTimers()
    await truncate(store)
  })
  afterAll(() => store.close())

  function spoolOf(options: Partial<SpoolOptions> = {}): Spool {
    return new Spool({ store: unsteady.store, logger, ...options })
  }

  async function stored(): Promise<number> {
    const [row] = await store.query<{ n: number }>(sql`select count(*)::int as n from messages`)
    return row?.n ?? 0
  }

  it('gathers what comes together in one transaction', async () => {
    const batches: number[] = []
    const spool = spoolOf({ onCommit: (_, batch) => batches.push(batch.length) })
    await Promise.all(Array.from({ length: 200 }, () => spool.write(accepted(testMessage()))))
    expect(batches).toEqual([200])
    expect(unsteady.transactions).toBe(1)
    expect(await stored()).toBe(200)
  })

  it('gathers the next batch while one commits, in the order of the writes', async () => {
    const batches: JournalEntry[][] = []
    const spool = spoolOf({ onCommit: (_, batch) => batches.push([...batch]) })
    let openGate = (): void => {}
    unsteady.gate = new Promise((resolve) => {
      openGate = resolve
    })
    const entries = Array.from({ length: 5 }, () => accepted(testMessage()))
    const [first, ...others] = entries
    const writes = [spool.write(first as JournalEntry)]
    await vi.waitFor(() => expect(unsteady.transactions).toBe(1))
    writes.push(...others.map((entry) => spool.write(entry)))
    expect(spool.pending).toBe(4)
    openGate()
    await Promise.all(writes)
    expect(batches).toEqual([[first], others])
    expect(spool.pending).toBe(0)
  })

  it('tells of a commit before the writer goes on', async () => {
    const order: string[] = []
    const spool = spoolOf({ onCommit: () => order.push('told') })
    await spool.write(accepted(testMessage()))
    order.push('resolved')
    expect(order).toEqual(['told', 'resolved'])
  })

  it('gives the effects of a commit', async () => {
    const effects: CommitEffects[] = []
    const spool = spoolOf({ onCommit: (each) => effects.push(each) })
    const message = testMessage()
    await spool.write(accepted(message))
    await spool.write(submitting(message))
    await spool.write(moved(message, 'sent', { answers: ids('x') }))
    await spool.write(receipt('x', 'DELIVERED'))
    await spool.write(receipt('y', 'DELIVERED'))
    expect(effects.map(({ transitions }) => transitions.length)).toEqual([0, 0, 0, 1, 0])
    expect(effects.map((each) => each.unmatchedReceipts)).toEqual([0, 0, 0, 0, 1])
  })

  it('does not commit again when its listener fails', async () => {
    const spool = spoolOf({
      onCommit: () => {
        throw new Error('listener')
      },
    })
    const message = testMessage()
    await spool.write(accepted(message))
    expect(unsteady.transactions).toBe(1)
    expect(logger.lines).toEqual([
      ['error', 'the listener of the journal failed', { error: 'listener' }],
    ])
  })

  it('refuses one entry that the database cannot hold, and stores the others', async () => {
    const spool = spoolOf()
    const messages = Array.from({ length: 20 }, () => testMessage())
    const poisoned = testMessage({ segments: 40_000 })
    const all = [...messages.slice(0, 7), poisoned, ...messages.slice(7)]
    const results = await Promise.allSettled(all.map((message) => spool.write(accepted(message))))
    expect(results.map(({ status }) => status)).toEqual(
      all.map((message) => (message === poisoned ? 'rejected' : 'fulfilled')),
    )
    await expect(spool.write(accepted(poisoned))).rejects.toMatchObject({
      code: 'storage_refused',
      retryable: false,
    })
    expect(await stored()).toBe(20)
    for (const message of messages) await messageRow(store, message)
  })

  it('refuses only acceptances when the database stays away; the rest is written later', async () => {
    const message = testMessage()
    const spool = spoolOf()
    await spool.write(accepted(message))
    vi.useFakeTimers({ toFake: ['setTimeout', 'clearTimeout', 'Date'], now: Date.now() })
    unsteady.failure = away()
    const late = testMessage()
    const acceptance = spool.write(accepted(late)).catch((error: unknown) => error)
    const submit = spool.write(submitting(message))
    const response = spool.write(moved(message, 'sent', { answers: ids('x') }))
    const delivery = spool.write(receipt('x', 'DELIVERED'))
    await vi.advanceTimersByTimeAsync(20_000)
    expect(await acceptance).toMatchObject({ code: 'storage_unavailable', retryable: true })
    expect(unsteady.transactions).toBeGreaterThan(5)
    expect(unsteady.transactions).toBeLessThan(40)

    unsteady.failure = undefined
    await vi.advanceTimersByTimeAsync(2_000)
    vi.useRealTimers()
    await Promise.all([submit, response, delivery])
    expect(await messageRow(store, message)).toMatchObject({ status: 'delivered' })
    expect(await stored()).toBe(1)
  })

  it('keeps an acceptance that came just before the database was back', async () => {
    const spool = spoolOf()
    vi.useFakeTimers({ toFake: ['setTimeout', 'clearTimeout', 'Date'], now: Date.now() })
    unsteady.failure = away()
    const acceptance = spool.write(accepted(testMessage()))
    await vi.advanceTimersByTimeAsync(1_000)
    unsteady.failure = undefined
    await vi.advanceTimersByTimeAsync(2_000)
    vi.useRealTimers()
    await acceptance
    expect(await stored()).toBe(1)
  })

  it('refuses acceptances when it is full, and nothing else', async () => {
    const spool = spoolOf({ maxPending: 2 })
    const message = testMessage()
    await spool.write(accepted(message))
    const waiting = [spool.write(accepted(testMessage())), spool.write(accepted(testMessage()))]
    expect(spool.isFull).toBe(true)
    await expect(spool.write(accepted(testMessage()))).rejects.toMatchObject({
      code: 'busy',
      retryable: true,
    })
    const others = [spool.write(submitting(message)), spool.write(receipt('x', 'DELIVERED'))]
    await Promise.all([...waiting, ...others])
    expect(spool.isFull).toBe(false)
    await spool.write(accepted(testMessage()))
    expect(await stored()).toBe(4)
  })

  it('commits what waits when it closes, then refuses everything', async () => {
    const spool = spoolOf()
    const writes = Array.from({ length: 10 }, () => spool.write(accepted(testMessage())))
    await spool.close()
    await Promise.all(writes)
    expect(await stored()).toBe(10)
    await expect(spool.write(receipt('x', 'DELIVERED'))).rejects.toMatchObject({ code: 'closed' })
    await spool.close()
  })

  it('gives up what it holds when the database stays away while it closes', async () => {
    const spool = spoolOf()
    vi.useFakeTimers({ toFake: ['setTimeout', 'clearTimeout', 'Date'], now: Date.now() })
    unsteady.failure = away()
    const write = spool.write(receipt('x', 'DELIVERED')).catch((error: unknown) => error)
    const closing = spool.close()
    await vi.advanceTimersByTimeAsync(15_000)
    await closing
    expect(await write).toMatchObject({ code: 'storage_unavailable' })
  })
})

describe('isRefusedByDatabase', () => {
  it.each([
    ['22003', true],
    ['23505', true],
    ['22P05', true],
    ['42P01', true],
    ['54000', true],
    ['08006', false],
    ['25006', false],
    ['28P01', false],
    ['3D000', false],
    ['40001', false],
    ['53300', false],
    ['57P01', false],
    ['XX000', false],
    ['ECONNRESET', false],
    ['CONNECTION_CLOSED', false],
    ['EPIPE', false],
  ])('judges %s, however deep it lies: %s', (code, isRefused) => {
    const cause = Object.assign(new Error('inner'), { code })
    expect(isRefusedByDatabase(new Error('outer', { cause }))).toBe(isRefused)
  })

  it('does not take what is no error for a refusal', () => {
    expect(isRefusedByDatabase('22003')).toBe(false)
    expect(isRefusedByDatabase(undefined)).toBe(false)
  })
})
