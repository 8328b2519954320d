import fc from 'fast-check'
import { expect, it } from 'vitest'
import { Accounts } from '../../src/billing/accounts.ts'
import { totalOf } from '../../src/billing/booking.ts'
import { Charges, type TenantCharging } from '../../src/billing/charges.ts'
import { PriceConversion } from '../../src/billing/price-conversion.ts'
import { Volumes } from '../../src/billing/volumes.ts'
import {
  CHARGE_MOMENTS,
  CHARGE_UNITS,
  type ChargingTerms,
  partsOf,
  readTerms,
} from '../../src/core/charging.ts'
import { GatewayError } from '../../src/core/errors.ts'
import { atOnce } from '../../src/core/turns.ts'
import type { Dispatcher } from '../../src/messages/dispatcher.ts'
import { Intake } from '../../src/messages/intake.ts'
import type { Message } from '../../src/messages/message.ts'
import { standsBooked } from '../../src/messages/message-bookings.ts'
import type { MessageRequest } from '../../src/messages/message-request.ts'
import { Routes } from '../../src/messages/routes.ts'
import type { Spool } from '../../src/messages/spool.ts'
import { requestOf } from '../../src/partners/mapping.ts'
import { RateTable } from '../../src/routing/rate-table.ts'
import { SUBMIT } from '../partners/sample-submit.ts'
import { FakeCarrier } from './fake-carrier.ts'
import { request, testPolicies } from './harness.ts'

const TENANT = 'acme'
const NOW = new Date('2026-10-15T12:00:00Z')
const RATES = [
  { from: 'USD', to: 'EUR', micros: 913_377n, since: new Date(0) },
  { from: 'GBP', to: 'EUR', micros: 1_170_001n, since: new Date('2026-12-01') },
]

const currency = fc.constantFrom('EUR', 'EUR', 'USD', 'GBP')
const micros = fc.bigInt({ min: 0n, max: 99_999n })
const rate = fc.record({ micros, currency })
const tier = fc.record({
  aboveSegments: fc.integer({ min: 0, max: 8 }),
  discountPpm: fc.integer({ min: 0, max: 999_999 }),
})

const agreement = fc.record({
  charging: fc.record({
    unit: fc.constantFrom(...CHARGE_UNITS),
    on: fc.constantFrom(...CHARGE_MOMENTS),
    chargesFailed: fc.boolean(),
    chargesUnconfirmed: fc.boolean(),
    taxPpm: fc.constantFrom(0, 1, 75_000, 190_000),
  }),
  tiers: fc.uniqueArray(tier, { maxLength: 3, selector: ({ aboveSegments }) => aboveSegments }),
  currency: fc.constantFrom(undefined, 'EUR', 'USD'),
  deck: fc.option(rate),
  costs: fc.tuple(rate, rate),
  sentBefore: fc.integer({ min: 0, max: 8 }),
})

/** What is sent at once: over REST to a list or over SMPP to several, with texts of different lengths. */
const batch = fc.record({
  source: fc.constantFrom('rest' as const, 'smpp' as const),
  lengths: fc.array(fc.integer({ min: 1, max: 250 }), { minLength: 1, maxLength: 4 }),
})

type Agreement = typeof agreement extends fc.Arbitrary<infer T> ? T : never

function deckOf({ micros: priceMicros, currency: code }: { micros: bigint; currency: string }) {
  return [{ prefix: '', network: null, priceMicros, currency: code, effectiveFromMs: 0 }]
}

/** An intake whose journal takes everything. */
function intakeBy({ charging, tiers, deck, costs, sentBefore, currency: code }: Agreement) {
  const terms: TenantCharging = {
    charging,
    tiers: [...tiers]
      .sort((a, b) => a.aboveSegments - b.aboveSegments)
      .map((each) => ({ ...charging, tier: each })),
    currency: code,
  }
  const clock = () => NOW
  const accounts = new Accounts()
  const volumes = new Volumes()
  volumes.add({ tenantId: TENANT, month: '2026-10', segments: sentBefore })
  const tariff = deck && { version: 1, deck: atOnce(RateTable.build({ rates: deckOf(deck) })) }
  const termsFor = () => ({ tariff: tariff ?? undefined, lossMaking: 'allow' as const })
  const carriers = costs.map((cost, index) => ({
    carrier: new FakeCarrier(`c${index}`),
    rates: deckOf(cost),
  }))
  const intake = new Intake({
    routes: new Routes({ carriers }, clock, { termsFor, random: () => 0.5 }),
    charges: new Charges({
      accounts,
      volumes,
      termsFor: () => terms,
      conversion: () => new PriceConversion(RATES),
    }),
    spool: { write: () => Promise.resolve() } as unknown as Spool,
    dispatcher: { isFull: false, enqueue: () => {} } as unknown as Dispatcher,
    policyFor: testPolicies(),
    termsFor,
    isBehind: () => false,
    isCrowded: () => false,
    checkCallbackUrl: () => {},
    clock,
  })
  return { intake, accounts, volumes }
}

function requestsOf(source: 'rest' | 'smpp', lengths: readonly number[]): MessageRequest[] {
  return lengths.map((length, index) => {
    const text = 'x'.repeat(length)
    const digits = `44770090012${index}`
    if (source === 'rest') return request({ to: `+${digits}`, text })
    const pdu = { ...SUBMIT, destination_addr: digits, short_message: Buffer.from(text) }
    return requestOf(pdu, 'partner', NOW)
  })
}

/** What a dry run says of a list, in the order of the list. */
function quoted(intake: Intake, requests: readonly MessageRequest[]): string[] {
  let segmentsBefore = 0
  return requests.map((each) => {
    try {
      const { price, segments } = intake.quotes.quote(TENANT, each, { segmentsBefore })
      segmentsBefore += segments
      return `${segments} segments, ${price.micros} ${price.currency}`
    } catch (error) {
      if (error instanceof GatewayError) return error.code
      throw error
    }
  })
}

/** What the ledger has charged once all of a message is delivered. */
function chargedFor(message: Message) {
  const attempts = Array.from({ length: message.segments }, () => ({
    attempt: 1,
    state: 'delivered' as const,
  }))
  return standsBooked({ message: { ...message, status: 'delivered' }, attempts })
}

function termsOf({ charging }: Message): ChargingTerms {
  return readTerms(charging ?? '')
}

it('what a dry run says is what is set aside and charged', async () => {
  await fc.assert(
    fc.asyncProperty(
      agreement,
      fc.array(batch, { minLength: 1, maxLength: 3 }),
      async (agreed, batches) => {
        const { intake, accounts, volumes } = intakeBy(agreed)
        const held = new Map<string, bigint>()
        let sent = agreed.sentBefore
        for (const { source, lengths } of batches) {
          // Whoever submits over SMPP may ask over REST what it will cost.
          const expected = quoted(intake, requestsOf('rest', lengths))
          const verdicts = await intake.acceptAll(TENANT, requestsOf(source, lengths))
          const found = verdicts.map(({ message, error }) =>
            message
              ? `${message.segments} segments, ${message.priceMicros} ${message.priceCurrency}`
              : error.code,
          )
          expect(found).toEqual(expected)
          for (const { message } of verdicts) {
            if (!message) continue
            const { priceMicros, priceCurrency, segments } = message
            const terms = termsOf(message)
            const total = totalOf(priceMicros, partsOf(terms, segments), terms.taxPpm)
            const charged = chargedFor(message)
            expect(charged?.revenue).toBe(priceMicros)
            expect(priceMicros + (charged?.tax ?? 0n)).toBe(total)
            held.set(priceCurrency, (held.get(priceCurrency) ?? 0n) + total)
            sent += segments
          }
        }
        const standings = accounts.standings(TENANT).filter((account) => account.held !== 0n)
        expect(new Map(standings.map((account) => [account.currency, account.held]))).toEqual(
          new Map([...held].filter(([, sum]) => sum !== 0n)),
        )
        expect(volumes.segments(TENANT, NOW)).toBe(sent)
      },
    ),
    { numRuns: 400 },
  )
})
