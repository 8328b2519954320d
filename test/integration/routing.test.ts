import { afterAll, beforeAll, describe, expect, test, vi } from 'vitest'
import { ApiClient, type ShownEvent, type ShownMessage } from '../support/api-client.ts'
import { openGateway, type TestGateway, temporaryFolder, yamlFor } from '../support/gateway.ts'
import { SmppPeer } from '../support/smpp-peer.ts'

/** Routes and strategies on real binds: what the router says is what happens. */

const NAMES = ['alpha', 'beta', 'gamma'] as const
type Name = (typeof NAMES)[number]

const PRICES: Readonly<Record<Name, string>> = { alpha: '0.0100', beta: '0.0200', gamma: '0.0300' }
/** Of a hundred messages, so many are delivered. */
const DELIVERED: Readonly<Record<Name, number>> = { alpha: 30, beta: 95, gamma: 97 }

const strategy = (name: string, more: object = {}) => ({ name, ...more })

/** Told apart by the sender id. */
const ROUTES = [
  { name: 'lowest', senders: ['LOW'], strategy: strategy('lowest_cost') },
  { name: 'expected', senders: ['EXP'], strategy: strategy('expected_cost') },
  { name: 'quality', senders: ['BEST'], strategy: strategy('best_quality') },
  {
    name: 'weighted',
    senders: ['WGT'],
    strategy: strategy('weighted', { delivered_value: '0.0500' }),
  },
  {
    name: 'listed',
    senders: ['SEQ'],
    carriers: ['gamma', 'alpha'],
    strategy: strategy('sequential'),
  },
  { name: 'turns', senders: ['RR'], strategy: strategy('round_robin') },
  {
    name: 'shares',
    senders: ['WRR'],
    strategy: strategy('weighted_round_robin', { weights: { alpha: 3, beta: 1, gamma: 0 } }),
  },
  { name: 'lots', senders: ['RND'], strategy: strategy('random') },
  { name: 'sticky', senders: ['STK'], strategy: strategy('lowest_cost', { sticky: 'recipient' }) },
  { name: 'tenant', tenants: ['other'], carriers: ['beta'] },
  { name: 'codes', traffic_classes: ['otp'], carriers: ['gamma'] },
  { name: 'words', content: '\\bsale\\b', deny: ['alpha'], strategy: strategy('lowest_cost') },
  { name: 'mobile', prefixes: ['4477009001'], carriers: ['gamma'] },
] as const

/** One of each strategy's. */
const SENDERS = ROUTES.flatMap((route) => ('senders' in route ? route.senders : []))

interface Shown {
  readonly carrier: string
  readonly cost: string
  readonly segments: number
}

const cleanUps: (() => Promise<unknown>)[] = []
const peers = new Map<Name, SmppPeer>()
let folder: string
let gateway: TestGateway
let operator: ApiClient
let sent = 0

beforeAll(async () => {
  for (const name of NAMES) {
    peers.set(name, await SmppPeer.listen())
    cleanUps.push(() => peerOf(name).close())
  }
  const temporary = await temporaryFolder()
  cleanUps.push(temporary.remove)
  folder = temporary.path
  await open()
  await learn()
}, 120_000)

afterAll(async () => {
  await gateway.close()
  for (const cleanUp of cleanUps.reverse()) await cleanUp()
})

async function open(): Promise<void> {
  const file = JSON.parse(
    yamlFor(
      ...NAMES.map((name) => ({
        name,
        port: peerOf(name).port,
        price: PRICES[name],
        keys: { window: 50 },
      })),
    ),
  )
  const yaml = JSON.stringify({ ...file, admin_keys: ['admin-key-1'], routing: { routes: ROUTES } })
  gateway = await openGateway(yaml, { folder })
  operator = new ApiClient(gateway.url, 'admin-key-1')
  await vi.waitFor(async () => {
    const { body } = await gateway.api.get('/readyz')
    const up = (body.carriers as { is_up: boolean }[]).filter(({ is_up }) => is_up)
    expect(up).toHaveLength(NAMES.length)
  })
}

function peerOf(name: Name): SmppPeer {
  const peer = peers.get(name)
  if (!peer) throw new Error(`there is no carrier ${name}`)
  return peer
}

/** Teaches the gateway how well each carrier delivers: a hundred messages over each, in turns. */
async function learn(): Promise<void> {
  for (const name of NAMES) {
    let count = 0
    peerOf(name).onSubmit = ({ number }) => ({
      id: `${name}-${number}`,
      receipt: ++count % 100 < DELIVERED[name] ? 'DELIVRD' : 'UNDELIV',
    })
  }
  const ids = await Promise.all(Array.from({ length: 300 }, () => send({ from: 'RR' })))
  for (const id of ids) await gateway.api.settled(id)
}

function send(more: Record<string, unknown>, api = gateway.api): Promise<string> {
  const to = `+44770090${String(2_000 + (sent++ % 7_000))}`
  return api.send({ to, from: 'X', text: 'Hello', ...more })
}

function ask(body: Record<string, unknown>, api = operator) {
  return api.call('POST', '/v1/route/test', body)
}

function routedOf({ timeline }: ShownMessage): ShownEvent {
  const routed = timeline.find(({ type }) => type === 'routed')
  if (!routed) throw new Error('it was not routed')
  return routed
}

/** The carriers that so many messages went to. */
async function carriersOf(count: number, more: Record<string, unknown>): Promise<Name[]> {
  const carriers: Name[] = []
  for (let n = 0; n < count; n++) {
    const { carrier } = await gateway.api.message(await send(more))
    carriers.push(carrier as Name)
  }
  return carriers
}

const countOf = (carriers: readonly Name[], name: Name) =>
  carriers.filter((each) => each === name).length

describe('strategies', () => {
  test.each([
    ['lowest_cost', 'LOW', 'alpha'],
    ['expected_cost', 'EXP', 'beta'],
    ['best_quality', 'BEST', 'gamma'],
    ['weighted', 'WGT', 'beta'],
    ['sequential', 'SEQ', 'gamma'],
  ])('%s', async (_name, from, carrier) => {
    expect(await carriersOf(3, { from })).toEqual([carrier, carrier, carrier])
  })

  test('round_robin', async () => {
    const carriers = await carriersOf(9, { from: 'RR' })
    for (const name of NAMES) expect(countOf(carriers, name)).toBe(3)
    expect(new Set(carriers.slice(0, 3)).size).toBe(3)
  })

  test('weighted_round_robin', async () => {
    const carriers = await carriersOf(16, { from: 'WRR' })
    expect(countOf(carriers, 'alpha')).toBeGreaterThanOrEqual(11)
    expect(countOf(carriers, 'beta')).toBeGreaterThanOrEqual(3)
    expect(countOf(carriers, 'gamma')).toBe(0)
  })

  test('random', async () => {
    const carriers = await carriersOf(40, { from: 'RND' })
    expect(new Set(carriers).size).toBe(3)
  })

  test('sticky', async () => {
    const carriers = await carriersOf(5, { from: 'STK', to: '+447700903333' })
    expect(new Set(carriers).size).toBe(1)
  })
})

describe('routes', () => {
  test('by tenant, class, text and prefix; the first that fits counts', async () => {
    const other = new ApiClient(gateway.url, 'other-key-1')
    const carrierOf = async (id: string, api = gateway.api) => (await api.message(id)).carrier
    expect(await carrierOf(await send({}, other), other)).toBe('beta')
    expect(await carrierOf(await send({ traffic_class: 'otp' }))).toBe('gamma')
    expect(await carrierOf(await send({ text: 'Big SALE today' }))).toBe('beta')
    expect(await carrierOf(await send({ to: '+447700900123' }))).toBe('gamma')
    // 'tenant' stands before 'codes'.
    expect(await carrierOf(await send({ traffic_class: 'otp' }, other), other)).toBe('beta')
  })

  test('a carrier of the route that is down is passed over, and used again when it is back', async () => {
    const { port } = peerOf('gamma')
    await peerOf('gamma').close()
    await vi.waitFor(async () => {
      expect(await carriersOf(1, { from: 'SEQ' })).toEqual(['alpha'])
    })
    peers.set('gamma', await SmppPeer.listen(port))
    await vi.waitFor(
      async () => {
        expect(await carriersOf(1, { from: 'SEQ' })).toEqual(['gamma'])
      },
      { timeout: 10_000 },
    )
  })
})

describe('POST /v1/route/test', () => {
  const FIVE = [
    { to: '+447700900123', from: 'LOW' },
    { to: '+447700905555', from: 'BEST' },
    { to: '+447700906666', from: 'RR' },
    { to: '+447700900124', from: 'X', traffic_class: 'otp' },
    { to: '+447700907777', from: 'X', text: 'sale' },
  ]

  test('says for five numbers what then happens to real messages', async () => {
    for (const message of FIVE) {
      const { status, body } = await ask({ tenant: 'demo', text: 'Hello', ...message })
      expect(status, JSON.stringify(body)).toBe(200)
      const stored = await gateway.api.message(await send({ ...message }))
      expect(stored.carrier).toBe(body.candidates[0].carrier)
      const { detail } = routedOf(await operator.message(stored.id))
      expect(detail).toMatchObject({ route: body.route, strategy: body.strategy })
      // What is known of a carrier may have changed by a receipt in between, not who it is and what it costs.
      const known = ({ carrier, cost, segments }: Shown) => ({ carrier, cost, segments })
      expect(detail.candidates.map(known)).toEqual(body.candidates.map(known))
    }
  })

  test('what is stored of it is made again after a restart, with the same result', async () => {
    const since = new Date().toISOString()
    const other = new ApiClient(gateway.url, 'other-key-1')
    const sent = [
      ...(await Promise.all(FIVE.map((message) => send(message)))),
      ...(await Promise.all(SENDERS.map((from) => send({ from })))),
    ]
    for (const id of sent) await gateway.api.settled(id)
    const { port } = peerOf('gamma')
    await peerOf('gamma').close()
    // Decided while one is down, who is there again when it is made once more.
    await vi.waitFor(async () => {
      const id = await send({ from: 'SEQ' })
      sent.push(id)
      expect((await gateway.api.message(id)).carrier).toBe('alpha')
    })
    peers.set('gamma', await SmppPeer.listen(port))
    const others = await send({}, other)
    const before = await Promise.all(sent.map((id) => gateway.api.settled(id)))
    await other.settled(others)
    await gateway.close()
    await open()
    const after = await Promise.all(sent.map((id) => gateway.api.message(id)))
    expect(after).toEqual(before)
    expect((await new ApiClient(gateway.url, 'other-key-1').message(others)).carrier).toBe('beta')

    const ask = { routing: { routes: ROUTES }, since }
    const { status, body } = await operator.call('POST', '/v1/route/rehearsal', ask)
    expect(status, JSON.stringify(body)).toBe(200)
    const decisions = after.flatMap(({ timeline }) =>
      timeline.filter(({ type }) => type === 'routed'),
    )
    expect(body).toMatchObject({
      messages: sent.length + 1,
      decisions: decisions.length + 1,
      same: decisions.length + 1,
      moved: [],
      unroutable: 0,
      skipped: 0,
    })
    expect(body.after).toEqual(body.before)
    // Nothing was sent or decided by it.
    expect(await Promise.all(sent.map((id) => gateway.api.message(id)))).toEqual(after)
  })

  test('takes nobody a turn, and gives the same for the same draw', async () => {
    const told = async (from: string, draw?: number) =>
      (await ask({ tenant: 'demo', to: '+447700905555', from, draw })).body
    expect((await told('RR')).turn).toBe((await told('RR')).turn)
    const drawn = await told('RND', 4_711)
    expect(await told('RND', 4_711)).toEqual(drawn)
  })

  test('says of every other carrier why not', async () => {
    const asked = { tenant: 'other', to: '+447700905555', from: 'X' }
    const { body } = await ask(asked)
    expect(body).toMatchObject({
      country: 'GB',
      region: 'europe',
      route: 'tenant',
      candidates: [{ carrier: 'beta', cost: '0.0200' }],
      refused: [
        { carrier: 'alpha', reason: 'the route does not allow it' },
        { carrier: 'gamma', reason: 'the route does not allow it' },
      ],
    })
    const nobody = await ask({
      ...asked,
      tenant: 'demo',
      to: '+4915112345678',
    })
    expect(nobody.body).toMatchObject({
      candidates: [],
      refused: NAMES.map((carrier) => ({ carrier, reason: 'has no rate for this number' })),
    })
  })

  test('is the operator’s alone, and says what is wrong', async () => {
    const asked = { tenant: 'demo', to: '+447700905555', from: 'X' }
    expect((await ask(asked, gateway.api)).status).toBe(403)
    const unknown = await ask({ ...asked, tenant: 'nobody' })
    expect(unknown).toMatchObject({ status: 422, body: { code: 'tenant_unknown' } })
    const wrong = await ask({ ...asked, to: '12' })
    expect(wrong).toMatchObject({ status: 422, body: { code: 'to_invalid' } })
  })
})

describe('POST /v1/route/rehearsal', () => {
  const rehearse = (routing: object, api = operator) =>
    api.call('POST', '/v1/route/rehearsal', { routing })

  test('by the same routing all comes out the same; by another one the difference is told', async () => {
    for (let n = 0; n < 20; n++) await send({ from: 'LOW' })
    const same = await rehearse({ routes: ROUTES })
    expect(same.status, JSON.stringify(same.body)).toBe(200)
    expect(same.body.messages).toBeGreaterThan(300)
    // Where a turn or a lot decides, it is the same one.
    expect(same.body).toMatchObject({
      same: same.body.decisions,
      moved: [],
      unroutable: 0,
      skipped: 0,
    })
    expect(same.body.after).toEqual(same.body.before)

    const other = ROUTES.map((route) =>
      route.name === 'lowest' ? { ...route, strategy: strategy('best_quality') } : route,
    )
    const { body } = await rehearse({ routes: other })
    const [move, ...others] = body.moved
    expect(others).toEqual([])
    expect(move).toMatchObject({ from: 'alpha', to: 'gamma' })
    expect(move.count).toBeGreaterThanOrEqual(20)
    expect(body.same).toBe(body.decisions - move.count)
    const dearer = Number(body.after.cost) - Number(body.before.cost)
    expect(dearer).toBeCloseTo(move.count * (0.03 - 0.01))
    expect(Number(body.before.margin) - Number(body.after.margin)).toBeCloseTo(dearer)
    expect(body.after.expected_deliveries).toBeGreaterThan(body.before.expected_deliveries)
  })

  test('a routing by which nobody would take some of them says so', async () => {
    const { body } = await rehearse({ routes: [{ name: 'none', deny: [...NAMES] }] })
    expect(body).toMatchObject({ same: 0, unroutable: body.decisions })
  })

  test('a wrong routing is refused with its key, and the operator alone may ask', async () => {
    const wrong = await rehearse({ routes: [{ name: 'x', carriers: ['nobody'] }] })
    expect(wrong).toMatchObject({ status: 422, body: { code: 'routing_invalid' } })
    expect(wrong.body.detail).toContain('routes[0].carriers: there is no carrier "nobody"')
    const key = await rehearse({ routs: [] })
    expect(key).toMatchObject({ status: 422, body: { code: 'routing_invalid' } })
    expect((await rehearse({ routes: [] }, gateway.api)).status).toBe(403)
  })
})
