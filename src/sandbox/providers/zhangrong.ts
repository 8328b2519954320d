import type { ProviderDesk, RefusalReason, SimulatedReceipt } from '../provider-desk.ts'
import type { ApiAnswer, ApiRequest, ProviderSimulator } from '../provider-server.ts'
import { beijingClock } from './beijing-clock.ts'

/** The account that the simulator knows. */
export interface ZhangrongAccount {
  readonly accessKey: string
  readonly secret: string
  /** The form in which it pushes; the platform's own words fit both. */
  readonly pushes?: 'urlencoded' | 'multipart'
}

type Refusal = readonly [code: string, message: string]

const REFUSALS: Readonly<Record<RefusalReason, Refusal>> = {
  rate_limit: ['9024', '超过频率限制'],
  auth: ['9006', 'accesskey或secret错误'],
  number: ['9003', '手机号码格式错误'],
  template: ['9017', '模板不存在'],
  balance: ['9010', '余额不足'],
  content: ['10001', '内容包含敏感词'],
  unsubscribed: ['9023', '手机号码在黑名单中'],
  internal: ['9011', '账户异常'],
}

const MOST_NUMBERS = 1000
const BOUNDARY = '----zhangrong-form'

/** Zhangrong's sends to one and to many, and its receipts, pushed or fetched. */
export function zhangrongSimulator(account: ZhangrongAccount): ProviderSimulator {
  return {
    name: 'zhangrong',
    answer: (request, desk) => {
      const form = formOf(request)
      if (form === null) return refused(['9002', '必填参数为空'])
      if (form.get('accesskey') !== account.accessKey || form.get('secret') !== account.secret) {
        return refused(REFUSALS.auth)
      }
      if (request.path === '/api/v2/send') return send(form, 'batchId', desk)
      if (request.path === '/api/v2/single_send') return send(form, 'smUuid', desk)
      if (request.path === '/report/status') {
        const data = desk.pullReceipts(100).map(receiptFields)
        return { status: 200, body: { code: '0', msg: 'SUCCESS', data } }
      }
      return { status: 404, body: '' }
    },
    receiptPushes: (receipts, url) =>
      receipts.map((receipt) => {
        const fields = receiptFields(receipt)
        const isMultipart = account.pushes === 'multipart'
        return {
          method: 'POST',
          url,
          headers: {
            'content-type': isMultipart
              ? `multipart/form-data; boundary=${BOUNDARY}`
              : 'application/x-www-form-urlencoded',
          },
          body: isMultipart ? multipart(fields) : new URLSearchParams(fields).toString(),
        }
      }),
    inboundPush: () => undefined,
  }
}

function formOf({ method, headers, body }: ApiRequest): URLSearchParams | null {
  const isForm = headers['content-type']?.startsWith('application/x-www-form-urlencoded')
  return method === 'POST' && isForm ? new URLSearchParams(body.toString('utf8')) : null
}

function send(form: URLSearchParams, idName: 'batchId' | 'smUuid', desk: ProviderDesk): ApiAnswer {
  const field = (name: string) => form.get(name) ?? ''
  const numbers = field('mobile').split(',')
  const refusal = refusalOf(field, numbers, desk)
  if (refusal) return refused(refusal)
  const batchId = `abc${String(desk.nextId()).padStart(6, '0')}`
  const [sign, template, content] = ['sign', 'templateId', 'content'].map(field)
  const taken = numbers.map((to) =>
    desk.take({
      id: `10000_1_0_${to}_1_NKWk${batchId}_1`,
      to,
      content: { sign, template, content, batchId },
    }),
  )
  const id = idName === 'batchId' ? batchId : taken[0]?.id
  return { status: 200, body: { code: '0', msg: 'SUCCESS', [idName]: id } }
}

function refusalOf(
  field: (name: string) => string,
  numbers: readonly string[],
  desk: ProviderDesk,
): Refusal | undefined {
  if (!/^(【[^【】]+】|\d+)$/.test(field('sign'))) return ['9001', '签名格式错误']
  if (field('templateId') === '') return ['9002', '必填参数为空']
  if (field('mobile') === '') return ['9022', '手机号码为空']
  if (!/^\d+$/.test(field('templateId'))) return REFUSALS.template
  if (numbers.length > MOST_NUMBERS) return ['9014', '手机号码过多']
  if (numbers.some((number) => !/^1[3-9]\d{9}$/.test(number))) return REFUSALS.number
  const values = field('content') === '' ? [] : field('content').split('##')
  if (values.some((value) => value.length < 1 || value.length > 20)) {
    return ['9018', '变量长度应为1到20个字符']
  }
  for (const number of numbers) {
    const verdict = desk.verdictFor(number)
    if (verdict.kind === 'refuse') {
      const [code, message] = REFUSALS[verdict.reason]
      return [verdict.code ?? code, message]
    }
  }
  return undefined
}

function receiptFields({ message, isDelivered, code, at }: SimulatedReceipt) {
  const digits = beijingClock(at)
  const deliverTime = digits.replace(/(....)(..)(..)(..)(..)(..)/, '$1-$2-$3 $4:$5:$6')
  return {
    smUuid: message.id,
    deliverTime,
    mobile: message.to,
    deliverResult: isDelivered ? 'DELIVRD' : code,
    batchId: String(message.content.batchId),
  }
}

function multipart(fields: Readonly<Record<string, string>>): string {
  const parts = Object.entries(fields).map(
    ([name, value]) =>
      `--${BOUNDARY}\r\ncontent-disposition: form-data; name="${name}"\r\n\r\n${value}\r\n`,
  )
  return `${parts.join('')}--${BOUNDARY}--\r\n`
}

function refused([code, msg]: Refusal): ApiAnswer {
  return { status: 200, body: { code, msg } }
}
