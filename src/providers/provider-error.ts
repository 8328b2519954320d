import type { FailureCode } from '../core/failure-code.ts'
import { ownEntry } from './own-entry.ts'

/** Kinds of errors that all providers know. */
export const PROVIDER_ERROR_TYPES = [
  'network',
  'timeout',
  'rate_limit',
  'auth',
  'invalid',
  'provider',
  'balance',
  'content_rejected',
  'unsubscribed',
] as const

/**
 * What kind of error a provider's code stands for.
 *
 * - `network`: no answer was read, and nothing was taken
 * - `timeout`: no answer in time; the provider may have the message
 * - `rate_limit`: too fast, or more than a cap allows
 * - `auth`: key, signature, address or right refused
 * - `invalid`: request, template, signature name or number
 * - `provider`: an error on the provider's side
 * - `balance`: no money, no package
 * - `content_rejected`: word, link, template, hour of the day
 * - `unsubscribed`: the number wants no messages
 */
export type ProviderErrorType = (typeof PROVIDER_ERROR_TYPES)[number]

/** What a provider's error means for us. */
export interface ProviderErrorInfo {
  readonly type: ProviderErrorType
  /** The same request to the same account may succeed later. */
  readonly retryable: boolean
  /** Another account may succeed where this one has refused. */
  readonly tryAnother: boolean
  /** In the gateway's terms. */
  readonly failure: FailureCode
}

/**
 * What one code stands for; the failure code where it says more than the type does.
 *
 * The row of a per-number limit of the provider has `recipient_limit`, that of a cap of our account
 * `carrier_quota_exceeded`, that of a bad number `destination_invalid`, that of a signature name or
 * sender `sender_invalid`, that of a template or its variables `content_invalid`.
 */
export type ErrorRow =
  | readonly [type: ProviderErrorType, retryable: boolean]
  | readonly [type: ProviderErrorType, retryable: boolean, failure: FailureCode]

/** The codes of a provider. */
export type ErrorTable = Readonly<Record<string, ErrorRow>>

/** A refusal as it came. */
export interface RawError {
  /** Empty where the answer has none. */
  readonly code: string
  /** The provider's own words; may be empty. */
  readonly text: string
  /** Status of the answer; null for what came in a receipt. */
  readonly httpStatus: number | null
}

const FAILURES: Readonly<Record<ProviderErrorType, FailureCode>> = {
  network: 'carrier_unreachable',
  timeout: 'carrier_timeout',
  rate_limit: 'carrier_throttled',
  auth: 'carrier_unauthorised',
  invalid: 'carrier_request_invalid',
  provider: 'carrier_error',
  balance: 'carrier_credit_exhausted',
  content_rejected: 'content_rejected',
  unsubscribed: 'recipient_opted_out',
}

/**
 * What no carrier should be asked about a second time: the number, its owner's wish, the content, and what this one
 * says it has already.
 */
const OF_THE_MESSAGE: ReadonlySet<FailureCode> = new Set([
  'content_rejected',
  'destination_invalid',
  'duplicate_refused',
  'recipient_limit',
  'recipient_opted_out',
  'recipient_unknown',
])

/** What a row says, the rest following from its type. */
export function errorInfo([type, retryable, failure]: ErrorRow): ProviderErrorInfo {
  const code = failure ?? (type === 'rate_limit' && !retryable ? 'recipient_limit' : FAILURES[type])
  return { type, retryable, failure: code, tryAnother: !OF_THE_MESSAGE.has(code) }
}

/**
 * What an error means: by its code, and for a code that the table does not have by the HTTP status.
 *
 * A business code that nobody knows, with HTTP 200, is an error of the provider that does not pass.
 */
export function classifyError(
  table: ErrorTable,
  { code, httpStatus }: RawError,
): ProviderErrorInfo {
  const row = ownEntry(table, code)
  return errorInfo(row ?? rowOfStatus(httpStatus))
}

/** What the table says that a code of a receipt means; null where it does not have it. */
export function knownFailure(table: ErrorTable, code: string): FailureCode | null {
  const row = ownEntry(table, code)
  return row ? errorInfo(row).failure : null
}

function rowOfStatus(status: number | null): ErrorRow {
  if (status === 408) return ['timeout', true]
  if (status === 429) return ['rate_limit', true]
  if (status === 401 || status === 403) return ['auth', false]
  if (status !== null && status >= 400 && status < 500) return ['invalid', false]
  if (status !== null && status >= 500) return ['provider', true]
  return ['provider', false, 'carrier_specific']
}
