import { sql } from 'drizzle-orm'
import { afterAll, afterEach, beforeAll, describe, expect, it, vi } from 'vitest'
import { UsageRollUp } from '../../src/billing/usage-roll-up.ts'
import { USUAL_TERMS } from '../../src/core/charging.ts'
import type { Store } from '../../src/store/open.ts'
import { keepingLogger } from '../messages/keeping-logger.ts'
import { openTestPglite } from '../support/database.ts'
import { openTestApp, problemIn, type TestApp } from './test-app.ts'

const OPERATOR = { authorization: 'Bearer admin-key', 'content-type': 'application/json' }
const TENANT = { authorization: 'Bearer demo-key', 'content-type': 'application/json' }
const OTHER = { ...TENANT, authorization: 'Bearer other-key' }
const CSV = { ...OPERATOR, accept: 'text/csv' }

/** A segment costs 0.035. */
const MESSAGE = { to: '+447700900123', from: 'ACME', text: 'Hello' }

const NOW = new Date('2026-10-15T12:00:00Z')
const MONTH = '2026-10'
const TODAY = '2026-10-15T00:00:00.000Z'

let store: Store
let app: TestApp

beforeAll(async () => {
  // The day must not change between what is done and what is asked.
  vi.useFakeTimers({ toFake: ['Date'], now: NOW })
  store = await openTestPglite()
})
afterEach(() => app.close())
afterAll(async () => {
  vi.useRealTimers()
  await store.close()
})

async function open(): Promise<void> {
  const charging = { ...USUAL_TERMS, taxPpm: 200_000 }
  app = await openTestApp({
    store,
    templates: [{ id: 'login', text: 'Your code is {{code}}', tenantIds: undefined }],
    billing: { charging, currency: undefined, creditLimitMicros: undefined },
  })
}

// biome-ignore lint/suspicious/noExplicitAny: tests assert the shape they expect
const bodyOf = async (response: Response): Promise<any> => response.json()
const get = (path: string, headers: Record<string, string> = TENANT) =>
  app.request(path, { headers })
const post = (path: string, body: object, headers = TENANT) =>
  app.request(path, { method: 'POST', body: JSON.stringify(body), headers })
const pay = (amount: string, reference: string) =>
  post(
    '/v1/billing/payments',
    { tenant: 'demo', kind: 'top_up', amount, currency: 'EUR', reference },
    OPERATOR,
  )

/** Sends a message and has it delivered. */
async function deliver(more: object = {}): Promise<void> {
  const { id } = await bodyOf(await post('/v1/messages', { ...MESSAGE, ...more }))
  await app.deliver(id)
}

describe('GET /v1/billing/usage', () => {
  it('shows a tenant its own usage, without carriers and costs', async () => {
    await open()
    await post('/v1/messages', MESSAGE)
    await post('/v1/messages', { ...MESSAGE, text: 'x'.repeat(200) })
    await post('/v1/messages', MESSAGE, OTHER)
    const body = await bodyOf(await get('/v1/billing/usage?group_by=country,sender'))
    expect(body).toMatchObject({ granularity: 'day' })
    expect(body.rows).toEqual([
      {
        starts_at: TODAY,
        country: 'GB',
        sender: 'ACME',
        currency: 'EUR',
        messages: {
          accepted: 2,
          delivered: 0,
          undelivered: 0,
          expired: 0,
          failed: 0,
          canceled: 0,
          unconfirmed: 0,
        },
        segments: { accepted: 3, submitted: 0, delivered: 0, undelivered: 0, expired: 0 },
        charged: 0,
        revenue: '0.0000',
        tax: '0.0000',
      },
    ])
  })

  it('shows operators that of all tenants, by what they ask for', async () => {
    await open()
    await post('/v1/messages', MESSAGE)
    await post('/v1/messages', MESSAGE, OTHER)
    const { id } = await bodyOf(await post('/v1/messages', MESSAGE, OTHER))
    await post(`/v1/messages/${id}/cancel`, {}, OTHER)
    const shown = async (query: string) => {
      const { rows } = await bodyOf(await get(`/v1/billing/usage?${query}`, OPERATOR))
      return rows.map((row: Record<string, unknown>) => [
        row.tenant,
        row.carrier,
        (row.messages as { accepted: number }).accepted,
        (row.messages as { canceled: number }).canceled,
      ])
    }
    expect(await shown('group_by=tenant')).toEqual(
      expect.arrayContaining([
        ['demo', undefined, 1, 0],
        ['other', undefined, 2, 1],
      ]),
    )
    expect(await shown('group_by=carrier&granularity=hour')).toEqual([
      [undefined, null, 3, 0],
      [undefined, 'alpha', 0, 1],
    ])
    expect(await shown('tenant=other&granularity=month')).toEqual([[undefined, undefined, 2, 1]])
    expect(await shown('carrier=alpha')).toEqual([[undefined, undefined, 0, 1]])
    expect(await shown('sender=NOBODY')).toEqual([])
    expect(await shown('from=2026-01-01&before=2026-01-02')).toEqual([])
  })

  it('shows messages of templates by them, and no others', async () => {
    await open()
    const { text: _, ...toWhom } = MESSAGE
    const made = { ...toWhom, template: 'login', variables: { code: '4711' } }
    await post('/v1/messages', MESSAGE)
    const { id } = await bodyOf(await post('/v1/messages', made))
    await app.deliver(id)
    await post('/v1/messages', made, OTHER)
    const shown = async (query: string, headers: Record<string, string>) => {
      const { rows } = await bodyOf(await get(`/v1/billing/usage?${query}`, headers))
      return rows.map((row: Record<string, unknown>) => [
        row.tenant,
        row.template,
        (row.messages as { accepted: number }).accepted,
        row.revenue,
      ])
    }
    for (const isAddedUp of [false, true]) {
      if (isAddedUp) await new UsageRollUp({ store, logger: keepingLogger() }).run()
      expect(await shown('group_by=template', TENANT)).toEqual([[undefined, 'login', 1, '0.0350']])
      const byTenant = await shown('group_by=tenant,template&granularity=month', OPERATOR)
      expect(byTenant).toHaveLength(2)
      expect(byTenant).toContainEqual(['other', 'login', 1, '0.0000'])
      expect(await shown('template=login', TENANT)).toEqual([[undefined, undefined, 1, '0.0350']])
      expect(await shown('template=parcel', OPERATOR)).toEqual([])
    }
  })

  it('is CSV where that is asked for', async () => {
    await open()
    await post('/v1/messages', { ...MESSAGE, from: 'A, B' })
    const answer = await get('/v1/billing/usage?group_by=sender,tenant', CSV)
    expect(answer.headers.get('content-type')).toBe('text/csv; charset=utf-8')
    expect((await answer.text()).split('\r\n')).toEqual([
      'starts_at,tenant,sender,currency,messages_accepted,messages_delivered,messages_undelivered,' +
        'messages_expired,messages_failed,messages_canceled,messages_unconfirmed,segments_accepted,' +
        'segments_submitted,segments_delivered,segments_undelivered,segments_expired,charged,revenue,tax,cost',
      `${TODAY},demo,"A, B",EUR,1,0,0,0,0,0,0,1,0,0,0,0,0,0.0000,0.0000,0.0000`,
      '',
    ])
  })

  it.each([
    ['of another tenant', 'tenant=other', TENANT, 403, undefined],
    ['by carrier, for a tenant', 'group_by=carrier', TENANT, 403, undefined],
    ['of nobody', 'tenant=nobody', OPERATOR, 404, '/tenant'],
    ['by what there is not', 'group_by=text', OPERATOR, 422, '/group_by/0'],
    ['of senders by carrier', 'group_by=sender,carrier', OPERATOR, 422, '/group_by'],
    ['of templates by sender', 'group_by=template,sender', OPERATOR, 422, '/group_by'],
    ['of a template by the hour', 'template=login&granularity=hour', OPERATOR, 422, '/granularity'],
    ['of a sender by the hour', 'sender=ACME&granularity=hour', OPERATOR, 422, '/granularity'],
    ['from within a day', 'from=2026-01-01T10:00:00Z', OPERATOR, 422, '/from'],
    ['until before its start', 'from=2026-01-02&before=2026-01-01', OPERATOR, 422, '/before'],
    ['of too many hours', 'granularity=hour&from=2026-01-01', OPERATOR, 422, '/from'],
    ['without a key', '', { authorization: 'Bearer wrong' }, 401, undefined],
  ])('%s is refused', async (_, query, headers, status, pointer) => {
    await open()
    const answer = await get(`/v1/billing/usage?${query}`, headers)
    expect(answer.status).toBe(status)
    if (pointer) expect((await problemIn(answer)).errors?.[0]).toMatchObject({ pointer })
  })
})

describe('GET /v1/billing/statement', () => {
  it('leads from the opening to what the account has', async () => {
    await open()
    await pay('10', 'r1')
    const sent = [await post('/v1/messages', MESSAGE), await post('/v1/messages', MESSAGE)]
    await app.settled()
    for (const answer of sent) await app.deliver((await bodyOf(answer)).id)
    const { statements } = await bodyOf(await get('/v1/billing/statement'))
    expect(statements).toEqual([
      {
        currency: 'EUR',
        opening: { balance: '0.0000', reserved: '0.0000' },
        movements: [
          {
            kind: 'reserve',
            lines: 2,
            balance: '-0.0840',
            reserved: '0.0840',
            revenue: '0.0000',
            tax: '0.0000',
            funding: '0.0000',
          },
          {
            kind: 'settle',
            lines: 2,
            balance: '0.0000',
            reserved: '-0.0840',
            revenue: '0.0700',
            tax: '0.0140',
            funding: '0.0000',
          },
          {
            kind: 'top_up',
            lines: 1,
            balance: '10.0000',
            reserved: '0.0000',
            revenue: '0.0000',
            tax: '0.0000',
            funding: '-10.0000',
          },
        ],
        closing: { balance: '9.9160', reserved: '0.0000' },
      },
    ])
    const { accounts } = await bodyOf(await get('/v1/billing/balance'))
    expect(accounts).toMatchObject([{ balance: '9.9160', reserved: '0.0000' }])
  })

  it('begins with what earlier days have left, to the day', async () => {
    await open()
    await pay('10', 'r1')
    await app.settled()
    // A day later, for the statement.
    await store.query(sql`update usage_pending set movements =
      jsonb_set(movements, '{0,0}', to_jsonb((movements->0->>0)::int8 - 1))`)
    await pay('5', 'r2')
    const { statements } = await bodyOf(await get('/v1/billing/statement?from=2026-10-15'))
    expect(statements).toMatchObject([
      {
        opening: { balance: '10.0000' },
        movements: [{ kind: 'top_up', lines: 1, balance: '5.0000' }],
        closing: { balance: '15.0000' },
      },
    ])
    const none = await bodyOf(await get('/v1/billing/statement?currency=USD'))
    expect(none.statements).toEqual([])
  })

  it('is for its tenant and for operators', async () => {
    await open()
    expect((await get('/v1/billing/statement?tenant=other')).status).toBe(403)
    expect((await get('/v1/billing/statement?tenant=demo', OPERATOR)).status).toBe(200)
    expect((await get('/v1/billing/statement', OPERATOR)).status).toBe(422)
    expect((await get('/v1/billing/statement?from=2026-01-02T10:00:00Z')).status).toBe(422)
  })
})

describe('GET /v1/billing/invoices/{month}', () => {
  it('lists what was charged, taxes and payments, to the micro-unit of the ledger', async () => {
    await open()
    await pay('10', 'r1')
    await deliver()
    await deliver({ text: 'x'.repeat(200) })
    const body = await bodyOf(await get(`/v1/billing/invoices/${MONTH}?tenant=demo`, OPERATOR))
    expect(body).toMatchObject({ tenant: 'demo', month: MONTH })
    expect(body.invoices).toMatchObject([
      {
        currency: 'EUR',
        lines: [
          {
            country: 'GB',
            network: null,
            unit: 'segment',
            unit_price: '0.0350',
            tax_percent: '20',
            quantity: 3,
            net: '0.1050',
            tax: '0.0210',
          },
        ],
        taxes: [{ tax_percent: '20', net: '0.1050', tax: '0.0210' }],
        net: '0.1050',
        tax: '0.0210',
        total: '0.1260',
        payments: [{ kind: 'top_up', reference: 'r1', amount: '10.0000' }],
        opening_balance: '0.0000',
        closing_balance: '9.8740',
        closing_reserved: '0.0000',
      },
    ])
    const [sums] = await store.query<{ net: string; tax: string }>(
      sql`select sum(revenue)::text as net, sum(tax)::text as tax from ledger where kind = 'settle'`,
    )
    expect(sums).toEqual({ net: '105000', tax: '21000' })
  })

  it('is CSV where that is asked for', async () => {
    await open()
    await deliver()
    const answer = await get(`/v1/billing/invoices/${MONTH}?tenant=demo`, CSV)
    const [header, ...rows] = (await answer.text()).trimEnd().split('\r\n')
    expect(header).toBe(
      'tenant,month,currency,row,country,network,unit,quantity,unit_price,tax_percent,net,tax,amount,at,reference,note',
    )
    expect(rows).toEqual([
      `demo,${MONTH},EUR,opening,,,,,,,,,0.0000,,,`,
      `demo,${MONTH},EUR,line,GB,,segment,1,0.0350,20,0.0350,0.0070,0.0420,,,`,
      `demo,${MONTH},EUR,tax,,,,,,20,0.0350,0.0070,0.0420,,,`,
      `demo,${MONTH},EUR,total,,,,,,,0.0350,0.0070,0.0420,,,`,
      `demo,${MONTH},EUR,closing,,,,,,,,,-0.0420,,,`,
    ])
  })

  it('is of a month, and of nobody else', async () => {
    await open()
    const wrong = await get('/v1/billing/invoices/2026-13')
    expect([wrong.status, (await problemIn(wrong)).code]).toEqual([422, 'month_invalid'])
    expect((await get(`/v1/billing/invoices/${MONTH}?tenant=other`)).status).toBe(403)
    expect(await bodyOf(await get('/v1/billing/invoices/2020-01'))).toMatchObject({ invoices: [] })
  })
})
