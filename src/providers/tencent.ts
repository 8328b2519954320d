import { mapping, optionalText, requiredText, text } from '../settings/field.ts'
import { beijingDigits } from './beijing-time.ts'
import { callbackObjects } from './callback-body.ts'
import { endpoint, identifier, secret } from './endpoint.ts'
import { type HttpRequest, type HttpResponse, urlBelow } from './http-call.ts'
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
  defineProvider,
  equalMessages,
  isRawError,
  type ProviderBalance,
  type ProviderMessage,
  type SendResult,
} from './provider.ts'
import type { RawError } from './provider-error.ts'
import { isMainland } from './recipient.ts'
import { rowsByNumber } from './rows-by-number.ts'
import { classifyTencent, isTencentOutcomeUnknown, TENCENT_ERRORS } from './tencent-errors.ts'
import { pulledInbound, pulledReceipt, pushedInbound, pushedReceipt } from './tencent-reports.ts'
import { tc3Authorization } from './tencent-signature.ts'

const VERSION = '2021-01-11'
/** As documented; what is signed has to be what is sent, down to the blank. */
const CONTENT_TYPE = 'application/json; charset=utf-8'
const ACCEPTED = '{"result":0,"errmsg":"OK"}'
/** Most that one pull brings. */
const PULL_LIMIT = 100
const PACKAGE_LIMIT = 500
/** Packages are good for two years from when they were bought; those of an account may be asked for longer. */
const PACKAGES_SINCE_MS = 3 * 365 * 86_400_000
/** How far its clock may be behind ours when it says when it has got a message. */
const CLOCK_SECONDS = 300

const settings = mapping({
  endpoint: endpoint('https://sms.tencentcloudapi.com'),
  secret_id: identifier('SecretId of the key.'),
  secret_key: secret('SecretKey of the key.'),
  token: optionalText(/^[\x21-\x7e]{1,4096}$/, '1 to 4096 printable ASCII characters', {
    about: 'Token of a temporary key; without it the key is one of a user.',
    isSecret: true,
  }),
  sms_sdk_app_id: requiredText(/^\d{4,20}$/, '4 to 20 digits', {
    about: 'The application (SmsSdkAppId).',
  }),
  region: text(/^[a-z]{2}-[a-z]+(-\d)?$/, 'a region, for example "ap-guangzhou"', 'ap-guangzhou', {
    about: 'The region that the request names.',
  }),
  extend_code: optionalText(/^\d{1,20}$/, '1 to 20 digits', {
    about: 'Digits behind the sender number (ExtendCode); inbound messages have them.',
  }),
  sender_id: optionalText(/^[\x21-\x7e]{1,20}$/, '1 to 20 printable ASCII characters', {
    about: 'Sender of messages to numbers outside the mainland, where one is approved.',
  }),
})

type Settings = Readonly<ReturnType<typeof settings.parse>>

/**
 * Tencent Cloud SMS, API 2021-01-11.
 *
 * @see https://cloud.tencent.com/document/api/382/55981
 */
export const tencent = defineProvider({
  name: 'tencent',
  title: 'Tencent Cloud SMS',
  settings,
  channel: 'sms',
  takes: 'template',
  counts: 'as_ucs2',
  countsSign: true,
  requestsPerSecond: 3000,
  givesReceipts: true,
  errors: TENCENT_ERRORS,
  open: (account) => {
    const SmsSdkAppId = account.sms_sdk_app_id
    return {
      maxBatch: 200,
      // One call has numbers of the mainland or others.
      batchKey: (message) => `${isMainland(message.to)} ${equalMessages(message)}`,
      send: (messages, call) => requestOf(account, call, 'SendSms', sendBody(messages, account)),
      readSend: sendResults,
      classify: classifyTencent,
      query: {
        request: ({ to, sentAt }, call) =>
          requestOf(account, call, 'PullSmsSendStatusByPhoneNumber', {
            SmsSdkAppId,
            PhoneNumber: to,
            BeginTime: seconds(sentAt) - CLOCK_SECONDS,
            EndTime: seconds(call.now),
            Offset: 0,
            Limit: PULL_LIMIT,
          }),
        read: (response, { providerId }) =>
          rowsOf(response, 'PullSmsSendStatusSet')
            .map(pulledReceipt)
            .find((receipt) => receipt.providerId === providerId) ?? null,
      },
      pulls: [
        {
          name: 'receipts',
          request: (call) =>
            requestOf(account, call, 'PullSmsSendStatus', { SmsSdkAppId, Limit: PULL_LIMIT }),
          read: (response) => {
            const receipts = rowsOf(response, 'PullSmsSendStatusSet').map(pulledReceipt)
            return { receipts, inbound: [], isMore: receipts.length >= PULL_LIMIT }
          },
        },
        {
          name: 'inbound',
          request: (call) =>
            requestOf(account, call, 'PullSmsReplyStatus', { SmsSdkAppId, Limit: PULL_LIMIT }),
          read: (response) => {
            const inbound = rowsOf(response, 'PullSmsReplyStatusSet').map(pulledInbound)
            return { receipts: [], inbound, isMore: inbound.length >= PULL_LIMIT }
          },
        },
      ],
      balance: {
        // The end has to lie before the present, and is given by the hour.
        request: (call) =>
          requestOf(account, call, 'SmsPackagesStatistics', {
            SmsSdkAppId,
            Limit: PACKAGE_LIMIT,
            Offset: 0,
            BeginTime: hour(new Date(call.now.getTime() - PACKAGES_SINCE_MS)),
            EndTime: hour(call.now),
          }),
        read: balanceOf,
      },
      callbacks: {
        read: (request) => {
          const objects = callbackObjects(request)
          return request.kind === 'mo'
            ? { receipts: [], inbound: objects.map(pushedInbound) }
            : { receipts: objects.map(pushedReceipt), inbound: [] }
        },
        answer: () => ({ status: 200, contentType: 'application/json', body: ACCEPTED }),
      },
    }
  },
})

/** Messages of one content; the variables of the first are those of all. */
function sendBody(messages: readonly ProviderMessage[], account: Settings): object {
  const [first] = messages
  const variables = first?.template?.variables.map(({ value }) => value) ?? []
  const isAbroad = first !== undefined && !isMainland(first.to)
  return {
    PhoneNumberSet: messages.map(({ to }) => to),
    SmsSdkAppId: account.sms_sdk_app_id,
    TemplateId: first?.template?.id,
    SignName: first?.sign || undefined,
    TemplateParamSet: variables.length > 0 ? variables : undefined,
    ExtendCode: account.extend_code,
    // There is one for the whole call.
    SessionContext: messages.length === 1 ? first?.id : undefined,
    SenderId: isAbroad ? account.sender_id : undefined,
  }
}

function requestOf(account: Settings, call: Call, action: string, content: object): HttpRequest {
  const url = urlBelow(account.endpoint, '/')
  const timestamp = seconds(call.now)
  const body = JSON.stringify(content)
  const key = { id: account.secret_id, secret: account.secret_key }
  const headers = { 'content-type': CONTENT_TYPE, host: new URL(url).host }
  return {
    method: 'POST',
    url,
    headers: {
      authorization: tc3Authorization(key, { service: 'sms', timestamp, headers, body }),
      'content-type': CONTENT_TYPE,
      'x-tc-action': action,
      'x-tc-region': account.region,
      'x-tc-timestamp': String(timestamp),
      'x-tc-version': VERSION,
      ...(account.token && { 'x-tc-token': account.token }),
    },
    body,
  }
}

function responseOf(response: HttpResponse): JsonObject | RawError {
  const { Response: answer } = jsonObjectOf(response)
  if (!isJsonObject(answer)) {
    throw new UnreadableAnswerError(`HTTP ${response.status} without "Response"`)
  }
  if (!isJsonObject(answer.Error)) return answer
  const { Code, Message } = answer.Error
  return { code: textOf(Code), text: textOf(Message), httpStatus: response.status }
}

function sendResults(
  response: HttpResponse,
  messages: readonly ProviderMessage[],
): readonly SendResult[] {
  const answer = responseOf(response)
  if (isRawError(answer)) {
    if (isTencentOutcomeUnknown(answer.code)) {
      throw new UnreadableAnswerError(`${answer.code}: ${answer.text}`)
    }
    return allRefused(messages, answer)
  }
  const rows = listOf(answer.SendStatusSet).filter(isJsonObject)
  return rowsByNumber(messages, rows, ({ PhoneNumber }) => textOf(PhoneNumber)).map((row) => {
    const [code, providerId] = [textOf(row?.Code), textOf(row?.SerialNo)]
    // Tencent answers for every number: one without a word, or taken without an id, may have been sent.
    if (code === '') throw new UnreadableAnswerError('a number without "Code" in "SendStatusSet"')
    if (code.toLowerCase() !== 'ok') {
      return { kind: 'refused', code, text: textOf(row?.Message), httpStatus: response.status }
    }
    if (providerId === '') throw new UnreadableAnswerError('Code Ok without "SerialNo"')
    return { kind: 'accepted', providerId, matchKey: providerId }
  })
}

function rowsOf(response: HttpResponse, name: string): readonly JsonObject[] {
  const answer = responseOf(response)
  if (isRawError(answer)) throw new UnreadableAnswerError(`${answer.code}: ${answer.text}`)
  return listOf(answer[name]).filter(isJsonObject)
}

/**
 * What is left of the packages that are still good. The answer has their ends and not the present: its header `date` has.
 */
function balanceOf(response: HttpResponse): ProviderBalance | RawError {
  const answer = responseOf(response)
  if (isRawError(answer)) return answer
  const now = Date.parse(response.headers.date ?? '')
  if (Number.isNaN(now)) throw new UnreadableAnswerError('packages without a "date" in the header')
  const left = listOf(answer.SmsPackagesStatisticsSet)
    .filter(isJsonObject)
    .filter(({ PackageExpiredTime }) => Number(textOf(PackageExpiredTime)) * 1_000 > now)
    .map((each) => Number(textOf(each.PackageAmount)) - Number(textOf(each.CurrentUsage)))
  return { amount: String(left.reduce((sum, each) => sum + each, 0)), unit: 'messages' }
}

function seconds(at: Date): number {
  return Math.floor(at.getTime() / 1_000)
}

/** On a clock in Beijing, as `2024052016`. */
function hour(at: Date): string {
  return beijingDigits(at).slice(0, 10)
}
