import fc from 'fast-check'
import { describe, expect, it } from 'vitest'
import type { RouteMatch, RouteRule } from '../../src/core/route-rule.ts'
import { atOnce } from '../../src/core/turns.ts'
import { compileMatch, fits } from '../../src/routing/route-match.ts'
import { RouteTable } from '../../src/routing/route-table.ts'
import { requestOf, routeWith } from './subject.ts'

const CARRIERS = [
  { name: 'a', tags: ['direct'] },
  { name: 'b', tags: ['grey', 'cheap'] },
  { name: 'c', tags: [] },
]

const rule = (name: string, match: RouteMatch, more: Partial<RouteRule> = {}): RouteRule => ({
  ...routeWith({}, more),
  name,
  match,
})

const tableOf = (rules: readonly RouteRule[]) => atOnce(RouteTable.build(rules, CARRIERS))

const found = (rules: readonly RouteRule[], request = requestOf()) =>
  tableOf(rules).find(request).name

describe('RouteTable', () => {
  it('gives the first that fits, whatever it is filed under', () => {
    const rules = [
      rule('us', { countries: ['US'] }),
      rule('otp', { trafficClasses: ['otp'] }),
      rule('mobile', { prefixes: ['4477'] }),
      rule('acme', { tenants: ['acme'] }),
      rule('vodafone', { networks: ['23415'] }),
      rule('rest', {}),
    ]
    expect(found(rules)).toBe('mobile')
    expect(found(rules, requestOf({ trafficClass: 'otp' }))).toBe('otp')
    expect(found(rules, requestOf({ to: '+14155550123', trafficClass: 'otp' }))).toBe('us')
    expect(found(rules, requestOf({ to: '+442071838750' }))).toBe('acme')
    const other = { to: '+442071838750', tenant: 'other' }
    expect(found(rules, requestOf({ ...other, network: '23415' }))).toBe('vodafone')
    expect(found(rules, requestOf(other))).toBe('rest')
    expect(found(rules.slice(0, -1), requestOf(other))).toBeNull()
  })

  it('asks of a message one of the tags of a route, whichever', () => {
    const rules = [rule('marked', { tags: ['vip', 'bulk'] }), rule('rest', {})]
    expect(found(rules, requestOf({ tags: ['other', 'bulk'] }))).toBe('marked')
    expect(found(rules, requestOf({ tags: ['vip'] }))).toBe('marked')
    expect(found(rules, requestOf({ tags: ['VIP', 'other'] }))).toBe('rest')
    expect(found(rules, requestOf({ tags: [] }))).toBe('rest')
  })

  it('finds the same as trying all of them in order', () => {
    const tenant = fc.constantFrom('acme', 'other')
    const match = fc.record(
      {
        tenants: fc.array(tenant, { maxLength: 2 }),
        countries: fc.array(fc.constantFrom('GB', 'US', 'DE'), { maxLength: 2 }),
        prefixes: fc.array(fc.constantFrom('4', '44', '4477', '1', '49'), { maxLength: 3 }),
        networks: fc.array(fc.constantFrom('234', '23415', '262'), { maxLength: 2 }),
        trafficClasses: fc.array(fc.constantFrom('otp', 'marketing'), { maxLength: 1 }),
        tags: fc.array(fc.constantFrom('vip', 'bulk'), { maxLength: 2 }),
        senders: fc.array(fc.constantFrom('AC*', 'ACME', 'BANK'), { maxLength: 2 }),
      },
      { requiredKeys: [] },
    )
    const request = fc.record({
      tenant,
      to: fc.constantFrom('+447700900123', '+14155550123', '+4915112345678', '+442071838750'),
      network: fc.constantFrom(null, '23415', '23410', '26201'),
      trafficClass: fc.constantFrom('otp', 'transactional', 'marketing'),
      from: fc.constantFrom('ACME', 'ACRE', 'BANK', 'X'),
      tags: fc.subarray(['vip', 'bulk', 'other']),
    } as const)
    fc.assert(
      fc.property(fc.array(match, { maxLength: 12 }), request, (matches, more) => {
        const rules = matches.map((each, index) => rule(`r${index}`, each as RouteMatch))
        const subject = requestOf(more)
        const first = rules.find((each) => fits(compileMatch(each.match), subject))
        expect(found(rules, subject)).toBe(first?.name ?? null)
      }),
    )
  })

  it('knows who may take its messages: by name, by tag, not who is denied', () => {
    const placesOf = (more: Partial<RouteRule>) => [
      ...tableOf([rule('r', {}, more)]).find(requestOf()).places,
    ]
    expect(placesOf({})).toEqual([0, 1, 2])
    expect(placesOf({ carriers: ['c', 'a'] })).toEqual([1, -1, 0])
    expect(placesOf({ carrierTags: ['cheap', 'direct'] })).toEqual([0, 1, -1])
    expect(placesOf({ deny: ['a'] })).toEqual([-1, 1, 2])
    const canary = { carrier: 'b', percent: 5, stopBelow: 0.5, afterMessages: 10 }
    expect(placesOf({ carriers: ['a'], canary })).toEqual([0, 0, -1])
  })
})

describe('fits', () => {
  const is = (match: RouteMatch, more: Parameters<typeof requestOf>[0] = {}) =>
    fits(compileMatch(match), requestOf(more))

  it('looks at sender ids, with a star at the end for anything', () => {
    expect(is({ senders: ['ACME'] })).toBe(true)
    expect(is({ senders: ['AC*'] })).toBe(true)
    expect(is({ senders: ['*'] })).toBe(true)
    expect(is({ senders: ['acme', 'X*'] })).toBe(false)
  })

  it('looks at the text', () => {
    const content = /\bcode\b/iu
    expect(is({ content }, { text: 'Your Code is 1234' })).toBe(true)
    expect(is({ content }, { text: 'decoded' })).toBe(false)
  })

  it('looks at channels', () => {
    expect(is({ channels: ['email', 'sms'] })).toBe(true)
    expect(is({ channels: ['email'] })).toBe(false)
    expect(is({ channels: ['email'] }, { channel: 'email' })).toBe(true)
  })

  it('looks at regions', () => {
    expect(is({ regions: ['europe'] })).toBe(true)
    expect(is({ regions: ['asia', 'africa'] })).toBe(false)
  })

  it('looks at the clock of the time zone, over midnight as well', () => {
    const at = (text: string) => ({ atMs: Date.parse(text) })
    const day = {
      timeZone: 'Europe/Berlin',
      days: [1, 2, 3, 4, 5],
      fromMinute: 480,
      toMinute: 1200,
    }
    // 5 January 2026 is a Monday; Berlin is an hour before UTC.
    expect(is({ hours: day }, at('2026-01-05T07:00:00Z'))).toBe(true)
    expect(is({ hours: day }, at('2026-01-05T06:59:59Z'))).toBe(false)
    expect(is({ hours: day }, at('2026-01-05T19:00:00Z'))).toBe(false)
    expect(is({ hours: day }, at('2026-01-04T12:00:00Z'))).toBe(false)
    const night = { timeZone: 'UTC', days: [5], fromMinute: 1320, toMinute: 360 }
    expect(is({ hours: night }, at('2026-01-09T23:00:00Z'))).toBe(true)
    expect(is({ hours: night }, at('2026-01-10T05:00:00Z'))).toBe(true)
    expect(is({ hours: night }, at('2026-01-09T05:00:00Z'))).toBe(false)
    expect(is({ hours: night }, at('2026-01-10T23:00:00Z'))).toBe(false)
  })
})
