import { Agent } from 'node:http'
import { createRequire } from 'node:module'
import tencentSdk from 'tencentcloud-sdk-nodejs-sms'
import twilioSdk from 'twilio'
import type RequestClient from 'twilio/lib/base/RequestClient.js'
import { afterAll, beforeAll, describe, expect, it } from 'vitest'
import { aliyun } from '../../src/providers/aliyun.ts'
import { beijingDigits } from '../../src/providers/beijing-time.ts'
import type {
  Call,
  ProviderAccount,
  ProviderMessage,
  SendResult,
} from '../../src/providers/provider.ts'
import { tencent } from '../../src/providers/tencent.ts'
import { twilio, twilioSignature } from '../../src/providers/twilio.ts'
import type { ProviderSimulator } from '../../src/sandbox/provider-server.ts'
import { aliyunSimulator } from '../../src/sandbox/providers/aliyun.ts'
import { tencentSimulator } from '../../src/sandbox/providers/tencent.ts'
import { twilioSimulator } from '../../src/sandbox/providers/twilio.ts'
import { exchange, type OverHttp, overHttp } from './over-http.ts'
import { MESSAGE } from './provider-suite.ts'

// Their `default` is one of several exports, which an import would give instead of all.
const require = createRequire(import.meta.url)
const aliyunSdk: typeof import('@alicloud/dysmsapi20170525') = require('@alicloud/dysmsapi20170525')
const aliyunCore: typeof import('@alicloud/openapi-core') = require('@alicloud/openapi-core')

/**
 * The vendors' own libraries, which share nothing with ours, against the simulators: so these are right about
 * signatures and forms, and what our adapters say to them is what they would say to the vendors.
 */

const TO = '+8613800138000'
const OTHER = '+8613900139000'

let nonces = 0

/** Of the present: the libraries have no other clock. */
function callNow(): Call {
  const nonce = String(++nonces).padStart(32, '0')
  return { now: new Date(), nonce, token: '', callbackUrl: null }
}

async function sendOne(account: ProviderAccount, message: ProviderMessage): Promise<SendResult> {
  const response = await exchange(account.send([message], callNow()))
  const [result] = account.readSend(response, [message])
  if (!result) throw new Error('no result')
  return result
}

/** Starts a simulator before the tests of a block; `at` gives it once they run. */
function simulated(simulator: ProviderSimulator) {
  let wire: OverHttp | undefined
  beforeAll(async () => {
    wire = await overHttp(simulator, () => new Date())
  })
  afterAll(() => wire?.close())
  return () => {
    if (!wire) throw new Error('not started')
    return wire
  }
}

describe('@alicloud/dysmsapi20170525', () => {
  const {
    default: Client,
    QuerySendDetailsRequest,
    SendBatchSmsRequest,
    SendSmsRequest,
  } = aliyunSdk
  const { $OpenApiUtil, ClientError, OpenApiUtil, ServerError, ThrottlingError } = aliyunCore
  const key = { accessKeyId: 'LTAI-EXAMPLE-KEY-ID', accessKeySecret: 'example-access-key-secret' }
  const at = simulated(aliyunSimulator(key))
  const clientWith = (settings: object = {}) => {
    const endpoint = at().endpoint.replace('http://', '')
    return new Client(new $OpenApiUtil.Config({ ...key, endpoint, protocol: 'http', ...settings }))
  }
  const request = new SendSmsRequest({
    phoneNumbers: '13800138000',
    signName: '阿里云短信测试',
    templateCode: 'SMS_154950909',
    templateParam: '{"code":"1234"}',
    outId: 'a*b~c d+e/f',
  })
  const account = () =>
    aliyun.open(
      aliyun.settings.parse({
        endpoint: at().endpoint,
        access_key_id: key.accessKeyId,
        access_key_secret: key.accessKeySecret,
      }),
    )

  it('sends one message', async () => {
    const { statusCode, body } = await clientWith().sendSms(request)
    expect([statusCode, body?.code, body?.message]).toEqual([200, 'OK', 'OK'])
    expect(at().server.desk.taken.at(-1)).toMatchObject({
      id: body?.bizId,
      to: '13800138000',
      content: { sign: '阿里云短信测试', template: 'SMS_154950909', variables: { code: '1234' } },
      echo: 'a*b~c d+e/f',
    })
  })

  it('sends several with signature names and variables of their own', async () => {
    const { body } = await clientWith().sendBatchSms(
      new SendBatchSmsRequest({
        phoneNumberJson: '["13800138000","13900139000"]',
        signNameJson: '["签名","阿里云"]',
        templateCode: 'SMS_154950909',
        templateParamJson: '[{"code":"1"},{"code":"2"}]',
      }),
    )
    expect(body?.code).toBe('OK')
    expect(at().server.desk.taken.slice(-2)).toMatchObject([
      { id: body?.bizId, content: { sign: '签名', variables: { code: '1' } } },
      { id: body?.bizId, content: { sign: '阿里云', variables: { code: '2' } } },
    ])
  })

  it('finds what our account has sent, and our account what it has', async () => {
    const template = { id: 'SMS_1', variables: [{ name: 'code', value: '1' }] }
    const ours = await sendOne(account(), { ...MESSAGE, template })
    if (ours.kind !== 'accepted') throw new Error(ours.code)
    const message = at().server.desk.taken.at(-1)
    if (!message) throw new Error('nothing was taken')
    const receipt = { message, isDelivered: true, code: 'DELIVERED', at: new Date() }
    at().server.desk.receipts.push(receipt)
    const { body } = await clientWith().querySendDetails(
      new QuerySendDetailsRequest({
        phoneNumber: '13800138000',
        bizId: ours.providerId,
        sendDate: beijingDigits(message.takenAt).slice(0, 8),
        pageSize: 10,
        currentPage: 1,
      }),
    )
    expect(body).toMatchObject({ code: 'OK', totalCount: '1' })
    expect(body?.smsSendDetailDTOs?.smsSendDetailDTO).toMatchObject([
      { phoneNum: '13800138000', sendStatus: 3, errCode: 'DELIVERED', outId: MESSAGE.id },
    ])

    const theirs = await clientWith().sendSms(request)
    const sentAt = at().server.desk.taken.at(-1)?.takenAt ?? new Date()
    const sent = { providerId: theirs.body?.bizId ?? '', to: TO, sentAt }
    const { query } = account()
    const response = query && (await exchange(query.request(sent, callNow())))
    expect(response && query?.read(response, sent)).toMatchObject({ status: 'pending', to: TO })
  })

  it('has the errors of the business in the answer, those of the gateway as its own', async () => {
    const { desk } = at().server
    desk.script({ kind: 'refuse', reason: 'balance' })
    const { body } = await clientWith().sendSms(request)
    expect([body?.code, body?.bizId]).toEqual(['isv.AMOUNT_NOT_ENOUGH', undefined])
    desk.script({ kind: 'refuse', reason: 'rate_limit' })
    const throttled = clientWith().sendSms(request)
    await expect(throttled).rejects.toThrow(ThrottlingError)
    await expect(throttled).rejects.toMatchObject({ code: 'Throttling.User', statusCode: 400 })
    desk.script({ kind: 'refuse', reason: 'internal', code: 'ServiceUnavailable' })
    const unavailable = clientWith().sendSms(request)
    await expect(unavailable).rejects.toThrow(ServerError)
    await expect(unavailable).rejects.toMatchObject({ code: 'ServiceUnavailable', statusCode: 503 })
  })

  it('is refused with another secret, and with another key', async () => {
    const forged = clientWith({ accessKeySecret: 'wrong' }).sendSms(request)
    await expect(forged).rejects.toThrow(ClientError)
    await expect(forged).rejects.toMatchObject({ code: 'SignatureDoesNotMatch', statusCode: 400 })
    await expect(clientWith({ accessKeyId: 'wrong' }).sendSms(request)).rejects.toMatchObject({
      code: 'InvalidAccessKeyId.NotFound',
      statusCode: 404,
    })
  })

  it('sends with the older signature, too', async () => {
    const query = {
      PhoneNumbers: '13800138000',
      SignName: '签名',
      TemplateCode: 'SMS_1',
      OutId: 'a*b~ +/',
    }
    const asked = new $OpenApiUtil.OpenApiRequest({ query: OpenApiUtil.query(query) })
    const send = (settings: object = {}) =>
      clientWith(settings).doRPCRequest(
        'SendSms',
        '2017-05-25',
        'HTTP',
        'POST',
        'AK',
        'json',
        asked,
        {} as Parameters<InstanceType<typeof Client>['doRPCRequest']>[7],
      )
    expect(await send()).toMatchObject({ body: { Code: 'OK' } })
    expect(at().server.desk.taken.at(-1)).toMatchObject({
      content: { sign: '签名' },
      echo: 'a*b~ +/',
    })
    await expect(send({ accessKeySecret: 'wrong' })).rejects.toMatchObject({
      code: 'SignatureDoesNotMatch',
    })
  })

  it('signs what we send as we do', () => {
    const template = {
      id: 'SMS_1',
      variables: [{ name: 'text', value: "a*b~c d+e/f'(!)=&% 你好" }],
    }
    const message = { ...MESSAGE, template }
    for (const messages of [[message], [message, { ...message, to: OTHER }]]) {
      const { method, url, headers, body } = account().send(messages, callNow())
      const { authorization, ...signed } = headers
      const theirs = {
        method,
        pathname: '/',
        query: Object.fromEntries(new URL(url).searchParams),
        headers: { ...signed, host: new URL(url).host },
        body,
      }
      const hash = headers['x-acs-content-sha256'] ?? ''
      const { accessKeyId, accessKeySecret } = key
      expect(
        OpenApiUtil.getAuthorization(
          theirs as unknown as Parameters<typeof OpenApiUtil.getAuthorization>[0],
          'ACS3-HMAC-SHA256',
          hash,
          accessKeyId,
          accessKeySecret,
        ),
      ).toBe(authorization)
    }
  })
})

describe('tencentcloud-sdk-nodejs-sms', () => {
  const { Client } = tencentSdk.sms.v20210111
  const key = { secretId: 'AKIDEXAMPLEEXAMPLE', secretKey: 'ExampleSecretKey' }
  const SmsSdkAppId = '1400006666'
  const at = simulated(tencentSimulator({ ...key, smsSdkAppId: SmsSdkAppId }))
  const clientWith = (credential: object = {}) =>
    new Client({
      credential: { ...key, ...credential },
      region: 'ap-guangzhou',
      // With an agent of its own it asks no proxy of the environment.
      profile: {
        httpProfile: {
          endpoint: at().endpoint.replace('http://', ''),
          protocol: 'http://',
          agent: new Agent(),
        },
      },
    })
  const request = {
    PhoneNumberSet: [TO, OTHER],
    SmsSdkAppId,
    TemplateId: '1110',
    SignName: '腾讯云',
    TemplateParamSet: ['1234', '5'],
    SessionContext: 'msg-0001',
  }
  const account = () =>
    tencent.open(
      tencent.settings.parse({
        endpoint: at().endpoint,
        secret_id: key.secretId,
        secret_key: key.secretKey,
        sms_sdk_app_id: SmsSdkAppId,
      }),
    )

  /** The library does not export the class of its errors. */
  async function errorOf(call: Promise<unknown>): Promise<object> {
    try {
      await call
    } catch (error) {
      return error as object
    }
    throw new Error('it was not refused')
  }

  it('sends to several, with a result for each', async () => {
    const { desk } = at().server
    desk.script({ kind: 'accept' }, { kind: 'refuse', reason: 'unsubscribed' })
    const { SendStatusSet, RequestId } = await clientWith().SendSms(request)
    expect(RequestId).toMatch(/^[0-9a-f-]{36}$/)
    expect(SendStatusSet).toMatchObject([
      { Code: 'Ok', PhoneNumber: TO, SerialNo: desk.taken.at(-1)?.id, SessionContext: 'msg-0001' },
      { Code: 'FailedOperation.PhoneNumberInBlacklist', PhoneNumber: OTHER, SerialNo: '' },
    ])
    expect(desk.taken.at(-1)?.content).toMatchObject({ sign: '腾讯云', variables: ['1234', '5'] })
  })

  it('asks about what our account has sent, and pulls its receipt', async () => {
    const { desk } = at().server
    const template = { id: '1110', variables: [{ name: 'code', value: '1' }] }
    const ours = await sendOne(account(), { ...MESSAGE, template })
    if (ours.kind !== 'accepted') throw new Error(ours.code)
    const message = desk.taken.at(-1)
    if (!message) throw new Error('nothing was taken')
    desk.receipts.push({ message, isDelivered: false, code: 'MK:100D', at: message.takenAt })
    const row = {
      SerialNo: ours.providerId,
      PhoneNumber: TO,
      CountryCode: '86',
      SubscriberNumber: '13800138000',
      ReportStatus: 'FAIL',
      Description: 'MK:100D',
      UserReceiveTime: Math.floor(message.takenAt.getTime() / 1_000),
      SessionContext: MESSAGE.id,
    }
    const byNumber = await clientWith().PullSmsSendStatusByPhoneNumber({
      BeginTime: row.UserReceiveTime - 60,
      Offset: 0,
      Limit: 10,
      PhoneNumber: TO,
      SmsSdkAppId,
    })
    expect(byNumber.PullSmsSendStatusSet).toEqual([row])
    const pull = () => clientWith().PullSmsSendStatus({ Limit: 10, SmsSdkAppId })
    expect((await pull()).PullSmsSendStatusSet).toEqual([row])
    expect((await pull()).PullSmsSendStatusSet).toEqual([])
  })

  it('pulls messages of handsets, and asks for packages', async () => {
    const { desk } = at().server
    desk.inbound.push({ id: '1', from: TO, to: '01', text: 'TD 退订', at: new Date() })
    const pulled = await clientWith().PullSmsReplyStatus({ Limit: 10, SmsSdkAppId })
    expect(pulled.PullSmsReplyStatusSet).toMatchObject([
      { PhoneNumber: TO, ExtendCode: '01', ReplyContent: 'TD 退订' },
    ])
    const packages = await clientWith().SmsPackagesStatistics({
      SmsSdkAppId,
      Limit: 10,
      Offset: 0,
      BeginTime: '2024010100',
      EndTime: '2024020100',
    })
    expect(packages.SmsPackagesStatisticsSet).toMatchObject([
      { PackageId: 1 },
      { PackageId: 2, PackageAmount: 1000, CurrentUsage: desk.taken.length },
    ])
  })

  it('has errors of the whole call as its own', async () => {
    at().server.desk.script({ kind: 'refuse', reason: 'rate_limit' })
    const error = await errorOf(clientWith().SendSms(request))
    expect(error.constructor.name).toBe('TencentCloudSDKHttpException')
    expect(error).toMatchObject({
      code: 'RequestLimitExceeded',
      requestId: expect.stringMatching(/^[0-9a-f-]{36}$/),
    })
    const mixed = { ...request, PhoneNumberSet: [TO, '+85251234567'] }
    await expect(clientWith().SendSms(mixed)).rejects.toMatchObject({
      code: 'UnsupportedOperation.ContainDomesticAndInternationalPhoneNumber',
    })
  })

  it('is refused with another secret, and with another key', async () => {
    const forged = await errorOf(clientWith({ secretKey: 'wrong' }).SendSms(request))
    expect(forged.constructor.name).toBe('TencentCloudSDKHttpException')
    expect(forged).toMatchObject({ code: 'AuthFailure.SignatureFailure' })
    await expect(clientWith({ secretId: 'wrong' }).SendSms(request)).rejects.toMatchObject({
      code: 'AuthFailure.SecretIdNotFound',
    })
  })
})

describe('twilio', () => {
  const accountSid = `AC${'a'.repeat(32)}`
  const authToken = 'example_auth_token'
  const at = simulated(twilioSimulator({ accountSid, authToken }))

  /** The library knows one host, with TLS; what it has written for that is sent to the simulator. */
  class LocalClient extends twilioSdk.RequestClient {
    override request<T>(options: RequestClient.RequestOptions<T>) {
      return super.request<T>({
        ...options,
        uri: options.uri.replace('https://api.twilio.com', at().endpoint),
      })
    }
  }
  const clientWith = (token = authToken) =>
    twilioSdk(accountSid, token, { httpClient: new LocalClient({ keepAlive: false }) })
  const account = () =>
    twilio.open(
      twilio.settings.parse({
        endpoint: at().endpoint,
        account_sid: accountSid,
        auth_token: authToken,
      }),
    )
  const wanted = { to: TO, from: '+15005550006', body: 'Your code is 4711 & 你好' }

  it('sends a message', async () => {
    const message = await clientWith().messages.create(wanted)
    expect(message).toMatchObject({ ...wanted, status: 'queued', errorCode: null })
    expect(message.sid).toMatch(/^SM[0-9a-f]{32}$/)
    expect(at().server.desk.taken.at(-1)).toMatchObject({ id: message.sid, to: TO })
  })

  it('asks about what our account has sent', async () => {
    const ours = await sendOne(account(), MESSAGE)
    if (ours.kind !== 'accepted') throw new Error(ours.code)
    const message = at().server.desk.taken.at(-1)
    if (!message) throw new Error('nothing was taken')
    expect(await clientWith().messages(ours.providerId).fetch()).toMatchObject({
      sid: ours.providerId,
      status: 'sent',
      body: MESSAGE.text,
    })
    const receipt = { message, isDelivered: true, code: '', at: new Date() }
    at().server.desk.receipts.push(receipt)
    const asked = await clientWith().messages(ours.providerId).fetch()
    expect(asked.status).toBe('delivered')
    const balance = await clientWith().balance.fetch()
    expect(balance).toMatchObject({ balance: '12.34', currency: 'USD' })
  })

  it('has errors as its own', async () => {
    const { RestException } = twilioSdk
    const invalid = clientWith().messages.create({ ...wanted, to: '123' })
    await expect(invalid).rejects.toThrow(RestException)
    await expect(invalid).rejects.toMatchObject({
      status: 400,
      code: 21211,
      moreInfo: 'https://www.twilio.com/docs/errors/21211',
    })
    at().server.desk.script({ kind: 'refuse', reason: 'rate_limit' })
    await expect(clientWith().messages.create(wanted)).rejects.toMatchObject({
      status: 429,
      code: 20429,
    })
    await expect(clientWith().messages('SM0').fetch()).rejects.toMatchObject({ status: 404 })
  })

  it('is refused with another token', async () => {
    await expect(clientWith('wrong').messages.create(wanted)).rejects.toMatchObject({
      status: 401,
      code: 20003,
    })
  })

  describe('its check of webhooks', () => {
    const { getExpectedBodyHash, getExpectedTwilioSignature } = twilioSdk
    const { validateRequest, validateRequestWithBody } = twilioSdk

    beforeAll(() => at().answerAs(account().callbacks))

    it('believes the receipts and messages that the simulator pushes', async () => {
      const { server, callbackUrl, callbacks } = at()
      const sent = await sendOne(account(), MESSAGE)
      const message = server.desk.taken.at(-1)
      if (sent.kind !== 'accepted' || !message) throw new Error('it was not taken')
      const now = new Date()
      const receipt = { message, isDelivered: false, code: '30005', at: now }
      await server.pushReceipts([receipt], `${callbackUrl}/delivery?b=2&a=1%202`)
      const inbound = { id: 'SM1', from: TO, to: '+15005550006', text: 'TD & 退订 +=', at: now }
      await server.pushInbound(inbound, `${callbackUrl}/mo`)
      const pushed = callbacks.slice(-2)
      expect(pushed.map(({ kind }) => kind)).toEqual(['delivery', 'mo'])
      for (const { url, headers, body } of pushed) {
        const fields = Object.fromEntries(new URLSearchParams(body.toString()))
        const signature = headers['x-twilio-signature'] ?? ''
        expect(validateRequest(authToken, signature, url, fields)).toBe(true)
        expect(validateRequest('wrong', signature, url, fields)).toBe(false)
        const other = { ...fields, To: OTHER }
        expect(validateRequest(authToken, signature, url, other)).toBe(false)
      }
    })

    it('comes to the signatures that ours comes to', () => {
      const url = 'https://gateway.example/callback?x=1'
      const fields = { Body: 'a b&c=你好', MediaUrl: ['b', 'a', 'b'], To: TO }
      const pairs = Object.entries(fields).flatMap(([name, value]) =>
        [value].flat().map((each) => [name, each] as const),
      )
      expect(twilioSignature(authToken, url, pairs)).toBe(
        getExpectedTwilioSignature(authToken, url, fields),
      )
    })

    it('and ours believe the same requests with a hash of the body', () => {
      const body = '{"MessageSid":"SM1"}'
      const hash = getExpectedBodyHash(body)
      const url = `https://gateway.example/callback?bodySHA256=${hash}`
      const signature = getExpectedTwilioSignature(authToken, url, {})
      const check = (octets: string) =>
        account().callbacks?.check?.({
          method: 'POST',
          kind: 'delivery',
          url,
          headers: { 'x-twilio-signature': signature },
          body: Buffer.from(octets),
        }).isGenuine
      expect([check(body), validateRequestWithBody(authToken, signature, url, body)]).toEqual([
        true,
        true,
      ])
      const other = `${body} `
      expect([check(other), validateRequestWithBody(authToken, signature, url, other)]).toEqual([
        false,
        false,
      ])
    })
  })
})
