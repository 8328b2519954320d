import { expect, test } from 'vitest'
import { LateRequests } from '../../src/smpp/late-requests.ts'

const MINUTE = 60_000

test('gives whom to tell, once', () => {
  const late = new LateRequests()
  const tell = () => {}
  late.add(7, tell, 0)
  expect(late.take(8, 1)).toBeUndefined()
  expect(late.take(7, 1)).toBe(tell)
  expect(late.take(7, 1)).toBeUndefined()
})

test('forgets after ten minutes', () => {
  const late = new LateRequests()
  late.add(1, () => {}, 0)
  late.add(2, () => {}, MINUTE)
  expect(late.take(1, 10 * MINUTE)).toBeUndefined()
  expect(late.take(2, 11 * MINUTE - 1)).toBeDefined()
})

test('keeps the latest 10,000', () => {
  const late = new LateRequests()
  for (let sequence = 1; sequence <= 10_001; sequence++) late.add(sequence, () => {}, 0)
  expect(late.size).toBe(10_000)
  expect(late.take(1, 0)).toBeUndefined()
  expect(late.take(2, 0)).toBeDefined()
  expect(late.take(10_001, 0)).toBeDefined()
  late.clear()
  expect(late.size).toBe(0)
})
