import { createServer, type Server } from 'node:http'
import {
  type AddressInfo,
  connect,
  createServer as createTcpServer,
  type Socket,
  type Server as TcpServer,
} from 'node:net'
import { afterEach, describe, expect, test } from 'vitest'
import type {
  CarrierReceipt,
  InboundPart,
  OutboundMessage,
  SegmentOutcome,
} from '../../src/carriers/carrier.ts'
import { HttpCarrier } from '../../src/carriers/http-carrier.ts'
import {
  type HttpCarrierConfig,
  httpCarrierSchema,
  toHttpCarrier,
} from '../../src/config/http-carriers.ts'
import { type Logger, silentLogger } from '../../src/core/logger.ts'
import { TEST_CERTIFICATE, TEST_KEY } from '../smpp/tls-certificate.ts'
import { ScriptedProvider, type ScriptedRequest } from '../support/scripted-provider.ts'

const NOW = new Date('2026-11-22T10:00:00Z')
const TAKEN = { sid: 'SM1' }
const UNREACHABLE = { kind: 'refused', code: 'carrier_unreachable', class: 'passing' } as const
const open: { close(): Promise<unknown> }[] = []

afterEach(async () => {
  for (const each of open.splice(0).reverse()) await each.close()
})

async function provider(tls?: { key: string; cert: string }): Promise<ScriptedProvider> {
  const server = await new ScriptedProvider(tls).listen()
  open.push(server)
  return server
}

const TWILIO = (endpoint: string) => ({
  twilio: { endpoint, account_sid: 'AC1', auth_token: 'token' },
})

const TENCENT = (endpoint: string) => ({
  tencent: { endpoint, secret_id: 'id', secret_key: 'key', sms_sdk_app_id: '1400006666' },
  sign: 'sign',
  text_template: { id: '1110', variable: 'text' },
})

const WITH_TOKEN = (endpoint: string) => ({
  generic: {
    endpoint,
    auth: {
      oauth2: { token_url: `${endpoint}/token`, client_id: 'us', client_secret: 'secret' },
    },
    send: { url: '/messages', json: '{"text": "{text}"}' },
    answer: { id: 'id', code: 'code' },
  },
})

function configFor(account: object, keys: object = {}): HttpCarrierConfig {
  return toHttpCarrier(
    httpCarrierSchema.parse({ name: 'http', type: 'http', rates: [], ...account, ...keys }),
  )
}

function started(config: HttpCarrierConfig, logger: Logger = silentLogger) {
  const receipts: CarrierReceipt[] = []
  const inbound: InboundPart[] = []
  const carrier = new HttpCarrier({
    config,
    logger,
    clock: () => NOW,
    events: {
      onReceipt: async (receipt) => void receipts.push(receipt),
      onInbound: async (part) => void inbound.push(part),
      onCapacityChange() {},
    },
  })
  carrier.start()
  open.push({ close: () => carrier.close(0) })
  return { carrier, receipts, inbound }
}

let messages = 0

function message(changes: Partial<OutboundMessage> = {}): OutboundMessage {
  messages++
  const id = `message-${messages}`
  return {
    id,
    tenantId: 'one',
    partner: null,
    from: 'Linehaul',
    to: `+86138${String(messages).padStart(8, '0')}`,
    sender: { value: 'Linehaul', ton: 5, npi: 0 },
    text: 'Your code is 4711',
    raw: null,
    passThrough: null,
    requestedEncoding: 'auto',
    maxSegments: null,
    registeredDelivery: 1,
    expiresAt: new Date(NOW.getTime() + 3_600_000),
    submit: { key: id, isRepetition: false, mayBeRepeated: false },
    ...changes,
  }
}

function send(carrier: HttpCarrier, changes: Partial<OutboundMessage> = {}) {
  return carrier.prepare(message(changes)).send(1, NOW)
}

/** Takes every number of a call to Tencent. */
function takeAll(request: ScriptedRequest): void {
  const { PhoneNumberSet: numbers } = JSON.parse(request.body) as { PhoneNumberSet: string[] }
  const rows = numbers.map((PhoneNumber) => ({
    PhoneNumber,
    Code: 'Ok',
    SerialNo: `id ${PhoneNumber}`,
  }))
  request.answer(200, { Response: { SendStatusSet: rows } })
}

function numbersOf({ body }: ScriptedRequest): string[] {
  return (JSON.parse(body) as { PhoneNumberSet: string[] }).PhoneNumberSet
}

/** A port where nobody listens. */
async function closedPort(): Promise<number> {
  const server = createTcpServer()
  await new Promise<void>((resolve) => server.listen(0, '127.0.0.1', resolve))
  const { port } = server.address() as AddressInfo
  await new Promise((resolve) => server.close(resolve))
  return port
}

describe('what an answer means', () => {
  const cases: [string, (request: ScriptedRequest) => void, Partial<SegmentOutcome>][] = [
    ['taken', (it) => it.answer(201, TAKEN), { kind: 'accepted', carrierMessageId: 'SM1' }],
    ['garbage with 200', (it) => it.answer(200, '<html>'), { kind: 'uncertain' }],
    ['garbage with 500', (it) => it.answer(500, '<html>'), { kind: 'uncertain' }],
    ['garbage with 408', (it) => it.answer(408, '<html>'), { kind: 'uncertain' }],
    [
      'garbage with 404',
      (it) => it.answer(404, '<html>'),
      { kind: 'refused', rawCode: 'HTTP 404', class: 'message' },
    ],
    [
      'a refusal',
      (it) => it.answer(400, { code: 21610, message: 'unsubscribed' }),
      { kind: 'refused', code: 'recipient_opted_out', rawCode: '21610', class: 'final' },
    ],
    ['a reset', (it) => it.reset(), { kind: 'uncertain' }],
    [
      'half of an answer',
      (it) => {
        it.response.writeHead(201, { 'content-length': '100' })
        it.response.write('{"sid"', () => it.reset())
      },
      { kind: 'uncertain' },
    ],
  ]

  test.each(cases)('%s', async (_name, respond, expected) => {
    const server = await provider()
    server.onRequest = respond
    const { carrier } = started(configFor(TWILIO(server.url)))
    expect(await send(carrier)).toMatchObject(expected)
    expect(server.requests).toHaveLength(1)
  })

  test('no answer in time: the outcome is unknown, and the connection is not used again', async () => {
    const server = await provider()
    const config = { ...configFor(TWILIO(server.url)), timeoutMs: 50 }
    const { carrier } = started(config)
    expect(await send(carrier)).toEqual({
      kind: 'uncertain',
      reason: 'no whole answer in 50 ms',
    })
    await server.until(() => server.openConnections === 0)
  })

  test('an answer that trickles in has the same time', async () => {
    const server = await provider()
    server.onRequest = ({ response }) => {
      response.writeHead(201)
      const timer = setInterval(() => response.write(' '), 5)
      response.on('close', () => clearInterval(timer))
    }
    const { carrier } = started({ ...configFor(TWILIO(server.url)), timeoutMs: 50 })
    expect(await send(carrier)).toMatchObject({ kind: 'uncertain' })
  })

  test('nobody there: another carrier may have it', async () => {
    const endpoint = `http://127.0.0.1:${await closedPort()}`
    const { carrier } = started(configFor(TWILIO(endpoint)))
    expect(await send(carrier)).toMatchObject({
      ...UNREACHABLE,
      reason: expect.stringContaining('ECONNREFUSED'),
    })
  })

  test('a certificate that nobody vouches for: nothing was sent', async () => {
    const server = await provider({ key: TEST_KEY, cert: TEST_CERTIFICATE })
    const { carrier } = started(configFor(TWILIO(server.url)))
    expect(await send(carrier)).toMatchObject(UNREACHABLE)
    expect(server.requests).toHaveLength(0)
  })

  test('no connection is free in time: nothing is sent, then or later', async () => {
    const server = await provider()
    const config = { ...configFor(TWILIO(server.url), { connections: 1 }), timeoutMs: 50 }
    const { carrier } = started(config)
    const [first, second] = [carrier.balance(), carrier.balance()]
    expect(await second).toMatchObject({ reason: 'no free connection in 50 ms' })
    expect(await first).toMatchObject({ reason: 'no whole answer in 50 ms' })
    await server.until(() => server.openConnections === 0)
    expect(server.requests).toHaveLength(1)
  })
})

describe('too fast', () => {
  test.each([
    ['seconds', '30'],
    ['a date', new Date(NOW.getTime() + 30_000).toUTCString()],
  ])('Retry-After in %s: nothing more is journalled until then', async (_form, retryAfter) => {
    const server = await provider()
    server.onRequest = (request) => request.answer(429, '', { 'retry-after': retryAfter })
    const { carrier } = started(configFor(TWILIO(server.url)))
    expect(carrier.waitFor(1, 0, performance.now())).toBe(0)
    expect(await send(carrier)).toEqual({ kind: 'throttled', rawCode: 'HTTP 429' })
    const now = performance.now()
    expect(carrier.waitFor(1, 0, now)).toBeGreaterThan(20_000)
    expect(carrier.waitFor(1, 0, now + 30_000)).toBe(0)
  })
})

describe('connections', () => {
  test('never more than are set, and each is used again', async () => {
    const server = await provider()
    const { carrier } = started(configFor(TWILIO(server.url), { connections: 2 }))
    const sent = Array.from({ length: 6 }, () => send(carrier))
    for (let place = 0; place < 6; place++) {
      const request = await server.request(place)
      expect(server.requests.filter(({ response }) => !response.writableEnded).length).toBeLessThan(
        3,
      )
      request.answer(201, TAKEN)
    }
    await Promise.all(sent)
    expect(server.mostConnections).toBe(2)
    await carrier.close(0)
    await server.until(() => server.openConnections === 0)
  })
})

describe('batches', () => {
  test.each([
    [false, 2],
    [true, 1],
  ])('across tenants %s: %i calls', async (acrossTenants, calls) => {
    const server = await provider()
    server.onRequest = takeAll
    const { carrier } = started(
      configFor(TENCENT(server.url), {
        batch_wait_ms: 20,
        batch_across_tenants: acrossTenants,
      }),
    )
    const tenantIds = ['one', 'two', 'one', 'two']
    const outcomes = await Promise.all(tenantIds.map((tenantId) => send(carrier, { tenantId })))
    expect(new Set(outcomes.map(({ kind }) => kind))).toEqual(new Set(['accepted']))
    expect(server.requests.map((request) => numbersOf(request).length)).toEqual(
      Array.from({ length: calls }, () => 4 / calls),
    )
  })

  test('each of a call has its own outcome, found by its number', async () => {
    const server = await provider()
    server.onRequest = (request) => {
      const [first, second] = numbersOf(request)
      const rows = [
        { PhoneNumber: second, Code: 'FailedOperation.PhoneNumberInBlacklist', SerialNo: '' },
        { PhoneNumber: first, Code: 'Ok', SerialNo: 'one' },
      ]
      request.answer(200, { Response: { SendStatusSet: rows } })
    }
    const { carrier } = started(configFor(TENCENT(server.url), { batch_max: 2 }))
    expect(await Promise.all([send(carrier), send(carrier)])).toMatchObject([
      { kind: 'accepted', carrierMessageId: 'one' },
      { kind: 'refused', code: 'recipient_opted_out' },
    ])
  })

  test('one that cannot be made a request of is refused, and not unknown', async () => {
    const server = await provider()
    const errors: string[] = []
    const logger = { ...silentLogger, error: (_: object, text: string) => errors.push(text) }
    const { carrier } = started(configFor(TWILIO(server.url)), logger)
    const expiresAt = {
      getTime: () => {
        throw new Error('no time')
      },
    } as unknown as Date
    expect(await send(carrier, { expiresAt })).toMatchObject({
      kind: 'refused',
      code: 'not_encodable',
    })
    expect(errors).toEqual(['a call has failed'])
  })

  test('count as calls of their own where they cannot share one', async () => {
    const server = await provider()
    server.onRequest = takeAll
    const { carrier } = started(configFor(TENCENT(server.url), { connections: 2 }))
    expect(carrier.capacity).toBe(400)
    const texts = Array.from({ length: 60 }, (_, index) => `Your code is ${index}`)
    await Promise.all(texts.map((text) => send(carrier, { text })))
    expect(carrier.capacity).toBeLessThanOrEqual(8)
  })
})

describe('tokens', () => {
  const token = (value: string) => ({ access_token: value, expires_in: 3_600 })
  const isToken = ({ path }: ScriptedRequest) => path === '/token'

  test('one is fetched however many calls want it', async () => {
    const server = await provider()
    const { carrier } = started(configFor(WITH_TOKEN(server.url)))
    const sent = Array.from({ length: 5 }, () => send(carrier))
    const asked = await server.request(0)
    server.onRequest = (request) => request.answer(200, { id: 'taken' })
    asked.answer(200, token('first'))
    expect(new Set((await Promise.all(sent)).map(({ kind }) => kind))).toEqual(
      new Set(['accepted']),
    )
    expect(server.requests.filter(isToken)).toHaveLength(1)
    for (const { headers } of server.requests.slice(1)) {
      expect(headers.authorization).toBe('Bearer first')
    }
  })

  test('one that is taken no longer is fetched anew, once', async () => {
    const server = await provider()
    const issued: string[] = []
    server.onRequest = (request) => {
      if (isToken(request)) {
        issued.push(`token-${issued.length + 1}`)
        request.answer(200, token(issued.at(-1) ?? ''))
      } else if (request.headers.authorization === 'Bearer token-2') {
        request.answer(200, { id: 'taken' })
      } else request.answer(401, { code: 'token_expired' })
    }
    const { carrier } = started(configFor(WITH_TOKEN(server.url)))
    const sent = await Promise.all([send(carrier), send(carrier), send(carrier)])
    expect(sent.map(({ kind }) => kind)).toEqual(['accepted', 'accepted', 'accepted'])
    expect(issued).toEqual(['token-1', 'token-2'])

    server.onRequest = (request) =>
      isToken(request)
        ? request.answer(200, token('token-3'))
        : request.answer(401, { code: 'token_expired' })
    expect(await send(carrier)).toMatchObject({ kind: 'refused', rawCode: 'token_expired' })
    expect(server.requests.filter(isToken)).toHaveLength(3)
  })

  test('none to be had: nothing was sent', async () => {
    const server = await provider()
    server.onRequest = (request) => request.answer(401, { error: 'invalid_client' })
    const { carrier } = started(configFor(WITH_TOKEN(server.url)))
    expect(await send(carrier)).toMatchObject({
      ...UNREACHABLE,
      code: 'carrier_unauthorised',
      reason: 'no token: invalid_client',
    })
  })

  test('closing while it is fetched: no call follows', async () => {
    const server = await provider()
    const { carrier } = started(configFor(WITH_TOKEN(server.url)))
    const sent = send(carrier)
    await server.request(0)
    await carrier.close(0)
    expect(await sent).toMatchObject(UNREACHABLE)
    expect(server.requests).toHaveLength(1)
    await server.until(() => server.openConnections === 0)
  })
})

describe('closing', () => {
  test('gives back what has not begun, and has what is under way answered', async () => {
    const server = await provider()
    const { carrier } = started(configFor(TWILIO(server.url), { connections: 1 }))
    const [first, second] = [send(carrier), send(carrier)]
    const request = await server.request(0)
    const closed = carrier.close(60_000)
    expect(await second).toMatchObject({ kind: 'not_sent' })
    request.answer(201, TAKEN)
    expect(await first).toMatchObject({ kind: 'accepted' })
    await closed
    await server.until(() => server.openConnections === 0)
    expect(server.requests).toHaveLength(1)
    expect(carrier.capacity).toBe(0)
    expect(await send(carrier)).toMatchObject({ kind: 'not_sent' })
  })

  test('what is not answered in time may have been sent', async () => {
    const server = await provider()
    const { carrier } = started(configFor(TWILIO(server.url)))
    const sent = send(carrier)
    await server.request(0)
    await carrier.close(1)
    expect(await sent).toMatchObject({ kind: 'uncertain' })
    await server.until(() => server.openConnections === 0)
  })

  test('opens no connection any more, whatever is asked', async () => {
    const server = await provider()
    const { carrier } = started(configFor(TWILIO(server.url)))
    await carrier.close(0)
    expect(await carrier.balance()).toEqual({
      kind: 'no_answer',
      reason: 'its connections are being closed',
    })
    expect(await carrier.check(1_000)).toMatchObject({ kind: 'no_answer' })
    expect(server.mostConnections).toBe(0)
  })
})

describe('other settings while calls are under way', () => {
  test.each([
    ['connections', { connections: 1 }],
    ['a timeout', { timeout_seconds: 30 }],
  ])('%s: what has begun is answered, what follows goes by the new ones', async (_what, keys) => {
    const server = await provider()
    const { carrier } = started(configFor(TWILIO(server.url), { connections: 3 }))
    const before = [send(carrier), send(carrier)]
    await server.until(() => server.requests.length === 2)
    carrier.follow(configFor(TWILIO(server.url), keys))
    for (const request of server.requests) request.answer(201, TAKEN)
    for (const outcome of await Promise.all(before)) expect(outcome.kind).toBe('accepted')
    server.onRequest = (request) => request.answer(201, TAKEN)
    expect(await send(carrier)).toMatchObject({ kind: 'accepted' })
    await carrier.close(0)
    await server.until(() => server.openConnections === 0)
  })

  test('another endpoint: the next call goes there', async () => {
    const [old, next] = [await provider(), await provider()]
    const { carrier } = started(configFor(TWILIO(old.url)))
    const before = send(carrier)
    const request = await old.request(0)
    carrier.follow(configFor(TWILIO(next.url)))
    next.onRequest = (each) => each.answer(201, TAKEN)
    expect(await send(carrier)).toMatchObject({ kind: 'accepted' })
    request.answer(201, TAKEN)
    expect(await before).toMatchObject({ kind: 'accepted' })
    expect([old.requests.length, next.requests.length]).toEqual([1, 1])
  })

  test('closing ends what still goes by the old ones', async () => {
    const server = await provider()
    const { carrier } = started(configFor(TWILIO(server.url)))
    const before = send(carrier)
    await server.request(0)
    carrier.follow(configFor(TWILIO(server.url), { connections: 1 }))
    await carrier.close(0)
    expect(await before).toMatchObject({ kind: 'uncertain' })
    await server.until(() => server.openConnections === 0)
  })
})

describe('pulls', () => {
  const status = (id: number) => ({
    UserReceiveTime: 1_763_800_000,
    CountryCode: '86',
    SubscriberNumber: '13800138000',
    PhoneNumber: '+8613800138000',
    SerialNo: `id ${id}`,
    ReportStatus: 'SUCCESS',
    Description: 'DELIVRD',
  })
  const page = (from: number, count: number) => ({
    Response: {
      PullSmsSendStatusSet: Array.from({ length: count }, (_, index) => status(from + index)),
      PullSmsReplyStatusSet: [],
    },
  })
  const isReceipts = ({ headers }: ScriptedRequest) =>
    headers['x-tc-action'] === 'PullSmsSendStatus'

  test('all pages in a row, and then a rest', async () => {
    const server = await provider()
    const pages = [page(0, 100), page(100, 100), page(200, 7)]
    server.onRequest = (request) =>
      request.answer(200, (isReceipts(request) && pages.shift()) || page(0, 0))
    const { carrier, receipts } = started(configFor(TENCENT(server.url), { pull_seconds: 86_400 }))
    await server.until(() => server.requests.filter(isReceipts).length === 3)
    await carrier.close(60_000)
    expect(receipts).toHaveLength(207)
    expect(new Set(receipts.map(({ carrierMessageId }) => carrierMessageId)).size).toBe(207)
    expect(server.requests.filter(isReceipts)).toHaveLength(3)
  })

  test('a row of failures is told once, and the next row again', async () => {
    const server = await provider()
    const warnings: unknown[] = []
    const logger = { ...silentLogger, warn: (fields: object) => warnings.push(fields) }
    const config = { ...configFor(TENCENT(server.url)), pullMs: 1 }
    let isBroken = true
    server.onRequest = (request) =>
      isReceipts(request) && isBroken ? request.answer(500, '') : request.answer(200, page(0, 0))
    const { carrier } = started(config, logger)
    const look = async (looks: number) => {
      const wanted = server.requests.filter(isReceipts).length + looks
      await server.until(() => server.requests.filter(isReceipts).length >= wanted)
    }
    await look(4)
    expect(warnings).toMatchObject([{ carrier: 'http', pull: 'receipts' }])
    isBroken = false
    await look(3)
    isBroken = true
    await look(3)
    expect(warnings).toHaveLength(2)
    await carrier.close(0)
  })

  test('closing takes what is being fetched, but does not wait for ever, and tells no failure', async () => {
    const server = await provider()
    const warnings: unknown[] = []
    const logger = { ...silentLogger, warn: (fields: object) => warnings.push(fields) }
    const { carrier, receipts } = started(
      configFor(TENCENT(server.url), { pull_seconds: 1 }),
      logger,
    )
    await server.until(() => server.requests.length === 2)
    // One is answered, the other one never.
    server.requests.find(isReceipts)?.answer(200, page(0, 100))
    await server.request(2)
    carrier.follow(configFor(TENCENT(server.url), { pull_seconds: 0 }))
    await carrier.close(10)
    expect(receipts).toHaveLength(100)
    expect(warnings).toEqual([])
    await server.until(() => server.openConnections === 0)
  })
})

describe('a proxy', () => {
  interface Proxy {
    readonly url: string
    readonly targets: string[]
    readonly authorizations: (string | undefined)[]
    connections: number
  }

  /** @param status - what it answers CONNECT with */
  async function proxy(status = 200): Promise<Proxy> {
    const server: Server = createServer()
    const sockets = new Set<Socket>()
    const { port } = await listening(server)
    const made: Proxy = {
      url: `http://us:p%40ss@127.0.0.1:${port}`,
      targets: [],
      authorizations: [],
      connections: 0,
    }
    server.on('connection', (socket) => {
      made.connections++
      sockets.add(socket)
      socket.on('error', () => socket.destroy())
    })
    server.on('connect', (request, socket: Socket) => {
      made.targets.push(request.url ?? '')
      made.authorizations.push(request.headers['proxy-authorization'])
      if (status !== 200) {
        socket.end(`HTTP/1.1 ${status} No\r\n\r\n`)
        return
      }
      const target = connect(Number(request.url?.split(':')[1]), '127.0.0.1', () => {
        socket.write('HTTP/1.1 200 Connection established\r\n\r\n')
        socket.pipe(target).pipe(socket)
      })
      sockets.add(target)
      target.on('error', () => socket.destroy())
      target.on('close', () => socket.destroy())
      socket.on('close', () => target.destroy())
    })
    open.push({
      close: () => {
        for (const socket of sockets) socket.destroy()
        return new Promise((resolve) => server.close(resolve))
      },
    })
    return made
  }

  function listening(server: TcpServer) {
    return new Promise<AddressInfo>((resolve) => {
      server.listen(0, '127.0.0.1', () => resolve(server.address() as AddressInfo))
    })
  }

  test('is gone through, with user and password, on connections that are kept', async () => {
    const server = await provider()
    server.onRequest = (request) => request.answer(201, TAKEN)
    const through = await proxy()
    const keys = { proxy: through.url, connections: 1 }
    const { carrier } = started(configFor(TWILIO(server.url), keys))
    for (let calls = 0; calls < 3; calls++) {
      expect(await send(carrier)).toMatchObject({ kind: 'accepted' })
    }
    expect(through.targets).toEqual([`127.0.0.1:${server.port}`])
    expect(through.authorizations).toEqual([`Basic ${btoa('us:p@ss')}`])
    await carrier.close(0)
    await server.until(() => server.openConnections === 0)
  })

  test('does not change what a certificate is worth', async () => {
    const server = await provider({ key: TEST_KEY, cert: TEST_CERTIFICATE })
    const through = await proxy()
    const { carrier } = started(configFor(TWILIO(server.url), { proxy: through.url }))
    expect(await send(carrier)).toMatchObject({
      ...UNREACHABLE,
      reason: expect.stringContaining('self-signed'),
    })
    expect(through.targets).toHaveLength(1)
  })

  test('that refuses: nothing was sent', async () => {
    const server = await provider()
    const through = await proxy(407)
    const { carrier } = started(configFor(TWILIO(server.url), { proxy: through.url }))
    expect(await send(carrier)).toMatchObject({
      ...UNREACHABLE,
      reason: 'the proxy has answered CONNECT with 407',
    })
    expect(server.requests).toHaveLength(0)
  })

  test('that is not there: nothing was sent', async () => {
    const server = await provider()
    const url = `http://127.0.0.1:${await closedPort()}`
    const { carrier } = started(configFor(TWILIO(server.url), { proxy: url }))
    expect(await send(carrier)).toMatchObject(UNREACHABLE)
  })

  test('that closes what it accepts is tried once for a message', async () => {
    const server = await provider()
    let connections = 0
    const closing = createTcpServer((socket) => {
      connections++
      socket.on('error', () => socket.destroy())
      socket.once('data', () => socket.end())
    })
    const { port } = await listening(closing)
    open.push({ close: () => new Promise((resolve) => closing.close(resolve)) })
    const proxyUrl = `http://127.0.0.1:${port}`
    const { carrier } = started(configFor(TWILIO(server.url), { proxy: proxyUrl }))
    expect(await send(carrier)).toMatchObject(UNREACHABLE)
    expect(connections).toBe(1)
  })
})
