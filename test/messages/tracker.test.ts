import fc from 'fast-check'
import { afterAll, afterEach, beforeAll, beforeEach, describe, expect, it } from 'vitest'
import type { ReceiptEntry } from '../../src/messages/journal.ts'
import { decodeEntries, encodeEntries } from '../../src/messages/journal-codec.ts'
import { receiptEntry } from '../../src/messages/receipt-matcher.ts'
import { isFinal, type MessageStatus } from '../../src/messages/states.ts'
import type { Store } from '../../src/store/open.ts'
import { testDatabases, truncate } from '../support/database.ts'
import {
  accepted,
  attemptRows,
  eventRows,
  ids,
  Journal,
  messageRow,
  moved,
  outboxRows,
  partnerMessage,
  receipt,
  receiptRows,
  submitting,
  testMessage,
} from './builders.ts'

describe.each(testDatabases())('the journal on $name', ({ open }) => {
  let store: Store
  let journal: Journal

  beforeAll(async () => {
    store = await open()
  })
  beforeEach(async () => {
    journal = await Journal.open(store)
  })
  afterEach(async () => {
    await journal.close()
    await truncate(store)
  })
  afterAll(() => store.close())

  describe('a message on its way', () => {
    it('is followed from acceptance to delivery', async () => {
      const message = testMessage()
      await journal.write(accepted(message))
      expect(await messageRow(store, message)).toMatchObject({ status: 'queued', attempt: 0 })

      await journal.write(submitting(message))
      expect(await messageRow(store, message)).toMatchObject({ status: 'sending', attempt: 1 })
      expect(await attemptRows(store, message)).toMatchObject([
        { attempt: 1, segment: 1, carrier: 'alpha', state: 'sending', carrier_message_id: null },
      ])

      await journal.write(moved(message, 'sent', { answers: ids('ID1') }))
      expect(await messageRow(store, message)).toMatchObject({ status: 'sent', final_at: null })
      expect(await attemptRows(store, message)).toMatchObject([
        { state: 'sent', carrier_message_id: 'ID1', match_key: 'id1' },
      ])

      const effects = await journal.write(receipt('ID1', 'DELIVERED'))
      expect(effects).toMatchObject({
        endings: [{ message: { id: message.id }, carrier: 'alpha', status: 'delivered' }],
        tellings: [],
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

    it('is known by a key of ours, whose answer was lost, until its receipt', async () => {
      const message = testMessage()
      await journal.write(
        accepted(message),
        submitting(message),
        moved(message, 'sending', {
          answers: ids('ID1').map((answer) => ({
            ...answer,
            state: 'uncertain',
            carrierMessageId: null,
          })),
        }),
      )
      expect(journal.live.uncertainFor('alpha', message.to)).toHaveLength(1)
      await journal.write(receipt('ID1', 'UNDELIVERABLE'))
      expect(await messageRow(store, message)).toMatchObject({ status: 'undelivered' })
      // Nobody else's receipt is taken for its own any more.
      expect(journal.live.uncertainFor('alpha', message.to)).toEqual([])
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
      await journal.write(accepted(message))
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
      [
        'UNDELIVERABLE',
        'undelivered',
        '001',
        'recipient_unknown',
        'alpha reported UNDELIVERABLE, error 001',
      ],
      [
        'UNDELIVERABLE',
        'undelivered',
        '7A',
        'carrier_specific',
        'alpha reported UNDELIVERABLE, error 7A',
      ],
      ['REJECTED', 'undelivered', null, 'rejected', 'alpha reported REJECTED'],
      ['EXPIRED', 'expired', '27', 'recipient_absent', 'alpha reported EXPIRED, error 27'],
    ])('ends after %s as %s, error %s is %s', async (state, status, rawError, code, detail) => {
      const message = testMessage()
      await journal.sent(message, 'x')
      await journal.write(receipt('x', state, { rawError }))
      expect(await messageRow(store, message)).toMatchObject({
        status,
        error_code: code,
        error_detail: detail,
      })
    })

    it('stands where it stood after an intermediate receipt', async () => {
      const message = testMessage()
      await journal.sent(message, 'x')
      const effects = await journal.write(receipt('x', 'ENROUTE'))
      expect(effects.endings).toEqual([])
      expect(await messageRow(store, message)).toMatchObject({ status: 'sent', final_at: null })
      expect((await eventRows(store, message)).at(-1)).toMatchObject({
        type: 'receipt',
        status: 'sent',
        code: 'enroute',
      })
    })

    it('is not undone by an ENROUTE or another end after DELIVRD', async () => {
      const message = testMessage()
      await journal.sent(message, 'x')
      await journal.write(receipt('x', 'DELIVERED'))
      const before = await messageRow(store, message)
      for (const state of ['ENROUTE', 'UNDELIVERABLE', 'EXPIRED', 'DELIVERED']) {
        expect((await journal.write(receipt('x', state))).endings).toEqual([])
      }
      expect(await messageRow(store, message)).toEqual(before)
      expect(await attemptRows(store, message)).toMatchObject([{ state: 'delivered' }])
      expect((await eventRows(store, message)).at(-1)).toMatchObject({
        status: 'delivered',
        detail: { after_final: true },
      })
    })

    it('goes through many at once', async () => {
      const messages = Array.from({ length: 300 }, () => testMessage())
      await journal.batch(...messages.map(accepted))
      await journal.batch(...messages.map((message) => submitting(message)))
      await journal.batch(
        ...messages.map((message) => moved(message, 'sent', { answers: ids(message.id) })),
      )
      const { endings } = await journal.batch(
        ...messages.map(({ id }, n) => receipt(id, n % 2 ? 'DELIVERED' : 'EXPIRED')),
      )
      expect(endings).toHaveLength(300)
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
      await journal.write(accepted(message), submitting(message))
      await journal.write(receipt('early', 'DELIVERED'))
      expect(await receiptRows(store)).toMatchObject([{ carrier_message_id: 'early' }])
      expect(journal.live.orphanCount).toBe(1)

      const came = await journal.write(moved(message, 'sent', { answers: ids('early') }))
      expect(came.endings).toMatchObject([{ status: 'delivered', byReceipt: true }])
      expect(came.tellings).toHaveLength(1)
      expect(await messageRow(store, message)).toMatchObject({ status: 'delivered' })
      expect(await receiptRows(store)).toEqual([])
      expect(journal.live.orphanCount).toBe(0)
      expect((await eventRows(store, message)).at(-1)).toMatchObject({
        type: 'receipt',
        status: 'delivered',
        attempt: 1,
        segment: 1,
        detail: { came_before_response: true },
      })
    })

    it('may come in the same batch as its response', async () => {
      const message = partnerMessage()
      await journal.write(accepted(message), submitting(message))
      await journal.batch(
        receipt('same', 'DELIVERED'),
        moved(message, 'sent', { answers: ids('same') }),
      )
      expect(await messageRow(store, message)).toMatchObject({ status: 'delivered' })
      expect(await outboxRows(store)).toHaveLength(1)
    })

    it('may come twice, in one batch or in two', async () => {
      const message = partnerMessage()
      await journal.sent(message, 'x')
      await journal.batch(receipt('x', 'DELIVERED'), receipt('x', 'DELIVERED'))
      await journal.write(receipt('x', 'DELIVERED'))
      expect(await outboxRows(store)).toHaveLength(1)
      expect(await receiptRows(store)).toEqual([])
      const lines = (await eventRows(store, message)).filter(({ type }) => type === 'receipt')
      expect(lines).toHaveLength(3)
      expect(lines.slice(1)).toMatchObject([
        { detail: { after_final: true } },
        { detail: { after_final: true } },
      ])
    })

    it('with an unknown id is kept and changes nothing', async () => {
      const message = testMessage()
      await journal.sent(message, 'x')
      const { endings } = await journal.write(
        receipt('y', 'DELIVERED'),
        receipt('x', 'DELIVERED', { carrier: 'beta' }),
        receipt('', 'DELIVERED', { matchKeys: [] }),
      )
      expect(endings).toEqual([])
      expect(await messageRow(store, message)).toMatchObject({ status: 'sent' })
      expect(await receiptRows(store)).toMatchObject([
        { carrier_message_id: 'y', match_keys: ['y'] },
        { carrier: 'beta', carrier_message_id: 'x' },
        { match_keys: [] },
      ])
    })

    it('finds its submit in the tables, long after the message has left memory', async () => {
      const message = partnerMessage({ segments: 2 })
      await journal.sent(message, 'a', 'b')
      const later = await Journal.open(store, { node: 'later' })
      await later.write(receipt('a', 'DELIVERED'))
      const { endings, tellings } = await later.write(receipt('b', 'DELIVERED'))
      expect(endings).toMatchObject([{ status: 'delivered', message: { id: message.id } }])
      expect(tellings).toHaveLength(1)
      expect(await messageRow(store, message)).toMatchObject({ status: 'delivered' })
      expect((await attemptRows(store, message)).map(({ state }) => state)).toEqual([
        'delivered',
        'delivered',
      ])
      expect(await receiptRows(store)).toEqual([])
      await later.close()
    })

    it('is written down for a message that has ended long ago, and changes nothing else', async () => {
      const message = partnerMessage()
      await journal.sent(message, 'x')
      await journal.write(receipt('x', 'DELIVERED'))
      const before = await messageRow(store, message)
      expect(journal.live.get(message.id)).toBeUndefined()
      await journal.write(receipt('x', 'EXPIRED'))
      expect(await messageRow(store, message)).toEqual(before)
      expect(await outboxRows(store)).toHaveLength(1)
      expect((await eventRows(store, message)).at(-1)).toMatchObject({
        type: 'receipt',
        status: 'delivered',
        detail: { after_final: true },
      })
    })

    it('is found under any of its keys, the most likely first', async () => {
      const hex = testMessage()
      const literal = testMessage()
      await journal.sent(hex, 'ff')
      await journal.write(receipt('255', 'DELIVERED', { matchKeys: ['255', 'ff'] }))
      expect(await messageRow(store, hex)).toMatchObject({ status: 'delivered' })

      const other = testMessage()
      await journal.sent(other, '10')
      await journal.sent(literal, '16')
      await journal.write(receipt('16', 'DELIVERED', { matchKeys: ['16', '10'] }))
      expect(await messageRow(store, literal)).toMatchObject({ status: 'delivered' })
      expect(await messageRow(store, other)).toMatchObject({ status: 'sent' })
    })

    it('belongs to the newest submit when the carrier uses an id again', async () => {
      const older = testMessage()
      const newer = testMessage()
      const hourAgo = new Date(Date.now() - 3_600_000)
      await journal.write(accepted(older), accepted(newer))
      await journal.write(submitting(newer), submitting(older, { at: hourAgo }))
      await journal.write(
        moved(newer, 'sent', { answers: ids('7') }),
        moved(older, 'sent', { answers: ids('7') }),
      )
      await journal.write(receipt('7', 'DELIVERED'))
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
      await journal.write(entry)
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
      await journal.sent(message, 'a', 'b', 'c')
      await journal.write(receipt('b', 'DELIVERED'))
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
        await journal.sent(message, 'a', 'b', 'c')
        const [first = '', second = '', last = ''] = order
        await journal.write(receipt(first, 'DELIVERED'))
        await journal.write(receipt(second, 'DELIVERED'))
        expect(await messageRow(store, message)).toMatchObject({ status: 'sent' })
        await journal.write(receipt(last, 'DELIVERED'))
        expect(await messageRow(store, message)).toMatchObject({ status: 'delivered' })
        expect(await outboxRows(store)).toHaveLength(1)
      },
    )

    it('is delivered by one batch with all parts', async () => {
      const message = three()
      await journal.sent(message, 'a', 'b', 'c')
      await journal.write(...['c', 'a', 'b'].map((id) => receipt(id, 'DELIVERED')))
      expect(await messageRow(store, message)).toMatchObject({ status: 'delivered' })
      expect(await outboxRows(store)).toHaveLength(1)
    })

    it('is lost with the first part that is', async () => {
      const message = three()
      await journal.sent(message, 'a', 'b', 'c')
      await journal.write(receipt('a', 'DELIVERED'))
      await journal.write(receipt('b', 'UNDELIVERABLE', { rawError: '5' }))
      await journal.write(receipt('c', 'DELIVERED'))
      expect(await messageRow(store, message)).toMatchObject({
        status: 'undelivered',
        error_code: 'recipient_unknown',
      })
      expect(await outboxRows(store)).toMatchObject([
        { payload: { status: 'undelivered', rawError: '5' } },
      ])
    })
  })

  describe('a message that was sent again elsewhere', () => {
    async function failedOver() {
      const message = partnerMessage()
      await journal.write(accepted(message))
      await journal.write(submitting(message))
      await journal.write(moved(message, 'queued', { answers: ids('first'), carrier: 'beta' }))
      await journal.write(submitting(message, { carrier: 'beta', attempt: 2 }))
      await journal.write(
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
      const { endings } = await journal.write(receipt('first', 'DELIVERED'))
      expect(endings).toMatchObject([{ carrier: 'alpha', status: 'delivered' }])
      expect(await messageRow(store, message)).toMatchObject({ status: 'delivered' })
    })

    it('is not lost when the earlier attempt fails', async () => {
      const message = await failedOver()
      await journal.write(receipt('first', 'UNDELIVERABLE'))
      expect(await messageRow(store, message)).toMatchObject({ status: 'sent' })
      await journal.write(receipt('second', 'DELIVERED', { carrier: 'beta' }))
      expect(await messageRow(store, message)).toMatchObject({ status: 'delivered' })
      expect(await outboxRows(store)).toMatchObject([{ payload: { status: 'delivered' } }])
    })

    it('ends once when both attempts report in one batch', async () => {
      const message = await failedOver()
      await journal.write(
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
      await journal.sent(message, 'x')
      const { tellings } = await journal.write(receipt('x', state))
      const rows = await outboxRows(store)
      expect(rows).toHaveLength(isOwed ? 1 : 0)
      expect(tellings).toHaveLength(rows.length)
      for (const row of rows) {
        expect(row).toMatchObject({
          recipient: 'partner:acme',
          event: `message.${(await messageRow(store, message)).status}`,
          state: 'waiting',
          tries: 0,
          subject_id: message.id,
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
      await journal.write(accepted(message))
      await journal.write(moved(message, 'failed', { errorCode: 'no_route', attempt: 0 }))
      expect(await outboxRows(store)).toMatchObject([
        { payload: { status: 'failed', errorCode: 'no_route' } },
      ])
    })

    it('is nothing when a tenant sent it over HTTP', async () => {
      const message = testMessage({ registeredDelivery: 1 })
      await journal.write(accepted(message))
      await journal.write(moved(message, 'failed', { attempt: 0 }))
      expect(await outboxRows(store)).toEqual([])
    })

    it('is one receipt when a deadline passes just after the receipt came', async () => {
      const message = partnerMessage()
      await journal.sent(message, 'x')
      await journal.write(receipt('x', 'DELIVERED'))
      const { tellings } = await journal.write(moved(message, 'unconfirmed'))
      expect(tellings).toEqual([])
      expect(await outboxRows(store)).toMatchObject([{ payload: { status: 'delivered' } }])
      expect((await eventRows(store, message)).at(-1)).toMatchObject({ status: 'delivered' })
    })

    it('is one receipt when the receipt comes just after the deadline', async () => {
      const message = partnerMessage()
      await journal.sent(message, 'x')
      await journal.write(moved(message, 'unconfirmed'), receipt('x', 'DELIVERED'))
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
      await journal.batch(...batch)
      const rows = [await messageRow(store, message), await messageRow(store, lost)]
      const attempts = await attemptRows(store, message)
      await journal.batch(...batch)
      expect([await messageRow(store, message), await messageRow(store, lost)]).toEqual(rows)
      expect(await attemptRows(store, message)).toEqual(attempts)
    }
    expect(await messageRow(store, message)).toMatchObject({ status: 'delivered' })
    expect(await receiptRows(store)).toEqual([])
    expect(await outboxRows(store)).toHaveLength(2)
  })

  it('says the same when the same commits are made durable twice', async () => {
    const message = partnerMessage()
    const entries = [
      accepted(message),
      submitting(message),
      moved(message, 'sent', { answers: ids('x') }),
      receipt('x', 'DELIVERED'),
    ]
    await journal.batch(...entries.flatMap((entry) => [entry, entry]))
    expect(await messageRow(store, message)).toMatchObject({ status: 'delivered', attempt: 1 })
    expect(await attemptRows(store, message)).toMatchObject([{ state: 'delivered' }])
    expect(await outboxRows(store)).toHaveLength(1)
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
      await journal.sent(message, `id-${end}`)
      await journal.write(moved(message, end))
      const row = await messageRow(store, message)
      expect(row.status).toBe(end)
      await journal.write(submitting(message, { attempt: 2 }))
      for (const to of [...ends, 'queued', 'sending', 'sent'] as const) {
        await journal.write(moved(message, to))
      }
      await journal.write(receipt(`id-${end}`, 'DELIVERED'), receipt(`id-${end}`, 'EXPIRED'))
      expect(await messageRow(store, message)).toEqual(row)
    }
    expect(await outboxRows(store)).toHaveLength(ends.length)
  })

  it('makes the same of the same journal, read back from its text', async () => {
    const at = new Date('2026-01-02T03:04:05.678Z')
    const message = partnerMessage({ segments: 2, createdAt: at })
    const other = testMessage({ createdAt: at })
    const commits = [
      [accepted(message), accepted(other), submitting(message, { at })],
      [receipt('b', 'DELIVERED'), moved(message, 'sent', { at, answers: ids('a', 'b') })],
      [receipt('c', 'ENROUTE'), moved(other, 'queued', { at, carrier: 'beta', attempt: 0 })],
      [receipt('a', 'UNDELIVERABLE', { rawError: '1' }), moved(other, 'failed', { at })],
    ].map(encodeEntries)
    const run = () => {
      const { live, tracker } = new Journal(store)
      const came = commits.map((text) =>
        decodeEntries(text).map((entry) => {
          const resolved = entry.resolve((id) => live.get(id)?.message)
          return resolved ? tracker.apply([resolved]) : 'unknown'
        }),
      )
      return { came, snapshot: live.takeSnapshot() }
    }
    const first = run()
    expect(first.snapshot.messages.map(({ row }) => row.status)).toEqual(['undelivered', 'failed'])
    expect(first.snapshot.tellings).toMatchObject([
      { fresh: { telling: { subjectId: message.id, event: 'message.undelivered' } } },
    ])
    expect(first.snapshot.newOrphans).toMatchObject([{ carrierMessageId: 'c' }])
    expect(run()).toEqual(first)
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
        await journal.write(accepted(message))
        await journal.write(submitting(message))
        const response = moved(message, 'sent', { answers: ids(...names) })
        let isAnswered = false
        for (let start = 0; start < entries.length; start += batchSize) {
          if (!isAnswered && start >= responseAt) {
            await journal.write(response)
            isAnswered = true
          }
          await journal.write(...entries.slice(start, start + batchSize))
        }
        if (!isAnswered) await journal.write(response)
        const { status } = await messageRow(store, message)
        const expected = states.includes('UNDELIVERABLE') ? 'undelivered' : 'delivered'
        expect(status).toBe(expected)
        expect(isFinal(status as MessageStatus)).toBe(true)
        const owed = (await outboxRows(store)).filter((row) => row.subject_id === message.id)
        expect(owed).toMatchObject([{ payload: { status: expected } }])
        expect(await receiptRows(store)).toEqual([])
      }),
      { numRuns: 12 },
    )
  })
})
