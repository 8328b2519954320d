import { afterAll, beforeAll, describe, expect, it } from 'vitest'
import { aliyun } from '../../src/providers/aliyun.ts'
import { acs3Authorization, rpcSignature } from '../../src/providers/aliyun-signature.ts'
import type { HttpResponse } from '../../src/providers/http-call.ts'
import type { ProviderMessage } from '../../src/providers/provider.ts'
import { ProviderDesk, REFUSAL_REASONS } from '../../src/sandbox/provider-desk.ts'
import { aliyunSimulator } from '../../src/sandbox/providers/aliyun.ts'
import { exchange, type OverHttp, overHttp, TYPE_OF_REASON, tellReceipts } from './over-http.ts'
import { CALL, MESSAGE, providerSuite } from './provider-suite.ts'
import { callbacksOf, requestOf, vectorsOf } from './vectors.ts'

const KEY = { access_key_id: 'LTAI-EXAMPLE-KEY-ID', access_key_secret: 'example-access-key-secret' }

function accountWith(settings: object = {}) {
  return aliyun.open(aliyun.settings.parse({ ...KEY, ...settings }))
}

const template = (code: string) => ({
  id: 'SMS_154950909',
  variables: [{ name: 'code', value: code }],
})
const FILLED: ProviderMessage = { ...MESSAGE, template: template('1234') }
const OTHER: ProviderMessage = {
  ...FILLED,
  id: '0190a5c4-0000-7000-8000-000000000002',
  to: '+8613900139000',
  sign: '签名',
  template: template('2'),
}
const ABROAD: ProviderMessage = { ...FILLED, to: '+85251234567' }

function queryOf({ url }: { readonly url: string }) {
  return Object.fromEntries(new URL(url).searchParams)
}

function formIn({ body }: { readonly body: string }) {
  return Object.fromEntries(new URLSearchParams(body))
}

providerSuite('aliyun', () => accountWith())

describe('aliyun: signatures', () => {
  it.each(vectorsOf('aliyun', 'ACS3-HMAC-SHA256').map((vector) => [vector.name, vector] as const))(
    '%s',
    (_name, { input, expected }) => {
      const bodyHash: string = input.bodySha256Override ?? expected.bodySha256
      const headers = Array.isArray(input.headers) ? input.headers : Object.entries(input.headers)
      const key = { id: input.accessKeyId, secret: input.accessKeySecret }
      const query = Object.entries(input.query as Record<string, string>)
      expect(acs3Authorization(key, { ...input, query, headers, bodyHash })).toBe(
        expected.authorization,
      )
    },
  )

  it.each(
    vectorsOf('aliyun', 'ALIYUN-RPC-HMAC-SHA1').map((vector) => [vector.name, vector] as const),
  )('%s', (_name, { input, expected }) => {
    const parameters = Object.entries(input.params as Record<string, string>)
    expect(rpcSignature(input.accessKeySecret, input.method, parameters)).toBe(expected.signature)
  })
})

describe('aliyun: requests', () => {
  it('sends one message with all parameters in the query, signed', () => {
    const request = accountWith().send([FILLED], CALL)
    expect(request.url).toMatch(/^https:\/\/dysmsapi\.aliyuncs\.com\/\?OutId=/)
    expect(queryOf(request)).toEqual({
      PhoneNumbers: '13800138000',
      SignName: '阿里云',
      TemplateCode: 'SMS_154950909',
      TemplateParam: '{"code":"1234"}',
      OutId: FILLED.id,
    })
    expect(request).toMatchObject({ method: 'POST', body: '' })
    expect(request.headers).toEqual({
      accept: 'application/json',
      'x-acs-action': 'SendSms',
      'x-acs-content-sha256': 'e3b0c44298fc1c149afbf4c8996fb92427ae41e4649b934ca495991b7852b855',
      'x-acs-date': '2024-05-20T08:30:00Z',
      'x-acs-signature-nonce': CALL.nonce,
      'x-acs-version': '2017-05-25',
      authorization: expect.stringMatching(
        /^ACS3-HMAC-SHA256 Credential=LTAI-EXAMPLE-KEY-ID,SignedHeaders=host;x-acs-action;x-acs-content-sha256;x-acs-date;x-acs-signature-nonce;x-acs-version,Signature=[0-9a-f]{64}$/,
      ),
    })
  })

  it('sends several with a signature name and variables of their own', () => {
    const request = accountWith({ extend_code: '99' }).send([FILLED, OTHER], CALL)
    expect(queryOf(request)).toEqual({ TemplateCode: 'SMS_154950909' })
    expect(request.headers).toMatchObject({
      'x-acs-action': 'SendBatchSms',
      'content-type': 'application/x-www-form-urlencoded',
    })
    expect(formIn(request)).toEqual({
      PhoneNumberJson: '["13800138000","13900139000"]',
      SignNameJson: '["阿里云","签名"]',
      TemplateParamJson: '[{"code":"1234"},{"code":"2"}]',
      SmsUpExtendCodeJson: '["99","99"]',
    })
  })

  it('leaves out what there is not', () => {
    const bare = { ...FILLED, sign: '', template: { id: 'SMS_1', variables: [] } }
    const account = accountWith()
    expect(queryOf(account.send([bare], CALL))).toEqual({
      PhoneNumbers: '13800138000',
      TemplateCode: 'SMS_1',
      OutId: FILLED.id,
    })
    expect(formIn(account.send([bare, bare], CALL))).toEqual({
      PhoneNumberJson: '["13800138000","13800138000"]',
    })
  })

  it('writes numbers abroad with their country code, and not in one call with the mainland', () => {
    const { send, batchKey } = accountWith()
    expect(queryOf(send([ABROAD], CALL)).PhoneNumbers).toBe('85251234567')
    expect(batchKey(FILLED)).toBe(batchKey(OTHER))
    expect(batchKey(FILLED)).not.toBe(batchKey(ABROAD))
    expect(batchKey(FILLED)).not.toBe(batchKey({ ...FILLED, sign: '' }))
    expect(batchKey(FILLED)).not.toBe(
      batchKey({ ...FILLED, template: { ...template('1234'), id: 'SMS_2' } }),
    )
  })

  it('has the parameters of the older signature with the others', () => {
    const request = accountWith({ signature: 'rpc', security_token: 'STS.x' }).send([FILLED], CALL)
    expect(queryOf(request)).toMatchObject({
      AccessKeyId: 'LTAI-EXAMPLE-KEY-ID',
      Action: 'SendSms',
      Format: 'JSON',
      PhoneNumbers: '13800138000',
      SecurityToken: 'STS.x',
      SignatureMethod: 'HMAC-SHA1',
      SignatureNonce: CALL.nonce,
      SignatureVersion: '1.0',
      Timestamp: '2024-05-20T08:30:00Z',
      Version: '2017-05-25',
      Signature: expect.stringMatching(/^[A-Za-z0-9+/]{27}=$/),
    })
    expect(request.headers).toEqual({})
  })
})

describe('aliyun: answers', () => {
  const answer = (body: object, status = 200): HttpResponse => ({
    status,
    headers: {},
    body: JSON.stringify(body),
  })
  const account = accountWith()

  it('has one id for all numbers, told apart by the number', () => {
    const body = '{"Code":"OK","Message":"OK","RequestId":"1","BizId":9006197469364984400}'
    const response = { status: 200, headers: {}, body }
    expect(account.readSend(response, [FILLED, OTHER])).toEqual([
      {
        kind: 'accepted',
        providerId: '9006197469364984400',
        matchKey: '9006197469364984400 +8613800138000',
      },
      {
        kind: 'accepted',
        providerId: '9006197469364984400',
        matchKey: '9006197469364984400 +8613900139000',
      },
    ])
  })

  it('refuses all of them, whatever the status', () => {
    const refusal = { Code: 'isv.AMOUNT_NOT_ENOUGH', Message: '账户余额不足', RequestId: '1' }
    const refused = { kind: 'refused', code: refusal.Code, text: refusal.Message }
    expect(account.readSend(answer(refusal), [FILLED, OTHER])).toEqual([
      { ...refused, httpStatus: 200 },
      { ...refused, httpStatus: 200 },
    ])
    expect(account.readSend(answer(refusal, 400), [FILLED])).toEqual([
      { ...refused, httpStatus: 400 },
    ])
  })

  it('says so when nobody can tell', () => {
    const read = (response: HttpResponse) => () => account.readSend(response, [FILLED])
    expect(read({ status: 502, headers: {}, body: '<html>' })).toThrow('HTTP 502 without JSON')
    expect(read(answer({}))).toThrow('HTTP 200 without "Code"')
    expect(read(answer({ Code: 'OK' }))).toThrow('without "BizId"')
  })

  it('takes the limit of a minute for one that passes', () => {
    const limit = (text: string) =>
      account.classify({ code: 'isv.BUSINESS_LIMIT_CONTROL', text, httpStatus: 200 })
    const both = { type: 'rate_limit', failure: 'recipient_limit', tryAnother: false }
    expect(limit('触发分钟级流控Permits:1')).toEqual({ ...both, retryable: true })
    expect(limit('触发小时级流控Permits:5')).toEqual({ ...both, retryable: false })
    expect(limit('触发天级流控Permits:10')).toEqual({ ...both, retryable: false })
  })

  it('reads what a query says of the number', () => {
    const sent = { providerId: '1^0', to: FILLED.to, sentAt: CALL.now }
    const details = (...rows: object[]) =>
      answer({ Code: 'OK', SmsSendDetailDTOs: { SmsSendDetailDTO: rows } })
    const row = { PhoneNum: '13800138000', SendStatus: 2, ErrCode: 'MOBILE_IN_BLACK' }
    const read = (response: HttpResponse) => account.query?.read(response, sent)
    expect(read(details(row))).toEqual({
      providerId: '1^0',
      matchKey: '1^0 +8613800138000',
      to: '+8613800138000',
      status: 'failed',
      code: 'MOBILE_IN_BLACK',
      failure: 'recipient_opted_out',
      text: '',
      at: null,
    })
    expect(read(details({ ...row, SendStatus: 1 }))).toMatchObject({ status: 'pending' })
    expect(read(details({ ...row, PhoneNum: '13900139000' }))).toBeNull()
    expect(read(answer({ Code: 'OK' }))).toBeNull()
    expect(() => read(answer({ Code: 'Throttling', Message: 'slow' }, 400))).toThrow(
      'QuerySendDetails: Throttling: slow',
    )
  })
})

describe('aliyun: callbacks', () => {
  const [sample] = callbacksOf('aliyun')
  const read = (value: unknown, kind: 'delivery' | 'mo' = 'delivery') => {
    if (!sample) throw new Error('no sample')
    const body = Buffer.from(JSON.stringify(value))
    return accountWith().callbacks?.read({ ...requestOf(sample), kind, body })
  }

  it('finds receipts by id and number, and knows the words of the platform', () => {
    const report = { biz_id: '1^0', phone_number: '13800138000', success: false }
    expect(read([{ ...report, err_code: 'CONTENT_KEYWORD' }])).toMatchObject({
      receipts: [{ matchKey: '1^0 +8613800138000', failure: 'content_rejected', at: null }],
    })
    expect(read([{ ...report, err_code: 'UNDELIV' }])).toMatchObject({
      receipts: [{ status: 'failed', failure: null }],
    })
    expect(read([{ ...report, success: 'true', err_code: 'DELIVRD' }])).toMatchObject({
      receipts: [{ status: 'delivered', code: 'DELIVRD' }],
    })
  })

  it('refuses what says of no message', () => {
    expect(() => read([{ phone_number: '13800138000' }])).toThrow('without "biz_id"')
    expect(() => read([{ biz_id: '1^0', phone_number: 'x' }])).toThrow('without "phone_number"')
    expect(() => read([{ content: 'TD' }], 'mo')).toThrow('without "phone_number"')
    expect(() => read('x')).toThrow('neither an object nor a list')
  })
})

describe('aliyun: with the simulator, over HTTP', () => {
  let wire: OverHttp
  let nonces = 0
  const call = () => ({ ...CALL, nonce: String(++nonces).padStart(32, '0') })
  const open = (settings: object = {}) => accountWith({ endpoint: wire.endpoint, ...settings })
  const results = async (account: ReturnType<typeof open>, ...messages: ProviderMessage[]) =>
    account.readSend(await exchange(account.send(messages, call())), messages)
  const codesOf = async (account: ReturnType<typeof open>, ...messages: ProviderMessage[]) =>
    (await results(account, ...messages)).map((each) => (each.kind === 'refused' ? each.code : ''))

  beforeAll(async () => {
    const [accessKeyId, accessKeySecret] = [KEY.access_key_id, KEY.access_key_secret]
    wire = await overHttp(aliyunSimulator({ accessKeyId, accessKeySecret }))
  })
  afterAll(() => wire.close())

  it.each(['acs3', 'rpc'])('is taken, reported and answered, signed as %s', async (signature) => {
    const account = open({ signature })
    wire.answerAs(account.callbacks)
    const sent = await results(account, FILLED, OTHER)
    const [first, second] = wire.server.desk.taken.slice(-2)
    if (!first || !second) throw new Error('nothing was taken')
    expect([first.content, second.content]).toEqual([
      { template: 'SMS_154950909', sign: '阿里云', variables: { code: '1234' } },
      { template: 'SMS_154950909', sign: '签名', variables: { code: '2' } },
    ])
    const { answers, reports } = await tellReceipts(wire, account, [
      { message: second, isDelivered: false, code: 'USER_REJECT', at: CALL.now },
      { message: first, isDelivered: true, code: 'DELIVERED', at: CALL.now },
    ])
    expect(answers).toEqual([
      { status: 200, contentType: 'application/json', body: '{"code":0,"msg":"成功"}' },
    ])
    expect(reports?.receipts.map(({ matchKey }) => matchKey)).toEqual(
      sent.map((each) => each.kind === 'accepted' && each.matchKey).reverse(),
    )
    expect(reports?.receipts).toMatchObject([
      { to: OTHER.to, status: 'failed', failure: 'recipient_opted_out', at: CALL.now },
      { to: FILLED.to, status: 'delivered', failure: null, at: CALL.now },
    ])
  })

  it('asks about one message', async () => {
    const account = open()
    const [result] = await results(account, FILLED)
    const message = wire.server.desk.taken.at(-1)
    if (result?.kind !== 'accepted' || !message) throw new Error('it was not taken')
    expect(message.echo).toBe(FILLED.id)
    const sent = { providerId: result.providerId, to: FILLED.to, sentAt: CALL.now }
    const ask = async (about: typeof sent) => {
      const request = account.query?.request(about, call())
      return request && account.query?.read(await exchange(request), about)
    }
    expect(await ask(sent)).toMatchObject({ status: 'pending', matchKey: result.matchKey })
    wire.server.desk.receipts.push({ message, isDelivered: true, code: 'DELIVERED', at: CALL.now })
    expect(await ask(sent)).toMatchObject({ status: 'delivered', at: CALL.now })
    expect(await ask({ ...sent, providerId: '2^0' })).toBeNull()
    // Another day in Beijing, though not in UTC.
    expect(await ask({ ...sent, sentAt: new Date('2024-05-20T16:00:00Z') })).toBeNull()
  })

  it('tells of messages of handsets', async () => {
    const account = open()
    const inbound = { id: '12', from: '+8613800138000', to: '0000', text: 'TD', at: CALL.now }
    await wire.server.pushInbound(inbound, `${wire.callbackUrl}/mo`)
    const request = wire.callbacks.at(-1)
    if (!request) throw new Error('no callback came')
    expect(await account.callbacks?.read(request)).toEqual({ receipts: [], inbound: [inbound] })
  })

  it('is refused with a forged signature, another key, an old time, and the same nonce', async () => {
    for (const signature of ['acs3', 'rpc']) {
      const codes = (settings: object) => codesOf(open({ signature, ...settings }), FILLED)
      expect(await codes({ access_key_secret: 'wrong' })).toEqual(['SignatureDoesNotMatch'])
      expect(await codes({ access_key_id: 'wrong' })).toEqual(['InvalidAccessKeyId.NotFound'])
      const account = open({ signature })
      const old = { ...call(), now: new Date(CALL.now.getTime() - 901_000) }
      const response = await exchange(account.send([FILLED], old))
      expect(account.readSend(response, [FILLED])).toMatchObject([
        { code: 'InvalidTimeStamp.Expired' },
      ])
      const request = account.send([FILLED], call())
      const tampered = request.url.replace('1234', '9999')
      expect(await exchange({ ...request, url: tampered })).toMatchObject({ status: 400 })
      expect(await exchange(request)).toMatchObject({ status: 200 })
      expect(JSON.parse((await exchange(request)).body)).toMatchObject({
        Code: 'SignatureNonceUsed',
      })
    }
  })

  it.each(['acs3', 'rpc'])(
    'has the token of temporary credentials, signed as %s',
    async (signature) => {
      const [accessKeyId, accessKeySecret] = [KEY.access_key_id, KEY.access_key_secret]
      const temporary = aliyunSimulator({ accessKeyId, accessKeySecret, securityToken: 'STS.x+y=' })
      const other = await overHttp(temporary)
      const settings = { endpoint: other.endpoint, signature }
      expect(
        await codesOf(accountWith({ ...settings, security_token: 'STS.x+y=' }), FILLED),
      ).toEqual([''])
      expect(await codesOf(accountWith(settings), FILLED)).toEqual([
        'InvalidSecurityToken.MismatchWithAccessKey',
      ])
      await other.close()
    },
  )

  it('checks the vectors of requests as the gateway does', () => {
    for (const name of ['acs3-sendsms-query', 'acs3-sendsms-form', 'acs3-sendbatchsms-mixed']) {
      const { input, expected } = vectorsOf('aliyun').find((vector) => vector.name === name) ?? {}
      const { host: _, ...headers } = input.headers as Record<string, string>
      const simulator = aliyunSimulator({
        accessKeyId: input.accessKeyId,
        accessKeySecret: input.accessKeySecret,
      })
      const query = new URLSearchParams(input.query as Record<string, string>)
      const answer = simulator.answer(
        {
          method: 'POST',
          path: '/',
          rawQuery: query.toString(),
          query,
          headers: {
            ...headers,
            host: 'dysmsapi.aliyuncs.com',
            authorization: expected.authorization,
          },
          body: Buffer.from(input.body as string),
        },
        new ProviderDesk(() => CALL.now),
      )
      expect(answer, name).toMatchObject({ status: 200, body: { Code: 'OK' } })
    }
  })

  it('is refused for what the provider would refuse', async () => {
    const account = open()
    expect(await codesOf(account, { ...FILLED, to: '+8610' })).toEqual([
      'isv.MOBILE_NUMBER_ILLEGAL',
    ])
    expect(await codesOf(account, { ...FILLED, sign: '' })).toEqual(['isv.SMS_SIGNATURE_ILLEGAL'])
    expect(await codesOf(account, { ...ABROAD, sign: '' })).toEqual([''])
    expect(await codesOf(account, { ...FILLED, template: { id: 'login', variables: [] } })).toEqual(
      ['isv.SMS_TEMPLATE_ILLEGAL'],
    )
    expect(await codesOf(account, { ...FILLED, template: template('https://a.example') })).toEqual([
      'isv.PARAM_NOT_SUPPORT_URL',
    ])
    const many = Array.from({ length: 101 }, () => FILLED)
    expect((await codesOf(account, ...many))[0]).toBe('isv.MOBILE_COUNT_OVER_LIMIT')
  })

  it('takes all of a call or none', async () => {
    const before = wire.server.desk.taken.length
    wire.server.desk.always(OTHER.to, { kind: 'refuse', reason: 'number' })
    expect(await codesOf(open(), FILLED, OTHER)).toEqual([
      'isv.MOBILE_NUMBER_ILLEGAL',
      'isv.MOBILE_NUMBER_ILLEGAL',
    ])
    expect(wire.server.desk.taken.length).toBe(before)
  })

  it.each(REFUSAL_REASONS)('reads a refusal for %s as what it is', async (reason) => {
    const account = open()
    wire.server.desk.script({ kind: 'refuse', reason })
    const [result] = await results(account, FILLED)
    if (result?.kind !== 'refused') throw new Error('it was taken')
    expect(account.classify(result).type).toBe(TYPE_OF_REASON[reason])
  })
})
