import fc from 'fast-check'
import { describe, expect, it } from 'vitest'
import { Quality } from '../../src/routing/quality.ts'

const MINUTE = 60_000
const start = new Date('2026-01-01T00:00:00Z')
const later = (ms: number) => new Date(start.getTime() + ms)

describe('Quality', () => {
  it('starts at the prior', () => {
    expect(new Quality().estimate('a', start)).toEqual({ carrier: 'a', success: 0.9, messages: 0 })
    expect(new Quality({ priorSuccess: 0.5 }).estimate('a', start).success).toBe(0.5)
  })

  it('does not believe three messages', () => {
    const quality = new Quality()
    quality.record('good', true, start, 3)
    quality.record('bad', false, start)
    expect(quality.estimate('good', start).success).toBeCloseTo(21 / 23)
    expect(quality.estimate('bad', start).success).toBeCloseTo(18 / 21)
  })

  it('believes a thousand', () => {
    const quality = new Quality()
    quality.record('a', true, start, 500)
    quality.record('a', false, start, 500)
    expect(quality.estimate('a', start).success).toBeCloseTo(0.508, 3)
  })

  it('forgets by its half-life', () => {
    const quality = new Quality({ halfLifeMs: 10 * MINUTE })
    quality.record('a', false, start, 100)
    expect(quality.estimate('a', later(10 * MINUTE)).messages).toBeCloseTo(50)
    expect(quality.estimate('a', later(20 * MINUTE)).messages).toBeCloseTo(25)
    expect(quality.estimate('a', later(600 * MINUTE)).success).toBeCloseTo(0.9)
    quality.record('a', true, later(10 * MINUTE), 50)
    const { success, messages } = quality.estimate('a', later(10 * MINUTE))
    expect(messages).toBeCloseTo(100)
    expect(success).toBeCloseTo((50 + 18) / 120)
  })

  it('does not fade twice when the clock is set back', () => {
    const quality = new Quality({ halfLifeMs: MINUTE })
    quality.record('a', true, later(MINUTE), 8)
    quality.record('a', true, start, 8)
    expect(quality.estimate('a', later(MINUTE)).messages).toBe(16)
  })

  it('can be stored and taken over', () => {
    const quality = new Quality()
    quality.record('b', true, start, 10)
    quality.record('a', false, start, 4)
    const other = new Quality()
    other.record('a', true, start, 100)
    other.restore(quality.snapshot())
    expect(other.snapshot()).toEqual(quality.snapshot())
    expect(quality.snapshot().map(({ carrier }) => carrier)).toEqual(['a', 'b'])
    expect(JSON.parse(JSON.stringify(quality.snapshot()))).toEqual(quality.snapshot())
  })

  it('stays between nothing and everything', () => {
    const outcome = fc.record({ ok: fc.boolean(), ms: fc.nat(1e9), count: fc.nat(1000) })
    const prior = fc.record({
      priorMessages: fc.nat(50),
      priorSuccess: fc.double({ min: 0, max: 1, noNaN: true }),
    })
    fc.assert(
      fc.property(fc.array(outcome), prior, (outcomes, options) => {
        const quality = new Quality(options)
        for (const { ok, ms, count } of outcomes) quality.record('a', ok, later(ms), count)
        const { success } = quality.estimate('a', later(1e9))
        expect(success).toBeGreaterThanOrEqual(0)
        expect(success).toBeLessThanOrEqual(1 + 1e-9)
      }),
    )
  })
})
