import { mapping, optionalText } from '../settings/field.ts'
import { beijingDigits, parseBeijing } from './beijing-time.ts'
import { callKey } from './call-key.ts'
import { callbackObjects } from './callback-body.ts'
import { hexHash } from './digests.ts'
import { endpoint, identifier, secret } from './endpoint.ts'
import { readFlatXml } from './flat-xml.ts'
import { type HttpRequest, type HttpResponse, JSON_UTF8, urlBelow } from './http-call.ts'
import { inboundFrom } from './inbound-report.ts'
import {
  isJsonObject,
  type JsonObject,
  jsonObjectOf,
  textOf,
  UnreadableAnswerError,
} from './json.ts'
import {
  allRefused,
  type CallbackRequest,
  defineProvider,
  equalMessages,
  type ProviderBalance,
  type ProviderInbound,
  type ProviderMessage,
  type ProviderReceipt,
  type ProviderReports,
  type SendResult,
  sharedKey,
  UnreadableCallbackError,
} from './provider.ts'
import { classifyError, type ErrorRow, type ErrorTable, type RawError } from './provider-error.ts'
import { e164Of, mainlandOr } from './recipient.ts'

const SUCCESS = '000000'
/** The same call was here before. */
const REPEATED = '160054'

/** The meaning of 160015, 160016, 160019 and 160021 is weakly documented; 172001 is of the vendor's own library. */
const ERRORS: ErrorTable = {
  ...range(111001, 111099, ['provider', true]),
  111109: ['auth', false],
  111141: ['auth', false],
  ...range(111176, 111182, ['auth', false]),
  ...range(112300, 112311, ['invalid', false]),
  113302: ['invalid', false, 'destination_unsupported'],
  ...range(160000, 160010, ['provider', true]),
  160011: ['content_rejected', false],
  160013: ['invalid', false, 'destination_invalid'],
  160014: ['balance', false],
  160015: ['rate_limit', true],
  160016: ['rate_limit', true],
  160019: ['invalid', false, 'sender_invalid'],
  160021: ['rate_limit', false, 'carrier_quota_exceeded'],
  160022: ['rate_limit', false, 'carrier_quota_exceeded'],
  160031: ['invalid', false],
  160032: ['invalid', false, 'content_invalid'],
  160033: ['content_rejected', false],
  160034: ['unsubscribed', false],
  160038: ['rate_limit', false],
  160039: ['rate_limit', false],
  160040: ['rate_limit', false],
  160041: ['rate_limit', false],
  160042: ['invalid', false, 'destination_invalid'],
  160043: ['invalid', false, 'content_invalid'],
  160044: ['invalid', false],
  160048: ['invalid', false],
  160049: ['content_rejected', false],
  160051: ['unsubscribed', false],
  160052: ['invalid', false, 'content_invalid'],
  160053: ['auth', false],
  [REPEATED]: ['invalid', false, 'duplicate_refused'],
  160056: ['rate_limit', false],
  172001: ['network', true],
}

function range(first: number, last: number, row: ErrorRow): ErrorTable {
  const codes = Array.from({ length: last - first + 1 }, (_, index) => first + index)
  return Object.fromEntries(codes.map((code) => [code, row]))
}

const settings = mapping({
  endpoint: endpoint('https://app.cloopen.com:8883'),
  account_sid: identifier('The account.'),
  auth_token: secret("The account's token."),
  app_id: identifier('The application that messages are sent by.'),
  sub_append: optionalText(/^\d{1,4}$/, '1 to 4 digits', {
    about: 'Extension of the sender number.',
  }),
})

/**
 * Ronglian (Cloopen), TemplateSMS of 2013-12-26.
 *
 * @see https://github.com/cloopen/java-sms-sdk
 */
export const cloopen = defineProvider({
  name: 'cloopen',
  title: 'Ronglian (Cloopen)',
  settings,
  channel: 'sms',
  takes: 'template',
  counts: 'as_ucs2',
  countsSign: true,
  requestsPerSecond: 0,
  givesReceipts: true,
  errors: ERRORS,
  open: (account) => {
    const base = urlBelow(account.endpoint, `/2013-12-26/Accounts/${account.account_sid}`)
    const signed = (
      method: HttpRequest['method'],
      path: string,
      body: string,
      now: Date,
    ): HttpRequest => {
      const { account_sid: sid, auth_token: token } = account
      const { sig, authorization } = cloopenSignature(sid, token, beijingDigits(now))
      const headers = { accept: 'application/json', 'content-type': JSON_UTF8, authorization }
      return { method, url: `${base}${path}?sig=${sig}`, headers, body }
    }
    return {
      // The words of 160048 say 200, the vendor's library 100.
      maxBatch: 100,
      knowsRepetitions: true,
      batchKey: equalMessages,
      send: (messages, { now }) => {
        const values = messages[0]?.template?.variables.map(({ value }) => value) ?? []
        const body = JSON.stringify({
          appId: account.app_id,
          to: messages.map(({ to }) => mainlandOr('00', to)).join(','),
          templateId: messages[0]?.template?.id,
          datas: values.length === 0 ? undefined : values,
          subAppend: account.sub_append,
          reqId: callKey(messages),
        })
        return signed('POST', '/SMS/TemplateSMS', body, now)
      },
      readSend,
      classify: (error) => classifyError(ERRORS, error),
      balance: {
        // In the vendor's older libraries only, and with an amount whose unit they do not say: yuan, by all signs.
        request: ({ now }) => signed('GET', '/AccountInfo', '', now),
        read: readBalance,
      },
      callbacks: {
        read: reportsOf,
        // Only weakly documented: the form of the request, and the code of a success.
        answer: (request) =>
          isXml(request)
            ? {
                status: 200,
                contentType: 'application/xml',
                body: '<?xml version="1.0" encoding="UTF-8"?><Response><statusCode>000000</statusCode></Response>',
              }
            : {
                status: 200,
                contentType: 'application/json',
                body: '{"Response":{"statusCode":"000000"}}',
              },
      },
    }
  },
})

/**
 * What calls are signed with.
 *
 * @param timestamp - on a clock in Beijing, as `20240520163000`; it holds for 24 hours
 */
export function cloopenSignature(
  accountSid: string,
  authToken: string,
  timestamp: string,
): { readonly sig: string; readonly authorization: string } {
  return {
    sig: hexHash('md5', accountSid + authToken + timestamp).toUpperCase(),
    authorization: Buffer.from(`${accountSid}:${timestamp}`, 'utf8').toString('base64'),
  }
}

function readSend(response: HttpResponse, messages: readonly ProviderMessage[]): SendResult[] {
  const answer = jsonObjectOf(response)
  const error = errorOf(answer, response)
  if (error.code === REPEATED && messages.every(({ isRepetition }) => isRepetition)) {
    // It has them by an earlier call; the answer that had the id is lost, and receipts repeat the key.
    return acceptedAs(callKey(messages), messages)
  }
  if (error.code !== SUCCESS) return allRefused(messages, error)
  const taken = answer.templateSMS ?? answer.TemplateSMS
  const providerId = isJsonObject(taken) ? textOf(taken.smsMessageSid) : ''
  if (providerId === '')
    throw new UnreadableAnswerError('statusCode 000000 without "smsMessageSid"')
  return acceptedAs(providerId, messages)
}

function acceptedAs(providerId: string, messages: readonly ProviderMessage[]): SendResult[] {
  return messages.map(({ to }) => ({
    kind: 'accepted',
    providerId,
    matchKey: sharedKey(providerId, to),
  }))
}

function errorOf({ statusCode, statusMsg }: JsonObject, { status }: HttpResponse): RawError {
  const code = textOf(statusCode)
  if (code === '' && status < 400) {
    throw new UnreadableAnswerError(`HTTP ${status} without "statusCode"`)
  }
  return { code, text: textOf(statusMsg), httpStatus: status }
}

function readBalance(response: HttpResponse): ProviderBalance | RawError {
  const answer = jsonObjectOf(response)
  const error = errorOf(answer, response)
  const amount = isJsonObject(answer.Account) ? textOf(answer.Account.balance) : ''
  if (error.code === SUCCESS && amount === '') {
    throw new UnreadableAnswerError('statusCode 000000 without "balance"')
  }
  return amount === '' ? error : { amount, unit: 'CNY' }
}

function isXml({ body }: CallbackRequest): boolean {
  return /^\uFEFF?\s*</.test(body.toString('utf8'))
}

/** One address serves both: `smsType` says which it is. */
function reportsOf(request: CallbackRequest): ProviderReports {
  const report = isXml(request) ? xmlRequest(request) : jsonRequest(request)
  const type = textOf(report.smsType)
  if (type === '0') return { receipts: [], inbound: [inboundOf(report)] }
  if (type === '1') return { receipts: [receiptOf(report)], inbound: [] }
  throw new UnreadableCallbackError(`smsType "${type}" is neither 0 nor 1`)
}

function xmlRequest({ body }: CallbackRequest): JsonObject {
  const { root, fields } = readFlatXml(body.toString('utf8'))
  if (root !== 'Request') throw new UnreadableCallbackError(`<${root}> is no <Request>`)
  return Object.fromEntries(fields)
}

function jsonRequest(request: CallbackRequest): JsonObject {
  const report = callbackObjects(request)[0]?.Request
  if (!isJsonObject(report)) throw new UnreadableCallbackError('its body has no "Request"')
  return report
}

/** `fromNum` is the handset also where it is one that was sent to. */
function receiptOf(report: JsonObject): ProviderReceipt {
  const providerId = textOf(report.content)
  const status = textOf(report.status)
  const to = e164Of(textOf(report.fromNum))
  if (providerId === '' || status === '' || to === null) {
    throw new UnreadableCallbackError('a receipt without "content", "status" or "fromNum"')
  }
  const reqId = textOf(report.reqId)
  return {
    providerId,
    matchKey: sharedKey(providerId, to),
    ...(reqId === '' ? {} : { repetitionKey: sharedKey(reqId, to) }),
    to,
    status: status === '0' ? 'delivered' : 'failed',
    code: textOf(report.deliverCode) || status,
    failure: null,
    text: '',
    at: parseBeijing(textOf(report.recvTime)),
  }
}

function inboundOf(report: JsonObject): ProviderInbound {
  const fields = { from: 'fromNum', to: 'appendCode', text: 'content' }
  return inboundFrom(
    report,
    fields,
    parseBeijing(textOf(report.dateSent) || textOf(report.recvTime)),
  )
}
