import { afterAll, afterEach, beforeAll, describe, expect, it } from 'vitest'
import type { SegmentOutcome } from '../../src/carriers/carrier.ts'
import { DeadlineSweeper } from '../../src/messages/deadline.ts'
import type { Message } from '../../src/messages/message.ts'
import { type Recovered, recover } from '../../src/messages/recovery.ts'
import { messageFromRow } from '../../src/messages/rows.ts'
import type { Store } from '../../src/store/open.ts'
import { messages as messagesTable } from '../../src/store/schema/messages.ts'
import { testDatabases, truncate } from '../support/database.ts'
import {
  accepted,
  attemptRows,
  eventRows,
  ids,
  messageRow,
  moved,
  outboxRows,
  partnerMessage,
  receipt,
  sent,
  submitting,
  testMessage,
  write,
} from './builders.ts'
import { FakeCarrier } from './fake-carrier.ts'
import { Harness } from './harness.ts'

const HOUR_MS = 3_600_000

describe.each(testDatabases())('after a start on $name', ({ open }) => {
  let store: Store
  const harnesses: Harness[] = []

  beforeAll(async () => {
    store = await open()
  })
  afterEach(async () => {
    for (const harness of harnesses.splice(0)) await harness.close()
    await truncate(store)
  })
  afterAll(() => store.close())

  function gateway(...carriers: readonly FakeCarrier[]): Harness {
    const harness = new Harness(store, carriers)
    harnesses.push(harness)
    return harness
  }

  function recovered(harness: Harness, ...carriers: readonly FakeCarrier[]): Promise<Recovered> {
    return recover({
      store,
      spool: harness.spool,
      routes: harness.routes,
      dispatcher: harness.dispatcher,
      carriers: new Set(carriers.map(({ name }) => name)),
      logger: harness.logger,
      clock: harness.clock,
    })
  }

  it('has nothing to do on an empty database', async () => {
    const alpha = new FakeCarrier('alpha')
    const harness = gateway(alpha)
    expect(await recovered(harness, alpha)).toEqual({ queued: 0, uncertain: 0 })
    expect(harness.logger.lines).toEqual([])
  })

  it('sends what was queued, oldest first, as it was accepted', async () => {
    const texts = ['one', 'NULL', '"three\\', '👩‍👩‍👧‍👦']
    const queued = texts.map((text) => testMessage({ text }))
    await write(store, ...queued.map(accepted))
    const alpha = new FakeCarrier('alpha')
    const harness = gateway(alpha)
    expect(await recovered(harness, alpha)).toEqual({ queued: 4, uncertain: 0 })
    await harness.until(() => harness.dispatcher.heldCount === 0)
    expect(alpha.sent.map(({ text }) => text)).toEqual(texts)
    expect(await messageRow(store, queued[3] as Message)).toMatchObject({ status: 'sent' })
  })

  it('reads more than a page', async () => {
    const queued = Array.from({ length: 1_001 }, () => testMessage())
    await write(store, ...queued.map(accepted))
    const alpha = new FakeCarrier('alpha')
    alpha.isUp = false
    const harness = gateway(alpha)
    expect(await recovered(harness, alpha)).toMatchObject({ queued: 1_001 })
    expect(harness.dispatcher.heldCount).toBe(1_001)
  })

  it('gives a message back to the dispatcher with every field', async () => {
    const message = partnerMessage({
      text: '',
      raw: { octets: Buffer.from([0, 255]), esmClass: 0x40, dataCoding: 4 },
      maxSegments: 2,
      clientReference: 'ref',
      priceMicros: 2n ** 60n,
      trafficClass: 'otp',
    })
    await write(store, accepted(message))
    const [row] = await store.db.select().from(messagesTable)
    expect(row && messageFromRow(row)).toEqual(message)
  })

  it('does not send again what may be with the carrier', async () => {
    const unanswered = partnerMessage({ segments: 2 })
    await write(store, accepted(unanswered))
    await write(store, submitting(unanswered))
    const done = testMessage()
    await sent(store, done, 'x')
    const alpha = new FakeCarrier('alpha')
    const harness = gateway(alpha)
    expect(await recovered(harness, alpha)).toEqual({ queued: 0, uncertain: 1 })
    expect(alpha.sent).toEqual([])
    expect(harness.dispatcher.heldCount).toBe(0)
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

  it('settles an interrupted submit once, however often it starts', async () => {
    const message = testMessage()
    await write(store, accepted(message))
    await write(store, submitting(message))
    const alpha = new FakeCarrier('alpha')
    const harness = gateway(alpha)
    expect(await recovered(harness, alpha)).toMatchObject({ uncertain: 1 })
    expect(await recovered(harness, alpha)).toMatchObject({ uncertain: 0 })
  })

  it('leaves finished messages alone', async () => {
    for (const end of ['failed', 'canceled', 'unconfirmed'] as const) {
      const message = testMessage()
      await sent(store, message, end)
      await write(store, moved(message, end))
    }
    const alpha = new FakeCarrier('alpha')
    expect(await recovered(gateway(alpha), alpha)).toEqual({ queued: 0, uncertain: 0 })
  })

  it('takes messages of a carrier that is gone to another', async () => {
    const message = testMessage({ carrier: 'gone' })
    await write(store, accepted(message))
    const alpha = new FakeCarrier('alpha')
    const harness = gateway(alpha)
    expect(await recovered(harness, alpha)).toMatchObject({ queued: 1 })
    await harness.until(() => harness.dispatcher.heldCount === 0)
    expect(await messageRow(store, message)).toMatchObject({ status: 'sent', carrier: 'alpha' })
    expect((await eventRows(store, message)).map(({ type }) => type)).toContain('routed')
  })

  it('says which message nobody takes any more', async () => {
    const message = testMessage({ carrier: 'gone' })
    await write(store, accepted(message))
    const harness = gateway()
    await recovered(harness)
    expect(harness.logger.lines[0]).toEqual([
      'error',
      'no configured carrier takes this message any more, it waits',
      { messageId: message.id, carrier: 'gone' },
    ])
    expect(await messageRow(store, message)).toMatchObject({ status: 'queued' })
  })

  describe('the deadline', () => {
    const accept = new Date('2026-01-01T00:00:00Z')

    async function sentAt(at: Date, more: Partial<Message> = {}): Promise<Message> {
      const message = partnerMessage({ createdAt: at, ...more })
      await write(store, accepted(message))
      await write(store, submitting(message, { at }))
      await write(store, moved(message, 'sent', { at, answers: ids(message.id) }))
      return message
    }

    function sweeperOf(harness: Harness): DeadlineSweeper {
      const { spool, dispatcher, logger, clock } = harness
      return new DeadlineSweeper({ store, spool, dispatcher, logger, clock })
    }

    it('ends what has no receipt after 72 hours, not before', async () => {
      const harness = gateway(new FakeCarrier('alpha'))
      const message = await sentAt(accept)
      const sweeper = sweeperOf(harness)
      harness.now = new Date(accept.getTime() + 72 * HOUR_MS)
      expect(await sweeper.sweep()).toBe(0)
      harness.now = new Date(accept.getTime() + 72 * HOUR_MS + 1)
      expect(await sweeper.sweep()).toBe(1)
      expect(await messageRow(store, message)).toMatchObject({
        status: 'unconfirmed',
        error_code: 'receipt_missing',
      })
      expect(await outboxRows(store)).toMatchObject([{ payload: { status: 'unconfirmed' } }])
      expect((await eventRows(store, message)).at(-1)).toMatchObject({
        type: 'unconfirmed',
        status: 'unconfirmed',
      })
      expect(await sweeper.sweep()).toBe(0)
    })

    it('ends an interrupted submit too', async () => {
      const harness = gateway(new FakeCarrier('alpha'))
      const message = testMessage({ createdAt: accept })
      await write(store, accepted(message))
      await write(store, submitting(message, { at: accept }))
      harness.now = new Date(accept.getTime() + 100 * HOUR_MS)
      expect(await sweeperOf(harness).sweep()).toBe(1)
      expect(await messageRow(store, message)).toMatchObject({ status: 'unconfirmed' })
    })

    it('expires what no carrier has taken, whether it waits in a lane or nowhere', async () => {
      const down = new FakeCarrier('alpha')
      down.isUp = false
      const harness = gateway(down)
      const waiting = partnerMessage({ createdAt: accept })
      const forgotten = testMessage({ createdAt: accept, carrier: 'gone' })
      const young = testMessage({ createdAt: new Date(accept.getTime() + HOUR_MS) })
      await write(store, accepted(waiting), accepted(forgotten), accepted(young))
      harness.dispatcher.enqueue(waiting)
      harness.dispatcher.enqueue(young)
      harness.now = new Date(accept.getTime() + 72 * HOUR_MS + 1)
      expect(await sweeperOf(harness).sweep()).toBe(2)
      expect(await messageRow(store, waiting)).toMatchObject({
        status: 'expired',
        error_code: 'expired',
      })
      expect(await messageRow(store, forgotten)).toMatchObject({ status: 'expired' })
      expect(await messageRow(store, young)).toMatchObject({ status: 'queued' })
      expect(harness.dispatcher.heldCount).toBe(1)
      expect(await outboxRows(store)).toMatchObject([{ payload: { status: 'expired' } }])
      down.isUp = true
      harness.dispatcher.onCapacityChange('alpha')
      await harness.until(() => harness.dispatcher.heldCount === 0)
      expect(down.sent.map(({ messageId }) => messageId)).toEqual([young.id])
    })

    it('leaves alone what has ended, and what is being sent', async () => {
      let release: (outcome: SegmentOutcome) => void = () => {}
      const alpha = new FakeCarrier(
        'alpha',
        () =>
          new Promise<SegmentOutcome>((resolve) => {
            release = resolve
          }),
      )
      const harness = gateway(alpha)
      const ended = await sentAt(accept)
      await write(store, receipt(ended.id, 'DELIVERED'))
      const sending = testMessage({ createdAt: accept })
      await write(store, accepted(sending))
      harness.dispatcher.enqueue(sending)
      await harness.until(() => alpha.sent.length === 1)
      harness.now = new Date(accept.getTime() + 100 * HOUR_MS)
      expect(await sweeperOf(harness).sweep()).toBe(0)
      expect(await messageRow(store, ended)).toMatchObject({ status: 'delivered' })
      expect(await messageRow(store, sending)).toMatchObject({ status: 'sending' })
      release(alpha.accept())
      await harness.until(() => harness.dispatcher.heldCount === 0)
    })

    it('does not undo a receipt that comes while it sweeps', async () => {
      const harness = gateway(new FakeCarrier('alpha'))
      const message = await sentAt(accept)
      harness.now = new Date(accept.getTime() + 100 * HOUR_MS)
      const sweeping = sweeperOf(harness).sweep()
      await harness.spool.write(receipt(message.id, 'DELIVERED'))
      await sweeping
      const { status } = await messageRow(store, message)
      expect(await outboxRows(store)).toMatchObject([{ payload: { status } }])
    })

    it('can be closed without having started', async () => {
      const sweeper = sweeperOf(gateway(new FakeCarrier('alpha')))
      await sweeper.close()
      sweeper.start()
      await sweeper.close()
    })
  })
})
