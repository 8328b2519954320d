import { describe, expect, test } from 'vitest'
import { audit, type Evidence, type Findings } from './audit.ts'
import type { CarrierLine, SubmitLine } from './carrier-journal.ts'
import { BREACHES, type Counts } from './counts.ts'
import type { ShownMessage, Submission, Told } from './records.ts'
import { endOf, textOf, tokenIn, tokenOf } from './token.ts'

/** The counting itself: a laboratory that cannot see a loss proves nothing. */

const TOKEN = tokenOf(1, 17)
const TO = '+447700900017'
const ID = '01890000-0000-7000-8000-000000000017'

const submission: Submission = {
  token: TOKEN,
  round: 1,
  via: 'rest',
  to: TO,
  trafficClass: 'otp',
  atMs: 0,
  outcome: 'accepted',
  id: ID,
  price: { amount: '0.0700', currency: 'EUR' },
}

const message: ShownMessage = {
  id: ID,
  status: 'delivered',
  is_final: true,
  error: null,
  to: TO,
  text: textOf(TOKEN, 'long'),
  segments: 2,
  price: { amount: '0.0700', currency: 'EUR' },
  carrier: 'carrier-a',
  timeline: [],
}

function submit(part: number, id = `a-${part}`): SubmitLine {
  return {
    ...{ kind: 'submit', run: 1, atMs: 0, id, from: 'Crashlab', to: TO.slice(1), token: TOKEN },
    ...{ part, parts: 2, reference: 7, wantsReceipt: true, stat: 'DELIVRD' },
  }
}

function receipt(id: string, stat = 'DELIVRD'): CarrierLine[] {
  const line = { run: 1, atMs: 0, id, stat }
  return [
    { kind: 'receipt', ...line },
    { kind: 'answered', ...line, status: 0 },
  ]
}

function webhook(event: string, eventId: string, more: Partial<Told> = {}): Told {
  return {
    ...{ via: 'webhook', messageId: ID, event, eventId, atMs: 0 },
    ...{ isAcknowledged: true, isGenuine: true },
    ...more,
  }
}

const submits = [submit(1), submit(2)]
const receipts = [...receipt('a-1'), ...receipt('a-2')]
const events = [webhook('message.sent', 'e1'), webhook('message.delivered', 'e2')]

/** One message of two segments with which all is well, but for what is given. */
function check(more: Partial<Evidence> = {}): Findings {
  return audit({
    submissions: [submission],
    messages: [message],
    carriers: [...submits, ...receipts],
    told: events,
    rates: { '44': [35_000n, 41_000n] },
    callbacks: true,
    resends: [],
    ...more,
  })
}

function shown(more: Partial<ShownMessage>): Partial<Evidence> {
  return { messages: [{ ...message, ...more }] }
}

/** The counts that say that something is wrong, without those that are 0. */
function breachesOf({ total }: Findings): Partial<Counts> {
  const found = BREACHES.filter((name) => total[name] > 0)
  return Object.fromEntries(found.map((name) => [name, total[name]]))
}

const uncertain = { at: '', type: 'uncertain', status: 'sending', code: null }

test('a message with which all is well', () => {
  const findings = check()
  expect(breachesOf(findings)).toEqual({})
  expect(findings.total).toMatchObject({ accepted: 1, submitted: 2, uncertain: 0 })
  expect(findings.rounds.get(1)).toEqual(findings.total)
  expect(findings.money).toEqual({ charged: 70_000n, expected: 70_000n })
})

describe('sees', () => {
  const cases: [string, Partial<Evidence>, Partial<Counts>][] = [
    ['a message that is gone', { messages: [], carriers: [] }, { vanished: 1 }],
    ['one that is gone after its submit', { messages: [] }, { vanished: 1, strangers: 1 }],
    [
      'the id of another message',
      shown({ to: '+447700900018' }),
      { mixedUp: 1, strangers: 1, lost: 1 },
    ],
    ['a message that no carrier has', { carriers: [] }, { lost: 1 }],
    ['a segment that no carrier has', { carriers: [submit(1), ...receipt('a-1')] }, { lost: 1 }],
    [
      'a segment twice',
      { carriers: [...submits, submit(2, 'a-3'), ...receipts, ...receipt('a-3')] },
      { doubled: 1 },
    ],
    [
      'a message that is not final',
      shown({ status: 'sent', is_final: false }),
      { open: 1, unmatched: 1 },
    ],
    [
      'a receipt without effect',
      shown({ status: 'unconfirmed' }),
      { unmatched: 1, eventMissing: 1 },
    ],
    [
      'a state unlike the receipts',
      shown({ status: 'undelivered' }),
      { wrong: 1, eventMissing: 1 },
    ],
    ['a state without receipts', { carriers: submits }, { wrong: 1 }],
    [
      'a failure that no carrier caused',
      { ...shown({ status: 'failed' }), carriers: [] },
      { failed: 1, eventMissing: 1 },
    ],
    [
      'a price unlike the one told',
      shown({ price: { amount: '0.0820', currency: 'EUR' } }),
      { priceOff: 1 },
    ],
    [
      'a price that no rate gives',
      {
        ...shown({ price: { amount: '0.0350', currency: 'EUR' } }),
        submissions: [{ ...submission, price: undefined }],
      },
      { priceOff: 1 },
    ],
    ['a missing event', { told: events.slice(0, 1) }, { eventMissing: 1 }],
    [
      'an event that was not taken',
      { told: [webhook('message.delivered', 'e2', { isAcknowledged: false })] },
      { eventMissing: 1 },
    ],
    [
      'an event under two ids',
      { told: [...events, webhook('message.delivered', 'e3')] },
      { eventDoubled: 1 },
    ],
    [
      'a wrong signature',
      { told: [webhook('message.delivered', 'e2', { isGenuine: false })] },
      { eventForged: 1 },
    ],
    ['an event after the end', { told: [...events].reverse() }, { eventLate: 1 }],
    [
      'a partner without a receipt',
      { submissions: [{ ...submission, via: 'smpp' }], told: [] },
      { receiptMissing: 1 },
    ],
    [
      'a receipt with another state',
      {
        submissions: [{ ...submission, via: 'smpp' }],
        told: [webhook('UNDELIV', '', { via: 'receipt' })],
      },
      { receiptWrong: 1 },
    ],
  ]
  test.each(cases)('%s', (_, evidence, expected) => {
    expect(breachesOf(check(evidence))).toEqual(expected)
  })
})

describe('does not blame', () => {
  test('an uncertain message that ended unconfirmed', () => {
    const findings = check({
      ...shown({ status: 'unconfirmed', timeline: [uncertain] }),
      carriers: [],
      told: [webhook('message.unconfirmed', 'e1')],
    })
    expect(breachesOf(findings)).toEqual({})
    expect(findings.total).toMatchObject({ uncertain: 1, unconfirmed: 1, uncertainNotSent: 1 })
  })

  test('a message whose sender got no answer, submitted or not', () => {
    const submissions = [{ ...submission, outcome: 'unanswered' as const, id: undefined }]
    expect(breachesOf(check({ submissions }))).toEqual({})
    const notThere = { submissions, messages: [], carriers: [], told: [] }
    expect(breachesOf(check(notThere))).toEqual({})
  })

  test('what comes again because it was not acknowledged, and what comes again anyhow', () => {
    const refused = webhook('message.delivered', 'e2', { isAcknowledged: false })
    const again = webhook('message.delivered', 'e2')
    const first = check({ told: [refused, again] })
    expect({ ...breachesOf(first), repeated: first.total.eventRepeated }).toEqual({ repeated: 0 })
    const second = check({ told: [again, again] })
    expect({ ...breachesOf(second), repeated: second.total.eventRepeated }).toEqual({ repeated: 1 })
  })

  test('a segment that its policy sent again', () => {
    const carriers = [...submits, submit(2, 'a-3'), ...receipts, ...receipt('a-3')]
    const findings = check({ carriers, resends: ['otp'] })
    expect(breachesOf(findings)).toEqual({})
    expect(findings.total.resent).toBe(1)
  })

  test('a throttled submit that came again, and a late receipt of no weight', () => {
    const throttled: CarrierLine = { ...submit(1), id: null }
    const carriers = [throttled, ...submits, ...receipts, ...receipt('a-1', 'ACCEPTD')]
    expect(breachesOf(check({ carriers }))).toEqual({})
  })
})

describe('tokens', () => {
  test.each(['short', 'wide', 'long', 'wide_long'] as const)('are whole in a %s text', (shape) => {
    const text = textOf(TOKEN, shape)
    const segment = { short: 160, wide: 70, long: 153, wide_long: 67 }[shape]
    const count = Math.ceil(text.length / segment)
    expect(count).toBe(shape.endsWith('long') ? 3 : 1)
    for (let part = 0; part < count; part++) {
      expect(tokenIn(text.slice(part * segment, (part + 1) * segment))).toBe(TOKEN)
    }
  })

  test('decide the end of their message', () => {
    const ends = Array.from({ length: 100 }, (_, number) => endOf(tokenOf(2, number)))
    expect(new Set(ends)).toEqual(new Set(['DELIVRD', 'UNDELIV', 'EXPIRED']))
  })
})
