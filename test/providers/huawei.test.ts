import { afterAll, beforeAll, describe, expect, it } from 'vitest'
import { huawei } from '../../src/providers/huawei.ts'
import { sdkAuthorization, wsseHeaders } from '../../src/providers/huawei-signature.ts'
import type { ProviderMessage } from '../../src/providers/provider.ts'
import { REFUSAL_REASONS } from '../../src/sandbox/provider-desk.ts'
import { huaweiRefusesCall, huaweiSimulator } from '../../src/sandbox/providers/huawei.ts'
import { exchange, type OverHttp, overHttp, TYPE_OF_REASON } from './over-http.ts'
import { CALL, MESSAGE, providerSuite } from './provider-suite.ts'
import { vectorsOf } from './vectors.ts'

const KEYS = { app_key: 'exampleAppKey', app_secret: 'ExampleAppSecret' }

function accountWith(settings: object = {}) {
  return huawei.open(huawei.settings.parse({ ...KEYS, channel: '8824110605000', ...settings }))
}

const FILLED: ProviderMessage = {
  ...MESSAGE,
  sign: '华为云短信测试',
  template: { id: 'template-1', variables: [{ name: 'code', value: '4711' }] },
}
const OTHER: ProviderMessage = {
  ...FILLED,
  to: '+8613900139000',
  template: { id: 'template-1', variables: [{ name: 'code', value: '1234' }] },
}
const ABROAD = { ...FILLED, to: '+85261234567' }

providerSuite('huawei', () => accountWith())

describe('huawei: signatures', () => {
  const wsse = [
    ...vectorsOf('huawei', 'huawei-wsse-raw'),
    ...vectorsOf('huawei', 'huawei-wsse-hex'),
  ]
  const sdk = vectorsOf('huawei', 'SDK-HMAC-SHA256')

  it.each(wsse.map((vector) => [vector.name, vector] as const))(
    '%s',
    (_name, { input, expected }) => {
      const { appKey, appSecret, nonce, created, scheme } = input
      const form = scheme === 'huawei-wsse-raw' ? 'raw' : 'hex'
      const headers = wsseHeaders(appKey, appSecret, form, nonce, created)
      expect(headers).toEqual({
        authorization: expected.Authorization,
        'x-wsse': expected['X-WSSE'],
      })
      // The same through an account and through the simulator.
      const now = new Date(created)
      const account = accountWith({ authentication: form === 'raw' ? 'wsse' : 'wsse_hex' })
      const sent = account.send([FILLED], { ...CALL, now, nonce })
      expect(sent.headers).toMatchObject(headers)
      const request = { method: 'POST', path: '/', rawQuery: '', headers, body: Buffer.alloc(0) }
      expect(huaweiRefusesCall({ appKey, appSecret }, request, now)).toBeNull()
      expect(huaweiRefusesCall({ appKey, appSecret: 'other' }, request, now)).toBe('E000105')
      const late = new Date(now.getTime() + 24 * 3_600_000 + 1)
      expect(huaweiRefusesCall({ appKey, appSecret }, request, late)).toBe('E000110')
    },
  )

  it.each(sdk.map((vector) => [vector.name, vector] as const))(
    '%s',
    (_name, { input, expected }) => {
      const { ak, sk, method, path, headers } = input
      expect(sdkAuthorization(input, ak, sk)).toBe(expected.authorization)
      const request = {
        method,
        path,
        rawQuery: '',
        headers: { ...headers, authorization: expected.authorization },
        body: Buffer.from(input.body),
      }
      const now = CALL.now
      const application = { appKey: ak, appSecret: sk }
      expect(huaweiRefusesCall(application, request, now)).toBeNull()
      const changed = { ...request, body: Buffer.from('{}') }
      expect(huaweiRefusesCall(application, changed, now)).toBe('E000101')
    },
  )
})

describe('huawei: requests', () => {
  it('sends a content for each message in one call', () => {
    const account = accountWith()
    const { method, url, headers, body } = account.send([FILLED, OTHER, ABROAD], CALL)
    expect(method).toBe('POST')
    expect(url).toBe('https://smsapi.cn-north-4.myhuaweicloud.com:443/sms/batchSendDiffSms/v1')
    expect(headers).toEqual({
      authorization: expect.stringMatching(
        /^SDK-HMAC-SHA256 Access=exampleAppKey, SignedHeaders=content-type;host;x-sdk-date, Signature=[0-9a-f]{64}$/,
      ),
      'content-type': 'application/json',
      'x-sdk-date': '20240520T083000Z',
    })
    const content = { templateId: 'template-1', signature: '华为云短信测试' }
    expect(JSON.parse(body)).toEqual({
      from: '8824110605000',
      statusCallback: 'https://gateway.example/callback/provider/main/secret/delivery',
      smsContent: [
        { ...content, to: ['+8613800138000'], templateParas: ['4711'] },
        { ...content, to: ['+8613900139000'], templateParas: ['1234'] },
        { ...content, to: ['+85261234567'], templateParas: ['4711'] },
      ],
    })
    expect(account.batchKey(FILLED)).toBe(account.batchKey(OTHER))
  })

  it('has no fields for what is not there', () => {
    const bare = { ...FILLED, sign: '', template: { id: 'template-1', variables: [] } }
    const { body } = accountWith().send([bare], { ...CALL, callbackUrl: null })
    expect(JSON.parse(body)).toEqual({
      from: '8824110605000',
      smsContent: [{ to: ['+8613800138000'], templateId: 'template-1' }],
    })
  })

  it('is set with a channel of digits', () => {
    const parsed = huawei.settings.safeParse({ ...KEYS, channel: 'Linehaul' })
    expect(parsed.error?.issues[0]?.message).toBe('1 to 20 digits')
  })
})

describe('huawei: answers', () => {
  const answer = (body: object, status = 200) => ({
    status,
    headers: {},
    body: JSON.stringify(body),
  })
  const row = (originTo: string, smsMsgId: string, status = '000000') => ({
    originTo,
    smsMsgId,
    status,
  })

  it('reads a result for each number', () => {
    const result = [row('+85261234567', 'a_2'), row('13800138000', 'a_1')]
    const read = accountWith().readSend(answer({ code: '000000', result }), [FILLED, ABROAD])
    expect(read).toEqual([
      { kind: 'accepted', providerId: 'a_1', matchKey: 'a_1' },
      { kind: 'accepted', providerId: 'a_2', matchKey: 'a_2' },
    ])
  })

  it('looks at the numbers where the whole says that nothing was sent', () => {
    const result = [row(FILLED.to, '', 'E200015'), row(OTHER.to, 'a_1')]
    const read = accountWith().readSend(answer({ code: 'E000510', result }), [FILLED, OTHER])
    expect(read).toMatchObject([
      { kind: 'refused', code: 'E200015', httpStatus: 200 },
      { kind: 'accepted', providerId: 'a_1' },
    ])
    expect(accountWith().readSend(answer({ code: 'E000510' }), [FILLED])).toMatchObject([
      { kind: 'refused', code: 'E000510' },
    ])
  })

  it('refuses the second of two that the provider has taken as one', () => {
    const account = accountWith()
    const read = account.readSend(answer({ code: '000000', result: [row(FILLED.to, 'a_1')] }), [
      FILLED,
      FILLED,
      OTHER,
    ])
    expect(read).toMatchObject([
      { kind: 'accepted', providerId: 'a_1' },
      { kind: 'refused', code: 'E200041' },
      { kind: 'refused', code: '', text: 'no result for this number' },
    ])
    const info = account.classify({ code: 'E200041', text: '', httpStatus: 200 })
    expect(info).toEqual({
      type: 'invalid',
      retryable: false,
      failure: 'duplicate_refused',
      tryAnother: false,
    })
  })

  it('gives two messages to one number the rows of it in the order of the call', () => {
    const result = [row(FILLED.to, 'a_1'), row(OTHER.to, 'a_2'), row(FILLED.to, 'a_3')]
    const again = { ...OTHER, to: FILLED.to }
    const read = accountWith().readSend(answer({ code: '000000', result }), [FILLED, OTHER, again])
    expect(read).toMatchObject([
      { providerId: 'a_1' },
      { providerId: 'a_2' },
      { providerId: 'a_3' },
    ])
  })

  it('reads refusals of the whole call', () => {
    const refused = answer({ code: 'E000102', description: 'no such key' }, 401)
    expect(accountWith().readSend(refused, [FILLED])).toEqual([
      { kind: 'refused', code: 'E000102', text: 'no such key', httpStatus: 401 },
    ])
  })

  it.each([
    ['HTTP 502 without JSON', { status: 502, headers: {}, body: '<html>' }],
    ['HTTP 200 without "code"', answer({})],
    ['code 000000 without "result"', answer({ code: '000000' })],
    ['status 000000 without "smsMsgId"', answer({ code: '000000', result: [row(FILLED.to, '')] })],
  ])('says so when nobody can tell: %s', (message, response) => {
    expect(() => accountWith().readSend(response, [FILLED])).toThrow(message)
  })
})

describe('huawei: receipts', () => {
  const request = (body: string, contentType = 'application/x-www-form-urlencoded') => ({
    method: 'POST' as const,
    kind: 'delivery' as const,
    url: 'https://gateway.example/callback',
    headers: { 'content-type': contentType },
    body: Buffer.from(body),
  })
  const read = async (fields: Record<string, string>) => {
    const body = new URLSearchParams({ smsMsgId: 'a_1', ...fields }).toString()
    const reports = await accountWith().callbacks?.read(request(body))
    return reports?.receipts[0]
  }

  it.each([
    ['2', '3', 'DELIVRD', 'delivered'],
    ['3', '3', 'DELIVRD', 'delivered'],
    ['1', '3', 'UNDELIV', 'failed'],
    ['3', '3', 'EXPIRED', 'failed'],
    ['1', '3', 'ACCEPTD', 'pending'],
    ['2', '2', 'UNKNOWN', 'pending'],
  ])('part %s of %s, %s, is %s', async (sequence, total, status, told) => {
    expect(await read({ sequence, total, status })).toMatchObject({
      matchKey: 'a_1',
      status: told,
      code: status,
      part: Number(sequence),
      parts: Number(total),
    })
  })

  it.each([
    ['4', '3', 3, 3],
    ['1', '256', 1, 1],
    ['x', '2x', 1, 1],
  ])('part %s of %s is %i of %i', async (sequence, total, part, parts) => {
    expect(await read({ sequence, total, status: 'DELIVRD' })).toMatchObject({ part, parts })
  })

  it.each([
    ['MBBLACK', 'recipient_opted_out'],
    ['LIMIT', 'recipient_limit'],
    ['E200030', 'content_invalid'],
    ['MK:0001', null],
  ])('knows what %s means', async (status, failure) => {
    expect(await read({ status })).toMatchObject({ status: 'failed', failure, part: 1, parts: 1 })
  })

  it('reads many at once', async () => {
    const statusReportList = [
      { smsMsgId: 'a_1', status: 'DELIVRD', total: 1, sequence: 1 },
      { smsMsgId: 'a_2', status: 'REJECTD', total: '1', sequence: '1' },
    ]
    const body = JSON.stringify({ statusReportList })
    const reports = await accountWith().callbacks?.read(request(body, 'application/json'))
    expect(reports?.receipts).toMatchObject([
      { providerId: 'a_1', status: 'delivered' },
      { providerId: 'a_2', status: 'failed', code: 'REJECTD' },
    ])
  })

  it('refuses what says nothing', () => {
    const { callbacks } = accountWith()
    expect(() => callbacks?.read(request('status=DELIVRD'))).toThrow('without "smsMsgId"')
    expect(() => callbacks?.read({ ...request('to=1'), kind: 'mo' })).toThrow('without "from"')
    expect(() => callbacks?.read(request('{', 'application/json'))).toThrow('no JSON')
  })
})

describe('huawei: with the simulator, over HTTP', () => {
  let wire: OverHttp
  const open = (settings: object = {}) => accountWith({ endpoint: wire.endpoint, ...settings })
  const call = () => ({ ...CALL, callbackUrl: wire.callbackUrl })

  beforeAll(async () => {
    wire = await overHttp(
      huaweiSimulator({
        appKey: KEYS.app_key,
        appSecret: KEYS.app_secret,
        channels: ['8824110605000'],
      }),
    )
  })
  afterAll(() => wire.close())

  const codes = async (settings: object, messages: ProviderMessage[], now = CALL.now) => {
    const account = open(settings)
    const response = await exchange(account.send(messages, { ...call(), now }))
    return account
      .readSend(response, messages)
      .map((result) => (result.kind === 'refused' ? result.code : 'accepted'))
  }

  it.each(['aksk', 'wsse', 'wsse_hex'])('is taken with %s, and not when forged', async (way) => {
    const authentication = { authentication: way }
    expect(await codes(authentication, [FILLED, OTHER])).toEqual(['accepted', 'accepted'])
    const wrong = way === 'aksk' ? 'E000101' : 'E000105'
    expect(await codes({ ...authentication, app_secret: 'wrong' }, [FILLED])).toEqual([wrong])
    expect(await codes({ ...authentication, app_key: 'wrong' }, [FILLED])).toEqual(['E000102'])
    const old = new Date(CALL.now.getTime() - 25 * 3_600_000)
    expect(await codes(authentication, [FILLED], old)).toEqual(['E000110'])
  })

  it('is reported to the address of the request, a long one by its parts', async () => {
    const account = open()
    wire.answerAs(account.callbacks)
    const long = { id: 'template-1', variables: [{ name: 'text', value: '长'.repeat(150) }] }
    const messages = [FILLED, { ...ABROAD, template: long }]
    const sent = account.readSend(await exchange(account.send(messages, call())), messages)
    const [first, second] = wire.server.desk.taken.slice(-2)
    if (!first || !second) throw new Error('nothing was taken')
    const from = wire.callbacks.length
    const answers = await wire.server.pushReceipts(
      [
        { message: first, isDelivered: true, code: 'DELIVRD', at: CALL.now },
        { message: second, isDelivered: false, code: 'MBBLACK', at: CALL.now },
      ],
      'http://127.0.0.1:9/never',
    )
    expect(answers).toHaveLength(4)
    expect(answers[0]).toEqual({ status: 200, contentType: 'application/json', body: '' })
    const came = wire.callbacks.slice(from)
    expect(new Set(came.map(({ kind, url }) => `${kind} ${new URL(url).pathname}`))).toEqual(
      new Set(['delivery /callback/delivery']),
    )
    const reports = await Promise.all(came.map((request) => account.callbacks?.read(request)))
    const receipts = reports.flatMap((report) => report?.receipts ?? [])
    const of = (result: (typeof sent)[number] | undefined) =>
      receipts
        .filter(({ matchKey }) => result?.kind === 'accepted' && result.matchKey === matchKey)
        .sort((a, b) => (a.part ?? 0) - (b.part ?? 0))
        .map(({ status, code, part, parts, at }) => [status, code, part, parts, at])
    expect(of(sent[0])).toEqual([['delivered', 'DELIVRD', 1, 1, CALL.now]])
    expect(of(sent[1])).toEqual([
      ['delivered', 'DELIVRD', 1, 3, CALL.now],
      ['delivered', 'DELIVRD', 2, 3, CALL.now],
      ['failed', 'MBBLACK', 3, 3, CALL.now],
    ])
  })

  it('tells of messages of handsets', async () => {
    const account = open()
    const inbound = { id: 'm-1', from: '+8613800138000', to: '1069', text: 'TD', at: CALL.now }
    await wire.server.pushInbound(inbound, `${wire.callbackUrl}/mo`)
    const request = wire.callbacks.at(-1)
    if (!request) throw new Error('no callback came')
    expect((await account.callbacks?.read(request))?.inbound).toEqual([inbound])
  })

  it('is refused for what the provider would refuse', async () => {
    const withVariables = (...variables: { name: string; value: string }[]) => ({
      ...FILLED,
      template: { id: 'template-1', variables },
    })
    expect(await codes({}, [withVariables({ name: 'code', value: '' })])).toEqual(['E200028'])
    expect(await codes({}, [withVariables()])).toEqual(['accepted'])
    expect(await codes({ channel: '1' }, [FILLED])).toEqual(['E200018'])
    expect(await codes({}, [FILLED, FILLED])).toEqual(['accepted', 'E200041'])
    const many = Array.from({ length: 501 }, (_, index) => ({
      ...FILLED,
      to: `+861380013${String(index).padStart(4, '0')}`,
    }))
    expect((await codes({}, many))[0]).toBe('E000503')
    expect(await codes({}, many.slice(0, 500))).not.toContain('E000503')
  })

  it.each(REFUSAL_REASONS)('reads a refusal for %s as what it is', async (reason) => {
    const account = open()
    wire.server.desk.script({ kind: 'refuse', reason })
    const [result] = account.readSend(await exchange(account.send([FILLED], call())), [FILLED])
    if (result?.kind !== 'refused') throw new Error('it was taken')
    // What is not liked in a text is told as a variable that does not fit.
    const type = reason === 'content' ? 'invalid' : TYPE_OF_REASON[reason]
    expect(account.classify(result).type).toBe(type)
  })
})
