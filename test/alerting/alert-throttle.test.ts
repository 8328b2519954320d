import { describe, expect, it } from 'vitest'
import { AlertThrottle } from '../../src/alerting/alert-throttle.ts'

const START = Date.parse('2026-01-02T03:04:05Z')

function at(seconds: number): Date {
  return new Date(START + seconds * 1_000)
}

describe('AlertThrottle', () => {
  it('lets one alert of a kind through in a minute', () => {
    const throttle = new AlertThrottle<string>()
    expect(throttle.take('a', 'first', at(0))).toEqual({ alert: 'first', leftOut: 0 })
    expect(throttle.take('a', 'second', at(1))).toBeUndefined()
    expect(throttle.take('b', 'other', at(1))).toEqual({ alert: 'other', leftOut: 0 })
    expect(throttle.take('a', 'third', at(59.9))).toBeUndefined()
  })

  it('tells the last of those left out, with their number, when the minute is over', () => {
    const throttle = new AlertThrottle<string>()
    throttle.take('a', 'first', at(0))
    for (const alert of ['second', 'third', 'fourth']) throttle.take('a', alert, at(10))
    expect(throttle.due(at(59))).toEqual([])
    expect(throttle.due(at(60))).toEqual([{ alert: 'fourth', leftOut: 2 }])
    // It counts as the alert of the next minute.
    expect(throttle.take('a', 'fifth', at(61))).toBeUndefined()
    expect(throttle.due(at(119))).toEqual([])
    expect(throttle.due(at(120))).toEqual([{ alert: 'fifth', leftOut: 0 }])
  })

  it('takes the number along when the next one comes before anybody looks', () => {
    const throttle = new AlertThrottle<string>()
    throttle.take('a', 'first', at(0))
    throttle.take('a', 'second', at(1))
    expect(throttle.take('a', 'third', at(70))).toEqual({ alert: 'third', leftOut: 1 })
  })

  it('forgets a kind of which nothing was left out', () => {
    const throttle = new AlertThrottle<string>()
    throttle.take('a', 'first', at(0))
    expect(throttle.due(at(60))).toEqual([])
    expect(throttle.take('a', 'second', at(60))).toEqual({ alert: 'second', leftOut: 0 })
  })
})
