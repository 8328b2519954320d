import { afterAll, beforeAll, beforeEach, describe, expect, test } from 'vitest'
import { recover } from '../../src/messages/recovery.ts'
import { Replacement } from '../../src/messages/replacement.ts'
import { Withdrawal } from '../../src/messages/withdrawal.ts'
import type { Store } from '../../src/store/open.ts'
import { testDatabases, truncate } from '../support/database.ts'
import { eventRows, Journal, messageRow, TENANT } from './builders.ts'
import { FakeCarrier, REFUSED } from './fake-carrier.ts'
import { claimerOf, Harness, request, testPolicies } from './harness.ts'
import { keepingLogger } from './keeping-logger.ts'

const OTHER_TENANT = '01890000-0000-7000-8000-000000000002'
const HOUR_MS = 3_600_000

describe.each(testDatabases())('replacement, on $name', ({ open }) => {
  let store: Store
  let carrier: FakeCarrier
  let harness: Harness
  let replacement: Replacement

  beforeAll(async () => {
    store = await open()
  })

  afterAll(() => store.close())

  beforeEach(async () => {
    await truncate(store)
    carrier = new FakeCarrier('alpha')
    carrier.isUp = false
    harness = await Harness.open(store, [carrier])
    const { intake, dispatcher, spool, clock } = harness
    const { live } = harness.journal
    replacement = new Replacement({
      withdrawal: new Withdrawal({ ...claimerOf(harness.journal), dispatcher }),
      intake,
      dispatcher,
      live,
      spool,
      policyFor: testPolicies(),
      clock,
    })
    return async () => harness.close()
  })

  function connect(): void {
    carrier.isUp = true
    harness.dispatcher.onCapacityChange('alpha')
  }

  const later = (hours: number) => new Date(Date.now() + hours * HOUR_MS)

  test('another text: quoted anew, and only that one is sent', async () => {
    const message = await harness.intake.accept(TENANT, request())
    await replacement.replace(TENANT, message.id, { text: `ğ${'x'.repeat(70)}` })
    await harness.journal.settled()
    expect(await messageRow(store, message)).toMatchObject({
      status: 'queued',
      body: `ğ${'x'.repeat(70)}`,
      encoding: 'ucs2',
      segments: 2,
      lease_node: 'test',
    })
    expect(String((await messageRow(store, message)).price_micros)).toBe('20000')
    expect((await eventRows(store, message)).map(({ type }) => type)).toEqual([
      'accepted',
      'routed',
      'replaced',
      'routed',
    ])
    connect()
    await harness.until(() => message.status === 'sent')
    expect(new Set(carrier.sent.map(({ text }) => text))).toEqual(new Set([message.text]))
    expect(carrier.sent).toHaveLength(2)
  })

  test('octets, the end of the validity and the receipt wanted: the row has them', async () => {
    const raw = { octets: Buffer.from([1, 2]), esmClass: 0, dataCoding: 4 }
    const message = await harness.intake.accept(
      TENANT,
      request({ source: 'smpp', partner: 'acme', text: '', raw, registeredDelivery: 1 }),
    )
    const other = await harness.intake.accept(TENANT, request({ registeredDelivery: 1 }))
    await harness.journal.settled()
    const octets = Buffer.from([0xff, 0, 7])
    const expiresAt = later(1)
    const wish = { octets, text: '', expiresAt, registeredDelivery: 2 }
    await replacement.replace(TENANT, message.id, wish, 'acme')
    await replacement.replace(TENANT, other.id, { text: 'Bye' })
    await harness.journal.settled()
    const row = await messageRow(store, message)
    expect(Buffer.from(row.octets ?? [])).toEqual(octets)
    expect(row).toMatchObject({ data_coding: 4, registered_delivery: 2, body: '' })
    expect(new Date(row.expires_at)).toEqual(expiresAt)
    expect(new Date(row.deadline_at ?? 0)).toEqual(expiresAt)
    expect(await messageRow(store, other)).toMatchObject({
      octets: null,
      registered_delivery: 1,
      body: 'Bye',
    })
  })

  test('a validity that ends before the message may be sent is refused', async () => {
    const sendAt = later(2)
    const message = await harness.intake.accept(TENANT, request({ sendAt }))
    for (const wish of [{ expiresAt: later(1) }, { sendAt: later(3), expiresAt: sendAt }]) {
      await expect(replacement.replace(TENANT, message.id, wish)).rejects.toMatchObject({
        code: 'validity_invalid',
      })
    }
    await expect(replacement.replace(TENANT, message.id, {}, 'acme')).rejects.toMatchObject({
      code: 'not_found',
    })
    expect(message).toMatchObject({ status: 'scheduled', sendAt })
  })

  test('a message whose row is written before: the row follows', async () => {
    const message = await harness.intake.accept(TENANT, request())
    await harness.journal.settled()
    expect(await messageRow(store, message)).toMatchObject({ body: 'Hello' })
    const { expires_at: expiresAt } = await messageRow(store, message)
    await replacement.replace(TENANT, message.id, { text: 'Good bye' })
    await harness.journal.settled()
    expect(await messageRow(store, message)).toMatchObject({
      body: 'Good bye',
      send_at: null,
      expires_at: expiresAt,
    })
    // What changes afterwards leaves it as it is.
    connect()
    await harness.until(() => message.status === 'sent')
    await harness.journal.settled()
    expect(await messageRow(store, message)).toMatchObject({ status: 'sent', body: 'Good bye' })
  })

  test('another text is of no template; another time leaves it', async () => {
    const template = { id: 'login', variables: { code: '4711' } }
    const message = await harness.intake.accept(TENANT, request({ template }))
    await harness.journal.settled()
    const templateOfRow = async () => (await messageRow(store, message)).template
    for (const wish of [{ expiresAt: later(2) }, { text: message.text, expiresAt: later(3) }]) {
      await replacement.replace(TENANT, message.id, wish)
      await harness.journal.settled()
      expect(JSON.parse((await templateOfRow()) ?? '')).toEqual(template)
    }
    await replacement.replace(TENANT, message.id, { text: 'Good bye' })
    await harness.journal.settled()
    expect([message.template, await templateOfRow()]).toEqual([null, null])
    connect()
    await harness.until(() => message.status === 'sent')
    expect(carrier.sent).toMatchObject([{ text: 'Good bye' }])
  })

  test('another time: it keeps the length of its validity', async () => {
    const sendAt = later(2)
    const message = await harness.intake.accept(TENANT, request({ sendAt, validitySeconds: 600 }))
    await harness.journal.settled()
    expect(harness.journal.live.get(message.id)).toBeUndefined()
    const next = later(5)
    await replacement.replace(TENANT, message.id, { sendAt: next })
    await harness.journal.settled()
    const row = await messageRow(store, message)
    expect([new Date(row.send_at ?? 0), new Date(row.due_at ?? 0)]).toEqual([next, next])
    expect(new Date(row.expires_at).getTime() - next.getTime()).toBe(600_000)
    expect(row).toMatchObject({ status: 'scheduled', body: 'Hello', lease_node: null })

    connect()
    harness.now = new Date(sendAt.getTime() + 1_000)
    await harness.sweeper.sweep()
    expect(carrier.sent).toEqual([])
    harness.now = new Date(next.getTime() + 1_000)
    await harness.sweeper.sweep()
    await harness.until(() => carrier.sent.length === 1)
  })

  test('the old time does not wake it while its row still has that', async () => {
    const { tables, live } = harness.journal
    const sendAt = later(2)
    const message = await harness.intake.accept(TENANT, request({ sendAt }))
    // Its row is on its way while it is replaced, and the tables do not follow after that.
    tables.wake = () => {}
    const flushed = tables.flush()
    while (!tables.isWriting) await new Promise((resolve) => setImmediate(resolve))
    await replacement.replace(TENANT, message.id, { sendAt: later(5) })
    await flushed
    const row = await messageRow(store, message)
    expect([new Date(row.due_at ?? 0), row.lease_node]).toEqual([sendAt, null])
    connect()
    harness.now = new Date(sendAt.getTime() + 1_000)
    await harness.sweeper.sweep()
    expect(carrier.sent).toEqual([])
    expect(live.get(message.id)?.message.status).toBe('scheduled')
  })

  test('from queued to scheduled, and back to at once', async () => {
    const message = await harness.intake.accept(TENANT, request())
    await replacement.replace(TENANT, message.id, { sendAt: later(1) })
    expect(message).toMatchObject({ status: 'scheduled' })
    connect()
    await harness.journal.settled()
    expect(carrier.sent).toEqual([])
    await replacement.replace(TENANT, message.id, { sendAt: null, text: 'now' })
    await harness.until(() => carrier.sent.length === 1)
    expect(carrier.sent).toMatchObject([{ text: 'now' }])
    await harness.dispatcher.drained()
    await harness.journal.settled()
    expect(await messageRow(store, message)).toMatchObject({ status: 'sent', send_at: null })
    const types = (await eventRows(store, message)).map(({ type }) => type)
    expect(types.filter((type) => type === 'scheduled')).toHaveLength(1)
    expect(types.filter((type) => type === 'replaced')).toHaveLength(2)
  })

  test.each([
    ['text_empty', { text: '' }],
    ['text_too_long', { text: 'x'.repeat(40_000) }],
    ['send_at_invalid', { sendAt: new Date('2020-01-01T00:00:00Z') }],
  ])('what is wrong (%s) leaves it as it was, and waiting', async (code, wish) => {
    const message = await harness.intake.accept(TENANT, request())
    await expect(replacement.replace(TENANT, message.id, wish)).rejects.toMatchObject({ code })
    expect(message).toMatchObject({ status: 'queued', text: 'Hello', sendAt: null })
    connect()
    await harness.until(() => carrier.sent.length === 1)
    expect(carrier.sent).toMatchObject([{ text: 'Hello' }])
  })

  test('too late, or not theirs', async () => {
    const waiting = await harness.intake.accept(TENANT, request())
    const change = (tenant: string, id: string) => replacement.replace(tenant, id, { text: 'x' })
    await expect(change(OTHER_TENANT, waiting.id)).rejects.toMatchObject({ code: 'not_found' })
    connect()
    await harness.until(() => waiting.status === 'sent')
    await expect(change(TENANT, waiting.id)).rejects.toMatchObject({ code: 'not_replaceable' })
    await expect(change(TENANT, OTHER_TENANT)).rejects.toMatchObject({ code: 'not_found' })
  })

  test('what a carrier has refused before rests as it is', async () => {
    carrier.answer = () => ({
      ...REFUSED,
      class: 'passing',
      code: 'carrier_error',
      rawCode: '0x00000008',
    })
    connect()
    const message = await harness.intake.accept(TENANT, request())
    await harness.until(() => message.attempt === 1 && message.status === 'queued')
    await expect(replacement.replace(TENANT, message.id, { text: 'x' })).rejects.toMatchObject({
      code: 'not_replaceable',
    })
    expect(message).toMatchObject({ status: 'queued', text: 'Hello' })
  })

  test('octets of a partner keep their text, and may get another time', async () => {
    const raw = { octets: Buffer.from('0badcafe', 'hex'), esmClass: 0, dataCoding: 4 }
    carrier.layOut = () => ({ encoding: 'binary', segments: 1 })
    const message = await harness.intake.accept(TENANT, request({ text: '', raw }))
    await expect(replacement.replace(TENANT, message.id, { text: 'x' })).rejects.toMatchObject({
      code: 'not_replaceable',
    })
    await replacement.replace(TENANT, message.id, { sendAt: later(1) })
    await harness.journal.settled()
    expect(await messageRow(store, message)).toMatchObject({ status: 'scheduled', body: '' })
    expect(Buffer.from((await messageRow(store, message)).octets ?? [])).toEqual(raw.octets)
  })

  test('a crash after the commit: the next run sends the new text', async () => {
    const message = await harness.intake.accept(TENANT, request())
    await harness.journal.settled()
    // The tables do not follow any more: the process dies with the commit in the journal only.
    harness.journal.tables.wake = () => {}
    await replacement.replace(TENANT, message.id, { text: 'the new one' })

    const next = new Journal(store, { node: 'next' })
    await recover({
      store,
      node: 'next',
      spool: next.spool,
      live: next.live,
      tracker: next.tracker,
      tables: next.tables,
      policyFor: testPolicies(),
      onEffects: (effects) => next.onEffects(effects),
      logger: keepingLogger(),
      clock: () => new Date(),
    })
    expect(await messageRow(store, message)).toMatchObject({ body: 'the new one' })
    const other = new FakeCarrier('alpha')
    const revived = new Harness(next, [other])
    await revived.dispatcher.loadBacklogs()
    await revived.until(() => other.sent.length === 1)
    expect(other.sent).toMatchObject([{ messageId: message.id, text: 'the new one' }])
    await revived.close()
  })
})
