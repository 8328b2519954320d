import { expect, test } from 'vitest'
import { Generations } from '../../src/limits/generations.ts'

test('what is asked for stays; what nobody asks for during a lifetime goes', () => {
  const kept = new Generations<number>(1_000, 100)
  kept.set('a', 1, 0)
  kept.set('b', 2, 50)
  kept.set('c', 3, 100)
  expect([kept.get('a', 150), kept.size]).toEqual([1, 3])
  kept.set('d', 4, 200)
  expect([kept.get('b', 200), kept.get('a', 210), kept.get('c', 210)]).toEqual([undefined, 1, 3])
})

test('there are never more than the capacity; those of late stay', () => {
  const kept = new Generations<number>(100, 1_000_000)
  for (let index = 0; index < 1_000; index++) {
    kept.set(`n${index}`, index, index)
    expect(kept.size).toBeLessThanOrEqual(100)
  }
  for (let index = 950; index < 1_000; index++) expect(kept.get(`n${index}`, 1_000)).toBe(index)
  expect(kept.get('n0', 1_000)).toBeUndefined()
})
