import { afterAll, afterEach, beforeAll, describe, expect, it } from 'vitest'
import type { FailureAction, FailureMatch, FailureRule } from '../../src/core/failure-rule.ts'
import { Archive } from '../../src/messages/archive.ts'
import type { JournalEntry, ReceiptEntry } from '../../src/messages/journal.ts'
import type { Message } from '../../src/messages/message.ts'
import { recover } from '../../src/messages/recovery.ts'
import { Resolution } from '../../src/messages/resolution.ts'
import type { Store } from '../../src/store/open.ts'
import { testDatabases, truncate } from '../support/database.ts'
import {
  accepted,
  eventRows,
  ids,
  Journal,
  messageRow,
  moved,
  outboxRows,
  partnerMessage,
  receipt,
  submitting,
  TENANT,
  testMessage,
} from './builders.ts'
import { FakeCarrier } from './fake-carrier.ts'
import { claimerOf, Harness, testPolicies } from './harness.ts'

const RETRY = {
  kind: 'retry',
  max: 1,
  delaySeconds: 0,
  backoff: 'fixed',
  maxDelaySeconds: 3_600,
} as const
const SWITCH = { kind: 'switch_provider', delaySeconds: 0, to: [] } as const

function rule(name: string, action: FailureAction, match: FailureMatch = {}): FailureRule {
  return { name, priority: 100, scene: 'callback_failure', match, action }
}

/** Longer than any test. */
const NEVER_MS = 3_600_000

/** A receipt of a failure, journalled while there are rules for such. */
function lost(id: string, more: Partial<ReceiptEntry> = {}): ReceiptEntry {
  return receipt(id, 'UNDELIVERABLE', { rawError: '069', asksRules: true, ...more })
}

describe.each(testDatabases())('messages that are lost by their receipts, on $name', ({ open }) => {
  let store: Store
  let journal: Journal
  let harness: Harness
  let alpha: FakeCarrier
  let beta: FakeCarrier

  beforeAll(async () => {
    store = await open()
  })
  afterEach(async () => {
    await harness.close()
    await truncate(store)
  })
  afterAll(() => store.close())

  async function gateway(...rules: readonly FailureRule[]): Promise<void> {
    journal = await Journal.open(store)
    alpha = new FakeCarrier('alpha')
    beta = new FakeCarrier('beta')
    harness = new Harness(journal, [alpha, beta], { rules })
  }

  async function settled(): Promise<void> {
    await harness.losses.settled()
    await harness.idle()
  }

  /** Sends a message to alpha, which gives it these ids, one for each segment. */
  async function sent(message: Message, ...carrierIds: readonly string[]): Promise<Message> {
    await journal.write(
      accepted(message),
      submitting(message),
      moved(message, 'sent', { answers: ids(...carrierIds) }),
    )
    return message
  }

  it('end as ever where no rule fits, with the code of their carrier', async () => {
    await gateway(rule('other', RETRY, { carriers: ['beta'] }))
    const message = await sent(partnerMessage(), 'a1')
    await journal.write(lost('a1', { rawError: '001' }))
    await settled()
    expect(await messageRow(store, message)).toMatchObject({
      status: 'undelivered',
      error_code: 'recipient_unknown',
      error_detail: 'alpha reported UNDELIVERABLE, error 001',
      dead_letter: null,
      deadline_at: null,
    })
    expect(journal.effects.tellings.map(({ event }) => event)).toEqual(['message.undelivered'])
    expect(journal.effects.tellings[0]?.payload).toMatchObject({ rawError: '001' })
    expect(journal.effects.endings).toMatchObject([{ status: 'undelivered' }])
  })

  it('retry: the same carrier gets it again, and nobody is told that it was lost', async () => {
    await gateway(rule('again', RETRY, { codes: ['069'] }))
    const message = await sent(partnerMessage(), 'a1')
    await journal.write(lost('a1'))
    await settled()
    expect(alpha.sent).toHaveLength(1)
    expect(await messageRow(store, message)).toMatchObject({
      status: 'sent',
      attempt: 2,
      failures: 1,
      error_code: null,
    })
    expect(await outboxRows(store)).toEqual([])
    const timeline = await eventRows(store, message)
    expect(timeline.map(({ type, status }) => `${type} ${status}`)).toEqual([
      'accepted accepted',
      'submitted sending',
      'response sent',
      'receipt sent',
      'retry queued',
      'submitted sending',
      'response sent',
    ])
    expect(timeline[4]).toMatchObject({ code: 'carrier_specific', detail: { rule: 'again' } })
    // Its last try is used up: the second receipt is the end.
    await journal.write(lost('alpha-1'))
    await settled()
    expect(await messageRow(store, message)).toMatchObject({ status: 'undelivered', attempt: 2 })
    expect(journal.effects.tellings.map(({ event }) => event)).toEqual(['message.undelivered'])
  })

  it('switch_provider: another carrier gets it, none that has lost it', async () => {
    await gateway(rule('away', SWITCH))
    const message = await sent(testMessage(), 'a1')
    await journal.write(lost('a1'))
    await settled()
    expect([alpha.sent.length, beta.sent.length]).toEqual([0, 1])
    expect(await messageRow(store, message)).toMatchObject({ status: 'sent', carrier: 'beta' })
    const line = (await eventRows(store, message)).find(({ type }) => type === 'routed')
    expect(line?.detail).toMatchObject({ rule: 'away' })
    // Both have lost it now.
    await journal.write(lost('beta-1', { carrier: 'beta' }))
    await settled()
    expect(await messageRow(store, message)).toMatchObject({ status: 'undelivered' })
  })

  it('wait where the rule says so, in the tables, until it is time', async () => {
    await gateway(rule('later', { ...RETRY, delaySeconds: 600 }))
    const message = await sent(testMessage(), 'a1')
    await journal.write(lost('a1'))
    await settled()
    const row = await messageRow(store, message)
    expect(row).toMatchObject({ status: 'queued', lease_node: null, attempt: 1 })
    expect(new Date(row.due_at ?? 0).getTime()).toBeGreaterThan(Date.now() + 590_000)
    expect(alpha.sent).toEqual([])
    harness.now = new Date(Date.now() + 601_000)
    await harness.sweeper.sweep()
    await harness.idle()
    expect(alpha.sent).toHaveLength(1)
  })

  it('fail: the end, with the code of the rule', async () => {
    await gateway(
      rule('no', { kind: 'fail', code: 'content_rejected' }, { keywords: ['error 069'] }),
    )
    const message = await sent(testMessage(), 'a1')
    await journal.write(lost('a1'))
    await settled()
    expect(await messageRow(store, message)).toMatchObject({
      status: 'undelivered',
      error_code: 'content_rejected',
    })
    expect((await eventRows(store, message)).at(-1)).toMatchObject({
      type: 'failed',
      detail: { rule: 'no' },
    })
  })

  it('alert: the operator is told, without the text that receipts repeat', async () => {
    const secret = rule('secret', { kind: 'fail', code: null }, { keywords: ['Hello'] })
    await gateway(secret, rule('tell', { kind: 'alert' }))
    const message = await sent(testMessage(), 'a1')
    await journal.write(lost('a1', { rawText: 'id:a1 stat:UNDELIV err:069 text:Hello' }))
    await settled()
    expect(harness.alerts).toMatchObject([
      {
        rule: 'tell',
        detail: 'alpha reported UNDELIVERABLE, error 069',
        facts: { scene: 'callback_failure', rawCode: '069', code: 'carrier_specific' },
      },
    ])
    expect(JSON.stringify(harness.alerts)).not.toContain('Hello')
    expect(await messageRow(store, message)).toMatchObject({ status: 'undelivered' })
    expect((await eventRows(store, message)).at(-1)).toMatchObject({ type: 'alerted' })
  })

  it('hold: stored as held until somebody releases it', async () => {
    await gateway(rule('wait', { kind: 'hold' }))
    const message = await sent(testMessage(), 'a1')
    await journal.write(lost('a1'))
    await settled()
    const row = await messageRow(store, message)
    expect(row).toMatchObject({ status: 'queued', held_by: 'wait', lease_node: null })
    expect(row.due_at).toEqual(row.expires_at)
    const archive = new Archive(store, journal.live, journal.tables)
    const listHeld = () => archive.list(TENANT, { isHeld: true, limit: 10 })
    expect(await listHeld()).toMatchObject([{ id: message.id, held_by: 'wait' }])
    // Neither the queue nor the sweeper takes it.
    await harness.dispatcher.loadBacklogs()
    await harness.sweeper.sweep()
    await harness.idle()
    expect(alpha.sent).toEqual([])
    const { dispatcher, clock } = harness
    const resolution = new Resolution({ ...claimerOf(journal, { clock }), dispatcher })
    await expect(resolution.resolve(TENANT, message.id, 'resend')).rejects.toMatchObject({
      code: 'outcome_known',
    })
    await resolution.resolve(TENANT, message.id, 'release')
    await harness.until(() => alpha.sent.length === 1)
    await harness.idle()
    expect(await messageRow(store, message)).toMatchObject({ status: 'sent', held_by: null })
    expect(await listHeld()).toEqual([])
    await expect(resolution.resolve(TENANT, message.id, 'release')).rejects.toMatchObject({
      code: 'outcome_known',
    })
  })

  it('hold: given up by hand, or expired with its validity', async () => {
    await gateway(rule('wait', { kind: 'hold' }))
    const [first, second] = [await sent(testMessage(), 'a1'), await sent(testMessage(), 'a2')]
    await journal.write(lost('a1'), lost('a2'))
    await settled()
    const { dispatcher, clock } = harness
    const resolution = new Resolution({ ...claimerOf(journal, { clock }), dispatcher })
    await resolution.resolve(TENANT, first.id, 'fail')
    harness.now = new Date(second.expiresAt.getTime() + 1)
    await harness.sweeper.sweep()
    await settled()
    expect(await messageRow(store, first)).toMatchObject({
      status: 'failed',
      held_by: null,
      error_code: 'carrier_specific',
    })
    expect(await messageRow(store, second)).toMatchObject({ status: 'expired', held_by: null })
    expect(alpha.sent).toEqual([])
  })

  it('are decided about when all segments are settled, once', async () => {
    await gateway(rule('again', RETRY))
    const message = await sent(testMessage({ segments: 3 }), 'a1', 'a2', 'a3')
    await journal.write(lost('a2'), receipt('a1', 'DELIVERED', { asksRules: true }))
    await settled()
    expect(await messageRow(store, message)).toMatchObject({
      status: 'sent',
      error_code: 'carrier_specific',
    })
    await journal.batch(receipt('a3', 'EXPIRED', { asksRules: true }), lost('a2'), lost('a3'))
    await settled()
    expect(await messageRow(store, message)).toMatchObject({ attempt: 2, failures: 1 })
  })

  it('end by what is known when a segment is never settled', async () => {
    await gateway(rule('again', RETRY))
    const message = await sent(testMessage({ segments: 2 }), 'a1', 'a2')
    await journal.write(lost('a1'))
    harness.now = new Date(message.expiresAt.getTime() + 90_000_000)
    await harness.sweeper.sweep()
    await settled()
    expect(await messageRow(store, message)).toMatchObject({
      status: 'undelivered',
      error_code: 'carrier_specific',
    })
    expect(alpha.sent).toEqual([])
  })

  it('are not disturbed by later receipts of the earlier submit, unless it was delivered', async () => {
    await gateway(rule('again', { ...RETRY, delaySeconds: 600 }))
    const message = await sent(testMessage({ segments: 1 }), 'a1')
    await journal.write(lost('a1'), lost('a1', { state: 'EXPIRED', settles: 'expired' }))
    await settled()
    expect(await messageRow(store, message)).toMatchObject({ status: 'queued', failures: 1 })
    harness.now = new Date(Date.now() + 601_000)
    await harness.sweeper.sweep()
    await harness.idle()
    await journal.write(lost('a1'))
    await settled()
    expect(await messageRow(store, message)).toMatchObject({ status: 'sent', attempt: 2 })
    await journal.write(receipt('alpha-1', 'DELIVERED', { asksRules: true }))
    expect(await messageRow(store, message)).toMatchObject({ status: 'delivered', attempt: 2 })
  })

  /** A run that dies after these entries, of which the first `saved` are in the tables; then a start. */
  async function restarted(
    story: readonly JournalEntry[],
    saved: number,
    ...rules: readonly FailureRule[]
  ): Promise<Journal> {
    const first = await Journal.open(store, { node: 'first', gatherMs: NEVER_MS })
    await first.write(...story.slice(0, saved))
    for (const entry of story.slice(saved)) await first.spool.write(entry)
    journal = new Journal(store, { node: 'second', gatherMs: 20 })
    alpha = new FakeCarrier('alpha')
    harness = new Harness(journal, [alpha], { rules })
    await harness.losses.close()
    const { node, spool, live, tracker, tables } = journal
    await recover({
      ...{ store, node, spool, live, tracker, tables },
      policyFor: testPolicies(),
      onEffects: (effects) => journal.onEffects(effects),
      logger: harness.logger,
      clock: harness.clock,
    })
    return first
  }

  it.each([
    ['in the journal', 3, ['stat:UNDELIV']],
    ['in the tables', 4, ['error 069']],
  ])(
    'are decided about at the next start when only the receipt is %s',
    async (_, saved, keywords) => {
      const message = testMessage()
      const story = [
        accepted(message),
        submitting(message),
        moved(message, 'sent', { answers: ids('a1') }),
        lost('a1', { rawText: 'id:a1 stat:UNDELIV err:069 text:Hello' }),
      ]
      const again = rule('again', RETRY, { codes: ['069'], keywords })
      const first = await restarted(story, saved, again)
      if (saved === story.length) await harness.sweeper.sweep()
      harness.losses.start()
      await settled()
      expect(alpha.sent).toHaveLength(1)
      expect(await messageRow(store, message)).toMatchObject({ status: 'sent', attempt: 2 })
      await first.close()
    },
  )

  it.each([3, 4, 5])('keep to what was decided, %i entries being in the tables', async (saved) => {
    const message = testMessage()
    const story = [
      accepted(message),
      submitting(message),
      moved(message, 'sent', { answers: ids('a1') }),
      lost('a1'),
      moved(message, 'queued', { dueAt: message.expiresAt, heldBy: 'wait', rawError: '069' }),
    ]
    const other = rule('other', { kind: 'fail', code: null })
    const first = await restarted(story, saved, other)
    harness.losses.start()
    await harness.sweeper.sweep()
    await settled()
    expect(await messageRow(store, message)).toMatchObject({ status: 'queued', held_by: 'wait' })
    expect(journal.effects.endings).toEqual([])
    await first.close()
  })

  it('go nowhere else while their carrier has them', async () => {
    await gateway()
    const message = await sent(testMessage(), 'a1')
    await journal.write(moved(message, 'queued', { carrier: 'beta' }))
    expect(await messageRow(store, message)).toMatchObject({ status: 'sent', carrier: 'alpha' })
  })
})
