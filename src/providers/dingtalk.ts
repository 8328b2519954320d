import { choice, mapping, optionalText } from '../settings/field.ts'
import { hmac } from './digests.ts'
import { endpoint, secret } from './endpoint.ts'
import { type HttpResponse, JSON_UTF8, percentEncoded, urlBelow } from './http-call.ts'
import { jsonObjectOf, textOf, UnreadableAnswerError } from './json.ts'
import {
  allRefused,
  defineProvider,
  equalMessages,
  type ProviderMessage,
  type SendResult,
} from './provider.ts'
import {
  classifyError,
  type ErrorTable,
  errorInfo,
  type ProviderErrorInfo,
  type RawError,
} from './provider-error.ts'
import { mainlandOr } from './recipient.ts'

const SUCCESS = '0'
const SECURITY = '310000'
const EVERYBODY = '@all'
const GROUP = 'group'
const MOBILE = /^\+?\d{5,20}$/
/** No page says how many may be named; as many as a call of the product's other interfaces has. */
const MAX_NAMED = 100
/** From memory of the documentation. */
const MAX_OCTETS = 20_000
/**
 * 20 a minute are taken, and after the 21st none for 10 minutes. With one every 3 seconds the 21st could arrive within
 * the first one's minute, where that one was slower on its way.
 */
const CALLS_PER_SECOND = 19 / 60
const BLOCKED_SECONDS = 600

/** In the body: the status of the answer is always 200. */
const ERRORS: ErrorTable = {
  '-1': ['provider', true],
  40035: ['invalid', false],
  43004: ['invalid', false],
  130101: ['rate_limit', true],
  300001: ['auth', false],
  310000: ['auth', false],
  400013: ['invalid', false, 'destination_invalid'],
  400101: ['auth', false],
  400102: ['auth', false],
  400105: ['invalid', false],
  400106: ['auth', false],
  410100: ['rate_limit', true],
  430101: ['content_rejected', false],
  430102: ['content_rejected', false],
  430103: ['content_rejected', false],
  430104: ['content_rejected', false],
}

const settings = mapping({
  endpoint: endpoint('https://oapi.dingtalk.com'),
  access_token: secret("The robot's token: it stands in the address that DingTalk shows for it."),
  secret: optionalText(/^[\x20-\x7e]{1,512}$/, '1 to 512 printable ASCII characters', {
    about: 'What calls are signed with, where the robot has that security setting (`SEC...`).',
    isSecret: true,
  }),
  format: choice(['text', 'markdown'], 'text', { about: 'How the text is read.' }),
  title: optionalText(/^[^\r\n]{1,64}$/, '1 to 64 characters', {
    about:
      'What the list of chats shows of a Markdown message; left out, the first line of its text.',
  }),
})

/**
 * A robot in a group of DingTalk (钉钉).
 *
 * A recipient is whom the message mentions: a mobile number, a user id, `@all`; or `group` for nobody.
 *
 * @see https://open.dingtalk.com/document/robots/custom-robot-access
 */
export const dingtalk = defineProvider({
  name: 'dingtalk',
  title: 'DingTalk',
  settings,
  channel: 'dingtalk',
  takes: 'text',
  counts: 'as_ucs2',
  countsSign: false,
  maxOctets: MAX_OCTETS,
  requestsPerSecond: CALLS_PER_SECOND,
  givesReceipts: false,
  errors: ERRORS,
  open: (account) => {
    const token = percentEncoded(account.access_token)
    return {
      maxBatch: MAX_NAMED,
      // One message mentions many; what mentions nobody, or everybody, is a message each time.
      batchKey: (message) =>
        message.to === EVERYBODY || message.to === GROUP ? message.id : equalMessages(message),
      send: (messages, { now }) => {
        const path = `/robot/send?access_token=${token}`
        const signed = account.secret === undefined ? '' : signedSuffix(account.secret, now)
        return {
          method: 'POST',
          url: urlBelow(account.endpoint, path) + signed,
          headers: { 'content-type': JSON_UTF8 },
          body: JSON.stringify(bodyOf(messages, account.format, account.title)),
        }
      },
      readSend,
      classify,
      restSeconds: () => BLOCKED_SECONDS,
    }
  },
})

/** The parameter `sign`, not yet encoded for the address. */
export function dingtalkSign(robotSecret: string, timestamp: string): string {
  return hmac('sha256', robotSecret, `${timestamp}\n${robotSecret}`).toString('base64')
}

function signedSuffix(robotSecret: string, now: Date): string {
  const timestamp = String(now.getTime())
  const sign = percentEncoded(dingtalkSign(robotSecret, timestamp))
  return `&timestamp=${timestamp}&sign=${sign}`
}

function bodyOf(
  messages: readonly ProviderMessage[],
  format: 'text' | 'markdown',
  title: string | undefined,
): object {
  const recipients = messages.flatMap(({ to }) => to.split(',')).filter((to) => to !== GROUP)
  const isAtAll = recipients.includes(EVERYBODY)
  const people = recipients.filter((to) => to !== EVERYBODY)
  const atMobiles = people
    .filter((to) => MOBILE.test(to))
    .map((to) => mainlandOr('+', to.startsWith('+') ? to : `+86${to}`))
  const atUserIds = people.filter((to) => !MOBILE.test(to))
  const text = messages[0]?.text ?? ''
  const at = { atMobiles, atUserIds, isAtAll }
  if (format === 'text') return { msgtype: 'text', text: { content: text }, at }
  // In Markdown only those are mentioned whom the text names.
  const named = [...atMobiles, ...atUserIds].map((who) => `@${who}`)
  const shown = [text, ...(named.length > 0 ? [named.join(' ')] : [])].join('\n\n')
  const firstLine = text.trim().split('\n')[0] ?? ''
  return {
    msgtype: 'markdown',
    markdown: { title: title ?? firstLine.slice(0, 64), text: shown },
    at,
  }
}

function readSend(response: HttpResponse, messages: readonly ProviderMessage[]): SendResult[] {
  const answer = jsonObjectOf(response)
  const code = textOf(answer.errcode)
  if (code === '' && response.status < 400) {
    throw new UnreadableAnswerError(`HTTP ${response.status} without "errcode"`)
  }
  if (code !== SUCCESS) {
    return allRefused(messages, { code, text: textOf(answer.errmsg), httpStatus: response.status })
  }
  // It gives no id.
  return messages.map(({ id }) => ({ kind: 'accepted', providerId: id, matchKey: id }))
}

/** 310000 stands for every security setting, and only its words tell a missing keyword from the others. */
function classify(error: RawError): ProviderErrorInfo {
  if (error.code === SECURITY && /keywords? not in content|关键词/i.test(error.text)) {
    return errorInfo(['content_rejected', false])
  }
  return classifyError(ERRORS, error)
}
