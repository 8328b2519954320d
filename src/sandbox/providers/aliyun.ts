import type { ProviderDesk, RefusalReason, TakenMessage } from '../provider-desk.ts'
import type { ApiAnswer, ProviderSimulator, Push } from '../provider-server.ts'
import { type AliyunSimulatorAccount, checkAliyunSignature } from './aliyun-check.ts'

const REFUSALS: Readonly<Record<RefusalReason, readonly [code: string, message: string]>> = {
  rate_limit: ['Throttling.User', 'Request was denied due to user flow control.'],
  auth: ['isp.RAM_PERMISSION_DENY', 'RAM权限DENY'],
  number: ['isv.MOBILE_NUMBER_ILLEGAL', '非法手机号'],
  template: ['isv.SMS_TEMPLATE_ILLEGAL', '该账号下找不到对应模板'],
  balance: ['isv.AMOUNT_NOT_ENOUGH', '账户余额不足'],
  content: ['isv.BLACK_KEY_CONTROL_LIMIT', '模板变量中存在黑名单关键字'],
  // The word of a receipt: Aliyun takes such a message and lets it fail, and documents no code of the call.
  unsubscribed: ['MOBILE_IN_BLACK', '手机号在黑名单'],
  internal: ['isp.SYSTEM_ERROR', '系统异常'],
}

const BEIJING_MS = 8 * 3_600_000
const LINK = /https?:\/\/|www\./i

/** Aliyun's SendSms, SendBatchSms and QuerySendDetails, its reports and messages of handsets. */
export function aliyunSimulator(account: AliyunSimulatorAccount): ProviderSimulator {
  return {
    name: 'aliyun',
    answer: (request, desk) => {
      const parameters = new Map([
        ...request.query,
        ...new URLSearchParams(request.body.toString('utf8')),
      ])
      const wrong = checkAliyunSignature(account, request, parameters, desk)
      if (wrong) return refused(desk, ...wrong)
      const action = request.headers['x-acs-action'] ?? parameters.get('Action')
      if (action === 'SendSms') return sendSms(parameters, desk)
      if (action === 'SendBatchSms') return sendBatchSms(parameters, desk)
      if (action === 'QuerySendDetails') return querySendDetails(parameters, desk)
      return refused(desk, 'InvalidAction.NotFound', 'Specified api is not found.', 404)
    },
    // As many in one request as there are.
    receiptPushes: (receipts, url) => [
      push(
        url,
        receipts.map(({ message, isDelivered, code, at }) => ({
          phone_number: local(message.to),
          send_time: beijing(message.takenAt),
          report_time: beijing(at),
          success: isDelivered,
          err_code: code,
          err_msg: isDelivered ? '用户接收成功' : '用户接收失败',
          sms_size: '1',
          biz_id: message.id,
          out_id: message.echo ?? '',
        })),
      ),
    ],
    inboundPush: ({ id, from, to, text, at }, url) =>
      push(url, [
        {
          phone_number: local(from),
          content: text,
          send_time: beijing(at),
          dest_code: to,
          sequence_id: /^\d{1,15}$/.test(id) ? Number(id) : id,
        },
      ]),
  }
}

type Parameters = ReadonlyMap<string, string>

function sendSms(parameters: Parameters, desk: ProviderDesk): ApiAnswer {
  const numbers = parameters.get('PhoneNumbers')
  if (!numbers) return missing(desk, 'PhoneNumbers')
  const template = parameters.get('TemplateCode')
  if (!template) return missing(desk, 'TemplateCode')
  const to = numbers.split(',')
  if (to.length > 1000) return refused(desk, 'isv.MOBILE_COUNT_OVER_LIMIT', '手机号码数量超过限制')
  const variables = jsonOf(parameters.get('TemplateParam') ?? '{}')
  const sign = parameters.get('SignName') ?? ''
  const wishes = to.map((number) => ({ number, sign, variables }))
  return take(wishes, template, parameters.get('OutId'), desk)
}

function sendBatchSms(parameters: Parameters, desk: ProviderDesk): ApiAnswer {
  const template = parameters.get('TemplateCode')
  if (!template) return missing(desk, 'TemplateCode')
  const given = parameters.get('PhoneNumberJson')
  if (!given) return missing(desk, 'PhoneNumberJson')
  const numbers = jsonOf(given)
  const signs = jsonOf(parameters.get('SignNameJson') ?? '[]')
  const variables = jsonOf(parameters.get('TemplateParamJson') ?? '[]')
  if (!isTexts(numbers) || !isTexts(signs) || !Array.isArray(variables)) {
    return refused(desk, 'isv.INVALID_JSON_PARAM', 'JSON参数不合法，只接受字符串值')
  }
  if (numbers.length > 100) {
    return refused(desk, 'isv.MOBILE_COUNT_OVER_LIMIT', '手机号码数量超过限制')
  }
  const lists = [signs, variables].filter(({ length }) => length > 0)
  if (lists.some(({ length }) => length !== numbers.length)) {
    return refused(desk, 'isv.INVALID_PARAMETERS', '参数异常')
  }
  const wishes = numbers.map((number, place) => ({
    number,
    sign: signs[place] ?? '',
    variables: variables.length > 0 ? variables[place] : {},
  }))
  return take(wishes, template, parameters.get('OutId'), desk)
}

interface Wish {
  readonly number: string
  readonly sign: string
  readonly variables: unknown
}

/** All or none: there is one answer and one id for all numbers. */
function take(
  wishes: readonly Wish[],
  template: string,
  outId: string | undefined,
  desk: ProviderDesk,
): ApiAnswer {
  if (!/^SMS_\w+$/.test(template)) return refused(desk, ...REFUSALS.template)
  for (const { number, sign, variables } of wishes) {
    const isMainland = /^(\+|00)?(86)?1[3-9]\d{9}$/.test(number)
    if (!isMainland && !/^[1-9]\d{6,14}$/.test(number)) return refused(desk, ...REFUSALS.number)
    if (isMainland && sign === '') {
      return refused(desk, 'isv.SMS_SIGNATURE_ILLEGAL', '该账号下找不到对应签名')
    }
    const values = isObject(variables) ? Object.values(variables) : [undefined]
    if (!isTexts(values)) {
      return refused(desk, 'isv.INVALID_JSON_PARAM', 'JSON参数不合法，只接受字符串值')
    }
    if (values.some((value) => LINK.test(value))) {
      return refused(desk, 'isv.PARAM_NOT_SUPPORT_URL', '不支持URL')
    }
    const verdict = desk.verdictFor(number)
    if (verdict.kind === 'refuse') {
      const [code, message] = REFUSALS[verdict.reason]
      return refused(desk, verdict.code ?? code, message)
    }
  }
  const id = `${932_702_304_080_415_000n + BigInt(desk.nextId())}^0`
  for (const { number: to, sign, variables } of wishes) {
    const content = { template, sign, variables }
    desk.take({ id, to, content, ...(outId === undefined ? {} : { echo: outId }) })
  }
  return { status: 200, body: { Code: 'OK', Message: 'OK', RequestId: requestId(desk), BizId: id } }
}

function querySendDetails(parameters: Parameters, desk: ProviderDesk): ApiAnswer {
  for (const name of ['PhoneNumber', 'SendDate', 'PageSize', 'CurrentPage']) {
    if (!parameters.get(name)) return missing(desk, name)
  }
  const [size, page] = [Number(parameters.get('PageSize')), Number(parameters.get('CurrentPage'))]
  const date = parameters.get('SendDate') ?? ''
  if (!(size >= 1 && size <= 50) || !(page >= 1) || !/^\d{8}$/.test(date)) {
    return refused(desk, 'isv.INVALID_PARAMETERS', '参数异常')
  }
  const number = local(parameters.get('PhoneNumber') ?? '')
  const bizId = parameters.get('BizId')
  const sent = desk.taken.filter(
    ({ id, to, takenAt }) =>
      local(to) === number &&
      beijing(takenAt).slice(0, 10).replaceAll('-', '') === date &&
      (bizId === undefined || bizId === id),
  )
  const shown = sent.slice((page - 1) * size, page * size)
  return {
    status: 200,
    body: {
      Code: 'OK',
      Message: 'OK',
      RequestId: requestId(desk),
      TotalCount: String(sent.length),
      SmsSendDetailDTOs: { SmsSendDetailDTO: shown.map((message) => detailOf(message, desk)) },
    },
  }
}

function detailOf(message: TakenMessage, desk: ProviderDesk): object {
  const receipt = desk.receipts.find((each) => each.message === message)
  return {
    PhoneNum: local(message.to),
    TemplateCode: message.content.template,
    Content: `【${message.content.sign}】`,
    OutId: message.echo ?? '',
    SendDate: beijing(message.takenAt),
    SendStatus: receipt ? (receipt.isDelivered ? 3 : 2) : 1,
    ...(receipt ? { ErrCode: receipt.code, ReceiveDate: beijing(receipt.at) } : {}),
  }
}

/** What the business refuses comes with HTTP 200, what the gateway before it refuses with another status. */
function statusOf(code: string): number {
  if (/^(is[vp]\.|[A-Z_]+$)/.test(code)) return 200
  if (code === 'ServiceUnavailable') return 503
  if (code === 'InternalError') return 500
  return code.endsWith('.NotFound') ? 404 : 400
}

function refused(
  desk: ProviderDesk,
  code: string,
  message: string,
  status = statusOf(code),
): ApiAnswer {
  const host = status === 200 ? {} : { HostId: 'dysmsapi.aliyuncs.com' }
  return { status, body: { RequestId: requestId(desk), ...host, Code: code, Message: message } }
}

function missing(desk: ProviderDesk, name: string): ApiAnswer {
  return refused(desk, `Missing${name}`, `${name} is mandatory for this action.`)
}

function requestId(desk: ProviderDesk): string {
  return `819BE656-D2E0-4858-8B21-${desk.nextId().toString(16).toUpperCase().padStart(12, '0')}`
}

function push(url: string, body: object): Push {
  return {
    method: 'POST',
    url,
    headers: { 'content-type': 'application/json;charset=utf-8' },
    body: JSON.stringify(body),
  }
}

/** As Aliyun itself writes numbers: those of the mainland without a country code. */
function local(number: string): string {
  return number.replace(/^(\+|00)/, '').replace(/^86(?=1[3-9]\d{9}$)/, '')
}

function beijing(at: Date): string {
  return new Date(at.getTime() + BEIJING_MS).toISOString().slice(0, 19).replace('T', ' ')
}

/** Undefined for what is no JSON. */
function jsonOf(text: string): unknown {
  try {
    return JSON.parse(text)
  } catch {
    return undefined
  }
}

function isObject(value: unknown): value is object {
  return typeof value === 'object' && value !== null && !Array.isArray(value)
}

function isTexts(value: unknown): value is string[] {
  return Array.isArray(value) && value.every((each) => typeof each === 'string')
}
