import { choice, mapping, optionalText } from '../settings/field.ts'
import { ALIYUN_ERRORS, aliyunFailure, classifyAliyun } from './aliyun-errors.ts'
import {
  type AliyunKey,
  acs3Authorization,
  canonicalQuery,
  rpcSignature,
} from './aliyun-signature.ts'
import { beijingDigits, parseBeijing } from './beijing-time.ts'
import { callbackObjects } from './callback-body.ts'
import { hexHash } from './digests.ts'
import { endpoint, identifier, secret } from './endpoint.ts'
import { formOf, type HttpRequest, type HttpResponse, urlBelow } from './http-call.ts'
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
  allRefused,
  type Call,
  defineProvider,
  type ProviderInbound,
  type ProviderMessage,
  type ProviderReceipt,
  type SendResult,
  type SentMessage,
  sharedKey,
  UnreadableCallbackError,
} from './provider.ts'
import type { RawError } from './provider-error.ts'
import { e164Of, isMainland, mainlandOr } from './recipient.ts'

const SEND_STATUSES: Readonly<Record<string, ProviderReceipt['status']>> = {
  2: 'failed',
  3: 'delivered',
}

const VERSION = '2017-05-25'
/** As the provider's own library writes it. */
const FORM_TYPE = 'application/x-www-form-urlencoded'
const ACCEPTED = '{"code":0,"msg":"成功"}'

const settings = mapping({
  endpoint: endpoint('https://dysmsapi.aliyuncs.com'),
  access_key_id: identifier('Id of the AccessKey.'),
  access_key_secret: secret('Secret of the AccessKey.'),
  security_token: optionalText(/^[\x21-\x7e]{1,4096}$/, '1 to 4096 printable ASCII characters', {
    about: 'Token of temporary credentials (STS); without it the AccessKey is one of a user.',
    isSecret: true,
  }),
  signature: choice(['acs3', 'rpc'], 'acs3', {
    about:
      'How requests are signed: `acs3` with HMAC-SHA256 in headers, `rpc` with HMAC-SHA1 in ' +
      'parameters, for gateways that know only this one.',
  }),
  extend_code: optionalText(/^\d{1,20}$/, '1 to 20 digits', {
    about: 'Digits behind the sender number (SmsUpExtendCode); inbound messages have them.',
  }),
})

type Settings = Readonly<ReturnType<typeof settings.parse>>
type Parameters = Readonly<Record<string, string | undefined>>

/**
 * Aliyun (Alibaba Cloud) SMS, dysmsapi 2017-05-25.
 *
 * @see https://help.aliyun.com/document_detail/419273.html
 */
export const aliyun = defineProvider({
  name: 'aliyun',
  title: 'Aliyun SMS',
  settings,
  channel: 'sms',
  takes: 'template',
  counts: 'as_ucs2',
  countsSign: true,
  requestsPerSecond: 5000,
  givesReceipts: true,
  errors: ALIYUN_ERRORS,
  open: (account) => ({
    // Those of SendBatchSms, with a signature name and variables for each number.
    maxBatch: 100,
    batchKey: ({ to, sign, template }) =>
      JSON.stringify([template?.id, isMainland(to), sign === '']),
    send: (messages, call) => requestOf(account, call, ...sendParameters(messages, account)),
    readSend: (response, messages) => sendResults(response, messages),
    classify: classifyAliyun,
    query: {
      request: ({ providerId, to, sentAt }, call) =>
        requestOf(account, call, 'QuerySendDetails', {
          PhoneNumber: numberOf(to),
          BizId: providerId,
          SendDate: beijingDigits(sentAt).slice(0, 8),
          PageSize: '10',
          CurrentPage: '1',
        }),
      read: detailOf,
    },
    callbacks: {
      read: (request) => {
        const objects = callbackObjects(request)
        return request.kind === 'mo'
          ? { receipts: [], inbound: objects.map(inboundOf) }
          : { receipts: objects.map(receiptOf), inbound: [] }
      },
      answer: () => ({ status: 200, contentType: 'application/json', body: ACCEPTED }),
    },
  }),
})

/** Mainland numbers without a country code, others with it and without `+`. */
function numberOf(e164: string): string {
  return mainlandOr('', e164)
}

function sendParameters(
  messages: readonly ProviderMessage[],
  { extend_code: extendCode }: Settings,
): [action: string, query: Parameters, form?: Parameters] {
  const [first] = messages
  const [signs, variables] = [
    messages.map(({ sign }) => sign),
    messages.map(({ template }) =>
      Object.fromEntries(template?.variables.map(({ name, value }) => [name, value]) ?? []),
    ),
  ]
  const hasVariables = variables.some((each) => Object.keys(each).length > 0)
  if (messages.length === 1 && first) {
    const query = {
      PhoneNumbers: numberOf(first.to),
      SignName: first.sign || undefined,
      TemplateCode: first.template?.id,
      TemplateParam: hasVariables ? JSON.stringify(variables[0]) : undefined,
      SmsUpExtendCode: extendCode,
      OutId: first.id,
    }
    return ['SendSms', query]
  }
  // No OutId: there is one for the whole call.
  const form = {
    PhoneNumberJson: JSON.stringify(messages.map(({ to }) => numberOf(to))),
    SignNameJson: first?.sign === '' ? undefined : JSON.stringify(signs),
    TemplateParamJson: hasVariables ? JSON.stringify(variables) : undefined,
    SmsUpExtendCodeJson: extendCode && JSON.stringify(messages.map(() => extendCode)),
  }
  return ['SendBatchSms', { TemplateCode: first?.template?.id }, form]
}

/**
 * A signed request. What goes in the query and what in the form is as in the provider's own library; its gateway is
 * said to take both from either.
 */
function requestOf(
  account: Settings,
  { now, nonce }: Call,
  action: string,
  query: Parameters,
  form?: Parameters,
): HttpRequest {
  const url = new URL(urlBelow(account.endpoint, '/'))
  const key = { id: account.access_key_id, secret: account.access_key_secret }
  const at = `${now.toISOString().slice(0, 19)}Z`
  const body = form === undefined ? '' : formOf(form)
  const type = form === undefined ? {} : { 'content-type': FORM_TYPE }
  if (account.signature === 'rpc') {
    const common = rpcParameters(account, key, action, at, nonce)
    const signature = rpcSignature(key.secret, 'POST', present({ ...query, ...form, ...common }))
    url.search = canonicalQuery(present({ ...query, ...common, Signature: signature }))
    return { method: 'POST', url: url.href, headers: type, body }
  }
  const parameters = present(query)
  const bodyHash = hexHash('sha256', body)
  const headers = {
    accept: 'application/json',
    ...type,
    'x-acs-action': action,
    'x-acs-content-sha256': bodyHash,
    'x-acs-date': at,
    'x-acs-signature-nonce': nonce,
    'x-acs-version': VERSION,
    ...(account.security_token && { 'x-acs-security-token': account.security_token }),
  }
  const authorization = acs3Authorization(key, {
    method: 'POST',
    path: url.pathname,
    query: parameters,
    headers: [...Object.entries(headers), ['host', url.host]],
    bodyHash,
  })
  url.search = canonicalQuery(parameters)
  return { method: 'POST', url: url.href, headers: { ...headers, authorization }, body }
}

function rpcParameters(
  { security_token: token }: Settings,
  { id }: AliyunKey,
  action: string,
  at: string,
  nonce: string,
): Parameters {
  return {
    AccessKeyId: id,
    Action: action,
    Format: 'JSON',
    SecurityToken: token,
    SignatureMethod: 'HMAC-SHA1',
    SignatureNonce: nonce,
    SignatureVersion: '1.0',
    Timestamp: at,
    Version: VERSION,
  }
}

function present(parameters: Parameters): [string, string][] {
  return Object.entries(parameters).flatMap(([name, value]) =>
    value === undefined ? [] : [[name, value]],
  )
}

/** One answer and one id for all numbers of a call. */
function sendResults(
  response: HttpResponse,
  messages: readonly ProviderMessage[],
): readonly SendResult[] {
  const answer = jsonObjectOf(response)
  const providerId = textOf(answer.BizId)
  const error = errorOf(response, answer)
  if (error) return allRefused(messages, error)
  if (providerId === '') throw new UnreadableAnswerError('Code OK without "BizId"')
  return messages.map(({ to }) => ({
    kind: 'accepted',
    providerId,
    matchKey: sharedKey(providerId, to),
  }))
}

function errorOf({ status }: HttpResponse, { Code, Message }: JsonObject): RawError | null {
  const code = textOf(Code)
  if (code === '') throw new UnreadableAnswerError(`HTTP ${status} without "Code"`)
  return code === 'OK' ? null : { code, text: textOf(Message), httpStatus: status }
}

function detailOf(response: HttpResponse, { providerId, to }: SentMessage): ProviderReceipt | null {
  const answer = jsonObjectOf(response)
  const error = errorOf(response, answer)
  if (error) throw new UnreadableAnswerError(`QuerySendDetails: ${error.code}: ${error.text}`)
  const { SmsSendDetailDTOs: details } = answer
  const detail = listOf(isJsonObject(details) ? details.SmsSendDetailDTO : undefined)
    .filter(isJsonObject)
    .find(({ PhoneNum }) => e164Of(textOf(PhoneNum)) === to)
  if (!detail) return null
  const code = textOf(detail.ErrCode)
  return {
    providerId,
    matchKey: sharedKey(providerId, to),
    to,
    status: ownEntry(SEND_STATUSES, textOf(detail.SendStatus)) ?? 'pending',
    code,
    failure: aliyunFailure(code),
    text: '',
    at: parseBeijing(textOf(detail.ReceiveDate)),
  }
}

/** SmsReport. `success` decides: the words beside it differ from network to network. */
function receiptOf(report: JsonObject): ProviderReceipt {
  const [providerId, number] = [textOf(report.biz_id), textOf(report.phone_number)]
  const to = e164Of(number)
  if (providerId === '' || to === null) {
    throw new UnreadableCallbackError('a report without "biz_id" or without "phone_number"')
  }
  const code = textOf(report.err_code)
  const isDelivered = report.success === true || report.success === 'true'
  return {
    providerId,
    matchKey: sharedKey(providerId, to),
    to,
    status: isDelivered ? 'delivered' : 'failed',
    code,
    failure: isDelivered ? null : aliyunFailure(code),
    text: textOf(report.err_msg),
    at: parseBeijing(textOf(report.report_time)),
  }
}

/** SmsUp. */
function inboundOf(message: JsonObject): ProviderInbound {
  const fields = { id: 'sequence_id', from: 'phone_number', to: 'dest_code', text: 'content' }
  return inboundFrom(message, fields, parseBeijing(textOf(message.send_time)))
}
