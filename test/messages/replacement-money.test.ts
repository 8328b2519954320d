import { afterAll, afterEach, beforeAll, beforeEach, describe, expect, it, vi } from 'vitest'
import { Charges } from '../../src/billing/charges.ts'
import { checkLedger } from '../../src/billing/ledger-check.ts'
import { PriceConversion } from '../../src/billing/price-conversion.ts'
import { USUAL_TERMS } from '../../src/core/charging.ts'
import { GatewayError } from '../../src/core/errors.ts'
import { Intake } from '../../src/messages/intake.ts'
import { checkMessages } from '../../src/messages/ledger-message-check.ts'
import type { Message } from '../../src/messages/message.ts'
import { Replacement } from '../../src/messages/replacement.ts'
import { Withdrawal } from '../../src/messages/withdrawal.ts'
import type { Store } from '../../src/store/open.ts'
import { testDatabases, truncate } from '../support/database.ts'
import { moved, TENANT } from './builders.ts'
import { FakeCarrier } from './fake-carrier.ts'
import { claimerOf, Harness, request, testPolicies } from './harness.ts'

const NEVER_MS = 3_600_000

/** Texts of so many segments; each costs 0.01. */
const TWO = 'x'.repeat(161)
const THREE = 'x'.repeat(307)

describe.each(testDatabases())('the money held for a replaced message, on $name', ({ open }) => {
  let store: Store
  let harness: Harness
  let replacement: Replacement
  let message: Message
  let write: Harness['spool']['write']

  beforeAll(async () => {
    store = await open()
  })
  beforeEach(async () => {
    await truncate(store)
    const carrier = new FakeCarrier('alpha')
    carrier.isUp = false
    harness = await Harness.open(store, [carrier], { gatherMs: NEVER_MS })
    const { journal, routes, dispatcher, spool, clock } = harness
    const { live, ledger } = journal
    const charges = new Charges({
      ...ledger,
      termsFor: () => ({ charging: USUAL_TERMS, currency: undefined }),
      conversion: () => new PriceConversion([]),
    })
    const policyFor = testPolicies()
    const intake = new Intake({
      ...{ routes, spool, dispatcher, policyFor, charges, clock },
      isBehind: () => false,
      isCrowded: () => false,
      checkCallbackUrl: () => {},
    })
    const withdrawal = new Withdrawal({ ...claimerOf(journal), dispatcher })
    const work = { withdrawal, intake, dispatcher, live, spool, policyFor, charges, clock }
    replacement = new Replacement(work)
    write = spool.write.bind(spool)
    message = await intake.accept(TENANT, request())
  })
  afterEach(async () => {
    vi.restoreAllMocks()
    await harness.close()
  })
  afterAll(() => store.close())

  /** What is held of the balance, and the segments that are counted. */
  function held() {
    const { accounts, volumes } = harness.journal.ledger
    const [standing] = accounts.standings(TENANT)
    return [standing?.held, volumes.segments(TENANT, message.createdAt)]
  }

  /** What befalls the next entry on its way into the journal. */
  function onNextWrite(befalls: Harness['spool']['write']): void {
    vi.spyOn(harness.spool, 'write').mockImplementationOnce(befalls)
  }

  async function replace(text: string): Promise<string> {
    return replacement.replace(TENANT, message.id, { text }).then(
      () => 'replaced',
      (error: GatewayError) => error.code,
    )
  }

  const refuse = () => Promise.reject(new GatewayError('closed', 'the gateway is shutting down'))

  it.each<{
    what: string
    /** Whether it was replaced before, and that is not written yet. */
    before: string[]
    befalls: Harness['spool']['write']
    outcome: string
    expected: [bigint, number]
    price: bigint
  }>([
    {
      what: 'one that cannot be written',
      before: [],
      befalls: refuse,
      outcome: 'closed',
      expected: [10_000n, 1],
      price: 10_000n,
    },
    {
      what: 'one that cannot be written, after another',
      before: [TWO],
      befalls: refuse,
      outcome: 'closed',
      expected: [20_000n, 2],
      price: 20_000n,
    },
    {
      what: 'one that cannot be written, after two others',
      before: [THREE, TWO],
      befalls: refuse,
      outcome: 'closed',
      expected: [20_000n, 2],
      price: 20_000n,
    },
    {
      what: 'one during which the tables get the one before',
      before: [TWO],
      befalls: async (...entries) => {
        await harness.journal.tables.flush()
        await write(...entries)
      },
      outcome: 'replaced',
      expected: [10_000n, 3],
      price: 30_000n,
    },
    {
      what: 'one that comes when the message has ended',
      before: [],
      befalls: async (...entries) => {
        await write(moved(message, 'expired', { attempt: 0 }))
        await write(...entries)
      },
      outcome: 'not_replaceable',
      expected: [10_000n, 1],
      price: 0n,
    },
    {
      what: 'one that comes when the message has ended, after another',
      before: [TWO],
      befalls: async (...entries) => {
        await write(moved(message, 'expired', { attempt: 0 }))
        await write(...entries)
      },
      outcome: 'not_replaceable',
      expected: [20_000n, 2],
      price: 0n,
    },
  ])('is right for $what', async ({ before, befalls, outcome, expected, price }) => {
    for (const text of before) expect(await replace(text)).toBe('replaced')
    onNextWrite(befalls)
    expect(await replace(THREE)).toBe(outcome)
    expect(held()).toEqual(expected)
    await harness.journal.settled()
    expect(harness.journal.ledger.accounts.standings(TENANT)).toMatchObject([
      { held: 0n, balance: -price, reserved: price },
    ])
    expect(await checkMessages(store)).toEqual({ messages: 1, fault: undefined })
    expect((await checkLedger(store)).faults).toEqual([])
  })
})
