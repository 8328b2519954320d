import { describe, expect, it } from 'vitest'
import { twilio, twilioSignature } from '../../src/providers/twilio.ts'
import { CALL, MESSAGE, providerSuite } from './provider-suite.ts'
import { vectorsOf } from './vectors.ts'

function accountWith(settings: object = {}) {
  return twilio.open(
    twilio.settings.parse({
      account_sid: `AC${'a'.repeat(32)}`,
      auth_token: 'example_auth_token',
      ...settings,
    }),
  )
}

providerSuite('twilio', () => accountWith())

describe('twilio: signatures', () => {
  it.each(vectorsOf('twilio', 'twilio-signature').map((vector) => [vector.name, vector] as const))(
    '%s',
    (_name, { input, expected }) => {
      const { authToken, url, params = {} } = input
      const fields = Object.entries(params as Record<string, string | string[]>).flatMap(
        ([name, value]) => [value].flat().map((each) => [name, each] as const),
      )
      expect(twilioSignature(authToken, url, fields)).toBe(expected.signature)
    },
  )
})

describe('twilio: requests', () => {
  it('sends one message', () => {
    const { url, headers, body } = accountWith().send([MESSAGE], CALL)
    const account = `AC${'a'.repeat(32)}`
    expect(url).toBe(`https://api.twilio.com/2010-04-01/Accounts/${account}/Messages.json`)
    const [basic] = vectorsOf('twilio', 'http-basic')
    expect(headers.authorization).toBe(basic?.expected.Authorization)
    expect(Object.fromEntries(new URLSearchParams(body))).toEqual({
      To: '+8613800138000',
      From: 'Linehaul',
      Body: 'Your code is 4711 & 你好',
      StatusCallback: 'https://gateway.example/callback/provider/main/secret/delivery',
      ValidityPeriod: '3600',
    })
  })

  it('fills a template by the names of its variables', () => {
    const template = { id: 'HX1', variables: [{ name: '1', value: '4711' }] }
    const { body } = accountWith().send([{ ...MESSAGE, template }], CALL)
    expect(Object.fromEntries(new URLSearchParams(body))).toMatchObject({
      ContentSid: 'HX1',
      ContentVariables: '{"1":"4711"}',
    })
  })
})

describe('twilio: answers', () => {
  const answer = (status: number, body: object) => ({
    status,
    headers: {},
    body: JSON.stringify(body),
  })

  it('reads the id', () => {
    const read = accountWith().readSend(answer(201, { sid: 'SM1', status: 'queued' }), [MESSAGE])
    expect(read).toEqual([{ kind: 'accepted', providerId: 'SM1', matchKey: 'SM1' }])
  })

  it('reads a refusal', () => {
    const read = accountWith().readSend(answer(400, { code: 21211, message: 'bad', status: 400 }), [
      MESSAGE,
    ])
    expect(read).toEqual([{ kind: 'refused', code: '21211', text: 'bad', httpStatus: 400 }])
  })

  it('says so when nobody can tell', () => {
    const garbage = { status: 502, headers: {}, body: '<html>' }
    expect(() => accountWith().readSend(garbage, [MESSAGE])).toThrow(
      'HTTP 502 without JSON: "<html>"',
    )
    expect(() => accountWith().readSend(answer(200, {}), [MESSAGE])).toThrow('without "sid"')
  })
})
