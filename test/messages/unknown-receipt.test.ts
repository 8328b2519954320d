import { describe, expect, it } from 'vitest'
import type { ReceiptAbout } from '../../src/carriers/carrier.ts'
import { messageReference } from '../../src/carriers/reference.ts'
import type { ReceiptEntry } from '../../src/messages/journal.ts'
import type { Attempt, UncertainAttempt } from '../../src/messages/live.ts'
import type { Message } from '../../src/messages/message.ts'
import { matchUnknown, recipientDigits } from '../../src/messages/unknown-receipt.ts'
import { receipt, testMessage } from './builders.ts'

const SUBMITTED = new Date('2026-11-20T10:00:30Z')
const MINUTE = 60_000

function later(ms: number): Date {
  return new Date(SUBMITTED.getTime() + ms)
}

function uncertain(message: Partial<Message>, attempt: Partial<Attempt> = {}): UncertainAttempt {
  const built = testMessage({ createdAt: SUBMITTED, ...message })
  return {
    message: built,
    attempt: {
      messageId: built.id,
      attempt: 1,
      segment: 1,
      carrier: 'alpha',
      submittedAt: SUBMITTED,
      state: 'uncertain',
      carrierMessageId: null,
      matchKey: null,
      code: null,
      rawCode: null,
      answeredAt: null,
      receiptAt: null,
      openParts: null,
      costMicros: 0n,
      costCurrency: 'EUR',
      carrierDeckVersion: 0,
      storedState: 'uncertain',
      isOwed: false,
      ...attempt,
    },
  }
}

function came(about: Partial<ReceiptAbout> = {}, more: Partial<ReceiptEntry> = {}): ReceiptEntry {
  const all = { recipient: '447700900123', sender: 'ACME', submittedAt: null, reference: null }
  return receipt('x', 'DELIVERED', {
    receivedAt: later(10 * MINUTE),
    about: { ...all, ...about },
    ...more,
  })
}

describe('a receipt without a known id', () => {
  it('belongs to the only submit that it fits', () => {
    const one = uncertain({})
    expect(matchUnknown(came(), [one])).toEqual({ attempt: one.attempt, by: 'address' })
    expect(matchUnknown(came(), [])).toBeUndefined()
    expect(matchUnknown(receipt('x', 'DELIVERED'), [one])).toBeUndefined()
  })

  it('is never older than its submit', () => {
    expect(matchUnknown(came({}, { receivedAt: later(-1) }), [uncertain({})])).toBeUndefined()
  })

  it.each([
    ['ACME', 'acme', true],
    ['ACME', '', true],
    ['ACME', 'ACMES', false],
    ['+447700900555', '447700900555', true],
    ['+447700900555', '447700900556', false],
    ['12345', '12345', true],
  ])('with the sender %s fits one that says %s: %s', (from, sender, fits) => {
    const match = matchUnknown(came({ sender }), [uncertain({ from })])
    expect(match !== undefined).toBe(fits)
  })

  it.each([
    ['the same minute', -30_000, true],
    ['two minutes on', 2 * MINUTE, true],
    ['four minutes on', 4 * MINUTE, false],
    ['in Shanghai', 480 * MINUTE, true],
    ['in Kathmandu', 345 * MINUTE + 20_000, true],
    ['in New York', -300 * MINUTE, true],
    ['where no zone is', 900 * MINUTE, false],
    ['a day later', 1440 * MINUTE, false],
    ['five hours and seven minutes', 307 * MINUTE, false],
  ])('by a clock that says %s', (_name, ms, fits) => {
    const match = matchUnknown(came({ submittedAt: later(ms) }), [uncertain({})])
    expect(match !== undefined).toBe(fits)
  })

  it.each([
    ['Your code is 4711, keep it', 'Your code is', true],
    ['Your code is 4711, keep it', 'your code? is 4711', true],
    ['Your code is 4711, keep it', 'Your code was', false],
    ['Your code is 4711, keep it', 'code is 4711', false],
    ['Your code is 4711, keep it', '', true],
    ['Grüße aus Köln', 'something else', true],
  ])('of the text %j, telling %j: %s', (text, told, fits) => {
    const rawText = `id:x sub:001 stat:DELIVRD err:000 text:${told}`
    expect(matchUnknown(came({}, { rawText }), [uncertain({ text })]) !== undefined).toBe(fits)
  })

  it('belongs to nobody where two different messages fit', () => {
    const two = [uncertain({ text: 'One' }), uncertain({ text: 'Two' })]
    expect(matchUnknown(came(), two)).toBeUndefined()
    const tenantId = '01890000-0000-7000-8000-000000000002'
    expect(matchUnknown(came(), [uncertain({}), uncertain({ tenantId })])).toBeUndefined()
  })

  it('belongs to the oldest of messages that are the same', () => {
    const older = uncertain({}, { submittedAt: later(-MINUTE) })
    const newer = uncertain({})
    expect(matchUnknown(came(), [newer, older])?.attempt).toBe(older.attempt)
  })

  it('belongs to the first open segment of a long message', () => {
    const message = testMessage({ segments: 3, text: 'long '.repeat(80) })
    const segments = [3, 2].map((segment) => ({ ...uncertain({}, { segment }), message }))
    const rawText = 'stat:DELIVRD text:ong long lon'
    expect(matchUnknown(came({}, { rawText }), segments)?.attempt.segment).toBe(2)
  })

  it('belongs to the submit whose reference it repeats, and to no other', () => {
    const two = [uncertain({ text: 'One' }), uncertain({ text: 'Two' })]
    const reference = messageReference(two[1]?.message.id ?? '', 1)
    expect(matchUnknown(came({ reference, sender: '999' }), two)).toEqual({
      attempt: two[1]?.attempt,
      by: 'reference',
    })
    const other = (reference + 1) & 0xffff
    expect(matchUnknown(came({ reference: other }), two.slice(1))).toBeUndefined()
  })
})

it.each([
  ['447700900123', '447700900123'],
  ['+447700900123', '447700900123'],
  ['00447700900123', '447700900123'],
  ['07700900123', '07700900123'],
  ['', ''],
])('reads the recipient %j as %j', (text, digits) => {
  expect(recipientDigits(text)).toBe(digits)
})

it('references are 16 bits that depend on the message and the segment', () => {
  const { id } = testMessage()
  expect(messageReference(id, 1)).toBe(messageReference(id, 1))
  expect(messageReference(id, 1)).not.toBe(messageReference(id, 2))
  expect(messageReference(id, 1)).toBeLessThanOrEqual(0xffff)
})
