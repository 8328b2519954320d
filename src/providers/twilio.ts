import { mapping, optionalText } from '../settings/field.ts'
import { callbackForm } from './callback-body.ts'
import { hexHash, hmac, isSame } from './digests.ts'
import { endpoint, identifier, secret } from './endpoint.ts'
import { basicAuthorization, FORM, formOf, type HttpResponse, urlBelow } from './http-call.ts'
import { jsonObjectOf, textOf, UnreadableAnswerError } from './json.ts'
import { ownEntry } from './own-entry.ts'
import {
  type CallbackCheck,
  type CallbackRequest,
  defineProvider,
  type ProviderMessage,
  type ProviderReceipt,
  type ProviderReports,
} from './provider.ts'
import { classifyError, type ErrorTable, knownFailure, type RawError } from './provider-error.ts'

/** 21xxx come with the answer, 30xxx with a receipt. */
const ERRORS: ErrorTable = {
  20003: ['auth', false],
  20404: ['invalid', false],
  20429: ['rate_limit', true],
  14107: ['rate_limit', true],
  21211: ['invalid', false, 'destination_invalid'],
  21212: ['invalid', false, 'sender_invalid'],
  21408: ['invalid', false, 'destination_unsupported'],
  21606: ['invalid', false, 'sender_invalid'],
  21608: ['invalid', false, 'destination_unsupported'],
  21610: ['unsubscribed', false],
  21611: ['rate_limit', true, 'carrier_queue_full'],
  21612: ['invalid', false, 'destination_unsupported'],
  21614: ['invalid', false, 'destination_unsupported'],
  21617: ['invalid', false, 'message_length_invalid'],
  21659: ['invalid', false, 'sender_invalid'],
  30001: ['rate_limit', true, 'carrier_queue_full'],
  30002: ['balance', false],
  30003: ['provider', true, 'recipient_absent'],
  30004: ['content_rejected', false],
  30005: ['invalid', false, 'recipient_unknown'],
  30006: ['invalid', false, 'destination_unsupported'],
  30007: ['content_rejected', false],
  30008: ['provider', true, 'undeliverable'],
  30034: ['content_rejected', false],
}

/** `sent` is the network's word, and not the handset's; `canceled` ends it as a failure does. */
const STATUSES: Readonly<Record<string, ProviderReceipt['status']>> = {
  delivered: 'delivered',
  read: 'delivered',
  undelivered: 'failed',
  failed: 'failed',
  canceled: 'failed',
}

const MAX_VALIDITY_SECONDS = 36_000

const settings = mapping({
  endpoint: endpoint('https://api.twilio.com'),
  account_sid: identifier('The account, `AC…`.'),
  api_key_sid: optionalText(/^SK[0-9a-f]{32}$/, '`SK` and 32 hexadecimal digits', {
    about: 'The API key to sign in with instead of the account; its secret is `api_key_secret`.',
  }),
  api_key_secret: optionalText(/^[\x21-\x7e]{1,512}$/, '1 to 512 printable ASCII characters', {
    about: 'Secret of the API key.',
    isSecret: true,
  }),
  auth_token: secret(
    "The account's token: callbacks are signed with it, and without an API key we sign in with it.",
  ),
  messaging_service_sid: optionalText(/^MG[0-9a-f]{32}$/, '`MG` and 32 hexadecimal digits', {
    about: 'The messaging service that chooses the sender; without it the sender of the message.',
  }),
})

/**
 * Twilio Programmable Messaging, API 2010-04-01.
 *
 * @see https://www.twilio.com/docs/messaging/api/message-resource
 */
export const twilio = defineProvider({
  name: 'twilio',
  title: 'Twilio',
  settings,
  channel: 'sms',
  takes: 'either',
  counts: 'by_alphabet',
  countsSign: false,
  maxCharacters: 1600,
  requestsPerSecond: 0,
  givesReceipts: true,
  errors: ERRORS,
  open: (account) => {
    const base = urlBelow(account.endpoint, `/2010-04-01/Accounts/${account.account_sid}`)
    const authorization = basicAuthorization(
      account.api_key_sid ?? account.account_sid,
      account.api_key_secret ?? account.auth_token,
    )
    const get = (path: string) =>
      ({ method: 'GET', url: base + path, headers: { authorization }, body: '' }) as const
    return {
      maxBatch: 1,
      batchKey: ({ id }) => id,
      send: ([message], { now, callbackUrl }) => ({
        method: 'POST',
        url: `${base}/Messages.json`,
        headers: { authorization, 'content-type': FORM },
        body: message ? messageForm(message, now, callbackUrl, account.messaging_service_sid) : '',
      }),
      readSend: (response) => {
        const answer = jsonObjectOf(response)
        const providerId = textOf(answer.sid)
        if (providerId !== '') return [{ kind: 'accepted', providerId, matchKey: providerId }]
        return [{ kind: 'refused', ...errorOf(response) }]
      },
      classify,
      query: {
        request: ({ providerId }) => get(`/Messages/${providerId}.json`),
        read: (response) => {
          const { sid, status, error_code: code, to } = jsonObjectOf(response)
          if (textOf(sid) === '') return null
          return receiptOf(textOf(sid), textOf(status), textOf(code), textOf(to))
        },
      },
      balance: {
        request: () => get('/Balance.json'),
        read: (response) => {
          const { balance, currency } = jsonObjectOf(response)
          if (textOf(balance) === '') return errorOf(response)
          return { amount: textOf(balance), unit: textOf(currency) }
        },
      },
      callbacks: {
        check: (request) => checkSignature(account.auth_token, request),
        read: reportsOf,
        answer: ({ kind }) =>
          kind === 'mo'
            ? { status: 200, contentType: 'text/xml', body: '<Response/>' }
            : { status: 204, contentType: null, body: '' },
      },
    }
  },
})

function messageForm(
  { to, from, text, template, expiresAt }: ProviderMessage,
  now: Date,
  callbackUrl: string | null,
  service: string | undefined,
): string {
  const secondsLeft = Math.floor((expiresAt.getTime() - now.getTime()) / 1_000)
  const variables = template?.variables.map(({ name, value }) => [name, value]) ?? []
  return formOf({
    To: to,
    ...(service === undefined ? { From: from } : { MessagingServiceSid: service }),
    ...(template
      ? { ContentSid: template.id, ContentVariables: JSON.stringify(Object.fromEntries(variables)) }
      : { Body: text }),
    StatusCallback: callbackUrl === null ? undefined : `${callbackUrl}/delivery`,
    ValidityPeriod: String(Math.min(Math.max(1, secondsLeft), MAX_VALIDITY_SECONDS)),
  })
}

function classify(error: RawError) {
  return classifyError(ERRORS, error)
}

function errorOf(response: HttpResponse): RawError {
  const { code, message } = jsonObjectOf(response)
  // A success without the id of what was taken says nothing.
  if (response.status < 400)
    throw new UnreadableAnswerError(`HTTP ${response.status} without "sid"`)
  return { code: textOf(code), text: textOf(message), httpStatus: response.status }
}

function receiptOf(providerId: string, word: string, code: string, to: string): ProviderReceipt {
  const status = ownEntry(STATUSES, word) ?? 'pending'
  return {
    providerId,
    matchKey: providerId,
    to: to === '' ? null : to,
    status,
    code: code === '' ? word : code,
    failure: word === 'canceled' ? 'deleted' : knownFailure(ERRORS, code),
    text: word,
    at: null,
  }
}

function reportsOf(request: CallbackRequest): ProviderReports {
  const form = callbackForm(request)
  const field = (name: string) => form.get(name) ?? ''
  const id = field('MessageSid') || field('SmsSid')
  if (request.kind === 'mo') {
    const message = { id, from: field('From'), to: field('To'), text: field('Body'), at: null }
    return { receipts: [], inbound: [message] }
  }
  const word = field('MessageStatus') || field('SmsStatus')
  return { receipts: [receiptOf(id, word, field('ErrorCode'), field('To'))], inbound: [] }
}

/**
 * `X-Twilio-Signature`: over the address as it was called and the fields of a form; over the address alone where
 * that has the hash of the body.
 *
 * @see https://www.twilio.com/docs/usage/security#validating-requests
 */
export function twilioSignature(
  authToken: string,
  url: string,
  fields: Iterable<readonly [string, string]>,
): string {
  const values = new Map<string, Set<string>>()
  for (const [name, value] of fields) {
    values.set(name, (values.get(name) ?? new Set()).add(value))
  }
  const parts = [...values].sort(([a], [b]) => (a < b ? -1 : 1))
  const signed = parts.flatMap(([name, each]) => [...each].sort().map((value) => name + value))
  return hmac('sha1', authToken, url + signed.join('')).toString('base64')
}

function checkSignature(authToken: string, request: CallbackRequest): CallbackCheck {
  const given = request.headers['x-twilio-signature']
  if (given === undefined) return { isGenuine: false, reason: 'no x-twilio-signature' }
  const bodyHash = new URL(request.url).searchParams.get('bodySHA256')
  if (bodyHash !== null && !isSame(bodyHash, hexHash('sha256', request.body))) {
    return { isGenuine: false, reason: 'bodySHA256 is of another body' }
  }
  const fields = bodyHash === null ? [...callbackForm(request)] : []
  const isGenuine = withAndWithoutPort(request.url).some((url) =>
    isSame(given, twilioSignature(authToken, url, fields)),
  )
  if (!isGenuine) return { isGenuine, reason: 'x-twilio-signature is of another request' }
  return { isGenuine, signedAt: null, nonce: null }
}

/** Twilio signs the port of some addresses and not of others; its own library takes both. */
function withAndWithoutPort(url: string): readonly string[] {
  const { protocol, port } = new URL(url)
  const usual = protocol === 'https:' ? '443' : '80'
  const authority = /^(https?:\/\/[^/?#]*?)(?::\d+)?(?=[/?#]|$)/
  return [url, url.replace(authority, `$1:${port || usual}`), url.replace(authority, '$1')]
}
