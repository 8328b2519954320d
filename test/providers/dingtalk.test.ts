import { afterAll, beforeAll, beforeEach, describe, expect, it } from 'vitest'
import { dingtalk, dingtalkSign } from '../../src/providers/dingtalk.ts'
import type { ProviderMessage } from '../../src/providers/provider.ts'
import { REFUSAL_REASONS } from '../../src/sandbox/provider-desk.ts'
import { dingtalkRefusesSign, dingtalkSimulator } from '../../src/sandbox/providers/dingtalk.ts'
import { Pacer } from '../../src/smpp/pacer.ts'
import { openHttpCarrier, outbound } from '../carriers/http-carrier-stand.ts'
import { exchange, type OverHttp, overHttp, TYPE_OF_REASON } from './over-http.ts'
import { CALL, MESSAGE, providerSuite } from './provider-suite.ts'
import { vectorsOf } from './vectors.ts'

const ROBOT = { access_token: 'example-token', secret: 'SECexample-secret' }

function accountWith(settings: object = ROBOT) {
  return dingtalk.open(dingtalk.settings.parse(settings))
}

const to = (recipient: string): ProviderMessage => ({ ...MESSAGE, id: recipient, to: recipient })

providerSuite('dingtalk', () => accountWith())

describe('dingtalk: signatures', () => {
  const vectors = vectorsOf('dingtalk', 'dingtalk-robot')

  it.each(vectors.map((vector) => [vector.name, vector] as const))(
    '%s',
    (_name, { input, expected }) => {
      const { secret, timestamp } = input
      expect(dingtalkSign(secret, timestamp)).toBe(expected.signBase64)
      const account = accountWith({ ...ROBOT, secret })
      const now = new Date(Number(timestamp))
      const { url } = account.send([to('group')], { ...CALL, now })
      const base = 'https://oapi.dingtalk.com/robot/send?access_token=example-token'
      expect(url).toBe(base + expected.querySuffix)
      const query = url.slice(url.indexOf('?') + 1)
      expect(dingtalkRefusesSign(secret, query, now.getTime())).toBeNull()
      expect(dingtalkRefusesSign(`${secret}x`, query, now.getTime())).toBe('sign not match')
      expect(dingtalkRefusesSign(secret, query, now.getTime() + 3_600_001)).toBe(
        'invalid timestamp',
      )
    },
  )

  it('signs nothing where there is no secret', () => {
    const { url } = accountWith({ access_token: 'a/b' }).send([to('group')], CALL)
    expect(url).toBe('https://oapi.dingtalk.com/robot/send?access_token=a%2Fb')
  })
})

describe('dingtalk: requests', () => {
  it('mentions many in one message', () => {
    const account = accountWith()
    const messages = ['+8613800138000,13900139000', '+85261234567', 'user123'].map(to)
    const { headers, body } = account.send(messages, CALL)
    expect(headers).toEqual({ 'content-type': 'application/json;charset=utf-8' })
    expect(JSON.parse(body)).toEqual({
      msgtype: 'text',
      text: { content: MESSAGE.text },
      at: {
        atMobiles: ['13800138000', '13900139000', '+85261234567'],
        atUserIds: ['user123'],
        isAtAll: false,
      },
    })
    expect(new Set(messages.map((message) => account.batchKey(message))).size).toBe(1)
  })

  it('mentions in Markdown by name', () => {
    const { body } = accountWith({ ...ROBOT, format: 'markdown' }).send(
      [{ ...to('+8613800138000'), text: '# Alarm\ndisk is full' }],
      CALL,
    )
    expect(JSON.parse(body)).toEqual({
      msgtype: 'markdown',
      markdown: { title: '# Alarm', text: '# Alarm\ndisk is full\n\n@13800138000' },
      at: { atMobiles: ['13800138000'], atUserIds: [], isAtAll: false },
    })
    const titled = accountWith({ ...ROBOT, format: 'markdown', title: 'Alarms' })
    expect(JSON.parse(titled.send([to('group')], CALL).body)).toMatchObject({
      markdown: { title: 'Alarms', text: MESSAGE.text },
    })
  })

  it.each([
    ['group', false],
    ['@all', true],
  ])('sends to %s alone', (recipient, isAtAll) => {
    const account = accountWith()
    expect(JSON.parse(account.send([to(recipient)], CALL).body).at).toEqual({
      atMobiles: [],
      atUserIds: [],
      isAtAll,
    })
    expect(account.batchKey(to(recipient))).not.toBe(
      account.batchKey({ ...to(recipient), id: 'other' }),
    )
  })
})

describe('dingtalk: answers', () => {
  const answer = (body: string, status = 200) => ({ status, headers: {}, body })

  it('has no id but ours', () => {
    const read = accountWith().readSend(answer('{"errcode":0,"errmsg":"ok"}'), [to('a')])
    expect(read).toEqual([{ kind: 'accepted', providerId: 'a', matchKey: 'a' }])
  })

  it('says so when nobody can tell', () => {
    expect(() => accountWith().readSend(answer('{}'), [to('a')])).toThrow('without "errcode"')
  })

  it('knows a missing keyword from the other security settings', () => {
    const typeOf = (text: string) =>
      accountWith().classify({ code: '310000', text, httpStatus: 200 }).type
    expect(typeOf('keywords not in content, more: [https://...]')).toBe('content_rejected')
    expect(typeOf('description:关键词不匹配;solution:请联系群管理员')).toBe('content_rejected')
    expect(typeOf('sign not match')).toBe('auth')
  })
})

describe('dingtalk: pace', () => {
  it('never sends the 21st message of a minute, even if the first is a second late', () => {
    const pacer = new Pacer(dingtalk.requestsPerSecond)
    const sentAt = Array.from({ length: 100 }, () => pacer.reserve(1, 1_000_000))
    for (const [n, at] of sentAt.entries()) {
      const twentyLater = sentAt[n + 20]
      if (twentyLater !== undefined) expect(twentyLater - at).toBeGreaterThan(61_000)
    }
  })
})

describe('dingtalk: with the simulator', () => {
  let wire: OverHttp
  let now: Date
  const clock = () => now

  beforeAll(async () => {
    wire = await overHttp(
      dingtalkSimulator({
        accessToken: ROBOT.access_token,
        secret: ROBOT.secret,
        keywords: ['code'],
      }),
      clock,
    )
  })
  // A day for each test, so that none has the calls of another in its minute.
  let day = 0
  beforeEach(() => {
    day++
    now = new Date(Date.UTC(2024, 4, day))
  })
  afterAll(() => wire.close())

  const code = async (message: ProviderMessage, settings: object = {}, at = now) => {
    const account = accountWith({ ...ROBOT, endpoint: wire.endpoint, ...settings })
    const request = account.send([message], { ...CALL, now: at })
    const [result] = account.readSend(await exchange(request), [message])
    return result?.kind === 'refused' ? result.code : result?.kind
  }

  it('is taken through the carrier, and leaves no receipt to wait for', async () => {
    const keys = { dingtalk: { endpoint: wire.endpoint, ...ROBOT } }
    const { carrier, send } = openHttpCarrier(keys, clock)
    expect(carrier).toMatchObject({ channel: 'dingtalk', givesReceipts: false })
    expect(carrier.segmentsPerSecond).toBeCloseTo(19 / 60)
    const messages = ['+8613800138000', 'user1'].map((recipient) => outbound({ to: recipient }))
    const outcomes = await Promise.all(messages.map(send))
    expect(outcomes).toEqual(
      messages.map(({ id }) => ({ kind: 'accepted', carrierMessageId: id, matchKey: id })),
    )
    expect(wire.server.desk.taken.slice(-2).map((taken) => taken.to)).toEqual([
      '13800138000',
      'user1',
    ])
    expect(() => carrier.layOut(outbound({ text: 'x'.repeat(20_001) }))).toThrow('20000 octets')
    await carrier.close(0)
  })

  it('is blocked for ten minutes after the 21st of a minute', async () => {
    const codes = []
    for (let n = 0; n < 21; n++) codes.push(await code(to('group')))
    expect(codes).toEqual([...Array.from({ length: 20 }, () => 'accepted'), '410100'])
    const start = now.getTime()
    now = new Date(start + 599_999)
    expect(await code(to('group'))).toBe('410100')
    now = new Date(start + 600_000)
    expect(await code(to('group'))).toBe('accepted')
    const rest = accountWith().restSeconds?.({ code: '410100', text: '', httpStatus: 200 })
    expect(rest).toBe(600)
  })

  it('is refused when forged, when late, and without a keyword', async () => {
    expect(await code(to('group'), { secret: 'SECwrong' })).toBe('310000')
    expect(await code(to('group'), { secret: undefined })).toBe('310000')
    expect(await code(to('group'), {}, new Date(now.getTime() - 3_600_001))).toBe('310000')
    expect(await code(to('group'), { access_token: 'wrong' })).toBe('400101')
    expect(await code({ ...to('group'), text: 'hello' })).toBe('310000')
    expect(await code(to('group'), { format: 'markdown' })).toBe('accepted')
  })

  it.each(REFUSAL_REASONS)('reads a refusal for %s as what it is', async (reason) => {
    wire.server.desk.script({ kind: 'refuse', reason })
    const refused = await code(to('group'))
    const without = { balance: 'auth', unsubscribed: 'invalid' } as const
    const type = { ...TYPE_OF_REASON, ...without }[reason]
    const error = { code: refused ?? '', text: '', httpStatus: 200 }
    expect(accountWith().classify(error).type).toBe(type)
  })
})
