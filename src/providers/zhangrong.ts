import { mapping } from '../settings/field.ts'
import { parseBeijing } from './beijing-time.ts'
import { endpoint, identifier, secret } from './endpoint.ts'
import { FORM, formOf, type HttpRequest, type HttpResponse, urlBelow } from './http-call.ts'
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
  type CallbackRequest,
  defineProvider,
  equalMessages,
  type ProviderMessage,
  type ProviderReceipt,
  type ProviderReports,
  sharedKey,
  UnreadableCallbackError,
} from './provider.ts'
import { classifyError, type ErrorTable, type RawError } from './provider-error.ts'
import { statusOfWord } from './receipt-word.ts'
import { e164Of, mainlandOr } from './recipient.ts'

const ERRORS: ErrorTable = {
  9001: ['invalid', false, 'sender_invalid'],
  9002: ['invalid', false],
  9003: ['invalid', false, 'destination_invalid'],
  9006: ['auth', false],
  9007: ['auth', false],
  9009: ['invalid', false, 'content_invalid'],
  9010: ['balance', false],
  9011: ['auth', false],
  9012: ['invalid', false, 'schedule_invalid'],
  9014: ['invalid', false],
  9015: ['invalid', false, 'destination_unsupported'],
  9016: ['invalid', false, 'sender_invalid'],
  9017: ['invalid', false, 'content_invalid'],
  9018: ['invalid', false, 'content_invalid'],
  9019: ['invalid', false],
  9022: ['invalid', false],
  9023: ['unsubscribed', false],
  9024: ['rate_limit', false],
  10001: ['content_rejected', false],
  10002: ['content_rejected', false],
  10003: ['content_rejected', true, 'sending_window'],
  10004: ['invalid', false, 'sender_invalid'],
  10005: ['invalid', false, 'content_invalid'],
  10006: ['invalid', false, 'content_invalid'],
}

/** Other clients of the platform show `$$`; the one whose source is public sends this. */
const SEPARATOR = '##'

/** No page says how many numbers a call may have; code 9014 says that they are too many. */
const MOST_NUMBERS = 100

const settings = mapping({
  // Public clients call it without TLS, with the secret in every form; others say that it has TLS.
  endpoint: endpoint('https://api.1cloudsp.com'),
  access_key: identifier('The account, `accesskey`.'),
  access_secret: secret('Secret of the account, `secret`.'),
})

/**
 * Zhangrong (zrwinfo, on the platform 1cloudsp), API v2.
 *
 * Every call goes to `/api/v2/send`, one number too: its receipts have its `batchId`, while those of
 * `/api/v2/single_send` may have a `batchId` that its answer did not have.
 *
 * @see https://github.com/muleiwu/message-push
 */
export const zhangrong = defineProvider({
  name: 'zhangrong',
  title: 'Zhangrong',
  settings,
  channel: 'sms',
  takes: 'template',
  counts: 'as_ucs2',
  countsSign: true,
  requestsPerSecond: 0,
  givesReceipts: true,
  errors: ERRORS,
  open: ({ endpoint: base, access_key: accesskey, access_secret }) => {
    const post = (path: string, fields: Readonly<Record<string, string>> = {}): HttpRequest => ({
      method: 'POST',
      url: urlBelow(base, path),
      headers: { 'content-type': FORM },
      body: formOf({ accesskey, secret: access_secret, ...fields }),
    })
    return {
      maxBatch: MOST_NUMBERS,
      batchKey: equalMessages,
      send: (messages) => post('/api/v2/send', sendFields(messages)),
      readSend: (response, messages) => {
        const answer = jsonObjectOf(response)
        const error = errorIn(answer, response)
        if (error) return allRefused(messages, error)
        const providerId = textOf(answer.batchId)
        if (providerId === '') throw new UnreadableAnswerError('code 0 without "batchId"')
        return messages.map(({ to }) => ({
          kind: 'accepted',
          providerId,
          matchKey: sharedKey(providerId, to),
        }))
      },
      classify: (error) => classifyError(ERRORS, error),
      pulls: [
        {
          name: 'receipts',
          request: () => post('/report/status'),
          read: (response) => {
            const answer = jsonObjectOf(response)
            const error = errorIn(answer, response)
            if (error) {
              const told = `code ${error.code}, ${error.text}`
              throw new UnreadableAnswerError(`nothing is handed out: ${told}`)
            }
            const items = listOf(answer.data).filter(isJsonObject)
            const receipts = items.map((item) => receiptOf((name) => textOf(item[name])))
            // No page says how many come at once.
            return { receipts, inbound: [], isMore: items.length > 0 }
          },
        },
      ],
      callbacks: {
        read: reportsOf,
        answer: () => ({
          status: 200,
          contentType: 'application/json',
          body: '{"code":"0","msg":"SUCCESS"}',
        }),
      },
    }
  },
})

function sendFields(messages: readonly ProviderMessage[]): Readonly<Record<string, string>> {
  const [first] = messages
  return {
    // A number is the id of a signature; a name goes in brackets.
    sign: /^\d*$/.test(first?.sign ?? '') ? (first?.sign ?? '') : `【${first?.sign}】`,
    templateId: first?.template?.id ?? '',
    mobile: messages.map(({ to }) => mainlandOr('', to)).join(','),
    content: first?.template?.variables.map(({ value }) => value).join(SEPARATOR) ?? '',
  }
}

function errorIn(answer: JsonObject, { status }: HttpResponse): RawError | undefined {
  const code = textOf(answer.code)
  if (code === '') throw new UnreadableAnswerError(`HTTP ${status} without "code"`)
  return code === '0' ? undefined : { code, text: textOf(answer.msg), httpStatus: status }
}

async function reportsOf({ kind, headers, body }: CallbackRequest): Promise<ProviderReports> {
  if (kind === 'mo') {
    throw new UnreadableCallbackError('no page says what its messages of handsets look like')
  }
  // The platform calls it `application/form-data`, which may be either kind of form.
  const contentType = headers['content-type']?.startsWith('multipart/')
    ? headers['content-type']
    : 'application/x-www-form-urlencoded'
  let form: FormData
  try {
    form = await new Response(body, { headers: { 'content-type': contentType } }).formData()
  } catch (cause) {
    throw new UnreadableCallbackError('its body is no form', { cause })
  }
  return { receipts: [receiptOf((name) => textOf(form.get(name)))], inbound: [] }
}

function receiptOf(field: (name: string) => string): ProviderReceipt {
  const [providerId, batchId, word] = [field('smUuid'), field('batchId'), field('deliverResult')]
  const to = e164Of(field('mobile'))
  if ((providerId === '' && batchId === '') || word === '') {
    throw new UnreadableCallbackError('it has no "smUuid" or "batchId", or no "deliverResult"')
  }
  return {
    providerId: providerId || batchId,
    matchKey: batchId !== '' && to !== null ? sharedKey(batchId, to) : providerId,
    to,
    status: statusOfWord(word),
    code: word,
    failure: null,
    text: '',
    at: parseBeijing(field('deliverTime')),
  }
}
