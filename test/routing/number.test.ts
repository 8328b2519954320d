import fc from 'fast-check'
import {
  type CountryCode,
  getExampleNumber,
  parsePhoneNumberFromString,
} from 'libphonenumber-js/max'
import examples from 'libphonenumber-js/mobile/examples'
import { describe, expect, it } from 'vitest'
import { knownCountries, parseNumber } from '../../src/routing/number.ts'
import { regionOf } from '../../src/routing/regions.ts'

function e164(text: string, defaultCountry?: string): string {
  const result = parseNumber(text, defaultCountry === undefined ? {} : { defaultCountry })
  return result.ok ? result.number.e164 : result.reason
}

/** What the library alone says, in our words. */
function byLibrary(text: string) {
  const found = parsePhoneNumberFromString(text, { extract: false })
  if (!found?.isPossible() || found.number.length > 16) return undefined
  return {
    e164: found.number,
    callingCode: found.countryCallingCode,
    country: found.country,
    type: found.getType()?.toLowerCase() ?? 'unknown',
  }
}

function byUs(text: string) {
  const result = parseNumber(text)
  if (!result.ok) return undefined
  const { region: _, ...number } = result.number
  return number
}

/** Ours, with the library's silence about the country where it cannot tell. */
/** The library takes off one national prefix at a time; this is what it comes to in the end. */
function settled(text: string): string {
  const number = parsePhoneNumberFromString(text, { extract: false })?.number
  return number !== undefined && number.length < text.length ? settled(number) : text
}

function expectAgreement(text: string) {
  const theirs = byLibrary(settled(text))
  const ours = byUs(text)
  if (theirs === undefined || ours === undefined) {
    expect({ text, ours, theirs }).toEqual({ text, ours: undefined, theirs: undefined })
    return
  }
  expect({ ...ours, country: theirs.country && ours.country, text }).toEqual({ ...theirs, text })
}

describe('parseNumber', () => {
  it('gives everything the router asks for', () => {
    expect(parseNumber('+447400123456')).toEqual({
      ok: true,
      number: {
        e164: '+447400123456',
        country: 'GB',
        callingCode: '44',
        region: 'europe',
        type: 'mobile',
      },
    })
    expect(parseNumber('8613812345678')).toMatchObject({
      number: { country: 'CN', region: 'asia', type: 'mobile' },
    })
    expect(parseNumber('+12025550123')).toMatchObject({
      number: { country: 'US', region: 'north_america', type: 'fixed_line_or_mobile' },
    })
    expect(parseNumber('+18765551234')).toMatchObject({
      number: { country: 'JM', region: 'latin_america' },
    })
    expect(parseNumber('+870773111632')).toMatchObject({
      number: { country: '001', region: 'global' },
    })
  })

  it("accepts Ofcom's numbers for drama, which no plan assigns", () => {
    expect(parseNumber('+447700900123')).toMatchObject({
      ok: true,
      number: { e164: '+447700900123', country: 'GB', callingCode: '44', type: 'unknown' },
    })
  })

  it.each([
    '+447700900123',
    '00447700900123',
    '447700900123',
    ' +44 7700 900-123 ',
    '+44 (7700) 900.123',
    '+44 (0)7700 900123',
    '0044 (0)7700 900123',
    '+(44) 7700/900123',
    '+44\u00a07700\u2011900123',
  ])('tolerates the way it is written: %s', (text) => {
    expect(e164(text)).toBe('+447700900123')
  })

  it('keeps the zero that belongs to an Italian number', () => {
    expect(e164('+39 (0)6 6982 1234')).toBe('+390669821234')
  })

  it('reads bare digits as dialled in the default country', () => {
    expect(e164('07700 900123', 'GB')).toBe('+447700900123')
    expect(e164('2025550123', 'US')).toBe('+12025550123')
    expect(e164('+49 1512 3456789', 'GB')).toBe('+4915123456789')
    expect(e164('0049 1512 3456789', 'GB')).toBe('+4915123456789')
    expect(e164('123', 'XX')).toContain('no ISO 3166 country')
  })

  it.each([
    ['', 'the number is empty'],
    ['   ', 'the number is empty'],
    ['+-()', 'there is no digit in it'],
    ['+44 7700 ABC123', 'only digits'],
    ['tel:+447700900123', 'only digits'],
    ['+44+7700900123', 'only digits'],
    ['１２３', 'only digits'],
    ['1'.repeat(61), 'longer than 60 characters'],
    ['+447700', 'it is too short: 7, 9 or 10 digits must follow +44 (GB), there are 4'],
    ['+44770090012345', 'it is too long: 7, 9 or 10 digits must follow +44 (GB), there are 12'],
    ['+999123456789', 'no country has a calling code that begins 999'],
    ['0123456789', 'no country has a calling code that begins 012'],
    ['+0', 'no country has a calling code'],
    ['+4', 'no country has a calling code'],
    ['+49', 'no country has a calling code'],
    ['+49151234567890123', 'it has more than 15 digits'],
  ])('refuses %j and says why', (text, reason) => {
    const result = parseNumber(text)
    expect(result).toMatchObject({ ok: false })
    expect(!result.ok && result.reason).toContain(reason)
  })

  it('agrees with the library about the example number of every country', () => {
    for (const { country } of knownCountries()) {
      const example = getExampleNumber(country as CountryCode, examples)
      expectAgreement(String(example?.number))
    }
  })

  it('agrees with the library about numbers around the examples', () => {
    const countries = knownCountries()
    fc.assert(
      fc.property(
        fc.constantFrom(...countries),
        fc.nat(12),
        fc.stringMatching(/^\d{0,8}$/),
        ({ country, callingCode }, kept, tail) => {
          const example = getExampleNumber(country as CountryCode, examples)
          const national = String(example?.nationalNumber).slice(0, kept)
          expectAgreement(`+${callingCode}${national}${tail}`)
        },
      ),
      { numRuns: 3000 },
    )
  })

  it('never throws, and what it gives is E.164', () => {
    fc.assert(
      fc.property(
        fc.oneof(fc.string(), fc.stringMatching(/^[+0-9 ().-]{0,20}$/)),
        fc.constantFrom(undefined, 'GB', 'US', 'AR', '', 'zz'),
        (text, defaultCountry) => {
          const result = parseNumber(text, defaultCountry === undefined ? {} : { defaultCountry })
          if (result.ok) expect(result.number.e164).toMatch(/^\+[1-9]\d{2,14}$/)
          else expect(result.reason).not.toBe('')
        },
      ),
      { numRuns: 2000 },
    )
  })

  it('reads its own E.164 form as the same number', () => {
    fc.assert(
      fc.property(fc.stringMatching(/^[1-9]\d{6,14}$/), (digits) => {
        const first = parseNumber(digits)
        if (first.ok) expect(parseNumber(first.number.e164)).toEqual(first)
      }),
      { examples: [['200000000000']], numRuns: 2000 },
    )
  })
})

describe('regionOf', () => {
  it('knows every country of the numbering plans', () => {
    const unknown = knownCountries().filter(({ country }) => regionOf(country) === undefined)
    expect(unknown).toEqual([])
    expect(knownCountries().length).toBeGreaterThan(240)
  })

  it('knows shared codes, and nothing else', () => {
    expect(regionOf('001')).toBe('global')
    expect(regionOf('XX')).toBeUndefined()
    expect(regionOf('constructor')).toBeUndefined()
  })
})
