import type { Money } from './money.ts'

/**
 * What a limit counts for.
 *
 * - `key`, `tenant`, `partner`: each of them
 * - `sender`, `recipient`, `country`: each of them, of each tenant
 * - `recipient_everywhere`: each recipient, over all tenants
 * - `otp_recipient`, `otp_recipient_everywhere`: as the two of recipients, of messages of the class `otp` only
 */
export type LimitScope = (typeof LIMIT_SCOPES)[number]

/** Scopes of limits. */
export const LIMIT_SCOPES = [
  'key',
  'tenant',
  'partner',
  'sender',
  'recipient',
  'recipient_everywhere',
  'otp_recipient',
  'otp_recipient_everywhere',
  'country',
] as const

/**
 * What a limit counts, and in which time.
 *
 * - `per_second`: a steady rate with a burst
 * - `per_hour`, `per_day`: the last 60 minutes or 24 hours, sliding
 * - `per_month`: a calendar month, UTC
 */
export type LimitKind = (typeof LIMIT_KINDS)[number]

/** Kinds of limits. */
export const LIMIT_KINDS = [
  'requests_per_second',
  'segments_per_second',
  'messages_per_hour',
  'segments_per_day',
  'segments_per_month',
  'spend_per_day',
] as const

/** What one key, tenant, recipient and so on may have; 0 or null: as much as it likes. */
export interface Allowance {
  readonly requestsPerSecond: number
  /** Requests that may come at once after a pause; 0: those of one second. */
  readonly requestsBurst: number
  readonly segmentsPerSecond: number
  /** Segments that may come at once after a pause; 0: those of one second. */
  readonly segmentsBurst: number
  readonly messagesPerHour: number
  readonly segmentsPerDay: number
  readonly segmentsPerMonth: number
  readonly spendPerDay: Money | null
}

/** Every limit that is set. */
export interface LimitPolicy {
  /** For whatever has none of its own. */
  readonly usual: Readonly<Record<LimitScope, Allowance>>
  /** By name: of tenants, keys, partners, senders, countries. */
  readonly own: Readonly<Partial<Record<LimitScope, ReadonlyMap<string, Allowance>>>>
  /** Messages of the class `otp` do not count for these. */
  readonly withoutOtp: ReadonlySet<LimitScope>
}
