import { type SQL, sql } from 'drizzle-orm'
import { afterAll, afterEach, beforeAll, describe, expect, it } from 'vitest'
import type { Booking } from '../../src/billing/booking.ts'
import { Ledger } from '../../src/billing/ledger.ts'
import { checkLedger } from '../../src/billing/ledger-check.ts'
import { termsText, USUAL_TERMS } from '../../src/core/charging.ts'
import { Funding, type Payment } from '../../src/messages/funding.ts'
import type { JournalEntry } from '../../src/messages/journal.ts'
import { checkMessages } from '../../src/messages/ledger-message-check.ts'
import type { Message } from '../../src/messages/message.ts'
import { recover } from '../../src/messages/recovery.ts'
import type { Store } from '../../src/store/open.ts'
import { testDatabases, truncate } from '../support/database.ts'
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
import { testPolicies } from './harness.ts'
import { type Trouble, Unsteady } from './unsteady.ts'

const USUAL = termsText(USUAL_TERMS)

/** Three segments that cost the tenant 0.03 each and the carrier 0.01 each. */
function billed(more: Partial<Message> = {}): Message {
  return testMessage({
    segments: 3,
    priceMicros: 90_000n,
    costMicros: 30_000n,
    charging: USUAL,
    ...more,
  })
}

interface LineRow {
  kind: string
  balance: string
  reserved: string
  revenue: string
  cost: string | null
}

describe.each(testDatabases())('the ledger, on $name', ({ open }) => {
  let store: Store
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
    return journal
  }

  /** Every line so far: why, and what moves. */
  async function lines(): Promise<(string | number)[][]> {
    const rows = await store.query<LineRow>(
      sql`select kind, balance, reserved, revenue, carrier || ' ' || cost_micros as cost from ledger
        order by batch, line`,
    )
    return rows.map(({ kind, balance, reserved, revenue, cost }) => [
      kind,
      Number(balance),
      Number(reserved),
      Number(revenue),
      cost ?? '',
    ])
  }

  const reserved = ['reserve', -90_000, 90_000, 0, '']
  const taken = ['cost', 0, 0, 0, 'alpha 30000']
  const three = ids('a', 'b', 'c')

  it.each<[string, (message: Message) => JournalEntry[], (string | number)[][]]>([
    [
      'delivered',
      (message) => [
        submitting(message),
        moved(message, 'sent', { answers: three }),
        receipt('a', 'DELIVERED'),
        receipt('b', 'DELIVERED'),
        receipt('c', 'DELIVERED'),
      ],
      [
        taken,
        ['settle', 0, -30_000, 30_000, ''],
        ['settle', 0, -30_000, 30_000, ''],
        ['settle', 0, -30_000, 30_000, ''],
      ],
    ],
    [
      'lost in one part',
      (message) => [
        submitting(message),
        moved(message, 'sent', { answers: three }),
        receipt('b', 'DELIVERED'),
        receipt('a', 'UNDELIVERABLE'),
      ],
      [taken, ['settle', 0, -30_000, 30_000, ''], ['release', 60_000, -60_000, 0, '']],
    ],
    [
      'refused for good',
      (message) => [
        submitting(message),
        moved(message, 'failed', {
          answers: three.map((answer) => ({ ...answer, state: 'refused', matchKey: null })),
        }),
      ],
      [['release', 90_000, -90_000, 0, '']],
    ],
    [
      'canceled',
      (message) => [moved(message, 'canceled', { attempt: 0 })],
      [['release', 90_000, -90_000, 0, '']],
    ],
    [
      'expired',
      (message) => [moved(message, 'expired', { attempt: 0, deadLetter: 'expired' })],
      [['release', 90_000, -90_000, 0, '']],
    ],
    [
      'without a receipt until its deadline',
      (message) => [
        submitting(message),
        moved(message, 'sent', { answers: three }),
        moved(message, 'unconfirmed'),
      ],
      [taken, ['settle', 0, -90_000, 90_000, '']],
    ],
  ])('has the lines of a message that is %s', async (_, life, expected) => {
    const journal = await openJournal()
    const message = billed()
    await journal.write(accepted(message))
    for (const entry of life(message)) await journal.write(entry)
    expect(await lines()).toEqual([reserved, ...expected])
    expect(await checkMessages(store)).toEqual({ messages: 1, fault: undefined })
    expect(await checkLedger(store)).toMatchObject({ lines: expected.length + 1, faults: [] })
  })

  it('has a dead letter that is sent again as another message, with lines of its own', async () => {
    const journal = await openJournal()
    const letter = billed()
    await journal.write(
      accepted(letter),
      moved(letter, 'failed', { attempt: 0, deadLetter: 'refused' }),
    )
    const again = billed({ replayOf: letter.id })
    await journal.batch(
      { kind: 'replayed', message: letter, replayedAs: again.id, at: new Date() },
      accepted(again),
    )
    expect(await lines()).toEqual([reserved])
    expect(journal.ledger.accounts.standings(TENANT)).toMatchObject([{ reserved: 90_000n }])
  })

  it('writes what begins and ends together as one line', async () => {
    const journal = await openJournal()
    const message = billed({ segments: 1, priceMicros: 30_000n, costMicros: 10_000n })
    await journal.write(
      accepted(message),
      submitting(message),
      moved(message, 'sent', { answers: ids('a') }),
      receipt('a', 'DELIVERED'),
    )
    expect(await lines()).toEqual([['settle', -30_000, 0, 30_000, 'alpha 10000']])
  })

  it('owes each carrier that has taken a message', async () => {
    const journal = await openJournal()
    const message = billed({ segments: 1, priceMicros: 30_000n, costMicros: 10_000n })
    await journal.write(
      accepted(message),
      submitting(message),
      moved(message, 'sent', { answers: ids('a') }),
      moved(message, 'queued', {
        carrier: 'beta',
        errorCode: 'receipt_missing',
        cost: { micros: 15_000n, currency: 'USD', deckVersion: 1 },
      }),
      submitting(message, { carrier: 'beta', attempt: 2 }),
      moved(message, 'sent', { carrier: 'beta', attempt: 2, answers: ids('z') }),
      receipt('z', 'DELIVERED', { carrier: 'beta' }),
    )
    const owed = await store.query(
      sql`select carrier, currency, owed from ledger_carriers order by 1`,
    )
    expect(owed.map((row) => Object.values(row).join(' '))).toEqual([
      'alpha EUR 10000',
      'beta USD 15000',
    ])
    expect((await checkLedger(store)).faults).toEqual([])
  })

  it('has nothing of a message that is not billed', async () => {
    const journal = await openJournal()
    await journal.sent(billed({ charging: null }), 'a', 'b', 'c')
    expect(await lines()).toEqual([])
  })

  it('goes on from the tables after a start, and books nothing twice', async () => {
    const first = await openJournal()
    const message = billed()
    await first.sent(message, 'a', 'b', 'c')
    await first.write(receipt('a', 'DELIVERED'))
    await first.spool.write(receipt('b', 'DELIVERED'))
    const ledger = new Ledger()
    await ledger.load(store, new Date())
    const second = new Journal(store, { node: 'second', ledger })
    journals.push(second)
    await recover({
      store,
      node: 'second',
      spool: second.spool,
      live: second.live,
      tracker: second.tracker,
      tables: second.tables,
      policyFor: testPolicies(),
      onEffects: (effects) => second.onEffects(effects),
      logger: second.logger,
      clock: () => new Date(),
    })
    await second.write(receipt('c', 'DELIVERED'))
    expect((await lines()).map(([kind]) => kind)).toEqual(['reserve', 'settle', 'settle', 'settle'])
    expect(ledger.accounts.standings(TENANT)).toMatchObject([
      { balance: -90_000n, reserved: 0n, revenue: 90_000n, held: 0n },
    ])
    expect((await checkLedger(store)).faults).toEqual([])
  })

  it('is in order when the answer to a commit was lost', async () => {
    const unsteady = new Unsteady(store)
    const journal = await openJournal(unsteady.store)
    await journal.spool.write(accepted(billed()))
    unsteady.ahead.push('answer_lost', 'away')
    await journal.settled()
    await journal.write(accepted(billed()))
    expect(await lines()).toEqual([reserved, reserved])
    expect(await checkLedger(store)).toMatchObject({ batches: 2, faults: [] })
  })

  const MONEY: Booking = {
    kind: 'top_up',
    at: new Date(),
    tenantId: TENANT,
    currency: 'EUR',
    balance: 5_000_000n,
    reserved: 0n,
    revenue: 0n,
    tax: 0n,
    funding: -5_000_000n,
    messageId: null,
    owed: null,
    reference: 'invoice 7',
    note: 'by bank',
  }

  describe('of what the database refuses', () => {
    // Numbers that their columns cannot hold.
    const TOO_MANY = 40_000
    const full: Booking = { ...MONEY, balance: 2n ** 63n - 1n, funding: 1n - 2n ** 63n }

    /** Somebody works on it: it stays in memory. */
    function hold({ live }: Journal, message: Message): void {
      const known = live.get(message.id)
      if (known) live.hold(known)
    }

    /** What memory says of the tenant, and what a start would find in the tables. */
    async function bothSides(ledger: Ledger) {
      const loaded = new Ledger()
      await loaded.load(store, new Date())
      return [ledger, loaded].map(({ accounts, volumes }) => ({
        accounts: accounts.standings(TENANT).filter(({ balance, held }) => balance !== 0n || held),
        segments: volumes.segments(TENANT, new Date()),
      }))
    }

    it.each<[string, (journal: Journal) => Promise<unknown>, (string | number)[][], number]>([
      [
        'a message',
        (journal) => journal.batch(accepted(billed({ segments: TOO_MANY })), accepted(billed())),
        [reserved],
        3,
      ],
      [
        'the end of a message',
        async (journal) => {
          const message = billed()
          await journal.write(accepted(message))
          await journal.write(moved(message, 'failed', { attempt: 0, failures: TOO_MANY }))
        },
        [reserved],
        3,
      ],
      [
        'what a carrier has taken',
        async (journal) => {
          const message = billed()
          await journal.write(accepted(message), submitting(message))
          const sent = { answers: three, failures: TOO_MANY }
          await journal.write(moved(message, 'sent', sent))
        },
        [reserved],
        3,
      ],
      [
        'a message, until it can be written',
        async (journal) => {
          const message = billed({ segments: TOO_MANY })
          await journal.spool.write(accepted(message))
          hold(journal, message)
          await journal.settled()
          await journal.write(replaced(message, { segments: 3 }))
        },
        [reserved],
        3,
      ],
      [
        'the word of a carrier, until it can be written',
        async (journal) => {
          const message = billed()
          await journal.write(accepted(message), submitting(message))
          const sent = { answers: three, failures: TOO_MANY }
          await journal.write(moved(message, 'sent', sent))
          message.failures = 0
          await journal.write(receipt('a', 'DELIVERED'))
        },
        [reserved, ['settle', 0, -30_000, 30_000, 'alpha 30000']],
        3,
      ],
      [
        'a payment',
        async (journal) => {
          journal.live.addBookings(full)
          await journal.tables.flush()
          journal.live.addBookings({ ...MONEY, reference: 'one too many' })
          await journal.tables.flush()
        },
        [['top_up', Number(full.balance), 0, 0, '']],
        0,
      ],
    ])('moves no money: %s', async (_, work, expected, segments) => {
      const journal = await openJournal()
      await work(journal)
      const refused = await store.query(sql`select reason from journal_refused`)
      expect(refused).toHaveLength(1)
      expect(await lines()).toEqual(expected)
      const [memory, start] = await bothSides(journal.ledger)
      expect(memory).toEqual(start)
      expect(memory?.segments).toBe(segments)
      expect((await checkMessages(store)).fault).toBeUndefined()
      expect((await checkLedger(store)).faults).toEqual([])
    })

    it.each<Trouble[][]>([
      [['nothing', 'answer_lost']],
      [['nothing', 'away']],
      [['nothing', 'away', 'nothing', 'answer_lost']],
      [['nothing', 'answer_lost', 'nothing', 'away']],
    ])('moves no money through %j', async (troubles) => {
      const unsteady = new Unsteady(store)
      const journal = await openJournal(unsteady.store)
      await journal.spool.write(accepted(billed({ segments: TOO_MANY })), accepted(billed()))
      // All at once fails by itself; then one by one.
      unsteady.ahead.push(...troubles)
      await journal.settled()
      expect(await lines()).toEqual([reserved])
      const [memory, start] = await bothSides(journal.ledger)
      expect(memory).toEqual(start)
      expect((await checkLedger(store)).faults).toEqual([])
    })

    it('is told to whoever pays', async () => {
      const { live, tables, ledger } = await openJournal()
      const { accounts } = ledger
      const funding = new Funding({ store, live, tables, accounts, clock: () => new Date() })
      const payment: Payment = {
        ...{ tenantId: TENANT, kind: 'top_up', currency: 'EUR', note: null },
        ...{ micros: full.balance, reference: 'invoice 7' },
      }
      expect(await funding.book(payment)).toMatchObject({ isNew: true })
      const more = funding.book({ ...payment, micros: 1_000_000n, reference: 'one too many' })
      await expect(more).rejects.toMatchObject({
        code: 'payment_refused',
        message: expect.stringContaining('the ledger cannot hold 1.0000 EUR'),
      })
      const [memory, start] = await bothSides(ledger)
      expect(memory).toEqual(start)
    })
  })

  it.each<[string, SQL, string]>([
    [
      'a state',
      sql`update messages set status = 'failed'`,
      '(failed): nothing should be booked, and 0.0900 EUR reserved is',
    ],
    [
      'a price',
      sql`update messages set price_micros = 60000`,
      '(sent): 0.0600 EUR reserved should be booked, and 0.0900 EUR reserved is',
    ],
    [
      'a segment',
      sql`update attempts set state = 'delivered' where segment = 2`,
      '(sent): 0.0600 EUR reserved, 0.0300 EUR charged should be booked, and 0.0900 EUR reserved is',
    ],
    [
      'a cost',
      sql`update attempts set cost_micros = 0 where segment = 2`,
      '(sent): alpha EUR: 0.0200 should be owed, and 0.0300 is',
    ],
  ])('finds the message that is not charged as it says: %s', async (_, change, expected) => {
    const journal = await openJournal()
    await journal.sent(billed(), 'a', 'b', 'c')
    await store.query(change)
    const { fault } = await checkMessages(store)
    expect(fault && `${fault.where}: ${fault.what}`).toContain(expected)
  })

  describe('that somebody has changed', () => {
    async function threeBatches(): Promise<void> {
      const journal = await openJournal()
      journal.live.addBookings(MONEY)
      await journal.tables.flush()
      await journal.batch(accepted(billed()), accepted(billed()))
      await journal.sent(billed(), 'a', 'b', 'c')
      expect(await checkLedger(store)).toEqual({ batches: 3, lines: 4, faults: [] })
    }

    it.each<[string, SQL, string]>([
      [
        'an amount',
        sql`update ledger set balance = balance - 1, reserved = reserved + 1 where batch = 2 and line = 2`,
        'batch 2, line 2: it was changed: reserve of message',
      ],
      [
        'a note',
        sql`update ledger set note = 'in cash' where batch = 1`,
        'batch 1, line 1: it was changed: top_up',
      ],
      [
        'a line taken away',
        sql`delete from ledger where batch = 2 and line = 1`,
        'batch 2, line 1: it is not there',
      ],
      [
        'the last line taken away',
        sql`delete from ledger where batch = 2 and line = 2`,
        'batch 2, line 2: it is not there',
      ],
      [
        'a line added',
        sql`insert into ledger select batch, 3, kind, at, tenant_id, currency, balance, reserved, revenue, tax, funding from ledger where batch = 2 and line = 1`,
        'batch 2, line 3: it was added',
      ],
      [
        'a line of no batch',
        sql`insert into ledger select 9, line, kind, at, tenant_id, currency, balance, reserved, revenue, tax, funding from ledger where batch = 2 and line = 1`,
        'batch 9, line 1: it belongs to no batch',
      ],
      [
        'a batch taken away',
        sql`with gone as (delete from ledger_batches where number = 2) delete from ledger where batch = 2`,
        'batch 2: it is not there',
      ],
      [
        'a seal',
        sql`update ledger_batches set hash = repeat('0', 64) where number = 2`,
        'batch 2: it was changed',
      ],
      [
        'a balance',
        sql`update ledger_accounts set balance = balance + 1, funding = funding - 1`,
        `the accounts of tenant ${TENANT} in EUR`,
      ],
      [
        'what a carrier is owed',
        sql`update ledger_carriers set owed = 0`,
        'what is owed to carrier alpha in EUR: 0 stands there, and the lines sum to 30000',
      ],
    ])('is found out: %s', async (_, change, expected) => {
      await threeBatches()
      await store.query(change)
      const { faults } = await checkLedger(store)
      expect(faults.map(({ where, what }) => `${where}: ${what}`)[0]).toContain(expected)
    })
  })
})
