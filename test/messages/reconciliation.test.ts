import { type SQL, sql } from 'drizzle-orm'
import { afterAll, afterEach, beforeAll, describe, expect, it } from 'vitest'
import { readBillColumns } from '../../src/messages/carrier-bill.ts'
import type { Message } from '../../src/messages/message.ts'
import {
  type ReconciliationReport,
  Reconciliations,
  type ReconciliationWish,
} from '../../src/messages/reconciliation.ts'
import { findUnfound } from '../../src/messages/reconciliation-tables.ts'
import { receiptKeys, responseKey } from '../../src/smpp/id-profile.ts'
import { type CipherKey, createCipher } from '../../src/store/cipher.ts'
import type { Store } from '../../src/store/open.ts'
import { testDatabases, truncate } from '../support/database.ts'
import { accepted, ids, Journal, moved, submitting, testMessage } from './builders.ts'

const FROM = new Date('2026-10-01T00:00:00Z')
const BEFORE = new Date('2026-11-01T00:00:00Z')
const IN_OCTOBER = new Date('2026-10-15T12:00:00Z')
const KEY: CipherKey = { id: 'k1', key: Buffer.alloc(32, 1) }

/** Octets as a connection brings them: in pieces that end anywhere. */
async function* piecesOf(text: string, octets = 7): AsyncGenerator<Uint8Array> {
  const all = Buffer.from(text)
  for (let start = 0; start < all.length; start += octets) {
    yield all.subarray(start, start + octets)
  }
}

describe.each(testDatabases())('a reconciliation on $name', ({ open }) => {
  let store: Store
  let journal: Journal | undefined
  const known = new Map<Store, Reconciliations>()

  beforeAll(async () => {
    store = await open()
  })
  afterEach(async () => {
    await journal?.close()
    await truncate(store)
  })
  afterAll(() => store.close())

  /** Messages that `alpha` has taken, with its ids of their segments; a segment costs 0.01. */
  async function sent(on: Store, ...all: readonly [Partial<Message>, ...string[]][]) {
    journal = await Journal.open(on)
    const messages: Message[] = []
    for (const [more, ...carrierIds] of all) {
      const segments = carrierIds.length
      const message = testMessage({
        segments,
        createdAt: IN_OCTOBER,
        costMicros: 10_000n * BigInt(more.segments ?? segments),
        ...more,
      })
      messages.push(message)
      const answers = ids(...carrierIds).map((answer, index) => {
        return { ...answer, matchKey: responseKey(carrierIds[index] ?? '', 'resp-hex') }
      })
      await journal.batch(
        accepted(message),
        submitting(message, { at: message.createdAt, segmentCount: segments }),
        moved(message, 'sent', { answers }),
      )
    }
    return messages
  }

  function compare(
    file: string,
    more: Partial<ReconciliationWish> & { on?: Store; octets?: number } = {},
  ): Promise<ReconciliationReport> {
    const { on = store, octets, ...wish } = more
    const reconciliations = known.get(on) ?? reconciliationsOn(on)
    known.set(on, reconciliations)
    const usual = { carrier: 'alpha', from: FROM, before: BEFORE, columns: {}, currency: null }
    return reconciliations.compare({ ...usual, examples: 2, ...wish }, piecesOf(file, octets))
  }

  function reconciliationsOn(on: Store): Reconciliations {
    return new Reconciliations({
      store: on,
      tables: { flush: async () => journal?.settled() },
      keysFor: (name) => (name === 'alpha' ? (id) => receiptKeys([id], 'resp-hex') : undefined),
    })
  }

  function countsOf({ differences }: ReconciliationReport) {
    return Object.fromEntries(
      differences.filter(({ count }) => count > 0).map(({ kind, count }) => [kind, count]),
    )
  }

  it('finds nothing where all is equal, ids spelt as responses or as receipts', async () => {
    await sent(store, [{}, '0a'], [{ to: '+447700900124' }, '1f', '20'])
    const report = await compare(
      'message_id,destination,parts,charge,currency\n' +
        '0A,447700900123,1,0.01,EUR\n31,+44 7700 900124,1,0.0100,EUR\n20,00447700900124,1,0.01,EUR\n',
    )
    expect(countsOf(report)).toEqual({})
    expect(report).toMatchObject({
      lines: 3,
      matched: {
        lines: 3,
        theirs: [{ micros: 30_000n, currency: 'EUR' }],
        ours: [{ micros: 30_000n, currency: 'EUR' }],
      },
      isEqual: true,
    })
    expect(await store.query(sql`select from reconciled_submits`)).toEqual([])
  })

  it('names every kind of difference with its sums and the first examples', async () => {
    const [dear, foreign, long, elsewhere, lost] = await sent(
      store,
      [{}, 'a1'],
      [{}, 'a2'],
      [{}, 'a3'],
      [{}, 'a4'],
      [{}, 'a5'],
    )
    const report = await compare(
      'id;to;segments;amount;currency\n' +
        'a1;447700900123;1;0.02;EUR\n' +
        'a2;447700900123;1;0.01;USD\n' +
        'a3;447700900123;3;0.01;EUR\n' +
        'a4;447700900999;1;0.01;EUR\n' +
        'a4;447700900123;1;0.01;EUR\n' +
        'b1;447700900123;1;0.05;EUR\n' +
        'b2;447700900123;1;0.05;EUR\n' +
        'b3;447700900123;1;0.05;EUR\n',
    )
    expect(countsOf(report)).toEqual({
      theirs_not_ours: 3,
      ours_not_theirs: 1,
      double: 1,
      price_differs: 1,
      currency_differs: 1,
      segments_differ: 1,
      destination_differs: 1,
    })
    expect(report.isEqual).toBe(false)
    const of = (kind: string) => report.differences.find((each) => each.kind === kind)
    expect(of('theirs_not_ours')).toMatchObject({
      theirs: [{ micros: 150_000n, currency: 'EUR' }],
      ours: [],
      examples: [{ line: { line: 7, id: 'b1' } }, { line: { line: 8, id: 'b2' } }],
    })
    expect(of('ours_not_theirs')).toMatchObject({
      ours: [{ micros: 10_000n, currency: 'EUR' }],
      examples: [{ line: null, submit: { messageId: lost?.id, carrierMessageId: 'a5' } }],
    })
    expect(of('price_differs')?.examples[0]?.submit?.messageId).toBe(dear?.id)
    expect(of('currency_differs')?.examples[0]?.submit?.messageId).toBe(foreign?.id)
    expect(of('segments_differ')?.examples[0]).toMatchObject({
      submit: { messageId: long?.id },
      ourSegments: 1,
    })
    expect(of('destination_differs')?.examples[0]).toMatchObject({
      line: { line: 5 },
      submit: { messageId: elsewhere?.id, to: '+447700900123' },
    })
  })

  it('takes one line for all segments of a submit, and one piece that the carrier splits', async () => {
    await sent(store, [{}, 'c1', 'c2', 'c3'], [{ segments: 2 }, 'd1'])
    const report = await compare('id,segments,amount\nc2,3,0.03\nd1,2,0.02', { currency: 'EUR' })
    expect(countsOf(report)).toEqual({})
    const twice = await compare('id,segments,amount\nc2,3,0.03\nc1,1,0.01\nd1,2,0.02', {
      currency: 'EUR',
    })
    expect(countsOf(twice)).toEqual({ double: 1 })
  })

  it('looks at the submits of the period and of the carrier only', async () => {
    await sent(
      store,
      [{}, 'e1'],
      [{ createdAt: BEFORE }, 'e2'],
      [{ createdAt: new Date(FROM.getTime() - 1) }, 'e3'],
      [{ carrier: 'beta' }, 'e4'],
    )
    expect(countsOf(await compare('id\ne1\ne2\ne4\n'))).toEqual({ theirs_not_ours: 2 })
    expect(countsOf(await compare('id\n'))).toEqual({ ours_not_theirs: 1 })
  })

  it('reads numbers that are sealed, and compares without those of erased messages', async () => {
    const sealed = { ...store, cipher: createCipher([KEY], 'k1') }
    const [message] = await sent(sealed, [{}, 'f1'])
    const file = 'id,to\nf1,447700900999\n'
    const [stored] = await store.query<{ to_number: string }>(sql`select to_number from messages`)
    expect(stored?.to_number).not.toContain('447700')
    expect(countsOf(await compare(file, { on: sealed }))).toEqual({ destination_differs: 1 })
    await store.query(sql`delete from messages where id = ${message?.id ?? ''}`)
    expect(countsOf(await compare(file, { on: sealed }))).toEqual({})
  })

  it('names lines that cannot be read, and goes on', async () => {
    await sent(store, [{}, '91'])
    const report = await compare(
      'id,segments,amount,currency\n,1,0.01,EUR\n91,0,0.01,EUR\n91,1,1;5,EUR\n91,1,0.01,EEE\n91,1\n91,1,0.01,eur\n',
    )
    expect(report.mistakes.list).toEqual([
      { line: 2, message: 'has no message id' },
      { line: 3, message: 'segments "0" is no number from 1 to 255' },
      { line: 4, message: expect.stringContaining('amount "1;5" is no price') },
      { line: 5, message: expect.stringContaining('currency "EEE" is no currency') },
      { line: 6, message: 'has 2 columns: there are 4 in the first row' },
    ])
    expect(countsOf(report)).toEqual({})
    expect(report).toMatchObject({ lines: 6, matched: { lines: 1 }, isEqual: false })
  })

  it.each([
    ['', {}, 'the file is empty'],
    ['foo,bar\n1,2', {}, 'names no column of message ids'],
    ['id,msg_id\n1,2', {}, '"id" and "msg_id" are both "id"'],
    ['id,amount\n1,2', {}, 'no column of their currency'],
    ['id\n1', { to: 'target' }, 'there is no column "target" for "to"'],
  ])('refuses the file %j', async (file, columns, message) => {
    await expect(compare(file, { columns })).rejects.toMatchObject({
      code: 'file_invalid',
      message: expect.stringContaining(message),
    })
  })

  it('reads columns by the names that it is told', async () => {
    await sent(store, [{}, 'a1'])
    const columns = readBillColumns('id=Their Ref, amount=Charge (EUR)')
    const report = await compare('Their Ref,Charge (EUR),id\na1,0.03,x\n', {
      columns,
      currency: 'EUR',
    })
    expect(countsOf(report)).toEqual({ price_differs: 1 })
    expect(() => readBillColumns('id')).toThrow('"id" names no column')
    expect(() => readBillColumns('price=x')).toThrow('"price=x" names no column')
  })

  it('has thousands of lines in batches, one file after the other', async () => {
    await sent(store, [{}, 'a1'])
    const lines = Array.from({ length: 2_500 }, (_, index) => `z${index}`)
    const file = `id\n${lines.join('\n')}\na1\na1\n`
    const [first, second] = await Promise.all([
      compare(file, { octets: 5_000 }),
      compare('id\na1', { octets: 5_000 }),
    ])
    expect(countsOf(first)).toEqual({ theirs_not_ours: 2_500, double: 1 })
    expect(countsOf(second)).toEqual({})
  })

  it('knows no other carrier', () => {
    expect(() => compare('id\n', { carrier: 'nobody' })).toThrow('there is no carrier "nobody"')
  })

  it('reads the submits of the period, not all that there are', async () => {
    await store.query(sql`
      insert into attempts (message_id, attempt, segment, carrier, state, submitted_at, cost_micros,
        cost_currency, carrier_deck_version)
      select gen_random_uuid(), 1, 1, 'alpha', 'sent', '2026-01-01'::timestamptz + n * '15 minutes'::interval,
        10000, 'EUR', 0
      from generate_series(1, 35000) n`)
    await store.query(sql`vacuum analyze attempts`)
    const statements: SQL[] = []
    const listening = {
      ...store,
      query: async (query: SQL) => {
        statements.push(query)
        return []
      },
    }
    const period = { carrier: 'alpha', from: FROM, before: new Date('2026-10-02T00:00:00Z') }
    await findUnfound(listening as Store, period, 2)
    expect(statements).toHaveLength(2)
    for (const statement of statements) {
      const plan = await store.query<Record<string, string>>(sql`explain ${statement}`)
      const lines = plan.flatMap((row) => Object.values(row)).join('\n')
      expect(lines).toContain('attempts_by_time')
      expect(lines).not.toContain('Seq Scan on attempts')
    }
    expect((await findUnfound(store, period, 2)).count).toBe(96)
  })
})
