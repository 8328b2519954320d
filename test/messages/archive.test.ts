import { sql } from 'drizzle-orm'
import { uuidv7 } from 'uuidv7'
import { afterAll, beforeAll, describe, expect, it } from 'vitest'
import { Archive } from '../../src/messages/archive.ts'
import type { Message } from '../../src/messages/message.ts'
import { loadMessages } from '../../src/messages/tables.ts'
import type { Store } from '../../src/store/open.ts'
import { testDatabases } from '../support/database.ts'
import { accepted, ids, Journal, moved, submitting, TENANT, testMessage } from './builders.ts'

const OTHER_TENANT = '01890000-0000-7000-8000-000000000002'

describe.each(testDatabases())('what is stored on $name', ({ open }) => {
  let store: Store
  let journal: Journal

  beforeAll(async () => {
    store = await open()
    journal = await Journal.open(store)
  })
  afterAll(async () => {
    await journal.close()
    await store.close()
  })

  describe('Archive', () => {
    const messages: Message[] = []
    let archive: Archive

    beforeAll(async () => {
      archive = new Archive(store, journal.live, journal.tables)
      for (let n = 0; n < 10; n++) {
        const message = testMessage({
          to: n % 2 ? '+447700900001' : '+447700900002',
          from: n < 5 ? 'ACME' : 'Other',
          carrier: n < 3 ? 'alpha' : 'beta',
          clientReference: n === 7 ? "it's" : null,
          createdAt: new Date(Date.UTC(2026, 0, n + 1)),
        })
        messages.push(message)
        await journal.write(accepted(message))
      }
      await journal.write(accepted(testMessage({ tenantId: OTHER_TENANT })))
      await journal.write(
        submitting(messages[0] as Message),
        moved(messages[1] as Message, 'failed'),
      )
    })

    async function numbers(filter: Omit<Parameters<Archive['list']>[1], 'limit'>) {
      const rows = await archive.list(TENANT, { limit: 100, ...filter })
      return rows.map((row) => messages.findIndex(({ id }) => id === row.id))
    }

    it('keeps the network of the recipient, in the row and for whoever works on it again', async () => {
      const message = testMessage({ tenantId: uuidv7(), network: '23415' })
      await journal.write(accepted(message))
      const [row] = await archive.list(message.tenantId, { limit: 1 })
      expect(row?.network).toBe('23415')
      const [stored] = await loadMessages(store, [message.id])
      expect(stored?.message.network).toBe('23415')
    })

    it('keeps tags and the wish for a reply, and finds messages by one tag', async () => {
      const tenantId = uuidv7()
      const tagged = testMessage({ tenantId, tags: ['vip', 'a:b.c'], expectsReply: true })
      const other = testMessage({ tenantId, tags: ['vip-2'] })
      const plain = testMessage({ tenantId })
      for (const message of [tagged, other, plain]) await journal.write(accepted(message))
      const idsBy = async (tag: string) =>
        (await archive.list(tenantId, { tag, limit: 10 })).map(({ id }) => id)
      expect(await idsBy('vip')).toEqual([tagged.id])
      expect(await idsBy('a:b.c')).toEqual([tagged.id])
      expect(await idsBy('vi')).toEqual([])
      const stored = await loadMessages(store, [tagged.id, plain.id])
      expect(stored.map(({ message }) => [message.tags, message.expectsReply])).toEqual([
        [['vip', 'a:b.c'], true],
        [[], false],
      ])
    })

    it('lists newest first, and only the messages of the tenant', async () => {
      expect(await numbers({})).toEqual([9, 8, 7, 6, 5, 4, 3, 2, 1, 0])
      expect(await archive.list(OTHER_TENANT, { limit: 100 })).toHaveLength(1)
      expect(await archive.list(uuidv7(), { limit: 100 })).toEqual([])
    })

    it('gives every message once, page by page', async () => {
      const seen: string[] = []
      for (let before: string | undefined; ; ) {
        const page = await archive.list(TENANT, { limit: 3, before })
        seen.push(...page.map(({ id }) => id))
        if (page.length < 3) break
        before = page.at(-1)?.id
      }
      expect(seen).toEqual(messages.map(({ id }) => id).reverse())
    })

    it('filters by each field, and by several', async () => {
      expect(await numbers({ status: 'sending' })).toEqual([0])
      expect(await numbers({ status: 'failed' })).toEqual([1])
      expect(await numbers({ to: '+447700900001' })).toEqual([9, 7, 5, 3, 1])
      expect(await numbers({ from: 'ACME' })).toEqual([4, 3, 2, 1, 0])
      expect(await numbers({ carrier: 'alpha' })).toEqual([2, 1, 0])
      expect(await numbers({ clientReference: "it's" })).toEqual([7])
      expect(await numbers({ to: '+447700900001', from: 'ACME', carrier: 'beta' })).toEqual([3])
      expect(await numbers({ from: "' or 1=1" })).toEqual([])
    })

    it('takes the first instant of a period and not the last', async () => {
      const createdFrom = new Date(Date.UTC(2026, 0, 3))
      const createdBefore = new Date(Date.UTC(2026, 0, 5))
      expect(await numbers({ createdFrom, createdBefore })).toEqual([3, 2])
    })

    it('finds a message with its timeline, oldest line first', async () => {
      const message = testMessage()
      await journal.sent(message, 'x')
      const found = await archive.find(TENANT, message.id)
      expect(found?.message).toMatchObject({
        id: message.id,
        status: 'sent',
        price_micros: 35_000n,
        created_at: message.createdAt,
      })
      expect(found?.timeline.map(({ type }) => type)).toEqual(['accepted', 'submitted', 'response'])
    })

    it('gives the lines of several writes as they were, in their order', async () => {
      const message = testMessage()
      const at = new Date('2026-01-02T03:04:05.006Z')
      await journal.write({
        ...accepted(message),
        events: [
          { messageId: message.id, at, type: 'accepted', status: 'accepted' },
          {
            messageId: message.id,
            at: new Date(at.getTime() + 1),
            type: 'routed',
            status: 'queued',
            carrier: 'be"ta\n',
            attempt: 1,
            segment: 2,
            code: 'delivered',
            rawCode: '\\0',
            detail: { reasons: ['ü "x"', 'a\nb'] },
          },
        ],
      })
      await journal.write(submitting(message))
      const found = await archive.find(TENANT, message.id)
      const none = { carrier: null, attempt: null, segment: null, code: null, raw_code: null }
      expect(found?.timeline.slice(0, 2)).toEqual([
        { ...none, at, type: 'accepted', status: 'accepted', detail: null },
        {
          at: new Date(at.getTime() + 1),
          type: 'routed',
          status: 'queued',
          carrier: 'be"ta\n',
          attempt: 1,
          segment: 2,
          code: 'delivered',
          raw_code: '\\0',
          detail: { reasons: ['ü "x"', 'a\nb'] },
        },
      ])
      expect(found?.timeline.slice(2)).toMatchObject([{ type: 'submitted', carrier: 'alpha' }])
      // All that is written at once is one row.
      const rows = await store.query(sql`select id from events where message_id = ${message.id}`)
      expect(rows).toHaveLength(2)
    })

    it('sees what is committed, although the tables lag behind', async () => {
      const message = testMessage({ clientReference: 'fresh' })
      await journal.spool.write(accepted(message))
      await journal.spool.write(submitting(message))
      expect(await store.query(sql`select id from messages where id = ${message.id}`)).toEqual([])
      const found = await archive.find(TENANT, message.id)
      expect(found?.message).toMatchObject({ status: 'sending' })
      expect(found?.timeline.map(({ type }) => type)).toEqual(['accepted', 'submitted'])
      await journal.spool.write(moved(message, 'sent', { answers: ids('y') }))
      const listed = await archive.list(TENANT, { clientReference: 'fresh', limit: 1 })
      expect(listed).toMatchObject([{ status: 'sent' }])
    })

    it("does not find another tenant's message", async () => {
      expect(await archive.find(OTHER_TENANT, messages[0]?.id ?? '')).toBeUndefined()
      expect(await archive.find(TENANT, uuidv7())).toBeUndefined()
    })
  })
})
