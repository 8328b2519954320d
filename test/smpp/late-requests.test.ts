import { expect, test } from 'vitest'
import { LateRequests } from '../../src/smpp/late-requests.ts'

const MINUTE = 60_000

function response(sequence_number: number) {
  return { command: 'submit_sm_resp', sequence_number } as const
}

test('waits on when something else has the number', () => {
  const late = new LateRequests()
  const tell = () => {}
  late.add(7, 'submit_sm', tell, 0)
  expect(late.take({ command: 'enquire_link_resp', sequence_number: 7 }, 1)).toBeUndefined()
  expect(late.take({ command: 'generic_nack', sequence_number: 7 }, 1)).toBe(tell)
})

test('gives whom to tell, once', () => {
  const late = new LateRequests()
  const tell = () => {}
  late.add(7, 'submit_sm', tell, 0)
  expect(late.take(response(8), 1)).toBeUndefined()
  expect(late.take(response(7), 1)).toBe(tell)
  expect(late.take(response(7), 1)).toBeUndefined()
})

test('forgets after ten minutes', () => {
  const late = new LateRequests()
  late.add(1, 'submit_sm', () => {}, 0)
  late.add(2, 'submit_sm', () => {}, MINUTE)
  expect(late.take(response(1), 10 * MINUTE)).toBeUndefined()
  expect(late.take(response(2), 11 * MINUTE - 1)).toBeDefined()
})

test('keeps the latest 10,000', () => {
  const late = new LateRequests()
  for (let sequence = 1; sequence <= 10_001; sequence++)
    late.add(sequence, 'submit_sm', () => {}, 0)
  expect(late.size).toBe(10_000)
  expect(late.take(response(1), 0)).toBeUndefined()
  expect(late.take(response(2), 0)).toBeDefined()
  expect(late.take(response(10_001), 0)).toBeDefined()
  late.clear()
  expect(late.size).toBe(0)
})
