import { sql } from 'drizzle-orm'
import { afterAll, afterEach, beforeAll, describe, expect, it } from 'vitest'
import type { SegmentOutcome } from '../../src/carriers/carrier.ts'
import { claimBacklog, claimDue } from '../../src/messages/claims.ts'
import type { Message } from '../../src/messages/message.ts'
import { listBacklogs, type StoredMessage } from '../../src/messages/tables.ts'
import type { Store } from '../../src/store/open.ts'
import { testDatabases, truncate } from '../support/database.ts'
import { accepted, Journal, messageRow, TENANT, testMessage } from './builders.ts'
import { FakeCarrier } from './fake-carrier.ts'
import { claimerOf, Harness, type HarnessOptions, priced, request } from './harness.ts'

const OTHER_TENANT = '01890000-0000-7000-8000-000000000002'

describe.each(testDatabases())('a backlog on $name', ({ open }) => {
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
    options: HarnessOptions = {},
  ): Promise<Harness> {
    const harness = await Harness.open(store, carriers, options)
    harnesses.push(harness)
    return harness
  }

  /** A carrier that is up and takes nothing until {@link letThrough}. */
  function closedCarrier(): FakeCarrier {
    const alpha = new FakeCarrier('alpha')
    alpha.windowSize = 0
    return alpha
  }

  function letThrough(harness: Harness, carrier: FakeCarrier): void {
    carrier.windowSize = 10
    harness.dispatcher.onCapacityChange(carrier.name)
  }

  async function accept(harness: Harness, count: number, prefix = ''): Promise<string[]> {
    const texts = Array.from({ length: count }, (_, n) => `${prefix}${n}`)
    for (const text of texts) await harness.intake.accept(TENANT, request({ text }))
    return texts
  }

  async function countOf(status: string): Promise<number> {
    const [row] = await store.query<{ n: number }>(
      sql`select count(*)::int4 as n from messages where status = ${status}`,
    )
    return row?.n ?? 0
  }

  it('holds no more in memory than the lane may, and is counted in full', async () => {
    const alpha = closedCarrier()
    const harness = await gateway([alpha], { laneCapacity: 4 })
    await accept(harness, 30)
    await harness.journal.settled()
    expect(harness.dispatcher.heldCount).toBe(4)
    expect(harness.journal.live.size).toBe(4)
    expect(harness.dispatcher.queueLengths()).toMatchObject([{ waiting: 30 }])
    const leased = await store.query(sql`select id from messages where lease_node is not null`)
    expect(leased).toHaveLength(4)
  })

  it('has only a short head in memory once all heads together fill it', async () => {
    const alpha = closedCarrier()
    const harness = await gateway([alpha], { memoryCapacity: 100 })
    const texts = await accept(harness, 270)
    await harness.journal.settled()
    expect(harness.dispatcher.heldCount).toBe(250)
    letThrough(harness, alpha)
    await harness.until(() => alpha.sent.length >= texts.length)
    await harness.idle()
    expect(alpha.sent.map(({ text }) => text)).toEqual(texts)
  })

  it.each([1, 2, 7])('is sent in full and in order through a lane of %i', async (laneCapacity) => {
    const alpha = closedCarrier()
    const harness = await gateway([alpha], { laneCapacity })
    const texts = await accept(harness, 40)
    letThrough(harness, alpha)
    await harness.until(() => alpha.sent.length >= 40)
    await harness.idle()
    expect(alpha.sent.map(({ text }) => text)).toEqual(texts)
    expect(await countOf('sent')).toBe(40)
    expect(harness.dispatcher.queueLengths()).toMatchObject([{ waiting: 0, inFlight: 0 }])
  })

  it('goes to another carrier when its own is removed, what waits in the database too', async () => {
    const [alpha, beta] = [closedCarrier(), new FakeCarrier('beta')]
    const harness = await gateway([alpha, beta], { laneCapacity: 4 })
    const texts = await accept(harness, 60)
    await harness.journal.settled()
    const takeOver = await harness.routes.prepare({ carriers: [priced(beta, 10_000n)] })
    takeOver()
    await harness.dispatcher.remove('alpha', 1_000)
    await harness.until(() => beta.sent.length >= texts.length)
    await harness.idle()
    expect(alpha.sent).toEqual([])
    expect(beta.sent.map(({ text }) => text).sort()).toEqual([...texts].sort())
    expect(harness.dispatcher.queueLengths()).toMatchObject([{ carrier: 'beta' }])
  })

  it('waits for the answers of a carrier that is removed, but not for ever', async () => {
    const alpha = new FakeCarrier('alpha')
    let answer = (_outcome: SegmentOutcome) => {}
    alpha.answer = () =>
      new Promise((resolve) => {
        answer = resolve
      })
    const harness = await gateway([alpha, new FakeCarrier('beta')])
    await accept(harness, 1)
    await harness.until(() => alpha.sent.length === 1)
    let isGone = false
    const gone = harness.dispatcher.remove('alpha', 60_000).then(() => {
      isGone = true
    })
    await harness.journal.settled()
    expect(isGone).toBe(false)
    answer(alpha.accept())
    await gone
    await harness.idle()
    expect(await countOf('sent')).toBe(1)

    harness.dispatcher.add(alpha)
    await accept(harness, 1)
    await harness.until(() => alpha.sent.length === 2)
    await harness.dispatcher.remove('alpha', 1)
    answer(alpha.accept())
  })

  it('keeps the order for what comes while it is sent', async () => {
    const alpha = closedCarrier()
    const harness = await gateway([alpha], { laneCapacity: 3 })
    const before = await accept(harness, 20, 'before ')
    letThrough(harness, alpha)
    const during = await accept(harness, 20, 'during ')
    await harness.until(() => alpha.sent.length >= 40)
    await harness.idle()
    expect(alpha.sent.map(({ text }) => text)).toEqual([...before, ...during])
  })

  it('is drained for every tenant and class, each in its order', async () => {
    const alpha = closedCarrier()
    const harness = await gateway([alpha], { laneCapacity: 2 })
    const expected = new Map<string, string[]>()
    for (let n = 0; n < 60; n++) {
      const tenantId = n % 3 === 0 ? OTHER_TENANT : TENANT
      const trafficClass = n % 2 === 0 ? 'otp' : 'transactional'
      const kind = `${tenantId} ${trafficClass}`
      await harness.intake.accept(tenantId, request({ trafficClass, text: `${kind} ${n}` }))
      expected.set(kind, [...(expected.get(kind) ?? []), `${kind} ${n}`])
    }
    letThrough(harness, alpha)
    await harness.until(() => alpha.sent.length >= 60)
    await harness.idle()
    expect(expected.size).toBe(4)
    for (const [kind, texts] of expected) {
      const sent = alpha.sent.map(({ text }) => text).filter((text) => text.startsWith(`${kind} `))
      expect(sent).toEqual(texts)
    }
    expect(alpha.sent).toHaveLength(60)
  })

  it('goes to another carrier when its own is down', async () => {
    const alpha = closedCarrier()
    const beta = new FakeCarrier('beta')
    beta.isUp = false
    const harness = await gateway([alpha, beta], { laneCapacity: 3 })
    const texts = await accept(harness, 20)
    alpha.isUp = false
    beta.isUp = true
    harness.dispatcher.onCapacityChange('beta')
    await harness.until(() => beta.sent.length >= 20)
    await harness.idle()
    expect(alpha.sent).toEqual([])
    expect(beta.sent.map(({ text }) => text)).toEqual(texts)
  })

  it('expires where it waits', async () => {
    const alpha = closedCarrier()
    const harness = await gateway([alpha], { laneCapacity: 3 })
    await accept(harness, 10)
    await harness.journal.settled()
    harness.now = new Date(Date.now() + 73 * 3_600_000)
    await harness.sweeper.sweep()
    await harness.dispatcher.drained()
    await harness.journal.settled()
    expect(await countOf('expired')).toBe(10)
    letThrough(harness, alpha)
    await harness.idle()
    await harness.dispatcher.drained()
    expect(alpha.sent).toEqual([])
  })

  it('is taken up by the next run, as much of it as there is room for', async () => {
    const first = await Journal.open(store, { node: 'first' })
    const messages = Array.from({ length: 12 }, (_, n) => testMessage({ text: String(n) }))
    await first.batch(...messages.map(accepted))
    await first.close()
    const alpha = closedCarrier()
    const harness = await gateway([alpha], { laneCapacity: 4 })
    await harness.dispatcher.loadBacklogs()
    expect(harness.dispatcher.queueLengths()).toMatchObject([{ waiting: 12 }])
    await harness.dispatcher.drained()
    expect(harness.dispatcher.heldCount).toBe(4)
    letThrough(harness, alpha)
    await harness.until(() => alpha.sent.length >= 12)
    await harness.idle()
    expect(alpha.sent.map(({ text }) => text)).toEqual(messages.map(({ text }) => text))
  })

  describe('with two nodes', () => {
    let journal: Journal
    const claimer = (node: string) => claimerOf(journal, { node })

    async function fill(count: number, more: (n: number) => Partial<Message>): Promise<string[]> {
      journal = await Journal.open(store)
      const messages = Array.from({ length: count }, (_, n) => testMessage(more(n)))
      await journal.batch(...messages.map(accepted))
      await journal.close()
      return messages.map(({ id }) => id)
    }

    /** Both claim at once, as often as there is something. */
    async function claimedByBoth(
      claim: (node: string) => Promise<StoredMessage[]>,
    ): Promise<Map<string, string[]>> {
      const claimed = new Map<string, string[]>()
      const claimAll = async (node: string) => {
        const own: string[] = []
        claimed.set(node, own)
        for (;;) {
          const found = (await claim(node)).map(({ message }) => message.id)
          expect(found.toSorted()).toEqual(found)
          if (found.length === 0) return
          own.push(...found)
        }
      }
      await Promise.all(['one', 'two', 'one', 'two'].map((node, n) => claimAll(`${node} ${n}`)))
      return claimed
    }

    it('never gives both the same row, and all rows to somebody', async () => {
      const all = await fill(120, () => ({}))
      const [backlog] = await listBacklogs(store)
      if (!backlog) throw new Error('there is none')
      expect(backlog).toMatchObject({ carrier: 'alpha', tenantId: TENANT, count: 120 })
      const claimed = await claimedByBoth((node) => claimBacklog(claimer(node), backlog, 7))
      expect([...claimed.values()].flat().toSorted()).toEqual(all)
      for (const [node, own] of claimed) {
        const [first] = own
        if (first)
          expect(await messageRow(store, { id: first })).toMatchObject({ lease_node: node })
      }
      expect(await listBacklogs(store)).toEqual([])
    })

    it('never wakes a message twice', async () => {
      const now = new Date()
      const all = await fill(60, (n) => ({
        status: 'scheduled',
        dueAt: new Date(now.getTime() + (n < 50 ? -1_000 : 60_000)),
      }))
      const claimed = await claimedByBoth((node) => claimDue(claimer(node), now, 7))
      expect([...claimed.values()].flat().toSorted()).toEqual(all.slice(0, 50))
    })
  })
})
