import { Webhook } from 'standardwebhooks'
import { afterAll, beforeAll, expect, test, vi } from 'vitest'
import { ApiClient } from '../support/api-client.ts'
import { openGateway, type TestGateway, temporaryFolder, yamlFor } from '../support/gateway.ts'
import { SmppPeer } from '../support/smpp-peer.ts'
import { openSink, type Received, type Sink } from '../webhooks/sink.ts'

/** A tenant's own webhook is told that its balance is low: once for each fall, over a restart too. */

const cleanUps: (() => Promise<unknown>)[] = []
let sink: Sink
let gateway: TestGateway
let folder: string
let yaml: string

beforeAll(async () => {
  const peer = await SmppPeer.listen()
  cleanUps.push(() => peer.close())
  sink = await openSink()
  cleanUps.push(() => sink.close())
  const temporary = await temporaryFolder()
  folder = temporary.path
  cleanUps.push(temporary.remove)
  const file = JSON.parse(yamlFor({ name: 'alpha', port: peer.port }))
  const [demo, ...others] = file.tenants
  yaml = JSON.stringify({
    ...file,
    admin_keys: ['admin-key'],
    webhooks: { allow_private_addresses: true },
    tenants: [
      { ...demo, parent: 'other', billing: { currency: 'EUR', low_balance: '9.99' } },
      ...others,
    ],
    rates: [{ tenant: 'demo', prefix: '44', price: '0.01', currency: 'EUR' }],
    balances: [{ tenant: 'demo', amount: '10.00', currency: 'EUR' }],
  })
  gateway = await openGateway(yaml, { folder })
  cleanUps.push(() => gateway.close())
})

afterAll(async () => {
  for (const cleanUp of cleanUps.reverse()) await cleanUp()
})

const other = () => new ApiClient(gateway.url, 'other-key-1')
const send = () => gateway.api.send({ to: '+447700900123', text: 'hello' })

async function webhook(api: ApiClient, path: string, events: readonly string[]) {
  const { status, body } = await api.call('POST', '/v1/webhooks', {
    url: `${sink.url}${path}`,
    events,
  })
  expect(status).toBe(201)
  return body as { readonly id: string; readonly secret: string }
}

/** What has come to a path, once so much has. */
function received(path: string, count: number): Promise<Received[]> {
  return vi.waitFor(() => {
    const found = sink.received.filter((request) => request.path === path)
    expect(found).toHaveLength(count)
    return found
  }, 20_000)
}

test('it is told to those of its webhooks that ask for it, once for each fall', async () => {
  const { id, secret } = await webhook(gateway.api, '/balance', ['balance.low'])
  await webhook(gateway.api, '/all', [])
  await webhook(gateway.api, '/ends', ['message.delivered'])
  // The tenant above it has webhooks of its own, which are not told.
  await webhook(other(), '/parent', [])
  await send()
  await send()
  const [told] = await received('/balance', 1)
  const event = new Webhook(secret).verify(
    told?.body ?? '',
    told?.headers as Record<string, string>,
  )
  expect(event).toEqual({
    type: 'balance.low',
    timestamp: expect.stringMatching(/Z$/),
    data: {
      tenant: 'demo',
      currency: 'EUR',
      balance: expect.stringMatching(/^(10\.0000|9\.9[89]00)$/),
      available: '9.9800',
      threshold: '9.9900',
    },
  })

  // The sink has it a moment before its answer is written down.
  const body = await vi.waitFor(async () => {
    const { body } = await gateway.api.get(`/v1/webhooks/${id}/events`)
    expect(body.events).toMatchObject([
      {
        type: 'balance.low',
        message_id: null,
        status: 'delivered',
        attempts: [{ status_code: 204 }],
      },
    ])
    return body
  }, 20_000)
  const again = await gateway.api.call('POST', `/v1/webhooks/${id}/replay`, {
    ids: [body.events[0].id],
  })
  expect(again.body).toEqual({ replayed: 1 })
  const [, replayed] = await received('/balance', 2)
  expect(replayed?.headers['webhook-id']).toBe(told?.headers['webhook-id'])
  expect(replayed?.body).toBe(told?.body)

  await gateway.close()
  gateway = await openGateway(yaml, { folder })
  await send()
  const operator = new ApiClient(gateway.url, 'admin-key')
  const money = { tenant: 'demo', kind: 'top_up', amount: '0.03', currency: 'EUR' }
  expect(
    (await operator.call('POST', '/v1/billing/payments', { ...money, reference: 'r' })).status,
  ).toBe(201)
  await send()
  await send()
  // The second fall, and nothing of the time before the start.
  const falls = await received('/balance', 3)
  expect(new Set(falls.map(({ headers }) => headers['webhook-id'])).size).toBe(2)
  const types = (path: string) =>
    sink.received
      .filter((request) => request.path === path)
      .map((request) => JSON.parse(request.body).type as string)
  await vi.waitFor(() => {
    expect(types('/all').filter((type) => type === 'balance.low')).toHaveLength(2)
    expect(types('/ends')).toHaveLength(5)
  }, 20_000)
  expect(new Set(types('/ends'))).toEqual(new Set(['message.delivered']))
  expect(types('/parent')).toEqual([])
})
