import { createHmac } from 'node:crypto'
import type { ProviderDesk, RefusalReason } from '../provider-desk.ts'
import type { ApiAnswer, ApiRequest, ProviderSimulator } from '../provider-server.ts'

/** The robot that the simulator knows. */
export interface DingtalkRobot {
  readonly accessToken: string
  /** Its calls are signed with it; absent: it has no such setting. */
  readonly secret?: string
  /** One of them has to stand in the text; absent: it has no such setting. */
  readonly keywords?: readonly string[]
}

type Refusal = readonly [code: number, message: string]
type Fields = Readonly<Record<string, unknown>>

/** Where it has no code for a reason, the nearest one. */
const REFUSALS: Readonly<Record<RefusalReason, Refusal>> = {
  rate_limit: [410100, 'send too fast, exceed 20 times per minute'],
  auth: [310000, 'ip not in whitelist'],
  number: [40035, 'invalid parameter'],
  template: [400105, 'unsupported msgtype'],
  balance: [400102, 'robot is disabled'],
  content: [430102, 'inappropriate text'],
  unsubscribed: [400013, 'chat is dissolved'],
  internal: [-1, 'system busy'],
}

const CALLS_A_MINUTE = 20
const MINUTE_MS = 60_000
const BLOCKED_MS = 600_000
const WINDOW_MS = 3_600_000

/** A robot of a group: its signature, its keywords, and its 20 messages a minute. */
export function dingtalkSimulator(robot: DingtalkRobot): ProviderSimulator {
  const calls: number[] = []
  let blockedUntil = 0

  /** Whether this call is one too many; then none is taken for 10 minutes. */
  function isTooMany(now: number): boolean {
    if (now < blockedUntil) return true
    while (calls[0] !== undefined && calls[0] <= now - MINUTE_MS) calls.shift()
    calls.push(now)
    if (calls.length <= CALLS_A_MINUTE) return false
    blockedUntil = now + BLOCKED_MS
    return true
  }

  return {
    name: 'dingtalk',
    answer: (request, desk) => {
      if (`${request.method} ${request.path}` !== 'POST /robot/send') {
        return { status: 404, body: 'not found' }
      }
      const token = request.query.get('access_token')
      if (token === null) return told([300001, 'token is not exist'])
      if (token !== robot.accessToken) return told([400101, 'access_token is not exist'])
      if (!request.headers['content-type']?.startsWith('application/json')) {
        return told([43004, 'unsupported http content-type'])
      }
      const now = desk.now.getTime()
      if (isTooMany(now)) return told(REFUSALS.rate_limit)
      const unsigned =
        robot.secret === undefined ? null : dingtalkRefusesSign(robot.secret, request.rawQuery, now)
      if (unsigned) return told([310000, unsigned])
      return take(robot, request, desk)
    },
    receiptPushes: () => [],
    inboundPush: () => undefined,
  }
}

/** What is wrong with the signature of a call, in the platform's words; null: nothing. */
export function dingtalkRefusesSign(secret: string, rawQuery: string, now: number): string | null {
  const [, timestamp] = /(?:^|&)timestamp=(\d+)(?:&|$)/.exec(rawQuery) ?? []
  const [, sign] = /(?:^|&)sign=([^&]*)/.exec(rawQuery) ?? []
  if (timestamp === undefined || sign === undefined) return 'sign not match'
  if (Math.abs(now - Number(timestamp)) > WINDOW_MS) return 'invalid timestamp'
  const right = createHmac('sha256', secret).update(`${timestamp}\n${secret}`).digest('base64')
  // As it stands in the address: a bare "+" would be a blank.
  const encoded = encodeURIComponent(right)
  return sign === encoded ? null : 'sign not match'
}

function take(robot: DingtalkRobot, request: ApiRequest, desk: ProviderDesk): ApiAnswer {
  const body = bodyOf(request)
  if (!body) return told(REFUSALS.number)
  const text = textOf(body)
  if (typeof text !== 'string') return told(text)
  const { keywords } = robot
  if (keywords && !keywords.some((word) => text.includes(word))) {
    return told([310000, 'keywords not in content'])
  }
  const at = (body.at ?? {}) as Fields
  const named = [...namesOf(at.atMobiles), ...namesOf(at.atUserIds)]
  const isMarkdown = body.msgtype === 'markdown'
  // In Markdown nobody is mentioned whom the text does not name.
  const mentioned = isMarkdown ? named.filter((who) => text.includes(`@${who}`)) : named
  const recipients = at.isAtAll === true ? ['@all', ...mentioned] : mentioned
  const verdict = desk.verdictFor(recipients[0] ?? 'group')
  if (verdict.kind === 'refuse') {
    const [code, message] = REFUSALS[verdict.reason]
    return told([verdict.code === undefined ? code : Number(verdict.code), message])
  }
  for (const to of recipients.length > 0 ? recipients : ['group']) {
    desk.take({ id: '', to, content: body })
  }
  return told([0, 'ok'])
}

function textOf(body: Fields): string | Refusal {
  const { msgtype } = body
  if (msgtype !== 'text' && msgtype !== 'markdown') return REFUSALS.template
  const said = body[msgtype] as Fields | undefined
  const text = msgtype === 'text' ? said?.content : said?.text
  const isWhole = msgtype === 'text' || (typeof said?.title === 'string' && said.title !== '')
  return typeof text === 'string' && text !== '' && isWhole ? text : REFUSALS.number
}

function namesOf(value: unknown): string[] {
  return Array.isArray(value) ? value.map(String) : []
}

function bodyOf({ body }: ApiRequest): Fields | undefined {
  try {
    const value: unknown = JSON.parse(body.toString('utf8'))
    return typeof value === 'object' && value !== null ? (value as Fields) : undefined
  } catch {
    return undefined
  }
}

function told([errcode, errmsg]: Refusal): ApiAnswer {
  return { status: 200, body: { errcode, errmsg } }
}
