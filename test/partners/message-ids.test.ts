import { sql } from 'drizzle-orm'
import { afterAll, beforeAll, beforeEach, describe, expect, test } from 'vitest'
import { formFor, MessageIds } from '../../src/partners/message-ids.ts'
import type { Store } from '../../src/store/open.ts'
import { accepted, Journal, partnerMessage } from '../messages/builders.ts'
import { testDatabases, truncate } from '../support/database.ts'

const COUNT = 3_294_967_296n

describe.each(testDatabases())('short ids, on $name', ({ open }) => {
  let store: Store

  beforeAll(async () => {
    store = await open()
  })

  afterAll(() => store.close())

  beforeEach(() => truncate(store))

  async function several(ids: MessageIds, count: number, form: 'hex8' | 'decimal' = 'decimal') {
    return Promise.all(Array.from({ length: count }, () => ids.next('acme', form)))
  }

  test('count up without a gap over many blocks, asked for at once', async () => {
    const given = await several(new MessageIds({ store, block: 7 }), 50)
    const expected = Array.from({ length: 50 }, (_, index) => String(1_000_000_000 + index))
    expect(given.sort()).toEqual(expected)
  })

  test('have the same number in either form, and each account its own', async () => {
    const ids = new MessageIds({ store })
    expect(await ids.next('acme', 'hex8')).toBe('3B9ACA00')
    expect(await ids.next('acme', 'decimal')).toBe('1000000001')
    expect(await ids.next('other', 'decimal')).toBe('1000000000')
  })

  test('are not given again by the next start, nor by one that runs at the same time', async () => {
    const starts = [1, 2, 3].map(() => new MessageIds({ store, block: 5 }))
    const given = await Promise.all(starts.map((ids) => several(ids, 12)))
    expect(new Set(given.flat()).size).toBe(36)
  })

  test('begin again at the end, and leave out those whose message is kept', async () => {
    await store.query(
      sql`insert into partner_ids values ('acme', ${(COUNT - 2n).toString()}::text::int8)`,
    )
    const journal = await Journal.open(store)
    const kept = ['3B9ACA00', '1000000002'].map((partnerMessageId) =>
      accepted(partnerMessage({ partnerMessageId })),
    )
    const others = accepted(partnerMessage({ partner: 'other', partnerMessageId: '1000000001' }))
    await journal.spool.write(...kept, others)
    await journal.close()
    expect(await several(new MessageIds({ store, block: 6 }), 4)).toEqual([
      '4294967294',
      '4294967295',
      '1000000001',
      '1000000003',
    ])
  })
})

test.each([
  [undefined, 0x33, 'hex8'],
  [undefined, 0x34, 'uuid'],
  [undefined, 0x50, 'uuid'],
  ['decimal', 0x33, 'decimal'],
  ['uuid', 0x33, 'uuid'],
] as const)(
  'an account that asks for %s, bound with version %i, gets %s',
  (form, version, given) => {
    expect(formFor(form, version)).toBe(given)
  },
)
