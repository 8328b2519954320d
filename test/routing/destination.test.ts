import { describe, expect, it } from 'vitest'
import { Destinations, destinationText } from '../../src/routing/destination.ts'

const destinations = new Destinations(
  [
    { code: '60123', country: 'GB', carriers: ['alpha'] },
    { code: '84433', country: 'US' },
  ],
  ['alpha', 'beta', 'gamma'],
)

function read(text: string) {
  const parsed = destinations.read(text)
  if (!parsed.ok) throw new Error(parsed.reason)
  return parsed.number
}

describe('Destinations', () => {
  it('reads numbers as ever', () => {
    expect(read('0044 7700 900123').e164).toBe('+447700900123')
    expect(destinationText(read('+44 7700 900123'))).toBe('+447700900123')
  })

  it('reads the short codes that are named, priced as their country', () => {
    expect(read(' 60123 ')).toEqual({
      e164: '+4460123',
      country: 'GB',
      callingCode: '44',
      region: 'europe',
      type: 'short_code',
      shortCode: '60123',
    })
    expect(destinationText(read('84433'))).toBe('84433')
  })

  it('refuses others as before, and says how a short code is named', () => {
    for (const text of ['60124', '123']) {
      expect(destinations.read(text), text).toEqual({
        ok: false,
        reason: expect.stringContaining('numbers.short_codes'),
      })
    }
    expect(destinations.read('+60123')).toMatchObject({ ok: false })
  })

  it('keeps a short code from carriers that do not reach it', () => {
    const UNREACHED = new Map([
      ['beta', 'short_code'],
      ['gamma', 'short_code'],
    ])
    expect(destinations.excluded(read('60123'), undefined)).toEqual(UNREACHED)
    const tried = new Map([['alpha', 'tried']] as const)
    expect(destinations.excluded(read('60123'), tried)).toEqual(
      new Map([['alpha', 'tried'], ...UNREACHED]),
    )
    expect(destinations.excluded(read('84433'), tried)).toBe(tried)
    expect(destinations.excluded(read('+447700900123'), undefined)).toBeUndefined()
  })

  it('knows only countries with numbers', () => {
    expect(() => new Destinations([{ code: '60123', country: 'XX' }])).toThrow(/XX/)
  })
})
