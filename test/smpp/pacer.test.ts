import fc from 'fast-check'
import { describe, expect, it } from 'vitest'
import { Pacer } from '../../src/smpp/pacer.ts'
import { type Setting, ThrottlingCarrier } from './throttling-carrier.ts'

const START = 1_000_000

/** As many complaints as are believed before anything is known of a limit. */
function complain(pacer: Pacer, writtenAt: number, now: number): void {
  for (let n = 0; n < 5; n++) pacer.answered('throttled', writtenAt, now)
}

describe('with an agreed rate', () => {
  it('lets a tenth of a second leave at once, then one by one', () => {
    const pacer = new Pacer(100)
    for (let n = 0; n < 10; n++) expect(pacer.reserve(1, START)).toBe(0)
    expect(pacer.reserve(1, START)).toBe(10)
    expect(pacer.reserve(1, START)).toBe(20)
    expect(pacer.reserve(1, START + 20)).toBe(10)
  })

  it('does not save up more than a tenth of a second', () => {
    const pacer = new Pacer(100)
    pacer.reserve(10, 1_000)
    const waits = Array.from({ length: 11 }, () => pacer.reserve(1, START))
    expect(waits).toEqual([0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 10])
  })

  it('lets a long message go whole and delays what follows', () => {
    const pacer = new Pacer(10)
    expect(pacer.reserve(5, START)).toBe(0)
    expect(pacer.reserve(1, START)).toBe(500)
  })

  it('goes by another rate from the moment it is agreed, its credit still to be paid', () => {
    const pacer = new Pacer(10)
    expect(pacer.reserve(5, START)).toBe(0)
    pacer.agree(100)
    expect(pacer.perSecond).toBe(100)
    expect(pacer.reserve(1, START)).toBe(50)
    pacer.agree(0)
    expect(pacer.isOpen).toBe(true)
    pacer.agree(10)
    const waits = Array.from({ length: 3 }, () => pacer.reserve(1, START + 60_000))
    expect(waits).toEqual([0, 100, 200])
  })

  it('is never exceeded, however low it is, also after complaints', () => {
    const pacer = new Pacer(0.25)
    for (let n = 0; n < 5; n++) {
      const now = START + n * 20_000
      pacer.answered('taken', now - 2, now)
      complain(pacer, now - 1, now)
      expect(pacer.perSecond).toBeLessThanOrEqual(0.25)
    }
  })

  it('keeps what it has learnt when a higher rate is agreed', () => {
    const pacer = new Pacer(1_000)
    for (let n = 0; n < 200; n++) pacer.answered('taken', START, START + n)
    complain(pacer, START + 500, START + 510)
    const learnt = pacer.perSecond
    expect(learnt).toBeLessThan(1_000)
    pacer.agree(2_000)
    expect(pacer.perSecond).toBe(learnt)
    pacer.agree(1)
    expect(pacer.perSecond).toBe(1)
  })

  it('does not speed up when the clock is set back', () => {
    const pacer = new Pacer(100)
    expect(pacer.reserve(10, 5_000)).toBe(0)
    expect(pacer.reserve(1, 1_000)).toBeGreaterThan(0)
  })

  it('keeps to it, whatever is asked for and when, and says who may go in the order asked', () => {
    const asks = fc.array(fc.tuple(fc.integer({ min: 1, max: 5 }), fc.integer({ max: 50, min: 0 })))
    fc.assert(
      fc.property(fc.integer({ min: 1, max: 1_000 }), asks, (rate, steps) => {
        const pacer = new Pacer(rate)
        let now = START
        let last = START
        let count = 0
        for (const [segments, waitMs] of steps) {
          now += waitMs
          const at = now + pacer.reserve(segments, now)
          // Waits are whole milliseconds, rounded up.
          expect(at).toBeGreaterThan(last - 1)
          last = Math.max(at, last)
          count += segments
        }
        // The bucket, what the time has added, and the credit of the last message.
        const most = Math.max(1, rate / 10) + ((last - START) * rate) / 1_000 + 5
        expect(count).toBeLessThanOrEqual(most + 1e-6)
      }),
    )
  })

  it('never grows beyond it, however long all is taken after a complaint', () => {
    const pacer = new Pacer(100)
    complain(pacer, 1, 2)
    const { taken } = new ThrottlingCarrier(pacer, {
      limit: 1_000,
      bucket: 1_000,
      roundTripMs: 1,
      window: 100,
    }).run(120)
    expect(pacer.perSecond).toBeCloseTo(100, 6)
    expect(taken).toBeLessThanOrEqual(12_000 + 10)
    expect(taken).toBeGreaterThan(11_000)
  })
})

describe('without one', () => {
  it('holds nothing back before the first complaint', () => {
    const pacer = new Pacer(0)
    for (let n = 0; n < 1_000; n++) expect(pacer.reserve(255, 0)).toBe(0)
    expect(pacer).toMatchObject({ isOpen: true, perSecond: 0 })
    expect(pacer.countIn(1)).toBe(Number.POSITIVE_INFINITY)
  })

  it('goes on from what the carrier took in the second before the complaint', () => {
    const pacer = new Pacer(0)
    // What is older than a second does not count.
    for (let n = 0; n < 500; n++) pacer.answered('taken', START, START)
    for (let n = 0; n < 70; n++) pacer.answered('taken', START, START + 1_500 + n)
    complain(pacer, START + 1_500, START + 1_600)
    expect(pacer.perSecond).toBe(70)
    expect(pacer.isOpen).toBe(false)
  })

  it('starts from one a second where the first answers of all are complaints', () => {
    const pacer = new Pacer(0)
    complain(pacer, START, START + 1)
    expect(pacer.perSecond).toBe(1)
  })
})

describe('a complaint', () => {
  it('is a rest, longer for a full queue, and doubles while nothing is taken', () => {
    const pacer = new Pacer(1_000)
    complain(pacer, START, START)
    expect(pacer.pauseLeft(START)).toBe(50)
    expect(pacer.reserve(1, START)).toBeGreaterThanOrEqual(50)
    pacer.answered('throttled', START + 60, START + 61)
    expect(pacer.pauseLeft(START + 61)).toBe(100)
    pacer.answered('taken', START + 170, START + 171)
    pacer.answered('queue_full', START + 172, START + 173)
    expect(pacer.pauseLeft(START + 173)).toBe(1_000)
    for (let at = START + 10_000; at < START + 200_000; at += 20_000) {
      pacer.answered('throttled', at, at + 1)
    }
    expect(pacer.pauseLeft(START + 190_001)).toBe(5_000)
  })

  it('counts once for all requests that were written before it came', () => {
    const pacer = new Pacer(1_000)
    for (let n = 0; n < 500; n++) pacer.answered('taken', START, START)
    for (let n = 0; n < 100; n++) pacer.answered('throttled', START + n, START + 100)
    expect(pacer.perSecond).toBe(500)
    expect(pacer.pauseLeft(START + 100)).toBe(50)
  })

  it('takes no more off while nothing has been taken since: its second is not over', () => {
    const pacer = new Pacer(1_000)
    for (let n = 0; n < 500; n++) pacer.answered('taken', START, START)
    for (let at = START; at < START + 1_000; at += 100) pacer.answered('throttled', at + 1, at + 2)
    expect(pacer.perSecond).toBe(500)
  })
})

/** The share of the limit that was used, and of the requests that were throttled. */
function shares(setting: Setting, agreed: number, learnSeconds: number, seconds: number) {
  const carrier = new ThrottlingCarrier(new Pacer(agreed), setting)
  carrier.run(learnSeconds)
  const { taken, throttled } = carrier.run(seconds)
  return {
    used: taken / (setting.limit * seconds),
    throttled: throttled / (taken + throttled),
  }
}

describe('a limit that nobody has told', () => {
  const limits = fc.integer({ min: 100, max: 2_000 })
  const roundTrips = fc.integer({ min: 1, max: 100 })
  /** The agreed rate as a multiple of the limit; 0: none. */
  const agreements = fc.constantFrom(0, 1.2, 2, 10)

  it('is met: 95 % of it is used and under 0.5 % throttled, whatever the limit and the bucket', () => {
    const depths = fc.double({ min: 0.05, max: 1, noNaN: true })
    fc.assert(
      fc.property(limits, depths, roundTrips, agreements, (limit, depth, roundTripMs, agreed) => {
        const bucket = Math.max(2, limit * depth)
        const window = Math.max(50, (limit * roundTripMs) / 400)
        const result = shares({ limit, bucket, roundTripMs, window }, limit * agreed, 20, 40)
        expect(result.used).toBeGreaterThan(0.95)
        expect(result.throttled).toBeLessThan(0.005)
      }),
      { numRuns: 60 },
    )
  })

  it('is met a little less where the carrier counts every second by itself', () => {
    fc.assert(
      fc.property(limits, roundTrips, agreements, (limit, roundTripMs, agreed) => {
        const window = Math.max(50, (limit * roundTripMs) / 400)
        const setting = { limit, bucket: 'each second', roundTripMs, window } as const
        const result = shares(setting, limit * agreed, 20, 40)
        expect(result.used).toBeGreaterThan(0.85)
        expect(result.throttled).toBeLessThan(0.02)
      }),
      { numRuns: 60 },
    )
  })

  it.each([0.002, 0.01, 0.03])('is not believed in where %d are throttled at any pace', (share) => {
    const pacer = new Pacer(0)
    const setting = { limit: 1_000_000, bucket: 1_000_000, roundTripMs: 10, window: 50 }
    let count = 0
    const carrier = new ThrottlingCarrier(
      pacer,
      setting,
      () => ++count % Math.round(1 / share) === 0,
    )
    carrier.run(60)
    const { taken } = carrier.run(20)
    // The window allows 5,000/s.
    expect(taken).toBeGreaterThan(0.6 * 5_000 * 20)
  })

  it('is followed when it moves, down and up', () => {
    const setting = { limit: 1_000, bucket: 50, roundTripMs: 10, window: 100 }
    const carrier = new ThrottlingCarrier(new Pacer(0), setting)
    carrier.run(20)
    carrier.setting = { ...setting, limit: 100, bucket: 10 }
    carrier.run(15)
    const low = carrier.run(20)
    expect(low.taken).toBeGreaterThan(0.95 * 2_000)
    expect(low.throttled).toBeLessThan(0.01 * 2_000)
    carrier.setting = setting
    carrier.run(120)
    const high = carrier.run(20)
    expect(high.taken).toBeGreaterThan(0.95 * 20_000)
    expect(high.throttled).toBeLessThan(0.005 * 20_000)
  })

  it('is not forgotten while there is nothing to send', () => {
    const pacer = new Pacer(0)
    const carrier = new ThrottlingCarrier(pacer, {
      limit: 200,
      bucket: 10,
      roundTripMs: 10,
      window: 50,
    })
    carrier.run(20)
    const before = pacer.perSecond
    // One in five minutes: nothing is learnt from that.
    carrier.run(3_600, (now) => now % 300_000 === 0)
    expect(pacer.perSecond).toBeLessThan(before * 1.05)
    const { taken, throttled } = carrier.run(20)
    expect(taken).toBeGreaterThan(0.95 * 4_000)
    expect(throttled).toBeLessThan(0.005 * 4_000)
  })
})
