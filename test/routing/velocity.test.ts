import fc from 'fast-check'
import { describe, expect, it } from 'vitest'
import { DEFAULT_GUARDS } from '../../src/config/guards.ts'
import type { VelocityPolicy } from '../../src/core/guards.ts'
import { GuardBreakers } from '../../src/routing/guard-breakers.ts'
import type { PhoneNumber } from '../../src/routing/number.ts'
import { SlidingCount } from '../../src/routing/sliding-count.ts'
import { Velocity } from '../../src/routing/velocity.ts'

const WINDOW_MS = 60_000
const START = 1_000_000_000

function number(digits: string, country = 'GB', callingCode = '44'): PhoneNumber {
  return { e164: `+${digits}`, country, callingCode, region: 'europe', type: 'mobile' }
}

const IN_7700 = number('447700900123')
const IN_7911 = number('447911123456')

function velocity(more: Partial<VelocityPolicy> = {}) {
  const breakers = new GuardBreakers()
  const policy: VelocityPolicy = { ...DEFAULT_GUARDS.velocity, action: 'refuse', ...more }
  return { breakers, guard: new Velocity(policy, breakers) }
}

/** Sends evenly over one window; gives how many were concerned. */
function sendOver(guard: Velocity, count: number, fromMs: number, to = IN_7700, tenant = 't') {
  let stopped = 0
  for (let index = 0; index < count; index++) {
    const nowMs = fromMs + Math.floor((index * WINDOW_MS) / count)
    if (guard.check(tenant, to, nowMs)) stopped++
  }
  return stopped
}

describe('the sliding count', () => {
  it('is never more than half a window off an even flow', () => {
    fc.assert(
      fc.property(fc.integer({ min: 1, max: 50 }), (perWindow) => {
        const count = new SlidingCount(0)
        const gapMs = 1_000 / perWindow
        let nowMs = 0
        for (; nowMs < 10_000; nowMs += gapMs) count.add(nowMs, 1_000, 0.5)
        expect(Math.abs(count.peek(nowMs, 1_000) - perWindow)).toBeLessThanOrEqual(
          1 + perWindow / 2,
        )
      }),
    )
  })

  it('learns what is usual, and forgets it', () => {
    const count = new SlidingCount(0)
    for (let window = 0; window < 20; window++) {
      for (let each = 0; each < 40; each++) count.add(window * 1_000 + each, 1_000, 0.5)
    }
    expect(count.usual).toBeGreaterThan(39)
    count.add(40_000, 1_000, 0.5)
    expect(count.usual).toBeLessThan(1)
  })
})

describe('limits', () => {
  it('of a prefix hold over all tenants, and for no other prefix', () => {
    const { guard, breakers } = velocity({ prefixLimit: 10 })
    for (let index = 0; index < 10; index++) {
      expect(guard.check(`t${index}`, IN_7700, START + index)).toBeUndefined()
    }
    expect(guard.check('another', number('447700111111'), START + 10)).toMatchObject({
      guard: 'velocity',
      action: 'refuse',
      scope: { tenantId: null, prefix: '447700', country: null },
      reason: '+447700: more than 10 messages within 60 s',
    })
    expect(guard.check('another', IN_7911, START + 11)).toBeUndefined()
    expect(breakers.size).toBe(1)
  })

  it("of a tenant's country hold for that tenant alone", () => {
    const { guard } = velocity({ countryLimit: 3 })
    for (const to of [IN_7700, IN_7911, IN_7700]) {
      expect(guard.check('t', to, START)).toBeUndefined()
    }
    expect(guard.check('t', IN_7911, START)?.scope).toEqual({
      tenantId: 't',
      prefix: null,
      country: 'GB',
      pair: null,
    })
    expect(guard.check('t', number('491701234567', 'DE', '49'), START)).toBeUndefined()
    expect(guard.check('u', IN_7700, START)).toBeUndefined()
  })

  it('close after the cool-down, and open again while the flood goes on', () => {
    const { guard, breakers } = velocity({ prefixLimit: 10, coolDownSeconds: 120 })
    expect(sendOver(guard, 100, START)).toBe(90)
    const [[, first] = []] = breakers.entries(START + 1)
    expect(sendOver(guard, 100, START + WINDOW_MS)).toBe(100)
    const overMs = first?.untilMs ?? 0
    expect(guard.check('t', IN_7700, overMs)?.id).not.toBe(first?.id)
    // A quiet hour later all is well.
    expect(guard.check('t', IN_7700, overMs + 3_600_000)).toBeUndefined()
  })

  it('count what slides, not what a clock cuts', () => {
    const { guard } = velocity({ prefixLimit: 10 })
    expect(guard.check('t', IN_7700, START)).toBeUndefined()
    // Eight at the end of a window and eight at the beginning of the next.
    const end = START + WINDOW_MS - 100
    for (let index = 0; index < 8; index++) guard.check('t', IN_7700, end)
    const stopped = Array.from({ length: 8 }, () => guard.check('t', IN_7700, end + 200))
    expect(stopped.filter(Boolean).length).toBeGreaterThanOrEqual(6)
  })
})

describe('bursts', () => {
  const learning = { learnSeconds: 600, burstFactor: 5, burstLeast: 20 }

  function learned() {
    const made = velocity(learning)
    for (let window = 0; window < 40; window++) {
      expect(sendOver(made.guard, 10, START + window * WINDOW_MS)).toBe(0)
    }
    return { ...made, nowMs: START + 40 * WINDOW_MS }
  }

  it('of many times the usual open the breaker', () => {
    const { guard, nowMs } = learned()
    expect(sendOver(guard, 40, nowMs)).toBe(0)
    expect(sendOver(guard, 400, nowMs + 10 * WINDOW_MS)).toBeGreaterThan(300)
  })

  it('to a prefix that was silent open it from the least count on', () => {
    const { guard, nowMs } = learned()
    const fresh = number('447999000000')
    const stopped = sendOver(guard, 100, nowMs, fresh, 'u')
    expect(stopped).toBe(100 - 19)
  })

  it('are not told before there was time to learn', () => {
    const { guard } = velocity(learning)
    expect(sendOver(guard, 400, START)).toBe(0)
  })

  it('are not learned from', () => {
    const { guard, breakers, nowMs } = learned()
    sendOver(guard, 1_000, nowMs)
    const before = guard.snapshot().counts.find(([key]) => key === '447700')?.[1].usual
    for (let window = 1; window < 10; window++) sendOver(guard, 1_000, nowMs + window * WINDOW_MS)
    const after = guard.snapshot().counts.find(([key]) => key === '447700')?.[1].usual
    expect(breakers.size).toBe(1)
    expect(after).toBe(before)
  })

  it('are usual once an operator says so', () => {
    const { guard, breakers, nowMs } = learned()
    // First it is too much for the prefix, then for the tenant's country.
    for (const window of [0, 1]) {
      const endMs = nowMs + (window + 1) * WINDOW_MS - 1
      expect(sendOver(guard, 200, nowMs + window * WINDOW_MS)).toBeGreaterThan(100)
      const [[, open] = []] = breakers.entries(endMs)
      expect(open?.scope.prefix).toBe(['447700', null][window])
      breakers.close(open?.id ?? '')
      if (open) guard.accept(open.scope, endMs)
    }
    expect(sendOver(guard, 200, nowMs + 2 * WINDOW_MS)).toBe(0)
  })
})

describe('what is learned', () => {
  it('is there again after a restart', () => {
    const learning = { learnSeconds: 600, burstFactor: 5, burstLeast: 20 }
    const { guard } = velocity(learning)
    for (let window = 0; window < 40; window++) sendOver(guard, 100, START + window * WINDOW_MS)
    const { guard: next } = velocity(learning)
    next.restore(JSON.parse(JSON.stringify(guard.snapshot())))
    const nowMs = START + 40 * WINDOW_MS
    expect(sendOver(next, 200, nowMs)).toBe(0)
    // Nobody has to learn anew what silence is.
    expect(sendOver(next, 100, nowMs, number('447999000000'), 'u')).toBeGreaterThan(0)
  })

  it('is bounded: the prefixes idle for longest leave', () => {
    const { guard } = velocity()
    for (let index = 0; index < 25_000; index++) {
      const prefix = `44${String(1000 + (index % 9000)).padStart(4, '0')}`
      guard.check('t', number(`${prefix}${index}`.padEnd(12, '0')), START + index * 10)
      const far = String(100_000 + index)
      guard.check('t', number(`1${far}00000`, 'US', String(far)), START + index * 10)
    }
    expect(guard.size).toBeLessThanOrEqual(10_000 + 2)
  })
})
