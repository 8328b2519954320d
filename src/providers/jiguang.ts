import { mapping, optionalText } from '../settings/field.ts'
import { callbackForm, callbackObjects, callbackQuery } from './callback-body.ts'
import { hexHash, isSame } from './digests.ts'
import { endpoint, identifier, secret } from './endpoint.ts'
import { basicAuthorization, type HttpResponse, JSON_UTF8, urlBelow } from './http-call.ts'
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
  type CallbackCheck,
  type CallbackRequest,
  defineProvider,
  type ProviderInbound,
  type ProviderMessage,
  type ProviderReceipt,
  type ProviderReports,
  type ProviderTemplate,
  type SendResult,
  UnreadableCallbackError,
} from './provider.ts'
import { classifyError, type ErrorTable, knownFailure } from './provider-error.ts'
import { e164Of, mainlandOr } from './recipient.ts'

const ERRORS: ErrorTable = {
  50001: ['auth', false],
  50002: ['auth', false],
  50003: ['invalid', false],
  50004: ['invalid', false],
  50005: ['invalid', false],
  50006: ['invalid', false, 'destination_invalid'],
  50007: ['invalid', false],
  50008: ['auth', false],
  50009: ['rate_limit', true],
  50010: ['invalid', false, 'content_invalid'],
  50011: ['invalid', false, 'content_invalid'],
  50012: ['invalid', false, 'content_invalid'],
  50013: ['invalid', false, 'content_invalid'],
  50014: ['balance', false],
  50015: ['invalid', false],
  50016: ['invalid', false],
  50017: ['invalid', false],
  50018: ['invalid', false],
  50019: ['provider', true],
  50020: ['invalid', false, 'content_invalid'],
  50021: ['invalid', false, 'content_invalid'],
  50022: ['invalid', false, 'content_invalid'],
  50023: ['invalid', false, 'content_invalid'],
  50024: ['unsubscribed', false],
  50025: ['invalid', false, 'content_invalid'],
  50026: ['invalid', false],
  50030: ['invalid', false],
  50031: ['invalid', false],
  50034: ['rate_limit', false],
  50035: ['auth', false],
  50036: ['auth', false],
  50037: ['content_rejected', false],
  50038: ['invalid', false, 'message_length_invalid'],
  50046: ['invalid', false, 'sender_invalid'],
  50054: ['content_rejected', false],
  50102: ['invalid', false, 'sender_invalid'],
}

/** `status` of a receipt that is not 4001; 4007 to 4009 are of voice calls. */
const RECEIPT_ERRORS: ErrorTable = {
  4002: ['unsubscribed', false],
  4003: ['provider', true, 'recipient_absent'],
  4004: ['invalid', false, 'recipient_unknown'],
  4005: ['balance', false],
  4006: ['rate_limit', false],
  4010: ['content_rejected', false],
  4100: ['provider', false, 'undeliverable'],
}

const DELIVERED = '4001'

/** A callback that failed is repeated after 3 minutes, an hour and 12 hours, perhaps with its first signature. */
const MAX_AGE_SECONDS = 13 * 3_600

const settings = mapping({
  endpoint: endpoint('https://api.sms.jpush.cn/v1'),
  app_key: identifier('The application, `appKey`.'),
  master_secret: secret("The application's secret, `masterSecret`; callbacks are signed with it."),
  tag: optionalText(/^[^\p{Cc}]{1,64}$/u, '1 to 64 characters', {
    about: 'Marks the calls with several messages in the statistics of the provider.',
  }),
})

/**
 * Jiguang (Aurora) JSMS, REST v1.
 *
 * Receipts and messages of handsets come by callback; `GET report` and `GET reply` of the newer pages are not
 * used, since no page shows what they answer.
 *
 * @see https://docs.jiguang.cn/jsms/server/rest_api_jsms
 */
export const jiguang = defineProvider({
  name: 'jiguang',
  title: 'Jiguang JSMS',
  settings,
  channel: 'sms',
  takes: 'template',
  counts: 'as_ucs2',
  countsSign: true,
  maxCharacters: 350,
  requestsPerSecond: 0,
  givesReceipts: true,
  errors: { ...ERRORS, ...RECEIPT_ERRORS },
  open: ({ endpoint: base, app_key: appKey, master_secret: masterSecret, tag }) => {
    const headers = {
      authorization: basicAuthorization(appKey, masterSecret),
      'content-type': JSON_UTF8,
    }
    return {
      maxBatch: 1000,
      // Each recipient of a call has variables of its own.
      batchKey: ({ sign, template }) => JSON.stringify([sign, template?.id]),
      send: (messages) => {
        const [only] = messages
        const isOne = only !== undefined && messages.length === 1
        const body = isOne ? { ...contentOf(only), ...recipientOf(only) } : batchOf(messages, tag)
        return {
          method: 'POST',
          url: urlBelow(base, isOne ? '/messages' : '/messages/batch'),
          headers,
          body: JSON.stringify(body),
        }
      },
      readSend: (response, messages) => {
        const answer = jsonObjectOf(response)
        const error = errorIn(answer, response)
        if (error) return allRefused(messages, error)
        if (Array.isArray(answer.recipients)) return resultsOf(answer.recipients, messages)
        const id = textOf(answer.msg_id)
        if (id === '' || messages.length !== 1) {
          throw new UnreadableAnswerError(
            `HTTP ${response.status} without "msg_id" or "recipients"`,
          )
        }
        return [{ kind: 'accepted', providerId: id, matchKey: id }]
      },
      classify: (error) => classifyError(ERRORS, error),
      balance: {
        request: () => ({
          method: 'GET',
          url: urlBelow(base, '/accounts/app'),
          headers: { authorization: headers.authorization },
          body: '',
        }),
        read: (response) => {
          const answer = jsonObjectOf(response)
          const error = errorIn(answer, response)
          if (error) return error
          const amount = textOf(answer.app_balance)
          if (amount === '') throw new UnreadableAnswerError('no "app_balance"')
          return { amount, unit: 'messages' }
        },
      },
      callbacks: {
        maxAgeSeconds: MAX_AGE_SECONDS,
        check: (request) => checkSignature(appKey, masterSecret, request),
        read: reportsOf,
        answer: (request) => {
          const echo = echoOf(request)
          return echo === null
            ? { status: 200, contentType: 'application/json', body: '' }
            : { status: 200, contentType: 'text/plain', body: echo }
        },
      },
    }
  },
})

function batchOf(messages: readonly ProviderMessage[], tag: string | undefined): object {
  const [first] = messages
  const recipients = messages.map(recipientOf)
  return { ...(first ? contentOf(first) : {}), tag, recipients }
}

function contentOf({ sign, template }: ProviderMessage): object {
  return {
    // Left out, the default signature counts.
    sign_id: sign === '' ? undefined : idOf(sign),
    temp_id: idOf(template?.id ?? ''),
  }
}

/** Its ids are integers; what is none goes as it is, and the provider says that it does not know it. */
function idOf(written: string): number | string {
  return /^\d{1,15}$/.test(written) ? Number(written) : written
}

function recipientOf({ to, template }: ProviderMessage): object {
  return { mobile: mainlandOr('', to), temp_para: variablesOf(template) }
}

function variablesOf(template: ProviderTemplate | null): object {
  return Object.fromEntries(template?.variables.map(({ name, value }) => [name, value]) ?? [])
}

function errorIn({ error }: JsonObject, { status }: HttpResponse) {
  if (!isJsonObject(error)) return undefined
  return { code: textOf(error.code), text: textOf(error.message), httpStatus: status }
}

/** Recipients are found by their number: no page says that they come in the order of the request. */
function resultsOf(
  recipients: readonly unknown[],
  messages: readonly ProviderMessage[],
): SendResult[] {
  const left = recipients.filter(isJsonObject)
  return messages.map(({ to }) => {
    const place = left.findIndex(({ mobile }) => e164Of(textOf(mobile)) === to)
    const [found] = place === -1 ? [] : left.splice(place, 1)
    if (!found) throw new UnreadableAnswerError('an answer that leaves a recipient out')
    const id = textOf(found.msg_id)
    const code = textOf(found.error_code)
    if (code !== '') {
      return { kind: 'refused', code, text: textOf(found.error_message), httpStatus: 200 }
    }
    if (id === '') throw new UnreadableAnswerError('a recipient without "msg_id" or "error_code"')
    return { kind: 'accepted', providerId: id, matchKey: id }
  })
}

/** What proves that an address is ours, and is asked for with GET; null for all other callbacks. */
function echoOf(request: CallbackRequest): string | null {
  if (request.method !== 'GET') return null
  const echo = callbackQuery(request).get('echostr') ?? ''
  return /^\w{1,64}$/.test(echo) ? echo : null
}

/**
 * The signature of a callback. It does not cover what the callback says: time and nonce have to be looked at.
 *
 * @see https://docs.jiguang.cn/jsms/server/callback
 */
export function jiguangSignature(
  appKey: string,
  masterSecret: string,
  nonce: string,
  timestamp: string,
): string {
  const signed = `appKey=${appKey}&appMasterSecret=${masterSecret}&nonce=${nonce}&timestamp=${timestamp}`
  return hexHash('sha1', signed)
}

function checkSignature(
  appKey: string,
  masterSecret: string,
  request: CallbackRequest,
): CallbackCheck {
  // The check of the address is not signed, and says nothing.
  if (echoOf(request) !== null) return { isGenuine: true, signedAt: null, nonce: null }
  const form = callbackForm(request)
  const [given, nonce, timestamp] = ['signature', 'nonce', 'timestamp'].map(
    (n) => form.get(n) ?? '',
  )
  if (!given || !nonce || !timestamp) {
    return { isGenuine: false, reason: 'no signature, nonce or timestamp' }
  }
  if (!isSame(given.toLowerCase(), jiguangSignature(appKey, masterSecret, nonce, timestamp))) {
    return { isGenuine: false, reason: 'the signature is of another nonce, timestamp or key' }
  }
  const signedAt = instantOf(timestamp)
  if (!signedAt) return { isGenuine: false, reason: 'the timestamp is no time in milliseconds' }
  return { isGenuine: true, signedAt, nonce }
}

function reportsOf(request: CallbackRequest): ProviderReports {
  if (echoOf(request) !== null) return { receipts: [], inbound: [] }
  const form = callbackForm(request)
  const type = form.get('type')
  if (!type) throw new UnreadableCallbackError('it has no "type"')
  // SMS_TEMPLATE and SMS_SIGN say what became of a template or a signature name.
  const isKnown = type === 'SMS_REPORT' || type === 'SMS_REPLY'
  if (!isKnown) return { receipts: [], inbound: [] }
  const data = callbackObjects({ ...request, body: Buffer.from(form.get('data') ?? '') })
  return type === 'SMS_REPORT'
    ? { receipts: data.map(receiptOf), inbound: [] }
    : { receipts: [], inbound: data.map(inboundOf) }
}

function receiptOf({ msgId, phone, status, receiveTime }: JsonObject): ProviderReceipt {
  const id = textOf(msgId)
  const code = textOf(status)
  if (id === '' || code === '') throw new UnreadableCallbackError('no "msgId" or "status"')
  return {
    providerId: id,
    matchKey: id,
    to: e164Of(textOf(phone)),
    status: code === DELIVERED ? 'delivered' : 'failed',
    code,
    failure: knownFailure(RECEIPT_ERRORS, code),
    text: '',
    at: instantOf(textOf(receiveTime)),
  }
}

function inboundOf(report: JsonObject): ProviderInbound {
  return inboundFrom(
    report,
    { from: 'phone', text: 'content' },
    instantOf(textOf(report.replyTime)),
  )
}

function instantOf(ms: string): Date | null {
  return /^\d{12,14}$/.test(ms) ? new Date(Number(ms)) : null
}
