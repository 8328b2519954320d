import { createHash, createHmac } from 'node:crypto'
import type { ProviderDesk, RefusalReason, Verdict } from '../provider-desk.ts'
import type { ApiAnswer, ApiRequest, ProviderSimulator, Push } from '../provider-server.ts'

/** The account that the simulator knows. */
export interface BaiduAccount {
  readonly accessKeyId: string
  readonly secretAccessKey: string
  /** What callbacks are signed with; may be empty. */
  readonly callbackToken: string
}

/** A refusal of the whole call has a status, one of a single number is a row of the answer. */
const REFUSALS: Readonly<
  Record<RefusalReason, readonly [status: number | null, code: string, message: string]>
> = {
  rate_limit: [429, '', 'Too many requests'],
  auth: [403, 'SignatureDoesNotMatch', 'The request signature does not match'],
  number: [null, '4507', 'invalid phone number'],
  template: [200, '4602', 'template not found'],
  balance: [200, '6012', 'service stopped because of arrears'],
  content: [null, '4608', 'illegal characters in variables'],
  unsubscribed: [null, '4641', 'number on the global blacklist'],
  internal: [500, 'InternalError', 'We encountered an internal error'],
}

const MOST_NUMBERS = 200
const CLOCK_MS = 60_000

/** Baidu's sendSms, its quota, and the callbacks of receipts and messages. */
export function baiduSimulator(account: BaiduAccount): ProviderSimulator {
  const answers = new Map<string, ApiAnswer>()
  let pushes = 0
  const push = (url: string, content: object, at: Date): Push => {
    const body = JSON.stringify(content)
    const timestamp = String(at.getTime())
    return {
      method: 'POST',
      url,
      headers: {
        'content-type': 'application/json',
        requestId: `cb-${++pushes}`,
        timestamp,
        signature: createHash('md5')
          .update(account.callbackToken + timestamp + body, 'utf8')
          .digest('hex'),
      },
      body,
    }
  }
  return {
    name: 'baidu',
    answer: (request, desk) => {
      const refused = baiduRefusesSignature(account, request, desk.now)
      if (refused) return failure(desk, ...refused)
      if (request.method === 'GET' && request.path === '/sms/v3/quota') return quota(desk)
      if (request.method !== 'POST' || request.path !== '/api/v3/sendSms') {
        return failure(desk, 404, 'NoSuchMethod', 'no such method')
      }
      const clientToken = request.query.get('clientToken') ?? ''
      const earlier = answers.get(clientToken)
      if (earlier && clientToken !== '') return earlier
      const answer = send(request, desk)
      // What was refused as a whole may be tried again under the same token.
      if (Object(answer.body).code === '1000') answers.set(clientToken, answer)
      return answer
    },
    receiptPushes: (receipts, url) => [
      push(
        url,
        receipts.map(({ message, isDelivered, code, at }) => ({
          code: isDelivered ? '0' : '2',
          requestId: message.content.requestId,
          messageId: message.id,
          mobile: message.to,
          carrierCode: code,
          attemptCount: 1,
          segmentCount: 1,
          deliverTime: utc(at),
          requestTime: utc(message.takenAt),
        })),
        receipts[0]?.at ?? new Date(0),
      ),
    ],
    inboundPush: ({ from, to, text, at }, url) =>
      push(url, { mobile: from, content: text, sign: '', receiveTime: utc(at), userExtId: to }, at),
  }
}

function send({ body }: ApiRequest, desk: ProviderDesk): ApiAnswer {
  const fields = objectOf(body)
  if (fields === null) return failure(desk, 200, '4501', 'the body is no JSON object')
  const { mobile, template, signatureId, contentVar } = fields
  const numbers = typeof mobile === 'string' && mobile !== '' ? mobile.split(',') : []
  if (numbers.length === 0) return failure(desk, 200, '4501', 'mobile is required')
  if (numbers.length > MOST_NUMBERS) return failure(desk, 200, '4511', 'too many numbers')
  if (typeof template !== 'string') return failure(desk, 200, '4602', 'template not found')
  if (typeof signatureId !== 'string' || signatureId === '') {
    return failure(desk, 200, '6006', 'signature not usable')
  }
  const isMap = typeof contentVar === 'object' && contentVar !== null && !Array.isArray(contentVar)
  if (!isMap || Object.values(contentVar).some((value) => typeof value !== 'string')) {
    return failure(desk, 200, '4605', 'contentVar is no object of texts')
  }
  const verdicts = numbers.map((number): Verdict => {
    if (!isNumber(number)) return { kind: 'refuse', reason: 'number', code: '4503' }
    return desk.verdictFor(number)
  })
  for (const verdict of verdicts) {
    if (verdict.kind === 'accept') continue
    const [status, code, message] = REFUSALS[verdict.reason]
    if (status !== null) return failure(desk, status, verdict.code ?? code, message)
  }
  const requestId = `request-${desk.nextId()}`
  const content = { template, signatureId, contentVar, requestId }
  const data = numbers.map((number, index) => {
    const verdict = verdicts[index]
    if (verdict?.kind === 'refuse') {
      const [, code, message] = REFUSALS[verdict.reason]
      return { code: verdict.code ?? code, message, mobile: number, messageId: '' }
    }
    const { id } = desk.take({ id: `${requestId}_${index}`, to: number, content })
    return { code: '1000', message: '成功', mobile: number, messageId: id }
  })
  return { status: 200, body: { requestId, code: '1000', message: '成功', data } }
}

function objectOf(body: Buffer): Record<string, unknown> | null {
  try {
    return Object(JSON.parse(body.toString('utf8')))
  } catch {
    return null
  }
}

function isNumber(number: string): boolean {
  return /^(\+86)?1[3-9]\d{9}$/.test(number) || /^\+(?!86)[1-9]\d{6,14}$/.test(number)
}

function quota(desk: ProviderDesk): ApiAnswer {
  const sent = desk.taken.length
  return {
    status: 200,
    body: {
      quotaPerDay: 1_000,
      quotaRemainToday: 1_000 - sent,
      quotaPerMonth: 20_000,
      quotaRemainThisMonth: 20_000 - sent,
    },
  }
}

/** Why the signature of a request does not hold, as the gateway before the service says it; null: it holds. */
export function baiduRefusesSignature(
  { accessKeyId, secretAccessKey }: Pick<BaiduAccount, 'accessKeyId' | 'secretAccessKey'>,
  { method, path, rawQuery, headers }: Omit<ApiRequest, 'query' | 'body'>,
  now: Date,
): readonly [status: number, code: string, message: string] | null {
  const parts = (headers.authorization ?? '').split('/')
  const [version, key, timestamp = '', lifetime = '', names = '', signature] = parts
  if (version !== 'bce-auth-v1' || parts.length !== 6) {
    return [403, 'AccessDenied', 'no bce-auth-v1 authorization']
  }
  if (key !== accessKeyId) return [403, 'InvalidAccessKeyId', 'The access key is not known']
  const since = now.getTime() - Date.parse(timestamp)
  if (!(since >= -CLOCK_MS && since <= Number(lifetime) * 1_000)) {
    return [403, 'RequestExpired', 'Request has expired']
  }
  const signed = names === '' ? Object.keys(headers).filter(isSignedByDefault) : names.split(';')
  const lines = signed.sort().map((name) => `${encode(name)}:${encode(headers[name] ?? '')}`)
  const pairs = rawQuery === '' ? [] : rawQuery.split('&').map(canonicalPair)
  const canonical = [method, path, pairs.sort().join('&'), lines.join('\n')].join('\n')
  const prefix = parts.slice(0, 4).join('/')
  const signingKey = createHmac('sha256', secretAccessKey).update(prefix).digest('hex')
  const right = createHmac('sha256', signingKey).update(canonical, 'utf8').digest('hex')
  if (!signed.includes('host') || signature !== right) {
    return [403, 'SignatureDoesNotMatch', 'The request signature does not match']
  }
  const date = headers['x-bce-date']
  if (date !== undefined && date !== timestamp) {
    return [403, 'SignatureDoesNotMatch', 'x-bce-date is another time']
  }
  return null
}

function isSignedByDefault(name: string): boolean {
  return (
    ['host', 'content-length', 'content-type', 'content-md5'].includes(name) ||
    name.startsWith('x-bce-')
  )
}

function canonicalPair(pair: string): string {
  const [name = '', value = ''] = pair.split('=')
  return `${encode(decodeURIComponent(name))}=${encode(decodeURIComponent(value))}`
}

function encode(text: string): string {
  let encoded = ''
  for (const octet of Buffer.from(text.trim(), 'utf8')) {
    const character = String.fromCharCode(octet)
    encoded += /[A-Za-z0-9._~-]/.test(character)
      ? character
      : `%${octet.toString(16).toUpperCase().padStart(2, '0')}`
  }
  return encoded
}

function failure(desk: ProviderDesk, status: number, code: string, message: string): ApiAnswer {
  const requestId = `request-${desk.nextId()}`
  return { status, body: { requestId, ...(code === '' ? {} : { code }), message } }
}

function utc(at: Date): string {
  return at.toISOString().replace(/\.\d+Z$/, 'Z')
}
