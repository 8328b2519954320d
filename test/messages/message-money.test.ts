import { afterAll, afterEach, beforeAll, beforeEach, describe, expect, it } from 'vitest'
import { atOnce } from '../../src/core/turns.ts'
import { Intake } from '../../src/messages/intake.ts'
import { Replacement } from '../../src/messages/replacement.ts'
import { Routes } from '../../src/messages/routes.ts'
import { Withdrawal } from '../../src/messages/withdrawal.ts'
import { decisionOf, isDecisionRecord } from '../../src/routing/decision-record.ts'
import { readDeckCsv } from '../../src/routing/deck-csv.ts'
import { RateTable } from '../../src/routing/rate-table.ts'
import type { LossMaking, TenantTerms } from '../../src/routing/tenant-price.ts'
import type { Store } from '../../src/store/open.ts'
import { testDatabases, truncate } from '../support/database.ts'
import { eventRows, messageRow, TENANT } from './builders.ts'
import { FakeCarrier } from './fake-carrier.ts'
import { Harness, priced, request, testPolicies } from './harness.ts'

function terms(version: number, lossMaking: LossMaking, ...rows: readonly string[]): TenantTerms {
  const { deck } = readDeckCsv(['prefix,price,currency', ...rows].join('\n'))
  return { tariff: { version, deck: atOnce(RateTable.build(deck)) }, lossMaking }
}

describe.each(testDatabases())('the money of a message on $name', ({ open }) => {
  let store: Store
  let harness: Harness
  let intake: Intake
  let routes: Routes
  let agreed: TenantTerms | undefined
  /** Decides by another conversion from now on. */
  let follow: (conversion: Readonly<Record<string, number>>) => Promise<void>

  beforeAll(async () => {
    store = await open()
  })
  beforeEach(async () => {
    await truncate(store)
    // `alpha` charges 0.01, `beta` 0.02; both are down: what is accepted waits.
    const carriers = ['alpha', 'beta'].map((name) => new FakeCarrier(name))
    for (const carrier of carriers) carrier.isUp = false
    harness = await Harness.open(store, carriers)
    const { spool, dispatcher, clock } = harness
    const termsFor = (tenantId: string) => (tenantId === TENANT ? agreed : undefined)
    const setup = {
      carriers: carriers.map((carrier, index) => priced(carrier, BigInt(index + 1) * 10_000n)),
    }
    routes = new Routes(setup, clock, { termsFor })
    follow = async (conversion) => (await routes.prepare({ ...setup, conversion }))()
    intake = new Intake({
      routes,
      spool,
      dispatcher,
      policyFor: testPolicies(),
      termsFor,
      isBehind: () => false,
      isCrowded: () => false,
      checkCallbackUrl: () => {},
      clock,
    })
    agreed = undefined
  })
  afterEach(() => harness.close())
  afterAll(() => store.close())

  async function stored(id: string) {
    await harness.journal.settled()
    const row = await messageRow(store, { id })
    return {
      priceMicros: BigInt(row.price_micros),
      priceCurrency: row.price_currency,
      costMicros: BigInt(row.cost_micros),
      costCurrency: row.cost_currency,
      carrierDeckVersion: row.carrier_deck_version,
      tenantDeckVersion: row.tenant_deck_version,
    }
  }

  async function routedDetails(id: string) {
    const lines = await eventRows(store, { id })
    return lines.filter(({ type }) => type === 'routed').map(({ detail }) => detail as object)
  }

  it('is price and cost, with the decks that say so', async () => {
    agreed = terms(3, 'allow', '44,0.03,GBP')
    const { id } = await intake.accept(TENANT, request({ text: 'x'.repeat(161) }))
    const money = {
      priceMicros: 60_000n,
      priceCurrency: 'GBP',
      costMicros: 20_000n,
      costCurrency: 'EUR',
      carrierDeckVersion: 0,
      tenantDeckVersion: 3,
    }
    expect(await stored(id)).toEqual(money)
    expect(await routedDetails(id)).toEqual([
      expect.objectContaining({
        money: {
          cost: { amount: '0.0200', currency: 'EUR' },
          price: { amount: '0.0600', currency: 'GBP' },
          margin: null,
          margin_unknown: 'no conversion from EUR to GBP in routing.conversion',
          loss_making: null,
          carrier_deck_version: 0,
          tenant_deck_version: 3,
        },
      }),
    ])
  })

  it('has a margin over a cost in another currency, by the conversion of the moment', async () => {
    agreed = terms(3, 'allow', '44,0.03,GBP')
    await follow({ EUR: 1, GBP: 1.25 })
    const { id } = await intake.accept(TENANT, request())
    await harness.journal.settled()
    // 0.0100 EUR are 0.0080 GBP.
    const margin = { amount: '0.0220', currency: 'GBP', percent: 73.33 }
    expect(await routedDetails(id)).toEqual([
      expect.objectContaining({ money: expect.objectContaining({ margin, loss_making: false }) }),
    ])
    expect(JSON.stringify(await routedDetails(id))).not.toContain('margin_unknown')
    await follow({ EUR: 1, GBP: 0.25 })
    const { id: loss } = await intake.accept(TENANT, request())
    await harness.journal.settled()
    expect(await routedDetails(loss)).toMatchObject([
      { money: { margin: { amount: '-0.0100', percent: -33.33 }, loss_making: true } },
    ])
  })

  it('is the same twice without a deck of the tenant, and the timeline says nothing of it', async () => {
    const { id } = await intake.accept(TENANT, request())
    expect(await stored(id)).toEqual({
      priceMicros: 10_000n,
      priceCurrency: 'EUR',
      costMicros: 10_000n,
      costCurrency: 'EUR',
      carrierDeckVersion: 0,
      tenantDeckVersion: null,
    })
    expect(await routedDetails(id)).toEqual([expect.not.objectContaining({ money: {} })])
    expect(JSON.stringify(await routedDetails(id))).not.toContain('money')
  })

  it('with a loss is flagged, where losses are allowed', async () => {
    agreed = terms(1, 'allow', '44,0.008,EUR')
    const { id } = await intake.accept(TENANT, request())
    await harness.journal.settled()
    expect(await routedDetails(id)).toMatchObject([
      {
        money: {
          margin: { amount: '-0.0020', currency: 'EUR', percent: -25 },
          loss_making: true,
        },
      },
    ])
  })

  it('with a loss is none, where losses are refused: another carrier, or no route', async () => {
    agreed = terms(1, 'refuse', '44,0.01,EUR', '33,0.009,EUR')
    const { id } = await intake.accept(TENANT, request())
    await harness.journal.settled()
    expect(await messageRow(store, { id })).toMatchObject({ carrier: 'alpha' })
    const [detail] = await routedDetails(id)
    expect(isDecisionRecord(detail) && decisionOf(detail)).toMatchObject({
      candidates: [{ carrier: 'alpha' }],
      refused: [{ carrier: 'beta', code: 'loss' }],
    })
    await expect(intake.accept(TENANT, request({ to: '+33612345678' }))).rejects.toMatchObject({
      code: 'no_route',
    })
  })

  it('with too small a margin is refused or flagged, as the operator asks', async () => {
    const perSegment = { micros: 1_000n, currency: 'EUR' }
    const minMargin = { ppm: 250_000, perSegment, isRequired: true }
    agreed = { ...terms(1, 'allow', '44,0.0135,EUR'), minMargin }
    const { id } = await intake.accept(TENANT, request())
    await harness.journal.settled()
    const [detail] = await routedDetails(id)
    expect(isDecisionRecord(detail) && decisionOf(detail)).toMatchObject({
      candidates: [{ carrier: 'alpha' }],
      refused: [{ carrier: 'beta', code: 'margin_too_small' }],
    })
    expect(detail).toMatchObject({ money: { margin_too_small: false, loss_making: false } })
    const dearer = { ...minMargin, ppm: 260_000 }
    agreed = { ...agreed, minMargin: dearer }
    await expect(intake.accept(TENANT, request())).rejects.toMatchObject({ code: 'no_route' })
    agreed = { ...agreed, minMargin: { ...dearer, isRequired: false } }
    const flagged = await intake.accept(TENANT, request())
    await harness.journal.settled()
    expect(await routedDetails(flagged.id)).toMatchObject([{ money: { margin_too_small: true } }])
    const moved = routes.choose(flagged, new Set(['alpha']), new Date())
    expect(moved?.event.detail).toMatchObject({ money: { margin_too_small: true } })
  })

  it.each([
    ['0.02', 'beta'],
    ['0.015', undefined],
  ])('with a price of %s as agreed decides who else may have it: %s', async (price, carrier) => {
    agreed = terms(1, 'refuse', `44,${price},EUR`)
    const message = await intake.accept(TENANT, request())
    expect(message.carrier).toBe('alpha')
    // What is agreed for later messages changes nothing.
    agreed = terms(2, 'refuse', '44,0.018,EUR')
    const next = routes.choose(message, new Set(['alpha']), new Date())
    expect(next?.carrier).toBe(carrier)
  })

  it('is fixed anew when the message is replaced', async () => {
    agreed = terms(1, 'allow', '44,0.03,EUR')
    const { id } = await intake.accept(TENANT, request())
    const { journal, dispatcher, clock } = harness
    const { live, spool, tables } = journal
    const policyFor = testPolicies()
    const node = journal.node
    const work = { store, spool, live, tables, node, dispatcher, policyFor, clock }
    const withdrawal = new Withdrawal(work)
    const replacement = new Replacement({ ...work, withdrawal, intake })
    agreed = terms(2, 'allow', '44,0.04,EUR')
    await replacement.replace(TENANT, id, { text: 'x'.repeat(161) })
    expect(await stored(id)).toMatchObject({
      priceMicros: 80_000n,
      costMicros: 20_000n,
      tenantDeckVersion: 2,
    })
    expect(await routedDetails(id)).toMatchObject([
      { money: { tenant_deck_version: 1 } },
      { money: { tenant_deck_version: 2, cost: { amount: '0.0200' } } },
    ])
    agreed = undefined
    await replacement.replace(TENANT, id, { text: 'short' })
    expect(await stored(id)).toMatchObject({
      priceMicros: 10_000n,
      costMicros: 10_000n,
      tenantDeckVersion: null,
    })
  })
})
