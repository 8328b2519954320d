import { sql } from 'drizzle-orm'
import { afterAll, afterEach, beforeAll, beforeEach, describe, expect, it } from 'vitest'
import type { Message } from '../../src/messages/message.ts'
import type { Store } from '../../src/store/open.ts'
import { testDatabases, truncate } from '../support/database.ts'
import { attemptRows, eventRows, messageRow, receipt, TENANT } from './builders.ts'
import { FakeCarrier, NOT_SENT, REFUSED } from './fake-carrier.ts'
import { Harness, type HarnessOptions, priced, request, startOver } from './harness.ts'

const NEVER_MS = 3_600_000
const START = new Date('2026-01-01T00:00:00Z')

/** Alpha charges 0.01 by its deck 4, beta 0.02 by its deck 7. */
const AT_ALPHA = { cost: 10_000n, currency: 'EUR', deck: 4 }
const AT_BETA = { cost: 20_000n, currency: 'USD', deck: 7 }

describe.each(testDatabases())(
  'the cost of a message that goes elsewhere, on $name',
  ({ open }) => {
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

    async function gateway(
      options: HarnessOptions & { readonly gatherMs?: number } = {},
    ): Promise<void> {
      harness = await Harness.open(store, [alpha, beta], options)
      harness.now = START
      const inDollars = priced(beta, 20_000n)
      const rates = [...inDollars.rates].map((rate) => ({ ...rate, currency: 'USD' }))
      const takeOver = await harness.routes.prepare({
        carriers: [
          { ...priced(alpha, 10_000n), deckVersion: 4 },
          { ...inDollars, rates, deckVersion: 7 },
        ],
        conversion: { EUR: 1, USD: 0.9 },
      })
      takeOver()
    }

    async function sent(text = 'Code 1234', trafficClass: 'otp' | 'transactional' = 'otp') {
      const message = await harness.intake.accept(TENANT, request({ trafficClass, text }))
      await harness.idle()
      return message
    }

    async function costOf(message: Message) {
      const row = await messageRow(store, message)
      expect([BigInt(row.price_micros), row.price_currency]).toEqual([
        10_000n * BigInt(row.segments),
        'EUR',
      ])
      const {
        carrier,
        cost_micros: cost,
        cost_currency: currency,
        carrier_deck_version: deck,
      } = row
      return { carrier, cost: BigInt(cost), currency, deck }
    }

    async function costOfSubmits(message: Message) {
      return (await attemptRows(store, message)).map((row) => {
        const { attempt, segment, carrier, state, cost_currency: currency } = row
        const { cost_micros: cost, carrier_deck_version: deck } = row
        return { attempt, segment, carrier, state, cost: BigInt(cost), currency, deck }
      })
    }

    it('is the one of the next carrier when the first refuses it, of each segment', async () => {
      await gateway()
      alpha.answer = () => REFUSED
      const message = await sent('x'.repeat(161))
      expect(await costOf(message)).toEqual({ carrier: 'beta', ...AT_BETA, cost: 40_000n })
      const first = { attempt: 1, carrier: 'alpha', state: 'refused', ...AT_ALPHA }
      const second = { attempt: 2, carrier: 'beta', state: 'sent', ...AT_BETA }
      expect(await costOfSubmits(message)).toEqual([
        { ...first, segment: 1 },
        { ...first, segment: 2 },
        { ...second, segment: 1 },
        { ...second, segment: 2 },
      ])
      const routed = (await eventRows(store, message)).filter(({ type }) => type === 'routed')
      expect(routed.map(({ detail }) => detail)).toMatchObject([
        expect.not.objectContaining({ money: expect.anything() }),
        {
          money: {
            cost: { amount: '0.0400', currency: 'USD' },
            price: { amount: '0.0200', currency: 'EUR' },
            margin: { amount: '-0.0160', currency: 'EUR', percent: -80 },
            loss_making: true,
            carrier_deck_version: 7,
            tenant_deck_version: null,
          },
        },
      ])
    })

    it('is the one of the carrier that takes what waited for one that is down', async () => {
      await gateway()
      alpha.isUp = false
      beta.isUp = false
      const message = await harness.intake.accept(TENANT, request())
      await harness.journal.settled()
      expect(await costOf(message)).toEqual({ carrier: 'alpha', ...AT_ALPHA })
      beta.isUp = true
      harness.dispatcher.onCapacityChange('beta')
      await harness.idle()
      expect(await costOf(message)).toEqual({ carrier: 'beta', ...AT_BETA })
    })

    it('is the one of the carrier that takes it after a connection closed', async () => {
      await gateway()
      alpha.answer = () => {
        alpha.isUp = false
        return NOT_SENT
      }
      expect(await costOf(await sent())).toEqual({ carrier: 'beta', ...AT_BETA })
    })

    it('is the one of the carrier that a failure rule chooses, before and after a receipt', async () => {
      const action = { kind: 'switch_provider', delaySeconds: 0, to: ['beta'] } as const
      const scenes = ['send_failure', 'callback_failure'] as const
      await gateway({
        rules: scenes.map((scene) => ({ name: scene, priority: 100, scene, match: {}, action })),
      })
      alpha.answer = () => REFUSED
      expect(await costOf(await sent())).toEqual({ carrier: 'beta', ...AT_BETA })
      alpha.answer = () => alpha.accept()
      const lost = await sent()
      expect(await costOf(lost)).toEqual({ carrier: 'alpha', ...AT_ALPHA })
      await harness.journal.write(receipt('alpha-1', 'UNDELIVERABLE', { asksRules: true }))
      await harness.losses.settled()
      await harness.idle()
      expect(await costOf(lost)).toEqual({ carrier: 'beta', ...AT_BETA })
    })

    describe('that is sent again for a missing receipt', () => {
      const policy = { missingReceipt: 'resend', missingReceiptSeconds: 30 } as const

      async function resent(): Promise<Message> {
        const message = await sent()
        harness.now = new Date(START.getTime() + 31_000)
        await harness.sweeper.sweep()
        await harness.idle()
        return message
      }

      it('is the one of the second carrier; what each of both charges is kept', async () => {
        await gateway({ policy })
        const message = await resent()
        expect(await costOf(message)).toEqual({ carrier: 'beta', ...AT_BETA })
        expect(await costOfSubmits(message)).toEqual([
          { attempt: 1, segment: 1, carrier: 'alpha', state: 'sent', ...AT_ALPHA },
          { attempt: 2, segment: 1, carrier: 'beta', state: 'sent', ...AT_BETA },
        ])
      })

      it('is the one of the first again when that delivers it after all', async () => {
        await gateway({ policy })
        const message = await resent()
        await harness.journal.write(receipt('alpha-1', 'DELIVERED'))
        expect(await messageRow(store, message)).toMatchObject({ status: 'delivered' })
        expect(await costOf(message)).toEqual({ carrier: 'alpha', ...AT_ALPHA })
      })

      it('is the same after a crash, also where the tables held the message before', async () => {
        await gateway({ policy, gatherMs: NEVER_MS })
        const message = await sent()
        // The tables know of the first submit; what follows stands in the journal alone.
        harness.now = new Date(START.getTime() + 31_000)
        await harness.sweeper.sweep()
        await harness.until(() => harness.dispatcher.heldCount === 0)
        expect(await store.query(sql`select seq from journal`)).not.toHaveLength(0)
        expect(await costOf(message)).toEqual({ carrier: 'alpha', ...AT_ALPHA })
        const next = await startOver(store, harness.clock, policy)
        expect(await costOf(message)).toEqual({ carrier: 'beta', ...AT_BETA })
        expect((await costOfSubmits(message)).map(({ cost, deck }) => [cost, deck])).toEqual([
          [10_000n, 4],
          [20_000n, 7],
        ])
        await next.close()
      })
    })

    it('is spread over the segments that a carrier gets, where it charges for more', async () => {
      await gateway()
      // It splits by itself: one submit, three segments on its bill.
      beta.isUp = false
      const prepare = alpha.prepare.bind(alpha)
      alpha.layOut = () => ({ encoding: 'gsm7', segments: 3 })
      alpha.prepare = (message) => ({ ...prepare(message), segmentCount: 2 })
      const message = await sent()
      expect(await costOf(message)).toMatchObject({ carrier: 'alpha', cost: 30_000n })
      expect((await costOfSubmits(message)).map(({ cost }) => cost)).toEqual([15_000n, 15_000n])
    })
  },
)
