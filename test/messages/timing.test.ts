import { describe, expect, it } from 'vitest'
import { receiptDeadline } from '../../src/messages/timing.ts'
import { testPolicies } from './harness.ts'

const SUBMITTED_AT = new Date('2026-01-02T03:04:05Z')
const HOUR = 3_600
const DAY = 24 * HOUR

function later(seconds: number): Date {
  return new Date(SUBMITTED_AT.getTime() + seconds * 1_000)
}

describe('receiptDeadline', () => {
  it.each([
    ['a code that was valid for minutes', 600, undefined, 3 * DAY],
    ['one that has just reached its carrier in time', -1, undefined, 3 * DAY],
    ["one whose validity is the policy's", 3 * DAY, undefined, 3 * DAY + HOUR],
    ['one that its carrier may try for long', 30 * DAY, undefined, 30 * DAY + HOUR],
    ['one with a deadline of its own class', 3 * DAY, 60, 60],
  ])('of %s', (_what, validSeconds, receiptDeadlineSeconds, expected) => {
    const policy = testPolicies({ receiptDeadlineSeconds })('transactional')
    const message = { expiresAt: later(validSeconds) }
    expect(receiptDeadline(policy, message, SUBMITTED_AT)).toEqual(later(expected))
  })
})
