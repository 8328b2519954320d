import fc from 'fast-check'
import { afterAll, afterEach, beforeAll, describe, expect, it } from 'vitest'
import type { ReceiptEntry } from '../../src/messages/journal.ts'
import { receiptEntry } from '../../src/messages/receipts.ts'
import { isFinal, type MessageStatus } from '../../src/messages/states.ts'
import type { Store } from '../../src/store/open.ts'
import { testDatabases, truncate } from '../support/database.ts'
import {
  accepted,
  attemptRows,
  eventRows,
  ids,
  messageRow,
  moved,
  outboxRows,
  partnerMessage,
  receipt,
  receiptRows,
  sent,
  submitting,
  testMessage,
  write,
} from './builders.ts'

describe.each(testDatabases())('the journal on $name', ({ open }) => {
  let store: Store

  beforeAll(async () => {
    store = await open()
  })
  afterEach(() => truncate(store))
  afterAll(() => store.close())

  describe('a message on its way', () => {
    it('is followed from acceptance to delivery', async () => {
      const message = testMessage()
      await write(store, accepted(message))
      expect(await messageRow(store, message)).toMatchObject({ status: 'queued', attempt: 0 })

      await write(store, submitting(message))
      expect(await messageRow(store, message)).toMatchObject({ status: 'sending', attempt: 1 })
      expect(await attemptRows(store, message)).toMatchObject([
        { attempt: 1, segment: 1, carrier: 'alpha', state: 'sending', carrier_message_id: null },
      ])

      await write(store, moved(message, 'sent', { answers: ids('ID1') }))
      expect(await messageRow(store, message)).toMatchObject({ status: 'sent', final_at: null })
      expect(await attemptRows(store, message)).toMatchObject([
        { state: 'sent', carrier_message_id: 'ID1', match_key: 'id1' },
      ])

      const effects = await write(store, receipt('ID1', 'DELIVERED'))
      expect(effects).toMatchObject({
        transitions: [{ messageId: message.id, carrier: 'alpha', status: 'delivered' }],
        outbox: [],
        unmatchedReceipts: 0,
      })
      const row = await messageRow(store, message)
      expect(row).toMatchObject({ status: 'delivered', error_code: null, error_detail: null })
      expect(row.final_at).not.toBeNull()
      expect(await attemptRows(store, message)).toMatchObject([{ state: 'delivered' }])
      expect((await eventRows(store, message)).map(({ type, status }) => [type, status])).toEqual([
        ['accepted', 'accepted'],
        ['submitted', 'sending'],
        ['response', 'sent'],
        ['receipt', 'delivered'],
      ])
    })

    it('keeps every field of what was accepted, whatever its characters', async () => {
      const message = partnerMessage({
        from: 'Ω"\\',
        text: 'NULL,{"}\\ 👩‍👩‍👧‍👦\n',
        clientReference: 'ref"1',
        maxSegments: 3,
        priceMicros: 9_007_199_254_740_993n,
        raw: { octets: Buffer.from([0, 1, 0x5c, 0xff]), esmClass: 0x40, dataCoding: 0xf5 },
      })
      await write(store, accepted(message))
      const row = await messageRow(store, message)
      expect(row).toMatchObject({
        from_sender: 'Ω"\\',
        body: message.text,
        client_reference: 'ref"1',
        max_segments: 3,
        esm_class: 0x40,
        data_coding: 0xf5,
        partner: 'acme',
        registered_delivery: 1,
      })
      expect(BigInt(row.price_micros)).toBe(message.priceMicros)
      expect(Buffer.from(row.octets ?? [])).toEqual(message.raw?.octets)
    })

    it.each([
      ['UNDELIVERABLE', 'undelivered', '001', 'alpha reported UNDELIVERABLE, error 001'],
      ['REJECTED', 'undelivered', null, 'alpha reported REJECTED'],
      ['EXPIRED', 'expired', '21', 'alpha reported EXPIRED, error 21'],
    ])('ends after %s as %s', async (state, status, rawError, detail) => {
      const message = testMessage()
      await sent(store, message, 'x')
      await write(store, receipt('x', state, { rawError }))
      expect(await messageRow(store, message)).toMatchObject({
        status,
        error_code: state.toLowerCase(),
        error_detail: detail,
      })
    })

    it('stands where it stood after an intermediate receipt', async () => {
      const message = testMessage()
      await sent(store, message, 'x')
      const effects = await write(store, receipt('x', 'ENROUTE'))
      expect(effects.transitions).toEqual([])
      expect(await messageRow(store, message)).toMatchObject({ status: 'sent', final_at: null })
      expect((await eventRows(store, message)).at(-1)).toMatchObject({
        type: 'receipt',
        status: 'sent',
        code: 'enroute',
      })
    })

    it('is not undone by an ENROUTE or another end after DELIVRD', async () => {
      const message = testMessage()
      await sent(store, message, 'x')
      await write(store, receipt('x', 'DELIVERED'))
      const before = await messageRow(store, message)
      for (const state of ['ENROUTE', 'UNDELIVERABLE', 'EXPIRED', 'DELIVERED']) {
        expect((await write(store, receipt('x', state))).transitions).toEqual([])
      }
      expect(await messageRow(store, message)).toEqual(before)
      expect(await attemptRows(store, message)).toMatchObject([{ state: 'delivered' }])
      expect((await eventRows(store, message)).at(-1)).toMatchObject({
        status: 'delivered',
        detail: { after_final: true },
      })
    })

    it('goes through many at once with one statement each', async () => {
      const messages = Array.from({ length: 300 }, () => testMessage())
      await write(store, ...messages.map(accepted))
      await write(store, ...messages.map((message) => submitting(message)))
      await write(
        store,
        ...messages.map((message) => moved(message, 'sent', { answers: ids(message.id) })),
      )
      const { transitions } = await write(
        store,
        ...messages.map(({ id }, n) => receipt(id, n % 2 ? 'DELIVERED' : 'EXPIRED')),
      )
      expect(transitions).toHaveLength(300)
      for (const [n, message] of messages.entries()) {
        if (n % 50 > 1) continue
        const status = n % 2 ? 'delivered' : 'expired'
        expect(await messageRow(store, message)).toMatchObject({ status })
      }
    })
  })

  describe('a receipt', () => {
    it('may come before its response', async () => {
      const message = partnerMessage()
      await write(store, accepted(message))
      await write(store, submitting(message))
      expect((await write(store, receipt('early', 'DELIVERED'))).unmatchedReceipts).toBe(1)
      expect(await receiptRows(store)).toMatchObject([{ message_id: null }])

      const effects = await write(store, moved(message, 'sent', { answers: ids('early') }))
      expect(effects.transitions).toMatchObject([{ status: 'delivered' }])
      expect(effects.outbox).toHaveLength(1)
      expect(await messageRow(store, message)).toMatchObject({ status: 'delivered' })
      expect(await receiptRows(store)).toMatchObject([
        { message_id: message.id, attempt: 1, segment: 1 },
      ])
      expect((await eventRows(store, message)).at(-1)).toMatchObject({
        type: 'receipt',
        status: 'delivered',
        detail: { came_before_response: true },
      })
    })

    it('may come in the same batch as its response', async () => {
      const message = partnerMessage()
      await write(store, accepted(message))
      await write(store, submitting(message))
      await write(
        store,
        receipt('same', 'DELIVERED'),
        moved(message, 'sent', { answers: ids('same') }),
      )
      expect(await messageRow(store, message)).toMatchObject({ status: 'delivered' })
      expect(await outboxRows(store)).toHaveLength(1)
    })

    it('may come twice, in one batch or in two', async () => {
      const message = partnerMessage()
      await sent(store, message, 'x')
      await write(store, receipt('x', 'DELIVERED'), receipt('x', 'DELIVERED'))
      await write(store, receipt('x', 'DELIVERED'))
      expect(await outboxRows(store)).toHaveLength(1)
      expect(await receiptRows(store)).toHaveLength(3)
      expect((await receiptRows(store)).every((row) => row.message_id === message.id)).toBe(true)
    })

    it('with an unknown id is kept and changes nothing', async () => {
      const message = testMessage()
      await sent(store, message, 'x')
      const effects = await write(
        store,
        receipt('y', 'DELIVERED'),
        receipt('x', 'DELIVERED', { carrier: 'beta' }),
        receipt('', 'DELIVERED', { matchKeys: [] }),
      )
      expect(effects).toMatchObject({ unmatchedReceipts: 3, transitions: [] })
      expect(await messageRow(store, message)).toMatchObject({ status: 'sent' })
      expect(await receiptRows(store)).toMatchObject([
        { message_id: null, carrier_message_id: 'y', match_keys: ['y'] },
        { message_id: null },
        { message_id: null, match_keys: [] },
      ])
    })

    it('is found under any of its keys, the most likely first', async () => {
      const hex = testMessage()
      const literal = testMessage()
      await sent(store, hex, 'ff')
      await write(store, receipt('255', 'DELIVERED', { matchKeys: ['255', 'ff'] }))
      expect(await messageRow(store, hex)).toMatchObject({ status: 'delivered' })

      const other = testMessage()
      await sent(store, other, '10')
      await sent(store, literal, '16')
      await write(store, receipt('16', 'DELIVERED', { matchKeys: ['16', '10'] }))
      expect(await messageRow(store, literal)).toMatchObject({ status: 'delivered' })
      expect(await messageRow(store, other)).toMatchObject({ status: 'sent' })
    })

    it('belongs to the newest submit when the carrier uses an id again', async () => {
      const older = testMessage()
      const newer = testMessage()
      const hourAgo = new Date(Date.now() - 3_600_000)
      await write(store, accepted(older), accepted(newer))
      await write(store, submitting(newer), submitting(older, { at: hourAgo }))
      await write(
        store,
        moved(newer, 'sent', { answers: ids('7') }),
        moved(older, 'sent', { answers: ids('7') }),
      )
      await write(store, receipt('7', 'DELIVERED'))
      expect(await messageRow(store, newer)).toMatchObject({ status: 'delivered' })
      expect(await messageRow(store, older)).toMatchObject({ status: 'sent' })
    })

    it('is kept with an id cut to what an index takes, and with its raw words', async () => {
      const entry = receiptEntry(
        {
          carrier: 'alpha',
          carrierMessageId: 'x'.repeat(1_000),
          matchKeys: ['"odd",{key}', 'x\\y'],
          state: 'UNKNOWN',
          settles: null,
          rawError: '0"1',
          rawText: 'ST\0AT',
        },
        new Date(),
      )
      await write(store, entry)
      expect(await receiptRows(store)).toMatchObject([
        {
          id: entry.id,
          carrier_message_id: 'x'.repeat(255),
          match_keys: ['"odd",{key}', 'x\\y'],
          raw_error: '0"1',
          raw_text: 'ST\uFFFDAT',
        },
      ])
    })
  })

  describe('a message of three segments', () => {
    const three = () => partnerMessage({ segments: 3 })

    it('stays open when only one part is delivered', async () => {
      const message = three()
      await sent(store, message, 'a', 'b', 'c')
      await write(store, receipt('b', 'DELIVERED'))
      expect(await messageRow(store, message)).toMatchObject({ status: 'sent', final_at: null })
      expect((await attemptRows(store, message)).map(({ state }) => state)).toEqual([
        'sent',
        'delivered',
        'sent',
      ])
      expect(await outboxRows(store)).toEqual([])
    })

    it.each(['abc', 'acb', 'bac', 'bca', 'cab', 'cba'])(
      'is delivered with the last part, in the order %s',
      async (order) => {
        const message = three()
        await sent(store, message, 'a', 'b', 'c')
        const [first = '', second = '', last = ''] = order
        await write(store, receipt(first, 'DELIVERED'))
        await write(store, receipt(second, 'DELIVERED'))
        expect(await messageRow(store, message)).toMatchObject({ status: 'sent' })
        await write(store, receipt(last, 'DELIVERED'))
        expect(await messageRow(store, message)).toMatchObject({ status: 'delivered' })
        expect(await outboxRows(store)).toHaveLength(1)
      },
    )

    it('is delivered by one batch with all parts', async () => {
      const message = three()
      await sent(store, message, 'a', 'b', 'c')
      await write(store, ...['c', 'a', 'b'].map((id) => receipt(id, 'DELIVERED')))
      expect(await messageRow(store, message)).toMatchObject({ status: 'delivered' })
      expect(await outboxRows(store)).toHaveLength(1)
    })

    it('is lost with the first part that is', async () => {
      const message = three()
      await sent(store, message, 'a', 'b', 'c')
      await write(store, receipt('a', 'DELIVERED'))
      await write(store, receipt('b', 'UNDELIVERABLE', { rawError: '5' }))
      await write(store, receipt('c', 'DELIVERED'))
      expect(await messageRow(store, message)).toMatchObject({
        status: 'undelivered',
        error_code: 'undeliverable',
      })
      expect(await outboxRows(store)).toMatchObject([
        { payload: { status: 'undelivered', rawError: '5' } },
      ])
    })
  })

  describe('a message that was sent again elsewhere', () => {
    async function failedOver() {
      const message = partnerMessage()
      await write(store, accepted(message))
      await write(store, submitting(message))
      await write(store, moved(message, 'queued', { answers: ids('first'), carrier: 'beta' }))
      await write(store, submitting(message, { carrier: 'beta', attempt: 2 }))
      await write(
        store,
        moved(message, 'sent', { carrier: 'beta', attempt: 2, answers: ids('second') }),
      )
      return message
    }

    it('keeps a row for each attempt', async () => {
      const message = await failedOver()
      expect(await attemptRows(store, message)).toMatchObject([
        { attempt: 1, carrier: 'alpha', carrier_message_id: 'first' },
        { attempt: 2, carrier: 'beta', carrier_message_id: 'second' },
      ])
    })

    it('is delivered when the earlier attempt turns out delivered', async () => {
      const message = await failedOver()
      const { transitions } = await write(store, receipt('first', 'DELIVERED'))
      expect(transitions).toMatchObject([{ carrier: 'alpha', status: 'delivered' }])
      expect(await messageRow(store, message)).toMatchObject({ status: 'delivered' })
    })

    it('is not lost when the earlier attempt fails', async () => {
      const message = await failedOver()
      await write(store, receipt('first', 'UNDELIVERABLE'))
      expect(await messageRow(store, message)).toMatchObject({ status: 'sent' })
      await write(store, receipt('second', 'DELIVERED', { carrier: 'beta' }))
      expect(await messageRow(store, message)).toMatchObject({ status: 'delivered' })
      expect(await outboxRows(store)).toMatchObject([{ payload: { status: 'delivered' } }])
    })

    it('ends once when both attempts report in one batch', async () => {
      const message = await failedOver()
      await write(
        store,
        receipt('first', 'DELIVERED'),
        receipt('second', 'UNDELIVERABLE', { carrier: 'beta' }),
      )
      expect(await messageRow(store, message)).toMatchObject({ status: 'delivered' })
      expect(await outboxRows(store)).toHaveLength(1)
    })
  })

  describe('what a partner is owed', () => {
    it.each<[number, string, boolean]>([
      [0, 'DELIVERED', false],
      [0, 'UNDELIVERABLE', false],
      [1, 'DELIVERED', true],
      [1, 'EXPIRED', true],
      [2, 'DELIVERED', false],
      [2, 'UNDELIVERABLE', true],
      [3, 'DELIVERED', true],
      [3, 'UNDELIVERABLE', false],
      [0x10, 'DELIVERED', false],
      [0x11, 'DELIVERED', true],
      [0x1d, 'EXPIRED', true],
    ])('registered_delivery %i and %s: %s', async (registeredDelivery, state, isOwed) => {
      const message = partnerMessage({ registeredDelivery, from: 'ACME', to: '+447700900123' })
      await sent(store, message, 'x')
      const effects = await write(store, receipt('x', state))
      const rows = await outboxRows(store)
      expect(rows).toHaveLength(isOwed ? 1 : 0)
      expect(effects.outbox).toHaveLength(rows.length)
      for (const row of rows) {
        expect(row).toMatchObject({
          partner: 'acme',
          message_id: message.id,
          payload: {
            messageId: message.id,
            from: 'ACME',
            to: '+447700900123',
            submittedAt: message.createdAt.toISOString(),
          },
        })
      }
    })

    it('is a receipt when the message ends without a carrier', async () => {
      const message = partnerMessage()
      await write(store, accepted(message))
      await write(store, moved(message, 'failed', { errorCode: 'no_route', attempt: 0 }))
      expect(await outboxRows(store)).toMatchObject([
        { payload: { status: 'failed', errorCode: 'no_route' } },
      ])
    })

    it('is nothing when a tenant sent it over HTTP', async () => {
      const message = testMessage({ registeredDelivery: 1 })
      await write(store, accepted(message))
      await write(store, moved(message, 'failed', { attempt: 0 }))
      expect(await outboxRows(store)).toEqual([])
    })

    it('is one receipt when a deadline passes just after the receipt came', async () => {
      const message = partnerMessage()
      await sent(store, message, 'x')
      await write(store, receipt('x', 'DELIVERED'))
      const effects = await write(store, moved(message, 'unconfirmed'))
      expect(effects.outbox).toEqual([])
      expect(await outboxRows(store)).toMatchObject([{ payload: { status: 'delivered' } }])
      expect((await eventRows(store, message)).at(-1)).toMatchObject({ status: 'delivered' })
    })

    it('is one receipt when the receipt comes just after the deadline', async () => {
      const message = partnerMessage()
      await sent(store, message, 'x')
      await write(store, moved(message, 'unconfirmed'), receipt('x', 'DELIVERED'))
      expect(await messageRow(store, message)).toMatchObject({ status: 'unconfirmed' })
      expect(await outboxRows(store)).toMatchObject([{ payload: { status: 'unconfirmed' } }])
    })
  })

  it('changes no row and owes nothing twice when a batch is written again', async () => {
    const message = partnerMessage()
    const lost = partnerMessage()
    const batches = [
      [accepted(message), accepted(lost)],
      [submitting(message), submitting(lost)],
      [moved(message, 'sent', { answers: ids('x') }), moved(lost, 'failed')],
      [receipt('x', 'DELIVERED')],
    ]
    for (const batch of batches) {
      await write(store, ...batch)
      const rows = [await messageRow(store, message), await messageRow(store, lost)]
      const attempts = await attemptRows(store, message)
      await write(store, ...batch)
      expect([await messageRow(store, message), await messageRow(store, lost)]).toEqual(rows)
      expect(await attemptRows(store, message)).toEqual(attempts)
    }
    expect(await receiptRows(store)).toHaveLength(1)
    expect(await outboxRows(store)).toHaveLength(2)
  })

  it('never leaves a final state, whatever is written', async () => {
    const ends: readonly MessageStatus[] = [
      'delivered',
      'undelivered',
      'failed',
      'expired',
      'canceled',
      'unconfirmed',
    ]
    for (const end of ends) {
      const message = partnerMessage()
      await sent(store, message, `id-${end}`)
      await write(store, moved(message, end))
      const row = await messageRow(store, message)
      expect(row.status).toBe(end)
      await write(store, submitting(message, { attempt: 2 }))
      for (const to of [...ends, 'queued', 'sending', 'sent'] as const) {
        await write(store, moved(message, to))
      }
      await write(store, receipt(`id-${end}`, 'DELIVERED'), receipt(`id-${end}`, 'EXPIRED'))
      expect(await messageRow(store, message)).toEqual(row)
    }
    expect(await outboxRows(store)).toHaveLength(ends.length)
  })

  it('gives the same end whatever the order and number of the same receipts', async () => {
    // One settling receipt for each segment; the intermediate ones may come at any time.
    const settling = fc.constantFrom('DELIVERED', 'DELIVERED', 'UNDELIVERABLE')
    const scenario = fc.array(settling, { minLength: 1, maxLength: 3 }).chain((states) => {
      const all = states.flatMap((state, segment) => [
        { segment, state },
        { segment, state },
        { segment, state: 'ENROUTE' },
      ])
      const size = all.length
      return fc.record({
        states: fc.constant(states),
        order: fc.shuffledSubarray(all, { minLength: size, maxLength: size }),
        batchSize: fc.integer({ min: 1, max: size }),
        // Where among the batches the response is written.
        responseAt: fc.nat({ max: size }),
      })
    })
    await fc.assert(
      fc.asyncProperty(scenario, async ({ states, order, batchSize, responseAt }) => {
        const message = partnerMessage({ segments: states.length })
        const names = states.map((_, segment) => `${message.id}-${segment}`)
        const entries: ReceiptEntry[] = order.map(({ segment, state }) =>
          receipt(names[segment] ?? '', state),
        )
        await write(store, accepted(message))
        await write(store, submitting(message))
        const response = moved(message, 'sent', { answers: ids(...names) })
        let isAnswered = false
        for (let start = 0; start < entries.length; start += batchSize) {
          if (!isAnswered && start >= responseAt) {
            await write(store, response)
            isAnswered = true
          }
          await write(store, ...entries.slice(start, start + batchSize))
        }
        if (!isAnswered) await write(store, response)
        const { status } = await messageRow(store, message)
        const expected = states.includes('UNDELIVERABLE') ? 'undelivered' : 'delivered'
        expect(status).toBe(expected)
        expect(isFinal(status as MessageStatus)).toBe(true)
        const owed = (await outboxRows(store)).filter((row) => row.message_id === message.id)
        expect(owed).toMatchObject([{ payload: { status: expected } }])
        await truncate(store)
      }),
      { numRuns: 12 },
    )
  })
})
