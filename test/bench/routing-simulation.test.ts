import { describe, expect, it } from 'vitest'
import { simulate } from '../../bench/load/routing-simulation.ts'

describe.each([1, 2, 3])(
  'the strategy weighted among carriers of hidden quality, seed %i',
  (seed) => {
    const result = simulate(seed)

    it('earns at least 97 % of what the best fixed choices would have earned', () => {
      expect(result.share).toBeGreaterThan(0.97)
      for (const { margin, best } of result.countries) expect(margin / best).toBeGreaterThan(0.95)
    })

    it('leaves a carrier that falls to 20 % within 200 messages, and goes back when it is well', () => {
      expect(result.detectedAfter).toBeLessThanOrEqual(200)
      expect(result.returnedAfter).toBeDefined()
    })
  },
)
