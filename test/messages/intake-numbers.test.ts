import { afterAll, afterEach, beforeAll, describe, expect, it, vi } from 'vitest'
import { Destinations } from '../../src/routing/destination.ts'
import type { NetworkSource } from '../../src/routing/network.ts'
import { parseSender } from '../../src/routing/sender.ts'
import { SenderRules } from '../../src/routing/sender-rules.ts'
import type { Store } from '../../src/store/open.ts'
import { openTestPglite, truncate } from '../support/database.ts'
import { eventRows, messageRow, TENANT } from './builders.ts'
import { FakeCarrier } from './fake-carrier.ts'
import { Harness, type HarnessOptions, request } from './harness.ts'

let store: Store
let harness: Harness
let alpha: FakeCarrier
let beta: FakeCarrier

beforeAll(async () => {
  store = await openTestPglite()
})
afterEach(async () => {
  await harness.close()
  await truncate(store)
})
afterAll(() => store.close())

async function open(numbers: NonNullable<HarnessOptions['numbers']>): Promise<void> {
  alpha = new FakeCarrier('alpha')
  beta = new FakeCarrier('beta')
  alpha.windowSize = 0
  beta.windowSize = 0
  harness = await Harness.open(store, [alpha, beta], { numbers })
}

/** Networks that are known only once they have been asked for and the test has let them. */
class SlowNetworks implements NetworkSource {
  readonly looksUp = true
  readonly asked: (readonly string[])[] = []
  readonly #known = new Map<string, string>()
  #answer: () => void = () => {}

  find(e164: string) {
    const mccmnc = this.#known.get(e164)
    return mccmnc === undefined ? null : { mccmnc, name: 'Somebody' }
  }

  resolve(numbers: readonly string[]): Promise<void> | undefined {
    this.asked.push(numbers)
    const unknown = numbers.filter((number) => !this.#known.has(number))
    if (unknown.length === 0) return undefined
    return new Promise((resolve) => {
      this.#answer = () => {
        for (const number of unknown) this.#known.set(number, '23415')
        resolve()
      }
    })
  }

  answer(): void {
    this.#answer()
  }
}

describe('the network of the recipient', () => {
  it('is waited for before the message is quoted, and stays with it', async () => {
    const networks = new SlowNetworks()
    await open({ networks })
    let isAccepted = false
    const accepting = harness.intake.accept(TENANT, request({ to: '0044 7700 900123' }))
    void accepting.then(() => {
      isAccepted = true
    })
    expect(networks.asked).toEqual([['+447700900123']])
    await new Promise((resolve) => setImmediate(resolve))
    expect(isAccepted).toBe(false)
    networks.answer()
    const message = await accepting
    expect(message.network).toBe('23415')
    await harness.journal.settled()
    expect(await messageRow(store, message)).toMatchObject({ network: '23415' })
  })

  it('is asked for once for all recipients of a call; what is no number is not', async () => {
    const networks = new SlowNetworks()
    await open({ networks, destinations: new Destinations([{ code: '60123', country: 'GB' }]) })
    const to = ['+447700900123', 'nonsense', '60123', '+447700900124']
    const accepting = harness.intake.acceptAll(
      TENANT,
      to.map((each) => request({ to: each })),
    )
    await vi.waitFor(() => {
      expect(networks.asked).toEqual([['+447700900123', '+447700900124']])
    })
    networks.answer()
    expect((await accepting).map(({ message }) => message?.network)).toEqual([
      '23415',
      undefined,
      null,
      '23415',
    ])
  })

  it('keeps nobody waiting when intake closes meanwhile', async () => {
    const networks = new SlowNetworks()
    await open({ networks })
    const accepting = harness.intake.accept(TENANT, request())
    harness.intake.close()
    networks.answer()
    await expect(accepting).rejects.toMatchObject({ code: 'closed' })
  })

  it('is null where nothing is known', async () => {
    await open({})
    expect((await harness.intake.accept(TENANT, request())).network).toBeNull()
  })
})

describe('a short code as recipient', () => {
  const destinations = new Destinations(
    [{ code: '60123', country: 'GB', carriers: ['beta'] }],
    ['alpha', 'beta'],
  )

  it('goes to the carriers that reach it, at the price of its country, and stays as it is', async () => {
    await open({ destinations })
    expect(harness.intake.quotes.quote(TENANT, request({ to: '+447700900123' })).best.carrier).toBe(
      'alpha',
    )
    const message = await harness.intake.accept(TENANT, request({ to: ' 60123 ' }))
    expect(message).toMatchObject({ to: '60123', country: 'GB', carrier: 'beta' })
    const next = harness.routes.choose(message, new Set(['beta']), new Date())
    expect(next, 'alpha does not reach it').toBeUndefined()
    expect(harness.routes.choose(message, new Set(), new Date())?.carrier).toBe('beta')
  })

  it('is refused where it is not named', async () => {
    await open({ destinations })
    expect(() => harness.intake.quotes.quote(TENANT, request({ to: '60124' }))).toThrow(
      expect.objectContaining({
        code: 'to_invalid',
        pointer: '/to',
        message: expect.stringContaining('numbers.short_codes'),
      }),
    )
  })
})

describe('the sender', () => {
  const replacement = parseSender('+12025550123')

  function rules() {
    if (!replacement.ok) throw new Error(replacement.reason)
    return new SenderRules({
      useShipped: true,
      rules: [
        {
          countries: ['US'],
          tenants: [TENANT],
          action: 'replace',
          replacement: replacement.sender,
        },
      ],
    })
  }

  it('is refused with the reason', async () => {
    await open({ senderRules: rules() })
    const to = '+12025550199'
    expect(() => harness.intake.quotes.quote('another tenant', request({ to }))).toThrow(
      expect.objectContaining({
        code: 'sender_not_allowed',
        pointer: '/from',
        message: expect.stringMatching(
          /"ACME" may not be .* to US: .*numbers and short codes only/,
        ),
      }),
    )
    expect(harness.intake.quotes.quote('another tenant', request({ to, from: '24242' })).from).toBe(
      '24242',
    )
  })

  it('is replaced where a rule of its tenant says so, and the timeline tells which it was', async () => {
    await open({ senderRules: rules() })
    const message = await harness.intake.accept(TENANT, request({ to: '+12025550199' }))
    expect(message.from).toBe('+12025550123')
    await harness.journal.settled()
    const [accepted] = await eventRows(store, message)
    expect(accepted?.detail).toMatchObject({ from_replaced: 'ACME' })
    const plain = await harness.intake.accept(TENANT, request())
    expect(plain.from).toBe('ACME')
    await harness.journal.settled()
    expect((await eventRows(store, plain))[0]?.detail).not.toHaveProperty('from_replaced')
  })

  it('goes on with a warning where it may be replaced, in the answer and in the timeline', async () => {
    await open({ senderRules: rules() })
    const quote = harness.intake.quotes.quote(TENANT, request({ to: '+61491570156' }))
    expect(quote.senderWarning).toContain('names have to be registered as senders')
    const message = await harness.intake.accept(TENANT, request({ to: '+61491570156' }))
    const number = await harness.intake.accept(
      TENANT,
      request({ to: '+61491570156', from: '+61491570006' }),
    )
    expect(message.from).toBe('ACME')
    await harness.journal.settled()
    const [accepted] = await eventRows(store, message)
    expect(accepted?.detail).toMatchObject({ sender_warning: quote.senderWarning })
    expect((await eventRows(store, number))[0]?.detail).not.toHaveProperty('sender_warning')
  })
})
