import fc from 'fast-check'
import { describe, expect, it } from 'vitest'
import { randomFrom } from '../../bench/support/random.ts'
import {
  makeReading,
  Quality,
  type QualityCell,
  type QualityOptions,
  type QualityRecord,
} from '../../src/routing/quality.ts'

const MINUTE = 60_000
const START = Date.parse('2026-01-01T00:00:00Z')
const GB: QualityCell = { country: 'GB', network: null, trafficClass: 'transactional' }
const FR: QualityCell = { ...GB, country: 'FR' }
const GB_OTP: QualityCell = { ...GB, trafficClass: 'otp' }

function outcome(more: Partial<QualityRecord> = {}): QualityRecord {
  return { carrier: 'a', cell: GB, outcome: 'delivered', nowMs: START, ...more }
}

function readingOf(quality: Quality, cell: QualityCell, nowMs = START) {
  const reading = makeReading(quality.carrierCount)
  quality.read(cell, nowMs, reading)
  return reading
}

describe('the estimate', () => {
  it('starts at the prior, with bounds that say how little that is', () => {
    const { success, lower, upper, messages, unanswered, throttled, latencyMs } =
      new Quality().estimate('a', GB, START)
    expect({ success, messages }).toEqual({ success: 0.9, messages: 0 })
    expect(lower).toBeLessThan(0.8)
    expect(upper).toBeGreaterThan(0.95)
    expect([unanswered, throttled, latencyMs]).toEqual([NaN, NaN, NaN])
    expect(new Quality({ priorSuccess: 0.5 }).estimate('a', null, START).success).toBe(0.5)
  })

  it('does not believe three messages, nor one failure', () => {
    const quality = new Quality()
    quality.record(outcome({ carrier: 'good', count: 3 }))
    quality.record(outcome({ carrier: 'bad', outcome: 'failed' }))
    expect(quality.estimate('good', null, START).success).toBeCloseTo(21 / 23)
    expect(quality.estimate('bad', null, START).success).toBeCloseTo(18 / 21)
    expect(quality.estimate('good', GB, START).upper).toBeLessThan(1)
    expect(quality.estimate('good', GB, START).lower).toBeLessThan(0.9)
  })

  it('of a finer cell begins where the coarser is, and goes its own way', () => {
    const quality = new Quality()
    for (let n = 0; n < 100; n++) quality.record(outcome({ cell: FR, outcome: 'failed' }))
    const whole = quality.estimate('a', null, START).success
    expect(whole).toBeLessThan(0.2)
    // Nobody has sent to Great Britain yet.
    expect(quality.estimate('a', GB, START).success).toBeCloseTo(whole)
    expect(quality.estimate('a', GB, START).messages).toBe(0)
    for (let n = 0; n < 60; n++) quality.record(outcome())
    expect(quality.estimate('a', GB, START).success).toBeGreaterThan(0.8)
    expect(quality.estimate('a', FR, START).success).toBeLessThan(0.1)
    // Codes to Great Britain: as the rest of what goes there, not as France.
    const codes = quality.estimate('a', GB_OTP, START)
    expect(codes.success).toBeCloseTo(quality.estimate('a', { country: 'GB' }, START).success)
  })

  it('keeps networks and traffic classes apart', () => {
    const quality = new Quality()
    const other = { ...GB, network: '23410' }
    for (let n = 0; n < 80; n++) {
      quality.record(outcome({ cell: other, outcome: 'failed' }))
      quality.record(outcome())
    }
    expect(quality.estimate('a', other, START).success).toBeLessThan(0.2)
    expect(quality.estimate('a', GB, START).success).toBeGreaterThan(0.8)
    expect(quality.estimate('a', GB_OTP, START).success).toBeCloseTo(0.5, 1)
  })

  it('tells what was not answered, and what was throttled', () => {
    const quality = new Quality()
    for (let n = 0; n < 30; n++) quality.record(outcome())
    for (let n = 0; n < 10; n++) quality.record(outcome({ outcome: 'unanswered' }))
    for (let n = 0; n < 60; n++) quality.record(outcome({ outcome: 'throttled' }))
    const { messages, unanswered, throttled, success } = quality.estimate('a', GB, START)
    expect(messages).toBeCloseTo(40)
    expect(unanswered).toBeCloseTo(0.25)
    expect(throttled).toBeCloseTo(0.6)
    // A request for a slower pace says nothing of the message, which is sent again.
    expect(success).toBeGreaterThan(0.75)
    for (let n = 0; n < 5_000; n++) quality.record(outcome({ outcome: 'throttled' }))
    expect(quality.estimate('a', GB, START).messages).toBeCloseTo(40)
  })
})

describe('forgetting', () => {
  it('goes by one half-life', () => {
    const quality = new Quality({ halfLifeMs: 10 * MINUTE })
    for (let n = 0; n < 80; n++) quality.record(outcome({ outcome: 'failed' }))
    expect(quality.estimate('a', GB, START + 10 * MINUTE).messages).toBeCloseTo(40)
    expect(quality.estimate('a', GB, START + 20 * MINUTE).messages).toBeCloseTo(20)
    expect(quality.estimate('a', GB, START + 600 * MINUTE).success).toBeCloseTo(0.9)
  })

  it('keeps its figures when weights get too large for numbers', () => {
    const quality = new Quality({ halfLifeMs: MINUTE })
    const reading = makeReading(1)
    for (let minute = 0; minute < 3_000; minute++) {
      const nowMs = START + minute * MINUTE
      quality.record(outcome({ outcome: minute % 2 ? 'failed' : 'delivered', nowMs }))
      quality.read(GB, nowMs, reading)
      expect(reading.messages[0]).toBeLessThan(34)
      expect(reading.success[0]).toBeGreaterThan(0.5)
    }
    // One message each half-life: what faded before it has come back, up to a third of the memory.
    expect(reading.messages[0]).toBeCloseTo(33, 0)
    expect(reading.success[0]).toBeLessThan(0.56)
    expect(quality.snapshot()).toHaveLength(3)
    const later = START + 30_000 * MINUTE
    expect(quality.estimate('a', GB, later).success).toBeCloseTo(0.9)
    expect(quality.snapshot()).toEqual([])
  })

  it('does not happen twice when the clock is set back', () => {
    const quality = new Quality({ halfLifeMs: MINUTE })
    quality.record(outcome({ nowMs: START + MINUTE, count: 8 }))
    quality.record(outcome({ nowMs: START, count: 8 }))
    expect(quality.estimate('a', GB, START + MINUTE).messages).toBe(16)
  })

  it('bounds what one cell remembers, however much comes', () => {
    const quality = new Quality({ memoryMessages: 150 })
    for (let n = 0; n < 10_000; n++) quality.record(outcome())
    expect(quality.estimate('a', null, START).messages).toBeCloseTo(150)
  })

  it('lets cells that nobody uses go, the oldest first where there are too many', () => {
    const quality = new Quality({ maxCells: 40, halfLifeMs: MINUTE })
    for (let n = 0; n < 500; n++) {
      quality.record(outcome({ cell: { ...GB, network: `234${n}` }, nowMs: START + n }))
      quality.record(outcome({ cell: FR, nowMs: START + n }))
    }
    const scopes = quality.scopesOf('a', START + 500)
    expect(scopes.length).toBeLessThanOrEqual(41)
    expect(scopes).toContainEqual(FR)
    expect(scopes).toContainEqual({ ...GB, network: '234499' })
    expect(scopes).not.toContainEqual({ ...GB, network: '2340' })
    expect(quality.scopesOf('a', START + 50 * MINUTE)).toEqual([])
    expect(quality.snapshot()).toEqual([])
  })
})

/** Feeds one carrier with outcomes of hidden shares; gives after how many the condition held. */
function messagesUntil(
  share: number,
  seed: number,
  everyMs: number,
  condition: (quality: Quality, nowMs: number) => boolean,
): number {
  const quality = new Quality()
  const random = randomFrom(seed)
  let nowMs = START
  const feed = (delivered: number) => {
    nowMs += everyMs
    const isDelivered = random() < delivered
    quality.record(outcome({ outcome: isDelivered ? 'delivered' : 'failed', nowMs }))
  }
  for (let n = 0; n < 2_000; n++) feed(0.95)
  for (let n = 1; n <= 1_000; n++) {
    feed(share)
    if (condition(quality, nowMs)) return n
  }
  return Number.POSITIVE_INFINITY
}

describe('a carrier that falls from 95 % to 20 %', () => {
  // From a thousand a second to one in six hours.
  it.each([1, 100, 10_000, 600_000, 6 * 60 * MINUTE])(
    'is seen within 200 messages, one each %d ms',
    (everyMs) => {
      for (let seed = 1; seed <= 60; seed++) {
        const seen = messagesUntil(0.2, seed, everyMs, (quality, nowMs) => {
          const cell = quality.estimate('a', GB, nowMs)
          return cell.success < 0.5 && cell.upper < 0.6
        })
        expect(seen, `seed ${seed}`).toBeLessThanOrEqual(200)
      }
    },
  )

  it('is not seen where there is none', () => {
    for (let seed = 1; seed <= 60; seed++) {
      const isFallen = (quality: Quality, nowMs: number) =>
        quality.estimate('a', GB, nowMs).upper < 0.9
      expect(messagesUntil(0.95, seed, 100, isFallen), `seed ${seed}`).toBe(Infinity)
    }
  })

  it('recovers once its messages are delivered again', () => {
    for (let seed = 1; seed <= 60; seed++) {
      const quality = new Quality()
      const random = randomFrom(seed)
      const feed = (share: number, count: number) => {
        for (let n = 0; n < count; n++) {
          quality.record(outcome({ outcome: random() < share ? 'delivered' : 'failed' }))
        }
      }
      feed(0.95, 500)
      feed(0.2, 500)
      expect(quality.estimate('a', GB, START).upper).toBeLessThan(0.5)
      feed(0.95, 200)
      expect(quality.estimate('a', GB, START).success, `seed ${seed}`).toBeGreaterThan(0.7)
      expect(quality.estimate('a', GB, START).upper, `seed ${seed}`).toBeGreaterThan(0.8)
    }
  })
})

describe('the bounds', () => {
  it('hold the true share in nine of ten cases', () => {
    let held = 0
    let cases = 0
    for (const share of [0.3, 0.6, 0.9]) {
      for (let seed = 1; seed <= 200; seed++) {
        const random = randomFrom(seed * 7)
        // Without a memory or a prior the interval is that of the sample alone.
        const quality = new Quality({ priorMessages: 0, memoryMessages: 1_000 })
        for (let n = 0; n < 150; n++) {
          quality.record(outcome({ outcome: random() < share ? 'delivered' : 'failed' }))
        }
        const { lower, upper } = quality.estimate('a', GB, START)
        if (lower <= share && share <= upper) held++
        cases++
      }
    }
    expect(held / cases).toBeGreaterThan(0.87)
    expect(held / cases).toBeLessThan(0.94)
  })

  it('hold the estimate, between nothing and everything, whatever comes', () => {
    const options = fc.record<QualityOptions>({
      priorMessages: fc.nat(50),
      priorSuccess: fc.double({ min: 0, max: 1, noNaN: true }),
      memoryMessages: fc.integer({ min: 1, max: 500 }),
    })
    const event = fc.record({
      outcome: fc.constantFrom('delivered', 'failed', 'unanswered', 'throttled'),
      ms: fc.nat(1e9),
      count: fc.integer({ min: 1, max: 1_000 }),
      cell: fc.constantFrom(GB, FR, GB_OTP),
    })
    fc.assert(
      fc.property(fc.array(event), options, (events, chosen) => {
        const quality = new Quality(chosen)
        quality.carrierIndex('a')
        for (const { outcome: each, ms, count, cell } of events) {
          quality.record(outcome({ outcome: each, count, cell, nowMs: START + ms }))
        }
        const { success, lower, upper } = readingOf(quality, GB, START + 1e9)
        expect(lower[0]).toBeGreaterThanOrEqual(0)
        expect(upper[0]).toBeLessThanOrEqual(1)
        expect(success[0]).toBeGreaterThanOrEqual((lower[0] ?? 0) - 1e-9)
        expect(success[0]).toBeLessThanOrEqual((upper[0] ?? 0) + 1e-9)
      }),
    )
  })
})

describe('read', () => {
  it('gives what estimate gives, for every carrier, at any moment', () => {
    const quality = new Quality({ halfLifeMs: 5 * MINUTE })
    const random = randomFrom(3)
    const names = Array.from({ length: 40 }, (_, index) => `c${index}`)
    for (const name of names) quality.carrierIndex(name)
    const reading = makeReading(names.length)
    let nowMs = START
    for (let n = 0; n < 4_000; n++) {
      nowMs += Math.floor(random() * 2_000)
      const carrier = names[Math.floor(random() * names.length)] ?? ''
      const cell = random() < 0.5 ? GB : FR
      const isDelivered = random() < 0.7
      quality.record({
        carrier,
        cell,
        outcome: isDelivered ? 'delivered' : 'failed',
        nowMs,
        latencyMs: random() * 20_000,
      })
      if (n % 50 > 0) continue
      for (const asked of [GB, FR, GB_OTP, { ...GB, country: 'DE' }]) {
        quality.read(asked, nowMs, reading)
        for (const [index, name] of names.entries()) {
          const exact = quality.estimate(name, asked, nowMs)
          // A figure may be old by a part of a half-life that nobody can see.
          expect(reading.success[index]).toBeCloseTo(exact.success, 3)
          expect(reading.lower[index]).toBeCloseTo(exact.lower, 3)
          expect(reading.upper[index]).toBeCloseTo(exact.upper, 3)
          expect(reading.messages[index]).toBeCloseTo(exact.messages, 1)
          const latency = reading.latencyMs[index] ?? 0
          if (Number.isNaN(exact.latencyMs)) expect(latency).toBeNaN()
          else expect(latency / exact.latencyMs).toBeCloseTo(1, 1)
        }
      }
    }
  })

  it('shows the next message at once', () => {
    const quality = new Quality()
    quality.record(outcome())
    const before = readingOf(quality, GB).success[0] ?? 0
    quality.record(outcome({ outcome: 'failed' }))
    expect(readingOf(quality, GB).success[0]).toBeLessThan(before)
    expect(readingOf(quality, GB_OTP).success[0]).toBeLessThan(before)
  })

  it('has room for carriers that come later, and leaves out those beyond the reading', () => {
    const quality = new Quality()
    quality.record(outcome({ carrier: 'first', outcome: 'failed', count: 50 }))
    for (let n = 0; n < 99; n++) expect(quality.carrierIndex(`later ${n}`)).toBe(n + 1)
    expect(quality.carrierIndex('first')).toBe(0)
    quality.record(outcome({ carrier: 'later 98', count: 80 }))
    const whole = readingOf(quality, GB)
    expect(whole.success[0]).toBeLessThan(0.4)
    expect(whole.success[1]).toBeCloseTo(0.9)
    expect(whole.success[99]).toBeGreaterThan(0.95)
    const few = makeReading(2)
    quality.read(GB, START, few)
    expect(few.success[0]).toBe(whole.success[0])
  })
})

describe('latencies', () => {
  it('are known to within a fifth, by quantile', () => {
    const quality = new Quality()
    const random = randomFrom(11)
    const latencies = Array.from({ length: 1_500 }, () => 1_000 * Math.exp(2 * random()))
    for (const latencyMs of latencies) quality.record(outcome({ latencyMs }))
    latencies.sort((a, b) => a - b)
    for (const share of [0.1, 0.5, 0.9, 0.99]) {
      const exact = latencies[Math.floor(share * latencies.length)] ?? 0
      const learnt = quality.latencyQuantile('a', GB, share, START)
      expect(learnt / exact).toBeGreaterThan(0.8)
      expect(learnt / exact).toBeLessThan(1.2)
    }
    const { latencyMs, latencyP99Ms } = quality.estimate('a', GB, START)
    expect(latencyMs).toBe(quality.latencyQuantile('a', GB, 0.5, START))
    expect(latencyP99Ms).toBe(quality.latencyQuantile('a', GB, 0.99, START))
  })

  it('of a cell with few receipts are those of the coarser; of a carrier with few, unknown', () => {
    const quality = new Quality()
    for (let n = 0; n < 49; n++) quality.record(outcome({ latencyMs: 2_000 }))
    expect(quality.latencyQuantile('a', GB, 0.99, START)).toBeNaN()
    for (let n = 0; n < 10; n++) quality.record(outcome({ cell: FR, latencyMs: 2_000 }))
    expect(quality.latencyQuantile('a', FR, 0.99, START) / 2_000).toBeCloseTo(1, 0)
    expect(quality.latencyQuantile('b', FR, 0.99, START)).toBeNaN()
  })

  it('of clocks that differ, and of days, still count', () => {
    const quality = new Quality()
    for (let n = 0; n < 60; n++) quality.record(outcome({ latencyMs: -5_000 }))
    expect(quality.latencyQuantile('a', GB, 0.99, START)).toBeLessThanOrEqual(50)
    for (let n = 0; n < 6_000; n++) quality.record(outcome({ latencyMs: 1e12 }))
    expect(quality.latencyQuantile('a', GB, 0.5, START)).toBeGreaterThan(5 * 86_400_000)
  })
})

describe('what is stored', () => {
  function taught(): Quality {
    const quality = new Quality()
    for (let n = 0; n < 70; n++) {
      quality.record(outcome({ carrier: 'b', latencyMs: 3_000, nowMs: START + n }))
      quality.record(outcome({ outcome: n % 2 ? 'failed' : 'unanswered', nowMs: START + n }))
      quality.record(outcome({ cell: FR, outcome: 'throttled', nowMs: START + n }))
    }
    return quality
  }

  it('gives the same estimates when it is taken over, also later', () => {
    const quality = taught()
    const states = JSON.parse(JSON.stringify(quality.snapshot()))
    const other = new Quality()
    for (const name of ['b', 'a']) other.carrierIndex(name)
    const later = START + 7 * MINUTE
    other.restore(states, later)
    for (const carrier of ['a', 'b']) {
      for (const scope of [null, { country: 'GB' }, GB, FR]) {
        const before = quality.estimate(carrier, scope, later)
        const after = other.estimate(carrier, scope, later)
        for (const [name, value] of Object.entries(before)) {
          if (typeof value !== 'number') continue
          const again = after[name as 'success']
          if (Number.isNaN(value)) expect(again, `${carrier} ${name}`).toBeNaN()
          else expect(again / (value || 1), `${carrier} ${name}`).toBeCloseTo(value && 1, 6)
        }
      }
    }
  })

  it('is left alone where no carrier has its name, and where it is too old to count', () => {
    const states = taught().snapshot()
    const other = new Quality()
    other.carrierIndex('b')
    other.restore(states, START)
    expect(other.carrierCount).toBe(1)
    const late = new Quality()
    for (const name of ['a', 'b']) late.carrierIndex(name)
    late.restore(states, START + 1e11)
    expect(late.snapshot()).toEqual([])
    expect(late.estimate('a', GB, START + 1e11).success).toBe(0.9)
  })

  it('is only what has changed, where so asked', () => {
    const quality = taught()
    quality.record(outcome({ carrier: 'b', nowMs: START + MINUTE }))
    const changed = quality.snapshot(START + MINUTE)
    expect(changed.map(({ carrier, scope }) => [carrier, scope])).toEqual([
      ['b', null],
      ['b', { country: 'GB' }],
      ['b', GB],
    ])
  })
})

describe('other terms', () => {
  it('change nothing of what was counted, and let it fade by the other half-life', () => {
    const quality = new Quality({ halfLifeMs: 30 * MINUTE })
    for (let n = 0; n < 40; n++) quality.record(outcome({ outcome: 'failed' }))
    const nowMs = START + 30 * MINUTE
    const before = quality.estimate('a', GB, nowMs)
    expect(before.messages).toBeCloseTo(20)
    expect(readingOf(quality, GB, nowMs).success[0]).toBeCloseTo(before.success, 3)
    quality.follow({ halfLifeMs: 10 * MINUTE })
    expect(quality.estimate('a', GB, nowMs)).toEqual({
      ...before,
      messages: expect.closeTo(20),
      success: expect.closeTo(before.success),
      lower: expect.closeTo(before.lower),
      upper: expect.closeTo(before.upper),
    })
    expect(quality.estimate('a', GB, nowMs + 10 * MINUTE).messages).toBeCloseTo(10)
  })

  it('show at once', () => {
    const quality = new Quality()
    quality.carrierIndex('a')
    expect(readingOf(quality, GB).success[0]).toBeCloseTo(0.9)
    quality.follow({ priorSuccess: 0.5 })
    expect(readingOf(quality, GB).success[0]).toBeCloseTo(0.5)
  })
})
