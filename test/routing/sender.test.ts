import fc from 'fast-check'
import { describe, expect, it } from 'vitest'
import { parseSender } from '../../src/routing/sender.ts'

describe('parseSender', () => {
  it.each([
    ['ACME', { kind: 'alphanumeric', value: 'ACME', ton: 5, npi: 0 }],
    [' My Shop 24 ', { kind: 'alphanumeric', value: 'My Shop 24', ton: 5, npi: 0 }],
    ['Café & Öl', { kind: 'alphanumeric', value: 'Café & Öl', ton: 5, npi: 0 }],
    ['+44 7700 900123', { kind: 'number', value: '447700900123', ton: 1, npi: 1 }],
    ['00447700900123', { kind: 'number', value: '447700900123', ton: 1, npi: 1 }],
    ['447700900123', { kind: 'number', value: '447700900123', ton: 1, npi: 1 }],
    ['07700900123', { kind: 'number', value: '07700900123', ton: 0, npi: 1 }],
    ['+1234567', { kind: 'number', value: '1234567', ton: 1, npi: 1 }],
    ['123', { kind: 'short_code', value: '123', ton: 3, npi: 0 }],
    ['12345678', { kind: 'short_code', value: '12345678', ton: 3, npi: 0 }],
  ])('reads %j', (text, sender) => {
    expect(parseSender(text)).toEqual({ ok: true, sender })
  })

  it.each([
    ['', 'empty'],
    ['TwelveLetter', 'at most 11 characters, this one 12'],
    ['Банк', 'GSM 7-bit basic set'],
    ['[ACME]', 'GSM 7-bit basic set'],
    ['ΩΔ', 'Latin letters'],
    ['AC\nME', 'GSM 7-bit basic set'],
    ['#!', 'at least one letter'],
    ['12', 'at least 3'],
    ['+1234567890123456', 'at most 15 digits'],
    ['+', 'at least one letter'],
  ])('refuses %j and says why', (text, reason) => {
    const result = parseSender(text)
    expect(result).toMatchObject({ ok: false })
    expect(!result.ok && result.reason).toContain(reason)
  })

  it('never gives an address that does not fit the PDU', () => {
    fc.assert(
      fc.property(fc.oneof(fc.string(), fc.stringMatching(/^[+0-9 A-z]{0,18}$/)), (text) => {
        const result = parseSender(text)
        if (!result.ok) return
        expect(result.sender.value).not.toBe('')
        expect(result.sender.value.length).toBeLessThanOrEqual(15)
        expect(result.sender.value).not.toContain('\0')
      }),
    )
  })
})
