import fc from 'fast-check'
import { expect, it } from 'vitest'
import { NumberIndex } from '../../src/core/number-index.ts'

it('has what a map has', () => {
  const key = fc.oneof(
    fc.maxSafeInteger().filter((number) => number !== 0),
    fc.integer({ min: 1, max: 50 }),
  )
  const entries = fc.array(fc.tuple(key, fc.integer({ min: 0, max: 2 ** 31 - 1 })))
  fc.assert(
    fc.property(entries, fc.array(key), (pairs, others) => {
      const index = new NumberIndex()
      for (const [each, value] of pairs) index.set(each, value)
      const map = new Map(pairs)
      expect(index.size).toBe(map.size)
      for (const each of [...map.keys(), ...others])
        expect(index.get(each)).toBe(map.get(each) ?? -1)
    }),
  )
})

it('finds each of many numbers that differ only far up or far down', () => {
  const index = new NumberIndex()
  const keys = Array.from({ length: 50_000 }, (_, place) => [
    place + 1,
    -(place + 1),
    (place + 1) * 2 ** 32,
    1e15 + place,
  ]).flat()
  for (const [value, key] of keys.entries()) index.set(key, value)
  expect(index.size).toBe(keys.length)
  for (const [value, key] of keys.entries()) if (index.get(key) !== value) expect(key).toBe(value)
})
