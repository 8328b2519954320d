import { afterEach, describe, expect, inject, test, vi } from 'vitest'
import { SandboxSmsc } from '../../src/sandbox/smsc.ts'
import { ApiClient, type ShownMessage } from '../support/api-client.ts'
import { createTestDatabase } from '../support/database.ts'
import { openGateway, temporaryFolder, yamlFor } from '../support/gateway.ts'

/** A simulated carrier whose receipts say DELIVRD while nothing reaches a handset. */

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

async function smsc(name: string, isFaking: boolean): Promise<{ port: number }> {
  const made = new SandboxSmsc({
    name,
    systemId: 'linehaul',
    password: 'secret',
    receiptDelayMs: [5, 10],
    faults: isFaking ? [{ fault: 'fake_delivered' }] : [],
  })
  cleanUps.push(() => made.close())
  return made.start()
}

async function prepare(postgresUrl: string | null) {
  const database = postgresUrl === null ? undefined : await createTestDatabase(postgresUrl)
  if (database) cleanUps.push(() => database.drop())
  const folder = await temporaryFolder()
  cleanUps.push(folder.remove)
  const [faker, honest] = [await smsc('faker', true), await smsc('honest', false)]
  const file = JSON.parse(
    yamlFor(
      { name: 'faker', port: faker.port, price: '0.0100' },
      { name: 'honest', port: honest.port, price: '0.0300' },
    ),
  )
  return async (conversion: object = {}) => {
    const settings = {
      ...file,
      admin_keys: ['operator-key-1'],
      routing: { routes: [{ name: 'turns', strategy: { name: 'round_robin' } }] },
      guards: {
        conversion: { action: 'flag', least_messages: 5, feedback_seconds: 4, ...conversion },
      },
    }
    const gateway = await openGateway(JSON.stringify(settings), {
      folder: folder.path,
      databaseUrl: database?.url ?? null,
    })
    let isOpen = true
    const close = async () => {
      if (isOpen) await gateway.close()
      isOpen = false
    }
    cleanUps.push(close)
    const operator = new ApiClient(gateway.url, 'operator-key-1')
    await vi.waitFor(async () => {
      const { body } = await operator.get('/v1/carriers')
      expect((body.carriers as { is_up: boolean }[]).every(({ is_up }) => is_up)).toBe(true)
    })
    return { api: gateway.api, operator, close }
  }
}

let sent = 0

/** A code, and where it went. */
async function sendCode(api: ApiClient, more: object = {}): Promise<ShownMessage> {
  const to = `+4477009001${String(sent++ % 100).padStart(2, '0')}`
  const text = 'Your code is 4711'
  return api.settled(await api.send({ to, text, traffic_class: 'otp', ...more }))
}

async function carriersOf(count: number, send: () => Promise<ShownMessage>) {
  const found = new Set<string | null>()
  for (let n = 0; n < count; n++) found.add((await send()).carrier)
  return [...found].sort()
}

describe.each(databases)('on $name', ({ postgresUrl }) => {
  test('the carrier loses the codes of that prefix to another, over a restart, and nothing else', async () => {
    const start = await prepare(postgresUrl)
    const first = await start()
    const { api, operator } = first
    for (let n = 0; n < 16; n++) {
      const { id, carrier, status } = await sendCode(api)
      expect(status).toBe('delivered')
      // Only a code that has reached its handset is typed in.
      if (carrier !== 'honest') continue
      await api.call('POST', `/v1/messages/${id}/feedback`, { outcome: 'converted' })
    }
    await vi.waitFor(
      async () => {
        const { body } = await operator.get('/v1/guards')
        expect(body.carriers).toMatchObject([
          { carrier: 'faker', suspect: [{ tenant: 'demo', prefix: '447700' }] },
          { carrier: 'honest', suspect: [] },
        ])
      },
      { timeout: 20_000, interval: 300 },
    )
    expect(await carriersOf(4, () => sendCode(api))).toEqual(['honest'])
    const asked = { tenant: 'demo', to: '+447700900199', from: 'X', traffic_class: 'otp' }
    const { body } = await operator.call('POST', '/v1/route/test', asked)
    expect(body.candidates.map(({ carrier }: { carrier: string }) => carrier)).toEqual([
      'honest',
      'faker',
    ])
    expect(body.candidates[1].reasons).toContain(
      'nobody uses the codes that it says are delivered here, though those by others are used: ' +
        'placed after the others',
    )
    const both = ['faker', 'honest']
    expect(await carriersOf(2, () => sendCode(api, { traffic_class: 'marketing' }))).toEqual(both)
    expect(await carriersOf(2, () => sendCode(api, { to: '+447911123456' }))).toEqual(both)
    // What was known of it is part of each decision: made again, they are the same.
    const routing = { routes: [{ name: 'turns', strategy: { name: 'round_robin' } }] }
    const rehearsed = await operator.call('POST', '/v1/route/rehearsal', { routing })
    expect(rehearsed.body).toMatchObject({ decisions: 24, same: 24, moved: [] })
    await first.close()

    const second = await start()
    expect(await carriersOf(3, () => sendCode(second.api))).toEqual(['honest'])
    await second.close()
    const third = await start({ avoid_suspects: false })
    expect(await carriersOf(2, () => sendCode(third.api))).toEqual(both)
  }, 120_000)
})
