import { choice, flag, mapping, optionalInteger, optionalText } from '../settings/field.ts'
import { endpoint } from './endpoint.ts'
import {
  formOf,
  type HttpRequest,
  type HttpResponse,
  JSON_UTF8,
  percentEncoded,
  urlBelow,
} from './http-call.ts'
import { type JsonObject, jsonObjectOf, textOf, UnreadableAnswerError } from './json.ts'
import {
  allRefused,
  defineProvider,
  equalMessages,
  type ProviderAccount,
  type ProviderMessage,
  type SendResult,
  sharedKey,
} from './provider.ts'
import { classifyError, type ErrorTable, type RawError } from './provider-error.ts'
import { wecomCallbacks } from './wecom-callback.ts'

const SUCCESS = '0'
const TOKEN_ENDED: ReadonlySet<string> = new Set(['40014', '42001'])
/** Users of one call; departments and tags go one by one, since each stands for many people. */
const MAX_USERS = 1000
const MAX_OCTETS = 2048
const MAX_ROBOT_MARKDOWN_OCTETS = 4096
/**
 * 20 a minute are taken. With one every 3 seconds the 21st could arrive within the first one's minute, where that one
 * was slower on its way.
 */
const ROBOT_CALLS_PER_SECOND = 19 / 60
/** 45009 and 45033 go away after about a minute. */
const REST_SECONDS = 60
const EVERYBODY = '@all'

/** In the body: the status of the answer is always 200. */
const ERRORS: ErrorTable = {
  '-1': ['provider', true],
  40001: ['auth', false],
  40003: ['invalid', false, 'recipient_unknown'],
  40008: ['invalid', false],
  40013: ['auth', false],
  40014: ['auth', true],
  40056: ['invalid', false],
  40058: ['invalid', false],
  41001: ['auth', false],
  42001: ['auth', true],
  44004: ['invalid', false, 'content_invalid'],
  45002: ['invalid', false, 'message_length_invalid'],
  45009: ['rate_limit', true],
  45033: ['rate_limit', true],
  46004: ['invalid', false, 'recipient_unknown'],
  48002: ['auth', false],
  60011: ['auth', false],
  60020: ['auth', false],
  60111: ['invalid', false, 'recipient_unknown'],
  // "Or outside the visible range": another application may reach them.
  81013: ['invalid', false, 'destination_unsupported'],
  82001: ['invalid', false, 'destination_invalid'],
  93000: ['auth', false],
  301002: ['auth', false],
  // No codes, but the lists of an answer with errcode 0 in which the recipient was named.
  invaliduser: ['invalid', false, 'destination_unsupported'],
  unlicenseduser: ['invalid', false, 'destination_unsupported'],
  invalidparty: ['invalid', false, 'destination_unsupported'],
  invalidtag: ['invalid', false, 'destination_unsupported'],
}

const settings = mapping({
  endpoint: endpoint('https://qyapi.weixin.qq.com'),
  corp_id: optionalText(/^[\x21-\x7e]{1,256}$/, '1 to 256 printable ASCII characters', {
    about: 'The company (corpid), for messages of an application.',
  }),
  corp_secret: optionalText(/^[\x21-\x7e]{1,512}$/, '1 to 512 printable ASCII characters', {
    about: 'Secret of the application.',
    isSecret: true,
  }),
  agent_id: optionalInteger(0, 2_147_483_647, { about: 'The application (agentid).' }),
  robot_key: optionalText(/^[\x21-\x7e]{1,256}$/, '1 to 256 printable ASCII characters', {
    about: 'Key of a robot in a group, instead of an application.',
    isSecret: true,
  }),
  format: choice(['text', 'markdown'], 'text', { about: 'How the text is read.' }),
  duplicate_check: flag(false, {
    about:
      'Whether WeCom drops the same message to the same recipients within `duplicate_check_seconds`, and says that it has sent it.',
  }),
  duplicate_check_seconds: optionalInteger(1, 14_400, {
    about: 'See `duplicate_check`; left out, WeCom takes 1800.',
    unit: 'seconds',
  }),
  callback_token: optionalText(/^[A-Za-z0-9]{1,32}$/, '1 to 32 letters and digits', {
    about: 'Token of the address that receives messages, which WeCom checks before it trusts it.',
    isSecret: true,
  }),
  encoding_aes_key: optionalText(/^[A-Za-z0-9]{43}$/, '43 letters and digits', {
    about: 'EncodingAESKey of that address.',
    isSecret: true,
  }),
}).superRefine((account, context) => {
  const mistake = (key: string, message: string) =>
    context.addIssue({ code: 'custom', path: [key], message })
  const { robot_key: robot, corp_id, corp_secret, agent_id } = account
  const application = { corp_id, corp_secret, agent_id }
  for (const [key, value] of Object.entries(application)) {
    if (robot === undefined && value === undefined) mistake(key, 'set, or a robot_key instead')
    if (robot !== undefined && value !== undefined) mistake(key, 'absent beside a robot_key')
  }
  if ((account.callback_token === undefined) !== (account.encoding_aes_key === undefined)) {
    mistake('encoding_aes_key', 'set together with callback_token')
  }
})

/**
 * WeCom (企业微信): messages of an application to members, departments and tags, or of a robot to its group.
 *
 * A recipient is a user id, `party:3`, `tag:5` or `@all`; a robot has its group only, whatever the recipient.
 *
 * @see https://developer.work.weixin.qq.com/document/path/90236
 */
export const wecom = defineProvider({
  name: 'wecom',
  title: 'WeCom',
  settings,
  channel: 'wecom',
  takes: 'text',
  counts: 'as_ucs2',
  countsSign: false,
  maxOctets: MAX_OCTETS,
  requestsPerSecond: 0,
  givesReceipts: false,
  errors: ERRORS,
  open: (account) => {
    const { format, corp_id: corpId, corp_secret: corpSecret, robot_key: robotKey } = account
    const content = (text: string) => ({ msgtype: format, [format]: { content: text } })
    if (robotKey !== undefined) {
      return robot(account.endpoint, robotKey, content, format)
    }
    const { callback_token: token, encoding_aes_key: encodingAesKey, agent_id: agentId } = account
    const hasCallbacks = token !== undefined && encodingAesKey !== undefined
    const checks = account.duplicate_check
      ? {
          enable_duplicate_check: 1,
          ...(account.duplicate_check_seconds === undefined
            ? {}
            : { duplicate_check_interval: account.duplicate_check_seconds }),
        }
      : {}
    return {
      maxBatch: MAX_USERS,
      batchKey: (message) =>
        isUser(message.to) ? equalMessages(message) : `${message.to} ${equalMessages(message)}`,
      send: (messages, call) => {
        const body = {
          ...recipientsOf(messages),
          agentid: agentId,
          ...content(messages[0]?.text ?? ''),
          ...checks,
        }
        const path = `/cgi-bin/message/send?access_token=${percentEncoded(call.token)}`
        return post(urlBelow(account.endpoint, path), body)
      },
      readSend: readApplication,
      classify: (error) => classifyError(ERRORS, error),
      restSeconds: () => REST_SECONDS,
      token: {
        request: () => ({
          method: 'GET',
          url: urlBelow(
            account.endpoint,
            `/cgi-bin/gettoken?${formOf({ corpid: corpId, corpsecret: corpSecret })}`,
          ),
          headers: {},
          body: '',
        }),
        read: (response) => {
          const answer = jsonObjectOf(response)
          const value = textOf(answer.access_token)
          const lifetimeSeconds = Number(textOf(answer.expires_in))
          if (textOf(answer.errcode) === SUCCESS && value !== '' && lifetimeSeconds > 0) {
            return { value, lifetimeSeconds }
          }
          return errorOf(answer, response)
        },
        isRefused: ({ code }) => TOKEN_ENDED.has(code),
      },
      ...(hasCallbacks
        ? { callbacks: wecomCallbacks({ token, encodingAesKey, corpId: corpId ?? '' }) }
        : {}),
    }
  },
})

/** A robot has no token: its key is all that there is. It answers without an id, so the message has ours. */
function robot(
  address: string,
  key: string,
  content: (text: string) => object,
  format: 'text' | 'markdown',
): ProviderAccount {
  return {
    requestsPerSecond: ROBOT_CALLS_PER_SECOND,
    ...(format === 'markdown' ? { traits: { maxOctets: MAX_ROBOT_MARKDOWN_OCTETS } } : {}),
    maxBatch: 1,
    batchKey: ({ id }) => id,
    send: ([message]) =>
      post(
        urlBelow(address, `/cgi-bin/webhook/send?key=${percentEncoded(key)}`),
        content(message?.text ?? ''),
      ),
    readSend: (response, messages) => {
      const answer = answerOf(response)
      if (textOf(answer.errcode) !== SUCCESS) {
        return allRefused(messages, errorOf(answer, response))
      }
      return messages.map(({ id }) => ({ kind: 'accepted', providerId: id, matchKey: id }))
    },
    classify: (error) => classifyError(ERRORS, error),
    restSeconds: () => REST_SECONDS,
  }
}

function post(url: string, body: object): HttpRequest {
  return {
    method: 'POST',
    url,
    headers: { 'content-type': JSON_UTF8 },
    body: JSON.stringify(body),
  }
}

const GROUPS = [
  ['party:', 'toparty', 'invalidparty'],
  ['tag:', 'totag', 'invalidtag'],
] as const

function groupOf(to: string) {
  return GROUPS.find(([prefix]) => to.startsWith(prefix))
}

function isUser(to: string): boolean {
  return to !== EVERYBODY && groupOf(to) === undefined
}

/** All users of a call, or the one department, tag or everybody. */
function recipientsOf(messages: readonly ProviderMessage[]): object {
  const [group, to] = [groupOf(messages[0]?.to ?? ''), messages[0]?.to ?? '']
  if (group) return { [group[1]]: to.slice(group[0].length) }
  return { touser: messages.map((message) => message.to).join('|') }
}

/** An answer without a code says nothing of what became of the message. */
function answerOf(response: HttpResponse): JsonObject {
  const answer = jsonObjectOf(response)
  if (textOf(answer.errcode) === '' && response.status < 400) {
    throw new UnreadableAnswerError(`HTTP ${response.status} without "errcode"`)
  }
  return answer
}

function errorOf(answer: JsonObject, { status }: HttpResponse): RawError {
  return { code: textOf(answer.errcode), text: textOf(answer.errmsg), httpStatus: status }
}

/** With errcode 0 the recipients in these lists have not got it. */
function readApplication(
  response: HttpResponse,
  messages: readonly ProviderMessage[],
): SendResult[] {
  const answer = answerOf(response)
  const error = errorOf(answer, response)
  if (error.code !== SUCCESS) return allRefused(messages, error)
  const providerId = textOf(answer.msgid)
  return messages.map(({ to, id }) => {
    const list = refusingList(answer, to)
    if (list) return { kind: 'refused', code: list, text: error.text, httpStatus: response.status }
    // Robots and older versions give no id.
    if (providerId === '') return { kind: 'accepted', providerId: id, matchKey: id }
    return { kind: 'accepted', providerId, matchKey: sharedKey(providerId, to) }
  })
}

/** The list that names a recipient; user ids are in lower case there, however they were written. */
function refusingList(answer: JsonObject, to: string): string | undefined {
  const group = groupOf(to)
  const written = group ? to.slice(group[0].length) : to.toLowerCase()
  const lists = group ? [group[2]] : ['invaliduser', 'unlicenseduser']
  return lists.find((list) =>
    textOf(answer[list])
      .split('|')
      .some((named) => named.toLowerCase() === written),
  )
}
