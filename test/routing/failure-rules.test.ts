import fc from 'fast-check'
import { describe, expect, it } from 'vitest'
import type { FailureFacts, FailureMatch, FailureRule } from '../../src/core/failure-rule.ts'
import { codeKey, FailureRules, isDefaultRule } from '../../src/routing/failure-rules.ts'

const FACTS: FailureFacts = {
  scene: 'send_failure',
  carrier: 'alpha',
  channel: 'sms',
  code: 'carrier_refused',
  rawCode: '0x00000045',
  text: 'alpha refused: ESME_RSUBMITFAIL',
  tenantId: 't1',
  trafficClass: 'otp',
  country: 'GB',
  attempt: 2,
}

function rule(
  name: string,
  match: FailureMatch = {},
  more: Partial<FailureRule> = {},
): FailureRule {
  return { name, priority: 100, scene: 'send_failure', match, action: { kind: 'hold' }, ...more }
}

function names(rules: readonly FailureRule[], facts: Partial<FailureFacts> = {}): string[] {
  return [...new FailureRules(rules).matching({ ...FACTS, ...facts })].map(({ name }) => name)
}

describe('FailureRules', () => {
  it.each<[string, FailureMatch, Partial<FailureFacts>]>([
    ['carrier', { carriers: ['beta', 'alpha'] }, { carrier: 'gamma' }],
    ['channel', { channels: ['sms'] }, { channel: 'mail' as 'sms' }],
    ['normalised code', { codes: ['carrier_refused'] }, { code: 'carrier_error' }],
    ['raw code', { codes: ['0x45'] }, { rawCode: '0x00000046' }],
    ['absent raw code', { codes: ['0x45'] }, { rawCode: null }],
    ['keyword in any case', { keywords: ['nothing', 'submitfail'] }, { text: 'RSYSERR' }],
    ['tenant', { tenants: ['t1'] }, { tenantId: 't2' }],
    ['traffic class', { trafficClasses: ['otp'] }, { trafficClass: 'marketing' }],
    ['country', { countries: ['FR', 'GB'] }, { country: 'DE' }],
    ['first attempts', { attempts: [{ from: 1, to: 3 }] }, { attempt: 4 }],
    [
      'some attempts',
      {
        attempts: [
          { from: 2, to: 2 },
          { from: 5, to: 9 },
        ],
      },
      { attempt: 3 },
    ],
  ])('matches by %s', (_what, match, others) => {
    expect(names([rule('a', match)])).toEqual(['a', 'default'])
    expect(names([rule('a', match)], others)).toEqual(['default'])
  })

  it('asks for all conditions, and fits everything without any', () => {
    const both = { carriers: ['alpha'], countries: ['FR'] }
    expect(names([rule('both', both), rule('none')])).toEqual(['none', 'default'])
  })

  it('fits nothing with an empty list', () => {
    expect(names([rule('nobody', { tenants: [] }), rule('no code', { codes: [] })])).toEqual([
      'default',
    ])
  })

  it('asks the smaller priority first, and equals in their order', () => {
    const late = rule('late', {}, { priority: 200 })
    const coded = rule('coded', { codes: ['carrier_refused'] })
    expect(
      names([late, rule('first'), coded, rule('last'), rule('early', {}, { priority: 1 })]),
    ).toEqual(['early', 'first', 'coded', 'last', 'late', 'default'])
  })

  it('gives a rule once that names both codes', () => {
    const both = rule('both', { codes: ['0x00000045', 'carrier_refused', '0X45'] })
    expect(names([both])).toEqual(['both', 'default'])
  })

  it('keeps the scenes apart', () => {
    const receipts = rule('receipts', {}, { scene: 'callback_failure' })
    expect(names([receipts])).toEqual(['default'])
    expect(names([receipts], { scene: 'callback_failure' })).toEqual(['receipts', 'default'])
    const rules = new FailureRules([receipts])
    expect([rules.has('callback_failure'), rules.has('send_failure')]).toEqual([true, false])
  })

  it('is replaced as a whole while it is in use', () => {
    const rules = new FailureRules([rule('old'), rule('older')])
    const running = rules.matching(FACTS)
    expect(running.next().value?.name).toBe('old')
    rules.replace([rule('new')])
    // Who has begun goes on with the rules as they were.
    expect([...running].map(({ name }) => name)).toEqual(['older', 'default'])
    expect([...rules.matching(FACTS)].map(({ name }) => name)).toEqual(['new', 'default'])
  })

  it('ends with the default, which nobody has written', () => {
    const last = [...new FailureRules([rule('default')]).matching(FACTS)]
    expect(last.map(isDefaultRule)).toEqual([false, true])
    expect(last.at(-1)?.action).toEqual({ kind: 'policy' })
  })

  it('finds by its index what a look at every rule finds', () => {
    const some = <Value>(...values: Value[]) =>
      fc.option(fc.subarray(values, { minLength: 1 }), { nil: undefined })
    const anyRule = fc.record({
      priority: fc.integer({ min: 0, max: 5 }),
      carriers: some('alpha', 'beta'),
      codes: some('c1', 'c2', '0x1', '0x00000002', '069'),
      keywords: some('spam', 'Block'),
    })
    const anyFacts = fc.record({
      carrier: fc.constantFrom('alpha', 'beta'),
      code: fc.constantFrom('c1', 'c2', 'c3'),
      rawCode: fc.constantFrom(null, '0x00000001', '0x00000002', '069', '69'),
      text: fc.constantFrom('it is SPAM', 'blocked', 'fine'),
    })
    fc.assert(
      fc.property(fc.array(anyRule, { maxLength: 30 }), anyFacts, (drawn, facts) => {
        const rules = drawn.map(({ priority, ...match }, index) =>
          rule(String(index), match, { priority }),
        )
        const expected = rules
          .filter(({ match: { carriers, codes, keywords } }) => {
            const known: (string | null)[] = [facts.code, facts.rawCode]
            const text = facts.text.toLowerCase()
            return (
              (!carriers || carriers.includes(facts.carrier)) &&
              (!codes || codes.some((code) => known.includes(codeKey(code)))) &&
              (!keywords || keywords.some((word) => text.includes(word.toLowerCase())))
            )
          })
          .map(({ name, priority }) => ({ name, priority }))
          .sort((a, b) => a.priority - b.priority)
          .map(({ name }) => name)
        expect(names(rules, facts)).toEqual([...expected, 'default'])
      }),
    )
  })
})

describe('codeKey', () => {
  it.each([
    ['0x45', '0x00000045'],
    ['0X000000AB', '0x000000ab'],
    ['069', '069'],
    ['EC:0x1', 'EC:0x1'],
    ['recipient_absent', 'recipient_absent'],
  ])('%s is %s', (code, key) => expect(codeKey(code)).toBe(key))
})
