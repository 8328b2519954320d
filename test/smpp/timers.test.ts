import { describe, expect, test } from 'vitest'
import { SessionTimers, type TimerSettings } from '../../src/smpp/timers.ts'

const SETTINGS: TimerSettings = {
  sessionInitMs: 5000,
  enquireLinkMs: 30_000,
  answerTimeoutMs: 10_000,
  inactivityMs: 0,
  writeTimeoutMs: 20_000,
}

function boundAt(now: number, settings: Partial<TimerSettings> = {}): SessionTimers {
  const timers = new SessionTimers({ ...SETTINGS, ...settings }, now)
  timers.bound(now)
  return timers
}

describe('SessionTimers', () => {
  test('closes a connection that is not bound in time, whatever it sends', () => {
    const timers = new SessionTimers(SETTINGS, 100)
    timers.received(4000)
    expect(timers.tick(5099)).toBe('none')
    expect(timers.tick(5100)).toBe('close_not_bound')
  })

  test('never asks an unbound peer', () => {
    const timers = new SessionTimers({ ...SETTINGS, sessionInitMs: 0 }, 0)
    expect(timers.tick(1_000_000)).toBe('none')
  })

  test('asks once per silence and closes when nothing follows', () => {
    const timers = boundAt(0)
    expect(timers.tick(29_999)).toBe('none')
    expect(timers.tick(30_000)).toBe('send_enquire_link')
    expect(timers.tick(39_999)).toBe('none')
    expect(timers.tick(40_000)).toBe('close_no_answer')
  })

  test('any PDU counts as life', () => {
    const timers = boundAt(0)
    expect(timers.tick(30_000)).toBe('send_enquire_link')
    timers.received(35_000)
    expect(timers.tick(41_000)).toBe('none')
    expect(timers.tick(65_000)).toBe('send_enquire_link')
  })

  test('closes an inactive peer when we do not ask', () => {
    const timers = boundAt(0, { enquireLinkMs: 0, inactivityMs: 60_000 })
    timers.received(10_000)
    expect(timers.tick(69_999)).toBe('none')
    expect(timers.tick(70_000)).toBe('close_inactive')
  })

  test('closes a peer that does not read, measured from the first blocked write', () => {
    const timers = boundAt(0, { enquireLinkMs: 0 })
    timers.blocked(1000)
    timers.blocked(15_000)
    expect(timers.tick(20_999)).toBe('none')
    expect(timers.tick(21_000)).toBe('close_slow_reader')
    timers.unblocked()
    expect(timers.tick(50_000)).toBe('none')
  })

  test('does not wait for ever for an unbind_resp', () => {
    const timers = boundAt(0)
    timers.unbindSent(1000)
    expect(timers.tick(10_999)).toBe('none')
    expect(timers.tick(11_000)).toBe('close_unbind_timeout')
  })

  test('0 switches every timer off', () => {
    const off = {
      sessionInitMs: 0,
      enquireLinkMs: 0,
      answerTimeoutMs: 0,
      inactivityMs: 0,
      writeTimeoutMs: 0,
    }
    const timers = boundAt(0, off)
    timers.blocked(0)
    timers.unbindSent(0)
    expect(timers.tick(Number.MAX_SAFE_INTEGER)).toBe('none')
  })
})
