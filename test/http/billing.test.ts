import { afterAll, afterEach, beforeAll, describe, expect, it } from 'vitest'
import { USUAL_TERMS } from '../../src/core/charging.ts'
import type { Store } from '../../src/store/open.ts'
import { openTestPglite } from '../support/database.ts'
import { openTestApp, problemIn, type TestApp, type TestAppOptions } from './test-app.ts'

const OPERATOR = { authorization: 'Bearer admin-key', 'content-type': 'application/json' }
const TENANT = { authorization: 'Bearer demo-key', 'content-type': 'application/json' }
const PAYMENT = { tenant: 'demo', kind: 'top_up', amount: '0.1', currency: 'EUR', reference: 'r1' }

/** A segment costs 0.035. */
const MESSAGE = { to: '+447700900123', from: 'ACME', text: 'Hello' }

let store: Store
let app: TestApp

beforeAll(async () => {
  store = await openTestPglite()
})
afterEach(() => app.close())
afterAll(() => store.close())

async function open(billing: Partial<NonNullable<TestAppOptions['billing']>> = {}): Promise<void> {
  const usual = { charging: USUAL_TERMS, currency: undefined, creditLimitMicros: undefined }
  app = await openTestApp({ store, billing: { ...usual, ...billing } })
}

// biome-ignore lint/suspicious/noExplicitAny: tests assert the shape they expect
const bodyOf = async (response: Response): Promise<any> => response.json()
const get = (path: string, headers = TENANT) => app.request(path, { headers })
const post = (path: string, body: object, headers = TENANT) =>
  app.request(path, { method: 'POST', body: JSON.stringify(body), headers })
const pay = (more: object = {}) => post('/v1/billing/payments', { ...PAYMENT, ...more }, OPERATOR)
const balance = async () => (await bodyOf(await get('/v1/billing/balance'))).accounts

describe('the balance of a tenant', () => {
  it('is there as soon as money is booked, once however often that is asked for', async () => {
    await open()
    const first = await pay()
    expect([first.status, await first.json()]).toMatchObject([
      201,
      { amount: '0.1000', reference: 'r1', is_new: true },
    ])
    const again = await pay()
    expect([again.status, (await bodyOf(again)).is_new]).toEqual([200, false])
    const both = await Promise.all([pay({ reference: 'r2' }), pay({ reference: 'r2' })])
    expect(both.map(({ status }) => status).sort()).toEqual([200, 201])
    expect(await balance()).toEqual([
      {
        currency: 'EUR',
        balance: '0.2000',
        reserved: '0.0000',
        spent: '0.0000',
        credit_limit: null,
        available: '0.2000',
      },
    ])
  })

  it('pays for messages until it is used up; the rest is refused and costs nothing', async () => {
    await open()
    await pay()
    const answers = await Promise.all([1, 2, 3, 4].map(() => post('/v1/messages', MESSAGE)))
    expect(answers.map(({ status }) => status).sort()).toEqual([202, 202, 402, 402])
    const refused = answers.find(({ status }) => status === 402) as Response
    expect(await problemIn(refused)).toMatchObject({
      code: 'balance_insufficient',
      detail: 'the message costs 0.0350 EUR, and the account has 0.0300 EUR left: top it up',
    })
    expect(await balance()).toMatchObject([
      { balance: '0.0300', reserved: '0.0700', available: '0.0300' },
    ])
  })

  it('takes part of a list, and says what it did not pay for', async () => {
    await open()
    await pay()
    const to = ['+447700900123', '+447700900124', '+447700900125']
    const body = await bodyOf(await post('/v1/messages', { ...MESSAGE, to }))
    expect(
      body.messages.map((one: { error?: { code: string } }) => one.error?.code ?? 'taken'),
    ).toEqual(['taken', 'taken', 'balance_insufficient'])
  })

  it('is the same after a dry run, which says the price that is charged', async () => {
    await open()
    await pay()
    const quoted = await bodyOf(await post('/v1/messages', { ...MESSAGE, dry_run: true }))
    expect(quoted.price).toEqual({ amount: '0.0350', currency: 'EUR' })
    expect(await balance()).toMatchObject([{ balance: '0.1000', available: '0.1000' }])
    await post('/v1/messages', MESSAGE)
    expect(await balance()).toMatchObject([{ balance: '0.0650', reserved: '0.0350' }])
  })

  it('gets the price of a canceled message back', async () => {
    await open()
    await pay()
    const { id } = await bodyOf(await post('/v1/messages', MESSAGE))
    expect((await post(`/v1/messages/${id}/cancel`, {})).status).toBe(200)
    await get('/v1/billing/ledger')
    expect(await balance()).toMatchObject([{ balance: '0.1000', reserved: '0.0000' }])
  })

  it('pays the difference when a message is replaced by a longer one, or it is not', async () => {
    await open()
    await pay()
    const { id } = await bodyOf(await post('/v1/messages', MESSAGE))
    const change = (text: string) =>
      app.request(`/v1/messages/${id}`, {
        method: 'PATCH',
        body: JSON.stringify({ text }),
        headers: TENANT,
      })
    expect((await change('x'.repeat(400))).status).toBe(402)
    expect(await balance()).toMatchObject([{ balance: '0.0650', reserved: '0.0350' }])
    expect((await change('x'.repeat(200))).status).toBe(200)
    expect(await balance()).toMatchObject([{ balance: '0.0300', reserved: '0.0700' }])
    await get('/v1/billing/ledger')
    expect(await balance()).toMatchObject([{ balance: '0.0300', reserved: '0.0700' }])
  })

  it('may go below zero up to a credit limit, taxes with it', async () => {
    const charging = { ...USUAL_TERMS, taxPpm: 200_000 }
    await open({ charging, creditLimitMicros: 100_000n, currency: 'EUR' })
    const answers = await Promise.all([1, 2, 3].map(() => post('/v1/messages', MESSAGE)))
    expect(answers.map(({ status }) => status).sort()).toEqual([202, 202, 402])
    expect(await balance()).toMatchObject([
      { balance: '-0.0840', credit_limit: '0.1000', available: '0.0160' },
    ])
  })

  it('has no end for a tenant without money and without a limit', async () => {
    await open()
    expect((await post('/v1/messages', MESSAGE)).status).toBe(202)
    expect(await balance()).toMatchObject([{ balance: '-0.0350', available: null }])
  })
})

describe('tiers by volume', () => {
  const tierOf = (above: number, discountPpm: number) => {
    return { ...USUAL_TERMS, tier: { aboveSegments: above, discountPpm } }
  }
  const tiers = [tierOf(2, 100_000), tierOf(4, 500_000)]
  const to = ['+447700900123', '+447700900124', '+447700900125']
  const amounts = (body: { messages: { price?: { amount: string } }[] }) =>
    body.messages.map(({ price }) => price?.amount)

  it('price each message by what was accepted before it, and a dry run says so', async () => {
    await open({ tiers })
    const list = { ...MESSAGE, text: 'x'.repeat(161), to: ['nobody', ...to] }
    const quoted = await bodyOf(await post('/v1/messages', { ...list, dry_run: true }))
    expect(amounts(quoted)).toEqual([undefined, '0.0700', '0.0630', '0.0350'])
    expect(amounts(await bodyOf(await post('/v1/messages', list)))).toEqual(amounts(quoted))
    const single = await bodyOf(await post('/v1/messages', { ...MESSAGE, dry_run: true }))
    expect(single.price.amount).toBe('0.0175')
    expect((await bodyOf(await post('/v1/messages', MESSAGE))).price.amount).toBe('0.0175')
    expect(await balance()).toMatchObject([{ reserved: '0.1855' }])
  })

  it('are shown with the volume of the month, and with each message', async () => {
    await open({ tiers })
    await post('/v1/messages', { ...MESSAGE, to })
    const { volume } = await bodyOf(await get('/v1/billing/balance'))
    expect(volume).toEqual({
      month: new Date().toISOString().slice(0, 7),
      segments: 3,
      tier: { above_segments: 2, discount_percent: '10' },
      next_tier: { above_segments: 4, discount_percent: '50' },
    })
    const { id } = await bodyOf(await post('/v1/messages', MESSAGE))
    const { timeline } = await bodyOf(await get(`/v1/messages/${id}`, OPERATOR))
    expect(timeline[1].detail.money).toMatchObject({
      price: { amount: '0.0315' },
      loss_making: true,
      tier: { above_segments: 2, discount_percent: '10' },
    })
  })

  it('do not count what is refused', async () => {
    await open({ tiers, currency: 'EUR', creditLimitMicros: 70_000n })
    const body = await bodyOf(await post('/v1/messages', { ...MESSAGE, to }))
    expect(amounts(body)).toEqual(['0.0350', '0.0350', undefined])
    expect((await bodyOf(await get('/v1/billing/balance'))).volume.segments).toBe(2)
  })

  it('stay as they were at the acceptance when a message is replaced', async () => {
    await open({ tiers })
    const { id } = await bodyOf(await post('/v1/messages', MESSAGE))
    await post('/v1/messages', { ...MESSAGE, to })
    const changed = await app.request(`/v1/messages/${id}`, {
      method: 'PATCH',
      body: JSON.stringify({ text: 'x'.repeat(161) }),
      headers: TENANT,
    })
    expect((await bodyOf(changed)).price.amount).toBe('0.0700')
    expect((await bodyOf(await get('/v1/billing/balance'))).volume.segments).toBe(5)
    await get('/v1/billing/ledger')
    expect((await bodyOf(await get('/v1/billing/balance'))).volume.segments).toBe(5)
  })
})

describe('the ledger of a tenant', () => {
  it('shows every movement page by page, newest first, and those of one message', async () => {
    await open()
    await pay({ note: 'by bank' })
    const { id } = await bodyOf(await post('/v1/messages', MESSAGE))
    const first = await bodyOf(await get('/v1/billing/ledger?limit=1'))
    expect(first.lines).toMatchObject([
      {
        kind: 'reserve',
        message_id: id,
        entries: [
          { account: 'balance', amount: '-0.0350' },
          { account: 'reserved', amount: '0.0350' },
        ],
      },
    ])
    expect(first.lines[0]).not.toHaveProperty('cost')
    const second = await bodyOf(await get(`/v1/billing/ledger?cursor=${first.next_cursor}`))
    expect(second).toMatchObject({
      lines: [{ kind: 'top_up', reference: 'r1', note: 'by bank', message_id: null }],
      next_cursor: null,
    })
    const ofOne = await bodyOf(await get(`/v1/billing/ledger?message_id=${id}`))
    expect(ofOne.lines).toHaveLength(1)
  })

  it('is for its tenant and for operators', async () => {
    await open()
    await pay()
    expect((await get('/v1/billing/ledger?tenant=demo', OPERATOR)).status).toBe(200)
    expect((await get('/v1/billing/balance?tenant=nobody', OPERATOR)).status).toBe(404)
    expect((await get('/v1/billing/balance', OPERATOR)).status).toBe(422)
    expect((await get('/v1/billing/balance?tenant=other')).status).toBe(403)
    const wrong = { ...TENANT, authorization: 'Bearer wrong' }
    expect((await get('/v1/billing/balance', wrong)).status).toBe(401)
    expect((await post('/v1/billing/payments', PAYMENT)).status).toBe(403)
  })
})

describe('a payment', () => {
  it.each([
    ['of nothing', { amount: '0' }, 422, '/amount'],
    ['below zero that is a top-up', { amount: '-1' }, 422, '/amount'],
    ['in a currency that there is not', { currency: 'EEE' }, 422, '/currency'],
    ['with too many decimals', { amount: '0.1234567' }, 422, '/amount'],
    ['without a reference', { reference: '' }, 422, '/reference'],
    ['with a reference of two lines', { reference: 'a\nb' }, 422, '/reference'],
    ['with a note that no database keeps', { note: 'a\u0000b' }, 422, '/note'],
    ['with half a character', { reference: 'a\ud800' }, 422, '/reference'],
    ['for nobody', { tenant: 'nobody' }, 404, '/tenant'],
  ])('%s is refused', async (_, more, status, pointer) => {
    await open()
    const answer = await pay(more)
    expect(answer.status).toBe(status)
    expect((await problemIn(answer)).errors?.[0]).toMatchObject({ pointer })
  })

  it('with the reference of another one is refused', async () => {
    await open()
    await pay()
    expect((await pay({ amount: '0.2' })).status).toBe(409)
  })

  it('may correct a balance downwards', async () => {
    await open()
    await pay()
    expect((await pay({ kind: 'adjustment', amount: '-0.04', reference: 'r2' })).status).toBe(201)
    expect(await balance()).toMatchObject([{ balance: '0.0600' }])
  })
})
