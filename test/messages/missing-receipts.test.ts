import { afterAll, afterEach, beforeAll, beforeEach, describe, expect, it, vi } from 'vitest'
import type { ClassPolicy } from '../../src/core/policy.ts'
import type { CarrierOutcome } from '../../src/messages/carrier-outcome.ts'
import type { Message } from '../../src/messages/message.ts'
import type { Store } from '../../src/store/open.ts'
import { testDatabases, truncate } from '../support/database.ts'
import { eventRows, Journal, messageRow, receipt, TENANT } from './builders.ts'
import { FakeCarrier, NOT_SENT, REFUSED } from './fake-carrier.ts'
import { Harness, request, startOver } from './harness.ts'

const START = new Date('2026-01-01T00:00:00Z')
const SECONDS = 1_000
const RESEND: Partial<ClassPolicy> = { missingReceipt: 'resend', missingReceiptSeconds: 30 }

describe.each(testDatabases())('a receipt that does not come, on $name', ({ open }) => {
  let store: Store
  let alpha: FakeCarrier
  let beta: FakeCarrier
  let harness: Harness

  beforeAll(async () => {
    store = await open()
  })
  beforeEach(() => {
    alpha = new FakeCarrier('alpha')
    beta = new FakeCarrier('beta')
  })
  afterEach(async () => {
    await harness.close()
    await truncate(store)
  })
  afterAll(() => store.close())

  async function gateway(policy: Partial<ClassPolicy> = RESEND): Promise<void> {
    harness = await Harness.open(store, [alpha, beta], { policy })
    harness.now = START
  }

  /** A code that alpha has taken. */
  async function code(): Promise<Message> {
    const wish = request({ trafficClass: 'otp', text: 'Code 1234' })
    const message = await harness.intake.accept(TENANT, wish)
    await harness.idle()
    expect(alpha.sent).toHaveLength(1)
    return message
  }

  async function sweepAt(ms: number): Promise<void> {
    harness.now = new Date(START.getTime() + ms)
    await harness.sweeper.sweep()
    await harness.idle()
  }

  /** The final receipt of alpha's first submit. */
  async function lateReceipt(stat: 'DELIVERED' | 'UNDELIVERABLE'): Promise<CarrierOutcome[]> {
    const before = harness.outcomes.length
    await harness.journal.write(receipt('alpha-1', stat, { receivedAt: harness.clock() }))
    return harness.outcomes.slice(before)
  }

  async function stateOf(message: Message) {
    const { status, carrier, attempt } = await messageRow(store, message)
    return { status, carrier, attempt }
  }

  it('is waited for by default', async () => {
    await gateway({})
    const message = await code()
    await sweepAt(500 * SECONDS)
    expect(await stateOf(message)).toEqual({ status: 'sent', carrier: 'alpha', attempt: 1 })
  })

  it('is late after the least wait while little is known: once more, elsewhere', async () => {
    await gateway()
    const message = await code()
    await sweepAt(29 * SECONDS)
    expect(beta.sent).toHaveLength(0)
    await sweepAt(31 * SECONDS)
    expect(await stateOf(message)).toEqual({ status: 'sent', carrier: 'beta', attempt: 2 })
    const retry = (await eventRows(store, message)).find(({ type }) => type === 'retry')
    expect(retry).toMatchObject({
      code: 'receipt_missing',
      detail: {
        reason: 'no receipt from alpha within 31 s: sent again through beta',
        may_be_a_duplicate: true,
      },
    })
    expect(harness.routes.quality.estimate('alpha', null, START.getTime())).toMatchObject({
      messages: expect.closeTo(1, 1),
      unanswered: 1,
    })
    // Once is enough: now the deadline decides.
    await sweepAt(90 * SECONDS)
    await sweepAt(500 * SECONDS)
    expect([alpha.sent.length, beta.sent.length]).toEqual([1, 1])
    await sweepAt(5 * 24 * 3_600 * SECONDS)
    expect(await stateOf(message)).toMatchObject({ status: 'unconfirmed', carrier: 'beta' })
  })

  it('is late by what the carrier has shown, times the margin', async () => {
    await gateway()
    const cell = { country: 'GB', network: null, trafficClass: 'otp' } as const
    for (let n = 0; n < 200; n++) {
      harness.routes.quality.record({
        carrier: 'alpha',
        cell,
        outcome: 'delivered',
        latencyMs: 60_000,
        nowMs: START.getTime(),
      })
    }
    await code()
    // The buckets are a fifth wide: 60 s x 1.5 is between 72 and 108.
    await sweepAt(70 * SECONDS)
    expect(beta.sent).toHaveLength(0)
    await sweepAt(110 * SECONDS)
    expect(beta.sent).toHaveLength(1)
  })

  it('is not missed after the validity', async () => {
    await gateway({ ...RESEND, missingReceiptSeconds: 700 })
    await code()
    await sweepAt(701 * SECONDS)
    expect(beta.sent).toHaveLength(0)
  })

  it('is not missed where nobody else can take the message', async () => {
    await gateway()
    const message = await code()
    beta.isUp = false
    await sweepAt(31 * SECONDS)
    expect(await stateOf(message)).toEqual({ status: 'sent', carrier: 'alpha', attempt: 1 })
  })

  it('is not missed from a carrier that is asked for none', async () => {
    alpha.givesReceipts = false
    await gateway()
    await code()
    await sweepAt(5 * 24 * 3_600 * SECONDS)
    expect(beta.sent).toHaveLength(0)
    expect(harness.routes.quality.snapshot()).toEqual([])
  })

  it('that comes after all ends the message, and counts for its carrier', async () => {
    await gateway()
    const message = await code()
    await sweepAt(31 * SECONDS)
    expect(await lateReceipt('DELIVERED')).toMatchObject([
      { carrier: 'alpha', outcome: 'delivered', latencyMs: 31_000 },
    ])
    expect(await stateOf(message)).toMatchObject({ status: 'delivered', carrier: 'alpha' })
  })

  it('that comes after all, and is bad, does not end what another carrier has', async () => {
    await gateway()
    const message = await code()
    await sweepAt(31 * SECONDS)
    expect(await lateReceipt('UNDELIVERABLE')).toMatchObject([
      { carrier: 'alpha', outcome: 'failed' },
    ])
    expect(await stateOf(message)).toEqual({ status: 'sent', carrier: 'beta', attempt: 2 })
  })

  describe('of a message that the second carrier does not deliver either', () => {
    /** What the row says, and its newest line. */
    async function standing(message: Message) {
      const {
        status,
        carrier,
        error_code: error,
        cost_micros: cost,
      } = await messageRow(store, message)
      const last = (await eventRows(store, message)).at(-1)
      return { status, carrier, error, cost: BigInt(cost), last: last?.type }
    }

    const BACK_AT_ALPHA = { status: 'sent', carrier: 'alpha', cost: 10_000n, last: 'returned' }

    /** Alpha is silent, beta refuses the code for good. */
    async function refused(): Promise<Message> {
      await gateway()
      beta.answer = () => REFUSED
      const message = await code()
      await sweepAt(31 * SECONDS)
      expect(beta.sent).toHaveLength(1)
      return message
    }

    it('is waited for when the second refuses it for good', async () => {
      const message = await refused()
      expect(await standing(message)).toEqual({ ...BACK_AT_ALPHA, error: 'destination_invalid' })
      expect((await eventRows(store, message)).slice(-2)).toMatchObject([
        { type: 'response', status: 'sent', carrier: 'beta', attempt: 2 },
        {
          type: 'returned',
          status: 'sent',
          carrier: 'alpha',
          attempt: 1,
          code: 'destination_invalid',
          detail: { reason: 'beta refused: ESME_RINVDSTADR' },
        },
      ])
      expect(await messageRow(store, message)).toMatchObject({
        error_detail:
          'beta refused: ESME_RINVDSTADR; alpha has it, and has not told what became of it',
        dead_letter: null,
        final_at: null,
      })
      // Nobody gets it once more.
      for (const wait of [40, 90, 500]) await sweepAt(wait * SECONDS)
      expect([alpha.sent.length, beta.sent.length]).toEqual([1, 1])
    })

    it.each([
      ['DELIVERED', 'delivered', null],
      ['UNDELIVERABLE', 'undelivered', 'undeliverable'],
    ] as const)('decides: %s', async (stat, status, error) => {
      const message = await refused()
      const [outcome] = await lateReceipt(stat)
      expect(outcome).toMatchObject({ carrier: 'alpha' })
      expect(await standing(message)).toMatchObject({ status, carrier: 'alpha', error })
    })

    it('leaves it unconfirmed when it never comes, and counts once against the first', async () => {
      const message = await refused()
      await sweepAt(5 * 24 * 3_600 * SECONDS)
      expect(await standing(message)).toMatchObject({
        status: 'unconfirmed',
        carrier: 'alpha',
        error: 'receipt_missing',
        last: 'unconfirmed',
      })
      expect((await eventRows(store, message)).at(-1)).toMatchObject({ attempt: 1 })
      const unanswered = harness.outcomes.filter(({ outcome }) => outcome === 'unanswered')
      expect(unanswered.map(({ carrier }) => carrier)).toEqual(['alpha'])
    })

    it.each(['refuses', 'loses'])(
      'is waited for after a crash, as the second %s it',
      async (how) => {
        const crashed = await Journal.open(store, { gatherMs: 3_600_000 })
        harness = new Harness(crashed, [alpha, beta], { policy: RESEND })
        harness.now = START
        const message = await code()
        harness.now = new Date(START.getTime() + 31 * SECONDS)
        if (how === 'refuses') beta.answer = () => REFUSED
        await harness.sweeper.sweep()
        await harness.until(() => harness.dispatcher.heldCount === 0)
        if (how === 'loses') {
          await harness.spool.write(receipt('beta-1', 'UNDELIVERABLE', { carrier: 'beta' }))
        }
        expect(await standing(message)).toMatchObject({ status: 'sent', last: 'response' })
        const next = await startOver(store, harness.clock, RESEND)
        expect(await standing(message)).toMatchObject(BACK_AT_ALPHA)
        await next.write(receipt('alpha-1', 'DELIVERED'))
        expect(await standing(message)).toMatchObject({ status: 'delivered', carrier: 'alpha' })
        await next.close()
      },
    )

    it('is waited for when a rule ends it at the second', async () => {
      const action = { kind: 'fail', code: 'carrier_specific' } as const
      const rules = [
        { name: 'end', priority: 100, scene: 'send_failure' as const, match: {}, action },
      ]
      harness = await Harness.open(store, [alpha, beta], { policy: RESEND, rules })
      harness.now = START
      beta.answer = () => REFUSED
      const message = await code()
      await sweepAt(31 * SECONDS)
      expect(await standing(message)).toEqual({ ...BACK_AT_ALPHA, error: 'carrier_specific' })
    })

    it('is waited for when the second takes nothing until the validity is over', async () => {
      await gateway()
      beta.answer = () => ({ ...REFUSED, class: 'passing' })
      const message = await code()
      for (let wait = 31; wait < 700; wait += 30) await sweepAt(wait * SECONDS)
      expect(await standing(message)).toMatchObject({ ...BACK_AT_ALPHA })
      await lateReceipt('DELIVERED')
      expect(await standing(message)).toMatchObject({ status: 'delivered', carrier: 'alpha' })
    })

    it('is waited for when the second is down until the validity is over', async () => {
      await gateway()
      beta.answer = () => {
        beta.isUp = false
        return NOT_SENT
      }
      const message = await code()
      harness.now = new Date(START.getTime() + 31 * SECONDS)
      await harness.sweeper.sweep()
      await vi.waitFor(
        () => expect(harness.dispatcher.queueLengths()[1]).toMatchObject({ waiting: 1 }),
        { timeout: 5_000 },
      )
      await sweepAt(601 * SECONDS)
      expect(await standing(message)).toMatchObject({ ...BACK_AT_ALPHA, error: 'expired' })
    })

    describe('as its receipt says', () => {
      /** Alpha is silent, beta loses the code. */
      async function lost(): Promise<Message> {
        await gateway()
        const message = await code()
        await sweepAt(31 * SECONDS)
        const undelivered = receipt('beta-1', 'UNDELIVERABLE', { carrier: 'beta' })
        await harness.journal.write({ ...undelivered, receivedAt: harness.clock() })
        return message
      }

      it('is waited for', async () => {
        const message = await lost()
        expect(await standing(message)).toEqual({ ...BACK_AT_ALPHA, error: 'undeliverable' })
        expect(harness.outcomes.map(({ carrier, outcome }) => [carrier, outcome])).toEqual([
          ['alpha', 'unanswered'],
          ['beta', 'failed'],
        ])
        await sweepAt(90 * SECONDS)
        expect([alpha.sent.length, beta.sent.length]).toEqual([1, 1])
      })

      it.each([
        ['DELIVERED', 'delivered', null],
        ['UNDELIVERABLE', 'undelivered', 'undeliverable'],
      ] as const)('decides: %s', async (stat, status, error) => {
        const message = await lost()
        await lateReceipt(stat)
        expect(await standing(message)).toMatchObject({ status, carrier: 'alpha', error })
      })

      it('leaves it unconfirmed when it never comes', async () => {
        const message = await lost()
        await sweepAt(5 * 24 * 3_600 * SECONDS)
        expect(await standing(message)).toMatchObject({ status: 'unconfirmed', carrier: 'alpha' })
      })
    })
  })

  it('is told of once, however often it is sent', async () => {
    const recipientsFor = () => [{ recipient: 'webhook:one', url: null }]
    const journal = await Journal.open(store, { gatherMs: 20, recipientsFor })
    harness = new Harness(journal, [alpha, beta], { policy: RESEND })
    harness.now = START
    await code()
    await sweepAt(31 * SECONDS)
    expect(beta.sent).toHaveLength(1)
    await lateReceipt('DELIVERED')
    const told = journal.effects.tellings.map(({ event }) => event)
    expect(told.filter((event) => event !== 'message.queued')).toEqual([
      'message.sent',
      'message.delivered',
    ])
  })

  it('does not give the message to the first carrier again when the second refuses it', async () => {
    await gateway()
    beta.answer = () => ({ ...REFUSED, class: 'passing' })
    const message = await code()
    await sweepAt(31 * SECONDS)
    for (let wait = 40; wait < 120; wait += 15) await sweepAt(wait * SECONDS)
    expect(beta.sent.length).toBeGreaterThan(1)
    expect(alpha.sent).toHaveLength(1)
    expect(await stateOf(message)).toMatchObject({ status: 'sent', carrier: 'alpha' })
  })
})
