import { createServer } from 'node:http'
import type { AddressInfo } from 'node:net'
import { afterAll, beforeAll, describe, expect, it } from 'vitest'
import { generic } from '../../src/providers/generic.ts'
import type { Call, ProviderAccount, ProviderMessage } from '../../src/providers/provider.ts'
import type { RefusalReason } from '../../src/sandbox/provider-desk.ts'
import { ProviderServer, type ProviderSimulator } from '../../src/sandbox/provider-server.ts'
import { chuanglanSimulator } from '../../src/sandbox/providers/chuanglan.ts'
import { chuanglanInternationalSimulator } from '../../src/sandbox/providers/chuanglan-international.ts'
import { jiguangSimulator } from '../../src/sandbox/providers/jiguang.ts'
import { twilioSimulator } from '../../src/sandbox/providers/twilio.ts'
import { zhangrongSimulator } from '../../src/sandbox/providers/zhangrong.ts'
import { type CallbackCatcher, catchCallbacks } from './callback-catcher.ts'
import { EXAMPLES, exampleAccount } from './generic-examples.ts'
import { exchange } from './over-http.ts'
import { CALL, MESSAGE } from './provider-suite.ts'
import { callbacksOf, requestOf, vectorsOf } from './vectors.ts'

const SID = `AC${'a'.repeat(32)}`
const ENV = {
  TWILIO_ACCOUNT_SID: SID,
  TWILIO_AUTH_TOKEN: 'example_auth_token',
  JIGUANG_APP_KEY: 'exampleAppKey0000000001',
  JIGUANG_MASTER_SECRET: 'exampleMasterSecret00001',
  CHUANGLAN_ACCOUNT: 'N0000000',
  CHUANGLAN_PASSWORD: 'examplePassword',
  CHUANGLAN_PUSH_PASSWORD: '12345',
  ZHANGRONG_KEY: 'exampleAccessKey',
  ZHANGRONG_SECRET: 'exampleSecret',
}

const FILLED: ProviderMessage = {
  ...MESSAGE,
  sign: '101',
  template: { id: '1', variables: [{ name: 'code', value: '4711 & 你' }] },
}
const OTHER: ProviderMessage = {
  ...FILLED,
  to: '+8613900139000',
  template: { id: '1', variables: [{ name: 'code', value: '4712' }] },
}

type Refused = readonly [reason: RefusalReason, code: string, type: string, failure: string]

interface Example {
  readonly simulator: ProviderSimulator
  /** Path of `endpoint`. */
  readonly path: string
  readonly messages: readonly ProviderMessage[]
  /** What the simulator has of the first. */
  readonly content: object
  readonly refused: readonly Refused[]
  /** A failure in a receipt; undefined: receipts are not described. */
  readonly failure?: readonly [code: string, failure: string | null]
  readonly isMatchedByNumber?: boolean
  readonly hasInbound?: boolean
  readonly left?: object
}

const CHUANGLAN = { account: 'N0000000', password: 'examplePassword' }

const CASES: Readonly<Record<string, Example>> = {
  Twilio: {
    simulator: twilioSimulator({ accountSid: SID, authToken: ENV.TWILIO_AUTH_TOKEN }),
    path: '/2010-04-01',
    messages: [MESSAGE],
    content: { from: MESSAGE.from, text: MESSAGE.text },
    refused: [
      ['rate_limit', '20429', 'rate_limit', 'carrier_throttled'],
      ['number', '21211', 'invalid', 'destination_invalid'],
      ['unsubscribed', '21610', 'unsubscribed', 'recipient_opted_out'],
      ['internal', '20500', 'provider', 'carrier_error'],
    ],
    failure: ['30003', 'recipient_absent'],
    hasInbound: true,
    left: { amount: '12.34', unit: 'USD' },
  },
  Jiguang: {
    simulator: jiguangSimulator({
      appKey: ENV.JIGUANG_APP_KEY,
      masterSecret: ENV.JIGUANG_MASTER_SECRET,
    }),
    path: '/v1',
    messages: [FILLED, OTHER],
    // The simulator answers in another order than it was asked.
    content: { sign: 101, template: 1, variables: { code: '4711 & 你' } },
    refused: [
      ['rate_limit', '50009', 'rate_limit', 'carrier_throttled'],
      ['template', '50013', 'invalid', 'content_invalid'],
      ['balance', '50014', 'balance', 'carrier_credit_exhausted'],
    ],
    failure: ['4004', 'recipient_unknown'],
    hasInbound: true,
    left: { amount: '1000', unit: 'messages' },
  },
  'Chuanglan, domestic': {
    simulator: chuanglanSimulator({ ...CHUANGLAN, receiver: 'linehaul', pswd: '12345' }),
    path: '',
    messages: [MESSAGE, { ...MESSAGE, to: '+8613900139000' }],
    content: { text: `【阿里云】${MESSAGE.text}` },
    refused: [
      ['content', '105', 'content_rejected', 'content_rejected'],
      ['internal', '104', 'provider', 'carrier_error'],
    ],
    failure: ['MBBLACK', 'recipient_opted_out'],
    isMatchedByNumber: true,
    hasInbound: true,
    left: { amount: '5000', unit: 'messages' },
  },
  'Chuanglan, international': {
    simulator: chuanglanInternationalSimulator(CHUANGLAN),
    path: '',
    messages: [{ ...MESSAGE, to: '+4915123456789' }],
    content: { text: `【阿里云】${MESSAGE.text}`, from: MESSAGE.from },
    refused: [
      ['balance', '110', 'balance', 'carrier_credit_exhausted'],
      ['template', '106', 'provider', 'carrier_specific'],
    ],
  },
  Zhangrong: {
    simulator: zhangrongSimulator({
      accessKey: ENV.ZHANGRONG_KEY,
      secret: ENV.ZHANGRONG_SECRET,
    }),
    path: '',
    messages: [
      { ...FILLED, sign: '掌榕网' },
      { ...FILLED, sign: '掌榕网', to: '+8613900139000' },
    ],
    content: { sign: '【掌榕网】', template: '1', content: '4711 & 你' },
    refused: [
      ['unsubscribed', '9023', 'unsubscribed', 'recipient_opted_out'],
      ['balance', '9010', 'balance', 'carrier_credit_exhausted'],
    ],
    failure: ['UNDELIV', null],
    isMatchedByNumber: true,
  },
}

it('every example of docs/generic-http.md is tried', () => {
  expect(EXAMPLES).toEqual(Object.keys(CASES))
})

describe.each(Object.entries(CASES))('generic: %s', (name, example) => {
  const server = new ProviderServer(example.simulator)
  const { messages } = example
  let endpoint = ''
  let account: ProviderAccount
  let catcher: CallbackCatcher | undefined

  beforeAll(async () => {
    endpoint = (await server.start()) + example.path
    account = exampleAccount(name, ENV, { endpoint })
    if (account.callbacks) catcher = await catchCallbacks(account.callbacks)
  })
  afterAll(() => Promise.all([server.close(), catcher?.close()]))

  const send = async (by = account) => {
    const call = { ...CALL, callbackUrl: catcher?.url ?? null }
    return by.readSend(await exchange(by.send(messages, call)), messages)
  }

  it('sends, in one call what goes together', async () => {
    const before = server.requests
    const keys = new Set(messages.map((message) => account.batchKey(message)))
    expect(keys.size).toBe(1)
    expect(messages.length).toBeLessThanOrEqual(account.maxBatch)
    const results = await send()
    expect(results.map(({ kind }) => kind)).toEqual(messages.map(() => 'accepted'))
    expect(server.requests).toBe(before + 1)
    expect(server.desk.taken.at(-messages.length)?.content).toMatchObject(example.content)
  })

  it.each(example.refused)('is refused for %s', async (reason, code, type, failure) => {
    server.desk.script({ kind: 'refuse', reason })
    const [result] = await send()
    expect(result).toMatchObject({ kind: 'refused', code })
    if (result?.kind !== 'refused') throw new Error('it was accepted')
    expect(result.text).not.toBe('')
    expect(account.classify(result)).toMatchObject({ type, failure })
  })

  it('is refused with other secrets', async () => {
    const others = Object.fromEntries(Object.keys(ENV).map((key) => [key, 'other']))
    const stranger = exampleAccount(
      name,
      { ...others, TWILIO_ACCOUNT_SID: SID, CHUANGLAN_ACCOUNT: 'N0000000' },
      { endpoint },
    )
    const [result] = await send(stranger)
    if (result?.kind !== 'refused') throw new Error('it was accepted')
    expect(stranger.classify(result)).toMatchObject({ type: 'auth' })
  })

  it('says so when nobody can tell', () => {
    const read = (status: number, body: string) => () =>
      account.readSend({ status, headers: {}, body }, messages)
    expect(read(200, '<html>')).toThrow('HTTP 200 without what tells success or a refusal')
    expect(read(503, 'Service Unavailable')).toThrow('HTTP 503 without')
    expect(read(200, '{}')).toThrow('HTTP 200 without')
    expect(read(403, '<html>')()).toMatchObject(
      messages.map(() => ({ kind: 'refused', code: '', httpStatus: 403 })),
    )
  })

  it.runIf(example.failure)(
    'is told of receipts by the provider, and of nothing by others',
    async () => {
      const results = await send()
      const taken = server.desk.taken.slice(-messages.length)
      const [code = '', failure] = example.failure ?? []
      const at = new Date('2024-05-20T08:30:05Z')
      const receipts = taken.map((message, index) => ({
        message,
        isDelivered: index > 0,
        code,
        at,
      }))
      const answers = await server.pushReceipts(receipts, `${catcher?.url}/delivery`)
      expect(answers.every(({ status }) => status < 300)).toBe(true)
      const told = catcher?.reports.splice(0).flatMap((reports) => reports.receipts) ?? []
      expect(told).toHaveLength(messages.length)
      const keys = results.map((result) => (result.kind === 'accepted' ? result.matchKey : ''))
      expect(new Set(told.map(({ matchKey }) => matchKey))).toEqual(new Set(keys))
      const failed = told.find(({ status }) => status === 'failed')
      expect(failed).toMatchObject({ to: messages[0]?.to, code, failure })
      expect(failed?.matchKey.includes(' ')).toBe(example.isMatchedByNumber === true)
      if (name !== 'Twilio') expect(failed?.at).toEqual(at)
      const { check } = account.callbacks ?? {}
      expect(check === undefined).toBe(name === 'Zhangrong')
      if (!check) return
      const stranger = await fetch(`${catcher?.url}/delivery?x=1`, { method: 'POST', body: 'x=1' })
      expect(stranger.status).toBe(403)
      expect(catcher?.reports).toEqual([])
    },
  )

  it.runIf(example.hasInbound)('is told of messages of handsets', async () => {
    const at = new Date('2024-05-20T08:30:00Z')
    const from = name === 'Twilio' ? '+8613800138000' : '13800138000'
    const message = { id: 'SM1', from, to: '10690', text: 'TD & 你好', at }
    const answer = await server.pushInbound(message, `${catcher?.url}/mo`)
    expect(answer?.status).toBe(200)
    const [reports] = catcher?.reports.splice(0) ?? []
    expect(reports?.receipts).toEqual([])
    expect(reports?.inbound).toMatchObject([{ from: '+8613800138000', text: 'TD & 你好' }])
  })

  it('fetches what waits, once', async () => {
    const [pull] = account.pulls ?? []
    expect(pull !== undefined).toBe(['Chuanglan, domestic', 'Zhangrong'].includes(name))
    if (!pull) return
    const [result] = await send()
    const message = server.desk.taken.at(-messages.length)
    if (!message) throw new Error('nothing was taken')
    const at = new Date('2024-05-20T08:30:05Z')
    server.desk.receipts.push({ message, isDelivered: true, code: 'DELIVRD', at })
    const fetched = pull.read(await exchange(pull.request(CALL)))
    const matchKey = result?.kind === 'accepted' ? result.matchKey : ''
    expect(fetched.receipts).toMatchObject([{ matchKey, status: 'delivered', at }])
    const again = pull.read(await exchange(pull.request(CALL)))
    expect(again).toEqual({ receipts: [], inbound: [], isMore: false })
  })

  it('says what is left', async () => {
    const left = account.balance?.read(await exchange(account.balance.request(CALL)))
    expect(left).toEqual(example.left)
  })
})

describe('generic: fixtures of the providers', () => {
  it.each(
    callbacksOf('twilio')
      .concat(callbacksOf('jiguang'))
      .map((each) => [each.provider, each.name, each] as const),
  )('%s: %s', async (provider, _name, sample) => {
    const name = provider === 'twilio' ? 'Twilio' : 'Jiguang'
    const { callbacks } = exampleAccount(name, ENV)
    const request = requestOf(sample)
    expect(callbacks?.check?.(request)).toMatchObject({ isGenuine: true })
    const reports = await callbacks?.read(request)
    expect((reports?.receipts.length ?? 0) + (reports?.inbound.length ?? 0)).toBe(
      sample.expected.length,
    )
    const forged = { ...request, method: 'POST' as const, body: Buffer.from('signature=1') }
    expect(callbacks?.check?.(forged)).toMatchObject({ isGenuine: false })
  })

  it('signs as the international interface of Chuanglan wants it', () => {
    const [, vector] = vectorsOf('chuanglan', 'chuanglan-intl-md5')
    const { input, expected } = vector ?? {}
    const account = exampleAccount('Chuanglan, international', {
      CHUANGLAN_ACCOUNT: input.body.account,
      CHUANGLAN_PASSWORD: input.password,
    })
    const call: Call = { ...CALL, now: new Date(Number(input.nonce)) }
    const message = { ...MESSAGE, sign: '', from: '', text: input.body.msg }
    expect(account.send([message], call).headers.sign).toBe(expected.sign)
  })
})

describe('generic: OAuth 2.0', () => {
  const issued: string[] = []
  const server = createServer(async (incoming, response) => {
    const chunks: Buffer[] = []
    for await (const chunk of incoming as AsyncIterable<Buffer>) chunks.push(chunk)
    const body = Buffer.concat(chunks).toString()
    const { authorization } = incoming.headers
    const answer = (status: number, value: object) =>
      response.writeHead(status, { 'content-type': 'application/json' }).end(JSON.stringify(value))
    if (incoming.url === '/token') {
      const form = new URLSearchParams(body)
      // RFC 6749, section 2.3.1: id and secret are form-encoded before they are joined.
      const isClient =
        authorization === `Basic ${btoa('linehaul:p%2Bs%3A1')}` ||
        (form.get('client_id') === 'linehaul' && form.get('client_secret') === 'p+s:1')
      if (!isClient || form.get('grant_type') !== 'client_credentials') {
        return answer(401, { error: 'invalid_client', error_description: 'who is this?' })
      }
      issued.push(`token-${issued.length + 1}-${form.get('scope')}`)
      return answer(200, { access_token: issued.at(-1), token_type: 'bearer', expires_in: 1800 })
    }
    if (authorization !== `Bearer ${issued.at(-1)}`) return answer(401, { code: 'token_expired' })
    return answer(200, { id: 'm1', text: JSON.parse(body).text })
  })
  let base = ''
  beforeAll(async () => {
    await new Promise<void>((resolve) => server.listen(0, '127.0.0.1', resolve))
    base = `http://127.0.0.1:${(server.address() as AddressInfo).port}`
  })
  afterAll(() => new Promise<void>((resolve) => server.close(() => resolve())))

  const accountWith = (oauth2: object) =>
    open({
      endpoint: base,
      auth: {
        oauth2: {
          token_url: `${base}/token`,
          client_id: 'linehaul',
          client_secret: 'p+s:1',
          scope: 'sms',
          ...oauth2,
        },
      },
      send: { url: '/messages', json: '{"text": "{text}"}' },
      answer: { id: 'id', code: 'code' },
    })

  it.each(['basic', 'body'])(
    'fetches a token (%s), shows it, and knows when it is refused',
    async (way) => {
      const account = accountWith({ client_auth: way })
      const fetched = account.token?.read(await exchange(account.token.request(CALL)))
      expect(fetched).toEqual({ value: issued.at(-1), lifetimeSeconds: 1800 })
      const sent = async (token: string) =>
        account.readSend(await exchange(account.send([MESSAGE], { ...CALL, token })), [MESSAGE])
      expect(await sent(issued.at(-1) ?? '')).toMatchObject([
        { kind: 'accepted', providerId: 'm1' },
      ])
      const [old] = await sent('old')
      if (old?.kind !== 'refused') throw new Error('it was accepted')
      expect(account.token?.isRefused(old)).toBe(true)
      expect(account.token?.isRefused({ code: '1', text: '', httpStatus: 400 })).toBe(false)
    },
  )

  it('tells why it gets none', async () => {
    const { token } = accountWith({ client_secret: 'other' })
    expect(token?.read(await exchange(token.request(CALL)))).toEqual({
      code: 'invalid_client',
      text: 'who is this?',
      httpStatus: 401,
    })
    const unfit = { status: 200, headers: {}, body: '{"access_token":"a\\r\\nx: y"}' }
    expect(() => token?.read(unfit)).toThrow('characters that no header takes')
  })
})

function open(settings: object): ProviderAccount {
  return generic.open(generic.settings.parse(settings))
}
