import { expect, it } from 'vitest'
import { newId } from '../../src/core/id.ts'

const UUID_V7 = /^[0-9a-f]{8}-[0-9a-f]{4}-7[0-9a-f]{3}-[89ab][0-9a-f]{3}-[0-9a-f]{12}$/

it('gives UUIDs of version 7, each greater than the one before', () => {
  // More than one supply of random numbers lasts for.
  const ids = Array.from({ length: 5_000 }, newId)
  for (const id of ids) expect(id).toMatch(UUID_V7)
  expect(ids.toSorted()).toEqual(ids)
  expect(new Set(ids).size).toBe(ids.length)
})

it('begins with the time, and ends at random', () => {
  const before = Date.now()
  const [first, second] = [newId(), newId()]
  const time = Number.parseInt(first.replace('-', '').slice(0, 12), 16)
  expect(time).toBeGreaterThanOrEqual(before)
  expect(time).toBeLessThanOrEqual(Date.now())
  expect(first.slice(-8)).not.toBe(second.slice(-8))
})
