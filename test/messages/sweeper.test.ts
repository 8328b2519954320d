import { afterAll, afterEach, beforeAll, beforeEach, describe, expect, it } from 'vitest'
import type { SegmentOutcome } from '../../src/carriers/carrier.ts'
import type { JournalEntry } from '../../src/messages/journal.ts'
import type { Message } from '../../src/messages/message.ts'
import type { Store } from '../../src/store/open.ts'
import { testDatabases, truncate } from '../support/database.ts'
import {
  accepted,
  eventRows,
  ids,
  messageRow,
  moved,
  outboxRows,
  partnerMessage,
  receipt,
  submitting,
  testMessage,
} from './builders.ts'
import { FakeCarrier } from './fake-carrier.ts'
import { Harness, type HarnessOptions } from './harness.ts'

const ACCEPTED_AT = new Date('2026-01-01T00:00:00Z')
const SECONDS = 1_000
const HOURS = 3_600_000

describe.each(testDatabases())('Sweeper on $name', ({ open }) => {
  let store: Store
  let alpha: FakeCarrier
  let harness: Harness

  beforeAll(async () => {
    store = await open()
  })
  beforeEach(() => {
    alpha = new FakeCarrier('alpha')
  })
  afterEach(async () => {
    await harness.close()
    await truncate(store)
  })
  afterAll(() => store.close())

  async function gateway(options: HarnessOptions = {}): Promise<void> {
    harness = await Harness.open(store, [alpha], options)
    harness.now = ACCEPTED_AT
  }

  function write(...entries: readonly JournalEntry[]) {
    return harness.journal.write(...entries)
  }

  /** Sweeps so many milliseconds after the acceptance; what it has set going is over then. */
  async function sweepAt(ms: number): Promise<void> {
    harness.now = new Date(ACCEPTED_AT.getTime() + ms)
    await harness.sweeper.sweep()
    await harness.journal.settled()
  }

  async function statusOf(message: Message): Promise<string> {
    return (await messageRow(store, message)).status
  }

  /** A message that its carrier has, since `ms` after the acceptance. */
  async function sent(ms: number, more: Partial<Message> = {}): Promise<Message> {
    const message = partnerMessage({ createdAt: ACCEPTED_AT, ...more })
    const at = new Date(ACCEPTED_AT.getTime() + ms)
    const deadlineAt = new Date(at.getTime() + 72 * HOURS)
    await write(
      accepted(message),
      submitting(message, { at, deadlineAt }),
      moved(message, 'sent', {
        // Three seconds later: a slow carrier.
        at: new Date(at.getTime() + 3 * SECONDS),
        answers: ids(message.id),
        deadlineAt,
      }),
    )
    return message
  }

  it('sends what was scheduled, at its instant and not before', async () => {
    await gateway()
    const sendAt = new Date(ACCEPTED_AT.getTime() + 60 * SECONDS)
    const message = testMessage({
      createdAt: ACCEPTED_AT,
      status: 'scheduled',
      sendAt,
      dueAt: sendAt,
    })
    await write(accepted(message))
    await sweepAt(59 * SECONDS)
    expect(await statusOf(message)).toBe('scheduled')
    await sweepAt(60 * SECONDS)
    await harness.until(() => alpha.sent.length === 1)
    await harness.idle()
    expect(await messageRow(store, message)).toMatchObject({ status: 'sent', due_at: null })
    expect((await eventRows(store, message)).map(({ type }) => type)).toEqual([
      'accepted',
      'queued',
      'submitted',
      'response',
    ])
  })

  it('tries again what has rested, once, with the wait in the timeline', async () => {
    alpha.answer = ({ time }) =>
      time === 1
        ? {
            kind: 'refused',
            code: 'carrier_error',
            rawCode: '0x00000008',
            reason: 'not now',
            class: 'passing',
          }
        : alpha.accept()
    await gateway({
      policy: {
        retry: {
          nextCarrier: 'prefer',
          maxAgeSeconds: undefined,
          passing: WAIT_A_MINUTE,
          throttled: WAIT_A_MINUTE,
          connection: WAIT_A_MINUTE,
        },
      },
    })
    const message = testMessage({ createdAt: ACCEPTED_AT })
    await harness.spool.write(accepted(message))
    harness.dispatcher.enqueue(message)
    await harness.idle()
    const dueAt = new Date(ACCEPTED_AT.getTime() + 60 * SECONDS)
    const row = await messageRow(store, message)
    expect(row).toMatchObject({ status: 'queued', failures: 1, lease_node: null })
    expect(new Date(row.due_at ?? 0)).toEqual(dueAt)
    // It has left memory: a million that rest cost none.
    expect(harness.journal.live.get(message.id)).toBeUndefined()

    await sweepAt(59 * SECONDS)
    expect(alpha.sent).toHaveLength(1)
    await sweepAt(60 * SECONDS)
    await sweepAt(61 * SECONDS)
    await harness.until(() => alpha.sent.length === 2)
    await harness.idle()
    expect(alpha.sent).toHaveLength(2)
    expect(await messageRow(store, message)).toMatchObject({ status: 'sent', attempt: 2 })
  })

  it('expires what no carrier has taken, whether it waits in a lane or nowhere', async () => {
    alpha.isUp = false
    await gateway()
    const waiting = partnerMessage({ createdAt: ACCEPTED_AT })
    const forgotten = testMessage({ createdAt: ACCEPTED_AT, carrier: 'gone' })
    const scheduled = testMessage({
      createdAt: ACCEPTED_AT,
      status: 'scheduled',
      dueAt: new Date(ACCEPTED_AT.getTime() + 80 * HOURS),
    })
    const young = testMessage({ createdAt: new Date(ACCEPTED_AT.getTime() + HOURS) })
    for (const message of [waiting, forgotten, scheduled, young]) {
      await harness.spool.write(accepted(message))
    }
    harness.dispatcher.enqueue(waiting)
    harness.dispatcher.enqueue(young)
    await harness.journal.settled()
    await sweepAt(72 * HOURS - 1)
    expect(await statusOf(waiting)).toBe('queued')
    await sweepAt(72 * HOURS)
    await harness.dispatcher.drained()
    await harness.journal.settled()
    for (const message of [waiting, forgotten, scheduled]) {
      expect(await messageRow(store, message)).toMatchObject({
        status: 'expired',
        error_code: 'expired',
        dead_letter: 'expired',
        lease_node: null,
      })
    }
    expect(await outboxRows(store)).toMatchObject([{ subject_id: waiting.id }])
    expect(await statusOf(young)).toBe('queued')
    alpha.isUp = true
    harness.dispatcher.onCapacityChange('alpha')
    await harness.idle()
    expect(alpha.sent.map(({ messageId }) => messageId)).toEqual([young.id])
  })

  it('ends what has no receipt in time after its submit, not before, and once', async () => {
    await gateway()
    const message = await sent(HOURS)
    await sweepAt(73 * HOURS - 1)
    expect(await statusOf(message)).toBe('sent')
    await sweepAt(73 * HOURS)
    expect(await messageRow(store, message)).toMatchObject({
      status: 'unconfirmed',
      error_code: 'receipt_missing',
      deadline_at: null,
    })
    await sweepAt(200 * HOURS)
    expect(await outboxRows(store)).toMatchObject([{ payload: { status: 'unconfirmed' } }])
    const lines = await eventRows(store, message)
    expect(lines.filter(({ type }) => type === 'unconfirmed')).toHaveLength(1)
  })

  it.each(['wait_receipt', 'hold', 'query', 'resend'] as const)(
    'leaves nothing open for ever that was not answered, under %s',
    async (uncertain) => {
      alpha.isUp = false
      await gateway({ policy: { uncertain, uncertainSeconds: 60 } })
      const message = testMessage({ createdAt: ACCEPTED_AT })
      const deadlineAt = new Date(ACCEPTED_AT.getTime() + 60 * SECONDS)
      await write(
        accepted(message),
        submitting(message, { at: ACCEPTED_AT, deadlineAt }),
        moved(message, 'sending', { at: ACCEPTED_AT, answers: [UNANSWERED], deadlineAt }),
      )
      for (let hour = 0; hour <= 74; hour++) await sweepAt(hour * HOURS + 61 * SECONDS)
      await harness.dispatcher.drained()
      await harness.journal.settled()
      const { status, final_at } = await messageRow(store, message)
      expect(status).toBe(uncertain === 'resend' ? 'expired' : 'unconfirmed')
      expect(final_at).not.toBeNull()
    },
  )

  it('sends again only what was not answered at all, where the policy says so', async () => {
    await gateway({ policy: { uncertain: 'resend', uncertainSeconds: 60 } })
    const silent = testMessage({ createdAt: ACCEPTED_AT })
    const half = testMessage({ createdAt: ACCEPTED_AT, segments: 2 })
    const deadlineAt = new Date(ACCEPTED_AT.getTime() + 60 * SECONDS)
    for (const message of [silent, half]) {
      await write(accepted(message), submitting(message, { at: ACCEPTED_AT, deadlineAt }))
    }
    await write(
      moved(silent, 'sending', { at: ACCEPTED_AT, answers: [UNANSWERED], deadlineAt }),
      moved(half, 'sent', {
        at: ACCEPTED_AT,
        answers: [...ids('x'), { ...UNANSWERED, segment: 2 }],
        deadlineAt,
      }),
    )
    await sweepAt(61 * SECONDS)
    await harness.until(() => alpha.sent.length === 1)
    await harness.idle()
    await sweepAt(300 * SECONDS)
    expect(alpha.sent.map(({ messageId }) => messageId)).toEqual([silent.id])
    expect(await messageRow(store, silent)).toMatchObject({ status: 'sent', attempt: 2 })
    expect(await messageRow(store, half)).toMatchObject({ status: 'sent', attempt: 1 })
  })

  it('leaves alone what has ended, and what is being sent', async () => {
    let release: (outcome: SegmentOutcome) => void = () => {}
    alpha.answer = () =>
      new Promise<SegmentOutcome>((resolve) => {
        release = resolve
      })
    await gateway()
    const ended = await sent(0)
    await write(receipt(ended.id, 'DELIVERED'))
    const sending = testMessage({ createdAt: ACCEPTED_AT })
    await harness.spool.write(accepted(sending))
    harness.dispatcher.enqueue(sending)
    await harness.until(() => alpha.sent.length === 1)
    await harness.journal.settled()
    await sweepAt(100 * HOURS)
    expect(await statusOf(ended)).toBe('delivered')
    expect(await statusOf(sending)).toBe('sending')
    release(alpha.accept())
    await harness.idle()
    expect(await statusOf(sending)).toBe('sent')
  })

  it('does not undo a receipt that comes while it sweeps', async () => {
    await gateway()
    const message = await sent(0)
    harness.now = new Date(ACCEPTED_AT.getTime() + 100 * HOURS)
    const sweeping = harness.sweeper.sweep()
    await harness.spool.write(receipt(message.id, 'DELIVERED'))
    await sweeping
    await harness.journal.settled()
    const status = await statusOf(message)
    expect(await outboxRows(store)).toMatchObject([{ payload: { status } }])
  })

  it('can be closed without having started', async () => {
    await gateway()
    await harness.sweeper.close()
    harness.sweeper.start()
    await harness.sweeper.close()
  })
})

const WAIT_A_MINUTE = {
  backoff: 'fixed',
  firstSeconds: 60,
  maxSeconds: 60,
  jitter: 'none',
  maxAttempts: 0,
} as const

const UNANSWERED = {
  segment: 1,
  state: 'uncertain',
  carrierMessageId: null,
  matchKey: null,
  code: null,
  rawCode: null,
} as const
