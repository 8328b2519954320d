import smpp from 'smpp'
import { afterAll, afterEach, beforeAll, describe, expect, inject, test } from 'vitest'
import { ApiClient } from '../support/api-client.ts'
import { createTestDatabase } from '../support/database.ts'
import { openGateway, type TestGateway, temporaryFolder, yamlFor } from '../support/gateway.ts'
import { PartnerClient } from '../support/partner-client.ts'
import { SmppPeer } from '../support/smpp-peer.ts'

/** Tenants that are suspended and closed, and those that are made over the API, while the gateway runs. */

const databases = [
  { name: 'PGlite', postgresUrl: null },
  ...(inject('postgresUrl') === null
    ? []
    : [{ name: 'PostgreSQL', postgresUrl: inject('postgresUrl') }]),
]

const { ESME_ROK, ESME_RSUBMITFAIL, ESME_RINVSYSID } = smpp.errors
const NUMBER = '447700900123'
const SHOP_PARTNER = { system_id: 'shop', password: 'pw2', tenant: 'shop' }

describe.each(databases)('on $name', ({ postgresUrl }) => {
  const cleanUps: (() => Promise<unknown>)[] = []
  const clients: PartnerClient[] = []
  let place: { folder: string; databaseUrl: string | null }
  let peer: SmppPeer
  let gateway: TestGateway
  let operator: ApiClient

  beforeAll(async () => {
    peer = await SmppPeer.listen()
    cleanUps.push(() => peer.close())
    const temporary = await temporaryFolder()
    cleanUps.push(temporary.remove)
    const database = postgresUrl === null ? undefined : await createTestDatabase(postgresUrl)
    if (database) cleanUps.push(database.drop)
    place = { folder: temporary.path, databaseUrl: database?.url ?? null }
    await start(fileWith({}))
    cleanUps.push(() => gateway.close())
  })

  afterEach(async () => {
    for (const client of clients.splice(0)) await client.close()
  })

  afterAll(async () => {
    for (const cleanUp of cleanUps.reverse()) await cleanUp()
  })

  async function start(yaml: string): Promise<void> {
    gateway = await openGateway(yaml, place)
    operator = new ApiClient(gateway.url, 'admin-key')
  }

  /** The file with a tenant `seller`, below which the tenant of `partner1` is. */
  function fileWith({ seller = 'active', partners = [] as object[] }): string {
    const file = JSON.parse(yamlFor({ name: 'alpha', port: peer.port }))
    const [demo, ...others] = file.tenants
    return JSON.stringify({
      ...file,
      admin_keys: ['admin-key'],
      tenants: [
        { name: 'seller', status: seller, billing: { currency: 'EUR' } },
        { ...demo, parent: 'seller' },
        ...others,
      ],
      partners: [...file.partners, ...partners],
      rates: [{ tenant: 'seller', prefix: '44', price: '0.0440', currency: 'EUR' }],
    })
  }

  async function bind(system_id: string, password: string) {
    const client = await PartnerClient.connect(gateway.smppPort)
    clients.push(client)
    client.session.on('unbind', (pdu) => client.session.send(pdu.response()))
    const { command_status: status } = await client.bind(system_id, password)
    return { client, status }
  }

  test('what is below a suspended tenant gets its receipts, and nothing of it is accepted', async () => {
    const { client } = await bind('partner1', 'pw1')
    peer.deliversReceipts = false
    const { message_id: id } = await client.submit(NUMBER)
    await gateway.configure(fileWith({ seller: 'suspended' }))
    expect((await client.submit(NUMBER)).command_status).toBe(ESME_RSUBMITFAIL)
    const refused = await gateway.api.post({ to: `+${NUMBER}`, from: 'ACME', text: 'x' })
    expect([refused.status, refused.body.code]).toEqual([403, 'tenant_suspended'])
    expect((await bind('partner1', 'pw1')).status).toBe(ESME_ROK)

    await peer.until(() => peer.submits.length === 1)
    peer.deliversReceipts = true
    peer.deliver()
    const [receipt] = await client.deliveries(1)
    expect(receipt?.receipted_message_id).toBe(id)

    await gateway.configure(fileWith({}))
    expect((await client.submit(NUMBER)).command_status).toBe(ESME_ROK)
  })

  test('what is below a tenant pays by its rates, unless it has some of its own', async () => {
    const { body } = await gateway.api.post({
      to: `+${NUMBER}`,
      from: 'ACME',
      text: 'x',
      dry_run: true,
    })
    expect(body.price).toEqual({ amount: '0.0440', currency: 'EUR' })
  })

  test('what is below a closed tenant is unbound, and does not bind', async () => {
    const { client } = await bind('partner1', 'pw1')
    const closed = new Promise((resolve) => client.session.once('close', resolve))
    await gateway.configure(fileWith({ seller: 'closed' }))
    await closed
    expect((await bind('partner1', 'pw1')).status).toBe(ESME_RINVSYSID)
    expect((await gateway.api.get('/v1/messages')).status).toBe(401)
    await gateway.configure(fileWith({}))
    expect((await gateway.api.get('/v1/messages')).status).toBe(200)
  })

  test('a tenant of the API may be named by the file, and is there after a start', async () => {
    const made = await operator.call('POST', '/v1/tenants', {
      name: 'shop',
      billing: { currency: 'EUR', credit_limit: '0.05' },
    })
    expect(made.status).toBe(201)
    const file = fileWith({ partners: [SHOP_PARTNER] })
    await gateway.configure(file)
    const { client, status } = await bind('shop', 'pw2')
    expect(status).toBe(ESME_ROK)
    // Its credit pays for one message.
    expect((await client.submit(NUMBER)).command_status).toBe(ESME_ROK)
    expect((await client.submit(NUMBER)).command_status).toBe(ESME_RSUBMITFAIL)
    const { body: config } = await operator.get('/v1/config')
    expect(config).toMatchObject({ waits_for_start: [] })
    expect(JSON.stringify(config.document.tenants)).not.toContain('shop')

    await client.close()
    await gateway.close()
    await start(file)
    expect((await operator.get('/v1/tenants/shop')).body).toEqual(made.body)
    expect((await bind('shop', 'pw2')).status).toBe(ESME_ROK)
    const changed = await operator.call('PATCH', '/v1/tenants/shop', { status: 'closed' })
    expect(changed.body.status).toBe('closed')
    expect((await bind('shop', 'pw2')).status).toBe(ESME_RINVSYSID)
  })
})
