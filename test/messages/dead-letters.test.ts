import { sql } from 'drizzle-orm'
import { afterAll, beforeAll, beforeEach, describe, expect, test } from 'vitest'
import { DeadLetters } from '../../src/messages/dead-letters.ts'
import { endEntry } from '../../src/messages/endings.ts'
import type { Message } from '../../src/messages/message.ts'
import { recover } from '../../src/messages/recovery.ts'
import type { Store } from '../../src/store/open.ts'
import { testDatabases, truncate } from '../support/database.ts'
import { eventRows, Journal, messageRow, TENANT } from './builders.ts'
import { FakeCarrier } from './fake-carrier.ts'
import { Harness, request, testPolicies } from './harness.ts'
import { keepingLogger } from './keeping-logger.ts'

const OTHER_TENANT = '01890000-0000-7000-8000-000000000002'

describe.each(testDatabases())('dead letters, on $name', ({ open }) => {
  let store: Store
  let carrier: FakeCarrier
  let harness: Harness
  let letters: DeadLetters

  beforeAll(async () => {
    store = await open()
  })

  afterAll(() => store.close())

  beforeEach(async () => {
    await truncate(store)
    carrier = new FakeCarrier('alpha')
    carrier.isUp = false
    harness = await Harness.open(store, [carrier])
    const { live, tables } = harness.journal
    letters = new DeadLetters({ store, live, tables, intake: harness.intake })
    return async () => harness.close()
  })

  /** A message whose validity is over. */
  async function dead(more: Parameters<typeof request>[0] = {}): Promise<Message> {
    const message = await harness.intake.accept(TENANT, request(more))
    harness.dispatcher.withdraw(message.id)
    await harness.spool.write(endEntry(message, 'expired', harness.clock()))
    const live = harness.journal.live.get(message.id)
    if (live) harness.journal.live.letGo(live)
    return message
  }

  function list(filter: Parameters<DeadLetters['list']>[1] = {}) {
    return letters.list(TENANT, filter, { limit: 100 })
  }

  async function messageCount(): Promise<number> {
    await harness.journal.settled()
    const [row] = await store.query<{ count: number }>(
      sql`select count(*)::int4 as count from messages`,
    )
    return row?.count ?? -1
  }

  test('a replay is a new message that says what it repeats, and the letter is off the list', async () => {
    const letter = await dead({
      clientReference: 'order 1',
      callbackUrl: 'https://example.com/told',
      validitySeconds: 300,
      trafficClass: 'otp',
    })
    expect(await list()).toMatchObject([{ id: letter.id, dead_letter: 'expired' }])
    const again = await letters.replay(TENANT, letter.id)
    await harness.journal.settled()
    expect(again.id).not.toBe(letter.id)
    expect(await messageRow(store, again)).toMatchObject({
      status: 'queued',
      body: 'Hello',
      to_number: '+447700900123',
      client_reference: 'order 1',
      callback_url: 'https://example.com/told',
      traffic_class: 'otp',
      replay_of: letter.id,
      dead_letter: null,
      attempt: 0,
    })
    expect(again.expiresAt.getTime() - again.createdAt.getTime()).toBe(300_000)
    expect(await messageRow(store, letter)).toMatchObject({
      status: 'expired',
      dead_letter: null,
      replayed_as: again.id,
    })
    expect((await eventRows(store, letter)).at(-1)).toMatchObject({
      type: 'replayed',
      detail: { replayed_as: again.id },
    })
    expect(await list()).toEqual([])
    carrier.isUp = true
    harness.dispatcher.onCapacityChange('alpha')
    await harness.until(() => carrier.sent.length === 1)
    expect(carrier.sent).toMatchObject([{ messageId: again.id }])
  })

  test('many at once: one message, the others learn its id', async () => {
    const letter = await dead()
    const outcomes = await Promise.allSettled(
      Array.from({ length: 10 }, () => letters.replay(TENANT, letter.id)),
    )
    const made = outcomes.flatMap((one) => (one.status === 'fulfilled' ? [one.value.id] : []))
    expect(made).toHaveLength(1)
    for (const one of outcomes) {
      if (one.status === 'fulfilled') continue
      expect(one.reason).toMatchObject({ code: 'already_replayed', replayedAs: made[0] })
    }
    expect(await messageCount()).toBe(2)
    await expect(letters.replay(TENANT, letter.id)).rejects.toMatchObject({
      code: 'already_replayed',
      replayedAs: made[0],
    })
  })

  test('one that is in the database only', async () => {
    const letter = await dead()
    await harness.journal.settled()
    expect(harness.journal.live.get(letter.id)).toBeUndefined()
    const again = await letters.replay(TENANT, letter.id)
    await harness.journal.settled()
    expect(await messageRow(store, letter)).toMatchObject({ replayed_as: again.id })
    expect(harness.journal.live.get(letter.id)).toBeUndefined()
  })

  test('what cannot be taken now leaves the letter where it is', async () => {
    const letter = await dead()
    harness.intake.close()
    await expect(letters.replay(TENANT, letter.id)).rejects.toMatchObject({ code: 'closed' })
    await harness.journal.settled()
    expect(await list()).toMatchObject([{ id: letter.id }])
    expect(await messageCount()).toBe(1)
  })

  test('the replay goes by the same tags, and expects a reply where the letter did', async () => {
    const letter = await dead({ tags: ['vip'], expectsReply: true })
    expect(await letters.replay(TENANT, letter.id)).toMatchObject({
      tags: ['vip'],
      expectsReply: true,
    })
  })

  test('the replay is priced anew', async () => {
    const letter = await dead()
    const [cheap] = harness.routes.decide({
      tenantId: TENANT,
      channel: 'sms',
      from: letter.from,
      to: letter.to,
      network: null,
      number: harness.intake.quotes.quote(TENANT, request()).number,
      content: letter,
      trafficClass: 'transactional',
      tags: [],
      expectsReply: false,
      registeredDelivery: 0,
      price: null,
      refusesLosses: false,
    }).candidates
    expect(letter.priceMicros).toBe(cheap?.priceMicros)
    await harness.journal.settled()
    await store.query(sql`update messages set price_micros = 1 where id = ${letter.id}`)
    const again = await letters.replay(TENANT, letter.id)
    expect(again.priceMicros).toBe(10_000n)
  })

  test("a partner's letter owes no second receipt: nobody knows its new id", async () => {
    const letter = await dead({ source: 'smpp', partner: 'acme', registeredDelivery: 1 })
    const again = await letters.replay(TENANT, letter.id)
    expect(again).toMatchObject({ partner: 'acme', registeredDelivery: 0 })
  })

  test("another tenant's, a living or no message is not found", async () => {
    const letter = await dead()
    const living = await harness.intake.accept(TENANT, request())
    for (const [tenant, id] of [
      [OTHER_TENANT, letter.id],
      [TENANT, living.id],
      [TENANT, OTHER_TENANT],
    ] as const) {
      await expect(letters.replay(tenant, id)).rejects.toMatchObject({ code: 'not_found' })
    }
  })

  test('many: each on its own, in order', async () => {
    const one = await dead({ text: 'one' })
    const two = await dead({ text: 'two' })
    await letters.replay(TENANT, one.id)
    const replays = await letters.replayAll(TENANT, [two.id, one.id, OTHER_TENANT])
    expect(replays).toMatchObject([
      { id: two.id, message: { text: 'two' } },
      { id: one.id, error: { code: 'already_replayed' } },
      { id: OTHER_TENANT, error: { code: 'not_found' } },
    ])
    expect(await messageCount()).toBe(4)
  })

  test('filters: reason, number, carrier, since when; pages by id', async () => {
    harness.now = new Date('2026-01-01T00:00:00Z')
    const old = await dead({ to: '+447700900001' })
    harness.now = new Date('2026-01-02T00:00:00Z')
    const late = await dead({ to: '+447700900002' })
    const found = async (filter: Parameters<typeof list>[0]) =>
      (await list(filter)).map(({ id }) => id)
    expect(await found({})).toEqual([late.id, old.id])
    expect(await found({ to: '+447700900001' })).toEqual([old.id])
    expect(await found({ since: new Date('2026-01-01T12:00:00Z') })).toEqual([late.id])
    expect(await found({ reason: 'expired' })).toEqual([late.id, old.id])
    expect(await found({ reason: 'other' })).toEqual([])
    expect(await found({ carrier: 'alpha' })).toEqual([late.id, old.id])
    expect(await found({ carrier: 'beta' })).toEqual([])
    const page = await letters.list(TENANT, {}, { before: late.id, limit: 1 })
    expect(page.map(({ id }) => id)).toEqual([old.id])
    expect(await letters.list(OTHER_TENANT, {}, { limit: 10 })).toEqual([])
  })

  test('a crash after the commit: the letter is replayed once, and says as what', async () => {
    const letter = await dead()
    await harness.journal.settled()
    // The tables do not follow any more: the process dies with the commit in the journal only.
    harness.journal.tables.wake = () => {}
    const again = await letters.replay(TENANT, letter.id)
    expect(await messageRow(store, letter)).toMatchObject({ dead_letter: 'expired' })

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
    const revived = new Harness(next, [carrier])
    const { live, tables } = next
    const after = new DeadLetters({ store, live, tables, intake: revived.intake })
    await expect(after.replay(TENANT, letter.id)).rejects.toMatchObject({
      code: 'already_replayed',
      replayedAs: again.id,
    })
    expect(await messageRow(store, again)).toMatchObject({ replay_of: letter.id })
    expect(await after.list(TENANT, {}, { limit: 10 })).toEqual([])
    await revived.close()
  })
})
