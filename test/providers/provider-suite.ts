import { describe, expect, it } from 'vitest'
import type { Call, ProviderAccount, ProviderMessage } from '../../src/providers/provider.ts'
import { callbacksOf, type ErrorSample, errorsOf, requestOf } from './vectors.ts'

/** A message to send. */
export const MESSAGE: ProviderMessage = {
  id: '0190a5c4-0000-7000-8000-000000000001',
  to: '+8613800138000',
  from: 'Linehaul',
  text: 'Your code is 4711 & 你好',
  template: null,
  sign: '阿里云',
  expiresAt: new Date('2024-05-20T09:30:00Z'),
  submitKey: '0190a5c4-0000-7000-8000-000000000001 1',
  isRepetition: false,
}

let submits = 0

/** The messages as they are in submits of their own, which repeat none. */
export function anew(...messages: readonly ProviderMessage[]): ProviderMessage[] {
  return messages.map((message) => ({ ...message, submitKey: `submit ${++submits}` }))
}

/** What it is sent with. */
export const CALL: Call = {
  now: new Date('2024-05-20T08:30:00Z'),
  nonce: '0123456789abcdef0123456789abcdef',
  token: '',
  callbackUrl: 'https://gateway.example/callback/provider/main/secret',
}

/**
 * What every provider has to do with the samples of its callbacks and the rows of its error table.
 *
 * @param accountFor - the account that the samples are signed for
 * @param codeOf - the code of a row, and the HTTP status it comes with; `HTTP 429` is one without a code
 * @param untold - what the samples say beside what the gateway is told: it is part of something else here
 */
export function providerSuite(
  provider: string,
  accountFor: (sample: string) => ProviderAccount,
  codeOf: (key: string, row: ErrorSample) => string = (key) => key,
  untold: readonly string[] = [],
): void {
  describe(`${provider}: its error table`, () => {
    it.each(errorsOf(provider))('%s', (key, row) => {
      const byStatus = /^HTTP (\d{3})$/.exec(key)
      const error = byStatus
        ? { code: '', text: '', httpStatus: Number(byStatus[1]) }
        : { code: codeOf(key, row), text: row.meaning, httpStatus: 200 }
      const { type, retryable } = accountFor('errors').classify(error)
      expect({ type, retryable }).toEqual({ type: row.type, retryable: row.retryable })
    })
  })

  if (callbacksOf(provider).length === 0) return
  describe(`${provider}: its callbacks`, () => {
    it.each(callbacksOf(provider).map((sample) => [sample.name, sample] as const))(
      '%s',
      async (name, sample) => {
        const { callbacks } = accountFor(name)
        const request = requestOf(sample)
        if (callbacks?.check) expect(callbacks.check(request)).toMatchObject({ isGenuine: true })
        const reports = await callbacks?.read(request)
        expect(told(sample.kind === 'mo' ? reports?.inbound : reports?.receipts)).toMatchObject(
          sample.expected.map((each) => omitted(each, untold)),
        )
        expect(callbacks?.answer(request)).toEqual(sample.ack)
      },
    )

    it.each(callbacksOf(provider).map((sample) => [sample.name, sample] as const))(
      '%s with another octet in the body is refused where it is signed',
      (name, sample) => {
        const { callbacks } = accountFor(name)
        if (!callbacks?.check || !SIGNS_THE_BODY.has(provider)) return
        const request = requestOf(sample)
        const body = Buffer.concat([request.body, Buffer.from('&x=1')])
        expect(callbacks.check({ ...request, body })).toMatchObject({ isGenuine: false })
      },
    )
  })
}

function omitted(sample: Readonly<Record<string, unknown>>, names: readonly string[]) {
  return Object.fromEntries(Object.entries(sample).filter(([name]) => !names.includes(name)))
}

/** Those whose signature covers what they send. */
const SIGNS_THE_BODY = new Set(['baidu', 'netease', 'twilio'])

function told(reports: readonly { readonly at: Date | null }[] | undefined) {
  return reports?.map((report) => {
    const { at, ...rest } = report
    return at === null ? rest : { ...rest, at: at.toISOString().replace('.000Z', 'Z') }
  })
}
