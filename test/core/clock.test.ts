import { afterEach, expect, it, vi } from 'vitest'
import { systemClock } from '../../src/core/clock.ts'

afterEach(() => {
  vi.useRealTimers()
})

it('gives the time of the machine, as a new object each time', () => {
  vi.useFakeTimers({ now: new Date('2026-03-04T05:06:07.089Z') })
  expect(systemClock().toISOString()).toBe('2026-03-04T05:06:07.089Z')
  expect(systemClock()).not.toBe(systemClock())
})
