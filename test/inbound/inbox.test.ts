import { sql } from 'drizzle-orm'
import { afterAll, afterEach, beforeAll, beforeEach, describe, expect, it } from 'vitest'
import { InboundArchive } from '../../src/inbound/inbound-archive.ts'
import type { InboundMessage } from '../../src/inbound/inbound-message.ts'
import { InboundRoutes } from '../../src/inbound/inbound-routes.ts'
import { Inbox, type InboxOptions } from '../../src/inbound/inbox.ts'
import { readDue } from '../../src/messages/outbox.ts'
import { reseal } from '../../src/messages/resealing.ts'
import { Retention } from '../../src/messages/retention.ts'
import type { Telling } from '../../src/messages/telling.ts'
import { createCipher } from '../../src/store/cipher.ts'
import { checkEncryptionKeys } from '../../src/store/key-check.ts'
import type { Store } from '../../src/store/open.ts'
import { keepingLogger } from '../messages/keeping-logger.ts'
import { testDatabases, truncate } from '../support/database.ts'
import { inboundPart, longPart } from './parts.ts'

const TENANT = '01890000-0000-7000-8000-000000000001'
const KEY = { id: 'k1', key: Buffer.alloc(32, 7) }

describe.each(testDatabases())('Inbox on $name', ({ open }) => {
  let store: Store
  let now = new Date('2026-05-06T07:08:09Z')
  const received: { messages: InboundMessage[]; tellings: Telling[] } = {
    messages: [],
    tellings: [],
  }
  const inboxes: Inbox[] = []

  beforeAll(async () => {
    store = await open()
  })

  beforeEach(async () => {
    await truncate(store)
    now = new Date('2026-05-06T07:08:09Z')
    received.messages = []
    received.tellings = []
  })

  afterEach(async () => {
    for (const inbox of inboxes.splice(0)) await inbox.close()
  })

  afterAll(() => store.close())

  function opened(more: Partial<InboxOptions> = {}): Inbox {
    const inbox = new Inbox({
      store,
      routes: new InboundRoutes([
        { to: '60123', keyword: null, carrier: null, tenantId: TENANT, partner: 'acme' },
      ]),
      recipientsFor: () => [
        { recipient: 'partner:acme', url: null },
        { recipient: 'endpoint:e1', url: null },
      ],
      onReceived: (messages, tellings) => {
        received.messages.push(...messages)
        received.tellings.push(...tellings)
      },
      reassemblySeconds: () => 300,
      logger: keepingLogger(),
      clock: () => now,
      ...more,
    })
    inboxes.push(inbox)
    return inbox
  }

  const archive = () => new InboundArchive(store)
  const texts = async () =>
    (await archive().list(TENANT, { limit: 100 })).map(({ body }) => body).reverse()
  const partRows = () =>
    store.query<{ done: boolean }>(sql`select done_at is not null as done from inbound_parts`)

  it('stores a message, and what is to be told of it, before it says so', async () => {
    await opened().take(inboundPart('hello @', { octets: Buffer.from('hello \0') }))
    const [message] = await archive().list(TENANT, { limit: 10 })
    expect(message).toMatchObject({
      carrier: 'alpha',
      partner: 'acme',
      from_number: '+447700900123',
      to_number: '60123',
      body: 'hello @',
      encoding: 'gsm7',
      parts: 1,
      total_parts: 1,
    })
    expect(received.messages).toHaveLength(1)
    const [forPartner] = await readDue(store, 'partner:acme', now, 10)
    expect(forPartner).toMatchObject({
      event: 'message.received',
      subjectId: message?.id,
      tenantId: TENANT,
      payload: { text: 'hello @', pdus: [{ octets: Buffer.from('hello \0').toString('base64') }] },
    })
    const [forHook] = await readDue(store, 'endpoint:e1', now, 10)
    expect(forHook?.payload).toMatchObject({ text: 'hello @', pdus: [] })
    expect(received.tellings).toEqual([forPartner, forHook])
  })

  it('takes many at once', async () => {
    const inbox = opened()
    const numbers = Array.from({ length: 1_200 }, (_, index) => index)
    await Promise.all(numbers.map((number) => inbox.take(inboundPart(`m${number}`))))
    const [row] = await store.query(sql`select count(*)::int4 as count from inbound_messages`)
    expect(row).toEqual({ count: 1_200 })
    expect(received.messages.map(({ text }) => text)).toEqual(numbers.map((n) => `m${n}`))
  })

  it('joins parts that another run has stored', async () => {
    await opened().take(longPart(9, 3, 3, 'three'))
    await opened().take(longPart(9, 3, 1, 'one '))
    expect(await texts()).toEqual([])
    await opened().take(longPart(9, 3, 2, 'two '))
    expect(await texts()).toEqual(['one two three'])
    await opened().take(longPart(9, 3, 2, 'two '))
    expect(await texts()).toEqual(['one two three'])
  })

  it('decodes a character that was cut in two', async () => {
    const emoji = Buffer.from('d83dde00', 'hex')
    const part = (sequence: number, octets: Buffer) => ({
      ...longPart(3, 2, sequence, ''),
      dataCoding: 8,
      octets: Buffer.concat([Buffer.from([5, 0, 3, 3, 2, sequence]), octets]),
    })
    const inbox = opened()
    await inbox.take(part(2, emoji.subarray(2)))
    await inbox.take(part(1, emoji.subarray(0, 2)))
    expect(await texts()).toEqual(['😀'])
  })

  it('tells what has come when the rest stays away, and takes what comes later for nothing new', async () => {
    const inbox = opened()
    await inbox.take(longPart(9, 3, 1, 'one '))
    await inbox.take(longPart(9, 3, 3, 'three'))
    now = new Date(now.getTime() + 299_000)
    await inbox.sweep()
    expect(await texts()).toEqual([])
    now = new Date(now.getTime() + 1_001)
    await inbox.sweep()
    expect(await texts()).toEqual(['one \ufffdthree'])
    expect((await archive().list(TENANT, { limit: 1 }))[0]).toMatchObject({
      parts: 2,
      total_parts: 3,
    })
    await inbox.take(longPart(9, 3, 3, 'three'))
    await inbox.sweep()
    expect(await texts()).toHaveLength(1)
    expect(await partRows()).toEqual([{ done: true }, { done: true }])
    now = new Date(now.getTime() + 601_000)
    await inbox.sweep()
    expect(await partRows()).toEqual([])
  })

  it('keeps what nobody has a route for', async () => {
    await opened().take(inboundPart('hi', { to: '999' }))
    const rows = await store.query(sql`select tenant_id, to_number, body from inbound_messages`)
    expect(rows).toEqual([{ tenant_id: null, to_number: '999', body: 'hi' }])
    expect(received.tellings).toEqual([])
  })

  it('says so when the database takes nothing, and takes the same part later', async () => {
    let isAway = true
    const failing = {
      ...store,
      query: (...args: Parameters<Store['query']>) =>
        isAway ? Promise.reject(new Error('the database is away')) : store.query(...args),
    } as Store
    const inbox = opened({ store: failing })
    await expect(inbox.take(inboundPart('hi'))).rejects.toThrow('the database is away')
    expect(received.messages).toEqual([])
    isAway = false
    await inbox.take(inboundPart('hi'))
    expect(await texts()).toEqual(['hi'])
  })

  it('stores what it has taken when it closes, and takes nothing after that', async () => {
    const inbox = opened()
    const taken = inbox.take(inboundPart('last'))
    await inbox.close()
    await taken
    expect(await texts()).toEqual(['last'])
    await expect(inbox.take(inboundPart('late'))).rejects.toMatchObject({ code: 'closed' })
  })

  it('shows no text and no number of a handset where encryption is on, and finds by it', async () => {
    const sealed = { ...store, cipher: createCipher([KEY], 'k1') }
    await checkEncryptionKeys(sealed)
    const inbox = opened({ store: sealed })
    await inbox.take(inboundPart('the secret'))
    await inbox.take(longPart(1, 2, 1, 'the secret'))
    const everything = await store.query<{ row: string }>(sql`
      select m::text as row from inbound_messages m union all
      select p::text from inbound_parts p union all select o::text from outbox o`)
    expect(everything.length).toBeGreaterThan(3)
    for (const { row } of everything) {
      expect(row).not.toContain('secret')
      expect(row).not.toContain('7700900123')
    }
    await inbox.take(longPart(1, 2, 2, ', again'))
    const found = await new InboundArchive(sealed).list(TENANT, {
      from: '+447700900123',
      limit: 10,
    })
    expect(found.map(({ body }) => body)).toEqual(['the secret, again', 'the secret'])
    const reading = { ...store, cipher: createCipher([KEY], undefined) }
    await checkEncryptionKeys(reading)
    await reseal(reading, async () => false)
    expect(await texts()).toEqual(['the secret', 'the secret, again'])
  })

  it('is forgotten with age, the text before the record, once everybody was told', async () => {
    await opened().take(inboundPart('old'))
    await opened().take(inboundPart('nobody owns it', { to: '999' }))
    await store.query(
      sql`insert into tenants (id, name, created_at) values (${TENANT}, 'demo', now())`,
    )
    let keep: { days: number | undefined; bodyDays: number | undefined } = {
      days: undefined,
      bodyDays: 1,
    }
    const later = new Date(now.getTime() + 3 * 86_400_000)
    const retention = new Retention({
      store,
      keptFor: () => keep,
      logger: keepingLogger(),
      clock: () => later,
      pauseMs: 0,
    })
    await retention.run()
    expect(await texts()).toEqual(['old'])
    await store.query(sql`update outbox set state = 'done'`)
    await retention.run()
    const [erased] = await archive().list(TENANT, { limit: 1 })
    expect(erased).toMatchObject({ body: '', pdus: '[]', body_erased_at: expect.any(Date) })
    keep = { days: 2, bodyDays: 1 }
    await retention.run()
    expect(await store.query(sql`select id from inbound_messages`)).toEqual([])
    expect(await store.query(sql`select id from outbox`)).toEqual([])
    await retention.close()
  })
})
