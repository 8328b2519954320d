import fc from 'fast-check'
import { describe, expect, it } from 'vitest'
import type { BackoffPolicy, ErrorClass, RetryPolicy } from '../../src/core/policy.ts'
import { errorClassOf, type Failure, nextRetry } from '../../src/messages/retry.ts'

const NOW = new Date('2026-05-01T10:00:00Z')

const WAIT: BackoffPolicy = {
  backoff: 'exponential',
  firstSeconds: 2,
  maxSeconds: 60,
  jitter: 'none',
  maxAttempts: 0,
}

function policyOf(wait: Partial<BackoffPolicy> = {}, rest: Partial<RetryPolicy> = {}): RetryPolicy {
  const backoff = { ...WAIT, ...wait }
  return {
    nextCarrier: 'prefer',
    maxAgeSeconds: undefined,
    passing: backoff,
    throttled: backoff,
    connection: backoff,
    ...rest,
  }
}

function failureOf(overrides: Partial<Failure> = {}): Failure {
  return {
    errorClass: 'passing',
    failures: 1,
    hasOtherCarrier: false,
    acceptedAt: NOW,
    expiresAt: null,
    now: NOW,
    random: () => 0.5,
    ...overrides,
  }
}

/** The wait in milliseconds; the reason where there is none. */
function waitOf(policy: RetryPolicy, overrides: Partial<Failure> = {}): number | string {
  const next = nextRetry(policy, failureOf(overrides))
  return 'at' in next ? next.at.getTime() - NOW.getTime() : next.giveUp
}

describe('waits', () => {
  it.each([
    ['fixed', [2, 2, 2, 2, 2, 2, 2]],
    ['linear', [2, 4, 6, 8, 9, 9, 9]],
    ['exponential', [2, 4, 8, 9, 9, 9, 9]],
  ] as const)('grow %s up to the cap', (backoff, seconds) => {
    const policy = policyOf({ backoff, maxSeconds: 9 })
    const waits = seconds.map((_, index) => waitOf(policy, { failures: index + 1 }))
    expect(waits).toEqual(seconds.map((each) => each * 1000))
  })

  it('with full jitter are drawn below their bound, and never under 0.1 s', () => {
    const policy = policyOf({ jitter: 'full' })
    const drawn = (random: number) => waitOf(policy, { failures: 3, random: () => random })
    expect(drawn(0)).toBe(100)
    expect(drawn(0.5)).toBe(4050)
    expect(drawn(0.999_999)).toBe(8000)
  })

  it('grow by the waits, where failovers without a wait came between', () => {
    expect(waitOf(policyOf(), { failures: 5, waits: 1 })).toBe(4000)
  })

  it('stay bounded after any number of failures', () => {
    fc.assert(
      fc.property(
        fc.constantFrom('fixed', 'linear', 'exponential' as const),
        fc.constantFrom('full', 'none' as const),
        fc.integer({ min: 1, max: 100_000 }),
        fc.double({ min: 0, max: 1, maxExcluded: true, noNaN: true }),
        (backoff, jitter, failures, random) => {
          const wait = waitOf(policyOf({ backoff, jitter }), { failures, random: () => random })
          expect(wait).toBeGreaterThanOrEqual(100)
          expect(wait).toBeLessThanOrEqual(60_000)
        },
      ),
    )
  })
})

describe('Retry-After', () => {
  it('is never undercut, also where it is above the cap', () => {
    fc.assert(
      fc.property(
        fc.integer({ min: 0, max: 3_600_000 }),
        fc.double({ min: 0, max: 1, maxExcluded: true, noNaN: true }),
        fc.constantFrom('passing', 'throttled', 'connection' as const),
        (retryAfterMs, random, errorClass) => {
          const overrides = { retryAfterMs, random: () => random, errorClass }
          expect(waitOf(policyOf({ jitter: 'full' }), overrides)).toBeGreaterThanOrEqual(
            retryAfterMs,
          )
        },
      ),
    )
  })

  it('spreads those who were told the same over the first wait', () => {
    const policy = policyOf({ jitter: 'full' })
    const wait = (random: number) => waitOf(policy, { retryAfterMs: 30_000, random: () => random })
    expect([wait(0), wait(0.5), wait(0.999)]).toEqual([30_000, 31_000, 31_998])
  })

  it('does not shorten our own wait', () => {
    expect(waitOf(policyOf(), { failures: 5, retryAfterMs: 1000 })).toBe(32_000)
  })
})

describe('carriers', () => {
  it.each([
    ['passing', true, 'next'],
    ['passing', false, 'any'],
    ['permanent', true, 'next'],
    ['throttled', true, 'same'],
    ['connection', true, 'any'],
    ['connection', false, 'any'],
  ] as const)('%s, another left: %s: %s', (errorClass, hasOtherCarrier, carrier) => {
    const next = nextRetry(policyOf(), failureOf({ errorClass, hasOtherCarrier }))
    expect(next).toMatchObject({ carrier })
    // Another carrier is asked at once; the same one gets a rest.
    const waited = 'at' in next && next.at > NOW
    expect(waited).toBe(carrier !== 'next')
  })

  it('are not changed where the policy says never', () => {
    const policy = policyOf({}, { nextCarrier: 'never' })
    for (const errorClass of ['passing', 'throttled', 'connection'] as const) {
      const next = nextRetry(policy, failureOf({ errorClass, hasOtherCarrier: true }))
      expect(next).toEqual({ at: new Date(NOW.getTime() + 2000), carrier: 'same' })
    }
    const permanent = failureOf({ errorClass: 'permanent', hasOtherCarrier: true })
    expect(nextRetry(policy, permanent)).toEqual({ giveUp: 'permanent' })
  })
})

describe('the end', () => {
  it('comes at once for what is permanent everywhere', () => {
    expect(waitOf(policyOf(), { errorClass: 'permanent' })).toBe('permanent')
  })

  it('comes when the budget of the class is used up, and 0 is no budget', () => {
    const policy = policyOf({}, { passing: { ...WAIT, maxAttempts: 3 } })
    expect(waitOf(policy, { failures: 2 })).toBe(4000)
    expect(waitOf(policy, { failures: 3 })).toBe('attempts')
    expect(waitOf(policy, { failures: 3, hasOtherCarrier: true })).toBe('attempts')
    expect(waitOf(policy, { failures: 3, errorClass: 'connection' })).toBe(8000)
    expect(waitOf(policy, { failures: 99_999, errorClass: 'throttled' })).toBe(60_000)
  })

  it('comes when the next attempt would be too late', () => {
    const expiresAt = new Date(NOW.getTime() + 2000)
    expect(waitOf(policyOf(), { expiresAt })).toBe('expired')
    expect(waitOf(policyOf(), { expiresAt: new Date(expiresAt.getTime() + 1) })).toBe(2000)
    expect(waitOf(policyOf(), { expiresAt: NOW, hasOtherCarrier: true })).toBe('expired')
  })

  it('comes at the age of the policy', () => {
    const policy = policyOf({}, { maxAgeSeconds: 60 })
    const ago = (seconds: number) => new Date(NOW.getTime() - seconds * 1000)
    expect(waitOf(policy, { acceptedAt: ago(58) })).toBe(2000)
    expect(waitOf(policy, { acceptedAt: ago(59) })).toBe('age')
  })

  it('comes for every message under a budget, whatever happens to it', () => {
    const classes = fc.constantFrom<ErrorClass>('permanent', 'passing', 'throttled', 'connection')
    fc.assert(
      fc.property(
        fc.integer({ min: 1, max: 20 }),
        fc.array(fc.tuple(classes, fc.boolean()), { minLength: 20, maxLength: 20 }),
        (maxAttempts, story) => {
          const ended = story.findIndex(([errorClass, hasOtherCarrier], index) => {
            const failure = failureOf({ errorClass, hasOtherCarrier, failures: index + 1 })
            return 'giveUp' in nextRetry(policyOf({ maxAttempts }), failure)
          })
          expect(ended).toBeGreaterThanOrEqual(0)
          expect(ended).toBeLessThan(maxAttempts)
        },
      ),
    )
  })
})

describe('errorClassOf', () => {
  const refused = {
    kind: 'refused',
    code: 'carrier_error',
    rawCode: '0x00000008',
    reason: 'x',
  } as const
  const accepted = { kind: 'accepted', carrierMessageId: '1', matchKey: '1' } as const

  it.each([
    [{ ...refused, class: 'message' }, 'permanent'],
    [{ ...refused, class: 'passing' }, 'passing'],
    [{ kind: 'throttled', rawCode: '0x00000058', pauseMs: 1 }, 'throttled'],
    [{ kind: 'not_sent', reason: 'closed' }, 'connection'],
    [accepted, undefined],
    [{ kind: 'uncertain', reason: 'silence' }, undefined],
  ] as const)('%j is %s', (outcome, expected) => expect(errorClassOf(outcome)).toBe(expected))
})
