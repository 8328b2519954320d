import { describe, expect, it } from 'vitest'
import { Breaker, type BreakerOptions, DEFAULT_BREAKER } from '../../src/routing/breaker.ts'

const START = Date.parse('2026-01-01T00:00:00Z')
const SECOND = 1_000

function breakerOf(more: Partial<BreakerOptions> = {}): Breaker {
  return new Breaker({ ...DEFAULT_BREAKER, consecutiveFailures: 3, minMessages: 10, ...more })
}

/** Fails so often; gives the last change. */
function fail(breaker: Breaker, times: number, nowMs = START, isProbe = false) {
  const changes = Array.from({ length: times }, () => breaker.fail(nowMs, isProbe, 'it refused'))
  return changes.at(-1)
}

/** Opens it and waits until it lets probes through. */
function halfOpen(more: Partial<BreakerOptions> = {}): { breaker: Breaker; nowMs: number } {
  const breaker = breakerOf(more)
  fail(breaker, 3)
  const nowMs = START + 30 * SECOND
  expect(breaker.tick(nowMs)).toMatchObject({ from: 'open', to: 'half_open' })
  return { breaker, nowMs }
}

describe('a closed breaker', () => {
  it('opens on failures without a success between them', () => {
    const breaker = breakerOf()
    expect(fail(breaker, 2)).toBeUndefined()
    breaker.succeed(START, false)
    expect(fail(breaker, 2)).toBeUndefined()
    expect(fail(breaker, 1)).toEqual({
      from: 'closed',
      to: 'open',
      cause: '3 failures without a success; it refused',
    })
    expect(breaker.state).toBe('open')
    expect(breaker.halfOpenAtMs).toBe(START + 30 * SECOND)
  })

  it('opens on a share of failures within the window', () => {
    const breaker = breakerOf({ failureShare: 0.5 })
    for (let n = 0; n < 4; n++) {
      expect(fail(breaker, 1, START + n * SECOND)).toBeUndefined()
      breaker.succeed(START + n * SECOND, false)
    }
    breaker.succeed(START + 5 * SECOND, false)
    expect(fail(breaker, 1, START + 6 * SECOND)).toMatchObject({
      to: 'open',
      cause: '5 of 10 messages failed within 60 s; it refused',
    })
  })

  it('does not count what is older than the window', () => {
    const breaker = breakerOf()
    for (let n = 0; n < 100; n++) {
      // One failure and one success each 20 seconds: six of them in a window.
      const nowMs = START + n * 20 * SECOND
      expect(fail(breaker, 1, nowMs)).toBeUndefined()
      breaker.succeed(nowMs, false)
    }
    expect(breaker.state).toBe('closed')
  })

  it('does not open while few fail', () => {
    const breaker = breakerOf()
    for (let n = 0; n < 1_000; n++) {
      if (n % 4 === 0) expect(fail(breaker, 1, START + n)).toBeUndefined()
      else breaker.succeed(START + n, false)
    }
    expect(breaker.state).toBe('closed')
  })
})

describe('an open breaker', () => {
  it('lets nothing through, and counts nothing, until its cool-down is over', () => {
    const breaker = breakerOf()
    fail(breaker, 3)
    expect(breaker.freeProbes).toBe(0)
    expect(breaker.tick(START + 30 * SECOND - 1)).toBeUndefined()
    expect(fail(breaker, 10, START + SECOND)).toBeUndefined()
    expect(breaker.succeed(START + SECOND, false)).toBeUndefined()
    expect(breaker.tick(START + 30 * SECOND)).toMatchObject({ to: 'half_open' })
    expect(breaker.halfOpenAtMs).toBeUndefined()
  })
})

describe('a breaker that others know to be well again', () => {
  it('lets probes through before its cool-down is over, and only while it is open', () => {
    const breaker = new Breaker({ ...DEFAULT_BREAKER, consecutiveFailures: 1 })
    expect(breaker.halfOpen(0, 'delivered')).toBeUndefined()
    breaker.fail(0, false, 'no answer')
    expect(breaker.halfOpen(1_000, 'delivered')).toEqual({
      from: 'open',
      to: 'half_open',
      cause: 'delivered',
    })
    expect(breaker.freeProbes).toBe(DEFAULT_BREAKER.probes)
    expect(breaker.halfOpen(2_000, 'delivered')).toBeUndefined()
  })
})

describe('a half-open breaker', () => {
  it('lets a few probes through at once, and closes after enough good ones', () => {
    const { breaker, nowMs } = halfOpen({ probes: 2, goodProbes: 3 })
    expect(breaker.freeProbes).toBe(2)
    breaker.startProbe()
    breaker.startProbe()
    expect(breaker.freeProbes).toBe(0)
    expect(breaker.succeed(nowMs, true)).toBeUndefined()
    expect(breaker.freeProbes).toBe(1)
    expect(breaker.succeed(nowMs, true)).toBeUndefined()
    breaker.startProbe()
    expect(breaker.succeed(nowMs, true)).toEqual({
      from: 'half_open',
      to: 'closed',
      cause: '3 probes were taken',
    })
    expect(breaker.freeProbes).toBe(0)
    // What had opened it is forgotten.
    expect(fail(breaker, 2, nowMs + 3_600 * SECOND)).toBeUndefined()
  })

  it('opens again on a bad probe, for longer each time, up to a bound', () => {
    const { breaker, nowMs } = halfOpen({ maxCoolDownMs: 100 * SECOND })
    const waits: number[] = []
    let atMs = nowMs
    for (let n = 0; n < 3; n++) {
      breaker.startProbe()
      expect(fail(breaker, 1, atMs, true)).toMatchObject({
        to: 'open',
        cause: 'a probe failed: it refused',
      })
      const nextMs = breaker.halfOpenAtMs ?? 0
      waits.push((nextMs - atMs) / SECOND)
      atMs = nextMs
      breaker.tick(atMs)
    }
    expect(waits).toEqual([60, 100, 100])
    expect(breaker.freeProbes).toBe(3)
  })

  it('is not moved by messages that were on their way before', () => {
    const { breaker, nowMs } = halfOpen()
    expect(fail(breaker, 5, nowMs)).toBeUndefined()
    for (let n = 0; n < 5; n++) expect(breaker.succeed(nowMs, false)).toBeUndefined()
    expect(breaker.state).toBe('half_open')
  })

  it('gets the place of a probe back that has told nothing', () => {
    const { breaker } = halfOpen({ probes: 1 })
    breaker.startProbe()
    expect(breaker.freeProbes).toBe(0)
    breaker.dropProbe()
    expect(breaker.freeProbes).toBe(1)
  })

  it('that has closed only just now is opened for longer; later, for as long as at first', () => {
    const { breaker, nowMs } = halfOpen({ goodProbes: 1 })
    breaker.startProbe()
    breaker.succeed(nowMs, true)
    fail(breaker, 3, nowMs + 10 * SECOND)
    expect(breaker.halfOpenAtMs).toBe(nowMs + 70 * SECOND)
    breaker.tick(nowMs + 70 * SECOND)
    breaker.startProbe()
    breaker.succeed(nowMs + 70 * SECOND, true)
    const later = nowMs + 300 * SECOND
    fail(breaker, 3, later)
    expect(breaker.halfOpenAtMs).toBe(later + 30 * SECOND)
  })
})

it('goes on where it was stored, and closes when it is told to', () => {
  const { breaker, nowMs } = halfOpen()
  fail(breaker, 1, nowMs, true)
  const next = breakerOf()
  next.restore(JSON.parse(JSON.stringify(breaker.record())))
  expect(next.state).toBe('open')
  expect(next.halfOpenAtMs).toBe(nowMs + 60 * SECOND)
  expect(next.reset(nowMs, 'by hand')).toEqual({ from: 'open', to: 'closed', cause: 'by hand' })
  expect(next.reset(nowMs, 'by hand')).toBeUndefined()
})

describe('other options', () => {
  it('count from then on; what was counted in the same window stays', () => {
    const breaker = breakerOf()
    fail(breaker, 2)
    breaker.follow({ ...DEFAULT_BREAKER, consecutiveFailures: 4, minMessages: 3, failureShare: 1 })
    expect(fail(breaker, 1)).toMatchObject({
      to: 'open',
      cause: expect.stringMatching(/^3 of 3 messages/),
    })
  })

  it('with another window begin it anew, and close it in time', () => {
    const breaker = breakerOf({ consecutiveFailures: 100, minMessages: 4, failureShare: 1 })
    fail(breaker, 3)
    const windowMs = 3_600 * SECOND
    const options = { ...DEFAULT_BREAKER, consecutiveFailures: 100, failureShare: 1, windowMs }
    breaker.follow({ ...options, minMessages: 4 })
    expect(fail(breaker, 3)).toBeUndefined()
    // A later slice of the longer window has a smaller number: nothing of it may be lost, or stay for ever.
    expect(fail(breaker, 3, START + 2 * windowMs)).toBeUndefined()
    expect(fail(breaker, 1, START + 2 * windowMs)).toMatchObject({ to: 'open' })
  })

  it('leave an open one its wait', () => {
    const breaker = breakerOf()
    fail(breaker, 3)
    breaker.follow({ ...DEFAULT_BREAKER, coolDownMs: SECOND, maxCoolDownMs: SECOND })
    expect(breaker.halfOpenAtMs).toBe(START + 30 * SECOND)
    breaker.tick(START + 30 * SECOND)
    expect(breaker.fail(START + 30 * SECOND, true, 'it refused')).toMatchObject({ to: 'open' })
    expect(breaker.halfOpenAtMs).toBe(START + 31 * SECOND)
  })
})
