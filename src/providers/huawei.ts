import { choice, mapping, requiredText } from '../settings/field.ts'
import { callbackForm, callbackObjects } from './callback-body.ts'
import { endpoint, identifier, secret } from './endpoint.ts'
import { type HttpRequest, type HttpResponse, urlBelow } from './http-call.ts'
import { sdkAuthorization, sdkDate, wsseHeaders } from './huawei-signature.ts'
import { inboundFrom } from './inbound-report.ts'
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
  type Call,
  type CallbackRequest,
  defineProvider,
  type ProviderInbound,
  type ProviderMessage,
  type ProviderReceipt,
  type ProviderReports,
  type SendResult,
  UnreadableCallbackError,
} from './provider.ts'
import { classifyError, type ErrorTable, knownFailure, type RawError } from './provider-error.ts'
import { statusOfWord } from './receipt-word.ts'
import { e164Of } from './recipient.ts'
import { rowsByNumber } from './rows-by-number.ts'
import { parseUtc, utcText } from './utc-time.ts'

/** Without a charset: the pages call this the fixed value. */
const JSON_TYPE = 'application/json'

const SUCCESS = '000000'
/** Nothing is said by the code of the whole call: every number has its own. */
const SEE_STATUSES = 'E000510'
const DUPLICATE = 'E200041'
/** Its header numbers the parts of a long message with one octet, 3GPP TS 23.040, section 9.2.3.24.1. */
const MOST_PARTS = 255

/** E000xxx refuse a call, E200xxx one number, in the answer or in its receipt; the last three come in receipts. */
const ERRORS: ErrorTable = {
  E000000: ['provider', false, 'content_invalid'],
  E000001: ['auth', false],
  E000002: ['auth', false],
  E000003: ['auth', false],
  E000004: ['auth', false],
  E000005: ['auth', false],
  E000006: ['auth', false],
  E000007: ['auth', false],
  E000008: ['auth', false],
  E000020: ['auth', false],
  E000021: ['auth', false],
  E000022: ['auth', false],
  E000023: ['auth', false],
  E000024: ['auth', false],
  E000025: ['auth', false],
  E000026: ['auth', false],
  E000027: ['invalid', false],
  E000040: ['invalid', false],
  E000101: ['auth', false],
  E000102: ['auth', false],
  E000103: ['auth', false],
  E000104: ['auth', false],
  E000105: ['auth', false],
  E000106: ['auth', false],
  E000109: ['auth', false],
  E000110: ['auth', true],
  E000111: ['auth', false],
  E000112: ['balance', false],
  E000503: ['invalid', false],
  E000510: ['provider', false, 'carrier_refused'],
  E000620: ['auth', false],
  E000623: ['rate_limit', false, 'carrier_quota_exceeded'],
  E200015: ['rate_limit', true, 'recipient_limit'],
  E200018: ['invalid', false, 'sender_invalid'],
  E200024: ['invalid', false, 'destination_unsupported'],
  E200027: ['provider', false, 'destination_unsupported'],
  E200028: ['invalid', false, 'content_invalid'],
  E200029: ['invalid', false, 'content_invalid'],
  E200030: ['invalid', false, 'content_invalid'],
  E200031: ['invalid', false],
  E200033: ['invalid', false, 'content_invalid'],
  E200036: ['provider', true],
  E200038: ['timeout', true],
  E200041: ['invalid', false, 'duplicate_refused'],
  MBBLACK: ['unsubscribed', false],
  MILIMIT: ['rate_limit', false],
  LIMIT: ['rate_limit', false],
}

/**
 * Another receipt may follow for 72 hours, so it does not end a message; without one the message ends as one whose
 * receipt is missing.
 */
const UNKNOWN = 'UNKNOWN'

const settings = mapping({
  endpoint: endpoint('https://smsapi.cn-north-4.myhuaweicloud.com:443'),
  app_key: identifier('Key of the application.'),
  app_secret: secret('Secret of the application.'),
  authentication: choice(['aksk', 'wsse', 'wsse_hex'], 'aksk', {
    about:
      'How calls are signed: SDK-HMAC-SHA256, or X-WSSE with the digest of octets or of hexadecimal digits.',
  }),
  channel: requiredText(/^\d{1,20}$/, '1 to 20 digits', {
    about: 'The channel number of the signature: messages of the carrier are sent from it.',
  }),
})

/**
 * Huawei Cloud Message & SMS.
 *
 * @see https://support.huaweicloud.com/intl/en-us/api-msgsms/sms_05_0002.html
 */
export const huawei = defineProvider({
  name: 'huawei',
  title: 'Huawei Cloud Message & SMS',
  settings,
  channel: 'sms',
  takes: 'template',
  counts: 'as_ucs2',
  countsSign: true,
  requestsPerSecond: 0,
  givesReceipts: true,
  errors: ERRORS,
  open: (account) => {
    const { app_key: key, app_secret: appSecret, authentication } = account
    const url = urlBelow(account.endpoint, '/sms/batchSendDiffSms/v1')
    const { host, pathname } = new URL(url)
    const signed = (body: string, { now, nonce }: Call): HttpRequest['headers'] => {
      if (authentication !== 'aksk') {
        const form = authentication === 'wsse' ? 'raw' : 'hex'
        const wsse = wsseHeaders(key, appSecret, form, nonce, utcText(now))
        return { ...wsse, 'content-type': JSON_TYPE }
      }
      const headers = { 'content-type': JSON_TYPE, 'x-sdk-date': sdkDate(now) }
      const request = { method: 'POST', path: pathname, query: {}, body }
      const all = { ...request, headers: { ...headers, host } }
      return { ...headers, authorization: sdkAuthorization(all, key, appSecret) }
    }
    return {
      maxBatch: 500,
      // Every number may have a content of its own.
      batchKey: () => '',
      send: (messages, call) => {
        const statusCallback =
          call.callbackUrl === null ? undefined : `${call.callbackUrl}/delivery`
        const smsContent = messages.map(contentOf)
        const body = JSON.stringify({ from: account.channel, statusCallback, smsContent })
        return { method: 'POST', url, headers: signed(body, call), body }
      },
      readSend,
      classify: (error) => classifyError(ERRORS, error),
      callbacks: {
        // Nothing is signed, unless the console is told to: that form is not documented well enough to check it.
        read: (request) =>
          request.kind === 'mo'
            ? { receipts: [], inbound: [inboundOf(fieldsOf(request))] }
            : receiptsOf(request),
        answer: () => ({ status: 200, contentType: 'application/json', body: '' }),
      },
    }
  },
})

/**
 * One content for each message, also where some are equal: results come by number in the order of the call, and two
 * messages to one number are told apart by nothing else. Without variables or signature there is no field for them.
 */
function contentOf({ to, template, sign }: ProviderMessage): object {
  const values = template?.variables.map(({ value }) => value) ?? []
  return {
    to: [to],
    templateId: template?.id,
    templateParas: values.length === 0 ? undefined : values,
    // Only a general template needs it: one of its own belongs to a signature.
    signature: sign === '' ? undefined : sign,
  }
}

function readSend(response: HttpResponse, messages: readonly ProviderMessage[]): SendResult[] {
  const answer = jsonObjectOf(response)
  const whole: RawError = {
    code: textOf(answer.code),
    text: textOf(answer.description),
    httpStatus: response.status,
  }
  if (whole.code === '' && response.status < 400) {
    throw new UnreadableAnswerError(`HTTP ${response.status} without "code"`)
  }
  const rows = listOf(answer.result).filter(isJsonObject)
  if (rows.length === 0 && whole.code === SUCCESS) {
    throw new UnreadableAnswerError('code 000000 without "result"')
  }
  if (whole.code !== SUCCESS && whole.code !== SEE_STATUSES) {
    return allRefused(messages, whole)
  }
  const seen = new Set<string>()
  return rowsByNumber(messages, rows, ({ originTo }) => textOf(originTo)).map((row, index) => {
    const to = messages[index]?.to ?? ''
    const isRepeated = seen.has(to)
    seen.add(to)
    if (row) return resultOf(row, whole)
    if (rows.length === 0) return { kind: 'refused', ...whole }
    // The same content to the same number twice is taken once: the other one has the row.
    const code = isRepeated ? DUPLICATE : ''
    return { kind: 'refused', ...whole, code, text: 'no result for this number' }
  })
}

function resultOf({ status, smsMsgId }: JsonObject, whole: RawError): SendResult {
  const code = textOf(status)
  if (code !== SUCCESS) return { kind: 'refused', ...whole, code, text: '' }
  const providerId = textOf(smsMsgId)
  if (providerId === '') throw new UnreadableAnswerError('status 000000 without "smsMsgId"')
  return { kind: 'accepted', providerId, matchKey: providerId }
}

function fieldsOf(request: CallbackRequest): JsonObject {
  return Object.fromEntries(callbackForm(request))
}

/** A form of one receipt; or, where the console is told so, JSON with up to 50. */
function receiptsOf(request: CallbackRequest): ProviderReports {
  const isJson = request.headers['content-type']?.includes('json') && request.body[0] === 0x7b
  const reports = isJson
    ? callbackObjects(request).flatMap(({ statusReportList }) => listOf(statusReportList))
    : [fieldsOf(request)]
  return { receipts: reports.filter(isJsonObject).map(receiptOf), inbound: [] }
}

/** A long message has a receipt for each of its parts, all with its one id. */
function receiptOf(report: JsonObject): ProviderReceipt {
  const providerId = textOf(report.smsMsgId)
  const code = textOf(report.status)
  if (providerId === '' || code === '') {
    throw new UnreadableCallbackError('a receipt without "smsMsgId" or "status"')
  }
  const parts = countOf(report.total)
  return {
    providerId,
    matchKey: providerId,
    to: e164Of(textOf(report.to)),
    status: code === UNKNOWN ? 'pending' : statusOfWord(code),
    code,
    failure: knownFailure(ERRORS, code),
    text: textOf(report.statusDesc),
    at: parseUtc(textOf(report.updateTime)),
    part: Math.min(countOf(report.sequence), parts),
    parts,
  }
}

/** Absent, no number, or more than a long message may have: one. */
function countOf(value: unknown): number {
  const count = textOf(value)
  return /^[1-9]\d{0,2}$/.test(count) && Number(count) <= MOST_PARTS ? Number(count) : 1
}

function inboundOf(report: JsonObject): ProviderInbound {
  const fields = { id: 'smsMsgId', from: 'from', to: 'to', text: 'body' }
  return inboundFrom(report, fields, parseUtc(textOf(report.createTime)))
}
