import { afterAll, afterEach, beforeAll, describe, expect, it } from 'vitest'
import type { OutboundMessage, SubmitIdentity } from '../../src/carriers/carrier.ts'
import type { Attempt } from '../../src/messages/live.ts'
import { repeatedSubmit } from '../../src/messages/repetition.ts'
import { ProviderServer, type ProviderSimulator } from '../../src/sandbox/provider-server.ts'
import { baiduSimulator } from '../../src/sandbox/providers/baidu.ts'
import { cloopenSimulator } from '../../src/sandbox/providers/cloopen.ts'
import type { Store } from '../../src/store/open.ts'
import { openHttpCarrier } from '../carriers/http-carrier-stand.ts'
import { testDatabases, truncate } from '../support/database.ts'
import { attemptRows, messageRow, TENANT } from './builders.ts'
import { FakeCarrier, REFUSED } from './fake-carrier.ts'
import { Harness, request, startOver } from './harness.ts'

const POLICY = { uncertain: 'resend', uncertainSeconds: 30 } as const
const SILENT = { kind: 'uncertain', reason: 'no response in time' } as const
const FULL = { ...REFUSED, code: 'carrier_error', class: 'passing' } as const

describe('repeatedSubmit', () => {
  const attempt = (number: number, more: Partial<Attempt> = {}): Attempt => ({
    messageId: 'id',
    attempt: number,
    segment: 1,
    carrier: 'alpha',
    submittedAt: new Date(0),
    state: 'uncertain',
    carrierMessageId: null,
    matchKey: null,
    code: null,
    rawCode: null,
    answeredAt: null,
    receiptAt: null,
    openParts: null,
    costMicros: 0n,
    costCurrency: 'EUR',
    carrierDeckVersion: 0,
    storedState: undefined,
    isOwed: false,
    ...more,
  })
  const refused = { state: 'refused', code: 'carrier_error' } as const
  const unreachable = { state: 'refused', code: 'carrier_unreachable' } as const

  it.each<[string, Attempt[], number | undefined]>([
    ['none', [], undefined],
    ['one without an answer', [attempt(1)], 1],
    ['the first of several, in whatever order they are', [attempt(3), attempt(2)], 2],
    ['none of another carrier', [attempt(1, { carrier: 'beta' })], undefined],
    ['none that was refused', [attempt(1, refused)], undefined],
    ['none from before a refusal', [attempt(1), attempt(2, refused)], undefined],
    ['the one after a refusal', [attempt(1), attempt(2, refused), attempt(3)], 3],
    ['one beside what did not leave', [attempt(1), attempt(2, { state: 'not_sent' })], 1],
    ['one beside what found nobody', [attempt(1), attempt(2, unreachable)], 1],
    ['one beside a refusal of others', [attempt(1), attempt(2, { ...refused, carrier: 'b' })], 1],
  ])('is %s', (_name, attempts, repeated) => {
    expect(repeatedSubmit(attempts, 'alpha')).toBe(repeated)
  })
})

const SIMULATORS: readonly [string, ProviderSimulator, (endpoint: string) => object][] = [
  [
    'baidu',
    baiduSimulator({ accessKeyId: 'key', secretAccessKey: 'secret', callbackToken: 'token' }),
    (endpoint) => ({ baidu: { endpoint, access_key_id: 'key', secret_access_key: 'secret' } }),
  ],
  [
    'cloopen',
    cloopenSimulator({
      accountSid: 'sid',
      authToken: 'auth',
      appId: 'app',
      callbackFormat: 'json',
    }),
    (endpoint) => ({
      cloopen: { endpoint, account_sid: 'sid', auth_token: 'auth', app_id: 'app' },
    }),
  ],
]

describe.each(testDatabases())('a submit that is repeated on $name', ({ open }) => {
  let store: Store
  const cleanUps: (() => Promise<unknown>)[] = []

  beforeAll(async () => {
    store = await open()
  })
  afterEach(async () => {
    for (const cleanUp of cleanUps.splice(0).reverse()) await cleanUp()
    await truncate(store)
  })
  afterAll(() => store.close())

  async function sweep(harness: Harness): Promise<void> {
    harness.now = new Date(harness.clock().getTime() + 31_000)
    await harness.sweeper.sweep()
  }

  it('has the key of the first, until the carrier has spoken of it', async () => {
    const submits: SubmitIdentity[] = []
    const answers = [SILENT, SILENT, FULL]
    class Listening extends FakeCarrier {
      override prepare(message: OutboundMessage) {
        submits.push(message.submit)
        return super.prepare(message)
      }
    }
    const alpha = new Listening('alpha', () => answers[submits.length - 1] ?? alpha.accept())
    const harness = await Harness.open(store, [alpha], { policy: POLICY })
    cleanUps.push(() => harness.close())
    const { id } = await harness.intake.accept(TENANT, request())
    for (let count = 1; count <= 4; count++) {
      await harness.until(() => submits.length >= count)
      await harness.idle()
      await sweep(harness)
    }
    const told = (key: string, isRepetition: boolean) => ({
      key: `${id} ${key}`,
      isRepetition,
      mayBeRepeated: true,
    })
    expect(submits).toEqual([told('1', false), told('1', true), told('1', true), told('4', false)])
  })

  describe.each(SIMULATORS)('to %s', (_name, simulator, account) => {
    async function provider() {
      const server = new ProviderServer(simulator)
      const endpoint = await server.start()
      cleanUps.push(() => server.close())
      const { carrier } = openHttpCarrier(
        { ...account(endpoint), sign: 'sign', text_template: { id: 'text', variable: 'text' } },
        () => new Date(),
      )
      cleanUps.push(() => carrier.close(0))
      return { server, carrier }
    }

    const texts = (...numbers: string[]) =>
      numbers.map((to) => request({ to, text: 'Your code is 4711' }))

    it('reaches the phone once, whoever else gets the same text', async () => {
      const { server, carrier } = await provider()
      server.breakNext('reset', 'reset')
      const harness = await Harness.open(store, [carrier], { policy: POLICY })
      cleanUps.push(() => harness.close())
      const messages = await Promise.all(
        texts('+8613800138001', '+8613800138002').map((one) => harness.intake.accept(TENANT, one)),
      )
      await harness.idle()
      await sweep(harness)
      await harness.until(() => server.requests === 4)
      await harness.idle()
      for (const message of messages) {
        expect(await messageRow(store, message)).toMatchObject({ status: 'sent', attempt: 2 })
        expect(await attemptRows(store, message)).toMatchObject([
          { state: 'uncertain' },
          { state: 'sent', carrier_message_id: expect.stringMatching(/./) },
        ])
      }
      expect(server.desk.taken.map(({ to }) => to).sort()).toEqual(['13800138001', '13800138002'])
    })

    it('reaches it once when the gateway has stopped in between', async () => {
      const { server, carrier } = await provider()
      server.breakNext('reset')
      const first = await Harness.open(store, [carrier], { policy: POLICY })
      const [one] = texts('+8613800138003')
      if (!one) throw new Error('there is no text')
      const message = await first.intake.accept(TENANT, one)
      await first.idle()
      await first.close()
      const next = new Harness(await startOver(store, () => new Date(), POLICY), [carrier], {
        policy: POLICY,
      })
      cleanUps.push(() => next.close())
      await sweep(next)
      await next.until(() => server.requests === 2)
      await next.idle()
      expect(await messageRow(store, message)).toMatchObject({ status: 'sent', attempt: 2 })
      expect(server.desk.taken).toHaveLength(1)
    })
  })
})
