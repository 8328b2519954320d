import { sql } from 'drizzle-orm'
import { afterAll, afterEach, beforeAll, beforeEach, describe, expect, it } from 'vitest'
import { checkLedger } from '../../src/billing/ledger-check.ts'
import { USUAL_TERMS } from '../../src/core/charging.ts'
import type { Store } from '../../src/store/open.ts'
import { testDatabases } from '../support/database.ts'
import { openTestApp, problemIn, type TestApp } from './test-app.ts'

const TENANTS = [
  { name: 'seller', apiKeys: ['seller-key'] },
  { name: 'shop', apiKeys: ['shop-key'], parent: 'seller' },
  { name: 'stall', apiKeys: [], parent: 'seller' },
  { name: 'beside', apiKeys: [] },
]
const TRANSFER = { from: 'seller', to: 'shop', amount: '4', currency: 'EUR', reference: 't1' }

describe.each(testDatabases())('transfers on $name', ({ open }) => {
  let store: Store
  let app: TestApp

  beforeAll(async () => {
    store = await open()
  })
  beforeEach(() => openWith({ creditLimitMicros: undefined }))
  afterEach(() => app.close())
  afterAll(() => store.close())

  async function openWith(terms: { creditLimitMicros: bigint | undefined }): Promise<void> {
    const billing = { charging: USUAL_TERMS, currency: 'EUR', ...terms }
    app = await openTestApp({ store, tenants: TENANTS, billing })
  }

  const call = (key: string, method: string, path: string, body?: object) =>
    app.app.request(path, {
      method,
      headers: { authorization: `Bearer ${key}`, 'content-type': 'application/json' },
      ...(body && { body: JSON.stringify(body) }),
    })
  const transfer = (more: object = {}, key = 'seller-key') =>
    call(key, 'POST', '/v1/billing/transfers', { ...TRANSFER, ...more })
  const pay = (tenant: string, amount: string) => {
    const payment = { tenant, kind: 'top_up', amount, currency: 'EUR', reference: `p-${tenant}` }
    return call('admin-key', 'POST', '/v1/billing/payments', payment)
  }

  async function available(tenant: string): Promise<string | null> {
    const response = await call('admin-key', 'GET', `/v1/billing/balance?tenant=${tenant}`)
    // biome-ignore lint/suspicious/noExplicitAny: tests assert the shape they expect
    const { accounts } = (await response.json()) as any
    return accounts[0].available
  }

  it('take from one what the other gets, once however often they are asked for', async () => {
    await pay('seller', '10')
    const first = await transfer({ note: 'July' })
    expect([first.status, await first.json()]).toMatchObject([
      201,
      { from: 'seller', to: 'shop', amount: '4.0000', reference: 't1', note: 'July', is_new: true },
    ])
    const again = await transfer()
    expect([again.status, await again.json()]).toMatchObject([200, { is_new: false }])
    expect([await available('seller'), await available('shop')]).toEqual(['6.0000', '4.0000'])
    const lines = await call('shop-key', 'GET', '/v1/billing/ledger?kind=transfer')
    expect(await lines.json()).toMatchObject({
      lines: [
        {
          kind: 'transfer',
          other_tenant: 'seller',
          reference: 't1',
          entries: [
            { account: 'balance', amount: '4.0000' },
            { account: 'funding', amount: '-4.0000' },
          ],
        },
      ],
    })
    expect(await checkLedger(store)).toEqual({ batches: 2, lines: 3, faults: [] })
  })

  it('name the other tenant in the line of each, whatever else is in the batch', async () => {
    await pay('seller', '10')
    await pay('beside', '10')
    // The same reference for both: no tenant has it twice.
    const beside = { from: 'beside', to: 'stall' }
    await Promise.all([
      transfer(),
      transfer(beside, 'admin-key'),
      transfer({ reference: 't2', amount: '1' }),
    ])
    const others = async (tenant: string) => {
      const path = `/v1/billing/ledger?tenant=${tenant}`
      const { lines } = (await (await call('admin-key', 'GET', path)).json()) as {
        lines: { kind: string; reference: string; other_tenant: string | null }[]
      }
      return lines.map((line) => `${line.reference} ${line.other_tenant}`).sort()
    }
    expect(await others('seller')).toEqual(['p-seller null', 't1 shop', 't2 shop'])
    expect(await others('shop')).toEqual(['t1 seller', 't2 seller'])
    expect(await others('stall')).toEqual(['t1 beside'])
    expect(await others('beside')).toEqual(['p-beside null', 't1 stall'])
  })

  it('stand in the audit log of the one that gives and of the one that gets', async () => {
    await pay('seller', '10')
    expect((await transfer()).status).toBe(201)
    expect((await transfer()).status).toBe(200)
    const rows = await store.query<{ name: string; after: string }>(sql`
      select t.name, a.after from audit_entries a join tenants t on t.id = a.tenant_id
      where a.action = 'transfer.book' order by a.number`)
    expect(rows.map(({ name }) => name)).toEqual(['seller', 'shop'])
    expect(new Set(rows.map(({ after }) => after)).size).toBe(1)
    expect(rows[0]?.after).toContain('"to":"shop"')
  })

  it('go back up, and between those below', async () => {
    await pay('seller', '10')
    await transfer()
    const back = { from: 'shop', to: 'seller', amount: '1', reference: 't2' }
    expect((await transfer(back)).status).toBe(201)
    expect((await transfer({ ...back, to: 'stall', reference: 't3' })).status).toBe(201)
    const left = await Promise.all(['seller', 'shop', 'stall'].map(available))
    expect(left).toEqual(['7.0000', '2.0000', '1.0000'])
  })

  it('never give more than there is, however many ask at once', async () => {
    await pay('seller', '10')
    const answers = await Promise.all(
      [1, 2, 3, 4].map((each) => transfer({ reference: `t${each}` })),
    )
    expect(answers.map(({ status }) => status).sort()).toEqual([201, 201, 402, 402])
    const refused = answers.find(({ status }) => status === 402) as Response
    expect((await problemIn(refused)).code).toBe('balance_insufficient')
    expect(await available('seller')).toBe('2.0000')
    expect((await checkLedger(store)).faults).toEqual([])
  })

  it('do not give what is set aside for messages', async () => {
    await pay('shop', '0.05')
    const message = { to: '+447700900123', from: 'ACME', text: 'Hello' }
    expect((await call('shop-key', 'POST', '/v1/messages', message)).status).toBe(202)
    const all = { from: 'shop', to: 'seller', amount: '0.05' }
    expect((await transfer(all)).status).toBe(402)
    expect((await transfer({ ...all, amount: '0.015', reference: 't2' })).status).toBe(201)
  })

  it('reach into a credit', async () => {
    await app.close()
    await openWith({ creditLimitMicros: 5_000_000n })
    expect((await transfer()).status).toBe(201)
    expect((await transfer({ reference: 't2' })).status).toBe(402)
  })

  it('need an account with an end', async () => {
    const refused = await transfer()
    expect([refused.status, (await problemIn(refused)).code]).toEqual([422, 'account_unlimited'])
  })

  it.each<[string, object, number, string]>([
    ['from beside', { from: 'beside' }, 404, '/from'],
    ['to beside', { to: 'beside' }, 404, '/to'],
    ['to nobody', { to: 'nobody' }, 404, '/to'],
    ['to itself', { to: 'seller' }, 422, '/to'],
    ['of nothing', { amount: '0' }, 422, '/amount'],
    ['below zero', { amount: '-1' }, 422, '/amount'],
  ])('are refused %s', async (_, more, status, pointer) => {
    await pay('seller', '10')
    const refused = await transfer(more)
    expect(refused.status).toBe(status)
    expect((await problemIn(refused)).errors?.[0]?.pointer).toBe(pointer)
  })

  it('are refused with the key of one below', async () => {
    await pay('seller', '10')
    expect((await transfer({}, 'shop-key')).status).toBe(404)
  })

  it('of operators go between any tenants', async () => {
    await pay('beside', '10')
    expect((await transfer({ from: 'beside' }, 'admin-key')).status).toBe(201)
  })

  it('are refused with the reference of another payment, on either side', async () => {
    await pay('seller', '10')
    await pay('shop', '10')
    for (const reference of ['p-seller', 'p-shop']) {
      const refused = await transfer({ reference })
      expect([refused.status, (await problemIn(refused)).code]).toEqual([409, 'payment_differs'])
    }
    await transfer()
    expect((await transfer({ to: 'stall' })).status).toBe(409)
    expect((await transfer({ amount: '5' })).status).toBe(409)
    expect((await transfer({ from: 'shop', to: 'seller' })).status).toBe(409)
  })

  it('of which one side is missing are found by the check', async () => {
    await pay('seller', '10')
    await transfer()
    await store.query(sql`delete from ledger where kind = 'transfer' and balance > 0`)
    const { faults } = await checkLedger(store)
    expect(faults.map(({ where }) => where)).toContain('batch 2, transfer "t1" in EUR')
  })
})
