import { afterAll, afterEach, beforeAll, beforeEach, describe, expect, it, vi } from 'vitest'
import type { JournalEntry } from '../../src/messages/journal.ts'
import type { Message } from '../../src/messages/message.ts'
import { Spool } from '../../src/messages/spool.ts'
import { isFinal } from '../../src/messages/states.ts'
import { Teller, type Transport } from '../../src/messages/teller.ts'
import type { Telling, TellingFate, TellingOutcome } from '../../src/messages/telling.ts'
import type { RecipientsFor } from '../../src/messages/tracker.ts'
import type { Store } from '../../src/store/open.ts'
import { testDatabases, truncate } from '../support/database.ts'
import {
  accepted,
  ids,
  Journal,
  moved,
  outboxRows,
  partnerMessage,
  receipt,
  submitting,
  testMessage,
} from './builders.ts'

const HOOK = 'endpoint:hook'
const OTHER = 'endpoint:other'
/** For what comes soon, on a machine that has more to do; `vi.waitFor` itself waits one second. */
const PATIENCE_MS = 20_000

type Answer = TellingFate | Promise<TellingFate>

/** Brings tellings nowhere, as a test wants it. */
class FakeTransport implements Transport {
  readonly told: Telling[] = []
  /** Places for each recipient; 1 unless a test says so. */
  readonly places = new Map<string, number>()
  /** Most tellings that were under way at once, by recipient. */
  readonly most = new Map<string, number>()
  answer: (telling: Telling) => Answer = () => ({ kind: 'done' })
  readonly #underWay = new Map<string, number>()

  concurrencyOf(recipient: string): number {
    return this.places.get(recipient) ?? 1
  }

  async deliver(telling: Telling): Promise<TellingOutcome> {
    const { recipient } = telling
    this.told.push(telling)
    const count = (this.#underWay.get(recipient) ?? 0) + 1
    this.#underWay.set(recipient, count)
    this.most.set(recipient, Math.max(count, this.most.get(recipient) ?? 0))
    const fate = await this.answer(telling)
    this.#underWay.set(recipient, (this.#underWay.get(recipient) ?? 0) - 1)
    const error = fate.kind === 'done' ? null : 'no'
    return { try: { at: new Date(), statusCode: null, durationMs: 1, error }, fate }
  }

  /** What was told of a message, in order. */
  eventsOf({ id }: Message, recipient = HOOK): string[] {
    return this.told
      .filter((telling) => telling.subjectId === id && telling.recipient === recipient)
      .map(({ event }) => event)
  }
}

/** A promise, and what resolves it. */
function gate(): { readonly opened: Promise<void>; readonly open: () => void } {
  let open = () => {}
  const opened = new Promise<void>((resolve) => {
    open = resolve
  })
  return { opened, open }
}

function soon(): TellingFate {
  return { kind: 'later', at: new Date(Date.now() + 30) }
}

describe.each(testDatabases())('Teller on $name', ({ open }) => {
  let store: Store
  let transport: FakeTransport
  let recipients: RecipientsFor
  const runs: { journal: Journal; teller: Teller }[] = []

  beforeAll(async () => {
    store = await open()
  })
  beforeEach(() => {
    transport = new FakeTransport()
    recipients = (_, status) =>
      status === 'sent' || isFinal(status) ? [{ recipient: HOOK, url: null }] : []
  })
  afterEach(async () => {
    for (const { journal, teller } of runs.splice(0)) {
      await teller.close()
      await journal.close()
    }
    await truncate(store)
  })
  afterAll(() => store.close())

  async function run(
    capacity = 5_000,
    readFrom = store,
  ): Promise<{ journal: Journal; teller: Teller }> {
    const journal = await Journal.open(store, {
      node: `run ${runs.length}`,
      gatherMs: 5,
      recipientsFor: (message, status) => recipients(message, status),
    })
    const teller = new Teller({
      store: readFrom,
      spool: journal.spool,
      tables: journal.tables,
      transportFor: () => transport,
      logger: journal.logger,
      clock: () => new Date(),
      capacity,
    })
    runs.push({ journal, teller })
    return { journal, teller }
  }

  /** Takes a message to `sent`, with the tellings that follow. */
  async function send(journal: Journal, message: Message, at = new Date()): Promise<Telling[]> {
    const { tellings } = await journal.write(
      accepted(message),
      submitting(message, { at }),
      moved(message, 'sent', { at, answers: ids(message.id) }),
    )
    return [...tellings]
  }

  async function deliver(journal: Journal, { id }: Message, at = new Date()): Promise<Telling[]> {
    const { tellings } = await journal.write(receipt(id, 'DELIVERED', { receivedAt: at }))
    return [...tellings]
  }

  async function fail(journal: Journal, count: number): Promise<Telling[]> {
    const messages = Array.from({ length: count }, () => testMessage())
    await journal.batch(...messages.map(accepted))
    const ends = messages.map((message) => moved(message, 'failed', { attempt: 0 }))
    const { tellings } = await journal.batch(...ends)
    return [...tellings]
  }

  function toldTimes(count: number): Promise<void> {
    return vi.waitFor(
      () => expect(transport.told.length).toBeGreaterThanOrEqual(count),
      PATIENCE_MS,
    )
  }

  /** Resolves when nothing is under way and the tables say so. */
  async function quiet({ journal, teller }: { journal: Journal; teller: Teller }): Promise<void> {
    await vi.waitFor(() => expect(teller.pending).toBe(0), PATIENCE_MS)
    await vi.waitFor(() => expect(journal.spool.pending).toBe(0), PATIENCE_MS)
    await journal.settled()
  }

  it('tells once, and keeps the log of it for an endpoint', async () => {
    const it = await run()
    const message = testMessage()
    it.teller.offer(await send(it.journal, message))
    it.teller.offer(await deliver(it.journal, message))
    await toldTimes(2)
    await quiet(it)
    expect(transport.eventsOf(message)).toEqual(['message.sent', 'message.delivered'])
    expect(await outboxRows(store)).toMatchObject([
      { event: 'message.sent', state: 'done', tries: 1, log: [{ error: null, duration_ms: 1 }] },
      { event: 'message.delivered', state: 'done', tries: 1 },
    ])
  })

  it('leaves nothing behind of what a partner has acknowledged', async () => {
    recipients = (_, status) => (isFinal(status) ? [{ recipient: 'partner:acme', url: null }] : [])
    const it = await run()
    const message = partnerMessage()
    await send(it.journal, message)
    it.teller.offer(await deliver(it.journal, message))
    await toldTimes(1)
    await vi.waitFor(async () => expect(await outboxRows(store)).toEqual([]), PATIENCE_MS)
  })

  it('knows what it has in hand already', async () => {
    const it = await run()
    transport.places.set(HOOK, 0)
    const tellings = await fail(it.journal, 3)
    it.teller.offer([...tellings, ...tellings])
    expect(it.teller.pending).toBe(3)
    it.teller.wake(HOOK, true)
    transport.places.set(HOOK, 10)
    it.teller.wake(HOOK, true)
    await toldTimes(3)
    await quiet(it)
    expect(transport.told.map(({ id }) => id).toSorted()).toEqual(
      tellings.map(({ id }) => id).toSorted(),
    )
  })

  it.each([1, 4])('tells of one message in order, with %i places', async (places) => {
    let release: (fate: TellingFate) => void = () => {}
    const it = await run()
    transport.places.set(HOOK, places)
    const slow = testMessage()
    transport.answer = ({ subjectId, event }) =>
      subjectId === slow.id && event === 'message.sent'
        ? new Promise<TellingFate>((resolve) => {
            release = resolve
          })
        : { kind: 'done' }
    it.teller.offer(await send(it.journal, slow))
    it.teller.offer(await deliver(it.journal, slow))
    it.teller.offer(await fail(it.journal, 2))
    await toldTimes(places === 1 ? 1 : 3)
    expect(transport.eventsOf(slow)).toEqual(['message.sent'])
    release({ kind: 'done' })
    await toldTimes(4)
    expect(transport.eventsOf(slow)).toEqual(['message.sent', 'message.delivered'])
  })

  it.each([1, 4])('keeps the order when the first has to wait, with %i places', async (places) => {
    const it = await run()
    transport.places.set(HOOK, places)
    const waits = new Set<string>()
    transport.answer = async ({ subjectId, event }) => {
      // Both are offered before the first is answered.
      await new Promise((resolve) => setImmediate(resolve))
      if (event !== 'message.sent' || waits.has(subjectId)) return { kind: 'done' }
      waits.add(subjectId)
      return soon()
    }
    const at = new Date()
    const messages = [testMessage(), testMessage(), testMessage()]
    const tellings: Telling[] = []
    for (const message of messages) {
      // The answer and the receipt in the same millisecond, the receipt even before.
      tellings.push(...(await send(it.journal, message, at)))
      tellings.push(...(await deliver(it.journal, message, new Date(at.getTime() - 1))))
    }
    it.teller.offer(tellings)
    await toldTimes(9)
    await quiet(it)
    for (const message of messages) {
      expect(transport.eventsOf(message)).toEqual([
        'message.sent',
        'message.sent',
        'message.delivered',
      ])
    }
    // What was told last is noted a moment after it was told.
    await vi.waitFor(
      async () =>
        expect(await outboxRows(store)).toMatchObject(
          messages.flatMap(() => [
            { event: 'message.sent', state: 'done', tries: 2 },
            { event: 'message.delivered', state: 'done', tries: 1 },
          ]),
        ),
      PATIENCE_MS,
    )
  })

  it('has no more under way than the recipient takes', async () => {
    const it = await run()
    transport.places.set(HOOK, 3)
    transport.answer = async () => {
      await new Promise((resolve) => setImmediate(resolve))
      return { kind: 'done' }
    }
    it.teller.offer(await fail(it.journal, 20))
    await toldTimes(20)
    expect(transport.most.get(HOOK)).toBe(3)
  })

  it('lets a recipient that is slow or away harm no other', async () => {
    recipients = (_, status) =>
      isFinal(status)
        ? ['endpoint:away', 'endpoint:slow', OTHER].map((recipient) => ({ recipient, url: null }))
        : []
    const it = await run()
    const releases: (() => void)[] = []
    transport.places.set('endpoint:away', 0)
    transport.answer = ({ recipient }) =>
      recipient === 'endpoint:slow'
        ? new Promise((resolve) => releases.push(() => resolve({ kind: 'done' })))
        : { kind: 'done' }
    it.teller.offer(await fail(it.journal, 10))
    await toldTimes(11)
    const count = (name: string) => transport.told.filter((each) => each.recipient === name).length
    expect([count(OTHER), count('endpoint:slow'), count('endpoint:away')]).toEqual([10, 1, 0])
    transport.answer = () => ({ kind: 'done' })
    for (const release of releases) release()
    transport.places.set('endpoint:away', 1)
    it.teller.wake('endpoint:away')
    await toldTimes(30)
    await quiet(it)
    expect((await outboxRows(store)).every(({ state }) => state === 'done')).toBe(true)
  })

  it('tries again when the time has come, and says how often it was', async () => {
    const it = await run()
    transport.answer = ({ tries }) => (tries < 2 ? soon() : { kind: 'done' })
    it.teller.offer(await fail(it.journal, 1))
    await toldTimes(3)
    await quiet(it)
    expect(transport.told.map(({ tries }) => tries)).toEqual([0, 1, 2])
    expect(await outboxRows(store)).toMatchObject([
      { state: 'done', tries: 3, due_at: null, log: [{ error: 'no' }, { error: 'no' }, {}] },
    ])
  })

  it('tries again although the note of the last try is slow to be written', async () => {
    const { journal } = await run()
    const slow = Object.assign(Object.create(Spool.prototype) as Spool, {
      write: async (...entries: readonly JournalEntry[]) => {
        await new Promise((resolve) => setTimeout(resolve, 100))
        await journal.spool.write(...entries)
      },
    })
    const teller = new Teller({
      store,
      spool: slow,
      tables: journal.tables,
      transportFor: () => transport,
      logger: journal.logger,
      clock: () => new Date(),
    })
    transport.answer = () =>
      transport.told.length === 1 ? { kind: 'later', at: new Date() } : { kind: 'done' }
    teller.offer(await send(journal, testMessage()))
    await vi.waitFor(() => expect(transport.told).toHaveLength(2), PATIENCE_MS)
    await teller.close()
  })

  it('gives up what is dead, and goes on with what follows', async () => {
    const it = await run()
    const message = testMessage()
    transport.answer = ({ event }) =>
      event === 'message.sent' ? { kind: 'dead', reason: 'gone' } : { kind: 'done' }
    const tellings = [...(await send(it.journal, message)), ...(await deliver(it.journal, message))]
    it.teller.offer(tellings)
    await toldTimes(2)
    await quiet(it)
    expect(await outboxRows(store)).toMatchObject([
      { event: 'message.sent', state: 'dead', tries: 1 },
      { event: 'message.delivered', state: 'done' },
    ])
    it.teller.wake(HOOK, true)
    await quiet(it)
    expect(transport.told).toHaveLength(2)
  })

  it('keeps what is too much in the database, and tells all of it once, in order', async () => {
    const it = await run(4)
    transport.places.set(HOOK, 0)
    const tellings = await fail(it.journal, 30)
    it.teller.offer(tellings)
    expect(it.teller.pending).toBe(4)
    transport.places.set(HOOK, 1)
    it.teller.wake(HOOK)
    await toldTimes(30)
    await quiet(it)
    expect(transport.told.map(({ id }) => id)).toEqual(tellings.map(({ id }) => id))
    expect((await outboxRows(store)).every(({ state }) => state === 'done')).toBe(true)
  })

  it('does not tell again what was told while the outbox was read', async () => {
    const answers = new Map<string, () => void>()
    const reading = gate()
    const isRead = gate()
    const query: Store['query'] = async (statement, on) => {
      const rows = await store.query(statement, on)
      if (!rows.some((row) => 'payload' in row)) return rows as never
      reading.open()
      await isRead.opened
      return rows as never
    }
    const it = await run(6, { ...store, query })
    transport.places.set(HOOK, 2)
    const tellings = await fail(it.journal, 8)
    const [first, second] = tellings.slice(4).map(({ id }) => id)
    transport.answer = ({ id }) =>
      id === first || id === second
        ? new Promise((resolve) => answers.set(id, () => resolve({ kind: 'done' })))
        : { kind: 'done' }
    it.teller.offer(tellings)
    // With two under way there is room for what waits in the database.
    await reading.opened
    answers.get(first ?? '')?.()
    await vi.waitFor(() => expect(it.teller.pending).toBe(1), PATIENCE_MS)
    for (let generation = 0; generation < 3; generation++) {
      await it.journal.write(accepted(testMessage()))
      await it.journal.settled()
    }
    answers.get(second ?? '')?.()
    await vi.waitFor(() => expect(it.teller.pending).toBe(0), PATIENCE_MS)
    isRead.open()
    await toldTimes(8)
    await quiet(it)
    expect(transport.told.map(({ id }) => id)).toEqual(tellings.map(({ id }) => id))
  })

  it('tells after a restart what is left, and not what was told', async () => {
    const first = await run()
    transport.answer = ({ tries }) => (tries === 0 ? soon() : { kind: 'done' })
    const [done, waiting] = [await fail(first.journal, 3), await fail(first.journal, 2)]
    transport.answer = () => ({ kind: 'done' })
    first.teller.offer(done)
    await toldTimes(3)
    await first.teller.close()
    await vi.waitFor(() => expect(first.journal.spool.pending).toBe(0), PATIENCE_MS)
    await first.journal.close()

    const second = await run()
    await second.teller.start()
    await toldTimes(5)
    await quiet(second)
    expect(transport.told.slice(3).map(({ id }) => id)).toEqual(waiting.map(({ id }) => id))
  })

  it('begins nothing once it is closed, and waits for what is under way', async () => {
    const it = await run()
    let isOver = false
    transport.answer = async () => {
      await new Promise((resolve) => setImmediate(resolve))
      isOver = true
      return { kind: 'done' }
    }
    const tellings = await fail(it.journal, 3)
    it.teller.offer(tellings)
    await it.teller.close()
    expect(isOver).toBe(true)
    expect(transport.told).toHaveLength(1)
    it.teller.wake(HOOK, true)
    expect(transport.told).toHaveLength(1)
  })
})
