import { once } from 'node:events'
import { connect } from 'node:net'
import { afterAll, beforeAll, describe, expect, test, vi } from 'vitest'
import { ApiClient } from '../support/api-client.ts'
import { openGateway, type TestGateway, temporaryFolder, yamlFor } from '../support/gateway.ts'
import { PartnerClient } from '../support/partner-client.ts'
import { SmppPeer } from '../support/smpp-peer.ts'
import { dissect, hasTshark } from '../support/tshark.ts'

/** The recorder over HTTP: a whole gateway, a carrier, partners, and who may see what. */

const TEXT = 'Your secret code is 4711'

const cleanUps: (() => Promise<unknown>)[] = []
let peer: SmppPeer
let gateway: TestGateway
let operator: ApiClient
let other: ApiClient

beforeAll(async () => {
  peer = await SmppPeer.listen()
  cleanUps.push(() => peer.close())
  gateway = await open({})
  operator = new ApiClient(gateway.url, 'admin-key-1')
  other = new ApiClient(gateway.url, 'other-key-1')
})

afterAll(async () => {
  for (const cleanUp of cleanUps.reverse()) await cleanUp()
})

async function open(recorder: object): Promise<TestGateway> {
  const folder = await temporaryFolder()
  cleanUps.push(folder.remove)
  const file = JSON.parse(yamlFor({ name: 'alpha', port: peer.port }))
  const yaml = JSON.stringify({ ...file, admin_keys: ['admin-key-1'], recorder })
  const opened = await openGateway(yaml, { folder: folder.path })
  cleanUps.push(opened.close)
  return opened
}

interface Bind {
  readonly id: string
  readonly side: string
  readonly name: string | null
  readonly state: string
  readonly remote: { readonly port: number }
  readonly [field: string]: unknown
}

async function bindOf(wanted: Partial<Bind>, client = operator): Promise<Bind> {
  return await vi.waitFor(
    async () => {
      const { status, body } = await client.get('/v1/binds')
      expect(status).toBe(200)
      const found = (body.binds as Bind[]).find((bind) =>
        Object.entries(wanted).every(([name, value]) => bind[name] === value),
      )
      if (!found) throw new Error(`no such bind: ${JSON.stringify(body)}`)
      return found
    },
    { timeout: 10_000 },
  )
}

/** Sends a message and waits for its receipt. */
async function delivered(from = gateway): Promise<string> {
  const id = await from.api.send({ to: '+447700900123', text: TEXT })
  await from.api.settled(id)
  return id
}

describe('who may see binds', () => {
  test.each(['/v1/binds', '/v1/binds/x/pdus', '/v1/binds/x/pcap', '/v1/%62inds'])(
    '%s: the operator, and no tenant',
    async (path) => {
      expect((await operator.get(path)).status).not.toBe(403)
      for (const client of [gateway.api, other]) {
        const { status, body } = await client.get(path)
        expect([status, body.code]).toEqual([403, 'forbidden'])
      }
      const nobody = await new ApiClient(gateway.url, 'wrong').get(path)
      expect([nobody.status, nobody.body.code]).toEqual([401, 'unauthorized'])
      expect((await fetch(`${gateway.url}${path}`)).status).toBe(401)
    },
  )

  test("the operator's key belongs to no tenant", async () => {
    const { status, body } = await operator.get('/v1/dead-letters')
    expect([status, body.code]).toEqual([403, 'forbidden'])
  })
})

test("a carrier's bind is listed with its state and its counters", async () => {
  await delivered()
  const bind = await bindOf({ name: 'alpha', state: 'bound_trx' })
  expect(bind).toMatchObject({
    side: 'carrier',
    bind: 'transceiver-1',
    system_id: 'linehaul',
    tls: false,
    remote: { address: '127.0.0.1', port: peer.port },
    opened_at: expect.stringMatching(/Z$/),
    bound_at: expect.stringMatching(/Z$/),
    ended_at: null,
    end_reason: null,
    pdus_kept: expect.any(Number),
    counters: {
      sent_by_command: { bind_transceiver: 1, submit_sm: expect.any(Number) },
      requests_timed_out: 0,
    },
  })
})

test('the PDUs of a bind, decoded and masked', async () => {
  await delivered()
  const { id } = await bindOf({ name: 'alpha', state: 'bound_trx' })
  const { status, body } = await operator.get(`/v1/binds/${id}/pdus?limit=10000`)
  expect(status).toBe(200)
  expect(body.bind.id).toBe(id)
  const [bind] = body.pdus
  expect(bind).toMatchObject({
    number: 1,
    direction: 'out',
    command: 'bind_transceiver',
    command_status: { code: 0, name: 'ESME_ROK' },
    fields: { system_id: 'linehaul', password: '******' },
  })
  const submit = body.pdus.findLast((pdu: { command: string }) => pdu.command === 'submit_sm')
  expect(submit).toMatchObject({
    direction: 'out',
    command_id: '0x00000004',
    fields: {
      source_addr: 'Linehaul',
      destination_addr: '44770*******',
      short_message: { ascii: '*'.repeat(TEXT.length) },
    },
    error: null,
  })
  const receipt = body.pdus.findLast((pdu: { command: string }) => pdu.command === 'deliver_sm')
  expect(receipt.fields.short_message.ascii).toMatch(/^id:m\d+\*.*\*stat:DELIVRD\*err:000\*text:$/)
  const all = JSON.stringify(body)
  for (const secret of [TEXT, '447700900123', 'secret']) {
    expect(all).not.toContain(secret)
    expect(all).not.toContain(Buffer.from(secret).toString('hex'))
  }
  const latest = await operator.get(`/v1/binds/${id}/pdus?limit=2`)
  expect(latest.body.pdus).toHaveLength(2)
})

test('texts are refused where the configuration does not allow them', async () => {
  const { id } = await bindOf({ name: 'alpha', state: 'bound_trx' })
  const message = await delivered()
  for (const answer of [
    await operator.get(`/v1/binds/${id}/pdus?texts=shown`),
    await operator.get(`/v1/binds/${id}/pcap?texts=shown`),
    await gateway.api.get(`/v1/messages/${message}/trace?texts=shown`),
  ]) {
    expect([answer.status, answer.body.code]).toEqual([403, 'forbidden'])
    expect(answer.body.detail).toContain('recorder.show_texts')
  }
})

test('wrong ids and parameters are named', async () => {
  for (const what of ['pdus', 'pcap']) {
    const { status, body } = await operator.get(`/v1/binds/nobody/${what}`)
    expect([status, body.code]).toEqual([404, 'not_found'])
    expect(body.detail).toContain('"nobody"')
  }
  const { status, body } = await operator.get('/v1/binds/x/pdus?limit=0')
  expect([status, body.errors[0].pointer]).toEqual([422, '/limit'])
})

async function capture(id: string): Promise<Buffer> {
  const response = await fetch(`${gateway.url}/v1/binds/${id}/pcap`, {
    headers: { authorization: 'Bearer admin-key-1' },
  })
  expect(response.status).toBe(200)
  expect(response.headers.get('content-type')).toBe('application/vnd.tcpdump.pcap')
  return Buffer.from(await response.arrayBuffer())
}

test('a capture has the packets, and neither texts nor numbers nor passwords', async () => {
  await delivered()
  const { id } = await bindOf({ name: 'alpha', state: 'bound_trx' })
  const pcap = await capture(id)
  expect(pcap.readUInt32LE(0)).toBe(0xa1b2c3d4)
  const octets = pcap.toString('latin1')
  for (const secret of [TEXT, '447700900123', 'secret']) expect(octets).not.toContain(secret)
  expect(octets).toContain('44770*******')
})

test.skipIf(!hasTshark)('tshark reads a capture of what really crossed the wire', async () => {
  await delivered()
  const partner = await PartnerClient.bound(gateway.smppPort)
  await partner.submit('447700900124')
  await partner.deliveries(1)
  for (const { id, port } of [
    { ...(await bindOf({ name: 'alpha', state: 'bound_trx' })), port: peer.port },
    { ...(await bindOf({ name: 'partner1', state: 'bound_trx' })), port: gateway.smppPort },
  ]) {
    const packets = await dissect(await capture(id), port)
    expect(packets.filter((each) => each.isMalformed || each.complaints[0])).toEqual([])
    expect(new Set(packets.map(({ protocol }) => protocol))).toEqual(new Set(['SMPP']))
    expect(packets.flatMap(({ commands }) => commands)).toEqual(
      expect.arrayContaining([9, 0x80000009, 4, 0x80000004, 5, 0x80000005]),
    )
  }
  await partner.unbind()
})

test('a probe is kept, and a partner after its end', async () => {
  const probe = connect(gateway.smppPort, '127.0.0.1')
  probe.on('error', () => {})
  await once(probe, 'connect')
  probe.end('GET / HTTP/1.1\r\nAuthorization: Bearer test-key-1\r\n\r\n')
  probe.resume()
  const { id } = await bindOf({ end_reason: 'frame_invalid' })
  const { body } = await operator.get(`/v1/binds/${id}/pdus`)
  expect(body.bind).toMatchObject({ side: 'partner', name: null, bound_at: null })
  expect(body.pdus[0].error).toMatch(/^not a PDU: GET \/ HTTP\/1.1\.\.Authorization:\*+/)

  const partner = await PartnerClient.bound(gateway.smppPort)
  const localPort = partner.session.socket.localPort
  await partner.unbind()
  const ended = await vi.waitFor(async () => {
    const { body: list } = await operator.get('/v1/binds')
    const found = list.binds.find((bind: Bind) => bind.remote?.port === localPort)
    expect(found).toMatchObject({ state: 'closed', end_reason: 'unbound_by_peer' })
    return found as Bind
  })
  expect(ended).toMatchObject({ name: 'partner1', bind: 'transceiver', counters: { pdus_in: 2 } })
})

test('a carrier that cannot be reached is listed without a connection', async () => {
  const folder = await temporaryFolder()
  cleanUps.push(folder.remove)
  const file = JSON.parse(yamlFor({ name: 'gone', port: 1 }))
  const lonely = await openGateway(JSON.stringify({ ...file, admin_keys: ['admin-key-1'] }), {
    folder: folder.path,
  })
  cleanUps.push(lonely.close)
  const client = new ApiClient(lonely.url, 'admin-key-1')
  const bind = await bindOf({ name: 'gone', state: 'waiting' }, client)
  expect(bind).toMatchObject({
    id: null,
    bind: 'transceiver-1',
    last_error: expect.stringContaining('ECONNREFUSED'),
    counters: null,
  })
})

describe('the trace of a message', () => {
  test('over REST: the submit, its response, the receipt and ours to it', async () => {
    const others = await delivered()
    const id = await delivered()
    expect(others).not.toBe(id)
    const { status, body } = await gateway.api.get(`/v1/messages/${id}/trace`)
    expect(status).toBe(200)
    expect(body.id).toBe(id)
    expect(body.timeline.map(({ type }: { type: string }) => type)).toContain('submitted')
    expect(
      body.pdus.map((pdu: { direction: string; command: string }) => [pdu.direction, pdu.command]),
    ).toEqual([
      ['out', 'submit_sm'],
      ['in', 'submit_sm_resp'],
      ['in', 'deliver_sm'],
      ['out', 'deliver_sm_resp'],
    ])
    expect(body.pdus[0]).toMatchObject({ side: 'carrier', name: 'alpha', bind: 'transceiver-1' })
    const responded = body.pdus[1].fields.message_id
    expect(body.pdus[2].fields.short_message.ascii).toContain(`id:${responded}*`)
    expect(JSON.stringify(body.pdus)).not.toMatch(/447700900123|secret/)
  })

  test('a refused submit is found although it got no id', async () => {
    peer.onSubmit = () => ({ status: 0x0b })
    const id = await delivered()
    peer.onSubmit = ({ number }) => ({ id: `m${number}` })
    const { body } = await gateway.api.get(`/v1/messages/${id}/trace`)
    expect(
      body.pdus.map((pdu: { command: string; command_status: { name: string } }) => [
        pdu.command,
        pdu.command_status.name,
      ]),
    ).toEqual([
      ['submit_sm', 'ESME_ROK'],
      ['submit_sm_resp', 'ESME_RINVDSTADR'],
    ])
  })

  test('of a partner: on its own bind and on that of the carrier', async () => {
    const partner = await PartnerClient.bound(gateway.smppPort)
    cleanUps.push(() => partner.close())
    const { message_id: id } = await partner.submit('447700900125')
    await partner.deliveries(1)
    const { body } = await vi.waitFor(async () => {
      const answer = await gateway.api.get(`/v1/messages/${id}/trace`)
      expect(answer.body.pdus).toHaveLength(8)
      return answer
    })
    const at = (side: string) =>
      body.pdus.flatMap((pdu: { side: string; direction: string; command: string }) =>
        pdu.side === side ? [`${pdu.direction} ${pdu.command}`] : [],
      )
    expect(at('partner')).toEqual([
      'in submit_sm',
      'out submit_sm_resp',
      'out deliver_sm',
      'in deliver_sm_resp',
    ])
    expect(at('carrier')).toEqual([
      'out submit_sm',
      'in submit_sm_resp',
      'in deliver_sm',
      'out deliver_sm_resp',
    ])
  })

  test("another message's receipt is not shown for the same id to another number", async () => {
    peer.onSubmit = () => ({ id: 'used-again' })
    const first = await gateway.api.send({ to: '+447700900126', text: 'one' })
    await gateway.api.settled(first)
    const second = await gateway.api.send({ to: '+447700900127', text: 'two' })
    await gateway.api.settled(second)
    peer.onSubmit = ({ number }) => ({ id: `m${number}` })
    for (const id of [first, second]) {
      const { body } = await gateway.api.get(`/v1/messages/${id}/trace`)
      expect(body.pdus).toHaveLength(4)
    }
  })

  test('belongs to its tenant', async () => {
    const id = await delivered()
    const { status, body } = await other.get(`/v1/messages/${id}/trace`)
    expect([status, body.code]).toEqual([404, 'not_found'])
    const own = await gateway.api.get(`/v1/messages/${id}/trace`)
    const seen = await operator.get(`/v1/messages/${id}/trace`)
    expect(seen.status).toBe(200)
    expect(seen.body.pdus).toEqual(own.body.pdus)
  })
})

describe('with recorder.show_texts', () => {
  test('texts and numbers are shown to who asks, passwords to nobody', async () => {
    const open1 = await open({ show_texts: true, pdus_per_bind: 50 })
    const client = new ApiClient(open1.url, 'admin-key-1')
    const id = await delivered(open1)
    const bind = await bindOf({ name: 'alpha', state: 'bound_trx' }, client)
    const masked = await client.get(`/v1/binds/${bind.id}/pdus`)
    expect(JSON.stringify(masked.body)).not.toContain(TEXT)
    const shown = await client.get(`/v1/binds/${bind.id}/pdus?texts=shown`)
    const submit = shown.body.pdus.find((pdu: { command: string }) => pdu.command === 'submit_sm')
    expect(submit.fields).toMatchObject({
      destination_addr: '447700900123',
      short_message: { ascii: TEXT },
    })
    expect(shown.body.pdus[0].fields.password).toBe('******')
    expect(shown.body.pdus[0].hex).not.toContain(Buffer.from('secret').toString('hex'))
    const trace = await open1.api.get(`/v1/messages/${id}/trace?texts=shown`)
    expect(trace.body.pdus[0].fields.short_message.ascii).toBe(TEXT)
  })
})
