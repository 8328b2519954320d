import { afterAll, afterEach, beforeAll, beforeEach, describe, expect, it, vi } from 'vitest'
import { atOnce } from '../../src/core/turns.ts'
import type { MessageRequest } from '../../src/messages/message-request.ts'
import { Quotes } from '../../src/messages/quotes.ts'
import { readDeckCsv } from '../../src/routing/deck-csv.ts'
import { RateTable } from '../../src/routing/rate-table.ts'
import type { Store } from '../../src/store/open.ts'
import { openTestPglite, truncate } from '../support/database.ts'
import { eventRows, messageRow, TENANT } from './builders.ts'
import { FakeCarrier } from './fake-carrier.ts'
import { Harness, request } from './harness.ts'

let store: Store
let alpha: FakeCarrier
let harness: Harness

beforeAll(async () => {
  store = await openTestPglite()
})
beforeEach(async () => {
  alpha = new FakeCarrier('alpha')
  harness = await Harness.open(store, [alpha])
})
afterEach(async () => {
  await harness.close()
  await truncate(store)
})
afterAll(() => store.close())

describe('quote', () => {
  it('gives number, sender, encoding, segments, carrier and price', () => {
    expect(
      harness.intake.quotes.quote(
        TENANT,
        request({ to: '0044 7700-900123', text: 'x'.repeat(161) }),
      ),
    ).toMatchObject({
      number: { e164: '+447700900123', country: 'GB' },
      from: 'ACME',
      encoding: 'gsm7',
      segments: 2,
      best: { carrier: 'alpha', priceMicros: 20_000n, currency: 'EUR' },
    })
  })

  it.each([
    ['+44 7700 900001', '+447700900001'],
    ['00447700900001', '+447700900001'],
    ['07700 900001', '07700900001'],
    ['12345', '12345'],
    [' ACME ', 'ACME'],
  ])('shows the sender %s as %s', (from, shown) => {
    expect(harness.intake.quotes.quote(TENANT, request({ from })).from).toBe(shown)
  })

  it('lays the text out once at a carrier, and looks once for the rate of the tenant', async () => {
    const layOut = vi.spyOn(alpha, 'layOut')
    const { deck } = readDeckCsv('prefix,price,currency\n44,0.03,EUR')
    const table = atOnce(RateTable.build(deck))
    const rateFor = vi.spyOn(table, 'rateFor')
    const termsFor = () => ({ tariff: { version: 1, deck: table }, lossMaking: 'allow' as const })
    const { routes, clock } = harness
    const quotes = new Quotes({ routes, termsFor, checkCallbackUrl: () => {}, clock })
    expect(quotes.decide(TENANT, request(), clock())).toMatchObject({
      encoding: 'gsm7',
      price: { micros: 30_000n, deckVersion: 1 },
      cost: { micros: 10_000n },
    })
    expect([layOut.mock.calls.length, rateFor.mock.calls.length]).toEqual([1, 1])
  })

  it('leaves it to the carrier whether it can carry a text', () => {
    const curly = request({ text: '“quoted”', encoding: 'gsm7', maxSegments: 1 })
    expect(() => harness.intake.quotes.quote(TENANT, curly)).toThrow(/“/)
    alpha.layOut = () => ({ encoding: 'gsm7', segments: 1 })
    expect(harness.intake.quotes.quote(TENANT, curly)).toMatchObject({
      encoding: 'gsm7',
      segments: 1,
    })
  })

  it.each<[string, string, Partial<MessageRequest>]>([
    ['to_invalid', '/to', { to: '' }],
    ['to_invalid', '/to', { to: 'abc' }],
    ['to_invalid', '/to', { to: '+123' }],
    ['from_invalid', '/from', { from: '' }],
    ['from_invalid', '/from', { from: 'TwelveLetter' }],
    ['from_invalid', '/from', { from: '你好' }],
    ['text_empty', '/text', { text: '' }],
    ['text_invalid', '/text', { text: 'a\0b' }],
    ['text_not_encodable', '/text', { text: 'a你', encoding: 'gsm7' }],
    ['text_too_long', '/text', { text: 'a'.repeat(161), maxSegments: 1 }],
    ['text_too_long', '/text', { text: 'a'.repeat(153 * 255 + 1) }],
  ])('refuses with %s at %s', (code, pointer, more) => {
    expect(() => harness.intake.quotes.quote(TENANT, request(more))).toThrow(
      expect.objectContaining({ name: 'GatewayError', code, pointer, retryable: false }),
    )
  })

  it('never shows the text in an error', () => {
    const text = `secret code 4711 ${'a'.repeat(200)}`
    expect(() => harness.intake.quotes.quote(TENANT, request({ text, maxSegments: 1 }))).toThrow(
      expect.objectContaining({ message: expect.not.stringContaining('4711') }),
    )
  })

  it('says why no carrier takes it', () => {
    alpha.layOut = () => ({ encoding: 'gsm7', segments: 0 })
    expect(() => harness.intake.quotes.quote(TENANT, request())).toThrow(
      expect.objectContaining({
        code: 'no_route',
        pointer: '/to',
        message: expect.stringMatching(/GB \(\+44\)\. alpha: /),
      }),
    )
    const empty = new Harness(harness.journal, [])
    expect(() => empty.intake.quotes.quote(TENANT, request())).toThrow('No carrier is configured')
  })

  it('asks nothing of octets that pass through', () => {
    alpha.layOut = () => ({ encoding: 'binary', segments: 1 })
    const raw = { octets: Buffer.from([0, 1]), esmClass: 0x40, dataCoding: 4 }
    expect(harness.intake.quotes.quote(TENANT, request({ text: '', raw }))).toMatchObject({
      encoding: 'binary',
      segments: 1,
    })
  })
})

describe('accept', () => {
  it('has stored the message and its first lines when it resolves', async () => {
    alpha.windowSize = 0
    harness.now = new Date('2026-01-02T03:04:05.678Z')
    const message = await harness.intake.accept(
      TENANT,
      request({ clientReference: 'ref', trafficClass: 'otp', text: 'Grüße' }),
    )
    await harness.journal.settled()
    expect(await messageRow(store, message)).toMatchObject({
      tenant_id: TENANT,
      source: 'rest',
      to_number: '+447700900123',
      body: 'Grüße',
      status: 'queued',
      carrier: 'alpha',
      traffic_class: 'otp',
      client_reference: 'ref',
      price_currency: 'EUR',
    })
    const [first, second, ...others] = await eventRows(store, message)
    expect(first).toMatchObject({
      type: 'accepted',
      status: 'accepted',
      detail: { source: 'rest', encoding: 'gsm7', segments: 1 },
    })
    expect(second).toMatchObject({ type: 'routed', status: 'queued', carrier: 'alpha' })
    expect(others).toEqual([])
    expect(harness.dispatcher.heldCount).toBe(1)
  })

  it('takes one message while it is still busy with a campaign', async () => {
    const order: string[] = []
    const campaign = Array.from({ length: 2_000 }, () => request({ trafficClass: 'marketing' }))
    const all = harness.intake.acceptAll(TENANT, campaign).then(() => order.push('campaign'))
    await new Promise((resolve) => setImmediate(resolve))
    const one = harness.intake
      .accept(TENANT, request({ trafficClass: 'otp' }))
      .then(() => order.push('code'))
    await Promise.all([all, one])
    expect(order).toEqual(['code', 'campaign'])
  })

  it('lets calls with many messages wait while the tables are behind, but not for ever', async () => {
    const order: string[] = []
    const campaign = [request(), request()]
    harness.isCrowded = true
    const waiting = harness.intake.acceptAll(TENANT, campaign).then(() => order.push('campaign'))
    await harness.intake.accept(TENANT, request()).then(() => order.push('one'))
    harness.isCrowded = false
    await waiting
    expect(order).toEqual(['one', 'campaign'])
    harness.isCrowded = true
    expect(await harness.intake.acceptAll(TENANT, campaign)).toMatchObject([
      { message: { status: 'queued' } },
      { message: { status: 'queued' } },
    ])
  })

  it('stores nothing of what it refuses', async () => {
    await expect(harness.intake.accept(TENANT, request({ to: 'x' }))).rejects.toMatchObject({
      code: 'to_invalid',
    })
    expect(harness.spool.pending).toBe(0)
    expect(harness.dispatcher.heldCount).toBe(0)
  })

  it('gives ids that sort by the order of acceptance', async () => {
    const accepting = Array.from({ length: 50 }, () => harness.intake.accept(TENANT, request()))
    const ids = (await Promise.all(accepting)).map(({ id }) => id)
    expect(ids.toSorted()).toEqual(ids)
  })

  it('refuses everything once closed', async () => {
    harness.intake.close()
    await expect(harness.intake.accept(TENANT, request())).rejects.toMatchObject({
      code: 'closed',
      retryable: true,
    })
  })
})
