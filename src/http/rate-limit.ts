import type { Context, Next } from 'hono'
import type { Caller } from '../accounts/caller.ts'
import type { GatewayError } from '../core/errors.ts'
import { formatMicros } from '../core/money.ts'
import type { LimitError } from '../limits/limit-error.ts'
import type { Limits, Standing } from '../limits/limits.ts'
import type { LimitRule } from '../limits/rule.ts'
import { EVERY_TENANT } from '../messages/archive.ts'
import type { AppEnv } from './env.ts'
import { setHeader } from './header.ts'

/** A limit as a problem shows it. */
export interface LimitBody {
  readonly scope: string
  readonly kind: string
  /** A decimal amount for spend. */
  readonly quota: number | string
  readonly currency: string | null
  /** When the same is taken, if nothing else is sent before. */
  readonly retry_at: string
}

/** The limit that is used up. */
export function limitBody({ rule, freeAt }: LimitError): LimitBody {
  const { scope, kind, currency } = rule
  return {
    scope,
    kind,
    quota: shownAmount(rule, rule.quota),
    currency,
    retry_at: freeAt.toISOString(),
  }
}

/** What a limit counts: a number, or a decimal amount of money. */
export function shownAmount({ currency }: LimitRule, amount: number): number | string {
  return currency === null ? amount : formatMicros(BigInt(Math.round(amount)))
}

/**
 * Takes a request of the limits of its key and its tenant, and has the answer tell how they stand. What is
 * of every tenant is not limited.
 *
 * @throws {GatewayError} `rate_limited`
 */
export function limitRequest(
  c: Context<AppEnv>,
  limits: Limits,
  { tenant, name }: Caller,
  next: Next,
): Promise<void> {
  if (!tenant || c.get('scope') === EVERY_TENANT) return next()
  const caller = { tenantId: tenant.id, key: name, partner: null }
  const goOn = (refusal: GatewayError | null, standings: readonly Standing[]) => {
    if (standings.length > 0) {
      c.set('requestStandings', standings)
      tell(c, standings.map(fieldsOf))
    }
    if (refusal) throw refusal
    return next()
  }
  // Both are asked in one turn, so that a store elsewhere is asked once.
  const refusal = limits.takeRequest(caller)
  const standings = limits.requestStandings(caller)
  if (refusal instanceof Promise || standings instanceof Promise) {
    return Promise.all([refusal, standings]).then((both) => goOn(...both))
  }
  return goOn(refusal, standings)
}

/** Has the answer tell which limit is used up; of one on spend only `Retry-After` speaks. */
export function tellViolated(c: Context<AppEnv>, { rule, retryAfterSeconds }: LimitError): void {
  if (rule.currency !== null) return
  const others = (c.get('requestStandings') ?? []).filter((standing) => standing.rule !== rule)
  const violated = {
    policy: policyOf(rule),
    limit: `"${nameOf(rule)}";r=0;t=${retryAfterSeconds ?? 1}`,
  }
  tell(c, [...others.map(fieldsOf), violated])
}

interface Fields {
  readonly policy: string
  readonly limit: string
}

/** @see draft-ietf-httpapi-ratelimit-headers-10 */
function tell(c: Context<AppEnv>, fields: readonly Fields[]): void {
  setHeader(c, 'ratelimit-policy', fields.map(({ policy }) => policy).join(', '))
  setHeader(c, 'ratelimit', fields.map(({ limit }) => limit).join(', '))
}

/** What is left, and in how many seconds all of it is there again. */
function fieldsOf({ rule, used }: Standing): Fields {
  const taken = used ?? 0
  const left = Math.max(0, Math.floor(rule.burst - taken))
  return {
    policy: policyOf(rule),
    limit: `"${nameOf(rule)}";r=${left};t=${Math.ceil(taken / rule.quota)}`,
  }
}

function policyOf(rule: LimitRule): string {
  const { quota, burst, window } = rule
  // A rate is told as what may come at once, in the time that gives it back.
  const seconds = window?.seconds ?? Math.max(1, Math.ceil(burst / quota))
  return `"${nameOf(rule)}";q=${Math.max(burst, quota)};w=${seconds}`
}

function nameOf({ scope, kind }: LimitRule): string {
  return `${scope}-${kind}`.replaceAll('_', '-')
}
