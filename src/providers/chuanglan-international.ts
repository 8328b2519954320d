import { type ChuanglanAccount, sendResults, signed } from './chuanglan-domestic.ts'
import { callbacksWith, receiptOf } from './chuanglan-reports.ts'
import { hexHash } from './digests.ts'
import { type HttpRequest, type HttpResponse, JSON_UTF8, urlBelow } from './http-call.ts'
import {
  isJsonObject,
  type JsonObject,
  jsonObjectOf,
  listOf,
  textOf,
  UnreadableAnswerError,
} from './json.ts'
import type { ProviderAccount } from './provider.ts'
import type { RawError } from './provider-error.ts'

/** Both interfaces have the same codes for other things; this one's are told with a prefix. */
const PREFIX = 'intl:'

/** The international interface: one text to one number, signed. */
export function internationalAccount({
  base,
  account,
  password,
  pushLogin,
}: ChuanglanAccount): Omit<ProviderAccount, 'classify'> {
  const postUnsigned = (path: string): HttpRequest => ({
    method: 'POST',
    url: urlBelow(base, path),
    headers: { 'content-type': JSON_UTF8 },
    body: JSON.stringify({ account, password }),
  })
  return {
    maxBatch: 1,
    batchKey: ({ id }) => id,
    send: ([message], { now }) => {
      if (!message) throw new TypeError('a call without messages')
      const { to, sign, text, from } = message
      const fields = { account, mobile: to.slice(1), msg: signed(sign, text), senderId: from }
      const nonce = String(now.getTime())
      return {
        method: 'POST',
        url: urlBelow(base, '/send/sms'),
        headers: {
          'content-type': JSON_UTF8,
          nonce,
          sign: chuanglanSign(fields, nonce, password),
        },
        body: JSON.stringify(fields),
      }
    },
    readSend: (response, messages) => {
      const answer = jsonObjectOf(response)
      return sendResults(answer, textOf(answer.msgid), errorIn(answer, response), messages)
    },
    balance: {
      request: () => postUnsigned('/balance/json'),
      read: (response) => {
        const answer = jsonObjectOf(response)
        // The pages do not say of what.
        return errorIn(answer, response) ?? { amount: textOf(answer.balance), unit: '' }
      },
    },
    pulls: [
      {
        name: 'receipts',
        request: () => postUnsigned('/pull/report'),
        read: (response) => {
          const answer = jsonObjectOf(response)
          const error = errorIn(answer, response)
          if (error) {
            const told = `${error.code}, ${error.text}`
            throw new UnreadableAnswerError(`nothing is handed out: ${told}`)
          }
          const items = listOf(answer.result).filter(isJsonObject)
          const receipts = items.map((item) => receiptOf((name) => textOf(item[name]), numberOf))
          // No page says how many come at once.
          return { receipts, inbound: [], isMore: items.length > 0 }
        },
      },
    ],
    callbacks: callbacksWith(pushLogin, numberOf),
  }
}

/**
 * The `sign` of a request: fields and nonce in the order of their names, those that are blank left out, names and
 * values in a row, and the password behind.
 */
export function chuanglanSign(
  fields: Readonly<Record<string, string>>,
  nonce: string,
  password: string,
): string {
  const parts = Object.entries({ ...fields, nonce })
    .filter(([, value]) => value.trim() !== '')
    .sort(([a], [b]) => (a < b ? -1 : 1))
  return hexHash('md5', parts.flat().join('') + password)
}

/** Always with a country code: eleven digits that begin with 1 may be of North America. */
function numberOf(written: string): string | null {
  return /^\+?\d{5,20}$/.test(written) ? `+${written.replace('+', '')}` : null
}

function errorIn(answer: JsonObject, { status }: HttpResponse): RawError | undefined {
  const code = textOf(answer.code)
  if (code === '') throw new UnreadableAnswerError(`HTTP ${status} without "code"`)
  if (code === '0') return undefined
  return { code: PREFIX + code, text: textOf(answer.error), httpStatus: status }
}
