import fc from 'fast-check'
import { describe, expect, test } from 'vitest'
import { Backoff } from '../../src/smpp/backoff.ts'

const LEAST = () => 0
const MOST = () => 0.999999

describe('Backoff', () => {
  test('doubles its bound from one second to five minutes', () => {
    const backoff = new Backoff({}, MOST)
    const bounds = Array.from({ length: 11 }, () => backoff.next('lost'))
    expect(bounds).toEqual([
      1000, 2000, 4000, 8000, 16_000, 32_000, 64_000, 128_000, 256_000, 300_000, 300_000,
    ])
  })

  test('never waits less than its minimum', () => {
    const backoff = new Backoff({}, LEAST)
    expect([backoff.next('lost'), backoff.next('lost')]).toEqual([100, 100])
  })

  test('is slower from the first refusal on', () => {
    expect(new Backoff({}, LEAST).next('refused')).toBe(15_000)
    expect(new Backoff({}, MOST).next('refused')).toBe(30_000)
  })

  test('starts afresh after a reset', () => {
    const backoff = new Backoff({}, MOST)
    for (let failure = 0; failure < 20; failure++) backoff.next('lost')
    backoff.reset()
    expect(backoff.next('lost')).toBe(1000)
  })

  test('stays in bounds for any settings and any number of failures', () => {
    fc.assert(
      fc.property(
        fc.integer({ min: 1, max: 10_000 }),
        fc.integer({ min: 10_000, max: 1_000_000 }),
        fc.array(fc.constantFrom('lost' as const, 'refused' as const), { maxLength: 2000 }),
        fc.double({ min: 0, max: 1, maxExcluded: true, noNaN: true }),
        (firstMs, maxMs, causes, drawn) => {
          const backoff = new Backoff({ firstMs, maxMs }, () => drawn)
          for (const cause of causes) {
            const waitMs = backoff.next(cause)
            expect(waitMs).toBeGreaterThanOrEqual(Math.min(100, firstMs))
            expect(waitMs).toBeLessThanOrEqual(maxMs)
          }
        },
      ),
      { numRuns: 30 },
    )
  })
})
