import { sql } from 'drizzle-orm'
import { afterAll, afterEach, beforeAll, beforeEach, describe, expect, it, vi } from 'vitest'
import type { Store } from '../../src/store/open.ts'
import { testDatabases, truncate } from '../support/database.ts'
import {
  accepted,
  attemptRows,
  eventRows,
  ids,
  Journal,
  messageRow,
  moved,
  outboxRows,
  partnerMessage,
  receipt,
  receiptRows,
  submitting,
  testMessage,
} from './builders.ts'
import { type Trouble, Unsteady } from './unsteady.ts'

const NEVER_MS = 3_600_000

describe.each(testDatabases())('TableWriter on $name', ({ open }) => {
  let store: Store
  let unsteady: Unsteady
  let journal: Journal

  beforeAll(async () => {
    store = await open()
  })
  beforeEach(async () => {
    unsteady = new Unsteady(store)
    journal = await Journal.open(unsteady.store, { gatherMs: NEVER_MS })
  })
  afterEach(async () => {
    await journal.close()
    await truncate(store)
  })
  afterAll(() => store.close())

  async function journalled(): Promise<number> {
    const [row] = await store.query<{ n: number }>(sql`select count(*)::int4 as n from journal`)
    return row?.n ?? 0
  }

  it('writes a whole life at once, and cuts what says so from the journal', async () => {
    const message = partnerMessage()
    for (const entry of [
      accepted(message),
      submitting(message),
      moved(message, 'sent', { answers: ids('x') }),
      receipt('x', 'DELIVERED'),
    ]) {
      await journal.spool.write(entry)
    }
    expect(await journalled()).toBe(4)
    expect(await store.query(sql`select id from messages`)).toEqual([])
    const before = unsteady.commits
    await journal.tables.flush()
    expect(unsteady.commits).toBe(before + 1)
    expect(await journalled()).toBe(0)
    expect(await messageRow(store, message)).toMatchObject({ status: 'delivered', attempt: 1 })
    expect(await attemptRows(store, message)).toMatchObject([{ state: 'delivered' }])
    expect(await eventRows(store, message)).toHaveLength(4)
    expect(await outboxRows(store)).toMatchObject([{ state: 'waiting', tries: 0 }])
    expect(journal.live.unsavedCount).toBe(0)
    expect(journal.live.size).toBe(0)
  })

  it('leaves in the journal what came after the snapshot', async () => {
    const first = testMessage()
    const second = testMessage()
    await journal.spool.write(accepted(first))
    let openGate = (): void => {}
    unsteady.gate = new Promise((resolve) => {
      openGate = resolve
    })
    const flushing = journal.tables.flush()
    await vi.waitFor(() => expect(journal.tables.isWriting).toBe(true))
    // It is committed while the snapshot is on its way.
    const writing = journal.spool.write(accepted(second))
    openGate()
    await Promise.all([flushing, writing])
    await messageRow(store, first)
    expect(await journalled()).toBe(1)
    await journal.tables.flush()
    await messageRow(store, second)
    expect(await journalled()).toBe(0)
  })

  it('has everything in the tables after a flush, whenever it is asked', async () => {
    const messages = Array.from({ length: 30 }, () => testMessage())
    await Promise.all(
      messages.map(async (message) => {
        await journal.spool.write(accepted(message))
        const live = journal.live.get(message.id)
        if (live) journal.live.hold(live)
        await journal.tables.flush()
        expect(await messageRow(store, message)).toMatchObject({ status: 'queued' })
        await journal.spool.write(moved(message, 'failed', { attempt: 0 }))
        await journal.tables.flush()
        expect(await messageRow(store, message)).toMatchObject({ status: 'failed' })
      }),
    )
    expect(await journalled()).toBe(0)
  })

  it.each<Trouble[][]>([
    [['answer_lost']],
    [['away', 'away']],
    [['away', 'answer_lost', 'away']],
    [['answer_lost', 'answer_lost']],
  ])('writes everything once through %j', async (troubles) => {
    const message = partnerMessage()
    await journal.spool.write(accepted(message))
    await journal.spool.write(moved(message, 'failed', { attempt: 0 }))
    await journal.spool.write(receipt('orphan', 'DELIVERED'))
    await journal.matcher.settled()
    unsteady.ahead.push(...troubles)
    await journal.tables.flush()
    expect(journal.logger.lines.length).toBe(troubles.length)
    expect(await messageRow(store, message)).toMatchObject({ status: 'failed' })
    expect(await eventRows(store, message)).toHaveLength(2)
    expect(await outboxRows(store)).toHaveLength(1)
    expect(await receiptRows(store)).toHaveLength(1)
    expect(await journalled()).toBe(0)
    // What comes afterwards is written as well.
    const next = testMessage()
    await journal.write(accepted(next))
    expect(await messageRow(store, next)).toMatchObject({ status: 'queued' })
  })

  it('leaves the row of a message as it is that somebody else has moved', async () => {
    const mine = testMessage()
    const theirs = testMessage()
    await journal.write(accepted(mine), accepted(theirs))
    await store.query(sql`update messages set status = 'canceled' where id = ${theirs.id}`)
    journal.live.adopt(mine, [])
    journal.live.adopt(theirs, [])
    await journal.batch(
      moved(mine, 'failed', { attempt: 0 }),
      moved(theirs, 'failed', { attempt: 0 }),
    )
    expect(await messageRow(store, mine)).toMatchObject({ status: 'failed' })
    expect(await messageRow(store, theirs)).toMatchObject({ status: 'canceled', final_at: null })
    expect(journal.logger.lines).toEqual([
      [
        'error',
        'a message was moved by somebody else: its row stays as it is',
        { messageId: theirs.id, expected: 'queued', status: 'failed' },
      ],
    ])
  })

  it('keeps for a person what the database refuses, and writes the rest', async () => {
    const messages = Array.from({ length: 10 }, () => partnerMessage())
    const poisoned = testMessage({ segments: 40_000, text: 'a\0b' })
    const all = [...messages.slice(0, 4), poisoned, ...messages.slice(4)]
    await journal.batch(...all.map(accepted))
    await journal.batch(...messages.map((message) => moved(message, 'failed', { attempt: 0 })))
    for (const message of messages) {
      expect(await messageRow(store, message)).toMatchObject({ status: 'failed' })
    }
    expect(await outboxRows(store)).toHaveLength(10)
    expect(await journalled()).toBe(0)
    const refused = await store.query<{ entry: string; reason: string }>(
      sql`select entry, reason from journal_refused`,
    )
    expect(refused).toHaveLength(1)
    expect(refused[0]?.entry).toContain(poisoned.id)
    expect(refused[0]?.entry).toContain('"priceMicros":"35000"')
    expect(refused[0]?.reason).not.toBe('')
    expect(journal.live.unsavedCount).toBe(0)
  })

  it('keeps what it has refused once, although the answer to that was lost', async () => {
    const poisoned = testMessage({ segments: 40_000 })
    const good = testMessage()
    await journal.spool.write(accepted(poisoned), accepted(good))
    // All at once fails by itself; then one by one.
    unsteady.ahead.push('nothing', 'answer_lost')
    await journal.tables.flush()
    expect(await store.query(sql`select id from journal_refused`)).toHaveLength(1)
    expect(await messageRow(store, good)).toMatchObject({ status: 'queued' })
    expect(await eventRows(store, good)).toHaveLength(1)
    expect(await journalled()).toBe(0)
  })

  it('says whose a message is while somebody works on it, and no longer', async () => {
    const message = testMessage()
    await journal.spool.write(accepted(message))
    const live = journal.live.get(message.id)
    if (!live) throw new Error('it is not in memory')
    journal.live.hold(live)
    await journal.tables.flush()
    expect(await messageRow(store, message)).toMatchObject({ lease_node: 'test' })
    expect(journal.live.get(message.id)).toBe(live)
    journal.live.letGo(live)
    await journal.tables.flush()
    expect(await messageRow(store, message)).toMatchObject({ lease_node: null })
    expect(journal.live.get(message.id)).toBeUndefined()
  })

  it('keeps no more in memory than it may, and nothing that the tables lack', async () => {
    await journal.close()
    journal = await Journal.open(store, { maxKept: 5 })
    const messages = Array.from({ length: 20 }, () => testMessage())
    for (const message of messages) await journal.sent(message, message.id)
    expect(journal.live.size).toBe(5)
    const last = messages.slice(-5).map(({ id }) => journal.live.get(id)?.message.id)
    expect(last).toEqual(messages.slice(-5).map(({ id }) => id))
    await journal.batch(...messages.map(({ id }) => receipt(id, 'DELIVERED')))
    for (const message of messages) {
      expect(await messageRow(store, message)).toMatchObject({ status: 'delivered' })
    }
    expect(journal.live.size).toBe(0)
  })

  it('writes what gathers by itself, after a while or when it is much', async () => {
    await journal.close()
    journal = await Journal.open(store, { gatherMs: 10 })
    const message = testMessage()
    await journal.spool.write(accepted(message))
    await vi.waitFor(async () => {
      expect(await messageRow(store, message)).toMatchObject({ status: 'queued' })
    })
  })

  it('writes what there is when it closes, and nothing afterwards', async () => {
    const message = testMessage()
    await journal.spool.write(accepted(message))
    await journal.tables.close()
    expect(await messageRow(store, message)).toMatchObject({ status: 'queued' })
    await journal.spool.write(moved(message, 'failed', { attempt: 0 }))
    journal.tables.wake()
    expect(await journalled()).toBe(1)
  })
})
