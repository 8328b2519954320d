import { createHash } from 'node:crypto'
import type { ProviderDesk, RefusalReason } from '../provider-desk.ts'
import type { ApiAnswer, ApiRequest, ProviderSimulator, Push } from '../provider-server.ts'

/** The application that the simulator knows. */
export interface JiguangAccount {
  readonly appKey: string
  readonly masterSecret: string
}

type Refusal = readonly [status: number, code: number, message: string]

const REFUSALS: Readonly<Record<RefusalReason, Refusal>> = {
  rate_limit: [403, 50009, 'out of freq'],
  auth: [401, 50002, 'auth failed'],
  number: [400, 50006, 'invalid mobile'],
  template: [400, 50013, 'invalid temp_id'],
  balance: [403, 50014, 'no money'],
  content: [400, 50037, 'sensitive word'],
  unsubscribed: [403, 50024, 'mobile is unsubscribed'],
  internal: [500, 50019, 'server error'],
}

const MOBILE = /^1[3-9]\d{9}$/
const MOST_RECIPIENTS = 1000

/** Jiguang's messages to one and to many, what is left, and callbacks. */
export function jiguangSimulator({ appKey, masterSecret }: JiguangAccount): ProviderSimulator {
  const credentials = `Basic ${Buffer.from(`${appKey}:${masterSecret}`).toString('base64')}`
  let pushes = 0
  const push = (type: string, data: object, at: Date, url: string): Push => {
    pushes++
    const nonce = String(7_659_972_084_900_000_000n + BigInt(pushes))
    const timestamp = String(at.getTime())
    const signed = `appKey=${appKey}&appMasterSecret=${masterSecret}&nonce=${nonce}&timestamp=${timestamp}`
    const signature = createHash('sha1').update(signed).digest('hex')
    const fields = { nonce, timestamp, signature, type, data: JSON.stringify(data) }
    return {
      method: 'POST',
      url,
      headers: { 'content-type': 'application/x-www-form-urlencoded' },
      body: new URLSearchParams(fields).toString(),
    }
  }
  return {
    name: 'jiguang',
    answer: (request, desk) => {
      const { authorization } = request.headers
      if (authorization === undefined) return refused([400, 50001, 'missing auth'])
      if (authorization !== credentials) return refused(REFUSALS.auth)
      const call = `${request.method} ${request.path}`
      if (call === 'GET /v1/accounts/app') {
        const counts = { app_balance: 1000, app_voice: 0, app_industry: 0, app_market: 0 }
        return { status: 200, body: counts }
      }
      if (call === 'POST /v1/messages') return sendOne(request, desk)
      if (call === 'POST /v1/messages/batch') return sendMany(request, desk)
      return refused([404, 50016, 'api not found'])
    },
    receiptPushes: (receipts, url) =>
      receipts.map(({ message, isDelivered, code, at }) =>
        push(
          'SMS_REPORT',
          {
            msgId: message.id,
            phone: message.to,
            receiveTime: at.getTime(),
            status: isDelivered ? 4001 : Number(code),
          },
          at,
          url,
        ),
      ),
    inboundPush: ({ from, text, at }, url) =>
      push('SMS_REPLY', { content: text, phone: from, replyTime: at.getTime() }, at, url),
  }
}

function sendOne(request: ApiRequest, desk: ProviderDesk): ApiAnswer {
  const body = bodyOf(request)
  if (body === null) return refused([400, 50007, 'invalid body'])
  const problem = problemOf(body)
  if (problem) return refused(problem)
  const result = sendTo(body, body, desk)
  return 'id' in result ? { status: 200, body: { msg_id: result.id } } : refused(result.refusal)
}

function sendMany(request: ApiRequest, desk: ProviderDesk): ApiAnswer {
  const body = bodyOf(request)
  if (body === null) return refused([400, 50007, 'invalid body'])
  const recipients = Array.isArray(body.recipients) ? (body.recipients as Fields[]) : []
  const problem = problemOf(body)
  if (problem) return refused(problem)
  if (recipients.length === 0) return refused([400, 50030, 'recipients is empty'])
  if (recipients.length > MOST_RECIPIENTS) return refused([400, 50031, 'recipients > 1000'])
  const told = recipients.map((recipient) => {
    const { mobile, temp_para } = recipient
    const result = sendTo(body, recipient, desk)
    if ('id' in result) return { mobile, msg_id: result.id }
    const [, code, message] = result.refusal
    // A text here, where a whole refusal has a number.
    return { mobile, error_code: String(code), error_message: message, temp_para }
  })
  const failed = told.filter((each) => 'error_code' in each).length
  const counts = { success_count: told.length - failed, failure_count: failed }
  // In another order than they were asked for.
  return { status: 200, body: { ...counts, recipients: told.reverse() } }
}

type Fields = Readonly<Record<string, unknown>>

function bodyOf({ headers, body }: ApiRequest): Fields | null {
  if (!headers['content-type']?.startsWith('application/json')) return null
  try {
    const value: unknown = JSON.parse(body.toString('utf8'))
    return typeof value === 'object' && value !== null ? (value as Fields) : null
  } catch {
    return null
  }
}

function problemOf({ sign_id: sign, temp_id: template }: Fields): Refusal | undefined {
  if (template === undefined) return [400, 50005, 'missing temp_id']
  if (!Number.isInteger(template)) return REFUSALS.template
  if (sign !== undefined && !Number.isInteger(sign)) return [400, 50102, 'invalid sign_id']
  return undefined
}

function sendTo(
  { sign_id: sign, temp_id: template }: Fields,
  { mobile, temp_para: variables }: Fields,
  desk: ProviderDesk,
): { readonly id: string } | { readonly refusal: Refusal } {
  if (mobile === undefined) return { refusal: [400, 50004, 'missing mobile'] }
  if (typeof mobile !== 'string' || !MOBILE.test(mobile)) return { refusal: REFUSALS.number }
  const values = typeof variables === 'object' && variables !== null ? variables : {}
  if (Object.values(values).some((value) => typeof value !== 'string')) {
    return { refusal: [400, 50007, 'invalid body'] }
  }
  const verdict = desk.verdictFor(mobile)
  if (verdict.kind === 'refuse') {
    const [status, code, message] = REFUSALS[verdict.reason]
    return { refusal: [status, Number(verdict.code ?? code), message] }
  }
  const id = String(1_652_495 + desk.nextId())
  desk.take({ id, to: mobile, content: { sign, template, variables } })
  return { id }
}

function refused([status, code, message]: Refusal): ApiAnswer {
  return { status, body: { error: { code, message } } }
}
