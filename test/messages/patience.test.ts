import { afterAll, afterEach, beforeAll, describe, expect, it } from 'vitest'
import { DEFAULT_POLICIES } from '../../src/config/policies.ts'
import type { Store } from '../../src/store/open.ts'
import { testDatabases, truncate } from '../support/database.ts'
import { messageRow } from './builders.ts'
import { FakeCarrier, THROTTLED } from './fake-carrier.ts'
import { Harness, request } from './harness.ts'

const { retry } = DEFAULT_POLICIES.transactional
const TWICE = { retry: { ...retry, throttled: { ...retry.throttled, maxAttempts: 2 } } }
const TENANT = '01890000-0000-7000-8000-000000000001'
const LONG = '0123456789'.repeat(20)

describe.each(testDatabases())('patience with a carrier that throttles, on $name', ({ open }) => {
  let store: Store
  let harness: Harness

  beforeAll(async () => {
    store = await open()
  })
  afterEach(async () => {
    await harness.close()
    await truncate(store)
  })
  afterAll(() => store.close())

  it('ends after as many requests as the policy says', async () => {
    const alpha = new FakeCarrier('alpha', () => THROTTLED)
    harness = await Harness.open(store, [alpha], { policy: TWICE })
    const message = await harness.intake.accept(TENANT, request())
    await harness.idle()
    expect(alpha.sent).toHaveLength(2)
    expect(await messageRow(store, message)).toMatchObject({
      status: 'failed',
      attempt: 1,
      error_code: 'carrier_throttled',
      dead_letter: 'attempts',
    })
  })

  it('has no end once the carrier has a part of the message', async () => {
    const alpha = new FakeCarrier('alpha')
    alpha.answer = ({ segment, time }) => (segment === 2 && time < 6 ? THROTTLED : alpha.accept())
    harness = await Harness.open(store, [alpha], { policy: TWICE })
    const message = await harness.intake.accept(TENANT, request({ text: LONG }))
    await harness.idle()
    expect(alpha.sent.filter(({ segment }) => segment === 2)).toHaveLength(6)
    expect(await messageRow(store, message)).toMatchObject({ status: 'sent', attempt: 1 })
  })
})
