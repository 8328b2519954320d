import { createHash } from 'node:crypto'
import type { ProviderDesk, RefusalReason } from '../provider-desk.ts'
import type { ApiAnswer, ApiRequest, ProviderSimulator, Push } from '../provider-server.ts'

/** The application that the simulator knows. */
export interface NeteaseApplication {
  readonly appKey: string
  readonly appSecret: string
}

/** A call is taken or refused as a whole, and arrears are told as a right that is not there. */
const REFUSALS: Readonly<Record<RefusalReason, readonly [code: number, message: string]>> = {
  rate_limit: [416, 'too frequent'],
  auth: [414, 'bad checksum'],
  number: [414, 'bad mobile'],
  template: [404, 'template does not exist'],
  balance: [403, 'account in arrears'],
  content: [601, 'refused by anti-spam'],
  unsubscribed: [412, 'number unsubscribed'],
  internal: [500, 'server error'],
}

const MOST_NUMBERS = 100
const LONGEST_PARAMETER = 30
const CLOCK_SECONDS = 300

/** NetEase's sendtemplate and querystatus, and the callbacks of receipts and messages. */
export function neteaseSimulator(application: NeteaseApplication): ProviderSimulator {
  const push = (url: string, content: object, at: Date): Push => {
    const body = JSON.stringify(content)
    const curTime = String(at.getTime())
    const md5 = createHash('md5').update(body).digest('hex')
    return {
      method: 'POST',
      url,
      headers: {
        'content-type': 'application/json',
        AppKey: application.appKey,
        CurTime: curTime,
        MD5: md5,
        CheckSum: sha1(application.appSecret + md5 + curTime),
      },
      body,
    }
  }
  return {
    name: 'netease',
    answer: (request, desk) => {
      const refused = neteaseRefusesCall(application, request.headers, desk.now)
      if (refused) return failure(...refused)
      const form = new URLSearchParams(request.body.toString('utf8'))
      if (request.path === '/sms/sendtemplate.action') return send(form, desk)
      if (request.path === '/sms/querystatus.action') return query(form, desk)
      return failure(400, 'no such action')
    },
    receiptPushes: (receipts, url) => [
      push(
        url,
        {
          eventType: '11',
          objects: receipts.map(({ message, code, at }) => ({
            mobile: message.to,
            sendid: message.id,
            result: code,
            sendTime: beijing(message.takenAt),
            reportTime: beijing(at),
            spliced: '1',
            templateId: message.content.templateid,
          })),
        },
        receipts[0]?.at ?? new Date(0),
      ),
    ],
    inboundPush: ({ from, text, at }, url) => {
      // A text in a text, as the documented sample has it.
      const objects = JSON.stringify([{ mobile: from, content: text, replytime: beijing(at) }])
      return push(url, { eventType: '12', objects }, at)
    },
  }
}

/** Why a call is refused for how it is signed; null: it holds. */
export function neteaseRefusesCall(
  { appKey, appSecret }: NeteaseApplication,
  headers: ApiRequest['headers'],
  now: Date,
): readonly [code: number, message: string] | null {
  const { nonce = '', curtime = '', checksum } = headers
  if (headers.appkey !== appKey) return [403, 'appkey not known']
  if (nonce === '' || nonce.length > 128) return [414, 'bad nonce']
  const ageSeconds = Math.abs(now.getTime() / 1_000 - Number(curtime))
  if (!/^\d{10}$/.test(curtime) || ageSeconds > CLOCK_SECONDS) return [414, 'bad checksum']
  return checksum === sha1(appSecret + nonce + curtime) ? null : [414, 'bad checksum']
}

function send(form: URLSearchParams, desk: ProviderDesk): ApiAnswer {
  const templateid = form.get('templateid') ?? ''
  if (!/^\d+$/.test(templateid)) return failure(404, 'template does not exist')
  const mobiles = parsed(form.get('mobiles'))
  if (!Array.isArray(mobiles) || mobiles.length === 0) return failure(414, 'bad mobiles')
  if (mobiles.length > MOST_NUMBERS) return failure(414, 'too many mobiles')
  if (!mobiles.every((mobile) => typeof mobile === 'string' && isNumber(mobile))) {
    return failure(414, 'bad mobile')
  }
  const values = [form.get('params'), form.get('paramMap')]
  const [params, paramMap] = values.map(parsed)
  if (values[0] !== null && !isTexts(params, Array.isArray(params))) {
    return failure(414, 'bad params')
  }
  if (values[1] !== null && !isTexts(paramMap, !Array.isArray(paramMap))) {
    return failure(414, 'bad paramMap')
  }
  if (Array.isArray(params) && params.some((value) => value.length > LONGEST_PARAMETER)) {
    return failure(414, 'params too long')
  }
  for (const mobile of mobiles) {
    const verdict = desk.verdictFor(mobile)
    if (verdict.kind === 'accept') continue
    const [code, message] = REFUSALS[verdict.reason]
    return failure(Number(verdict.code ?? code), message)
  }
  const sendid = desk.nextId()
  const content = { templateid, params, paramMap, needUp: form.get('needUp') }
  for (const to of mobiles) desk.take({ id: String(sendid), to, content })
  return { status: 200, body: { code: 200, msg: 'sendid', obj: sendid } }
}

function query(form: URLSearchParams, desk: ProviderDesk): ApiAnswer {
  const sent = desk.taken.filter(({ id }) => id === form.get('sendid'))
  if (sent.length === 0) return failure(404, 'sendid does not exist')
  const obj = sent.map((message) => {
    const receipt = desk.receipts.find((each) => each.message === message)
    const status = receipt && !receipt.isDelivered ? 2 : 1
    return { status, mobile: message.to, updatetime: (receipt?.at ?? message.takenAt).getTime() }
  })
  return { status: 200, body: { code: 200, obj } }
}

function isNumber(mobile: string): boolean {
  return /^1[3-9]\d{9}$/.test(mobile) || /^\+(?!86-)[1-9]\d{0,2}-\d{4,14}$/.test(mobile)
}

/** The value of a JSON text; undefined where it is none. */
function parsed(text: string | null): unknown {
  try {
    return text === null ? undefined : JSON.parse(text)
  } catch {
    return undefined
  }
}

function isTexts(value: unknown, isOfKind: boolean): boolean {
  if (!isOfKind || typeof value !== 'object' || value === null) return false
  return Object.values(value).every((each) => typeof each === 'string')
}

function failure(code: number, msg: string): ApiAnswer {
  return { status: 200, body: { code, msg } }
}

function sha1(text: string): string {
  return createHash('sha1').update(text, 'utf8').digest('hex')
}

/** `2024-05-20 16:30:00` on a clock in Beijing. */
function beijing(at: Date): string {
  return at.toLocaleString('sv-SE', { timeZone: 'Asia/Shanghai' })
}
