import { afterAll, afterEach, beforeAll, beforeEach, describe, expect, it } from 'vitest'
import type { ClassPolicy } from '../../src/core/policy.ts'
import type { CarrierOutcome } from '../../src/messages/carrier-outcome.ts'
import type { Message } from '../../src/messages/message.ts'
import type { Store } from '../../src/store/open.ts'
import { testDatabases, truncate } from '../support/database.ts'
import { eventRows, messageRow, receipt, TENANT } from './builders.ts'
import { FakeCarrier, REFUSED } from './fake-carrier.ts'
import { Harness, request } from './harness.ts'

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

  it('does not bring the message back to the first carrier when the second refuses it', async () => {
    await gateway()
    beta.answer = () => ({ ...REFUSED, class: 'passing' })
    const message = await code()
    await sweepAt(31 * SECONDS)
    for (let wait = 40; wait < 120; wait += 15) await sweepAt(wait * SECONDS)
    expect(beta.sent.length).toBeGreaterThan(1)
    expect(alpha.sent).toHaveLength(1)
    expect(await stateOf(message)).toMatchObject({ carrier: 'beta' })
  })
})
