import { choice, flag, mapping } from '../settings/field.ts'
import { parseBeijing } from './beijing-time.ts'
import { callbackObjects } from './callback-body.ts'
import { hexHash, isSame } from './digests.ts'
import { endpoint, identifier, secret } from './endpoint.ts'
import { FORM, formOf, type HttpRequest, type HttpResponse, urlBelow } from './http-call.ts'
import { inboundFrom } from './inbound-report.ts'
import {
  isJsonObject,
  type JsonObject,
  jsonObjectOf,
  listOf,
  parseJson,
  textOf,
  UnreadableAnswerError,
} from './json.ts'
import { ownEntry } from './own-entry.ts'
import {
  allRefused,
  type Call,
  type CallbackCheck,
  type CallbackRequest,
  defineProvider,
  equalMessages,
  type ProviderInbound,
  type ProviderMessage,
  type ProviderReceipt,
  type ProviderReports,
  type SendResult,
  type SentMessage,
  sharedKey,
  UnreadableCallbackError,
} from './provider.ts'
import {
  classifyError,
  type ErrorTable,
  errorInfo,
  type ProviderErrorInfo,
  type RawError,
} from './provider-error.ts'
import { statusOfWord } from './receipt-word.ts'
import { countryCodeOf, e164Of, isMainland } from './recipient.ts'

const SUCCESS = '200'
const BAD_PARAMETER = '414'

/** In the body: the status of the answer is always 200. The meaning of 301, 431 and 503 is weakly documented. */
const ERRORS: ErrorTable = {
  301: ['auth', false],
  315: ['auth', false],
  400: ['invalid', false],
  403: ['auth', false],
  404: ['invalid', false, 'content_invalid'],
  412: ['unsubscribed', false],
  413: ['invalid', false, 'content_invalid'],
  414: ['invalid', false],
  416: ['rate_limit', true],
  426: ['auth', false],
  431: ['invalid', false],
  500: ['provider', true],
  503: ['provider', true],
  601: ['content_rejected', false],
}

/** What a call about a message says of it: a delivery is only told by callback. */
const QUERY_STATUSES: Readonly<Record<string, Pick<ProviderReceipt, 'status' | 'failure'>>> = {
  0: { status: 'pending', failure: null },
  1: { status: 'pending', failure: null },
  2: { status: 'failed', failure: null },
  3: { status: 'failed', failure: 'content_rejected' },
}

const settings = mapping({
  endpoint: endpoint('https://sms.yunxinapi.com'),
  app_key: identifier('Key of the application.'),
  app_secret: secret('Secret of the application: calls and callbacks are signed with it.'),
  parameters: choice(['map', 'list'], 'map', {
    about:
      'How variables are sent: by name, as templates since November 2025 want it, or in their order, as older ones do.',
  }),
  need_up: flag(false, {
    about: 'Whether a reply is expected: messages of handsets are then told of.',
  }),
})

/**
 * NetEase Yunxin SMS.
 *
 * @see https://doc.yunxin.163.com/sms/server-apis/jg2NDEyMzI?platform=server
 */
export const netease = defineProvider({
  name: 'netease',
  title: 'NetEase Yunxin SMS',
  settings,
  channel: 'sms',
  takes: 'template',
  counts: 'as_ucs2',
  countsSign: true,
  requestsPerSecond: 0,
  givesReceipts: true,
  errors: ERRORS,
  open: (account) => {
    const { app_key: appKey, app_secret: appSecret, parameters } = account
    const signed = (
      action: string,
      fields: Record<string, string | undefined>,
      { now, nonce }: Call,
    ): HttpRequest => {
      const curTime = String(Math.floor(now.getTime() / 1_000))
      return {
        method: 'POST',
        url: urlBelow(account.endpoint, `/sms/${action}.action`),
        headers: {
          appkey: appKey,
          nonce,
          curtime: curTime,
          checksum: neteaseCheckSum(appSecret, nonce, curTime),
          'content-type': FORM,
        },
        body: formOf(fields),
      }
    }
    return {
      maxBatch: 100,
      batchKey: equalMessages,
      send: (messages, call) => {
        const fields = {
          templateid: messages[0]?.template?.id,
          mobiles: JSON.stringify(messages.map(({ to }) => numberOf(to))),
          [parameters === 'map' ? 'paramMap' : 'params']: variablesOf(messages[0], parameters),
          needUp: account.need_up ? 'true' : undefined,
        }
        return signed('sendtemplate', fields, call)
      },
      readSend,
      classify,
      query: {
        request: ({ providerId }, call) => signed('querystatus', { sendid: providerId }, call),
        read: readQuery,
      },
      callbacks: {
        // How long it repeats is not documented, so no age is too high.
        check: (request) => checkSignature(appSecret, request),
        read: reportsOf,
        answer: () => ({ status: 200, contentType: 'application/json', body: '{"code":200}' }),
      },
    }
  },
})

/** `13800138000` or `+852-61234567`: another form is refused with 414. */
function numberOf(e164: string): string {
  if (isMainland(e164)) return e164.slice(3)
  const code = countryCodeOf(e164)
  return `+${code}-${e164.slice(1 + code.length)}`
}

function variablesOf(
  message: ProviderMessage | undefined,
  parameters: 'map' | 'list',
): string | undefined {
  const variables = message?.template?.variables ?? []
  if (variables.length === 0) return undefined
  return JSON.stringify(
    parameters === 'map'
      ? Object.fromEntries(variables.map(({ name, value }) => [name, value]))
      : variables.map(({ value }) => value),
  )
}

function readSend(response: HttpResponse, messages: readonly ProviderMessage[]): SendResult[] {
  const answer = jsonObjectOf(response)
  const code = textOf(answer.code)
  if (code === '' && response.status < 400) {
    throw new UnreadableAnswerError(`HTTP ${response.status} without "code"`)
  }
  if (code !== SUCCESS) {
    // The older host says `desc`.
    const text = textOf(answer.msg) || textOf(answer.desc)
    return allRefused(messages, { code, text, httpStatus: response.status })
  }
  const providerId = textOf(answer.obj)
  if (providerId === '') throw new UnreadableAnswerError('code 200 without "obj"')
  return messages.map(({ to }) => ({
    kind: 'accepted',
    providerId,
    matchKey: sharedKey(providerId, to),
  }))
}

/** 414 stands for a bad parameter and for a bad checksum, and only its words tell one from the other. */
function classify(error: RawError): ProviderErrorInfo {
  if (error.code === BAD_PARAMETER && /^bad check ?sum/i.test(error.text)) {
    return errorInfo(['auth', false])
  }
  return classifyError(ERRORS, error)
}

function readQuery(
  response: HttpResponse,
  { providerId, to }: SentMessage,
): ProviderReceipt | null {
  const rows = listOf(jsonObjectOf(response).obj).filter(isJsonObject)
  const row = rows.find(({ mobile }) => e164Of(textOf(mobile)) === to)
  const code = textOf(row?.status)
  const known = ownEntry(QUERY_STATUSES, code)
  if (!row || !known) return null
  const at = Number(textOf(row.updatetime))
  return {
    providerId,
    matchKey: sharedKey(providerId, to),
    to,
    ...known,
    code,
    text: '',
    at: at > 0 ? new Date(at) : null,
  }
}

/** The header `CheckSum` of calls. */
export function neteaseCheckSum(appSecret: string, nonce: string, curTime: string): string {
  return hexHash('sha1', appSecret + nonce + curTime)
}

/** The headers `MD5` and `CheckSum` of callbacks. */
export function neteaseCallbackSignature(
  appSecret: string,
  curTime: string,
  body: Buffer,
): { readonly md5: string; readonly checkSum: string } {
  const md5 = hexHash('md5', body)
  return { md5, checkSum: hexHash('sha1', appSecret + md5 + curTime) }
}

function checkSignature(appSecret: string, { headers, body }: CallbackRequest): CallbackCheck {
  const { curtime, md5, checksum } = headers
  if (curtime === undefined || md5 === undefined || checksum === undefined) {
    return { isGenuine: false, reason: 'no curtime, md5 or checksum' }
  }
  if (!/^\d{13}$/.test(curtime)) {
    return { isGenuine: false, reason: 'curtime is no time in milliseconds' }
  }
  const right = neteaseCallbackSignature(appSecret, curtime, body)
  if (!isSame(md5, right.md5)) return { isGenuine: false, reason: 'md5 is of another body' }
  if (!isSame(checksum, right.checkSum)) {
    return { isGenuine: false, reason: 'checksum is of another time or secret' }
  }
  return { isGenuine: true, signedAt: new Date(Number(curtime)), nonce: null }
}

/** One address serves both: the event says which it is. Events of other products say nothing of messages. */
function reportsOf(request: CallbackRequest): ProviderReports {
  const events = callbackObjects(request)
  const of = (type: string) =>
    events
      // A text in the documentation, and a number in what is sent.
      .filter(({ eventType }) => textOf(eventType) === type)
      .flatMap(({ objects }) => objectsOf(objects))
  return { receipts: of('11').map(receiptOf), inbound: of('12').map(inboundOf) }
}

/** A list; in the documented sample of an inbound message a text with the JSON of one. */
function objectsOf(objects: unknown): readonly JsonObject[] {
  if (typeof objects !== 'string') return listOf(objects).filter(isJsonObject)
  try {
    return listOf(parseJson(objects)).filter(isJsonObject)
  } catch (cause) {
    throw new UnreadableCallbackError('"objects" is a text without JSON', { cause })
  }
}

function receiptOf(report: JsonObject): ProviderReceipt {
  const providerId = textOf(report.sendid)
  const code = textOf(report.result)
  const to = e164Of(textOf(report.mobile))
  if (providerId === '' || code === '' || to === null) {
    throw new UnreadableCallbackError('a receipt without "sendid", "result" or "mobile"')
  }
  return {
    providerId,
    matchKey: sharedKey(providerId, to),
    to,
    status: statusOfWord(code),
    code,
    failure: null,
    text: textOf(report.reason),
    at: parseBeijing(textOf(report.reportTime)),
  }
}

/** Its time is `replytime` in the documentation of the platform, and `receiveTime` in that of the product. */
function inboundOf(report: JsonObject): ProviderInbound {
  const at = parseBeijing(textOf(report.replytime) || textOf(report.receiveTime))
  return inboundFrom(report, { from: 'mobile', text: 'content' }, at)
}
