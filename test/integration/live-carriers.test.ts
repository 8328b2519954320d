import { afterAll, beforeAll, beforeEach, describe, expect, inject, test, vi } from 'vitest'
import { keepingLogger } from '../messages/keeping-logger.ts'
import { PARTNER_KEY, TEST_CERTIFICATE } from '../smpp/tls-certificate.ts'
import { ApiClient, type ShownMessage } from '../support/api-client.ts'
import { createTestDatabase } from '../support/database.ts'
import {
  type CarrierKeys,
  openGateway,
  type TestGateway,
  temporaryFolder,
  yamlFor,
} from '../support/gateway.ts'
import { SmppPeer } from '../support/smpp-peer.ts'

/** Carriers that come, change and go while the gateway runs. */

const databases = [
  { name: 'PGlite', postgresUrl: null },
  ...(inject('postgresUrl') === null
    ? []
    : [{ name: 'PostgreSQL', postgresUrl: inject('postgresUrl') }]),
]

const RALYBND = 0x05
const FRANCE = '+33612345678'

/** Receipts may come when their carrier is unbound already. */
function isSent({ status }: ShownMessage): boolean {
  return status === 'sent' || status === 'delivered'
}

describe.each(databases)('carriers on $name', ({ postgresUrl }) => {
  const logger = keepingLogger()
  const cleanUps: (() => Promise<unknown>)[] = []
  let gateway: TestGateway
  let operator: ApiClient
  let alpha: SmppPeer
  let beta: SmppPeer
  let gamma: SmppPeer
  let lastNumber = 0

  beforeAll(async () => {
    ;[alpha, beta, gamma] = await Promise.all([peer(), peer(), peer()])
    const database = postgresUrl === null ? undefined : await createTestDatabase(postgresUrl)
    if (database) cleanUps.push(() => database.drop())
    const folder = await temporaryFolder()
    cleanUps.push(folder.remove)
    const place = { folder: folder.path, databaseUrl: database?.url ?? null, logger }
    gateway = await openGateway(fileWith(ALPHA(), BETA()), place)
    cleanUps.push(gateway.close)
    operator = new ApiClient(gateway.url, 'admin-key-1')
  })

  afterAll(async () => {
    for (const cleanUp of cleanUps.reverse()) await cleanUp()
  })

  beforeEach(async () => {
    await gateway.configure(fileWith(ALPHA(), BETA()))
    await untilUp('alpha', 'beta')
    for (const each of [alpha, beta, gamma]) {
      each.submits.length = 0
      each.binds.length = 0
      each.deliversReceipts = true
      each.onSubmit = ({ number }) => ({ id: `${each.port}-${number}-${Math.random()}` })
      each.onBind = () => 0
    }
  })

  async function peer(port = 0): Promise<SmppPeer> {
    const listening = await SmppPeer.listen(port)
    cleanUps.push(() => listening.close())
    return listening
  }

  const ALPHA = (keys: CarrierKeys['keys'] = {}, more: Partial<CarrierKeys> = {}): CarrierKeys => {
    return { name: 'alpha', port: alpha.port, price: '0.0100', keys, ...more }
  }
  const BETA = (): CarrierKeys => ({ name: 'beta', port: beta.port, price: '0.0200' })
  const GAMMA = (prefix = '33'): CarrierKeys => {
    return { name: 'gamma', port: gamma.port, price: '0.0050', prefix }
  }

  function fileWith(...carriers: CarrierKeys[]): string {
    const file = JSON.parse(yamlFor(...carriers))
    return JSON.stringify({ ...file, admin_keys: ['admin-key-1'] })
  }

  interface Report {
    readonly name: string
    readonly is_up: boolean
    readonly waiting: number
    readonly binds: { state: string; host: string; last_error: string | null }[]
  }

  async function reports(): Promise<Report[]> {
    return (await gateway.api.get('/readyz')).body.carriers
  }

  async function untilUp(...names: string[]): Promise<void> {
    await vi.waitFor(
      async () => {
        const up = (await reports()).filter(
          ({ is_up, binds }) => is_up && binds.every(({ state }) => state === 'bound'),
        )
        expect(up.map(({ name }) => name)).toEqual(names)
      },
      { timeout: 15_000, interval: 20 },
    )
  }

  function numbers(count: number): string[] {
    return Array.from({ length: count }, () => `+4477009${String(++lastNumber).padStart(5, '0')}`)
  }

  function submitsTo(to: string): number {
    return [alpha, beta, gamma].reduce(
      (sum, { submits }) => sum + submits.filter((each) => `+${each.to}` === to).length,
      0,
    )
  }

  test('one that comes takes messages, and is shown wherever carriers are', async () => {
    const { status, body } = await gateway.api.post({ from: 'X', to: FRANCE, text: 'Salut' })
    expect([status, body.code]).toEqual([422, 'no_route'])
    await gateway.configure(fileWith(ALPHA(), GAMMA(), BETA()))
    await untilUp('alpha', 'gamma', 'beta')
    const id = await gateway.api.send({ to: FRANCE, text: 'Salut' })
    expect(await gateway.api.settled(id)).toMatchObject({ status: 'delivered', carrier: 'gamma' })
    const { body: shown } = await operator.get('/v1/carriers/gamma')
    // What is known counts for less as it grows older.
    const messages = expect.closeTo(1, 1)
    expect(shown).toMatchObject({ health: { takes: 'everything' }, quality: { messages } })
    const { body: decks } = await operator.get('/v1/rate-decks')
    expect(JSON.stringify(decks)).toContain('"gamma"')
    const { body: binds } = await operator.get('/v1/binds')
    expect(JSON.stringify(binds)).toContain('"gamma"')
    expect((await gateway.api.get('/metrics')).body).toContain('carrier="gamma"')
  })

  test('one that goes is unbound; the operator’s word is there when it comes back', async () => {
    await operator.call('POST', '/v1/carriers/alpha/drain', { reason: 'a test' })
    await gateway.configure(fileWith(BETA()))
    await alpha.until(() => alpha.sessionCount === 0)
    expect((await reports()).map(({ name }) => name)).toEqual(['beta'])
    expect((await operator.get('/v1/carriers/alpha')).status).toBe(404)
    const [to = ''] = numbers(1)
    const id = await gateway.api.send({ to, text: 'Hello' })
    expect(await gateway.api.settled(id)).toMatchObject({ carrier: 'beta' })
    await gateway.configure(fileWith(ALPHA(), BETA()))
    await untilUp('alpha', 'beta')
    const { body } = await operator.get('/v1/carriers/alpha')
    expect(body.health).toMatchObject({ mode: 'drained', takes: 'nothing' })
    await operator.call('POST', '/v1/carriers/alpha/enable', { reason: 'a test' })
  })

  test('one that goes: what waits goes elsewhere, what it has is answered, none twice', async () => {
    await gateway.configure(fileWith(ALPHA({ window: 5 }), BETA()))
    await untilUp('alpha', 'beta')
    let answer = () => {}
    const answered = new Promise<void>((resolve) => {
      answer = resolve
    })
    alpha.onSubmit = async ({ number }) => {
      await answered
      return { id: `held-${number}` }
    }
    const to = numbers(200)
    const ids = await gateway.api.sendMany(to, 'Hello')
    await vi.waitFor(() => expect(alpha.submits).toHaveLength(5))
    await gateway.configure(fileWith(BETA()))
    await vi.waitFor(() => expect(beta.submits.length).toBeGreaterThan(180), { timeout: 8_000 })
    expect(alpha.sessionCount).toBe(1)
    answer()
    await alpha.until(() => alpha.sessionCount === 0)
    for (const id of ids) await gateway.api.until(id, isSent)
    expect(to.filter((each) => submitsTo(each) !== 1)).toEqual([])
    expect(alpha.submits.length).toBeGreaterThanOrEqual(5)
  })

  test('receipts that come when it is back find their messages', async () => {
    alpha.deliversReceipts = false
    const [to = ''] = numbers(1)
    const id = await gateway.api.send({ to, text: 'Hello' })
    await gateway.api.until(id, ({ status }) => status === 'sent')
    await gateway.configure(fileWith(BETA()))
    await alpha.until(() => alpha.sessionCount === 0)
    alpha.deliversReceipts = true
    await gateway.configure(fileWith(ALPHA(), BETA()))
    expect(await gateway.api.settled(id)).toMatchObject({ status: 'delivered', carrier: 'alpha' })
  })

  test('the last one goes: messages wait, and leave when there is one again', async () => {
    alpha.onSubmit = () => 'silence'
    await gateway.configure(fileWith(ALPHA({ window: 1, response_timeout_seconds: 1 })))
    await untilUp('alpha')
    const to = numbers(4)
    const ids = await gateway.api.sendMany(to, 'Hello')
    await gateway.configure(fileWith(GAMMA()))
    const waiting = await gateway.api.until(ids[3] ?? '', ({ error }) => error !== null)
    expect(waiting).toMatchObject({ status: 'queued', error: { code: 'no_carrier_left' } })
    const refused = await gateway.api.post({ from: 'X', to: '+447700900999', text: 'Hello' })
    expect(refused.body.code).toBe('no_route')
  })

  test('one in the place of another: what waits is kept for it while it connects', async () => {
    await gateway.configure(fileWith(ALPHA({ segments_per_second: 1 })))
    await untilUp('alpha')
    const ids = await gateway.api.sendMany(numbers(30), 'Hello')
    await gateway.configure(fileWith(GAMMA('44')))
    for (const id of ids) await gateway.api.until(id, isSent)
    expect(gamma.submits.length).toBeGreaterThan(20)
  })

  test('what is about messages changes without a new bind', async () => {
    const [to = ''] = numbers(1)
    const send = async () => {
      const id = await gateway.api.send({ to, text: '“Hello”' })
      return gateway.api.settled(id)
    }
    expect(await send()).toMatchObject({ encoding: 'ucs2', price: { amount: '0.0100' } })
    const keys = { transliterate: true, segments_per_second: 50, registered_delivery: 17 }
    await gateway.configure(fileWith(ALPHA(keys, { price: '0.0150' }), BETA()))
    expect(await send()).toMatchObject({ encoding: 'gsm7', price: { amount: '0.0150' } })
    expect(alpha.submits.at(-1)?.pdu.registered_delivery).toBe(17)
    expect(alpha.binds).toHaveLength(0)
    const [shown] = (await gateway.api.get('/readyz')).body.carriers
    expect(shown.segments_per_second).toBe(50)
  })

  test('other binds at the same account: never one more than there were', async () => {
    alpha.onBind = () => (alpha.sessionCount > 1 ? RALYBND : 0)
    await gateway.configure(fileWith(ALPHA({ window: 7, system_type: 'new' }), BETA()))
    await vi.waitFor(() => expect(alpha.binds).toHaveLength(1), { timeout: 5_000 })
    await untilUp('alpha', 'beta')
    expect(alpha.binds[0]?.system_type).toBe('new')
    const { body } = await operator.get('/v1/carriers/alpha')
    expect(body.health).toMatchObject({ breaker: 'closed', takes: 'everything' })
    alpha.onBind = () => 0
    await gateway.configure(fileWith(ALPHA({ window: 7, system_type: 'new', sessions: 3 }), BETA()))
    await untilUp('alpha', 'beta')
    // The one that there was stays.
    expect([alpha.binds.length, alpha.sessionCount]).toEqual([3, 3])
    await gateway.configure(fileWith(ALPHA({ window: 7, system_type: 'new', sessions: 2 }), BETA()))
    await alpha.until(() => alpha.sessionCount === 2)
    await untilUp('alpha', 'beta')
    expect(alpha.binds).toHaveLength(3)
  })

  test('another host: the old bind serves until the new one stands', async () => {
    const reserved = await SmppPeer.listen()
    const { port } = reserved
    await reserved.close()
    await gateway.configure(fileWith(ALPHA({}, { port }), BETA()))
    await vi.waitFor(
      async () => {
        const [shown] = await reports()
        expect(shown?.binds.map(({ state }) => state)).toContain('waiting')
      },
      { timeout: 5_000 },
    )
    const send = async () => {
      const [to = ''] = numbers(1)
      return gateway.api.settled(await gateway.api.send({ to, text: 'Hello' }))
    }
    expect(await send()).toMatchObject({ status: 'delivered', carrier: 'alpha' })
    expect(alpha.submits).toHaveLength(1)
    const moved = await peer(port)
    await alpha.until(() => alpha.sessionCount === 0)
    await untilUp('alpha', 'beta')
    expect(await send()).toMatchObject({ status: 'delivered', carrier: 'alpha' })
    expect([alpha.submits.length, moved.submits.length]).toEqual([1, 1])
  })

  test('settings that are taken back before the new bind stands', async () => {
    const reserved = await SmppPeer.listen()
    const { port } = reserved
    await reserved.close()
    await gateway.configure(fileWith(ALPHA({}, { port }), BETA()))
    await vi.waitFor(async () => expect((await reports())[0]?.binds).toHaveLength(2))
    await gateway.configure(fileWith(ALPHA(), BETA()))
    await untilUp('alpha', 'beta')
    expect(alpha.binds).toHaveLength(0)
    await gateway.configure(fileWith(ALPHA({ sessions: 2 }), BETA()))
    await untilUp('alpha', 'beta')
    await gateway.configure(fileWith(ALPHA({ sessions: 2 }, { port }), BETA()))
    const moved = await peer(port)
    await moved.until(() => moved.binds.length === 2)
    await gateway.configure(fileWith(ALPHA({ sessions: 1 }), BETA()))
    await moved.until(() => moved.sessionCount === 0)
    await untilUp('alpha', 'beta')
    expect(alpha.sessionCount).toBe(1)
  })

  test('a certificate that cannot be used changes nothing', async () => {
    const tls = { cert: TEST_CERTIFICATE, key: PARTNER_KEY }
    const file = JSON.parse(fileWith(ALPHA(), BETA()))
    file.carriers[1].tls = tls
    file.tenants.push({ name: 'new', api_keys: ['new-key'] })
    await gateway.configure(JSON.stringify(file))
    expect(JSON.stringify(logger.lines)).toContain('of the carrier beta cannot be used')
    expect((await new ApiClient(gateway.url, 'new-key').get('/v1/messages/x')).status).toBe(401)
  })

  test('come, change and go in the midst of thousands of messages: all end, none twice', async () => {
    const to = numbers(2_500)
    const ids: string[] = []
    const traffic = (async () => {
      for (let at = 0; at < to.length; at += 100) {
        ids.push(...(await gateway.api.sendMany(to.slice(at, at + 100), 'Hello')))
      }
    })()
    const sent = (count: number) =>
      vi.waitFor(() => expect(ids.length).toBeGreaterThan(count), {
        timeout: 60_000,
        interval: 5,
      })
    await sent(300)
    await gateway.configure(fileWith(ALPHA(), BETA(), GAMMA('44')))
    await sent(700)
    await gateway.configure(fileWith(ALPHA({ window: 30, sessions: 2 }), BETA(), GAMMA('44')))
    await sent(1_100)
    await gateway.configure(fileWith(ALPHA({ window: 5, sessions: 2 }), BETA(), GAMMA('44')))
    await sent(1_500)
    await gateway.configure(fileWith(ALPHA({ window: 5, sessions: 2 }), BETA()))
    await sent(1_900)
    await gateway.configure(fileWith(BETA(), GAMMA('44')))
    await sent(2_300)
    await gateway.configure(fileWith(GAMMA('44'), ALPHA({ system_type: 'x' }), BETA()))
    await traffic
    const sentNow = new Set(ids)
    await vi.waitFor(
      async () => {
        const delivered = await gateway.api.list('&status=delivered')
        expect(delivered.filter(({ id }) => sentNow.has(id))).toHaveLength(to.length)
      },
      { timeout: 60_000, interval: 500 },
    )
    expect(to.filter((each) => submitsTo(each) !== 1)).toEqual([])
    const all = [alpha, beta, gamma].map(({ submits }) => submits.length)
    expect(Math.min(...all)).toBeGreaterThan(0)
  }, 120_000)
})
