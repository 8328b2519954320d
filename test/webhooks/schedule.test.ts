import { describe, expect, it } from 'vitest'
import { fateOf, MAX_TRIES, retryAfterOf } from '../../src/webhooks/schedule.ts'

const NOW = new Date('2026-03-01T12:00:00.000Z')
const HOUR_S = 3_600
const DAY_S = 24 * HOUR_S

function waitS(
  tries: number,
  status: number | null,
  options: { retryAfter?: string; random?: number } = {},
): number | undefined {
  const answer = { status, retryAfter: options.retryAfter ?? null }
  const fate = fateOf(tries, answer, NOW, () => options.random ?? 0)
  return fate.kind === 'later' ? (fate.at.getTime() - NOW.getTime()) / 1_000 : undefined
}

describe('the schedule', () => {
  it('is the published one, over three days, and then over', () => {
    const waits = Array.from({ length: 11 }, (_, tries) => waitS(tries, 500))
    expect(waits).toEqual([
      5,
      30,
      120,
      600,
      HOUR_S,
      3 * HOUR_S,
      8 * HOUR_S,
      12 * HOUR_S,
      DAY_S,
      DAY_S,
      undefined,
    ])
    expect(MAX_TRIES).toBe(11)
    expect(fateOf(10, { status: 500, retryAfter: null }, NOW, () => 0)).toEqual({
      kind: 'dead',
      reason: 'given up after 11 tries',
    })
  })

  it('never comes early, and up to a tenth late', () => {
    expect(waitS(3, 500, { random: 0 })).toBe(600)
    expect(waitS(3, 500, { random: 0.5 })).toBe(630)
    expect(waitS(3, 500, { random: 0.999_999 })).toBeLessThanOrEqual(660)
  })

  it.each([200, 201, 202, 204, 299])('%i is done, whatever was before', (status) => {
    const answer = { status, retryAfter: '60' }
    for (const tries of [0, 10]) {
      expect(fateOf(tries, answer, NOW, () => 0)).toEqual({ kind: 'done' })
    }
  })

  it.each([null, 301, 302, 307, 400, 401, 403, 404, 408, 422, 429, 500, 502, 503, 504])(
    '%s is tried again',
    (status) => {
      expect(waitS(0, status)).toBe(5)
    },
  )

  it('410 is the end at once', () => {
    expect(fateOf(0, { status: 410, retryAfter: '5' }, NOW, () => 0)).toMatchObject({
      kind: 'dead',
      reason: expect.stringContaining('410'),
    })
  })
})

describe('Retry-After', () => {
  it.each([429, 503])('puts off an event at %i', (status) => {
    expect(waitS(0, status, { retryAfter: '90' })).toBe(90)
    expect(waitS(0, status, { retryAfter: 'Sun, 01 Mar 2026 12:10:00 GMT' })).toBe(600)
  })

  it('never brings one forward', () => {
    expect(waitS(3, 429, { retryAfter: '0' })).toBe(600)
    expect(waitS(3, 429, { retryAfter: 'Sun, 01 Mar 2026 11:00:00 GMT' })).toBe(600)
  })

  it('is no more than a day', () => {
    expect(waitS(0, 429, { retryAfter: '9999999999' })).toBe(DAY_S)
    expect(waitS(0, 503, { retryAfter: 'Fri, 01 Jan 2100 00:00:00 GMT' })).toBe(DAY_S)
  })

  it('means nothing with other statuses', () => {
    expect(waitS(0, 500, { retryAfter: '90' })).toBe(5)
  })

  it('is none where it says nothing', () => {
    expect(retryAfterOf('soon', NOW)).toBeUndefined()
  })
})
