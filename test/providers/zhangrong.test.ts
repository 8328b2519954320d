import { afterAll, beforeAll, describe, expect, it } from 'vitest'
import type { ProviderMessage } from '../../src/providers/provider.ts'
import { zhangrong } from '../../src/providers/zhangrong.ts'
import { ProviderServer } from '../../src/sandbox/provider-server.ts'
import { zhangrongSimulator } from '../../src/sandbox/providers/zhangrong.ts'
import { type CallbackCatcher, catchCallbacks } from './callback-catcher.ts'
import { exchange } from './over-http.ts'
import { CALL, MESSAGE, providerSuite } from './provider-suite.ts'
import { callbacksOf, requestOf, vectorsOf } from './vectors.ts'

const KEYS = { access_key: 'exampleAccessKey', access_secret: 'exampleSecret' }

function accountWith(settings: object = {}) {
  return zhangrong.open(zhangrong.settings.parse({ ...KEYS, ...settings }))
}

const FIRST: ProviderMessage = {
  ...MESSAGE,
  sign: '掌榕网',
  template: {
    id: '12345',
    variables: [
      { name: 'code', value: '123456' },
      { name: 'minutes', value: '5' },
    ],
  },
}
const SECOND: ProviderMessage = { ...FIRST, to: '+8613900139000' }

// The `batchId` of a receipt is part of what it is matched by, not a field of its own.
providerSuite('zhangrong', () => accountWith(), undefined, ['batchId'])

describe('zhangrong: requests', () => {
  it.each(vectorsOf('zhangrong', 'form-urlencoded').map((each) => [each.name, each] as const))(
    '%s',
    (_name, { input, expected }) => {
      const { method, url, body } = accountWith().send([FIRST], CALL)
      expect([method, url]).toEqual(['POST', 'https://api.1cloudsp.com/api/v2/send'])
      expect([...new URLSearchParams(body)]).toEqual(input.fields)
      expect(body).toBe(expected.body)
    },
  )

  it('sends one content to many', () => {
    const account = accountWith()
    expect(account.batchKey(FIRST)).toBe(account.batchKey(SECOND))
    const { body } = account.send([FIRST, SECOND], CALL)
    expect(new URLSearchParams(body).get('mobile')).toBe('13800138000,13900139000')
  })

  it('sends the id of a signature without brackets', () => {
    const { body } = accountWith().send([{ ...FIRST, sign: '77' }], CALL)
    expect(new URLSearchParams(body).get('sign')).toBe('77')
  })
})

describe('zhangrong: answers', () => {
  const answer = (body: string) => ({ status: 200, headers: {}, body })

  it('reads one id for all', () => {
    const response = answer('{"code":"0","msg":"SUCCESS","batchId":"abc1"}')
    expect(accountWith().readSend(response, [FIRST, SECOND])).toEqual([
      { kind: 'accepted', providerId: 'abc1', matchKey: 'abc1 +8613800138000' },
      { kind: 'accepted', providerId: 'abc1', matchKey: 'abc1 +8613900139000' },
    ])
  })

  it('reads a refusal', () => {
    const refused = { kind: 'refused', code: '9010', text: '余额不足', httpStatus: 200 }
    const response = answer('{"code":"9010","msg":"余额不足"}')
    expect(accountWith().readSend(response, [FIRST, SECOND])).toEqual([refused, refused])
  })

  it.each([
    ['<html>', 'without JSON'],
    ['{}', 'without "code"'],
    ['{"code":"0"}', 'without "batchId"'],
  ])('says so when nobody can tell: %s', (body, message) => {
    expect(() => accountWith().readSend(answer(body), [FIRST])).toThrow(message)
  })
})

describe('zhangrong: callbacks', () => {
  const sample = requestOf(callbacksOf('zhangrong')[0]!)

  it('finds the message by batch and number', async () => {
    const reports = await accountWith().callbacks?.read(sample)
    expect(reports?.receipts).toMatchObject([{ matchKey: 'abc123456 +8613800138000' }])
  })

  it('says what it cannot read', async () => {
    const { callbacks } = accountWith()
    const reading = async (change: object) => callbacks?.read({ ...sample, ...change })
    await expect(reading({ body: Buffer.from('x=1') })).rejects.toThrow('no "smUuid"')
    await expect(reading({ kind: 'mo' })).rejects.toThrow('no page says')
    const headers = { 'content-type': 'multipart/form-data; boundary=x' }
    await expect(reading({ headers })).rejects.toThrow('its body is no form')
  })
})

describe.each(['urlencoded', 'multipart'] as const)(
  'zhangrong: with the simulator (%s)',
  (pushes) => {
    const keys = { accessKey: KEYS.access_key, secret: KEYS.access_secret, pushes }
    const server = new ProviderServer(zhangrongSimulator(keys))
    let endpoint = ''
    let account = accountWith()
    let catcher: CallbackCatcher

    beforeAll(async () => {
      endpoint = await server.start()
      account = accountWith({ endpoint })
      catcher = await catchCallbacks(account.callbacks)
    })
    afterAll(() => Promise.all([server.close(), catcher.close()]))

    const send = async (...messages: ProviderMessage[]) =>
      account.readSend(await exchange(account.send(messages, CALL)), messages)

    it('sends one content to many, and tells of each', async () => {
      const results = await send(FIRST, SECOND)
      const taken = server.desk.taken.slice(-2)
      expect(taken.map(({ to }) => to)).toEqual(['13800138000', '13900139000'])
      expect(taken[0]?.content).toMatchObject({
        sign: '【掌榕网】',
        template: '12345',
        content: '123456##5',
      })
      const at = new Date('2024-05-20T08:30:05Z')
      const receipts = taken.map((message, index) => {
        return { message, isDelivered: index === 0, code: 'UNDELIV', at }
      })
      const answers = await server.pushReceipts(receipts, `${catcher.url}/delivery`)
      const success = '{"code":"0","msg":"SUCCESS"}'
      const ok = { status: 200, contentType: 'application/json', body: success }
      expect(answers).toEqual([ok, ok])
      const told = catcher.reports.splice(0).flatMap((reports) => reports.receipts)
      const keyOf = (index: number) => {
        const result = results[index]
        return result?.kind === 'accepted' ? result.matchKey : ''
      }
      expect(told).toHaveLength(2)
      const [one, other] = ['delivered', 'failed'].map((status) =>
        told.find((receipt) => receipt.status === status),
      )
      expect(one).toMatchObject({ matchKey: keyOf(0), to: FIRST.to, code: 'DELIVRD', at })
      expect(other).toMatchObject({ matchKey: keyOf(1), to: SECOND.to, code: 'UNDELIV', at })
      server.desk.receipts.push(...receipts)
      const [pull] = account.pulls ?? []
      const fetched = pull?.read(await exchange(pull.request(CALL)))
      expect(fetched?.isMore).toBe(true)
      expect(fetched?.receipts.map(({ matchKey }) => matchKey)).toEqual([keyOf(0), keyOf(1)])
      const again = pull?.read(await exchange(pull.request(CALL)))
      expect(again).toEqual({ receipts: [], inbound: [], isMore: false })
    })

    it.each([
      ['rate_limit', 'rate_limit', 'recipient_limit'],
      ['auth', 'auth', 'carrier_unauthorised'],
      ['number', 'invalid', 'destination_invalid'],
      ['template', 'invalid', 'content_invalid'],
      ['balance', 'balance', 'carrier_credit_exhausted'],
      ['content', 'content_rejected', 'content_rejected'],
      ['unsubscribed', 'unsubscribed', 'recipient_opted_out'],
      ['internal', 'auth', 'carrier_unauthorised'],
    ] as const)('is refused for %s', async (reason, type, failure) => {
      server.desk.script({ kind: 'refuse', reason })
      const [result] = await send(FIRST)
      if (result?.kind !== 'refused') throw new Error('it was accepted')
      expect(account.classify(result)).toMatchObject({ type, failure })
    })

    it('is refused for foreign numbers, no signature, and another secret', async () => {
      expect(await send({ ...FIRST, to: '+4915123456789' })).toMatchObject([{ code: '9003' }])
      expect(await send({ ...FIRST, sign: '' })).toMatchObject([{ code: '9001' }])
      const stranger = accountWith({ endpoint, access_secret: 'other' })
      const refused = await exchange(stranger.send([FIRST], CALL))
      expect(stranger.readSend(refused, [FIRST])).toMatchObject([{ code: '9006' }])
      const [pull] = stranger.pulls ?? []
      const nothing = await exchange(pull!.request(CALL))
      expect(() => pull?.read(nothing)).toThrow('nothing is handed out: code 9006')
    })
  },
)
