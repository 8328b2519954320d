import { describe, expect, it } from 'vitest'
import { GatewayError, messageOf } from '../../src/core/errors.ts'

describe('GatewayError', () => {
  it('carries code, pointer, retryable and cause', () => {
    const cause = new Error('why')
    const error = new GatewayError('to_invalid', 'no', { pointer: '/to', retryable: true, cause })
    expect(error).toBeInstanceOf(Error)
    expect(error).toMatchObject({
      name: 'GatewayError',
      code: 'to_invalid',
      message: 'no',
      pointer: '/to',
      retryable: true,
      cause,
    })
  })

  it('is final and without a cause when nothing else is said', () => {
    const error = new GatewayError('closed', 'no')
    expect(error).toMatchObject({ retryable: false, pointer: undefined })
    expect('cause' in error).toBe(false)
  })
})

describe('messageOf', () => {
  it.each([
    [new Error('text'), 'text'],
    ['thrown text', 'thrown text'],
    [undefined, 'undefined'],
    [null, 'null'],
    [42, '42'],
  ])('gives the text of %s', (thrown, text) => {
    expect(messageOf(thrown)).toBe(text)
  })
})
