import { createCipheriv, createHash, randomBytes } from 'node:crypto'
import type { ProviderDesk, RefusalReason, SimulatedInbound } from '../provider-desk.ts'
import type { ApiAnswer, ApiRequest, ProviderSimulator, Push } from '../provider-server.ts'

/** The company, its application and the robot of a group that the simulator knows. */
export interface WecomCompany {
  readonly corpId: string
  readonly corpSecret: string
  readonly agentId: number
  readonly robotKey?: string
  /** With what it encrypts what members write; left out: it has no address for that. */
  readonly callback?: { readonly token: string; readonly encodingAesKey: string }
  /** Members who exist, but without a licence for the application. */
  readonly unlicensed?: readonly string[]
}

/** {@link wecomSimulator}, and what a script can do with its tokens. */
export interface WecomSimulator extends ProviderSimulator {
  /** Tokens that were handed out for the first time. */
  readonly tokens: readonly string[]
  /** Calls for a token so far. */
  readonly tokenCalls: number
  /** Ends the present token before its time, as a change of the secret does. */
  endToken(): void
}

type Refusal = readonly [code: number, message: string]

/** Where it has no code for a reason, the nearest one. */
const REFUSALS: Readonly<Record<RefusalReason, Refusal>> = {
  rate_limit: [45009, 'api freq out of limit'],
  auth: [60020, 'not allow to access from your ip'],
  number: [60111, 'invalid userid'],
  template: [40008, 'invalid message type'],
  balance: [301002, 'not allow operate another agent with this accesstoken'],
  content: [45002, 'content size out of limit'],
  unsubscribed: [60011, 'no privilege to access/modify contact/party/agent'],
  internal: [-1, 'system error'],
}

const LIFETIME_SECONDS = 7200
const MOST_OCTETS = 2048
const MOST_ROBOT_OCTETS: Readonly<Record<string, number>> = { text: 2048, markdown: 4096 }
const MOST_USERS = 1000
const MOST_GROUPS = 100
const ROBOT_CALLS = 20
const MINUTE_MS = 60_000
/** What is encrypted is padded to multiples of it. */
const BLOCK = 32
const USER_ID = /^[A-Za-z0-9][A-Za-z0-9_@.-]{0,63}$/

interface Token {
  readonly value: string
  readonly endsAt: number
  isEnded: boolean
}

type Fields = Readonly<Record<string, unknown>>

/** WeCom's tokens, messages of an application, and the robot of a group. */
export function wecomSimulator(company: WecomCompany): WecomSimulator {
  const tokens: Token[] = []
  const robotCalls: number[] = []
  let tokenCalls = 0
  const current = (now: number) => tokens.find((each) => !each.isEnded && each.endsAt > now)

  function giveToken({ query }: ApiRequest, desk: ProviderDesk): ApiAnswer {
    tokenCalls++
    if (query.get('corpid') !== company.corpId) return told([40013, 'invalid corpid'])
    if (query.get('corpsecret') !== company.corpSecret) return told([40001, 'invalid credential'])
    const now = desk.now.getTime()
    let token = current(now)
    if (!token) {
      const value = `token-${tokens.length + 1}+/=`
      token = { value, endsAt: now + LIFETIME_SECONDS * 1_000, isEnded: false }
      tokens.push(token)
    }
    const expires_in = Math.floor((token.endsAt - now) / 1_000)
    return told([0, 'ok'], { access_token: token.value, expires_in })
  }

  function sendMessage(request: ApiRequest, desk: ProviderDesk): ApiAnswer {
    const value = request.query.get('access_token')
    if (value === null) return told([41001, 'access_token missing'])
    const token = tokens.find((each) => each.value === value)
    if (!token || token.isEnded) return told([40014, 'invalid access_token'])
    if (token.endsAt <= desk.now.getTime()) return told([42001, 'access_token expired'])
    const body = bodyOf(request)
    if (!body) return told([40058, 'invalid request body'])
    if (body.agentid !== company.agentId) return told([40056, 'invalid agentid'])
    const problem = problemOf(body, MOST_OCTETS)
    if (problem) return told(problem)
    return deliver(body, desk, new Set((company.unlicensed ?? []).map((id) => id.toLowerCase())))
  }

  function robotMessage(request: ApiRequest, desk: ProviderDesk): ApiAnswer {
    if (company.robotKey === undefined || request.query.get('key') !== company.robotKey) {
      return told([93000, 'invalid webhook url'])
    }
    const body = bodyOf(request)
    if (!body) return told([40058, 'invalid request body'])
    const now = desk.now.getTime()
    while (robotCalls[0] !== undefined && robotCalls[0] <= now - MINUTE_MS) robotCalls.shift()
    if (robotCalls.length >= ROBOT_CALLS) return told(REFUSALS.rate_limit)
    robotCalls.push(now)
    const problem = problemOf(body, MOST_ROBOT_OCTETS[String(body.msgtype)] ?? 0)
    if (problem) return told(problem)
    const verdict = desk.verdictFor('robot')
    if (verdict.kind === 'refuse') return told(refusalOf(verdict))
    desk.take({ id: '', to: 'robot', content: body })
    return told([0, 'ok'])
  }

  return {
    name: 'wecom',
    get tokens() {
      return tokens.map(({ value }) => value)
    },
    get tokenCalls() {
      return tokenCalls
    },
    endToken: () => {
      for (const token of tokens) token.isEnded = true
    },
    answer: (request, desk) => {
      const call = `${request.method} ${request.path}`
      if (call === 'GET /cgi-bin/gettoken') return giveToken(request, desk)
      if (call === 'POST /cgi-bin/message/send') return sendMessage(request, desk)
      if (call === 'POST /cgi-bin/webhook/send') return robotMessage(request, desk)
      return { status: 404, body: 'not found' }
    },
    receiptPushes: () => [],
    inboundPush: (message, url) =>
      company.callback && push(company, company.callback, message, url),
  }
}

/** What a member has written to the application. */
function push(
  { corpId, agentId }: WecomCompany,
  { token, encodingAesKey }: NonNullable<WecomCompany['callback']>,
  { id, from, text, at }: SimulatedInbound,
  url: string,
): Push {
  const seconds = Math.floor(at.getTime() / 1_000)
  const said = `<xml><ToUserName><![CDATA[${corpId}]]></ToUserName><FromUserName><![CDATA[${from}]]></FromUserName><CreateTime>${seconds}</CreateTime><MsgType><![CDATA[text]]></MsgType><Content><![CDATA[${text}]]></Content><MsgId>${id}</MsgId><AgentID>${agentId}</AgentID></xml>`
  const encrypted = encrypt(said, encodingAesKey, corpId)
  const signed = { timestamp: String(seconds), nonce: randomBytes(5).toString('hex') }
  const parts = [token, signed.timestamp, signed.nonce, encrypted].sort()
  const msg_signature = createHash('sha1').update(parts.join('')).digest('hex')
  return {
    method: 'POST',
    url: `${url}?${new URLSearchParams({ msg_signature, ...signed })}`,
    headers: { 'content-type': 'text/xml' },
    body: `<xml><ToUserName><![CDATA[${corpId}]]></ToUserName><Encrypt><![CDATA[${encrypted}]]></Encrypt><AgentID><![CDATA[${agentId}]]></AgentID></xml>`,
  }
}

function encrypt(said: string, encodingAesKey: string, corpId: string): string {
  const key = Buffer.from(`${encodingAesKey}=`, 'base64')
  const length = Buffer.alloc(4)
  length.writeUInt32BE(Buffer.byteLength(said))
  const plain = Buffer.concat([randomBytes(16), length, Buffer.from(said + corpId)])
  const padding = BLOCK - (plain.length % BLOCK)
  const cipher = createCipheriv('aes-256-cbc', key, key.subarray(0, 16)).setAutoPadding(false)
  return Buffer.concat([
    cipher.update(Buffer.concat([plain, Buffer.alloc(padding, padding)])),
    cipher.final(),
  ]).toString('base64')
}

function deliver(body: Fields, desk: ProviderDesk, unlicensed: ReadonlySet<string>): ApiAnswer {
  const [users, parties, tags] = [listOf(body.touser), listOf(body.toparty), listOf(body.totag)]
  if (users.length + parties.length + tags.length === 0) {
    return told([82001, 'touser, toparty and totag are all empty'])
  }
  if (users.length > MOST_USERS || parties.length > MOST_GROUPS || tags.length > MOST_GROUPS) {
    return told([40058, 'too many recipients'])
  }
  const isForAll = users.length === 1 && users[0] === '@all'
  const lists = { invaliduser: [], invalidparty: [], invalidtag: [], unlicenseduser: [] } as Record<
    string,
    string[]
  >
  const good: string[] = []
  const judge = (recipient: string, isKnown: boolean, list: string): Refusal | undefined => {
    const verdict = desk.verdictFor(recipient)
    if (verdict.kind === 'refuse' && verdict.reason !== 'number') return refusalOf(verdict)
    // Written in lower case, however the request has written it.
    if (!isKnown || verdict.kind === 'refuse') lists[list]?.push(recipient.toLowerCase())
    else if (unlicensed.has(recipient.toLowerCase())) lists.unlicenseduser?.push(recipient)
    else good.push(recipient)
    return undefined
  }
  for (const user of users) {
    const refusal = judge(user, isForAll || USER_ID.test(user), 'invaliduser')
    if (refusal) return told(refusal)
  }
  for (const party of parties) judge(party, /^\d+$/.test(party), 'invalidparty')
  for (const tag of tags) judge(tag, /^\d+$/.test(tag), 'invalidtag')
  if (good.length === 0) return told([81013, 'user & party & tag all invalid'])
  const id = `msg-${desk.nextId()}`
  for (const to of good) desk.take({ id, to, content: body })
  const named = Object.entries(lists).map(([list, names]) => [list, names.join('|')])
  return told([0, 'ok'], { ...Object.fromEntries(named), msgid: id })
}

function refusalOf(verdict: { readonly code?: string; readonly reason: RefusalReason }): Refusal {
  const [code, message] = REFUSALS[verdict.reason]
  return [verdict.code === undefined ? code : Number(verdict.code), message]
}

function problemOf(body: Fields, mostOctets: number): Refusal | undefined {
  const { msgtype } = body
  if (msgtype !== 'text' && msgtype !== 'markdown') return [40008, 'invalid message type']
  const said = body[msgtype] as Fields | undefined
  if (typeof said?.content !== 'string' || said.content === '') return [44004, 'empty content']
  // The real one cuts a text; here nobody would see it.
  if (Buffer.byteLength(said.content) > mostOctets) return [45002, 'content size out of limit']
  const { duplicate_check_interval: interval } = body
  if (interval !== undefined && !(Number(interval) >= 1 && Number(interval) <= 14_400)) {
    return [40058, 'invalid duplicate_check_interval']
  }
  return undefined
}

function listOf(value: unknown): string[] {
  return typeof value === 'string' && value !== '' ? value.split('|') : []
}

function bodyOf({ headers, body }: ApiRequest): Fields | undefined {
  if (!headers['content-type']?.startsWith('application/json')) return undefined
  try {
    const value: unknown = JSON.parse(body.toString('utf8'))
    return typeof value === 'object' && value !== null ? (value as Fields) : undefined
  } catch {
    return undefined
  }
}

function told([errcode, errmsg]: Refusal, more: object = {}): ApiAnswer {
  return { status: 200, body: { errcode, errmsg, ...more } }
}
