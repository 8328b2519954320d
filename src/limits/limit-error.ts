import { GatewayError } from '../core/errors.ts'
import type { LimitKind, LimitScope } from '../core/limits.ts'
import { formatMicros } from '../core/money.ts'
import type { LimitRule } from './rule.ts'

/** Where the fault is in a message; of a tenant, key or partner there is no field. */
const POINTERS: Readonly<Partial<Record<LimitScope, string>>> = {
  sender: '/from',
  recipient: '/to',
  recipient_everywhere: '/to',
  otp_recipient: '/to',
  otp_recipient_everywhere: '/to',
  country: '/to',
}

const WHOSE: Readonly<Record<LimitScope, string>> = {
  key: 'of this API key',
  tenant: 'of this tenant',
  partner: 'of this account',
  sender: 'of this sender',
  recipient: 'to this recipient',
  recipient_everywhere: 'to this recipient',
  otp_recipient: 'with codes to this recipient',
  otp_recipient_everywhere: 'with codes to this recipient',
  country: 'to this country',
}

const UNITS: Readonly<Record<LimitKind, string>> = {
  requests_per_second: 'requests per second',
  segments_per_second: 'segments per second',
  messages_per_hour: 'messages per hour',
  segments_per_day: 'segments per day',
  segments_per_month: 'segments per month',
  spend_per_day: 'per day',
}

/** A limit is used up: `rate_limited` for one per second, `quota_exceeded` for all others. */
export class LimitError extends GatewayError {
  readonly rule: LimitRule
  /** When the same is taken, if nobody else takes before. */
  readonly freeAt: Date

  /** @param freeAtMs - after `nowMs` */
  constructor(rule: LimitRule, freeAtMs: number, nowMs: number) {
    const freeAt = new Date(Math.ceil(freeAtMs))
    super(
      rule.window ? 'quota_exceeded' : 'rate_limited',
      `the limit of ${limitText(rule)} is reached: try again at ${freeAt.toISOString()}`,
      {
        ...pointerOf(rule),
        retryable: true,
        retryAfterSeconds: Math.max(1, Math.ceil((freeAtMs - nowMs) / 1_000)),
      },
    )
    this.rule = rule
    this.freeAt = freeAt
  }
}

/** A message takes more than a limit has at all: it can never be sent. */
export function overLimit(rule: LimitRule, cost: number): GatewayError {
  return new GatewayError(
    'message_over_limit',
    `the message takes ${amountText(rule, cost)} of the limit of ${limitText(rule)}`,
    pointerOf(rule),
  )
}

/** The price of a message cannot be counted: there is no conversion to the currency of the limit. */
export function uncountable(rule: LimitRule, currency: string): GatewayError {
  return new GatewayError(
    'message_over_limit',
    `its price is in ${currency}, which has no value in ${rule.currency} (routing.conversion): ` +
      `the limit of ${limitText(rule)} cannot be kept`,
  )
}

function pointerOf({ scope }: LimitRule): { pointer?: string } {
  const pointer = POINTERS[scope]
  return pointer === undefined ? {} : { pointer }
}

function limitText(rule: LimitRule): string {
  return `${amountText(rule, rule.quota)} ${UNITS[rule.kind]} ${WHOSE[rule.scope]}`
}

function amountText({ currency }: LimitRule, amount: number): string {
  return currency === null ? String(amount) : `${formatMicros(BigInt(amount))} ${currency}`
}
