import { describe, expect, it } from 'vitest'
import { maskNumber } from '../../src/core/logger.ts'

describe('maskNumber', () => {
  it.each([
    ['+447700900123', '+44770*******'],
    ['447700900123', '44770*******'],
    ['+1', '+1'],
    ['12345', '12345'],
    ['123456', '12345*'],
    ['', ''],
  ])('cuts %s to %s', (number, masked) => {
    expect(maskNumber(number)).toBe(masked)
  })
})
