import type { Context } from 'hono'
import type { ContentfulStatusCode } from 'hono/utils/http-status'
import { GatewayError } from '../core/errors.ts'
import type { Logger } from '../core/logger.ts'
import { LimitError } from '../limits/limit-error.ts'
import { AlreadyReplayedError } from '../messages/dead-letters.ts'
import type { AppEnv } from './env.ts'
import { type LimitBody, limitBody, tellViolated } from './rate-limit.ts'

/** One fault in the input, with a JSON Pointer (RFC 6901) to where it is. */
export interface Fault {
  readonly detail: string
  readonly pointer: string
}

/** An error as the API answers it, RFC 9457. */
export interface Problem {
  readonly type: string
  readonly title: string
  readonly status: number
  readonly detail: string
  /** Stable, for programs. */
  readonly code: string
  readonly request_id: string
  readonly errors?: Fault[]
  /** With `already_replayed`: the message that repeats the letter. */
  readonly replayed_as?: string
  /** With `rate_limited` and `quota_exceeded`. */
  readonly limit?: LimitBody
}

interface Kind {
  readonly status: ContentfulStatusCode
  readonly title: string
}

const INPUT: Kind = { status: 422, title: 'The message cannot be accepted' }
const OVERLOADED: Kind = { status: 503, title: 'Try again later' }

/** Every code the API answers with; part of the public contract. */
const KINDS: Readonly<Record<string, Kind>> = {
  to_invalid: INPUT,
  from_invalid: INPUT,
  sender_not_allowed: INPUT,
  text_empty: INPUT,
  file_invalid: { status: 422, title: 'The file has mistakes' },
  ported_number_invalid: { status: 422, title: 'The request has invalid fields' },
  text_invalid: INPUT,
  template_unknown: INPUT,
  template_channel_missing: INPUT,
  template_variable_missing: INPUT,
  template_variable_unknown: INPUT,
  text_too_long: INPUT,
  text_not_encodable: INPUT,
  no_route: INPUT,
  routing_invalid: { status: 422, title: 'The request has invalid fields' },
  tenant_unknown: { status: 422, title: 'The request has invalid fields' },
  balance_insufficient: { status: 402, title: 'The balance does not pay for it' },
  tenant_suspended: { status: 403, title: 'The tenant is suspended' },
  tenant_exists: { status: 409, title: 'There is such a tenant' },
  tenant_of_file: { status: 409, title: 'The tenant stands in the configuration' },
  tenant_invalid: { status: 422, title: 'The request has invalid fields' },
  user_exists: { status: 409, title: 'There is such a user' },
  last_owner: { status: 409, title: 'Somebody must be an owner' },
  email_invalid: { status: 422, title: 'The request has invalid fields' },
  password_invalid: { status: 422, title: 'The password cannot be used' },
  login_refused: { status: 401, title: 'Nobody is signed in' },
  cross_site: { status: 403, title: 'The request comes from another site' },
  tenant_missing: { status: 422, title: 'The request has invalid fields' },
  price_not_convertible: { status: 422, title: 'The message cannot be accepted' },
  period_invalid: { status: 422, title: 'The request has invalid fields' },
  account_unlimited: { status: 422, title: 'The request has invalid fields' },
  payment_invalid: { status: 422, title: 'The request has invalid fields' },
  range_invalid: { status: 422, title: 'The request has invalid fields' },
  month_invalid: { status: 422, title: 'The request has invalid fields' },
  usage_grouping_invalid: { status: 422, title: 'The request has invalid fields' },
  usage_too_large: { status: 422, title: 'The answer would be too long' },
  payment_differs: { status: 409, title: 'The reference belongs to another payment' },
  payment_refused: { status: 422, title: 'The ledger cannot hold the amount' },
  message_over_limit: INPUT,
  rate_limited: { status: 429, title: 'Too many requests or segments at once' },
  quota_exceeded: { status: 429, title: 'A limit is reached' },
  pumping_suspected: { status: 429, title: 'The traffic looks like pumping' },
  loop_suspected: { status: 429, title: 'The traffic looks like a loop' },
  feedback_given: { status: 409, title: 'There is other feedback on this message' },
  config_invalid: { status: 422, title: 'The configuration has mistakes' },
  config_outdated: { status: 412, title: 'The configuration is another by now' },
  config_file_missing: { status: 409, title: 'There is no configuration' },
  if_match_required: { status: 428, title: 'The request must say what it was made from' },
  if_match_invalid: { status: 400, title: 'The header If-Match is malformed' },
  validation_failed: { status: 422, title: 'The request has invalid fields' },
  rate_deck_invalid: { status: 422, title: 'The rate deck has mistakes' },
  cursor_invalid: { status: 422, title: 'The request has invalid fields' },
  send_at_invalid: INPUT,
  webhook_url_invalid: INPUT,
  webhook_address_refused: INPUT,
  webhook_secret_invalid: INPUT,
  webhook_limit_reached: { status: 409, title: 'There are too many already' },
  key_in_configuration: { status: 409, title: 'The key stands in the configuration' },
  key_revoked: { status: 409, title: 'The key is revoked' },
  key_limit_reached: { status: 409, title: 'There are too many already' },
  scope_invalid: { status: 422, title: 'The request has invalid fields' },
  expiry_invalid: { status: 422, title: 'The request has invalid fields' },
  callback_not_failed: { status: 409, title: 'The callback has not failed' },
  already_final: { status: 409, title: 'The message has reached its end' },
  already_replayed: { status: 409, title: 'The dead letter was sent again before' },
  not_cancelable: { status: 409, title: 'The message cannot be taken back' },
  outcome_known: { status: 409, title: 'There is nothing to settle' },
  not_replaceable: { status: 409, title: 'The message cannot be changed any more' },
  idempotency_key_invalid: { status: 400, title: 'The Idempotency-Key is malformed' },
  idempotency_key_in_use: { status: 409, title: 'The first call with this key still runs' },
  idempotency_key_reused: { status: 422, title: 'The Idempotency-Key belongs to another request' },
  json_invalid: { status: 400, title: 'The body is not JSON' },
  content_type_unsupported: { status: 415, title: 'The body has another type than it must have' },
  body_too_large: { status: 413, title: 'The body is too large' },
  audit_unwritten: { status: 500, title: 'It was done, and is not in the audit log yet' },
  unauthorized: { status: 401, title: 'No valid API key' },
  forbidden: { status: 403, title: 'The key does not open this' },
  not_found: { status: 404, title: 'Not found' },
  busy: OVERLOADED,
  queue_full: OVERLOADED,
  storage_unavailable: OVERLOADED,
  closed: OVERLOADED,
}

/** The status that an error is answered with. */
export function statusOf(error: unknown): number {
  const code = error instanceof GatewayError ? error.code : ''
  return (KINDS[code] ?? INTERNAL).status
}

const INTERNAL: Kind = { status: 500, title: 'Internal error' }

/** Seconds after which a client that was turned away may come back. */
const RETRY_AFTER_SECONDS = 1

/**
 * The problem for an error raised on purpose.
 *
 * @param pointer - where the fault is in the body, when the error cannot know it
 */
export function problemOf(
  error: GatewayError,
  requestId: string,
  pointer: string | undefined = error.pointer,
): Problem {
  const kind = KINDS[error.code] ?? INTERNAL
  return {
    type: `https://linehaul.dev/problems/${error.code}`,
    title: kind.title,
    status: kind.status,
    detail: error.message,
    code: error.code,
    request_id: requestId,
    ...(pointer === undefined ? {} : { errors: [{ detail: error.message, pointer }] }),
    ...(error instanceof AlreadyReplayedError ? { replayed_as: error.replayedAs } : {}),
    ...(error instanceof LimitError ? { limit: limitBody(error) } : {}),
  }
}

/**
 * Answers with a problem.
 *
 * @param retryAfterSeconds - when the client may come back, where that is known
 */
export function respondProblem(
  c: Context<AppEnv>,
  problem: Problem,
  retryAfterSeconds?: number,
): Response {
  const headers: Record<string, string> = { 'content-type': 'application/problem+json' }
  if (retryAfterSeconds !== undefined) {
    headers['retry-after'] = String(retryAfterSeconds)
  } else if (problem.status === 503 || problem.code === 'idempotency_key_in_use') {
    headers['retry-after'] = String(RETRY_AFTER_SECONDS)
  }
  if (problem.status === 401) headers['www-authenticate'] = 'Bearer realm="linehaul"'
  return c.body(JSON.stringify(problem), problem.status as ContentfulStatusCode, headers)
}

/** Answers whatever a route has thrown; what was not raised on purpose is logged, not shown. */
export function errorHandler(logger: Logger): (error: Error, c: Context<AppEnv>) => Response {
  return (error, c) => {
    const requestId = c.get('requestId')
    if (error instanceof LimitError) tellViolated(c, error)
    if (error instanceof GatewayError && error.code in KINDS) {
      return respondProblem(c, problemOf(error, requestId), error.retryAfterSeconds)
    }
    logger.error({ requestId, path: c.req.path, error: error.stack }, 'a request failed')
    const hidden = new GatewayError('internal', 'Something went wrong here; the log has more.')
    return respondProblem(c, problemOf(hidden, requestId))
  }
}
