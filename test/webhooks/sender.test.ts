import { EventEmitter, once } from 'node:events'
import { createServer } from 'node:net'
import { sql } from 'drizzle-orm'
import { Webhook } from 'standardwebhooks'
import { afterAll, afterEach, beforeAll, beforeEach, describe, expect, it, vi } from 'vitest'
import { openAccess } from '../../src/accounts/access.ts'
import { silentLogger } from '../../src/core/logger.ts'
import type { StatusTelling } from '../../src/messages/telling.ts'
import type { Store } from '../../src/store/open.ts'
import { AddressGuard, type AddressGuardOptions } from '../../src/webhooks/address-guard.ts'
import {
  callbackRecipient,
  type Endpoint,
  Endpoints,
  endpointRecipient,
} from '../../src/webhooks/endpoints.ts'
import { LocalPoster } from '../../src/webhooks/poster.ts'
import { WebhookSender, type WebhookSenderOptions } from '../../src/webhooks/sender.ts'
import { openTestPglite } from '../support/database.ts'
import { openSink, type Sink } from './sink.ts'

const open: AddressGuardOptions = { allowPrivateAddresses: true }

let store: Store
let tenantId: string
let sink: Sink
let endpoints: Endpoints
let sender: WebhookSender
let endpoint: Endpoint
const senders: WebhookSender[] = []

beforeAll(async () => {
  store = await openTestPglite()
  const access = await openAccess(store, [{ name: 'mine', apiKeys: [] }])
  tenantId = access.tenantNamed('mine')?.id ?? ''
})
afterAll(() => store.close())

beforeEach(async () => {
  sink = await openSink()
  const guard = new AddressGuard(open)
  endpoints = await Endpoints.open(store, guard, () => new Date())
  endpoint = await endpoints.create(tenantId, { url: `${sink.url}/hook?a=1`, events: [] })
  sender = senderWith({})
})
afterEach(async () => {
  await Promise.all(senders.splice(0).map((one) => one.close()))
  await sink.close()
  await store.query(sql`truncate webhook_endpoints`)
})

function senderWith({
  guard = new AddressGuard(open),
  timeoutMs = 10_000,
  ...options
}: Partial<WebhookSenderOptions> & { timeoutMs?: number }): WebhookSender {
  const made = new WebhookSender({
    endpoints,
    guard,
    poster: new LocalPoster({ guard, version: '1.2.3', timeoutMs }),
    logger: silentLogger,
    random: () => 0,
    onReady() {},
    ...options,
  })
  senders.push(made)
  return made
}

let count = 0

function telling(change: Partial<StatusTelling> = {}): StatusTelling {
  count += 1
  return {
    id: `event-${count}`,
    ...endpointRecipient(endpoint.id),
    tenantId,
    subjectId: '0190a4f0-0000-7000-8000-000000000000',
    event: 'message.delivered',
    payload: {
      messageId: '0190a4f0-0000-7000-8000-000000000000',
      partnerMessageId: null,
      from: 'Grüße',
      to: '+447700900123',
      status: 'delivered',
      errorCode: null,
      errorDetail: null,
      rawError: null,
      clientReference: 'order "1" 🙂',
      segments: 2,
      carrier: 'alpha',
      submittedAt: '2026-03-01T12:00:00.000Z',
      doneAt: '2026-03-01T12:00:03.000Z',
    },
    tries: 0,
    ...change,
  }
}

function signatureHeaders(index = 0): Record<string, string> {
  return sink.received[index]?.headers as Record<string, string>
}

describe('a webhook', () => {
  it('is one signed POST, and done when the endpoint takes it', async () => {
    const sent = telling()
    const outcome = await sender.deliver(sent)
    expect(outcome).toEqual({
      try: { at: expect.any(Date), statusCode: 204, durationMs: expect.any(Number), error: null },
      fate: { kind: 'done' },
    })
    expect(sink.received).toHaveLength(1)
    const [request] = sink.received
    expect(request).toMatchObject({
      method: 'POST',
      path: '/hook?a=1',
      headers: {
        host: `127.0.0.1:${sink.port}`,
        'content-type': 'application/json',
        'user-agent': 'Linehaul/1.2.3',
        'webhook-id': sent.id,
      },
    })
    const body = new Webhook(endpoint.secret).verify(request?.body ?? '', signatureHeaders())
    expect(body).toEqual({
      type: 'message.delivered',
      timestamp: '2026-03-01T12:00:03.000Z',
      data: {
        id: '0190a4f0-0000-7000-8000-000000000000',
        channel: 'sms',
        to: '+447700900123',
        from: 'Grüße',
        status: 'delivered',
        error: null,
        client_reference: 'order "1" 🙂',
        segments: 2,
        carrier: 'alpha',
        submitted_at: '2026-03-01T12:00:00.000Z',
        done_at: '2026-03-01T12:00:03.000Z',
      },
    })
  })

  it('tells why a message has failed', async () => {
    const { payload } = telling()
    await sender.deliver(
      telling({
        event: 'message.undelivered',
        payload: {
          ...payload,
          status: 'undelivered',
          errorCode: 'absent_subscriber',
          errorDetail: 'the handset is off',
          rawError: '027',
        },
      }),
    )
    expect(JSON.parse(sink.received[0]?.body ?? '')).toMatchObject({
      type: 'message.undelivered',
      data: { error: { code: 'absent_subscriber', detail: 'the handset is off', raw: '027' } },
    })
  })

  it('has the same id and body at every try, and a signature of its own time', async () => {
    let now = new Date()
    sender = senderWith({ clock: () => now })
    const sent = telling()
    await sender.deliver(sent)
    now = new Date(now.getTime() + 120_000)
    await sender.deliver({ ...sent, tries: 1 })
    const [first, second] = sink.received
    expect(second?.body).toBe(first?.body)
    expect(second?.headers['webhook-id']).toBe(first?.headers['webhook-id'])
    expect(
      Number(second?.headers['webhook-timestamp']) - Number(first?.headers['webhook-timestamp']),
    ).toBe(120)
    new Webhook(endpoint.secret).verify(second?.body ?? '', signatureHeaders(1))
  })

  it('is signed with both secrets until the old one runs out', async () => {
    const start = Date.now()
    let now = new Date(start)
    endpoints = await Endpoints.open(store, new AddressGuard(open), () => now)
    sender = senderWith({ endpoints, clock: () => now })
    const rotated = await endpoints.rotate(tenantId, endpoint.id, { overlapHours: 1 / 60 })
    await sender.deliver(telling())
    const both = sink.received[0]?.body ?? ''
    new Webhook(rotated.secret).verify(both, signatureHeaders())
    new Webhook(endpoint.secret).verify(both, signatureHeaders())
    now = new Date(start + 60_000)
    await sender.deliver(telling())
    const one = sink.received[1]?.body ?? ''
    new Webhook(rotated.secret).verify(one, signatureHeaders(1))
    expect(() => new Webhook(endpoint.secret).verify(one, signatureHeaders(1))).toThrow()
  })

  it('goes over connections that stay open', async () => {
    for (let index = 0; index < 20; index += 1) await sender.deliver(telling())
    expect(sink.received).toHaveLength(20)
    // undici frees a connection a moment after it has told of the answer.
    expect(sink.connections).toBeLessThanOrEqual(2)
  })

  it('goes to the address that the endpoint has now', async () => {
    await endpoints.update(tenantId, endpoint.id, { url: `${sink.url}/moved` })
    await sender.deliver(telling())
    expect(sink.received[0]?.path).toBe('/moved')
  })
})

describe('a callback', () => {
  it('goes to its own URL, signed with the secret of the tenant that is made for it', async () => {
    const url = `${sink.url}/cb/a:b?order=1`
    const recipient = callbackRecipient(tenantId, url)
    const [one, two] = await Promise.all([
      sender.deliver(telling(recipient)),
      sender.deliver(telling(recipient)),
    ])
    expect([one.fate, two.fate]).toEqual([{ kind: 'done' }, { kind: 'done' }])
    const { secret } = await endpoints.signing(tenantId, 'callback')
    for (const [index, { path, body }] of sink.received.entries()) {
      expect(path).toBe('/cb/a:b?order=1')
      new Webhook(secret).verify(body, signatureHeaders(index))
    }
  })

  it('waits when the secret cannot be had', async () => {
    const recipient = callbackRecipient(tenantId, sink.url)
    vi.spyOn(endpoints, 'callbackSigning').mockRejectedValueOnce(new Error('no database'))
    const { try: tried, fate } = await sender.deliver(telling(recipient))
    expect(fate.kind).toBe('later')
    expect(tried).toMatchObject({ statusCode: null, error: expect.stringContaining('no database') })
    expect(sink.received).toEqual([])
  })
})

describe('an endpoint that does not take it', () => {
  it.each([400, 404, 500, 503])('%i: later', async (status) => {
    sink.answer = (response) => response.writeHead(status).end('oh no')
    const { try: tried, fate } = await sender.deliver(telling({ tries: 3 }))
    expect(tried).toMatchObject({ statusCode: status, error: `answered ${status}` })
    expect(fate.kind === 'later' && fate.at.getTime() - tried.at.getTime()).toBeGreaterThanOrEqual(
      600_000,
    )
  })

  it('redirects are not followed', async () => {
    sink.answer = (response) => response.writeHead(307, { location: `${sink.url}/else` }).end()
    const { try: tried, fate } = await sender.deliver(telling())
    expect(tried).toMatchObject({ statusCode: 307, error: expect.stringContaining('redirect') })
    expect(fate.kind).toBe('later')
    expect(sink.received.map(({ path }) => path)).toEqual(['/hook?a=1'])
  })

  it('410 disables it, here and in the database', async () => {
    sink.answer = (response) => response.writeHead(410).end()
    const { fate } = await sender.deliver(telling())
    expect(fate.kind).toBe('dead')
    await vi.waitFor(() => expect(endpoints.get(tenantId, endpoint.id).isEnabled).toBe(false))
    const rows = await store.query(
      sql`select is_enabled, disabled_reason from webhook_endpoints where id = ${endpoint.id}`,
    )
    expect(rows).toEqual([{ is_enabled: false, disabled_reason: 'it answered 410 Gone' }])
    const next = await sender.deliver(telling())
    expect(next).toMatchObject({
      try: { statusCode: null },
      fate: { kind: 'dead', reason: 'the endpoint is disabled' },
    })
    expect(sink.received).toHaveLength(1)
  })

  it('one that is removed gets nothing any more', async () => {
    await endpoints.remove(tenantId, endpoint.id)
    const { fate } = await sender.deliver(telling())
    expect(fate).toEqual({ kind: 'dead', reason: 'the endpoint has been removed' })
    expect(sink.received).toEqual([])
  })

  it.each([
    ['one', () => telling()],
    ['a callback', () => telling({ ...callbackRecipient(tenantId, `${sink.url}/own`) })],
  ])('%s whose secret is damaged gets nothing', async (_, tellingOf) => {
    await endpoints.callbackSigning(tenantId)
    await store.query(sql`update webhook_endpoints set secret = 'enc:v1:k1:AAAA'`)
    endpoints = await Endpoints.open(store, new AddressGuard(open), () => new Date())
    const { fate } = await senderWith({}).deliver(tellingOf())
    expect(fate).toEqual({ kind: 'dead', reason: 'its secret is damaged: replace it' })
    expect(sink.received).toEqual([])
  })

  it('nobody listens: later', async () => {
    await endpoints.update(tenantId, endpoint.id, { url: 'http://127.0.0.1:1/' })
    const { try: tried, fate } = await sender.deliver(telling())
    expect(tried).toMatchObject({
      statusCode: null,
      error: expect.stringContaining('ECONNREFUSED'),
    })
    expect(fate.kind).toBe('later')
  })

  it('no HTTP at all: later', async () => {
    const server = createServer((socket) => socket.end('220 smtp.example.com ESMTP\r\n'))
    server.listen(0, '127.0.0.1')
    await once(server, 'listening')
    const { port } = server.address() as { port: number }
    await endpoints.update(tenantId, endpoint.id, { url: `http://127.0.0.1:${port}/` })
    const { try: tried, fate } = await sender.deliver(telling())
    expect(tried).toMatchObject({ statusCode: null, error: expect.any(String) })
    expect(fate.kind).toBe('later')
    server.close()
  })

  it('no answer in time: later, and fewer at once', async () => {
    sender = senderWith({ timeoutMs: 50 })
    sink.answer = () => {}
    const { try: tried, fate } = await sender.deliver(telling())
    expect(tried).toMatchObject({ statusCode: null, error: 'no answer in time' })
    expect(fate.kind).toBe('later')
    expect(sender.concurrencyOf(`endpoint:${endpoint.id}`)).toBe(16)
  })
})

describe('the body of an answer', () => {
  it('is cut off when it is long; the status counts', async () => {
    let written = 0
    sink.answer = (response) => {
      response.writeHead(200)
      const more = (): void => {
        while (!response.destroyed && response.write('x'.repeat(16_384))) written += 16_384
        written += 16_384
      }
      response.on('drain', more)
      more()
    }
    const { fate } = await sender.deliver(telling())
    expect(fate).toEqual({ kind: 'done' })
    expect(written).toBeLessThan(64 * 1024 * 1024)
  })

  it('is not waited for when it never ends; the status counts', async () => {
    sender = senderWith({ timeoutMs: 50 })
    sink.answer = (response) => response.writeHead(200).write('{')
    const { try: tried, fate } = await sender.deliver(telling())
    expect(tried.statusCode).toBe(200)
    expect(fate).toEqual({ kind: 'done' })
  })

  it('may come octet by octet, but not for ever', async () => {
    sender = senderWith({ timeoutMs: 80 })
    let drip: NodeJS.Timeout | undefined
    sink.answer = (response) => {
      response.writeHead(200).flushHeaders()
      drip = setInterval(() => response.write(' '), 10)
    }
    const { fate } = await sender.deliver(telling())
    clearInterval(drip)
    expect(fate).toEqual({ kind: 'done' })
  })
})

describe('addresses inside', () => {
  const closed = { allowPrivateAddresses: false }

  it('are not connected to, whatever their name resolves to by then', async () => {
    const guard = new AddressGuard({
      ...closed,
      resolve: async () => [{ address: '127.0.0.1', family: 4 }],
    })
    // The name is fine when it is given; it leads inside when it is used.
    await endpoints.update(tenantId, endpoint.id, { url: `http://example.com:${sink.port}/` })
    sender = senderWith({ guard })
    const { try: tried, fate } = await sender.deliver(telling())
    expect(tried).toMatchObject({
      statusCode: null,
      error: expect.stringContaining('no public address'),
    })
    expect(fate.kind).toBe('later')
    expect(sink.connections).toBe(0)
    // The same with leave to do so arrives: it is the guard that has stopped it.
    const { fate: allowed } = await senderWith({
      guard: new AddressGuard({
        ...open,
        resolve: async () => [{ address: '127.0.0.1', family: 4 }],
      }),
    }).deliver(telling())
    expect(allowed).toEqual({ kind: 'done' })
    expect(sink.received[0]?.headers.host).toBe(`example.com:${sink.port}`)
  })

  it('are not connected to when they were allowed once', async () => {
    sender = senderWith({ guard: new AddressGuard(closed) })
    for (const recipient of [
      endpointRecipient(endpoint.id),
      callbackRecipient(tenantId, sink.url),
    ]) {
      const { fate } = await sender.deliver(telling(recipient))
      expect(fate).toMatchObject({ kind: 'dead', reason: expect.stringContaining('127.0.0.1') })
    }
    expect(sink.connections).toBe(0)
  })
})

describe('an endpoint under strain', () => {
  it('is left alone as long as it asks, and then given fewer at once', async () => {
    const ready: string[] = []
    const woken = new EventEmitter()
    sender = senderWith({
      onReady(one) {
        ready.push(one)
        woken.emit('ready')
      },
    })
    const { recipient } = endpointRecipient(endpoint.id)
    expect(sender.concurrencyOf(recipient)).toBe(32)
    sink.answer = (response) => response.writeHead(429, { 'retry-after': '1' }).end()
    await sender.deliver(telling())
    expect(sender.concurrencyOf(recipient)).toBe(0)
    // One that was under way comes back with a longer wish.
    sink.answer = (response) => response.writeHead(503, { 'retry-after': '2' }).end()
    const asked = Date.now()
    await sender.deliver(telling())
    await once(woken, 'ready')
    expect(Date.now() - asked).toBeGreaterThanOrEqual(2_000)
    expect(ready).toEqual([recipient])
    expect(sender.concurrencyOf(recipient)).toBe(16)
    sink.answer = (response) => response.writeHead(204).end()
    await Promise.all(Array.from({ length: 16 }, () => sender.deliver(telling())))
    expect(sender.concurrencyOf(recipient)).toBe(17)
  })

  it.each([
    [429, 16],
    [502, 16],
    [503, 16],
    [504, 16],
    [500, 32],
    [404, 32],
  ])('%i: %i at once', async (status, limit) => {
    sink.answer = (response) => response.writeHead(status, { 'retry-after': '0' }).end()
    await sender.deliver(telling())
    expect(sender.concurrencyOf(`endpoint:${endpoint.id}`)).toBe(limit)
  })

  it('does not slow another', async () => {
    const slow = await openSink()
    slow.answer = () => {}
    const other = await endpoints.create(tenantId, { url: slow.url, events: [] })
    const hanging = Array.from({ length: 32 }, () =>
      sender.deliver(telling(endpointRecipient(other.id))),
    )
    const outcomes = await Promise.all(Array.from({ length: 200 }, () => sender.deliver(telling())))
    expect(outcomes.every(({ fate }) => fate.kind === 'done')).toBe(true)
    await slow.close()
    for (const { fate } of await Promise.all(hanging)) expect(fate.kind).toBe('later')
  })
})

describe('callbacks to one origin', () => {
  it('are one recipient for each tenant', () => {
    const url = 'https://Example.com:8443/a?order=1'
    const one = callbackRecipient('t1', url)
    expect(one).toEqual({ recipient: 'callback:t1:https://example.com:8443', url })
    const { recipient } = one
    expect(callbackRecipient('t1', 'https://example.com:8443?b#x').recipient).toBe(recipient)
    expect(callbackRecipient('t2', url).recipient).not.toBe(recipient)
    expect(callbackRecipient('t1', 'https://example.com/a').recipient).not.toBe(recipient)
  })
})

describe('a test event', () => {
  it('is signed, sent once, and told of', async () => {
    const tried = await sender.sendTest(endpoint, 'test-1')
    expect(tried).toMatchObject({ statusCode: 204, error: null })
    const body = new Webhook(endpoint.secret).verify(
      sink.received[0]?.body ?? '',
      signatureHeaders(),
    )
    expect(body).toMatchObject({ type: 'webhook.test', data: { webhook_id: endpoint.id } })
    sink.answer = (response) => response.writeHead(401).end()
    expect(await sender.sendTest(endpoint, 'test-2')).toMatchObject({
      statusCode: 401,
      error: 'answered 401',
    })
  })
})

describe('closing', () => {
  it('waits for what is under way', async () => {
    const came = once(sink.events, 'request')
    const held: (() => void)[] = []
    sink.answer = (response) => held.push(() => response.writeHead(200).end())
    const outcome = sender.deliver(telling())
    await came
    const closed = sender.close(10_000)
    for (const answer of held) answer()
    expect((await outcome).fate).toEqual({ kind: 'done' })
    await closed
  })

  it('cuts off what takes too long, and says so', async () => {
    const came = once(sink.events, 'request')
    sink.answer = () => {}
    const outcome = sender.deliver(telling())
    await came
    await sender.close(20)
    expect((await outcome).fate.kind).toBe('later')
    const after = await sender.deliver(telling())
    expect(after).toMatchObject({ try: { statusCode: null }, fate: { kind: 'later' } })
  })
})
