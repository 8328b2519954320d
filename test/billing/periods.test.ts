import { describe, expect, it } from 'vitest'
import { checkedRange, type Period, startOf } from '../../src/billing/periods.ts'

const AT = new Date('2026-03-31T23:30:00Z')

describe('the start of a period', () => {
  it.each<[Period, number, string]>([
    ['hour', 0, '2026-03-31T23:00:00.000Z'],
    ['hour', 1, '2026-04-01T00:00:00.000Z'],
    ['day', 0, '2026-03-31T00:00:00.000Z'],
    ['day', -31, '2026-02-28T00:00:00.000Z'],
    ['month', 0, '2026-03-01T00:00:00.000Z'],
    ['month', -1, '2026-02-01T00:00:00.000Z'],
    ['month', 10, '2027-01-01T00:00:00.000Z'],
  ])('of a %s that is %i later', (period, later, expected) => {
    expect(startOf(period, AT, later).toISOString()).toBe(expected)
  })
})

describe('a range of periods', () => {
  it.each<[Period, string, string, string]>([
    ['hour', '2026-01-01T00:30:00Z', '2026-01-02', '"2026-01-01T00:30:00.000Z" is not the start'],
    ['day', '2026-01-01', '2026-01-02T01:00:00Z', '"2026-01-02T01:00:00.000Z" is not the start'],
    ['month', '2026-01-02', '2026-02-01', 'is not the start of a month'],
    ['day', '2026-01-02', '2026-01-02', 'must be after'],
    ['day', '2020-01-01', '2026-01-01', 'more than 800 days'],
  ])('of a %s from %s to %s is refused', (period, from, before, message) => {
    const range = { from: new Date(from), before: new Date(before) }
    expect(() => checkedRange(period, range)).toThrow(message)
  })

  it('may have 800 of them', () => {
    const from = new Date('2026-01-01')
    const before = startOf('hour', from, 800)
    expect(checkedRange('hour', { from, before })).toEqual({ from, before })
  })
})
