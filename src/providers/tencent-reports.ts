import { parseBeijing } from './beijing-time.ts'
import { type JsonObject, textOf } from './json.ts'
import { ownEntry } from './own-entry.ts'
import { type ProviderInbound, type ProviderReceipt, UnreadableCallbackError } from './provider.ts'
import { e164Of } from './recipient.ts'
import { tencentFailure } from './tencent-errors.ts'

const STATUSES: Readonly<Record<string, ProviderReceipt['status']>> = {
  SUCCESS: 'delivered',
  FAIL: 'failed',
}

/** A row of PullSmsSendStatus. */
export function pulledReceipt(row: JsonObject): ProviderReceipt {
  const [providerId, said] = [textOf(row.SerialNo), textOf(row.Description)]
  const word = textOf(row.ReportStatus)
  return {
    providerId,
    matchKey: providerId,
    to: e164Of(textOf(row.PhoneNumber)),
    status: ownEntry(STATUSES, word) ?? 'pending',
    // The description has the code of the network, or words.
    code: /^[\w:.-]{1,32}$/.test(said) ? said : word,
    failure: word === 'SUCCESS' ? null : tencentFailure(said),
    text: said,
    at: instant(row.UserReceiveTime),
  }
}

/** A row of PullSmsReplyStatus. */
export function pulledInbound(row: JsonObject): ProviderInbound {
  return {
    id: null,
    from: e164Of(textOf(row.PhoneNumber)) ?? textOf(row.SubscriberNumber),
    to: textOf(row.ExtendCode),
    text: textOf(row.ReplyContent),
    at: instant(row.ReplyTime),
  }
}

/**
 * A status report of a callback.
 *
 * @throws {UnreadableCallbackError} where it is of no message
 */
export function pushedReceipt(report: JsonObject): ProviderReceipt {
  const providerId = textOf(report.sid)
  if (providerId === '') throw new UnreadableCallbackError('a report without "sid"')
  const [word, code] = [textOf(report.report_status), textOf(report.errmsg)]
  return {
    providerId,
    matchKey: providerId,
    to: numberOf(report),
    status: ownEntry(STATUSES, word) ?? 'pending',
    code: code === '' ? word : code,
    failure: word === 'SUCCESS' ? null : tencentFailure(code),
    text: textOf(report.description),
    at: parseBeijing(textOf(report.user_receive_time)),
  }
}

/**
 * A reply of a callback.
 *
 * @throws {UnreadableCallbackError} where it is of no message
 */
export function pushedInbound(message: JsonObject): ProviderInbound {
  const mobile = textOf(message.mobile)
  if (mobile === '') throw new UnreadableCallbackError('a message without "mobile"')
  return {
    id: null,
    from: numberOf(message) ?? mobile,
    to: textOf(message.extend),
    text: textOf(message.text),
    at: instant(message.time),
  }
}

/** The number without its country code, and the code beside it. */
function numberOf({ nationcode, mobile }: JsonObject): string | null {
  const [country, number] = [textOf(nationcode), textOf(mobile)]
  return e164Of(country === '' ? number : `+${country}${number}`)
}

/** Of seconds since 1970. */
function instant(value: unknown): Date | null {
  const unixSeconds = Number(textOf(value))
  return unixSeconds > 0 ? new Date(unixSeconds * 1_000) : null
}
