import fc from 'fast-check'
import { describe, expect, it } from 'vitest'
import { isGsm7 } from '../../src/encoding/gsm7.ts'
import { replaceTypography } from '../../src/encoding/typography.ts'

describe('replaceTypography', () => {
  it('makes a text GSM-7 and says what it changed, in order', () => {
    const text = '“It’s here”\u00a0– it’s 5…\u200b'
    expect(isGsm7(text)).toBe(false)
    const plain = replaceTypography(text)
    expect(plain.text).toBe('"It\'s here" - it\'s 5...')
    expect(isGsm7(plain.text)).toBe(true)
    expect(plain.replacements).toEqual([
      { from: '“', to: '"', count: 1 },
      { from: '’', to: "'", count: 2 },
      { from: '”', to: '"', count: 1 },
      { from: '\u00a0', to: ' ', count: 1 },
      { from: '–', to: '-', count: 1 },
      { from: '…', to: '...', count: 1 },
      { from: '\u200b', to: '', count: 1 },
    ])
  })

  it.each(['hello', '', 'ç', 'Ж', '👨‍👩‍👧', 'می‌خواهم'])('leaves %s alone', (text) => {
    expect(replaceTypography(text)).toEqual({ text, replacements: [] })
  })

  it('touches no GSM-7 character and puts in only such', () => {
    fc.assert(
      fc.property(fc.string({ unit: 'binary', maxLength: 40 }), (text) => {
        const { replacements } = replaceTypography(text)
        for (const { from, to } of replacements) {
          expect(isGsm7(from)).toBe(false)
          expect(isGsm7(to)).toBe(true)
        }
      }),
    )
    for (let unit = 0; unit < 0x10000; unit++) {
      const from = String.fromCharCode(unit)
      const { text, replacements } = replaceTypography(from)
      if (isGsm7(from)) expect(text).toBe(from)
      else if (replacements.length > 0) expect(isGsm7(text)).toBe(true)
    }
  })
})
