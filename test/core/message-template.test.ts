import { describe, expect, it } from 'vitest'
import { fillTemplate, variablesOf } from '../../src/core/message-template.ts'

const LOGIN = { id: 'login', text: 'Your code is {{code}}, {{ code }} for {{minutes}} minutes' }

describe('templates', () => {
  it('name each variable once', () => {
    expect(variablesOf(LOGIN.text)).toEqual(['code', 'minutes'])
  })

  it('are filled, and what stands in a variable is no place', () => {
    const filled = fillTemplate(LOGIN, 'sms', { code: '{{minutes}} $& $1', minutes: '5' })
    expect(filled.text).toBe('Your code is {{minutes}} $& $1, {{minutes}} $& $1 for 5 minutes')
  })

  it.each([
    [
      { code: '1' },
      'template_variable_missing',
      'minutes, which is missing; it has: code, minutes',
    ],
    [
      { code: '1', minutes: '5', x: '' },
      'template_variable_unknown',
      'no variable "x"; it has: code',
    ],
    [{ code: '1', minutes: '5', constructor: '' }, 'template_variable_unknown', '"constructor"'],
  ])('refuse %j', (variables, code, message) => {
    expect(() => fillTemplate(LOGIN, 'sms', variables)).toThrow(
      expect.objectContaining({ code, message: expect.stringContaining(message) }),
    )
  })

  const ORDER = {
    id: 'order',
    text: '{{name}}, order {{number}}',
    email: {
      subject: 'Order {{number}}',
      html: '<p title="{{name}}">Order {{number}}</p>{{link}}',
    },
    wecom: { text: '**{{number}}**' },
  }
  const VALUES = { name: `<A&B> "it's"`, number: '7', link: 'x' }

  it('say by each channel what they have for it, or else their text', () => {
    expect(fillTemplate(ORDER, 'wecom', { number: '7' })).toEqual({ text: '**7**', mail: null })
    expect(fillTemplate(ORDER, 'dingtalk', VALUES)).toEqual({
      text: `<A&B> "it's", order 7`,
      mail: null,
    })
  })

  it('escape values in HTML, and keep a subject on its line', () => {
    expect(fillTemplate(ORDER, 'email', VALUES)).toEqual({
      text: `<A&B> "it's", order 7`,
      mail: {
        subject: 'Order 7',
        html: '<p title="&lt;A&amp;B&gt; &quot;it&#39;s&quot;">Order 7</p>x',
      },
    })
    const split = fillTemplate(ORDER, 'email', { ...VALUES, number: '7\r\nBcc: x@example.com' })
    expect(split.mail?.subject).toBe('Order 7 Bcc: x@example.com')
  })

  it('take variables of other channels, and miss those of their own', () => {
    expect(fillTemplate(ORDER, 'sms', VALUES).text).toBe(`<A&B> "it's", order 7`)
    const { link: _link, ...others } = VALUES
    expect(() => fillTemplate(ORDER, 'email', others)).toThrow(
      expect.objectContaining({ code: 'template_variable_missing' }),
    )
  })

  it('make no e-mail without a subject', () => {
    expect(() => fillTemplate(LOGIN, 'email', { code: '1', minutes: '5' })).toThrow(
      expect.objectContaining({ code: 'template_channel_missing', pointer: '/template' }),
    )
  })
})
