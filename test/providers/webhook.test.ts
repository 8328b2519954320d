import { createServer } from 'node:https'
import type { AddressInfo } from 'node:net'
import { afterAll, beforeAll, describe, expect, it } from 'vitest'
import { webhook } from '../../src/providers/webhook.ts'
import {
  bodySignature,
  standardSignature,
  timestampSignature,
} from '../../src/providers/webhook-signature.ts'
import { webhookReceiver, webhookRefuses } from '../../src/sandbox/providers/webhook.ts'
import { openHttpCarrier, outbound } from '../carriers/http-carrier-stand.ts'
import { TEST_CERTIFICATE, TEST_KEY } from '../smpp/tls-certificate.ts'
import { type OverHttp, overHttp } from './over-http.ts'
import { CALL, MESSAGE } from './provider-suite.ts'
import { errorsOf, vectorsOf } from './vectors.ts'

const URL = 'https://receiver.example/hook?tenant=1'
const SECRET = 'whsec_MfKQ9r8GKYqrTwjUPD8ILPZIo2LaLaSw'

function accountWith(settings: object = {}) {
  return webhook.open(webhook.settings.parse({ url: URL, secret: SECRET, ...settings }))
}

describe('webhook: settings', () => {
  it.each([
    ['a signature without a secret', { secret: undefined }],
    ['a secret of another form', { secret: 'secret' }],
  ])('%s is refused', (_what, settings) => {
    const { error } = webhook.settings.safeParse({ url: URL, ...settings })
    expect(error?.issues.map(({ path }) => path)).toEqual([['secret']])
  })

  it.each(['ftp://a/b', 'https://user:pass@host/', 'https://host/#a', 'host/hook'])(
    'the address %s is refused',
    (url) => {
      expect(webhook.settings.safeParse({ url, signature: 'none' }).success).toBe(false)
    },
  )
})

describe('webhook: signatures', () => {
  const named = (scheme: string) =>
    vectorsOf('webhook', scheme).map((vector) => [vector.name, vector] as const)
  const refuses = (
    signature: 'standard' | 'body' | 'timestamp',
    secret: string,
    headers: Record<string, string>,
    body: string,
    seconds: number,
  ) =>
    webhookRefuses(
      { signature, secret },
      { headers, body: Buffer.from(body) },
      new Date(seconds * 1_000),
    )

  it.each(named('standard-webhooks'))('%s', (_name, { input, expected }) => {
    const { secret, id, timestamp, body } = input
    expect(standardSignature(secret, { id, timestamp, body })).toBe(expected.signature)
    const headers = {
      'webhook-id': id,
      'webhook-timestamp': timestamp,
      'webhook-signature': `v1,old ${expected.signature}`,
    }
    expect(refuses('standard', secret, headers, body, Number(timestamp) + 300)).toBeNull()
    expect(refuses('standard', secret, headers, body, Number(timestamp) + 301)).toBe('timestamp')
    expect(refuses('standard', secret, headers, `${body} `, Number(timestamp))).toBe('signature')
  })

  it.each(named('hmac-sha256-body'))('%s', (_name, { input, expected }) => {
    expect(bodySignature(input.secret, input.body)).toBe(expected.signature)
    const headers = { 'x-hub-signature-256': expected.signature }
    expect(refuses('body', input.secret, headers, input.body, 0)).toBeNull()
    expect(refuses('body', 'other', headers, input.body, 0)).toBe('signature')
  })

  it.each(named('hmac-sha256-ts-body'))('%s', (_name, { input, expected }) => {
    const { secret, timestamp, body } = input
    expect(timestampSignature(secret, { timestamp, body })).toBe(expected.signature)
    const headers = { 'linehaul-signature': `t=${timestamp},v1=${expected.signature}` }
    expect(refuses('timestamp', secret, headers, body, Number(timestamp))).toBeNull()
    expect(refuses('timestamp', secret, headers, body, Number(timestamp) - 301)).toBe('timestamp')
  })
})

describe('webhook: requests', () => {
  it('posts the message, and signs the octets that it sends', () => {
    const { method, url, headers, body } = accountWith().send([MESSAGE], CALL)
    expect({ method, url }).toEqual({ method: 'POST', url: URL })
    expect(JSON.parse(body)).toEqual({
      type: 'message.send',
      id: MESSAGE.id,
      to: MESSAGE.to,
      from: MESSAGE.from,
      text: MESSAGE.text,
      expires_at: '2024-05-20T09:30:00.000Z',
    })
    const signed = { id: MESSAGE.id, timestamp: '1716193800', body }
    expect(headers).toEqual({
      'content-type': 'application/json;charset=utf-8',
      'webhook-id': MESSAGE.id,
      'webhook-timestamp': '1716193800',
      'webhook-signature': standardSignature(SECRET, signed),
    })
  })

  it('says which template it was, and who asks', () => {
    const template = { id: 'login', variables: [{ name: 'code', value: '4711' }] }
    const account = accountWith({ signature: 'none', secret: undefined, authorization: 'Bearer x' })
    const { headers, body } = account.send([{ ...MESSAGE, template }], CALL)
    expect(JSON.parse(body).template).toEqual({ id: 'login', variables: { code: '4711' } })
    expect(headers.authorization).toBe('Bearer x')
    expect(Object.keys(headers).filter((name) => name.includes('signature'))).toEqual([])
  })
})

describe('webhook: its error table', () => {
  const rows = errorsOf('webhook')

  it.each(rows.filter(([key]) => key.startsWith('HTTP ')))('%s', (key, row) => {
    const statuses = key === 'HTTP 5xx' ? [500, 501, 502, 503, 504, 599] : [Number(key.slice(5))]
    for (const status of statuses) {
      const account = accountWith()
      const [result] = account.readSend({ status, headers: {}, body: 'x' }, [MESSAGE])
      if (result?.kind !== 'refused') throw new Error('it was taken')
      const { type, retryable } = account.classify(result)
      expect({ type, retryable }).toEqual({ type: row.type, retryable: row.retryable })
    }
  })

  // Whether anything was written tells more than the name of what broke it: `test/carriers/http-carrier.test.ts`.
  it('has no other codes than those of connections', () => {
    const others = rows.filter(([key]) => !key.startsWith('HTTP ')).map(([key]) => key)
    expect(
      others.filter(
        (key) => !/^E[A-Z_]+$|^UND_ERR_|^CERT_|^DEPTH_|^ERR_TLS_|^AbortError$|_CERT/.test(key),
      ),
    ).toEqual([])
  })

  it('does not follow a redirect, and asks nobody a second time', () => {
    const account = accountWith()
    const [result] = account.readSend({ status: 302, headers: {}, body: '' }, [MESSAGE])
    if (result?.kind !== 'refused') throw new Error('it was taken')
    expect(account.classify(result)).toMatchObject({ type: 'provider', retryable: false })
  })
})

describe.each(['standard', 'body', 'timestamp'] as const)('webhook: over HTTP, %s', (signature) => {
  let wire: OverHttp
  const secret = signature === 'standard' ? SECRET : 'webhook-secret'
  const receiver = { path: '/hook', signature, secret, authorization: 'Bearer a', retryAfter: '7' }
  const open = (settings: object = {}) =>
    openHttpCarrier(
      {
        webhook: {
          url: `${wire.endpoint}/hook`,
          signature,
          secret,
          authorization: 'Bearer a',
          ...settings,
        },
        timeout_seconds: 1,
      },
      () => CALL.now,
    )

  beforeAll(async () => {
    wire = await overHttp(webhookReceiver(receiver))
  })
  afterAll(() => wire.close())

  it('is delivered with the answer', async () => {
    const { carrier, send, receipts } = open()
    expect(carrier).toMatchObject({ channel: 'webhook', givesReceipts: true })
    const message = outbound({ to: 'orders', text: '你好' })
    expect(await send(message)).toMatchObject({ kind: 'accepted', carrierMessageId: message.id })
    expect(receipts).toMatchObject([
      { matchKeys: [message.id], state: 'DELIVERED', settles: 'delivered' },
    ])
    expect(wire.server.desk.taken.at(-1)).toMatchObject({
      id: message.id,
      content: { to: 'orders', text: '你好' },
    })
    await carrier.close(0)
  })

  it('is refused with another secret, and uncertain where no answer comes', async () => {
    const other = signature === 'standard' ? `whsec_${'A'.repeat(32)}` : 'other'
    const stranger = open({ secret: other })
    expect(await stranger.send(outbound())).toMatchObject({
      kind: 'refused',
      code: 'carrier_unauthorised',
      rawCode: 'HTTP 401',
    })
    expect(stranger.receipts).toEqual([])
    await stranger.carrier.close(0)
    const { carrier, send, receipts } = open()
    wire.server.breakNext('reset')
    expect(await send(outbound())).toMatchObject({ kind: 'uncertain' })
    wire.server.desk.script({ kind: 'refuse', reason: 'rate_limit' })
    expect(await send(outbound())).toMatchObject({ kind: 'throttled', rawCode: 'HTTP 429' })
    expect(receipts).toEqual([])
    await carrier.close(0)
  })
})

it('webhook: a receiver whose certificate is not trusted has got nothing', async () => {
  const server = createServer({ key: TEST_KEY, cert: TEST_CERTIFICATE }, (_request, response) =>
    response.end(),
  )
  await new Promise<void>((resolve) => server.listen(0, '127.0.0.1', resolve))
  const url = `https://127.0.0.1:${(server.address() as AddressInfo).port}/`
  const { carrier, send } = openHttpCarrier({ webhook: { url, signature: 'none' } }, () => CALL.now)
  expect(await send(outbound())).toMatchObject({ kind: 'refused', code: 'carrier_unreachable' })
  await carrier.close(0)
  await new Promise((resolve) => server.close(resolve))
})
