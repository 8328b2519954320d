import fc from 'fast-check'
import { describe, expect, it } from 'vitest'
import { SmppError } from '../../src/smpp/errors.ts'
import {
  formatAbsoluteTime,
  formatRelativeTime,
  parseSmppTime,
  resolveSmppTime,
} from '../../src/smpp/time.ts'

function instant(text: string): string | undefined {
  const time = parseSmppTime(text)
  return time?.kind === 'absolute' ? time.at.toISOString() : undefined
}

describe('parseSmppTime', () => {
  it('reads absolute times', () => {
    expect(instant('240131235959000+')).toBe('2024-01-31T23:59:59.000Z')
    expect(instant('240205120000004-')).toBe('2024-02-05T13:00:00.000Z')
    expect(instant('240205120000304+')).toBe('2024-02-05T11:00:00.300Z')
    expect(instant('371231235959948+')).toBe('2037-12-31T11:59:59.900Z')
    expect(instant('380101000000000+')).toBe('1938-01-01T00:00:00.000Z')
  })

  it('reads relative times', () => {
    expect(parseSmppTime('000001000000000R')).toEqual({
      kind: 'relative',
      years: 0,
      months: 0,
      days: 1,
      hours: 0,
      minutes: 0,
      seconds: 0,
    })
  })

  it('gives nothing for what is no time', () => {
    const wrong = [
      '',
      '240131235959000',
      '240131235959000Z',
      '2401312359590000+',
      '241301000000000+',
      '240230000000000+',
      '240131240000000+',
      '240131236000000+',
      '240131235960000+',
      '240131235959049+',
      '000000000000000+',
      '24013123595900a+',
    ]
    for (const text of wrong) expect(parseSmppTime(text)).toBeUndefined()
  })

  it('gives a time or nothing for any text', () => {
    fc.assert(
      fc.property(fc.stringMatching(/^[0-9]{15}[-+R]$/), (text) => {
        const time = parseSmppTime(text)
        if (time !== undefined) {
          expect(Number.isNaN(resolveSmppTime(time, new Date(0)).getTime())).toBe(false)
        }
      }),
    )
  })
})

describe('resolveSmppTime', () => {
  it('counts relative times from now', () => {
    const now = new Date('2024-01-31T10:00:00.500Z')
    const resolve = (text: string) => {
      const time = parseSmppTime(text)
      return time === undefined ? undefined : resolveSmppTime(time, now).toISOString()
    }
    expect(resolve('000001000000000R')).toBe('2024-02-01T10:00:00.500Z')
    expect(resolve('010000023004000R')).toBe('2025-01-31T12:30:04.500Z')
    expect(resolve('240131235959000+')).toBe('2024-01-31T23:59:59.000Z')
  })
})

describe('formatting', () => {
  it('writes absolute times', () => {
    const at = new Date('2024-02-05T13:00:00.370Z')
    expect(formatAbsoluteTime(at)).toBe('240205130000300+')
    expect(formatAbsoluteTime(at, -60)).toBe('240205120000304-')
    expect(formatAbsoluteTime(at, 345)).toBe('240205184500323+')
  })

  it('writes relative times', () => {
    expect(formatRelativeTime(86_400)).toBe('000001000000000R')
    expect(formatRelativeTime(86_399)).toBe('000000235959000R')
    expect(formatRelativeTime(0)).toBe('000000000000000R')
  })

  it('refuses what the format cannot say', () => {
    const wrong = [
      () => formatAbsoluteTime(new Date('1999-12-31T23:59:59Z')),
      () => formatAbsoluteTime(new Date('2038-01-01T00:00:00Z')),
      () => formatAbsoluteTime(new Date(Number.NaN)),
      () => formatAbsoluteTime(new Date(), 7),
      () => formatAbsoluteTime(new Date(), 735),
      () => formatRelativeTime(-1),
      () => formatRelativeTime(1.5),
      () => formatRelativeTime(31 * 86_400 + 1),
    ]
    for (const format of wrong) expect(format).toThrow(SmppError)
  })

  it('is read back', () => {
    const times = fc.date({
      min: new Date('2000-01-02T00:00:00Z'),
      max: new Date('2037-12-30T00:00:00Z'),
      noInvalidDate: true,
    })
    fc.assert(
      fc.property(times, fc.integer({ min: -48, max: 48 }), (at, quarters) => {
        const tenths = Math.floor(at.getTime() / 100) * 100
        const parsed = parseSmppTime(formatAbsoluteTime(at, quarters * 15))
        expect(parsed).toEqual({
          kind: 'absolute',
          at: new Date(tenths),
          offsetMinutes: quarters * 15,
        })
      }),
    )
    fc.assert(
      fc.property(fc.integer({ min: 0, max: 31 * 86_400 }), (seconds) => {
        const parsed = parseSmppTime(formatRelativeTime(seconds))
        const end = parsed === undefined ? undefined : resolveSmppTime(parsed, new Date(0))
        expect(end?.getTime()).toBe(seconds * 1000)
      }),
    )
  })
})
