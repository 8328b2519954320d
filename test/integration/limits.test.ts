import { writeFile } from 'node:fs/promises'
import { join } from 'node:path'
import smpp from 'smpp'
import { afterEach, describe, expect, inject, test, vi } from 'vitest'
import { ApiClient } from '../support/api-client.ts'
import { createTestDatabase } from '../support/database.ts'
import { openGateway, temporaryFolder, yamlFor } from '../support/gateway.ts'
import { PartnerClient } from '../support/partner-client.ts'
import { redisKeys } from '../support/redis.ts'
import { SmppPeer } from '../support/smpp-peer.ts'

const { ESME_ROK, ESME_RTHROTTLED, ESME_RMSGQFUL, ESME_RSUBMITFAIL } = smpp.errors

const redisUrl = inject('redisUrl')
const postgresUrl = inject('postgresUrl')

interface Place {
  readonly name: string
  readonly database?: string
  readonly redis?: string
}

/** PostgreSQL, where there is one: it opens sooner. */
const usual = postgresUrl === null ? {} : { database: postgresUrl }
const withRedis: Place[] = redisUrl === null ? [] : [{ ...usual, name: 'Redis', redis: redisUrl }]
const databases: readonly Place[] = [
  { name: 'PGlite' },
  ...(postgresUrl === null ? [] : [{ name: 'PostgreSQL', database: postgresUrl }]),
]

const cleanUps: (() => Promise<unknown>)[] = []

afterEach(async () => {
  for (const cleanUp of cleanUps.splice(0).reverse()) await cleanUp()
})

/** A place for gateways that run one after the other, with one carrier. */
async function prepare(place: Omit<Place, 'name'>) {
  const peer = await SmppPeer.listen()
  cleanUps.push(() => peer.close())
  const database =
    place.database === undefined ? undefined : await createTestDatabase(place.database)
  if (database) cleanUps.push(() => database.drop())
  const folder = await temporaryFolder()
  cleanUps.push(folder.remove)
  const keys = place.redis === undefined ? undefined : redisKeys(place.redis)
  if (keys) cleanUps.push(keys.remove)
  const base = JSON.parse(yamlFor({ name: 'alpha', port: peer.port, prefix: '44' }))
  const start = async (limits: object, more: object = {}) => {
    const yaml = JSON.stringify({ ...base, redis_prefix: keys?.prefix, limits, ...more })
    const gateway = await openGateway(yaml, {
      folder: folder.path,
      databaseUrl: database?.url ?? null,
      ...(place.redis === undefined ? {} : { env: { REDIS_URL: place.redis } }),
    })
    let isOpen = true
    const close = async () => {
      if (isOpen) await gateway.close()
      isOpen = false
    }
    cleanUps.push(close)
    const other = new ApiClient(gateway.url, 'other-key-1')
    const bind = async () => {
      const client = await PartnerClient.connect(gateway.smppPort)
      cleanUps.push(() => client.close())
      expect((await client.bind('partner1', 'pw1')).command_status).toBe(ESME_ROK)
      return client
    }
    const change = (changed: object, others: object = {}) =>
      writeFile(
        join(folder.path, 'linehaul.yaml'),
        JSON.stringify({ ...base, limits: changed, ...others }),
      )
    return { api: gateway.api, url: gateway.url, other, bind, change, close }
  }
  return { start }
}

const message = (index: number, more: object = {}) => ({
  from: 'ACME',
  to: `+4477009001${String(index).padStart(2, '0')}`,
  text: 'hello',
  ...more,
})

describe.each([...databases, ...withRedis])('on $name', (place) => {
  test('what was taken counts on after a restart', async () => {
    const { start } = await prepare(place)
    const limits = {
      tenant: { segments_per_day: 5, spend_per_day: { amount: '1', currency: 'EUR' } },
      recipient: { messages_per_hour: 2 },
    }
    const first = await start(limits)
    for (const index of [0, 0, 1]) await first.api.send(message(index))
    const refused = await first.api.post(message(0))
    expect([refused.status, refused.body.code]).toEqual([429, 'quota_exceeded'])
    await first.close()

    const second = await start(limits)
    const again = await second.api.post(message(0))
    expect([again.status, again.body.code]).toEqual([429, 'quota_exceeded'])
    await second.api.send(message(2, { text: 'x'.repeat(200) }))
    const spent = await second.api.post(message(3))
    expect([spent.status, spent.body.limit]).toEqual([
      429,
      {
        scope: 'tenant',
        kind: 'segments_per_day',
        quota: 5,
        currency: null,
        retry_at: expect.any(String),
      },
    ])
    // Another tenant is not concerned.
    expect((await second.other.post(message(0))).status).toBe(202)
    const { body } = await second.api.get('/v1/limits?to=%2B447700900100')
    expect(body.limits).toEqual([
      {
        scope: 'tenant',
        kind: 'segments_per_day',
        quota: 5,
        currency: null,
        burst: null,
        used: 5,
        remaining: 0,
      },
      {
        scope: 'tenant',
        kind: 'spend_per_day',
        quota: '1.0000',
        currency: 'EUR',
        burst: null,
        used: '0.1750',
        remaining: '0.8250',
      },
      {
        scope: 'recipient',
        kind: 'messages_per_hour',
        quota: 2,
        currency: null,
        burst: null,
        used: 2,
        remaining: 0,
      },
    ])
    const metrics = (await second.api.get('/metrics')).body
    expect(metrics).toContain(
      'linehaul_limited_total{scope="recipient",kind="messages_per_hour"} 1',
    )
    expect(metrics).toContain('linehaul_limited_total{scope="tenant",kind="segments_per_day"} 1')
    expect(metrics).toContain('linehaul_limits_fallen_back 0')
  }, 120_000)
})

describe.each([{ ...usual, name: 'memory' }, ...withRedis])('in $name', (place) => {
  test('requests beyond the rate are turned away and told when to return; all answers say how it stands', async () => {
    const { start } = await prepare(place)
    const { api, other } = await start({
      tenant: { requests_per_second: 1, requests_burst: 3 },
      key: { requests_per_second: 1, requests_burst: 100 },
    })
    const answers = [
      await api.get('/v1/limits'),
      await api.post(message(0)),
      await api.get('/v1/x'),
    ]
    expect(answers.map(({ status }) => status)).toEqual([200, 202, 404])
    expect(answers.map(({ headers }) => headers.get('ratelimit-policy'))).toEqual(
      Array(3).fill('"key-requests-per-second";q=100;w=100, "tenant-requests-per-second";q=3;w=3'),
    )
    expect(answers[0]?.headers.get('ratelimit')).toBe(
      '"key-requests-per-second";r=99;t=1, "tenant-requests-per-second";r=2;t=1',
    )
    const refused = await api.get('/v1/limits')
    expect([refused.status, refused.body.code]).toEqual([429, 'rate_limited'])
    expect(refused.headers.get('retry-after')).toBe('1')
    expect(refused.headers.get('ratelimit')).toMatch(/"tenant-requests-per-second";r=0;t=1$/)
    expect(refused.body.limit).toMatchObject({ scope: 'tenant', kind: 'requests_per_second' })
    expect((await other.get('/v1/limits')).status).toBe(200)
    // Whoever waits as long as he was told is let in.
    await new Promise((resolve) => setTimeout(resolve, 1_000))
    expect((await api.get('/v1/limits')).status).toBe(200)
  }, 120_000)

  test('of a list the others go on; a dry run takes nothing', async () => {
    const { start } = await prepare(place)
    const { api } = await start({ recipient: { messages_per_hour: 1 } })
    const list = { ...message(0), to: [message(0).to, message(0).to, message(1).to] }
    for (let index = 0; index < 3; index++) {
      const quoted = await api.post({ ...list, dry_run: true })
      expect([quoted.status, quoted.body.messages.length]).toEqual([200, 3])
    }
    const { status, body } = await api.post(list)
    expect(status).toBe(202)
    expect(body.messages).toMatchObject([
      { status: 'accepted' },
      {
        to: message(0).to,
        error: {
          code: 'quota_exceeded',
          errors: [{ pointer: '/to/1' }],
          limit: { scope: 'recipient', kind: 'messages_per_hour', quota: 1 },
        },
      },
      { status: 'accepted' },
    ])
    const refused = await api.post(message(1))
    expect(refused.status).toBe(429)
    expect(refused.headers.get('ratelimit-policy')).toBe('"recipient-messages-per-hour";q=1;w=3600')
    const seconds = Number(refused.headers.get('retry-after'))
    expect(seconds).toBeGreaterThan(3_500)
    expect(seconds).toBeLessThanOrEqual(3_615)
    expect(refused.headers.get('ratelimit')).toBe(`"recipient-messages-per-hour";r=0;t=${seconds}`)
    const atMs = new Date(refused.body.limit.retry_at).getTime()
    expect(Math.abs(atMs - Date.now() - seconds * 1_000)).toBeLessThan(10_000)
  }, 120_000)

  test('partners are throttled by the second, and told of a full queue when a quota is used up', async () => {
    const { start } = await prepare(place)
    const { api, bind } = await start(
      {
        partner: { requests_per_second: 1, requests_burst: 4, messages_per_hour: 3 },
        tenant: { segments_per_day: 30 },
      },
      {
        partners: [
          { system_id: 'partner1', password: 'pw1', tenant: 'demo' },
          { system_id: 'paced', password: 'pw1', tenant: 'demo', segments_per_second: 1, burst: 2 },
        ],
      },
    )
    const client = await bind()
    const statuses: (number | undefined)[] = []
    for (let index = 0; index < 5; index++) {
      statuses.push((await client.submit('447700900100')).command_status)
    }
    expect(statuses).toEqual([ESME_ROK, ESME_ROK, ESME_ROK, ESME_RMSGQFUL, ESME_RTHROTTLED])
    const { body } = await api.get('/v1/limits?partner=partner1')
    expect(body.limits).toMatchObject([
      { scope: 'partner', kind: 'requests_per_second', quota: 1, burst: 4, remaining: 0 },
      { scope: 'tenant', kind: 'segments_per_day', used: 3, remaining: 27 },
      { scope: 'partner', kind: 'messages_per_hour', used: 3, remaining: 0 },
    ])
    expect((await api.get('/v1/limits?partner=nobody')).status).toBe(404)

    const paced = await PartnerClient.connect(client.session.socket.remotePort ?? 0)
    cleanUps.push(() => paced.close())
    await paced.bind('paced', 'pw1')
    const group = await paced.ask('submit_multi', {
      source_addr_ton: 5,
      source_addr: 'ACME',
      dest_address: ['447700900101', '447700900102', '447700900103'].map((destination_addr) => ({
        dest_addr_ton: 1,
        dest_addr_npi: 1,
        destination_addr,
      })),
      short_message: 'hello',
    })
    // The pace of the account takes some of it.
    expect(group.command_status).toBe(ESME_ROK)
    expect(group.unsuccess_sme).toMatchObject([
      { destination_addr: '447700900103', error_status_code: ESME_RTHROTTLED },
    ])
  }, 120_000)

  test('a message that is more than a limit has at all is refused for good', async () => {
    const { start } = await prepare(place)
    const { api, bind } = await start({ tenant: { segments_per_month: 2 } })
    const long = await api.post(message(0, { text: 'x'.repeat(400) }))
    expect([long.status, long.body.code]).toEqual([422, 'message_over_limit'])
    expect(long.headers.get('retry-after')).toBeNull()
    const client = await bind()
    const submitted = await client.submit('447700900100', {
      short_message: '',
      message_payload: { message: 'x'.repeat(400) },
    })
    expect(submitted.command_status).toBe(ESME_RSUBMITFAIL)
  }, 120_000)
})

test('limits follow the file, and what was taken stays', async () => {
  const { start } = await prepare(usual)
  const { api, change } = await start({ tenant: { messages_per_hour: 1 } })
  const post = async () => (await api.post(message(0))).status
  expect([await post(), await post()]).toEqual([202, 429])
  await change({ tenant: { messages_per_hour: 2 } })
  await vi.waitFor(async () => expect(await post()).toBe(202), { timeout: 20_000, interval: 200 })
  expect(await post()).toBe(429)
}, 60_000)

test('limits go by the tenants and accounts that a changed file brings', async () => {
  const { start } = await prepare(usual)
  const { url, bind, change } = await start({})
  const client = await bind()
  const threeAtOnce = async () => {
    const answers = await Promise.all([1, 2, 3].map(() => client.submit('447700900100')))
    return answers.map(({ command_status }) => command_status)
  }
  expect(await threeAtOnce()).toEqual([ESME_ROK, ESME_ROK, ESME_ROK])

  const partner = { system_id: 'partner1', password: 'pw1', tenant: 'demo' }
  await change(
    { tenants: [{ tenant: 'late', messages_per_hour: 1 }] },
    {
      tenants: [
        { name: 'demo', api_keys: ['test-key-1'] },
        { name: 'late', api_keys: ['late-key-1'] },
      ],
      partners: [{ ...partner, segments_per_second: 1, burst: 1 }],
    },
  )
  const late = new ApiClient(url, 'late-key-1')
  await vi.waitFor(async () => expect((await late.get('/v1/limits')).status).toBe(200), {
    timeout: 20_000,
    interval: 200,
  })
  expect([(await late.post(message(0))).status, (await late.post(message(0))).status]).toEqual([
    202, 429,
  ])
  expect(await threeAtOnce()).toContain(ESME_RTHROTTLED)
}, 60_000)
