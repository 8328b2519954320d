import { afterAll, beforeAll, expect, test, vi } from 'vitest'
import { openGateway, type TestGateway, temporaryFolder, yamlFor } from '../support/gateway.ts'
import { SmppPeer } from '../support/smpp-peer.ts'

/** What needs no key: health, metrics, the reference. Over a real port of a whole gateway. */

const cleanUps: (() => Promise<unknown>)[] = []
let peer: SmppPeer
let gateway: TestGateway

beforeAll(async () => {
  peer = await SmppPeer.listen()
  cleanUps.push(() => peer.close())
  const folder = await temporaryFolder()
  cleanUps.push(folder.remove)
  gateway = await openGateway(yamlFor({ name: 'alpha', port: peer.port, keys: { sessions: 2 } }), {
    folder: folder.path,
  })
  cleanUps.push(gateway.close)
})

afterAll(async () => {
  for (const cleanUp of cleanUps.reverse()) await cleanUp()
})

function get(path: string): Promise<Response> {
  return fetch(`${gateway.url}${path}`)
}

test('/healthz and /readyz answer without a key', async () => {
  const health = await get('/healthz')
  expect([health.status, await health.json()]).toEqual([200, { status: 'ok' }])
  await vi.waitFor(async () => {
    const ready = await get('/readyz')
    expect([ready.status, await ready.json()]).toEqual([
      200,
      {
        status: 'ready',
        carriers: [
          {
            name: 'alpha',
            type: 'smpp',
            channel: 'sms',
            is_up: true,
            waiting: 0,
            segments_per_second: 0,
            binds: [
              {
                bind: 'transceiver-1',
                host: expect.stringMatching(/^127\.0\.0\.1:\d+$/),
                state: 'bound',
                last_error: null,
              },
              {
                bind: 'transceiver-2',
                host: expect.stringMatching(/^127\.0\.0\.1:\d+$/),
                state: 'bound',
                last_error: null,
              },
            ],
          },
        ],
      },
    ])
  })
})

test('every answer has the id of its request', async () => {
  for (const path of ['/healthz', '/docs', '/nothing', '/v1/messages', '/openapi.json']) {
    const ours = await get(path)
    expect(ours.headers.get('x-request-id')).toMatch(/^[0-9a-f-]{36}$/)
    const headers = { 'x-request-id': 'my-call-1' }
    const theirs = await fetch(`${gateway.url}${path}`, { headers })
    expect(theirs.headers.get('x-request-id')).toBe('my-call-1')
    if (theirs.ok) continue
    expect(await theirs.json()).toMatchObject({ request_id: 'my-call-1' })
  }
  const quoted = await gateway.api.post({
    to: '+447700900002',
    from: 'L',
    text: 'x',
    dry_run: true,
  })
  expect(quoted.status).toBe(200)
  expect(quoted.headers.get('x-request-id')).toMatch(/^[0-9a-f-]{36}$/)
  expect(quoted.headers.get('content-type')).toBe('application/json')
})

/** The samples of the Prometheus text, by name with labels. */
async function metrics(): Promise<Map<string, number>> {
  const response = await get('/metrics')
  expect(response.status).toBe(200)
  expect(response.headers.get('content-type')).toMatch(/^text\/plain; version=0\.0\.4/)
  const lines = (await response.text()).split('\n')
  return new Map(
    lines.flatMap((line): [string, number][] => {
      const match = /^([^#\s][^ ]*(?:\{.*\})?) (\S+)$/.exec(line)
      return match ? [[match[1] ?? '', Number(match[2])]] : []
    }),
  )
}

test('/metrics: the counters move with the messages', async () => {
  peer.onSubmit = ({ number, to }) => ({
    id: `m${number}`,
    receipt: to.endsWith('9') ? 'UNDELIV' : 'DELIVRD',
  })
  const before = await metrics()
  const delivered = await gateway.api.send({ to: '+447700900001', text: 'x'.repeat(161) })
  const lost = await gateway.api.send({ to: '+447700900009', text: 'x' })
  await gateway.api.settled(delivered)
  await gateway.api.settled(lost)
  expect((await gateway.api.post({ to: '12', from: 'L', text: 'x' })).status).toBe(422)
  const after = await metrics()
  const moved = (name: string) => (after.get(name) ?? 0) - (before.get(name) ?? 0)
  expect({
    accepted: moved('linehaul_messages_accepted_total{source="rest"}'),
    refused: moved('linehaul_messages_refused_total{code="to_invalid"}'),
    segments: moved('linehaul_segments_submitted_total{carrier="alpha",outcome="sent"}'),
    delivered: moved('linehaul_messages_final_total{carrier="alpha",status="delivered"}'),
    undelivered: moved('linehaul_messages_final_total{carrier="alpha",status="undelivered"}'),
    receipts: moved('linehaul_receipts_total{carrier="alpha",state="DELIVERED"}'),
    submits: moved('linehaul_accept_to_submit_seconds_count'),
  }).toEqual({
    accepted: 2,
    refused: 1,
    segments: 3,
    delivered: 1,
    undelivered: 1,
    receipts: 2,
    submits: 2,
  })
  expect(after.get('linehaul_bind_up{carrier="alpha",bind="transceiver-1"}')).toBe(1)
  expect(after.get('linehaul_queue_messages{carrier="alpha"}')).toBe(0)
  expect(after.get('linehaul_in_flight_segments{carrier="alpha"}')).toBe(0)
  expect(moved('linehaul_journal_batch_entries_count')).toBeGreaterThan(0)
})

test('/docs is a page whose files are all here', async () => {
  const page = await get('/docs')
  expect(page.status).toBe(200)
  expect(page.headers.get('content-type')).toMatch(/^text\/html/)
  const html = await page.text()
  const files = [...html.matchAll(/(?:href|src)="([^"]+)"/g)].map((match) => match[1] ?? '')
  expect(files.length).toBeGreaterThan(1)
  for (const file of files) {
    expect(file).toMatch(/^\/docs\//)
    const asset = await get(file)
    expect(asset.status).toBe(200)
    expect(asset.headers.get('content-type')).toMatch(file.endsWith('.css') ? /css/ : /javascript/)
    expect((await asset.text()).length).toBeGreaterThan(10_000)
  }
  expect(html).toContain('/openapi.json')
})

type Json = null | string | number | boolean | Json[] | { [key: string]: Json }

/** Every value of a member name, at any depth. */
function valuesOf(name: string, value: Json): Json[] {
  if (Array.isArray(value)) return value.flatMap((item) => valuesOf(name, item))
  if (value === null || typeof value !== 'object') return []
  return Object.entries(value).flatMap(([key, inner]) => [
    ...(key === name ? [inner] : []),
    ...valuesOf(name, inner),
  ])
}

function at(document: Json, pointer: string): Json | undefined {
  let value: Json | undefined = document
  for (const part of pointer.replace(/^#\//, '').split('/')) {
    if (value === null || typeof value !== 'object' || Array.isArray(value)) return undefined
    value = value[part]
  }
  return value
}

test('/openapi.json describes what is there', async () => {
  const response = await get('/openapi.json')
  expect(response.status).toBe(200)
  const document = (await response.json()) as { [key: string]: Json }
  expect(document.openapi).toMatch(/^3\.1\.\d+$/)
  expect(document.info).toMatchObject({ title: 'Linehaul', version: expect.any(String) })
  const paths = document.paths as Record<string, Record<string, { [key: string]: Json }>>
  expect(Object.keys(paths).sort()).toEqual([
    '/callback/provider/{name}/{kind}',
    '/callback/provider/{name}/{secret}/{kind}',
    '/healthz',
    '/readyz',
    '/v1/audit',
    '/v1/billing/balance',
    '/v1/billing/invoices/{month}',
    '/v1/billing/ledger',
    '/v1/billing/payments',
    '/v1/billing/reconciliations',
    '/v1/billing/statement',
    '/v1/billing/transfers',
    '/v1/billing/usage',
    '/v1/binds',
    '/v1/binds/{id}/pcap',
    '/v1/binds/{id}/pdus',
    '/v1/callbacks',
    '/v1/callbacks/{id}/replay',
    '/v1/carriers',
    '/v1/carriers/{name}',
    '/v1/carriers/{name}/balance',
    '/v1/carriers/{name}/disable',
    '/v1/carriers/{name}/drain',
    '/v1/carriers/{name}/enable',
    '/v1/carriers/{name}/force',
    '/v1/carriers/{name}/history',
    '/v1/carriers/{name}/quality',
    '/v1/config',
    '/v1/config/versions',
    '/v1/config/versions/{number}',
    '/v1/config/versions/{number}/rollback',
    '/v1/dead-letters',
    '/v1/dead-letters/replay',
    '/v1/dead-letters/{id}',
    '/v1/dead-letters/{id}/replay',
    '/v1/guards',
    '/v1/guards/{id}/reset',
    '/v1/inbound-messages',
    '/v1/inbound-messages/{id}',
    '/v1/keys',
    '/v1/keys/{id}',
    '/v1/keys/{id}/revoke',
    '/v1/keys/{id}/rotate',
    '/v1/limits',
    '/v1/messages',
    '/v1/messages/{id}',
    '/v1/messages/{id}/cancel',
    '/v1/messages/{id}/feedback',
    '/v1/messages/{id}/resolve',
    '/v1/messages/{id}/trace',
    '/v1/networks',
    '/v1/networks/{id}/restore',
    '/v1/numbers/{number}',
    '/v1/partners',
    '/v1/ported-numbers',
    '/v1/ported-numbers/{number}',
    '/v1/rate-decks',
    '/v1/rate-decks/{kind}/{owner}',
    '/v1/rate-decks/{kind}/{owner}/preview',
    '/v1/rate-decks/{kind}/{owner}/rollback',
    '/v1/rate-decks/{kind}/{owner}/{version}',
    '/v1/route/rehearsal',
    '/v1/route/test',
    '/v1/sessions',
    '/v1/sessions/current',
    '/v1/sessions/{id}',
    '/v1/tenants',
    '/v1/tenants/{name}',
    '/v1/users',
    '/v1/users/me',
    '/v1/users/me/password',
    '/v1/users/{id}',
    '/v1/users/{id}/reset-password',
    '/v1/webhooks',
    '/v1/webhooks/{id}',
    '/v1/webhooks/{id}/events',
    '/v1/webhooks/{id}/replay',
    '/v1/webhooks/{id}/rotate',
    '/v1/webhooks/{id}/secret',
    '/v1/webhooks/{id}/test',
  ])
  const refs = valuesOf('$ref', document)
  expect(refs.length).toBeGreaterThan(5)
  for (const ref of refs) expect([ref, at(document, String(ref))]).not.toContain(undefined)
  for (const [path, operations] of Object.entries(paths)) {
    for (const [method, operation] of Object.entries(operations)) {
      expect(operation.summary).toEqual(expect.any(String))
      const responses = operation.responses as Record<string, { description?: string }>
      expect(Object.keys(responses).length).toBeGreaterThan(0)
      for (const [status, { description }] of Object.entries(responses)) {
        expect(status).toMatch(/^[1-5]\d\d$/)
        expect(description).toEqual(expect.any(String))
      }
      const names = (operation.parameters as { name: string; in: string }[] | undefined) ?? []
      const inPath = names.filter((each) => each.in === 'path').map((each) => each.name)
      expect(inPath).toEqual([...path.matchAll(/\{(\w+)\}/g)].map((match) => match[1]))
      if (!path.startsWith('/v1/')) continue
      const isOpen = path === '/v1/sessions' && method === 'post'
      expect(operation.security).toEqual(
        isOpen
          ? undefined
          : [{ apiKey: [] }, { appKey: [], timestamp: [], nonce: [], signature: [] }],
      )
      expect(Object.keys(responses)).toContain('401')
      // These are in memory: what only reads them cannot fail for the database.
      if (
        /^\/v1\/(webhooks|billing\/balance|binds|guards|limits|partners|route|sessions|users\/me)/.test(
          path,
        )
      )
        continue
      expect(Object.keys(responses)).toEqual(expect.arrayContaining(['422', '503']))
    }
  }
  const schemes = at(document, '#/components/securitySchemes') as Record<string, object>
  expect(schemes.apiKey).toMatchObject({ type: 'http', scheme: 'bearer' })
  for (const [name, header] of [
    ['appKey', 'X-App-Key'],
    ['timestamp', 'X-Timestamp'],
    ['nonce', 'X-Nonce'],
    ['signature', 'X-Signature'],
  ]) {
    expect(schemes[name ?? '']).toMatchObject({ type: 'apiKey', in: 'header', name: header })
  }
  const fields = at(document, '#/components/schemas/CreateMessage/properties') as object
  expect(Object.keys(fields).sort()).toEqual([
    'callback_url',
    'channel',
    'channels',
    'client_reference',
    'dry_run',
    'encoding',
    'expects_reply',
    'fallback',
    'from',
    'max_segments',
    'send_at',
    'subject',
    'tags',
    'template',
    'text',
    'to',
    'traffic_class',
    'validity_seconds',
    'variables',
  ])
})
