import { X509Certificate } from 'node:crypto'
import { once } from 'node:events'
import { connect } from 'node:net'
import { connect as connectTls } from 'node:tls'
import smpp from 'smpp'
import { afterAll, afterEach, beforeAll, describe, expect, test, vi } from 'vitest'
import { hashPassword } from '../../src/core/password.ts'
import {
  PARTNER_CERTIFICATE,
  PARTNER_KEY,
  TEST_CERTIFICATE,
  TEST_KEY,
} from '../smpp/tls-certificate.ts'
import { ApiClient } from '../support/api-client.ts'
import { openGateway, type TestGateway, temporaryFolder, yamlFor } from '../support/gateway.ts'
import { PartnerClient } from '../support/partner-client.ts'
import { SmppPeer } from '../support/smpp-peer.ts'
import { textOnAir } from '../support/submit-octets.ts'

/** Accounts with terms of their own, over plain and TLS listeners, with and without a proxy. */

const PASSWORD = 'pw'
const { ESME_ROK, ESME_RBINDFAIL, ESME_RINVPASWD, ESME_RINVSYSID, ESME_RALYBND } = smpp.errors
const { ESME_RTHROTTLED, ESME_RINVSRCADR } = smpp.errors
/** 5.0 only; the package does not know it. */
const ESME_RPROHIBITED = 0x101

const cleanUps: (() => Promise<unknown>)[] = []
const clients: PartnerClient[] = []
let peer: SmppPeer
let gateway: TestGateway
let proxied: TestGateway

const ACCOUNTS: Record<string, object> = {
  free: {},
  nearby: { allow_from: ['127.9.0.0/16', '2001:db8::/32'] },
  secure: { tls: 'required' },
  pinned: {
    client_certificate: { fingerprints: [new X509Certificate(PARTNER_CERTIFICATE).fingerprint256] },
  },
  named: { client_certificate: { common_names: ['partner1.example'] } },
  // A name that a certificate has which nobody we trust has issued.
  impostor: { client_certificate: { common_names: ['localhost'] } },
  sender: { bind_types: ['transmitter'] },
  pair: { max_binds: 2 },
  guarded: {},
  paced: { segments_per_second: 1, burst: 3 },
  branded: { sender_ids: ['ACME', '4477*'] },
  latin: { default_alphabet: 'latin1' },
  utf: { default_alphabet: 'utf8' },
  brief: { default_validity_seconds: 100, max_validity_seconds: 200 },
  narrow: { window: 2 },
  watched: {},
}

function configuration(port: number, smppKeys: object, hashed: string): string {
  const file = JSON.parse(yamlFor({ name: 'alpha', port }))
  const names = Object.entries(ACCOUNTS)
  return JSON.stringify({
    ...file,
    smpp: smppKeys,
    partners: [
      ...names.map(([system_id, keys]) => ({
        system_id,
        password: PASSWORD,
        tenant: system_id === 'watched' ? 'other' : 'demo',
        ...keys,
      })),
      { system_id: 'hashed', password: hashed, tenant: 'demo' },
    ],
  })
}

beforeAll(async () => {
  const hashed = await hashPassword(PASSWORD)
  const start = async (smppKeys: object) => {
    // One each: a carrier gives receipts to any bind of ours.
    const carrier = await SmppPeer.listen()
    cleanUps.push(() => carrier.close())
    const folder = await temporaryFolder()
    cleanUps.push(folder.remove)
    const yaml = configuration(carrier.port, smppKeys, hashed)
    const started = await openGateway(yaml, { folder: folder.path })
    cleanUps.push(started.close)
    return { started, carrier }
  }
  const tls = { port: 0, cert: TEST_CERTIFICATE, key: TEST_KEY, ca: PARTNER_CERTIFICATE }
  const behind = await start({
    host: '127.0.0.1',
    proxy_protocol: true,
    trusted_proxies: ['127.0.0.1'],
    tls: { ...tls, proxy_protocol: true },
  })
  proxied = behind.started
  const front = await start({ host: '127.0.0.1', tls })
  gateway = front.started
  peer = front.carrier
})

afterEach(async () => {
  for (const client of clients.splice(0)) await client.close()
})

afterAll(async () => {
  for (const cleanUp of cleanUps.reverse()) await cleanUp()
})

let lastAddress = 0

/** Connects from an address that nobody else has, so that failures of others make no wait. */
async function connected(options: Partial<smpp.ConnectOptions> = {}): Promise<PartnerClient> {
  lastAddress++
  const port = options.tls ? gateway.smppTlsPort : gateway.smppPort
  const localAddress = `127.1.0.${lastAddress}`
  const client = await PartnerClient.connect(port, { localAddress, ...options })
  clients.push(client)
  return client
}

async function bound(systemId: string): Promise<PartnerClient> {
  const client = await connected()
  expect((await client.bind(systemId, PASSWORD)).command_status).toBe(ESME_ROK)
  return client
}

const OVER_TLS = { tls: true, ca: TEST_CERTIFICATE }
const WITH_CERTIFICATE = { ...OVER_TLS, cert: PARTNER_CERTIFICATE, key: PARTNER_KEY }
const WITH_OTHER = { ...OVER_TLS, cert: TEST_CERTIFICATE, key: TEST_KEY }
const NEARBY = { localAddress: '127.9.0.1' }

let lastNumber = 447_700_910_000

function recipient(): string {
  lastNumber++
  return String(lastNumber)
}

async function metric(name: string): Promise<number> {
  const text = await (await fetch(`${gateway.url}/metrics`)).text()
  const line = text.split('\n').find((each) => each.startsWith(`${name} `))
  return line === undefined ? 0 : Number(line.slice(name.length + 1))
}

describe('a bind', () => {
  test.each<[string, string, Partial<smpp.ConnectOptions>, number | undefined]>([
    ['free', 'without TLS', {}, ESME_ROK],
    ['free', 'with TLS', OVER_TLS, ESME_ROK],
    ['nearby', 'from an address of the list', NEARBY, ESME_ROK],
    ['nearby', 'from another address', {}, ESME_RBINDFAIL],
    ['secure', 'without TLS', {}, ESME_RBINDFAIL],
    ['secure', 'with TLS', OVER_TLS, ESME_ROK],
    ['pinned', 'without TLS', {}, ESME_RBINDFAIL],
    ['pinned', 'without a certificate', OVER_TLS, ESME_RBINDFAIL],
    ['pinned', 'with another certificate', WITH_OTHER, ESME_RBINDFAIL],
    ['pinned', 'with its certificate', WITH_CERTIFICATE, ESME_ROK],
    ['named', 'without a certificate', OVER_TLS, ESME_RBINDFAIL],
    ['named', 'with another name', WITH_OTHER, ESME_RBINDFAIL],
    ['named', 'with its name', WITH_CERTIFICATE, ESME_ROK],
    ['impostor', 'with a name nobody vouches for', WITH_OTHER, ESME_RBINDFAIL],
    ['hashed', 'with the password of a hash', {}, ESME_ROK],
    ['nobody', 'with no account', {}, ESME_RINVSYSID],
  ])('as %s %s', async (systemId, _how, options, status) => {
    const client = await connected(options)
    expect((await client.bind(systemId, PASSWORD)).command_status).toBe(status)
  })

  test.each(['free', 'hashed'])('as %s with a wrong password is refused', async (systemId) => {
    const client = await connected()
    expect((await client.bind(systemId, 'wrong')).command_status).toBe(ESME_RINVPASWD)
  })

  test('of version 5.0 is told that it is prohibited', async () => {
    const client = await connected()
    const response = await client.bind('secure', PASSWORD, 'bind_transceiver', 0x50)
    expect(response.command_status).toBe(ESME_RPROHIBITED)
  })

  test('of a kind that the account does not have is refused', async () => {
    const receiver = await connected()
    const refused = await receiver.bind('sender', PASSWORD, 'bind_receiver')
    expect(refused.command_status).toBe(ESME_RBINDFAIL)
    const transmitter = await connected()
    const taken = await transmitter.bind('sender', PASSWORD, 'bind_transmitter')
    expect(taken.command_status).toBe(ESME_ROK)
  })

  test('beyond the number of the account is refused until another is over', async () => {
    const all = await Promise.all(
      [1, 2, 3, 4].map(async () => {
        const client = await connected()
        return { client, status: (await client.bind('pair', PASSWORD)).command_status }
      }),
    )
    const statuses = all.map(({ status }) => status).sort()
    expect(statuses).toEqual([ESME_ROK, ESME_ROK, ESME_RALYBND, ESME_RALYBND])
    await all.find(({ status }) => status === ESME_ROK)?.client.unbind()
    await vi.waitFor(async () => {
      const client = await connected()
      expect((await client.bind('pair', PASSWORD)).command_status).toBe(ESME_ROK)
    })
  })
})

describe('wrong passwords', () => {
  test('make those who try wait, not a partner at its own address', async () => {
    const own = { localAddress: '127.8.0.1' }
    const first = await connected(own)
    expect((await first.bind('guarded', PASSWORD)).command_status).toBe(ESME_ROK)
    const before = await metric('linehaul_smpp_bind_failures_total{reason="wrong_password"}')
    const guess = async (password: string) => {
      const client = await connected({ localAddress: '127.8.0.2' })
      return (await client.bind('guarded', password)).command_status
    }
    expect([await guess('a'), await guess('b'), await guess('c')]).toEqual(
      Array(3).fill(ESME_RINVPASWD),
    )
    const order: string[] = []
    // The right one, too: the time of the answer must tell nothing.
    const guessed = guess(PASSWORD).then((status) => order.push(`guessed ${status}`))
    const again = await connected(own)
    expect((await again.bind('guarded', PASSWORD)).command_status).toBe(ESME_ROK)
    order.push('partner')
    await guessed
    expect(order).toEqual(['partner', `guessed ${ESME_ROK}`])
    const counted = await metric('linehaul_smpp_bind_failures_total{reason="wrong_password"}')
    expect(counted - before).toBe(3)
  })
})

test('a bind whose sender does not wait for the answer is a failure', async () => {
  const guess = (localAddress: string) => connected({ localAddress })
  const first = await guess('127.6.0.1')
  await first.bind('hashed', 'wrong')
  const before = await metric('linehaul_smpp_bind_failures_total{reason="abandoned"}')
  const hasty = await guess('127.6.0.1')
  hasty.session.send(new smpp.PDU('bind_transceiver', { system_id: 'hashed', password: PASSWORD }))
  await hasty.close()
  await vi.waitFor(
    async () =>
      expect(await metric('linehaul_smpp_bind_failures_total{reason="abandoned"}')).toBe(
        before + 1,
      ),
    { timeout: 5_000 },
  )
})

describe('submits', () => {
  test('beyond the pace are throttled by segments, and the session goes on', async () => {
    const client = await bound('paced')
    const long = await client.submit(recipient(), {
      short_message: '',
      message_payload: 'x'.repeat(400),
    })
    expect(long.command_status).toBe(ESME_ROK)
    expect((await client.submit(recipient())).command_status).toBe(ESME_RTHROTTLED)
    await vi.waitFor(
      async () => expect((await client.submit(recipient())).command_status).toBe(ESME_ROK),
      { timeout: 10_000, interval: 100 },
    )
  })

  test('from a sender id of somebody else are refused', async () => {
    const client = await bound('branded')
    const statusOf = async (fields: smpp.PduFields) =>
      (await client.submit(recipient(), fields)).command_status
    expect(await statusOf({ source_addr: 'ACME' })).toBe(ESME_ROK)
    expect(await statusOf({ source_addr: 'ACMEE' })).toBe(ESME_RINVSRCADR)
    expect(await statusOf({ source_addr: '447700900001', source_addr_ton: 1 })).toBe(ESME_ROK)
    expect(await statusOf({ source_addr: '448800900001', source_addr_ton: 1 })).toBe(
      ESME_RINVSRCADR,
    )
  })

  test.each([
    ['latin', Buffer.from('señor Grüße', 'latin1')],
    ['utf', Buffer.from('señor Grüße', 'utf8')],
  ])('of %s arrive in the alphabet of the carrier', async (systemId, octets) => {
    const client = await bound(systemId)
    const to = recipient()
    await client.submit(to, { short_message: octets })
    await vi.waitFor(() => {
      const submits = peer.submits.filter((submit) => submit.to === to)
      expect(textOnAir(submits, 'gsm7')).toBe('señor Grüße')
    })
  })

  test.each([
    ['none', '', 100],
    ['a short one', '000000000050000R', 50],
    ['a long one', '000001000000000R', 200],
  ])('with %s have a validity within the bounds of the account', async (_what, text, seconds) => {
    const client = await bound('brief')
    const { message_id } = await client.submit(recipient(), { validity_period: text })
    const { body } = await gateway.api.get(`/v1/messages/${message_id}`)
    const { created_at, expires_at } = body
    expect((Date.parse(expires_at) - Date.parse(created_at)) / 1_000).toBe(seconds)
  })
})

test('no more receipts are under way than the window of the account', async () => {
  const client = await bound('narrow')
  client.deliverStatus = 'silence'
  const ids: string[] = []
  for (let index = 0; index < 4; index++) {
    ids.push(String((await client.submit(recipient())).message_id))
  }
  for (const id of ids) await gateway.api.settled(id)
  await client.deliveries(2)
  const standing = await standingOf('narrow')
  expect(standing.sessions).toMatchObject([{ unanswered_by_partner: 2 }])
  expect(client.received).toHaveLength(2)
  client.deliverStatus = 0
  for (const pdu of client.unanswered.splice(0)) client.session.send(pdu.response())
  const receipts = await client.deliveries(4)
  expect(receipts.map((pdu) => pdu.receipted_message_id).sort()).toEqual(ids.sort())
})

interface Standing {
  readonly system_id: string
  readonly max_binds: number | null
  readonly sessions: readonly Record<string, unknown>[]
}

async function standings(key = 'test-key-1'): Promise<readonly Standing[]> {
  const response = await fetch(`${gateway.url}/v1/partners`, {
    headers: { authorization: `Bearer ${key}` },
  })
  expect(response.status).toBe(200)
  return ((await response.json()) as { data: Standing[] }).data
}

async function standingOf(systemId: string): Promise<Standing> {
  const found = (await standings()).find(({ system_id }) => system_id === systemId)
  if (!found) throw new Error(`there is no partner ${systemId}`)
  return found
}

describe('/v1/partners', () => {
  test('tells who is bound, and no longer when they are not', async () => {
    const client = await connected({ ...OVER_TLS, localAddress: '127.7.0.1' })
    await client.bind('sender', PASSWORD, 'bind_transmitter')
    expect(await standingOf('sender')).toEqual({
      system_id: 'sender',
      max_binds: 20,
      sessions: [
        {
          bind_type: 'transmitter',
          address: '127.7.0.1',
          tls: true,
          since: expect.stringMatching(/^\d{4}-\d\d-\d\dT[\d:.]+Z$/),
          unanswered_by_partner: 0,
          unanswered_by_us: 0,
        },
      ],
    })
    expect(await metric('linehaul_partner_sessions{system_id="sender"}')).toBe(1)
    await client.unbind()
    await vi.waitFor(async () => expect((await standingOf('sender')).sessions).toEqual([]))
  })

  test('tells a tenant only of its own', async () => {
    expect((await standings('other-key-1')).map(({ system_id }) => system_id)).toEqual(['watched'])
    expect((await standings()).map(({ system_id }) => system_id)).not.toContain('watched')
    expect((await new ApiClient(gateway.url, 'no-key').get('/v1/partners')).status).toBe(401)
  })
})

describe('behind a proxy', () => {
  /** A client whose connection the proxy has taken over from an address. */
  async function through(address: string, isTls: boolean): Promise<PartnerClient> {
    const port = isTls ? proxied.smppTlsPort : proxied.smppPort
    const socket = connect({ host: '127.0.0.1', port })
    await once(socket, 'connect')
    const family = address.includes(':') ? 'TCP6' : 'TCP4'
    socket.write(`PROXY ${family} ${address} ${address} 1000 ${port}\r\n`)
    const stream = isTls
      ? connectTls({ socket, ca: TEST_CERTIFICATE, servername: 'localhost' })
      : socket
    if (isTls) await once(stream, 'secureConnect')
    const client = await PartnerClient.connect(port, { socket: stream })
    clients.push(client)
    return client
  }

  test.each([
    ['127.9.0.1', false, ESME_ROK],
    ['127.9.0.1', true, ESME_ROK],
    ['2001:db8::7', false, ESME_ROK],
    ['127.10.0.1', false, ESME_RBINDFAIL],
    ['127.10.0.2', true, ESME_RBINDFAIL],
  ])('%s is the address that the account is judged by, TLS %s', async (address, isTls, status) => {
    const client = await through(address, isTls)
    expect((await client.bind('nearby', PASSWORD)).command_status).toBe(status)
  })

  test('a connection that comes past it is closed', async () => {
    for (const localAddress of ['127.0.0.1', '127.0.0.2']) {
      const socket = connect({ host: '127.0.0.1', port: proxied.smppPort, localAddress })
      socket.on('error', () => undefined).resume()
      socket.write(new smpp.PDU('bind_transceiver', { system_id: 'free' }).toBuffer())
      await once(socket, 'close')
    }
    const text = await (await fetch(`${proxied.url}/metrics`)).text()
    expect(text).toContain('linehaul_smpp_connections_refused_total{reason="proxy_header"} 1')
    expect(text).toContain('linehaul_smpp_connections_refused_total{reason="untrusted_proxy"} 1')
  })
})

describe('listeners', () => {
  const tls = { cert: TEST_CERTIFICATE, key: TEST_KEY }

  async function started(smppKeys: object): Promise<TestGateway> {
    const folder = await temporaryFolder()
    cleanUps.push(folder.remove)
    const yaml = configuration(peer.port, smppKeys, PASSWORD)
    return openGateway(yaml, { folder: folder.path, env: { LINEHAUL_SMPP_PORT: 'off' } })
  }

  test('the plain one can be switched off', async () => {
    const only = await started({
      host: '127.0.0.1',
      tls: { ...tls, port: 0, ca: TEST_CERTIFICATE },
    })
    cleanUps.push(only.close)
    expect([only.smppPort, only.smppTlsPort > 0]).toEqual([0, true])
    const client = await PartnerClient.connect(only.smppTlsPort, OVER_TLS)
    clients.push(client)
    expect((await client.bind('free', PASSWORD)).command_status).toBe(ESME_ROK)
  })

  test('a port in use is named by its setting', async () => {
    const keys = {
      host: '127.0.0.1',
      tls: { ...tls, port: gateway.smppTlsPort, ca: TEST_CERTIFICATE },
    }
    await expect(started(keys)).rejects.toThrow(
      `port ${gateway.smppTlsPort} is in use: choose another with smpp.tls.port`,
    )
  })
})
