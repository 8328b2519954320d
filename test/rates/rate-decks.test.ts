import { sql } from 'drizzle-orm'
import { afterAll, beforeAll, beforeEach, describe, expect, it, test } from 'vitest'
import type { DeckSource } from '../../src/rates/deck-content.ts'
import { type DeckOwner, RateDecks } from '../../src/rates/rate-decks.ts'
import type { Store } from '../../src/store/open.ts'
import { testDatabases, truncate } from '../support/database.ts'

const AT = new Date('2026-11-15T12:00:00Z')

const rate = (prefix: string, priceMicros: bigint) => ({ prefix, priceMicros, currency: 'EUR' })

const OWNERS: readonly DeckOwner[] = [
  { kind: 'carrier', name: 'alpha', rates: [rate('44', 35_000n), rate('', 90_000n)] },
  { kind: 'carrier', name: 'beta', rates: [] },
  { kind: 'tenant', name: 'alpha', rates: [] },
]

const csv = (...rows: readonly string[]) =>
  ['prefix,price,currency,effective_from', ...rows].join('\n')

async function textOf(pieces: AsyncIterable<Uint8Array>): Promise<string> {
  const all: Uint8Array[] = []
  for await (const piece of pieces) all.push(piece)
  return Buffer.concat(all).toString('utf8')
}

describe.each(testDatabases())('rate decks on $name', ({ open }) => {
  let store: Store
  let decks: RateDecks

  beforeAll(async () => {
    store = await open()
  })
  beforeEach(async () => {
    await truncate(store)
    decks = await RateDecks.open(store, () => AT, OWNERS)
  })
  afterAll(() => store.close())

  const restarted = () => RateDecks.open(store, () => AT, OWNERS)
  const taken = async (source: DeckSource, note?: string) => {
    const done = await decks.import('carrier', 'alpha', source, note)
    if (!done.isTaken) throw new Error(JSON.stringify(done.mistakes))
    return done.version
  }
  const priceOf = (from: RateDecks, digits = '447') =>
    from.current('carrier', 'alpha')?.deck.rateFor(digits, null, AT.getTime())?.priceMicros

  it('are those of the configuration until one is imported', async () => {
    expect(decks.current('carrier', 'alpha')?.version).toBe(0)
    expect(priceOf(decks)).toBe(35_000n)
    expect(decks.current('carrier', 'beta')).toBeUndefined()
    expect(decks.current('tenant', 'alpha')).toBeUndefined()
    expect(decks.all()).toMatchObject([{ kind: 'carrier', owner: 'alpha', version: 0, rows: 2 }])
  })

  it('count from the import on, with a version of their own for each owner, over a restart', async () => {
    expect(await taken(csv('44,0.04,EUR,', '33,0.05,EUR,2026-12-01'), 'from December')).toBe(1)
    expect(await taken(csv('44,0.05,EUR,'))).toBe(2)
    expect(await decks.import('tenant', 'alpha', csv('*,1,USD,'))).toMatchObject({ version: 1 })
    for (const each of [decks, await restarted()]) {
      expect(priceOf(each)).toBe(50_000n)
      expect(priceOf(each, '331')).toBeUndefined()
      expect(each.all()).toEqual([
        {
          kind: 'carrier',
          owner: 'alpha',
          version: 2,
          importedAt: AT,
          note: '',
          rows: 1,
          isCurrent: true,
        },
        expect.objectContaining({ kind: 'tenant', owner: 'alpha', version: 1 }),
      ])
      const versions = await each.versions('carrier', 'alpha')
      expect(versions.map(({ version, isCurrent }) => [version, isCurrent])).toEqual([
        [2, true],
        [1, false],
        [0, false],
      ])
      expect(versions[1]).toMatchObject({ note: 'from December', rows: 2, importedAt: AT })
    }
  })

  it('are given out as CSV, each version', async () => {
    await taken(csv('44,0.04,EUR,', '33,0.05,EUR,2026-12-01'))
    const name = { kind: 'carrier', owner: 'alpha' } as const
    expect(await textOf(await decks.csv({ ...name, version: 1 }))).toBe(
      'prefix,mccmnc,price,currency,effective_from\n44,,0.0400,EUR,\n33,,0.0500,EUR,2026-12-01\n',
    )
    expect(await textOf(await decks.csv({ ...name, version: 0 }))).toBe(
      'prefix,mccmnc,price,currency,effective_from\n44,,0.0350,EUR,\n*,,0.0900,EUR,\n',
    )
    await expect(decks.csv({ ...name, version: 2 })).rejects.toMatchObject({ code: 'not_found' })
  })

  it('stay as they are when a row of the next is wrong', async () => {
    await taken(csv('44,0.04,EUR,'))
    const before = await decks.versions('carrier', 'alpha')
    const refused = await decks.import(
      'carrier',
      'alpha',
      csv('44,0.05,EUR,', '44,0.06,EUR,', '45,-1,EUR,', '46,1,ABC,', '00,1,EUR,'),
    )
    expect(refused).toMatchObject({ isTaken: false, mistakeCount: 4, rows: 5 })
    expect(refused.mistakes.map(({ line, column }) => [line, column])).toEqual([
      [3, 'prefix'],
      [4, 'price'],
      [5, 'currency'],
      [6, 'prefix'],
    ])
    expect(await decks.versions('carrier', 'alpha')).toEqual(before)
    expect(priceOf(decks)).toBe(40_000n)
    expect(priceOf(await restarted())).toBe(40_000n)
  })

  it('are compared before they are imported, rows without mistakes at least', async () => {
    const preview = await decks.preview(
      'carrier',
      'alpha',
      csv('44,0.07,EUR,', '33,0.05,EUR,', 'x,1,EUR,'),
    )
    expect(preview).toMatchObject({
      comparedWith: 0,
      rows: 3,
      mistakeCount: 1,
      diff: { raised: { count: 1 }, added: { count: 1 }, removed: { count: 1 }, unchanged: 0 },
    })
    expect(preview.diff.raised.listed).toMatchObject([{ prefix: '44', percent: 100 }])
    expect(await decks.versions('carrier', 'alpha')).toHaveLength(1)
    expect((await decks.preview('carrier', 'beta', csv('44,1,EUR,'))).comparedWith).toBeNull()
  })

  it('roll back by a new version, and to the configuration too', async () => {
    await taken(csv('44,0.04,EUR,'))
    await taken(csv('44,0.05,EUR,'))
    expect(await decks.rollBack('carrier', 'alpha', 1)).toBe(3)
    expect(priceOf(decks)).toBe(40_000n)
    expect(await decks.rollBack('carrier', 'alpha', 0, 'back')).toBe(4)
    expect(priceOf(await restarted(), '33')).toBe(90_000n)
    const versions = await decks.versions('carrier', 'alpha')
    expect(versions.slice(0, 2).map(({ note }) => note)).toEqual(['back', 'as version 1'])
    await expect(decks.rollBack('carrier', 'alpha', 9)).rejects.toMatchObject({
      code: 'not_found',
      message: 'carrier alpha has no rate deck of version 9',
    })
  })

  it('tell of every change, once it counts', async () => {
    const heard: unknown[] = []
    const stop = decks.onChange((kind, owner) => {
      heard.push([kind, owner, decks.current(kind, owner)?.version])
    })
    await taken(csv('44,0.04,EUR,'))
    await decks.import('carrier', 'alpha', csv('44,x,EUR,'))
    await decks.rollBack('carrier', 'alpha', 0)
    stop()
    await taken(csv('44,0.05,EUR,'))
    expect(heard).toEqual([
      ['carrier', 'alpha', 1],
      ['carrier', 'alpha', 2],
    ])
  })

  it('follow another configuration where nothing is imported', async () => {
    await taken(csv('44,0.04,EUR,'))
    const next = await decks.prepare([
      { kind: 'carrier', name: 'alpha', rates: [rate('44', 1n)] },
      { kind: 'carrier', name: 'gamma', rates: [rate('44', 2n)] },
    ])
    expect(next.current('carrier', 'gamma')?.version).toBe(0)
    expect(decks.current('carrier', 'gamma')).toBeUndefined()
    next.takeOver()
    expect(priceOf(decks)).toBe(40_000n)
    expect(decks.current('carrier', 'gamma')?.version).toBe(0)
    expect(decks.current('carrier', 'beta')).toBeUndefined()
    await expect(async () => decks.import('carrier', 'beta', csv('44,1,EUR,'))).rejects.toThrow(
      'there is no carrier "beta"; known: alpha, gamma',
    )
  })

  it('are for those only that the configuration knows', async () => {
    for (const work of [
      async () => decks.preview('tenant', 'nobody', ''),
      async () => decks.import('carrier', 'nobody', csv('44,1,EUR,')),
      async () => decks.rollBack('carrier', 'nobody', 0),
      async () => decks.versions('tenant', 'beta'),
    ]) {
      await expect(work).rejects.toMatchObject({ code: 'not_found' })
    }
  })

  it('are not half of one after a crash: what was being written does not count', async () => {
    await taken(csv('44,0.04,EUR,'))
    await store.query(sql`
      insert into rate_deck_parts (owner_kind, owner, version, part, content)
      values ('carrier', 'alpha', 2, 0, decode('00', 'hex'))`)
    const again = await restarted()
    expect(again.current('carrier', 'alpha')?.version).toBe(1)
    expect(await again.import('carrier', 'alpha', csv('44,0.05,EUR,'))).toMatchObject({
      version: 2,
    })
    expect(priceOf(await restarted())).toBe(50_000n)
  })

  it('that are damaged are named, not guessed', async () => {
    await taken(csv('44,0.04,EUR,'))
    await store.query(sql`delete from rate_deck_parts`)
    await expect(restarted()).rejects.toThrow(/version 1 .*carrier alpha cannot be read/)
  })

  test('imports that come together are taken one after the other', async () => {
    const versions = await Promise.all(
      Array.from({ length: 5 }, (_, index) => taken(csv(`44,0.0${index + 1},EUR,`))),
    )
    expect(versions).toEqual([1, 2, 3, 4, 5])
    expect(priceOf(await restarted())).toBe(50_000n)
  })

  describe('of 1,000,000 rows', () => {
    async function* rows(rowOf: (index: number) => string): AsyncGenerator<Uint8Array> {
      yield Buffer.from('prefix,price,currency\n')
      for (let start = 0; start < 1_000_000; start += 5_000) {
        const piece = Array.from({ length: 5_000 }, (_, index) => rowOf(start + index))
        yield Buffer.from(`${piece.join('\n')}\n`)
      }
    }

    it('are refused row by row, and the old one stays', async () => {
      const refused = await decks.import(
        'carrier',
        'alpha',
        rows((index) => `${10_000_000 + index},${index % 4 === 3 ? '-1' : '1'},EUR`),
      )
      expect(refused).toMatchObject({ isTaken: false, rows: 1_000_000, mistakeCount: 250_000 })
      expect(refused.mistakes.slice(0, 2).map(({ line }) => line)).toEqual([5, 9])
      expect(decks.current('carrier', 'alpha')?.version).toBe(0)
    })

    it('are taken, and others get on meanwhile', async () => {
      let turns = 0
      let isOver = false
      const spin = () => {
        turns++
        if (!isOver) setImmediate(spin)
      }
      spin()
      const source = rows((index) => `${10_000_000 + index},0.0${(index % 9) + 1},EUR`)
      expect(await taken(source)).toBe(1)
      isOver = true
      // Each slice ends after a few thousand rows on any machine: a thousand turns are few.
      expect(turns).toBeGreaterThan(100)
      const again = await restarted()
      expect(again.all()).toMatchObject([{ version: 1, rows: 1_000_000 }])
      expect(priceOf(again, '10999999')).toBe(10_000n * BigInt((999_999 % 9) + 1))
    })
  })
})
