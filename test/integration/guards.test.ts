import { afterEach, describe, expect, inject, test, vi } from 'vitest'
import { ApiClient } from '../support/api-client.ts'
import { createTestDatabase } from '../support/database.ts'
import { openGateway, temporaryFolder, yamlFor } from '../support/gateway.ts'
import { SmppPeer } from '../support/smpp-peer.ts'

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

/** A place for gateways that run one after the other, with one carrier. */
async function prepare(postgresUrl: string | null) {
  const peer = await SmppPeer.listen()
  cleanUps.push(() => peer.close())
  const database = postgresUrl === null ? undefined : await createTestDatabase(postgresUrl)
  if (database) cleanUps.push(() => database.drop())
  const folder = await temporaryFolder()
  cleanUps.push(folder.remove)
  const base = JSON.parse(yamlFor({ name: 'alpha', port: peer.port, prefix: '44' }))
  const start = async (guards: object) => {
    const bindsBefore = peer.binds.length
    const yaml = JSON.stringify({ ...base, admin_keys: ['operator-key-1'], guards })
    const gateway = await openGateway(yaml, {
      folder: folder.path,
      databaseUrl: database?.url ?? null,
    })
    let isOpen = true
    const close = async () => {
      if (isOpen) await gateway.close()
      isOpen = false
    }
    cleanUps.push(close)
    await peer.until(() => peer.binds.length > bindsBefore)
    const operator = new ApiClient(gateway.url, 'operator-key-1')
    const other = new ApiClient(gateway.url, 'other-key-1')
    return { api: gateway.api, operator, other, close }
  }
  return { peer, start }
}

const message = (index: number, more: object = {}) => ({
  from: 'ACME',
  to: `+4477009001${String(index).padStart(2, '0')}`,
  text: 'hello',
  traffic_class: 'otp',
  ...more,
})

describe.each(databases)('on $name', ({ postgresUrl }) => {
  test('a burst to a prefix is refused, held back or flagged; the breaker outlives a restart', async () => {
    const { peer, start } = await prepare(postgresUrl)
    const velocity = { prefix_limit: 3, window_seconds: 3_600, cool_down_seconds: 600 }
    const first = await start({ velocity: { ...velocity, action: 'refuse' } })
    for (let index = 0; index < 3; index++) {
      expect((await first.api.post(message(index))).status).toBe(202)
    }
    // Asking for a price is no message.
    expect((await first.api.post(message(3, { dry_run: true }))).status).toBe(200)
    const refused = await first.api.post(message(3))
    expect([refused.status, refused.body.code]).toEqual([429, 'pumping_suspected'])
    expect(refused.body.detail).toContain('+447700: more than 3 messages within 3600 s')
    const retryAfter = Number(refused.headers.get('retry-after'))
    expect(retryAfter).toBeGreaterThan(0)
    expect(retryAfter).toBeLessThanOrEqual(600)
    // Another tenant's messages to this prefix, and none to another.
    expect((await first.other.post(message(4))).status).toBe(429)
    expect((await first.api.post(message(0, { to: '+447911123456' }))).status).toBe(202)

    const { status, body } = await first.operator.get('/v1/guards')
    expect(status).toBe(200)
    expect(body.guards).toMatchObject([
      { guard: 'velocity', action: 'refuse', prefix: '447700', tenant: null, messages: 2 },
    ])
    expect((await first.api.get('/v1/guards')).body.code).toBe('forbidden')
    const metrics = await first.operator.get('/metrics')
    expect(metrics.body).toContain('linehaul_guards_open{guard="velocity"} 1')
    expect(metrics.body).toContain(
      'linehaul_guarded_messages_total{guard="velocity",action="refuse"} 2',
    )
    await first.close()

    const second = await start({ velocity: { ...velocity, action: 'hold_back' } })
    const [open] = (await second.operator.get('/v1/guards')).body.guards
    expect(open).toMatchObject({ id: body.guards[0].id, action: 'hold_back', messages: 2 })
    const id = await second.api.send(message(5, { validity_seconds: 3_600 }))
    const held = await second.api.message(id)
    expect(held.status).toBe('scheduled')
    expect(held.timeline).toMatchObject([
      { type: 'accepted', detail: { suspicion: { code: 'pumping_suspected' } } },
      { type: 'routed' },
      { type: 'scheduled', detail: { until: open.until, cause: 'guard' } },
    ])
    expect((await second.api.call('POST', `/v1/messages/${id}/cancel`)).status).toBe(200)
    await second.close()

    const third = await start({ velocity: { ...velocity, action: 'flag' } })
    const flagged = await third.api.settled(await third.api.send(message(6)))
    expect(flagged.status).toBe('delivered')
    expect(flagged.timeline[0]?.detail.suspicion).toMatchObject({ action: 'flag' })
    const reset = await third.operator.call('POST', `/v1/guards/${open.id}/reset`)
    expect([reset.status, reset.body.prefix]).toEqual([200, '447700'])
    expect((await third.operator.get('/v1/guards')).body.guards).toEqual([])
    expect((await third.operator.call('POST', `/v1/guards/${open.id}/reset`)).status).toBe(404)
    const plain = await third.api.settled(await third.api.send(message(7)))
    expect(plain.timeline[0]?.detail.suspicion).toBeUndefined()
    // Refused and held back messages have never left.
    const sent = peer.submits.map(({ pdu }) => String(pdu.destination_addr).slice(-2)).sort()
    expect(sent).toEqual(['00', '01', '02', '06', '07', '56'])
  }, 120_000)

  test('feedback is taken once; codes that nobody uses open the breaker', async () => {
    const { start } = await prepare(postgresUrl)
    const conversion = { action: 'refuse', least_messages: 5, feedback_seconds: 4 }
    const { api, other, operator, close } = await start({ conversion })
    const report = (id: string, outcome: string, by = api) =>
      by.call('POST', `/v1/messages/${id}/feedback`, { outcome })
    const used = await api.send(message(0, { to: '+447911123456' }))
    await api.settled(used)
    const given = await report(used, 'converted')
    expect(given.status).toBe(200)
    expect(given.body).toEqual({ message_id: used, outcome: 'converted', at: expect.any(String) })
    expect((await report(used, 'converted')).body).toEqual(given.body)
    const changed = await report(used, 'failed')
    expect([changed.status, changed.body.code]).toEqual([409, 'feedback_given'])
    expect((await report(used, 'converted', other)).status).toBe(404)
    expect((await report('nonsense', 'converted')).status).toBe(404)
    expect((await report(used, 'perhaps')).status).toBe(422)

    for (let index = 0; index < 10; index++) await api.settled(await api.send(message(index)))
    const refused = await vi.waitFor(
      async () => {
        const answer = await api.post(message(20))
        expect(answer.status).toBe(429)
        return answer.body
      },
      { timeout: 25_000, interval: 300 },
    )
    expect(refused.code).toBe('pumping_suspected')
    expect(refused.detail).toMatch(/\+447700: 0 of \d+ delivered codes were used, less than 20 %/)
    // Codes only, and to that prefix only.
    expect((await api.post(message(21, { traffic_class: 'transactional' }))).status).toBe(202)
    expect((await api.post(message(0, { to: '+447911123457' }))).status).toBe(202)
    const { body } = await operator.get('/v1/guards')
    expect(body.guards).toMatchObject([{ guard: 'conversion', tenant: 'demo', prefix: '447700' }])
    expect(body.carriers).toMatchObject([{ carrier: 'alpha', suspect: [] }])
    await close()

    const next = await start({ conversion })
    expect((await next.api.post(message(22))).status).toBe(429)
    expect((await next.operator.get('/v1/guards')).body.carriers).toMatchObject([
      { carrier: 'alpha' },
    ])
    expect(
      (await next.api.call('POST', `/v1/messages/${used}/feedback`, { outcome: 'converted' })).body,
    ).toEqual(given.body)
  }, 120_000)

  test('an application that answers every message of a machine is stopped', async () => {
    const { peer, start } = await prepare(postgresUrl)
    const { api, operator } = await start({
      loops: { action: 'refuse', exchanges: 2, reply_seconds: 600 },
    })
    const answers: number[] = []
    for (let index = 0; index < 4; index++) {
      const status = await peer.sendDelivery({
        source_addr: '447700900150',
        destination_addr: '447700900000',
        short_message: `away ${index}`,
      })
      expect(status).toBe(0)
      const answer = await api.post(message(50, { from: '+447700900000', text: `got ${index}` }))
      answers.push(answer.status)
      if (answer.status !== 202) expect(answer.body.code).toBe('loop_suspected')
    }
    expect(answers).toEqual([202, 202, 429, 429])
    expect((await operator.get('/v1/guards')).body.guards).toMatchObject([
      { guard: 'loop', sender: '447700900000', recipient: '44770*******', messages: 2 },
    ])
  }, 120_000)
})
