import { afterAll, beforeAll, describe, expect, it } from 'vitest'
import { baidu } from '../../src/providers/baidu.ts'
import {
  baiduCallbackSignature,
  bceAuthorization,
  bceCanonicalQuery,
} from '../../src/providers/baidu-signature.ts'
import type { ProviderMessage } from '../../src/providers/provider.ts'
import { REFUSAL_REASONS } from '../../src/sandbox/provider-desk.ts'
import { baiduRefusesSignature, baiduSimulator } from '../../src/sandbox/providers/baidu.ts'
import { exchange, type OverHttp, overHttp, TYPE_OF_REASON, tellReceipts } from './over-http.ts'
import { anew, CALL, MESSAGE, providerSuite } from './provider-suite.ts'
import { vectorsOf } from './vectors.ts'

const KEYS = {
  access_key_id: 'example0baidu0access0key00000001',
  secret_access_key: 'example0baidu0secret0key00000001',
}

function accountWith(settings: object = {}) {
  return baidu.open(baidu.settings.parse({ ...KEYS, callback_token: 'exampleToken', ...settings }))
}

const FILLED: ProviderMessage = {
  ...MESSAGE,
  sign: 'sms-sign-1',
  template: { id: 'sms-tmpl-1', variables: [{ name: 'code', value: '4711' }] },
}
const ABROAD = { ...FILLED, to: '+85261234567' }
const OTHER = { ...FILLED, to: '+8613900139000' }

providerSuite('baidu', () => accountWith())

describe('baidu: signatures', () => {
  const named = (scheme: string) =>
    vectorsOf('baidu', scheme).map((vector) => [vector.name, vector] as const)

  it.each(named('bce-auth-v1'))('%s', (_name, { input, expected }) => {
    const headers = Object.fromEntries(
      input.headersToSign.map((name: string) => [name, input.headers[name]]),
    )
    const authorization = bceAuthorization({ ...input, headers }, input)
    expect(authorization.split('/').at(-1)).toBe(expected.signature)
    // We always say which headers are signed; the vector without them is of the same signature.
    if (expected.authorization && !input.emptySignedHeadersSegment) {
      expect(authorization).toBe(expected.authorization)
    }
  })

  it.each(named('bce-auth-v1'))('%s holds for the simulator', (_name, { input, expected }) => {
    const authorization =
      expected.authorization ??
      `bce-auth-v1/${input.accessKeyId}/${input.timestamp}/1800/${input.headersToSign.join(';')}/${expected.signature}`
    const request = {
      method: input.method,
      path: input.path,
      rawQuery: new URLSearchParams(input.query).toString(),
      headers: { ...input.headers, authorization },
    }
    const now = new Date(input.timestamp)
    expect(baiduRefusesSignature(input, request, now)).toBeNull()
    expect(baiduRefusesSignature(input, { ...request, method: 'DELETE' }, now)).toMatchObject([
      403,
      'SignatureDoesNotMatch',
      expect.any(String),
    ])
    const late = new Date(now.getTime() + 1_801_000)
    expect(baiduRefusesSignature(input, request, late)?.[1]).toBe('RequestExpired')
  })

  it.each(named('bce-canonical-query'))('%s', (_name, { input, expected }) => {
    expect(bceCanonicalQuery(input.query)).toBe(expected.canonicalQuery)
  })

  it.each(named('baidu-callback-md5'))('%s', (_name, { input, expected }) => {
    const body = Buffer.from(input.body)
    expect(baiduCallbackSignature(input.token, input.timestamp, body)).toBe(expected.signature)
  })
})

describe('baidu: requests', () => {
  it('sends one content to many numbers', () => {
    const account = accountWith({ user_ext_id: '01', merchant_url_id: 'url-1' })
    const { method, url, headers, body } = account.send([FILLED, ABROAD], CALL)
    expect(method).toBe('POST')
    expect(url).toMatch(
      /^https:\/\/smsv3\.bj\.baidubce\.com\/api\/v3\/sendSms\?clientToken=[0-9a-f]{8}(-[0-9a-f]{4}){3}-[0-9a-f]{12}$/,
    )
    expect(headers).toEqual({
      authorization: expect.stringMatching(
        /^bce-auth-v1\/example0baidu0access0key00000001\/2024-05-20T08:30:00Z\/1800\/host;x-bce-date\/[0-9a-f]{64}$/,
      ),
      'content-type': 'application/json;charset=utf-8',
      'x-bce-date': '2024-05-20T08:30:00Z',
    })
    expect(JSON.parse(body)).toEqual({
      mobile: '13800138000,+85261234567',
      template: 'sms-tmpl-1',
      signatureId: 'sms-sign-1',
      contentVar: { code: '4711' },
      userExtId: '01',
      merchantUrlId: 'url-1',
    })
    expect(account.batchKey(FILLED)).toBe(account.batchKey(ABROAD))
    expect(account.batchKey(FILLED)).not.toBe(account.batchKey({ ...FILLED, sign: 'other' }))
  })

  it('has the same token when a submit is repeated, and only then', () => {
    const tokenOf = (...messages: ProviderMessage[]) =>
      new URL(accountWith().send(messages, CALL).url).searchParams.get('clientToken')
    const later = { ...CALL, now: new Date(), nonce: 'f'.repeat(32) }
    expect(new URL(accountWith().send([FILLED], later).url).searchParams.get('clientToken')).toBe(
      tokenOf(FILLED),
    )
    expect(tokenOf(...anew(FILLED))).not.toBe(tokenOf(FILLED))
    expect(tokenOf(FILLED, ABROAD)).not.toBe(tokenOf(FILLED))
  })
})

describe('baidu: answers', () => {
  const answer = (body: object, status = 200) => ({
    status,
    headers: {},
    body: JSON.stringify(body),
  })
  const row = (mobile: string, messageId: string, code = '1000') => ({ code, mobile, messageId })

  it('reads a result for each number, in the order of the messages', () => {
    const data = [row('+85261234567', 'id_1'), row('13800138000', 'id_0')]
    expect(accountWith().readSend(answer({ code: '1000', data }), [FILLED, ABROAD])).toEqual([
      { kind: 'accepted', providerId: 'id_0', matchKey: 'id_0' },
      { kind: 'accepted', providerId: 'id_1', matchKey: 'id_1' },
    ])
  })

  it('reads some refused, whatever the code of the whole', () => {
    const data = [row('13800138000', 'id_0'), { ...row('13900139000', '', '4641'), message: 'no' }]
    for (const code of ['1000', '4641']) {
      expect(accountWith().readSend(answer({ code, data }), [FILLED, OTHER])).toEqual([
        { kind: 'accepted', providerId: 'id_0', matchKey: 'id_0' },
        { kind: 'refused', code: '4641', text: 'no', httpStatus: 200 },
      ])
    }
  })

  it('gives two messages to one number the rows of it in turn, and refuses one without', () => {
    const data = [row('13800138000', 'id_0'), row('13800138000', 'id_1')]
    const read = accountWith().readSend(answer({ code: '1000', data }), [FILLED, FILLED, FILLED])
    expect(read).toEqual([
      { kind: 'accepted', providerId: 'id_0', matchKey: 'id_0' },
      { kind: 'accepted', providerId: 'id_1', matchKey: 'id_1' },
      { kind: 'refused', code: '', text: 'no result for this number', httpStatus: 200 },
    ])
  })

  it('reads refusals of the whole call', () => {
    const { readSend } = accountWith()
    expect(readSend(answer({ code: '4602', message: 'no' }), [FILLED, OTHER])).toEqual([
      { kind: 'refused', code: '4602', text: 'no', httpStatus: 200 },
      { kind: 'refused', code: '4602', text: 'no', httpStatus: 200 },
    ])
    expect(readSend(answer({ message: 'slow down' }, 429), [FILLED])).toEqual([
      { kind: 'refused', code: '', text: 'slow down', httpStatus: 429 },
    ])
  })

  it.each([
    ['HTTP 502 without JSON', { status: 502, headers: {}, body: '<html>' }],
    ['HTTP 200 without "code"', answer({})],
    ['code 1000 without "data"', answer({ code: '1000', data: [] })],
    ['code 1000 without "messageId"', answer({ code: '1000', data: [row('13800138000', '')] })],
  ])('says so when nobody can tell: %s', (message, response) => {
    expect(() => accountWith().readSend(response, [FILLED])).toThrow(message)
  })
})

describe('baidu: callbacks', () => {
  const request = (body: unknown, headers: Record<string, string> = {}, kind = 'delivery') => ({
    method: 'POST' as const,
    kind: kind as 'delivery' | 'mo',
    url: 'https://gateway.example/callback',
    headers,
    body: Buffer.from(JSON.stringify(body)),
  })

  it('reads one receipt without a list around it, and knows the codes of the platform', async () => {
    const report = { code: '2', messageId: 'id_0', mobile: '13800138000', carrierCode: 'B:00036' }
    const reports = await accountWith().callbacks?.read(request(report))
    expect(reports?.receipts).toEqual([
      {
        providerId: 'id_0',
        matchKey: 'id_0',
        to: '+8613800138000',
        status: 'failed',
        code: 'B:00036',
        failure: 'recipient_opted_out',
        text: '',
        at: null,
      },
    ])
  })

  it('refuses what has no id, no sender, or is no JSON', () => {
    const { callbacks } = accountWith()
    expect(() => callbacks?.read(request([{ code: '0' }]))).toThrow('without "messageId"')
    expect(() => callbacks?.read(request({ content: 'TD' }, {}, 'mo'))).toThrow('without "mobile"')
    expect(() => callbacks?.read({ ...request({}), body: Buffer.from('x=1') })).toThrow('no JSON')
  })

  it('says what is wrong with a signature, and checks none without a token', () => {
    const { callbacks } = accountWith()
    const signature = 'a'.repeat(32)
    const reasonOf = (headers: Record<string, string>) =>
      callbacks?.check?.(request([], headers)) as { reason?: string } | undefined
    expect(reasonOf({})?.reason).toBe('no timestamp or no signature')
    expect(reasonOf({ timestamp: 'now', signature })?.reason).toContain('no time in milliseconds')
    expect(reasonOf({ timestamp: '1716193806000', signature })?.reason).toContain('another body')
    expect(accountWith({ callback_token: undefined }).callbacks?.check).toBeUndefined()
  })
})

describe('baidu: with the simulator, over HTTP', () => {
  let wire: OverHttp
  const open = (settings: object = {}) => accountWith({ endpoint: wire.endpoint, ...settings })
  beforeAll(async () => {
    wire = await overHttp(
      baiduSimulator({
        accessKeyId: KEYS.access_key_id,
        secretAccessKey: KEYS.secret_access_key,
        callbackToken: 'exampleToken',
      }),
    )
  })
  afterAll(() => wire.close())

  it('is taken, reported and answered', async () => {
    const account = open()
    wire.answerAs(account.callbacks)
    const messages = anew(FILLED, ABROAD)
    const sent = account.readSend(await exchange(account.send(messages, CALL)), messages)
    expect(sent).toMatchObject([{ kind: 'accepted' }, { kind: 'accepted' }])
    const [first, second] = wire.server.desk.taken.slice(-2)
    if (!first || !second) throw new Error('nothing was taken')
    expect(first.content).toMatchObject({ template: 'sms-tmpl-1', contentVar: { code: '4711' } })
    const { answers, request, reports } = await tellReceipts(wire, account, [
      { message: first, isDelivered: true, code: 'DELIVRD', at: CALL.now },
      { message: second, isDelivered: false, code: 'B:00033', at: CALL.now },
    ])
    expect(answers).toEqual([{ status: 200, contentType: 'application/json', body: '' }])
    expect(account.callbacks?.check?.(request)).toEqual({
      isGenuine: true,
      signedAt: CALL.now,
      nonce: null,
    })
    expect(reports?.receipts.map(({ matchKey }) => matchKey)).toEqual(
      sent.map((result) => result.kind === 'accepted' && result.matchKey),
    )
    expect(reports?.receipts).toMatchObject([
      { to: FILLED.to, status: 'delivered', code: 'DELIVRD', failure: null, at: CALL.now },
      { to: ABROAD.to, status: 'failed', code: 'B:00033', failure: 'recipient_opted_out' },
    ])
  })

  it('tells of messages of handsets', async () => {
    const account = open()
    const inbound = { id: '1', from: '13800138000', to: '01', text: 'TD 退订', at: CALL.now }
    await wire.server.pushInbound(inbound, `${wire.callbackUrl}/mo`)
    const request = wire.callbacks.at(-1)
    if (!request) throw new Error('no callback came')
    expect(account.callbacks?.check?.(request)).toMatchObject({ isGenuine: true })
    expect((await account.callbacks?.read(request))?.inbound).toEqual([
      { id: null, from: '+8613800138000', to: '01', text: 'TD 退订', at: CALL.now },
    ])
  })

  it('takes a call that is made again once', async () => {
    const account = open()
    const request = account.send(anew(FILLED), CALL)
    const before = wire.server.desk.taken.length
    const answers = [await exchange(request), await exchange(request)]
    expect(answers[1]).toMatchObject({ body: answers[0]?.body })
    expect(wire.server.desk.taken.length).toBe(before + 1)
  })

  it('tells how many messages are left', async () => {
    const account = open()
    const request = account.balance?.request(CALL)
    if (!request) throw new Error('no balance')
    const left = String(1_000 - wire.server.desk.taken.length)
    expect(account.balance?.read(await exchange(request))).toEqual({
      amount: left,
      unit: 'messages',
    })
    const refused = await exchange({ ...request, headers: {} })
    expect(account.balance?.read(refused)).toMatchObject({ code: 'AccessDenied', httpStatus: 403 })
  })

  it('is refused with a forged signature, another key, and an old time', async () => {
    const codeOf = async (settings: object, now = CALL.now) => {
      const account = open(settings)
      const request = account.send(anew(FILLED), { ...CALL, now })
      const [result] = account.readSend(await exchange(request), [FILLED])
      return result?.kind === 'refused' ? result.code : ''
    }
    expect(await codeOf({ secret_access_key: 'wrong' })).toBe('SignatureDoesNotMatch')
    expect(await codeOf({ access_key_id: 'wrong' })).toBe('InvalidAccessKeyId')
    const old = new Date(CALL.now.getTime() - 1_801_000)
    expect(await codeOf({}, old)).toBe('RequestExpired')
  })

  it('is refused for what the provider would refuse', async () => {
    const account = open()
    const codes = async (...messages: ProviderMessage[]) => {
      const response = await exchange(account.send(anew(...messages), CALL))
      return account
        .readSend(response, messages)
        .map((result) => (result.kind === 'refused' ? result.code : ''))
    }
    expect(await codes({ ...FILLED, to: '+8612345' }, OTHER)).toEqual(['4503', ''])
    expect(await codes({ ...FILLED, sign: '' })).toEqual(['6006'])
    expect((await codes(...Array.from({ length: 201 }, () => FILLED)))[0]).toBe('4511')
  })

  it.each(REFUSAL_REASONS)('reads a refusal for %s as what it is', async (reason) => {
    const account = open()
    wire.server.desk.script({ kind: 'refuse', reason })
    const [result] = account.readSend(await exchange(account.send(anew(FILLED), CALL)), [FILLED])
    if (result?.kind !== 'refused') throw new Error('it was taken')
    expect(account.classify(result).type).toBe(TYPE_OF_REASON[reason])
  })
})
