import { afterAll, beforeAll, describe, expect, test, vi } from 'vitest'
import { PROVIDERS } from '../../src/providers/registry.ts'
import type { TakenMessage } from '../../src/sandbox/provider-desk.ts'
import { ProviderServer } from '../../src/sandbox/provider-server.ts'

import { ApiClient } from '../support/api-client.ts'
import { openGateway, type TestGateway, temporaryFolder, yamlFor } from '../support/gateway.ts'
import { PROVIDER_STANDS, type ProviderStand } from '../support/provider-stands.ts'
import { SmppPeer } from '../support/smpp-peer.ts'
import { openSink, type Sink } from '../webhooks/sink.ts'

/** Every provider from the REST API to its simulator and back; a message finds its provider by a tag. */

const PULLS = /pull|report/i
const PATIENCE = { timeout: 20_000, interval: 20 }
const SECRET = 'a-secret-of-callbacks'
const cleanUps: (() => Promise<unknown>)[] = []
const servers = new Map<string, ProviderServer>()
let gateway: TestGateway
let operator: ApiClient
let sink: Sink

let smsc: SmppPeer
let recipients = 0

beforeAll(async () => {
  smsc = await SmppPeer.listen()
  cleanUps.push(() => smsc.close())
  const folder = await temporaryFolder()
  cleanUps.push(folder.remove)
  const carriers = []
  for (const stand of PROVIDER_STANDS) {
    const server = new ProviderServer(stand.simulator)
    // What it is asked for meanwhile works.
    server.spares = ({ path, headers }) => PULLS.test(`${path} ${headers['x-tc-action']}`)
    const endpoint = await server.start()
    cleanUps.push(() => server.close())
    servers.set(stand.provider, server)
    carriers.push(carrierOf(stand, endpoint))
  }
  sink = await openSink()
  cleanUps.push(() => sink.close())
  const file = JSON.parse(yamlFor({ name: 'smsc', port: smsc.port, prefix: '86', price: '0.9' }))
  gateway = await openGateway(
    JSON.stringify({
      ...file,
      admin_keys: ['operator-key-1'],
      webhooks: { allow_private_addresses: true },
      inbound: { routes: [{ tenant: 'demo' }] },
      policies: { otp: { uncertain: 'query', uncertain_seconds: 1 } },
      carriers: [...file.carriers, ...carriers],
      routing: {
        routes: PROVIDER_STANDS.map(({ provider }) => ({
          name: provider,
          tags: [provider],
          carriers: [provider, 'smsc'],
          strategy: { name: 'sequential' },
        })),
      },
    }),
    { folder: folder.path },
  )
  cleanUps.push(gateway.close)

  operator = new ApiClient(gateway.url, 'operator-key-1')
  await gateway.api.call('POST', '/v1/webhooks', {
    url: `${sink.url}/hooks`,
    events: ['message.received'],
  })
  await smsc.until(() => smsc.binds.length > 0)
})

afterAll(async () => {
  for (const cleanUp of cleanUps.splice(0).reverse()) await cleanUp()
})

function carrierOf({ provider, account, keys }: ProviderStand, endpoint: string): object {
  return {
    name: provider,
    type: 'http',
    [provider]: account(endpoint),
    timeout_seconds: 1,
    callback_secret: SECRET,
    pull_seconds: 1,
    rates: [{ prefix: '', price: '0.0100', currency: 'EUR' }],
    ...keys,
  }
}

/** A number that nobody else in this file has. */
function nextNumber(): string {
  recipients++
  return `+86138${String(recipients).padStart(8, '0')}`
}

async function send(provider: string, to = nextNumber(), more: object = {}) {
  return gateway.api.send({ to, text: 'Your code is 4711', tags: [provider], ...more })
}

/** Where a provider tells of receipts, or of messages with `mo`. */
function callbackUrl(provider: string, kind = 'delivery', secret = SECRET): string {
  return `${gateway.url}/callback/provider/${provider}/${secret}/${kind}`
}

test('every provider of SMS has a stand', () => {
  expect(PROVIDER_STANDS.map(({ provider }) => provider).sort()).toEqual(
    PROVIDERS.flatMap(({ name, channel }) => (channel === 'sms' ? name : [])).sort(),
  )
})

describe.each(PROVIDER_STANDS)('$provider', (stand) => {
  const { provider, can, lost, hasNoPace = false } = stand
  const [reason, ours] = stand.refusal ?? ['unsubscribed', 'recipient_opted_out']
  const server = () => {
    const found = servers.get(provider)
    if (!found) throw new Error(`no server for ${provider}`)
    return found
  }

  test('is sent', async () => {
    const to = nextNumber()
    const id = await send(provider, to)
    const message = await gateway.api.until(id, ({ status }) => status === 'sent')
    expect(message).toMatchObject({ carrier: provider, attempts: 1 })
    expect(server().desk.taken.at(-1)?.to.slice(-9)).toBe(to.slice(-9))
  })

  test('is refused: the sender sees our code and theirs', async () => {
    const to = nextNumber()
    server().desk.always(to, { kind: 'refuse', reason })
    const message = await gateway.api.settled(await send(provider, to))
    expect(message.status).toBe('failed')
    expect(message.error?.code).toBe(ours)
    expect(message.timeline.find(({ type }) => type === 'response')?.raw_code).toMatch(/./)
  })

  test('is too fast once, and then sent', async () => {
    if (hasNoPace) server().breakNext('too_many')
    else server().desk.script({ kind: 'refuse', reason: 'rate_limit' })
    const id = await send(provider)
    const message = await gateway.api.until(id, ({ status }) => status === 'sent')
    expect(message).toMatchObject({ carrier: provider, attempts: 1 })
  })

  test('does not answer: the outcome is unknown, and the message is not sent twice', async () => {
    const before = server().desk.taken.length
    server().breakNext('hang')
    const id = await send(provider)
    const message = await gateway.api.until(id, ({ timeline }) =>
      timeline.some(({ type }) => type === 'uncertain'),
    )
    expect(message).toMatchObject({ carrier: provider, is_final: false })
    expect(server().desk.taken.length).toBe(before + 1)
  })

  test('is out of order: the SMSC has the message', async () => {
    server().desk.script({ kind: 'refuse', reason: 'internal' })
    const to = nextNumber()
    const id = await send(provider, to)
    const message = await gateway.api.until(
      id,
      ({ carrier, status }) => carrier === 'smsc' && status === 'delivered',
    )
    expect(message.attempts).toBe(2)
  })

  /** A message that the provider has taken. */
  async function sent(more: object = {}) {
    const to = nextNumber()
    const id = await send(provider, to, more)
    await gateway.api.until(id, ({ status }) => status === 'sent')
    const message = server().desk.taken.find((one) => one.to.slice(-9) === to.slice(-9))
    if (!message) throw new Error(`${provider} has no message to ${to}`)
    return { id, message }
  }

  const delivered = (message: TakenMessage) => ({
    message,
    isDelivered: true,
    code: 'DELIVRD',
    at: new Date(),
  })

  test('tells what is left of the account, or that it has no such call', async () => {
    const { status, body } = await operator.get(`/v1/carriers/${provider}/balance`)
    expect({ status, body }).toMatchObject({ status: 200, body: { error: null } })
    if (can.balance) expect(body.balance.amount).toMatch(/^-?\d+(\.\d+)?$/)
    else expect(body.balance).toBeNull()
  })

  test.runIf(can.push)('is told of by a callback: delivered, and lost', async () => {
    const [arrived, gone] = [await sent(), await sent()]
    const receipts = [
      delivered(arrived.message),
      { message: gone.message, isDelivered: false, code: lost[0], at: new Date() },
    ]
    const answers = await server().pushReceipts(receipts, callbackUrl(provider))
    for (const { status } of answers) expect(status).toBeLessThan(300)
    expect(await gateway.api.settled(arrived.id)).toMatchObject({ status: 'delivered' })
    expect(await gateway.api.settled(gone.id)).toMatchObject({
      status: 'undelivered',
      error: { code: lost[1] },
    })
    // A repetition, a late word of another state: nothing of it is news.
    await server().pushReceipts(receipts, callbackUrl(provider))
    const after = await gateway.api.message(arrived.id)
    expect(after.timeline.filter(({ type }) => type === 'receipt')).toHaveLength(1)
  })

  test.runIf(provider === 'huawei')('is delivered when all of its parts are', async () => {
    const { id, message } = await sent({ text: '长'.repeat(150) })
    await server().pushReceipts([delivered(message)], callbackUrl(provider))
    const { status, timeline } = await gateway.api.settled(id)
    expect(status).toBe('delivered')
    expect(timeline.filter(({ type }) => type === 'receipt')).toHaveLength(3)
  })

  test.runIf(can.push)('a callback of somebody else changes nothing', async () => {
    const { id, message } = await sent()
    const told = (url: string) => server().pushReceipts([delivered(message)], url)
    const others = PROVIDER_STANDS.find((each) => each.provider !== provider && each.can.push)
    const wrong = [
      callbackUrl(provider, 'delivery', 'another-secret-1'),
      callbackUrl('nobody'),
      `${gateway.url}/callback/provider/${provider}/delivery`,
    ]
    for (const url of wrong) {
      for (const { status } of await told(url)) expect(status).toBe(404)
    }
    // At the address of another carrier it is of another form, unsigned, or of a message that nobody has there.
    if (others) await told(callbackUrl(others.provider))
    await told(callbackUrl(provider))
    const { timeline } = await gateway.api.settled(id)
    expect(timeline.filter(({ type }) => type === 'receipt')).toHaveLength(1)
  })

  test.runIf(can.pull !== 'none')('is told of when it is asked', async () => {
    // Of this class messages without a receipt are asked about one by one.
    const { id, message } = await sent(can.pull === 'query' ? { traffic_class: 'otp' } : {})
    server().desk.receipts.push(delivered(message))
    expect(await gateway.api.settled(id)).toMatchObject({ status: 'delivered', carrier: provider })
  })

  test.runIf(can.inbound !== 'none')('brings messages of handsets to the webhook', async () => {
    const inbound = {
      id: `mo-${provider}`,
      from: '13800138000',
      to: '106900001',
      text: `你好 from ${provider}`,
      at: new Date(),
    }
    if (can.inbound === 'pull') server().desk.inbound.push(inbound)
    else await server().pushInbound(inbound, callbackUrl(provider, 'mo'))
    await vi.waitFor(() => {
      const texts = sink.received.map(({ body }) => String(JSON.parse(body).data.text))
      expect(texts.filter((text) => text === inbound.text)).toHaveLength(1)
    }, PATIENCE)
  })
})
