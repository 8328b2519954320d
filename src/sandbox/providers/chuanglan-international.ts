import { createHash } from 'node:crypto'
import type { ProviderDesk, RefusalReason } from '../provider-desk.ts'
import type { ApiAnswer, ApiRequest, ProviderSimulator } from '../provider-server.ts'
import { beijingClock } from './beijing-clock.ts'
import { type ChuanglanAccount, inboundPush, jsonFields, receiptPush } from './chuanglan.ts'

/** 101 to 107 are not documented here: those of the domestic interface. */
const REFUSALS: Readonly<Record<RefusalReason, readonly [code: string, message: string]>> = {
  rate_limit: ['125', 'the number has reached its limit of the day'],
  auth: ['114', 'IP is not bound'],
  number: ['107', 'mobile is wrong'],
  template: ['106', 'msg is wrong'],
  balance: ['110', 'no balance'],
  content: ['105', 'msg has sensitive words'],
  unsubscribed: ['134', 'limit by complaints'],
  internal: ['130', 'unknown exception'],
}

/** Chuanglan's international interface: one signed text to one number, what is left, and reports. */
export function chuanglanInternationalSimulator(account: ChuanglanAccount): ProviderSimulator {
  return {
    name: 'chuanglan-international',
    answer: (request, desk) => {
      const fields = jsonFields(request)
      if (fields === null) return told('129', 'JSON is wrong')
      if (request.path === '/send/sms') return send(request, fields, account, desk)
      if (fields.account !== account.account || fields.password !== account.password) {
        return told('102', 'account or password is wrong')
      }
      if (request.path === '/balance/json') {
        return { status: 200, body: { code: '0', error: '', balance: '12.3456' } }
      }
      if (request.path !== '/pull/report') return { status: 404, body: '404 page not found' }
      const result = desk.pullReceipts(100).map(({ message, isDelivered, code, at }) => ({
        batchSeq: '',
        mobile: message.to,
        msgid: message.id,
        reportTime: beijingClock(at).slice(2, 12),
        notifyTime: beijingClock(at).slice(2),
        status: isDelivered ? 'DELIVRD' : code,
      }))
      return { status: 200, body: { code: '0', error: '', result } }
    },
    receiptPushes: (receipts, url) => receipts.map((receipt) => receiptPush(account, receipt, url)),
    inboundPush: (message, url) => inboundPush(account, message, url),
  }
}

function send(
  { headers }: ApiRequest,
  fields: Readonly<Record<string, string | undefined>>,
  { account, password }: ChuanglanAccount,
  desk: ProviderDesk,
): ApiAnswer {
  const { nonce = '', sign = '' } = headers
  if (fields.account !== account) return told('101', 'account is unknown')
  if (!/^\d{1,20}$/.test(nonce) || sign !== signOf(fields, nonce, password)) {
    return told('102', 'sign is wrong')
  }
  const { mobile = '', msg = '', senderId } = fields
  if (!/^[1-9]\d{4,19}$/.test(mobile)) return told(...REFUSALS.number)
  if (msg === '') return told(...REFUSALS.template)
  const verdict = desk.verdictFor(mobile)
  if (verdict.kind === 'refuse') {
    const [code, message] = REFUSALS[verdict.reason]
    return told(verdict.code?.replace('intl:', '') ?? code, message)
  }
  const id = `2404101038362${String(desk.nextId()).padStart(4, '0')}`
  desk.take({ id, to: mobile, content: { text: msg, from: senderId } })
  return { status: 200, body: { code: '0', error: '', msgid: id } }
}

/** What a request with these fields has to be signed with. */
export function signOf(
  fields: Readonly<Record<string, string | undefined>>,
  nonce: string,
  password: string,
): string {
  const values = new Map([...Object.entries(fields), ['nonce', nonce] as const])
  const hash = createHash('md5')
  for (const name of [...values.keys()].sort()) {
    const value = values.get(name) ?? ''
    if (value.trim() !== '') hash.update(name + value)
  }
  return hash.update(password).digest('hex')
}

function told(code: string, error: string): ApiAnswer {
  return { status: 200, body: { code, error, msgid: '' } }
}
