import fc from 'fast-check'
import { afterAll, afterEach, beforeAll, describe, expect, it } from 'vitest'
import type { Message } from '../../src/messages/message.ts'
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
  receipt,
  receiptRows,
  submitting,
  testMessage,
} from './builders.ts'
import { startOver } from './harness.ts'

const PARTS = 3
const ALL = [1, 2, 3]

/** What the carrier says of one part of what it has as `L1`. */
function ofPart(number: number, state = 'DELIVERED') {
  return receipt('L1', state, { part: { number, of: PARTS } })
}

describe.each(testDatabases())('receipts of parts on $name', ({ open }) => {
  let store: Store
  const journals: Journal[] = []

  beforeAll(async () => {
    store = await open()
  })
  afterEach(async () => {
    for (const journal of journals.splice(0)) await journal.close()
    await truncate(store)
  })
  afterAll(() => store.close())

  async function opened(maxKept = 1_000): Promise<Journal> {
    const journal = await Journal.open(store, { maxKept })
    journals.push(journal)
    return journal
  }

  async function sent(journal: Journal): Promise<Message> {
    const message = testMessage()
    await journal.sent(message, 'L1')
    return message
  }

  async function statusOf(message: Message): Promise<string> {
    return (await messageRow(store, message)).status
  }

  it('deliver the message when all are, in any order and however often', async () => {
    await fc.assert(
      fc.asyncProperty(
        fc.shuffledSubarray([...ALL, ...ALL], { minLength: 6 }),
        // With 0 nothing stays in memory: then the tables have to know it.
        fc.constantFrom(0, 1_000),
        async (order, maxKept) => {
          const journal = await opened(maxKept)
          const message = await sent(journal)
          const seen = new Set<number>()
          for (const number of order) {
            await journal.write(ofPart(number))
            seen.add(number)
            expect(await statusOf(message)).toBe(seen.size === PARTS ? 'delivered' : 'sent')
          }
          expect(await attemptRows(store, message)).toMatchObject([{ state: 'delivered' }])
          await journals.pop()?.close()
          await truncate(store)
        },
      ),
      { numRuns: 6 },
    )
  })

  it.each(ALL)('lose it when part %i is, whatever came before and after', async (lost) => {
    const journal = await opened()
    const message = await sent(journal)
    const others = ALL.filter((number) => number !== lost)
    for (const number of others) await journal.write(ofPart(number))
    expect(await statusOf(message)).toBe('sent')
    const { endings } = await journal.write(ofPart(lost, 'UNDELIVERABLE'))
    expect(endings).toMatchObject([{ status: 'undelivered' }])
    await journal.write(ofPart(lost), ...others.map((number) => ofPart(number)))
    expect(await statusOf(message)).toBe('undelivered')
  })

  it('are known after a restart, also those that came before the response', async () => {
    const journal = await opened()
    const message = testMessage()
    await journal.write(accepted(message), submitting(message), ofPart(2), ofPart(1))
    expect(await receiptRows(store)).toMatchObject([
      { part: 2, parts: PARTS },
      { part: 1, parts: PARTS },
    ])
    const next = await startOver(store, () => new Date())
    journals.push(next)
    await next.write(moved(message, 'sent', { answers: ids('L1') }))
    expect(await attemptRows(store, message)).toMatchObject([{ state: 'sent', open_parts: '3' }])
    await next.write(ofPart(3))
    expect(await statusOf(message)).toBe('delivered')
    const told = (await eventRows(store, message)).filter(({ type }) => type === 'receipt')
    expect(told.map(({ status }) => status)).toEqual(['sent', 'sent', 'delivered'])
    for (const part of ALL) {
      expect(told).toContainEqual(
        expect.objectContaining({ detail: expect.objectContaining({ part, parts: PARTS }) }),
      )
    }
  })
})
