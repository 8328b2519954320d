import { expect, test } from 'vitest'
import { CURRENCIES } from '../../src/core/currencies.ts'

test('are codes of three capitals, none of them twice, without funds and withdrawn ones', () => {
  for (const code of CURRENCIES) expect(code).toMatch(/^[A-Z]{3}$/)
  expect(CURRENCIES.size).toBe(155)
  for (const code of ['EUR', 'USD', 'XAF', 'VES', 'XCG']) expect(CURRENCIES.has(code)).toBe(true)
  for (const code of ['DEM', 'HRK', 'XAU', 'CHE', 'EURO']) expect(CURRENCIES.has(code)).toBe(false)
})
