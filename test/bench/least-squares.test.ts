import { expect, test } from 'vitest'
import { leastSquares } from '../../bench/support/least-squares.ts'

test('a line is found exactly, noise around it nearly', () => {
  const line = leastSquares([
    [0, 5],
    [1, 7],
    [2, 9],
    [3, 11],
  ])
  expect(line.slope).toBeCloseTo(2, 10)
  expect(line.slopeError).toBeCloseTo(0, 10)
  const noisy = leastSquares(Array.from({ length: 100 }, (_, x) => [x, 3 * x + (x % 2)] as const))
  expect(Math.abs(noisy.slope - 3)).toBeLessThan(2 * noisy.slopeError)
})

test('a flat row has no slope, and two points say nothing', () => {
  expect(leastSquares(Array.from({ length: 9 }, (_, x) => [x, 4] as const)).slope).toBe(0)
  expect(
    leastSquares([
      [0, 1],
      [1, 9],
    ]),
  ).toEqual({
    slope: 0,
    slopeError: Number.POSITIVE_INFINITY,
  })
})
