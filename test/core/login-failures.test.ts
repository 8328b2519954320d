import { describe, expect, test } from 'vitest'
import { LoginFailures } from '../../src/core/login-failures.ts'

const HERE = '203.0.113.7'
const THERE = '203.0.113.8'
const MINUTES = 60_000

function failedBy(times: number, address = HERE, account: string | null = 'p', at = 0) {
  const failures = new LoginFailures(5_000)
  for (let time = 0; time < times; time++) failures.failed(address, account ?? undefined, at)
  return failures
}

describe('the wait', () => {
  test('doubles with each failure, up to the longest', () => {
    const waits = [0, 1, 2, 3, 4, 5, 6, 60].map((times) => failedBy(times).delayMs(HERE, 'p', 0))
    expect(waits).toEqual([0, 250, 500, 1_000, 2_000, 4_000, 5_000, 5_000])
  })

  test('holds for other accounts at the address, and for the account at other addresses', () => {
    const failures = failedBy(3)
    expect(failures.delayMs(HERE, 'q', 0)).toBe(1_000)
    expect(failures.delayMs(THERE, 'p', 0)).toBe(1_000)
    expect(failures.delayMs(THERE, 'q', 0)).toBe(0)
  })

  test('an account that does not exist is not remembered', () => {
    expect(failedBy(3, HERE, null).delayMs(THERE, 'p', 0)).toBe(0)
  })

  test('is over after a quarter of an hour without a failure', () => {
    const failures = failedBy(10)
    expect(failures.delayMs(HERE, 'p', 14 * MINUTES)).toBe(5_000)
    expect(failures.delayMs(HERE, 'p', 15 * MINUTES)).toBe(0)
    failures.failed(HERE, 'p', 15 * MINUTES)
    expect(failures.delayMs(HERE, 'p', 15 * MINUTES)).toBe(250)
  })
})

describe('an address that the account has bound from', () => {
  test('need not wait for the failures of others', () => {
    const failures = failedBy(10, THERE)
    failures.succeeded(HERE, 'p', 0)
    expect(failures.delayMs(HERE, 'p', 0)).toBe(0)
    expect(failures.delayMs(HERE, 'q', 0)).toBe(0)
    expect(failures.delayMs(THERE, 'p', 0)).toBe(5_000)
  })

  test('waits after five failures of its own without a bind between them', () => {
    const failures = new LoginFailures(5_000)
    failures.succeeded(HERE, 'p', 0)
    for (let time = 0; time < 4; time++) failures.failed(HERE, 'p', 0)
    expect(failures.delayMs(HERE, 'p', 0)).toBe(0)
    failures.succeeded(HERE, 'p', 0)
    for (let time = 0; time < 4; time++) failures.failed(HERE, 'p', 0)
    expect(failures.delayMs(HERE, 'p', 0)).toBe(0)
    failures.failed(HERE, 'p', 0)
    expect(failures.delayMs(HERE, 'p', 0)).toBe(5_000)
  })
})

test('the oldest are forgotten first when there are too many', () => {
  const failures = new LoginFailures(5_000)
  const address = (index: number) => `10.0.${index >> 8}.${index & 0xff}`
  for (let index = 0; index < 10_001; index++) failures.failed(address(index), undefined, 0)
  expect(failures.delayMs(address(0), 'p', 0)).toBe(0)
  expect(failures.delayMs(address(1), 'p', 0)).toBe(250)
})
