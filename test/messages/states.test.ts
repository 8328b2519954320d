import { describe, expect, it } from 'vitest'
import {
  isFinal,
  isSettled,
  MESSAGE_STATUSES,
  type MessageStatus,
  mayMove,
  type SegmentState,
  statesBefore,
  statusOfSegments,
  TRANSITIONS,
} from '../../src/messages/states.ts'

const FINAL: readonly MessageStatus[] = [
  'delivered',
  'undelivered',
  'failed',
  'expired',
  'canceled',
  'unconfirmed',
]

describe('message states', () => {
  it.each(MESSAGE_STATUSES)('%s is final only if it is one of the six ends', (status) => {
    expect(isFinal(status)).toBe(FINAL.includes(status))
  })

  it.each(FINAL)('%s leads nowhere', (from) => {
    expect(MESSAGE_STATUSES.filter((to) => mayMove(from, to))).toEqual([])
  })

  it.each(MESSAGE_STATUSES)('the states before %s are those that may move there', (to) => {
    const before = statesBefore(to)
    for (const from of MESSAGE_STATUSES) expect(before.includes(from)).toBe(mayMove(from, to))
  })

  it.each(MESSAGE_STATUSES.filter((status) => !FINAL.includes(status)))(
    '%s can reach an end',
    (start) => {
      const reached = new Set<MessageStatus>([start])
      for (const from of reached) for (const to of TRANSITIONS[from]) reached.add(to)
      expect(FINAL.some((end) => reached.has(end))).toBe(true)
    },
  )

  it('never goes back to the state of acceptance, nor from the carrier to a schedule', () => {
    expect(statesBefore('accepted')).toEqual([])
    // A waiting message may be given another time.
    expect(statesBefore('scheduled')).toEqual(['accepted', 'scheduled', 'queued'])
    // Sent again elsewhere: no receipt came, or it is lost. The tracker lets nothing else through.
    expect(mayMove('sent', 'queued')).toBe(true)
    expect(mayMove('sent', 'sending')).toBe(false)
  })
})

describe('segment states', () => {
  const all: readonly SegmentState[] = [
    'sending',
    'sent',
    'refused',
    'not_sent',
    'uncertain',
    'delivered',
    'undelivered',
    'expired',
  ]

  it('are settled by receipts only', () => {
    expect(all.filter(isSettled)).toEqual(['delivered', 'undelivered', 'expired'])
  })

  it.each<[SegmentState[], ReturnType<typeof statusOfSegments>]>([
    [[], undefined],
    [['sent'], undefined],
    [['delivered'], 'delivered'],
    [['delivered', 'delivered'], 'delivered'],
    [['delivered', 'sent'], undefined],
    [['delivered', 'uncertain'], undefined],
    [['sent', 'undelivered'], 'undelivered'],
    [['delivered', 'expired', 'sent'], 'expired'],
    [['expired', 'undelivered'], 'undelivered'],
  ])('%j make the message %s', (states, status) => {
    expect(statusOfSegments(states)).toBe(status)
    expect(statusOfSegments(states.toReversed())).toBe(status)
  })
})
