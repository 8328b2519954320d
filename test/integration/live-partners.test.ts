import { X509Certificate } from 'node:crypto'
import { writeFile } from 'node:fs/promises'
import { join } from 'node:path'
import { connect as connectTls } from 'node:tls'
import smpp from 'smpp'
import { afterAll, afterEach, beforeAll, describe, expect, inject, test, vi } from 'vitest'
import { hashPassword } from '../../src/core/password.ts'
import {
  PARTNER_CERTIFICATE,
  PARTNER_KEY,
  TEST_CERTIFICATE,
  TEST_KEY,
} from '../smpp/tls-certificate.ts'
import { ApiClient } from '../support/api-client.ts'
import { createTestDatabase } from '../support/database.ts'
import { openGateway, type TestGateway, temporaryFolder, yamlFor } from '../support/gateway.ts'
import { PartnerClient } from '../support/partner-client.ts'
import { SmppPeer } from '../support/smpp-peer.ts'

/** Tenants, keys and accounts of partners that come, change and go while the gateway runs. */

const databases = [
  { name: 'PGlite', postgresUrl: null },
  ...(inject('postgresUrl') === null
    ? []
    : [{ name: 'PostgreSQL', postgresUrl: inject('postgresUrl') }]),
]

const { ESME_ROK, ESME_RTHROTTLED, ESME_RINVSYSID, ESME_RINVPASWD, ESME_RINVSRCADR } = smpp.errors
const PARTNER = { system_id: 'partner1', password: 'pw1', tenant: 'demo' }
const RATES = [{ prefix: '44', price: '0.0500', currency: 'EUR' }]

describe.each(databases)('on $name', ({ postgresUrl }) => {
  const cleanUps: (() => Promise<unknown>)[] = []
  const clients: PartnerClient[] = []
  let folder: string
  let peer: SmppPeer
  let gateway: TestGateway
  let lastNumber = 447_700_900_000
  let lastAddress = 0

  beforeAll(async () => {
    peer = await SmppPeer.listen()
    cleanUps.push(() => peer.close())
    const temporary = await temporaryFolder()
    folder = temporary.path
    cleanUps.push(temporary.remove)
    const database = postgresUrl === null ? undefined : await createTestDatabase(postgresUrl)
    if (database) cleanUps.push(database.drop)
    await renew(TEST_CERTIFICATE, TEST_KEY)
    gateway = await openGateway(fileWith({}), { folder, databaseUrl: database?.url ?? null })
    cleanUps.push(gateway.close)
  })

  afterEach(async () => {
    for (const client of clients.splice(0)) await client.close()
    await gateway.configure(fileWith({}))
  })

  afterAll(async () => {
    for (const cleanUp of cleanUps.reverse()) await cleanUp()
  })

  function fileWith(more: object): string {
    const file = JSON.parse(yamlFor({ name: 'alpha', port: peer.port }))
    const tls = { port: 0, cert: 'cert.pem', key: 'key.pem' }
    return JSON.stringify({ ...file, smpp: { host: '127.0.0.1', port: 0, tls }, ...more })
  }

  async function renew(certificate: string, key: string): Promise<void> {
    await writeFile(join(folder, 'cert.pem'), certificate)
    await writeFile(join(folder, 'key.pem'), key)
  }

  function recipient(): string {
    lastNumber++
    return String(lastNumber)
  }

  /** From an address that nobody else has: failures of others make no wait. */
  async function bind(system_id: string, password: string) {
    lastAddress++
    const localAddress = `127.3.0.${lastAddress}`
    const client = await PartnerClient.connect(gateway.smppPort, { localAddress })
    clients.push(client)
    client.session.on('unbind', (pdu) => client.session.send(pdu.response()))
    const { command_status: status } = await client.bind(system_id, password)
    return { client, status }
  }

  async function bound(system_id = 'partner1', password = 'pw1'): Promise<PartnerClient> {
    const { client, status } = await bind(system_id, password)
    expect(status).toBe(ESME_ROK)
    return client
  }

  /** Resolves with whether an unbind came before the end of the connection. */
  function ended(client: PartnerClient): Promise<boolean> {
    let isTold = false
    client.session.on('unbind', () => {
      isTold = true
    })
    return new Promise((resolve) => client.session.once('close', () => resolve(isTold)))
  }

  function withKey(key: string): ApiClient {
    return new ApiClient(gateway.url, key)
  }

  async function priceOf(api: ApiClient): Promise<string> {
    const { price } = await api.settled(await api.send({ to: `+${recipient()}`, text: 'Hello' }))
    return price.amount
  }

  describe('tenants', () => {
    test('come with their keys and prices, and go, their messages going on', async () => {
      const fresh = { name: 'fresh', api_keys: ['fresh-key', 'spare-key'], rates: RATES }
      const demo = { name: 'demo', api_keys: ['test-key-1'] }
      const api = withKey('fresh-key')
      expect((await api.get('/v1/messages/x')).status).toBe(401)
      await gateway.configure(fileWith({ tenants: [demo, fresh] }))
      expect(await priceOf(api)).toBe('0.0500')
      expect((await withKey('other-key-1').get('/v1/messages/x')).status).toBe(401)

      const dearer = [{ prefix: '44', price: '0.0600', currency: 'EUR' }]
      const changed = { ...fresh, api_keys: ['spare-key'], rates: dearer }
      await gateway.configure(fileWith({ tenants: [demo, changed] }))
      expect((await api.get('/v1/messages/x')).status).toBe(401)
      const spare = withKey('spare-key')
      expect(await priceOf(spare)).toBe('0.0600')

      peer.deliversReceipts = false
      const id = await spare.send({ to: `+${recipient()}`, text: 'Hello' })
      await spare.until(id, ({ status }) => status === 'sent')
      await gateway.configure(fileWith({ tenants: [demo] }))
      expect((await spare.get(`/v1/messages/${id}`)).status).toBe(401)
      peer.deliversReceipts = true
      peer.deliver()
      await peer.until(() => peer.pendingReceipts === 0)
      await gateway.configure(fileWith({ tenants: [demo, changed] }))
      expect(await spare.settled(id)).toMatchObject({ status: 'delivered' })
    })

    test('keep a deck that was imported for them', async () => {
      const file = { admin_keys: ['admin-1'] }
      await gateway.configure(fileWith(file))
      const response = await fetch(`${gateway.url}/v1/rate-decks/tenant/demo`, {
        method: 'POST',
        headers: { authorization: 'Bearer admin-1', 'content-type': 'text/csv' },
        body: 'prefix,price,currency\n44,0.0900,EUR',
      })
      expect(response.status).toBe(201)
      const demo = { name: 'demo', api_keys: ['test-key-1'], rates: RATES }
      await gateway.configure(fileWith({ ...file, tenants: [demo] }))
      expect(await priceOf(gateway.api)).toBe('0.0900')
    })

    test('keys of the operator come and go', async () => {
      await gateway.configure(fileWith({ admin_keys: ['admin-1'] }))
      expect((await withKey('admin-1').get('/v1/carriers')).status).toBe(200)
      await gateway.configure(fileWith({ admin_keys: ['admin-2'] }))
      expect((await withKey('admin-1').get('/v1/carriers')).status).toBe(401)
      expect((await withKey('admin-2').get('/v1/carriers')).status).toBe(200)
    })

    test('that rules name are those of the same file', async () => {
      const routing = {
        routes: [{ name: 'none', tenants: ['fresh'], deny: ['alpha'] }, { name: 'all' }],
      }
      const fresh = { name: 'fresh', api_keys: ['fresh-key'] }
      const tenants = [{ name: 'demo', api_keys: ['test-key-1'] }, fresh]
      await gateway.configure(fileWith({ tenants, routing }))
      const refused = await withKey('fresh-key').post({ from: 'X', to: '+447700900001', text: 'x' })
      expect(refused.body.code).toBe('no_route')
      expect(await priceOf(gateway.api)).toBe('0.0900')
    })
  })

  describe('partners', () => {
    test('come and go; one that goes is told, and its receipts wait for it', async () => {
      expect((await bind('partner2', 'pw2')).status).toBe(ESME_RINVSYSID)
      const second = { system_id: 'partner2', password: 'pw2', tenant: 'demo' }
      await gateway.configure(fileWith({ partners: [PARTNER, second] }))
      const first = await bound()
      const client = await bound('partner2', 'pw2')
      peer.deliversReceipts = false
      const { message_id } = await client.submit(recipient())
      await vi.waitFor(() => expect(peer.pendingReceipts).toBe(1))
      const end = ended(client)
      await gateway.configure(fileWith({}))
      expect(await end).toBe(true)
      peer.deliversReceipts = true
      peer.deliver()
      await gateway.api.settled(String(message_id))
      expect((await bind('partner2', 'pw2')).status).toBe(ESME_RINVSYSID)
      const { body } = await gateway.api.get('/v1/partners')
      expect(body.data).toMatchObject([{ system_id: 'partner1', sessions: [{}] }])
      await gateway.configure(fileWith({ partners: [PARTNER, second] }))
      const again = await bound('partner2', 'pw2')
      const [receipt] = await again.deliveries(1)
      expect(receipt?.receipted_message_id).toBe(message_id)
      expect((await first.submit(recipient())).command_status).toBe(ESME_ROK)
    })

    test('with another password are unbound; with the hash of the same they stay', async () => {
      const client = await bound()
      const hash = await hashPassword('pw1')
      await gateway.configure(fileWith({ partners: [{ ...PARTNER, password: hash }] }))
      expect((await client.submit(recipient())).command_status).toBe(ESME_ROK)
      await bound()
      const end = ended(client)
      const other = await hashPassword('pw2')
      await gateway.configure(fileWith({ partners: [{ ...PARTNER, password: other }] }))
      expect(await end).toBe(true)
      expect((await bind('partner1', 'pw1')).status).toBe(ESME_RINVPASWD)
      await bound('partner1', 'pw2')
    })

    test('that may not come like this any more are unbound', async () => {
      const client = await bound()
      const end = ended(client)
      await gateway.configure(fileWith({ partners: [{ ...PARTNER, allow_from: ['192.0.2.1'] }] }))
      expect(await end).toBe(true)
    })

    test('go by their new terms over the sessions that they have', async () => {
      const client = await bound()
      const terms = { sender_ids: ['ACME'], segments_per_second: 1, burst: 2, window: 1 }
      await gateway.configure(fileWith({ partners: [{ ...PARTNER, ...terms }] }))
      const statusOf = async (fields: smpp.PduFields = {}) =>
        (await client.submit(recipient(), fields)).command_status
      expect(await statusOf({ source_addr: 'OTHER' })).toBe(ESME_RINVSRCADR)
      client.deliverStatus = 'silence'
      expect(await Promise.all([statusOf(), statusOf(), statusOf()])).toEqual([
        ESME_ROK,
        ESME_ROK,
        ESME_RTHROTTLED,
      ])
      await client.deliveries(1)
      const { body } = await gateway.api.get('/v1/partners')
      expect(body.data[0].sessions).toMatchObject([{ unanswered_by_partner: 1 }])
    })
  })

  test('that cannot pay are answered as their accounts say, by a change for bound sessions too', async () => {
    const billing = { currency: 'EUR', credit_limit: '0.01' }
    const tenants = [{ name: 'demo', api_keys: ['test-key-1'], rates: RATES, billing }]
    await gateway.configure(fileWith({ tenants }))
    const client = await bound()
    const text = { source_addr: 'ACME', source_addr_ton: 5, short_message: 'Hello' }
    const statuses = async () => {
      const data = { source_addr: 'ACME', message_payload: Buffer.from('Hello') }
      const multi = await client.ask('submit_multi', {
        ...text,
        dest_address: [{ dest_addr_ton: 1, dest_addr_npi: 1, destination_addr: recipient() }],
      })
      const refused = multi.unsuccess_sme as unknown as { error_status_code: number }[]
      return [
        (await client.submit(recipient())).command_status,
        (await client.ask('data_sm', { ...data, destination_addr: recipient() })).command_status,
        multi.command_status,
        ...refused.map((one) => one.error_status_code),
      ]
    }
    expect(await statuses()).toEqual([0x45, 0x45, 0x45, 0x45])
    const own = { ...PARTNER, statuses: { balance_insufficient: '0x450' } }
    await gateway.configure(fileWith({ tenants, partners: [own] }))
    expect(await statuses()).toEqual([0x450, 0x450, 0x45, 0x450])
  })

  test('a renewed certificate is shown to new connections, the others stay', async () => {
    const tls = { tls: true, rejectUnauthorized: false }
    const client = await PartnerClient.connect(gateway.smppTlsPort, tls)
    clients.push(client)
    expect((await client.bind('partner1', 'pw1')).command_status).toBe(ESME_ROK)
    expect(await shownCertificate()).toBe(new X509Certificate(TEST_CERTIFICATE).fingerprint256)
    await renew(PARTNER_CERTIFICATE, TEST_KEY)
    await gateway.configure(fileWith({}))
    expect(await shownCertificate()).toBe(new X509Certificate(TEST_CERTIFICATE).fingerprint256)
    await renew(PARTNER_CERTIFICATE, PARTNER_KEY)
    await gateway.configure(fileWith({}))
    expect(await shownCertificate()).toBe(new X509Certificate(PARTNER_CERTIFICATE).fingerprint256)
    expect((await client.submit(recipient())).command_status).toBe(ESME_ROK)
    await renew(TEST_CERTIFICATE, TEST_KEY)
  })

  function shownCertificate(): Promise<string> {
    return new Promise((resolve, reject) => {
      const socket = connectTls({ port: gateway.smppTlsPort, rejectUnauthorized: false }, () => {
        resolve(socket.getPeerCertificate().fingerprint256)
        socket.destroy()
      })
      socket.on('error', reject)
    })
  }
})
