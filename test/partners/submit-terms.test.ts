import { describe, expect, test } from 'vitest'
import type { MessageRequest } from '../../src/messages/message-request.ts'
import { requestOf } from '../../src/partners/mapping.ts'
import { SubmitTerms, type SubmitTermsOptions } from '../../src/partners/submit-terms.ts'
import { SUBMIT } from './sample-submit.ts'

const FREE: SubmitTermsOptions = {
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
  expect(new SubmitTerms(FREE).admit(wanted)).toBe(wanted)
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
    const code = codeOf(() => terms.admit(request({ from })))
    expect(code).toBe(isPermitted ? undefined : 'from_invalid')
  })

  test('"*" permits all', () => {
    const all = new SubmitTerms({ ...FREE, senderIds: ['*'] })
    expect(codeOf(() => all.admit(request({ from: 'anybody' })))).toBeUndefined()
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
    expect(terms.admit(request({ validitySeconds: asked })).validitySeconds).toBe(given)
  })
})
