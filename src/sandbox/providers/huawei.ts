import { createHash, createHmac } from 'node:crypto'
import type { ProviderDesk, RefusalReason } from '../provider-desk.ts'
import type { ApiAnswer, ApiRequest, ProviderSimulator, Push } from '../provider-server.ts'

/** The application that the simulator knows. */
export interface HuaweiApplication {
  readonly appKey: string
  readonly appSecret: string
  /** The channel numbers that it may send from. */
  readonly channels: readonly string[]
}

/**
 * A refusal of the whole call has a status, one of a number is in its row. What is blocked is documented for receipts
 * only (`MBBLACK`), content that is not liked as a variable that does not fit.
 */
const REFUSALS: Readonly<Record<RefusalReason, readonly [status: number | null, code: string]>> = {
  rate_limit: [null, 'E200015'],
  auth: [401, 'E000101'],
  number: [null, 'E200031'],
  template: [null, 'E200030'],
  balance: [403, 'E000112'],
  content: [null, 'E200028'],
  unsubscribed: [null, 'MBBLACK'],
  internal: [null, 'E200036'],
}

const MOST_NUMBERS = 500
const WSSE_CLOCK_MS = 24 * 3_600_000
const SDK_CLOCK_MS = 15 * 60_000

/** Huawei's batchSendDiffSms, with either way of signing it, and the callbacks of receipts and messages. */
export function huaweiSimulator(application: HuaweiApplication): ProviderSimulator {
  return {
    name: 'huawei',
    answer: (request, desk) => {
      if (request.method !== 'POST' || request.path !== '/sms/batchSendDiffSms/v1') {
        return refusal(404, 'E000027')
      }
      const code = huaweiRefusesCall(application, request, desk.now)
      return code === null ? send(application, request, desk) : refusal(401, code)
    },
    receiptPushes: (receipts, url) =>
      receipts.flatMap(({ message, isDelivered, code, at }) => {
        const target = message.callbackUrl ?? url
        const parts = Number(message.content.parts ?? 1)
        // What fails, fails with its last part.
        return Array.from({ length: parts }, (_, index) =>
          pushForm(target, {
            sequence: String(index + 1),
            total: String(parts),
            updateTime: utc(at),
            source: '2',
            smsMsgId: message.id,
            status: isDelivered || index < parts - 1 ? 'DELIVRD' : code,
          }),
        )
      }),
    inboundPush: ({ id, from, to, text, at }, url) =>
      pushForm(url, { from, to, body: text, smsMsgId: id, createTime: utc(at) }),
  }
}

interface SmsContent {
  readonly to: readonly string[]
  readonly templateId: string
  readonly templateParas?: readonly string[]
  readonly signature?: string
}

function send(
  { channels }: HuaweiApplication,
  { body }: ApiRequest,
  desk: ProviderDesk,
): ApiAnswer {
  const call = callOf(body)
  if (call === null) return refusal(400, 'E000503')
  if (!channels.includes(call.from)) return refusal(400, 'E200018')
  const numbers = call.smsContent.flatMap(({ to }) => to)
  if (numbers.length === 0 || numbers.length > MOST_NUMBERS) return refusal(400, 'E000503')
  if (numbers.some((number) => !/^\+?\d{1,20}$/.test(number))) return refusal(400, 'E000503')
  const seen = new Set<string>()
  const rows = call.smsContent.flatMap((content) =>
    content.to
      .filter((to) => {
        // The same content to the same number is taken once.
        const key = JSON.stringify({ ...content, to })
        const isNew = !seen.has(key)
        seen.add(key)
        return isNew
      })
      .map((to) => ({ to, content, verdict: verdictOn(to, content, desk) })),
  )
  for (const { verdict } of rows) {
    if (verdict !== null && verdict[0] !== null) return refusal(verdict[0], verdict[1])
  }
  const result = rows.map(({ to, content, verdict }) => {
    const id = `d6e3cdd0-522b-4692-8304-a07553cdf591_${desk.nextId()}`
    const row = { originTo: to, createTime: utc(desk.now), from: call.from, smsMsgId: id }
    if (verdict !== null) return { ...row, status: verdict[1] }
    // As many parts as its variables fill, at 67 characters each.
    const characters = (content.templateParas ?? []).join('').length
    desk.take({
      id,
      to,
      content: { ...content, from: call.from, parts: Math.max(1, Math.ceil(characters / 67)) },
      ...(call.statusCallback === undefined ? {} : { callbackUrl: call.statusCallback }),
    })
    return { ...row, status: '000000' }
  })
  const isAllRefused = result.every(({ status }) => status !== '000000')
  return {
    status: 200,
    body: isAllRefused
      ? { code: 'E000510', description: 'The SMS fails to be sent.', result }
      : { code: '000000', description: 'Success', result },
  }
}

function verdictOn(
  to: string,
  { templateId, templateParas = [] }: SmsContent,
  desk: ProviderDesk,
): readonly [status: number | null, code: string] | null {
  if (templateId === '') return [null, 'E200030']
  if (templateParas.some((value) => value === '')) return [null, 'E200028']
  const verdict = desk.verdictFor(to)
  if (verdict.kind === 'accept') return null
  const [status, code] = REFUSALS[verdict.reason]
  return [status, verdict.code ?? code]
}

/** The call that a body is; null where a field is absent or of another kind. */
function callOf(
  body: Buffer,
): { from: string; statusCallback?: string; smsContent: SmsContent[] } | null {
  let call: { from?: unknown; statusCallback?: unknown; smsContent?: unknown }
  try {
    call = Object(JSON.parse(body.toString('utf8')))
  } catch {
    return null
  }
  const { from, statusCallback, smsContent } = call
  if (typeof from !== 'string' || !Array.isArray(smsContent)) return null
  if (statusCallback !== undefined && typeof statusCallback !== 'string') return null
  const isWhole = smsContent.every(
    ({ to, templateId, templateParas, signature }) =>
      isTexts(to) &&
      typeof templateId === 'string' &&
      (templateParas === undefined || isTexts(templateParas)) &&
      (signature === undefined || typeof signature === 'string'),
  )
  if (!isWhole) return null
  return { from, smsContent, ...(statusCallback === undefined ? {} : { statusCallback }) }
}

function isTexts(value: unknown): boolean {
  return Array.isArray(value) && value.every((each) => typeof each === 'string')
}

/** The code with which a call is refused for how it is signed; null: it holds. */
export function huaweiRefusesCall(
  application: Pick<HuaweiApplication, 'appKey' | 'appSecret'>,
  request: Omit<ApiRequest, 'query'>,
  now: Date,
): string | null {
  const { authorization } = request.headers
  if (authorization === undefined) return 'E000001'
  return authorization.startsWith('SDK-HMAC-SHA256 ')
    ? refusesSdk(application, request, now)
    : refusesWsse(application, request.headers, now)
}

function refusesWsse(
  { appKey, appSecret }: Pick<HuaweiApplication, 'appKey' | 'appSecret'>,
  headers: ApiRequest['headers'],
  now: Date,
): string | null {
  const fields = /^WSSE realm="SDP",profile="UsernameToken",type="Appkey"$/
  if (!fields.test(headers.authorization ?? '')) return 'E000008'
  const token = headers['x-wsse']
  if (token === undefined) return 'E000020'
  const field = (name: string) => new RegExp(`[ ,]${name}="([^"]*)"`).exec(token)?.[1] ?? ''
  const [nonce, created] = [field('Nonce'), field('Created')]
  if (field('Username') !== appKey) return 'E000102'
  if (nonce === '' || nonce.length > 128) return 'E000022'
  if (!/^\d{4}-\d\d-\d\dT\d\d:\d\d:\d\dZ$/.test(created)) return 'E000025'
  if (!(Math.abs(Date.parse(created) - now.getTime()) <= WSSE_CLOCK_MS)) return 'E000110'
  const octets = createHash('sha256')
    .update(nonce + created + appSecret)
    .digest()
  const forms = [octets.toString('base64'), Buffer.from(octets.toString('hex')).toString('base64')]
  return forms.includes(field('PasswordDigest')) ? null : 'E000105'
}

function refusesSdk(
  { appKey, appSecret }: Pick<HuaweiApplication, 'appKey' | 'appSecret'>,
  { method, path, rawQuery, headers, body }: Omit<ApiRequest, 'query'>,
  now: Date,
): string | null {
  const form = /^SDK-HMAC-SHA256 Access=([^,]+), SignedHeaders=([^,]+), Signature=([0-9a-f]{64})$/
  const [, key, names = '', signature] = form.exec(headers.authorization ?? '') ?? []
  if (key !== appKey) return 'E000102'
  const date = headers['x-sdk-date'] ?? ''
  const at = Date.parse(
    date.replace(/^(....)(..)(..)T(..)(..)(..)Z$/, (_all, ...p) => {
      return `${p[0]}-${p[1]}-${p[2]}T${p[3]}:${p[4]}:${p[5]}Z`
    }),
  )
  if (!(Math.abs(at - now.getTime()) <= SDK_CLOCK_MS)) return 'E000110'
  let canonical = `${method}\n${path.replace(/\/?$/, '/')}\n${rawQuery.split('&').sort().join('&')}\n`
  for (const name of names.split(';')) canonical += `${name}:${headers[name]}\n`
  canonical += `\n${names}\n${createHash('sha256').update(body).digest('hex')}`
  const hash = createHash('sha256').update(canonical).digest('hex')
  const right = createHmac('sha256', appSecret).update(`SDK-HMAC-SHA256\n${date}\n${hash}`)
  return signature === right.digest('hex') ? null : 'E000101'
}

function refusal(status: number, code: string): ApiAnswer {
  return { status, body: { code, description: `refused with ${code}` } }
}

function pushForm(url: string, fields: Readonly<Record<string, string>>): Push {
  return {
    method: 'POST',
    url,
    headers: { 'content-type': 'application/x-www-form-urlencoded' },
    body: new URLSearchParams(fields).toString(),
  }
}

function utc(at: Date): string {
  return `${at.toISOString().slice(0, 19)}Z`
}
