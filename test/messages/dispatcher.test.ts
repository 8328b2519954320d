import { sql } from 'drizzle-orm'
import { afterAll, afterEach, beforeAll, describe, expect, it } from 'vitest'
import type { SegmentOutcome } from '../../src/carriers/carrier.ts'
import { decodeEntries } from '../../src/messages/journal-codec.ts'
import type { Message } from '../../src/messages/message.ts'
import type { Store } from '../../src/store/open.ts'
import { testDatabases, truncate } from '../support/database.ts'
import { accepted, attemptRows, eventRows, messageRow, TENANT, testMessage } from './builders.ts'
import { FakeCarrier, NOT_SENT, REFUSED, type SentSegment, THROTTLED } from './fake-carrier.ts'
import { Harness, request } from './harness.ts'

const LONG = 'a'.repeat(400)

describe.each(testDatabases())('Dispatcher on $name', ({ open }) => {
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

  async function gateway(
    carriers: readonly FakeCarrier[],
    options: Parameters<typeof Harness.open>[2] = {},
  ): Promise<Harness> {
    const harness = await Harness.open(store, carriers, options)
    harnesses.push(harness)
    return harness
  }

  async function accept(harness: Harness, ...texts: readonly string[]): Promise<Message[]> {
    const accepting = texts.map((text) => harness.intake.accept(TENANT, request({ text })))
    return Promise.all(accepting)
  }

  async function statusOf(message: Message): Promise<string> {
    for (const { journal } of harnesses) await journal.settled()
    return (await messageRow(store, message)).status
  }

  it('sends messages in the order of their acceptance and stores what became of them', async () => {
    const alpha = new FakeCarrier('alpha')
    const harness = await gateway([alpha])
    const texts = Array.from({ length: 60 }, (_, n) => `text ${n}`)
    const messages = await accept(harness, ...texts)
    await harness.idle()
    expect(alpha.sent.map(({ text }) => text)).toEqual(texts)
    for (const message of [messages[0], messages[59]] as Message[]) {
      expect(await messageRow(store, message)).toMatchObject({ status: 'sent', attempt: 1 })
    }
    expect(harness.dispatcher.queueLengths()).toEqual([
      { carrier: 'alpha', waiting: 0, inFlight: 0 },
    ])
  })

  it('has journalled the submit before the carrier sees it', async () => {
    const seen: [string, number][] = []
    const alpha = new FakeCarrier('alpha', async ({ messageId }) => {
      const rows = await store.query<{ entries: string }>(sql`select entries from journal`)
      for (const entry of rows.flatMap(({ entries }) => decodeEntries(entries))) {
        const resolved = entry.resolve(() => testMessage({ id: messageId }))
        if (resolved?.kind === 'submitting') seen.push([resolved.carrier, resolved.attempt])
      }
      return alpha.accept()
    })
    const harness = await Harness.open(store, [alpha], { gatherMs: 60_000 })
    harnesses.push(harness)
    await accept(harness, 'Hello')
    await harness.idle()
    expect(seen).toEqual([['alpha', 1]])
  })

  it('has at most two windows at a carrier', async () => {
    let inFlight = 0
    let most = 0
    const answers: (() => void)[] = []
    const alpha = new FakeCarrier('alpha', () => {
      most = Math.max(most, ++inFlight)
      return new Promise((resolve) => {
        answers.push(() => {
          inFlight--
          resolve(alpha.accept())
        })
      })
    })
    alpha.windowSize = 2
    const harness = await gateway([alpha])
    await accept(harness, ...Array.from({ length: 12 }, (_, n) => `text ${n}`))
    for (let answered = 0; answered < 12; answered++) {
      await harness.until(() => answers.length > 0)
      answers.shift()?.()
    }
    await harness.idle()
    expect(most).toBe(4)
  })

  it('lets a throttled segment wait and sends it once more', async () => {
    const alpha = new FakeCarrier('alpha', ({ text, time }) =>
      text === 'slow' && time === 1 ? THROTTLED : alpha.accept(),
    )
    const harness = await gateway([alpha])
    const [slow] = await accept(harness, 'slow', 'other')
    await harness.idle()
    expect(alpha.sent.filter(({ text }) => text === 'slow').map(({ time }) => time)).toEqual([1, 2])
    expect(await messageRow(store, slow as Message)).toMatchObject({ status: 'sent', attempt: 1 })
    expect(await attemptRows(store, slow as Message)).toHaveLength(1)
  })

  it('tells what is left of the validity with every try, the same for all segments', async () => {
    const start = new Date('2026-01-02T03:04:05Z')
    const alpha = new FakeCarrier('alpha', ({ segment, time }) => {
      if (time > 1) return alpha.accept()
      if (segment === 1) harness.now = new Date(start.getTime() + 30_000)
      return THROTTLED
    })
    const harness = await gateway([alpha])
    harness.now = start
    await harness.intake.accept(TENANT, request({ text: LONG, validitySeconds: 600 }))
    await harness.idle()
    const left = alpha.sent.map(({ time, validMs }) => [time, validMs])
    expect(left).toEqual([
      [1, 600_000],
      [1, 600_000],
      [1, 600_000],
      [2, 570_000],
      [2, 570_000],
      [2, 570_000],
    ])
  })

  it('does not send again what has expired while its carrier asked for patience', async () => {
    const start = new Date('2026-01-02T03:04:05Z')
    const alpha = new FakeCarrier('alpha', () => {
      harness.now = new Date(start.getTime() + 600_000)
      return THROTTLED
    })
    const harness = await gateway([alpha])
    harness.now = start
    const message = await harness.intake.accept(TENANT, request({ validitySeconds: 600 }))
    await harness.idle()
    expect(alpha.sent).toHaveLength(1)
    expect(await messageRow(store, message)).toMatchObject({
      status: 'expired',
      error_code: 'expired',
      dead_letter: 'expired',
    })
    expect(await attemptRows(store, message)).toMatchObject([{ state: 'not_sent' }])
  })

  it('goes to the next carrier after a refusal', async () => {
    const alpha = new FakeCarrier('alpha', () => REFUSED)
    const beta = new FakeCarrier('beta')
    const harness = await gateway([alpha, beta])
    const [message] = (await accept(harness, 'Hello')) as [Message]
    await harness.idle()
    expect(await messageRow(store, message)).toMatchObject({
      status: 'sent',
      carrier: 'beta',
      attempt: 2,
      error_code: null,
    })
    expect(await attemptRows(store, message)).toMatchObject([
      { attempt: 1, carrier: 'alpha', state: 'refused', carrier_message_id: null },
      { attempt: 2, carrier: 'beta', state: 'sent', carrier_message_id: 'beta-1' },
    ])
    expect((await eventRows(store, message)).map(({ type }) => type)).toEqual([
      'accepted',
      'routed',
      'submitted',
      'response',
      'routed',
      'submitted',
      'response',
    ])
  })

  it('fails a message that every carrier has refused', async () => {
    const carriers = ['alpha', 'beta'].map((name) => new FakeCarrier(name, () => REFUSED))
    const harness = await gateway(carriers)
    const [message] = (await accept(harness, 'Hello')) as [Message]
    await harness.idle()
    expect(await messageRow(store, message)).toMatchObject({
      status: 'failed',
      error_code: 'destination_invalid',
    })
  })

  it('routes again what waits for a carrier that went down', async () => {
    const alpha = new FakeCarrier('alpha')
    const beta = new FakeCarrier('beta')
    alpha.windowSize = 0
    const harness = await gateway([alpha, beta])
    const messages = await accept(harness, 'one', 'two', 'three')
    expect(harness.dispatcher.queueLengths()[0]).toMatchObject({ carrier: 'alpha', waiting: 3 })
    alpha.isUp = false
    harness.dispatcher.onCapacityChange('alpha')
    await harness.idle()
    expect(alpha.sent).toEqual([])
    expect(beta.sent.map(({ text }) => text)).toEqual(['one', 'two', 'three'])
    for (const message of messages) {
      expect(await messageRow(store, message)).toMatchObject({ status: 'sent', carrier: 'beta' })
    }
  })

  it('waits for a carrier when all are down, in order', async () => {
    const alpha = new FakeCarrier('alpha')
    alpha.isUp = false
    const harness = await gateway([alpha])
    await accept(harness, 'one', 'two')
    harness.dispatcher.onCapacityChange('alpha')
    expect(harness.dispatcher.queueLengths()[0]).toMatchObject({ waiting: 2, inFlight: 0 })
    alpha.isUp = true
    harness.dispatcher.onCapacityChange('alpha')
    await harness.idle()
    expect(alpha.sent.map(({ text }) => text)).toEqual(['one', 'two'])
  })

  it('sends the rest of a half-sent message when the carrier is back', async () => {
    const alpha: FakeCarrier = new FakeCarrier('alpha', ({ segment }) => {
      if (segment === 1) return alpha.accept()
      if (alpha.sent.length > 3) return alpha.accept()
      alpha.isUp = false
      return NOT_SENT
    })
    const harness = await gateway([alpha, new FakeCarrier('beta')])
    const [message] = (await accept(harness, LONG)) as [Message]
    await harness.until(() => alpha.sent.length === 3)
    // Answers first, then the resumption waits for the carrier.
    await new Promise((resolve) => setImmediate(resolve))
    expect(await statusOf(message)).toBe('sending')
    alpha.isUp = true
    harness.dispatcher.onCapacityChange('alpha')
    await harness.idle()
    expect(alpha.sent.map(({ segment }) => segment)).toEqual([1, 2, 3, 2, 3])
    expect((await attemptRows(store, message)).map(({ state }) => state)).toEqual([
      'sent',
      'sent',
      'sent',
    ])
    expect(await statusOf(message)).toBe('sent')
  })

  it('sends a segment again that a passing refusal has kept from a half-sent message', async () => {
    const alpha: FakeCarrier = new FakeCarrier('alpha', ({ segment, time }) =>
      segment === 2 && time === 1
        ? {
            kind: 'refused',
            code: 'carrier_refused',
            rawCode: '0x00000045',
            reason: 'not now',
            class: 'passing',
          }
        : alpha.accept(),
    )
    const harness = await gateway([alpha, new FakeCarrier('beta')])
    const [message] = (await accept(harness, LONG)) as [Message]
    await harness.idle()
    expect(alpha.sent.map(({ segment }) => segment)).toEqual([1, 2, 3, 2])
    expect(await messageRow(store, message)).toMatchObject({ status: 'sent', carrier: 'alpha' })
  })

  it('gives a half-sent message up at once when a segment is refused for good', async () => {
    const alpha: FakeCarrier = new FakeCarrier('alpha', ({ segment }) =>
      segment === 2
        ? {
            kind: 'refused',
            code: 'destination_invalid',
            rawCode: '0x0000000b',
            reason: 'never',
            class: 'message',
          }
        : alpha.accept(),
    )
    const harness = await gateway([alpha])
    const [message] = (await accept(harness, LONG)) as [Message]
    await harness.idle()
    expect(alpha.sent).toHaveLength(3)
    expect(await messageRow(store, message)).toMatchObject({
      status: 'failed',
      error_code: 'partially_sent',
    })
  })

  it('does not wait for the carrier of a half-sent message when it stops', async () => {
    const alpha: FakeCarrier = new FakeCarrier('alpha', ({ segment }) => {
      if (segment === 1) return alpha.accept()
      alpha.isUp = false
      return NOT_SENT
    })
    const harness = await gateway([alpha])
    const [message] = (await accept(harness, LONG)) as [Message]
    await harness.until(() => alpha.sent.length === 3)
    await harness.dispatcher.stop(0)
    await harness.dispatcher.drained()
    await harness.journal.settled()
    expect(await messageRow(store, message)).toMatchObject({
      status: 'failed',
      error_code: 'partially_sent',
    })
  })

  it('tries the next carrier when one cannot encode the message any more', async () => {
    const alpha = new FakeCarrier('alpha')
    const beta = new FakeCarrier('beta')
    alpha.windowSize = 0
    const harness = await gateway([alpha, beta])
    const [message] = (await accept(harness, 'Hello')) as [Message]
    alpha.layOut = () => {
      throw new Error('too long now')
    }
    alpha.windowSize = 10
    harness.dispatcher.onCapacityChange('alpha')
    await harness.idle()
    expect(await messageRow(store, message)).toMatchObject({ status: 'sent', carrier: 'beta' })
  })

  it('sends the others, whatever the tables refuse of one', async () => {
    const alpha = new FakeCarrier('alpha')
    const harness = await gateway([alpha])
    const poisoned = testMessage({ segments: 40_000 })
    const [good] = (await accept(harness, 'good')) as [Message]
    await harness.spool.write(accepted(poisoned))
    harness.dispatcher.enqueue(poisoned)
    await harness.idle()
    expect(alpha.sent).toHaveLength(2)
    expect(harness.dispatcher.queueLengths()[0]).toMatchObject({ waiting: 0, inFlight: 0 })
    expect(await statusOf(good)).toBe('sent')
  })

  it('is full at its limit, and intake then refuses', async () => {
    const alpha = new FakeCarrier('alpha')
    alpha.windowSize = 0
    const harness = await gateway([alpha], { maxQueued: 2 })
    await accept(harness, 'one', 'two')
    expect(harness.dispatcher.isFull).toBe(true)
    expect(harness.dispatcher.heldCount).toBe(2)
    await expect(accept(harness, 'three')).rejects.toMatchObject({
      code: 'queue_full',
      retryable: true,
    })
  })

  describe('stop', () => {
    it('waits for answers, and leaves what was not sent queued', async () => {
      const answers: ((outcome: SegmentOutcome) => void)[] = []
      const alpha = new FakeCarrier(
        'alpha',
        () => new Promise<SegmentOutcome>((resolve) => answers.push(resolve)),
      )
      alpha.windowSize = 1
      const harness = await gateway([alpha])
      const messages = (await accept(harness, 'one', 'two', 'three', 'four')) as Message[]
      await harness.until(() => answers.length === 2)
      const stopping = harness.dispatcher.stop(30_000)
      // The first is answered, the second never left.
      answers[0]?.(alpha.accept())
      answers[1]?.(NOT_SENT)
      await stopping
      await harness.dispatcher.drained()
      await harness.journal.settled()
      expect(await Promise.all(messages.map(statusOf))).toEqual([
        'sent',
        'queued',
        'queued',
        'queued',
      ])
      expect(alpha.sent).toHaveLength(2)
      expect((await attemptRows(store, messages[1] as Message))[0]).toMatchObject({
        state: 'not_sent',
      })
    })

    it('leaves unanswered segments to the receipt', async () => {
      const answers: ((outcome: SegmentOutcome) => void)[] = []
      const alpha = new FakeCarrier(
        'alpha',
        () => new Promise<SegmentOutcome>((resolve) => answers.push(resolve)),
      )
      const harness = await gateway([alpha])
      const [message] = (await accept(harness, 'one')) as [Message]
      await harness.until(() => answers.length === 1)
      await harness.dispatcher.stop(0)
      // What the carrier says of it when its connection is closed.
      answers[0]?.({ kind: 'uncertain', reason: 'closed' })
      await harness.dispatcher.drained()
      await harness.journal.settled()
      expect(await messageRow(store, message)).toMatchObject({
        status: 'sending',
        error_code: 'outcome_unknown',
        final_at: null,
      })
      expect(await attemptRows(store, message)).toMatchObject([{ state: 'uncertain' }])
    })

    it('ends the wait of throttled segments, which stay queued', async () => {
      const closed: (() => void)[] = []
      const alpha = new FakeCarrier('alpha', ({ time }) => {
        if (time === 1) return THROTTLED
        return new Promise((resolve) => closed.push(() => resolve(NOT_SENT)))
      })
      const harness = await gateway([alpha])
      const [message] = (await accept(harness, 'one')) as [Message]
      await harness.until(() => closed.length === 1)
      await harness.dispatcher.stop(0)
      // Its bind unbinds and gives back what was not written.
      closed[0]?.()
      await harness.dispatcher.drained()
      await harness.journal.settled()
      expect(await statusOf(message)).toBe('queued')
      expect(alpha.sent).toHaveLength(2)
    })

    it('agrees with the journal, whenever it comes', async () => {
      for (let stopAfter = 0; stopAfter < 6; stopAfter++) {
        let count = 0
        let stopping: Promise<void> | undefined
        const alpha: FakeCarrier = new FakeCarrier('alpha', (sent: SentSegment) => {
          if (count++ === stopAfter) stopping = harness.dispatcher.stop(0)
          return stopping && sent.segment > 1 ? NOT_SENT : alpha.accept()
        })
        alpha.windowSize = 2
        const harness = await gateway([alpha])
        await accept(harness, 'one', LONG, 'two', LONG, 'three')
        await harness.until(() => count > stopAfter)
        await stopping
        await harness.dispatcher.drained()
        await harness.journal.settled()
        const odd = await store.query(sql`
          select m.status, a.state from messages m
          left join attempts a on a.message_id = m.id and a.attempt = m.attempt
          where m.status = 'sending' or a.state = 'sending'
            or (m.status = 'sent' and a.state is distinct from 'sent')
            or (m.status = 'queued' and a.state is not null and a.state <> 'not_sent')`)
        expect(odd).toEqual([])
        await harness.close()
        harnesses.pop()
        await truncate(store)
      }
    })
  })
})
