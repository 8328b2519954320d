import { describe, expect, it } from 'vitest'
import { FIRST_CONCURRENCY, FULL_CONCURRENCY, Pace } from '../../src/webhooks/pace.ts'

const START_MS = Date.parse('2026-03-01T12:00:00Z')

function at(seconds: number): Date {
  return new Date(START_MS + seconds * 1_000)
}

describe('the pace', () => {
  it('is the same for whoever has shown nothing yet', () => {
    const pace = new Pace()
    expect(pace.concurrencyOf('a')).toBe(FIRST_CONCURRENCY)
    expect(pace.readyAtMs('a')).toBe(0)
  })

  it('halves at strain, down to one, and for nobody else', () => {
    const pace = new Pace()
    const limits = [0, 1, 2, 3, 4, 5, 6].map((seconds) => {
      pace.noteStrain('a', at(seconds))
      return pace.concurrencyOf('a')
    })
    expect(limits).toEqual([16, 8, 4, 2, 1, 1, 1])
    expect(pace.concurrencyOf('b')).toBe(FIRST_CONCURRENCY)
  })

  it('halves once for what fails together', () => {
    const pace = new Pace()
    for (let index = 0; index < 32; index += 1) pace.noteStrain('a', at(index / 100))
    expect(pace.concurrencyOf('a')).toBe(16)
  })

  /** As many tries at once as there may be, all of them with success. */
  function succeed(pace: Pace, count = pace.concurrencyOf('a')): void {
    for (let index = 0; index < count; index += 1) pace.noteStart('a')
    for (let index = 0; index < count; index += 1) {
      pace.noteSuccess('a')
      pace.noteEnd('a')
    }
  }

  it('grows by one after as many successes as the limit, up to the full one', () => {
    const pace = new Pace()
    pace.noteStrain('a', at(0))
    for (let index = 0; index < 16; index += 1) pace.noteStart('a')
    for (let index = 0; index < 15; index += 1) pace.noteSuccess('a')
    expect(pace.concurrencyOf('a')).toBe(16)
    pace.noteSuccess('a')
    expect(pace.concurrencyOf('a')).toBe(17)
    for (let index = 0; index < 16; index += 1) pace.noteEnd('a')
    for (let round = 17; round < FULL_CONCURRENCY - 1; round += 1) succeed(pace)
    expect(pace.concurrencyOf('a')).toBe(FULL_CONCURRENCY - 1)
    for (let round = 0; round < 3; round += 1) succeed(pace)
    expect(pace.concurrencyOf('a')).toBe(FULL_CONCURRENCY)
  })

  it('does not grow while fewer are under way than there may be', () => {
    const pace = new Pace()
    for (let round = 0; round < 100; round += 1) succeed(pace, FIRST_CONCURRENCY - 1)
    expect(pace.concurrencyOf('a')).toBe(FIRST_CONCURRENCY)
    succeed(pace)
    expect(pace.concurrencyOf('a')).toBe(FIRST_CONCURRENCY + 1)
  })

  it('counts successes in a row', () => {
    const pace = new Pace()
    pace.noteStrain('a', at(0))
    for (let index = 0; index < 16; index += 1) pace.noteStart('a')
    for (let index = 0; index < 15; index += 1) pace.noteSuccess('a')
    pace.noteStrain('a', at(0.5))
    pace.noteSuccess('a')
    expect(pace.concurrencyOf('a')).toBe(16)
  })

  it('leaves alone whoever asks for it, five minutes at most', () => {
    const pace = new Pace()
    pace.noteStrain('a', at(0), at(60))
    pace.noteStrain('a', at(1), at(30))
    expect(pace.readyAtMs('a')).toBe(at(60).getTime())
    pace.noteStrain('a', at(2), at(86_400))
    expect(pace.readyAtMs('a')).toBe(at(302).getTime())
    expect(pace.readyAtMs('b')).toBe(0)
  })

  it('forgets the oldest rather than grow without end', () => {
    const pace = new Pace()
    for (let index = 0; index <= 10_000; index += 1) pace.noteStrain(`recipient ${index}`, at(0))
    expect(pace.concurrencyOf('recipient 0')).toBe(FIRST_CONCURRENCY)
    expect(pace.concurrencyOf('recipient 1')).toBe(16)
    expect(pace.concurrencyOf('recipient 10000')).toBe(16)
  })
})
