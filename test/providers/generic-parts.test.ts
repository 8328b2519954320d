import fc from 'fast-check'
import { describe, expect, it } from 'vitest'
import { generic } from '../../src/providers/generic.ts'
import { readNumber, writtenNumber } from '../../src/providers/generic-numbers.ts'
import { foundBy, patternMistake } from '../../src/providers/generic-pattern.ts'
import { parseSource, sourceMistake, textIn } from '../../src/providers/generic-source.ts'
import { parseTemplate, rendered, templateMistake } from '../../src/providers/generic-template.ts'
import { readTime, timeFormMistake, writtenTime } from '../../src/providers/generic-time.ts'
import type { ProviderMessage } from '../../src/providers/provider.ts'
import { CALL, MESSAGE } from './provider-suite.ts'

const LEAST = { endpoint: 'https://api.example.com/v1', send: { form: { to: '{to}' } } }

function accountWith(settings: object) {
  return generic.open(generic.settings.parse({ ...LEAST, ...settings }))
}

function sent(settings: object, message: Partial<ProviderMessage> = {}) {
  return accountWith(settings).send([{ ...MESSAGE, ...message }], CALL)
}

/** What is wrong with settings, by place. */
function mistakesOf(settings: object): Record<string, string> {
  const parsed = generic.settings.safeParse({ ...LEAST, ...settings })
  const issues = parsed.success ? [] : parsed.error.issues
  return Object.fromEntries(issues.map(({ path, message }) => [path.join('.'), message]))
}

describe('generic: templates', () => {
  it('puts values in, and doubled braces as one', () => {
    const template = parseTemplate('{{"to": "{to}", "at": "{now:HH:mm}"}}')
    const text = rendered(template, ({ name, argument }) => `<${name}|${argument}>`)
    expect(text).toBe('{"to": "<to|>", "at": "<now|HH:mm>"}')
  })

  it('never reads what values hold', () => {
    fc.assert(
      fc.property(fc.string(), (value) => {
        expect(rendered(parseTemplate('a{text}b'), () => value)).toBe(`a${value}b`)
      }),
    )
  })

  it.each([
    ['{tel}', 'message', '{tel} does not'],
    ['{to', 'message', 'written twice: {{'],
    ['{to:x}', 'message', '"x" is not an argument of it'],
    ['{now}', 'message', 'unix, unix_ms, iso, or a pattern'],
    ['{now:hh}', 'call', 'unix, unix_ms, iso, or a pattern'],
    ['{text}', 'header', '{text} does not'],
    ['{variable:code}', 'header', '{variable} does not'],
    ['{to}', 'call', '{to} does not'],
    ['{signature}', 'message', '{signature} does not'],
  ] as const)('%s is a mistake in a %s', (source, scope, message) => {
    expect(templateMistake(source, scope)).toContain(message)
  })
})

describe('generic: places of values', () => {
  const text = '"}],&x=1\r\n</a>\u0000 你'

  it('escapes in a form and a query', () => {
    const { url, body } = sent(
      {
        send: { url: '/{from}/x', query: { q: '{text}' }, form: { text: '{text}', to: '{to}' } },
      },
      { text, from: 'a/b?c' },
    )
    expect(new URL(url).pathname).toBe('/v1/a%2Fb%3Fc/x')
    expect([...new URL(url).searchParams]).toEqual([['q', text]])
    expect([...new URLSearchParams(body)]).toEqual([
      ['text', text],
      ['to', MESSAGE.to],
    ])
  })

  it('escapes in JSON, whatever the text is', () => {
    const account = accountWith({ send: { json: '{"a": {"text": "<{text}>"}, "n": 1}' } })
    fc.assert(
      fc.property(fc.string({ unit: 'binary' }), (any) => {
        const { body } = account.send([{ ...MESSAGE, text: any }], CALL)
        expect(JSON.parse(body)).toEqual({ a: { text: `<${any}>` }, n: 1 })
      }),
    )
  })

  it.each([
    ['xml', '<t>&#34;}],&#38;x=1\r\n&#60;/a&#62; 你</t>'],
    ['json', `<t>${JSON.stringify(text).slice(1, -1)}</t>`],
    ['url', `<t>${encodeURIComponent(text)}</t>`],
    ['none', `<t>${text}</t>`],
  ])('escapes in a text for %s', (raw_escape, body) => {
    expect(sent({ send: { raw: '<t>{text}</t>', raw_escape } }, { text }).body).toBe(body)
  })

  it('leaves out what is empty, and keeps types', () => {
    const json = `{
      "sign": "{sign}", "sign_id": "{sign:number}", "template": "{template:number}", "fixed": "",
      "vars": "{variables}", "values": "{variables:list}", "joined": "{variables:join ##}",
      "code": "{variable:code}", "none": "{variable:none}", "to": "{to:list}", "in": ["{sign}"]
    }`
    const variables = [
      { name: 'code', value: '1' },
      { name: 'minutes', value: '5' },
    ]
    const { body } = sent({ send: { json } }, { sign: '', template: { id: '7', variables } })
    expect(JSON.parse(body)).toEqual({
      template: 7,
      fixed: '',
      vars: { code: '1', minutes: '5' },
      values: ['1', '5'],
      joined: '1##5',
      code: '1',
      to: [MESSAGE.to],
      in: [],
    })
  })

  it('makes nonces and times', () => {
    const json = `{"uuid": "{nonce:uuid}", "digits": "{nonce:digits}", "hex": "{nonce}",
      "at": "{now:yyyy-MM-dd HH:mm:ss}", "unix": "{now:unix}", "left": "{validity_seconds}",
      "end": "{expires:yyMMddHHmm}", "callback": "{callback:mo}"}`
    const made = JSON.parse(sent({ time_zone: 'Asia/Shanghai', send: { json } }).body)
    expect(made).toEqual({
      uuid: '01234567-89ab-4def-8123-456789abcdef',
      digits: expect.stringMatching(/^\d{1,18}$/),
      hex: CALL.nonce,
      at: '2024-05-20 16:30:00',
      unix: '1716193800',
      left: '3600',
      end: '2405201730',
      callback: `${CALL.callbackUrl}/mo`,
    })
  })

  it('shows who we are', () => {
    const credentials = [{ name: 'sid', secret: 'abc' }]
    const headers = { 'X-Key': '{credential:sid}', authorization: '{encoded:both}' }
    const encoded = { both: '{credential:sid}:{now:yyyyMMddHHmmss}' }
    const signature = {
      algorithm: 'md5',
      encoding: 'HEX',
      signed_text: '{method}{path}{credential:sid}{sorted}',
      sorted_pair: '=',
      sorted_joint: '&',
    }
    const query = { sig: '{signature}', app: 'x' }
    const call = sent({ credentials, auth: { headers, encoded, query, signature } })
    expect(call.headers['x-key']).toBe('abc')
    expect(atob(call.headers.authorization ?? '')).toBe('abc:20240520083000')
    // md5 of `POST/v1abcapp=x&to=+8613800138000`.
    expect(new URL(call.url).searchParams.get('sig')).toBe('F88BEE6AF4F76E7EF734CA6406E67F9B')
  })
})

describe('generic: answers', () => {
  const read = (answer: object, body: string, status = 200) =>
    accountWith({ answer }).readSend({ status, headers: {}, body }, [MESSAGE])

  it('reads texts by regular expressions', () => {
    const answer = { id: '/^Success "([\\w-]{1,64})"/', code: '/^Error "([^"]{1,64})"/' }
    expect(read(answer, 'Success "a-1"')).toMatchObject([{ kind: 'accepted', providerId: 'a-1' }])
    expect(read(answer, 'Error "no credit"')).toMatchObject([
      { kind: 'refused', code: 'no credit' },
    ])
    expect(() => read(answer, '<html>')).toThrow('HTTP 200 without what tells')
  })

  it('takes our id where the provider gives none', () => {
    const answer = { success: { source: '/^OK/' } }
    expect(read(answer, 'OK')).toMatchObject([{ kind: 'accepted', providerId: MESSAGE.id }])
  })

  it('takes statuses that are said', () => {
    expect(read({ http_statuses: '202' }, '', 202)).toMatchObject([{ kind: 'accepted' }])
    expect(() => read({ http_statuses: '202' }, '', 200)).toThrow('HTTP 200 without')
    expect(read({ http_statuses: '202' }, '', 400)).toMatchObject([{ kind: 'refused' }])
    expect(() => read({}, '', 408)).toThrow('HTTP 408 without')
  })

  it('reads a result for each by their order', () => {
    const answer = {
      results: 'SendStatusSet',
      result_success: { source: 'Code', is: ['Ok'] },
      id: 'SerialNo',
      code: 'Code',
    }
    const account = accountWith({ answer, batch_max: 2 })
    const body = '{"SendStatusSet":[{"SerialNo":"1","Code":"Ok"},{"SerialNo":"","Code":"Limit"}]}'
    const results = account.readSend({ status: 200, headers: {}, body }, [MESSAGE, MESSAGE])
    expect(results).toMatchObject([
      { kind: 'accepted', providerId: '1' },
      { kind: 'refused', code: 'Limit' },
    ])
    const short = { status: 200, headers: {}, body: '{"SendStatusSet":[{"Code":"Ok"}]}' }
    expect(() => account.readSend(short, [MESSAGE, MESSAGE])).toThrow('a success without an id')
  })
})

describe('generic: sources', () => {
  it.each([
    ['a.b[1].c', 'x'],
    ['none|n', '0'],
    ['a.b', undefined],
    ['a.b.length', undefined],
    ['constructor', undefined],
    ['/"n":(\\d{1,3})/', '0'],
  ])('%s', (written, found) => {
    const value = { a: { b: [1, { c: 'x' }] }, n: 0 }
    const document = { value, text: JSON.stringify(value) }
    expect(textIn(parseSource(written), document)).toBe(found)
  })

  it.each(['', 'a..b', 'a b', '$.a', 'a[x]'])('%j is no path', (written) => {
    expect(sourceMistake(written)).toContain('a path such as')
  })
})

describe('generic: regular expressions', () => {
  it.each([
    '^OK: (\\d{1,20})$',
    '<id>([^<]{1,64})</id>',
    '(?:ok|success|0)',
    'a?b?[a+*]{2}\\+\\*',
    '\\p{L}{1,64}',
  ])('takes %s', (source) => {
    expect(patternMistake(source)).toBeUndefined()
  })

  it.each([
    ['a+', 'such as {1,64} instead of +'],
    ['a*?', 'such as {1,64} instead of *?'],
    ['a{2,}', 'such as {1,64} instead of {2,}'],
    ['(ab){1,9}', 'without repetitions of groups'],
    ['(?=a)', 'without look-around'],
    ['(?<!a)b', 'without look-around'],
    ['(a)\\1', 'without back-references'],
    ['(?<x>a)\\k<x>', 'without back-references'],
    ['a{1,99}b{1,99}', 'at most 2000 ways'],
    ['(a|b|c)(a|b|c)(a|b|c)(a|b|c)(a|b|c)(a|b|c)(a|b|c)', 'at most 2000 ways'],
    ['a?a?a?a?a?a?a?a?a?a?a?', 'at most 2000 ways'],
    ['(a', 'a regular expression; '],
  ])('does not take %s', (source, message) => {
    expect(patternMistake(source)).toContain(message)
  })

  it('sees the begin of what is long', () => {
    const text = `${'a'.repeat(16_384)}b`
    expect(foundBy(/b/u, text)).toBeUndefined()
    expect(foundBy(/a/u, text)).toBe('a')
  })
})

describe('generic: times', () => {
  it.each([
    ['unix', '1716193800', '2024-05-20T08:30:00.000Z'],
    ['unix_ms', '1716193800123', '2024-05-20T08:30:00.123Z'],
    ['iso', '2024-05-20T10:30:00+02:00', '2024-05-20T08:30:00.000Z'],
    ['yyyy-MM-dd HH:mm:ss', '2024-05-20 16:30:05', '2024-05-20T08:30:05.000Z'],
    ['yyMMddHHmm', '2405201630', '2024-05-20T08:30:00.000Z'],
    ['yyyy-MM-dd HH:mm:ss', '2024-02-30 16:30:05', undefined],
    ['yyyy-MM-dd HH:mm:ss', '2024-05-20', undefined],
    ['unix', 'x', undefined],
    ['iso', 'yesterday', undefined],
  ])('%s: %s', (form, text, at) => {
    expect(readTime(text, form, 'Asia/Shanghai')?.toISOString()).toBe(at)
  })

  it('reads what it has written, on both sides of a change of the clock', () => {
    const day = Date.UTC(2024, 2, 31)
    // In autumn an hour of the clock comes twice, so that it stands for two instants.
    fc.assert(
      fc.property(fc.integer({ min: -72, max: 72 }), (hours) => {
        const at = new Date(day + hours * 3_600_000)
        const form = 'yyyyMMddHHmmssSSS'
        const text = writtenTime(at, form, 'Europe/Berlin')
        expect(readTime(text, form, 'Europe/Berlin')).toEqual(at)
      }),
    )
  })

  it.each(['', 'yyyy yyyy', 'hh', 'now'])('%j is no form', (form) => {
    expect(timeFormMistake(form)).toContain('unix, unix_ms, iso')
  })
})

describe('generic: numbers', () => {
  const national = { format: 'national', country: '86', digits: 11, foreign: '00' } as const

  it.each([
    [{ ...national, format: 'e164' }, '+4915123456789', '+4915123456789'],
    [{ ...national, format: 'plain' }, '+4915123456789', '4915123456789'],
    [{ ...national, format: '00' }, '+4915123456789', '004915123456789'],
    [national, '+8613800138000', '13800138000'],
    [national, '+4915123456789', '004915123456789'],
  ] as const)('%o: %s', (form, e164, written) => {
    expect(writtenNumber(e164, form)).toBe(written)
    expect(readNumber(written, form)).toBe(e164)
  })

  it('reads no number', () => {
    expect(readNumber('Linehaul', national)).toBeNull()
  })
})

describe('generic: mistakes of settings', () => {
  it.each([
    [{ send: { form: { to: '{tel}' } } }, 'send.form.to', '{tel} does not'],
    [{ send: { form: { to: { to: null } } } }, 'send.form.to', 'in quotes'],
    [{ send: { json: '{"a": }' } }, 'send.json', 'JSON, as a text'],
    [{ send: { json: '{"a": "{x}"}' } }, 'send.json', '{x} does not'],
    [{ send: { headers: { 'X-Text': '{text}' } } }, 'send.headers.X-Text', '{text} does not'],
    [{ send: { headers: { 'X Y': 'a' } } }, 'send.headers.X Y', 'header'],
    [{ send: { url: 'https://{from}.example.com/' } }, 'send.url', 'placeholders in the path only'],
    [{ send: { json: '{}', raw: 'x' } }, 'send', 'one of form, json and raw'],
    [{ send: { method: 'GET', json: '{}' } }, 'send.method', 'POST or PUT'],
    [{ auth: { bearer: '{credential:key}' } }, 'auth.bearer', 'there are none'],
    [{ auth: { headers: { a: '{signature}' } } }, 'auth.headers.a', 'with auth.signature'],
    [{ auth: { headers: { a: '{encoded:x}' } } }, 'auth.headers.a', 'a name of auth.encoded'],
    [{ auth: { headers: { a: '{token}' } } }, 'auth.headers.a', 'with auth.oauth2'],
    [{ answer: { id: '/(a+)+/' } }, 'answer.id', 'such as {1,64} instead of +'],
    [{ answer: { results: 'list' } }, 'answer.results', 'with answer.id'],
    [{ answer: { results: 'l', id: '/a/' } }, 'answer.id', 'a path, with answer.results'],
    [{ receipts: { id: '/a/', state: 'b' }, callbacks: {} }, 'receipts.id', 'a path such as'],
    [{ batch_max: 5 }, 'batch_max', 'answer.id_of: call'],
    [{ batch_by: 'template' }, 'batch_by', '{"{each}": …}'],
    [{ number_format: 'national' }, 'number_format', 'with national_code'],
    [{ errors: [{ codes: ['1'], type: 'money' }] }, 'errors.0.type', 'one of network'],
    [{ time_zone: 'Mars/Olympus' }, 'time_zone', 'a time zone such as'],
    [{ callbacks: { nonce: 'n' } }, 'callbacks.nonce', 'nonce with callbacks.checks'],
    [{ callbacks: {} }, 'callbacks', 'with receipts or inbound'],
    [{ receipts: { id: 'a', state: 'b' } }, 'receipts', 'with callbacks or receipts.pull'],
    [{ receipts: { id: 'a' }, callbacks: {} }, 'receipts.state', 'a path such as'],
  ])('%j', (settings, path, message) => {
    expect(mistakesOf(settings)).toMatchObject({ [path]: expect.stringContaining(message) })
  })

  it('has none with the least', () => {
    expect(mistakesOf({})).toEqual({})
    expect(accountWith({}).traits).toEqual({
      channel: 'sms',
      takes: 'text',
      counts: 'by_alphabet',
      countsSign: false,
      givesReceipts: false,
    })
  })
})
