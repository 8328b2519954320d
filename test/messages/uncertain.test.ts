import { afterAll, afterEach, beforeAll, describe, expect, it } from 'vitest'
import type { OutboundMessage, SegmentOutcome, Submission } from '../../src/carriers/carrier.ts'
import type { LateEntry, MovedEntry, SegmentAnswer } from '../../src/messages/journal.ts'
import { decodeEntries, encodeEntries } from '../../src/messages/journal-codec.ts'
import { lateEntry } from '../../src/messages/late.ts'
import type { Message } from '../../src/messages/message.ts'
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
  receipt,
  receiptRows,
  submitting,
  testMessage,
} from './builders.ts'
import { FakeCarrier, REFUSED, THROTTLED } from './fake-carrier.ts'
import { Harness, request } from './harness.ts'

const UNCERTAIN: SegmentAnswer = {
  segment: 1,
  state: 'uncertain',
  carrierMessageId: null,
  matchKey: null,
  code: null,
  rawCode: null,
}
const LATER = new Date(Date.now() + 3_600_000)

/** A carrier that does not answer in time, until the test does. */
class TardyCarrier extends FakeCarrier {
  readonly late: ((outcome: SegmentOutcome) => void)[] = []

  override prepare(message: OutboundMessage): Submission {
    const submission = super.prepare(message)
    return {
      ...submission,
      send: (segment, now, events = {}) => {
        if (events.onLate) this.late.push(events.onLate)
        return submission.send(segment, now, events)
      },
    }
  }
}

const SILENT = { kind: 'uncertain', reason: 'no response in time' } as const

function unanswered(message: Message, more: Partial<MovedEntry> = {}): MovedEntry {
  return moved(message, 'sending', {
    answers: [UNCERTAIN],
    errorCode: 'outcome_unknown',
    deadlineAt: LATER,
    ...more,
  })
}

function late(message: Message, outcome: SegmentOutcome, attempt = 1): LateEntry {
  return lateEntry(message, { attempt, segment: 1, outcome }, new Date(), LATER)
}

const TAKEN = { kind: 'accepted', carrierMessageId: 'L1', matchKey: 'l1' } as const

describe.each(testDatabases())('an unknown outcome on $name', ({ open }) => {
  let store: Store
  let harness: Harness | undefined

  beforeAll(async () => {
    store = await open()
  })
  afterEach(async () => {
    await harness?.close()
    harness = undefined
    await truncate(store)
  })
  afterAll(() => store.close())

  const about = (message: Message) => ({
    recipient: message.to,
    sender: message.from,
    submittedAt: null,
    reference: null,
  })

  async function pending(message: Message, journal: Journal): Promise<void> {
    await journal.write(accepted(message), submitting(message), unanswered(message))
  }

  it('ends with a late answer: the id is known, and finds the receipt that has waited', async () => {
    const journal = await Journal.open(store)
    const message = testMessage()
    await pending(message, journal)
    await journal.write(receipt('L1', 'DELIVERED'))
    expect(await messageRow(store, message)).toMatchObject({ status: 'sending' })
    await journal.write(late(message, TAKEN))
    expect(await messageRow(store, message)).toMatchObject({
      status: 'delivered',
      error_code: null,
    })
    expect(await receiptRows(store)).toEqual([])
    expect(await eventRows(store, message)).toMatchObject([
      { type: 'accepted' },
      { type: 'submitted' },
      { type: 'response', status: 'sending' },
      { type: 'response', status: 'sent', carrier: 'alpha', detail: { late: true } },
      { type: 'receipt', status: 'delivered' },
    ])
  })

  it('takes a late answer once, and waits for the receipt from then on', async () => {
    const journal = await Journal.open(store)
    const message = testMessage()
    await pending(message, journal)
    const entry = late(message, TAKEN)
    await journal.write(entry, entry)
    const row = await messageRow(store, message)
    expect(row).toMatchObject({ status: 'sent', error_code: null })
    expect(new Date(row.deadline_at ?? 0)).toEqual(LATER)
    expect(await eventRows(store, message)).toHaveLength(4)
  })

  it('a message that was sent again meanwhile stays with its second submit', async () => {
    const journal = await Journal.open(store)
    const message = testMessage()
    await pending(message, journal)
    await journal.write(
      moved(message, 'queued', { events: [] }),
      submitting(message, { attempt: 2 }),
      late(message, TAKEN),
    )
    expect(await messageRow(store, message)).toMatchObject({ status: 'sending', attempt: 2 })
    expect(await attemptRows(store, message)).toMatchObject([
      { attempt: 1, state: 'sent', carrier_message_id: 'L1' },
      { attempt: 2, state: 'sending' },
    ])
    await journal.write(receipt('L1', 'DELIVERED'))
    expect(await messageRow(store, message)).toMatchObject({ status: 'delivered' })
  })

  it('a late refusal brings the message to the next carrier, also where it asks for patience', async () => {
    for (const outcome of [REFUSED, THROTTLED]) {
      const alpha = new TardyCarrier('alpha', () => SILENT)
      const beta = new FakeCarrier('beta')
      harness = await Harness.open(store, [alpha, beta])
      const message = await harness.intake.accept('01890000-0000-7000-8000-000000000001', request())
      await harness.idle()
      expect(await messageRow(store, message)).toMatchObject({ status: 'sending' })
      alpha.late[0]?.(outcome)
      await harness.until(() => beta.sent.length === 1)
      await harness.idle()
      expect(await messageRow(store, message)).toMatchObject({ status: 'sent', carrier: 'beta' })
      expect((await eventRows(store, message)).map(({ type }) => type)).toEqual([
        'accepted',
        'routed',
        'submitted',
        'uncertain',
        'response',
        'routed',
        'submitted',
        'response',
      ])
      await harness.close()
      harness = undefined
    }
  })

  it('a late refusal from which nothing has followed is not forgotten', async () => {
    const alpha = new FakeCarrier('alpha')
    harness = await Harness.open(store, [alpha])
    const message = testMessage()
    await pending(message, harness.journal)
    await harness.journal.write(late(message, REFUSED))
    await harness.sweeper.sweep()
    await harness.until(() => alpha.sent.length === 1)
    await harness.idle()
    expect(await messageRow(store, message)).toMatchObject({ status: 'sent', attempt: 2 })
  })

  it('a late refusal of what was sent again changes nothing', async () => {
    const alpha = new TardyCarrier('alpha', ({ time }) => (time === 1 ? SILENT : alpha.accept()))
    const beta = new FakeCarrier('beta')
    harness = await Harness.open(store, [alpha, beta], {
      policy: { uncertain: 'resend', uncertainSeconds: 30 },
    })
    const message = await harness.intake.accept('01890000-0000-7000-8000-000000000001', request())
    await harness.idle()
    harness.now = new Date(Date.now() + 31_000)
    await harness.sweeper.sweep()
    await harness.until(() => alpha.sent.length === 2)
    await harness.idle()
    alpha.late[0]?.(REFUSED)
    await harness.dispatcher.drained()
    await harness.journal.settled()
    expect(await messageRow(store, message)).toMatchObject({ status: 'sent', attempt: 2 })
    expect(await attemptRows(store, message)).toMatchObject([
      { state: 'refused' },
      { state: 'sent' },
    ])
    expect(beta.sent).toEqual([])
  })

  it('is settled by a receipt that its recipient finds in the tables', async () => {
    const message = testMessage()
    const journal = await Journal.open(store, { maxKept: 0 })
    await pending(message, journal)
    expect(journal.live.get(message.id)).toBeUndefined()
    await journal.write(receipt('x7', 'DELIVERED', { about: about(message) }))
    expect(await messageRow(store, message)).toMatchObject({ status: 'delivered' })
    expect(await attemptRows(store, message)).toMatchObject([
      { state: 'delivered', carrier_message_id: 'x7', match_key: 'x7' },
    ])
    expect(await receiptRows(store)).toEqual([])
  })

  it('becomes sent by a receipt that is not the last', async () => {
    const journal = await Journal.open(store)
    const message = testMessage()
    await pending(message, journal)
    await journal.write(receipt('x8', 'ENROUTE', { about: about(message) }))
    expect(await messageRow(store, message)).toMatchObject({ status: 'sent' })
    await journal.write(receipt('x8', 'UNDELIVERABLE', { about: about(message) }))
    expect(await messageRow(store, message)).toMatchObject({ status: 'undelivered' })
  })

  it('leaves a receipt to a submit that still waits for its response', async () => {
    const journal = await Journal.open(store)
    const [lost, waiting] = [testMessage(), testMessage()]
    await pending(lost, journal)
    await journal.write(accepted(waiting), submitting(waiting))
    await journal.write(receipt('x9', 'DELIVERED', { about: about(lost) }))
    expect(await messageRow(store, lost)).toMatchObject({ status: 'sending' })
    await journal.write(moved(waiting, 'sent', { answers: ids('x9') }))
    expect(await messageRow(store, waiting)).toMatchObject({ status: 'delivered' })
    expect(await messageRow(store, lost)).toMatchObject({ status: 'sending' })
  })

  it('keeps what tells whose a receipt is while it waits, in the table and in the journal', async () => {
    const journal = await Journal.open(store)
    const message = testMessage()
    const submittedAt = new Date('2026-11-20T10:00:00Z')
    const entry = receipt('x10', 'DELIVERED', {
      about: { ...about(message), submittedAt, reference: 7 },
    })
    await journal.write(entry)
    expect(await receiptRows(store)).toMatchObject([
      {
        about: {
          recipient: '+447700900123',
          sender: 'ACME',
          submitted_at: '2026-11-20T10:00:00.000Z',
          reference: 7,
        },
      },
    ])
    const [read] = decodeEntries(encodeEntries([entry]))
    expect(read?.resolve(() => undefined)).toEqual(entry)
    const answer = late(message, REFUSED)
    const [again] = decodeEntries(encodeEntries([answer]))
    expect(again?.resolve(() => message)).toEqual(answer)
  })
})
