import { mkdtempSync, readdirSync, rmSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { sql } from 'drizzle-orm'
import { afterAll, afterEach, beforeAll, beforeEach, describe, expect, it } from 'vitest'
import { silentLogger } from '../../src/core/logger.ts'
import type { ClassPolicy } from '../../src/core/policy.ts'
import type { Message } from '../../src/messages/message.ts'
import { type Recovered, recover } from '../../src/messages/recovery.ts'
import { loadMessages } from '../../src/messages/tables.ts'
import type { Telling } from '../../src/messages/telling.ts'
import { WrittenMarks } from '../../src/messages/written-marks.ts'
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
import { FakeCarrier } from './fake-carrier.ts'
import { Harness, testPolicies } from './harness.ts'

const NEVER_MS = 3_600_000
const SECOND_MS = 1_000

describe.each(testDatabases())('after a start on $name', ({ open }) => {
  let store: Store
  const journals: Journal[] = []
  const harnesses: Harness[] = []

  beforeAll(async () => {
    store = await open()
  })
  afterEach(async () => {
    for (const harness of harnesses.splice(0)) await harness.close()
    // Those that have "crashed" as well: what a dead run still holds changes nothing.
    for (const journal of journals.splice(0)) await journal.close()
    await truncate(store)
  })
  afterAll(() => store.close())

  /** A run that is left as it is: only `flush` brings anything into the tables. */
  async function firstRun(): Promise<Journal> {
    const journal = await Journal.open(store, { node: 'first', gatherMs: NEVER_MS })
    journals.push(journal)
    return journal
  }

  /** The next run, before it recovers. */
  function nextRun(carriers: readonly FakeCarrier[], policy: Partial<ClassPolicy> = {}): Harness {
    const journal = new Journal(store, { node: `run ${harnesses.length}`, gatherMs: 20 })
    const harness = new Harness(journal, carriers, { policy })
    harnesses.push(harness)
    return harness
  }

  async function recovered(
    harness: Harness,
    policy: Partial<ClassPolicy> = {},
    marksFolder = join(tmpdir(), 'linehaul-no-marks'),
  ): Promise<Recovered> {
    const { journal, logger, clock } = harness
    const found = await recover({
      store,
      node: journal.node,
      spool: journal.spool,
      live: journal.live,
      tracker: journal.tracker,
      tables: journal.tables,
      policyFor: testPolicies(policy),
      onEffects: (effects) => journal.onEffects(effects),
      marksFolder,
      logger,
      clock,
    })
    await journal.settled()
    return found
  }

  it('has nothing to do on an empty database', async () => {
    const harness = nextRun([new FakeCarrier('alpha')])
    expect(await recovered(harness)).toEqual({ queued: 0, uncertain: 0 })
    expect(harness.logger.lines).toEqual([])
  })

  it('sends what was queued, oldest first, as it was accepted', async () => {
    const first = await firstRun()
    const texts = ['one', 'NULL', '"three\\', '👩‍👩‍👧‍👦']
    const queued = texts.map((text) => testMessage({ text }))
    for (const message of queued.slice(0, 2)) await first.spool.write(accepted(message))
    await first.tables.flush()
    for (const message of queued.slice(2)) await first.spool.write(accepted(message))

    const alpha = new FakeCarrier('alpha')
    const harness = nextRun([alpha])
    expect(await recovered(harness)).toEqual({ queued: 4, uncertain: 0 })
    await harness.dispatcher.loadBacklogs()
    await harness.until(() => alpha.sent.length === texts.length)
    await harness.idle()
    expect(alpha.sent.map(({ text }) => text)).toEqual(texts)
    expect(await messageRow(store, queued[3] as Message)).toMatchObject({ status: 'sent' })
  })

  it('reads more than a page of the journal, in the order of its commits', async () => {
    const first = await firstRun()
    const message = testMessage()
    const others: Message[] = []
    await first.spool.write(accepted(message))
    for (let n = 0; n < 120; n++) {
      const other = testMessage()
      others.push(other)
      await first.spool.write(accepted(other))
    }
    await first.spool.write(submitting(message))
    await first.spool.write(moved(message, 'sent', { answers: ids('x') }))
    // The clock of the database has been set back meanwhile.
    await store.query(sql`update journal set created_at = now() - seq * interval '1 second'`)
    const harness = nextRun([])
    expect(await recovered(harness)).toEqual({ queued: 120, uncertain: 0 })
    expect(harness.logger.lines.filter(([level]) => level === 'error')).toEqual([])
    expect(await messageRow(store, message)).toMatchObject({ status: 'sent' })
    expect(await store.query(sql`select * from journal`)).toEqual([])
  })

  it('gives a message back with every field', async () => {
    const message = partnerMessage({
      text: '',
      raw: { octets: Buffer.from([0, 255]), esmClass: 0x40, dataCoding: 4 },
      maxSegments: 2,
      clientReference: 'ref',
      callbackUrl: 'https://example.com/hook',
      priceMicros: 2n ** 60n,
      costMicros: 2n ** 59n,
      costCurrency: 'USD',
      carrierDeckVersion: 70_000,
      tenantDeckVersion: 3,
      trafficClass: 'otp',
      sendAt: new Date(Date.now() + 60_000),
    })
    const as = { ...message }
    const first = await firstRun()
    await first.write(accepted(message))
    const [stored] = await loadMessages(store, [message.id])
    expect(stored).toEqual({ message: as, attempts: [] })
  })

  it('does not send again what may be with the carrier', async () => {
    const first = await firstRun()
    const unanswered = partnerMessage({ segments: 2 })
    const done = testMessage()
    for (const entry of [
      accepted(unanswered),
      submitting(unanswered),
      accepted(done),
      submitting(done),
      moved(done, 'sent', { answers: ids('x') }),
    ]) {
      await first.spool.write(entry)
    }
    const alpha = new FakeCarrier('alpha')
    const harness = nextRun([alpha])
    expect(await recovered(harness)).toEqual({ queued: 0, uncertain: 1 })
    await harness.dispatcher.loadBacklogs()
    await harness.sweeper.sweep()
    await harness.idle()
    expect(alpha.sent).toEqual([])
    expect(await messageRow(store, unanswered)).toMatchObject({
      status: 'sending',
      error_code: 'outcome_unknown',
      final_at: null,
    })
    expect((await attemptRows(store, unanswered)).map(({ state }) => state)).toEqual([
      'uncertain',
      'uncertain',
    ])
    expect((await eventRows(store, unanswered)).at(-1)).toMatchObject({ type: 'uncertain' })
    expect(await messageRow(store, done)).toMatchObject({ status: 'sent' })
    expect(await outboxRows(store)).toEqual([])
  })

  it('sends it again where its policy says so, once the silence is over', async () => {
    const policy = { uncertain: 'resend', uncertainSeconds: 30 } as const
    const first = await firstRun()
    const message = testMessage()
    await first.spool.write(accepted(message))
    await first.spool.write(submitting(message))
    const alpha = new FakeCarrier('alpha')
    const harness = nextRun([alpha], policy)
    harness.now = new Date()
    const start = harness.now.getTime()
    expect(await recovered(harness, policy)).toMatchObject({ uncertain: 1 })
    harness.now = new Date(start + 29 * SECOND_MS)
    await harness.sweeper.sweep()
    expect(alpha.sent).toEqual([])
    harness.now = new Date(start + 31 * SECOND_MS)
    await harness.sweeper.sweep()
    await harness.until(() => alpha.sent.length === 1)
    await harness.idle()
    expect(alpha.sent).toHaveLength(1)
    expect(await messageRow(store, message)).toMatchObject({ status: 'sent', attempt: 2 })
    const retry = (await eventRows(store, message)).find(({ type }) => type === 'retry')
    expect(retry).toMatchObject({ detail: { may_be_a_duplicate: true } })
  })

  describe('with marks of what was written', () => {
    let folder: string

    beforeEach(() => {
      folder = mkdtempSync(join(tmpdir(), 'linehaul-marks-'))
    })
    afterEach(() => rmSync(folder, { recursive: true }))

    function marksOf(node: string): WrittenMarks {
      const marks = WrittenMarks.begin(folder, node, 100, silentLogger)
      if (!marks) throw new Error('this system has no boot id')
      return marks
    }

    it('sends what was journalled and never written, and waits for what was', async () => {
      const first = await firstRun()
      const marks = marksOf(first.node)
      marks.complete()
      const written = testMessage()
      const again = testMessage()
      const unwritten = testMessage()
      for (const message of [written, again, unwritten]) {
        await first.spool.write(accepted(message))
        await first.spool.write(submitting(message, { attempt: message === again ? 2 : 1 }))
      }
      marks.mark([{ messageId: written.id, attempt: 1 }])
      // The first attempt was; the second, with which the run ended, was not.
      marks.mark([{ messageId: again.id, attempt: 1 }])

      const alpha = new FakeCarrier('alpha')
      const harness = nextRun([alpha])
      expect(await recovered(harness, {}, folder)).toEqual({ queued: 2, uncertain: 1 })
      expect(readdirSync(folder)).toEqual([])
      await harness.dispatcher.loadBacklogs()
      await harness.until(() => alpha.sent.length === 2)
      await harness.idle()
      expect(alpha.sent.map(({ messageId }) => messageId).sort()).toEqual(
        [again.id, unwritten.id].sort(),
      )
      expect(await messageRow(store, unwritten)).toMatchObject({ status: 'sent', failures: 0 })
      expect(await messageRow(store, written)).toMatchObject({ status: 'sending' })
      const lines = await eventRows(store, unwritten)
      expect(
        lines.find(({ type, status }) => type === 'response' && status === 'queued'),
      ).toMatchObject({
        detail: {
          segments: [{ result: 'not_sent', reason: 'the gateway stopped before it was written' }],
        },
      })
    })

    it('takes all for written when the last run had not settled what it took over', async () => {
      const first = await firstRun()
      marksOf(first.node)
      const message = testMessage()
      await first.spool.write(accepted(message))
      await first.spool.write(submitting(message))
      expect(await recovered(nextRun([]), {}, folder)).toEqual({ queued: 0, uncertain: 1 })
    })
  })

  it('settles an interrupted submit once, however often it starts', async () => {
    const first = await firstRun()
    const message = testMessage()
    await first.spool.write(accepted(message))
    await first.spool.write(submitting(message))
    expect(await recovered(nextRun([]))).toMatchObject({ uncertain: 1 })
    expect(await recovered(nextRun([]))).toMatchObject({ uncertain: 0 })
    const lines = await eventRows(store, message)
    expect(lines.filter(({ type }) => type === 'uncertain')).toHaveLength(1)
  })

  it('leaves finished messages alone', async () => {
    const first = await firstRun()
    for (const end of ['failed', 'canceled', 'unconfirmed'] as const) {
      const message = testMessage()
      await first.sent(message, end)
      await first.write(moved(message, end))
    }
    expect(await recovered(nextRun([]))).toEqual({ queued: 0, uncertain: 0 })
  })

  it('takes messages of a carrier that is gone to another', async () => {
    const first = await firstRun()
    const message = testMessage({ carrier: 'gone' })
    await first.spool.write(accepted(message))
    const alpha = new FakeCarrier('alpha')
    const harness = nextRun([alpha])
    expect(await recovered(harness)).toMatchObject({ queued: 1 })
    await harness.dispatcher.loadBacklogs()
    await harness.until(() => alpha.sent.length === 1)
    await harness.idle()
    expect(await messageRow(store, message)).toMatchObject({ status: 'sent', carrier: 'alpha' })
    expect((await eventRows(store, message)).map(({ type }) => type)).toContain('routed')
  })

  it('says which message nobody takes any more, and looks again later', async () => {
    const first = await firstRun()
    const message = testMessage({ carrier: 'gone' })
    await first.spool.write(accepted(message))
    const harness = nextRun([])
    await recovered(harness)
    await harness.dispatcher.loadBacklogs()
    await harness.dispatcher.drained()
    await harness.journal.settled()
    expect(harness.logger.lines.at(-1)).toEqual([
      'error',
      'no configured carrier takes this message any more, it waits',
      { messageId: message.id, carrier: 'gone' },
    ])
    const row = await messageRow(store, message)
    expect(row).toMatchObject({ status: 'queued', lease_node: null })
    expect(row.due_at).not.toBeNull()
  })

  it('matches a receipt of which only the row was written, not what it has brought about', async () => {
    const first = await firstRun()
    const message = partnerMessage()
    await first.sent(message, 'x')
    // As a run leaves it that ends between writing the receipt down and finding its submit.
    const orphan = receipt('x', 'DELIVERED')
    const other = await Journal.open(store, { node: 'other', gatherMs: NEVER_MS })
    journals.push(other)
    other.live.addOrphan(orphan)
    await other.tables.flush()
    expect(await receiptRows(store)).toHaveLength(1)
    await recovered(nextRun([]))
    expect(await messageRow(store, message)).toMatchObject({ status: 'delivered' })
    expect(await receiptRows(store)).toEqual([])
    expect(await outboxRows(store)).toHaveLength(1)
  })

  it('matches a receipt in the tables with the response that is only in the journal', async () => {
    const first = await firstRun()
    const message = partnerMessage()
    await first.write(accepted(message), submitting(message), receipt('x', 'DELIVERED'))
    expect(await receiptRows(store)).toHaveLength(1)
    await first.spool.write(moved(message, 'sent', { answers: ids('x') }))
    await recovered(nextRun([]))
    expect(await messageRow(store, message)).toMatchObject({ status: 'delivered' })
    expect(await receiptRows(store)).toEqual([])
    expect((await eventRows(store, message)).at(-1)).toMatchObject({
      detail: { came_before_response: true },
    })
  })

  it('lets a receipt find its submit in its turn, before what came after it', async () => {
    const first = await firstRun()
    const message = partnerMessage()
    await first.sent(message, 'x')
    await first.spool.write(receipt('x', 'DELIVERED'))
    await first.spool.write(moved(message, 'unconfirmed'))
    expect(first.effects.endings).toMatchObject([{ status: 'delivered' }])
    await recovered(nextRun([]))
    expect(await messageRow(store, message)).toMatchObject({ status: 'delivered' })
  })

  it('takes a receipt for nobody else, whose response comes later in the journal', async () => {
    const first = await firstRun()
    const [unknown, answered] = [testMessage(), testMessage()]
    for (const message of [unknown, answered]) {
      await first.spool.write(accepted(message))
      await first.spool.write(submitting(message))
    }
    const silence = ids('').map((answer) => ({
      ...answer,
      state: 'uncertain' as const,
      carrierMessageId: null,
      matchKey: null,
    }))
    await first.spool.write(moved(unknown, 'sending', { answers: silence }))
    await first.tables.flush()
    const about = {
      recipient: answered.to,
      sender: answered.from,
      submittedAt: null,
      reference: null,
    }
    await first.spool.write(receipt('x', 'DELIVERED', { about }))
    for (let count = 0; count < 200; count++) await first.spool.write(accepted(testMessage()))
    await first.spool.write(moved(answered, 'sent', { answers: ids('x') }))

    await recovered(nextRun([]))
    expect(await messageRow(store, answered)).toMatchObject({ status: 'delivered' })
    expect(await messageRow(store, unknown)).toMatchObject({ status: 'sending' })
  })

  it('owes a partner after the crash what it was owed before, and nothing that it has got', async () => {
    const first = await firstRun()
    const told = partnerMessage()
    const untold = partnerMessage()
    for (const message of [told, untold]) {
      await first.spool.write(accepted(message))
      await first.spool.write(moved(message, 'failed', { attempt: 0 }))
    }
    const at = new Date()
    const [telling] = first.effects.tellings as [Telling, Telling]
    await first.spool.write({
      kind: 'told',
      telling,
      outcome: {
        try: { at, statusCode: null, durationMs: 1, error: null },
        fate: { kind: 'done' },
      },
    })
    const harness = nextRun([])
    await recovered(harness)
    expect(await outboxRows(store)).toMatchObject([{ subject_id: untold.id, state: 'waiting' }])
    // They are read from the outbox: what is offered here would be told a second time.
    expect(harness.journal.effects.tellings).toEqual([])
  })
})
