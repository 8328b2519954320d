import { afterEach, describe, expect, inject, test, vi } from 'vitest'
import { ApiClient, type ShownMessage } from '../support/api-client.ts'
import { createTestDatabase } from '../support/database.ts'
import { openGateway, temporaryFolder, yamlFor } from '../support/gateway.ts'
import { PartnerClient } from '../support/partner-client.ts'
import { SmppPeer } from '../support/smpp-peer.ts'

/** What senders say of their messages beside text and addresses, and where it sends them. */

const RINVDSTADR = 0x0b
const TO = '+447700900123'

const databases = [
  { name: 'PGlite', postgresUrl: null },
  ...(inject('postgresUrl') === null
    ? []
    : [{ name: 'PostgreSQL', postgresUrl: inject('postgresUrl') }]),
]

const cleanUps: (() => Promise<unknown>)[] = []

afterEach(async () => {
  for (const cleanUp of cleanUps.splice(0).reverse()) await cleanUp()
})

const ROUTES = [
  { name: 'marked', tags: ['vip', 'urgent'], carriers: ['dear'] },
  { name: 'bulk-codes', tags: ['bulk'], traffic_classes: ['otp'], carriers: ['middle'] },
]

/** Three carriers, the cheapest without a way back for replies. */
async function start(postgresUrl: string | null) {
  const database = postgresUrl === null ? undefined : await createTestDatabase(postgresUrl)
  if (database) cleanUps.push(() => database.drop())
  const folder = await temporaryFolder()
  cleanUps.push(folder.remove)
  const peers = { cheap: await peer(), middle: await peer(), dear: await peer() }
  const file = JSON.parse(
    yamlFor(
      { name: 'cheap', port: peers.cheap.port, price: '0.0100' },
      { name: 'middle', port: peers.middle.port, price: '0.0200' },
      { name: 'dear', port: peers.dear.port, price: '0.0300' },
    ),
  )
  file.carriers[0].cannot = ['inbound']
  file.carriers[2].cannot = ['inbound']
  const [partner] = file.partners
  const settings = {
    ...file,
    admin_keys: ['operator-key-1'],
    routing: { routes: ROUTES },
    partners: [
      { ...partner, tags: ['vip'], duplicate_window_seconds: 60, duplicate_key: 'content' },
      { ...partner, system_id: 'answered', expects_reply: true },
    ],
  }
  const gateway = await openGateway(JSON.stringify(settings), {
    folder: folder.path,
    databaseUrl: database?.url ?? null,
  })
  cleanUps.push(gateway.close)
  for (const each of Object.values(peers)) await each.until(() => each.binds.length > 0)
  const operator = new ApiClient(gateway.url, 'operator-key-1')
  await vi.waitFor(async () => {
    const { body } = await operator.get('/v1/carriers')
    expect((body.carriers as { is_up: boolean }[]).every(({ is_up }) => is_up)).toBe(true)
  })
  return { ...gateway, operator, peers }
}

async function peer(): Promise<SmppPeer> {
  const made = await SmppPeer.listen()
  cleanUps.push(() => made.close())
  return made
}

const routeOf = ({ timeline, carrier }: ShownMessage) => [
  timeline.find(({ type }) => type === 'routed')?.detail.route,
  carrier,
]

describe.each(databases)('on $name', ({ postgresUrl }) => {
  test('messages go by their tags, whichever door they come through', async () => {
    const { api, operator, smppPort } = await start(postgresUrl)
    const routed = async (more: object) =>
      routeOf(await api.settled(await api.send({ to: TO, text: 'x', ...more })))
    expect(await routed({})).toEqual([null, 'cheap'])
    expect(await routed({ tags: ['other', 'urgent'] })).toEqual(['marked', 'dear'])
    expect(await routed({ tags: ['bulk'] })).toEqual([null, 'cheap'])
    expect(await routed({ tags: ['bulk'], traffic_class: 'otp' })).toEqual(['bulk-codes', 'middle'])

    // A partner's submits have the tags of its account; one that comes again is the first.
    const client = await PartnerClient.bound(smppPort)
    cleanUps.push(() => client.close())
    const first = await client.submit('447700900124')
    const again = await client.submit('447700900124')
    expect(again.message_id).toBe(first.message_id)
    const submitted = await api.settled(String(first.message_id))
    expect(submitted.tags).toEqual(['vip'])
    expect(routeOf(submitted)).toEqual(['marked', 'dear'])

    const tagged = await api.list('&tag=vip')
    expect(tagged.map(({ id }) => id)).toEqual([submitted.id])

    const asked = { tenant: 'demo', to: TO, from: 'X', tags: ['urgent'] }
    const told = await operator.call('POST', '/v1/route/test', asked)
    expect(told.body).toMatchObject({ route: 'marked', candidates: [{ carrier: 'dear' }] })
    const rehearse = async (routes: object[]) =>
      (await operator.call('POST', '/v1/route/rehearsal', { routing: { routes } })).body
    const same = await rehearse(ROUTES)
    expect(same).toMatchObject({ messages: 5, decisions: 5, same: 5, skipped: 0 })
    const other = await rehearse([{ name: 'marked', tags: ['vip'], carriers: ['middle'] }])
    expect(other.moved).toEqual(
      expect.arrayContaining([
        { from: 'dear', to: 'middle', count: 1 },
        { from: 'dear', to: 'cheap', count: 1 },
      ]),
    )
  }, 120_000)

  test('where a reply is expected only carriers that bring one are asked, at first and later', async () => {
    const { api, operator, smppPort, peers } = await start(postgresUrl)
    const id = await api.send({ to: TO, text: 'Yes or no?', expects_reply: true })
    const sent = await api.settled(id)
    expect([sent.carrier, sent.expects_reply]).toEqual(['middle', true])
    const asked = { tenant: 'demo', to: TO, from: 'X', expects_reply: true }
    const told = await operator.call('POST', '/v1/route/test', asked)
    expect(told.body.refused).toContainEqual({
      carrier: 'cheap',
      reason: 'cannot carry such a message: alphabet, kind, length, receipts or replies',
    })

    const client = await PartnerClient.connect(smppPort)
    cleanUps.push(() => client.close())
    expect((await client.bind('answered', 'pw1')).command_status).toBe(0)
    const { message_id: partnerId } = await client.submit('447700900125')
    expect(await api.settled(String(partnerId))).toMatchObject({
      carrier: 'middle',
      expects_reply: true,
    })

    // The only one that would bring a reply refuses it: it goes nowhere else.
    peers.middle.onSubmit = () => ({ status: RINVDSTADR })
    const lost = await api.settled(
      await api.send({ to: TO, text: 'And now?', expects_reply: true }),
    )
    expect(lost).toMatchObject({ status: 'failed', carrier: 'middle', attempts: 1 })
    expect(peers.cheap.submits).toHaveLength(0)
  }, 120_000)
})
