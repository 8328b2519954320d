import smpp from 'smpp'
import { afterAll, afterEach, beforeAll, describe, expect, it, vi } from 'vitest'
import { ApiClient } from '../support/api-client.ts'
import { openGateway, type TestGateway, temporaryFolder, yamlFor } from '../support/gateway.ts'
import { PartnerClient } from '../support/partner-client.ts'
import { SmppPeer } from '../support/smpp-peer.ts'
import { openSink, type Sink } from '../webhooks/sink.ts'

/** Networks, short codes and senders in a whole gateway, with a look-up server of its own. */

const RANGES = 'prefix,mccmnc,name\n4477,23415,Vodafone\n'

let peer: SmppPeer
let hook: Sink
let place: Awaited<ReturnType<typeof temporaryFolder>>
let gateway: TestGateway
let operator: ApiClient

beforeAll(async () => {
  peer = await SmppPeer.listen()
  hook = await openSink()
})
afterEach(async () => {
  await gateway.close()
  await place.remove()
})
afterAll(async () => {
  await peer.close()
  await hook.close()
})

async function open(numbers: object): Promise<void> {
  place = await temporaryFolder()
  const file = JSON.parse(yamlFor({ name: 'alpha', port: peer.port, prefix: '' }))
  const yaml = JSON.stringify({ ...file, admin_keys: ['operator-1'], numbers })
  gateway = await openGateway(yaml, { folder: place.path })
  operator = new ApiClient(gateway.url, 'operator-1')
  await importFile('/v1/networks', RANGES)
}

async function importFile(path: string, body: string): Promise<void> {
  const response = await fetch(`${gateway.url}${path}`, {
    method: 'POST',
    headers: { authorization: 'Bearer operator-1', 'content-type': 'text/csv' },
    body,
  })
  expect(response.status).toBe(200)
}

function lookup(more: object = {}) {
  return {
    url: `${hook.url}/hlr/{number}`,
    token: 'hlr-token',
    field: 'data.mccmnc',
    deadline_ms: 5_000,
    allow_private_addresses: true,
    ...more,
  }
}

function answerWith(body: unknown, status = 200): void {
  hook.answer = (response) => {
    response.writeHead(status, { 'content-type': 'application/json' })
    response.end(JSON.stringify(body))
  }
}

async function networkOf(to: string): Promise<unknown> {
  const { status, body } = await gateway.api.post({ from: 'ACME', to, text: 'Hi', dry_run: true })
  expect(status).toBe(200)
  return body.network
}

async function lookupReport(): Promise<Record<string, unknown>> {
  return (await operator.get('/v1/networks')).body.lookup
}

describe('the look-up', () => {
  it('is asked with the token once, and its answer is with the message', async () => {
    await open({ lookup: lookup() })
    const before = hook.received.length
    answerWith({ data: { mccmnc: '23430' } })
    const id = await gateway.api.send({ to: '+447700900123', text: 'Hi' })
    const { body } = await gateway.api.get(`/v1/messages/${id}`)
    expect(body.network).toBe('23430')
    expect(hook.received.slice(before)).toMatchObject([
      {
        method: 'GET',
        path: '/hlr/447700900123',
        headers: { authorization: 'Bearer hlr-token' },
      },
    ])
    expect(await networkOf('+447700900123')).toBe('23430')
    expect(hook.received).toHaveLength(before + 1)
    expect((await operator.get('/v1/numbers/+447700900123')).body).toMatchObject({
      network: { mccmnc: '23430' },
      ported: true,
      from: 'lookup',
      range: { mccmnc: '23415' },
    })
    const many = Array.from({ length: 200 }, (_, n) => `+44770090${1_000 + n}`)
    await gateway.api.sendMany(many, 'Hello all')
    expect(hook.received).toHaveLength(before + 201)
  })

  it('that is slow is not waited for beyond the deadline, and counts for the next message', async () => {
    await open({ lookup: lookup({ deadline_ms: 20, timeout_ms: 60_000 }) })
    let answer = () => {}
    hook.answer = (response) => {
      answer = () => {
        response.writeHead(200, { 'content-type': 'application/json' })
        response.end(JSON.stringify({ data: { mccmnc: '23430' } }))
      }
    }
    expect(await networkOf('+447700900123'), 'the range').toBe('23415')
    expect(await lookupReport()).toMatchObject({ asked: 1, late: 1, cached: 0 })
    answer()
    await vi.waitFor(async () => expect(await lookupReport()).toMatchObject({ cached: 1 }))
    expect(await networkOf('+447700900123')).toBe('23430')
  })

  it('that is dead is left alone after some failures; tables tell the network', async () => {
    const dead = await openSink()
    await dead.close()
    await open({
      lookup: lookup({ url: `${dead.url}/{number}`, max_failures: 2, pause_seconds: 3_600 }),
    })
    for (let index = 0; index < 5; index++) {
      expect(await networkOf(`+44770090012${index}`)).toBe('23415')
    }
    expect(await lookupReport()).toMatchObject({ asked: 2, failed: 2, is_paused: true })
    const id = await gateway.api.send({ to: '+447700900129', text: 'Hi' })
    expect((await gateway.api.settled(id)).status).toBe('delivered')
  })
})

describe('senders and short codes', () => {
  it('are judged for REST and for partners alike', async () => {
    await open({
      short_codes: [{ code: '60123', country: 'GB' }],
      sender_rules: [{ countries: ['DE'], action: 'replace', sender: '+4915112345678' }],
    })
    const refused = await gateway.api.post({ from: 'ACME', to: '+12025550123', text: 'Hi' })
    expect(refused).toMatchObject({
      status: 422,
      body: { code: 'sender_not_allowed', errors: [{ pointer: '/from' }] },
    })
    const before = peer.submits.length
    const client = await PartnerClient.bound(gateway.smppPort)
    const submit = (destination_addr: string, dest_addr_ton: number) =>
      client.ask('submit_sm', {
        source_addr: 'ACME',
        source_addr_ton: 5,
        destination_addr,
        dest_addr_ton,
        short_message: 'Hi',
      })
    expect((await submit('12025550123', 1)).command_status).toBe(smpp.errors.ESME_RINVSRCADR)
    expect((await submit('60124', 3)).command_status).toBe(smpp.errors.ESME_RINVDSTADR)
    expect((await submit('60123', 3)).command_status).toBe(0)
    expect((await submit('4915112345679', 1)).command_status).toBe(0)
    await vi.waitFor(() => expect(peer.submits.length).toBe(before + 2))
    const pdus = peer.submits.slice(before).map(({ pdu }) => pdu)
    expect(pdus).toContainEqual(
      expect.objectContaining({
        destination_addr: '60123',
        dest_addr_ton: 3,
        dest_addr_npi: 0,
        source_addr: 'ACME',
      }),
    )
    expect(pdus).toContainEqual(
      expect.objectContaining({
        destination_addr: '4915112345679',
        source_addr: '4915112345678',
        source_addr_ton: 1,
      }),
    )
    await client.unbind()
  })
})
