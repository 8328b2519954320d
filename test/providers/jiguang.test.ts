import { afterAll, beforeAll, describe, expect, it } from 'vitest'
import { basicAuthorization } from '../../src/providers/http-call.ts'
import { jiguang, jiguangSignature } from '../../src/providers/jiguang.ts'
import type { ProviderMessage } from '../../src/providers/provider.ts'
import { ProviderServer } from '../../src/sandbox/provider-server.ts'
import { jiguangSimulator } from '../../src/sandbox/providers/jiguang.ts'
import { type CallbackCatcher, catchCallbacks } from './callback-catcher.ts'
import { exchange } from './over-http.ts'
import { CALL, MESSAGE, providerSuite } from './provider-suite.ts'
import { callbacksOf, requestOf, vectorsOf } from './vectors.ts'

const KEYS = { app_key: 'exampleAppKey0000000001', master_secret: 'exampleMasterSecret00001' }

function accountWith(settings: object = {}) {
  return jiguang.open(jiguang.settings.parse({ ...KEYS, ...settings }))
}

const FIRST: ProviderMessage = {
  ...MESSAGE,
  sign: '101',
  template: { id: '1', variables: [{ name: 'code', value: '4711' }] },
}
const SECOND: ProviderMessage = {
  ...FIRST,
  to: '+8613900139000',
  template: { id: '1', variables: [{ name: 'code', value: '4712' }] },
}

providerSuite('jiguang', () => accountWith())

describe('jiguang: vectors', () => {
  it.each(vectorsOf('jiguang', 'http-basic').map((each) => [each.name, each] as const))(
    '%s',
    (_name, { input, expected }) => {
      const keys = { app_key: input.username, master_secret: input.password }
      expect(basicAuthorization(input.username, input.password)).toBe(expected.Authorization)
      const { headers } = accountWith(keys).send([FIRST], CALL)
      expect(headers.authorization).toBe(expected.Authorization)
    },
  )

  it.each(vectorsOf('jiguang', 'jiguang-callback-sha1').map((each) => [each.name, each] as const))(
    '%s, by the adapter and by the simulator',
    (_name, { input, expected }) => {
      const { appKey, appMasterSecret, nonce, timestamp } = input
      const ours = jiguangSignature(appKey, appMasterSecret, nonce, timestamp)
      expect(ours).toBe(expected.signature)
      // The simulator chooses nonces itself: what it signs is what the adapter would sign.
      const simulator = jiguangSimulator({ appKey, masterSecret: appMasterSecret })
      const at = new Date(Number(timestamp))
      const message = { id: '1', from: '13800138000', to: '', text: 'TD', at }
      const pushed = new URLSearchParams(simulator.inboundPush(message, 'http://x/')?.body)
      const theirs = jiguangSignature(appKey, appMasterSecret, pushed.get('nonce') ?? '', timestamp)
      expect(pushed.get('signature')).toBe(theirs)
    },
  )
})

describe('jiguang: requests', () => {
  it('sends one message', () => {
    const { method, url, headers, body } = accountWith().send([FIRST], CALL)
    expect([method, url]).toEqual(['POST', 'https://api.sms.jpush.cn/v1/messages'])
    expect(headers['content-type']).toBe('application/json;charset=utf-8')
    expect(JSON.parse(body)).toEqual({
      mobile: '13800138000',
      sign_id: 101,
      temp_id: 1,
      temp_para: { code: '4711' },
    })
  })

  it('sends many with variables of their own', () => {
    const account = accountWith({ tag: 'logins' })
    expect(account.batchKey(FIRST)).toBe(account.batchKey(SECOND))
    expect(account.batchKey({ ...FIRST, sign: '102' })).not.toBe(account.batchKey(SECOND))
    const { url, body } = account.send([FIRST, SECOND], CALL)
    expect(url).toBe('https://api.sms.jpush.cn/v1/messages/batch')
    expect(JSON.parse(body)).toEqual({
      sign_id: 101,
      temp_id: 1,
      tag: 'logins',
      recipients: [
        { mobile: '13800138000', temp_para: { code: '4711' } },
        { mobile: '13900139000', temp_para: { code: '4712' } },
      ],
    })
  })

  it('leaves the signature to the provider where none is set', () => {
    const { body } = accountWith().send([{ ...FIRST, sign: '' }], CALL)
    expect(JSON.parse(body)).not.toHaveProperty('sign_id')
  })
})

describe('jiguang: answers', () => {
  const answer = (status: number, body: unknown) => ({
    status,
    headers: {},
    body: typeof body === 'string' ? body : JSON.stringify(body),
  })

  it('reads the id, also one beyond 2^53', () => {
    const response = answer(200, '{"msg_id":288193860302000001}')
    expect(accountWith().readSend(response, [FIRST])).toEqual([
      { kind: 'accepted', providerId: '288193860302000001', matchKey: '288193860302000001' },
    ])
  })

  it('reads each recipient by its number', () => {
    const recipients = [
      { mobile: '13900139000', error_code: '50006', error_message: 'invalid mobile' },
      { mobile: '13800138000', msg_id: '7' },
    ]
    const response = answer(200, { success_count: 1, failure_count: 1, recipients })
    expect(accountWith().readSend(response, [FIRST, SECOND])).toEqual([
      { kind: 'accepted', providerId: '7', matchKey: '7' },
      { kind: 'refused', code: '50006', text: 'invalid mobile', httpStatus: 200 },
    ])
  })

  it('reads a refusal of all', () => {
    const response = answer(403, { error: { code: 50009, message: 'out of freq' } })
    const refused = { kind: 'refused', code: '50009', text: 'out of freq', httpStatus: 403 }
    expect(accountWith().readSend(response, [FIRST, SECOND])).toEqual([refused, refused])
  })

  it.each([
    [answer(502, '<html>'), 'HTTP 502 without JSON'],
    [answer(200, {}), 'without "msg_id"'],
    [answer(200, { recipients: [] }), 'leaves a recipient out'],
    [answer(200, { recipients: [{ mobile: '13800138000' }] }), 'without "msg_id" or "error_code"'],
  ])('says so when nobody can tell', (response, message) => {
    expect(() => accountWith().readSend(response, [FIRST])).toThrow(message)
  })
})

describe('jiguang: callbacks', () => {
  const { callbacks } = accountWith()
  const sample = requestOf(callbacksOf('jiguang').find(({ name }) => name === 'dlr-signed')!)
  const withBody = (edit: (form: URLSearchParams) => void) => {
    const form = new URLSearchParams(sample.body.toString())
    edit(form)
    return { ...sample, body: Buffer.from(form.toString()) }
  }

  it('says when it was signed and with what nonce', () => {
    expect(callbacks?.check?.(sample)).toEqual({
      isGenuine: true,
      signedAt: new Date(1_716_193_800_123),
      nonce: '7659972084945889195',
    })
  })

  it.each(['signature', 'nonce', 'timestamp'])('refuses another or no %s', (field) => {
    const without = withBody((form) => form.delete(field))
    const other = withBody((form) => form.set(field, '1'))
    expect(callbacks?.check?.(without)).toMatchObject({ isGenuine: false })
    expect(callbacks?.check?.(other)).toMatchObject({ isGenuine: false })
  })

  it('does not take a POST with echostr for a check of the address', () => {
    const request = { ...sample, url: `${sample.url}?echostr=a1B2c3D4`, body: Buffer.from('') }
    expect(callbacks?.check?.(request)).toMatchObject({ isGenuine: false })
  })

  it.each([
    ['4002', 'recipient_opted_out'],
    ['4003', 'recipient_absent'],
    ['4004', 'recipient_unknown'],
    ['4005', 'carrier_credit_exhausted'],
    ['4006', 'recipient_limit'],
    ['4010', 'content_rejected'],
    ['4100', 'undeliverable'],
    ['4999', null],
  ])('status %s is %s', async (status, failure) => {
    const data = `{"msgId":288193860302000001,"phone":"13800138000","status":${status}}`
    const reports = await callbacks?.read(withBody((form) => form.set('data', data)))
    expect(reports?.receipts).toMatchObject([
      { providerId: '288193860302000001', status: 'failed', code: status, failure, at: null },
    ])
  })

  it('takes what it says of templates, and tells nothing of it', async () => {
    const request = withBody((form) => form.set('type', 'SMS_TEMPLATE'))
    expect(await callbacks?.read(request)).toEqual({ receipts: [], inbound: [] })
  })

  it('says what it cannot read', () => {
    const noType = withBody((form) => form.delete('type'))
    const noJson = withBody((form) => form.set('data', '<'))
    const noId = withBody((form) => form.set('data', '{"status":4001}'))
    expect(() => callbacks?.read(noType)).toThrow('it has no "type"')
    expect(() => callbacks?.read(noJson)).toThrow('its body is no JSON')
    expect(() => callbacks?.read(noId)).toThrow('no "msgId" or "status"')
  })
})

describe('jiguang: with the simulator', () => {
  const keys = { appKey: KEYS.app_key, masterSecret: KEYS.master_secret }
  const server = new ProviderServer(jiguangSimulator(keys))
  let account = accountWith()
  let catcher: CallbackCatcher

  beforeAll(async () => {
    account = accountWith({ endpoint: `${await server.start()}/v1` })
    catcher = await catchCallbacks(account.callbacks)
  })
  afterAll(() => Promise.all([server.close(), catcher.close()]))

  const send = async (...messages: ProviderMessage[]) =>
    account.readSend(await exchange(account.send(messages, CALL)), messages)

  it('sends one and many, each with a result of its own', async () => {
    expect(await send(FIRST)).toMatchObject([{ kind: 'accepted' }])
    server.desk.script({ kind: 'accept' }, { kind: 'refuse', reason: 'unsubscribed' })
    expect(await send(FIRST, SECOND)).toMatchObject([
      { kind: 'accepted' },
      { kind: 'refused', code: '50024', text: 'mobile is unsubscribed' },
    ])
    expect(server.desk.taken.at(-1)?.content).toEqual({
      sign: 101,
      template: 1,
      variables: { code: '4711' },
    })
  })

  it.each([
    ['rate_limit', 'rate_limit', 'carrier_throttled'],
    ['auth', 'auth', 'carrier_unauthorised'],
    ['number', 'invalid', 'destination_invalid'],
    ['template', 'invalid', 'content_invalid'],
    ['balance', 'balance', 'carrier_credit_exhausted'],
    ['content', 'content_rejected', 'content_rejected'],
    ['unsubscribed', 'unsubscribed', 'recipient_opted_out'],
    ['internal', 'provider', 'carrier_error'],
  ] as const)('is refused for %s', async (reason, type, failure) => {
    server.desk.script({ kind: 'refuse', reason })
    const [result] = await send(FIRST)
    if (result?.kind !== 'refused') throw new Error('it was accepted')
    expect(account.classify(result)).toMatchObject({ type, failure })
  })

  it('is refused for foreign numbers, names of templates and signatures, and other keys', async () => {
    const codes = async (...messages: ProviderMessage[]) =>
      (await send(...messages)).map((result) => (result.kind === 'refused' ? result.code : ''))
    expect(await codes({ ...FIRST, to: '+4915123456789' })).toEqual(['50006'])
    expect(await codes({ ...FIRST, sign: '极光' })).toEqual(['50102'])
    expect(await codes({ ...FIRST, template: { id: 'login', variables: [] } })).toEqual(['50013'])
    const stranger = accountWith({ ...KEYS, master_secret: 'other' })
    const { headers } = stranger.send([FIRST], CALL)
    const refused = await exchange({ ...account.send([FIRST], CALL), headers })
    expect(account.readSend(refused, [FIRST])).toMatchObject([{ code: '50002', httpStatus: 401 }])
  })

  it('tells of receipts and messages of handsets', async () => {
    await send(FIRST)
    const message = server.desk.taken.at(-1)!
    const at = new Date('2024-05-20T08:30:05Z')
    const receipts = [
      { message, isDelivered: true, code: 'DELIVRD', at },
      { message, isDelivered: false, code: '4004', at },
    ]
    const answers = await server.pushReceipts(receipts, `${catcher.url}/delivery`)
    expect(answers.map(({ status }) => status)).toEqual([200, 200])
    const told = catcher.reports.splice(0).flatMap((reports) => reports.receipts)
    expect(told).toHaveLength(2)
    expect(told).toContainEqual({
      providerId: message.id,
      matchKey: message.id,
      to: FIRST.to,
      status: 'delivered',
      code: '4001',
      failure: null,
      text: '',
      at,
    })
    expect(told).toContainEqual(
      expect.objectContaining({ status: 'failed', code: '4004', failure: 'recipient_unknown' }),
    )
    const inbound = { id: '1', from: '13800138000', to: '', text: 'TD 你好', at }
    expect(await server.pushInbound(inbound, `${catcher.url}/mo`)).toMatchObject({ status: 200 })
    expect(catcher.reports.splice(0)[0]?.inbound).toEqual([
      { id: null, from: '+8613800138000', to: '', text: 'TD 你好', at },
    ])
  })

  it('says what is left', async () => {
    const left = account.balance?.read(await exchange(account.balance.request(CALL)))
    expect(left).toEqual({ amount: '1000', unit: 'messages' })
    const refused = { status: 401, headers: {}, body: '{"error":{"code":50002,"message":"no"}}' }
    expect(account.balance?.read(refused)).toEqual({ code: '50002', text: 'no', httpStatus: 401 })
  })
})
