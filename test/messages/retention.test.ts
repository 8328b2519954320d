import { sql } from 'drizzle-orm'
import { UUID } from 'uuidv7'
import { afterAll, afterEach, beforeAll, describe, expect, it, vi } from 'vitest'
import type { Fallback } from '../../src/core/fallback.ts'
import type { Message } from '../../src/messages/message.ts'
import { type KeptFor, Retention, type RetentionOptions } from '../../src/messages/retention.ts'
import { createCipher } from '../../src/store/cipher.ts'
import { checkEncryptionKeys, isResealingDue } from '../../src/store/key-check.ts'
import type { Store } from '../../src/store/open.ts'
import { messageFeedback } from '../../src/store/schema/feedback.ts'
import { tenants } from '../../src/store/schema/tenants.ts'
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
  receipt,
  receiptRows,
  submitting,
  TENANT,
  testMessage,
} from './builders.ts'
import { keepingLogger } from './keeping-logger.ts'

const OTHER_TENANT = '01890000-0000-7000-8000-000000000002'
const DAY_MS = 24 * 3_600_000
const NOW = new Date('2026-11-20T12:00:00Z')
const KEEP: KeptFor = { days: undefined, bodyDays: undefined }

const daysAgo = (days: number) => new Date(NOW.getTime() - days * DAY_MS)

let counter = 0

/** An id of an instant, as {@link Message.id} has it. */
function idAt(at: Date): string {
  return UUID.fromFieldsV7(at.getTime(), 0, 0, counter++).toString()
}

describe.each(testDatabases())('retention on $name', ({ open }) => {
  let store: Store
  const journals: Journal[] = []

  beforeAll(async () => {
    store = await open()
  })
  afterEach(async () => {
    vi.useRealTimers()
    for (const journal of journals.splice(0)) await journal.close()
    await truncate(store)
  })
  afterAll(() => store.close())

  async function opened(on: Store = store): Promise<Journal> {
    await store.db.insert(tenants).values([
      { id: TENANT, name: 'acme', created_at: NOW },
      { id: OTHER_TENANT, name: 'other', created_at: NOW },
    ])
    const journal = await Journal.open(on, { gatherMs: 5 })
    journals.push(journal)
    return journal
  }

  function retention(
    kept: KeptFor | ((tenant: string | undefined) => KeptFor),
    more: Partial<RetentionOptions> = {},
  ): Retention {
    return new Retention({
      store,
      keptFor: typeof kept === 'function' ? kept : () => kept,
      logger: keepingLogger(),
      clock: () => NOW,
      pauseMs: 0,
      ...more,
    })
  }

  function messageFrom(days: number, more: Partial<Message> = {}): Message {
    const createdAt = daysAgo(days)
    return testMessage({ id: idAt(createdAt), createdAt, text: 'Hello', ...more })
  }

  /** A message with a submit and a timeline, that ended so many days ago. */
  async function ended(
    journal: Journal,
    days: number,
    more: Partial<Message> = {},
  ): Promise<Message> {
    const message = messageFrom(days + 0.001, more)
    const [answer] = ids(message.id)
    await journal.write(
      accepted(message),
      submitting(message, { at: daysAgo(days) }),
      moved(message, 'sent', { answers: answer ? [answer] : [], at: daysAgo(days) }),
      receipt(message.id, 'DELIVERED', { receivedAt: daysAgo(days) }),
    )
    return message
  }

  async function left(): Promise<string[]> {
    const rows = await store.query<{ id: string }>(sql`select id from messages order by id`)
    return rows.map(({ id }) => id)
  }

  it('deletes what ended before its days, with all that belongs to it', async () => {
    const journal = await opened()
    const [old, young] = [await ended(journal, 31), await ended(journal, 29)]
    const told: [string, number][] = []
    await retention(
      { ...KEEP, days: 30 },
      { onErased: (what, count) => told.push([what, count]) },
    ).run()
    expect(await left()).toEqual([young.id])
    expect(await attemptRows(store, old)).toEqual([])
    expect(await eventRows(store, old)).toEqual([])
    expect(await attemptRows(store, young)).toHaveLength(1)
    expect((await eventRows(store, young)).length).toBeGreaterThan(2)
    expect(told).toEqual([['messages', 1]])
  })

  it('deletes the feedback on a message with it', async () => {
    const journal = await opened()
    const [old, young] = [await ended(journal, 40), await ended(journal, 20)]
    for (const { id } of [old, young]) {
      await store.db
        .insert(messageFeedback)
        .values({ message_id: id, outcome: 'converted', created_at: NOW })
    }
    await retention({ ...KEEP, days: 30 }).run()
    const rows = await store.db.select().from(messageFeedback)
    expect(rows.map(({ message_id }) => message_id)).toEqual([young.id])
  })

  it('counts from the end, not from the acceptance', async () => {
    const journal = await opened()
    const scheduled = messageFrom(60)
    await journal.write(
      accepted(scheduled),
      moved(scheduled, 'failed', { at: daysAgo(29), deadlineAt: null }),
    )
    await retention({ ...KEEP, days: 30 }).run()
    expect(await left()).toEqual([scheduled.id])
  })

  it('never touches what has not ended', async () => {
    const journal = await opened()
    const [queued, sent] = [messageFrom(300), messageFrom(300)]
    await journal.write(accepted(queued))
    await journal.sent(sent, 'id-1')
    await retention({ days: 1, bodyDays: 1 }).run()
    expect(await left()).toEqual([queued.id, sent.id])
    expect(await messageRow(store, queued)).toMatchObject({ body: 'Hello', body_erased_at: null })
    expect(await messageRow(store, sent)).toMatchObject({ body: 'Hello', body_erased_at: null })
  })

  it('never deletes what somebody is still to be told of', async () => {
    const journal = await opened()
    const message = await ended(journal, 40, {
      source: 'smpp',
      partner: 'acme',
      registeredDelivery: 1,
    })
    expect(await outboxRows(store)).toMatchObject([{ state: 'waiting' }])
    await retention({ ...KEEP, days: 30 }).run()
    expect(await messageRow(store, message)).toBeDefined()
    expect(await outboxRows(store)).toHaveLength(1)
    expect((await eventRows(store, message)).length).toBeGreaterThan(2)

    await store.query(sql`update outbox set state = 'dead'`)
    await retention({ ...KEEP, days: 30 }).run()
    expect(await left()).toEqual([])
    expect(await outboxRows(store)).toEqual([])
  })

  it('deletes by age what a tenant was told of its account, once that is over', async () => {
    await opened()
    const rows = [
      { id: 'old', tenant: TENANT, days: 31, state: 'done' },
      { id: 'owed', tenant: TENANT, days: 31, state: 'waiting' },
      { id: 'young', tenant: TENANT, days: 29, state: 'done' },
      { id: 'others', tenant: OTHER_TENANT, days: 31, state: 'dead' },
    ]
    for (const { id, tenant, days, state } of rows) {
      await store.query(sql`
        insert into outbox (id, recipient, tenant_id, subject_id, event, payload, state, created_at, log)
        values (${id}, 'endpoint:x', ${tenant}, ${tenant}, 'balance.low', '{}', ${state},
          ${daysAgo(days).toISOString()}::text::timestamptz, '[]')`)
    }
    const told: [string, number][] = []
    const days = (tenant: string | undefined) => (tenant === 'acme' ? 30 : undefined)
    await retention(KEEP, {
      keptFor: (tenant) => ({ ...KEEP, days: days(tenant) }),
      onErased: (what, count) => told.push([what, count]),
    }).run()
    expect(told).toEqual([['account_events', 1]])
    expect((await outboxRows(store)).map(({ id }) => id)).toEqual(['others', 'owed', 'young'])
  })

  it('erases texts earlier than records; numbers stay', async () => {
    const journal = await opened()
    const raw = { octets: Buffer.from('abc'), esmClass: 0, dataCoding: 4 }
    const mail = { subject: 'Hello', html: null }
    const fallback: Fallback = { steps: [], on: ['expired'], afterSeconds: null }
    const [old, passedOn] = [
      await ended(journal, 8, { mail, fallback }),
      await ended(journal, 8, { text: '', raw }),
    ]
    const young = await ended(journal, 6)
    const told: [string, number][] = []
    const job = retention(
      { days: 30, bodyDays: 7 },
      { onErased: (what, count) => told.push([what, count]) },
    )
    await job.run()
    expect(await messageRow(store, old)).toMatchObject({
      body: '',
      mail: null,
      fallback: null,
      to_number: old.to,
      from_sender: old.from,
      status: 'delivered',
    })
    const row = await messageRow(store, passedOn)
    expect(row.octets).toBeNull()
    expect(new Date(row.body_erased_at as Date)).toEqual(NOW)
    expect(await messageRow(store, young)).toMatchObject({ body: 'Hello', body_erased_at: null })
    expect((await eventRows(store, old)).length).toBeGreaterThan(2)
    await job.run()
    expect(told).toEqual([['texts', 2]])
  })

  it('keeps for every tenant what that tenant wants', async () => {
    const journal = await opened()
    const ours = await ended(journal, 10)
    const theirs = await ended(journal, 10, { tenantId: OTHER_TENANT })
    const asked: (string | undefined)[] = []
    await retention((tenant) => {
      asked.push(tenant)
      return tenant === 'other' ? { ...KEEP, days: 5 } : KEEP
    }).run()
    expect(await left()).toEqual([ours.id])
    expect(asked).toEqual(['acme', 'other', undefined])
    expect(await eventRows(store, theirs)).toEqual([])
  })

  it('goes on after a full batch', async () => {
    const journal = await opened()
    const messages = Array.from({ length: 2_100 }, () => messageFrom(40))
    const at = daysAgo(39)
    await journal.batch(...messages.map(accepted))
    await journal.batch(
      ...messages
        .filter((_, index) => index % 3 > 0)
        .map((message) => moved(message, 'failed', { at, deadlineAt: null })),
    )
    const batches: [string, number][] = []
    await retention(
      { days: 30, bodyDays: 20 },
      { onErased: (what, count) => batches.push([what, count]) },
    ).run()
    expect(await left()).toHaveLength(700)
    expect(batches.filter(([what]) => what === 'texts')).toEqual([
      ['texts', 1_000],
      ['texts', 400],
    ])
    const deleted = batches.filter(([what]) => what === 'messages').map(([, count]) => count)
    expect(deleted).toHaveLength(3)
    expect(deleted.reduce((sum, count) => sum + count)).toBe(1_400)
  })

  it('deletes receipts that belong to nothing after two days', async () => {
    const journal = await opened()
    const receiptFrom = (days: number) =>
      receipt(`unknown ${days}`, 'DELIVERED', {
        id: idAt(daysAgo(days)),
        receivedAt: daysAgo(days),
      })
    await journal.write(receiptFrom(3), receiptFrom(2.1), receiptFrom(1.9))
    await retention(KEEP).run()
    expect(await receiptRows(store)).toMatchObject([{ carrier_message_id: 'unknown 1.9' }])
  })

  it('deletes what a table has refused, by the days of the file', async () => {
    await opened()
    await store.query(sql`
      insert into journal_refused (id, entry, reason)
      values (${idAt(daysAgo(31))}, '{}', 'old'), (${idAt(daysAgo(29))}, '{}', 'young')`)
    const refused = () => store.query(sql`select reason from journal_refused order by id`)
    await retention(KEEP).run()
    expect(await refused()).toHaveLength(2)
    await retention({ ...KEEP, days: 30 }).run()
    expect(await refused()).toEqual([{ reason: 'young' }])
  })

  it('has the answers purged that are over', async () => {
    await opened()
    const told: [string, number][] = []
    await retention(KEEP, {
      purgeAnswers: async (now) => (now === NOW ? 3 : 0),
      onErased: (what, count) => told.push([what, count]),
    }).run()
    expect(told).toEqual([['answers', 3]])
  })

  it('has the audit log erased until nothing is left to do', async () => {
    await opened()
    const told: [string, number][] = []
    const stretches = [10_000, 7]
    await retention(KEEP, {
      eraseAudit: async (now) => (now === NOW ? (stretches.shift() ?? 0) : 0),
      onErased: (what, count) => told.push([what, count]),
    }).run()
    expect(told).toEqual([
      ['audit_entries', 10_000],
      ['audit_entries', 7],
    ])
  })

  it('seals with the active key what was written before', async () => {
    const journal = await opened()
    const message = await ended(journal, 1)
    const key = { id: 'k1', key: Buffer.alloc(32, 1) }
    const sealing = { ...store, cipher: createCipher([key], 'k1') }
    await checkEncryptionKeys(sealing)
    await retention(KEEP, { store: sealing }).run()
    expect((await messageRow(store, message)).body).toMatch(/^enc:v1:k1:/)
    expect(await isResealingDue(sealing)).toBe(false)
  })

  it('stops between two batches when it is closed', async () => {
    const journal = await opened()
    const messages = Array.from({ length: 1_001 }, () => messageFrom(40))
    await journal.batch(...messages.map(accepted))
    const at = daysAgo(39)
    await journal.batch(
      ...messages.map((message) => moved(message, 'failed', { at, deadlineAt: null })),
    )
    const job: Retention = retention(
      { ...KEEP, days: 30 },
      { pauseMs: 600_000, onErased: () => void job.close() },
    )
    await job.run()
    expect(await left()).toHaveLength(1)
  })

  it('runs a minute after the start, then every hour; a failure is logged', async () => {
    vi.useFakeTimers({ toFake: ['setTimeout', 'clearTimeout'] })
    const logger = keepingLogger()
    let runs = 0
    let noteRun = () => {}
    const broken: Store = {
      ...store,
      async query() {
        runs++
        noteRun()
        throw new Error('the database is away')
      },
    }
    const job = retention(KEEP, { store: broken, logger })
    const nextRun = () =>
      new Promise<void>((resolve) => {
        noteRun = resolve
      })
    job.start()
    vi.advanceTimersByTime(59_000)
    expect(runs).toBe(0)
    const first = nextRun()
    vi.advanceTimersByTime(1_000)
    await first
    // The next one is set when this one has ended.
    await new Promise((resolve) => setImmediate(resolve))
    expect(logger.lines).toHaveLength(1)
    vi.advanceTimersByTime(3_599_000)
    expect(runs).toBe(1)
    vi.advanceTimersByTime(1_000)
    expect(runs).toBe(2)
    await job.close()
    vi.advanceTimersByTime(10 * 3_600_000)
    expect(runs).toBe(2)
  })
})
