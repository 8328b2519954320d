import { afterAll, beforeAll, beforeEach, describe, expect, test } from 'vitest'
import type { SubmittedSegment } from '../../src/carriers/carrier.ts'
import { Cancellation } from '../../src/messages/cancellation.ts'
import { isFinal } from '../../src/messages/states.ts'
import { Withdrawal } from '../../src/messages/withdrawal.ts'
import type { Store } from '../../src/store/open.ts'
import { testDatabases, truncate } from '../support/database.ts'
import { eventRows, messageRow, receipt, TENANT } from './builders.ts'
import { FakeCarrier } from './fake-carrier.ts'
import { claimerOf, Harness, request } from './harness.ts'

const OTHER_TENANT = '01890000-0000-7000-8000-000000000002'

describe.each(testDatabases())('cancellation, on $name', ({ open }) => {
  let store: Store
  let carrier: FakeCarrier
  let harness: Harness
  let cancellation: Cancellation

  beforeAll(async () => {
    store = await open()
  })

  afterAll(() => store.close())

  async function start(options: ConstructorParameters<typeof Harness>[2] = {}): Promise<void> {
    harness = await Harness.open(store, [carrier], options)
    const { spool, dispatcher, clock } = harness
    const { live } = harness.journal
    cancellation = new Cancellation({
      withdrawal: new Withdrawal({ ...claimerOf(harness.journal), dispatcher }),
      carriers: new Map([[carrier.name, carrier]]),
      live,
      spool,
      clock,
    })
  }

  beforeEach(async () => {
    await truncate(store)
    carrier = new FakeCarrier('alpha')
    return async () => harness.close()
  })

  test('what waits for its carrier is canceled at once and never sent', async () => {
    carrier.isUp = false
    await start()
    const message = await harness.intake.accept(TENANT, request())
    await cancellation.cancel(TENANT, message.id)
    await harness.journal.settled()
    expect(await messageRow(store, message)).toMatchObject({
      status: 'canceled',
      error_code: 'canceled',
      dead_letter: null,
      deadline_at: null,
      lease_node: null,
    })
    expect((await eventRows(store, message)).at(-1)).toMatchObject({
      type: 'canceled',
      status: 'canceled',
    })
    const other = await harness.intake.accept(TENANT, request({ text: 'another' }))
    carrier.isUp = true
    harness.dispatcher.onCapacityChange('alpha')
    await harness.until(() => other.status === 'sent')
    expect(carrier.sent.map(({ text }) => text)).toEqual(['another'])
  })

  test('what is scheduled is canceled, in memory and in the database', async () => {
    await start()
    const sendAt = new Date(Date.now() + 3_600_000)
    const fresh = await harness.intake.accept(TENANT, request({ sendAt }))
    const old = await harness.intake.accept(TENANT, request({ sendAt }))
    expect([fresh.status, old.status]).toEqual(['scheduled', 'scheduled'])
    await cancellation.cancel(TENANT, fresh.id)
    await harness.journal.settled()
    expect(harness.journal.live.get(old.id)).toBeUndefined()
    await cancellation.cancel(TENANT, old.id)
    await harness.journal.settled()
    harness.now = new Date(sendAt.getTime() + 1_000)
    await harness.sweeper.sweep()
    for (const message of [fresh, old]) {
      expect(await messageRow(store, message)).toMatchObject({ status: 'canceled', due_at: null })
    }
    expect(carrier.sent).toEqual([])
  })

  test('what waits in the database because its lane is full is canceled', async () => {
    carrier.isUp = false
    await start({ laneCapacity: 1 })
    const messages = []
    for (let index = 0; index < 4; index++) {
      messages.push(await harness.intake.accept(TENANT, request({ text: `text ${index}` })))
    }
    await harness.journal.settled()
    const last = messages.at(-1)
    if (!last) throw new Error('no message')
    expect(harness.journal.live.get(last.id)).toBeUndefined()
    await cancellation.cancel(TENANT, last.id)
    carrier.isUp = true
    harness.dispatcher.onCapacityChange('alpha')
    await harness.until(() => carrier.sent.length === 3)
    await harness.dispatcher.drained()
    await harness.journal.settled()
    expect(carrier.sent.map(({ text }) => text)).toEqual(['text 0', 'text 1', 'text 2'])
    expect(await messageRow(store, last)).toMatchObject({ status: 'canceled' })
  })

  test('twice is once, also at the same time', async () => {
    carrier.isUp = false
    await start()
    const message = await harness.intake.accept(TENANT, request())
    await Promise.all([
      cancellation.cancel(TENANT, message.id),
      cancellation.cancel(TENANT, message.id),
    ])
    await cancellation.cancel(TENANT, message.id)
    await harness.journal.settled()
    await cancellation.cancel(TENANT, message.id)
    const events = await eventRows(store, message)
    expect(events.filter(({ type }) => type === 'canceled')).toHaveLength(1)
  })

  test("another tenant's, another partner's or no message is not found", async () => {
    carrier.isUp = false
    await start()
    const { id } = await harness.intake.accept(TENANT, request({ source: 'smpp', partner: 'acme' }))
    const notFound = expect.objectContaining({ code: 'not_found' })
    await expect(cancellation.cancel(OTHER_TENANT, id)).rejects.toEqual(notFound)
    await expect(cancellation.cancel(TENANT, id, 'other')).rejects.toEqual(notFound)
    await expect(cancellation.cancel(TENANT, OTHER_TENANT)).rejects.toEqual(notFound)
    await cancellation.cancel(TENANT, id, 'acme')
  })

  test('what has ended stays so', async () => {
    await start()
    const message = await harness.intake.accept(TENANT, request())
    await harness.until(() => message.status === 'sent')
    await harness.spool.write(receipt('alpha-1', 'DELIVERED'))
    await expect(cancellation.cancel(TENANT, message.id)).rejects.toMatchObject({
      code: 'already_final',
      message: expect.stringContaining('delivered'),
    })
  })

  test('what is at a carrier without such a request stays there', async () => {
    await start()
    const message = await harness.intake.accept(TENANT, request())
    await harness.until(() => message.status === 'sent')
    await expect(cancellation.cancel(TENANT, message.id)).rejects.toMatchObject({
      code: 'not_cancelable',
      message: expect.stringContaining('alpha'),
    })
    expect(message.status).toBe('sent')
  })

  test('what is being written to a carrier is not touched, and asked of nobody', async () => {
    let answer = () => {}
    carrier.answer = () =>
      new Promise((resolve) => {
        answer = () => resolve(carrier.accept())
      })
    const asked: SubmittedSegment[] = []
    carrier.cancel = async (segment) => {
      asked.push(segment)
      return { isCanceled: true }
    }
    await start()
    const message = await harness.intake.accept(TENANT, request())
    await harness.until(() => carrier.sent.length === 1)
    await expect(cancellation.cancel(TENANT, message.id)).rejects.toMatchObject({
      code: 'not_cancelable',
    })
    answer()
    await harness.until(() => message.status === 'sent')
    expect(asked).toEqual([])
  })

  test('a carrier that has cancel_sm is asked for every segment by its own id', async () => {
    const asked: SubmittedSegment[] = []
    carrier.cancel = async (segment) => {
      asked.push(segment)
      return { isCanceled: true }
    }
    await start()
    const message = await harness.intake.accept(TENANT, request({ text: 'x'.repeat(161) }))
    await harness.until(() => message.status === 'sent')
    await cancellation.cancel(TENANT, message.id)
    expect(asked).toMatchObject([
      { carrierMessageId: 'alpha-1', to: '+447700900123', sender: { value: 'ACME', ton: 5 } },
      { carrierMessageId: 'alpha-2' },
    ])
    await harness.journal.settled()
    expect(await messageRow(store, message)).toMatchObject({ status: 'canceled', lease_node: null })
    // What the carrier says of it afterwards is a line of the timeline, no more.
    await harness.journal.write(receipt('alpha-1', 'DELIVERED'), receipt('alpha-2', 'DELIVERED'))
    expect(await messageRow(store, message)).toMatchObject({ status: 'canceled' })
  })

  test("the carrier's refusal is the reason, and the message goes on", async () => {
    carrier.cancel = async () => ({ isCanceled: false, reason: 'ESME_RCANCELFAIL (too late)' })
    await start()
    const message = await harness.intake.accept(TENANT, request())
    await harness.until(() => message.status === 'sent')
    await expect(cancellation.cancel(TENANT, message.id)).rejects.toMatchObject({
      code: 'not_cancelable',
      message: expect.stringContaining('ESME_RCANCELFAIL (too late)'),
    })
    await harness.journal.write(receipt('alpha-1', 'DELIVERED'))
    expect(await messageRow(store, message)).toMatchObject({ status: 'delivered' })
  })

  test('a race with the carrier has one winner: sent, or canceled and never sent', async () => {
    await start()
    const messages = await Promise.all(
      Array.from({ length: 60 }, (_, index) =>
        harness.intake.accept(TENANT, request({ text: `race ${index}` })),
      ),
    )
    const canceled = await Promise.all(
      messages.map(({ id }) =>
        cancellation.cancel(TENANT, id).then(
          () => true,
          () => false,
        ),
      ),
    )
    await harness.until(() => messages.every(({ status }) => status === 'sent' || isFinal(status)))
    await harness.dispatcher.drained()
    const sent = new Set(carrier.sent.map(({ messageId }) => messageId))
    messages.forEach(({ id, status }, index) => {
      expect([id, status]).toEqual([id, canceled[index] ? 'canceled' : 'sent'])
      expect(sent.has(id)).toBe(!canceled[index])
    })
    expect(sent.size + canceled.filter(Boolean).length).toBe(60)
  })
})
