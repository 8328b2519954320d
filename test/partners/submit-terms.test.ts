import { describe, expect, test } from 'vitest'
import type { MessageRequest } from '../../src/messages/message-request.ts'
import { requestOf } from '../../src/partners/mapping.ts'
import { SubmitTerms, type SubmitTermsOptions } from '../../src/partners/submit-terms.ts'
import { SUBMIT } from './sample-submit.ts'

const FREE: SubmitTermsOptions = {
  segmentsPerSecond: 0,
  burst: 0,
  senderIds: [],
  defaultValiditySeconds: undefined,
  maxValiditySeconds: undefined,
  usualValiditySeconds: () => 3_600,
}

const REQUEST = requestOf(SUBMIT, 'partner1', new Date(0))

function request(changes: Partial<MessageRequest> = {}): MessageRequest {
  return { ...REQUEST, ...changes }
}

function codeOf(run: () => unknown): string | undefined {
  try {
    run()
    return undefined
  } catch (error) {
    return (error as { code?: string }).code
  }
}

test('an account without terms takes a request as it is', () => {
  const wanted = request()
  expect(new SubmitTerms(FREE).admit(wanted, 0)).toBe(wanted)
})

describe('sender ids', () => {
  const terms = new SubmitTerms({ ...FREE, senderIds: ['ACME', '+447700900001', '4477009001*'] })

  test.each([
    ['ACME', true],
    ['acme', false],
    ['ACMEX', false],
    ['', false],
    ['+447700900001', true],
    ['447700900001', true],
    ['+447700900100', true],
    ['447700900199', true],
    ['447700900200', false],
  ])('%s: %s', (from, isPermitted) => {
    const code = codeOf(() => terms.admit(request({ from }), 0))
    expect(code).toBe(isPermitted ? undefined : 'from_invalid')
  })

  test('"*" permits all', () => {
    const all = new SubmitTerms({ ...FREE, senderIds: ['*'] })
    expect(codeOf(() => all.admit(request({ from: 'anybody' }), 0))).toBeUndefined()
  })
})

describe('the pace', () => {
  test('is counted in segments: a burst at once, then as many as the rate gives', () => {
    const terms = new SubmitTerms({ ...FREE, segmentsPerSecond: 2, burst: 4 })
    const long = request({ text: 'x'.repeat(400) })
    const at = (now: number, wanted = request()) => codeOf(() => terms.admit(wanted, now))
    expect(at(10_000, long)).toBeUndefined()
    expect([at(10_000), at(10_000)]).toEqual([undefined, 'rate_exceeded'])
    expect([at(10_499), at(10_500), at(10_500)]).toEqual([
      'rate_exceeded',
      undefined,
      'rate_exceeded',
    ])
    // Three segments need a second and a half.
    expect([at(11_500, long), at(12_000, long)]).toEqual(['rate_exceeded', undefined])
  })

  test('a text longer than the burst goes through, and those behind it wait the longer', () => {
    const terms = new SubmitTerms({ ...FREE, segmentsPerSecond: 1 })
    const at = (now: number, text: string) => codeOf(() => terms.admit(request({ text }), now))
    expect(at(1_000, 'x'.repeat(400))).toBeUndefined()
    expect([at(3_000, 'x'), at(4_000, 'x')]).toEqual(['rate_exceeded', undefined])
  })

  test('what may not be sent costs nothing; octets that pass through are one segment', () => {
    const terms = new SubmitTerms({ ...FREE, segmentsPerSecond: 1, senderIds: ['ACME'] })
    expect(codeOf(() => terms.admit(request({ from: 'other' }), 0))).toBe('from_invalid')
    const raw = { octets: Buffer.alloc(140), esmClass: 0, dataCoding: 4 }
    expect(codeOf(() => terms.admit(request({ text: '', raw }), 1_000))).toBeUndefined()
    expect(codeOf(() => terms.admit(request(), 1_000))).toBe('rate_exceeded')
  })

  test('a text that no message can hold is left to intake, which says so', () => {
    const terms = new SubmitTerms({ ...FREE, segmentsPerSecond: 1 })
    const text = 'x'.repeat(60_000)
    expect(codeOf(() => terms.admit(request({ text }), 1_000))).toBeUndefined()
  })
})

describe('validity', () => {
  test.each([
    [undefined, undefined, null, null],
    [undefined, undefined, 500, 500],
    [60, undefined, null, 60],
    [60, undefined, 500, 500],
    [60, 120, null, 60],
    [60, 120, 500, 120],
    [undefined, 120, 100, 100],
    [undefined, 120, null, 120],
    [undefined, 7_200, null, 3_600],
  ])('default %s, at most %s: %s asked is %s', (usual, most, asked, given) => {
    const terms = new SubmitTerms({
      ...FREE,
      defaultValiditySeconds: usual,
      maxValiditySeconds: most,
    })
    expect(terms.admit(request({ validitySeconds: asked }), 0).validitySeconds).toBe(given)
  })
})
