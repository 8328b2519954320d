import fc from 'fast-check'
import { describe, expect, it } from 'vitest'
import { Pacer } from '../../src/messages/pacer.ts'

describe('Pacer', () => {
  it('never waits without a limit', () => {
    const pacer = new Pacer(0)
    for (let n = 0; n < 1_000; n++) expect(pacer.take(255, 0)).toBe(0)
  })

  it('lets a tenth of a second leave at once, then one by one', () => {
    const pacer = new Pacer(100)
    const start = 1_000_000
    for (let n = 0; n < 10; n++) expect(pacer.take(1, start)).toBe(0)
    expect(pacer.take(1, start)).toBe(10)
    expect(pacer.take(1, start + 9)).toBe(1)
    expect(pacer.take(1, start + 10)).toBe(0)
    expect(pacer.take(1, start + 10)).toBe(10)
  })

  it('does not save up more than a tenth of a second', () => {
    const pacer = new Pacer(100)
    expect(pacer.take(10, 1_000)).toBe(0)
    let taken = 0
    while (pacer.take(1, 1_000_000) === 0) taken++
    expect(taken).toBe(10)
  })

  it('lets a long message go whole and delays what follows', () => {
    const pacer = new Pacer(10)
    expect(pacer.take(5, 1_000)).toBe(0)
    expect(pacer.take(1, 1_000)).toBe(500)
    expect(pacer.take(1, 1_500)).toBe(0)
  })

  it('waits out a pause, and the longer of two', () => {
    const pacer = new Pacer(0)
    pacer.pause(500, 1_000)
    pacer.pause(100, 1_000)
    expect(pacer.take(1, 1_000)).toBe(500)
    expect(pacer.pauseLeft(1_200)).toBe(300)
    expect(pacer.take(1, 1_499)).toBe(1)
    expect(pacer.take(1, 1_500)).toBe(0)
    expect(pacer.pauseLeft(2_000)).toBe(0)
  })

  it('does not speed up when the clock is set back', () => {
    const pacer = new Pacer(100)
    expect(pacer.take(10, 5_000)).toBe(0)
    expect(pacer.take(1, 1_000)).toBeGreaterThan(0)
  })

  it('keeps to the rate, whatever is asked for and when', () => {
    const asks = fc.array(fc.tuple(fc.integer({ min: 1, max: 5 }), fc.integer({ max: 50, min: 0 })))
    fc.assert(
      fc.property(fc.integer({ min: 1, max: 1_000 }), asks, (rate, steps) => {
        const pacer = new Pacer(rate)
        const start = 1_000
        let now = start
        let taken = 0
        for (const [segments, waitMs] of steps) {
          now += waitMs
          const wait = pacer.take(segments, now)
          if (wait === 0) taken += segments
          else expect(wait).toBeGreaterThan(0)
        }
        // The bucket, what the time has added, and the credit of one long message.
        const most = Math.max(1, rate / 10) + ((now - start) * rate) / 1_000 + 5
        expect(taken).toBeLessThanOrEqual(most + 1e-6)
      }),
    )
  })

  it('says a wait after which the segments may leave', () => {
    fc.assert(
      fc.property(
        fc.integer({ min: 1, max: 1_000 }),
        fc.array(fc.integer({ min: 1, max: 10 }), { minLength: 1, maxLength: 50 }),
        (rate, messages) => {
          const pacer = new Pacer(rate)
          let now = 1_000
          for (const segments of messages) {
            const wait = pacer.take(segments, now)
            if (wait === 0) continue
            now += wait
            expect(pacer.take(segments, now)).toBeLessThanOrEqual(1)
          }
        },
      ),
    )
  })
})
