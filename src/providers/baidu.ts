import type { FailureCode } from '../core/failure-code.ts'
import { mapping, optionalText } from '../settings/field.ts'
import { baiduCallbackSignature, bceAuthorization, bceCanonicalQuery } from './baidu-signature.ts'
import { callKey } from './call-key.ts'
import { callbackObjects } from './callback-body.ts'
import { isSame } from './digests.ts'
import { endpoint, identifier, secret } from './endpoint.ts'
import { type HttpRequest, type HttpResponse, JSON_UTF8, urlBelow } from './http-call.ts'
import { inboundFrom } from './inbound-report.ts'
import {
  isJsonObject,
  type JsonObject,
  jsonObjectOf,
  listOf,
  textOf,
  UnreadableAnswerError,
} from './json.ts'
import { ownEntry } from './own-entry.ts'
import {
  type CallbackCheck,
  type CallbackRequest,
  defineProvider,
  equalMessages,
  type ProviderBalance,
  type ProviderInbound,
  type ProviderMessage,
  type ProviderReceipt,
  type SendResult,
  UnreadableCallbackError,
} from './provider.ts'
import { classifyError, type ErrorTable, type RawError } from './provider-error.ts'
import { e164Of, mainlandOr } from './recipient.ts'
import { rowsByNumber } from './rows-by-number.ts'
import { parseUtc, utcText } from './utc-time.ts'

const SUCCESS = '1000'

/**
 * Numbers come from the message service, words from the gateway before it. The pages that could be read end with
 * 4653 and have no code for limits of frequency or of the quota.
 */
const ERRORS: ErrorTable = {
  4501: ['invalid', false],
  4503: ['invalid', false, 'destination_invalid'],
  4507: ['invalid', false, 'destination_invalid'],
  4508: ['invalid', false, 'message_length_invalid'],
  4511: ['invalid', false],
  4512: ['invalid', false, 'sender_invalid'],
  4602: ['invalid', false, 'content_invalid'],
  4605: ['invalid', false, 'content_invalid'],
  4607: ['invalid', false, 'content_invalid'],
  4608: ['content_rejected', false],
  4641: ['unsubscribed', false],
  4642: ['unsubscribed', false],
  4643: ['unsubscribed', false],
  4651: ['unsubscribed', false],
  4652: ['unsubscribed', false],
  4653: ['unsubscribed', false],
  6002: ['auth', false],
  6005: ['auth', false],
  6006: ['invalid', false, 'sender_invalid'],
  6012: ['balance', false],
  6013: ['auth', false],
  InvalidAccessKeyId: ['auth', false],
  SignatureDoesNotMatch: ['auth', false],
  RequestExpired: ['auth', true],
  InternalError: ['provider', true],
}

/** Codes of the platform in receipts; what a network says is judged by its form. */
const RECEIPT_FAILURES: Readonly<Record<string, FailureCode>> = {
  'B:00003': 'content_rejected',
  'B:00010': 'destination_invalid',
  'B:00011': 'content_rejected',
  'B:00012': 'recipient_opted_out',
  'B:00017': 'carrier_error',
  'B:00018': 'carrier_unauthorised',
  'B:00019': 'carrier_throttled',
  'B:00027': 'carrier_throttled',
  'B:00030': 'content_rejected',
  'B:00033': 'recipient_opted_out',
  'B:00034': 'recipient_opted_out',
  'B:00035': 'recipient_opted_out',
  'B:00036': 'recipient_opted_out',
}

const SIGNATURE_SECONDS = 1_800

/** Three repeats at once, and then ten with an hour between: the last one may have the time of the first. */
const CALLBACK_MAX_AGE_SECONDS = 12 * 3_600

const settings = mapping({
  endpoint: endpoint('https://smsv3.bj.baidubce.com'),
  access_key_id: identifier('The access key.'),
  secret_access_key: secret('Secret of the access key.'),
  callback_token: optionalText(/^[\x21-\x7e]{1,256}$/, '1 to 256 printable ASCII characters', {
    about:
      'The token of callbacks, as the console has it (the user id, unless it was changed); without it they are not checked.',
    isSecret: true,
  }),
  user_ext_id: optionalText(/^\d{1,10}$/, '1 to 10 digits', {
    about: 'Extension of the sender number; the account must have it enabled.',
  }),
  merchant_url_id: optionalText(/^[\w-]{1,64}$/, '1 to 64 letters, digits, `_` and `-`', {
    about: 'Which of the callback addresses of the console receipts go to.',
  }),
})

/**
 * Baidu AI Cloud SMS, v3.
 *
 * @see https://cloud.baidu.com/doc/SMS/s/Yjwvxrwzb
 */
export const baidu = defineProvider({
  name: 'baidu',
  title: 'Baidu AI Cloud SMS',
  settings,
  channel: 'sms',
  takes: 'template',
  counts: 'as_ucs2',
  countsSign: true,
  requestsPerSecond: 0,
  givesReceipts: true,
  errors: ERRORS,
  open: (account) => {
    const { callback_token: token } = account
    const signed = (
      method: HttpRequest['method'],
      path: string,
      query: Readonly<Record<string, string>>,
      body: string,
      now: Date,
    ): HttpRequest => {
      const url = urlBelow(account.endpoint, path)
      const { host, pathname } = new URL(url)
      // One instant for both: the server compares them.
      const timestamp = utcText(now)
      const authorization = bceAuthorization(
        { method, path: pathname, query, headers: { host, 'x-bce-date': timestamp } },
        {
          accessKeyId: account.access_key_id,
          secretAccessKey: account.secret_access_key,
          timestamp,
          expirationSeconds: SIGNATURE_SECONDS,
        },
      )
      return {
        method,
        url: `${url}?${bceCanonicalQuery(query)}`,
        headers: {
          authorization,
          'x-bce-date': timestamp,
          ...(body === '' ? {} : { 'content-type': JSON_UTF8 }),
        },
        body,
      }
    }
    return {
      maxBatch: 200,
      knowsRepetitions: true,
      batchKey: equalMessages,
      send: (messages, { now }) => {
        const body = JSON.stringify(sendBody(messages, account))
        const clientToken = uuidOf(callKey(messages))
        return signed('POST', '/api/v3/sendSms', { clientToken }, body, now)
      },
      readSend,
      classify: (error) => classifyError(ERRORS, error),
      balance: {
        request: ({ now }) => signed('GET', '/sms/v3/quota', { userQuery: 'sms' }, '', now),
        read: readQuota,
      },
      callbacks: {
        maxAgeSeconds: CALLBACK_MAX_AGE_SECONDS,
        // Without a token everybody can write a signature that holds: then there is nothing to check.
        ...(token === undefined
          ? {}
          : { check: (request: CallbackRequest) => checkSignature(token, request) }),
        read: (request) => {
          const objects = callbackObjects(request)
          return request.kind === 'mo'
            ? { receipts: [], inbound: objects.map(inboundOf) }
            : { receipts: objects.map(receiptOf), inbound: [] }
        },
        answer: () => ({ status: 200, contentType: 'application/json', body: '' }),
      },
    }
  },
})

function sendBody(
  messages: readonly ProviderMessage[],
  account: { user_ext_id?: string | undefined; merchant_url_id?: string | undefined },
): object {
  const [first] = messages
  const variables = first?.template?.variables.map(({ name, value }) => [name, value]) ?? []
  return {
    mobile: messages.map(({ to }) => mainlandOr('+', to)).join(','),
    template: first?.template?.id,
    signatureId: first?.sign,
    contentVar: Object.fromEntries(variables),
    userExtId: account.user_ext_id,
    merchantUrlId: account.merchant_url_id,
  }
}

function readSend(response: HttpResponse, messages: readonly ProviderMessage[]): SendResult[] {
  const answer = jsonObjectOf(response)
  const rows = listOf(answer.data).filter(isJsonObject)
  const whole = errorOf(answer, response)
  if (rows.length === 0 && whole.code === SUCCESS) {
    throw new UnreadableAnswerError('code 1000 without "data"')
  }
  return rowsByNumber(messages, rows, ({ mobile }) => textOf(mobile)).map((row) => {
    if (row) return resultOf(row, response)
    // Rows of others, and none for this one: the provider has no id for it, so it has not taken it.
    const isSuccess = whole.code === SUCCESS
    return {
      kind: 'refused',
      ...(isSuccess ? { ...whole, code: '', text: 'no result for this number' } : whole),
    }
  })
}

function resultOf(row: JsonObject, response: HttpResponse): SendResult {
  const error = errorOf(row, response)
  if (error.code !== SUCCESS) return { kind: 'refused', ...error }
  const providerId = textOf(row.messageId)
  if (providerId === '') throw new UnreadableAnswerError('code 1000 without "messageId"')
  return { kind: 'accepted', providerId, matchKey: providerId }
}

function errorOf({ code, message }: JsonObject, { status }: HttpResponse): RawError {
  // A success that says no code says nothing.
  if (textOf(code) === '' && status < 400) {
    throw new UnreadableAnswerError(`HTTP ${status} without "code"`)
  }
  return { code: textOf(code), text: textOf(message), httpStatus: status }
}

/** No balance of money: how many messages may be sent yet, today or this month, whichever ends first. */
function readQuota(response: HttpResponse): ProviderBalance | RawError {
  const answer = jsonObjectOf(response)
  const left = [answer.quotaRemainToday, answer.quotaRemainThisMonth].map(textOf)
  const counts = left.filter((count) => /^\d+$/.test(count)).map(Number)
  if (counts.length === 0) return errorOf(answer, response)
  return { amount: String(Math.min(...counts)), unit: 'messages' }
}

function checkSignature(token: string, request: CallbackRequest): CallbackCheck {
  const { timestamp, signature } = request.headers
  if (timestamp === undefined || signature === undefined) {
    return { isGenuine: false, reason: 'no timestamp or no signature' }
  }
  if (!/^\d{13}$/.test(timestamp)) {
    return { isGenuine: false, reason: 'timestamp is no time in milliseconds' }
  }
  if (!isSame(signature, baiduCallbackSignature(token, timestamp, request.body))) {
    return { isGenuine: false, reason: 'signature is of another body, time or token' }
  }
  return { isGenuine: true, signedAt: new Date(Number(timestamp)), nonce: null }
}

/** Two codes are documented, `0` and `2`; with any other one it is taken to be on its way. */
const STATUSES: Readonly<Record<string, ProviderReceipt['status']>> = {
  0: 'delivered',
  2: 'failed',
}

function receiptOf(report: JsonObject): ProviderReceipt {
  const providerId = textOf(report.messageId)
  if (providerId === '') throw new UnreadableCallbackError('a receipt without "messageId"')
  const code = textOf(report.carrierCode)
  return {
    providerId,
    matchKey: providerId,
    to: e164Of(textOf(report.mobile)),
    status: ownEntry(STATUSES, textOf(report.code)) ?? 'pending',
    code: code === '' ? textOf(report.code) : code,
    failure: ownEntry(RECEIPT_FAILURES, code) ?? null,
    text: textOf(report.message),
    at: parseUtc(textOf(report.deliverTime)),
  }
}

function inboundOf(report: JsonObject): ProviderInbound {
  const fields = { from: 'mobile', to: 'userExtId', text: 'content' }
  return inboundFrom(report, fields, parseUtc(textOf(report.receiveTime)))
}

/** In the form that clients write: the same one is the same request, and is taken once. */
function uuidOf(key: string): string {
  return key.replace(/^(.{8})(.{4})(.{4})(.{4})(.{12})$/, '$1-$2-$3-$4-$5')
}
