import { afterEach, describe, expect, inject, test, vi } from 'vitest'
import { ApiClient } from '../support/api-client.ts'
import { createTestDatabase } from '../support/database.ts'
import { openGateway, temporaryFolder, yamlFor } from '../support/gateway.ts'
import { openMailSink } from '../support/mail-sink.ts'
import { SmppPeer } from '../support/smpp-peer.ts'
import { openSink } from '../webhooks/sink.ts'

/** What an operator is told of carriers and guards, by webhook and over SMTP. */

const RSYSERR = 0x08
const SECRET = `whsec_${Buffer.alloc(24, 7).toString('base64')}`

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

const NAMES = ['broken', 'canary', 'silent'] as const

async function start(postgresUrl: string | null) {
  const [sink, mails] = [await openSink(), await openMailSink()]
  cleanUps.push(
    () => sink.close(),
    () => mails.close(),
  )
  const database = postgresUrl === null ? undefined : await createTestDatabase(postgresUrl)
  if (database) cleanUps.push(() => database.drop())
  const folder = await temporaryFolder()
  cleanUps.push(folder.remove)
  const peers = new Map<string, SmppPeer>()
  for (const name of NAMES) {
    const peer = await SmppPeer.listen()
    cleanUps.push(() => peer.close())
    peers.set(name, peer)
  }
  const peerOf = (name: string) => peers.get(name) as SmppPeer
  const away = await SmppPeer.listen()
  await away.close()
  const file = JSON.parse(
    yamlFor(
      { name: 'broken', port: peerOf('broken').port, prefix: '447701' },
      { name: 'canary', port: peerOf('canary').port, prefix: '447702' },
      { name: 'silent', port: peerOf('silent').port, prefix: '447703' },
      { name: 'away', port: away.port, prefix: '447704' },
    ),
  )
  const settings = {
    ...file,
    admin_keys: ['operator-key-1'],
    health: { consecutive_failures: 2, cool_down_seconds: 600 },
    guards: { velocity: { action: 'flag', prefix_limit: 3 } },
    routing: {
      routes: [
        {
          name: 'trial',
          prefixes: ['447702'],
          canary: { carrier: 'canary', percent: 100, stop_below: '0.99', after_messages: 1 },
        },
      ],
    },
    alerts: {
      webhook_url: `${sink.url}/alerts`,
      webhook_secret: SECRET,
      mail: {
        host: '127.0.0.1',
        port: mails.port,
        tls: 'none',
        from: 'sms@example.org',
        to: ['ops@example.org'],
      },
      events: { guard: ['webhook'], canary: ['webhook'], check: ['webhook'], connection: ['mail'] },
      down_seconds: 2,
    },
  }
  const gateway = await openGateway(JSON.stringify(settings), {
    folder: folder.path,
    databaseUrl: database?.url ?? null,
    change: (config) => ({
      ...config,
      carriers: config.carriers.map((carrier) => ({
        ...carrier,
        check: { everyMs: carrier.name === 'silent' ? 200 : 0, timeoutMs: 300, message: undefined },
      })),
    }),
  })
  cleanUps.push(gateway.close)
  const operator = new ApiClient(gateway.url, 'operator-key-1')
  for (const name of NAMES) {
    await vi.waitFor(async () => {
      expect((await operator.get(`/v1/carriers/${name}`)).body.is_up).toBe(true)
    })
  }
  const posted = () =>
    sink.received.map(({ body }) => JSON.parse(body) as { type: string; data: object })
  const mailed = () =>
    mails.received.map(({ data }) => /^Subject: (.*(\r\n .*)*)/m.exec(data)?.[1] ?? '')
  return { api: gateway.api, peerOf, posted, mailed }
}

function until(look: () => void): Promise<void> {
  return vi.waitFor(async () => look(), { timeout: 20_000, interval: 50 })
}

describe.each(databases)('on $name', ({ postgresUrl }) => {
  test('breakers, connections, canaries, guards and checks are told, each the ways that are wanted', async () => {
    const { api, peerOf, posted, mailed } = await start(postgresUrl)
    const told = (wanted: object) =>
      until(() => expect(posted()).toContainEqual(expect.objectContaining(wanted)))

    // Nothing listens where its host should be.
    await until(() => expect(mailed().join()).toContain('away: down for 2 s'))

    peerOf('broken').onSubmit = () => ({ status: RSYSERR })
    await api.send({ to: '+447701900001', text: 'x' })
    await told({
      type: 'alert.carrier_breaker',
      data: expect.objectContaining({ carrier: 'broken', state: 'open', left_out: 0 }),
    })
    await until(() => expect(mailed().join()).toContain('broken: circuit breaker open'))

    peerOf('canary').onSubmit = ({ number }) => ({ id: `c${number}`, receipt: 'UNDELIV' })
    for (let n = 0; n < 2; n++) {
      await api.settled(await api.send({ to: `+44770290000${n}`, text: 'x' }))
    }
    // The next message would be its own, and finds that it has failed.
    await api.post({ from: 'X', to: '+447702900009', text: 'x' })
    await told({
      type: 'alert.canary_stopped',
      data: expect.objectContaining({ carrier: 'canary', route: 'trial' }),
    })

    peerOf('silent').answersLinks = false
    await told({
      type: 'alert.carrier_check',
      data: expect.objectContaining({ carrier: 'silent', check: 'link', state: 'failed' }),
    })

    for (let n = 0; n < 4; n++) await api.send({ to: `+44770390000${n}`, text: 'x' })
    await told({
      type: 'alert.guard_opened',
      data: expect.objectContaining({ guard: 'velocity', prefix: '447703', tenant: null }),
    })

    // Its own breaker goes both ways; what else there is went one way only.
    await until(() => expect(mailed().join()).toContain('silent: circuit breaker open'))
    expect(mailed().join()).not.toMatch(/check of|guard|canary/)
    const types = new Set(posted().map(({ type }) => type))
    expect(types).not.toContain('alert.carrier_connection')
    // However often the check has failed, it is told once.
    expect(posted().filter(({ type }) => type === 'alert.carrier_check')).toHaveLength(1)
  }, 120_000)
})
