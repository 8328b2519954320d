import { expect, it } from 'vitest'
import { retryAfterMs } from '../../src/core/retry-after.ts'

const NOW = new Date('2026-03-01T12:00:00.000Z')

it.each([
  ['0', 0],
  [' 90 ', 90_000],
  ['9999999999', 9_999_999_999_000],
  ['Sun, 01 Mar 2026 12:10:00 GMT', 600_000],
  ['Sunday, 01-Mar-26 12:10:00 GMT', 600_000],
  ['Sun, 01 Mar 2026 11:00:00 GMT', 0],
])('%s asks for %i ms', (header, ms) => {
  expect(retryAfterMs(header, NOW)).toBe(ms)
})

it.each([
  undefined,
  null,
  '',
  'soon',
  '-5',
  '1.5',
  '1e9',
  '12345678901',
  '2026-03-01',
  'Sun, 99 GMT',
])('%s asks for nothing', (header) => {
  expect(retryAfterMs(header, NOW)).toBeUndefined()
})
