import type {
  ProviderDesk,
  RefusalReason,
  SimulatedInbound,
  SimulatedReceipt,
} from '../provider-desk.ts'
import type { ApiAnswer, ApiRequest, ProviderSimulator, Push } from '../provider-server.ts'
import { beijingClock } from './beijing-clock.ts'

/** The account that the simulator knows, and what it shows when it pushes. */
export interface ChuanglanAccount {
  readonly account: string
  readonly password: string
  readonly receiver?: string
  readonly pswd?: string
}

type Refusal = readonly [code: string, message: string]
type Fields = Readonly<Record<string, string | undefined>>

const REFUSALS: Readonly<Record<RefusalReason, Refusal>> = {
  rate_limit: ['103', '提交过快'],
  auth: ['102', '密码错误'],
  number: ['107', '包含错误的手机号码'],
  template: ['114', '模板变量组数错误'],
  balance: ['109', '无发送额度'],
  content: ['105', '敏感短信'],
  unsubscribed: ['120', '违反防盗用策略'],
  internal: ['104', '系统忙'],
}

const MOST_NUMBERS = 1000
const MOST_CHARACTERS = 536

/** Chuanglan's domestic interface: texts, texts with variables, what is left, and reports pushed or fetched. */
export function chuanglanSimulator(account: ChuanglanAccount): ProviderSimulator {
  return {
    name: 'chuanglan',
    answer: (request, desk) => {
      const fields = jsonFields(request)
      if (fields === null) return told(['129', 'JSON格式错误'], desk)
      if (request.path.startsWith('/msg/pull/')) return pulled(request.path, fields, account, desk)
      if (fields.account !== account.account) return told(['101', '无此用户'], desk)
      if (fields.password !== account.password) return told(REFUSALS.auth, desk)
      if (request.path === '/msg/balance/json') {
        return { status: 200, body: { ...success(desk), balance: '5000' } }
      }
      if (request.path === '/msg/send/json') return send(fields, desk)
      if (request.path === '/msg/variable/json') return sendVariables(fields, desk)
      return { status: 404, body: '404 page not found' }
    },
    receiptPushes: (receipts, url) => receipts.map((receipt) => receiptPush(account, receipt, url)),
    inboundPush: (message, url) => inboundPush(account, message, url),
  }
}

/** A receipt as both interfaces push it. */
export function receiptPush(
  login: ChuanglanAccount,
  { message, isDelivered, code, at }: SimulatedReceipt,
  url: string,
): Push {
  return pushed(login, url, {
    msgid: message.id,
    reportTime: beijingClock(at).slice(2, 12),
    notifyTime: beijingClock(at).slice(2),
    mobile: message.to,
    status: isDelivered ? 'DELIVRD' : code,
    statusDesc: isDelivered ? '短信发送成功' : '失败',
    uid: '',
    length: '1',
  })
}

/** A message of a handset as both interfaces push it. */
export function inboundPush(
  login: ChuanglanAccount,
  { from, to, text, at }: SimulatedInbound,
  url: string,
): Push {
  const moTime = beijingClock(at).slice(2, 12)
  return pushed(login, url, { moTime, mobile: from, msg: text, destcode: to })
}

/** The members of a JSON object that are texts; null for a body that is none. */
export function jsonFields({ method, headers, body }: ApiRequest): Fields | null {
  if (method !== 'POST' || !headers['content-type']?.startsWith('application/json')) return null
  try {
    return JSON.parse(body.toString('utf8')) as Fields
  } catch {
    return null
  }
}

function pushed(
  { receiver = '', pswd = '' }: ChuanglanAccount,
  url: string,
  fields: Readonly<Record<string, string>>,
): Push {
  const query = new URLSearchParams({ receiver, pswd, ...fields }).toString()
  const joint = url.includes('?') ? '&' : '?'
  return { method: 'GET', url: url + joint + query, headers: {}, body: '' }
}

function send({ msg = '', phone = '' }: Fields, desk: ProviderDesk): ApiAnswer {
  const numbers = phone.split(',')
  const refusal = refusalOf(msg, numbers, desk)
  if (refusal) return told(refusal, desk)
  const id = nextId(desk)
  for (const to of numbers) desk.take({ id, to, content: { text: msg } })
  return { status: 200, body: { ...success(desk), msgId: id } }
}

function sendVariables({ msg = '', params = '' }: Fields, desk: ProviderDesk): ApiAnswer {
  const places = msg.split('{$var}').length - 1
  const groups = params.split(';').map((group) => group.split(','))
  if (places > 20 || groups.some((group) => group.length !== places + 1)) {
    return told(REFUSALS.template, desk)
  }
  const numbers = groups.map(([number = '']) => number)
  const refusal = refusalOf(msg, numbers, desk)
  if (refusal) return told(refusal, desk)
  const id = nextId(desk)
  for (const [to = '', ...values] of groups) {
    let next = 0
    const text = msg.replaceAll('{$var}', () => values[next++] ?? '')
    desk.take({ id, to, content: { text } })
  }
  const counts = { failNum: '0', successNum: String(groups.length) }
  return { status: 200, body: { ...success(desk), ...counts, msgId: id } }
}

/** One answer for the whole call: the first number that is refused refuses all. */
function refusalOf(
  msg: string,
  numbers: readonly string[],
  desk: ProviderDesk,
): Refusal | undefined {
  if (msg === '' || msg.length > MOST_CHARACTERS) return ['106', '消息长度错']
  if (!/^【[^】]+】/.test(msg)) return ['116', '签名不合法']
  if (numbers.length > MOST_NUMBERS) return ['108', '手机号码个数错']
  if (numbers.some((number) => !/^1[3-9]\d{9}$/.test(number))) return REFUSALS.number
  for (const number of numbers) {
    const verdict = desk.verdictFor(number)
    if (verdict.kind === 'refuse') {
      const [code, message] = REFUSALS[verdict.reason]
      return [verdict.code ?? code, message]
    }
  }
  return undefined
}

function pulled(
  path: string,
  { account, password, count = '20' }: Fields,
  own: ChuanglanAccount,
  desk: ProviderDesk,
): ApiAnswer {
  if (account !== own.account || password !== own.password) {
    return { status: 200, body: { ret: 1, error: '用户名或密码错误' } }
  }
  const most = Math.min(Number(count), 100)
  const result =
    path === '/msg/pull/report'
      ? desk.pullReceipts(most).map(({ message, isDelivered, code, at }) => ({
          uid: '',
          statusDesc: isDelivered ? '短信发送成功' : '失败',
          notifyTime: beijingClock(at).slice(2),
          mobile: message.to,
          length: '1',
          msgId: message.id,
          reportTime: beijingClock(at).slice(2, 12),
          status: isDelivered ? 'DELIVRD' : code,
        }))
      : desk.pullInbound(most).map(({ from, to, text, at }) => ({
          spCode: to,
          moTime: beijingClock(at).slice(2, 12),
          messageContent: text,
          destCode: to,
          mobile: from,
        }))
  return { status: 200, body: { ret: 0, result } }
}

function nextId(desk: ProviderDesk): string {
  return `1704101038362${String(desk.nextId()).padStart(4, '0')}`
}

function success(desk: ProviderDesk) {
  return { code: '0', time: beijingClock(desk.now), errorMsg: '' }
}

function told([code, errorMsg]: Refusal, desk: ProviderDesk): ApiAnswer {
  return { status: 200, body: { ...success(desk), code, msgId: '', errorMsg } }
}
