import type { Allowance, LimitKind, LimitScope } from '../core/limits.ts'
import { DAY, HOUR, MONTH, type Window } from './window.ts'

/** One limit, as the stores go by it. */
export interface LimitRule {
  readonly scope: LimitScope
  readonly kind: LimitKind
  /** Scope and kind in one; what counts for the same subject has the same name, whatever its quota. */
  readonly name: string
  /** Per second, or within the window; of spend, millionths of the currency. */
  readonly quota: number
  /** What may come at once; of a window, the quota. */
  readonly burst: number
  /** Of spend. */
  readonly currency: string | null
  /** Null: a rate per second. */
  readonly window: Window | null
}

/** The windows of the kinds; null: a rate per second. */
const WINDOWS: Readonly<Record<LimitKind, Window | null>> = {
  requests_per_second: null,
  segments_per_second: null,
  messages_per_hour: HOUR,
  segments_per_day: DAY,
  segments_per_month: MONTH,
  spend_per_day: DAY,
}

/** The limits that an allowance sets, in the order of the kinds. */
export function rulesOf(scope: LimitScope, allowance: Allowance): LimitRule[] {
  const { spendPerDay } = allowance
  const quotas: readonly (readonly [LimitKind, quota: number, burst: number])[] = [
    ['requests_per_second', allowance.requestsPerSecond, allowance.requestsBurst],
    ['segments_per_second', allowance.segmentsPerSecond, allowance.segmentsBurst],
    ['messages_per_hour', allowance.messagesPerHour, 0],
    ['segments_per_day', allowance.segmentsPerDay, 0],
    ['segments_per_month', allowance.segmentsPerMonth, 0],
    ['spend_per_day', Number(spendPerDay?.micros ?? 0), 0],
  ]
  return quotas.flatMap(([kind, quota, burst]) => {
    if (quota === 0) return []
    const currency = kind === 'spend_per_day' ? (spendPerDay?.currency ?? null) : null
    return [
      {
        scope,
        kind,
        name: `${scope}:${kind}`,
        quota,
        burst: burst || quota,
        currency,
        window: WINDOWS[kind],
      },
    ]
  })
}

/** The window of a limit by its name. */
export function windowNamed(name: string): Window | null {
  const [, kind] = name.split(':')
  return WINDOWS[kind as LimitKind] ?? null
}
