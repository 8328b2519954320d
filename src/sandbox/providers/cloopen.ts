import { createHash } from 'node:crypto'
import type { ProviderDesk, RefusalReason } from '../provider-desk.ts'
import type { ApiAnswer, ApiRequest, ProviderSimulator, Push } from '../provider-server.ts'

/** The account that the simulator knows. */
export interface CloopenAccount {
  readonly accountSid: string
  readonly authToken: string
  readonly appId: string
  /** How callbacks are written, as the application has it set. */
  readonly callbackFormat: 'json' | 'xml'
}

/** A call is taken or refused as a whole. */
const REFUSALS: Readonly<Record<RefusalReason, readonly [code: string, message: string]>> = {
  rate_limit: ['160015', 'submission rate exceeded'],
  auth: ['111109', 'authorization check failed'],
  number: ['160042', 'number format'],
  template: ['160032', 'template invalid'],
  balance: ['160014', 'balance exhausted'],
  content: ['160033', 'blocked word'],
  unsubscribed: ['160034', 'number on the blacklist'],
  internal: ['160000', 'system error'],
}

const MOST_NUMBERS = 200
const CLOCK_MS = 24 * 3_600_000
const BEIJING_MS = 8 * 3_600_000

/** Cloopen's TemplateSMS and AccountInfo, and the callbacks of receipts and messages. */
export function cloopenSimulator(account: CloopenAccount): ProviderSimulator {
  const base = `/2013-12-26/Accounts/${account.accountSid}`
  const push = (url: string, fields: Readonly<Record<string, string>>): Push => {
    const isXml = account.callbackFormat === 'xml'
    const all = { action: 'SMSArrived', apiVersion: '2013-12-26', ...fields }
    return {
      method: 'POST',
      url,
      headers: { 'content-type': isXml ? 'application/xml' : 'application/json' },
      body: isXml ? xmlOf(all) : JSON.stringify({ Request: all }),
    }
  }
  return {
    name: 'cloopen',
    answer: (request, desk) => {
      if (cloopenRefusesCall(account, request, desk.now)) return failure(...REFUSALS.auth)
      if (request.method === 'GET' && request.path === `${base}/AccountInfo`) {
        const Account = { friendlyName: 'sandbox', type: '1', status: '1', balance: '98.76' }
        return { status: 200, body: { statusCode: '000000', Account } }
      }
      if (request.method === 'POST' && request.path === `${base}/SMS/TemplateSMS`) {
        return send(account.appId, request, desk)
      }
      return failure('111141', 'account does not exist')
    },
    receiptPushes: (receipts, url) =>
      receipts.map(({ message, isDelivered, code, at }) =>
        push(url, {
          smsType: '1',
          content: message.id,
          fromNum: message.to,
          dateSent: beijing(message.takenAt),
          deliverCode: code,
          recvTime: beijing(at),
          status: isDelivered ? '0' : '1',
          reqId: message.echo ?? '',
          smsCount: '1',
        }),
      ),
    inboundPush: ({ from, to, text, at }, url) =>
      push(url, {
        smsType: '0',
        content: text,
        fromNum: from,
        dateSent: beijing(at),
        appendCode: to,
      }),
  }
}

/** True for a call whose `sig` or `authorization` does not hold. */
export function cloopenRefusesCall(
  { accountSid, authToken }: Pick<CloopenAccount, 'accountSid' | 'authToken'>,
  { query, headers }: Pick<ApiRequest, 'query' | 'headers'>,
  now: Date,
): boolean {
  const plain = Buffer.from(headers.authorization ?? '', 'base64').toString('utf8')
  const [sid, timestamp = ''] = plain.split(':')
  const p = /^(\d{4})(\d\d)(\d\d)(\d\d)(\d\d)(\d\d)$/.exec(timestamp)?.slice(1) ?? []
  const local = Date.parse(`${p[0]}-${p[1]}-${p[2]}T${p[3]}:${p[4]}:${p[5]}Z`)
  if (!(Math.abs(local - BEIJING_MS - now.getTime()) <= CLOCK_MS)) return true
  const right = createHash('md5').update(accountSid + authToken + timestamp)
  return sid !== accountSid || query.get('sig') !== right.digest('hex').toUpperCase()
}

function send(appId: string, { body }: ApiRequest, desk: ProviderDesk): ApiAnswer {
  const fields = objectOf(body)
  if (fields === null) return failure('160031', 'the body cannot be parsed')
  const { to, templateId, datas, reqId = '' } = fields
  if (fields.appId !== appId) return failure('111181', 'application does not exist')
  if (typeof to !== 'string' || to === '') return failure('160044', 'no number given')
  const numbers = to.split(',')
  if (numbers.length > MOST_NUMBERS) return failure('160048', 'too many numbers')
  if (!numbers.every(isNumber)) return failure(...REFUSALS.number)
  if (typeof templateId !== 'string') return failure(...REFUSALS.template)
  if (datas !== undefined && !isTexts(datas)) return failure('160052', 'template variable error')
  if (typeof reqId !== 'string' || !/^[0-9A-Za-z]{0,32}$/.test(reqId)) {
    return failure('112300', 'reqId is malformed')
  }
  for (const number of numbers) {
    const verdict = desk.verdictFor(number)
    if (verdict.kind === 'accept') continue
    const [code, message] = REFUSALS[verdict.reason]
    return failure(verdict.code ?? code, message)
  }
  if (reqId !== '' && !desk.isFresh(reqId)) return failure('160054', 'duplicate request')
  const smsMessageSid = desk.nextId().toString(16).padStart(32, 'f')
  const content = { templateId, datas, subAppend: fields.subAppend }
  for (const number of numbers) {
    desk.take({ id: smsMessageSid, to: number, content, ...(reqId === '' ? {} : { echo: reqId }) })
  }
  const templateSMS = { smsMessageSid, dateCreated: beijing(desk.now) }
  return { status: 200, body: { statusCode: '000000', templateSMS } }
}

function isNumber(number: string): boolean {
  return /^1[3-9]\d{9}$/.test(number) || /^00(?!86)[1-9]\d{6,14}$/.test(number)
}

function isTexts(value: unknown): boolean {
  return Array.isArray(value) && value.every((each) => typeof each === 'string')
}

function objectOf(body: Buffer): Record<string, unknown> | null {
  try {
    return Object(JSON.parse(body.toString('utf8')))
  } catch {
    return null
  }
}

function failure(statusCode: string, statusMsg: string): ApiAnswer {
  return { status: 200, body: { statusCode, statusMsg } }
}

function xmlOf(fields: Readonly<Record<string, string>>): string {
  const escaped = (text: string) =>
    text.replaceAll(/[<>&"']/g, (each) => `&#${each.charCodeAt(0)};`)
  const elements = Object.entries(fields).map(
    ([name, value]) => `<${name}>${escaped(value)}</${name}>`,
  )
  return `<?xml version="1.0" encoding="UTF-8"?>\n<Request>\n${elements.join('\n')}\n</Request>\n`
}

/** `20240520163000` on a clock in Beijing. */
function beijing(at: Date): string {
  return at.toLocaleString('sv-SE', { timeZone: 'Asia/Shanghai' }).replaceAll(/\D/g, '')
}
