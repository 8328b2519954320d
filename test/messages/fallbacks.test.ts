import { sql } from 'drizzle-orm'
import { afterAll, beforeAll, beforeEach, describe, expect, test } from 'vitest'
import type { FallbackStep } from '../../src/core/fallback.ts'
import { endEntry } from '../../src/messages/endings.ts'
import { Fallbacks } from '../../src/messages/fallbacks.ts'
import type { Message } from '../../src/messages/message.ts'
import type { MessageRequest } from '../../src/messages/message-request.ts'
import type { Store } from '../../src/store/open.ts'
import { testDatabases, truncate } from '../support/database.ts'
import { eventRows, messageRow, TENANT } from './builders.ts'
import { FakeCarrier } from './fake-carrier.ts'
import { Harness, request, startOver } from './harness.ts'

const MAIL: FallbackStep = {
  channel: 'email',
  to: 'anna@example.com',
  from: 'Shop',
  text: 'Hello by mail',
  template: null,
  mail: { subject: 'Hello', html: '<b>Hello</b>' },
}
const HOOK: FallbackStep = {
  channel: 'webhook',
  to: 'erp',
  from: '',
  text: 'Hello',
  template: null,
  mail: null,
}

describe.each(testDatabases())('fallbacks, on $name', ({ open }) => {
  let store: Store
  let sms: FakeCarrier
  let mail: FakeCarrier
  let harness: Harness
  let fallbacks: Fallbacks

  beforeAll(async () => {
    store = await open()
  })

  afterAll(() => store.close())

  beforeEach(async () => {
    await truncate(store)
    sms = new FakeCarrier('alpha')
    mail = new FakeCarrier('beta')
    mail.channel = 'email'
    harness = await Harness.open(store, [sms, mail])
    fallbacks = fallbacksOf(harness)
    return async () => harness.close()
  })

  function fallbacksOf({ journal, intake, spool, logger, clock }: Harness): Fallbacks {
    return new Fallbacks({ store, live: journal.live, intake, spool, logger, clock })
  }

  function chained(
    steps: readonly FallbackStep[],
    more: Partial<NonNullable<MessageRequest['fallback']>> = {},
  ): MessageRequest {
    const on = ['failed', 'undelivered', 'expired'] as const
    return request({
      clientReference: 'order 1',
      fallback: { steps, on, afterSeconds: null, ...more },
    })
  }

  /** A message that has ended, its end being in the tables. */
  async function ended(
    asked: MessageRequest,
    how: 'expired' | 'unconfirmed' | 'canceled' = 'expired',
  ): Promise<Message> {
    sms.isUp = false
    const message = await harness.intake.accept(TENANT, asked)
    harness.dispatcher.withdraw(message.id)
    // Only what a carrier has can be unconfirmed.
    if (how === 'unconfirmed') message.status = 'sent'
    await harness.spool.write(endEntry(message, how, harness.clock()))
    const live = harness.journal.live.get(message.id)
    if (live) harness.journal.live.letGo(live)
    await harness.journal.settled()
    return message
  }

  async function all() {
    await harness.journal.settled()
    return store.query<{
      id: string
      channel: string
      status: string
      fallback_of: string | null
      fallback_as: string | null
    }>(sql`select id, channel, status, fallback_of, fallback_as from messages order by id`)
  }

  test('what is lost is sent by the next channel, once, and both name each other', async () => {
    const first = await ended(chained([MAIL]))
    await fallbacks.sweep()
    await fallbacks.sweep()
    await harness.until(() => mail.sent.length === 1)
    const [before, after, ...others] = await all()
    expect(others).toEqual([])
    if (!before || !after) throw new Error('two messages are missing')
    expect(before).toMatchObject({ id: first.id, channel: 'sms', fallback_as: after.id })
    expect(after).toMatchObject({ channel: 'email', fallback_of: first.id, fallback_as: null })
    const row = await messageRow(store, after)
    expect(Number(row?.price_micros)).toBe(20_000)
    expect(row).toMatchObject({
      to_number: 'anna@example.com',
      from_sender: 'Shop',
      body: 'Hello by mail',
      mail: JSON.stringify(MAIL.mail),
      client_reference: 'order 1',
      carrier: 'beta',
      encoding: 'utf8',
      segments: 1,
      country: 'ZZ',
      fallback: null,
    })
    expect((await eventRows(store, first)).at(-1)).toMatchObject({
      type: 'fell_back',
      status: 'expired',
      detail: { cause: 'expired', fallback_as: after.id, channel: 'email' },
    })
    expect((await eventRows(store, after))[0]).toMatchObject({
      type: 'accepted',
      detail: { fallback_of: first.id },
    })
  })

  test('a message that is refused by its carrier falls back, and the next one in turn', async () => {
    const hook = new FakeCarrier('gamma')
    hook.channel = 'webhook'
    const refuse = () =>
      ({
        kind: 'refused',
        code: 'destination_invalid',
        rawCode: '11',
        reason: 'no',
        class: 'final',
      }) as const
    sms.answer = refuse
    mail.answer = refuse
    await harness.close()
    harness = await Harness.open(store, [sms, mail, hook])
    fallbacks = fallbacksOf(harness)
    await harness.intake.accept(TENANT, chained([MAIL, HOOK]))
    await harness.until(() => sms.sent.length === 1)
    await harness.idle()
    await fallbacks.sweep()
    await harness.until(() => mail.sent.length === 1)
    await harness.idle()
    await fallbacks.sweep()
    await harness.until(() => hook.sent.length === 1)
    const rows = await all()
    expect(rows.map(({ channel }) => channel)).toEqual(['sms', 'email', 'webhook'])
    expect(rows.map(({ fallback_of }) => fallback_of)).toEqual([null, rows[0]?.id, rows[1]?.id])
  })

  test.each(['canceled', 'unconfirmed'] as const)('what is %s does not fall back', async (how) => {
    await ended(chained([MAIL]), how)
    await fallbacks.sweep()
    expect(await all()).toMatchObject([{ status: how, fallback_as: null }])
  })

  test('what is unconfirmed does where its sender wants that', async () => {
    await ended(chained([MAIL], { on: ['unconfirmed'] }), 'unconfirmed')
    await fallbacks.sweep()
    expect(await all()).toHaveLength(2)
  })

  test('without a receipt in time the next channel is tried as well', async () => {
    harness.now = new Date()
    const { createdAt } = await harness.intake.accept(TENANT, chained([MAIL], { afterSeconds: 60 }))
    await harness.until(() => sms.sent.length === 1)
    await harness.idle()
    harness.now = new Date(createdAt.getTime() + 59_000)
    await fallbacks.sweep()
    expect(await all()).toHaveLength(1)
    harness.now = new Date(createdAt.getTime() + 60_000)
    await fallbacks.sweep()
    const [before, after] = await all()
    expect(before).toMatchObject({ status: 'sent', fallback_as: after?.id })
    expect(before && (await eventRows(store, before)).at(-1)).toMatchObject({
      type: 'fell_back',
      status: 'sent',
      detail: { cause: 'no_receipt' },
    })
  })

  test('a channel that nobody serves is passed over, and the timeline says why', async () => {
    const first = await ended(chained([HOOK, MAIL]))
    await fallbacks.sweep()
    expect(await all()).toMatchObject([{ channel: 'sms' }, { channel: 'email' }])
    expect((await eventRows(store, first)).at(-1)?.detail).toMatchObject({
      channel: 'email',
      passed_over: [{ channel: 'webhook', code: 'no_route' }],
    })
  })

  test('where no channel is left that is the end', async () => {
    const first = await ended(chained([HOOK]))
    await fallbacks.sweep()
    await fallbacks.sweep()
    expect(await all()).toHaveLength(1)
    expect(await messageRow(store, first)).toMatchObject({ fallback: null, fallback_as: null })
    const lines = (await eventRows(store, first)).filter(({ type }) => type === 'fallback_failed')
    expect(lines).toMatchObject([{ detail: { passed_over: [{ code: 'no_route' }] } }])
  })

  test('what cannot be taken just now is taken later', async () => {
    await ended(chained([MAIL]))
    harness.intake.close()
    await fallbacks.sweep()
    expect(await all()).toMatchObject([{ fallback_as: null }])
    await harness.close()
    harness = await Harness.open(store, [sms, mail])
    await fallbacksOf(harness).sweep()
    expect(await all()).toHaveLength(2)
  })

  test('after a crash the commit holds both or none: never twice', async () => {
    const first = await ended(chained([MAIL]))
    mail.isUp = false
    // The tables do not hear of it: only the journal has it when the next run starts.
    harness.journal.tables.wake = () => {}
    await fallbacks.sweep()
    const next = await startOver(store, harness.clock)
    const revived = new Harness(next, [sms, mail])
    await fallbacksOf(revived).sweep()
    await next.settled()
    const rows = await store.query<{ id: string; fallback_as: string | null }>(
      sql`select id, fallback_as from messages order by id`,
    )
    expect(rows).toMatchObject([{ id: first.id, fallback_as: rows[1]?.id }, { fallback_as: null }])
    expect(rows).toHaveLength(2)
    await revived.close()
  })
})
