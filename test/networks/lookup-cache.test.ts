import { describe, expect, it } from 'vitest'
import { HookBreaker } from '../../src/networks/hook-breaker.ts'
import { readLookupAnswer } from '../../src/networks/lookup-answer.ts'
import { LookupCache, NO_PLACE } from '../../src/networks/lookup-cache.ts'

describe('LookupCache', () => {
  it('keeps answers until their time is over', () => {
    const cache = new LookupCache(10)
    cache.set('+447700900123', 7, 60_000)
    cache.set('+447700900124', NO_PLACE, 60_000)
    expect(cache.get('447700900123', 59_999)).toBe(7)
    expect(cache.get('+447700900124', 59_999)).toBe(NO_PLACE)
    expect(cache.get('+447700900123', 60_000)).toBeUndefined()
    expect(cache.get('+447700900125', 0)).toBeUndefined()
  })

  it('never holds more than its capacity, and forgets the oldest', () => {
    const cache = new LookupCache(100)
    for (let index = 0; index < 1_000; index++) cache.set(`+44770090${1_000 + index}`, index, 1e12)
    expect(cache.size).toBeLessThanOrEqual(100)
    expect(cache.size).toBeGreaterThanOrEqual(50)
    expect(cache.get('+447700901999', 0)).toBe(999)
    expect(cache.get('+447700901000', 0)).toBeUndefined()
  })
})

describe('HookBreaker', () => {
  it('pauses after so many failures in a row, then lets one request try', () => {
    const breaker = new HookBreaker(3, 1_000)
    for (const failure of [1, 2]) {
      expect(breaker.admit(0)).toBe(true)
      expect(breaker.noteFailure(0), `failure ${failure}`).toBe(false)
    }
    breaker.noteSuccess()
    for (const failure of [1, 2]) expect(breaker.noteFailure(0), `again ${failure}`).toBe(false)
    expect(breaker.noteFailure(0)).toBe(true)
    expect(breaker.admit(999)).toBe(false)
    expect(breaker.admit(1_000)).toBe(true)
    expect(breaker.admit(1_000), 'only one').toBe(false)
    expect(breaker.noteFailure(1_000), 'told once').toBe(false)
    expect(breaker.admit(1_999)).toBe(false)
    expect(breaker.admit(2_000)).toBe(true)
    breaker.noteSuccess()
    expect(breaker.isPaused).toBe(false)
    expect(breaker.admit(2_000)).toBe(true)
  })
})

describe('readLookupAnswer', () => {
  it('finds the field', () => {
    expect(readLookupAnswer({ status: 200, body: { mccmnc: '23415' } }, 'mccmnc')).toBe('23415')
    const body = { data: { network: { code: 310004 } } }
    expect(readLookupAnswer({ status: 200, body }, 'data.network.code')).toBe('310004')
  })

  it('tells a number that is not known there', () => {
    expect(readLookupAnswer({ status: 404, body: undefined }, 'mccmnc')).toBeNull()
    expect(readLookupAnswer({ status: 200, body: { mccmnc: null } }, 'mccmnc')).toBeNull()
  })

  it.each([
    [500, { mccmnc: '23415' }, /status 500/],
    [401, undefined, /status 401/],
    [200, undefined, /no field "mccmnc"/],
    [200, {}, /no field "mccmnc"/],
    [200, { mccmnc: 'Vodafone' }, /no MCC and MNC/],
    [200, { mccmnc: '2341' }, /no MCC and MNC/],
    [200, { mccmnc: ['23415'] }, /no MCC and MNC/],
  ])('refuses %s %j', (status, body, reason) => {
    expect(() => readLookupAnswer({ status, body }, 'mccmnc')).toThrow(reason)
  })

  it('does not look into what every object inherits', () => {
    expect(() => readLookupAnswer({ status: 200, body: {} }, 'constructor.name')).toThrow(
      /no field/,
    )
  })
})
