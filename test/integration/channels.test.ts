import { createServer } from 'node:http'
import type { AddressInfo } from 'node:net'
import { afterAll, beforeAll, describe, expect, test } from 'vitest'
import { openGateway, type TestGateway, temporaryFolder } from '../support/gateway.ts'

/** Channels from the REST API to the carrier and back: a webhook and a team chat, each an account of its own. */

interface Received {
  readonly path: string
  readonly body: Readonly<Record<string, string>>
}

const cleanUps: (() => Promise<unknown>)[] = []
const received: Received[] = []
/** Recipients that the other side refuses. */
const refused = new Set<string>()
let gateway: TestGateway

beforeAll(async () => {
  const server = createServer((request, response) => {
    const chunks: Buffer[] = []
    request.on('data', (chunk: Buffer) => chunks.push(chunk))
    request.on('end', () => {
      const body = JSON.parse(Buffer.concat(chunks).toString())
      received.push({ path: request.url ?? '', body })
      const isRefused = refused.has(body.to)
      const answer = isRefused ? { code: 'nobody' } : { code: 'ok', id: `id-${received.length}` }
      response.writeHead(isRefused ? 404 : 200, { 'content-type': 'application/json' })
      response.end(JSON.stringify(answer))
    })
  })
  await new Promise<void>((resolve) => server.listen(0, '127.0.0.1', resolve))
  cleanUps.push(() => new Promise((resolve) => server.close(resolve)))
  const endpoint = `http://127.0.0.1:${(server.address() as AddressInfo).port}`
  const folder = await temporaryFolder()
  cleanUps.push(folder.remove)
  gateway = await openGateway(fileFor(endpoint), { folder: folder.path })
  cleanUps.push(gateway.close)
})

afterAll(async () => {
  for (const cleanUp of cleanUps.splice(0).reverse()) await cleanUp()
})

function fileFor(endpoint: string): string {
  const carrier = (name: string, channel: string, price: string) => ({
    name,
    type: 'http',
    timeout_seconds: 2,
    rates: [{ prefix: '', price, currency: 'EUR' }],
    generic: {
      endpoint,
      channel,
      send: { url: `/${name}`, json: '{"to": "{to}", "text": "{text}", "from": "{from}"}' },
      answer: { id: 'id', code: 'code', success: { source: 'code', is: ['ok'] } },
      errors: [{ codes: ['nobody'], type: 'invalid', failure: 'destination_invalid' }],
    },
  })
  return JSON.stringify({
    http: { host: '127.0.0.1', port: 0 },
    smpp: { host: '127.0.0.1', port: 0 },
    admin_keys: ['operator-key-1'],
    tenants: [
      { name: 'demo', api_keys: ['test-key-1'] },
      { name: 'other', api_keys: ['other-key-1'] },
    ],
    carriers: [
      carrier('texts', 'sms', '0.0500'),
      carrier('hook', 'webhook', '0.0010'),
      carrier('chat', 'wecom', '0.0020'),
    ],
    templates: [
      {
        id: 'order',
        text: 'Order {{number}}',
        wecom: { text: '**{{number}}** for {{name}}' },
        email: { subject: 'Order {{number}}', html: '<b>{{number}}</b>' },
      },
    ],
    routing: {
      routes: [{ name: 'chats', channels: ['wecom'], strategy: { name: 'lowest_cost' } }],
    },
    limits: {},
  })
}

describe('a message of another channel', () => {
  test('goes to a carrier of it, for its price, as one segment', async () => {
    const text = 'x'.repeat(1_000)
    const id = await gateway.api.send({ channel: 'webhook', to: 'erp', text, from: 'ignored' })
    const message = await gateway.api.until(id, ({ status }) => status === 'sent')
    expect(message).toMatchObject({
      channel: 'webhook',
      to: 'erp',
      from: '',
      subject: null,
      carrier: 'hook',
      segments: 1,
      encoding: 'utf8',
      country: 'ZZ',
      price: { amount: '0.0010', currency: 'EUR' },
    })
    expect(received.at(-1)).toEqual({ path: '/hook', body: { to: 'erp', text } })
  })

  test('is made from what its template says for it, and goes by routes that name the channel', async () => {
    const variables = { number: '7', name: 'Anna' }
    const { body } = await gateway.api.post({
      channel: 'wecom',
      to: 'party:3',
      template: 'order',
      variables,
    })
    const message = await gateway.api.until(body.id, ({ status }) => status === 'sent')
    expect(message).toMatchObject({ channel: 'wecom', carrier: 'chat', text: '**7** for Anna' })
    expect(message.timeline.find(({ type }) => type === 'routed')?.detail.route).toBe('chats')
    expect(received.at(-1)?.body).toEqual({ to: 'party:3', text: '**7** for Anna' })
  })

  test('ends as its carrier says', async () => {
    refused.add('nowhere')
    const id = await gateway.api.send({ channel: 'webhook', to: 'nowhere', text: 'x' })
    const message = await gateway.api.settled(id)
    expect(message).toMatchObject({ status: 'failed', error: { code: 'destination_invalid' } })
  })

  test('is found by its channel', async () => {
    const { body } = await gateway.api.get('/v1/messages?channel=wecom')
    expect(body.messages).toMatchObject([{ channel: 'wecom', to: 'party:3' }])
    const sms = await gateway.api.get('/v1/messages?channel=sms')
    expect(sms.body.messages).toEqual([])
  })

  test('an SMS never goes to its carriers', async () => {
    const id = await gateway.api.send({ to: '+447700900123', text: 'x' })
    expect(await gateway.api.until(id, ({ status }) => status === 'sent')).toMatchObject({
      channel: 'sms',
      carrier: 'texts',
      encoding: 'gsm7',
    })
  })
})

describe('a chain of channels', () => {
  test('the next is sent where the first does not arrive, priced and told by itself', async () => {
    refused.add('gone')
    const { status, body } = await gateway.api.post({
      channels: ['wecom', 'webhook', 'sms'],
      to: { wecom: 'gone', webhook: 'erp.fallback', sms: '+447700900123' },
      from: 'Linehaul',
      text: 'Hello',
      client_reference: 'chain 1',
    })
    expect({ status, body }).toMatchObject({ status: 202, body: { channel: 'wecom', to: 'gone' } })
    const first = await gateway.api.until(body.id, ({ fallback_as }) => fallback_as !== null)
    expect(first).toMatchObject({
      status: 'failed',
      price: { amount: '0.0020' },
      timeline: expect.arrayContaining([
        expect.objectContaining({
          type: 'fell_back',
          detail: { cause: 'failed', channel: 'webhook', fallback_as: first.fallback_as },
        }),
      ]),
    })
    const id = first.fallback_as ?? ''
    const next = await gateway.api.until(id, ({ status: now }) => now === 'sent')
    expect(next).toMatchObject({
      channel: 'webhook',
      to: 'erp.fallback',
      price: { amount: '0.0010' },
      client_reference: 'chain 1',
      fallback_of: body.id,
      fallback_as: null,
    })
  })

  test('a dry run says what the message of each channel costs', async () => {
    refused.add('gone').add('gone.too')
    const chain = {
      channels: ['wecom', 'webhook', 'sms'],
      to: { wecom: 'gone', webhook: 'gone.too', sms: '+447700900123' },
      from: 'Linehaul',
      // Two segments of an SMS.
      text: 'x'.repeat(161),
    }
    const quoted = await gateway.api.post({ ...chain, dry_run: true })
    const prices = ['0.0020', '0.0010', '0.1000'].map((amount) => ({ amount, currency: 'EUR' }))
    expect(quoted).toMatchObject({
      status: 200,
      body: {
        dry_run: true,
        channel: 'wecom',
        price: prices[0],
        fallbacks: [
          { channel: 'webhook', to: 'gone.too', carrier: 'hook', segments: 1, price: prices[1] },
          { channel: 'sms', to: '+447700900123', carrier: 'texts', segments: 2, price: prices[2] },
        ],
      },
    })
    const { body } = await gateway.api.post(chain)
    const charged: object[] = []
    for (let id: string | null = body.id; id !== null; ) {
      const message = await gateway.api.until(
        id,
        ({ status, fallback_as }) => status === 'sent' || fallback_as !== null,
      )
      charged.push(message.price)
      id = message.fallback_as
    }
    expect(charged).toEqual(prices)
  })

  test('a dry run says which channel would be passed over, and the prices of the others', async () => {
    const { status, body } = await gateway.api.post({
      channels: ['wecom', 'email', 'webhook'],
      to: { wecom: 'anna', email: 'anna@example.com', webhook: 'erp' },
      subject: 'Hi',
      text: 'x',
      dry_run: true,
    })
    expect(status).toBe(200)
    expect(body).toMatchObject({
      channel: 'wecom',
      price: { amount: '0.0020' },
      fallbacks: [
        {
          channel: 'email',
          to: 'anna@example.com',
          error: { code: 'no_route', errors: [{ pointer: '/to/email' }] },
        },
        { channel: 'webhook', price: { amount: '0.0010' } },
      ],
    })
    const alone = { channel: 'wecom', to: 'anna', text: 'x', dry_run: true }
    expect((await gateway.api.post(alone)).body.fallbacks).toBeUndefined()
  })

  const TO = { wecom: 'anna', webhook: 'erp' }
  const BOTH = { channels: ['wecom', 'webhook'], to: TO, text: 'x' }
  test.each([
    [{ ...BOTH, channel: 'sms' }, '/channel'],
    [{ ...BOTH, channels: ['wecom'] }, '/channels'],
    [{ ...BOTH, channels: ['wecom', 'wecom'] }, '/channels'],
    [{ ...BOTH, to: 'anna' }, '/to'],
    [{ ...BOTH, to: { wecom: 'anna' } }, '/to/webhook'],
    [{ ...BOTH, to: { ...TO, sms: '+447700900123' } }, '/to/sms'],
    [{ ...BOTH, to: { wecom: 'anna', webhook: 'a b' } }, '/to/webhook'],
    [{ channel: 'wecom', to: TO, text: 'x' }, '/to'],
    [{ channel: 'wecom', to: 'anna', text: 'x', fallback: {} }, '/fallback'],
    [{ ...BOTH, fallback: { on: ['delivered'] } }, '/fallback/on/0'],
    [
      { ...BOTH, channels: ['wecom', 'email'], to: { wecom: 'a', email: 'a@example.com' } },
      '/subject',
    ],
  ])('%j is refused', async (message, pointer) => {
    const { status, body } = await gateway.api.post(message)
    expect(status).toBe(422)
    expect(body.errors).toContainEqual(expect.objectContaining({ pointer }))
  })
})

describe('what is refused', () => {
  test.each([
    [{ channel: 'webhook', to: 'https://example.com/' }, '/to', 'to_invalid'],
    [{ channel: 'wecom', to: 'a b' }, '/to', 'to_invalid'],
    [{ channel: 'email', to: 'Anna <a@example.com>', subject: 'Hi' }, '/to', 'to_invalid'],
    [{ channel: 'email', to: 'a@example.com', subject: 'Hi' }, '/to', 'no_route'],
    [{ channel: 'email', to: 'a@example.com' }, '/subject', 'validation_failed'],
    [{ channel: 'email', to: 'a@example.com', subject: 'a\nb' }, '/subject', 'validation_failed'],
    [
      { channel: 'email', to: 'a@example.com', subject: 'Hi', from: 'a\r\nBcc: b' },
      '/from',
      'from_invalid',
    ],
    [{ channel: 'webhook', to: 'erp', subject: 'Hi' }, '/subject', 'validation_failed'],
    [{ to: '+447700900123' }, '/from', 'validation_failed'],
    [{ channel: 'pigeon', to: 'erp' }, '/channel', 'validation_failed'],
  ])('%j', async (message, pointer, code) => {
    const { status, body } = await gateway.api.post({ text: 'Hello', ...message })
    expect({ status, body }).toMatchObject({ status: 422, body: { code, errors: [{ pointer }] } })
  })

  test('who has no carrier is told why', async () => {
    const { body } = await gateway.api.post({
      channel: 'email',
      to: 'a@example.com',
      template: 'order',
      variables: { number: '7' },
    })
    expect(body.detail).toContain('no carrier takes messages by email')
    expect(body.detail).toContain('hook: is for another channel')
  })
})

test('a carrier keeps its channel', async () => {
  const file = JSON.parse(fileFor('http://127.0.0.1:9'))
  file.carriers[1].generic.channel = 'dingtalk'
  await gateway.configure(JSON.stringify(file))
  const id = await gateway.api.send({ channel: 'webhook', to: 'erp', text: 'still here' })
  expect(await gateway.api.until(id, ({ status }) => status === 'sent')).toMatchObject({
    carrier: 'hook',
  })
})
