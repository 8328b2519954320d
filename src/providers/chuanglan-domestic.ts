import { callbacksWith, inboundOf, type PushLogin, receiptOf } from './chuanglan-reports.ts'
import { type HttpRequest, type HttpResponse, JSON_UTF8, urlBelow } from './http-call.ts'
import {
  isJsonObject,
  type JsonObject,
  jsonObjectOf,
  listOf,
  textOf,
  UnreadableAnswerError,
} from './json.ts'
import {
  allRefused,
  type ProviderAccount,
  type ProviderMessage,
  type ProviderTemplate,
  type Pull,
  type SendResult,
  sharedKey,
} from './provider.ts'
import type { RawError } from './provider-error.ts'
import { e164Of, mainlandOr } from './recipient.ts'

/** An account of either interface. */
export interface ChuanglanAccount {
  readonly base: string
  readonly account: string
  readonly password: string
  readonly pushLogin: PushLogin
}

const MOST_VARIABLES = 20
const MOST_PULLED = 100

/** The domestic interface: texts to many, and texts with places that differ by number. */
export function domesticAccount({
  base,
  account,
  password,
  pushLogin,
}: ChuanglanAccount): Omit<ProviderAccount, 'classify'> {
  const post = (path: string, fields: object): HttpRequest => ({
    method: 'POST',
    url: urlBelow(base, path),
    headers: { 'content-type': JSON_UTF8 },
    body: JSON.stringify({ account, password, ...fields }),
  })
  const pull = (
    name: Pull['name'],
    path: string,
    read: (items: readonly JsonObject[]) => Partial<ReturnType<Pull['read']>>,
  ): Pull => ({
    name,
    request: () => post(path, { count: String(MOST_PULLED) }),
    read: (response) => {
      const items = pulledItems(response)
      return { receipts: [], inbound: [], ...read(items), isMore: items.length >= MOST_PULLED }
    },
  })
  return {
    maxBatch: 1000,
    batchKey: ({ sign, template, text }) =>
      JSON.stringify(goesByVariables(template) ? [sign, { template: template.id }] : [sign, text]),
    send: (messages) => {
      const [first] = messages
      if (!first) throw new TypeError('a call without messages')
      const { sign, template, text } = first
      if (goesByVariables(template)) {
        const params = messages.map(({ to, template: own }) =>
          [mainlandOr('', to), ...valuesOf(own)].join(','),
        )
        const msg = signed(sign, template.id)
        return post('/msg/variable/json', { msg, params: params.join(';'), report: 'true' })
      }
      const phone = messages.map(({ to }) => mainlandOr('', to)).join(',')
      return post('/msg/send/json', { msg: signed(sign, text), phone, report: 'true' })
    },
    readSend: (response, messages) => {
      const answer = jsonObjectOf(response)
      return sendResults(answer, textOf(answer.msgId), errorIn(answer, response), messages)
    },
    balance: {
      request: () => post('/msg/balance/json', {}),
      read: (response) => {
        const answer = jsonObjectOf(response)
        return errorIn(answer, response) ?? { amount: textOf(answer.balance), unit: 'messages' }
      },
    },
    pulls: [
      pull('receipts', '/msg/pull/report', (items) => ({
        receipts: items.map((item) => receiptOf((name) => textOf(item[name]), e164Of)),
      })),
      pull('inbound', '/msg/pull/mo', (items) => ({
        inbound: items.map((item) => inboundOf((name) => textOf(item[name]), e164Of)),
      })),
    ],
    callbacks: callbacksWith(pushLogin, e164Of),
  }
}

/** A text as the provider wants it: with the signature name in front. */
export function signed(sign: string, text: string): string {
  return sign === '' ? text : `【${sign}】${text}`
}

/** What became of the messages of a call for which there is one id. */
export function sendResults(
  answer: JsonObject,
  id: string,
  error: RawError | undefined,
  messages: readonly ProviderMessage[],
): SendResult[] {
  if (error) return allRefused(messages, error)
  if (id === '') throw new UnreadableAnswerError(`code ${textOf(answer.code)} without an id`)
  // Where `failNum` tells of numbers that were not taken it does not say which: receipts have to.
  return messages.map(({ to }) => ({
    kind: 'accepted',
    providerId: id,
    matchKey: sharedKey(id, to),
  }))
}

/**
 * Values stand between commas and semicolons that nothing escapes: one that has them would become another variable,
 * or another number. Such a message goes as the text that it is.
 */
function goesByVariables(template: ProviderTemplate | null): template is ProviderTemplate {
  const values = valuesOf(template)
  return (
    values.length > 0 &&
    values.length <= MOST_VARIABLES &&
    !values.some((value) => /[,;]/.test(value))
  )
}

function valuesOf(template: ProviderTemplate | null): readonly string[] {
  return template?.variables.map(({ value }) => value) ?? []
}

function errorIn(answer: JsonObject, { status }: HttpResponse): RawError | undefined {
  const code = textOf(answer.code)
  if (code === '') throw new UnreadableAnswerError(`HTTP ${status} without "code"`)
  return code === '0' ? undefined : { code, text: textOf(answer.errorMsg), httpStatus: status }
}

function pulledItems(response: HttpResponse): readonly JsonObject[] {
  const { ret, error, result } = jsonObjectOf(response)
  if (textOf(ret) !== '0') {
    throw new UnreadableAnswerError(`nothing is handed out: ret ${textOf(ret)}, ${textOf(error)}`)
  }
  return listOf(result).filter(isJsonObject)
}
