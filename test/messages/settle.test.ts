import { describe, expect, it } from 'vitest'
import type { SegmentOutcome } from '../../src/carriers/carrier.ts'
import type { ClassPolicy, RetryPolicy } from '../../src/core/policy.ts'
import { POLICIES_ONLY } from '../../src/messages/failure-judge.ts'
import {
  type ChooseNext,
  type Held,
  newlyHeld,
  nextStep,
  type Step,
  type StepRules,
} from '../../src/messages/settle.ts'
import { COST, testMessage } from './builders.ts'
import { testPolicies } from './harness.ts'

const AT = new Date('2026-01-02T03:04:05Z')
const ACCEPTED: SegmentOutcome = { kind: 'accepted', carrierMessageId: 'AB1', matchKey: 'ab1' }
const UNCERTAIN: SegmentOutcome = { kind: 'uncertain', reason: 'no response in time' }
const NOT_SENT: SegmentOutcome = { kind: 'not_sent', reason: 'the connection closed' }
const WRONG: SegmentOutcome = {
  kind: 'refused',
  code: 'destination_invalid',
  rawCode: '0x0000000b',
  reason: 'ESME_RINVDSTADR',
  class: 'message',
}
const BUSY: SegmentOutcome = {
  kind: 'refused',
  code: 'carrier_error',
  rawCode: '0x00000008',
  reason: 'ESME_RSYSERR',
  class: 'passing',
}

function held(segments = 1): Held {
  return newlyHeld(testMessage({ segments, status: 'sending', attempt: 1, createdAt: AT }))
}

const WAIT = {
  backoff: 'exponential',
  firstSeconds: 2,
  maxSeconds: 60,
  jitter: 'none',
  maxAttempts: 6,
} as const

/** Six failed tries, waits of 2, 4, 8 ... seconds; no limit for lost connections. */
const RETRY: RetryPolicy = {
  nextCarrier: 'prefer',
  maxAgeSeconds: undefined,
  passing: WAIT,
  throttled: WAIT,
  connection: { ...WAIT, firstSeconds: 1, maxSeconds: 3, maxAttempts: 0 },
}

function rules(chooseNext: ChooseNext, policy: Partial<ClassPolicy> = {}): StepRules {
  const all = { ...testPolicies()('transactional'), retry: RETRY, ...policy }
  return {
    policy: all,
    judge: POLICIES_ONLY,
    chooseNext,
    chooseOtherUp: () => undefined,
    submits: () => 1,
    random: () => 0.5,
  }
}

/** Milliseconds until the message joins a queue again; undefined: it does not. */
function waitOf({ rejoins, entry }: Step): number | undefined {
  return rejoins ? (entry.dueAt?.getTime() ?? AT.getTime()) - AT.getTime() : undefined
}

/** The message as its entry leaves it, at the next submit. */
function moveOn(it: Held, { entry }: Step): void {
  it.message.carrier = entry.carrier
  it.message.failures = entry.failures
}

function seconds(count: number): Date {
  return new Date(AT.getTime() + count * 1_000)
}

/** Chooses from a list the first that is not excluded. */
function among(...carriers: readonly string[]): ChooseNext {
  return (message, excluded, at) => {
    const carrier = carriers.find((name) => !excluded.has(name))
    if (carrier === undefined) return undefined
    return {
      carrier,
      cost: COST,
      event: { messageId: message.id, at, type: 'routed', status: 'queued', carrier },
    }
  }
}

const nobody = among()
const never: ChooseNext = () => {
  throw new Error('no other carrier may be asked')
}

describe('nextStep', () => {
  it('is sent when every segment was accepted', () => {
    const other: SegmentOutcome = { kind: 'accepted', carrierMessageId: '', matchKey: null }
    const step = nextStep(held(2), [ACCEPTED, other], rules(never), AT)
    const { entry } = step
    expect(waitOf(step)).toBeUndefined()
    expect(entry).toMatchObject({
      kind: 'moved',
      to: 'sent',
      carrier: 'alpha',
      attempt: 1,
      at: AT,
      errorCode: null,
      errorDetail: null,
      answers: [
        {
          segment: 1,
          state: 'sent',
          carrierMessageId: 'AB1',
          matchKey: 'ab1',
          code: null,
          rawCode: null,
        },
        {
          segment: 2,
          state: 'sent',
          carrierMessageId: '',
          matchKey: null,
          code: null,
          rawCode: null,
        },
      ],
    })
    expect(entry.events).toEqual([
      expect.objectContaining({ type: 'response', status: 'sent', carrier: 'alpha', attempt: 1 }),
    ])
  })

  it('goes to the next carrier when refused, and remembers who refused', () => {
    const it = held()
    const step = nextStep(it, [WRONG], rules(among('alpha', 'beta')), AT)
    const { entry } = step
    expect(waitOf(step)).toBe(0)
    expect(entry).toMatchObject({
      to: 'queued',
      carrier: 'beta',
      attempt: 1,
      errorCode: 'destination_invalid',
      errorDetail: 'alpha refused: ESME_RINVDSTADR',
      answers: [
        {
          segment: 1,
          state: 'refused',
          code: 'destination_invalid',
          rawCode: '0x0000000b',
          matchKey: null,
        },
      ],
    })
    expect(entry.events.map(({ type, status }) => [type, status])).toEqual([
      ['response', 'queued'],
      ['routed', 'queued'],
    ])
    expect(entry.events[0]).toMatchObject({ code: 'destination_invalid', rawCode: '0x0000000b' })
    expect([...it.tried]).toEqual(['alpha'])
  })

  it('fails when refused for good by the last carrier', () => {
    const step = nextStep(held(), [WRONG], rules(among('alpha')), AT)
    const { entry } = step
    expect(waitOf(step)).toBeUndefined()
    expect(entry).toMatchObject({ to: 'failed', errorCode: 'destination_invalid' })
    expect(entry.events.map(({ type, status }) => [type, status])).toEqual([
      ['response', 'failed'],
      ['failed', 'failed'],
    ])
  })

  it('asks everybody again after a passing refusal, waits longer each time, then fails', () => {
    const it = held()
    const waits: (number | undefined)[] = []
    const ends: string[] = []
    for (let tries = 0; tries < 6; tries++) {
      const step = nextStep(it, [BUSY], rules(among('alpha', 'beta')), AT)
      waits.push(waitOf(step))
      ends.push(`${step.entry.to} ${step.entry.carrier}`)
      moveOn(it, step)
    }
    expect(ends).toEqual([
      'queued beta',
      'queued alpha',
      'queued beta',
      'queued alpha',
      'queued beta',
      'failed beta',
    ])
    expect(waits).toEqual([0, 2_000, 0, 4_000, 0, undefined])
  })

  it('goes to the dead-letter list with the reason when its tries are used up', () => {
    const it = held()
    it.message.failures = 5
    const { entry } = nextStep(it, [BUSY], rules(nobody), AT)
    expect(entry).toMatchObject({
      to: 'failed',
      failures: 6,
      errorCode: 'carrier_error',
      deadLetter: 'attempts',
      deadlineAt: null,
    })
    expect(nextStep(held(), [WRONG], rules(nobody), AT).entry).toMatchObject({
      to: 'failed',
      deadLetter: 'permanent',
    })
  })

  it('says in the timeline when it is tried again', () => {
    const { entry } = nextStep(held(), [BUSY], rules(nobody), AT)
    expect(entry).toMatchObject({ to: 'queued', carrier: 'alpha', dueAt: seconds(2), failures: 1 })
    expect(entry.deadlineAt).toEqual(seconds(72 * 3_600))
    expect(entry.events.at(-1)).toMatchObject({
      type: 'retry',
      status: 'queued',
      code: 'carrier_error',
      detail: { retry_at: seconds(2) },
    })
  })

  it('stays with its carrier where the policy says so', () => {
    const stay = { retry: { ...RETRY, nextCarrier: 'never' } } as const
    const it = held()
    const step = nextStep(it, [BUSY], rules(among('beta'), stay), AT)
    expect(step.entry).toMatchObject({ to: 'queued', carrier: 'alpha' })
    expect(waitOf(step)).toBe(2_000)
    expect(nextStep(held(), [WRONG], rules(among('beta'), stay), AT).entry).toMatchObject({
      to: 'failed',
      carrier: 'alpha',
    })
  })

  it('expires instead of resting beyond its validity', () => {
    const it = newlyHeld(
      testMessage({ status: 'sending', attempt: 1, createdAt: AT, expiresAt: seconds(2) }),
    )
    const { entry, rejoins } = nextStep(it, [BUSY], rules(nobody), AT)
    expect(rejoins).toBe(false)
    expect(entry).toMatchObject({ to: 'expired', dueAt: null, deadlineAt: null })
    expect(entry.deadLetter).toBe('expired')
    expect(entry.events.map(({ type, status }) => [type, status])).toEqual([
      ['response', 'expired'],
      ['expired', 'expired'],
    ])
  })

  it('is tried no more once it is older than the policy allows', () => {
    const young = { retry: { ...RETRY, maxAgeSeconds: 1 } }
    expect(nextStep(held(), [BUSY], rules(nobody, young), AT).entry).toMatchObject({
      to: 'failed',
      deadLetter: 'age',
    })
    expect(nextStep(held(), [BUSY], rules(among('beta'), young), AT).entry).toMatchObject({
      to: 'queued',
      carrier: 'beta',
    })
  })

  it.each<[string, SegmentOutcome[]]>([
    ['accepted and refused', [ACCEPTED, WRONG]],
    ['refused and accepted', [BUSY, ACCEPTED]],
    ['refused and unanswered', [WRONG, UNCERTAIN]],
    ['accepted and not sent', [ACCEPTED, NOT_SENT]],
    ['unanswered and not sent', [NOT_SENT, UNCERTAIN]],
    ['one of each', [ACCEPTED, UNCERTAIN, NOT_SENT, WRONG]],
  ])('is partially sent and goes nowhere else: %s', (_, outcomes) => {
    const it = held(outcomes.length)
    const step = nextStep(it, outcomes, rules(never), AT)
    const { entry } = step
    expect(entry).toMatchObject({ to: 'failed', carrier: 'alpha', errorCode: 'partially_sent' })
    expect(waitOf(step)).toBeUndefined()
    expect(entry.answers.map(({ segment }) => segment)).toEqual(outcomes.map((_, i) => i + 1))
    expect(entry.events.at(-1)).toMatchObject({ type: 'failed', code: 'partially_sent' })
    expect(it.tried.size).toBe(0)
  })

  it.each<[string, SegmentOutcome[]]>([
    ['one', [NOT_SENT]],
    ['all of several', [NOT_SENT, NOT_SENT, NOT_SENT]],
  ])('waits for its carrier again when it surely did not leave: %s', (_, outcomes) => {
    const it = held(outcomes.length)
    const step = nextStep(it, outcomes, rules(never), AT)
    const { entry } = step
    expect(entry).toMatchObject({ to: 'queued', carrier: 'alpha', errorCode: null })
    expect(entry.answers.every(({ state }) => state === 'not_sent')).toBe(true)
    expect(waitOf(step)).toBe(1_000)
    expect(entry.failures).toBe(0)
    expect(it).toMatchObject({ rounds: 0, tried: new Set() })
    const waits = [1, 2, 3].map(() => waitOf(nextStep(it, outcomes, rules(never), AT)))
    expect(waits).toEqual([2_000, 3_000, 3_000])
  })

  it('goes at once to a carrier that is up when its own is down and it surely did not leave', () => {
    const chooseOtherUp = among('beta')
    const it = held()
    const step = nextStep(it, [NOT_SENT], { ...rules(never), chooseOtherUp }, AT)
    expect(step.entry).toMatchObject({ to: 'queued', carrier: 'beta', dueAt: null, failures: 0 })
    expect(step.entry.events).toMatchObject([{ type: 'response' }, { type: 'routed' }])
    expect(waitOf(step)).toBe(0)
    expect(
      nextStep(held(), [UNCERTAIN], { ...rules(never), chooseOtherUp }, AT).entry,
    ).toMatchObject({ to: 'sending', carrier: 'alpha' })
  })

  it('goes elsewhere when refused, although other segments were not sent', () => {
    const { entry } = nextStep(held(2), [NOT_SENT, BUSY], rules(among('alpha', 'beta')), AT)
    expect(entry).toMatchObject({ to: 'queued', carrier: 'beta' })
  })

  it('stays with a carrier that did not answer', () => {
    const step = nextStep(held(), [UNCERTAIN], rules(never), AT)
    const { entry } = step
    expect(entry).toMatchObject({ to: 'sending', carrier: 'alpha', errorCode: 'outcome_unknown' })
    expect(entry.answers).toMatchObject([{ state: 'uncertain', matchKey: null }])
    expect(entry.events).toMatchObject([{ type: 'uncertain', status: 'sending' }])
    expect(waitOf(step)).toBeUndefined()
  })

  it.each([
    ['resend', 60],
    ['query', 60],
    ['wait_receipt', 3_600],
    ['hold', 3_600],
  ] as const)('has its policy %s decide about silence after %i seconds', (uncertain, after) => {
    const policy = { uncertain, uncertainSeconds: 60, receiptDeadlineSeconds: 3_600 }
    const { entry } = nextStep(held(), [UNCERTAIN], rules(never, policy), AT)
    expect(entry.deadlineAt).toEqual(seconds(after))
  })

  it.each([
    ['resend', 3_600],
    ['wait_receipt', 3_600],
    ['hold', 3_600],
  ] as const)('waits for its receipt once it is taken, under %s', (uncertain, after) => {
    const policy = { uncertain, uncertainSeconds: 60, receiptDeadlineSeconds: 3_600 }
    const { entry } = nextStep(held(), [ACCEPTED], rules(never, policy), AT)
    expect(entry).toMatchObject({ to: 'sent', deadlineAt: seconds(after) })
  })

  it.each([
    ['three days', 'wait_receipt', 3_600, 259_200],
    ['an hour longer than it is valid', 'wait_receipt', 604_800, 608_400],
    ['until the carrier is asked', 'query', 604_800, 60],
  ] as const)('waits %s where no deadline is set', (_what, uncertain, validity, wait) => {
    const policy = { uncertain, uncertainSeconds: 60 }
    for (const outcome of [ACCEPTED, UNCERTAIN]) {
      const it = held()
      it.message.expiresAt = seconds(validity)
      const { entry } = nextStep(it, [outcome], rules(never, policy), AT)
      expect(entry.deadlineAt).toEqual(seconds(wait))
    }
  })

  it('expires when its carrier has not taken it in its validity', () => {
    const it = held()
    it.message.expiresAt = AT
    const tooLate: SegmentOutcome = { kind: 'not_sent', reason: 'its validity has ended' }
    const { entry, rejoins } = nextStep(it, [tooLate], rules(never), AT)
    expect(rejoins).toBe(false)
    expect(entry).toMatchObject({
      to: 'expired',
      errorCode: 'expired',
      errorDetail: 'alpha has not taken it in time: its validity has ended',
      deadLetter: 'expired',
      deadlineAt: null,
      answers: [{ state: 'not_sent' }],
    })
  })

  it('counts as sent when some segments were accepted and the rest is unknown', () => {
    const { entry } = nextStep(held(2), [ACCEPTED, UNCERTAIN], rules(never), AT)
    expect(entry).toMatchObject({ to: 'sent', errorCode: 'outcome_unknown' })
  })
})
