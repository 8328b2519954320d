import { afterAll, beforeAll, describe, expect, it } from 'vitest'
import { netease, neteaseCallbackSignature, neteaseCheckSum } from '../../src/providers/netease.ts'
import type { ProviderMessage } from '../../src/providers/provider.ts'
import { countryCodeOf } from '../../src/providers/recipient.ts'
import { REFUSAL_REASONS } from '../../src/sandbox/provider-desk.ts'
import { neteaseRefusesCall, neteaseSimulator } from '../../src/sandbox/providers/netease.ts'
import { exchange, type OverHttp, overHttp, TYPE_OF_REASON } from './over-http.ts'
import { CALL, MESSAGE, providerSuite } from './provider-suite.ts'
import { vectorsOf } from './vectors.ts'

const KEYS = { app_key: 'exampleAppKey', app_secret: '0123456789ab' }

function accountWith(settings: object = {}) {
  return netease.open(netease.settings.parse({ ...KEYS, ...settings }))
}

const FILLED: ProviderMessage = {
  ...MESSAGE,
  template: {
    id: '3057527',
    variables: [
      { name: 'code', value: '4711' },
      { name: 'minutes', value: '5' },
    ],
  },
}
const OTHER = { ...FILLED, to: '+8613900139000' }
const ABROAD = { ...FILLED, to: '+85261234567' }

providerSuite('netease', () => accountWith())

describe('netease: signatures', () => {
  const named = (scheme: string) =>
    vectorsOf('netease', scheme).map((vector) => [vector.name, vector] as const)

  it.each(named('netease-checksum'))('%s', (_name, { input, expected }) => {
    const { appSecret, nonce, curTime } = input
    expect(neteaseCheckSum(appSecret, nonce, curTime)).toBe(expected.CheckSum)
    const headers = { appkey: 'k', nonce, curtime: curTime, checksum: expected.CheckSum }
    const now = new Date(Number(curTime) * 1_000)
    expect(neteaseRefusesCall({ appKey: 'k', appSecret }, headers, now)).toBeNull()
    expect(neteaseRefusesCall({ appKey: 'k', appSecret: 'x' }, headers, now)?.[0]).toBe(414)
    const late = new Date(now.getTime() + 301_000)
    expect(neteaseRefusesCall({ appKey: 'k', appSecret }, headers, late)?.[0]).toBe(414)
  })

  it.each(named('netease-callback'))('%s', (_name, { input, expected }) => {
    const body = Buffer.from(input.body)
    expect(neteaseCallbackSignature(input.appSecret, input.curTime, body)).toEqual({
      md5: expected.MD5,
      checkSum: expected.CheckSum,
    })
  })
})

describe('netease: requests', () => {
  it('sends one content to many numbers', () => {
    const account = accountWith()
    const nonce = 'b7e1f0a0c4d14f6f9c0b5f1d8e2a3c4d'
    const { method, url, headers, body } = account.send([FILLED, ABROAD], { ...CALL, nonce })
    expect(method).toBe('POST')
    expect(url).toBe('https://sms.yunxinapi.com/sms/sendtemplate.action')
    expect(headers).toEqual({
      appkey: 'exampleAppKey',
      nonce,
      curtime: '1716193800',
      checksum: '21b8d0e29bd3ea6b6346bf95b98f69b4c8ed82c2',
      'content-type': 'application/x-www-form-urlencoded;charset=utf-8',
    })
    expect(Object.fromEntries(new URLSearchParams(body))).toEqual({
      templateid: '3057527',
      mobiles: '["13800138000","+852-61234567"]',
      paramMap: '{"code":"4711","minutes":"5"}',
    })
    expect(account.batchKey(FILLED)).toBe(account.batchKey(ABROAD))
  })

  it('sends variables in their order to older templates, and asks for replies when told to', () => {
    const account = accountWith({ parameters: 'list', need_up: true })
    const fields = new URLSearchParams(account.send([FILLED], CALL).body)
    expect(Object.fromEntries(fields)).toEqual({
      templateid: '3057527',
      mobiles: '["13800138000"]',
      params: '["4711","5"]',
      needUp: 'true',
    })
    const bare = { ...FILLED, template: { id: '1', variables: [] } }
    expect(new URLSearchParams(account.send([bare], CALL).body).has('params')).toBe(false)
  })

  it.each([
    ['+12025550123', '1'],
    ['+74951234567', '7'],
    ['+201001234567', '20'],
    ['+2348012345678', '234'],
    ['+390612345678', '39'],
    ['+37060012345', '370'],
    ['+38344123456', '383'],
    ['+420601123456', '420'],
    ['+447700900123', '44'],
    ['+525512345678', '52'],
    ['+5926001234', '592'],
    ['+6591234567', '65'],
    ['+6737123456', '673'],
    ['+819012345678', '81'],
    ['+85261234567', '852'],
    ['+919812345678', '91'],
    ['+971501234567', '971'],
    ['+989121234567', '98'],
    ['+998901234567', '998'],
  ])('%s has the country code %s', (number, code) => {
    expect(countryCodeOf(number)).toBe(code)
  })
})

describe('netease: answers', () => {
  const answer = (body: string, status = 200) => ({ status, headers: {}, body })

  it('gives all the one id, exactly', () => {
    const body = '{"code":200,"msg":"sendid","obj":12345678901234567890}'
    expect(accountWith().readSend(answer(body), [FILLED, ABROAD])).toEqual([
      {
        kind: 'accepted',
        providerId: '12345678901234567890',
        matchKey: '12345678901234567890 +8613800138000',
      },
      {
        kind: 'accepted',
        providerId: '12345678901234567890',
        matchKey: '12345678901234567890 +85261234567',
      },
    ])
  })

  it.each(['msg', 'desc'])('reads a refusal, its words being in %s', (name) => {
    const body = JSON.stringify({ code: 416, [name]: 'too frequent' })
    expect(accountWith().readSend(answer(body), [FILLED, OTHER])).toEqual([
      { kind: 'refused', code: '416', text: 'too frequent', httpStatus: 200 },
      { kind: 'refused', code: '416', text: 'too frequent', httpStatus: 200 },
    ])
  })

  it('knows a bad checksum from a bad parameter', () => {
    const failureOf = (text: string) =>
      accountWith().classify({ code: '414', text, httpStatus: 200 }).failure
    expect(failureOf('bad checksum')).toBe('carrier_unauthorised')
    expect(failureOf('bad mobile')).toBe('carrier_request_invalid')
  })

  it.each([
    ['HTTP 502 without JSON', answer('<html>', 502)],
    ['HTTP 200 without "code"', answer('{}')],
    ['code 200 without "obj"', answer('{"code":200,"msg":"sendid"}')],
  ])('says so when nobody can tell: %s', (message, response) => {
    expect(() => accountWith().readSend(response, [FILLED])).toThrow(message)
  })

  it('reads what a call about a message says', () => {
    const sent = { providerId: '7', to: FILLED.to, sentAt: CALL.now }
    const read = (status: number, mobile = '13800138000') => {
      const obj = [{ status, mobile, updatetime: 1716193805123 }]
      return accountWith().query?.read(answer(JSON.stringify({ code: 200, obj })), sent)
    }
    expect(read(3)).toEqual({
      providerId: '7',
      matchKey: '7 +8613800138000',
      to: '+8613800138000',
      status: 'failed',
      code: '3',
      failure: 'content_rejected',
      text: '',
      at: new Date(1716193805123),
    })
    expect([0, 1, 2].map((status) => read(status)?.status)).toEqual([
      'pending',
      'pending',
      'failed',
    ])
    expect(read(4)).toBeNull()
    expect(read(2, '13900139000')).toBeNull()
  })
})

describe('netease: callbacks', () => {
  const request = (body: unknown, headers: Record<string, string> = {}) => ({
    method: 'POST' as const,
    kind: 'delivery' as const,
    url: 'https://gateway.example/callback',
    headers,
    body: Buffer.from(JSON.stringify(body)),
  })

  it('finds nothing in events of other products, and refuses what is not whole', async () => {
    const { callbacks } = accountWith()
    const other = await callbacks?.read(request({ eventType: '1', body: 'x' }))
    expect(other).toEqual({ receipts: [], inbound: [] })
    const event = (eventType: string, object: object) => request({ eventType, objects: [object] })
    const { mobile, result } = { mobile: '13800138000', result: 'DELIVRD' }
    expect(() => callbacks?.read(event('11', { mobile, result }))).toThrow('without "sendid"')
    expect(() => callbacks?.read(event('12', { content: 'TD' }))).toThrow('without "mobile"')
    const torn = request({ eventType: '12', objects: '[{' })
    expect(() => callbacks?.read(torn)).toThrow('"objects" is a text without JSON')
  })

  it('says what is wrong with a signature', () => {
    const body = {}
    const curtime = '1716193805123'
    const right = neteaseCallbackSignature('0123456789ab', curtime, request(body).body)
    const check = (headers: Record<string, string>) =>
      accountWith().callbacks?.check?.(request(body, headers))
    const { md5, checkSum: checksum } = right
    expect(check({ md5, checksum, curtime })).toMatchObject({ isGenuine: true })
    expect(check({ md5, checksum })).toMatchObject({ reason: 'no curtime, md5 or checksum' })
    expect(check({ md5, checksum, curtime: 'now' })).toMatchObject({
      reason: 'curtime is no time in milliseconds',
    })
    expect(check({ md5: checksum, checksum, curtime })).toMatchObject({
      reason: 'md5 is of another body',
    })
    expect(check({ md5, checksum, curtime: '1716193805124' })).toMatchObject({
      reason: 'checksum is of another time or secret',
    })
  })
})

describe('netease: with the simulator, over HTTP', () => {
  let wire: OverHttp
  const open = (settings: object = {}) => accountWith({ endpoint: wire.endpoint, ...settings })

  beforeAll(async () => {
    wire = await overHttp(neteaseSimulator({ appKey: KEYS.app_key, appSecret: KEYS.app_secret }))
  })
  afterAll(() => wire.close())

  const codes = async (settings: object, messages: ProviderMessage[], now = CALL.now) => {
    const account = open(settings)
    const response = await exchange(account.send(messages, { ...CALL, now }))
    return account
      .readSend(response, messages)
      .map((result) => (result.kind === 'refused' ? result.code : 'accepted'))
  }

  it('is taken, asked about, reported and answered', async () => {
    const account = open()
    wire.answerAs(account.callbacks)
    const messages = [FILLED, ABROAD]
    const sent = account.readSend(await exchange(account.send(messages, CALL)), messages)
    const [first, second] = wire.server.desk.taken.slice(-2)
    if (!first || !second) throw new Error('nothing was taken')
    expect(first.content).toMatchObject({ paramMap: { code: '4711', minutes: '5' } })
    const at = new Date('2024-05-20T08:30:05Z')
    const receipts = [
      { message: first, isDelivered: true, code: 'DELIVRD', at },
      { message: second, isDelivered: false, code: 'UNDELIV', at },
    ]
    wire.server.desk.receipts.push(...receipts)
    const asked = { providerId: first.id, to: ABROAD.to, sentAt: CALL.now }
    const query = account.query?.request(asked, CALL)
    if (!query) throw new Error('no query')
    expect(account.query?.read(await exchange(query), asked)).toMatchObject({
      matchKey: `${first.id} ${ABROAD.to}`,
      status: 'failed',
      at,
    })
    const answers = await wire.server.pushReceipts(receipts, `${wire.callbackUrl}/delivery`)
    expect(answers).toEqual([
      { status: 200, contentType: 'application/json', body: '{"code":200}' },
    ])
    const request = wire.callbacks.at(-1)
    if (!request) throw new Error('no callback came')
    expect(account.callbacks?.check?.(request)).toMatchObject({ isGenuine: true, signedAt: at })
    const reports = await account.callbacks?.read(request)
    expect(reports?.receipts).toMatchObject([
      { to: FILLED.to, status: 'delivered', at },
      { to: ABROAD.to, status: 'failed', code: 'UNDELIV', at },
    ])
    expect(reports?.receipts.map(({ matchKey }) => matchKey)).toEqual(
      sent.map((result) => result.kind === 'accepted' && result.matchKey),
    )
  })

  it('tells of messages of handsets', async () => {
    const account = open()
    const inbound = { id: '', from: '13800138000', to: '', text: '退订 TD', at: CALL.now }
    await wire.server.pushInbound(inbound, `${wire.callbackUrl}/mo`)
    const request = wire.callbacks.at(-1)
    if (!request) throw new Error('no callback came')
    expect(account.callbacks?.check?.(request)).toMatchObject({ isGenuine: true })
    expect((await account.callbacks?.read(request))?.inbound).toEqual([
      { id: null, from: '+8613800138000', to: '', text: '退订 TD', at: CALL.now },
    ])
  })

  it('is refused when forged, when late, and for what the provider would refuse', async () => {
    expect(await codes({ app_secret: 'wrong' }, [FILLED])).toEqual(['414'])
    expect(await codes({ app_key: 'wrong' }, [FILLED])).toEqual(['403'])
    expect(await codes({}, [FILLED], new Date(CALL.now.getTime() - 301_000))).toEqual(['414'])
    expect(await codes({}, [FILLED, { ...FILLED, to: '+8612345' }])).toEqual(['414', '414'])
    const long = { id: '1', variables: [{ name: 'code', value: '4'.repeat(31) }] }
    expect(await codes({ parameters: 'list' }, [{ ...FILLED, template: long }])).toEqual(['414'])
    expect(await codes({}, [{ ...FILLED, template: long }])).toEqual(['accepted'])
    expect(
      (
        await codes(
          {},
          Array.from({ length: 101 }, () => FILLED),
        )
      )[0],
    ).toBe('414')
  })

  it.each(REFUSAL_REASONS)('reads a refusal for %s as what it is', async (reason) => {
    const account = open()
    wire.server.desk.script({ kind: 'refuse', reason })
    const [result] = account.readSend(await exchange(account.send([FILLED], CALL)), [FILLED])
    if (result?.kind !== 'refused') throw new Error('it was taken')
    // Arrears have no code of their own.
    const type = reason === 'balance' ? 'auth' : TYPE_OF_REASON[reason]
    expect(account.classify(result).type).toBe(type)
  })
})
