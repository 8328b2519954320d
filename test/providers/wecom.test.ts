import { createCipheriv, randomBytes } from 'node:crypto'
import { afterAll, afterEach, beforeAll, beforeEach, describe, expect, it } from 'vitest'
import type { ProviderMessage } from '../../src/providers/provider.ts'
import { wecom } from '../../src/providers/wecom.ts'
import { decryptWecom, wecomCallbackSignature } from '../../src/providers/wecom-callback.ts'
import { REFUSAL_REASONS } from '../../src/sandbox/provider-desk.ts'
import { type WecomSimulator, wecomSimulator } from '../../src/sandbox/providers/wecom.ts'
import { openHttpCarrier, outbound } from '../carriers/http-carrier-stand.ts'
import { exchange, type OverHttp, overHttp, TYPE_OF_REASON } from './over-http.ts'
import { CALL, MESSAGE, providerSuite } from './provider-suite.ts'
import { vectorsOf } from './vectors.ts'

const KEYS = { corp_id: 'wx5823bf96d3bd56c7', corp_secret: 'example-secret', agent_id: 1000002 }
const ROBOT = { robot_key: 'example-robot-key' }
const URL_OF = 'https://gateway.example/callback/mo'
const COMPANY = {
  corpId: KEYS.corp_id,
  corpSecret: KEYS.corp_secret,
  agentId: KEYS.agent_id,
  robotKey: ROBOT.robot_key,
  unlicensed: ['WangWu'],
}

function accountWith(settings: object = KEYS) {
  return wecom.open(wecom.settings.parse(settings))
}

const to = (recipient: string): ProviderMessage => ({ ...MESSAGE, id: recipient, to: recipient })
const answer = (body: object, status = 200) => {
  return { status, headers: {}, body: JSON.stringify(body) }
}

providerSuite('wecom', () => accountWith())

describe('wecom: settings', () => {
  it.each([
    ['nothing', {}, ['corp_id', 'corp_secret', 'agent_id']],
    ['an application without its secret', { ...KEYS, corp_secret: undefined }, ['corp_secret']],
    ['an application and a robot', { ...KEYS, ...ROBOT }, ['corp_id', 'corp_secret', 'agent_id']],
    ['half of a callback', { ...KEYS, callback_token: 'abc' }, ['encoding_aes_key']],
  ])('%s is refused', (_what, settings, paths) => {
    const { error } = wecom.settings.safeParse(settings)
    expect(error?.issues.map(({ path }) => path.join('.'))).toEqual(paths)
  })
})

describe('wecom: callbacks', () => {
  const [vector] = vectorsOf('wecom', 'wecom-callback')
  if (!vector) throw new Error('no vector')
  const { input, expected } = vector
  const account = accountWith({
    ...KEYS,
    callback_token: input.token,
    encoding_aes_key: input.encodingAesKey,
  })
  const request = (method: 'GET' | 'POST', query: Record<string, string>, body = '') => ({
    method,
    kind: 'delivery' as const,
    url: `https://gateway.example/callback?${new URLSearchParams(query)}`,
    headers: {},
    body: Buffer.from(body),
  })
  const { timestamp, nonce, encrypted } = input
  const signed = { msg_signature: expected.msg_signature, timestamp, nonce }

  it('has the published signature and text', () => {
    expect(wecomCallbackSignature(input.token, timestamp, nonce, encrypted)).toBe(
      expected.msg_signature,
    )
    expect(decryptWecom(encrypted, input)).toBe(expected.plaintext)
  })

  it('answers the check of the address with what was encrypted', async () => {
    const check = request('GET', { ...signed, echostr: encrypted })
    expect(account.callbacks?.check?.(check)).toEqual({
      isGenuine: true,
      signedAt: new Date(Number(timestamp) * 1_000),
      nonce: null,
    })
    expect(account.callbacks?.answer(check)).toMatchObject({
      status: 200,
      body: '1616140317555161061',
    })
    expect(await account.callbacks?.read(check)).toEqual({ receipts: [], inbound: [] })
  })

  it('acknowledges what says nothing of messages, and makes nothing of it', async () => {
    const xml = `<xml><ToUserName><![CDATA[c]]></ToUserName><Encrypt><![CDATA[${encrypted}]]></Encrypt></xml>`
    const post = request('POST', signed, xml)
    expect(account.callbacks?.check?.(post)).toMatchObject({ isGenuine: true })
    expect(await account.callbacks?.read(post)).toEqual({ receipts: [], inbound: [] })
    expect(account.callbacks?.answer(post)).toMatchObject({ status: 200, body: '' })
  })

  const simulator = wecomSimulator({
    corpId: KEYS.corp_id,
    corpSecret: KEYS.corp_secret,
    agentId: KEYS.agent_id,
    callback: { token: input.token, encodingAesKey: input.encodingAesKey },
  })
  /** What the simulator posts when a member has written this. */
  const written = (text: string, from = 'zhangsan') => {
    const at = new Date('2024-05-20T08:30:00Z')
    const push = simulator.inboundPush(
      { id: '7712345678901234567', from, to: '', text, at },
      URL_OF,
    )
    if (!push) throw new Error('there is no callback')
    return { ...request('POST', {}, push.body), url: push.url }
  }

  it('brings what members write', async () => {
    const post = written('退订 <TD> & "R"')
    expect(account.callbacks?.check?.(post)).toEqual({
      isGenuine: true,
      signedAt: new Date('2024-05-20T08:30:00Z'),
      nonce: '7712345678901234567',
    })
    expect(await account.callbacks?.read(post)).toEqual({
      receipts: [],
      inbound: [
        {
          id: '7712345678901234567',
          from: 'zhangsan',
          to: '1000002',
          text: '退订 <TD> & "R"',
          at: new Date('2024-05-20T08:30:00Z'),
        },
      ],
    })
    expect(account.callbacks?.answer(post)).toMatchObject({ status: 200, body: '' })
  })

  it('knows a message that comes again by its id, however it is signed', () => {
    const [first, again] = [written('1'), written('1')]
    expect(first.url).not.toBe(again.url)
    const checks = [first, again].map((post) => account.callbacks?.check?.(post))
    expect(checks[0]).toEqual(checks[1])
  })

  it('does not take a message of nobody, nor one that somebody has changed', () => {
    const { callbacks } = account
    expect(() => callbacks?.read(written('x', ''))).toThrow('without "FromUserName"')
    const other = { ...written('x'), body: written('y').body }
    expect(callbacks?.check?.(other)).toMatchObject({ isGenuine: false })
  })

  it('refuses what is not whole, not signed, and not for this company', () => {
    const { callbacks } = account
    expect(callbacks?.check?.(request('GET', { echostr: encrypted }))).toMatchObject({
      reason: 'no msg_signature, timestamp or nonce',
    })
    const other = request('GET', { ...signed, nonce: '1', echostr: encrypted })
    expect(callbacks?.check?.(other)).toMatchObject({
      reason: 'msg_signature is of another text or token',
    })
    const key = input.encodingAesKey
    expect(() => decryptWecom(encrypted, { encodingAesKey: key, corpId: 'other' })).toThrow(
      'it is for wx5823bf96d3bd56c7',
    )
    expect(() => decryptWecom('AAAA', input)).toThrow('cannot be decrypted')
    expect(() => decryptWecom(randomBytes(0).toString('base64'), input)).toThrow('no padding')
    const aes = Buffer.from(`${key}=`, 'base64')
    const cipher = createCipheriv('aes-256-cbc', aes, aes.subarray(0, 16)).setAutoPadding(false)
    const lying = Buffer.alloc(32, 12)
    lying.writeUInt32BE(4_000_000_000, 16)
    const said = Buffer.concat([cipher.update(lying), cipher.final()]).toString('base64')
    expect(() => decryptWecom(said, input)).toThrow('another length than it says')
  })

  it('has none where no address is set', () => {
    expect(accountWith().callbacks).toBeUndefined()
  })
})

describe('wecom: requests', () => {
  it('sends one text to many users, who are parted by bars', () => {
    const account = accountWith({ ...KEYS, duplicate_check: true, duplicate_check_seconds: 60 })
    const messages = [to('zhangsan'), to('LiSi')]
    const { method, url, headers, body } = account.send(messages, { ...CALL, token: 'a+b/=' })
    expect(method).toBe('POST')
    expect(url).toBe('https://qyapi.weixin.qq.com/cgi-bin/message/send?access_token=a%2Bb%2F%3D')
    expect(headers).toEqual({ 'content-type': 'application/json;charset=utf-8' })
    expect(JSON.parse(body)).toEqual({
      touser: 'zhangsan|LiSi',
      agentid: 1000002,
      msgtype: 'text',
      text: { content: MESSAGE.text },
      enable_duplicate_check: 1,
      duplicate_check_interval: 60,
    })
    expect(account.batchKey(to('zhangsan'))).toBe(account.batchKey(to('LiSi')))
  })

  it.each([
    ['party:3', { toparty: '3' }],
    ['tag:5', { totag: '5' }],
    ['@all', { touser: '@all' }],
  ])('sends to %s alone', (recipient, fields) => {
    const account = accountWith({ ...KEYS, format: 'markdown' })
    expect(JSON.parse(account.send([to(recipient)], CALL).body)).toEqual({
      ...fields,
      agentid: 1000002,
      msgtype: 'markdown',
      markdown: { content: MESSAGE.text },
    })
    expect(account.batchKey(to(recipient))).not.toBe(account.batchKey(to('zhangsan')))
  })

  it('sends to the group of a robot', () => {
    const account = accountWith(ROBOT)
    const { url, body } = account.send([to('group')], CALL)
    expect(url).toBe('https://qyapi.weixin.qq.com/cgi-bin/webhook/send?key=example-robot-key')
    expect(JSON.parse(body)).toEqual({ msgtype: 'text', text: { content: MESSAGE.text } })
    expect(account.token).toBeUndefined()
    const read = account.readSend(answer({ errcode: 0, errmsg: 'ok' }), [to('group')])
    expect(read).toEqual([{ kind: 'accepted', providerId: 'group', matchKey: 'group' }])
  })

  it('asks for a token', () => {
    expect(accountWith().token?.request(CALL)).toEqual({
      method: 'GET',
      url: 'https://qyapi.weixin.qq.com/cgi-bin/gettoken?corpid=wx5823bf96d3bd56c7&corpsecret=example-secret',
      headers: {},
      body: '',
    })
  })
})

describe('wecom: answers', () => {
  it('says of each recipient whether it has got it', () => {
    const messages = ['zhangsan', 'LiSi', 'WangWu'].map(to)
    const body = {
      errcode: 0,
      errmsg: 'ok',
      invaliduser: 'lisi',
      unlicenseduser: 'wangwu',
      msgid: 'm1',
    }
    expect(accountWith().readSend(answer(body), messages)).toEqual([
      { kind: 'accepted', providerId: 'm1', matchKey: 'm1 zhangsan' },
      { kind: 'refused', code: 'invaliduser', text: 'ok', httpStatus: 200 },
      { kind: 'refused', code: 'unlicenseduser', text: 'ok', httpStatus: 200 },
    ])
    const party = answer({ errcode: 0, errmsg: 'ok', invalidparty: '3' })
    expect(accountWith().readSend(party, [to('party:3')])).toMatchObject([{ code: 'invalidparty' }])
  })

  it('refuses all alike with another code', () => {
    const body = { errcode: 45009, errmsg: 'api freq out of limit' }
    expect(accountWith().readSend(answer(body), [to('a'), to('b')])).toEqual([
      { kind: 'refused', code: '45009', text: 'api freq out of limit', httpStatus: 200 },
      { kind: 'refused', code: '45009', text: 'api freq out of limit', httpStatus: 200 },
    ])
  })

  it('says so when nobody can tell', () => {
    expect(() => accountWith().readSend(answer({}), [to('a')])).toThrow(
      'HTTP 200 without "errcode"',
    )
    expect(() => accountWith(ROBOT).readSend(answer({}), [to('a')])).toThrow('without "errcode"')
  })
})

describe('wecom: with the simulator', () => {
  let simulator: WecomSimulator
  let wire: OverHttp
  let now: Date
  const clock = () => now

  beforeAll(async () => {
    simulator = wecomSimulator(COMPANY)
    wire = await overHttp(simulator, clock)
  })
  beforeEach(() => {
    now = new Date('2024-05-20T08:30:00Z')
  })
  afterAll(() => wire.close())

  let close: () => Promise<void> = async () => {}
  afterEach(() => close())
  const open = (settings: object = KEYS, keys: object = {}) => {
    const opened = openHttpCarrier(
      { wecom: { endpoint: wire.endpoint, ...settings }, ...keys },
      clock,
    )
    close = () => opened.carrier.close(0)
    return opened
  }

  it('takes many messages with one token, and those of one text in one call', async () => {
    simulator.endToken()
    const [calls, requests] = [simulator.tokenCalls, wire.server.requests]
    const { send, carrier } = open()
    expect(carrier).toMatchObject({ channel: 'wecom', givesReceipts: false })
    const texts = Array.from({ length: 30 }, (_, n) => `text ${n % 10}`)
    const outcomes = await Promise.all(
      texts.map((text, n) => send(outbound({ to: `user${n}`, text }))),
    )
    expect(new Set(outcomes.map(({ kind }) => kind))).toEqual(new Set(['accepted']))
    expect(simulator.tokenCalls - calls).toBe(1)
    expect(wire.server.requests - requests).toBe(11)
  })

  it('fetches another token once when the present one has ended early', async () => {
    const { send } = open()
    await send(outbound())
    simulator.endToken()
    const calls = simulator.tokenCalls
    const outcomes = await Promise.all(
      Array.from({ length: 20 }, (_, n) => send(outbound({ text: `text ${n}` }))),
    )
    expect(new Set(outcomes.map(({ kind }) => kind))).toEqual(new Set(['accepted']))
    expect(simulator.tokenCalls - calls).toBe(1)
  })

  it('fetches another token 200 seconds before the end of the present one', async () => {
    simulator.endToken()
    const { send } = open()
    const calls = simulator.tokenCalls
    const start = now.getTime()
    const fetchedAfter = async (seconds: number) => {
      now = new Date(start + seconds * 1_000)
      expect((await send(outbound())).kind).toBe('accepted')
      return simulator.tokenCalls - calls
    }
    expect(await fetchedAfter(0)).toBe(1)
    expect(await fetchedAfter(6_999)).toBe(1)
    expect(await fetchedAfter(7_000)).toBe(2)
    // The server has given the same one again: it is used up to half of what is left, and no longer.
    expect(await fetchedAfter(7_201)).toBe(3)
  })

  it.each([
    ['secret', { ...KEYS, corp_secret: 'wrong' }, '40001', 'carrier_unauthorised'],
    ['company', { ...KEYS, corp_id: 'wrong' }, '40013', 'carrier_unauthorised'],
    ['application', { ...KEYS, agent_id: 7 }, '40056', 'carrier_request_invalid'],
    ['robot', { robot_key: 'wrong' }, '93000', 'carrier_unauthorised'],
  ])('is refused with a wrong %s', async (_what, settings, rawCode, code) => {
    expect(await open(settings).send(outbound())).toMatchObject({ kind: 'refused', rawCode, code })
  })

  it('tells of each recipient', async () => {
    const { send } = open()
    const outcomes = await Promise.all(
      ['zhangsan', 'no such user', 'WangWu', 'party:3', 'tag:x', '@all'].map((recipient) =>
        send(outbound({ to: recipient })),
      ),
    )
    expect(outcomes.map((each) => (each.kind === 'refused' ? each.rawCode : each.kind))).toEqual([
      'accepted',
      'invaliduser',
      'unlicenseduser',
      'accepted',
      '81013',
      'accepted',
    ])
  })

  it('refuses a text that would be cut before anything is sent', () => {
    const { carrier } = open()
    const layOut = (text: string) => carrier.layOut(outbound({ text }))
    expect(layOut('你'.repeat(682))).toEqual({ encoding: 'utf8', segments: 1 })
    expect(() => layOut('你'.repeat(683))).toThrow(
      'WeCom takes 2048 octets of UTF-8, and these are 2049',
    )
    const robot = open({ ...ROBOT, format: 'markdown' }).carrier
    expect(robot.layOut(outbound({ text: '你'.repeat(1365) })).segments).toBe(1)
    expect(() => robot.layOut(outbound({ text: '你'.repeat(1366) }))).toThrow('takes 4096 octets')
  })

  it('sends to the group of a robot, slower than it would have to', async () => {
    const { send, carrier } = open(ROBOT)
    expect(carrier.segmentsPerSecond).toBeCloseTo(19 / 60)
    const message = outbound()
    expect(await send(message)).toMatchObject({ kind: 'accepted', carrierMessageId: message.id })
    expect(wire.server.desk.taken.at(-1)).toMatchObject({ to: 'robot' })
  })

  it('lets a robot have 20 a minute, by the clock', async () => {
    const account = accountWith({ ...ROBOT, endpoint: wire.endpoint })
    now = new Date('2024-05-20T09:30:00Z')
    const codes = async (count: number) => {
      const all: string[] = []
      for (let n = 0; n < count; n++) {
        const read = account.readSend(await exchange(account.send([to('g')], CALL)), [to('g')])
        all.push(...read.map((each) => (each.kind === 'refused' ? each.code : 'accepted')))
      }
      return all
    }
    expect(await codes(21)).toEqual([...Array.from({ length: 20 }, () => 'accepted'), '45009'])
    now = new Date('2024-05-20T09:31:00Z')
    expect(await codes(1)).toEqual(['accepted'])
  })

  it.each(REFUSAL_REASONS)('reads a refusal for %s as what it is', async (reason) => {
    const account = accountWith({ ...KEYS, endpoint: wire.endpoint })
    const request = account.token?.request(CALL)
    const read = request && account.token?.read(await exchange(request))
    if (!read || !('value' in read)) throw new Error('no token')
    wire.server.desk.script({ kind: 'refuse', reason })
    const message = to('zhangsan')
    const send = account.send([message], { ...CALL, token: read.value })
    const [result] = account.readSend(await exchange(send), [message])
    if (result?.kind !== 'refused') throw new Error('it was taken')
    const without = { balance: 'auth', content: 'invalid', unsubscribed: 'auth' } as const
    const type = { ...TYPE_OF_REASON, ...without }[reason]
    expect(account.classify(result).type).toBe(type)
  })
})
