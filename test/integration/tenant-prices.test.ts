import { afterAll, beforeAll, describe, expect, inject, test } from 'vitest'
import { ApiClient } from '../support/api-client.ts'
import { createTestDatabase } from '../support/database.ts'
import { openGateway, type TestGateway, temporaryFolder, yamlFor } from '../support/gateway.ts'
import { PartnerClient } from '../support/partner-client.ts'
import { SmppPeer } from '../support/smpp-peer.ts'

/** What tenants pay, in a whole gateway: from the file, from an imported deck, after a restart. */

const databases = [
  { name: 'PGlite', postgresUrl: null },
  ...(inject('postgresUrl') === null
    ? []
    : [{ name: 'PostgreSQL', postgresUrl: inject('postgresUrl') }]),
]

describe.each(databases)('on $name', ({ postgresUrl }) => {
  const cleanUps: (() => Promise<unknown>)[] = []
  let gateway: TestGateway
  let start: () => Promise<TestGateway>

  beforeAll(async () => {
    const peer = await SmppPeer.listen()
    cleanUps.push(() => peer.close())
    const folder = await temporaryFolder()
    cleanUps.push(folder.remove)
    const database = postgresUrl === null ? undefined : await createTestDatabase(postgresUrl)
    if (database) cleanUps.push(database.drop)
    // The carrier charges 0.0350 for +44.
    const file = JSON.parse(yamlFor({ name: 'alpha', port: peer.port }))
    const [demo, other] = file.tenants
    const tenants = [
      { ...demo, rates: [{ prefix: '44', price: '0.0500', currency: 'EUR' }] },
      { ...other, loss_making: 'refuse' },
    ]
    const yaml = JSON.stringify({ ...file, tenants, admin_keys: ['admin-key-1'] })
    start = () => openGateway(yaml, { folder: folder.path, databaseUrl: database?.url ?? null })
    gateway = await start()
  })

  afterAll(async () => {
    await gateway.close()
    for (const cleanUp of cleanUps.reverse()) await cleanUp()
  })

  async function imported(owner: string, ...rows: readonly string[]): Promise<number> {
    const response = await fetch(`${gateway.url}/v1/rate-decks/${owner}`, {
      method: 'POST',
      headers: { authorization: 'Bearer admin-key-1', 'content-type': 'text/csv' },
      body: ['prefix,price,currency', ...rows].join('\n'),
    })
    return response.status
  }

  async function priceOf(to = '+447700900123'): Promise<string> {
    const { price } = await gateway.api.settled(await gateway.api.send({ to, text: 'Hello' }))
    return `${price.amount} ${price.currency}`
  }

  test('the deck that counts says the price, over REST and SMPP and over a restart', async () => {
    expect(await priceOf()).toBe('0.0500 EUR')
    expect(await imported('tenant/demo', '44,0.0600,USD', '4477,0.0700,USD')).toBe(201)
    expect(await priceOf()).toBe('0.0700 USD')
    expect(await imported('tenant/demo', '44,-1,USD')).toBe(422)
    await gateway.close()
    gateway = await start()
    expect(await priceOf()).toBe('0.0700 USD')
    const client = await PartnerClient.bound(gateway.smppPort)
    const { message_id: id } = await client.submit('442079460000')
    await client.close()
    const { price, timeline } = await gateway.api.settled(String(id))
    expect(price).toEqual({ amount: '0.0600', currency: 'USD' })
    const routedOf = (lines: typeof timeline) => lines.find(({ type }) => type === 'routed')?.detail
    expect(routedOf(timeline)).toEqual({
      route: null,
      reasons: ['the only carrier that may have it'],
    })
    const seen = await new ApiClient(gateway.url, 'admin-key-1').message(String(id))
    expect(seen).toMatchObject({ tenant: 'demo', cost: { amount: '0.0350', currency: 'EUR' } })
    expect(routedOf(seen.timeline)).toMatchObject({
      candidates: [{ carrier: 'alpha', cost: '0.0350' }],
      money: { margin: null, margin_unknown: expect.stringContaining('from EUR to USD') },
    })
  })

  test('a tenant that must not be served at a loss is refused, and served when it pays more', async () => {
    const other = (to: string) =>
      fetch(`${gateway.url}/v1/messages`, {
        method: 'POST',
        headers: { authorization: 'Bearer other-key-1', 'content-type': 'application/json' },
        body: JSON.stringify({ to, from: 'Linehaul', text: 'Hello' }),
      })
    expect((await other('+447700900123')).status).toBe(202)
    expect(await imported('tenant/other', '44,0.0349,EUR')).toBe(201)
    const refused = await other('+447700900123')
    expect([refused.status, await refused.json()]).toMatchObject([422, { code: 'no_route' }])
    expect(await imported('tenant/other', '44,0.0351,EUR')).toBe(201)
    expect((await other('+447700900123')).status).toBe(202)
  })
})
