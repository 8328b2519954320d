import { afterAll, beforeAll, describe, expect, it } from 'vitest'
import { chuanglan } from '../../src/providers/chuanglan.ts'
import { chuanglanSign } from '../../src/providers/chuanglan-international.ts'
import type { ProviderMessage } from '../../src/providers/provider.ts'
import type { RefusalReason } from '../../src/sandbox/provider-desk.ts'
import { ProviderServer } from '../../src/sandbox/provider-server.ts'
import { chuanglanSimulator } from '../../src/sandbox/providers/chuanglan.ts'
import {
  chuanglanInternationalSimulator,
  signOf,
} from '../../src/sandbox/providers/chuanglan-international.ts'
import { type CallbackCatcher, catchCallbacks } from './callback-catcher.ts'
import { exchange } from './over-http.ts'
import { CALL, MESSAGE, providerSuite } from './provider-suite.ts'
import { callbacksOf, requestOf, vectorsOf } from './vectors.ts'

const LOGIN = {
  account: 'N0000000',
  password: 'examplePassword',
  push_receiver: 'admin',
  push_password: '12345',
}

function accountWith(settings: object = {}) {
  return chuanglan.open(chuanglan.settings.parse({ ...LOGIN, ...settings }))
}

const FIRST: ProviderMessage = { ...MESSAGE, sign: '253' }
const SECOND: ProviderMessage = { ...FIRST, to: '+8613900139000' }

function filled(message: ProviderMessage, ...values: string[]): ProviderMessage {
  const variables = values.map((value, index) => ({ name: `v${index}`, value }))
  return { ...message, template: { id: '您的验证码是{$var}，{$var}分钟有效', variables } }
}

providerSuite('chuanglan', () => accountWith())

describe('chuanglan: vectors', () => {
  it.each(vectorsOf('chuanglan', 'chuanglan-intl-md5').map((each) => [each.name, each] as const))(
    '%s, by the adapter and by the simulator',
    (_name, { input, expected }) => {
      const { body, nonce, password } = input
      expect(chuanglanSign(body, nonce, password)).toBe(expected.sign)
      expect(signOf(body, nonce, password)).toBe(expected.sign)
    },
  )
})

describe('chuanglan: requests', () => {
  it('sends one text to many', () => {
    const account = accountWith()
    expect(account.batchKey(FIRST)).toBe(account.batchKey(SECOND))
    const { method, url, headers, body } = account.send([FIRST, SECOND], CALL)
    expect([method, url]).toEqual(['POST', 'https://smssh1.253.com/msg/send/json'])
    expect(headers).toEqual({ 'content-type': 'application/json;charset=utf-8' })
    expect(JSON.parse(body)).toEqual({
      account: 'N0000000',
      password: 'examplePassword',
      msg: '【253】Your code is 4711 & 你好',
      phone: '13800138000,13900139000',
      report: 'true',
    })
  })

  it('sends a template with variables by number', () => {
    const account = accountWith()
    const messages = [filled(FIRST, '4711', '5'), filled(SECOND, '4712', '10')] as const
    expect(account.batchKey(messages[0])).toBe(account.batchKey(messages[1]))
    const { url, body } = account.send(messages, CALL)
    expect(url).toBe('https://smssh1.253.com/msg/variable/json')
    expect(JSON.parse(body)).toMatchObject({
      msg: '【253】您的验证码是{$var}，{$var}分钟有效',
      params: '13800138000,4711,5;13900139000,4712,10',
    })
  })

  it.each(['a;13700137000', 'a,b'])(
    'sends the text where %s as a value would be read as another',
    (value) => {
      const account = accountWith()
      const message = filled(FIRST, value, '5')
      expect(account.batchKey(message)).toBe(account.batchKey(FIRST))
      const { url, body } = account.send([message], CALL)
      expect(url).toBe('https://smssh1.253.com/msg/send/json')
      expect(JSON.parse(body)).toMatchObject({
        msg: `【253】${MESSAGE.text}`,
        phone: '13800138000',
      })
    },
  )

  it('sends one signed text by the international interface', () => {
    const account = accountWith({ api: 'international' })
    expect(account.maxBatch).toBe(1)
    expect(account.traits).toEqual({ takes: 'text', counts: 'by_alphabet' })
    const { url, headers, body } = account.send([{ ...FIRST, to: '+4915123456789' }], CALL)
    expect(url).toBe('https://intapi.253.com/send/sms')
    const fields = {
      account: 'N0000000',
      mobile: '4915123456789',
      msg: '【253】Your code is 4711 & 你好',
      senderId: 'Linehaul',
    }
    expect(JSON.parse(body)).toEqual(fields)
    expect(headers.nonce).toBe('1716193800000')
    expect(headers.sign).toBe(chuanglanSign(fields, '1716193800000', 'examplePassword'))
  })
})

describe('chuanglan: answers', () => {
  const answer = (body: unknown) => ({
    status: 200,
    headers: {},
    body: typeof body === 'string' ? body : JSON.stringify(body),
  })

  it('reads one id for all', () => {
    const response = answer('{"code":"0","msgId":17041010383624511,"errorMsg":""}')
    expect(accountWith().readSend(response, [FIRST, SECOND])).toEqual([
      {
        kind: 'accepted',
        providerId: '17041010383624511',
        matchKey: '17041010383624511 +8613800138000',
      },
      {
        kind: 'accepted',
        providerId: '17041010383624511',
        matchKey: '17041010383624511 +8613900139000',
      },
    ])
  })

  it('reads a refusal, of which interface it is', () => {
    const domestic = answer({ code: '110', errorMsg: '不在发送时间内' })
    const international = answer({ code: '110', error: 'no balance', msgid: '' })
    const [one] = accountWith().readSend(domestic, [FIRST])
    const [other] = accountWith({ api: 'international' }).readSend(international, [FIRST])
    expect([one, other]).toEqual([
      { kind: 'refused', code: '110', text: '不在发送时间内', httpStatus: 200 },
      { kind: 'refused', code: 'intl:110', text: 'no balance', httpStatus: 200 },
    ])
  })

  it.each(['domestic', 'international'])('says so when nobody can tell (%s)', (api) => {
    const account = accountWith({ api })
    expect(() => account.readSend(answer('<html>'), [FIRST])).toThrow('without JSON')
    expect(() => account.readSend(answer({}), [FIRST])).toThrow('without "code"')
    expect(() => account.readSend(answer({ code: '0' }), [FIRST])).toThrow('code 0 without an id')
  })
})

describe('chuanglan: callbacks', () => {
  const sample = requestOf(callbacksOf('chuanglan').find(({ name }) => name === 'dlr-get')!)
  const withQuery = (edit: (query: URLSearchParams) => void) => {
    const url = new URL(sample.url)
    edit(url.searchParams)
    return { ...sample, url: url.href }
  }

  it.each(['receiver', 'pswd'])('refuses another or no %s', (name) => {
    const check = accountWith().callbacks?.check
    const other = withQuery((query) => query.set(name, 'x'))
    const without = withQuery((query) => query.delete(name))
    expect(check?.(other)).toMatchObject({ isGenuine: false })
    expect(check?.(without)).toMatchObject({ isGenuine: false })
  })

  it('checks nothing where neither is set', () => {
    const { callbacks } = accountWith({ push_receiver: '', push_password: '' })
    expect(callbacks?.check).toBeUndefined()
  })

  it.each([
    ['MBBLACK', 'failed', 'recipient_opted_out'],
    ['SM11', 'failed', 'destination_invalid'],
    ['UNDELIV', 'failed', null],
    ['ACCEPTD', 'pending', null],
  ])('%s is %s, %s', async (word, status, failure) => {
    const request = withQuery((query) => query.set('status', word))
    const reports = await accountWith().callbacks?.read(request)
    expect(reports?.receipts).toMatchObject([{ status, failure, code: word }])
  })

  it('reads numbers of the international interface with their country code', async () => {
    const request = withQuery((query) => query.set('mobile', '13105551234'))
    const at = async (api: string) =>
      (await accountWith({ api }).callbacks?.read(request))?.receipts[0]?.to
    expect(await at('domestic')).toBe('+8613105551234')
    expect(await at('international')).toBe('+13105551234')
  })

  it('says what it cannot read', () => {
    const { callbacks } = accountWith()
    const noStatus = withQuery((query) => query.delete('status'))
    expect(() => callbacks?.read(noStatus)).toThrow('no "msgid" or "status"')
    const noMobile = withQuery((query) => query.delete('mobile'))
    expect(() => callbacks?.read({ ...noMobile, kind: 'mo' })).toThrow('no "mobile"')
  })
})

type Refused = readonly [reason: RefusalReason, type: string, failure: string]

const REFUSED: Readonly<Record<'domestic' | 'international', readonly Refused[]>> = {
  domestic: [
    ['rate_limit', 'rate_limit', 'carrier_throttled'],
    ['auth', 'auth', 'carrier_unauthorised'],
    ['number', 'invalid', 'destination_invalid'],
    ['template', 'invalid', 'carrier_request_invalid'],
    ['balance', 'balance', 'carrier_credit_exhausted'],
    ['content', 'content_rejected', 'content_rejected'],
    ['unsubscribed', 'rate_limit', 'carrier_quota_exceeded'],
    ['internal', 'provider', 'carrier_error'],
  ],
  international: [
    ['rate_limit', 'rate_limit', 'recipient_limit'],
    ['auth', 'auth', 'carrier_unauthorised'],
    ['number', 'provider', 'carrier_specific'],
    ['balance', 'balance', 'carrier_credit_exhausted'],
    ['unsubscribed', 'rate_limit', 'carrier_quota_exceeded'],
    ['internal', 'provider', 'carrier_error'],
  ],
}

describe.each(['domestic', 'international'] as const)(
  'chuanglan: with the simulator of the %s interface',
  (api) => {
    const isDomestic = api === 'domestic'
    const keys = {
      account: LOGIN.account,
      password: LOGIN.password,
      receiver: 'admin',
      pswd: '12345',
    }
    const server = new ProviderServer(
      isDomestic ? chuanglanSimulator(keys) : chuanglanInternationalSimulator(keys),
    )
    const to = isDomestic ? '+8613800138000' : '+4915123456789'
    const message: ProviderMessage = { ...FIRST, to }
    let endpoint = ''
    let account = accountWith()
    let catcher: CallbackCatcher

    beforeAll(async () => {
      endpoint = await server.start()
      account = accountWith({ api, endpoint })
      catcher = await catchCallbacks(account.callbacks)
    })
    afterAll(() => Promise.all([server.close(), catcher.close()]))

    const send = async (from: typeof account, ...messages: ProviderMessage[]) =>
      from.readSend(await exchange(from.send(messages, CALL)), messages)

    it('sends what the request says', async () => {
      expect(await send(account, message)).toMatchObject([{ kind: 'accepted' }])
      expect(server.desk.taken.at(-1)?.content).toMatchObject({ text: `【253】${MESSAGE.text}` })
    })

    it.each(REFUSED[api])('is refused for %s', async (reason, type, failure) => {
      server.desk.script({ kind: 'refuse', reason })
      const [result] = await send(account, message)
      if (result?.kind !== 'refused') throw new Error('it was accepted')
      expect(account.classify(result)).toMatchObject({ type, failure })
    })

    it('is refused for another password', async () => {
      const stranger = accountWith({ api, endpoint, password: 'other' })
      const code = isDomestic ? '102' : 'intl:102'
      expect(await send(stranger, message)).toMatchObject([{ kind: 'refused', code }])
      const [receipts] = stranger.pulls ?? []
      const refused = await exchange(receipts!.request(CALL))
      expect(() => receipts?.read(refused)).toThrow('nothing is handed out')
      const left = account.balance?.read(await exchange(stranger.balance!.request(CALL)))
      expect(left).toMatchObject({ code })
    })

    it('tells of receipts and messages of handsets', async () => {
      const [result] = await send(account, message)
      const taken = server.desk.taken.at(-1)!
      const at = new Date('2024-05-20T08:30:05Z')
      const receipts = [{ message: taken, isDelivered: false, code: 'MBBLACK', at }]
      const ok = { status: 200, contentType: 'text/plain', body: 'OK' }
      expect(await server.pushReceipts(receipts, `${catcher.url}/delivery`)).toEqual([ok])
      const matchKey = result?.kind === 'accepted' ? result.matchKey : ''
      expect(catcher.reports.splice(0)[0]?.receipts).toMatchObject([
        { providerId: taken.id, matchKey, to, status: 'failed', code: 'MBBLACK', at },
      ])
      const inbound = { id: '1', from: taken.to, to: '10690', text: 'TD & 你好', at }
      expect(await server.pushInbound(inbound, `${catcher.url}/mo`)).toEqual(ok)
      const minute = new Date('2024-05-20T08:30:00Z')
      expect(catcher.reports.splice(0)[0]?.inbound).toEqual([
        { id: null, from: to, to: '10690', text: 'TD & 你好', at: minute },
      ])
    })

    it('hands out reports once', async () => {
      await send(account, message)
      const taken = server.desk.taken.at(-1)!
      const at = new Date('2024-05-20T08:30:05Z')
      server.desk.receipts.push({ message: taken, isDelivered: true, code: 'DELIVRD', at })
      server.desk.inbound.push({ id: '1', from: taken.to, to: '10690', text: 'TD', at })
      const told = []
      for (const { request, read } of account.pulls ?? []) {
        told.push(read(await exchange(request(CALL))))
        const again = read(await exchange(request(CALL)))
        expect(again).toEqual({ receipts: [], inbound: [], isMore: false })
      }
      expect(told.flatMap(({ receipts }) => receipts)).toMatchObject([
        { providerId: taken.id, to, status: 'delivered', code: 'DELIVRD', at },
      ])
      const inbound = isDomestic ? [{ from: to, to: '10690', text: 'TD' }] : []
      expect(told.flatMap((each) => each.inbound)).toMatchObject(inbound)
    })

    it('says what is left', async () => {
      const left = account.balance?.read(await exchange(account.balance.request(CALL)))
      const expected = isDomestic
        ? { amount: '5000', unit: 'messages' }
        : { amount: '12.3456', unit: '' }
      expect(left).toEqual(expected)
    })

    it.runIf(isDomestic)('fills a template by number', async () => {
      const [first, second] = [filled(FIRST, '4711', '5'), filled(SECOND, '4712', '10')]
      const results = await send(account, first, second)
      expect(results.map(({ kind }) => kind)).toEqual(['accepted', 'accepted'])
      expect(
        server.desk.taken.slice(-2).map(({ to: number, content }) => [number, content]),
      ).toEqual([
        ['13800138000', { text: '【253】您的验证码是4711，5分钟有效' }],
        ['13900139000', { text: '【253】您的验证码是4712，10分钟有效' }],
      ])
      expect(await send(account, filled(FIRST, '4711'))).toMatchObject([{ code: '114' }])
    })
  },
)
