import { afterAll, beforeAll, describe, expect, it } from 'vitest'
import { callKey } from '../../src/providers/call-key.ts'
import { cloopen, cloopenSignature } from '../../src/providers/cloopen.ts'
import type { ProviderMessage } from '../../src/providers/provider.ts'
import { REFUSAL_REASONS } from '../../src/sandbox/provider-desk.ts'
import { cloopenRefusesCall, cloopenSimulator } from '../../src/sandbox/providers/cloopen.ts'
import { exchange, type OverHttp, overHttp, TYPE_OF_REASON } from './over-http.ts'
import { anew, CALL, MESSAGE, providerSuite } from './provider-suite.ts'
import { vectorsOf } from './vectors.ts'

const KEYS = {
  account_sid: '8aaf0708example000000000000sid01',
  auth_token: 'example0token0000000000000000001',
  app_id: 'app-1',
}

function accountWith(settings: object = {}) {
  return cloopen.open(cloopen.settings.parse({ ...KEYS, ...settings }))
}

const FILLED: ProviderMessage = {
  ...MESSAGE,
  template: {
    id: '1',
    variables: [
      { name: 'code', value: '4711' },
      { name: 'minutes', value: '5' },
    ],
  },
}
const ABROAD = { ...FILLED, to: '+85261234567' }

providerSuite('cloopen', () => accountWith())

describe('cloopen: errors', () => {
  it.each([
    ['111001', 'provider', true],
    ['111099', 'provider', true],
    ['160010', 'provider', true],
    ['160012', 'provider', false],
  ])('%s is %s', (code, type, retryable) => {
    const error = { code, text: '', httpStatus: 200 }
    expect(accountWith().classify(error)).toMatchObject({ type, retryable })
  })

  it('sends nothing anywhere else that may be on its way', () => {
    const error = { code: '160054', text: '', httpStatus: 200 }
    expect(accountWith().classify(error)).toMatchObject({
      failure: 'duplicate_refused',
      tryAnother: false,
    })
  })
})

describe('cloopen: requests', () => {
  it.each(vectorsOf('cloopen', 'cloopen-sig').map((vector) => [vector.name, vector] as const))(
    '%s',
    (_name, { input, expected }) => {
      const { accountSid, authToken, timestamp } = input
      const { sig, authorization } = cloopenSignature(accountSid, authToken, timestamp)
      expect({ sig, authorization }).toEqual({
        sig: expected.sig,
        authorization: expected.Authorization,
      })
      const { url, headers } = accountWith().send([FILLED], CALL)
      expect(url).toBe(`https://app.cloopen.com:8883${expected.pathAndQuery}`)
      expect(headers.authorization).toBe(expected.Authorization)
      const request = { query: new URL(url).searchParams, headers }
      expect(cloopenRefusesCall(input, request, CALL.now)).toBe(false)
      expect(cloopenRefusesCall({ ...input, authToken: 'x' }, request, CALL.now)).toBe(true)
      const late = new Date(CALL.now.getTime() + 24 * 3_600_000 + 1)
      expect(cloopenRefusesCall(input, request, late)).toBe(true)
    },
  )

  it('sends one content to many numbers', () => {
    const account = accountWith({ sub_append: '01' })
    const { method, headers, body } = account.send([FILLED, ABROAD], CALL)
    expect(method).toBe('POST')
    expect(headers).toMatchObject({
      accept: 'application/json',
      'content-type': 'application/json;charset=utf-8',
    })
    expect(JSON.parse(body)).toEqual({
      appId: 'app-1',
      to: '13800138000,0085261234567',
      templateId: '1',
      datas: ['4711', '5'],
      subAppend: '01',
      reqId: callKey([FILLED, ABROAD]),
    })
    expect(account.batchKey(FILLED)).toBe(account.batchKey(ABROAD))
    const bare = { ...FILLED, template: { id: '1', variables: [] } }
    expect(JSON.parse(account.send([bare], CALL).body)).not.toHaveProperty('datas')
  })
})

describe('cloopen: answers', () => {
  const answer = (body: object, status = 200) => ({
    status,
    headers: {},
    body: JSON.stringify(body),
  })

  it.each(['templateSMS', 'TemplateSMS'])('gives all the one id, in %s', (name) => {
    const body = { statusCode: '000000', [name]: { smsMessageSid: 'ff80' } }
    expect(accountWith().readSend(answer(body), [FILLED, ABROAD])).toEqual([
      { kind: 'accepted', providerId: 'ff80', matchKey: 'ff80 +8613800138000' },
      { kind: 'accepted', providerId: 'ff80', matchKey: 'ff80 +85261234567' },
    ])
  })

  it('reads a refusal with and without words', () => {
    const read = (body: object) => accountWith().readSend(answer(body), [FILLED])
    expect(read({ statusCode: '160040', statusMsg: 'too many' })).toEqual([
      { kind: 'refused', code: '160040', text: 'too many', httpStatus: 200 },
    ])
    expect(read({ statusCode: '112310' })).toEqual([
      { kind: 'refused', code: '112310', text: '', httpStatus: 200 },
    ])
  })

  it.each([
    ['HTTP 502 without JSON', { status: 502, headers: {}, body: '<html>' }],
    ['HTTP 200 without "statusCode"', answer({})],
    ['000000 without "smsMessageSid"', answer({ statusCode: '000000', templateSMS: {} })],
  ])('says so when nobody can tell: %s', (message, response) => {
    expect(() => accountWith().readSend(response, [FILLED])).toThrow(message)
  })
})

describe('cloopen: callbacks', () => {
  const request = (body: string) => ({
    method: 'POST' as const,
    kind: 'delivery' as const,
    url: 'https://gateway.example/callback',
    headers: {},
    body: Buffer.from(body),
  })
  const read = (body: string) => accountWith().callbacks?.read(request(body))

  it('takes the status for the code where the network has none', async () => {
    const fields = { smsType: 1, content: 'ff80', fromNum: '13800138000', status: 2 }
    const reports = await read(JSON.stringify({ Request: fields }))
    expect(reports?.receipts).toMatchObject([{ status: 'failed', code: '2', at: null }])
  })

  it.each([
    ['{"Request":{"smsType":"7"}}', 'smsType "7" is neither 0 nor 1'],
    ['{"Request":{"smsType":"1","content":"x","status":"0"}}', 'without "content"'],
    ['<Request><smsType>0</smsType></Request>', 'without "fromNum"'],
    ['<Reply><smsType>0</smsType></Reply>', '<Reply> is no <Request>'],
    ['{"smsType":"1"}', 'no "Request"'],
    ['smsType=1', 'no JSON'],
    ['<!DOCTYPE x SYSTEM "file:///etc/passwd"><Request/>', 'no flat XML'],
  ])('refuses %s', (body, message) => {
    expect(() => read(body)).toThrow(message)
  })
})

describe.each(['json', 'xml'] as const)(
  'cloopen: with the simulator, over HTTP, callbacks as %s',
  (callbackFormat) => {
    let wire: OverHttp
    const open = (settings: object = {}) => accountWith({ endpoint: wire.endpoint, ...settings })
    beforeAll(async () => {
      wire = await overHttp(
        cloopenSimulator({
          accountSid: KEYS.account_sid,
          authToken: KEYS.auth_token,
          appId: KEYS.app_id,
          callbackFormat,
        }),
      )
    })
    afterAll(() => wire.close())

    const codes = async (settings: object, messages: ProviderMessage[], call = CALL) => {
      const account = open(settings)
      const response = await exchange(account.send(messages, call))
      return account
        .readSend(response, messages)
        .map((result) => (result.kind === 'refused' ? result.code : 'accepted'))
    }

    it('is taken, reported and answered in the same form', async () => {
      const account = open()
      wire.answerAs(account.callbacks)
      const messages = anew(FILLED, ABROAD)
      const sent = account.readSend(await exchange(account.send(messages, CALL)), messages)
      const [first, second] = wire.server.desk.taken.slice(-2)
      if (!first || !second) throw new Error('nothing was taken')
      expect(first.content).toMatchObject({ templateId: '1', datas: ['4711', '5'] })
      const at = new Date('2024-05-20T08:30:05Z')
      const from = wire.callbacks.length
      const answers = await wire.server.pushReceipts(
        [
          { message: first, isDelivered: true, code: 'DELIVRD', at },
          { message: second, isDelivered: false, code: 'MK:0001', at },
        ],
        `${wire.callbackUrl}/delivery`,
      )
      const type = `application/${callbackFormat}`
      expect(answers).toMatchObject([
        { status: 200, contentType: type, body: expect.stringContaining('000000') },
        { status: 200, contentType: type, body: expect.stringContaining('000000') },
      ])
      const came = wire.callbacks.slice(from)
      const reports = await Promise.all(came.map((request) => account.callbacks?.read(request)))
      const receipts = reports.flatMap((report) => report?.receipts ?? [])
      const of = (index: number) => {
        const result = sent[index]
        return receipts.find(
          ({ matchKey }) => result?.kind === 'accepted' && result.matchKey === matchKey,
        )
      }
      expect(of(0)).toMatchObject({ to: FILLED.to, status: 'delivered', code: 'DELIVRD', at })
      expect(of(1)).toMatchObject({ to: ABROAD.to, status: 'failed', code: 'MK:0001', at })
    })

    it('tells of messages of handsets', async () => {
      const account = open()
      const text = `退订 <TD> & "R" 'x'`
      const inbound = { id: '', from: '13800138000', to: '01', text, at: CALL.now }
      await wire.server.pushInbound(inbound, `${wire.callbackUrl}/mo`)
      const request = wire.callbacks.at(-1)
      if (!request) throw new Error('no callback came')
      expect((await account.callbacks?.read(request))?.inbound).toEqual([
        { id: null, from: '+8613800138000', to: '01', text, at: CALL.now },
      ])
    })

    it('tells what money is left', async () => {
      const account = open()
      const request = account.balance?.request(CALL)
      if (!request) throw new Error('no balance')
      expect(account.balance?.read(await exchange(request))).toEqual({
        amount: '98.76',
        unit: 'CNY',
      })
      const refused = await exchange({ ...request, headers: {} })
      expect(account.balance?.read(refused)).toMatchObject({ code: '111109' })
    })

    it('is refused when forged, when late, and for what the provider would refuse', async () => {
      expect(await codes({ auth_token: 'wrong' }, [FILLED])).toEqual(['111109'])
      const late = { ...CALL, now: new Date(CALL.now.getTime() - 25 * 3_600_000) }
      expect(await codes({}, [FILLED], late)).toEqual(['111109'])
      expect(await codes({ app_id: 'other' }, [FILLED])).toEqual(['111181'])
      expect(await codes({}, [{ ...FILLED, to: '+8612345' }])).toEqual(['160042'])
      const [first] = await codes(
        {},
        Array.from({ length: 201 }, () => FILLED),
      )
      expect(first).toBe('160048')
    })

    it('is taken once when a call is made again', async () => {
      const account = open()
      const messages = anew(FILLED)
      expect(await codes({}, messages)).toEqual(['accepted'])
      expect(await codes({}, messages)).toEqual(['160054'])
      const repeated = messages.map((message) => ({ ...message, isRepetition: true }))
      const [taken] = account.readSend(await exchange(account.send(repeated, CALL)), repeated)
      const [message] = wire.server.desk.taken.slice(-1)
      if (!message) throw new Error('nothing was taken')
      const receipt = { message, isDelivered: true, code: 'DELIVRD', at: CALL.now }
      await wire.server.pushReceipts([receipt], `${wire.callbackUrl}/delivery`)
      const request = wire.callbacks.at(-1)
      const reports = request && (await account.callbacks?.read(request))
      expect(taken).toMatchObject({
        kind: 'accepted',
        matchKey: reports?.receipts[0]?.repetitionKey,
      })
    })

    it.each(REFUSAL_REASONS)('reads a refusal for %s as what it is', async (reason) => {
      const account = open()
      wire.server.desk.script({ kind: 'refuse', reason })
      const [result] = account.readSend(await exchange(account.send(anew(FILLED), CALL)), [FILLED])
      if (result?.kind !== 'refused') throw new Error('it was taken')
      expect(account.classify(result).type).toBe(TYPE_OF_REASON[reason])
    })
  },
)
