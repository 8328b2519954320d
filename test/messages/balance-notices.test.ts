import { afterAll, afterEach, beforeAll, describe, expect, it } from 'vitest'
import { loadMarks } from '../../src/billing/balance-marks.ts'
import type { BalanceChange } from '../../src/billing/balance-watch.ts'
import { silentLogger } from '../../src/core/logger.ts'
import { BalanceNotices } from '../../src/messages/balance-notices.ts'
import { readDue } from '../../src/messages/outbox.ts'
import type { Store } from '../../src/store/open.ts'
import { endpointRecipient } from '../../src/webhooks/endpoints.ts'
import { testDatabases, truncate } from '../support/database.ts'
import { outboxRows } from './builders.ts'

const ACME = '01890000-0000-7000-8000-000000000001'
const NOW = new Date('2026-03-14T10:00:00Z')

const LOW: BalanceChange = {
  tenantId: ACME,
  currency: 'EUR',
  state: 'low',
  isIn: true,
  balance: 9_000_000n,
  available: 8_500_000n,
  lowMicros: 10_000_000n,
}

describe.each(testDatabases())('a balance that is low, on $name', ({ open }) => {
  let store: Store

  beforeAll(async () => {
    store = await open()
  })
  afterEach(() => truncate(store))
  afterAll(() => store.close())

  function opened(on: Store = store, hooks: readonly string[] = ['one', 'two']) {
    const told: string[] = []
    const notices = new BalanceNotices({
      store: on,
      recipientsFor: (tenantId) => (tenantId === ACME ? hooks.map(endpointRecipient) : []),
      tenantName: () => 'acme',
      onTold: (recipient) => told.push(recipient),
      logger: silentLogger,
      clock: () => NOW,
    })
    return { notices, told }
  }

  /** A store whose statement fails so many times, once it has been carried out or before. */
  function failing(times: number, isCarriedOut: boolean): Store {
    let left = times
    return {
      ...store,
      query: async <Row extends object>(...args: Parameters<Store['query']>) => {
        if (left-- <= 0) return store.query<Row>(...args)
        if (isCarriedOut) await store.query(...args)
        throw new Error('the connection is gone')
      },
    }
  }

  it('is told once to each endpoint, as the other events are', async () => {
    const { notices, told } = opened()
    notices.keep(LOW)
    await notices.close()
    expect(told).toEqual(['endpoint:one', 'endpoint:two'])
    const [first] = await readDue(store, 'endpoint:one', NOW, 10)
    expect(first).toMatchObject({
      tenantId: ACME,
      subjectId: ACME,
      event: 'balance.low',
      tries: 0,
      payload: {
        tenant: 'acme',
        currency: 'EUR',
        balance: '9.0000',
        available: '8.5000',
        threshold: '10.0000',
        fellAt: NOW.toISOString(),
      },
    })
    expect(await outboxRows(store)).toHaveLength(2)
  })

  it('is not told again while it stays low, after a start neither; it is the next time that it falls', async () => {
    opened().notices.keep(LOW)
    const again = opened()
    again.notices.keep(LOW)
    again.notices.keep(LOW)
    await again.notices.close()
    expect(await outboxRows(store)).toHaveLength(2)
    again.notices.keep({ ...LOW, isIn: false })
    again.notices.keep(LOW)
    await again.notices.close()
    const rows = await outboxRows(store)
    expect(new Set(rows.map(({ id }) => id)).size).toBe(4)
    // In order for the account: the second waits for the first.
    expect(await readDue(store, 'endpoint:one', NOW, 10)).toHaveLength(1)
  })

  it('is nothing for anybody but the tenant, and of what is used up nobody is told', async () => {
    const { notices, told } = opened()
    notices.keep({ ...LOW, tenantId: '01890000-0000-7000-8000-000000000002' })
    notices.keep({ ...LOW, state: 'exhausted' })
    await notices.close()
    expect(told).toEqual([])
    expect(await outboxRows(store)).toEqual([])
    expect(await loadMarks(store)).toHaveLength(2)
  })

  it.each([
    ['before', false],
    ['after', true],
  ])('is told once though the database fails %s it is written', async (_when, isCarriedOut) => {
    const { notices, told } = opened(failing(1, isCarriedOut), ['one'])
    notices.keep(LOW)
    await notices.close()
    expect(told).toEqual(['endpoint:one'])
    expect(await outboxRows(store)).toHaveLength(1)
    expect(await loadMarks(store)).toHaveLength(1)
  })

  it('is not kept while the database is away: the next start tells it', async () => {
    const { notices } = opened(failing(9, false))
    notices.keep(LOW)
    await notices.close()
    expect([await loadMarks(store), await outboxRows(store)]).toEqual([[], []])
  })
})
