import type { OperatorAlert } from './alerting/operator-alerts.ts'
import type { BalanceChange } from './billing/balance-watch.ts'
import type { AlertEvent, AlertsConfig, AlertWay } from './config/alerts.ts'
import { formatMicros } from './core/money.ts'
import type { CarrierCheck } from './messages/carrier-standing.ts'
import type { HealthChange } from './messages/health-store.ts'
import type { OpenBreaker } from './routing/guard-breakers.ts'

/** What {@link HealthAlerts} are built with. */
export interface HealthAlertsOptions {
  readonly config: AlertsConfig
  readonly raise: (alert: OperatorAlert) => void
  /** The name of a tenant by its id. */
  readonly tenantName: (id: string) => string
}

/** A carrier without a connection. */
interface Outage {
  readonly sinceMs: number
  readonly timer: NodeJS.Timeout
  isTold: boolean
}

/** Tells operators how carriers, canaries, guards and balances stand, as far as they want to know. */
export class HealthAlerts {
  readonly #options: HealthAlertsOptions
  #ways: Readonly<Record<AlertEvent, readonly AlertWay[]>>
  #downMs: number
  /** Names of the carriers that there are. */
  #carriers: ReadonlySet<string> = new Set()
  readonly #outages = new Map<string, Outage>()
  /** Checks that failed last, by carrier and kind. */
  readonly #failing = new Set<string>()

  constructor(options: HealthAlertsOptions) {
    this.#options = options
    this.#ways = waysOf(options.config)
    this.#downMs = options.config.downMs
  }

  /** Tells other things, or by other ways, from now on. */
  follow(config: AlertsConfig): void {
    this.#ways = waysOf(config)
    this.#downMs = config.downMs
  }

  /** Counts the time of carriers that are new and not connected yet, and forgets those that are gone. */
  watch(carriers: Iterable<{ readonly name: string; readonly isUp: boolean }>): void {
    const before = this.#carriers
    const present = [...carriers]
    this.#carriers = new Set(present.map(({ name }) => name))
    for (const [name, { timer }] of this.#outages) {
      if (this.#carriers.has(name)) continue
      clearTimeout(timer)
      this.#outages.delete(name)
    }
    for (const { name, isUp } of present) {
      if (!isUp && !before.has(name)) this.#noteDown(name, 'not connected yet')
    }
  }

  /** A carrier's breaker or connections have changed. */
  noteChange({ carrier, kind, from, to, cause }: HealthChange): void {
    if (kind === 'connection') {
      if (to === 'down') this.#noteDown(carrier, cause)
      else this.#noteUp(carrier)
    }
    // Probes come and go; that they were good or bad is what counts.
    const isNews = to === 'closed' || (to === 'open' && from === 'closed')
    if (kind !== 'breaker' || !isNews) return
    this.#raise('breaker', {
      type: 'alert.carrier_breaker',
      kind: `breaker:${carrier}`,
      title: `${carrier}: circuit breaker ${to}: ${cause}`,
      data: { carrier, state: to, reason: cause },
    })
  }

  /** A check has come to its end; the first failure is told, and the first success after it. */
  noteCheck(carrier: string, { kind, error, latencyMs, isAsked }: CarrierCheck): void {
    if (!isAsked) return
    const key = `${kind}:${carrier}`
    const wasFailing = this.#failing.has(key)
    if (error === null) this.#failing.delete(key)
    else this.#failing.add(key)
    if ((error !== null) === wasFailing) return
    const state = error === null ? 'passed' : 'failed'
    const what = kind === 'link' ? 'check of its connections' : 'check by a message'
    this.#raise('check', {
      type: 'alert.carrier_check',
      kind: `check:${key}`,
      title: `${carrier}: ${what} ${error === null ? 'passed again' : `failed: ${error}`}`,
      data: {
        carrier,
        check: kind,
        state,
        reason: error,
        latency_ms: latencyMs === null ? null : Math.round(latencyMs),
      },
    })
  }

  /** A canary gets no message any more. */
  noteCanaryStopped(carrier: string, route: string, reason: string): void {
    this.#raise('canary', {
      type: 'alert.canary_stopped',
      kind: `canary:${route}`,
      title: `${carrier}: drained: ${reason}`,
      data: { carrier, route, reason },
    })
  }

  /** A guard has opened a breaker; one alert for all that it opens within a minute. */
  noteGuard({ guard, action, scope, reason, untilMs }: OpenBreaker): void {
    const { tenantId, prefix, country } = scope
    this.#raise('guard', {
      type: 'alert.guard_opened',
      kind: `guard:${guard}`,
      title: `${guard} guard: ${reason}`,
      data: {
        guard,
        action,
        tenant: tenantId === null ? null : this.#options.tenantName(tenantId),
        prefix,
        country,
        reason,
        until: new Date(untilMs).toISOString(),
      },
    })
  }

  /** An account runs low, or a message was refused for it; that it is over is not told. */
  noteBalance({ tenantId, currency, state, isIn, available, lowMicros }: BalanceChange): void {
    if (!isIn) return
    const tenant = this.#options.tenantName(tenantId)
    const left = `${formatMicros(available)} ${currency} left`
    this.#raise(`balance_${state}`, {
      type: `alert.balance_${state}`,
      kind: `balance_${state}:${tenantId}:${currency}`,
      title:
        state === 'low'
          ? `${tenant}: the balance is low: ${left}`
          : `${tenant}: a message was refused because the balance does not pay for it: ${left}`,
      data: {
        tenant,
        currency,
        available: formatMicros(available),
        low_balance: lowMicros === undefined ? null : formatMicros(lowMicros),
      },
    })
  }

  /** Counts no outage any more. */
  close(): void {
    for (const { timer } of this.#outages.values()) clearTimeout(timer)
    this.#outages.clear()
  }

  #noteDown(carrier: string, cause: string): void {
    const downMs = this.#downMs
    if (this.#ways.connection.length === 0 || this.#outages.has(carrier)) return
    const timer = setTimeout(() => {
      outage.isTold = true
      this.#tellConnection(carrier, 'down', downMs, cause)
    }, downMs).unref()
    const outage: Outage = { sinceMs: performance.now(), timer, isTold: false }
    this.#outages.set(carrier, outage)
  }

  #noteUp(carrier: string): void {
    const outage = this.#outages.get(carrier)
    if (!outage) return
    clearTimeout(outage.timer)
    this.#outages.delete(carrier)
    if (outage.isTold) {
      this.#tellConnection(carrier, 'up', performance.now() - outage.sinceMs, null)
    }
  }

  #tellConnection(carrier: string, state: 'up' | 'down', ms: number, cause: string | null): void {
    const seconds = Math.round(ms / 1_000)
    const title = state === 'up' ? `connected again after ${seconds} s` : `down for ${seconds} s`
    this.#raise('connection', {
      type: 'alert.carrier_connection',
      kind: `connection:${carrier}`,
      title: `${carrier}: ${title}${cause === null ? '' : `: ${cause}`}`,
      data: { carrier, state, seconds, reason: cause },
    })
  }

  #raise(event: AlertEvent, alert: OperatorAlert): void {
    const ways = this.#ways[event]
    if (ways.length > 0) this.#options.raise({ ...alert, ways })
  }
}

/** Of each event, the ways that there are and that it is told by. */
function waysOf(config: AlertsConfig): Readonly<Record<AlertEvent, readonly AlertWay[]>> {
  const isThere = (way: AlertWay) => config[way] !== undefined
  const { breaker, connection, canary, guard, check, balance_low, balance_exhausted } =
    config.events
  return {
    breaker: breaker.filter(isThere),
    connection: connection.filter(isThere),
    canary: canary.filter(isThere),
    guard: guard.filter(isThere),
    check: check.filter(isThere),
    balance_low: balance_low.filter(isThere),
    balance_exhausted: balance_exhausted.filter(isThere),
  }
}
