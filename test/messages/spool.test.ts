import { sql } from 'drizzle-orm'
import { afterAll, afterEach, beforeAll, beforeEach, describe, expect, it, vi } from 'vitest'
import type { JournalEntry } from '../../src/messages/journal.ts'
import { decodeEntries } from '../../src/messages/journal-codec.ts'
import { Spool, type SpoolOptions } from '../../src/messages/spool.ts'
import type { Store } from '../../src/store/open.ts'
import { isRefusedByDatabase } from '../../src/store/refusal.ts'
import { testDatabases, truncate } from '../support/database.ts'
import { accepted, ids, moved, receipt, submitting, testMessage } from './builders.ts'
import { keepingLogger } from './keeping-logger.ts'
import { Unsteady } from './unsteady.ts'

describe.each(testDatabases())('Spool on $name', ({ open }) => {
  let store: Store
  let unsteady: Unsteady
  let batches: JournalEntry[][]
  const logger = keepingLogger()

  beforeAll(async () => {
    store = await open()
  })
  beforeEach(() => {
    unsteady = new Unsteady(store)
    batches = []
    logger.lines.length = 0
  })
  afterEach(async () => {
    vi.useRealTimers()
    await truncate(store)
  })
  afterAll(() => store.close())

  function spoolOf(options: Partial<SpoolOptions> = {}): Spool {
    return new Spool({
      store: unsteady.store,
      logger,
      node: 'test',
      onCommit: (batch) => batches.push([...batch]),
      ...options,
    })
  }

  /** Numbers of the commits, and the ids of the messages that their entries are about. */
  async function stored(): Promise<[number, string[]][]> {
    const rows = await store.query<{ seq: number | string; entries: string }>(sql`
      select seq, entries from journal where node = 'test' order by seq`)
    return rows.map(({ seq, entries }) => [
      Number(seq),
      decodeEntries(entries).map(({ accepts, messageId }) => accepts ?? messageId ?? ''),
    ])
  }

  it('gathers what comes together in one commit', async () => {
    const spool = spoolOf()
    const messages = Array.from({ length: 200 }, () => testMessage())
    await Promise.all(messages.map((message) => spool.write(accepted(message))))
    expect(batches.map(({ length }) => length)).toEqual([200])
    expect(await stored()).toEqual([[1, messages.map(({ id }) => id)]])
    expect(spool.committedSeq).toBe(1)
  })

  it('gathers the next batch while one commits, in the order of the writes', async () => {
    const spool = spoolOf()
    let openGate = (): void => {}
    unsteady.gate = new Promise((resolve) => {
      openGate = resolve
    })
    const entries = Array.from({ length: 5 }, () => accepted(testMessage()))
    const [first, ...others] = entries
    const writes = [spool.write(first as JournalEntry)]
    await vi.waitFor(() => expect(unsteady.commits).toBe(1))
    writes.push(...others.map((entry) => spool.write(entry)))
    expect(spool.pending).toBe(4)
    openGate()
    await Promise.all(writes)
    expect(batches).toEqual([[first], others])
    expect((await stored()).map(([, messages]) => messages.length)).toEqual([1, 4])
    expect(spool.pending).toBe(0)
  })

  it('commits the entries of one call together, however many they are', async () => {
    const spool = spoolOf()
    const many = Array.from({ length: 700 }, () => accepted(testMessage()))
    await Promise.all([spool.write(...many), spool.write(...many), spool.write(...many)])
    expect(batches.map(({ length }) => length)).toEqual([700, 700, 700])
    const more = [...many, ...many]
    await spool.write(...more)
    expect(batches.at(-1)).toEqual(more)
  })

  it('has the next batch on its way before it tells of the last', async () => {
    const commitsWhenTold: number[] = []
    const spool = spoolOf({ onCommit: () => commitsWhenTold.push(unsteady.commits) })
    let openGate = (): void => {}
    unsteady.gate = new Promise((resolve) => {
      openGate = resolve
    })
    const writes = [spool.write(accepted(testMessage()))]
    await vi.waitFor(() => expect(unsteady.commits).toBe(1))
    writes.push(spool.write(accepted(testMessage())))
    openGate()
    await Promise.all(writes)
    expect(commitsWhenTold).toEqual([2, 2])
    expect(spool.committedSeq).toBe(2)
  })

  it('tells of a commit before the writer goes on', async () => {
    const order: string[] = []
    const spool = spoolOf({ onCommit: () => order.push('told') })
    await spool.write(accepted(testMessage()))
    order.push('resolved')
    expect(order).toEqual(['told', 'resolved'])
  })

  it('does not commit again when its listener fails', async () => {
    const spool = spoolOf({
      onCommit: () => {
        throw new Error('listener')
      },
    })
    await spool.write(accepted(testMessage()))
    expect(unsteady.commits).toBe(1)
    expect(logger.lines).toEqual([
      ['error', 'the listener of the journal failed', { error: 'listener' }],
    ])
  })

  it('goes on after the number of an earlier run', async () => {
    const spool = spoolOf()
    spool.continueAfter(41)
    expect(spool.committedSeq).toBe(41)
    await spool.write(accepted(testMessage()))
    expect((await stored()).map(([seq]) => seq)).toEqual([42])
  })

  it('writes what it cannot be sure of in the place of what it cannot be sure of', async () => {
    const spool = spoolOf()
    unsteady.ahead.push('answer_lost', 'away', 'answer_lost')
    const first = testMessage()
    const write = spool.write(accepted(first))
    await vi.waitFor(() => expect(unsteady.commits).toBe(1))
    const second = testMessage()
    await Promise.all([write, spool.write(accepted(second))])
    expect(unsteady.commits).toBe(4)
    // Nothing twice, in the order of the writes, under the number that it says.
    expect(await stored()).toEqual([[4, [first.id, second.id]]])
    expect(spool.committedSeq).toBe(4)
    expect(batches.map(({ length }) => length)).toEqual([2])
    const third = testMessage()
    await spool.write(accepted(third))
    expect((await stored()).map(([seq]) => seq)).toEqual([4, 5])
  })

  it('does not keep an acceptance that it has refused, although it was committed', async () => {
    const spool = spoolOf()
    vi.useFakeTimers({ toFake: ['performance'] })
    unsteady.ahead.push('answer_lost')
    unsteady.always = 'away'
    const acceptance = spool.write(accepted(testMessage())).catch((error: unknown) => error)
    await vi.waitFor(() => expect(unsteady.commits).toBeGreaterThan(1))
    expect(await stored()).toHaveLength(1)
    vi.advanceTimersByTime(6_000)
    expect(await acceptance).toMatchObject({ code: 'storage_unavailable' })
    unsteady.always = undefined
    const other = testMessage()
    await spool.write(accepted(other))
    expect((await stored()).map(([, messages]) => messages)).toEqual([[other.id]])
    expect(batches.flat()).toMatchObject([{ message: { id: other.id } }])
  })

  it('refuses only acceptances when the database stays away; the rest is written later', async () => {
    const message = testMessage()
    const spool = spoolOf()
    await spool.write(accepted(message))
    vi.useFakeTimers({ toFake: ['setTimeout', 'clearTimeout', 'performance'] })
    unsteady.always = 'away'
    const acceptance = spool.write(accepted(testMessage())).catch((error: unknown) => error)
    const submit = spool.write(submitting(message))
    const response = spool.write(moved(message, 'sent', { answers: ids('x') }))
    const delivery = spool.write(receipt('x', 'DELIVERED'))
    await vi.advanceTimersByTimeAsync(20_000)
    expect(await acceptance).toMatchObject({ code: 'storage_unavailable', retryable: true })
    expect(unsteady.commits).toBeGreaterThan(5)
    expect(unsteady.commits).toBeLessThan(40)

    unsteady.always = undefined
    await vi.advanceTimersByTimeAsync(2_000)
    vi.useRealTimers()
    await Promise.all([submit, response, delivery])
    expect(batches.map((batch) => batch.map(({ kind }) => kind))).toEqual([
      ['accepted'],
      ['submitting', 'moved', 'receipt'],
    ])
    expect((await stored()).map(([, messages]) => messages)).toEqual([
      [message.id],
      [message.id, message.id, ''],
    ])
  })

  it('keeps an acceptance that came just before the database was back', async () => {
    const spool = spoolOf()
    vi.useFakeTimers({ toFake: ['setTimeout', 'clearTimeout', 'performance'] })
    unsteady.always = 'away'
    const message = testMessage()
    const acceptance = spool.write(accepted(message))
    await vi.advanceTimersByTimeAsync(1_000)
    unsteady.always = undefined
    await vi.advanceTimersByTimeAsync(2_000)
    vi.useRealTimers()
    await acceptance
    expect((await stored()).map(([, messages]) => messages)).toEqual([[message.id]])
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
    expect((await stored()).flatMap(([, messages]) => messages)).toHaveLength(6)
  })

  it('commits what waits when it closes, then refuses everything', async () => {
    const spool = spoolOf()
    const writes = Array.from({ length: 10 }, () => spool.write(accepted(testMessage())))
    await spool.close()
    await Promise.all(writes)
    expect((await stored()).flatMap(([, messages]) => messages)).toHaveLength(10)
    await expect(spool.write(receipt('x', 'DELIVERED'))).rejects.toMatchObject({ code: 'closed' })
    await spool.close()
  })

  it('gives up what it holds when the database stays away while it closes', async () => {
    const spool = spoolOf()
    vi.useFakeTimers({ toFake: ['setTimeout', 'clearTimeout', 'performance'] })
    unsteady.always = 'away'
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
    ['42P01', false],
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
