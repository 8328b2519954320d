import { afterAll, beforeAll, describe, expect, inject, test } from 'vitest'
import { keepingLogger } from '../messages/keeping-logger.ts'
import { type Answered, ApiClient } from '../support/api-client.ts'
import { createTestDatabase } from '../support/database.ts'
import { openGateway, type TestGateway, temporaryFolder, yamlFor } from '../support/gateway.ts'
import { SmppPeer } from '../support/smpp-peer.ts'

/** The configuration of a running gateway, changed over its API. */

const OPERATOR_KEY = 'admin-key-1'
const SECRETS = [OPERATOR_KEY, 'test-key-1', 'other-key-1', '"secret"', '"pw1"']

const toBeta = { routing: { routes: [{ name: 'to-beta', carriers: ['beta'] }] } }

describe.each(databases())('with %s', (_name, makeDatabase) => {
  const logger = keepingLogger()
  const cleanUps: (() => Promise<unknown>)[] = []
  let file: Record<string, unknown>
  let place: { folder: string; databaseUrl: string | null }
  let gateway: TestGateway
  let operator: ApiClient
  /** An endpoint at a private address, where nobody listens. */
  let hook: string

  beforeAll(async () => {
    const peers = [await SmppPeer.listen(), await SmppPeer.listen()] as const
    const temporary = await temporaryFolder()
    const database = await makeDatabase()
    cleanUps.push(temporary.remove, database.drop, ...peers.map((peer) => () => peer.close()))
    file = {
      ...JSON.parse(
        yamlFor(
          { name: 'alpha', port: peers[0].port, price: '0.0100' },
          { name: 'beta', port: peers[1].port, price: '0.0200' },
        ),
      ),
      admin_keys: [OPERATOR_KEY],
    }
    place = { folder: temporary.path, databaseUrl: database.url }
    await start(file)
    cleanUps.push(() => gateway.close())
  })

  afterAll(async () => {
    for (const cleanUp of cleanUps.reverse()) await cleanUp()
  })

  async function start(yaml: object): Promise<void> {
    gateway = await openGateway(JSON.stringify(yaml), { ...place, logger })
    operator = new ApiClient(gateway.url, OPERATOR_KEY)
  }

  /** The present version, as it is shown. */
  async function shown(): Promise<{ number: number; document: Record<string, unknown> }> {
    const { status, headers, body } = await operator.get('/v1/config')
    expect(status).toBe(200)
    expect(headers.get('etag')).toBe(`"${body.version.number}"`)
    return { number: body.version.number, document: body.document }
  }

  function put(
    text: string,
    ifMatch: string | undefined,
    { query = '', type = 'application/yaml', key = OPERATOR_KEY } = {},
  ): Promise<Answered> {
    const headers = ifMatch === undefined ? {} : { 'if-match': ifMatch }
    const client = new ApiClient(gateway.url, key)
    return client.upload('PUT', `/v1/config${query}`, text, { 'content-type': type, ...headers })
  }

  /** Why the endpoint was not reached. */
  async function tryHook(): Promise<string> {
    const { body } = await gateway.api.call('POST', `/v1/webhooks/${hook}/test`, {})
    return JSON.stringify(body)
  }

  async function firstCarrier(): Promise<string> {
    const asked = { tenant: 'demo', to: '+447700900123', from: 'X' }
    const { body } = await operator.call('POST', '/v1/route/test', asked)
    return body.candidates[0]?.carrier
  }

  test('it is shown without its secrets, to operators only', async () => {
    const { number, document } = await shown()
    expect([number, document.carriers]).toMatchObject([1, [{ name: 'alpha' }, { name: 'beta' }]])
    const versions = await operator.get('/v1/config/versions')
    expect(versions.body.versions).toMatchObject([{ number: 1, source: 'start', who: null }])
    const one = await operator.get('/v1/config/versions/1')
    for (const secret of SECRETS) {
      expect(JSON.stringify([document, one.body, versions.body])).not.toContain(secret)
    }
    expect((await gateway.api.get('/v1/config')).status).toBe(403)
    expect((await put('{}', '1', { key: 'test-key-1' })).status).toBe(403)
    expect((await operator.get('/v1/config/versions/99')).status).toBe(404)
  })

  test('what was shown comes back with a change, which holds at once', async () => {
    const { number, document } = await shown()
    expect(await firstCarrier()).toBe('alpha')
    const text = JSON.stringify({ ...document, ...toBeta })
    const dry = await put(text, String(number), { query: '?dry_run=true' })
    expect(dry).toMatchObject({
      status: 200,
      body: {
        version: { number },
        is_dry_run: true,
        change_count: 2,
        changes: [
          { path: 'routing.routes[to-beta].name', before: null, after: 'to-beta' },
          { path: 'routing.routes[to-beta].carriers[0]', before: null, after: 'beta' },
        ],
        applied: ['routing'],
        waits_for_start: [],
      },
    })
    expect(await firstCarrier()).toBe('alpha')
    const done = await put(text, `"${number}"`, { query: '?comment=beta%20is%20cheaper' })
    expect(done).toMatchObject({
      status: 200,
      body: {
        version: {
          number: number + 1,
          source: 'api',
          who: expect.stringMatching(/^key [0-9a-f]{12}$/),
          comment: 'beta is cheaper',
        },
      },
    })
    expect(await firstCarrier()).toBe('beta')
    const id = await gateway.api.send({ to: '+447700900123', text: 'Hello' })
    expect(await gateway.api.settled(id)).toMatchObject({ carrier: 'beta', status: 'delivered' })
    expect(JSON.stringify(logger.lines)).toContain('the configuration has changed')
  })

  test('two operators do not overwrite one another', async () => {
    const { number, document } = await shown()
    const texts = ['debug', 'warn', 'error'].map((level) => ({ ...document, log_level: level }))
    const answers = await Promise.all(
      texts.map((text) => put(JSON.stringify(text), String(number))),
    )
    expect(answers.map(({ status }) => status).sort()).toEqual([200, 412, 412])
    expect(answers.find(({ status }) => status === 412)?.body.code).toBe('config_outdated')
    expect((await put(JSON.stringify(document), undefined)).status).toBe(428)
    expect((await put(JSON.stringify(document), 'latest')).status).toBe(400)
    expect((await put(JSON.stringify(document), '*', { type: 'text/csv' })).status).toBe(415)
  })

  test('mistakes are all told with their lines, and change nothing', async () => {
    const before = await shown()
    const text = 'webhooks: 7\ncarriers:\n  - name: alpha\n    typ: smpp\n'
    const { status, headers, body } = await put(text, '*')
    expect(status).toBe(422)
    expect(headers.get('content-type')).toBe('application/problem+json')
    expect(body).toMatchObject({ code: 'config_invalid', status: 422 })
    expect(body.mistakes).toEqual(
      expect.arrayContaining([
        { path: 'webhooks', line: 1, message: expect.stringContaining('7 is not allowed') },
        {
          path: 'carriers[0].typ',
          line: 4,
          message: expect.stringContaining('did you mean type?'),
        },
        { path: 'carriers[0].system_id', line: 3, message: expect.stringContaining('missing') },
      ]),
    )
    // What only the running part knows: no table of countries is in the schema.
    const wrong = {
      ...before.document,
      numbers: { short_codes: [{ code: '60123', country: 'XX' }] },
    }
    const refused = await put(JSON.stringify(wrong), '*', { query: '?dry_run=true' })
    expect(refused.body.mistakes[0].message).toContain('there is no country "XX"')
    expect(await shown()).toEqual(before)
  })

  test('every live section is taken over by the part that goes by it', async () => {
    const { number, document } = await shown()
    const webhook = { url: 'http://127.0.0.1:9/hook', events: ['message.delivered'] }
    expect((await gateway.api.call('POST', '/v1/webhooks', webhook)).status).toBe(422)
    expect((await operator.get('/v1/binds/x/pdus?texts=shown')).status).toBe(403)
    expect((await gateway.api.post({ to: '60123', from: 'X', text: 'x' })).status).toBe(422)
    const guards = { loops: { action: 'refuse', equal_texts: 3 } }
    const more = {
      webhooks: { allow_private_addresses: true },
      recorder: { show_texts: true, pdus_per_bind: 20 },
      numbers: { short_codes: [{ code: '60123', country: 'GB' }] },
      inbound: { reassembly_seconds: 30, routes: [{ to: '60123', tenant: 'demo' }] },
      health: { consecutive_failures: 3 },
      quality: { half_life_seconds: 600 },
      retention: { days: 7 },
      policies: { otp: { validity_seconds: 60 } },
      alerts: {
        webhook_url: 'https://ops.example/hook',
        webhook_secret: `whsec_${Buffer.alloc(32).toString('base64')}`,
      },
      failure_rules: [{ name: 'hold', scene: 'send_failure', match: {}, action: 'hold' }],
      guards,
    }
    const { status, body } = await put(JSON.stringify({ ...document, ...more }), String(number))
    expect({ status, body }).toMatchObject({ status: 200 })
    expect(body.applied).toEqual(expect.arrayContaining(Object.keys(more)))
    const made = await gateway.api.call('POST', '/v1/webhooks', webhook)
    expect(made.status).toBe(201)
    hook = made.body.id
    expect(await tryHook()).toMatch(/ECONNREFUSED/)
    expect((await operator.get('/v1/binds/x/pdus?texts=shown')).status).toBe(404)
    const quoted = await gateway.api.post({ to: '60123', from: 'X', text: 'x', dry_run: true })
    expect(quoted.status).toBe(200)
  })

  test('what cannot change while it runs is told until the next start', async () => {
    const { number, document } = await shown()
    const http = { host: '127.0.0.1', port: 0 }
    const smpp = { ...http, max_unbound: 7 }
    const { body } = await put(JSON.stringify({ ...document, smpp }), String(number))
    expect(body).toMatchObject({ applied: [], waits_for_start: expect.arrayContaining(['smpp']) })
    expect((await operator.get('/v1/config')).body.waits_for_start).toContain('smpp')
    expect((await operator.get('/metrics')).body).toContain(
      `linehaul_config_version ${number + 1}\n`,
    )
    const key = Buffer.alloc(32).toString('base64')
    const sealed = { ...document, encryption: { keys: [{ id: 'k1', key }], active: 'k1' } }
    const refused = await put(JSON.stringify(sealed), '*')
    expect(refused.body.mistakes).toMatchObject([{ path: 'encryption' }])
  })

  test('an earlier version counts again', async () => {
    const path = '/v1/config/versions/1/rollback'
    expect((await operator.call('POST', path, { note: 'x' })).status).toBe(422)
    const { status, body } = await operator.call('POST', path, { comment: 'too much at once' })
    expect(status).toBe(200)
    expect(body.version).toMatchObject({ source: 'rollback', rolled_back_to: 1 })
    expect(body.applied).toContain('routing')
    expect(await firstCarrier()).toBe('alpha')
    expect(await tryHook()).toMatch(/not a public address/)
    expect((await operator.call('POST', '/v1/config/versions/99/rollback', {})).status).toBe(404)
    expect((await operator.call('POST', '/v1/config/versions/x/rollback', {})).status).toBe(422)
  })

  test('a change outlives a restart, and a file that is changed then goes over it', async () => {
    const { document } = await shown()
    await put(JSON.stringify({ ...document, ...toBeta }), '*')
    const before = await shown()
    await gateway.close()
    await start(file)
    expect((await shown()).number).toBe(before.number)
    expect(await firstCarrier()).toBe('beta')
    await gateway.close()
    await start({ ...file, log_level: 'warn' })
    expect((await operator.get('/v1/config')).body.version).toMatchObject({
      number: before.number + 1,
      source: 'start',
    })
    expect(await firstCarrier()).toBe('alpha')
  })
})

interface MadeDatabase {
  readonly url: string | null
  drop(): Promise<void>
}

function databases(): (readonly [name: string, make: () => Promise<MadeDatabase>])[] {
  const server = inject('postgresUrl')
  const embedded = ['PGlite', async () => ({ url: null, drop: async () => {} })] as const
  return server === null ? [embedded] : [embedded, ['PostgreSQL', () => createTestDatabase(server)]]
}
