import { type SQL, sql } from 'drizzle-orm'
import { afterAll, afterEach, beforeAll, describe, expect, it } from 'vitest'
import { checkDays } from '../../src/billing/ledger-days-check.ts'
import { UsageRetention } from '../../src/billing/usage-retention.ts'
import { UsageRollUp } from '../../src/billing/usage-roll-up.ts'
import { termsText, USUAL_TERMS } from '../../src/core/charging.ts'
import type { Message } from '../../src/messages/message.ts'
import type { Store } from '../../src/store/open.ts'
import { testDatabases, truncate } from '../support/database.ts'
import { usageDifferences } from '../support/usage-check.ts'
import {
  accepted,
  ids,
  Journal,
  moved,
  receipt,
  replaced,
  submitting,
  TENANT,
  testMessage,
} from './builders.ts'
import { Unsteady } from './unsteady.ts'

const TAXED = termsText({ ...USUAL_TERMS, taxPpm: 200_000 })
const THREE = ids('a', 'b', 'c')

/** Three segments that cost the tenant 0.03 each with 0.006 tax, and the carrier 0.01 each. */
function billed(more: Partial<Message> = {}): Message {
  return testMessage({
    segments: 3,
    priceMicros: 90_000n,
    costMicros: 30_000n,
    charging: TAXED,
    ...more,
  })
}

describe.each(testDatabases())('usage, on $name', ({ open }) => {
  let store: Store
  let rollUp: UsageRollUp
  const journals: Journal[] = []

  beforeAll(async () => {
    store = await open()
  })
  afterEach(async () => {
    for (const journal of journals.splice(0)) await journal.close()
    await truncate(store)
  })
  afterAll(() => store.close())

  async function openJournal(on: Store = store): Promise<Journal> {
    const journal = await Journal.open(on)
    journals.push(journal)
    rollUp = new UsageRollUp({ store, logger: journal.logger, maxRowsApart: 3 })
    return journal
  }

  /** The rows of a table after everything is added up, without the columns that are zero or empty. */
  async function rowsOf(table: SQL): Promise<Record<string, unknown>[]> {
    await rollUp.run()
    const rows = await store.query<{ row: Record<string, unknown> }>(
      sql`select to_jsonb(t) - 'tenant_id' - 'starts_at' - 'traffic_class' as row
        from ${table} t order by to_jsonb(t)::text`,
    )
    return rows.map(({ row }) =>
      Object.fromEntries(Object.entries(row).filter(([, value]) => value !== 0 && value !== '')),
    )
  }

  it.each([
    ['one write', 7],
    ['a write for each step', 1],
  ])('counts a life once, in %s', async (_, steps) => {
    const journal = await openJournal()
    const message = billed({ network: '23415' })
    const life = [
      accepted(message),
      submitting(message),
      moved(message, 'sent', { answers: THREE }),
      receipt('a', 'DELIVERED'),
      receipt('b', 'DELIVERED'),
      receipt('c', 'DELIVERED'),
      receipt('c', 'DELIVERED'),
    ]
    for (let step = 0; step < life.length; step += steps) {
      await journal.write(...life.slice(step, step + steps))
    }
    await journal.write(receipt('a', 'DELIVERED'))
    const where = { country: 'GB', network: '23415', currency: 'EUR' }
    const expected = [
      {
        ...where,
        carrier: 'alpha',
        segments_submitted: 3,
        segments_delivered: 3,
        messages_delivered: 1,
        charged: 3,
        revenue: 90_000,
        tax: 18_000,
        cost: 30_000,
      },
      { ...where, messages_accepted: 1, segments_accepted: 3 },
    ]
    expect(await rowsOf(sql`usage_hours`)).toEqual(expect.arrayContaining(expected))
    expect(await rowsOf(sql`usage_days`)).toHaveLength(2)
    expect(await rowsOf(sql`usage_months`)).toHaveLength(2)
    expect(await rowsOf(sql`usage_charges`)).toEqual([
      {
        ...where,
        unit: 'segment',
        unit_price: 30_000,
        tax_ppm: 200_000,
        charged: 3,
        revenue: 90_000,
        tax: 18_000,
      },
    ])
    expect(await store.query(sql`select from usage_pending`)).toEqual([])
  })

  it('counts what was charged in parts, what is lost, and costs of each carrier in its currency', async () => {
    const journal = await openJournal()
    const message = billed()
    await journal.write(
      accepted(message),
      submitting(message),
      moved(message, 'queued', {
        answers: THREE,
        carrier: 'beta',
        errorCode: 'receipt_missing',
        cost: { micros: 12_000n, currency: 'USD', deckVersion: 1 },
      }),
      submitting(message, { carrier: 'beta', attempt: 2 }),
      moved(message, 'sent', { carrier: 'beta', attempt: 2, answers: ids('x', 'y', 'z') }),
      receipt('x', 'DELIVERED', { carrier: 'beta' }),
      receipt('y', 'UNDELIVERABLE', { carrier: 'beta' }),
      receipt('a', 'EXPIRED'),
    )
    expect(await rowsOf(sql`usage_days`)).toEqual([
      { country: 'GB', currency: 'EUR', messages_accepted: 1, segments_accepted: 3 },
      {
        carrier: 'beta',
        country: 'GB',
        currency: 'EUR',
        segments_submitted: 3,
        segments_delivered: 1,
        segments_undelivered: 1,
      },
      { carrier: 'beta', country: 'GB', currency: 'USD', cost: 12_000 },
      // The carrier whose receipt was the last has the end, and what is charged with it.
      {
        carrier: 'alpha',
        country: 'GB',
        currency: 'EUR',
        segments_submitted: 3,
        segments_expired: 1,
        messages_undelivered: 1,
        charged: 1,
        revenue: 30_000,
        tax: 6_000,
        cost: 30_000,
      },
    ])
    expect(await usageDifferences(store)).toEqual([])
  })

  it('counts at the time of each change', async () => {
    const journal = await openJournal()
    const at = (hour: number) => new Date(Date.UTC(2026, 9, 5, hour, 30))
    const message = billed({ createdAt: at(21) })
    await journal.write(
      accepted(message),
      submitting(message, { at: at(22) }),
      moved(message, 'sent', { answers: THREE, at: at(23) }),
    )
    await journal.write(receipt('a', 'DELIVERED', { receivedAt: at(24) }))
    await rollUp.run()
    const hours = await store.query<{ hour: string; what: string }>(sql`
      select to_char(starts_at at time zone 'UTC', 'DD HH24') as hour, concat_ws(' ',
        messages_accepted, segments_submitted, segments_delivered, charged, cost) as what
      from usage_hours order by 1`)
    expect(hours.map(({ hour, what }) => `${hour}: ${what}`)).toEqual([
      '05 21: 1 0 0 0 0',
      '05 23: 0 3 0 0 30000',
      '06 00: 0 0 1 1 0',
    ])
    const days = await store.query(sql`select from usage_days`)
    expect(days).toHaveLength(3)
  })

  it('counts segments again that a replaced message has more, or less', async () => {
    const journal = await openJournal()
    const message = billed()
    await journal.write(accepted(message), replaced(message, { segments: 1, priceMicros: 30_000n }))
    expect(await rowsOf(sql`usage_hours`)).toMatchObject([
      { messages_accepted: 1, segments_accepted: 1 },
    ])
    expect(await usageDifferences(store)).toEqual([])
  })

  it('has no money of messages that are not billed', async () => {
    const journal = await openJournal()
    await journal.sent(billed({ charging: null }), 'a', 'b', 'c')
    await journal.write(receipt('a', 'DELIVERED'))
    expect(await rowsOf(sql`usage_hours`)).toEqual([
      { country: 'GB', currency: 'EUR', messages_accepted: 1, segments_accepted: 3 },
      {
        country: 'GB',
        currency: 'EUR',
        carrier: 'alpha',
        segments_submitted: 3,
        segments_delivered: 1,
      },
    ])
    expect(await rowsOf(sql`usage_charges`)).toEqual([])
  })

  it('counts once when the answer to a write was lost', async () => {
    const unsteady = new Unsteady(store)
    const journal = await openJournal(unsteady.store)
    await journal.spool.write(accepted(billed()))
    unsteady.ahead.push('answer_lost', 'away')
    await journal.settled()
    await journal.write(accepted(billed()))
    expect(await rowsOf(sql`usage_hours`)).toMatchObject([{ messages_accepted: 2 }])
    expect(await usageDifferences(store)).toEqual([])
  })

  it('counts what is written when the database refuses one message', async () => {
    const journal = await openJournal()
    const refused = billed({ segments: 40_000 })
    await journal.batch(accepted(billed()), accepted(refused), accepted(billed()))
    expect(await rowsOf(sql`usage_hours`)).toMatchObject([
      { messages_accepted: 2, segments_accepted: 6 },
    ])
    expect(await usageDifferences(store)).toEqual([])
  })

  it('keeps the first senders of a day, the busiest first, and counts the others together', async () => {
    const journal = await openJournal()
    const from = (sender: string) => accepted(billed({ from: sender }))
    const senders = async () => {
      const rows = await rowsOf(sql`usage_senders`)
      return rows.map(({ sender = 'others', messages_accepted }) => [sender, messages_accepted])
    }
    await journal.batch(from('A'), from('A'))
    expect(await senders()).toEqual([['A', 2]])
    await journal.batch(from('B'), from('C'), from('C'), from('D'), from('D'), from('A'))
    expect((await senders()).sort()).toEqual([
      ['A', 3],
      ['C', 2],
      ['D', 2],
      ['others', 1],
    ])
    await journal.batch(from('B'), from('C'))
    expect((await senders()).sort()).toEqual([
      ['A', 3],
      ['C', 3],
      ['D', 2],
      ['others', 2],
    ])
    expect(await usageDifferences(store)).toEqual([])
  })

  it('keeps templates in the same way, of those messages alone that have one', async () => {
    const journal = await openJournal()
    const of = (id: string) => accepted(billed({ template: { id, variables: { code: '4711' } } }))
    const templates = async () => {
      const rows = await rowsOf(sql`usage_templates`)
      return rows.map(({ template = 'others', ...row }) => [template, row.messages_accepted]).sort()
    }
    await journal.batch(of('a'), accepted(billed()))
    expect(await templates()).toEqual([['a', 1]])
    expect(await usageDifferences(store)).toEqual([])
    await journal.batch(of('b'), of('c'), of('c'), of('d'), of('d'), of('a'), accepted(billed()))
    expect(await templates()).toEqual([
      ['a', 2],
      ['c', 2],
      ['d', 2],
      ['others', 1],
    ])
    expect(JSON.stringify(await store.query(sql`select * from usage_templates`))).not.toContain(
      '4711',
    )
  })

  it('counts a life for its template', async () => {
    const journal = await openJournal()
    const message = billed({ template: { id: 'login', variables: {} } })
    await journal.sent(message, 'a', 'b', 'c')
    await journal.write(
      receipt('a', 'DELIVERED'),
      receipt('b', 'DELIVERED'),
      receipt('c', 'DELIVERED'),
    )
    expect(await rowsOf(sql`usage_templates`)).toEqual([
      {
        template: 'login',
        country: 'GB',
        currency: 'EUR',
        messages_accepted: 1,
        segments_accepted: 3,
        segments_submitted: 3,
        segments_delivered: 3,
        messages_delivered: 1,
        charged: 3,
        revenue: 90_000,
        tax: 18_000,
        cost: 30_000,
      },
    ])
    expect(await usageDifferences(store)).toEqual([])
  })

  it.each([
    ['before its row is written', 2],
    ['after', 1],
  ])('takes a message from its template that is given another text, %s', async (_, together) => {
    const journal = await openJournal()
    const template = { id: 'login', variables: {} }
    const [left, stays] = [billed({ template }), billed({ template })]
    const change = { segments: 1, priceMicros: 30_000n, priceCurrency: 'USD' }
    const entries = [accepted(left), replaced(left, change)]
    await journal.batch(accepted(stays), ...entries.slice(0, together))
    await journal.batch(replaced(stays, { text: stays.text }), ...entries.slice(together))
    await journal.batch(replaced(left, { ...change, text: 'y' }))
    const rows = await rowsOf(sql`usage_templates`)
    expect(rows).toMatchObject([{ template: 'login', messages_accepted: 1, segments_accepted: 3 }])
    expect(rows).toHaveLength(1)
    expect(await usageDifferences(store)).toEqual([])
  })

  it('adds up what is pending in one go, or nothing of it', async () => {
    const journal = await openJournal()
    await journal.write(accepted(billed()), accepted(billed()))
    const unsteady = new Unsteady(store)
    const interrupted = new UsageRollUp({ store: unsteady.store, logger: journal.logger })
    unsteady.ahead.push('answer_lost')
    await expect(interrupted.run()).rejects.toThrow()
    await interrupted.close()
    expect(await rowsOf(sql`usage_hours`)).toMatchObject([{ messages_accepted: 2 }])
    expect(await usageDifferences(store)).toEqual([])
  })

  it('is deleted by age, without what invoices and statements are made of', async () => {
    const journal = await openJournal()
    const at = (day: number) => new Date(Date.UTC(2026, 9, day, 12))
    for (const day of [5, 6, 20]) {
      const message = billed({ createdAt: at(day), template: { id: 'login', variables: {} } })
      await journal.write(
        accepted(message),
        submitting(message, { at: at(day) }),
        moved(message, 'sent', { answers: ids(`${day}a`, `${day}b`, `${day}c`), at: at(day) }),
        receipt(`${day}a`, 'DELIVERED', { receivedAt: at(day) }),
      )
    }
    await rollUp.run()
    const tables = ['hours', 'days', 'months', 'senders', 'templates', 'charges']
    const rowCounts = async () => {
      const counts = tables.map(async (name) => {
        const rows = await store.query(sql`select from ${sql.raw(`usage_${name}`)}`)
        return `${rows.length} ${name}`
      })
      return (await Promise.all(counts)).join(', ')
    }
    expect(await rowCounts()).toBe('6 hours, 6 days, 2 months, 3 senders, 3 templates, 3 charges')
    const retention = new UsageRetention(store, { hourlyDays: 10, dailyDays: 15 })
    const purged: number[] = []
    do purged.push(await retention.purge(at(20)))
    while (purged.at(-1) !== 0)
    expect(purged).toEqual([4, 2, 1, 1, 0])
    expect(await rowCounts()).toBe('2 hours, 4 days, 2 months, 2 senders, 2 templates, 3 charges')
    expect(await checkDays(store)).toEqual([])
    retention.follow({ hourlyDays: 0, dailyDays: 0 })
    expect(await retention.purge(at(31))).toBe(0)
  })

  it.each([
    [
      'the sums of a day',
      sql`update ledger_days set balance = balance - 1 where kind = 'settle'`,
      'the settle lines',
    ],
    ['what was charged', sql`update usage_charges set revenue = 0`, 'what was charged'],
    ['what is pending', sql`delete from usage_pending`, 'the settle lines'],
  ])('is found out when somebody has changed %s', async (_, change, expected) => {
    const journal = await openJournal()
    await journal.sent(billed(), 'a', 'b', 'c')
    await journal.write(receipt('a', 'DELIVERED'))
    await rollUp.run()
    await journal.write(receipt('b', 'DELIVERED'))
    expect(await checkDays(store)).toEqual([])
    await store.query(change)
    const [fault] = await checkDays(store)
    expect(fault?.where).toContain(`${expected} of tenant ${TENANT} in EUR on `)
  })
})
