import { sql } from 'drizzle-orm'
import fc from 'fast-check'
import { afterAll, beforeAll, describe, expect, it } from 'vitest'
import { type BatchColumns, isoInstant, textArray, unnest } from '../../src/store/batch.ts'
import type { Store } from '../../src/store/open.ts'
import { testDatabases } from '../support/database.ts'

interface Row {
  readonly text: string | null
  readonly json: object | null
  readonly octets: Buffer | null
  readonly small: number | null
  readonly big: bigint | null
  readonly at: Date | null
  readonly list: readonly string[] | null
}

const COLUMNS: BatchColumns<Row> = {
  text: ['text', ({ text }) => text],
  json: ['jsonb', ({ json }) => json],
  octets: ['bytea', ({ octets }) => octets],
  small: ['int2', ({ small }) => small],
  big: ['int8', ({ big }) => big],
  at: ['timestamptz', ({ at }) => at],
  list: ['text[]', ({ list }) => list],
}

const EMPTY: Row = {
  text: null,
  json: null,
  octets: null,
  small: null,
  big: null,
  at: null,
  list: null,
}

describe.each(testDatabases())('unnest on $name', ({ open }) => {
  let store: Store

  beforeAll(async () => {
    store = await open()
  })
  afterAll(() => store.close())

  /** What the database has read; everything in a form that both drivers give alike. */
  async function roundTrip(rows: readonly Row[]): Promise<unknown[]> {
    const found = await store.query<Record<string, string | null>>(sql`
      select v.text, v.json::text as json, encode(v.octets, 'hex') as octets,
        v.small::text as small, v.big::text as big,
        (extract(epoch from v.at) * 1000)::int8::text as at, to_json(v.list)::text as list
      from ${unnest('v', COLUMNS, rows)}`)
    return found.map((row) => ({
      text: row.text,
      json: row.json === null ? null : JSON.parse(row.json ?? ''),
      octets: row.octets === null ? null : Buffer.from(row.octets ?? '', 'hex'),
      small: row.small === null ? null : Number(row.small),
      big: row.big === null ? null : BigInt(row.big ?? ''),
      at: row.at === null ? null : new Date(Number(row.at)),
      list: row.list === null ? null : JSON.parse(row.list ?? ''),
    }))
  }

  it.each([
    '',
    ' ',
    'NULL',
    'null',
    '"',
    '\\',
    '\\"',
    '\\x41',
    "'; drop table messages; --",
    'a,b',
    '{a}',
    '{"a","b"}',
    '$1',
    '%s',
    'line\r\nbreak\ttab',
    'Grüße 你好 שלום 👩‍👩‍👧‍👦',
    '\u{10FFFF}\uFEFF\u2028',
  ])('keeps %j as text, in a list and in jsonb', async (text) => {
    const row = { ...EMPTY, text, list: [text, 'x', text], json: { [text]: [text] } }
    expect(await roundTrip([row])).toEqual([row])
  })

  it('tells null from the word NULL', async () => {
    const rows = [EMPTY, { ...EMPTY, text: 'NULL', list: ['NULL', 'null', ''] }, EMPTY]
    expect(await roundTrip(rows)).toEqual(rows)
  })

  it('keeps the rows after and between which a column is empty', async () => {
    const full: Row = {
      text: 'x',
      json: { a: 'line\nbreak' },
      octets: Buffer.from('x'),
      small: 1,
      big: 1n,
      at: new Date(1),
      list: ['x'],
    }
    for (const rows of [
      [EMPTY, full, EMPTY, EMPTY],
      [full, EMPTY, EMPTY, full],
      [full, full, full, EMPTY],
      [EMPTY, EMPTY],
      [EMPTY],
    ]) {
      expect(await roundTrip(rows)).toEqual(rows)
    }
  })

  it('tells equal values from others, wherever they stand', async () => {
    const texts = ['a', 'a', null, 'a', 'b', 'b', '', '', 'a', null]
    const rows = texts.map((text) => ({ ...EMPTY, text, big: text === null ? null : 1n }))
    expect(await roundTrip(rows)).toEqual(rows)
  })

  it('takes undefined for null', async () => {
    const rows = await store.query<{ text: string | null }>(
      sql`select v.* from ${unnest<number>('v', { text: ['text', () => undefined] }, [1])}`,
    )
    expect(rows).toEqual([{ text: null }])
  })

  it('replaces U+0000, which PostgreSQL text cannot hold', async () => {
    const row = { ...EMPTY, text: 'a\0b"\0', list: ['\0'], json: { a: ['x\0y'], 'k\0': '\\u0000' } }
    expect(await roundTrip([row])).toEqual([
      {
        ...EMPTY,
        text: 'a\uFFFDb"\uFFFD',
        list: ['\uFFFD'],
        json: { a: ['x\uFFFDy'], 'k\uFFFD': '\\u0000' },
      },
    ])
  })

  it('replaces halves of surrogate pairs, which UTF-8 cannot hold', async () => {
    const half = 'a\uD83D b\uDE00'
    const whole = 'a\uFFFD b\uFFFD'
    expect(await roundTrip([{ ...EMPTY, text: half, list: [half], json: { half } }])).toEqual([
      { ...EMPTY, text: whole, list: [whole], json: { half: whole } },
    ])
  })

  it('keeps the extremes of numbers and instants, and every octet', async () => {
    const rows: Row[] = [
      { ...EMPTY, small: 32_767, big: 9_223_372_036_854_775_807n, at: new Date(0) },
      { ...EMPTY, small: -32_768, big: -9_223_372_036_854_775_808n, at: new Date(1) },
      { ...EMPTY, octets: Buffer.from(Array.from({ length: 256 }, (_, octet) => octet)) },
      { ...EMPTY, octets: Buffer.alloc(0), list: [], json: {} },
    ]
    expect(await roundTrip(rows)).toEqual(rows)
  })

  it('keeps the order of the rows', async () => {
    const rows = Array.from({ length: 2_000 }, (_, index) => ({ ...EMPTY, small: index }))
    expect(await roundTrip(rows)).toEqual(rows)
  })

  it('gives no rows for none', async () => {
    expect(await roundTrip([])).toEqual([])
  })

  it('brings any values back as they were', async () => {
    const text = fc.string({ unit: 'binary' }).map((value) => value.replaceAll('\0', ''))
    const orNull = <T>(arbitrary: fc.Arbitrary<T>) => fc.option(arbitrary, { nil: null })
    const row: fc.Arbitrary<Row> = fc.record({
      text: orNull(text),
      json: orNull(
        fc.dictionary(
          text.filter((key) => key !== '__proto__'),
          text,
        ),
      ),
      octets: orNull(fc.uint8Array().map((octets) => Buffer.from(octets))),
      small: orNull(fc.integer({ min: -32_768, max: 32_767 })),
      big: orNull(fc.bigInt({ min: -(2n ** 63n), max: 2n ** 63n - 1n })),
      at: orNull(fc.date({ min: new Date(0), max: new Date('2100-01-01'), noInvalidDate: true })),
      list: orNull(fc.array(text, { maxLength: 5 })),
    })
    await fc.assert(
      fc.asyncProperty(fc.array(row, { maxLength: 10 }), async (rows) => {
        const plain = rows.map((each) => ({ ...each, json: each.json && { ...each.json } }))
        expect(await roundTrip(rows)).toEqual(plain)
      }),
      { numRuns: 60 },
    )
  })

  it('writes a list for an ordinary parameter', async () => {
    const words = ['a"b', 'c\\d', 'NULL', '']
    const [row] = await store.query<{ json: string }>(
      sql`select to_json(${textArray(words)}::text[])::text as json`,
    )
    expect(JSON.parse(row?.json ?? '')).toEqual(words)
  })
})

it('writes instants as toISOString does', () => {
  const instants = fc.array(fc.date({ noInvalidDate: true }), { maxLength: 20 })
  fc.assert(
    fc.property(instants, fc.nat(2_000), (dates, ms) => {
      // Neighbours, too: they share a second with the one before.
      const latest = new Date('9999-12-31T23:59:59.999Z').getTime()
      const all = dates.flatMap((date) => [
        date,
        new Date(Math.min(date.getTime(), latest) + (date.getTime() < 0 ? ms : -ms)),
      ])
      expect(all.map(isoInstant)).toEqual(all.map((date) => date.toISOString()))
    }),
  )
  expect(() => isoInstant(new Date(Number.NaN))).toThrow(RangeError)
})
