import { describe, expect, it } from 'vitest'
import { ReferenceCounter } from '../../src/encoding/reference.ts'

describe('ReferenceCounter', () => {
  it('counts each pair by itself', () => {
    const counter = new ReferenceCounter({ start: () => 10 })
    expect(counter.next('ACME', '49151')).toBe(10)
    expect(counter.next('ACME', '49151')).toBe(11)
    expect(counter.next('ACME', '49152')).toBe(10)
    expect(counter.next('OTHER', '49151')).toBe(10)
    expect(counter.next('ACME', '49151')).toBe(12)
    expect(counter.next('ACM', 'E49151')).toBe(10)
  })

  it.each([
    { bits: 8, last: 255 },
    { bits: 16, last: 65_535 },
  ] as const)('wraps at $bits bits', ({ bits, last }) => {
    const counter = new ReferenceCounter({ bits, start: () => last })
    expect([counter.next('a', 'b'), counter.next('a', 'b')]).toEqual([last, 0])
  })

  it('starts within its width by default', () => {
    const counter = new ReferenceCounter()
    for (let index = 0; index < 300; index++) {
      const reference = counter.next('a', `${index}`)
      expect(reference).toBeGreaterThanOrEqual(0)
      expect(reference).toBeLessThan(256)
    }
  })

  it('gives 256 different references in a row', () => {
    const counter = new ReferenceCounter()
    const references = Array.from({ length: 256 }, () => counter.next('a', 'b'))
    expect(new Set(references).size).toBe(256)
  })

  it('forgets the pair not used for longest', () => {
    let started = 0
    const counter = new ReferenceCounter({ maxPairs: 2, start: () => started++ * 100 })
    counter.next('a', '1')
    counter.next('a', '2')
    counter.next('a', '1')
    counter.next('a', '3')
    expect(counter.size).toBe(2)
    expect(counter.next('a', '1')).toBe(2)
    expect(counter.next('a', '2')).toBe(300 % 256)
  })

  it('refuses to remember nothing', () => {
    expect(() => new ReferenceCounter({ maxPairs: 0 })).toThrow(
      expect.objectContaining({ code: 'options_invalid' }),
    )
  })
})
