import type {
  ProviderDesk,
  RefusalReason,
  SimulatedInbound,
  SimulatedReceipt,
} from '../provider-desk.ts'
import type { ApiAnswer, ProviderSimulator, Push } from '../provider-server.ts'
import { checkTencentSignature, type TencentSimulatorKey } from './tencent-check.ts'

/** The account that the simulator knows. */
export interface TencentSimulatorAccount extends TencentSimulatorKey {
  readonly smsSdkAppId: string
}

const REFUSALS: Readonly<Record<RefusalReason, readonly [code: string, message: string]>> = {
  rate_limit: ['RequestLimitExceeded', 'Your current request times exceeds the limit.'],
  auth: ['AuthFailure.UnauthorizedOperation', 'You are not authorized to perform this operation.'],
  number: ['InvalidParameterValue.IncorrectPhoneNumber', 'incorrect phone number'],
  template: ['FailedOperation.TemplateIncorrectOrUnapproved', 'template incorrect or unapproved'],
  balance: ['FailedOperation.InsufficientBalanceInSmsPackage', 'insufficient balance in package'],
  content: ['FailedOperation.ContainSensitiveWord', 'contain sensitive word'],
  unsubscribed: ['FailedOperation.PhoneNumberInBlacklist', 'phone number in blacklist'],
  internal: ['InternalError.OtherError', 'other error'],
}

/** Errors of the call and not of one of its numbers. */
const OF_THE_CALL = /^(AuthFailure|InternalError|RequestLimitExceeded|UnauthorizedOperation)/
const MAINLAND = /^(\+86|0086|86)?1[3-9]\d{9}$/
const ABROAD = /^\+[1-9]\d{6,14}$/
const LINK = /https?:\/\/|www\./i
const MOST_NUMBERS = 200
const MOST_PULLED = 100
const PACKAGE_MESSAGES = 1_000
const DAY_SECONDS = 86_400
const BEIJING_MS = 8 * 3_600_000

type Content = Readonly<Record<string, unknown>>
type Action = (content: Content, desk: ProviderDesk) => ApiAnswer

const ACTIONS: Readonly<Record<string, Action>> = {
  SendSms: sendSms,
  PullSmsSendStatus: (content, desk) =>
    limited(content, desk, (most) => ({
      PullSmsSendStatusSet: desk.pullReceipts(most).map(statusOf),
    })),
  PullSmsReplyStatus: (content, desk) =>
    limited(content, desk, (most) => ({
      PullSmsReplyStatusSet: desk.pullInbound(most).map(replyOf),
    })),
  PullSmsSendStatusByPhoneNumber: (content, desk) =>
    limited(content, desk, (most) => ({
      PullSmsSendStatusSet: desk.receipts
        .filter(({ message, at }) => isAsked(content, message.to, seconds(at)))
        .slice(0, most)
        .map(statusOf),
    })),
  SmsPackagesStatistics: packages,
}

/** Tencent's SendSms, its three pulls and packages, its reports and messages of handsets. */
export function tencentSimulator(account: TencentSimulatorAccount): ProviderSimulator {
  return {
    name: 'tencent',
    answer: (request, desk) => {
      const wrong = checkTencentSignature(account, request, desk)
      if (wrong) return refused(desk, ...wrong)
      const name = request.headers['x-tc-action'] ?? ''
      const action = Object.hasOwn(ACTIONS, name) ? ACTIONS[name] : undefined
      if (!action) return refused(desk, 'InvalidAction', `The action ${name} does not exist.`)
      const content = contentOf(request.body)
      if (!content) return refused(desk, 'FailedOperation.JsonParseFail', 'json parse fail')
      if (content.SmsSdkAppId !== account.smsSdkAppId) {
        return refused(
          desk,
          'UnauthorizedOperation.SmsSdkAppIdVerifyFail',
          'SmsSdkAppId verify fail',
        )
      }
      return action(content, desk)
    },
    receiptPushes: (receipts, url) => [
      push(
        url,
        receipts.map(({ message, isDelivered, code, at }) => ({
          user_receive_time: beijing(at),
          nationcode: country(message.to),
          mobile: subscriber(message.to),
          report_status: isDelivered ? 'SUCCESS' : 'FAIL',
          errmsg: code,
          description: isDelivered ? '用户短信送达成功' : '用户短信接收失败',
          sid: message.id,
        })),
      ),
    ],
    inboundPush: ({ from, to, text, at }, url) =>
      push(url, {
        extend: to,
        mobile: subscriber(from),
        nationcode: country(from),
        sign: '',
        text,
        time: seconds(at),
      }),
  }
}

function sendSms(content: Content, desk: ProviderDesk): ApiAnswer {
  const { PhoneNumberSet: numbers = [], TemplateId: template, SignName: sign = '' } = content
  const { TemplateParamSet: variables = [], SessionContext: echo = '' } = content
  if (!isTexts(numbers) || !isTexts(variables) || !isTexts([template, sign, echo])) {
    return refused(desk, 'InvalidParameter', 'A parameter is of another type.')
  }
  if (numbers.length === 0) {
    return refused(desk, 'MissingParameter.EmptyPhoneNumberSet', 'empty phone number set')
  }
  if (numbers.length > MOST_NUMBERS) {
    return refused(desk, 'LimitExceeded.PhoneNumberCountLimit', 'phone number count limit')
  }
  const ofMainland = numbers.filter((number) => MAINLAND.test(number)).length
  if (ofMainland > 0 && numbers.some((number) => !MAINLAND.test(number) && ABROAD.test(number))) {
    const code = 'UnsupportedOperation.ContainDomesticAndInternationalPhoneNumber'
    return refused(desk, code, 'contain domestic and international phone number')
  }
  const wrong = wrongContent(String(template), String(sign), variables, ofMainland > 0)
  if (wrong) return refused(desk, ...wrong)

  const verdicts = numbers.map((number) => {
    if (!MAINLAND.test(number) && !ABROAD.test(number)) return REFUSALS.number
    const verdict = desk.verdictFor(number)
    if (verdict.kind === 'accept') return null
    const [code, message] = REFUSALS[verdict.reason]
    return [verdict.code ?? code, message] as const
  })
  const whole = verdicts.find((verdict) => verdict && OF_THE_CALL.test(verdict[0]))
  if (whole) return refused(desk, ...whole)
  const set = numbers.map((to, place) => {
    const [code, message] = verdicts[place] ?? []
    const shared = { PhoneNumber: to, SessionContext: echo }
    if (code !== undefined) {
      return { ...shared, SerialNo: '', Fee: 0, Code: code, Message: message, IsoCode: '' }
    }
    const id = `5000:${String(1_045_710_669_157_053_657_849n)}${desk.nextId()}`
    desk.take({ id, to, content: { template, sign, variables }, echo: String(echo) })
    const isoCode = MAINLAND.test(to) ? 'CN' : ''
    return {
      ...shared,
      SerialNo: id,
      Fee: 1,
      Code: 'Ok',
      Message: 'send success',
      IsoCode: isoCode,
    }
  })
  return answered(desk, { SendStatusSet: set })
}

function wrongContent(
  template: string,
  sign: string,
  variables: readonly string[],
  isMainland: boolean,
): readonly [code: string, message: string] | undefined {
  if (!/^\d+$/.test(template)) return REFUSALS.template
  if (isMainland && sign === '') {
    const code = 'FailedOperation.SignatureIncorrectOrUnapproved'
    return [code, 'signature incorrect or unapproved']
  }
  if (variables.some((value) => LINK.test(value))) {
    const code = 'InvalidParameterValue.ProhibitedUseUrlInTemplateParameter'
    return [code, 'prohibited use url in template parameter']
  }
  return undefined
}

function limited(
  { Limit }: Content,
  desk: ProviderDesk,
  answer: (most: number) => object,
): ApiAnswer {
  if (typeof Limit !== 'number' || !(Limit >= 1 && Limit <= MOST_PULLED)) {
    return refused(desk, 'InvalidParameterValue', `Limit must be from 1 to ${MOST_PULLED}.`)
  }
  return answered(desk, answer(Limit))
}

function isAsked({ PhoneNumber, BeginTime, EndTime }: Content, to: string, at: number): boolean {
  const isSame =
    country(String(PhoneNumber)) + subscriber(String(PhoneNumber)) === country(to) + subscriber(to)
  return isSame && at >= Number(BeginTime) && at <= Number(EndTime ?? at)
}

function packages({ BeginTime, EndTime, Offset }: Content, desk: ProviderDesk): ApiAnswer {
  const now = seconds(desk.now)
  const isHour = (value: unknown) => /^\d{10}$/.test(String(value))
  if (!isHour(BeginTime) || !isHour(EndTime) || String(EndTime) <= String(BeginTime)) {
    return refused(desk, 'InvalidParameterValue.BeginTimeVerifyFail', 'begin time verify fail')
  }
  const bought = { PackageCreateTime: now - 400 * DAY_SECONDS, PackageType: 1 }
  const all = [
    {
      ...bought,
      PackageId: 1,
      PackageExpiredTime: now - DAY_SECONDS,
      PackageAmount: 500,
      CurrentUsage: 100,
    },
    {
      ...bought,
      PackageId: 2,
      PackageExpiredTime: now + DAY_SECONDS,
      PackageAmount: PACKAGE_MESSAGES,
      CurrentUsage: desk.taken.length,
    },
  ]
  return answered(desk, { SmsPackagesStatisticsSet: all.slice(Number(Offset)) })
}

function statusOf({ message, isDelivered, code, at }: SimulatedReceipt): object {
  return {
    UserReceiveTime: seconds(at),
    CountryCode: country(message.to),
    SubscriberNumber: subscriber(message.to),
    PhoneNumber: `+${country(message.to)}${subscriber(message.to)}`,
    SerialNo: message.id,
    ReportStatus: isDelivered ? 'SUCCESS' : 'FAIL',
    Description: code,
    SessionContext: message.echo ?? '',
  }
}

function replyOf({ from, to, text, at }: SimulatedInbound): object {
  return {
    ExtendCode: to,
    CountryCode: country(from),
    SubscriberNumber: subscriber(from),
    PhoneNumber: `+${country(from)}${subscriber(from)}`,
    SignName: '',
    ReplyContent: text,
    ReplyTime: seconds(at),
  }
}

function answered(desk: ProviderDesk, content: object): ApiAnswer {
  const headers = { date: desk.now.toUTCString() }
  return { status: 200, headers, body: { Response: { ...content, RequestId: requestId(desk) } } }
}

/** HTTP 200 for every error. */
function refused(desk: ProviderDesk, Code: string, Message: string): ApiAnswer {
  return answered(desk, { Error: { Code, Message } })
}

function requestId(desk: ProviderDesk): string {
  return `a0aabda6-cf91-4f3e-a81f-${desk.nextId().toString(16).padStart(12, '0')}`
}

function push(url: string, body: object): Push {
  const headers = { 'content-type': 'application/json;charset=utf-8' }
  return { method: 'POST', url, headers, body: JSON.stringify(body) }
}

function contentOf(body: Buffer): Content | undefined {
  try {
    const value: unknown = JSON.parse(body.toString('utf8'))
    return typeof value === 'object' && value !== null ? (value as Content) : undefined
  } catch {
    return undefined
  }
}

function isTexts(value: unknown): value is string[] {
  return Array.isArray(value) && value.every((each) => typeof each === 'string')
}

/** Of `86` and of codes with two digits, which will do for a simulator. */
function country(number: string): string {
  return MAINLAND.test(number) ? '86' : number.replace(/^(\+|00)/, '').slice(0, 2)
}

function subscriber(number: string): string {
  return MAINLAND.test(number) ? number.slice(-11) : number.replace(/^(\+|00)/, '').slice(2)
}

function seconds(at: Date): number {
  return Math.floor(at.getTime() / 1_000)
}

function beijing(at: Date): string {
  return new Date(at.getTime() + BEIJING_MS).toISOString().slice(0, 19).replace('T', ' ')
}
