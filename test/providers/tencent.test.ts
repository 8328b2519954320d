import { afterAll, beforeAll, describe, expect, it } from 'vitest'
import type { HttpResponse } from '../../src/providers/http-call.ts'
import type { ProviderMessage } from '../../src/providers/provider.ts'
import { tencent } from '../../src/providers/tencent.ts'
import { tc3Authorization } from '../../src/providers/tencent-signature.ts'
import { ProviderDesk, REFUSAL_REASONS } from '../../src/sandbox/provider-desk.ts'
import { tencentSimulator } from '../../src/sandbox/providers/tencent.ts'
import { exchange, type OverHttp, overHttp, TYPE_OF_REASON, tellReceipts } from './over-http.ts'
import { CALL, MESSAGE, providerSuite } from './provider-suite.ts'
import { callbacksOf, requestOf, vectorsOf } from './vectors.ts'

const KEY = { secret_id: 'AKIDEXAMPLEEXAMPLE', secret_key: 'ExampleSecretKey' }
const APP = '1400006666'

function accountWith(settings: object = {}) {
  return tencent.open(tencent.settings.parse({ ...KEY, sms_sdk_app_id: APP, ...settings }))
}

const template = {
  id: '1110',
  variables: [
    { name: 'code', value: '1234' },
    { name: 'minutes', value: '5' },
  ],
}
const FILLED: ProviderMessage = { ...MESSAGE, sign: '腾讯云', template }
const OTHER: ProviderMessage = {
  ...FILLED,
  id: '0190a5c4-0000-7000-8000-000000000002',
  to: '+8613900139000',
}
const ABROAD: ProviderMessage = { ...FILLED, to: '+85251234567' }

providerSuite('tencent', () => accountWith())

describe('tencent: signatures', () => {
  it.each(vectorsOf('tencent').map((vector) => [vector.name, vector] as const))(
    '%s',
    (_name, { input, expected }) => {
      const key = { id: input.secretId, secret: input.secretKey }
      const authorization = tc3Authorization(key, input)
      if (expected.authorization) expect(authorization).toBe(expected.authorization)
      expect(authorization).toMatch(new RegExp(`Signature=${expected.signature}$`))
    },
  )
})

describe('tencent: requests', () => {
  it('sends one message', () => {
    const { method, url, headers, body } = accountWith().send([FILLED], CALL)
    expect([method, url]).toEqual(['POST', 'https://sms.tencentcloudapi.com/'])
    expect(headers).toEqual({
      authorization: expect.stringMatching(
        /^TC3-HMAC-SHA256 Credential=AKIDEXAMPLEEXAMPLE\/2024-05-20\/sms\/tc3_request, SignedHeaders=content-type;host, Signature=[0-9a-f]{64}$/,
      ),
      'content-type': 'application/json; charset=utf-8',
      'x-tc-action': 'SendSms',
      'x-tc-region': 'ap-guangzhou',
      'x-tc-timestamp': '1716193800',
      'x-tc-version': '2021-01-11',
    })
    expect(JSON.parse(body)).toEqual({
      PhoneNumberSet: ['+8613800138000'],
      SmsSdkAppId: APP,
      TemplateId: '1110',
      SignName: '腾讯云',
      TemplateParamSet: ['1234', '5'],
      SessionContext: FILLED.id,
    })
  })

  it('sends one content to many', () => {
    const account = accountWith({ extend_code: '01', sender_id: 'Linehaul', token: 'temporary' })
    const { headers, body } = account.send([FILLED, OTHER], CALL)
    expect(headers['x-tc-token']).toBe('temporary')
    expect(JSON.parse(body)).toEqual({
      PhoneNumberSet: ['+8613800138000', '+8613900139000'],
      SmsSdkAppId: APP,
      TemplateId: '1110',
      SignName: '腾讯云',
      TemplateParamSet: ['1234', '5'],
      ExtendCode: '01',
    })
    expect(account.batchKey(FILLED)).toBe(account.batchKey(OTHER))
    expect(account.batchKey(FILLED)).not.toBe(account.batchKey(ABROAD))
    expect(account.batchKey(FILLED)).not.toBe(
      account.batchKey({ ...FILLED, template: { ...template, variables: [] } }),
    )
  })

  it('has a sender for numbers abroad only, and leaves out what there is not', () => {
    const bare = { ...ABROAD, sign: '', template: { id: '1', variables: [] } }
    const account = accountWith({ sender_id: 'Linehaul', region: 'ap-singapore' })
    const { headers, body } = account.send([bare], CALL)
    expect(headers['x-tc-region']).toBe('ap-singapore')
    expect(JSON.parse(body)).toEqual({
      PhoneNumberSet: ['+85251234567'],
      SmsSdkAppId: APP,
      TemplateId: '1',
      SessionContext: ABROAD.id,
      SenderId: 'Linehaul',
    })
  })

  it('asks for packages by the hour of Beijing', () => {
    const request = accountWith().balance?.request(CALL)
    expect(JSON.parse(request?.body ?? '')).toMatchObject({
      BeginTime: '2021052116',
      EndTime: '2024052016',
    })
  })
})

describe('tencent: answers', () => {
  const answer = (Response: object, headers = {}): HttpResponse => ({
    status: 200,
    headers,
    body: JSON.stringify({ Response }),
  })
  const account = accountWith()
  const ok = { Code: 'Ok', Message: 'send success', Fee: 1 }

  it('has a result for each number, in whatever order', () => {
    const limit = { Code: 'LimitExceeded.PhoneNumberThirtySecondLimit', Message: 'limit' }
    const set = [
      { ...limit, PhoneNumber: '+8613900139000', SerialNo: '' },
      { ...ok, PhoneNumber: '+8613800138000', SerialNo: '5000:1' },
    ]
    const [first, second] = account.readSend(answer({ SendStatusSet: set }), [FILLED, OTHER])
    expect(first).toEqual({ kind: 'accepted', providerId: '5000:1', matchKey: '5000:1' })
    expect(second).toEqual({ kind: 'refused', code: limit.Code, text: 'limit', httpStatus: 200 })
    if (second?.kind !== 'refused') return
    expect(account.classify(second)).toEqual({
      type: 'rate_limit',
      retryable: true,
      failure: 'recipient_limit',
      tryAnother: false,
    })
  })

  it('refuses all of a call', () => {
    const error = { Code: 'AuthFailure.SignatureFailure', Message: 'no' }
    const refused = { kind: 'refused', code: error.Code, text: 'no', httpStatus: 200 }
    expect(account.readSend(answer({ Error: error }), [FILLED, OTHER])).toEqual([refused, refused])
  })

  it('says so when nobody can tell', () => {
    const read = (response: HttpResponse) => () => account.readSend(response, [FILLED])
    expect(read({ status: 502, headers: {}, body: '<html>' })).toThrow('HTTP 502 without JSON')
    expect(read({ status: 200, headers: {}, body: '{}' })).toThrow('HTTP 200 without "Response"')
    expect(read(answer({ SendStatusSet: [] }))).toThrow('without "Code"')
    expect(read(answer({ SendStatusSet: [{ ...ok, PhoneNumber: FILLED.to }] }))).toThrow(
      'without "SerialNo"',
    )
    for (const Code of ['InternalError.Timeout', 'InternalError.SendAndRecvFail']) {
      expect(read(answer({ Error: { Code, Message: 'lost' } }))).toThrow(`${Code}: lost`)
    }
  })

  it('reads what a pull brings, and what one is refused with', () => {
    const [receipts] = account.pulls ?? []
    const row = { SerialNo: '1', PhoneNumber: '+8613800138000', UserReceiveTime: 1716193805 }
    const rows = [
      { ...row, ReportStatus: 'FAIL', Description: 'MK:100D' },
      { ...row, ReportStatus: 'FAIL', Description: '用户不存在 (其他)' },
    ]
    expect(receipts?.read(answer({ PullSmsSendStatusSet: rows }))).toEqual({
      receipts: [
        {
          providerId: '1',
          matchKey: '1',
          to: '+8613800138000',
          status: 'failed',
          code: 'MK:100D',
          failure: 'recipient_opted_out',
          text: 'MK:100D',
          at: new Date('2024-05-20T08:30:05Z'),
        },
        expect.objectContaining({ code: 'FAIL', failure: null, text: '用户不存在 (其他)' }),
      ],
      inbound: [],
      isMore: false,
    })
    const full = Array.from({ length: 100 }, () => rows[0])
    expect(receipts?.read(answer({ PullSmsSendStatusSet: full })).isMore).toBe(true)
    const error = { Code: 'UnauthorizedOperation.RequestPermissionDeny', Message: 'not enabled' }
    expect(() => receipts?.read(answer({ Error: error }))).toThrow(
      'RequestPermissionDeny: not enabled',
    )
  })

  it('adds up the packages that are still good', () => {
    const good = { PackageAmount: 1000, CurrentUsage: 400, PackageExpiredTime: 1716193801 }
    const set = [good, { ...good, CurrentUsage: 999 }, { ...good, PackageExpiredTime: 1716193800 }]
    const date = CALL.now.toUTCString()
    const read = (headers: object) =>
      account.balance?.read(answer({ SmsPackagesStatisticsSet: set }, headers))
    expect(read({ date })).toEqual({ amount: '601', unit: 'messages' })
    expect(() => read({})).toThrow('without a "date"')
    const error = { Code: 'AuthFailure.SecretIdNotFound', Message: 'no' }
    expect(account.balance?.read(answer({ Error: error }))).toMatchObject({ code: error.Code })
  })
})

describe('tencent: callbacks', () => {
  const [sample] = callbacksOf('tencent')
  const read = (value: unknown, kind: 'delivery' | 'mo' = 'delivery') => {
    if (!sample) throw new Error('no sample')
    const body = Buffer.from(JSON.stringify(value))
    return accountWith().callbacks?.read({ ...requestOf(sample), kind, body })
  }

  it('knows codes of the blacklist, and numbers abroad', () => {
    const report = { sid: '1', report_status: 'FAIL', nationcode: '852', mobile: '51234567' }
    expect(read([{ ...report, errmsg: 'MK:100C' }])).toMatchObject({
      receipts: [{ to: '+85251234567', status: 'failed', failure: 'recipient_opted_out' }],
    })
    expect(read([{ ...report, errmsg: 'UNDELIV' }])).toMatchObject({
      receipts: [{ failure: null }],
    })
  })

  it('takes a word that is not documented for one that is not final', () => {
    const report = { sid: '1', report_status: 'SENT', nationcode: '', mobile: '13800138000' }
    expect(read([report])).toMatchObject({
      receipts: [{ status: 'pending', code: 'SENT', to: '+8613800138000', at: null }],
    })
  })

  it('refuses what says of no message', () => {
    expect(() => read([{ mobile: '13800138000' }])).toThrow('without "sid"')
    expect(() => read({ text: 'TD' }, 'mo')).toThrow('without "mobile"')
  })
})

describe('tencent: with the simulator, over HTTP', () => {
  let wire: OverHttp
  const open = (settings: object = {}) => accountWith({ endpoint: wire.endpoint, ...settings })
  const results = async (account: ReturnType<typeof open>, ...messages: ProviderMessage[]) =>
    account.readSend(await exchange(account.send(messages, CALL)), messages)
  const codesOf = async (account: ReturnType<typeof open>, ...messages: ProviderMessage[]) =>
    (await results(account, ...messages)).map((each) => (each.kind === 'refused' ? each.code : ''))

  beforeAll(async () => {
    const [secretId, secretKey] = [KEY.secret_id, KEY.secret_key]
    wire = await overHttp(tencentSimulator({ secretId, secretKey, smsSdkAppId: APP }))
  })
  afterAll(() => wire.close())

  it('is taken, reported and answered', async () => {
    const account = open()
    wire.answerAs(account.callbacks)
    const sent = await results(account, FILLED, OTHER)
    const [first, second] = wire.server.desk.taken.slice(-2)
    if (!first || !second) throw new Error('nothing was taken')
    expect(first.content).toEqual({ template: '1110', sign: '腾讯云', variables: ['1234', '5'] })
    const { answers, reports } = await tellReceipts(wire, account, [
      { message: first, isDelivered: true, code: 'DELIVRD', at: CALL.now },
      { message: second, isDelivered: false, code: 'MK:100D', at: CALL.now },
    ])
    expect(answers).toEqual([
      { status: 200, contentType: 'application/json', body: '{"result":0,"errmsg":"OK"}' },
    ])
    expect(reports?.receipts.map(({ matchKey }) => matchKey)).toEqual(
      sent.map((each) => each.kind === 'accepted' && each.matchKey),
    )
    expect(reports?.receipts).toMatchObject([
      { to: FILLED.to, status: 'delivered', failure: null, at: CALL.now },
      { to: OTHER.to, status: 'failed', failure: 'recipient_opted_out', at: CALL.now },
    ])
  })

  it('asks about one message, and pulls the receipts of all once', async () => {
    const account = open()
    const [result] = await results(account, ABROAD)
    const message = wire.server.desk.taken.at(-1)
    if (result?.kind !== 'accepted' || !message) throw new Error('it was not taken')
    expect(message.echo).toBe(ABROAD.id)
    const sent = { providerId: result.providerId, to: ABROAD.to, sentAt: CALL.now }
    const ask = async () => {
      const request = account.query?.request(sent, CALL)
      return request && account.query?.read(await exchange(request), sent)
    }
    const pull = async () => {
      const [receipts] = account.pulls ?? []
      return receipts?.read(await exchange(receipts.request(CALL)))
    }
    expect(await ask()).toBeNull()
    wire.server.desk.receipts.push({ message, isDelivered: true, code: 'DELIVRD', at: CALL.now })
    const receipt = {
      providerId: result.providerId,
      matchKey: result.matchKey,
      to: ABROAD.to,
      status: 'delivered',
      code: 'DELIVRD',
      failure: null,
      text: 'DELIVRD',
      at: CALL.now,
    }
    expect(await ask()).toEqual(receipt)
    expect(await pull()).toEqual({ receipts: [receipt], inbound: [], isMore: false })
    expect(await pull()).toEqual({ receipts: [], inbound: [], isMore: false })
  })

  it('tells of messages of handsets, and has them pulled', async () => {
    const account = open()
    const message = { id: '1', from: '+8613800138000', to: '01', text: 'TD', at: CALL.now }
    const read = { ...message, id: null }
    await wire.server.pushInbound(message, `${wire.callbackUrl}/mo`)
    const request = wire.callbacks.at(-1)
    if (!request) throw new Error('no callback came')
    expect(await account.callbacks?.read(request)).toEqual({ receipts: [], inbound: [read] })
    wire.server.desk.inbound.push(message)
    const [, inbound] = account.pulls ?? []
    if (!inbound) throw new Error('no pull')
    const pulled = inbound.read(await exchange(inbound.request(CALL)))
    expect(pulled).toEqual({ receipts: [], inbound: [read], isMore: false })
  })

  it('tells how many messages are left', async () => {
    const { balance } = open()
    if (!balance) throw new Error('no balance')
    expect(balance.read(await exchange(balance.request(CALL)))).toEqual({
      amount: String(1_000 - wire.server.desk.taken.length),
      unit: 'messages',
    })
  })

  it('is refused with a forged signature, another key, another application and an old time', async () => {
    expect(await codesOf(open({ secret_key: 'wrong' }), FILLED)).toEqual([
      'AuthFailure.SignatureFailure',
    ])
    expect(await codesOf(open({ secret_id: 'wrong' }), FILLED)).toEqual([
      'AuthFailure.SecretIdNotFound',
    ])
    expect(await codesOf(open({ sms_sdk_app_id: '1400000000' }), FILLED)).toEqual([
      'UnauthorizedOperation.SmsSdkAppIdVerifyFail',
    ])
    const account = open()
    const codeAfter = async (change: (request: ReturnType<typeof account.send>) => object) => {
      const request = account.send([FILLED], CALL)
      const response = await exchange({ ...request, ...change(request) })
      return account.readSend(response, [FILLED])
    }
    const old = { ...CALL, now: new Date(CALL.now.getTime() - 301_000) }
    expect(await codeAfter(() => account.send([FILLED], old))).toMatchObject([
      { code: 'AuthFailure.SignatureExpire' },
    ])
    expect(await codeAfter(({ body }) => ({ body: body.replace('1234', '9999') }))).toMatchObject([
      { code: 'AuthFailure.SignatureFailure' },
    ])
    const older = { 'x-tc-version': '2019-07-11' }
    expect(await codeAfter(({ headers }) => ({ headers: { ...headers, ...older } }))).toMatchObject(
      [{ code: 'NoSuchVersion' }],
    )
  })

  it('has the token of a temporary key', async () => {
    const [secretId, secretKey] = [KEY.secret_id, KEY.secret_key]
    const other = await overHttp(
      tencentSimulator({ secretId, secretKey, smsSdkAppId: APP, token: 'temporary' }),
    )
    const { endpoint } = other
    expect(await codesOf(accountWith({ endpoint, token: 'temporary' }), FILLED)).toEqual([''])
    expect(await codesOf(accountWith({ endpoint }), FILLED)).toEqual(['AuthFailure.TokenFailure'])
    await other.close()
  })

  it('checks the vectors of requests as the provider does', () => {
    for (const name of [
      'tc3-sendsms-json',
      'tc3-sendsms-json-charset',
      'tc3-sendsms-with-action',
    ]) {
      const { input, expected } = vectorsOf('tencent').find((vector) => vector.name === name) ?? {}
      const [secretId, secretKey] = [input.secretId as string, input.secretKey as string]
      const answer = tencentSimulator({ secretId, secretKey, smsSdkAppId: APP }).answer(
        {
          method: 'POST',
          path: '/',
          rawQuery: '',
          query: new URLSearchParams(),
          headers: {
            ...input.headers,
            'x-tc-action': 'SendSms',
            'x-tc-region': 'ap-guangzhou',
            'x-tc-timestamp': String(input.timestamp),
            'x-tc-version': '2021-01-11',
            authorization: expected.authorization,
          },
          body: Buffer.from(input.body as string),
        },
        new ProviderDesk(() => CALL.now),
      )
      expect(answer.body, name).toMatchObject({
        Response: { SendStatusSet: [{ Code: 'Ok' }, { Code: 'Ok' }] },
      })
    }
  })

  it('is refused for what the provider would refuse', async () => {
    const account = open()
    const codes = (change: Partial<ProviderMessage>) => codesOf(account, { ...FILLED, ...change })
    const urlIn = { ...template, variables: [{ name: 'code', value: 'https://a.example' }] }
    expect(await codes({ to: '+8610' })).toEqual(['InvalidParameterValue.IncorrectPhoneNumber'])
    expect(await codes({ sign: '' })).toEqual(['FailedOperation.SignatureIncorrectOrUnapproved'])
    expect(await codes({ template: { id: 'login', variables: [] } })).toEqual([
      'FailedOperation.TemplateIncorrectOrUnapproved',
    ])
    expect(await codes({ template: urlIn })).toEqual([
      'InvalidParameterValue.ProhibitedUseUrlInTemplateParameter',
    ])
    const mixed = await codesOf(account, FILLED, ABROAD)
    expect(mixed[0]).toBe('UnsupportedOperation.ContainDomesticAndInternationalPhoneNumber')
    const many = Array.from({ length: 201 }, () => FILLED)
    expect((await codesOf(account, ...many))[0]).toBe('LimitExceeded.PhoneNumberCountLimit')
  })

  it('takes some of a call', async () => {
    const before = wire.server.desk.taken.length
    wire.server.desk.script({ kind: 'accept' }, { kind: 'refuse', reason: 'unsubscribed' })
    expect(await codesOf(open(), FILLED, OTHER)).toEqual([
      '',
      'FailedOperation.PhoneNumberInBlacklist',
    ])
    expect(wire.server.desk.taken.length).toBe(before + 1)
  })

  it.each(REFUSAL_REASONS)('reads a refusal for %s as what it is', async (reason) => {
    const account = open()
    wire.server.desk.script({ kind: 'refuse', reason })
    const [result] = await results(account, FILLED)
    if (result?.kind !== 'refused') throw new Error('it was taken')
    expect(account.classify(result).type).toBe(TYPE_OF_REASON[reason])
  })
})
