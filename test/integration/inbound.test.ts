import type smpp from 'smpp'
import { Webhook } from 'standardwebhooks'
import { afterAll, afterEach, beforeAll, describe, expect, test, vi } from 'vitest'
import { openGateway, type TestGateway, temporaryFolder, yamlFor } from '../support/gateway.ts'
import { PartnerClient } from '../support/partner-client.ts'
import { SmppPeer } from '../support/smpp-peer.ts'
import { openSink, type Sink } from '../webhooks/sink.ts'

/** Messages of handsets: from a carrier that is not ours to a partner and a webhook that are not ours. */

const cleanUps: (() => Promise<unknown>)[] = []
const clients: PartnerClient[] = []
let folder: string
let peer: SmppPeer
let sink: Sink
let gateway: TestGateway
let secret: string

function yaml(): string {
  return JSON.stringify({
    ...JSON.parse(yamlFor({ name: 'alpha', port: peer.port, keys: { sessions: 2 } })),
    webhooks: { allow_private_addresses: true },
    inbound: {
      routes: [
        { to: '60123', tenant: 'demo', partner: 'partner1' },
        { to: '60123', keyword: 'stop', tenant: 'other' },
      ],
    },
  })
}

beforeAll(async () => {
  peer = await SmppPeer.listen()
  cleanUps.push(() => peer.close())
  sink = await openSink()
  cleanUps.push(() => sink.close())
  const place = await temporaryFolder()
  cleanUps.push(place.remove)
  folder = place.path
  gateway = await openGateway(yaml(), { folder })
  cleanUps.push(() => gateway.close())
  const made = await gateway.api.call('POST', '/v1/webhooks', {
    url: `${sink.url}/hooks`,
    events: ['message.received'],
  })
  secret = String((made.body as { secret: string }).secret)
  await peer.until(() => peer.sessionCount === 2)
})

afterEach(async () => {
  for (const client of clients.splice(0)) await client.close()
})

afterAll(async () => {
  for (const cleanUp of cleanUps.reverse()) await cleanUp()
})

async function bound(): Promise<PartnerClient> {
  const client = await PartnerClient.bound(gateway.smppPort, 'bind_receiver')
  clients.push(client)
  return client
}

function mo(fields: object) {
  return {
    source_addr_ton: 1,
    source_addr_npi: 1,
    source_addr: '447700900123',
    destination_addr: '60123',
    ...fields,
  }
}

/** What the package makes of the text: characters where it can, else octets. */
function messageOf(pdu: smpp.PDU | undefined): unknown {
  return (pdu?.short_message as { message: unknown } | undefined)?.message
}

async function hooks(count: number) {
  await vi.waitFor(() => expect(sink.received).toHaveLength(count), 10_000)
  return sink.received.map(({ body, headers }) => {
    new Webhook(secret).verify(body, headers as Record<string, string>)
    return JSON.parse(body) as { type: string; data: Record<string, unknown> }
  })
}

describe('a message of a handset', () => {
  test('reaches partner, webhook and API, once its carrier was told that we have it', async () => {
    const client = await bound()
    const status = await peer.send(
      mo({ data_coding: 8, short_message: Buffer.from('4f60597d', 'hex'), protocol_id: 0x41 }),
    )
    expect(status).toBe(0)
    const [delivered] = await client.deliveries(1)
    expect(delivered).toMatchObject({
      source_addr: '447700900123',
      source_addr_ton: 1,
      destination_addr: '60123',
      esm_class: 0,
      data_coding: 8,
      protocol_id: 0x41,
    })
    const [hook] = await hooks(1)
    expect(hook).toMatchObject({
      type: 'message.received',
      data: {
        from: '+447700900123',
        to: '60123',
        text: '你好',
        encoding: 'ucs2',
        keyword: null,
        parts: 1,
        total_parts: 1,
        carrier: 'alpha',
      },
    })
    const id = String(hook?.data.id)
    expect((await gateway.api.get(`/v1/inbound-messages/${id}`)).body).toMatchObject({
      id,
      text: '你好',
      partner: 'partner1',
    })
  })

  test('of several parts over two binds is told whole, and passed on part by part', async () => {
    const client = await bound()
    const part = (sequence: number, text: string) =>
      mo({
        esm_class: 0x40,
        short_message: Buffer.from([5, 0, 3, 9, 3, sequence, ...Buffer.from(text)]),
      })
    const before = sink.received.length
    expect(await peer.send(part(3, '!'), 0)).toBe(0)
    expect(await peer.send(part(1, 'hel'), 1)).toBe(0)
    expect(await peer.send(part(1, 'hel'), 0)).toBe(0)
    expect(await peer.send(part(2, 'lo'), 0)).toBe(0)
    const told = await hooks(before + 1)
    expect(told.at(-1)?.data).toMatchObject({ text: 'hello!', parts: 3, total_parts: 3 })
    const pdus = await client.deliveries(3)
    expect(pdus.map(({ esm_class: esmClass }) => esmClass)).toEqual([0x40, 0x40, 0x40])
    expect(pdus.map(messageOf)).toEqual(['hel', 'lo', '!'])
  })

  test('waits for a partner that is away, and is there after a restart', async () => {
    expect(await peer.send(mo({ short_message: 'anybody there?' }))).toBe(0)
    await gateway.close()
    gateway = await openGateway(yaml(), { folder })
    const client = await bound()
    const [delivered] = await client.deliveries(1)
    expect(delivered).toMatchObject({ destination_addr: '60123' })
    await peer.until(() => peer.sessionCount === 2)
  })

  test('with a keyword goes to the tenant of that keyword, and to nobody else', async () => {
    const before = (await gateway.api.get('/v1/inbound-messages')).body as {
      inbound_messages: unknown[]
    }
    expect(await peer.send(mo({ short_message: 'Stop it' }))).toBe(0)
    const after = (await gateway.api.get('/v1/inbound-messages')).body
    expect(after).toEqual(before)
    const theirs = await fetch(`${gateway.url}/v1/inbound-messages`, {
      headers: { authorization: 'Bearer other-key-1' },
    })
    expect(await theirs.json()).toMatchObject({
      inbound_messages: [{ text: 'Stop it', keyword: 'STOP', partner: null }],
      next_cursor: null,
    })
  })

  test('with octets that are no text comes as octets', async () => {
    const client = await bound()
    const octets = Buffer.from([0, 1, 2, 0xff])
    expect(await peer.send(mo({ data_coding: 4, short_message: octets }))).toBe(0)
    const [delivered] = await client.deliveries(1)
    expect(delivered).toMatchObject({ data_coding: 4 })
    expect(messageOf(delivered)).toEqual(octets)
  })

  test('is refused for now while the partner says so, and comes again', async () => {
    const client = await bound()
    client.deliverStatus = 0x64
    expect(await peer.send(mo({ short_message: 'not now' }))).toBe(0)
    await client.deliveries(1)
    client.deliverStatus = 0
    await client.deliveries(2)
  })
})

test("what does not exist, or is somebody else's, is not found", async () => {
  const { status } = await gateway.api.get('/v1/inbound-messages/nonsense')
  expect(status).toBe(404)
  const [theirs] = (
    (await (
      await fetch(`${gateway.url}/v1/inbound-messages`, {
        headers: { authorization: 'Bearer other-key-1' },
      })
    ).json()) as { inbound_messages: { id: string }[] }
  ).inbound_messages
  expect((await gateway.api.get(`/v1/inbound-messages/${theirs?.id}`)).status).toBe(404)
})
