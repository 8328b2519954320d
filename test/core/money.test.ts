import fc from 'fast-check'
import { describe, expect, it } from 'vitest'
import { formatMicros, parseMicros } from '../../src/core/money.ts'

describe('parseMicros', () => {
  it.each([
    ['0.0350', 35_000n],
    ['0', 0n],
    ['1', 1_000_000n],
    ['0.000001', 1n],
    ['999999999999.999999', 999_999_999_999_999_999n],
    ['007.5', 7_500_000n],
  ])('reads %s', (text, micros) => {
    expect(parseMicros(text)).toBe(micros)
  })

  it.each(['', '-1', '+1', '1.', '.5', '1,5', '1e3', '0.0000001', '1234567890123', ' 1', '1\n'])(
    'refuses %j and names it',
    (text) => {
      expect(() => parseMicros(text)).toThrow(
        expect.objectContaining({
          code: 'amount_invalid',
          message: expect.stringContaining(`"${text}"`),
        }),
      )
    },
  )
})

describe('formatMicros', () => {
  it.each([
    [35_000n, '0.0350'],
    [0n, '0.0000'],
    [1n, '0.000001'],
    [10n, '0.00001'],
    [1_234_567n, '1.234567'],
    [-35_000n, '-0.0350'],
    [-1n, '-0.000001'],
  ])('writes %s', (micros, text) => {
    expect(formatMicros(micros)).toBe(text)
  })

  it('writes what parseMicros reads', () => {
    fc.assert(
      fc.property(fc.bigInt(0n, 999_999_999_999_999_999n), (micros) => {
        expect(parseMicros(formatMicros(micros))).toBe(micros)
      }),
    )
  })
})
