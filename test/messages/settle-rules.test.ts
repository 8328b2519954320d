import { describe, expect, it } from 'vitest'
import type { SegmentOutcome } from '../../src/carriers/carrier.ts'
import type { FailureAction, FailureMatch, FailureRule } from '../../src/core/failure-rule.ts'
import { FailureJudge, type RuleAlert } from '../../src/messages/failure-judge.ts'
import { type ChooseNext, type Held, newlyHeld, nextStep } from '../../src/messages/settle.ts'
import { FailureRules } from '../../src/routing/failure-rules.ts'
import { COST, testMessage } from './builders.ts'
import { testPolicies } from './harness.ts'

const AT = new Date('2026-01-02T03:04:05Z')
const ACCEPTED: SegmentOutcome = { kind: 'accepted', carrierMessageId: 'AB1', matchKey: 'ab1' }
const UNCERTAIN: SegmentOutcome = { kind: 'uncertain', reason: 'no response in time' }
const NOT_SENT: SegmentOutcome = { kind: 'not_sent', reason: 'the connection closed' }
const THROTTLED: SegmentOutcome = { kind: 'throttled', rawCode: '0x00000058' }
const WRONG: SegmentOutcome = {
  kind: 'refused',
  code: 'destination_invalid',
  rawCode: '0x0000000b',
  reason: 'ESME_RINVDSTADR',
  class: 'message',
}
const RETRY = {
  kind: 'retry',
  max: 2,
  delaySeconds: 5,
  backoff: 'fixed',
  maxDelaySeconds: 60,
} as const
const SWITCH = { kind: 'switch_provider', delaySeconds: 0, to: [] } as const

function rule(name: string, action: FailureAction, match: FailureMatch = {}): FailureRule {
  return { name, priority: 100, scene: 'send_failure', match, action }
}

function held(segments = 1): Held {
  return newlyHeld(testMessage({ segments, status: 'sending', attempt: 1, createdAt: AT }))
}

const choose: ChooseNext = (message, tried, at, among = []) => {
  const isWanted = (name: string) => among.length === 0 || among.includes(name)
  const left = ['alpha', 'beta', 'gamma'].filter((name) => !tried.has(name))
  const carrier = left.find(isWanted)
  const event = { messageId: message.id, at, type: 'routed', status: 'queued', carrier } as const
  return carrier === undefined ? undefined : { carrier, cost: COST, event }
}

/** Lets rules decide about outcomes; notes what they do beside. */
function decide(
  rules: readonly FailureRule[],
  outcomes: readonly SegmentOutcome[],
  more: {
    readonly held?: Held
    readonly submits?: number
    readonly uncertain?: 'resend' | 'hold' | 'wait_receipt'
    readonly at?: Date
  } = {},
) {
  const it = more.held ?? held(outcomes.length)
  const acted: string[] = []
  const alerts: RuleAlert[] = []
  const judge = new FailureJudge({
    rules: new FailureRules(rules),
    onAlert: (alert) => alerts.push(alert),
    onActed: ({ name }) => acted.push(name),
  })
  const policy = testPolicies({ uncertain: more.uncertain ?? 'wait_receipt' })('transactional')
  const step = nextStep(
    it,
    outcomes,
    {
      policy,
      judge,
      chooseNext: choose,
      chooseOtherUp: () => undefined,
      submits: () => more.submits ?? 1,
      random: () => 0.5,
    },
    more.at ?? AT,
  )
  return { ...step, held: it, acted, alerts, lines: step.entry.events.map(({ type }) => type) }
}

function secondsAfter(count: number): Date {
  return new Date(AT.getTime() + count * 1_000)
}

describe('a rule about a submit that failed', () => {
  it('retry: the same carrier, after its wait', () => {
    const step = decide([rule('again', RETRY)], [WRONG])
    expect(step.rejoins).toBe(true)
    expect(step.entry).toMatchObject({
      to: 'queued',
      carrier: 'alpha',
      dueAt: secondsAfter(5),
      failures: 1,
      errorCode: 'destination_invalid',
    })
    expect(step.entry.events.at(-1)).toMatchObject({
      type: 'retry',
      detail: { rule: 'again', retry_at: secondsAfter(5) },
    })
    expect([...step.held.tried]).toEqual([])
  })

  it.each([
    ['fixed', [5, 5, 5]],
    ['linear', [5, 10, 12]],
    ['exponential', [5, 10, 12]],
  ] as const)('retry: %s waits grow up to the longest', (backoff, seconds) => {
    const again = rule('again', { ...RETRY, max: 3, backoff, maxDelaySeconds: 12 })
    const waits = [1, 2, 3].map((submits) => decide([again], [WRONG], { submits }).entry.dueAt)
    expect(waits).toEqual(seconds.map(secondsAfter))
  })

  it('retry: no more than `max` submits after the first; then the next rule acts', () => {
    const rules = [rule('again', RETRY), rule('end', { kind: 'fail', code: null })]
    expect(decide(rules, [WRONG], { submits: 2 }).acted).toEqual(['again'])
    const last = decide(rules, [WRONG], { submits: 3 })
    expect(last.acted).toEqual(['end'])
    expect(last.entry).toMatchObject({ to: 'failed', errorCode: 'destination_invalid' })
  })

  it('retry: not beyond its validity, and not what cannot be made a PDU of', () => {
    const at = new Date(held().message.expiresAt.getTime() - 5_000)
    expect(decide([rule('again', RETRY)], [WRONG], { at }).acted).toEqual(['default'])
    const unpreparable = { ...WRONG, code: 'not_encodable', rawCode: null } as const
    expect(decide([rule('again', RETRY)], [unpreparable]).acted).toEqual(['default'])
  })

  it('switch_provider: another carrier at once, and the timeline names the rule', () => {
    const step = decide([rule('away', SWITCH)], [NOT_SENT])
    expect(step.entry).toMatchObject({
      to: 'queued',
      carrier: 'beta',
      dueAt: null,
      errorCode: 'carrier_unreachable',
    })
    expect(step.lines).toEqual(['response', 'routed'])
    expect(step.entry.events[1]?.detail).toEqual({ rule: 'away' })
    expect([...step.held.tried]).toEqual(['alpha'])
  })

  it('switch_provider: only the named ones, after a wait', () => {
    const away = rule('away', { ...SWITCH, to: ['gamma'], delaySeconds: 30 })
    expect(decide([away], [WRONG]).entry).toMatchObject({
      carrier: 'gamma',
      dueAt: secondsAfter(30),
    })
  })

  it('switch_provider: where none is left the next rule acts', () => {
    const tried = held()
    for (const name of ['beta', 'gamma']) tried.tried.add(name)
    const rules = [rule('away', SWITCH), rule('keep', { kind: 'hold' })]
    expect(decide(rules, [WRONG], { held: tried }).acted).toEqual(['keep'])
    expect(decide([rule('away', { ...SWITCH, to: ['delta'] })], [WRONG]).acted).toEqual(['default'])
  })

  it('fail: the end, with the code of the rule', () => {
    const step = decide([rule('no', { kind: 'fail', code: 'content_rejected' })], [WRONG])
    expect(step.rejoins).toBe(false)
    expect(step.entry).toMatchObject({
      to: 'failed',
      errorCode: 'content_rejected',
      deadLetter: 'content_rejected',
      errorDetail: 'alpha refused: ESME_RINVDSTADR',
    })
    expect(step.entry.events.at(-1)?.detail).toMatchObject({ rule: 'no' })
  })

  it('hold: it waits for an operator until its validity ends', () => {
    const step = decide([rule('wait', { kind: 'hold' })], [WRONG])
    const { expiresAt } = step.held.message
    expect(step.rejoins).toBe(false)
    expect(step.entry).toMatchObject({
      to: 'queued',
      heldBy: 'wait',
      dueAt: expiresAt,
      deadlineAt: expiresAt,
      failures: 1,
      errorCode: 'destination_invalid',
    })
    expect(step.entry.events.at(-1)).toMatchObject({
      type: 'held',
      detail: { rule: 'wait', until: expiresAt },
    })
  })

  it('alert: the operator is told, and the next rule acts', () => {
    const rules = [rule('tell', { kind: 'alert' }), rule('away', SWITCH)]
    const step = decide(rules, [WRONG])
    expect(step.acted).toEqual(['tell', 'away'])
    expect(step.lines).toEqual(['response', 'alerted', 'routed'])
    expect(step.alerts).toMatchObject([
      {
        rule: 'tell',
        messageId: step.held.message.id,
        detail: 'alpha refused: ESME_RINVDSTADR',
        facts: { code: 'destination_invalid', rawCode: '0x0000000b', attempt: 1 },
      },
    ])
  })

  it('policy: what would happen without rules, and keeps later rules away', () => {
    const rules = [rule('leave', { kind: 'policy' }), rule('no', { kind: 'fail', code: null })]
    const step = decide(rules, [WRONG])
    expect(step.acted).toEqual(['leave'])
    expect(step.entry).toMatchObject({ to: 'queued', carrier: 'beta' })
    const { entry } = decide([], [WRONG])
    expect(step.entry.events.map(({ detail }) => detail)).toEqual(
      entry.events.map(({ detail }) => detail),
    )
  })

  it.each([
    ['carrier_throttled', [THROTTLED], '0x00000058'],
    ['carrier_unreachable', [NOT_SENT], null],
    ['outcome_unknown', [UNCERTAIN], null],
    ['partially_sent', [ACCEPTED, WRONG], '0x0000000b'],
    ['partially_sent', [ACCEPTED, THROTTLED], null],
  ] as const)('sees %s', (code, outcomes, rawCode) => {
    const { alerts } = decide([rule('tell', { kind: 'alert' }, { codes: [code] })], outcomes)
    expect(alerts).toMatchObject([{ facts: { code, rawCode } }])
  })

  it('is not asked about what was taken, nor about what has expired', () => {
    const all = [rule('no', { kind: 'fail', code: null })]
    expect(decide(all, [ACCEPTED]).entry.to).toBe('sent')
    const it = held()
    const late = decide(all, [NOT_SENT], { held: it, at: it.message.expiresAt })
    expect([late.entry.to, late.acted]).toEqual(['expired', []])
  })
})

describe('no rule makes a recipient get it twice', () => {
  const eager = [rule('again', RETRY), rule('away', SWITCH), rule('wait', { kind: 'hold' })]

  it('what a carrier has in part goes nowhere else and is not held', () => {
    const step = decide(eager, [ACCEPTED, WRONG])
    expect(step.acted).toEqual(['default'])
    expect(step.entry).toMatchObject({ to: 'failed', errorCode: 'partially_sent' })
    expect(decide(eager, [UNCERTAIN, NOT_SENT]).acted).toEqual(['default'])
  })

  it.each(['wait_receipt', 'hold'] as const)('an unknown outcome under %s', (uncertain) => {
    const step = decide(eager, [UNCERTAIN], { uncertain })
    expect(step.acted).toEqual(['wait'])
    expect(step.entry).toMatchObject({ to: 'sending', heldBy: 'wait' })
  })

  it('unless the policy says resend and nothing is known to be taken', () => {
    const step = decide(eager, [UNCERTAIN], { uncertain: 'resend' })
    expect(step.acted).toEqual(['again'])
    expect(step.entry).toMatchObject({ to: 'queued', errorCode: 'outcome_unknown', failures: 1 })
    expect(step.entry.events.at(-1)?.detail).toMatchObject({ may_be_a_duplicate: true })
    const away = decide(eager.slice(1), [UNCERTAIN], { uncertain: 'resend' })
    expect(away.entry.carrier).toBe('beta')
    expect(away.entry.events.at(-1)).toMatchObject({
      type: 'retry',
      detail: { may_be_a_duplicate: true, rule: 'away' },
    })
    expect(decide(eager, [ACCEPTED, UNCERTAIN], { uncertain: 'resend' }).acted).toEqual(['wait'])
  })

  it('may still end it', () => {
    const { entry } = decide([rule('no', { kind: 'fail', code: null })], [UNCERTAIN])
    expect(entry).toMatchObject({ to: 'failed', errorCode: 'outcome_unknown' })
  })
})

describe('throttled more often than the policy has patience', () => {
  it('is given up where no rule says anything else', () => {
    expect(decide([], [THROTTLED]).entry).toMatchObject({
      to: 'failed',
      errorCode: 'carrier_throttled',
      deadLetter: 'attempts',
    })
  })
})
