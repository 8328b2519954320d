import { afterAll, afterEach, beforeAll, beforeEach, describe, expect, it, test } from 'vitest'
import type { Store } from '../../src/store/open.ts'
import { openTestPglite } from '../support/database.ts'
import { openTestApp, problemIn, type TestApp } from './test-app.ts'

const OPERATOR = { authorization: 'Bearer admin-key' }
const CSV = { ...OPERATOR, 'content-type': 'text/csv' }
const ALPHA = '/v1/rate-decks/carrier/alpha'
const DEMO = '/v1/rate-decks/tenant/demo'

const csv = (...rows: readonly string[]) => ['prefix,price,currency', ...rows].join('\n')

let store: Store
let app: TestApp

beforeAll(async () => {
  store = await openTestPglite()
})
beforeEach(async () => {
  app = await openTestApp({ store })
})
afterEach(() => app.close())
afterAll(() => store.close())

// biome-ignore lint/suspicious/noExplicitAny: tests assert the shape they expect
const bodyOf = async (response: Response): Promise<any> => response.json()
const get = (path: string) => app.request(path, { headers: OPERATOR })
const post = (path: string, body: string | ReadableStream, headers: Record<string, string> = CSV) =>
  app.request(path, { method: 'POST', body, headers, duplex: 'half' } as RequestInit)

describe('rate decks over HTTP', () => {
  it('are listed, with every version of one, and given out as CSV', async () => {
    const done = await post(`${ALPHA}?note=from%20the%20carrier`, csv('44,0.04,EUR'))
    expect([done.status, await done.json()]).toEqual([
      201,
      { version: 1, rows: 1, ignored_columns: [] },
    ])
    const list = await bodyOf(await get('/v1/rate-decks'))
    expect(list.rate_decks).toMatchObject([
      { kind: 'carrier', owner: 'alpha', version: 1, rows: 1, note: 'from the carrier' },
      { kind: 'carrier', owner: 'beta', version: 0, imported_at: null },
    ])
    const { versions } = await bodyOf(await get(ALPHA))
    expect(versions).toMatchObject([
      { version: 1, is_current: true },
      { version: 0, is_current: false, rows: 2 },
    ])
    const file = await get(`${ALPHA}/1`)
    expect(file.headers.get('content-type')).toBe('text/csv; charset=utf-8')
    expect(file.headers.get('content-disposition')).toContain('carrier-alpha-1.csv')
    expect(await file.text()).toContain('\n44,,0.0400,EUR,\n')
  })

  it('are compared before they count', async () => {
    const response = await post(
      `${ALPHA}/preview`,
      csv('44,0.0420,EUR', '33,0.05,EUR', '86,0.0210,USD', '49,-1,EUR'),
    )
    expect(response.status).toBe(200)
    expect(await response.json()).toEqual({
      rows: 4,
      mistake_count: 1,
      mistakes: [
        {
          line: 5,
          column: 'price',
          value: '-1',
          message: 'is negative: write 0 or more, for example 0.0350',
        },
      ],
      ignored_columns: [],
      compared_with: 0,
      old_rates: 2,
      new_rates: 3,
      unchanged: 0,
      added: {
        count: 1,
        listed: [
          {
            prefix: '33',
            network: null,
            effective_from: null,
            price: { amount: '0.0500', currency: 'EUR' },
          },
        ],
      },
      removed: { count: 0, listed: [] },
      raised: {
        count: 1,
        average_percent: 20,
        listed: [
          {
            prefix: '44',
            network: null,
            effective_from: null,
            from: { amount: '0.0350', currency: 'EUR' },
            to: { amount: '0.0420', currency: 'EUR' },
            percent: 20,
          },
        ],
      },
      lowered: { count: 0, average_percent: null, listed: [] },
      currency_changed: { count: 1, listed: [expect.objectContaining({ percent: null })] },
    })
    expect((await bodyOf(await get(ALPHA))).versions).toHaveLength(1)
  })

  it('with mistakes are refused row by row, and the old one stays', async () => {
    const response = await post(ALPHA, csv('44,1,EUR', '44,2,EUR', '45,1,XYZ'))
    const body = await bodyOf(response.clone())
    expect(await problemIn(response)).toMatchObject({ status: 422, code: 'rate_deck_invalid' })
    expect(body.detail).toBe(
      'mistakes: 2, the first in line 3: prefix "44" prefix with the same effective_from stands in ' +
        'line 2: leave one of them',
    )
    expect(body).toMatchObject({ mistake_count: 2, mistakes: [{ line: 3 }, { line: 4 }] })
    expect((await bodyOf(await get(ALPHA))).versions).toHaveLength(1)
  })

  it('roll back', async () => {
    await post(ALPHA, csv('44,0.04,EUR'))
    const json = { ...OPERATOR, 'content-type': 'application/json' }
    const back = await post(`${ALPHA}/rollback`, JSON.stringify({ version: 0, note: 'oops' }), json)
    expect([back.status, await back.json()]).toEqual([201, { version: 2 }])
    expect(await (await get(`${ALPHA}/2`)).text()).toBe(await (await get(`${ALPHA}/0`)).text())
    const unknown = await post(`${ALPHA}/rollback`, '{"version":7}', json)
    expect(await problemIn(unknown)).toMatchObject({ status: 404, code: 'not_found' })
  })

  it('come in pieces, larger than other bodies may be', async () => {
    let sent = 0
    const stream = new ReadableStream<Uint8Array>({
      pull(controller) {
        if (sent === 0) controller.enqueue(Buffer.from('prefix,price,currency\n'))
        const rows = Array.from({ length: 10_000 }, (_, index) => {
          return `${10_000_000 + sent + index},0.010000,EUR`
        })
        controller.enqueue(Buffer.from(`${rows.join('\n')}\n`))
        sent += rows.length
        if (sent === 100_000) controller.close()
      },
    })
    const done = await post(ALPHA, stream)
    expect(await done.json()).toMatchObject({ version: 1, rows: 100_000 })
  })

  it('over 64 MB are refused, as told or as they come', async () => {
    const told = await post(ALPHA, csv('44,1,EUR'), { ...CSV, 'content-length': '67108865' })
    expect(await problemIn(told)).toMatchObject({ status: 413, code: 'body_too_large' })
    const piece = Buffer.alloc(1024 * 1024, '\n')
    let pieces = 0
    const endless = new ReadableStream<Uint8Array>({
      pull(controller) {
        pieces++
        controller.enqueue(piece)
      },
    })
    expect(await problemIn(await post(ALPHA, endless))).toMatchObject({ code: 'body_too_large' })
    expect(pieces).toBeLessThan(70)
  })

  test.each([
    ['GET', '/v1/rate-decks'],
    ['GET', ALPHA],
    ['GET', `${ALPHA}/0`],
    ['POST', ALPHA],
    ['POST', `${ALPHA}/preview`],
    ['POST', `${ALPHA}/rollback`],
    ['GET', '/v1/%72ate-decks'],
  ])('%s %s is for the operator, and no tenant', async (method, path) => {
    const init = { method, ...(method === 'POST' ? { body: csv('44,1,EUR') } : {}) }
    const asTenant = await app.request(path, { ...init, headers: { 'content-type': 'text/csv' } })
    expect(await problemIn(asTenant)).toMatchObject({ status: 403, code: 'forbidden' })
    const asNobody = await app.request(path, { ...init, headers: { authorization: 'Bearer x' } })
    expect(await problemIn(asNobody)).toMatchObject({ status: 401, code: 'unauthorized' })
  })

  test.each([
    ['/v1/rate-decks/carrier/gamma', 404, 'not_found'],
    ['/v1/rate-decks/partner/alpha', 422, 'validation_failed'],
    [`${ALPHA}/x`, 422, 'validation_failed'],
    [`${ALPHA}/1`, 404, 'not_found'],
  ])('%s: there is no such thing', async (path, status, code) => {
    expect(await problemIn(await get(path))).toMatchObject({ status, code })
  })

  it('must be said to be CSV', async () => {
    const json = { ...OPERATOR, 'content-type': 'application/json' }
    for (const path of [ALPHA, `${ALPHA}/preview`]) {
      expect(await problemIn(await post(path, '{}', json))).toMatchObject({
        status: 415,
        code: 'content_type_unsupported',
      })
    }
  })
})

/** Why alpha is to have it, both carriers being down. */
const REASONS = ['preferred by price and share delivered', 'no carrier can take it now: it waits']

interface Shown {
  readonly id: string
  readonly price: object
  readonly timeline: readonly { readonly type: string; readonly detail: unknown }[]
}

describe('what a tenant pays', () => {
  const TO = { to: '+447700900123', from: 'ACME', text: 'Hello' }

  async function sent(body: object = TO): Promise<Shown> {
    const accepted = await app.post(body)
    expect(accepted.status).toBe(202)
    const { id, price } = (await accepted.json()) as Shown
    await app.settled()
    const shown = (await (await app.request(`/v1/messages/${id}`)).json()) as Shown
    expect(shown.price).toEqual(price)
    return shown
  }

  it('is the rate of its deck, for each segment, at once and in a rehearsal', async () => {
    await post(DEMO, csv('44,0.0500,USD'))
    expect((await sent({ ...TO, text: 'x'.repeat(200) })).price).toEqual({
      amount: '0.1000',
      currency: 'USD',
    })
    const rehearsed = await bodyOf(await app.post({ ...TO, dry_run: true }))
    expect(rehearsed.price).toEqual({ amount: '0.0500', currency: 'USD' })
    const many = await bodyOf(await app.post({ ...TO, to: [TO.to], dry_run: true }))
    expect(many.messages[0].price).toEqual({ amount: '0.0500', currency: 'USD' })
  })

  it('is the cost where no deck says otherwise', async () => {
    await post('/v1/rate-decks/tenant/other', csv('44,0.0500,EUR'))
    await post(DEMO, csv('33,0.0500,EUR'))
    const { price, timeline } = await sent()
    expect(price).toEqual({ amount: '0.0350', currency: 'EUR' })
    const { detail } = timeline.find(({ type }) => type === 'routed') ?? {}
    expect(detail).toEqual({ route: null, reasons: REASONS })
  })

  it.each([
    ['with a deck of its own', '44,0.0500,EUR'],
    ['without one', '33,0.0500,EUR'],
  ])(
    'hides from the tenant what the carriers charge, wherever a timeline is shown, %s',
    async (_, row) => {
      await post(DEMO, csv(row))
      const { id, timeline } = await sent()
      const traced = (await (await app.request(`/v1/messages/${id}/trace`)).json()) as Shown
      await app.bury(id)
      await app.settled()
      const letter = (await (await app.request(`/v1/dead-letters/${id}`)).json()) as Shown
      for (const lines of [timeline, traced.timeline, letter.timeline]) {
        const routed = lines.filter(({ type }) => type === 'routed')
        expect(routed.map(({ detail }) => detail)).toEqual([{ route: null, reasons: REASONS }])
        expect(JSON.stringify(lines)).not.toMatch(/cost|margin|beta|0\.0\d/)
      }
    },
  )

  it('is shown with the cost to whoever runs the gateway and sends by it', async () => {
    await post('/v1/rate-decks/tenant/own', csv('44,0.0500,EUR'))
    const own = { authorization: 'Bearer own-key' }
    const { id } = await bodyOf(await app.post(TO, own))
    await app.settled()
    const { timeline } = await bodyOf(await app.request(`/v1/messages/${id}`, { headers: own }))
    expect(
      (timeline as Shown['timeline']).find(({ type }) => type === 'routed')?.detail,
    ).toMatchObject({
      candidates: [{ carrier: 'alpha', reasons: expect.any(Array) }, {}],
      money: {
        cost: { amount: '0.0350', currency: 'EUR' },
        margin: { amount: '0.0150', currency: 'EUR', percent: 30 },
        loss_making: false,
      },
    })
  })

  it('changes with the next deck, and with what is written in the message anew', async () => {
    await post(DEMO, csv('44,0.0500,EUR'))
    const { id } = await sent()
    await post(DEMO, csv('44,0.0600,EUR'))
    const changed = await app.request(`/v1/messages/${id}`, {
      method: 'PATCH',
      headers: { 'content-type': 'application/json' },
      body: JSON.stringify({ text: 'Hello again' }),
    })
    expect(await changed.json()).toMatchObject({ price: { amount: '0.0600', currency: 'EUR' } })
  })
})

describe('a tenant that must not be served at a loss', () => {
  it('gets the carriers that leave something, and an answer without figures where none does', async () => {
    await app.close()
    app = await openTestApp({ store, lossMaking: 'refuse' })
    await post(DEMO, csv('44,0.0350,EUR', '86,0.0200,EUR'))
    const message = { from: 'ACME', text: 'Hello' }
    const taken = await app.post({ ...message, to: '+447700900123' })
    expect(taken.status).toBe(202)
    const refused = await app.post({ ...message, to: '+8613800138000' })
    const problem = await problemIn(refused)
    expect(problem).toMatchObject({ status: 422, code: 'no_route' })
    expect(problem.detail).toContain('alpha: not open to this tenant')
    expect(problem.detail).not.toMatch(/0\.0\d/)
  })
})
