import fc from 'fast-check'
import { describe, expect, it } from 'vitest'
import { QUIET_RULES, quietUntil } from '../../src/messages/quiet-hours.ts'
import { regionOf } from '../../src/routing/regions.ts'
import { COUNTRIES_WITH_ZONES, timeZonesOf } from '../../src/routing/time-zones.ts'

const COUNTRIES = Object.keys(QUIET_RULES)

function until(country: string, at: string): string | undefined {
  return quietUntil(country, new Date(at))?.toISOString()
}

/** The wall clock by another way than the code's: as text, from the locale that writes ISO dates. */
function wallClock(zone: string, at: Date): { date: string; hour: number; weekday: number } {
  const text = at.toLocaleString('sv-SE', { timeZone: zone })
  const [date = '', time = ''] = text.split(' ')
  const weekday = new Date(`${date}T00:00:00Z`).getUTCDay()
  return { date, hour: Number(time.slice(0, 2)), weekday }
}

/** True when no zone of the country is in its night or on a quiet day; holidays are left out. */
function isDaytime(country: string, at: Date): boolean {
  const rule = QUIET_RULES[country]
  if (rule === undefined) throw new Error(country)
  return timeZonesOf(country).every((zone) => {
    const { hour, weekday } = wallClock(zone, at)
    return hour >= rule.toHour && hour < rule.fromHour && !rule.days.includes(weekday)
  })
}

describe('quietUntil', () => {
  it.each([
    ['IN', '2026-05-04T15:29:59.999Z', undefined],
    ['IN', '2026-05-04T15:30:00Z', '2026-05-05T03:30:00.000Z'],
    ['IN', '2026-05-05T03:29:59Z', '2026-05-05T03:30:00.000Z'],
    ['IN', '2026-05-05T03:30:00Z', undefined],
  ])('%s at %s: %s', (country, at, expected) => expect(until(country, at)).toBe(expected))

  it('is null where there is no rule', () => {
    expect(quietUntil('GB', new Date('2026-05-05T01:00:00Z'))).toBeNull()
    expect(quietUntil('001', new Date('2026-05-05T01:00:00Z'))).toBeNull()
    expect(quietUntil('constructor', new Date('2026-05-05T01:00:00Z'))).toBeNull()
  })

  it.each([
    // Saturday night to Monday morning; the clock is put on in between (29 March 2026).
    ['2026-03-28T22:30:00Z', '2026-03-30T06:00:00.000Z'],
    // The clock is put back on Sunday 25 October 2026.
    ['2026-10-24T20:00:00Z', '2026-10-26T07:00:00.000Z'],
    // Easter: Saturday night, Sunday, Easter Monday.
    ['2026-04-04T20:30:00Z', '2026-04-07T06:00:00.000Z'],
    // Ascension 2026, Whit Monday 2027, and a fixed day.
    ['2026-05-14T10:00:00Z', '2026-05-15T06:00:00.000Z'],
    ['2027-05-17T10:00:00Z', '2027-05-18T06:00:00.000Z'],
    ['2026-07-14T10:00:00Z', '2026-07-15T06:00:00.000Z'],
    // An ordinary Thursday.
    ['2026-05-21T10:00:00Z', undefined],
  ])('knows Sundays and holidays in France: %s', (at, expected) => {
    expect(until('FR', at)).toBe(expected)
  })

  it('knows the weekend of Egypt, where the clock skips midnight (24 April 2026)', () => {
    expect(until('EG', '2026-04-23T19:30:00Z')).toBe('2026-04-26T06:00:00.000Z')
  })

  it('waits for the last zone of a country, and stops with the first', () => {
    // 08:00 in Honolulu is 18:00 UTC; 21:00 in New York is 02:00 UTC in winter, 01:00 in summer.
    expect(until('US', '2026-01-15T14:00:00Z')).toBe('2026-01-15T18:00:00.000Z')
    expect(until('US', '2026-01-16T01:59:00Z')).toBeUndefined()
    expect(until('US', '2026-01-16T02:00:00Z')).toBe('2026-01-16T18:00:00.000Z')
    expect(until('US', '2026-07-16T00:59:00Z')).toBeUndefined()
    expect(until('US', '2026-07-16T01:00:00Z')).toBe('2026-07-16T18:00:00.000Z')
  })

  it('gives the same answer again within the minute and another one after it', () => {
    expect(until('IN', '2026-05-04T15:29:10Z')).toBeUndefined()
    expect(until('IN', '2026-05-04T15:29:50Z')).toBeUndefined()
    expect(until('IN', '2026-05-04T15:30:10Z')).toBe('2026-05-05T03:30:00.000Z')
  })

  it('never answers a quiet instant, and none that could be earlier by a minute', () => {
    const from = Date.parse('2026-01-01T00:00:00Z')
    const to = Date.parse('2030-01-01T00:00:00Z')
    fc.assert(
      fc.property(
        fc.constantFrom(...COUNTRIES),
        fc.date({ min: new Date(from), max: new Date(to), noInvalidDate: true }),
        (country, at) => {
          const answer = quietUntil(country, at)
          if (answer === null) {
            expect(isDaytime(country, at)).toBe(true)
            return
          }
          expect(answer.getTime()).toBeGreaterThan(at.getTime())
          expect(isDaytime(country, answer)).toBe(true)
          expect(quietUntil(country, answer)).toBeNull()
          const before = new Date(answer.getTime() - 60_000)
          if (before > at) expect(quietUntil(country, before)).toEqual(answer)
        },
      ),
      { numRuns: 300 },
    )
  })
})

describe('the data', () => {
  it.each(COUNTRIES)('of %s opens within four days of any instant', (country) => {
    const start = Date.parse('2026-01-01T00:30:00Z')
    for (let day = 0; day < 366; day++) {
      const at = new Date(start + day * 86_400_000)
      const wait = (quietUntil(country, at)?.getTime() ?? at.getTime()) - at.getTime()
      expect(wait).toBeLessThan(4 * 86_400_000)
    }
  })

  it('names a source, hours of a night, and a country with zones', () => {
    for (const [country, rule] of Object.entries(QUIET_RULES)) {
      expect(rule.source, country).not.toBe('')
      expect(rule.toHour, country).toBeLessThan(rule.fromHour)
      expect(timeZonesOf(country), country).not.toEqual([])
    }
  })

  it('has zones that this runtime knows, each in one country', () => {
    const zones = COUNTRIES_WITH_ZONES.flatMap(timeZonesOf)
    for (const timeZone of zones) {
      expect(() => new Intl.DateTimeFormat('en', { timeZone }), timeZone).not.toThrow()
    }
    expect(new Set(zones).size).toBe(zones.length)
    expect(timeZonesOf('toString')).toEqual([])
    expect(timeZonesOf('FR')).toEqual(['Europe/Paris'])
  })

  it('has zones for every country that numbers belong to', () => {
    // Kosovo, Ascension and Tristan da Cunha have dialling codes and no entry in ISO 3166-1.
    const without = ['XK', 'AC', 'TA']
    const letters = [...'ABCDEFGHIJKLMNOPQRSTUVWXYZ']
    const countries = letters
      .flatMap((first) => letters.map((second) => first + second))
      .filter((country) => regionOf(country) !== undefined)
    expect(countries.filter((country) => timeZonesOf(country).length === 0).sort()).toEqual(
      without.sort(),
    )
  })
})
